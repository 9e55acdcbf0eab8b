using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>What a GPU type cost per hour, disk not included, and when: from the reading that first showed the price to the one that showed another.</summary>
/// <param name="ValidUntil">Null: it is the newest that was read.</param>
public sealed record GpuPrice(string GpuType, Usd Hourly, DateTimeOffset ValidFrom, DateTimeOffset? ValidUntil);

/// <summary>Prices of the past and the present. Bound to a unit of work.</summary>
public interface IGpuPriceStore
{
    /// <summary>Those that hold now, in order of type.</summary>
    Task<IReadOnlyList<GpuPrice>> ListCurrentAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Ends the price that holds and begins the new one. Asked for the price that holds already, or at an instant that is not after its beginning, it
    /// changes nothing: of several instances that see the change one notes it.
    /// </summary>
    /// <param name="hourly">Null: the type is not offered any more.</param>
    Task ChangeAsync(string gpuType, Usd? hourly, DateTimeOffset at, CancellationToken cancellationToken);

    /// <summary>The newest prices of all types, latest beginning first.</summary>
    Task<IReadOnlyList<GpuPrice>> ListAsync(int max, CancellationToken cancellationToken);
}

/// <summary>
/// Keeps the catalog's prices with the time for which they held. It writes when a price differs from the one that is kept, at most every
/// <see cref="AtMostEvery"/>, so that a catalog that wavers fills no table. What it remembers of the table it reads anew every
/// <see cref="RereadEvery"/>, because another instance may have noted something since and stopped.
/// </summary>
public sealed class GpuPriceBook(IUnitOfWork work, TimeProvider clock)
{
    public static readonly TimeSpan AtMostEvery = TimeSpan.FromMinutes(5);

    public static readonly TimeSpan RereadEvery = TimeSpan.FromHours(1);

    // Replaced whole: callers on several threads note what they read.
    private Known known = new(new Dictionary<string, Usd>(), null);

    /// <summary>Notes what the catalog has shown. A type that it does not list keeps its price; a database that is away is tried again at the next reading.</summary>
    public async Task NoteAsync(CatalogReading.Read reading, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(reading);
        DateTimeOffset now = clock.GetUtcNow();
        if (now - known.At < AtMostEvery || (now - known.At < RereadEvery && !Changes(reading, known.Prices).Any()))
        {
            return;
        }

        try
        {
            IReadOnlyDictionary<string, Usd> kept = await work.ReadAsync(ListAsync, cancellationToken);
            if (Changes(reading, kept).Any())
            {
                kept = await work.RunAsync((unit, token) => ChangeAsync(unit, reading, now, token), cancellationToken);
            }

            known = new Known(kept, now);
        }
        catch (StoreUnavailableException)
        {
            // A price is no reason to stop: what was read holds, and the next reading notes it.
        }
    }

    /// <summary>The prices that hold, by type, of whichever process read them last; none when the database is away.</summary>
    public async Task<IReadOnlyDictionary<string, Usd>> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await work.ReadAsync(ListAsync, cancellationToken);
        }
        catch (StoreUnavailableException)
        {
            // Whoever asked has another answer, and needs the database itself.
            return new Dictionary<string, Usd>();
        }
    }

    private static async Task<IReadOnlyDictionary<string, Usd>> ChangeAsync(
        IUnit unit, CatalogReading.Read reading, DateTimeOffset now, CancellationToken cancellationToken)
    {
        IGpuPriceStore store = unit.Store<IGpuPriceStore>();
        foreach ((string type, Usd? price) in Changes(reading, await ListAsync(unit, cancellationToken)).ToList())
        {
            await store.ChangeAsync(type, price, now, cancellationToken);
        }

        return await ListAsync(unit, cancellationToken);
    }

    private static async Task<IReadOnlyDictionary<string, Usd>> ListAsync(IUnit unit, CancellationToken cancellationToken) =>
        (await unit.Store<IGpuPriceStore>().ListCurrentAsync(cancellationToken)).ToDictionary(price => price.GpuType, price => price.Hourly);

    private static IEnumerable<(string Type, Usd? Price)> Changes(CatalogReading.Read reading, IReadOnlyDictionary<string, Usd> kept) => reading.Offers
        .DistinctBy(offer => offer.Id)
        .Where(offer => offer.HourlyPrice != (kept.TryGetValue(offer.Id, out Usd price) ? price : (Usd?)null))
        .Select(offer => (offer.Id, offer.HourlyPrice));

    private sealed record Known(IReadOnlyDictionary<string, Usd> Prices, DateTimeOffset? At);
}
