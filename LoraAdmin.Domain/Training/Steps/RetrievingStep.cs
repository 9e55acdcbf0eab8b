using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training.Steps;

/// <summary>
/// Fetches the validation images, then the trained file by ranges into the spool, and proves the file: length and SHA-256 as announced, a whole
/// safetensors file, fsynced. One range a step: a restart goes on where the spool ends.
/// </summary>
public sealed class RetrievingStep(
    IUnitOfWork work, PodLauncher launcher, IPodAgent agent, IObjectStore objects, ISpool spool, TimeProvider clock, Func<TrainingRules> rules) : ITrainingStep
{
    private const int FetchesOfADamagedFile = 3;

    public TrainingState State => TrainingState.Retrieving;

    /// <summary>The file's name in the spool: one per attempt.</summary>
    public static string SpoolName(TrainingJob job)
    {
        ArgumentNullException.ThrowIfNull(job);
        return $"{job.Id.Value:N}-{job.Attempt}.safetensors";
    }

    public async Task<StepResult> RunAsync(TrainingJob job, JobLease lease, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        TrainingRules figures = rules();
        SpoolEntry? proven = await work.ReadAsync((unit, token) => unit.Store<ISpoolStore>().FindAsync(job.Id, token), cancellationToken);
        if (proven is not null && proven.Attempt == job.Attempt)
        {
            return new StepResult.Advance(TrainingState.Uploading, job, "The file lies proven in the spool");
        }

        if (await AttemptPods.CurrentAsync(work, job, cancellationToken) is not { } pod)
        {
            return RunningStep.Lost(job, "The pod is gone from the account before its file was fetched");
        }

        AgentAddress address = AttemptPods.AddressOf(pod);
        AgentReply<AgentStatus> reply = await agent.ReadStatusAsync(address, cancellationToken);
        if (reply.Value is not { } status)
        {
            if (pod.Saw == PodSaw.Exited)
            {
                await launcher.WakeAsync(pod.PodId!, cancellationToken);
            }

            return LaterOrLost(job, $"The pod's agent does not answer: {reply.Detail}", figures);
        }

        if (status.Phase == AgentPhase.Failed && status.Artifact is null)
        {
            string said = status.Error ?? "the agent gave no reason";
            return new StepResult.Fail(
                job, new JobFailure(FailureCode.TrainingFailed, said), FileProof.AgentHasNone, new ErrorDetail("training_failed", "agent.status", said, null));
        }

        if (status.Artifact is not { } artifact || status.Phase == AgentPhase.Validating)
        {
            return LaterOrLost(job, "The pod is making the validation images", figures);
        }

        if (artifact.SizeBytes > figures.MaxArtifactBytes)
        {
            return Corrupt(job, $"The agent announces {artifact.SizeBytes} bytes; at most {figures.MaxArtifactBytes} are accepted (Training:MaxArtifactBytes)");
        }

        return await ValidationImagesAsync(job, address, status, figures, cancellationToken)
            ?? await FileAsync(job with { Artifact = artifact }, address, artifact, figures, cancellationToken);
    }

    /// <summary>Stores the images that are not stored yet; null when all are.</summary>
    private async Task<StepResult?> ValidationImagesAsync(
        TrainingJob job, AgentAddress address, AgentStatus status, TrainingRules figures, CancellationToken cancellationToken)
    {
        int wanted = Math.Min(status.ValidationImages, figures.ValidationImages);
        IReadOnlyList<ValidationImage> stored = await work.ReadAsync(
            (unit, token) => unit.Store<ILoraStore>().ListValidationImagesAsync(job.LoraId, token), cancellationToken);
        if (wanted == 0 || stored.Count(image => image.CreatedAt >= job.StateSince) >= wanted)
        {
            return null;
        }

        List<ValidationImage> images = [];
        for (int index = 0; index < wanted; index++)
        {
            AgentReply<AgentValidationImage> reply = await agent.ReadValidationAsync(address, index, cancellationToken);
            if (reply.Value is not { } image)
            {
                return LaterOrLost(job, $"Validation image {index} could not be fetched: {reply.Detail}", figures);
            }

            ObjectRef target = ObjectKeys.ValidationImage(job.UserId, job.LoraId, index);
            using MemoryStream jpeg = new(image.Jpeg, writable: false);
            PutOutcome put = await objects.PutAsync(target, jpeg, "image/jpeg", cancellationToken);
            if (put is not PutOutcome.Stored)
            {
                return LaterOrLost(job, $"Validation image {index} could not be stored: {Why(put)}", figures);
            }

            images.Add(new ValidationImage(job.LoraId, index, target.Key, image.Score, null, null, clock.GetUtcNow()));
        }

        return new StepResult.Again(
            TimeSpan.Zero, job, null, (unit, token) => unit.Store<ILoraStore>().SaveValidationImagesAsync(job.LoraId, images, token));
    }

    private async Task<StepResult> FileAsync(
        TrainingJob job, AgentAddress address, ArtifactInfo artifact, TrainingRules figures, CancellationToken cancellationToken)
    {
        string name = SpoolName(job);
        SpoolReading<SpoolFile> spooled = await spool.FindAsync(name, cancellationToken);
        if (spooled is SpoolReading<SpoolFile>.Unreadable away)
        {
            return SpoolAway(job, away.Reason);
        }

        long have = (spooled as SpoolReading<SpoolFile>.Found)?.Value.LengthBytes ?? 0;
        if (have < artifact.SizeBytes)
        {
            AgentReply<ArtifactRange> reply = await agent.ReadArtifactAsync(
                address, have, Math.Min(agent.MaxRangeBytes, artifact.SizeBytes - have), cancellationToken);
            if (reply.Value is not { } range)
            {
                return LaterOrLost(job, $"The file could not be fetched from byte {have} on: {reply.Detail}", figures);
            }

            await using (range.Content)
            {
                SpoolOutcome appended = await AppendAsync(name, have, range.Content, cancellationToken);
                return appended is SpoolOutcome.Failed failed
                    ? new StepResult.Again(StepBackoff.After(3), job, $"The spool did not take the file whole: {failed.Reason} The pod is kept meanwhile")
                    : new StepResult.Again(TimeSpan.Zero, job);
            }
        }

        SpoolReading<SpoolDigest> digested = await spool.DigestAsync(name, cancellationToken);
        if (digested is SpoolReading<SpoolDigest>.Unreadable undigested)
        {
            return SpoolAway(job, undigested.Reason);
        }

        SpoolDigest? digest = (digested as SpoolReading<SpoolDigest>.Found)?.Value;
        if (digest is null || digest.LengthBytes != artifact.SizeBytes || digest.Sha256 != artifact.Sha256)
        {
            await spool.DeleteAsync(name, cancellationToken);
            string detail = $"The fetched file has SHA-256 {digest?.Sha256} and {digest?.LengthBytes} bytes; the agent announced {artifact.Sha256} and {artifact.SizeBytes}";
            return job.StepTries + 1 < FetchesOfADamagedFile
                ? new StepResult.TryAgain(StepBackoff.After(job.StepTries), job, $"{detail}. It will be fetched again", new ErrorDetail("artifact_corrupt", "training.retrieve", detail, null))
                : Corrupt(job, detail);
        }

        SpoolReading<Stream> opened = await spool.OpenAsync(name, cancellationToken);
        if (opened is not SpoolReading<Stream>.Found file)
        {
            return opened is SpoolReading<Stream>.Unreadable unopened ? SpoolAway(job, unopened.Reason) : new StepResult.Again(TimeSpan.Zero, job);
        }

        await using (file.Value)
        {
            if (await Safetensors.CheckAsync(file.Value, artifact.SizeBytes, cancellationToken) is SafetensorsVerdict.Bad bad)
            {
                return Corrupt(job, $"The file is no LoRA in safetensors form: {bad.Reason}");
            }
        }

        if (await spool.SealAsync(name, cancellationToken) is SpoolOutcome.Failed unsealed)
        {
            return new StepResult.Again(StepBackoff.After(3), job, $"The spool can't keep the file: {unsealed.Reason}");
        }

        SpoolEntry entry = new(job.Id, job.Attempt, spool.Instance, name, artifact.SizeBytes, artifact.Sha256, clock.GetUtcNow());
        return new StepResult.Advance(
            TrainingState.Uploading,
            job,
            $"The file ({artifact.SizeBytes} bytes) lies proven in the spool",
            (unit, token) => unit.Store<ISpoolStore>().SaveAsync(entry, token));
    }

    private async Task<SpoolOutcome> AppendAsync(string name, long offset, Stream content, CancellationToken cancellationToken)
    {
        try
        {
            return await spool.AppendAsync(name, offset, content, cancellationToken);
        }
        catch (IOException)
        {
            // The connection broke inside the range. What was written before it is kept; the next step goes on from there.
            return new SpoolOutcome.Done(new SpoolFile(name, offset));
        }
    }

    /// <summary>Nothing is known about the file while the spool can't be read: neither its bytes nor the pod are given up.</summary>
    internal static StepResult.Again SpoolAway(TrainingJob job, string reason) =>
        new(StepBackoff.After(3), job, $"The spool can't be read: {reason} Nothing is given up meanwhile");

    private StepResult LaterOrLost(TrainingJob job, string reason, TrainingRules figures) =>
        clock.GetUtcNow() - job.StateSince < figures.RetrieveWithin
            ? new StepResult.Again(figures.PollEvery, job, reason)
            : RunningStep.Lost(job, $"The file could not be fetched within {figures.RetrieveWithin.TotalMinutes:0} minutes. {reason}");

    private static StepResult.Fail Corrupt(TrainingJob job, string detail) => new StepResult.Fail(
        job, new JobFailure(FailureCode.ArtifactCorrupt, detail), FileProof.None, new ErrorDetail("artifact_corrupt", "training.retrieve", detail, null));

    internal static string Why(PutOutcome outcome) => outcome switch
    {
        PutOutcome.Failed failed => failed.Reason,
        PutOutcome.Refused refused => refused.Reason,
        _ => "stored",
    };
}
