using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training;

/// <summary>What one turn with a held pod that runs came to.</summary>
internal abstract record HeldOutcome
{
    private HeldOutcome()
    {
    }

    /// <summary>The next turn goes on, for as long as the pod is asked to run.</summary>
    public sealed record Waits : HeldOutcome;

    /// <summary>What stands in the way does not pass by waiting.</summary>
    public sealed record Rests(string Why) : HeldOutcome;

    public sealed record NoRoom(string Why, long SizeBytes) : HeldOutcome;

    /// <summary>The pod's agent has no file, and can't have had one.</summary>
    public sealed record HasNone(FileProof Proof) : HeldOutcome;

    /// <summary>The file and what there is of its validation images lie proven in this instance's spool.</summary>
    public sealed record Fetched : HeldOutcome;
}

/// <summary>
/// Reads the agent of a held pod that runs, and takes its file, then the validation images, into this instance's spool. Before each write it looks
/// whether a person has opened the job again or let the file go: then the pod is another's.
/// </summary>
/// <param name="takeTurn">Proves in the caller's transaction that this instance still fetches, and goes on for one turn's time.</param>
internal sealed class HeldFetch(
    IUnitOfWork work, IPodAgent agent, ISpool spool, TimeProvider clock, Func<TrainingRules> rules, Func<IUnit, CancellationToken, Task<bool>> takeTurn)
{
    private const int FetchesOfADamagedFile = 3;

    /// <summary>One turn with one pod ends after this long, so that a slow one does not keep the others waiting for hours.</summary>
    private static readonly TimeSpan TurnFor = TimeSpan.FromMinutes(2);

    private readonly ArtifactFetch fetch = new(agent, spool);
    private readonly SpoolImages pictures = new(spool);

    public async Task<HeldOutcome> RunAsync(LedgerPod pod, HeldStanding standing, CancellationToken cancellationToken)
    {
        AgentAddress address = AttemptPods.AddressOf(pod);
        switch ((await agent.ReadStatusAsync(address, cancellationToken)).Value)
        {
            case null:
                return new HeldOutcome.Waits();

            case { Artifact: not null } status when standing is { Job: { } job, Mine: not null }:
                return await TakeImagesAsync(pod, job, status, standing.Images, cancellationToken);

            case { Artifact: { } artifact } when artifact.SizeBytes <= rules().MaxArtifactBytes:
                return await TakeFileAsync(pod, standing, artifact, cancellationToken);

            case { Artifact: { } tooLarge }:
                return new HeldOutcome.Rests(
                    $"Its agent announces {tooLarge.SizeBytes} bytes; at most {rules().MaxArtifactBytes} are accepted (Training:MaxArtifactBytes)");

            case { Phase: AgentPhase.Validating or AgentPhase.Done }:
                return new HeldOutcome.Waits();

            case { Phase: AgentPhase.Training }:
                // Its job is over: what it goes on with nobody waits for. The next look then knows whether there is a file.
                await agent.StopAsync(address, cancellationToken);
                return new HeldOutcome.Waits();

            case { } status when AgentWord.Of(status, standing.Known) is var proof and not FileProof.None:
                return new HeldOutcome.HasNone(proof);

            default:
                return new HeldOutcome.Rests(AgentWord.Contradiction);
        }
    }

    /// <summary>A pod whose job our database does not know gives its file under its own name.</summary>
    public static string NameOf(LedgerPod pod, TrainingJob? job) => job is null ? SpoolNames.OfPod(pod.PodId!) : SpoolNames.File(job.Id, pod.Attempt);

    /// <summary>Whether an image that is asked for is neither in the bucket nor in this instance's spool.</summary>
    public async Task<bool> LacksImagesAsync(HeldStanding standing, CancellationToken cancellationToken) =>
        standing is { Job: { } job, Mine: { } file }
        && await pictures.FindMissingAsync(job.Id, file.Attempt, rules().ValidationImages, standing.Images, cancellationToken) is not null;

    private async Task<HeldOutcome> TakeFileAsync(LedgerPod pod, HeldStanding standing, ArtifactInfo artifact, CancellationToken cancellationToken)
    {
        AgentAddress address = AttemptPods.AddressOf(pod);
        string name = NameOf(pod, standing.Job);
        DateTimeOffset end = clock.GetUtcNow() + TurnFor;
        int damaged = 0;
        while (true)
        {
            switch (await fetch.StepAsync(address, name, artifact, token => MayDropAsync(pod, name, token), cancellationToken))
            {
                case FetchOutcome.Progress:
                    if (!await ProlongAsync(pod, cancellationToken))
                    {
                        return new HeldOutcome.Waits();
                    }

                    break;

                case FetchOutcome.Proven:
                    return await ProvenAsync(pod, standing, name, artifact, cancellationToken);

                case FetchOutcome.Altered altered:
                    damaged++;
                    if (damaged == FetchesOfADamagedFile || clock.GetUtcNow() >= end)
                    {
                        return new HeldOutcome.Rests(altered.Detail);
                    }

                    break;

                case FetchOutcome.NoLora bad:
                    return new HeldOutcome.Rests(bad.Detail);

                case FetchOutcome.NoRoom full:
                    return new HeldOutcome.NoRoom(full.Reason, artifact.SizeBytes);

                case FetchOutcome.Away away:
                    return new HeldOutcome.Rests(away.Reason);

                default:
                    // Without progress the time for which the pod was asked to run is not prolonged.
                    return new HeldOutcome.Waits();
            }

            if (clock.GetUtcNow() >= end)
            {
                return new HeldOutcome.Waits();
            }
        }
    }

    private async Task<HeldOutcome> ProvenAsync(LedgerPod pod, HeldStanding standing, string name, ArtifactInfo artifact, CancellationToken cancellationToken)
    {
        if (!await work.RunAsync((unit, token) => SaveFileAsync(unit, pod, standing, name, artifact, token), cancellationToken))
        {
            if (await MayDropAsync(pod, name, cancellationToken))
            {
                // A person let the file go, or it was proven elsewhere, while it was fetched. One that can't be removed now is found by its row's absence.
                await spool.DeleteAsync(name, cancellationToken);
            }

            return new HeldOutcome.Waits();
        }

        if (standing.Job is not { } job || rules().ValidationImages == 0)
        {
            return new HeldOutcome.Fetched();
        }

        // What the agent said of its images before the fetch may be long past.
        AgentReply<AgentStatus> now = await agent.ReadStatusAsync(AttemptPods.AddressOf(pod), cancellationToken);
        return now.Value is { } status ? await TakeImagesAsync(pod, job, status, standing.Images, cancellationToken) : new HeldOutcome.Waits();
    }

    private async Task<HeldOutcome> TakeImagesAsync(
        LedgerPod pod, TrainingJob job, AgentStatus status, IReadOnlyList<ValidationImage> known, CancellationToken cancellationToken)
    {
        if (status.Phase == AgentPhase.Validating)
        {
            await ProlongAsync(pod, cancellationToken);
            return new HeldOutcome.Waits();
        }

        List<ValidationImage> images = [.. known];
        int wanted = Math.Min(status.ValidationImages, rules().ValidationImages);
        while (await pictures.FindMissingAsync(job.Id, pod.Attempt, wanted, images, cancellationToken) is { } index)
        {
            AgentReply<AgentValidationImage> reply = await agent.ReadValidationAsync(AttemptPods.AddressOf(pod), index, cancellationToken);
            if (reply.Value is not { } made
                || !await ProlongAsync(pod, cancellationToken)
                || await pictures.PutAsync(SpoolNames.ValidationImage(job.Id, pod.Attempt, index), made.Jpeg, cancellationToken) is not null)
            {
                return new HeldOutcome.Waits();
            }

            ValidationImage image = SpoolImages.RowOf(job, pod.Attempt, index, made.Score, clock.GetUtcNow());
            await work.RunAsync((unit, token) => unit.Store<ILoraStore>().SaveValidationImagesAsync(job.LoraId, [image], token), cancellationToken);
            images.RemoveAll(one => one.Attempt == pod.Attempt && one.Index == index);
            images.Add(image);
        }

        return new HeldOutcome.Fetched();
    }

    /// <returns>False: the pod is not held for us any more, and nothing was written.</returns>
    private async Task<bool> SaveFileAsync(
        IUnit unit, LedgerPod pod, HeldStanding standing, string name, ArtifactInfo artifact, CancellationToken cancellationToken)
    {
        if (await OursAsync(unit, pod, cancellationToken) is null)
        {
            return false;
        }

        // A copy on another disk may have been claimed: a person's word holds for the file, not for the disk.
        SpoolEntry? claimed = standing.Files.FirstOrDefault(file => file.Job is not null);
        SpoolEntry entry = new(
            standing.Job?.Id ?? claimed?.Job,
            standing.Job is not null ? pod.Attempt : claimed?.Attempt ?? 0,
            spool.Id,
            name,
            artifact.SizeBytes,
            artifact.Sha256,
            clock.GetUtcNow()) { Pod = pod.Name };
        await unit.Store<ISpoolStore>().SaveAsync(entry, cancellationToken);
        string whose = standing.Job is { } job ? $"Job \"{job.Name}\" can go on from it by a retry"
            : claimed is not null ? "A person said whose it is"
            : "No job knows it: say on the page Files what becomes of it";
        await unit.Events.AppendAsync(
            HeldFiles.Fact(pod, TrainingEvents.HeldFileFetched, $"The file of held pod {pod.PodId} ({artifact.SizeBytes} bytes) lies proven in the spool. {whose}", EventSeverity.Info) with
            {
                Signals = entry.Job is null ? [new IncidentSignal(TrainingIncidents.Unclaimed, name, $"A trained file of pod {pod.PodId} lies in the spool, and no job knows it")] : [],
            },
            cancellationToken);
        return true;
    }

    /// <summary>The row while the pod is held and nobody but us fetches from it; null: leave it alone.</summary>
    private async Task<LedgerPod?> OursAsync(IUnit unit, LedgerPod pod, CancellationToken cancellationToken) =>
        await takeTurn(unit, cancellationToken)
        && !await HeldStanding.IsWorkedOnNowAsync(unit, pod, cancellationToken)
        && await unit.Store<IPodLedger>().FindAsync(pod.Name, cancellationToken) is { Want: PodWant.Held } held
            ? held
            : null;

    /// <summary>Whether what lies in the spool under this name is ours to remove: never once it has a row, whatever an agent announces.</summary>
    private Task<bool> MayDropAsync(LedgerPod pod, string name, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) => await takeTurn(unit, token)
            && !await HeldStanding.IsWorkedOnNowAsync(unit, pod, token)
            && await unit.Store<ISpoolStore>().FindAsync(spool.Id, name, token) is null,
        cancellationToken);

    private Task<bool> ProlongAsync(LedgerPod pod, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            if (await OursAsync(unit, pod, token) is not { } held)
            {
                return false;
            }

            DateTimeOffset now = clock.GetUtcNow();
            if (held.FetchUntil is null || held.FetchUntil - now < AttemptPods.FetchFor / 2)
            {
                // A file that comes damaged again and again makes progress too.
                DateTimeOffset until = now + AttemptPods.FetchFor;
                DateTimeOffset last = HeldFiles.TriedUntil(held);
                await AttemptPods.SaveAsync(unit.Store<IPodLedger>(), held with { FetchUntil = until < last ? until : last }, token);
            }

            return true;
        },
        cancellationToken);
}
