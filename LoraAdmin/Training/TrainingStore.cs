using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Training;

/// <summary>Jobs: reading, adding and what people wish. Leases and guarded saves are in the other part.</summary>
internal sealed partial class TrainingStore(LoraDb db) : ITrainingStore
{
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

    public async Task<TrainingJob?> FindAsync(JobId id, CancellationToken cancellationToken)
    {
        TrainingProgressRow? row = await Progress.AsNoTracking().SingleOrDefaultAsync(progress => progress.JobId == id.Value, cancellationToken);
        return row?.ToJob();
    }

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

    public async Task<DateTimeOffset?> NextDueAsync(CancellationToken cancellationToken)
    {
        // A held job is nobody's when its lease runs out: a sleeper has to wake then, or a dead holder's job would wait for the next new one.
        long? due = await Progress.Where(row => row.IsOpen).MinAsync(
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

    public async Task AddCostAsync(JobId id, Usd cost, CancellationToken cancellationToken)
    {
        await Progress.Where(row => row.JobId == id.Value).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.CostMicros, row => (row.CostMicros ?? 0) + cost.Micros), cancellationToken);

        // From the sum in micro-dollars, so that the shared column can't drift from it.
        await Shared.Where(row => row.Id == id.Value).ExecuteUpdateAsync(
            set => set.SetProperty(
                row => row.CostUsd,
                row => Progress.Where(progress => progress.JobId == id.Value).Select(progress => (decimal?)progress.CostMicros).First() / 1_000_000m),
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
