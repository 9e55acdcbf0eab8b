using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>What a GPU type cost per hour, disk not included, and when: from the reading that first showed the price to the one that showed another.</summary>
/// <param name="ValidUntil">Null: it is the newest that was read.</param>
public sealed record GpuPrice(string GpuType, Usd Hourly, DateTimeOffset ValidFrom, DateTimeOffset? ValidUntil);

/// <summary>Prices of the past and the present. Bound to a unit of work.</summary>
public interface IGpuPriceStore
{
    /// <summary>The newest of each type, in order of type: it holds, or the type was not offered any more when it was read last.</summary>
    Task<IReadOnlyList<GpuPrice>> ListNewestAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Ends the price that holds and begins the new one. Asked for the price that holds already, or at an instant that is not after its beginning, it
    /// changes nothing: of several instances that see the change one notes it. What begins later than <see cref="GpuPriceBook.AtMostEvery"/> after that
    /// instant was noted by a clock that was far ahead: it is taken out first, and what it ended ends now.
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
/// <param name="clocks">While this process's clock can't be relied on, it notes nothing: since when a price holds is all that the book adds to it.</param>
public sealed class GpuPriceBook(IUnitOfWork work, TimeProvider clock, ClockStandings clocks)
{
    public static readonly TimeSpan AtMostEvery = TimeSpan.FromMinutes(5);

    public static readonly TimeSpan RereadEvery = TimeSpan.FromHours(1);

    // Replaced whole: callers on several threads note what they read.
    private Known known = new([], null);

    /// <summary>Notes what the catalog has shown. A type that it does not list keeps its price; a database that is away is tried again at the next reading.</summary>
    public async Task NoteAsync(CatalogReading.Read reading, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(reading);
        DateTimeOffset now = clock.GetUtcNow();
        if (!clocks.MayGoByIt() || IsWithin(known.At, now, AtMostEvery) || (IsWithin(known.At, now, RereadEvery) && !Changes(reading, known.Prices, now).Any()))
        {
            return;
        }

        try
        {
            IReadOnlyList<GpuPrice> kept = await work.ReadAsync(ListAsync, cancellationToken);
            if (Changes(reading, kept, now).Any())
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

    /// <summary>The newest price of each type, of whichever process read it last; none when the database is away.</summary>
    public async Task<IReadOnlyDictionary<string, GpuPrice>> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return (await work.ReadAsync(ListAsync, cancellationToken)).ToDictionary(static price => price.GpuType);
        }
        catch (StoreUnavailableException)
        {
            // Whoever asked has another answer, and needs the database itself.
            return new Dictionary<string, GpuPrice>();
        }
    }

    /// <summary>Looked at so lately that nothing is due. A clock that was set back must not make that last until it has caught up.</summary>
    internal static bool IsWithin(DateTimeOffset? at, DateTimeOffset now, TimeSpan length) => (now - at)?.Duration() < length;

    private static async Task<IReadOnlyList<GpuPrice>> ChangeAsync(
        IUnit unit, CatalogReading.Read reading, DateTimeOffset now, CancellationToken cancellationToken)
    {
        IGpuPriceStore store = unit.Store<IGpuPriceStore>();
        foreach ((string type, Usd? price) in Changes(reading, await ListAsync(unit, cancellationToken), now).ToList())
        {
            await store.ChangeAsync(type, price, now, cancellationToken);
        }

        return await ListAsync(unit, cancellationToken);
    }

    private static Task<IReadOnlyList<GpuPrice>> ListAsync(IUnit unit, CancellationToken cancellationToken) =>
        unit.Store<IGpuPriceStore>().ListNewestAsync(cancellationToken);

    /// <summary>Types whose price is another one than is kept, or is kept from a time that is still to come.</summary>
    private static IEnumerable<(string Type, Usd? Price)> Changes(CatalogReading.Read reading, IReadOnlyList<GpuPrice> kept, DateTimeOffset now)
    {
        Dictionary<string, GpuPrice> present = kept.Where(static price => price.ValidUntil is null).ToDictionary(static price => price.GpuType);
        return reading.Offers
            .DistinctBy(static offer => offer.Id)
            .Where(offer => present.GetValueOrDefault(offer.Id) is var price && (offer.HourlyPrice != price?.Hourly || price?.ValidFrom > now + AtMostEvery))
            .Select(static offer => (offer.Id, offer.HourlyPrice));
    }

    private sealed record Known(IReadOnlyList<GpuPrice> Prices, DateTimeOffset? At);
}
