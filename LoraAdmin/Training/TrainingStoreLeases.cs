using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Query;

namespace LoraAdmin.Training;

internal sealed partial class TrainingStore
{
    public async Task<IReadOnlyList<LeasedJob>> LeaseDueAsync(
        string owner, string spool, DateTimeOffset now, TimeSpan duration, int max, CancellationToken cancellationToken)
    {
        long at = now.ToMillis();
        long until = (now + duration).ToMillis();
        long heard = (now - SpoolStanding.TakeOverAfter).ToMillis();

        // A common table expression with FOR UPDATE is evaluated once; as a plain sub-select PostgreSQL may run it again and take more than asked.
        string sql = $$"""
            WITH due AS (
                SELECT job_id FROM training_progress
                WHERE is_open AND due_at <= {0} AND (lease_owner IS NULL OR lease_until <= {0})
                AND (spool_id IS NULL OR spool_id = {4} OR NOT EXISTS (
                    SELECT 1 FROM spool_instances AS disk WHERE disk.spool_id = training_progress.spool_id AND disk.last_seen_at > {5}))
                ORDER BY due_at, job_id LIMIT {1} {{db.SkipLocked}})
            UPDATE training_progress SET lease_owner = {2}, lease_until = {3}, fence = fence + 1
            WHERE job_id IN (SELECT job_id FROM due)
            RETURNING *
            """;
        List<TrainingProgressRow> rows = await Progress.FromSqlRaw(sql, at, max, owner, until, spool, heard).AsNoTracking().ToListAsync(cancellationToken);
        return [.. rows.OrderBy(row => row.DueAt).ThenBy(row => row.JobId.ToString(), StringComparer.Ordinal).Select(row => row.ToLease())];
    }

    /// <summary>For a start that knows that nobody else is alive on this database. Fences stay: the next owner raises them.</summary>
    public static Task EndLeasesAsync(LoraDb db, CancellationToken cancellationToken) => db.Set<TrainingProgressRow>()
        .Where(row => row.IsOpen && row.LeaseOwner != null)
        .ExecuteUpdateAsync(
            set => set.SetProperty(row => row.LeaseOwner, (string?)null).SetProperty(row => row.LeaseUntil, (long?)null), cancellationToken);

    public async Task RenewAsync(JobId id, long fence, DateTimeOffset until, CancellationToken cancellationToken)
    {
        int written = await Progress
            .Where(row => row.JobId == id.Value && row.Fence == fence && row.LeaseOwner != null)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.LeaseUntil, until.ToMillis()), cancellationToken);
        Guard(id, fence, written);
    }

    public async Task SaveAsync(TrainingJob job, long fence, bool release, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        TrainingProgressRow next = TrainingProgressRow.From(job);
        long seen = job.WishVersion;
        int written = await Progress
            .Where(row => row.JobId == next.JobId && row.Fence == fence && row.IsOpen)
            .ExecuteUpdateAsync(
                set =>
                {
                    SetAllButWishes(set, next);
                    set.SetProperty(row => row.DueAt, row => row.WishVersion > seen && next.UpdatedAt < next.DueAt ? next.UpdatedAt : next.DueAt);
                    if (release || !next.IsOpen)
                    {
                        set.SetProperty(row => row.LeaseOwner, (string?)null).SetProperty(row => row.LeaseUntil, (long?)null);
                    }
                },
                cancellationToken);
        Guard(job.Id, fence, written);
        await SaveSharedAsync(job, cancellationToken);
    }

    public async Task<LeasedJob?> LeaseEndedAsync(JobId id, string owner, DateTimeOffset now, TimeSpan duration, CancellationToken cancellationToken)
    {
        long at = now.ToMillis();
        long until = (now + duration).ToMillis();
        int written = await Progress
            .Where(row => row.JobId == id.Value && !row.IsOpen && (row.LeaseOwner == null || row.LeaseUntil <= at))
            .ExecuteUpdateAsync(
                set => set.SetProperty(row => row.LeaseOwner, owner).SetProperty(row => row.LeaseUntil, until).SetProperty(row => row.Fence, row => row.Fence + 1),
                cancellationToken);
        return written == 0 ? null : (await Progress.AsNoTracking().SingleAsync(row => row.JobId == id.Value, cancellationToken)).ToLease();
    }

    public async Task<bool> ReopenAsync(TrainingJob job, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        TrainingProgressRow next = TrainingProgressRow.From(job);
        int written = await Progress
            .Where(row => row.JobId == next.JobId && !row.IsOpen)
            .ExecuteUpdateAsync(
                set =>
                {
                    SetAllButWishes(set, next);
                    set.SetProperty(row => row.DueAt, next.DueAt)
                        .SetProperty(row => row.CancelByKind, next.CancelByKind)
                        .SetProperty(row => row.CancelByName, next.CancelByName)
                        .SetProperty(row => row.CancelReason, next.CancelReason)
                        .SetProperty(row => row.CancelAt, next.CancelAt)
                        .SetProperty(row => row.ImagesGoneAt, (long?)null)
                        .SetProperty(row => row.WishVersion, row => row.WishVersion + 1)
                        .SetProperty(row => row.LeaseOwner, row => row.LeaseUntil > next.UpdatedAt ? row.LeaseOwner : null)
                        .SetProperty(row => row.LeaseUntil, row => row.LeaseUntil > next.UpdatedAt ? row.LeaseUntil : null)
                        .SetProperty(row => row.Fence, row => row.LeaseOwner != null && row.LeaseUntil > next.UpdatedAt ? row.Fence : row.Fence + 1);
                },
                cancellationToken);
        if (written == 0)
        {
            return false;
        }

        await SaveSharedAsync(job, cancellationToken);
        return true;
    }

    // Cost and clean-up have statements of their own, which go past the lease: a save must not undo them.
    private static void SetAllButWishes(UpdateSettersBuilder<TrainingProgressRow> set, TrainingProgressRow next) => set
        .SetProperty(row => row.Name, next.Name)
        .SetProperty(row => row.CreatorEmail, next.CreatorEmail)
        .SetProperty(row => row.SearchText, next.SearchText)
        .SetProperty(row => row.GpuType, next.GpuType)
        .SetProperty(row => row.State, next.State)
        .SetProperty(row => row.IsOpen, next.IsOpen)
        .SetProperty(row => row.StateSince, next.StateSince)
        .SetProperty(row => row.UpdatedAt, next.UpdatedAt)
        .SetProperty(row => row.StartedAt, next.StartedAt)
        .SetProperty(row => row.CompletedAt, next.CompletedAt)
        .SetProperty(row => row.Attempt, next.Attempt)
        .SetProperty(row => row.Admission, next.Admission)
        .SetProperty(row => row.WaitReason, next.WaitReason)
        .SetProperty(row => row.WaitingSince, next.WaitingSince)
        .SetProperty(row => row.FailingSince, next.FailingSince)
        .SetProperty(row => row.SpoolId, next.SpoolId)
        .SetProperty(row => row.FailureCode, next.FailureCode)
        .SetProperty(row => row.FailureDetail, next.FailureDetail)
        .SetProperty(row => row.Provider, next.Provider)
        .SetProperty(row => row.PodId, next.PodId)
        .SetProperty(row => row.TrainingId, next.TrainingId)
        .SetProperty(row => row.NotValidated, next.NotValidated)
        .SetProperty(row => row.Step, next.Step)
        .SetProperty(row => row.TotalSteps, next.TotalSteps)
        .SetProperty(row => row.Loss, next.Loss)
        .SetProperty(row => row.HeartbeatAt, next.HeartbeatAt)
        .SetProperty(row => row.StepAt, next.StepAt)
        .SetProperty(row => row.StuckSince, next.StuckSince)
        .SetProperty(row => row.ArtifactBytes, next.ArtifactBytes)
        .SetProperty(row => row.ArtifactSha256, next.ArtifactSha256)
        .SetProperty(row => row.StepErrors, next.StepErrors)
        .SetProperty(row => row.StepTries, next.StepTries);

    private async Task SaveSharedAsync(TrainingJob job, CancellationToken cancellationToken)
    {
        TrainingJobRow next = TrainingJobRow.From(job);
        await Shared.Where(row => row.Id == next.Id).ExecuteUpdateAsync(
            set => set
                .SetProperty(row => row.Status, next.Status)
                .SetProperty(row => row.Provider, next.Provider)
                .SetProperty(row => row.RunpodPodId, next.RunpodPodId)
                .SetProperty(row => row.ReplicateTrainingId, next.ReplicateTrainingId)
                .SetProperty(row => row.ErrorCode, next.ErrorCode)
                .SetProperty(row => row.ErrorMessage, next.ErrorMessage)
                .SetProperty(row => row.StartedAt, next.StartedAt)
                .SetProperty(row => row.CompletedAt, next.CompletedAt)
                .SetProperty(row => row.UpdatedAt, next.UpdatedAt),
            cancellationToken);
    }

    private static void Guard(JobId id, long fence, int written)
    {
        if (written == 0)
        {
            throw new LeaseLostException($"Job {id} was taken over or has ended: fence {fence} is no longer the newest.");
        }
    }
}
