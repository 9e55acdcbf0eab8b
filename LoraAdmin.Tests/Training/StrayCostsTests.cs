using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Pods;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>Pods that come, go and come back past every reservation: the ledger has what they really cost, and its incident is open while they cost it.</summary>
public sealed class StrayCostsTests
{
    private readonly TrainingBench bench = new(cloud => cloud.Training = TimeSpan.FromMinutes(90));

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Pod_ThatNobodyAskedFor_IsBookedFirstWithAllThatItHasCostSinceItBegan()
    {
        PodRecord pod = PodHouse.AddPod(
            bench.World, PodNames.For(bench.World.Installation.Id, new JobId(bench.World.Ids.Next()), 1, 1), agentKnowsUs: false);
        bench.World.Clock.Advance(TimeSpan.FromMinutes(40));
        await bench.RunForAsync(TimeSpan.FromMinutes(5));

        LedgerPod row = Assert.Single(bench.World.Database.Pods.Rows);
        BudgetEntry first = bench.World.Database.EntriesOfPod[row.Name].MinBy(static entry => entry.At)!;
        Assert.InRange(first.Spent.Micros, Usd.FromDollars(pod.GpuRate).PerHourFor(first.At - pod.CreatedAt).Micros, 500_000);
        string told = Assert.Single(bench.World.Database.Events, static fact => fact.Kind == BudgetEvents.Beyond).Message;
        Assert.StartsWith($"No attempt asked for pod {pod.Id}. When this was told it had cost {first.Spent}, at ", told, StringComparison.Ordinal);
    }

    /// <summary>A person ends it before any look of the pod loop.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Pod_ThatAPersonEndsBeforeItIsLookedAt_IsBookedSinceItBegan()
    {
        PodRecord pod = PodHouse.AddPod(bench.World, PodNames.For(bench.World.Installation.Id, new JobId(bench.World.Ids.Next()), 1, 1));
        bench.World.Clock.Advance(TimeSpan.FromMinutes(40));
        bench.PodLoopRuns = false;
        Assert.IsType<EndPodOutcome.Noted>(await bench.Portal.Pods.EndAsync(pod.Id, "not needed", false, TrainingBench.Person, TrainingBench.Token));
        await SettleAsync();

        Assert.True(bench.Month.Spent >= Usd.FromDollars(pod.GpuRate).PerHourFor(TimeSpan.FromMinutes(40)), $"{bench.Month.Spent}");
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Pod_DisownedAndThenOursAgain_IsBookedAlsoWhenItWentBetweenTwoLooks()
    {
        LedgerPod row = await FindStrayAsync();
        Usd before = bench.Month.Spent;
        await DisownAsync(row);
        await SettleAsync();
        Assert.Equal(Usd.Zero, bench.Month.Spent);

        bench.World.Clock.Advance(TimeSpan.FromMinutes(10));
        Set(row, now => now with { WantReason = PodReasons.ByPerson, GoneAt = bench.Now });
        await SettleAsync();

        Assert.True(before > Usd.Zero);
        Assert.Equal(Assert.Single(bench.World.Database.Pods.Rows).CostUntil(bench.Now), bench.Month.Spent);
        Assert.True(bench.Month.Spent > before);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Pod_WhoseAbsenceIsProvenLate_IsBookedUntilItWasGoneAndItsIncidentEnds()
    {
        (JobId id, LedgerPod row) = await SettledAsync();
        await LiveAgainAsync(row, TimeSpan.FromHours(2));
        Usd tooMuch = bench.Reservation(id).Actual!.Value;
        Assert.Equal([false], Ended());

        Set(row, now => now with { Saw = PodSaw.Gone, GoneAt = bench.Now.AddMinutes(-90) });
        bench.World.Clock.Advance(TimeSpan.FromMinutes(1));
        await SettleAsync();
        await SettleAsync();

        Usd cost = Assert.Single(bench.Pods(id)).CostUntil(bench.Now);
        Assert.True(cost < tooMuch);
        AssertCosts(id, cost);
        Assert.Equal([false, true], Ended());
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Pod_OfASettledAttemptThatIsBackTwice_IsToldTwice()
    {
        (JobId id, LedgerPod row) = await SettledAsync();
        for (int time = 1; time <= 2; time++)
        {
            await LiveAgainAsync(row, TimeSpan.FromMinutes(30));
            bench.World.Clock.Advance(TimeSpan.FromMinutes(30));
            await SettleAsync();
            await GoAsync(row);
        }

        Assert.Equal([false, true, false, true], Ended());
        AssertCosts(id, Assert.Single(bench.Pods(id)).CostUntil(bench.Now));
    }

    [Fact]
    [Trait("Requirement", "M2")]
    public async Task Pod_ThatNobodyAskedForAndThatIsBack_IsToldTwice()
    {
        LedgerPod row = await FindStrayAsync();
        await GoAsync(row);
        await LiveAgainAsync(row, TimeSpan.FromMinutes(30));
        bench.World.Clock.Advance(TimeSpan.FromMinutes(30));
        await SettleAsync();
        await GoAsync(row);

        Assert.Equal([false, true, false, true], Ended());
        Assert.Equal(Assert.Single(bench.World.Database.Pods.Rows).CostUntil(bench.Now), bench.Month.Spent);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Pod_FoundWhileItsAttemptRanAndDisownedAfterIt_IsTakenBackOutOfTheReservation()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);
        PodHouse.AddPod(bench.World, PodNames.For(bench.World.Installation.Id, id, 1, 9));
        await bench.RunToRestAsync(id);
        LedgerPod stray = Assert.Single(bench.Pods(id), static pod => pod.IsStray);
        Usd others = stray.CostUntil(bench.Now);
        Reservation settled = bench.Reservation(id);
        Assert.True(others > Usd.Zero && settled.Split!.Failed == others && settled.Beyond == Usd.Zero, $"{others} {settled}");

        await DisownAsync(stray);
        await SettleAsync();
        await SettleAsync();

        AssertCosts(id, settled.Actual!.Value - others);
        Assert.Equal(settled.Split! with { Failed = Usd.Zero }, bench.Reservation(id).Split);
        Assert.Equal(bench.Reservation(id).Accrued, bench.Reservation(id).Split!.Sum);
        BudgetEntry back = Assert.Single(bench.World.Database.EntriesOfPod[stray.Name]);
        Assert.Equal((EntryKind.Settle, CostPurpose.Failed, Usd.Zero - others, settled.Month), (back.Kind, back.Purpose, back.Spent, back.Month));
        Assert.Contains("is not ours", back.Note, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Excess_ThatWasBookedTooHigh_IsTakenBackInItsKindAndPurpose()
    {
        bench.Faults.Add(FaultKind.DeleteIgnored, count: 1_000_000, seconds: 12 * 3_600);
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Completed);
        PodRecord pod = Assert.Single(bench.VendorPods);
        pod.Agent.LeaseUntil = bench.Now.AddDays(30);
        bench.World.Cloud.World.Touch(pod);
        await bench.RunForAsync(TimeSpan.FromHours(5));
        Assert.True(bench.Reservation(id).Beyond > Usd.Zero);
        bench.PodLoopRuns = false;

        Set(Assert.Single(bench.Pods(id)), now => now with { Saw = PodSaw.Gone, GoneAt = now.RequestedAt.AddMinutes(100) });
        await SettleAsync();

        AssertCosts(id, Assert.Single(bench.Pods(id)).CostUntil(bench.Now));
        Assert.Equal(Usd.Zero, bench.Reservation(id).Beyond);
        IReadOnlyList<BudgetEntry> beyond = [.. bench.World.Database.BeyondOf[(id, 1)]];
        Assert.Equal(Usd.Zero, beyond.Aggregate(Usd.Zero, static (sum, entry) => sum + entry.Spent));
        Assert.All(beyond, static entry => Assert.Equal((EntryKind.Leak, CostPurpose.Orphan), (entry.Kind, entry.Purpose)));
        Assert.Equal(
            $"Attempt 1 of job {id} cost less beyond its reservation than had been booked", Assert.Single(beyond, static entry => entry.Spent < Usd.Zero).Note);
        Assert.Equal([false, true], Ended());
    }

    /// <summary>Whatever its own clock says, RunPod's has told it what time it is.</summary>
    [Theory]
    [InlineData(10)]
    [InlineData(10 * 24 * 60)]
    [InlineData(-2 * 24 * 60)]
    [Trait("Requirement", "M6")]
    public async Task Cost_ByAClockThatIsFarOff_IsBookedBySettlementAloneAndIsWhatTheVendorBills(int minutesAhead)
    {
        TrainingBench wrong = new(cloud => cloud.Training = TimeSpan.FromMinutes(90), ahead: TimeSpan.FromMinutes(minutesAhead));
        JobId id = await wrong.SubmitAsync();
        await wrong.RunToStateAsync(id, TrainingState.Training);
        PodHouse.AddPod(wrong.World, PodNames.For(wrong.World.Installation.Id, new JobId(wrong.World.Ids.Next()), 1, 1), agentKnowsUs: false);
        await wrong.RunForAsync(TimeSpan.FromHours(1));

        Assert.NotNull(wrong.Portal.Clocks.WhyHeld());
        Assert.Equal(EntryKind.Reserve, Assert.Single(wrong.World.Database.Entries.Rows).Kind);

        PodRecord pod = wrong.VendorPods.Single(one => one.Id == wrong.Pods(id)[0].PodId);
        await wrong.RunUntilAsync(() => wrong.VendorPods.Single(one => one.Id == pod.Id).Status == PodStatus.Terminated, "a pod that has ended");
        DateTimeOffset ended = wrong.Now;
        await wrong.RunToRestAsync(id);

        Usd rate = wrong.Pods(id)[0].HourlyRate!.Value;
        TimeSpan lived = ended - pod.CreatedAt;
        Assert.InRange(
            wrong.Month.Spent.Micros, rate.PerHourFor(lived - TimeSpan.FromSeconds(2)).Micros, rate.PerHourFor(lived + PodWatch.Every).Micros);
        Assert.Equal(wrong.Reservation(id).Actual, wrong.Month.Spent);
        Assert.Equal(wrong.Month.Month, Assert.Single(wrong.World.Database.Months.Rows).Month);
        Assert.All(wrong.World.Database.Entries.Rows, entry => Assert.InRange(entry.At, SimulatedWorld.Start.AddMinutes(-1), wrong.Now.AddMinutes(1)));
        Assert.DoesNotContain(wrong.World.Database.Entries.Rows, static entry => entry.Kind is EntryKind.Leak or EntryKind.PriceChange);

        // Another portal, whose clock is right, finds nothing to add and nothing to take back.
        SimulatedPortal right = new(wrong.World, new Mortality(static _ => false), "right");
        Reservation settled = wrong.Reservation(id);
        await right.Watch.TickAsync(TrainingBench.Token);
        await right.Settlement.RunAsync(TrainingBench.Token);
        Assert.Equal((settled, settled.Actual), (wrong.Reservation(id), wrong.Attempts(id)[0].Cost));
        Assert.Empty(wrong.World.Database.BeyondOf[(id, 1)]);
    }

    /// <summary>Nobody has contradicted its clock yet, and nobody has vouched for it.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Cost_InTheFirstTurnOfAPortalThatStartsDaysAhead_IsNotBooked()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);
        PodHouse.AddPod(bench.World, PodNames.For(bench.World.Installation.Id, new JobId(bench.World.Ids.Next()), 1, 1), agentKnowsUs: false);
        await bench.RunForAsync(TimeSpan.FromMinutes(20));
        Usd accrued = bench.Reservation(id).Accrued;
        Usd spent = bench.Month.Spent;
        Assert.True(accrued > Usd.Zero && spent > accrued, $"{accrued} {spent}");

        SimulatedPortal ahead = new(bench.World, new Mortality(static _ => false), "ahead", clock: new MachineClock(bench.World.Clock, TimeSpan.FromDays(3), drift: 0));
        await ahead.Settlement.RunAsync(TrainingBench.Token);

        Assert.Null(ahead.Clocks.WhyHeld());
        Assert.Equal((accrued, spent), (bench.Reservation(id).Accrued, bench.Month.Spent));
    }

    /// <summary>A pod that no attempt asked for; nobody looks at the account any more.</summary>
    private async Task<LedgerPod> FindStrayAsync()
    {
        PodHouse.AddPod(bench.World, PodNames.For(bench.World.Installation.Id, new JobId(bench.World.Ids.Next()), 1, 1), agentKnowsUs: false);
        await bench.RunForAsync(TimeSpan.FromHours(1));
        bench.PodLoopRuns = false;
        return Assert.Single(bench.World.Database.Pods.Rows);
    }

    /// <summary>A settled attempt and its one pod; nobody looks at the account any more.</summary>
    private async Task<(JobId Id, LedgerPod Pod)> SettledAsync()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);
        bench.PodLoopRuns = false;
        return (id, Assert.Single(bench.Pods(id)));
    }

    /// <summary>It was taken for gone and is listed again.</summary>
    private async Task LiveAgainAsync(LedgerPod pod, TimeSpan length)
    {
        Set(pod, static now => now with { Saw = PodSaw.Running, GoneAt = null });
        bench.World.Clock.Advance(length);
        await SettleAsync();
    }

    private async Task GoAsync(LedgerPod pod)
    {
        bench.World.Clock.Advance(TimeSpan.FromMinutes(1));
        Set(pod, now => now with { Saw = PodSaw.Gone, GoneAt = bench.Now });
        await SettleAsync();
    }

    private Task DisownAsync(LedgerPod pod) =>
        bench.Portal.Pods.ClaimAsync(pod.PodId!, ClaimVerdict.NotOurs, "a colleague's", TrainingBench.Person, TrainingBench.Token);

    private Task<int> SettleAsync() => bench.Portal.Settlement.RunAsync(TrainingBench.Token);

    private void Set(LedgerPod pod, Func<LedgerPod, LedgerPod> change) =>
        bench.World.Database.Pods.Set(pod.Name, change(bench.World.Database.Pods.Find(pod.Name)!));

    private IEnumerable<bool> Ended() => bench.World.Database.Events.SelectMany(static fact => fact.Signals)
        .Where(static signal => signal.Rule == BudgetIncidents.Beyond).Select(static signal => signal.Over);

    /// <summary>Everything that says what the attempt cost says the same.</summary>
    private void AssertCosts(JobId id, Usd cost)
    {
        Reservation settled = bench.Reservation(id);
        Assert.Equal((cost, cost), (settled.Actual, settled.Accrued + settled.Beyond));
        Assert.Equal((cost, cost, cost), (bench.Job(id).Cost, bench.Attempts(id)[0].Cost, bench.Month.Spent));
        Assert.Equal(cost, bench.World.Database.Entries.Rows.Aggregate(Usd.Zero, static (sum, entry) => sum + entry.Spent));
    }
}
