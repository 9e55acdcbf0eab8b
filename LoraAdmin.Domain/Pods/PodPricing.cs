using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>What pods cost, as far as it can be known beforehand.</summary>
public static class PodPricing
{
    /// <summary>Container and mount disk of a running pod cost $0.10 per GB and month of 30 days (RunPod's pricing page).</summary>
    public static Usd DiskPerHour(int gigabytes) => PerGigabyteMonth(gigabytes, 0.10m);

    /// <summary>The mount of a stopped pod costs twice that, and nothing else is charged (RunPod's pricing page); a network volume is billed apart.</summary>
    public static Usd StoppedPerHour(int mountGigabytes) => PerGigabyteMonth(mountGigabytes, 0.20m);

    private static Usd PerGigabyteMonth(int gigabytes, decimal dollars) => new((long)decimal.Ceiling(gigabytes * dollars * 1_000_000m / (30 * 24)));
}

/// <summary>The catalog's prices, read at most every <see cref="KeepFor"/>; when it can't be read, the last ones count, and the worst case where there are none.</summary>
public sealed class GpuPrices(IGpuCatalog catalog, TimeProvider clock)
{
    public static readonly TimeSpan KeepFor = TimeSpan.FromMinutes(5);

    private CatalogReading.Read? last;
    private DateTimeOffset readAt;

    /// <summary>The dearest hourly price among the GPU types, disk not included; <paramref name="worst"/> when one of them is unknown.</summary>
    public async Task<Usd> DearestAsync(IReadOnlyList<string> gpuTypes, Usd worst, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(gpuTypes);
        await RefreshAsync(cancellationToken);
        Usd dearest = Usd.Zero;
        foreach (string type in gpuTypes)
        {
            Usd? price = last?.Offers.FirstOrDefault(offer => offer.Id == type)?.HourlyPrice;
            if (price is not { } known)
            {
                return worst;
            }

            dearest = known > dearest ? known : dearest;
        }

        return dearest;
    }

    /// <summary>Whether the catalog says that any of the types is in stock; null when it could not be read.</summary>
    public async Task<bool?> AnyInStockAsync(IReadOnlyList<string> gpuTypes, CancellationToken cancellationToken)
    {
        readAt = default;
        return await RefreshAsync(cancellationToken)
            ? last!.Offers.Any(offer => offer.InStock && gpuTypes.Contains(offer.Id))
            : null;
    }

    private async Task<bool> RefreshAsync(CancellationToken cancellationToken)
    {
        if (last is not null && clock.GetUtcNow() - readAt < KeepFor)
        {
            return true;
        }

        if (await catalog.ReadAsync(cancellationToken) is not CatalogReading.Read read)
        {
            return false;
        }

        last = read;
        readAt = clock.GetUtcNow();
        return true;
    }
}
