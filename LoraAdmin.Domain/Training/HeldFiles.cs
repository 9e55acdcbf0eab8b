using LoraAdmin.Domain.Library;
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

    /// <summary>How long a held pod is started for its file (design §5).</summary>
    public static readonly TimeSpan TriedFor = TimeSpan.FromDays(7);

    /// <summary>How many pods are asked to run at the same time: as many as have their turns well within the time for which they are started.</summary>
    private const int AtOnce = 3;

    private const int FetchesOfADamagedFile = 3;

    /// <summary>When a pod is started next that is not started any more; databases keep milliseconds, so it is not the last tick of all.</summary>
    private static readonly DateTimeOffset Never = new(9999, 12, 31, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Longer than one turn with one pod may take; a dead holder's successor waits for so long.</summary>
    private static readonly TimeSpan LeaseFor = TimeSpan.FromMinutes(5);

    /// <summary>One turn with one pod ends after this long, so that a slow one does not keep the others waiting for hours.</summary>
    private static readonly TimeSpan TurnFor = TimeSpan.FromMinutes(2);

    private static readonly Actor Self = Actor.Portal(LeaseName);

    private readonly ArtifactFetch fetch = new(agent, spool);

    /// <summary>How large the files are that had no room, by pod: a job does not always know it.</summary>
    private readonly Dictionary<string, long> needed = [];

    /// <exception cref="AggregateException">Something unexpected befell some pods; all others had their turn.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        IReadOnlyList<LedgerPod> alive = await work.ReadAsync((unit, token) => unit.Store<IPodLedger>().ListAliveAsync(token), cancellationToken);
        IEnumerable<LedgerPod> held = alive
            .Where(pod => pod is { Want: PodWant.Held, PodId: not null })
            .OrderByDescending(pod => pod.FetchUntil > now)
            .ThenBy(pod => pod.NextFetchAt ?? pod.WantSince ?? pod.RequestedAt);
        int running = 0;
        bool isOurs = true;
        await Each.InTurnAsync(
            held,
            async (pod, token) =>
            {
                try
                {
                    isOurs = isOurs && await work.RunAsync(TakeTurnAsync, token);
                    running += isOurs && await TurnAsync(pod, running < AtOnce, token) ? 1 : 0;
                }
                catch (LeaseLostException)
                {
                    // Another instance does it now.
                    isOurs = false;
                }
            },
            cancellationToken);
    }

    private Task<bool> TakeTurnAsync(IUnit unit, CancellationToken cancellationToken) =>
        unit.Store<ILeaseStore>().TryTakeAsync(LeaseName, instance, clock.GetUtcNow(), LeaseFor, cancellationToken);

    /// <returns>Whether the pod is asked to run for its file.</returns>
    private async Task<bool> TurnAsync(LedgerPod pod, bool mayAsk, CancellationToken cancellationToken)
    {
        Standing standing = await work.ReadAsync((unit, token) => ReadAsync(unit, pod, token), cancellationToken);
        if (standing.IsWorkedOn)
        {
            // The job's own step fetches it.
            return false;
        }

        FileProof written = await proofs.FindWrittenAsync(pod.Job, pod.Attempt, cancellationToken);
        if (written != FileProof.None)
        {
            string kind = written == FileProof.NotNeeded ? TrainingEvents.HeldNotNeeded : TrainingEvents.HeldFileFetched;
            await ReleaseAsync(pod, written, kind, $"Pod {pod.PodId} is let go: {Words(written)}", cancellationToken);
            return false;
        }

        DateTimeOffset now = clock.GetUtcNow();
        if (TriedUntil(pod) <= now && !standing.IsSpooled)
        {
            await work.RunAsync((unit, token) => GiveUpAsync(unit, pod.Name, token), cancellationToken);
            return false;
        }

        if (pod.FetchUntil > now)
        {
            await FetchAsync(pod, standing, cancellationToken);
            return true;
        }

        return mayAsk && !(pod.NextFetchAt > now) && !standing.IsSpooled
            && await HasRoomAsync(pod, standing, cancellationToken)
            && await work.RunAsync((unit, token) => AskAsync(unit, pod.Name, token), cancellationToken);
    }

    private static DateTimeOffset TriedUntil(LedgerPod pod) => (pod.WantSince ?? pod.RequestedAt) + TriedFor;

    private async Task<Standing> ReadAsync(IUnit unit, LedgerPod pod, CancellationToken cancellationToken)
    {
        TrainingJob? job = await unit.Store<ITrainingStore>().FindAsync(pod.Job, cancellationToken);
        ISpoolStore store = unit.Store<ISpoolStore>();
        IReadOnlyList<SpoolInstance> instances = await store.ListInstancesAsync(cancellationToken);
        IReadOnlyList<SpoolEntry> files = job is null
            ? [.. (await store.ListAsync(spool.Id, cancellationToken)).Where(entry => entry.Name == NameOf(pod, job))]
            : [.. (await store.ListForJobAsync(job.Id, cancellationToken)).Where(entry => entry.Attempt == pod.Attempt)];
        return new Standing(
            job,
            job is not null && !job.State.IsFinal() && job.Attempt == pod.Attempt,
            files.Any(entry => SpoolStanding.IsReachable(entry.Spool, instances, spool.Id, clock.GetUtcNow())),
            await AgentWord.KnownAsync(unit, job, pod.Attempt, pod.PodId!, cancellationToken));
    }

    /// <summary>Whether the spool could take the file: a pod is not started, at its full price, for a file that has no place to go.</summary>
    private async Task<bool> HasRoomAsync(LedgerPod pod, Standing standing, CancellationToken cancellationToken)
    {
        SpoolReading<SpoolFile> found = await spool.FindAsync(NameOf(pod, standing.Job), cancellationToken);
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
    private Task RestAsync(LedgerPod pod, string why, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            IPodLedger ledger = unit.Store<IPodLedger>();
            if (await ledger.FindAsync(pod.Name, token) is { Want: PodWant.Held } held)
            {
                await AttemptPods.SaveAsync(ledger, held with { FetchUntil = null, NextActionAt = clock.GetUtcNow(), LastError = why }, token);
            }
        },
        cancellationToken);

    private async Task FetchAsync(LedgerPod pod, Standing standing, CancellationToken cancellationToken)
    {
        AgentAddress address = AttemptPods.AddressOf(pod);
        AgentReply<AgentStatus> reply = await agent.ReadStatusAsync(address, cancellationToken);
        switch (reply.Value)
        {
            case null:
                return;

            case { Artifact: { } artifact } status when artifact.SizeBytes <= rules().MaxArtifactBytes:
                await TakeFileAsync(pod, standing, status, artifact, cancellationToken);
                return;

            case { Artifact: { } tooLarge }:
                await RestAsync(
                    pod, $"Its agent announces {tooLarge.SizeBytes} bytes; at most {rules().MaxArtifactBytes} are accepted (Training:MaxArtifactBytes)", cancellationToken);
                return;

            case { Phase: AgentPhase.Validating or AgentPhase.Done }:
                return;

            case { Phase: AgentPhase.Training }:
                // Its job is over: what it goes on with nobody waits for. The next look then knows whether there is a file.
                await agent.StopAsync(address, cancellationToken);
                return;

            case { } status when AgentWord.Of(status, standing.Known) is var proof and not FileProof.None:
                await ReleaseAsync(pod, proof, TrainingEvents.HeldWithoutFile, $"Pod {pod.PodId} is let go: its agent has no file", cancellationToken);
                return;

            default:
                await RestAsync(pod, AgentWord.Contradiction, cancellationToken);
                return;
        }
    }

    private async Task TakeFileAsync(LedgerPod pod, Standing standing, AgentStatus status, ArtifactInfo artifact, CancellationToken cancellationToken)
    {
        string name = NameOf(pod, standing.Job);
        DateTimeOffset end = clock.GetUtcNow() + TurnFor;
        int damaged = 0;
        while (true)
        {
            switch (await fetch.StepAsync(AttemptPods.AddressOf(pod), name, artifact, GuardAsync, cancellationToken))
            {
                case FetchOutcome.Progress:
                    if (!await work.RunAsync((unit, token) => ProlongAsync(unit, pod.Name, token), cancellationToken))
                    {
                        return;
                    }

                    break;

                case FetchOutcome.Proven:
                    IReadOnlyList<ValidationImage> images = standing.Job is { } job ? await ImagesAsync(pod, job, status, cancellationToken) : [];
                    await work.RunAsync((unit, token) => FetchedAsync(unit, pod, standing.Job, name, artifact, images, token), cancellationToken);
                    needed.Remove(pod.Name);
                    return;

                case FetchOutcome.Stalled:
                    // Without progress the time for which the pod was asked to run is not prolonged.
                    return;

                case FetchOutcome.Altered altered:
                    damaged++;
                    if (damaged == FetchesOfADamagedFile || clock.GetUtcNow() >= end)
                    {
                        await RestAsync(pod, altered.Detail, cancellationToken);
                        return;
                    }

                    break;

                case FetchOutcome.NoLora bad:
                    await RestAsync(pod, bad.Detail, cancellationToken);
                    return;

                case FetchOutcome.NoRoom full:
                    needed[pod.Name] = artifact.SizeBytes;
                    await RestAsync(pod, full.Reason, cancellationToken);
                    return;

                case FetchOutcome.Away away:
                    await RestAsync(pod, away.Reason, cancellationToken);
                    return;
            }

            if (clock.GetUtcNow() >= end)
            {
                return;
            }
        }
    }

    private Task GuardAsync(CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            if (!await TakeTurnAsync(unit, token))
            {
                throw new LeaseLostException("Another instance fetches the files of held pods now.");
            }
        },
        cancellationToken);

    private async Task<IReadOnlyList<ValidationImage>> ImagesAsync(LedgerPod pod, TrainingJob job, AgentStatus status, CancellationToken cancellationToken)
    {
        List<ValidationImage> images = [];
        for (int index = 0; index < Math.Min(status.ValidationImages, rules().ValidationImages); index++)
        {
            AgentReply<AgentValidationImage> reply = await agent.ReadValidationAsync(AttemptPods.AddressOf(pod), index, cancellationToken);
            if (reply.Value is { } made
                && await fetch.ImageAsync(SpoolNames.ValidationImage(job.Id, pod.Attempt, index), made.Jpeg, cancellationToken) is null)
            {
                string key = ObjectKeys.ValidationImage(job.UserId, job.LoraId, index).Key;
                images.Add(new ValidationImage(job.LoraId, index, key, made.Score, null, null, clock.GetUtcNow(), pod.Attempt) { IsPending = true });
            }
        }

        return images;
    }

    private async Task<bool> ProlongAsync(IUnit unit, string name, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        IPodLedger ledger = unit.Store<IPodLedger>();
        if (!await TakeTurnAsync(unit, cancellationToken) || await ledger.FindAsync(name, cancellationToken) is not { Want: PodWant.Held } held)
        {
            return false;
        }

        if (held.FetchUntil - now < AttemptPods.FetchFor / 2)
        {
            // A file that comes damaged again and again makes progress too.
            DateTimeOffset until = now + AttemptPods.FetchFor;
            await AttemptPods.SaveAsync(ledger, held with { FetchUntil = until < TriedUntil(held) ? until : TriedUntil(held) }, cancellationToken);
        }

        return true;
    }

    private async Task FetchedAsync(
        IUnit unit, LedgerPod pod, TrainingJob? job, string name, ArtifactInfo artifact, IReadOnlyList<ValidationImage> images, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        ISpoolStore store = unit.Store<ISpoolStore>();
        SpoolEntry entry = new(job?.Id, job is null ? 0 : pod.Attempt, spool.Id, name, artifact.SizeBytes, artifact.Sha256, now) { Pod = pod.Name };
        await store.SaveAsync(entry, cancellationToken);
        if (job is not null && images.Count > 0)
        {
            await unit.Store<ILoraStore>().SaveValidationImagesAsync(job.LoraId, images, cancellationToken);
        }

        bool proof = SpoolStanding.IsProof(spool.Id, await store.ListInstancesAsync(cancellationToken), spool.Id, now);
        IPodLedger ledger = unit.Store<IPodLedger>();
        if (await ledger.FindAsync(pod.Name, cancellationToken) is { Want: PodWant.Held } held)
        {
            await AttemptPods.SaveAsync(
                ledger,
                proof
                    ? held with { Want = PodWant.Released, WantReason = PodReasons.FileStored, WantSince = now, Proof = FileProof.InSpool, ProofAt = now, NextActionAt = now, FetchUntil = null }
                    : held with { FetchUntil = null, NextActionAt = now },
                cancellationToken);
        }

        string fate = proof ? "the pod is let go" : "the pod is kept stopped until storage has it";
        string whose = job is null ? "No job knows it: say on the page Files what becomes of it" : $"Job \"{job.Name}\" can go on from it by a retry";
        await unit.Events.AppendAsync(
            Fact(pod, TrainingEvents.HeldFileFetched, $"The file of held pod {pod.PodId} ({artifact.SizeBytes} bytes) lies proven in the spool; {fate}. {whose}", EventSeverity.Info) with
            {
                Signals = job is null ? [new IncidentSignal(TrainingIncidents.Unclaimed, name, $"A trained file of pod {pod.PodId} lies in the spool, and no job knows it")] : [],
            },
            cancellationToken);
    }

    private Task ReleaseAsync(LedgerPod pod, FileProof proof, string kind, string message, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            IPodLedger ledger = unit.Store<IPodLedger>();
            if (await ledger.FindAsync(pod.Name, token) is not { Want: PodWant.Held } held)
            {
                return;
            }

            DateTimeOffset now = clock.GetUtcNow();
            string reason = proof == FileProof.InStorage || proof == FileProof.InSpool ? PodReasons.FileStored : PodReasons.JobEnded;
            await AttemptPods.SaveAsync(
                ledger, held with { Want = PodWant.Released, WantReason = reason, WantSince = now, Proof = proof, ProofAt = now, NextActionAt = now, FetchUntil = null }, token);
            await unit.Events.AppendAsync(Fact(held, kind, message, EventSeverity.Info), token);
        },
        cancellationToken);

    private static OperationalEvent Fact(LedgerPod pod, string kind, string message, EventSeverity severity) => new()
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

    /// <summary>A pod whose job our database does not know gives its file under its own name.</summary>
    private static string NameOf(LedgerPod pod, TrainingJob? job) => job is null ? SpoolNames.OfPod(pod.PodId!) : SpoolNames.File(job.Id, pod.Attempt);

    private static string Words(FileProof proof) => proof switch
    {
        FileProof.InStorage => "its file is safe in storage",
        FileProof.NotNeeded => "its job has completed with the file of another attempt",
        _ => "its file is safe in the spool",
    };

    /// <param name="IsWorkedOn">The pod's job is open and at this attempt: its step uses the pod.</param>
    /// <param name="IsSpooled">The file lies on a disk that some living instance has.</param>
    private sealed record Standing(TrainingJob? Job, bool IsWorkedOn, bool IsSpooled, KnownTraining Known);
}
