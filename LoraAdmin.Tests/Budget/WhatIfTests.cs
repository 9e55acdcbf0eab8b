using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using Xunit;

namespace LoraAdmin.Tests.Budget;

public sealed class WhatIfTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 16, 12, 0, 0, TimeSpan.Zero);
    private static readonly Month November = new(2026, 11);

    [Fact]
    [Trait("Requirement", "M6")]
    public void QueuedJobs_ThatReserved_KeepTheirMoneyUnderAnyLimit()
    {
        WaitingJob[] waiting = [Job(1), Job(2), Job(3), Job(4)];
        WhatIfBasis basis = Basis(spent: 140, reserved: 8, waiting) with { Reservations = waiting.ToDictionary(job => (job.Job, job.Attempt), _ => Dollars(2)) };

        foreach (decimal limit in new[] { 150m, 148m, 10m, 0m })
        {
            WhatIf answer = WhatIf.Of(Dollars(limit), basis);
            Assert.All(answer.Waiting, one => Assert.Equal((WaitingVerdict.KeepsReservation, Dollars(2)), (one.Verdict, one.Reserved)));
            Assert.Equal(0, answer.Blocked);
        }
    }

    [Fact]
    public void QueuedJobs_ThatMustReserveAgain_FitOneAfterTheOther()
    {
        WhatIfBasis basis = Basis(spent: 140, reserved: 4, Job(1), Job(2), Job(3)) with
        {
            Reservations = new Dictionary<(JobId, int), Usd> { [(Job(2).Job, 1)] = Dollars(4) },
        };

        // 6 are left: enough for one of 4, not for the third job's 4 as well.
        WhatIf answer = WhatIf.Of(Dollars(150), basis);
        Assert.Equal(
            [WaitingVerdict.WouldFit, WaitingVerdict.KeepsReservation, WaitingVerdict.WouldNotFit], answer.Waiting.Select(one => one.Verdict));
        Assert.Equal(1, answer.Blocked);
    }

    [Fact]
    public void QueuedJob_OfAnotherAttempt_DoesNotUseAnOlderReservation()
    {
        WhatIfBasis basis = Basis(spent: 150, reserved: 0, Job(1) with { Attempt = 2 }) with
        {
            Reservations = new Dictionary<(JobId, int), Usd> { [(Job(1).Job, 1)] = Dollars(4) },
        };

        Assert.Equal(WaitingVerdict.WouldNotFit, Assert.Single(WhatIf.Of(Dollars(150), basis).Waiting).Verdict);
    }

    [Theory]
    [InlineData(200, 50, true, 12, 24)]
    [InlineData(154, 4, true, 1, 1)]
    [InlineData(153.999999, 3.999999, false, 0, 0)]
    [InlineData(150, 0, false, 0, 0)]
    [InlineData(100, -50, false, 0, 0)]
    [InlineData(0, -150, false, 0, 0)]
    public void Room_FitsWholeReservations_AndMoreInTurn(decimal limit, decimal room, bool admits, int atOnce, int inTurn)
    {
        // A job reserves 4 and comes to 2: after 23 of them 4 are left, which one more needs whole.
        WhatIf answer = WhatIf.Of(Dollars(limit), Basis(spent: 140, reserved: 10));

        Assert.Equal((Dollars(room), admits, atOnce, inTurn, false), (answer.Room, answer.AdmitsNow, answer.AtOnce, answer.InTurn, answer.IsUnbounded));
    }

    /// <summary>What an attempt came to is no part of what the next one reserves: attempts elsewhere reserve several times as much.</summary>
    [Theory]
    [InlineData(1.16, 0.58, 0.58, 51, 102)]
    [InlineData(1.16, 2, 1.16, 51, 51)]
    [InlineData(4, 0, 0, 15, null)]
    public void InTurn_GoesByWhatAttemptsCameTo_CappedAtTheReservation(decimal reserves, decimal cost, decimal comesTo, int atOnce, int? inTurn)
    {
        WhatIfBasis basis = Basis(spent: 140, reserved: 0) with { Reservation = Dollars(reserves), UsualCost = Dollars(cost) };

        WhatIf answer = WhatIf.Of(Dollars(200), basis);

        Assert.Equal((Dollars(reserves), Dollars(comesTo), atOnce, inTurn), (answer.Reserves, answer.ComesTo, answer.AtOnce, answer.InTurn));
    }

    [Fact]
    public void Reservations_OfUnknownSize_AreNotGuessed()
    {
        WhatIfBasis basis = Basis(spent: 140, reserved: 0, Job(1)) with { Reservation = null, UsualCost = null };

        WhatIf roomy = WhatIf.Of(Dollars(150), basis);
        Assert.Equal((null, null, true), (roomy.AtOnce, roomy.InTurn, roomy.AdmitsNow));
        Assert.Equal(WaitingVerdict.NotKnown, Assert.Single(roomy.Waiting).Verdict);
        WhatIf full = WhatIf.Of(Dollars(140), basis);
        Assert.Equal((0, 0, false), (full.AtOnce, full.InTurn, full.AdmitsNow));
        Assert.Equal(WaitingVerdict.WouldNotFit, Assert.Single(full.Waiting).Verdict);
    }

    [Fact]
    public void SoftLimit_RefusesOnlyOnceItIsSpent()
    {
        WhatIfBasis basis = Basis(spent: 140, reserved: 30, Job(1), Job(2));
        basis = basis with { Month = basis.Month with { Mode = BudgetMode.Soft } };

        WhatIf open = WhatIf.Of(Dollars(150), basis);
        Assert.Equal((Dollars(10), true, true, null), (open.Room, open.AdmitsNow, open.IsUnbounded, open.AtOnce));
        Assert.All(open.Waiting, one => Assert.Equal(WaitingVerdict.WouldFit, one.Verdict));
        WhatIf spent = WhatIf.Of(Dollars(140), basis);
        Assert.Equal((false, false, 0), (spent.AdmitsNow, spent.IsUnbounded, spent.AtOnce));
        Assert.Equal(2, spent.Blocked);
    }

    [Fact]
    public void NothingAdmitted_FromTheInstantWhereTheNextReservationDoesNotFit()
    {
        // 4 a day; 20 of room after a reservation of 4, so five days. What open attempts reserved counts whole, and not by its usual share.
        DaySpending[] days = [.. Enumerable.Range(1, 28).Select(ago => new DaySpending(DateOnly.FromDateTime(Now.UtcDateTime).AddDays(-ago), Dollars(4)))];
        ForecastBasis history = new(Dollars(140), Dollars(10), 0.5m, days, new DateOnly(2026, 1, 1));
        WhatIfBasis basis = Basis(spent: 140, reserved: 10) with { Forecast = ForecastCurve.Of(history, Now) };

        Assert.Equal(Now.AddDays(5), WhatIf.Of(Dollars(174), basis).NothingAdmittedFrom);
        Assert.Null(WhatIf.Of(Dollars(500), basis).NothingAdmittedFrom);
        WhatIf full = WhatIf.Of(Dollars(153), basis);
        Assert.Equal((false, null), (full.AdmitsNow, full.NothingAdmittedFrom));
        WhatIfBasis soft = basis with { Month = basis.Month with { Mode = BudgetMode.Soft } };

        // Softly: until 174 are spent; 5 of what is reserved will be.
        Assert.Equal(Now.AddDays(29 / 4d), WhatIf.Of(Dollars(174), soft).NothingAdmittedFrom);
    }

    [Theory]
    [InlineData(60, 20, 200, BudgetMode.Hard, 200)]
    [InlineData(190, 20, 200, BudgetMode.Hard, 210)]
    [InlineData(0, 0, 0, BudgetMode.Hard, 0)]
    public void Ceiling_OfAHardLimit_IsTheLimitOrWhatIsCommittedAlready(decimal spent, decimal reserved, decimal limit, BudgetMode mode, decimal most) =>
        Assert.Equal(Dollars(most), MonthCeiling.Of(new BudgetMonth(November, Dollars(limit), Dollars(spent), Dollars(reserved)) { Mode = mode }));

    [Fact]
    public void Ceiling_OfASoftLimit_IsNone() =>
        Assert.Null(MonthCeiling.Of(new BudgetMonth(November, Dollars(200), Dollars(10), Usd.Zero) { Mode = BudgetMode.Soft }));

    private static WhatIfBasis Basis(decimal spent, decimal reserved, params WaitingJob[] waiting) => new(
        new BudgetMonth(November, Dollars(200), Dollars(spent), Dollars(reserved)),
        waiting,
        new Dictionary<(JobId, int), Usd>(),
        Dollars(4),
        Dollars(2),
        null);

    private static WaitingJob Job(byte number) => new(new JobId(new Guid(number, 1, 0, new byte[8])), 1, $"LoRA {number}", Now.AddMinutes(-number));

    private static Usd Dollars(decimal dollars) => Usd.FromDollars(dollars);
}
