using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using LoraAdmin.Tests.Training;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>A portal whose own clock is wrong, beside a vendor whose clock is right: what it leaves alone, and what goes on.</summary>
public sealed class WrongClockTests
{
    private static readonly TimeSpan FarAhead = TimeSpan.FromMinutes(10);

    [Fact]
    public async Task Sweep_ByAClockThatIsFarOff_TouchesNoPod_AndAPersonsPlanIsCarriedOut()
    {
        PodHouse house = new(ahead: FarAhead);
        PodRecord young = house.AddPod(house.NextName());
        PodRecord late = house.AddPod(house.NextName());
        await house.KnowAsync(late, row => row with { LiveUntil = row.RequestedAt.AddMinutes(5) });

        await house.RunAsync(TimeSpan.FromMinutes(20));
        Assert.Equal((PodStatus.Running, PodStatus.Running), (young.Status, late.Status));
        Assert.DoesNotContain(house.Facts, fact => fact.Kind == PodEvents.Orphaned);
        Assert.NotNull(house.Portal.Clocks.WhyHeld());

        SweepPlan plan = await house.PlanAsync();
        Assert.Equal(2, plan.Items.Count);
        Assert.IsType<ApproveSweepOutcome.Applied>(await house.Portal.Pods.ApproveSweepAsync(plan.Hash, TrainingBench.Person, PodHouse.None));
        await house.RunAsync(TimeSpan.FromMinutes(3));
        Assert.Equal((PodStatus.Terminated, PodStatus.Terminated), (young.Status, late.Status));
    }

    [Fact]
    public async Task Sweep_ByAClockThatIsOnlyTold_GoesOn()
    {
        PodHouse house = new(ahead: TimeSpan.FromMinutes(4));
        PodRecord pod = house.AddPod(house.NextName());

        await house.RunAsync(TimeSpan.FromMinutes(5));

        Assert.Equal(PodStatus.Terminated, pod.Status);
        Assert.Equal(ClockGrade.Off, Assert.Single(house.Portal.Clocks.All).Grade);
    }

    [Fact]
    public async Task PodWhoseJobIsOver_EndsWhateverTheClockSays_AndItsAgentIsAskedAnew()
    {
        PodHouse house = new(ahead: -FarAhead);
        PodRecord stored = house.AddPod(house.NextName());
        PodRecord word = house.AddPod(house.NextName());
        await house.KnowAsync(stored, row => row with { Want = PodWant.Released, WantReason = PodReasons.FileStored, Proof = FileProof.InStorage });

        // By a clock that is behind, the word that another portal noted an hour ago lies in the future, and looks as fresh as ever.
        house.FinishTraining(word);
        await house.KnowAsync(
            word, row => row with { Want = PodWant.Released, WantReason = PodReasons.JobEnded, Proof = FileProof.AgentHasNone, ProofAt = row.RequestedAt });

        await house.RunAsync(TimeSpan.FromMinutes(3));

        Assert.Equal(PodStatus.Terminated, stored.Status);
        Assert.Equal(PodStatus.Exited, word.Status);
        Assert.Equal(PodWant.Held, Assert.Single(house.Rows, row => row.PodId == word.Id).Want);
    }

    [Fact]
    [Trait("Requirement", "E6")]
    public async Task Training_ByAClockThatIsFarAhead_IsNotCancelledBeforeItsLimit()
    {
        TrainingBench bench = new(cloud => cloud.Training = TimeSpan.FromHours(5), ahead: FarAhead);
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);

        TrainingJob job = bench.Job(id);
        Assert.Equal("training_timeout", job.Failure!.Rule.Code);
        Assert.InRange(bench.Now - job.StartedAt!.Value, TimeSpan.FromHours(2), TimeSpan.FromHours(2) + TimeSpan.FromSeconds(30));
        await bench.RunUntilAsync(() => bench.VendorPods.All(pod => pod.Status == PodStatus.Terminated), "its pod is ended");
    }

    /// <summary>The price rose between two looks of a portal days ahead: until then it cost the old one, and no day of the new one has passed.</summary>
    [Theory]
    [InlineData(10)]
    [InlineData(-10)]
    [Trait("Requirement", "M6")]
    public async Task Price_OfAPodThatLives_ChangesByRunPodsClock(int daysAhead)
    {
        PodHouse house = new(ahead: TimeSpan.FromDays(daysAhead));
        PodRecord pod = house.AddPod(house.NextName());
        await house.KnowAsync(pod, row => row with { HourlyRate = Usd.FromDollars(8) });
        house.Pass(TimeSpan.FromMinutes(30));
        await house.Portal.Watch.TickAsync(PodHouse.None);

        LedgerPod row = Assert.Single(house.Rows);
        Assert.InRange(row.Billed.Micros, 3_900_000, 4_100_000);
        Assert.InRange((row.BilledUntil!.Value - house.World.Clock.GetUtcNow()).Duration(), TimeSpan.Zero, TimeSpan.FromSeconds(2));
        Assert.InRange(row.CostUntil(house.World.Clock.GetUtcNow().AddHours(1)).Micros, 4_300_000, 4_600_000);
    }

    /// <summary>Each notes what the other goes on from: neither takes ten days for having passed, nor waits for them.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Trait("Requirement", "M6")]
    public async Task Absence_ThatTwoPortalsSee_IsCountedByOneClock(bool wrongIsFirst)
    {
        PodHouse right = new();
        PodHouse wrong = new(right.World, TimeSpan.FromDays(10));
        PodRecord pod = right.AddPod(right.NextName());
        await right.KnowAsync(pod, row => row with { Want = PodWant.Released, Saw = PodSaw.Terminating, Proof = FileProof.InStorage, TerminateAttempts = 1 });
        right.Pass(TimeSpan.FromMinutes(22));
        right.World.Cloud.World.Terminate(pod);
        DateTimeOffset ended = right.World.Clock.GetUtcNow();
        (PodHouse first, PodHouse second) = wrongIsFirst ? (wrong, right) : (right, wrong);

        await first.Portal.Watch.TickAsync(PodHouse.None);
        right.Pass(TimeSpan.FromSeconds(5));
        await second.Portal.Watch.TickAsync(PodHouse.None);
        Assert.NotEqual(PodSaw.Gone, Assert.Single(right.Rows).Saw);
        right.Pass(TimeSpan.FromSeconds(15));
        await second.Portal.Watch.TickAsync(PodHouse.None);

        LedgerPod gone = Assert.Single(right.Rows);
        Assert.Equal(PodSaw.Gone, gone.Saw);
        Assert.InRange((gone.GoneAt!.Value - ended).Duration(), TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }

    /// <summary>M6: the present month is full, and no portal may take the next one's money for it.</summary>
    [Theory]
    [InlineData(3)]
    [InlineData(-40)]
    [Trait("Requirement", "M6")]
    public async Task Month_ThatIsFull_IsFullForAPortalWhoseClockIsInAnother(int daysAhead)
    {
        TrainingBench bench = new();
        TimeProvider away = new MachineClock(bench.World.Clock, TimeSpan.FromDays(daysAhead), drift: 0);
        SimulatedPortal wrong = new(bench.World, new Mortality(static _ => false), "wrong", clock: away);
        JobId id = await bench.SubmitAsync();
        bench.World.Budget = new BudgetRules(bench.Month.Reserved + Usd.FromDollars(1), Usd.FromDollars(1));
        SubmitOutcome.BudgetExhausted here = Assert.IsType<SubmitOutcome.BudgetExhausted>(await AdmitAsync(bench.Portal));

        SubmitOutcome.BudgetExhausted there = Assert.IsType<SubmitOutcome.BudgetExhausted>(await AdmitAsync(wrong));

        Assert.NotNull(wrong.Clocks.WhyHeld());
        Assert.Equal((here.Month, bench.Month.Month), (there.Month, there.Month.Month));
        Assert.InRange((there.MayFitAt!.Value - here.MayFitAt!.Value).Duration(), TimeSpan.Zero, TimeSpan.FromSeconds(2));
        Assert.Equal(id, Assert.Single(bench.World.Database.Reservations.Rows).Job);

        // Who sets a limit there is asked by the same month.
        BudgetDesk desk = new(bench.World.Database, bench.World.Ids, away, () => bench.World.Budget, wrong.Clocks);
        Assert.Equal(bench.Month with { Limit = bench.World.Budget.MonthlyLimit }, await desk.ReadMonthAsync(TrainingBench.Token));
        LimitWish lower = new(new BudgetRules(bench.Month.Reserved - new Usd(1), Usd.Zero), "A dear month");
        Assert.Equal(bench.Month.Month, Assert.IsType<LimitOutcome.Below>(await desk.SetLimitAsync(lower, TrainingBench.Person, TrainingBench.Token)).Month.Month);
        Assert.IsType<LimitOutcome.Set>(await desk.SetLimitAsync(lower with { AllowBelow = true }, TrainingBench.Person, TrainingBench.Token));
        Assert.Contains(
            bench.World.Database.Events.Single(static fact => fact.Kind == BudgetEvents.LimitSet).Signals,
            signal => signal is { Rule: BudgetIncidents.LimitPassed, Over: false } && signal.Subject == bench.Month.Month.ToString());
        Assert.IsType<LimitOutcome.Set>(await desk.SetLimitAsync(new LimitWish(null, "It is over"), TrainingBench.Person, TrainingBench.Token));
        await bench.CancelAsync(id, TrainingBench.Person);
        await bench.RunToRestAsync(id);

        // A retry is paid for as an admission is.
        bench.World.Budget = new BudgetRules(Usd.FromDollars(1), Usd.FromDollars(1));
        Assert.Equal(bench.Month.Month, Assert.IsType<RetryOutcome.BudgetExhausted>(await wrong.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token)).Month.Month);
        bench.World.Budget = new BudgetRules(Usd.FromDollars(200), Usd.FromDollars(150));
        Assert.IsType<RetryOutcome.Accepted>(await wrong.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token));
        Assert.Equal(bench.Month.Month, bench.Reservation(id, 2).Month);

        Task<SubmitOutcome> AdmitAsync(SimulatedPortal portal) => portal.Desk.SubmitAsync(bench.Request(), null, TrainingBench.Gateway, TrainingBench.Token);
    }

    /// <summary>The attempt that follows by itself, elsewhere, and one that is lost there.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Attempts_ThatFollowByThemselves_AreReservedAndPaidByRunPodsClock()
    {
        TrainingBench bench = new(cloud => cloud.Training = TimeSpan.FromHours(1), ahead: TimeSpan.FromDays(10));
        bench.World.Hosted = bench.World.Hosted with { WhyNot = null };
        JobId id = await bench.SubmitWithoutPodsAsync();
        await bench.RunUntilAsync(() => bench.Hosted(id) is [{ StartedAt: not null }], "a training elsewhere");
        await bench.RunForAsync(TimeSpan.FromMinutes(10));
        DateTimeOffset since = bench.Now;
        bench.Faults.Add(FaultKind.ReplicateRead404, seconds: 88_000);
        bench.Faults.Add(FaultKind.ReplicateList500, seconds: 88_000);
        await bench.RunForAsync(TimeSpan.FromHours(23));
        HostedTraining absent = Assert.Single(bench.Hosted(id));
        Assert.False(absent.IsFinal);
        await bench.RunToRestAsync(id);

        HostedTraining lost = bench.Hosted(id)[0];
        Assert.NotNull(bench.Portal.Clocks.WhyHeld());
        Assert.Equal((HostedSaw.Lost, absent.AbsentSince), (lost.Saw, lost.EndedAt));
        Assert.InRange(lost.EndedAt!.Value, since, since.AddMinutes(1));
        Assert.Equal(lost.HourlyRate.PerHourFor(lost.EndedAt.Value - lost.StartedAt!.Value), bench.Attempts(id)[1].Cost);
        Assert.All(bench.World.Database.Reservations.Rows, one => Assert.Equal(bench.Month.Month, one.Month));
        Assert.Equal(2, bench.World.Database.Reservations.Rows.Count);
    }

    [Fact]
    public async Task Job_ByAClockThatIsFarOff_ComesToItsEndAndLeavesNoPod()
    {
        TrainingBench bench = new(ahead: -FarAhead);
        JobId id = await bench.SubmitAsync();

        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal(PodStatus.Terminated, Assert.Single(bench.VendorPods).Status);
    }
}
