using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training.Steps;

/// <summary>Puts the proven file into storage, reads it back through SHA-256, and only then lets the pod go (E3).</summary>
public sealed class UploadingStep(IUnitOfWork work, IObjectStore objects, ISpool spool, TimeProvider clock, Func<TrainingRules> rules) : ITrainingStep
{
    public TrainingState State => TrainingState.Uploading;

    public async Task<StepResult> RunAsync(TrainingJob job, JobLease lease, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        SpoolEntry? entry = await work.ReadAsync((unit, token) => unit.Store<ISpoolStore>().FindAsync(job.Id, token), cancellationToken);
        if (entry is null)
        {
            return new StepResult.Advance(TrainingState.Retrieving, job, "The spool has no proven file; fetching it again");
        }

        if (entry.Instance != spool.Instance)
        {
            return new StepResult.Again(TimeSpan.FromSeconds(60), job, $"The file lies on the disk of instance {entry.Instance}, which uploads it");
        }

        ObjectRef target = ObjectKeys.Model(job.UserId, job.LoraId);
        string? problem;
        SpoolReading<Stream> opened = await spool.OpenAsync(entry.Name, cancellationToken);
        if (opened is not SpoolReading<Stream>.Found file)
        {
            return opened is SpoolReading<Stream>.Unreadable away
                ? RetrievingStep.SpoolAway(job, away.Reason)
                : await GoneFromSpoolAsync(job, entry, cancellationToken);
        }

        await using (file.Value)
        {
            problem = await StoreAsync(target, file.Value, entry, cancellationToken);
        }

        if (problem is null)
        {
            return new StepResult.Advance(
                TrainingState.Validating, job, "Storage has the file, read back and compared", (unit, token) => StoredAsync(unit, job, entry, target, token));
        }

        ErrorDetail error = new("upload_failed", "storage.put", problem, null);
        return job.StepTries < rules().UploadRetries
            ? new StepResult.TryAgain(StepBackoff.After(job.StepTries), job, $"The upload failed and is tried again: {problem}", error)
            : new StepResult.Fail(job, new JobFailure(FailureCode.UploadFailed, problem), FileProof.InSpool, error);
    }

    private async Task<string?> StoreAsync(ObjectRef target, Stream content, SpoolEntry entry, CancellationToken cancellationToken)
    {
        PutOutcome put = await objects.PutAsync(target, content, "application/octet-stream", cancellationToken);
        if (put is not PutOutcome.Stored)
        {
            return RetrievingStep.Why(put);
        }

        return await objects.ReadBackSha256Async(target, cancellationToken) switch
        {
            ReadBack.Read read when read.Sha256 == entry.Sha256 && read.SizeBytes == entry.SizeBytes => null,
            ReadBack.Read read => $"storage holds other bytes than were sent: SHA-256 {read.Sha256}, {read.SizeBytes} bytes",
            ReadBack.NotFound => "storage took the file but does not have it",
            ReadBack.Unavailable unavailable => $"the file could not be read back: {unavailable.Reason}",
            _ => "the file could not be read back",
        };
    }

    private async Task StoredAsync(IUnit unit, TrainingJob job, SpoolEntry entry, ObjectRef target, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        ILoraStore loras = unit.Store<ILoraStore>();
        if (await loras.FindAsync(job.LoraId, cancellationToken) is { } lora)
        {
            await loras.SaveAsync(
                lora with { StoragePath = target.Key, FileSizeBytes = entry.SizeBytes, FileSha256 = entry.Sha256, UpdatedAt = now }, cancellationToken);
        }

        await AttemptPods.ReleaseAsync(unit, job.Id, entry.Attempt, FileProof.InStorage, PodReasons.FileStored, now, cancellationToken);
    }

    /// <summary>Somebody removed the spool file by hand: the pod may still have it.</summary>
    private async Task<StepResult> GoneFromSpoolAsync(TrainingJob job, SpoolEntry entry, CancellationToken cancellationToken)
    {
        Task Forget(IUnit unit, CancellationToken token) => unit.Store<ISpoolStore>().DeleteAsync(job.Id, token);
        return await AttemptPods.CurrentAsync(work, job, cancellationToken) is null
            ? new StepResult.Fail(
                job,
                new JobFailure(FailureCode.PodLost, $"The file {entry.Name} is gone from the spool and the pod is gone too"),
                FileProof.None,
                new ErrorDetail("spool_lost", "training.upload", entry.Name, null))
            : new StepResult.Advance(TrainingState.Retrieving, job, $"The file {entry.Name} is gone from the spool; fetching it again", Forget);
    }
}
