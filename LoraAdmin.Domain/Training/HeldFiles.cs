using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// Fetches the files of held pods: each is asked to run for a quarter of an hour every hour (the pod loop starts and stops it), its agent is read, and
/// what it has goes into this instance's spool and is proven there. Then, or when the agent has none, the pod is let go. After 7 days nobody starts it
/// any more, and a person decides; it never ends by itself. One instance at a time runs this; a successor goes on where the spool ends.
/// </summary>
public sealed class HeldFiles(IUnitOfWork work, IPodAgent agent, ISpool spool, FileProofs proofs, TimeProvider clock, Func<TrainingRules> rules, string instance)
{
    public const string LeaseName = "training.held_files";

    public static readonly TimeSpan FetchEvery = TimeSpan.FromHours(1);

    /// <summary>How long a held pod is started for its file (design §5).</summary>
    public static readonly TimeSpan TriedFor = TimeSpan.FromDays(7);

    /// <summary>Longer than one turn with one pod may take; a dead holder's successor waits for so long.</summary>
    private static readonly TimeSpan LeaseFor = TimeSpan.FromMinutes(5);

    /// <summary>One turn with one pod ends after this long, so that a slow one does not keep the others waiting for hours.</summary>
    private static readonly TimeSpan TurnFor = TimeSpan.FromMinutes(2);

    private static readonly Actor Self = Actor.Portal(LeaseName);

    private readonly ArtifactFetch fetch = new(agent, spool);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await TakeTurnsAsync(cancellationToken);
        }
        catch (LeaseLostException)
        {
            // Another instance does it now.
        }
    }

    private async Task TakeTurnsAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<LedgerPod> alive = await work.ReadAsync((unit, token) => unit.Store<IPodLedger>().ListAliveAsync(token), cancellationToken);
        foreach (LedgerPod pod in alive.Where(pod => pod is { Want: PodWant.Held, PodId: not null }))
        {
            if (!await work.RunAsync((unit, token) => TakeTurnAsync(unit, token), cancellationToken))
            {
                return;
            }

            await TurnAsync(pod, cancellationToken);
        }
    }

    private Task<bool> TakeTurnAsync(IUnit unit, CancellationToken cancellationToken) =>
        unit.Store<ILeaseStore>().TryTakeAsync(LeaseName, instance, clock.GetUtcNow(), LeaseFor, cancellationToken);

    private async Task TurnAsync(LedgerPod pod, CancellationToken cancellationToken)
    {
        Standing standing = await work.ReadAsync((unit, token) => ReadAsync(unit, pod, token), cancellationToken);
        if (standing.IsWorkedOn)
        {
            // The job's own step fetches it.
            return;
        }

        FileProof written = await proofs.FindWrittenAsync(pod.Job, pod.Attempt, cancellationToken);
        if (written != FileProof.None)
        {
            await ReleaseAsync(pod, written, TrainingEvents.HeldFileFetched, $"Pod {pod.PodId} is let go: its file is safe ({Words(written)})", cancellationToken);
            return;
        }

        DateTimeOffset now = clock.GetUtcNow();
        if (pod.FetchUntil > now)
        {
            await FetchAsync(pod, standing, cancellationToken);
        }
        else if (!(pod.NextFetchAt > now) && !standing.IsSpooled)
        {
            await work.RunAsync((unit, token) => AskAsync(unit, pod.Name, token), cancellationToken);
        }
    }

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
            files.Any(entry => SpoolStanding.IsReachable(entry.Spool, instances, spool.Id, clock.GetUtcNow())));
    }

    /// <summary>Plans the next quarter of an hour in which the pod runs, or ends the trying.</summary>
    private async Task AskAsync(IUnit unit, string name, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        IPodLedger ledger = unit.Store<IPodLedger>();
        if (await ledger.FindAsync(name, cancellationToken) is not { Want: PodWant.Held } held || held.Saw == PodSaw.Gone || held.NextFetchAt > now)
        {
            return;
        }

        if (now - (held.WantSince ?? held.RequestedAt) < TriedFor)
        {
            await AttemptPods.SaveAsync(ledger, held with { FetchUntil = now + AttemptPods.FetchFor, NextFetchAt = now + FetchEvery, NextActionAt = now }, cancellationToken);
            return;
        }

        await AttemptPods.SaveAsync(ledger, held with { FetchUntil = null, NextFetchAt = DateTimeOffset.MaxValue }, cancellationToken);
        string text = $"Pod {held.PodId} has been held for {TriedFor.TotalDays:0} days and its file could not be fetched. It is not started any more: look at it, then end it or have it fetched by hand";
        await unit.Events.AppendAsync(
            Fact(held, TrainingEvents.HeldFileUndecided, text, EventSeverity.Error) with
            {
                Signals = [new IncidentSignal(TrainingIncidents.HeldFileUndecided, held.PodId!, text)],
            },
            cancellationToken);
    }

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

            case { Artifact: not null } or { Phase: AgentPhase.Validating or AgentPhase.Done }:
                return;

            case { Phase: AgentPhase.Training }:
                // Its job is over: what it goes on with nobody waits for. The next look then knows whether there is a file.
                await agent.StopAsync(address, cancellationToken);
                return;

            default:
                await ReleaseAsync(pod, FileProof.AgentHasNone, TrainingEvents.HeldWithoutFile, $"Pod {pod.PodId} is let go: its agent has no file", cancellationToken);
                return;
        }
    }

    private async Task TakeFileAsync(LedgerPod pod, Standing standing, AgentStatus status, ArtifactInfo artifact, CancellationToken cancellationToken)
    {
        string name = NameOf(pod, standing.Job);
        DateTimeOffset end = clock.GetUtcNow() + TurnFor;
        while (clock.GetUtcNow() < end)
        {
            switch (await fetch.StepAsync(AttemptPods.AddressOf(pod), name, artifact, GuardAsync, cancellationToken))
            {
                case FetchOutcome.Progress:
                    if (!await work.RunAsync((unit, token) => ProlongAsync(unit, pod.Name, token), cancellationToken))
                    {
                        return;
                    }

                    continue;

                case FetchOutcome.Proven:
                    IReadOnlyList<ValidationImage> images = standing.Job is { } job ? await ImagesAsync(pod, job, status, cancellationToken) : [];
                    await work.RunAsync((unit, token) => FetchedAsync(unit, pod, standing.Job, name, artifact, images, token), cancellationToken);
                    return;

                default:
                    // No room, a connection that breaks, or a file that is damaged: the pod is kept, and the next hour tries again.
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
            await AttemptPods.SaveAsync(ledger, held with { FetchUntil = now + AttemptPods.FetchFor }, cancellationToken);
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
                    ? held with { Want = PodWant.Released, WantReason = PodReasons.FileStored, WantSince = now, Proof = FileProof.InSpool, NextActionAt = now, FetchUntil = null }
                    : held with { FetchUntil = null, NextActionAt = now },
                cancellationToken);
        }

        string fate = proof ? "the pod is let go" : "the pod is kept stopped until storage has it";
        string whose = job is null ? "No job knows it: say on the page Files what becomes of it" : $"Job \"{job.Name}\" can go on from it by a retry";
        await unit.Events.AppendAsync(
            Fact(pod, TrainingEvents.HeldFileFetched, $"The file of held pod {pod.PodId} ({artifact.SizeBytes} bytes) lies proven in the spool; {fate}. {whose}", EventSeverity.Info) with
            {
                Signals =
                [
                    new IncidentSignal(TrainingIncidents.HeldFileUndecided, pod.PodId!, "Its file was fetched", Over: true),
                    .. job is null ? new[] { new IncidentSignal(TrainingIncidents.Unclaimed, name, $"A trained file of pod {pod.PodId} lies in the spool, and no job knows it") } : [],
                ],
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
                ledger, held with { Want = PodWant.Released, WantReason = reason, WantSince = now, Proof = proof, NextActionAt = now, FetchUntil = null }, token);
            await unit.Events.AppendAsync(
                Fact(held, kind, message, EventSeverity.Info) with
                {
                    Signals = [new IncidentSignal(TrainingIncidents.HeldFileUndecided, held.PodId!, message, Over: true)],
                },
                token);
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

    private static string Words(FileProof proof) => proof == FileProof.InStorage ? "in storage" : "in the spool";

    /// <param name="IsWorkedOn">The pod's job is open and at this attempt: its step uses the pod.</param>
    /// <param name="IsSpooled">The file lies on a disk that some living instance has.</param>
    private sealed record Standing(TrainingJob? Job, bool IsWorkedOn, bool IsSpooled);
}
