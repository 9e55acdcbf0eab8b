using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Tests.Simulation.Memory;

internal sealed class MemoryCensusStore(MemoryDatabase database) : IStorageCensusStore
{
    public Task<bool> TryNoteAsync(BucketCensus census, CancellationToken cancellationToken)
    {
        if (Of(census.Bucket).Any(one => one.At >= census.At))
        {
            return Task.FromResult(false);
        }

        database.Censuses.Set((census.Bucket, census.At), census);
        foreach (CensusDifference one in census.Unread is null ? database.Differences.Rows.Where(one => one.Bucket == census.Bucket && one.At < census.At).ToArray() : [])
        {
            database.Differences.Set((one.Bucket, one.Kind, one.Key), null);
        }

        foreach (BucketCensus old in Of(census.Bucket).Where(one => one.At < census.At - BucketCensus.KeepFor).ToArray())
        {
            database.Censuses.Set((old.Bucket, old.At), null);
        }

        return Task.FromResult(true);
    }

    public Task<bool> TryAddAsync(CensusDifference difference, CancellationToken cancellationToken)
    {
        if (Whole(difference.Bucket).FirstOrDefault()?.At > difference.At)
        {
            return Task.FromResult(false);
        }

        database.Differences.Set((difference.Bucket, difference.Kind, difference.Key), difference);
        return Task.FromResult(true);
    }

    public Task<ConfirmedDifferences> CountConfirmedAsync(string bucket, DateTimeOffset at, CancellationToken cancellationToken)
    {
        DifferenceKind[] confirmed = [.. database.Differences.Rows.Where(one => one.Bucket == bucket && one.At == at).Select(one => one.Kind)];
        return Task.FromResult(new ConfirmedDifferences(confirmed.Count(kind => kind == DifferenceKind.Stray), confirmed.Count(kind => kind == DifferenceKind.Missing)));
    }

    public Task<IReadOnlyList<BucketStanding>> ReadAsync(DateTimeOffset month, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<BucketStanding>>(
    [
        .. database.Censuses.Rows.Select(one => one.Bucket).Distinct().Order(StringComparer.Ordinal).Select(bucket =>
        {
            BucketCensus? last = Whole(bucket).FirstOrDefault();
            BucketCensus? before = Whole(bucket).FirstOrDefault(one => one.At < month) ?? Whole(bucket).LastOrDefault();
            return new BucketStanding(Of(bucket).First(), last, before == last ? null : before);
        }),
    ]);

    public Task<IReadOnlyList<CensusDifference>> ListAsync(int most, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<CensusDifference>>(
    [
        .. database.Differences.Rows
            .OrderByDescending(one => one.Kind == DifferenceKind.Missing)
            .ThenBy(one => one.Bucket, StringComparer.Ordinal)
            .ThenBy(one => one.Key, StringComparer.Ordinal)
            .Take(most),
    ]);

    private IOrderedEnumerable<BucketCensus> Of(string bucket) => database.Censuses.Rows.Where(one => one.Bucket == bucket).OrderByDescending(one => one.At);

    private IEnumerable<BucketCensus> Whole(string bucket) => Of(bucket).Where(one => one.Unread is null);
}
