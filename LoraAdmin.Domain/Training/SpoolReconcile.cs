using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// Compares the folder of this instance's spool with its rows, at the first run and then hourly. What a lost job left half fetched goes; a whole file
/// without a row gets one; a row without a file goes, and people are told. A file that a pod's fate may depend on is never touched. Running it twice,
/// also from two instances on one disk, is harmless.
/// </summary>
public sealed class SpoolReconcile(IUnitOfWork work, ISpool spool, TimeProvider clock)
{
    public const string Name = "training.spool_reconcile";

    public static readonly TimeSpan Every = TimeSpan.FromHours(1);

    private static readonly Actor Self = Actor.Portal(Name);

    private DateTimeOffset? last;

    /// <summary>Does nothing within an hour of the last run of this process that went well.</summary>
    /// <exception cref="AggregateException">Something unexpected befell some files; all others had their turn.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        if (now - last < Every)
        {
            return;
        }

        if (await spool.ListAsync(cancellationToken) is not SpoolReading<IReadOnlyList<SpoolListed>>.Found { Value: var files })
        {
            // Nothing is known of the folder, so nothing is concluded; the next run looks again.
            return;
        }

        HashSet<string> there = [.. files.Where(file => file.IsSealed).Select(file => file.Name)];

        // Rows are written after their file was sealed: one that was listed before its row is read is there.
        IReadOnlyList<SpoolEntry> rows = await work.ReadAsync((unit, token) => unit.Store<ISpoolStore>().ListAsync(spool.Id, token), cancellationToken);
        IEnumerable<Func<CancellationToken, Task>> looks =
        [
            .. files.Select(file => (Func<CancellationToken, Task>)(token => JudgeAsync(file, token))),
            .. rows.Where(row => row.VerifiedAt < now && !there.Contains(row.Name)).Select(row => (Func<CancellationToken, Task>)(token => MissAsync(row, token))),
        ];
        await Each.InTurnAsync(looks, static (look, token) => look(token), cancellationToken);
        last = now;
    }

    private async Task MissAsync(SpoolEntry row, CancellationToken cancellationToken)
    {
        if (await spool.FindAsync(row.Name, cancellationToken) is SpoolReading<SpoolFile>.Absent)
        {
            await work.RunAsync((unit, token) => ForgetAsync(unit, row, token), cancellationToken);
        }
    }

    private async Task JudgeAsync(SpoolListed file, CancellationToken cancellationToken)
    {
        if (SpoolNames.Parse(file.Name) is not { } name || await work.ReadAsync((unit, token) => IsNeededAsync(unit, file.Name, name, token), cancellationToken))
        {
            return;
        }

        if (file.IsSealed && name.Image is null)
        {
            if ((await spool.DigestAsync(file.Name, cancellationToken)).OrNull() is { } digest)
            {
                SpoolEntry found = new(name.Job, name.Attempt, spool.Id, file.Name, digest.LengthBytes, digest.Sha256, clock.GetUtcNow());
                await work.RunAsync((unit, token) => FoundAsync(unit, found, token), cancellationToken);
            }

            return;
        }

        // One that can't be removed costs some room; the next run tries again.
        await spool.DeleteAsync(file.Name, cancellationToken);
    }

    /// <summary>A whole file without a row gets one: whoever missed it is told that it is back, and a file that no job knows waits for a person's word.</summary>
    private static async Task FoundAsync(IUnit unit, SpoolEntry found, CancellationToken cancellationToken)
    {
        await unit.Store<ISpoolStore>().SaveAsync(found, cancellationToken);
        bool unclaimed = found.Job is not { } id || await unit.Store<ITrainingStore>().FindAsync(id, cancellationToken) is null;
        string text = $"The trained file {found.Name} ({found.SizeBytes} bytes) was found on the spool's disk";
        await unit.Events.AppendAsync(
            new OperationalEvent
            {
                Kind = TrainingEvents.SpoolFileFound,
                Message = unclaimed ? $"{text}, and no job knows it: say on the page Files what becomes of it" : text,
                Severity = unclaimed ? EventSeverity.Warning : EventSeverity.Info,
                Actor = Self,
                Job = found.Job,
                Attempt = found.Attempt == 0 ? null : found.Attempt,
                Signals =
                [
                    new IncidentSignal(TrainingIncidents.SpoolFileMissing, SubjectOf(found), text, Over: true),
                    .. unclaimed ? new[] { new IncidentSignal(TrainingIncidents.Unclaimed, found.Name, $"{text}, and no job knows it") } : [],
                ],
            },
            cancellationToken);
    }

    private static string SubjectOf(SpoolEntry row) => row.Job?.ToString() ?? row.Name;

    private async Task<bool> IsNeededAsync(IUnit unit, string fileName, SpoolName name, CancellationToken cancellationToken)
    {
        ISpoolStore store = unit.Store<ISpoolStore>();
        if (await store.FindAsync(spool.Id, fileName, cancellationToken) is not null)
        {
            return true;
        }

        if (name.Job is not { } id)
        {
            // A part of a pod that no job knows: its fetching may go on while any pod is kept.
            return (await unit.Store<IPodLedger>().ListAliveAsync(cancellationToken)).Any(pod => pod.PodId is { } podId && SpoolNames.OfPod(podId) == fileName);
        }

        if (name.Image is not null && await store.FindAsync(spool.Id, SpoolNames.File(id, name.Attempt), cancellationToken) is not null)
        {
            return true;
        }

        TrainingJob? job = await unit.Store<ITrainingStore>().FindAsync(id, cancellationToken);
        return (job is not null && !job.State.IsFinal() && job.Attempt == name.Attempt)
            || (await unit.Store<IPodLedger>().ListForAttemptAsync(id, name.Attempt, cancellationToken)).Any(pod => pod.Saw != PodSaw.Gone);
    }

    private async Task ForgetAsync(IUnit unit, SpoolEntry row, CancellationToken cancellationToken)
    {
        await unit.Store<ISpoolStore>().DeleteAsync(row.Spool, row.Name, cancellationToken);
        if (row.Discard is not null)
        {
            return;
        }

        TrainingJob? job = row.Job is { } id ? await unit.Store<ITrainingStore>().FindAsync(id, cancellationToken) : null;

        // A completed job has its LoRA: nobody misses what an earlier attempt left behind.
        bool needless = job is { State: TrainingState.Completed }
            || (job is not null && (await unit.Store<ILoraStore>().FindAsync(job.LoraId, cancellationToken))?.FileSha256 == row.Sha256);
        if (needless)
        {
            await FilePods.SettleAsync(unit, row, job!, clock.GetUtcNow(), cancellationToken);
            return;
        }

        string text = $"The trained file {row.Name} ({row.SizeBytes} bytes) is gone from the spool's disk";
        OperationalEvent fact = new()
        {
            Kind = TrainingEvents.SpoolFileMissing,
            Message = text,
            Severity = EventSeverity.Error,
            Actor = Self,
            Job = row.Job,
            Attempt = row.Attempt == 0 ? null : row.Attempt,
            Reason = "missing",
            Error = new ErrorDetail("spool_lost", "training.spool", row.Name, null),
            Signals = [new IncidentSignal(TrainingIncidents.SpoolFileMissing, SubjectOf(row), text)],
        };
        await unit.Events.AppendAsync(fact, cancellationToken);
    }
}
