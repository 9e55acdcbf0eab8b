using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// Fetches the files of held pods: each is asked to run for a quarter of an hour every hour (the pod loop starts and stops it), its agent is read, and
/// what it has goes into this instance's spool and is proven there. Then, or when the agent has none, the pod is let go. After 7 days nobody starts it
/// any more, and a person decides; it never ends by itself. One instance at a time runs this; a successor on the same disk goes on where the spool ends, one
/// on another disk begins anew.
/// </summary>
public sealed class HeldFiles(IUnitOfWork work, IPodAgent agent, ISpool spool, FileProofs proofs, TimeProvider clock, Func<TrainingRules> rules, string instance)
{
    public const string LeaseName = "training.held_files";

    public static readonly TimeSpan FetchEvery = TimeSpan.FromHours(1);

    /// <summary>How long a held pod is started for its file.</summary>
    public static readonly TimeSpan TriedFor = TimeSpan.FromDays(7);

    /// <summary>
    /// How long after its proof in the spool a file's pod is still asked for validation images. A file without them is called bad, and its training paid
    /// again; with them or without, the file itself is safe by then.
    /// </summary>
    public static readonly TimeSpan ImagesWithin = TimeSpan.FromHours(2);

    /// <summary>How many pods are asked to run at the same time: as many as have their turns well within the time for which they are started.</summary>
    private const int AtOnce = 3;

    /// <summary>When a pod is started next that is not started any more; databases keep milliseconds, so it is not the last tick of all.</summary>
    private static readonly DateTimeOffset Never = new(9999, 12, 31, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Longer than one turn with one pod may take; a dead holder's successor waits for so long.</summary>
    private static readonly TimeSpan LeaseFor = TimeSpan.FromMinutes(5);

    private static readonly Actor Self = Actor.Portal(LeaseName);

    /// <summary>How large the files are that had no room, by pod: a job does not always know it.</summary>
    private readonly Dictionary<string, long> needed = [];

    private HeldFetch Fetch => field ??= new HeldFetch(work, agent, spool, clock, rules, TakeTurnAsync);

    /// <exception cref="AggregateException">Something unexpected befell some pods; all others had their turn.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        IReadOnlyList<LedgerPod> all = await work.ReadAsync((unit, token) => unit.Store<IPodLedger>().ListHeldAsync(token), cancellationToken);
        IEnumerable<LedgerPod> held = all
            .OrderByDescending(pod => pod.FetchUntil > now)
            .ThenBy(pod => pod.NextFetchAt ?? pod.WantSince ?? pod.RequestedAt);
        int running = 0;
        bool isOurs = true;
        await Each.InTurnAsync(
            held,
            async (pod, token) =>
            {
                isOurs = isOurs && await work.RunAsync(TakeTurnAsync, token);
                running += isOurs && await TurnAsync(pod, running < AtOnce, token) ? 1 : 0;
            },
            cancellationToken);
    }

    private Task<bool> TakeTurnAsync(IUnit unit, CancellationToken cancellationToken) =>
        unit.Store<ILeaseStore>().TryTakeAsync(LeaseName, instance, clock.GetUtcNow(), LeaseFor, cancellationToken);

    /// <returns>Whether the pod is asked to run for its file.</returns>
    private async Task<bool> TurnAsync(LedgerPod pod, bool mayAsk, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        HeldStanding standing = await work.ReadAsync((unit, token) => HeldStanding.ReadAsync(unit, pod, spool.Id, now, token), cancellationToken);
        if (standing.IsWorkedOn)
        {
            // The job's own step fetches it.
            return false;
        }

        bool lacksImages = standing.Mine?.VerifiedAt + ImagesWithin > now && await Fetch.LacksImagesAsync(standing, cancellationToken);
        FileProof written = await proofs.FindWrittenAsync(pod.Job, pod.Attempt, pod.PodId!, cancellationToken);
        if (written != FileProof.None && !(written == FileProof.InSpool && lacksImages))
        {
            await LetGoAsync(pod, written, cancellationToken);
            return false;
        }

        if (TriedUntil(pod) <= now && !standing.IsSpooled)
        {
            await work.RunAsync((unit, token) => GiveUpAsync(unit, pod.Name, token), cancellationToken);
            return false;
        }

        bool isDone = standing.IsSpooled && !lacksImages;
        if (pod.FetchUntil > now)
        {
            // What is proven is not fetched again, whatever the agent says now.
            await (isDone ? RestAsync(pod, null, cancellationToken) : FetchAsync(pod, standing, cancellationToken));
            return !isDone;
        }

        return mayAsk && !isDone && !(pod.NextFetchAt > now)
            && await HasRoomAsync(pod, standing, cancellationToken)
            && await work.RunAsync((unit, token) => AskAsync(unit, pod.Name, token), cancellationToken);
    }

    internal static DateTimeOffset TriedUntil(LedgerPod pod) => (pod.WantSince ?? pod.RequestedAt) + TriedFor;

    /// <summary>Whether the spool could take the file: a pod is not started, at its full price, for a file that has no place to go.</summary>
    private async Task<bool> HasRoomAsync(LedgerPod pod, HeldStanding standing, CancellationToken cancellationToken)
    {
        SpoolReading<SpoolFile> found = await spool.FindAsync(HeldFetch.NameOf(pod, standing.Job), cancellationToken);
        if (found is SpoolReading<SpoolFile>.Unreadable)
        {
            return false;
        }

        // Of a file whose size nobody knows at least its first byte.
        long size = standing.Job is { Artifact: { } artifact } job && job.Attempt == pod.Attempt ? artifact.SizeBytes : needed.GetValueOrDefault(pod.Name, 1);
        return await spool.ReadRoomAsync(cancellationToken) is not { } room || room >= size - (found.OrNull()?.LengthBytes ?? 0);
    }

    /// <summary>Plans the next quarter of an hour in which the pod runs.</summary>
    private async Task<bool> AskAsync(IUnit unit, string name, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        IPodLedger ledger = unit.Store<IPodLedger>();
        if (await ledger.FindAsync(name, cancellationToken) is not { Want: PodWant.Held } held || held.Saw == PodSaw.Gone || held.NextFetchAt > now)
        {
            return false;
        }

        await AttemptPods.SaveAsync(ledger, held with { FetchUntil = now + AttemptPods.FetchFor, NextFetchAt = now + FetchEvery, NextActionAt = now }, cancellationToken);
        return true;
    }

    /// <summary>Ends the trying and asks a person, once; a pod that still runs is stopped.</summary>
    private async Task GiveUpAsync(IUnit unit, string name, CancellationToken cancellationToken)
    {
        IPodLedger ledger = unit.Store<IPodLedger>();
        if (await ledger.FindAsync(name, cancellationToken) is not { Want: PodWant.Held } held || held.Saw == PodSaw.Gone)
        {
            return;
        }

        bool isTold = held.NextFetchAt >= Never;
        if (isTold && held.FetchUntil is null)
        {
            return;
        }

        await AttemptPods.SaveAsync(ledger, held with { FetchUntil = null, NextFetchAt = Never, NextActionAt = clock.GetUtcNow() }, cancellationToken);
        if (isTold)
        {
            return;
        }

        string text = $"Pod {held.PodId} has been held for {TriedFor.TotalDays:0} days and its file could not be fetched. It is not started any more: "
            + "look at it in RunPod's own console, and end it when the file does not matter";
        await unit.Events.AppendAsync(
            Fact(held, TrainingEvents.HeldFileUndecided, text, EventSeverity.Error) with { Signals = [new IncidentSignal(PodIncidents.Held, held.PodId!, text)] },
            cancellationToken);
    }

    /// <summary>What stands in the way does not pass by waiting: the pod is stopped again at once, and the next hour tries again.</summary>
    private Task RestAsync(LedgerPod pod, string? why, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            IPodLedger ledger = unit.Store<IPodLedger>();
            if (await ledger.FindAsync(pod.Name, token) is { Want: PodWant.Held } held)
            {
                await AttemptPods.SaveAsync(ledger, held with { FetchUntil = null, NextActionAt = clock.GetUtcNow(), LastError = why ?? held.LastError }, token);
            }
        },
        cancellationToken);

    private async Task FetchAsync(LedgerPod pod, HeldStanding standing, CancellationToken cancellationToken)
    {
        switch (await Fetch.RunAsync(pod, standing, cancellationToken))
        {
            case HeldOutcome.Rests rests:
                await RestAsync(pod, rests.Why, cancellationToken);
                return;

            case HeldOutcome.NoRoom full:
                needed[pod.Name] = full.SizeBytes;
                await RestAsync(pod, full.Why, cancellationToken);
                return;

            case HeldOutcome.HasNone none:
                await ReleaseAsync(pod, none.Proof, TrainingEvents.HeldWithoutFile, $"Pod {pod.PodId} is let go: its agent has no file", cancellationToken);
                return;

            case HeldOutcome.Fetched:
                needed.Remove(pod.Name);
                FileProof written = await proofs.FindWrittenAsync(pod.Job, pod.Attempt, pod.PodId!, cancellationToken);
                await (written == FileProof.None ? RestAsync(pod, null, cancellationToken) : LetGoAsync(pod, written, cancellationToken));
                return;
        }
    }

    private Task LetGoAsync(LedgerPod pod, FileProof written, CancellationToken cancellationToken) => ReleaseAsync(
        pod,
        written,
        written == FileProof.NotNeeded ? TrainingEvents.HeldNotNeeded : TrainingEvents.HeldFileFetched,
        $"Pod {pod.PodId} is let go: {Words(written)}",
        cancellationToken);

    private Task ReleaseAsync(LedgerPod pod, FileProof proof, string kind, string message, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            DateTimeOffset now = clock.GetUtcNow();
            if (await unit.Store<IPodLedger>().FindAsync(pod.Name, token) is not { Want: PodWant.Held } held
                || (proof == FileProof.InSpool
                    && !SpoolStanding.IsProof(spool.Id, await unit.Store<ISpoolStore>().ListInstancesAsync(token), spool.Id, now)))
            {
                return;
            }

            string reason = proof == FileProof.InStorage || proof == FileProof.InSpool ? PodReasons.FileStored : PodReasons.JobEnded;
            await FilePods.LetGoAsync(unit, held, proof, reason, now, token);
            await unit.Events.AppendAsync(Fact(held, kind, message, EventSeverity.Info), token);
        },
        cancellationToken);

    internal static OperationalEvent Fact(LedgerPod pod, string kind, string message, EventSeverity severity) => new()
    {
        Kind = kind,
        Message = message,
        Severity = severity,
        Actor = Self,
        Job = pod.Job.Value == Guid.Empty ? null : pod.Job,
        Attempt = pod.Attempt == 0 ? null : pod.Attempt,
        Pod = pod.Name,
        Reason = "held",
    };

    private static string Words(FileProof proof) => proof switch
    {
        FileProof.InStorage => "its file is safe in storage",
        FileProof.NotNeeded => "its job has completed with the file of another attempt",
        _ => "its file is safe in the spool",
    };
}
