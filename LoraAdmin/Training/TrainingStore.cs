using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Training;

/// <summary>Jobs: reading, adding and what people wish. Leases and guarded saves are in the other part.</summary>
internal sealed partial class TrainingStore(LoraDb db) : ITrainingStore
{
    private static readonly CompiledQuery<Func<LoraDb, Guid, CancellationToken, Task<TrainingProgressRow?>>> One = new(
        static () => EF.CompileAsyncQuery(
            (LoraDb db, Guid id, CancellationToken cancellationToken) => db.Set<TrainingProgressRow>().AsNoTracking().SingleOrDefault(row => row.JobId == id)));

    private static readonly CompiledQuery<Func<LoraDb, long, int, IAsyncEnumerable<Guid>>> WithOldImages = new(
        static () => EF.CompileAsyncQuery<LoraDb, long, int, Guid>(
            (db, before, max) => db.Set<TrainingProgressRow>()
                .Where(row => !row.IsOpen && row.ImagesGoneAt == null && row.CompletedAt < before)
                .OrderBy(row => row.CompletedAt).ThenBy(row => row.JobId)
                .Take(max)
                .Select(row => row.JobId)));

    private DbSet<TrainingProgressRow> Progress => db.Set<TrainingProgressRow>();

    private DbSet<TrainingJobRow> Shared => db.Set<TrainingJobRow>();

    public Task AddAsync(TrainingJob job, IReadOnlyList<TrainingImage> images, TrainingAttempt? first, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        ArgumentNullException.ThrowIfNull(images);
        db.AddNew(TrainingProgressRow.From(job), TrainingJobRow.From(job));
        db.AddNew(images.Select(image => TrainingImageRow.From(job.Id, image)));
        if (first is not null)
        {
            db.AddNew(TrainingAttemptRow.From(first));
        }

        return Task.CompletedTask;
    }

    public async Task<TrainingJob?> FindAsync(JobId id, CancellationToken cancellationToken) =>
        (await One.For(db)(db, id.Value, cancellationToken))?.ToJob();

    public async Task<IReadOnlyList<TrainingImage>> ListImagesAsync(JobId id, CancellationToken cancellationToken)
    {
        List<TrainingImageRow> rows = await db.Set<TrainingImageRow>().AsNoTracking()
            .Where(row => row.JobId == id.Value)
            .OrderBy(row => row.Number)
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(row => row.ToImage());
    }

    public async Task SaveImagesAsync(JobId id, IReadOnlyList<TrainingImage> images, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(images);
        await db.Set<TrainingImageRow>().Where(row => row.JobId == id.Value).ExecuteDeleteAsync(cancellationToken);
        db.AddNew(images.Select(image => TrainingImageRow.From(id, image)));
    }

    public async Task<bool> WishCancelAsync(JobId id, CancelWish wish, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(wish);
        TrainingState[] cancellable = [.. Enum.GetValues<TrainingState>().Where(state => state.CanCancel())];
        long at = wish.At.ToMillis();
        int written = await Progress
            .Where(row => row.JobId == id.Value && cancellable.Contains(row.State))
            .ExecuteUpdateAsync(
                set => set
                    .SetProperty(row => row.CancelByKind, wish.By.Kind)
                    .SetProperty(row => row.CancelByName, wish.By.Name)
                    .SetProperty(row => row.CancelReason, wish.Reason)
                    .SetProperty(row => row.CancelAt, at)
                    .SetProperty(row => row.WishVersion, row => row.WishVersion + 1)
                    .SetProperty(row => row.DueAt, row => row.DueAt < at ? row.DueAt : at),
                cancellationToken);
        return written == 1;
    }

    public Task MakeDueAsync(JobId id, DateTimeOffset now, CancellationToken cancellationToken)
    {
        long at = now.ToMillis();
        return Progress
            .Where(row => row.JobId == id.Value && row.IsOpen)
            .ExecuteUpdateAsync(
                set => set
                    .SetProperty(row => row.WishVersion, row => row.WishVersion + 1)
                    .SetProperty(row => row.DueAt, row => row.DueAt < at ? row.DueAt : at),
                cancellationToken);
    }

    public async Task<DateTimeOffset?> NextDueAsync(string spool, DateTimeOffset now, CancellationToken cancellationToken)
    {
        long heard = (now - SpoolStanding.TakeOverAfter).ToMillis();
        string sql = """
            SELECT * FROM training_progress
            WHERE is_open AND (spool_id IS NULL OR spool_id = {0} OR NOT EXISTS (
                SELECT 1 FROM spool_instances AS disk WHERE disk.spool_id = training_progress.spool_id AND disk.last_seen_at > {1}))
            """;

        // A held job is nobody's when its lease runs out: a sleeper has to wake then, or a dead holder's job would wait for the next new one.
        long? due = await Progress.FromSqlRaw(sql, spool, heard).MinAsync(
            row => row.LeaseOwner != null && row.LeaseUntil > row.DueAt ? row.LeaseUntil : (long?)row.DueAt,
            cancellationToken);
        return Instants.FromMillis(due);
    }

    public async Task<IReadOnlyList<JobId>> ListOpenAsync(CancellationToken cancellationToken)
    {
        List<Guid> ids = await Progress.Where(row => row.IsOpen).OrderBy(row => row.DueAt).ThenBy(row => row.JobId)
            .Select(row => row.JobId)
            .ToListAsync(cancellationToken);
        return ids.ConvertAll(id => new JobId(id));
    }

    public async Task<IReadOnlyList<TrainingJob>> ListWaitingAsync(string reason, int max, CancellationToken cancellationToken)
    {
        List<TrainingProgressRow> rows = await Progress.AsNoTracking()
            .Where(row => row.IsOpen && row.WaitReason != null && row.WaitReason.StartsWith(reason))
            .OrderBy(row => row.WaitingSince ?? row.StateSince).ThenBy(row => row.JobId)
            .Take(max)
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(row => row.ToJob());
    }

    public Task<bool> AnyWaitsForProviderAsync(CancellationToken cancellationToken) =>
        Progress.AnyAsync(
            row => row.IsOpen && (row.WaitingSince != null
                || (row.WaitReason != null && (row.State == TrainingState.Queued || (row.State == TrainingState.Provisioning && row.PodId == null && row.TrainingId == null)))),
            cancellationToken);

    public Task<IReadOnlyList<JobId>> ListWithOldImagesAsync(DateTimeOffset endedBefore, int max, CancellationToken cancellationToken) =>
        WithOldImages.For(db)(db, endedBefore.ToMillis(), max).ListAsync(static id => new JobId(id), cancellationToken);

    public async Task<bool> SetImagesGoneAsync(JobId id, DateTimeOffset at, CancellationToken cancellationToken) =>
        await Progress.Where(row => row.JobId == id.Value && !row.IsOpen)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.ImagesGoneAt, (long?)at.ToMillis()), cancellationToken) == 1;

    public Task<bool> IsImageUsedElsewhereAsync(string key, JobId except, DateTimeOffset endedAfter, CancellationToken cancellationToken)
    {
        long after = endedAfter.ToMillis();

        // By way of the user, under whom every key of a request lies: images have no index of their own keys.
        return Progress.AnyAsync(
            row => row.UserId == Progress.Where(one => one.JobId == except.Value).Select(one => one.UserId).First()
                && row.JobId != except.Value
                && (row.IsOpen || row.CompletedAt >= after)
                && db.Set<TrainingImageRow>().Any(image => image.JobId == row.JobId && image.Key == key),
            cancellationToken);
    }

    public async Task<IReadOnlySet<string>> FindImageKeysAsync(
        IReadOnlyCollection<UserId> users, IReadOnlyCollection<string> keys, CancellationToken cancellationToken)
    {
        List<Guid> owners = [.. users.Select(user => user.Value)];
        List<string> wanted = [.. keys];
        List<string> found = await Progress
            .Where(row => owners.Contains(row.UserId))
            .Join(db.Set<TrainingImageRow>(), row => row.JobId, image => image.JobId, (_, image) => image.Key)
            .Where(key => wanted.Contains(key))
            .Distinct()
            .ToListAsync(cancellationToken);
        return found.ToHashSet(StringComparer.Ordinal);
    }

    public async Task AddCostAsync(JobId id, Usd cost, CancellationToken cancellationToken)
    {
        await Progress.Where(row => row.JobId == id.Value).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.CostMicros, row => (row.CostMicros ?? 0) + cost.Micros), cancellationToken);

        // From the sum in micro-dollars, so that the shared column can't drift from it. Who reads it must not take a part for the whole.
        await Shared.Where(row => row.Id == id.Value).ExecuteUpdateAsync(
            set => set.SetProperty(
                row => row.CostUsd,
                row => db.Set<TrainingAttemptRow>().Any(attempt => attempt.JobId == id.Value && attempt.CostMicros == null) ? null : Progress.Where(progress => progress.JobId == id.Value).Select(progress => (decimal?)progress.CostMicros).First() / 1_000_000m),
            cancellationToken);
    }

    public async Task SetCleanupStatusAsync(JobId id, string status, CancellationToken cancellationToken)
    {
        await Progress.Where(row => row.JobId == id.Value)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.CleanupStatus, status), cancellationToken);
        await Shared.Where(row => row.Id == id.Value)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.CleanupStatus, status), cancellationToken);
    }
}
