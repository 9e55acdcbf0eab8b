using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training.Steps;

/// <summary>
/// Fetches the trained file by ranges into the spool and proves it: length and SHA-256 as announced, a whole safetensors file, fsynced; then the
/// validation images, into the spool too, so that no outage of storage keeps the pod waiting. One range a step: a restart goes on where the spool ends.
/// </summary>
public sealed class RetrievingStep(IUnitOfWork work, IPodAgent agent, ISpool spool, TimeProvider clock, Func<TrainingRules> rules) : ITrainingStep
{
    private const int FetchesOfADamagedFile = 3;

    private static readonly TimeSpan LookAtSpoolEvery = TimeSpan.FromMinutes(1);

    private readonly ArtifactFetch fetch = new(agent, spool);
    private readonly SpoolImages pictures = new(spool);

    public TrainingState State => TrainingState.Retrieving;

    public async Task<StepResult> RunAsync(TrainingJob job, JobLease lease, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        ArgumentNullException.ThrowIfNull(lease);
        TrainingRules figures = rules();
        (IReadOnlyList<SpoolEntry> files, IReadOnlyList<ValidationImage> images) = await work.ReadAsync(
            async (unit, token) => (
                await unit.Store<ISpoolStore>().ListForJobAsync(job.Id, token),
                await unit.Store<ILoraStore>().ListValidationImagesAsync(job.LoraId, token)),
            cancellationToken);
        SpoolEntry? mine = files.FirstOrDefault(entry => entry.Attempt == job.Attempt && entry.Spool == spool.Id);
        TrainingJob here = job with { Spool = spool.Id };
        if (await AttemptPods.CurrentAsync(work, job, cancellationToken) is not { } pod)
        {
            return mine is not null ? ToUpload(here, "The file lies proven in the spool; the pod is gone, and with it what validation images were not fetched")
                : files.FirstOrDefault(entry => entry.Attempt == job.Attempt) is { } elsewhere ? Elsewhere(job, elsewhere, clock.GetUtcNow(), figures)
                : RunningStep.Lost(job, "The pod is gone from the account before its file was fetched");
        }

        SpoolReading<SpoolFile> found = await spool.FindAsync(SpoolNames.File(job.Id, job.Attempt), cancellationToken);
        if (found is SpoolReading<SpoolFile>.Unreadable unread)
        {
            return SpoolAway(here, pod, ArtifactFetch.AwayWords(unread.Reason), clock.GetUtcNow());
        }

        if (await HasNoRoomAsync(here, pod, found.OrNull(), cancellationToken) is { } full)
        {
            return new StepResult.Again(LookAtSpoolEvery, here with { FailingSince = null }, full);
        }

        await AttemptPods.KeepRunningAsync(work, pod, lease, clock.GetUtcNow(), cancellationToken);
        AgentAddress address = AttemptPods.AddressOf(pod);
        AgentReply<AgentStatus> reply = await agent.ReadStatusAsync(address, cancellationToken);
        if (reply.Value is not { } status)
        {
            return Later(here, mine, $"The pod's agent does not answer: {reply.Detail}", figures);
        }

        return mine is not null
            ? await ImagesAsync(here, AttemptPods.AddressOf(pod), status, mine, images, figures, cancellationToken)
            : await FileAsync(here, pod, status, lease, figures, cancellationToken);
    }

    /// <summary>The file lies on a disk whose instance is silent, and no pod is left to fetch it from again: it is waited for, and not for ever.</summary>
    internal static StepResult Elsewhere(TrainingJob job, SpoolEntry entry, DateTimeOffset now, TrainingRules figures)
    {
        (TrainingJob failing, TimeSpan waited) = Failing.Note(job, now);
        string where = $"The file lies on disk {entry.Spool}, whose portal does not answer";
        return waited < figures.RetrieveWithin
            ? new StepResult.Again(TimeSpan.FromSeconds(60), failing, where)
            : new StepResult.Fail(
                failing,
                new JobFailure(FailureCode.UploadFailed, $"{where}. Start that portal again, then retry"),
                FileProof.None,
                new ErrorDetail("upload_failed", "training.spool", where, null));
    }

    private async Task<StepResult> FileAsync(
        TrainingJob job, LedgerPod pod, AgentStatus status, JobLease lease, TrainingRules figures, CancellationToken cancellationToken)
    {
        if (status.Artifact is not { } artifact)
        {
            string said = status.Error ?? "the agent gave no reason";
            bool isOver = status.Phase is AgentPhase.Failed or AgentPhase.Stopped;
            return isOver && AgentWord.Of(status, AgentWord.Known(job)) != FileProof.None
                ? new StepResult.Fail(
                    job, new JobFailure(FailureCode.TrainingFailed, said), FileProof.AgentHasNone, new ErrorDetail("training_failed", "agent.status", said, null))
                : Later(job, null, isOver ? $"The pod's agent has no file although one was announced ({said})" : "The pod's agent has no file yet", figures);
        }

        TrainingJob known = job with { Artifact = artifact };
        if (artifact.SizeBytes > figures.MaxArtifactBytes)
        {
            return Corrupt(known, $"The agent announces {artifact.SizeBytes} bytes; at most {figures.MaxArtifactBytes} are accepted (Training:MaxArtifactBytes)");
        }

        string name = SpoolNames.File(job.Id, job.Attempt);
        switch (await fetch.StepAsync(AttemptPods.AddressOf(pod), name, artifact, token => MayDropAsync(name, lease, token), cancellationToken))
        {
            case FetchOutcome.Progress:
                return new StepResult.Again(TimeSpan.Zero, known with { FailingSince = null });

            case FetchOutcome.Stalled stalled:
                return Later(known, null, stalled.Reason, figures);

            case FetchOutcome.NoRoom full:
                return HoldForRoom(known, pod, full.Reason);

            case FetchOutcome.Away away:
                return SpoolAway(known, pod, away.Reason, clock.GetUtcNow());

            case FetchOutcome.Altered altered:
                return job.StepTries + 1 < FetchesOfADamagedFile
                    ? new StepResult.TryAgain(
                        StepBackoff.After(job.StepTries), known, $"{altered.Detail}. It will be fetched again", new ErrorDetail("artifact_corrupt", "training.retrieve", altered.Detail, null))
                    : Corrupt(known, altered.Detail);

            case FetchOutcome.NoLora bad:
                return Corrupt(known, bad.Detail);

            default:
                SpoolEntry entry = new(job.Id, job.Attempt, spool.Id, name, artifact.SizeBytes, artifact.Sha256, clock.GetUtcNow());
                return new StepResult.Again(
                    TimeSpan.Zero, known with { FailingSince = null }, null, (unit, token) => unit.Store<ISpoolStore>().SaveAsync(entry, token));
        }
    }

    private async Task<StepResult> ImagesAsync(
        TrainingJob job, AgentAddress address, AgentStatus status, SpoolEntry file, IReadOnlyList<ValidationImage> images, TrainingRules figures, CancellationToken cancellationToken)
    {
        if (status.Phase == AgentPhase.Validating)
        {
            return Later(job, file, "The pod is making the validation images", figures);
        }

        int wanted = Math.Min(status.ValidationImages, figures.ValidationImages);
        if (await pictures.FindMissingAsync(job.Id, job.Attempt, wanted, images, cancellationToken) is not { } next)
        {
            return ToUpload(job, $"The file ({file.SizeBytes} bytes) and {wanted} validation images lie in the spool");
        }

        AgentReply<AgentValidationImage> reply = await agent.ReadValidationAsync(address, next, cancellationToken);
        if (reply.Value is not { } made)
        {
            return Later(job, file, $"Validation image {next} could not be fetched: {reply.Detail}", figures);
        }

        switch (await pictures.PutAsync(SpoolNames.ValidationImage(job.Id, job.Attempt, next), made.Jpeg, cancellationToken))
        {
            case FetchOutcome.NoRoom full:
                // Not worth a pod that stops and starts: the file is whole, and goes on without this image when no room is made in time.
                return Later(job, file, $"Validation image {next} has no room in the spool: {full.Reason}", figures);
            case FetchOutcome.Stalled stalled:
                return Later(job, file, stalled.Reason, figures);
            default:
                ValidationImage image = SpoolImages.RowOf(job, job.Attempt, next, made.Score, clock.GetUtcNow());
                return new StepResult.Again(
                    TimeSpan.Zero,
                    job with { FailingSince = null },
                    null,
                    (unit, token) => unit.Store<ILoraStore>().SaveValidationImagesAsync(job.LoraId, [image], token));
        }
    }

    /// <summary>A file that has a row is proven, whatever the agent announces now.</summary>
    private Task<bool> MayDropAsync(string name, JobLease lease, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            await lease.GuardAsync(unit, token);
            return await unit.Store<ISpoolStore>().FindAsync(spool.Id, name, token) is null;
        },
        cancellationToken);

    /// <summary>Why a pod that was stopped for the spool's sake stays stopped; null: there is room, or that is not what it waits for.</summary>
    private async Task<string?> HasNoRoomAsync(TrainingJob job, LedgerPod pod, SpoolFile? found, CancellationToken cancellationToken)
    {
        if (pod is not { Want: PodWant.Held, WantReason: AttemptPods.NoRoom or AttemptPods.SpoolAway, FetchUntil: null } || job.Artifact is not { } artifact)
        {
            return null;
        }

        long have = found?.LengthBytes ?? 0;
        return await spool.ReadRoomAsync(cancellationToken) is { } room && room < artifact.SizeBytes - have
            ? ArtifactFetch.NoRoomWords(artifact.SizeBytes - have, room)
            : null;
    }

    private StepResult.Again HoldForRoom(TrainingJob job, LedgerPod pod, string reason) => new(
        LookAtSpoolEvery,
        job with { FailingSince = null },
        $"{reason.TrimEnd('.')}. The pod is stopped and kept meanwhile",
        (unit, token) => AttemptPods.HoldForSpoolAsync(unit, pod, AttemptPods.NoRoom, clock.GetUtcNow(), token));

    /// <summary>Another look, until nothing has come for <c>Training:RetrieveWithin</c>. A file that is proven goes on without the rest.</summary>
    private StepResult Later(TrainingJob job, SpoolEntry? file, string reason, TrainingRules figures)
    {
        (TrainingJob failing, TimeSpan since) = Failing.Note(job, clock.GetUtcNow());
        return since < figures.RetrieveWithin ? new StepResult.Again(figures.PollEvery, failing, reason)
            : file is not null ? ToUpload(failing, $"The file lies proven in the spool; its validation images could not be fetched: {reason}")
            : RunningStep.Lost(failing, $"The file could not be fetched within {figures.RetrieveWithin.TotalMinutes:0} minutes. {reason}");
    }

    /// <summary>
    /// Nothing is known about the file while the spool can't be read: neither its bytes nor the pod are given up. The pod waits stopped, at the price of
    /// its disk; people are told by <see cref="SpoolHeartbeat"/>.
    /// </summary>
    internal static StepResult.Again SpoolAway(TrainingJob job, LedgerPod? pod, string reason, DateTimeOffset now) => new(
        LookAtSpoolEvery,
        job with { FailingSince = null },
        $"{reason} Nothing is given up meanwhile{(pod is null ? "" : ", and the pod waits stopped")}",
        pod is null ? null : (unit, token) => AttemptPods.HoldForSpoolAsync(unit, pod, AttemptPods.SpoolAway, now, token));

    private static StepResult.Advance ToUpload(TrainingJob job, string message) => new(TrainingState.Uploading, job, message);

    private static StepResult.Fail Corrupt(TrainingJob job, string detail) => new(
        job, new JobFailure(FailureCode.ArtifactCorrupt, detail), FileProof.None, new ErrorDetail("artifact_corrupt", "training.retrieve", detail, null));
}
