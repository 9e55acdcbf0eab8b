using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using Xunit;

namespace LoraAdmin.Tests.Budget;

public sealed class ForecastCurveTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 16, 12, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset End = new Month(2026, 11).End;
    private static readonly DateOnly Today = new(2026, 11, 16);

    [Theory]
    [InlineData(0)]
    [InlineData(6)]
    public void History_OfLessThanAWeek_IsNoForecast(int days)
    {
        ForecastBasis basis = Basis(spent: 5, days: [.. Enumerable.Range(1, days).Select(ago => (ago, 3m))], knownFor: days);

        Assert.Null(ForecastCurve.Of(basis, Now));
        Assert.Equal(days, ForecastCurve.KnownDays(basis, Now));
    }

    [Fact]
    public void History_Unknown_IsNoForecast() => Assert.Null(ForecastCurve.Of(new ForecastBasis(Usd.Zero, Usd.Zero, null, [], null), Now));

    [Fact]
    public void EvenDays_GiveAStraightLineWithoutABand()
    {
        ForecastCurve curve = ForecastCurve.Of(Basis(spent: 60, days: [.. Enumerable.Range(1, 28).Select(ago => (ago, 4m))], knownFor: 28), Now)!;

        // 14.5 days are left.
        Assert.Equal((28, Dollars(4)), (curve.Days, curve.PerDay));
        Assert.Equal(new ForecastPoint(Dollars(118), Dollars(118), Dollars(118)), curve.At(End));
        Assert.Equal(new ForecastPoint(Dollars(60), Dollars(60), Dollars(60)), curve.At(Now.AddDays(-3)));
    }

    [Fact]
    public void OpenReservations_CountWithTheirUsualShare_WithNothingInTheLowAndWholeInTheHigh()
    {
        ForecastBasis even = Basis(spent: 60, days: [.. Enumerable.Range(1, 28).Select(ago => (ago, 4m))], knownFor: 28);
        ForecastPoint end = ForecastCurve.Of(even with { Reserved = Dollars(10), UsualShare = 0.4m }, Now)!.At(End);
        ForecastPoint unknown = ForecastCurve.Of(even with { Reserved = Dollars(10), UsualShare = null }, Now)!.At(End);
        ForecastPoint absurd = ForecastCurve.Of(even with { Reserved = Dollars(10), UsualShare = 7m }, Now)!.At(End);

        Assert.Equal(new ForecastPoint(Dollars(118), Dollars(122), Dollars(128)), end);
        Assert.Equal(Dollars(128), unknown.Expected);
        Assert.Equal(Dollars(128), absurd.Expected);
    }

    [Fact]
    public void UnevenDays_WidenTheBandWithDistance()
    {
        ForecastBasis basis = Basis(spent: 60, days: [.. Enumerable.Range(1, 28).Select(ago => (ago, ago % 2 == 0 ? 8m : 0m))], knownFor: 28);
        ForecastCurve curve = ForecastCurve.Of(basis, Now)!;
        ForecastPoint tomorrow = curve.At(Now.AddDays(1));
        ForecastPoint end = curve.At(End);

        Assert.Equal(Dollars(64), tomorrow.Expected);
        Assert.Equal(Dollars(118), end.Expected);
        Assert.True(tomorrow.Low >= Dollars(60), "What is spent is spent.");
        Assert.True(end.High - end.Expected > tomorrow.High - tomorrow.Expected);

        // 1.2816 × 4.0734 (of 28 days) × √(14.5 + 14.5² ÷ 28).
        Assert.Equal(24.49m, decimal.Round((end.High - end.Expected).Dollars, 2));
        Assert.Equal(end.High - end.Expected, end.Expected - end.Low);
    }

    [Fact]
    public void QuietDays_AreNoughts_AndDaysBeforeTheFirstAreNotDays()
    {
        ForecastCurve whole = ForecastCurve.Of(Basis(spent: 0, days: [(1, 7m)], knownFor: 28), Now)!;
        ForecastCurve young = ForecastCurve.Of(Basis(spent: 0, days: [(1, 7m)], knownFor: 7), Now)!;

        Assert.Equal((28, Dollars(0.25m)), (whole.Days, whole.PerDay));
        Assert.Equal((7, Dollars(1)), (young.Days, young.PerDay));
    }

    [Fact]
    public void Today_AndDaysBeforeTheHistory_DoNotCount()
    {
        ForecastBasis basis = Basis(spent: 0, days: [(0, 500m), (29, 500m), .. Enumerable.Range(1, 28).Select(ago => (ago, 1m))], knownFor: 60);

        Assert.Equal(Dollars(1), ForecastCurve.Of(basis, Now)!.PerDay);
    }

    [Fact]
    public void SeveralBookingsOfADay_AreOneDay()
    {
        ForecastBasis basis = Basis(spent: 0, days: [.. Enumerable.Range(1, 7).SelectMany(ago => new[] { (ago, 3m), (ago, -1m) })], knownFor: 7);
        ForecastPoint end = ForecastCurve.Of(basis, Now)!.At(End);

        Assert.Equal(new ForecastPoint(Dollars(29), Dollars(29), Dollars(29)), end);
    }

    [Fact]
    public void Refunds_ThatOutweighTheSpending_DoNotMakeWhatComesCheaper()
    {
        ForecastBasis basis = Basis(spent: 20, days: [.. Enumerable.Range(1, 28).Select(ago => (ago, -2m))], knownFor: 28);

        Assert.Equal(Dollars(20), ForecastCurve.Of(basis, Now)!.At(End).Expected);
    }

    [Theory]
    [InlineData(60, 0)]
    [InlineData(59, 0)]
    [InlineData(64, 24 * 60)]
    [InlineData(61, 6 * 60)]
    [Trait("Requirement", "M5")]
    public void Limit_IsReachedToTheMinute(decimal limit, int minutes)
    {
        ForecastCurve curve = ForecastCurve.Of(Basis(spent: 60, days: [.. Enumerable.Range(1, 28).Select(ago => (ago, 4m))], knownFor: 28), Now)!;

        Assert.Equal(Now.AddMinutes(minutes), curve.ExpectedToReach(Dollars(limit), End));
    }

    [Fact]
    public void Limit_ThatTheMonthStaysBelow_IsNotReached_ButMayBe()
    {
        ForecastBasis basis = Basis(spent: 60, days: [.. Enumerable.Range(1, 28).Select(ago => (ago, ago % 2 == 0 ? 8m : 0m))], knownFor: 28);
        ForecastCurve curve = ForecastCurve.Of(basis, Now)!;

        Assert.Null(curve.ExpectedToReach(Dollars(130), End));
        DateTimeOffset may = curve.EarliestToReach(Dollars(130), End)!.Value;
        Assert.InRange(may, Now.AddDays(5), End);
        Assert.True(curve.At(may).High >= Dollars(130) && curve.At(may.AddMinutes(-1)).High < Dollars(130));
        Assert.Null(curve.EarliestToReach(Dollars(1000), End));
    }

    [Fact]
    public void LastInstantOfTheMonth_HasAForecastOfNothingMore()
    {
        DateTimeOffset last = End.AddTicks(-1);
        DaySpending[] days = [.. Enumerable.Range(1, 28).Select(ago => new DaySpending(new DateOnly(2026, 11, 30).AddDays(-ago), Dollars(4)))];
        ForecastBasis basis = new(Dollars(60), Usd.Zero, null, days, new DateOnly(2026, 1, 1));

        Assert.Equal(Dollars(60), ForecastCurve.Of(basis, last)!.At(End).Expected);
        Assert.Null(ForecastCurve.Of(basis, last)!.ExpectedToReach(Dollars(61), End));
    }

    private static ForecastBasis Basis(decimal spent, IEnumerable<(int DaysAgo, decimal Spent)> days, int knownFor) => new(
        Dollars(spent),
        Usd.Zero,
        null,
        [.. days.Select(day => new DaySpending(Today.AddDays(-day.DaysAgo), Dollars(day.Spent)))],
        Today.AddDays(-knownFor));

    private static Usd Dollars(decimal dollars) => Usd.FromDollars(dollars);
}
