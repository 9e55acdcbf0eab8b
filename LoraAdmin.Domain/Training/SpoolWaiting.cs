using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

/// <summary>Which files wait for their upload: those of jobs that failed for it, and of several of a job only the one that a retry would go on from.</summary>
internal static class SpoolWaiting
{
    /// <returns>Noted: it waits; else why it does not.</returns>
    public static async Task<SpoolCommandOutcome> JudgeAsync(IUnit unit, SpoolEntry entry, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (entry.Discard is not null)
        {
            return SpoolCommandOutcome.NotFound;
        }

        if (entry.Job is not { } id || await unit.Store<ITrainingStore>().FindAsync(id, cancellationToken) is not { State: TrainingState.Failed, Failure.Code: FailureCode.UploadFailed })
        {
            return SpoolCommandOutcome.JobNotWaiting;
        }

        return await unit.Store<ISpoolStore>().FindNewestInReachAsync(id, entry.Spool, now, cancellationToken) is { } chosen && (chosen.Spool, chosen.Name) != (entry.Spool, entry.Name)
            ? SpoolCommandOutcome.HasNewer
            : SpoolCommandOutcome.Noted;
    }

    /// <summary>Makes a waiting file's upload due at once, for the instance that has the disk.</summary>
    /// <returns>Null: it does not wait for one.</returns>
    public static async Task<SpoolEntry?> MakeDueAsync(IUnit unit, string spool, string name, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ISpoolStore store = unit.Store<ISpoolStore>();
        if (await store.FindAsync(spool, name, cancellationToken) is not { } entry || await JudgeAsync(unit, entry, now, cancellationToken) != SpoolCommandOutcome.Noted)
        {
            return null;
        }

        SpoolEntry due = entry with { DueAt = null };
        await store.SaveAsync(due, cancellationToken);
        return due;
    }
}
