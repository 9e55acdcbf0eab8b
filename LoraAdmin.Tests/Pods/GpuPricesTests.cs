using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>A catalog that fails or hangs costs a caller at most some seconds, and not every caller.</summary>
public sealed class GpuPricesTests
{
    private static readonly Usd Worst = Usd.FromDollars(9);
    private static readonly string[] Types = ["A", "B"];

    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly FakeCatalog catalog = new();
    private readonly GpuPrices prices;

    public GpuPricesTests() => prices = new GpuPrices(catalog, clock);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Dearest_OfAReadableCatalog_IsReadOnceInFiveMinutes()
    {
        Assert.Equal(Usd.FromDollars(0.5m), await DearestAsync());
        clock.Advance(GpuPrices.KeepFor - TimeSpan.FromSeconds(1));
        Assert.Equal(Usd.FromDollars(0.5m), await DearestAsync());
        Assert.Equal(1, catalog.Calls);

        clock.Advance(TimeSpan.FromSeconds(1));
        await DearestAsync();
        Assert.Equal(2, catalog.Calls);
    }

    [Fact]
    public async Task Dearest_OfACatalogThatFailed_IsTheWorstAndDoesNotAskForHalfAMinute()
    {
        catalog.Fails = true;
        Assert.Equal(Worst, await DearestAsync());
        clock.Advance(GpuPrices.LeaveAloneFor - TimeSpan.FromSeconds(1));
        Assert.Equal(Worst, await DearestAsync());
        Assert.Null(await prices.AnyInStockAsync(Types, Token));
        Assert.Equal(1, catalog.Calls);

        catalog.Fails = false;
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(Usd.FromDollars(0.5m), await DearestAsync());
        Assert.Equal(2, catalog.Calls);
    }

    [Fact]
    public async Task Dearest_OfACatalogThatHangs_GivesUpAfterSecondsAndTheNextCallerDoesNotWait()
    {
        catalog.Hangs = true;
        Task<Usd> first = DearestAsync();
        Assert.False(first.IsCompleted);
        clock.Advance(GpuPrices.Patience);
        Assert.Equal(Worst, await first);

        Task<Usd> second = DearestAsync();
        Assert.True(second.IsCompleted);
        Assert.Equal(Worst, await second);
        Assert.Equal(1, catalog.Calls);
    }

    [Fact]
    public async Task Dearest_AfterAFailedRefresh_IsTheLastKnown()
    {
        await DearestAsync();
        catalog.Fails = true;
        clock.Advance(GpuPrices.KeepFor);

        Assert.Equal(Usd.FromDollars(0.5m), await DearestAsync());
    }

    /// <summary>However old it is, a page does not make anybody wait for the catalog.</summary>
    [Fact]
    public async Task DearestKnown_IsWhatWasReadLast_AndAsksNobody()
    {
        Assert.Equal(Worst, await prices.DearestKnownAsync(Types, Worst, Token));
        Assert.Equal(0, catalog.Calls);
        await DearestAsync();
        clock.Advance(2 * GpuPrices.KeepFor);

        Assert.Equal(Usd.FromDollars(0.5m), await prices.DearestKnownAsync(Types, Worst, Token));
        Assert.Equal(1, catalog.Calls);
    }

    [Fact]
    public async Task Dearest_GivenUpByTheCaller_IsTheCallersEndAndNoFailure()
    {
        catalog.Hangs = true;
        using CancellationTokenSource gone = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task<Usd> asked = prices.DearestAsync(Types, Worst, gone.Token);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);

        catalog.Hangs = false;
        Assert.Equal(Usd.FromDollars(0.5m), await DearestAsync());
    }

    private Task<Usd> DearestAsync() => prices.DearestAsync(Types, Worst, Token);

    private sealed class FakeCatalog : IGpuCatalog
    {
        public bool Fails { get; set; }

        public bool Hangs { get; set; }

        public int Calls { get; private set; }

        public async Task<CatalogReading> ReadAsync(CancellationToken cancellationToken)
        {
            Calls++;
            if (Hangs)
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
            }

            return Fails
                ? new CatalogReading.Unavailable(new ProviderError(ProviderFailure.Unreachable, null, "away"))
                : new CatalogReading.Read(
                    [
                        new GpuOffer("A", "A", 48, Usd.FromDollars(0.4m), InStock: true),
                        new GpuOffer("B", "B", 24, Usd.FromDollars(0.5m), InStock: false),
                    ],
                    DateTimeOffset.UnixEpoch);
        }
    }
}
