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

    [Fact]
    public void Pod_ThatEndedSomeSecondsIntoADayByOurClock_NeedsNoBillOfThatDay()
    {
        LedgerPod late = Pod() with { CreatedAt = Day.AddHours(22), GoneAt = Day.AddDays(1).AddSeconds(30) };
        PodMoney money = Money([late], 1.01m);

        Assert.Equal(DriftState.Differs, PodBills.Judge(money, Closed.AddDays(1)).State);
        Assert.Empty(PodBills.Oddities(money, Closed.AddDays(1)));

        // Minutes of it would have cost more than a cent.
        LedgerPod later = late with { GoneAt = Day.AddDays(1).AddMinutes(2) };
        Assert.Equal(DriftState.Incomplete, PodBills.Judge(Money([later], 1.01m), Closed.AddDays(1)).State);
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
