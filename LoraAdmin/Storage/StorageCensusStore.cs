using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Storage;

/// <inheritdoc cref="IStorageCensusStore"/>
internal sealed class StorageCensusStore(LoraDb db) : IStorageCensusStore
{
    private DbSet<StorageCensusRow> Counts => db.Set<StorageCensusRow>();

    private DbSet<StorageDifferenceRow> Differences => db.Set<StorageDifferenceRow>();

    public async Task<bool> TryNoteAsync(BucketCensus census, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(census);
        StorageCensusRow row = StorageCensusRow.From(census);
        if (await Counts.AnyAsync(one => one.Bucket == row.Bucket && one.TakenAt >= row.TakenAt, cancellationToken))
        {
            return false;
        }

        db.AddNew(row);
        if (row.Unread is null)
        {
            await Differences.Where(one => one.Bucket == row.Bucket && one.TakenAt < row.TakenAt).ExecuteDeleteAsync(cancellationToken);
        }

        long before = (census.At - BucketCensus.KeepFor).ToMillis();
        await Counts.Where(one => one.Bucket == row.Bucket && one.TakenAt < before).ExecuteDeleteAsync(cancellationToken);
        return true;
    }

    public async Task<bool> TryAddAsync(CensusDifference difference, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(difference);
        StorageDifferenceRow row = StorageDifferenceRow.From(difference);
        long? last = await Counts.Where(one => one.Bucket == row.Bucket && one.Unread == null).MaxAsync(one => (long?)one.TakenAt, cancellationToken);
        if (last > row.TakenAt)
        {
            return false;
        }

        await Differences.Where(one => one.Bucket == row.Bucket && one.Kind == row.Kind && one.Key == row.Key).ExecuteDeleteAsync(cancellationToken);
        db.AddNew(row);
        return true;
    }

    public async Task<ConfirmedDifferences> CountConfirmedAsync(string bucket, DateTimeOffset at, CancellationToken cancellationToken)
    {
        long taken = at.ToMillis();
        IQueryable<StorageDifferenceRow> confirmed = Differences.Where(row => row.Bucket == bucket && row.TakenAt == taken);
        return new ConfirmedDifferences(
            await confirmed.LongCountAsync(row => row.Kind == DifferenceKind.Stray, cancellationToken),
            await confirmed.LongCountAsync(row => row.Kind == DifferenceKind.Missing, cancellationToken));
    }

    public async Task<IReadOnlyList<BucketStanding>> ReadAsync(DateTimeOffset month, CancellationToken cancellationToken)
    {
        List<BucketStanding> standings = [];
        foreach (string bucket in await Counts.Select(row => row.Bucket).Distinct().OrderBy(name => name).ToListAsync(cancellationToken))
        {
            long start = month.ToMillis();
            IQueryable<StorageCensusRow> all = Counts.AsNoTracking().Where(row => row.Bucket == bucket).OrderByDescending(row => row.TakenAt);
            IQueryable<StorageCensusRow> whole = all.Where(row => row.Unread == null);
            StorageCensusRow? last = await whole.FirstOrDefaultAsync(cancellationToken);
            StorageCensusRow? before = await whole.FirstOrDefaultAsync(row => row.TakenAt < start, cancellationToken)
                ?? await whole.OrderBy(row => row.TakenAt).FirstOrDefaultAsync(cancellationToken);
            standings.Add(new BucketStanding(
                (await all.FirstAsync(cancellationToken)).ToCensus(), last?.ToCensus(), before?.TakenAt == last?.TakenAt ? null : before?.ToCensus()));
        }

        return standings;
    }

    public async Task<IReadOnlyList<CensusDifference>> ListAsync(int most, CancellationToken cancellationToken)
    {
        List<StorageDifferenceRow> rows = await Differences.AsNoTracking()
            .OrderBy(row => row.Kind == DifferenceKind.Missing ? 0 : 1).ThenBy(row => row.Bucket).ThenBy(row => row.Key)
            .Take(most)
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(row => row.ToDifference());
    }
}
