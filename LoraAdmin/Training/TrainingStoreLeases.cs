using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Training;

internal sealed partial class TrainingStore
{
    // Cost and clean-up have statements of their own, which go past the lease: a save must not undo them.
    private static readonly string[] Saved =
    [
        nameof(TrainingProgressRow.Name), nameof(TrainingProgressRow.CreatorEmail), nameof(TrainingProgressRow.SearchText),
        nameof(TrainingProgressRow.GpuType), nameof(TrainingProgressRow.State), nameof(TrainingProgressRow.IsOpen), nameof(TrainingProgressRow.StateSince),
        nameof(TrainingProgressRow.UpdatedAt), nameof(TrainingProgressRow.StartedAt), nameof(TrainingProgressRow.CompletedAt),
        nameof(TrainingProgressRow.Attempt), nameof(TrainingProgressRow.Admission), nameof(TrainingProgressRow.WaitReason),
        nameof(TrainingProgressRow.WaitingSince), nameof(TrainingProgressRow.FailingSince), nameof(TrainingProgressRow.SpoolId),
        nameof(TrainingProgressRow.FailureCode), nameof(TrainingProgressRow.FailureDetail), nameof(TrainingProgressRow.Provider),
        nameof(TrainingProgressRow.PodId), nameof(TrainingProgressRow.TrainingId), nameof(TrainingProgressRow.NotValidated),
        nameof(TrainingProgressRow.Step), nameof(TrainingProgressRow.TotalSteps), nameof(TrainingProgressRow.Loss),
        nameof(TrainingProgressRow.HeartbeatAt), nameof(TrainingProgressRow.StepAt), nameof(TrainingProgressRow.StuckSince),
        nameof(TrainingProgressRow.ArtifactBytes), nameof(TrainingProgressRow.ArtifactSha256), nameof(TrainingProgressRow.StepErrors),
        nameof(TrainingProgressRow.StepTries),
    ];

    private static readonly CompiledQuery<Func<LoraDb, string, long, IAsyncEnumerable<TrainingProgressRow>>> LeasedTogether = new(
        static () => EF.CompileAsyncQuery<LoraDb, string, long, TrainingProgressRow>(
            (db, owner, until) => db.Set<TrainingProgressRow>().AsNoTracking().Where(row => row.IsOpen && row.LeaseOwner == owner && row.LeaseUntil == until)));

    private static readonly RowUpdates<TrainingProgressRow> AllButWishes = new(Saved);

    private static readonly RowUpdates<TrainingProgressRow> AllAndWishes = new(
    [
        .. Saved,
        nameof(TrainingProgressRow.DueAt), nameof(TrainingProgressRow.CancelByKind), nameof(TrainingProgressRow.CancelByName),
        nameof(TrainingProgressRow.CancelReason), nameof(TrainingProgressRow.CancelAt), nameof(TrainingProgressRow.ImagesGoneAt),
    ]);

    private static readonly RowUpdates<TrainingJobRow> SharedRow = new(
    [
        nameof(TrainingJobRow.Status), nameof(TrainingJobRow.Provider), nameof(TrainingJobRow.RunpodPodId), nameof(TrainingJobRow.ReplicateTrainingId), nameof(TrainingJobRow.ErrorCode),
        nameof(TrainingJobRow.ErrorMessage), nameof(TrainingJobRow.StartedAt), nameof(TrainingJobRow.CompletedAt), nameof(TrainingJobRow.UpdatedAt),
    ]);

    public async Task<IReadOnlyList<LeasedJob>> LeaseDueAsync(
        string owner, string spool, DateTimeOffset now, TimeSpan duration, int max, CancellationToken cancellationToken)
    {
        long until = (now + duration).ToMillis();

        // A common table expression with FOR UPDATE is evaluated once; as a plain sub-select PostgreSQL may run it again and take more than asked.
        Statement lease = new(
            $"""
            WITH due AS (
                SELECT job_id FROM training_progress
                WHERE is_open AND due_at <= $1 AND (lease_owner IS NULL OR lease_until <= $1)
                AND (spool_id IS NULL OR spool_id = $5 OR NOT EXISTS (
                    SELECT 1 FROM spool_instances AS disk WHERE disk.spool_id = training_progress.spool_id AND disk.last_seen_at > $6))
                ORDER BY due_at, job_id LIMIT $2 {db.SkipLocked})
            UPDATE training_progress SET lease_owner = $3, lease_until = $4, fence = fence + 1
            WHERE job_id IN (SELECT job_id FROM due)
            RETURNING job_id
            """,
            [now.ToMillis(), max, owner, until, spool, (now - SpoolStanding.TakeOverAfter).ToMillis()])
        {
            Returns = true,
        };
        HashSet<Guid> leased = [.. (await db.RunAsync([lease], cancellationToken))[0].Rows.Select(static row => row[0] as Guid? ?? Guid.Parse((string)row[0]))];
        if (leased.Count == 0)
        {
            return [];
        }

        // Among these may be others that the same owner leased within the same millisecond.
        IReadOnlyList<TrainingProgressRow> rows = await LeasedTogether.For(db)(db, owner, until).ListAsync(static row => row, cancellationToken);
        return
        [
            .. rows.Where(row => leased.Contains(row.JobId)).OrderBy(row => row.DueAt).ThenBy(row => row.JobId.ToString(), StringComparer.Ordinal).Select(row => row.ToLease()),
        ];
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
        string letGo = release || !next.IsOpen ? ", lease_owner = NULL, lease_until = NULL" : "";
        string rest = $", due_at = CASE WHEN wish_version > $3 THEN $4 ELSE $5 END{letGo} WHERE job_id = $1 AND fence = $2 AND is_open";
        Statement save = AllButWishes.Of(db, next, rest, next.JobId, fence, job.WishVersion, Math.Min(next.UpdatedAt, next.DueAt), next.DueAt);
        int written = (await db.RunAsync([save], cancellationToken))[0].Written;
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
        Statement reopen = AllAndWishes.Of(
            db,
            next,
            """
            , wish_version = wish_version + 1,
                lease_owner = CASE WHEN lease_until > $2 THEN lease_owner END,
                lease_until = CASE WHEN lease_until > $2 THEN lease_until END,
                fence = CASE WHEN lease_owner IS NOT NULL AND lease_until > $2 THEN fence ELSE fence + 1 END
            WHERE job_id = $1 AND NOT is_open
            """,
            next.JobId,
            next.UpdatedAt);
        int written = (await db.RunAsync([reopen], cancellationToken))[0].Written;
        if (written == 0)
        {
            return false;
        }

        await SaveSharedAsync(job, cancellationToken);
        return true;
    }

    private async Task SaveSharedAsync(TrainingJob job, CancellationToken cancellationToken)
    {
        TrainingJobRow next = TrainingJobRow.From(job);
        await db.RunAsync([SharedRow.Of(db, next, " WHERE id = $1", next.Id)], cancellationToken);
    }

    private static void Guard(JobId id, long fence, int written)
    {
        if (written == 0)
        {
            throw new LeaseLostException($"Job {id} was taken over or has ended: fence {fence} is no longer the newest.");
        }
    }
}
