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

/// <summary>
/// The catalog's prices, read at most every <see cref="KeepFor"/>; when it can't be read, the last ones count, of each type those that were read later: by this
/// process, or those in the book; and the worst case where none was ever known, or the newer of the two says that the type is not offered. A catalog that failed is left alone for <see cref="LeaveAloneFor"/>.
/// </summary>
/// <param name="book">Keeps what was read, for people to see and for a process that could not read yet; null: nobody does.</param>
public sealed class GpuPrices(IGpuCatalog catalog, TimeProvider clock, GpuPriceBook? book = null)
{
    public static readonly TimeSpan KeepFor = TimeSpan.FromMinutes(5);

    public static readonly TimeSpan LeaveAloneFor = TimeSpan.FromSeconds(30);

    /// <summary>How long a price is waited for: somebody stands at the door, and the worst case is an answer too.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    // Replaced whole: callers on several threads read it.
    private Known known = new(null, null, null);

    /// <summary>The dearest hourly price among the GPU types, disk not included; <paramref name="worst"/> when one of them is unknown.</summary>
    /// <remarks>It may read the database: not to be called inside a unit of work.</remarks>
    public async Task<Usd> DearestAsync(IReadOnlyList<string> gpuTypes, Usd worst, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(gpuTypes);
        DateTimeOffset now = clock.GetUtcNow();
        if (!GpuPriceBook.IsWithin(known.ReadAt, now, KeepFor) && !FailedLately(now))
        {
            await RefreshImpatientlyAsync(cancellationToken);
        }

        return await DearestKnownAsync(gpuTypes, worst, cancellationToken);
    }

    /// <summary>The same by what was read last, by whichever process, without asking the catalog: for pages.</summary>
    /// <remarks>It may read the database: not to be called inside a unit of work.</remarks>
    public async Task<Usd> DearestKnownAsync(IReadOnlyList<string> gpuTypes, Usd worst, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(gpuTypes);
        Known own = known;
        bool isOfNow = own.Last is not null && GpuPriceBook.IsWithin(own.ReadAt, clock.GetUtcNow(), KeepFor);
        IReadOnlyDictionary<string, GpuPrice>? kept = isOfNow || book is null ? null : await book.ReadAsync(cancellationToken);
        Usd dearest = Usd.Zero;
        foreach (string type in gpuTypes)
        {
            if (NewerOf(own, kept?.GetValueOrDefault(type), type) is not { } price)
            {
                return worst;
            }

            dearest = price > dearest ? price : dearest;
        }

        return dearest;
    }

    /// <summary>Whether the catalog says that any of the types is in stock; null when it could not be read.</summary>
    public async Task<bool?> AnyInStockAsync(IReadOnlyList<string> gpuTypes, CancellationToken cancellationToken) =>
        !FailedLately(clock.GetUtcNow()) && await RefreshAsync(cancellationToken) is { } read
            ? read.Offers.Any(offer => offer.InStock && gpuTypes.Contains(offer.Id))
            : null;

    /// <summary>What the book says has happened to the price since this process read last was read by another one.</summary>
    /// <returns>Null: whoever read last has not seen the type offered, or nobody ever has.</returns>
    private static Usd? NewerOf(Known own, GpuPrice? kept, string type)
    {
        if (kept is not null && (own.Last is null || (kept.ValidUntil ?? kept.ValidFrom) > own.ReadAt))
        {
            return kept.ValidUntil is null ? kept.Hourly : null;
        }

        return own.Last?.Offers.FirstOrDefault(offer => offer.Id == type)?.HourlyPrice;
    }

    private bool FailedLately(DateTimeOffset now) => GpuPriceBook.IsWithin(known.FailedAt, now, LeaveAloneFor);

    private async Task RefreshImpatientlyAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource patience = new(Patience, clock);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        try
        {
            await RefreshAsync(either.Token);
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            known = known with { FailedAt = clock.GetUtcNow() };
        }
    }

    /// <returns>Null when the catalog could not be read.</returns>
    private async Task<CatalogReading.Read?> RefreshAsync(CancellationToken cancellationToken)
    {
        if (await catalog.ReadAsync(cancellationToken) is CatalogReading.Read read)
        {
            known = new Known(read, clock.GetUtcNow(), FailedAt: null);
            await (book?.NoteAsync(read, cancellationToken) ?? Task.CompletedTask);
            return read;
        }

        known = known with { FailedAt = clock.GetUtcNow() };
        return null;
    }

    private sealed record Known(CatalogReading.Read? Last, DateTimeOffset? ReadAt, DateTimeOffset? FailedAt);
}
