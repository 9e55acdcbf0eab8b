using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training;

/// <summary>The writes by which an ended job is opened again, in the caller's transaction.</summary>
internal static class JobReopening
{
    public static TrainingJob Reset(TrainingJob job, TrainingState state, DateTimeOffset now) => job with
    {
        State = state,
        StateSince = now,
        UpdatedAt = now,
        DueAt = now,
        CompletedAt = null,
        Failure = null,
        Cancel = null,
        WaitReason = null,
        WaitingSince = null,
        FailingSince = null,
        StuckSince = null,
        NotValidated = null,
        Spool = null,
        StepTries = 0,
        StepErrors = 0,
    };

    /// <summary>The job as it goes on from a proven file: its steps, and what may judge it, are those of the provider that made it.</summary>
    public static async Task<TrainingJob> WithAsync(IUnit unit, TrainingJob job, SpoolEntry file, CancellationToken cancellationToken)
    {
        IReadOnlyList<TrainingAttempt> attempts = await unit.Store<ITrainingStore>().ListAttemptsAsync(job.Id, cancellationToken);
        return job with
        {
            Attempt = file.Attempt,
            Provider = attempts.FirstOrDefault(one => one.Number == file.Attempt)?.Provider ?? job.Provider,
            Artifact = new ArtifactInfo(file.SizeBytes, file.Sha256),
        };
    }

    /// <returns>False: the job is not final any more, nothing was written.</returns>
    public static async Task<bool> OpenAsync(IUnit unit, TrainingJob job, CancellationToken cancellationToken)
    {
        ITrainingStore store = unit.Store<ITrainingStore>();
        if (!await store.ReopenAsync(job, cancellationToken))
        {
            return false;
        }

        TrainingAttempt? existing = (await store.ListAttemptsAsync(job.Id, cancellationToken)).FirstOrDefault(one => one.Number == job.Attempt);
        if (existing is null)
        {
            // Nothing is reserved for it, since it asks for nothing that costs: no settlement would ever say so, and the job's whole cost would stay unknown.
            await store.AddAttemptAsync(
                new TrainingAttempt(job.Id, job.Attempt, job.Provider ?? ProvisioningStep.Provider, AttemptState.Active, job.UpdatedAt, null, null, Usd.Zero), cancellationToken);
            await store.AddCostAsync(job.Id, Usd.Zero, cancellationToken);
        }
        else
        {
            await store.SaveAttemptAsync(existing with { State = AttemptState.Active, EndedAt = null, Failure = null }, cancellationToken);
        }

        await unit.Store<ILoraStore>().SetStatusAsync(job.LoraId, job.State.ToLoraStatus(), null, job.UpdatedAt, cancellationToken);
        return true;
    }
}
