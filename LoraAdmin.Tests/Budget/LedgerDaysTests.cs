using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using Xunit;

namespace LoraAdmin.Tests.Budget;

public sealed class LedgerDaysTests
{
    private static readonly DateOnly Today = new(2026, 11, 16);
    private static readonly Month November = new(2026, 11);

    [Fact]
    public void Spending_LeavesOutWhatWasThereBeforeTheLedger()
    {
        LedgerDay[] days = [Day(3, EntryKind.Opening, spent: 90), Day(3, EntryKind.Accrue, spent: 2, reserved: -2), Day(3, EntryKind.Correction, spent: -0.5m), Day(1, EntryKind.Leak, spent: 1)];

        Assert.Equal([new DaySpending(Today.AddDays(-3), Dollars(1.5m)), new DaySpending(Today.AddDays(-1), Dollars(1))], LedgerDays.Spending(days));
        Assert.Equal(Dollars(92.5m), new Usd(LedgerDays.SpendingOf(November, days).Sum(day => day.Spent.Micros)));
    }

    [Fact]
    public void SpendingOfAMonth_IsThatMonthsMoney()
    {
        LedgerDay[] days = [Day(15, EntryKind.Accrue, spent: 2), Day(15, EntryKind.Settle, spent: 7) with { Month = new Month(2026, 10) }];

        Assert.Equal([new DaySpending(new DateOnly(2026, 11, 1), Dollars(2))], LedgerDays.SpendingOf(November, days));
    }

    [Fact]
    public void UsualShare_IsWhatWasSpentOfWhatLeftReservations()
    {
        // Of 10 reserved, 3 were accrued; the settlement spends 1 more and gives 6 back.
        LedgerDay[] days = [Day(2, EntryKind.Reserve, reserved: 10), Day(2, EntryKind.Accrue, spent: 3, reserved: -3), Day(1, EntryKind.Settle, spent: 1, reserved: -7)];

        Assert.Equal(0.4m, LedgerDays.UsualShare(days, Today.AddDays(-29)));
        Assert.Null(LedgerDays.UsualShare([days[0]], Today.AddDays(-29)));
        Assert.Equal(0m, LedgerDays.UsualShare([Day(1, EntryKind.Settle, spent: 0, reserved: -7)], Today.AddDays(-29)));
    }

    /// <summary>Three attempts are over: a pod's, one elsewhere that reserved 13, and one that cost nothing. What a fourth has accrued says nothing yet.</summary>
    [Fact]
    public void UsualCost_IsWhatSettledAttemptsCameTo_HoweverMuchTheyReserved()
    {
        LedgerDay[] days =
        [
            Day(2, EntryKind.Reserve, reserved: 17, count: 4), Day(2, EntryKind.Accrue, spent: 4, reserved: -4, count: 9),
            Day(1, EntryKind.Settle, spent: -2.5m, reserved: -12, count: 3),
            Day(1, EntryKind.Settle, CostPurpose.Training, spent: 2, count: 2), Day(1, EntryKind.Settle, CostPurpose.Idle, spent: 0.75m, count: 2),
            Day(0, EntryKind.Settle, CostPurpose.Failed, spent: -0.5m), Day(1, EntryKind.Leak, CostPurpose.Orphan, spent: 7),
            Day(40, EntryKind.Settle, count: 5), Day(40, EntryKind.Settle, CostPurpose.Training, spent: 500, count: 5),
        ];

        Assert.Equal(Dollars(0.75m), LedgerDays.UsualCost(days, Today.AddDays(-29)));
        Assert.Null(LedgerDays.UsualCost(days[..2], Today.AddDays(-29)));
        Assert.Equal(Usd.Zero, LedgerDays.UsualCost([Day(1, EntryKind.Settle, reserved: -7), Day(0, EntryKind.Settle, CostPurpose.Failed, spent: -2)], Today.AddDays(-29)));
    }

    [Fact]
    public void Cost_IsEverythingThatWasBooked_ByPurpose()
    {
        LedgerDay[] days =
        [
            Day(40, EntryKind.Settle, CostPurpose.Training, spent: 500), Day(3, EntryKind.Opening, spent: 90),
            Day(3, EntryKind.Accrue, spent: 8), Day(2, EntryKind.Settle, spent: -6),
            Day(2, EntryKind.Settle, CostPurpose.Training, spent: 5), Day(2, EntryKind.Settle, CostPurpose.Idle, spent: 1.5m), Day(1, EntryKind.Settle, CostPurpose.Failed, spent: 3),
            Day(1, EntryKind.Leak, CostPurpose.Orphan, spent: 2), Day(1, EntryKind.PriceChange, CostPurpose.Training, spent: 0.25m),
            Day(0, EntryKind.Correction, CostPurpose.Training, spent: -1), Day(0, EntryKind.Correction, CostPurpose.Orphan, spent: 0.25m),
        ];

        LoraCost cost = LoraCost.Of(days, Today.AddDays(-29), completed: 4, BudgetSamples.CostRules);

        Assert.Equal(
            [(CostPurpose.Training, Dollars(5)), (CostPurpose.Validation, Usd.Zero), (CostPurpose.Failed, Dollars(3)), (CostPurpose.Idle, Dollars(1.5m)), (CostPurpose.Orphan, Dollars(2))],
            cost.Steps.Select(step => (step.Purpose, step.Spent)));
        Assert.Equal((Dollars(2), Dollars(0.25m), Dollars(-0.75m)), (cost.Running, cost.PriceChanges, cost.Corrections));
        Assert.Equal((Dollars(13), Dollars(3.25m), Dollars(6.5m), 0.5m), (cost.Total, cost.PerLora, cost.Waste, cost.WasteShare));
    }

    [Fact]
    public void Cost_WithoutALora_HasNoAverage()
    {
        LoraCost cost = LoraCost.Of([Day(1, EntryKind.Settle, CostPurpose.Failed, spent: 3)], Today.AddDays(-29), completed: 0, BudgetSamples.CostRules);

        Assert.Equal((null, Dollars(3), 1m), (cost.PerLora, cost.Total, cost.WasteShare));
        Assert.Null(LoraCost.Of([], Today, completed: 3, BudgetSamples.CostRules).WasteShare);
    }

    private static LedgerDay Day(int ago, EntryKind kind, CostPurpose? purpose = null, decimal spent = 0, decimal reserved = 0, long count = 1) =>
        new(Today.AddDays(-ago), November, kind, purpose, count, Dollars(spent), Dollars(reserved));

    private static Usd Dollars(decimal dollars) => Usd.FromDollars(dollars);
}
