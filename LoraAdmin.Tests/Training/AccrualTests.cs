using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Pods;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>What an attempt costs is booked while it costs it, by what it was spent for, and never out of money that was not reserved for it.</summary>
public sealed class AccrualTests
{
    private static readonly TimeSpan Training = TimeSpan.FromMinutes(90);

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Attempt_ThatRuns_IsAccruedEveryQuarterOfAnHour()
    {
        TrainingBench bench = new(cloud => cloud.Training = Training);
        JobId id = await bench.SubmitAsync();
        Usd reserved = bench.Month.Reserved;
        await bench.RunToStateAsync(id, TrainingState.Training);
        await bench.RunForAsync(TimeSpan.FromHours(1));

        Reservation open = bench.Reservation(id);
        LedgerPod pod = Assert.Single(bench.Pods(id));
        Assert.InRange(Entries(bench, EntryKind.Accrue).Count, 3, 5);
        Assert.InRange(
            (pod.CostUntil(bench.Now) - open.Accrued).Micros, 0, pod.HourlyRate!.Value.PerHourFor(AttemptSettlement.AccrueEvery + TimeSpan.FromMinutes(2)).Micros);
        Assert.Equal((open.Accrued, reserved - open.Accrued), (bench.Month.Spent, bench.Month.Reserved));
        Assert.All(Entries(bench, EntryKind.Accrue), entry => Assert.Null(entry.Purpose));
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Attempt_ThatSucceeded_IsDividedByWhatItWasSpentFor()
    {
        TrainingBench bench = new(cloud => cloud.Training = Training);
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);

        Reservation settled = bench.Reservation(id);
        CostSplit split = settled.Split!;
        Assert.Equal((settled.Actual, Usd.Zero, Usd.Zero), (split.Sum, settled.Beyond, split.Failed));
        decimal share = split.Training.Dollars / split.Sum.Dollars;
        Assert.InRange(share, 0.6m, 0.99m);
        Assert.True(split.Idle > Usd.Zero && split.Validation > Usd.Zero, $"{split}");
        Assert.Equal(
            [(CostPurpose.Training, split.Training), (CostPurpose.Validation, split.Validation), (CostPurpose.Idle, split.Idle)],
            Entries(bench, EntryKind.Settle).Where(entry => entry.Purpose is not null).OrderBy(entry => entry.Purpose).Select(entry => (entry.Purpose!.Value, entry.Spent)));
        Assert.Equal(Usd.Zero, Sum(bench.World.Database.Entries.Rows.Where(entry => entry.Purpose is null)));
        Assert.Equal(bench.Month.Spent, Sum(bench.World.Database.Entries.Rows));
    }

    [Fact]
    public async Task Attempt_ThatFailed_IsWasteAsAWhole()
    {
        TrainingBench bench = new(cloud => cloud.Training = Training);
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);
        await bench.RunForAsync(TimeSpan.FromMinutes(30));
        await bench.CancelAsync(id, TrainingBench.Person);
        await bench.RunToRestAsync(id);

        Reservation settled = bench.Reservation(id);
        Assert.True(settled.Actual > Usd.Zero);
        Assert.Equal(CostSplit.Nothing with { Failed = settled.Actual!.Value }, settled.Split);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Pod_ThatDoesNotGo_IsALeakOfTheCalendarsMonthWithAnOpenIncident()
    {
        TrainingBench bench = new();
        bench.World.Clock.SetUtcNow(new DateTimeOffset(2026, 3, 31, 22, 0, 0, TimeSpan.Zero));
        bench.Faults.Add(FaultKind.DeleteIgnored, count: 1_000_000, seconds: 8 * 3_600);
        JobId id = await bench.SubmitAsync();
        Usd reserved = bench.Month.Reserved;
        await bench.RunToStateAsync(id, TrainingState.Completed);
        NeverStopsItself(bench, Assert.Single(bench.VendorPods));
        await bench.RunForAsync(TimeSpan.FromHours(5));

        Month april = new(2026, 4);
        Reservation open = bench.Reservation(id);
        Assert.Equal((reserved, reserved, Usd.Zero), (open.Accrued, bench.Month.Spent, bench.Month.Reserved));
        Assert.True(open.Beyond > Usd.Zero);
        Assert.Equal(open.Beyond, bench.World.Database.Months.Find(april)!.Spent);
        Assert.All(Entries(bench, EntryKind.Leak), entry => Assert.Equal((april, CostPurpose.Orphan, id), (entry.Month, entry.Purpose, entry.Job)));
        OperationalEvent told = Assert.Single(bench.Facts(id, BudgetEvents.Beyond));
        Assert.Equal((BudgetIncidents.Beyond, id.ToString(), false), (told.Signals[0].Rule, told.Signals[0].Subject, told.Signals[0].Over));

        bench.Faults.Clear();
        await bench.RunToRestAsync(id);

        Reservation settled = bench.Reservation(id);
        Assert.Equal(settled.Actual, settled.Split!.Sum + settled.Beyond);
        Assert.Equal(bench.Job(id).Cost, settled.Actual);
        Assert.Equal(settled.Beyond, bench.World.Database.Months.Find(april)!.Spent);
        Assert.Contains(bench.Facts(id, TrainingEvents.Settled)[0].Signals, signal => signal is { Rule: BudgetIncidents.Beyond, Over: true });
    }

    /// <summary>Replicate takes no cancel. What it shows as running costs money; what nobody can read may have been over for hours.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Trait("Requirement", "E4")]
    [Trait("Requirement", "M6")]
    public async Task TrainingElsewhere_ThatDoesNotEnd_IsBookedBeyondItsReservationWhileItIsShown(bool isShown)
    {
        TrainingBench bench = HostedBench.New(static cloud => cloud.Training = TimeSpan.FromHours(7));
        bench.Faults.Add(FaultKind.ReplicateCancel500, count: 1_000_000);
        await bench.IsolateAsync();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);
        if (!isShown)
        {
            bench.Faults.Add(FaultKind.ReplicateRead500, seconds: 4 * 3_600);
        }

        await bench.RunForAsync(TimeSpan.FromHours(2));
        Reservation open = bench.Reservation(id, 2);
        Assert.Equal((open.Amount, isShown), (open.Accrued, open.Beyond > Usd.Zero));
        Assert.Equal(isShown ? 1 : 0, bench.Facts(id, BudgetEvents.Beyond).Count);
        if (isShown)
        {
            Assert.True(open.Accrued + open.Beyond > bench.World.Hosted.HourlyPrice.PerHourFor(TimeSpan.FromHours(3.5)));
        }

        await bench.RunToRestAsync(id);
        Assert.Equal(Usd.FromDollars(7 * 3_600 * ReplicateWorld.UsdPerSecond), bench.Reservation(id, 2).Actual);
    }

    /// <summary>The page's "more since" is what will be booked, and of what nobody can read no more than was reserved.</summary>
    [Theory]
    [InlineData(false, 4)]
    [InlineData(true, 2)]
    [Trait("Requirement", "M6")]
    public void Unbooked_OfWhatNobodyCanRead_IsNoMoreThanWasReserved(bool isByClockAlone, int dollars)
    {
        DateTimeOffset now = SimulatedWorld.Start;
        JobId job = new(new Guid(1, 0, 0, new byte[8]));
        HostedTraining training = new()
        {
            Name = "lora-training1",
            Job = job,
            Attempt = 2,
            Try = 1,
            IsNeeded = false,
            Saw = HostedSaw.Processing,
            RequestedAt = now.AddHours(-2.4),
            WantSince = now.AddHours(-2.4),
            TrainingId = "training1",
            HourlyRate = Usd.FromDollars(5),
            StartedAt = now.AddHours(-2.4),
            NextActionAt = now,
            LastError = isByClockAlone ? "500" : null,
        };
        Reservation open = new(Guid.Empty, job, 2, Month.Of(now), Usd.FromDollars(10), now.AddHours(-3), null, null) { Accrued = Usd.FromDollars(8), AccruedAt = now.AddHours(-1) };

        RunningCost running = Assert.Single(RunningCosts.Of([], [training], [open], new Dictionary<string, (Usd, DateTimeOffset)>(), Usd.FromDollars(1), now));

        Assert.Equal((training.IsByClockAlone(now), Usd.FromDollars(dollars)), (isByClockAlone, running.Unbooked));
        Assert.Equal(now.AddHours(-1), running.BookedUntil);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Pod_ThatTurnedOutDearer_HasItsReservationRaised()
    {
        TrainingBench bench = new(cloud => cloud.Training = Training);
        JobId id = await bench.SubmitAsync();
        Usd reserved = bench.Month.Reserved;
        bench.Rules(rules => rules with { MaxDuration = TimeSpan.FromHours(3) });
        await bench.RunToStateAsync(id, TrainingState.Training);
        await bench.RunForAsync(TimeSpan.FromMinutes(2));

        LedgerPod pod = Assert.Single(bench.Pods(id));
        Usd whole = pod.HourlyRate!.Value.PerHourFor(bench.World.Training.PodLifetime);
        Assert.True(whole > reserved, $"{whole} is not more than {reserved}");
        Assert.Equal(whole, bench.Reservation(id).Amount);
        Assert.Equal(whole - reserved, Assert.Single(Entries(bench, EntryKind.TopUp)).Reserved);
        Assert.Single(bench.Facts(id, TrainingEvents.ToppedUp));
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal(Usd.Zero, bench.Month.Reserved);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Pod_WhoseDearerPriceDoesNotFit_IsEndedAndTheJobFailsAsBudgetExhausted()
    {
        TrainingBench bench = new(cloud => cloud.Training = Training);
        JobId id = await bench.SubmitAsync();
        bench.World.Budget = new BudgetRules(bench.Month.Reserved, Usd.Zero);
        bench.Rules(rules => rules with { MaxDuration = TimeSpan.FromHours(3) });
        await bench.RunToRestAsync(id);

        TrainingJob job = bench.Job(id);
        Assert.Equal((TrainingState.Failed, FailureCode.BudgetExhausted), (job.State, job.Failure!.Code));
        Assert.True(bench.Refunded(id));
        Assert.Equal(Usd.Zero, bench.Month.Reserved);
        Assert.Equal(0, bench.VendorPods.Count(pod => pod.Status != PodStatus.Terminated));
    }

    [Fact]
    public async Task Pod_WhoseDearerPriceDoesNotFitWhenItsTrainingHasEnded_GivesItsFileFirst()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        bench.World.Budget = new BudgetRules(bench.Month.Reserved, Usd.Zero);
        await bench.RunToStateAsync(id, TrainingState.Retrieving);
        LedgerPod pod = Assert.Single(bench.Pods(id));
        bench.World.Database.Pods.Set(pod.Name, pod with { LiveUntil = pod.LiveUntil + TimeSpan.FromHours(1) });

        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
    }

    [Fact]
    public async Task Pod_ThatTurnsUpAfterItsAttemptWasSettled_IsBookedOnTopUntilItIsGone()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);
        Usd before = bench.Reservation(id).Actual!.Value;
        PodHouse.AddPod(bench.World, PodNames.For(bench.World.Installation.Id, id, 1, 9));
        await bench.RunForAsync(TimeSpan.FromHours(2));

        LedgerPod late = Assert.Single(bench.Pods(id), pod => pod.GpuType.Length == 0);
        Assert.Equal(PodSaw.Gone, late.Saw);
        Reservation settled = bench.Reservation(id);
        Assert.Equal((late.CostUntil(bench.Now), before + settled.Beyond), (settled.Beyond, settled.Actual));
        Assert.Equal((settled.Actual, settled.Actual), (bench.Job(id).Cost, bench.Attempts(id)[0].Cost));
        Assert.Equal(settled.Actual, bench.Month.Spent);
        Assert.Single(bench.World.Database.Events, fact => fact.Kind == BudgetEvents.Beyond);
        Assert.Single(bench.World.Database.Events, fact => fact.Kind == BudgetEvents.BeyondEnded);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Pod_ThatTurnsUpAfterItsAttemptWasCorrected_LeavesTheCorrectionAsItIs()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);
        Usd settled = bench.Reservation(id).Actual!.Value;
        await bench.RunForAsync(TimeSpan.FromDays(1) + PodBills.ClosedAfter);
        bench.Faults.Add(FaultKind.BillingDearer, count: 100);
        MoneyReconcile reconcile = BillsOf.Operation(bench);
        PlanDraft plan = Assert.IsType<Planning.Planned>(await reconcile.PlanAsync(TestContext.Current.CancellationToken)).Plan;
        await reconcile.ApplyAsync(Assert.Single(plan.Items), new FreeTurn(bench.World.Database), TestContext.Current.CancellationToken);
        Usd billed = bench.Month.Spent;
        Assert.True(billed > settled, $"{billed} was billed and {settled} settled: nothing was corrected.");

        PodHouse.AddPod(bench.World, PodNames.For(bench.World.Installation.Id, id, 1, 9));
        await bench.RunForAsync(TimeSpan.FromHours(2));

        Usd beyond = bench.Reservation(id).Beyond;
        Assert.True(beyond > Usd.Zero);
        Assert.Equal((billed + beyond, billed + beyond, billed + beyond), (bench.Job(id).Cost, bench.Attempts(id)[0].Cost, bench.Month.Spent));
    }

    [Fact]
    [Trait("Requirement", "M2")]
    public async Task Pod_ThatNoAttemptAskedFor_IsBookedAsALeakOnceWhoeverLooks()
    {
        TrainingBench bench = new();
        PodRecord pod = PodHouse.AddPod(bench.World, PodNames.For(bench.World.Installation.Id, new JobId(bench.World.Ids.Next()), 1, 1));
        await bench.RunForAsync(TimeSpan.FromHours(1));
        bench.Restart();
        await bench.RunForAsync(TimeSpan.FromHours(1));

        LedgerPod row = Assert.Single(bench.World.Database.Pods.Rows);
        Assert.Equal((PodSaw.Gone, pod.Id), (row.Saw, row.PodId));
        Assert.Equal(row.CostUntil(bench.Now), bench.Month.Spent);
        Assert.True(bench.Month.Spent > Usd.Zero);
        Assert.All(bench.World.Database.Entries.Rows, entry => Assert.Equal((EntryKind.Leak, CostPurpose.Orphan, row.Name), (entry.Kind, entry.Purpose, entry.Pod)));
        Assert.Single(bench.World.Database.Events, fact => fact.Kind == BudgetEvents.BeyondEnded);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Pod_TakenForGoneWhenItsAttemptWasSettled_IsBookedOnTopWhenItIsListedAgain()
    {
        TrainingBench bench = new();
        (JobId id, Usd before) = await SettledWithALivingPodAsync(bench);
        await bench.RunForAsync(TimeSpan.FromHours(1));

        LedgerPod row = Assert.Single(bench.Pods(id));
        Reservation settled = bench.Reservation(id);
        Assert.True(row.Saw == PodSaw.Gone && row.GoneAt > settled.SettledAt, $"{row.Saw} at {row.GoneAt}");
        Assert.Equal((row.CostUntil(bench.Now), row.CostUntil(bench.Now) - before), (settled.Actual, settled.Beyond));
        Assert.Equal((settled.Actual, settled.Actual), (bench.Job(id).Cost, bench.Attempts(id)[0].Cost));
        Assert.Equal(settled.Actual, bench.Month.Spent);
        BudgetEntry leak = Entries(bench, EntryKind.Leak)[0];
        Assert.Equal($"Pod {row.PodId} was there when attempt 1 of job {id} had been settled", leak.Note);
        Assert.Equal([false, true], BeyondSignals(bench).Select(signal => signal.Over));
    }

    [Fact]
    public async Task Pod_ThatWasThereAgainWhileNobodyLooked_IsBookedByWhoeverLooksNext()
    {
        TrainingBench bench = new();
        (JobId id, Usd before) = await SettledWithALivingPodAsync(bench);
        LedgerPod row = Assert.Single(bench.Pods(id));
        bench.World.Database.Pods.Set(row.Name, row with { GoneAt = bench.Now.AddHours(1) });
        bench.World.Clock.Advance(TimeSpan.FromDays(2));
        bench.Restart();
        bench.Portal.Clocks.NoteAhead(TimeSpan.Zero);

        await bench.Portal.Settlement.RunAsync(TrainingBench.Token);
        await bench.Portal.Settlement.RunAsync(TrainingBench.Token);

        Usd cost = bench.Pods(id)[0].CostUntil(bench.Now);
        Assert.True(cost > before);
        Assert.Equal((cost, cost), (bench.Reservation(id).Actual, Sum(bench.World.Database.Entries.Rows)));
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Excess_FirstFoundAtSettlement_IsTold_AndALateStrayOnceMore()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Completed);
        bench.PodLoopRuns = false;
        LedgerPod pod = Assert.Single(bench.Pods(id));
        bench.World.Database.Pods.Set(pod.Name, pod with { Saw = PodSaw.Gone, GoneAt = bench.Now, Billed = Usd.FromDollars(9) });
        await bench.Portal.Settlement.RunAsync(TrainingBench.Token);

        Assert.True(bench.Reservation(id).Beyond > Usd.Zero);
        Assert.Equal([false, true], BeyondSignals(bench).Select(signal => signal.Over));

        await bench.Portal.Provider.TerminateAsync(pod.PodId!, TrainingBench.Token);
        PodHouse.AddPod(bench.World, PodNames.For(bench.World.Installation.Id, id, 1, 9));
        bench.PodLoopRuns = true;
        await bench.RunForAsync(TimeSpan.FromHours(2));

        Assert.Equal([false, true, false, true], BeyondSignals(bench).Select(signal => signal.Over));
    }

    [Fact]
    public async Task Pod_ThatWasGivenMoreTime_IsALeakAndNoPriceChange()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.DeleteIgnored, count: 1_000_000, seconds: 8 * 3_600);
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Completed);
        NeverStopsItself(bench, Assert.Single(bench.VendorPods));
        LedgerPod pod = Assert.Single(bench.Pods(id));
        bench.World.Database.Pods.Set(pod.Name, pod with { LiveUntil = bench.Now.AddHours(20) });
        await bench.RunForAsync(TimeSpan.FromHours(5));

        Assert.True(bench.Reservation(id).Beyond > Usd.Zero);
        Assert.Empty(Entries(bench, EntryKind.PriceChange));
        Assert.Equal($"Pods of attempt 1 of job {id} lived longer than was reserved", Entries(bench, EntryKind.Leak)[0].Note);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Pod_ThatComesAfterOthers_HasItsReservationRaisedByWhatTheyTook()
    {
        TrainingBench bench = new(cloud => cloud.Training = Training);
        bench.Faults.Add(FaultKind.StuckProvisioning);
        JobId id = await bench.SubmitAsync();
        Usd reserved = bench.Month.Reserved;
        await bench.RunUntilAsync(() => bench.Pods(id) is [{ HourlyRate: not null, PodId: not null }], "a pod that never becomes ready");

        // The next one's lifetime alone is what is reserved, but for five minutes.
        decimal hours = reserved.Dollars / bench.Pods(id)[0].HourlyRate!.Value.Dollars;
        TimeSpan rest = bench.World.Training.PodLifetime - bench.World.Training.MaxDuration;
        bench.Rules(rules => rules with { MaxDuration = TimeSpan.FromHours((double)hours) - rest - TimeSpan.FromMinutes(5) });
        await bench.RunToStateAsync(id, TrainingState.Training);
        await bench.RunForAsync(TimeSpan.FromMinutes(5));

        LedgerPod[] pods = [.. bench.Pods(id)];
        Assert.Equal((2, PodSaw.Gone), (pods.Length, pods[0].Saw));
        Usd whole = pods[1].HourlyRate!.Value.PerHourFor(pods[1].LiveUntil!.Value - pods[1].RequestedAt);
        Assert.True(whole <= reserved, $"{whole} alone is more than {reserved}");
        Assert.Equal(whole + pods[0].CostUntil(bench.Now), bench.Reservation(id).Amount);
        Assert.Contains($"pods before it cost {pods[0].CostUntil(bench.Now)}", Assert.Single(bench.Facts(id, TrainingEvents.ToppedUp)).Message, StringComparison.Ordinal);

        // Another attempt begins with one pod, and needs no more than what the job was admitted with.
        await LosePodAsync(bench, id);
        Assert.Equal(reserved, bench.Reservation(id, 2).Amount);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task AttemptAfterALostPod_OfWhichADearerOneHadBeenGivenUp_ReservesForTheDearerOneAlone()
    {
        TrainingBench bench = new(cloud => cloud.Training = Training);
        bench.Faults.Add(FaultKind.StuckProvisioning);
        JobId id = await bench.SubmitAsync();
        IReadOnlyList<string> types = bench.World.Training.GpuTypes;
        bench.Rules(static rules => rules with { GpuTypes = ["NVIDIA H100 80GB HBM3"] });
        await bench.RunUntilAsync(() => bench.Pods(id) is [{ HourlyRate: not null, PodId: not null }], "a dear pod that never becomes ready");
        bench.Rules(rules => rules with { GpuTypes = types });
        await bench.RunToStateAsync(id, TrainingState.Training);
        Assert.True(bench.Pods(id)[0].HourlyRate > bench.Pods(id)[1].HourlyRate);
        await LosePodAsync(bench, id);

        Assert.Equal(bench.Pods(id)[0].HourlyRate!.Value.PerHourFor(bench.World.Training.PodLifetime), bench.Reservation(id, 2).Amount);
    }

    /// <summary>A pod that nobody asked for is none of what the next attempt may need.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task AttemptAfterALostPod_OfWhichAStrayTurnedUpLast_ReservesWhatTheJobWasAdmittedWith()
    {
        TrainingBench bench = new(cloud => cloud.Training = Training);
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);
        await bench.RunForAsync(TimeSpan.FromMinutes(30));
        PodHouse.AddPod(bench.World, PodNames.For(bench.World.Installation.Id, id, 1, 9));
        await bench.RunUntilAsync(() => bench.Pods(id).Count == 2, "a stray");
        await LosePodAsync(bench, id);

        Assert.True(bench.Pods(id).Single(static pod => pod.IsStray).Try > 1);
        Assert.Equal(bench.Reservation(id).Amount, bench.Reservation(id, 2).Amount);
    }

    /// <summary>What a stopped pod costs an hour says nothing about the next one.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task AttemptAfterALostPod_ThatWasDearerAndHadStopped_ReservesWhatThatOneWasGiven()
    {
        TrainingBench bench = new(cloud => cloud.Training = Training);
        JobId id = await bench.SubmitAsync();
        Usd admitted = bench.Month.Reserved;
        bench.Rules(static rules => rules with { MaxDuration = TimeSpan.FromHours(3) });
        await bench.RunToStateAsync(id, TrainingState.Training);
        await bench.RunForAsync(TimeSpan.FromMinutes(2));
        Usd whole = Assert.Single(bench.Pods(id)).HourlyRate!.Value.PerHourFor(bench.World.Training.PodLifetime);
        bench.World.Cloud.World.Stop(Assert.Single(bench.VendorPods));
        await bench.RunUntilAsync(() => bench.Pods(id)[0].BilledUntil is not null, "the price of a stopped pod");
        await LosePodAsync(bench, id);

        Assert.True(whole > admitted);
        Assert.Equal(whole, bench.Reservation(id, 2).Amount);
    }

    [Fact]
    public async Task Pods_ThatCostTogetherMoreThanOneLifetime_AreBookedInWordsOfTheirOwn()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.StuckProvisioning);
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Completed);
        bench.PodLoopRuns = false;
        DateTimeOffset from = bench.Now - (bench.World.Training.PodLifetime * 0.9);
        foreach (LedgerPod pod in bench.Pods(id))
        {
            bench.World.Database.Pods.Set(
                pod.Name,
                pod with { Saw = PodSaw.Gone, GoneAt = bench.Now, RequestedAt = from, CreatedAt = from, LiveUntil = from + bench.World.Training.PodLifetime });
        }

        await bench.Portal.Settlement.RunAsync(TrainingBench.Token);

        BudgetEntry leak = Assert.Single(Entries(bench, EntryKind.Leak));
        Assert.Equal(CostPurpose.Failed, leak.Purpose);
        Assert.Equal($"The pods that attempt 1 of job {id} had one after the other cost together more than was reserved for one", leak.Note);
    }

    private static async Task LosePodAsync(TrainingBench bench, JobId id)
    {
        string works = bench.Pods(id).Single(static pod => pod is { Want: PodWant.Needed, PodId: not null, IsStray: false }).PodId!;
        bench.World.Cloud.World.Terminate(bench.VendorPods.Single(pod => pod.Id == works));
        await bench.RunUntilAsync(() => bench.Attempts(id).Count == 2, "a second attempt");
    }

    /// <summary>Its pod was taken for gone, and lives on.</summary>
    private static async Task<(JobId Id, Usd Actual)> SettledWithALivingPodAsync(TrainingBench bench)
    {
        JobId id = await bench.SubmitAsync();
        bench.PodLoopRuns = false;
        await bench.RunToStateAsync(id, TrainingState.Completed);
        LedgerPod pod = Assert.Single(bench.Pods(id));
        NeverStopsItself(bench, Assert.Single(bench.VendorPods));
        bench.World.Database.Pods.Set(pod.Name, pod with { Saw = PodSaw.Gone, GoneAt = bench.Now });
        await bench.Portal.Settlement.RunAsync(TrainingBench.Token);
        Reservation settled = bench.Reservation(id);
        Assert.Equal((settled.Actual, Usd.Zero), (bench.Month.Spent, settled.Beyond));
        bench.World.Clock.Advance(TimeSpan.FromMinutes(30));
        bench.PodLoopRuns = true;
        return (id, settled.Actual!.Value);
    }

    private static IEnumerable<IncidentSignal> BeyondSignals(TrainingBench bench) =>
        bench.World.Database.Events.SelectMany(static fact => fact.Signals).Where(static signal => signal.Rule == BudgetIncidents.Beyond);

    /// <summary>Its dead-man switch does not end what the provider does not end.</summary>
    private static void NeverStopsItself(TrainingBench bench, PodRecord pod)
    {
        pod.Agent.LeaseUntil = bench.Now.AddDays(30);
        bench.World.Cloud.World.Touch(pod);
    }

    private static List<BudgetEntry> Entries(TrainingBench bench, EntryKind kind) => [.. bench.World.Database.Entries.Rows.Where(entry => entry.Kind == kind)];

    private static Usd Sum(IEnumerable<BudgetEntry> entries) => entries.Aggregate(Usd.Zero, (sum, entry) => sum + entry.Spent);
}
