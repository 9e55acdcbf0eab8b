using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation.Memory;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>Prices are kept with the time for which they held, and by few writes.</summary>
public sealed class GpuPriceBookTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    private readonly SettableClock clock = new(Start);
    private readonly ClockStandings clocks;
    private readonly MemoryDatabase database;
    private readonly Catalog catalog = new();
    private readonly GpuPrices prices;

    public GpuPriceBookTests()
    {
        clocks = KnownClocks.New(clock).NoteAhead(TimeSpan.Zero);
        database = new MemoryDatabase(clock);
        prices = new GpuPrices(catalog, clock, new GpuPriceBook(database, clock, clocks));
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Prices_ThatChange_AreKeptWithTheirTimes()
    {
        await ReadAsync(0.40m, 0.20m);
        await ReadAsync(0.40m, 0.20m);
        await ReadAsync(0.44m, null);

        Assert.Equal(
            [
                new GpuPrice("A40", Usd.FromDollars(0.44m), Start.AddMinutes(30), null),
                new GpuPrice("A40", Usd.FromDollars(0.40m), Start.AddMinutes(10), Start.AddMinutes(30)),
                new GpuPrice("L4", Usd.FromDollars(0.20m), Start.AddMinutes(10), Start.AddMinutes(30)),
            ],
            await ListAsync());
    }

    [Fact]
    public async Task Prices_ThatStay_AreNotWrittenAgain()
    {
        await ReadAsync(0.40m, 0.20m);
        int writes = database.Writes;
        for (int look = 0; look < 100; look++)
        {
            await ReadAsync(0.40m, 0.20m);
        }

        Assert.Equal(writes, database.Writes);
    }

    [Fact]
    public async Task Catalog_ThatWavers_IsWrittenAtMostEveryFiveMinutes()
    {
        for (int look = 0; look < 60; look++)
        {
            catalog.Set(look % 2 == 0 ? 0.40m : 0.50m, 0.20m);
            await prices.AnyInStockAsync(["A40"], Token);
            clock.Advance(TimeSpan.FromSeconds(10));
        }

        // Ten minutes: at the beginning, and after five.
        Assert.InRange((await ListAsync()).Count(price => price.GpuType == "A40"), 1, 3);
    }

    [Fact]
    public async Task Type_ThatTheCatalogDoesNotList_KeepsItsPrice()
    {
        await ReadAsync(0.40m, 0.20m);
        catalog.Offers = [catalog.Offers[0]];
        clock.Advance(TimeSpan.FromMinutes(10));
        await prices.DearestAsync(["A40"], Usd.FromDollars(9), Token);

        Assert.All(await ListAsync(), price => Assert.Null(price.ValidUntil));
    }

    [Fact]
    public async Task Change_ThatAnotherInstanceHasKept_IsKeptOnce()
    {
        GpuPrices other = new(catalog, clock, new GpuPriceBook(database, clock, clocks));
        await ReadAsync(0.40m, 0.20m);
        await other.DearestAsync(["A40"], Usd.FromDollars(9), Token);
        catalog.Set(0.50m, 0.20m);
        clock.Advance(TimeSpan.FromMinutes(10));
        await prices.DearestAsync(["A40"], Usd.FromDollars(9), Token);
        int writes = database.Writes;
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(Usd.FromDollars(0.50m), await other.DearestAsync(["A40"], Usd.FromDollars(9), Token));

        Assert.Equal(writes, database.Writes);
        Assert.Equal(3, (await ListAsync()).Count);
    }

    [Fact]
    public async Task Price_ThatAnotherInstanceHasKeptBeforeItStopped_IsMendedWithinTheHour()
    {
        GpuPrices other = new(catalog, clock, new GpuPriceBook(database, clock, clocks));
        await ReadAsync(0.40m, 0.20m);
        catalog.Set(0.50m, 0.20m);
        clock.Advance(TimeSpan.FromMinutes(1));
        await other.DearestAsync(["A40"], Usd.FromDollars(9), Token);
        Assert.Equal(Usd.FromDollars(0.50m), (await ListAsync())[0].Hourly);

        for (int look = 0; look < 7; look++)
        {
            await ReadAsync(0.40m, 0.20m);
        }

        GpuPrice holds = Assert.Single(await ListAsync(), price => price.GpuType == "A40" && price.ValidUntil is null);
        Assert.Equal(Usd.FromDollars(0.40m), holds.Hourly);
    }

    [Fact]
    public async Task Database_ThatIsAway_KeepsNoPriceFromBeingRead()
    {
        Away away = new(database);
        GpuPrices cut = new(catalog, clock, new GpuPriceBook(away, clock, clocks));
        catalog.Set(0.40m, 0.20m);

        Assert.Equal(Usd.FromDollars(0.40m), await cut.DearestAsync(["A40"], Usd.FromDollars(9), Token));
        Assert.Empty(await ListAsync());

        away.IsBack = true;
        clock.Advance(GpuPrices.KeepFor);
        await cut.DearestAsync(["A40"], Usd.FromDollars(9), Token);
        Assert.Equal(2, (await ListAsync()).Count);
    }

    [Fact]
    public async Task Catalog_ThatCannotBeReadAfterARestart_IsSpokenForByTheKeptPrices()
    {
        await ReadAsync(0.40m, 0.20m);
        await ReadAsync(0.44m, null);
        clock.Advance(TimeSpan.FromDays(2));
        catalog.IsAway = true;
        GpuPrices anew = new(catalog, clock, new GpuPriceBook(database, clock, clocks));

        Assert.Equal(Usd.FromDollars(0.44m), await anew.DearestAsync(["A40"], Usd.FromDollars(9), Token));

        // The one is not offered any more, the other never was.
        Assert.Equal(Usd.FromDollars(9), await anew.DearestAsync(["A40", "L4"], Usd.FromDollars(9), Token));
        Assert.Equal(Usd.FromDollars(9), await anew.DearestAsync(["H100"], Usd.FromDollars(9), Token));

        catalog.IsAway = false;
        catalog.Set(0.50m, 0.20m);
        clock.Advance(GpuPrices.LeaveAloneFor);
        Assert.Equal(Usd.FromDollars(0.50m), await anew.DearestAsync(["A40", "L4"], Usd.FromDollars(9), Token));
    }

    /// <summary>A page asks no catalog: the prices that another portal read an hour later are newer than this one's.</summary>
    [Fact]
    public async Task DearestKnown_IsTheNewerOfTheOwnReadingAndTheKeptOne()
    {
        GpuPrices other = new(catalog, clock, new GpuPriceBook(database, clock, clocks));
        await ReadAsync(0.40m, 0.20m);
        catalog.Set(0.50m, 0.60m);
        clock.Advance(TimeSpan.FromHours(1));
        await other.DearestAsync(["A40"], Usd.FromDollars(9), Token);

        Assert.Equal(Usd.FromDollars(0.60m), await prices.DearestKnownAsync(["A40", "L4"], Usd.FromDollars(9), Token));

        // Its catalog is away: what the other has read goes before its own for a job too.
        catalog.IsAway = true;
        Assert.Equal(Usd.FromDollars(0.60m), await prices.DearestAsync(["A40", "L4"], Usd.FromDollars(9), Token));

        // Its own reading is the newer one again. The book is at most so often written, and says what it said.
        catalog.IsAway = false;
        catalog.Set(0.50m, 0.45m);
        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(Usd.FromDollars(0.50m), await prices.DearestAsync(["A40", "L4"], Usd.FromDollars(9), Token));
        clock.Advance(GpuPrices.KeepFor);
        Assert.Equal(Usd.FromDollars(0.50m), await prices.DearestKnownAsync(["A40", "L4"], Usd.FromDollars(9), Token));
    }

    /// <summary>What nobody offers any more costs nobody knows what, once it is offered again.</summary>
    [Fact]
    public async Task DearestKnown_AnotherPortalHasSeenTheTypeWithdrawn_IsTheWorstCase()
    {
        GpuPrices other = new(catalog, clock, new GpuPriceBook(database, clock, clocks));
        await ReadAsync(0.40m, 0.20m);
        catalog.Set(0.40m, null);
        clock.Advance(TimeSpan.FromHours(1));
        await other.DearestAsync(["A40"], Usd.FromDollars(9), Token);
        catalog.IsAway = true;

        Assert.Equal(Usd.FromDollars(9), await prices.DearestKnownAsync(["A40", "L4"], Usd.FromDollars(9), Token));
        Assert.Equal(Usd.FromDollars(9), await prices.DearestAsync(["L4"], Usd.FromDollars(9), Token));
        Assert.Equal(Usd.FromDollars(0.40m), await prices.DearestKnownAsync(["A40"], Usd.FromDollars(9), Token));

        // Its own reading is the newer one, and lists it again.
        catalog.IsAway = false;
        catalog.Set(0.40m, 0.25m);
        clock.Advance(GpuPrices.LeaveAloneFor);
        Assert.Equal(Usd.FromDollars(0.25m), await prices.DearestAsync(["L4"], Usd.FromDollars(9), Token));
        catalog.IsAway = true;
        clock.Advance(GpuPrices.KeepFor);
        Assert.Equal(Usd.FromDollars(0.25m), await prices.DearestAsync(["L4"], Usd.FromDollars(9), Token));
    }

    [Fact]
    public async Task CatalogAndDatabase_ThatAreBothAway_LeaveTheWorstCase()
    {
        await ReadAsync(0.40m, 0.20m);
        catalog.IsAway = true;
        GpuPrices cut = new(catalog, clock, new GpuPriceBook(new Away(database), clock, clocks));

        Assert.Equal(Usd.FromDollars(9), await cut.DearestAsync(["A40"], Usd.FromDollars(9), Token));
    }

    [Fact]
    public async Task Prices_ReadByAPortalWhoseClockIsFarOff_AreNotNoted()
    {
        ClockStandings wrong = KnownClocks.New(clock).NoteAhead(TimeSpan.FromDays(30));
        ClockStandings young = KnownClocks.New(clock);
        catalog.Set(0.40m, 0.20m);
        foreach (ClockStandings one in new[] { wrong, young })
        {
            GpuPrices other = new(catalog, clock, new GpuPriceBook(database, clock, one));
            Assert.Equal(Usd.FromDollars(0.40m), await other.DearestAsync(["A40"], Usd.FromDollars(9), Token));
        }

        Assert.Empty(await ListAsync());
    }

    /// <summary>A portal thirty days ahead noted two prices before anybody told it what time it is.</summary>
    [Theory]
    [InlineData(0.80)]
    [InlineData(0.40)]
    [InlineData(0.50)]
    public async Task Price_NotedByAClockThatWasFarAhead_IsReplacedByTheNextReading(double hourly)
    {
        await ReadAsync(0.40m, 0.20m);
        DateTimeOffset ahead = clock.GetUtcNow().AddDays(30);
        await NoteAsync(0.60m, ahead);
        await NoteAsync(0.50m, ahead.AddHours(1));

        for (int look = 0; look < 7; look++)
        {
            await ReadAsync((decimal)hourly, 0.20m);
        }

        List<GpuPrice> all = [.. (await ListAsync()).Where(static price => price.GpuType == "A40")];
        Assert.Equal((Usd.FromDollars((decimal)hourly), (DateTimeOffset?)null), (all[0].Hourly, all[0].ValidUntil));
        Assert.Equal((Usd.FromDollars(0.40m), (DateTimeOffset?)all[0].ValidFrom), (all[1].Hourly, all[1].ValidUntil));
        Assert.InRange(all[0].ValidFrom, Start, clock.GetUtcNow());
        Assert.Equal(2, all.Count);
    }

    [Fact]
    public async Task Prices_ThatChangeAfterTheOwnClockWasSetBack_AreNotedAtOnce()
    {
        clock.Advance(TimeSpan.FromDays(30));
        clocks.NoteAhead(TimeSpan.Zero);
        await ReadAsync(0.40m, 0.20m);
        clock.Set(Start.AddDays(1));
        clocks.NoteAhead(TimeSpan.Zero);
        await ReadAsync(0.80m, 0.20m);

        Assert.Equal(Usd.FromDollars(0.80m), await prices.DearestAsync(["A40"], Usd.FromDollars(9), Token));
        Assert.Equal(
            [
                new GpuPrice("A40", Usd.FromDollars(0.80m), Start.AddDays(1).AddMinutes(10), null),
                new GpuPrice("L4", Usd.FromDollars(0.20m), Start.AddDays(1).AddMinutes(10), null),
            ],
            await ListAsync());
    }

    public void Dispose() => database.Dispose();

    private Task NoteAsync(decimal a40, DateTimeOffset at) =>
        database.RunAsync((unit, token) => unit.Store<IGpuPriceStore>().ChangeAsync("A40", Usd.FromDollars(a40), at, token), Token);

    /// <summary>A reading ten minutes after the last one.</summary>
    private async Task ReadAsync(decimal a40, decimal? l4)
    {
        catalog.Set(a40, l4);
        clock.Advance(TimeSpan.FromMinutes(10));
        await prices.DearestAsync(["A40"], Usd.FromDollars(9), Token);
    }

    private Task<IReadOnlyList<GpuPrice>> ListAsync() => database.ReadAsync((unit, token) => unit.Store<IGpuPriceStore>().ListAsync(100, token), Token);

    private sealed class Catalog : IGpuCatalog
    {
        public IReadOnlyList<GpuOffer> Offers { get; set; } = [];

        public bool IsAway { get; set; }

        public void Set(decimal a40, decimal? l4) => Offers =
        [
            new GpuOffer("A40", "A40", 48, Usd.FromDollars(a40), InStock: true),
            new GpuOffer("L4", "L4", 24, l4 is { } price ? Usd.FromDollars(price) : null, InStock: true),
        ];

        public Task<CatalogReading> ReadAsync(CancellationToken cancellationToken) =>
            Task.FromResult<CatalogReading>(IsAway
                ? new CatalogReading.Unavailable(new ProviderError(ProviderFailure.Unreachable, null, "away"))
                : new CatalogReading.Read(Offers, DateTimeOffset.UnixEpoch));
    }

    private sealed class Away(IUnitOfWork inner) : IUnitOfWork
    {
        public bool IsBack { get; set; }

        public Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken) =>
            IsBack ? inner.RunAsync(work, cancellationToken) : throw new StoreUnavailableException("away");

        public Task<T> ReadAsync<T>(Func<IUnit, CancellationToken, Task<T>> read, CancellationToken cancellationToken) =>
            IsBack ? inner.ReadAsync(read, cancellationToken) : throw new StoreUnavailableException("away");
    }
}
