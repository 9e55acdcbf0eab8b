using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Domain.Training.Steps;

/// <summary>Puts the proven file and its validation images into storage, reads the file back through SHA-256, and only then lets the pod go (E3).</summary>
public sealed class UploadingStep(IUnitOfWork work, IObjectStore objects, ISpool spool, TimeProvider clock, Func<TrainingRules> rules) : ITrainingStep
{
    private readonly SpoolUpload upload = new(objects, spool);

    public TrainingState State => TrainingState.Uploading;

    public async Task<StepResult> RunAsync(TrainingJob job, JobLease lease, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        (IReadOnlyList<SpoolEntry> all, Lora? lora, IReadOnlyList<ValidationImage> images) = await work.ReadAsync(
            async (unit, token) => (
                await unit.Store<ISpoolStore>().ListForJobAsync(job.Id, token),
                await unit.Store<ILoraStore>().FindAsync(job.LoraId, token),
                await unit.Store<ILoraStore>().ListValidationImagesAsync(job.LoraId, token)),
            cancellationToken);
        List<SpoolEntry> files = [.. all.Where(entry => entry.Attempt == job.Attempt)];
        if (files.FirstOrDefault(entry => entry.Spool == spool.Id) is not { } mine)
        {
            return !HostedLedger.IsHosted(job) && files is [{ } elsewhere, ..] && await AttemptPods.CurrentAsync(work, job, cancellationToken) is null
                ? RetrievingStep.Elsewhere(job, elsewhere, clock.GetUtcNow(), rules())
                : new StepResult.Advance(TrainingState.Retrieving, job with { Spool = spool.Id }, "This instance's spool has no proven file; fetching it again");
        }

        TrainingJob here = job with { Spool = spool.Id };
        switch (await upload.RunAsync(job.UserId, job.LoraId, mine, lora, images, cancellationToken))
        {
            case UploadOutcome.Missing:
                return await GoneFromSpoolAsync(here, mine, cancellationToken);

            case UploadOutcome.Away away:
                return RetrievingStep.SpoolAway(here, await AttemptPods.CurrentAsync(work, job, cancellationToken), away.Reason, clock.GetUtcNow());

            case UploadOutcome.Failed { Problem: var problem }:
                ErrorDetail error = new("upload_failed", "storage.put", problem, null);
                return job.StepTries < rules().UploadRetries
                    ? new StepResult.TryAgain(StepBackoff.After(job.StepTries), here, $"The upload failed and is tried again: {problem}", error)
                    : new StepResult.Fail(
                        here, new JobFailure(FailureCode.UploadFailed, problem), FileProof.None, error, (unit, token) => WaitAsync(unit, mine, problem, token))
                        {
                            ProofNow = InSpoolAsync,
                        };

            case UploadOutcome.Stored stored:
                return new StepResult.Advance(
                    TrainingState.Validating, job with { Spool = null }, "Storage has the file, read back and compared", (unit, token) => StoredAsync(unit, job, mine, stored, token));

            default:
                throw new NotSupportedException("An upload is stored, failed, or has no file.");
        }
    }

    /// <summary>An instance with another disk may have come while the upload was tried: from then on a file on ours alone is no proof.</summary>
    private async Task<FileProof> InSpoolAsync(IUnit unit, CancellationToken cancellationToken) =>
        SpoolStanding.IsProof(spool.Id, await unit.Store<ISpoolStore>().ListInstancesAsync(cancellationToken), spool.Id, clock.GetUtcNow())
            ? FileProof.InSpool
            : FileProof.None;

    /// <summary>The job's own tries are over: from here on J2 brings the file to storage.</summary>
    private Task WaitAsync(IUnit unit, SpoolEntry entry, string problem, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        return unit.Store<ISpoolStore>().SaveAsync(
            entry with { DueAt = now + SpoolUploads.Every, FailedRuns = 0, LastError = problem, LastTriedAt = now }, cancellationToken);
    }

    private async Task StoredAsync(IUnit unit, TrainingJob job, SpoolEntry entry, UploadOutcome.Stored stored, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        await SpoolUpload.NoteAsync(unit, job.LoraId, entry, stored, now, cancellationToken);
        await AttemptPods.ReleaseAsync(unit, job.Id, entry.Attempt, FileProof.InStorage, PodReasons.FileStored, now, cancellationToken);
    }

    /// <summary>Somebody removed the spool file by hand: the pod may still have it.</summary>
    private async Task<StepResult> GoneFromSpoolAsync(TrainingJob job, SpoolEntry entry, CancellationToken cancellationToken)
    {
        Task Forget(IUnit unit, CancellationToken token) => unit.Store<ISpoolStore>().DeleteAsync(entry.Spool, entry.Name, token);
        return !HostedLedger.IsHosted(job) && await AttemptPods.CurrentAsync(work, job, cancellationToken) is null
            ? new StepResult.Fail(
                job,
                new JobFailure(FailureCode.PodLost, $"The file {entry.Name} is gone from the spool and the pod is gone too"),
                FileProof.None,
                new ErrorDetail("spool_lost", "training.upload", entry.Name, null),
                Forget)
            : new StepResult.Advance(TrainingState.Retrieving, job, $"The file {entry.Name} is gone from the spool; fetching it again", Forget);
    }
}
