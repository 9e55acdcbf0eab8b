using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>When a pod's bill is taken for complete, and what is said of it until then.</summary>
public sealed class PodBillsTests
{
    private static readonly DateTimeOffset Day = new(2026, 11, 24, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset Closed = Day.AddDays(1) + PodBills.ClosedAfter;
    private static readonly JobId Job = new(new Guid(1, 0, 0, new byte[8]));
    private static readonly Usd Rate = Usd.FromDollars(0.50m);

    [Fact]
    public void Pod_ThatIsThere_IsAliveWhateverIsBilled()
    {
        PodDrift drift = PodBills.Judge(Money([Pod() with { Saw = PodSaw.Leaking, GoneAt = null }], 1m), Closed);

        Assert.Equal((DriftState.Alive, null), (drift.State, drift.GoneAt));
        Assert.Equal((Usd.FromDollars(1m), Usd.Zero), (drift.Booked, drift.Drift));
    }

    [Fact]
    public void Pod_UntilItsLastDayIsClosed_Waits()
    {
        Assert.Equal(DriftState.Waiting, PodBills.Judge(Money([Pod()], 1.2m), Closed - TimeSpan.FromTicks(1)).State);
        Assert.Equal(DriftState.Differs, PodBills.Judge(Money([Pod()], 1.2m), Closed).State);
        Assert.Empty(PodBills.Oddities(Money([Pod()]), Closed - TimeSpan.FromTicks(1)));
    }

    [Fact]
    public void Pod_WhoseAttemptIsNotSettled_IsNotCorrected()
    {
        PodMoney money = Money([Pod()], 1.2m) with { Reservations = [Reservation(settled: false)] };

        Assert.Equal(DriftState.Unsettled, PodBills.Judge(money, Closed).State);
        Assert.Equal(DriftState.Differs, PodBills.Judge(money with { Reservations = [Reservation(settled: true)] }, Closed).State);
    }

    [Theory]
    [InlineData("1.2", "0", "0.2", DriftState.Differs)]
    [InlineData("0.9", "0", "-0.1", DriftState.Differs)]
    [InlineData("1.2", "0.2", "0", DriftState.Agrees)]
    [InlineData("1.2", "0.3", "-0.1", DriftState.Differs)]
    [InlineData("1.000001", "0", "0.000001", DriftState.Differs)]
    [InlineData("1", "0", "0", DriftState.Agrees)]
    public void Pod_WithAWholeBill_DiffersByWhatIsNeitherBookedNorCorrected(string billed, string corrected, string left, DriftState state)
    {
        PodDrift drift = PodBills.Judge(Money([Pod()], Dollars(billed)) with { Corrected = Usd.FromDollars(Dollars(corrected)) }, Closed);

        Assert.Equal((state, Usd.FromDollars(Dollars(left))), (drift.State, drift.Uncorrected!.Value));
        Assert.Equal(Usd.FromDollars(Dollars(billed)) - Usd.FromDollars(1m), drift.Drift);
    }

    [Fact]
    public void Pod_WithoutAnyBill_IsIncompleteAndNoZero()
    {
        PodDrift drift = PodBills.Judge(Money([Pod()]), Closed);

        Assert.Equal((DriftState.Incomplete, null, null), (drift.State, drift.Billed, drift.Uncorrected));
        Assert.Equal((BillOddityKind.Gap, Day), OddityOf(Money([Pod()]), Closed));
    }

    [Fact]
    public void Pod_WithoutTheBillOfAMiddleDay_IsIncomplete()
    {
        LedgerPod lasting = Pod() with { GoneAt = Day.AddDays(2).AddHours(5) };
        PodMoney money = Money([lasting]) with { Records = [Bill(0, 6m), Bill(2, 2m)] };
        DateTimeOffset later = Closed.AddDays(2);

        Assert.Equal((DriftState.Incomplete, "The day 2026-11-25 has no bill that can be counted"), StateOf(money, later));
        Assert.Equal((BillOddityKind.Gap, Day.AddDays(1)), OddityOf(money, later));
        Assert.Equal(DriftState.Differs, PodBills.Judge(money with { Records = [Bill(0, 6m), Bill(1, 12m), Bill(2, 2m)] }, later).State);
    }

    [Theory]
    [InlineData(0.5, true)]
    [InlineData(11, true)]
    [InlineData(11.1, false)]
    public void Pod_ThatEndedMinutesIntoADayByOurClock_NeedsNoBillOfThatDay(double minutes, bool isWhole)
    {
        LedgerPod late = Pod() with { HourlyRate = Usd.FromDollars(2.50m), CreatedAt = Day.AddHours(22), GoneAt = Day.AddDays(1).AddMinutes(minutes) };

        AssertWhole(isWhole, Money([late], 5.01m), Day.AddDays(1));
    }

    [Theory]
    [InlineData(3, true)]
    [InlineData(11.1, false)]
    public void Pod_ThatWasMadeMinutesBeforeMidnight_NeedsNoBillOfThatDay(double minutes, bool isWhole)
    {
        LedgerPod early = Pod() with { HourlyRate = Usd.FromDollars(2.50m), CreatedAt = Day.AddDays(1).AddMinutes(-minutes), GoneAt = Day.AddDays(1).AddHours(2) };

        AssertWhole(isWhole, Money([early]) with { Records = [Bill(1, 5.1m)] }, Day);
    }

    [Fact]
    public void Pod_OfAFewMinutesAboutMidnight_NeedsABillOfOneOfBothDays()
    {
        LedgerPod brief = Pod() with { HourlyRate = Usd.FromDollars(2.50m), CreatedAt = Day.AddHours(23.9), GoneAt = Day.AddHours(24.1) };

        AssertWhole(false, Money([brief]), Day);
        AssertWhole(true, Money([brief], 0.4m), Day);
        AssertWhole(true, Money([brief]) with { Records = [Bill(1, 0.4m)] }, Day);
        AssertWhole(false, Money([Pod() with { HourlyRate = Usd.FromDollars(2.50m), GoneAt = Day.AddHours(12).AddMinutes(5) }]), Day);
    }

    [Fact]
    public void Pod_ThatStoodStillForNothing_NeedsNoBillOfThoseDays()
    {
        // It ran for two hours, stood still on a network volume, was started for its file on the third day and stopped again.
        LedgerPod held = (Pod() with { HourlyRate = Usd.FromDollars(2.50m), GoneAt = null })
            .Repriced(Usd.Zero, Day.AddHours(14))
            .Repriced(Usd.FromDollars(2.50m), Day.AddDays(2).AddHours(9))
            .Repriced(Usd.Zero, Day.AddDays(2).AddHours(9.5)) with
        { GoneAt = Day.AddDays(4).AddHours(1) };

        AssertWhole(true, Money([held], 5m) with { Records = [Bill(0, 5m), Bill(2, 1.3m)] }, Day);
        AssertWhole(false, Money([held], 5m), Day.AddDays(2));
        AssertWhole(false, Money([held]) with { Records = [Bill(2, 1.3m)] }, Day);
    }

    [Fact]
    public void Pod_WithAMountThatCosts_NeedsABillOfEachDayThatItStoodStill()
    {
        LedgerPod held = (Pod() with { HourlyRate = Usd.FromDollars(2.50m), GoneAt = null }).Repriced(Usd.FromDollars(0.02m), Day.AddHours(14)) with { GoneAt = Day.AddDays(3) };

        AssertWhole(false, Money([held]) with { Records = [Bill(0, 5m), Bill(2, 0.48m)] }, Day.AddDays(1));
        AssertWhole(true, Money([held]) with { Records = [Bill(0, 5m), Bill(1, 0.48m), Bill(2, 0.48m)] }, Day);
    }

    [Fact]
    public void Pod_WhoseEarlierPricesNobodyKept_IsAskedByTheirAverage()
    {
        // Two days at a price that is not known, then nothing.
        LedgerPod old = Pod() with { Billed = Usd.FromDollars(10m), BilledUntil = Day.AddDays(2), HourlyRate = Usd.Zero, GoneAt = Day.AddDays(4) };

        AssertWhole(false, Money([old], 4m), Day.AddDays(1));
        AssertWhole(true, Money([old]) with { Records = [Bill(0, 4m), Bill(1, 6m)] }, Day);
    }

    [Fact]
    public void Price_ThatGoesToAndFro_IsKeptInABoundedRowThatLosesNoMoney()
    {
        LedgerPod pod = Pod() with { GoneAt = null };
        for (int number = 1; number <= 500; number++)
        {
            pod = pod.Repriced(new Usd(500_000 + number), pod.CreatedAt!.Value.AddMinutes(number));
        }

        IReadOnlyList<PricedTime> times = pod.PricesUntil(Day.AddHours(22));
        Assert.Equal(PriceHistory.MostTimes + 1, times.Count);
        Assert.Equal((pod.CreatedAt!.Value, Day.AddHours(22)), (times[0].From, times[^1].Until));
        Assert.InRange((times.Aggregate(Usd.Zero, static (sum, time) => sum + time.Cost) - pod.CostUntil(Day.AddHours(22))).Micros, -500, 500);
    }

    [Fact]
    public void Pod_WhoseBillsAreHeldBack_SaysWhyAndWhatHelps()
    {
        PodMoney money = Money([Pod()], 1.2m) with { Hold = "The bill of pod pod1 for 2026-11-24 is below zero: -$1.00" };

        PodDrift drift = PodBills.Judge(money, Closed);

        Assert.Equal((DriftState.HeldBack, false), (drift.State, drift.IsBilled));
        Assert.StartsWith("The bill of pod pod1 for 2026-11-24 is below zero: -$1.00: nothing is corrected", drift.Why, StringComparison.Ordinal);
        Assert.Contains("show it to RunPod's support", drift.Why, StringComparison.Ordinal);
        Assert.Equal(DriftState.Waiting, PodBills.Judge(money, Closed.AddTicks(-1)).State);
    }

    [Fact]
    public void Pod_ThatCostNothing_NeedsNoBill()
    {
        PodMoney money = Money([Pod() with { HourlyRate = Usd.Zero }]) with { Booked = Usd.Zero };

        Assert.Equal(DriftState.Agrees, PodBills.Judge(money, Closed).State);
    }

    [Fact]
    public void Pod_ThatCostLessThanACent_AgreesWithoutABill()
    {
        PodMoney money = Money([Pod() with { HourlyRate = Usd.FromDollars(0.004m) }]) with { Booked = Usd.FromDollars(0.008m) };

        Assert.Equal((DriftState.Agrees, "It cost less than a cent a day, for which a bill may be lacking"), StateOf(money, Closed));
        Assert.Equal(DriftState.Differs, PodBills.Judge(money with { Records = [Bill(0, 0.009m)] }, Closed).State);
    }

    [Fact]
    public void Pod_WhoseLastCostIsNotBookedYet_IsNotCorrected()
    {
        PodMoney money = Money([Pod()], 1m) with { Booked = Usd.FromDollars(0.25m), Unbooked = Usd.FromDollars(0.75m) };

        Assert.Equal(DriftState.Unsettled, PodBills.Judge(money, Closed).State);
        Assert.Equal(
            (DriftState.Unsettled, "$0.25 that it did not cost when its attempt had been settled is not taken back yet"),
            StateOf(money with { Booked = Usd.FromDollars(1.25m), Unbooked = Usd.FromDollars(-0.25m) }, Closed));
    }

    [Fact]
    public void Pod_ThatAPersonDisowned_IsNotOursWhateverIsBilled()
    {
        PodMoney money = Money([Pod() with { GpuType = "", WantReason = PodReasons.NotOurs }]) with { Records = [Bill(0, 1m), Bill(1, 12m)] };

        Assert.Equal((DriftState.NotOurs, "A person said that it is not ours"), StateOf(money, Closed.AddDays(1)));
        Assert.Empty(PodBills.Oddities(money, Closed.AddDays(1)));
    }

    [Fact]
    public void Pod_BilledAfterItWasGone_IsCorrectedAndListed()
    {
        PodMoney money = Money([Pod()]) with { Records = [Bill(0, 1m), Bill(1, 12m)] };

        Assert.Equal((DriftState.Differs, Usd.FromDollars(12m)), (PodBills.Judge(money, Closed).State, PodBills.Judge(money, Closed).Uncorrected!.Value));
        Assert.Equal((BillOddityKind.AfterGone, Day.AddDays(1)), OddityOf(money, Closed));
    }

    [Fact]
    public void Pod_ThatTheLedgerNeverHad_IsNotOurs()
    {
        PodMoney money = Money([], 1.25m);

        PodDrift drift = PodBills.Judge(money, Closed);

        Assert.Equal((DriftState.NotOurs, Usd.Zero, Usd.FromDollars(1.25m), null), (drift.State, drift.Booked, drift.Billed!.Value, drift.Pod));
        Assert.Equal((BillOddityKind.UnknownPod, null), OddityOf(money, Closed));
    }

    private static void AssertWhole(bool isWhole, PodMoney money, DateTimeOffset gap)
    {
        DateTimeOffset later = Closed.AddDays(5);
        Assert.Equal(isWhole ? DriftState.Differs : DriftState.Incomplete, PodBills.Judge(money, later).State);
        Assert.Equal(
            isWhole ? [] : [(BillOddityKind.Gap, gap)],
            PodBills.Oddities(money, later).Where(oddity => oddity.Kind == BillOddityKind.Gap).Select(oddity => (oddity.Kind, oddity.Bucket!.Value)));
    }

    private static (BillOddityKind, DateTimeOffset?) OddityOf(PodMoney money, DateTimeOffset now)
    {
        BillOddity oddity = Assert.Single(PodBills.Oddities(money, now));
        Assert.False(oddity.HoldsBack);
        return (oddity.Kind, oddity.Bucket);
    }

    private static (DriftState, string) StateOf(PodMoney money, DateTimeOffset now) => (PodBills.Judge(money, now).State, PodBills.Judge(money, now).Why);

    /// <summary>Two hours at $0.50 from noon on.</summary>
    private static LedgerPod Pod() => new()
    {
        Name = "lora-a-1-1",
        Job = Job,
        Attempt = 1,
        Try = 1,
        Want = PodWant.Released,
        Saw = PodSaw.Gone,
        PodId = "pod1",
        GpuType = "NVIDIA A40",
        HourlyRate = Rate,
        RequestedAt = Day.AddHours(12),
        CreatedAt = Day.AddHours(12),
        GoneAt = Day.AddHours(14),
    };

    private static PodMoney Money(IReadOnlyList<LedgerPod> rows, decimal? billed = null) =>
        new("pod1", rows, [], billed is { } dollars ? [Bill(0, dollars)] : [], Usd.FromDollars(1m), Usd.Zero, 0, [], Usd.Zero);

    private static BillRecord Bill(int day, decimal dollars) => new("pod1", Day.AddDays(day), Usd.FromDollars(dollars), Usd.FromDollars(dollars), Usd.Zero, Usd.Zero);

    private static Reservation Reservation(bool settled) =>
        new(Job.Value, Job, 1, Month.Of(Day), Usd.FromDollars(2m), Day, settled ? Usd.FromDollars(1m) : null, settled ? Day.AddHours(15) : null);

    private static decimal Dollars(string text) => decimal.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
}
