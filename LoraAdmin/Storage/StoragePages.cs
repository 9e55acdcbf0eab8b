using System.Globalization;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.Live;
using LoraAdmin.Shell;

namespace LoraAdmin.Storage;

/// <summary>What storage held when it was last counted.</summary>
/// <param name="Buckets">Empty: it was never counted.</param>
/// <param name="Differences">The first of those that the last whole counts found.</param>
public sealed record StorageBoard(IReadOnlyList<BucketStanding> Buckets, IReadOnlyList<CensusDifference> Differences)
{
    /// <summary>The oldest of the counts that the sums rest on; null: no bucket was ever read to its end.</summary>
    public DateTimeOffset? CountedAt => Counted.Select(one => (DateTimeOffset?)one.At).Min();

    public long Objects => Counted.Sum(one => one.Objects);

    public long Bytes => Counted.Sum(one => one.Bytes);

    public long Missing => Counted.Sum(one => one.Missing);

    public long Strays => Counted.Sum(one => one.Strays);

    /// <summary>Null: of no bucket is known what it held before.</summary>
    public long? GrowthBytes => Buckets.Any(one => one.GrowthBytes is not null) ? Buckets.Sum(one => one.GrowthBytes ?? 0) : null;

    /// <summary>Buckets whose last count did not come to its end.</summary>
    public IEnumerable<BucketStanding> Unread => Buckets.Where(one => one.Newest.Unread is not null);

    private IEnumerable<BucketCensus> Counted => Buckets.Select(one => one.LastRead).OfType<BucketCensus>();
}

/// <summary>Reads for the gauges of storage.</summary>
public interface IStorageQueries
{
    /// <exception cref="StoreUnavailableException">The database is away: show that, never an empty board.</exception>
    Task<StorageBoard> ReadAsync(CancellationToken cancellationToken);
}

internal sealed class StorageQueries(IUnitOfWork work, TimeProvider clock) : IStorageQueries
{
    /// <summary>More than anybody goes through by hand; the counts have all.</summary>
    public const int MostDifferences = 100;

    public Task<StorageBoard> ReadAsync(CancellationToken cancellationToken) => work.ReadAsync(
        async (unit, token) =>
        {
            IStorageCensusStore censuses = unit.Store<IStorageCensusStore>();
            return new StorageBoard(await censuses.ReadAsync(Month.Of(clock.GetUtcNow()).Start, token), await censuses.ListAsync(MostDifferences, token));
        },
        cancellationToken);
}

/// <summary>What the gauges of storage show live: a part of the page Files, and a tile of the overview.</summary>
public static class StoragePages
{
    /// <summary>A daily count that is older has not been made.</summary>
    public static readonly TimeSpan OldAfter = TimeSpan.FromHours(36);

    public static readonly LiveSource<StorageBoard> Board = new(
        "storage.board", LiveTopics.Training, TimeSpan.FromSeconds(30), (services, token) => services.GetRequiredService<IStorageQueries>().ReadAsync(token));

    public static IServiceCollection AddStoragePages(this IServiceCollection services)
    {
        services.AddSingleton<IStorageQueries, StorageQueries>();
        services.AddSingleton(new Slot(SlotPlaces.OverviewTiles, typeof(StorageTile)));
        services.AddSingleton(new Slot(SlotPlaces.FilesEnd, typeof(StorageGauges)));
        return services;
    }

    /// <summary><c>+1.2 MB</c>, <c>-3 B</c>, <c>no change</c>.</summary>
    public static string Growth(long bytes) => bytes switch
    {
        0 => "no change",
        < 0 => $"-{Bytes.Text(-bytes)}",
        _ => $"+{Bytes.Text(bytes)}",
    };

    public static string Count(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
