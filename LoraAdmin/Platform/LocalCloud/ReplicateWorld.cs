using System.Globalization;
using System.Text;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>One event that is to be told to the address that a training named.</summary>
/// <param name="Id">The same for every delivery of one event.</param>
/// <param name="Body">What a GET would have answered at that moment.</param>
public sealed record ReplicateEvent(string Id, string Url, byte[] Body);

/// <summary>What is asked for: a training, or a prediction of the validation model.</summary>
/// <param name="InputProblem">Why the input can't be worked with, as the trainer says it later; null: it can.</param>
internal sealed record ReplicateOrder(
    bool IsPrediction, string Model, string Version, string? Destination, string Input, string? Webhook, List<string> WebhookEvents, string Root, string? InputProblem);

/// <summary>
/// Replicate's trainings and predictions and how they move with time. No HTTP in it: <see cref="ReplicateFace"/> shows it, <see cref="LocalCloudWorld"/>
/// moves it to the present and journals it.
/// </summary>
public sealed class ReplicateWorld
{
    /// <summary>Inputs, outputs and logs of what the API made are removed after an hour (Replicate's page on data retention).</summary>
    public static readonly TimeSpan DataKeptFor = TimeSpan.FromHours(1);

    /// <summary>Dollars per second of the one hardware there is.</summary>
    public const decimal UsdPerSecond = 0.001400m;

    private const string IdAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
    private const int IdLength = 26;
    private const double FailsAfterShare = 0.4;
    private const double LostAfterSeconds = 1800;
    private const double PredictionLostAfterSeconds = 60;
    private const string OutOfMemory = "CUDA out of memory. Tried to allocate 2.00 GiB";

    /// <summary>Bad input is told on a training that is there, a moment after it was made.</summary>
    private static readonly TimeSpan InputIsReadAfter = TimeSpan.FromMilliseconds(5);

    private readonly LocalCloudOptions options;
    private readonly IIds ids;
    private readonly FaultTable faults;
    private readonly Action<ReplicateRecord> changed;
    private readonly List<ReplicateRecord> records = [];
    private readonly Dictionary<string, ReplicateRecord> byId = [];
    private readonly List<ReplicateRecord> open = [];
    private readonly List<ReplicateRecord> late = [];
    private readonly Queue<ReplicateEvent> events = new();

    internal ReplicateWorld(
        LocalCloudOptions options, IIds ids, FaultTable faults, Action<ReplicateRecord> changed, IEnumerable<ReplicateRecord> known)
    {
        this.options = options;
        this.ids = ids;
        this.faults = faults;
        this.changed = changed;
        foreach (ReplicateRecord record in known)
        {
            if (record.AppearsAt is null)
            {
                Add(record);
            }
            else
            {
                late.Add(record);
            }
        }
    }

    /// <summary>Everything that ever was, in order of creation, the lost ones too.</summary>
    public IReadOnlyList<ReplicateRecord> Records => records;

    /// <summary>What had not ended when the world last moved, in order of creation.</summary>
    public IReadOnlyList<ReplicateRecord> Alive => open;

    public static decimal UsdOf(ReplicateRecord record, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(record);
        return (decimal)record.PredictSeconds(now) * UsdPerSecond;
    }

    /// <summary>What is there to be found; null: it never was, or nobody knows it any more.</summary>
    public ReplicateRecord? Find(string id) => byId.TryGetValue(id, out ReplicateRecord? record) && !record.IsLost ? record : null;

    /// <summary>What a fault's <c>match</c> is part of.</summary>
    public static string SubjectOf(ReplicateRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        return Subject(record.Webhook, record.Input);
    }

    internal static string Subject(string? webhook, string input) => $"{webhook} {input}";

    /// <param name="after">How long nobody knows of it, and it costs nothing.</param>
    internal ReplicateRecord Create(ReplicateOrder order, DateTimeOffset called, TimeSpan after = default)
    {
        DateTimeOffset now = called + after;
        ReplicateRecord record = new()
        {
            Id = NewId(),
            IsPrediction = order.IsPrediction,
            Model = order.Model,
            Version = order.Version,
            Destination = order.Destination,
            Input = order.Input,
            Webhook = order.Webhook,
            WebhookEvents = order.WebhookEvents,
            Root = order.Root,
            CreatedAt = now,
            Status = ReplicateStatus.Starting,
        };
        if (order.InputProblem is { } problem)
        {
            record.WillFail = problem;
            record.FailsAfter = 0;
            record.StatusUntil = now + InputIsReadAfter;
        }
        else
        {
            record.StatusUntil = now + options.Scripted(options.Boot);
            Strike(record, Subject(order.Webhook, order.Input), called, now);
        }

        record.History.Add(new StatusChange(now, record.Status));
        if (after > TimeSpan.Zero)
        {
            record.AppearsAt = now;
            late.Add(record);
        }
        else
        {
            Add(record);
        }

        changed(record);
        return record;
    }

    /// <summary>Ends what has not ended; whatever has is left as it is.</summary>
    /// <param name="isTaken">False: it is counted, and nothing is ended.</param>
    internal void Cancel(ReplicateRecord record, bool isTaken, DateTimeOffset now)
    {
        record.CancelRequests++;
        if (isTaken && !record.IsFinal)
        {
            End(record, ReplicateStatus.Canceled, null, now);
        }

        changed(record);
    }

    /// <summary>The next event to tell, oldest first; null: none.</summary>
    public ReplicateEvent? TakeEvent() => events.TryDequeue(out ReplicateEvent? told) ? told : null;

    internal void AdvanceTo(DateTimeOffset now)
    {
        foreach (ReplicateRecord record in late.Where(record => record.AppearsAt <= now).OrderBy(static record => record.AppearsAt).ToArray())
        {
            record.AppearsAt = null;
            late.Remove(record);
            Add(record);
            changed(record);
        }

        for (int i = 0; i < open.Count; i++)
        {
            ReplicateRecord record = open[i];
            while (!record.IsFinal && !record.IsLost && NextOf(record) is { } next && next <= now)
            {
                Step(record, next);
                changed(record);
            }
        }

        open.RemoveAll(static record => record.IsFinal || record.IsLost);
    }

    private static DateTimeOffset? NextOf(ReplicateRecord record) => record.LostAt is { } lost ? lost : record.StatusUntil;

    private void Step(ReplicateRecord record, DateTimeOffset at)
    {
        if (record.LostAt is not null)
        {
            record.IsLost = true;
        }
        else if (record.Status == ReplicateStatus.Starting && record.FailsAfter > 0)
        {
            TimeSpan length = options.Scripted(record.IsPrediction ? options.Validation : options.Training);
            record.Status = ReplicateStatus.Processing;
            record.StartedAt = at;
            record.StatusUntil = at + (length * record.FailsAfter);
            record.History.Add(new StatusChange(at, record.Status));
            if (!record.TellsStartLate)
            {
                Tell(record, "start", at, twice: false);
            }
        }
        else
        {
            End(record, record.WillFail is null ? ReplicateStatus.Succeeded : ReplicateStatus.Failed, record.WillFail, at);
        }
    }

    private void End(ReplicateRecord record, string status, string? error, DateTimeOffset at)
    {
        byte[]? late = record.TellsStartLate && record.StartedAt is not null ? BodyOf(record, at) : null;
        record.Status = status;
        record.Error = error;
        record.CompletedAt = at;
        record.StatusUntil = null;
        record.LostAt = null;
        record.History.Add(new StatusChange(at, status));
        Tell(record, "completed", at, faults.Take(FaultKind.ReplicateWebhookTwice, SubjectOf(record), at) is not null);
        if (late is not null)
        {
            Enqueue(record, "start", late);
        }
    }

    /// <summary>Faults of a training's or prediction's life: each is settled when it is made.</summary>
    /// <param name="there">When it is there.</param>
    private void Strike(ReplicateRecord record, string subject, DateTimeOffset now, DateTimeOffset there)
    {
        if (record.IsPrediction)
        {
            StrikePrediction(record, subject, now, there);
            return;
        }

        if (faults.Take(FaultKind.ReplicateTrainingLost, subject, now) is { } lost)
        {
            record.LostAt = there + lost.Length(LostAfterSeconds);
        }

        if (faults.Take(FaultKind.ReplicateTrainingFails, subject, now) is not null)
        {
            record.WillFail = OutOfMemory;
            record.FailsAfter = FailsAfterShare;
        }
        else if (faults.Take(FaultKind.ReplicateFailsAfterSuccess, subject, now) is not null)
        {
            record.WillFail = "Failed to create trained image after successful training run.";
        }

        record.TellsNoMetrics = faults.Take(FaultKind.ReplicateNoMetrics, subject, now) is not null;
        record.AsTar = faults.Take(FaultKind.ReplicateWeightsTar, subject, now) is not null;
        record.TellsStartLate = faults.Take(FaultKind.ReplicateWebhookOutOfOrder, subject, now) is not null;
    }

    private void StrikePrediction(ReplicateRecord record, string subject, DateTimeOffset now, DateTimeOffset there)
    {
        record.MakesBadImages = faults.Take(FaultKind.ReplicateValidationFails, subject, now) is not null;
        if (faults.Take(FaultKind.ReplicatePredictionLost, subject, now) is { } lost)
        {
            record.LostAt = there + lost.Length(PredictionLostAfterSeconds);
        }

        if (faults.Take(FaultKind.ReplicatePredictionFails, subject, now) is not null)
        {
            record.WillFail = OutOfMemory;
            record.FailsAfter = FailsAfterShare;
        }
    }

    private void Tell(ReplicateRecord record, string what, DateTimeOffset at, bool twice)
    {
        if (record.Webhook is null || (record.WebhookEvents.Count > 0 && !record.WebhookEvents.Contains(what))
            || faults.Take(FaultKind.ReplicateWebhookLost, SubjectOf(record), at) is not null)
        {
            return;
        }

        byte[] body = BodyOf(record, at);
        for (int times = twice ? 2 : 1; times > 0; times--)
        {
            Enqueue(record, what, body);
        }
    }

    private void Enqueue(ReplicateRecord record, string what, byte[] body) => events.Enqueue(new ReplicateEvent($"msg_{record.Id}_{what}", record.Webhook!, body));

    private byte[] BodyOf(ReplicateRecord record, DateTimeOffset at) => ReplicateJson.Bytes(record, options, at);

    private void Add(ReplicateRecord record)
    {
        records.Add(record);
        byId.Add(record.Id, record);
        if (!record.IsFinal && !record.IsLost)
        {
            open.Add(record);
        }
    }

    private string NewId()
    {
        while (true)
        {
            StringBuilder id = new(IdLength);
            foreach (byte one in ids.Secret(IdLength))
            {
                id.Append(CultureInfo.InvariantCulture, $"{IdAlphabet[one % IdAlphabet.Length]}");
            }

            if (!byId.ContainsKey(id.ToString()) && !late.Exists(record => record.Id == id.ToString()))
            {
                return id.ToString();
            }
        }
    }
}
