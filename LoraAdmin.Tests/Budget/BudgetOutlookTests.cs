using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using Xunit;

namespace LoraAdmin.Tests.Budget;

public sealed class BudgetOutlookTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(170);
    private static readonly Month November = new(2026, 11);

    [Fact]
    [Trait("Requirement", "M6")]
    public void MayFitAt_EnoughIsReserved_IsWhenTheReservationThatMakesRoomHasEnded() => Assert.Equal(
        Now.AddMinutes(-60) + Longest,
        At(Full(reserved: 10), 4, [Open(-120, 3), Open(-60, 3), Open(-10, 4)]));

    [Fact]
    public void MayFitAt_APartIsSpentAlready_CountsOnlyTheRest() => Assert.Equal(
        Now.AddMinutes(-60) + Longest,
        At(Full(reserved: 4), 2.5m, [Open(-120, 3) with { Accrued = Usd.FromDollars(1) }, Open(-60, 2)]));

    /// <summary>"Now" would be said at every try for as long as its pod is not verified gone, which can be days.</summary>
    [Theory]
    [InlineData(-500)]
    [InlineData(-170)]
    public void MayFitAt_TheReservationShouldBeOverByNow_IsNotKnown(int minutes)
    {
        Assert.Null(At(Full(reserved: 5), 4, [Open(minutes, 5)]));
        Assert.True(BudgetOutlook.MayEverFit(Full(reserved: 5), Usd.FromDollars(4)));
    }

    [Fact]
    public void MayFitAt_OneIsOverdueAndAnotherIsNot_IsWhenTheOtherHasEnded() =>
        Assert.Equal(Now.AddMinutes(-60) + Longest, At(Full(reserved: 8), 4, [Open(-500, 4), Open(-60, 4)]));

    [Fact]
    public void MayFitAt_ItTakesBothAnOverdueOneAndAnother_IsNotKnown() => Assert.Null(At(Full(reserved: 6), 5, [Open(-500, 3), Open(-60, 3)]));

    [Fact]
    public void MayFitAt_OverdueOnesWouldNotDoEither_IsTheNextMonth() => Assert.Equal(November.End, At(Full(reserved: 3), 4, [Open(-500, 3)]));

    [Fact]
    public void MayFitAt_NothingOpenWouldDo_IsTheNextMonth() => Assert.Equal(November.End, At(Full(reserved: 3), 4, [Open(-120, 3)]));

    [Fact]
    public void MayFitAt_ReservationsOfAnotherMonth_DoNotHelp() =>
        Assert.Equal(November.End, At(Full(reserved: 3), 4, [Open(-120, 8) with { Month = new Month(2026, 10) }]));

    [Fact]
    public void MayFitAt_EndsOnlyInTheNextMonth_IsItsBeginning()
    {
        DateTimeOffset late = November.End.AddMinutes(-10);

        Assert.Equal(November.End, BudgetOutlook.MayFitAt(Full(reserved: 9), Usd.FromDollars(4), [Open(0, 9) with { CreatedAt = late }], Longest, NothingKnown, late));
    }

    [Fact]
    public void MayFitAt_MoreThanTheMonthMayCost_IsNever()
    {
        Assert.Null(At(Full(reserved: 3), 10.01m, [Open(-120, 3)]));
        Assert.False(BudgetOutlook.MayEverFit(Full(reserved: 3), Usd.FromDollars(10.01m)));
    }

    [Theory]
    [InlineData(10, true)]
    [InlineData(0, false)]
    public void MayFitAt_Soft_IsTheNextMonthUnlessNothingMayBeSpent(int limit, bool everFits) => Assert.Equal(
        everFits ? November.End : null,
        At(new BudgetMonth(November, Usd.FromDollars(limit), Usd.FromDollars(limit), Usd.Zero) { Mode = BudgetMode.Soft }, 4, []));

    /// <summary>The job has ended; what is left is looked for.</summary>
    [Theory]
    [InlineData(-60, 11)]
    [InlineData(-500, 600)]
    public void MayFitAt_MoreIsKnownOfTheReservation_IsByThat(int minutes, int known)
    {
        Dictionary<(JobId, int), DateTimeOffset?> ends = new() { [(new JobId(Guid.Empty), 1)] = Now.AddMinutes(known) };

        Assert.Equal(Now.AddMinutes(known), BudgetOutlook.MayFitAt(Full(reserved: 6), Usd.FromDollars(4), [Open(minutes, 6)], Longest, ends, Now));
    }

    /// <summary>It should have been cleared up: by its age alone it would be hours.</summary>
    [Fact]
    public void MayFitAt_WhatIsKnownShouldHaveEnded_IsNotKnown()
    {
        Dictionary<(JobId, int), DateTimeOffset?> ends = new() { [(new JobId(Guid.Empty), 1)] = null };

        Assert.Null(BudgetOutlook.MayFitAt(Full(reserved: 6), Usd.FromDollars(4), [Open(-1, 6)], Longest, ends, Now));
    }

    private static readonly Dictionary<(JobId, int), DateTimeOffset?> NothingKnown = [];

    private static DateTimeOffset? At(BudgetMonth month, decimal estimate, Reservation[] open) =>
        BudgetOutlook.MayFitAt(month, Usd.FromDollars(estimate), open, Longest, NothingKnown, Now);

    private static BudgetMonth Full(decimal reserved) => new(November, Usd.FromDollars(10), Usd.FromDollars(10 - reserved), Usd.FromDollars(reserved));

    private static Reservation Open(int minutes, decimal amount) =>
        new(Guid.Empty, new JobId(Guid.Empty), 1, November, Usd.FromDollars(amount), Now.AddMinutes(minutes), null, null);
}
