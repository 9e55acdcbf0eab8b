using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>Pods that the account denies and shows again, that don't stop, and whose file comes into being while they are being ended.</summary>
public sealed class PodReturnTests
{
    private static readonly TimeSpan NoLongerYoung = PodSweep.UnknownAfter + TimeSpan.FromSeconds(1);
    private static readonly Actor Ada = new(ActorKind.Person, "ada");

    [Fact]
    [Trait("Requirement", "J1")]
    [Trait("Requirement", "E4")]
    public async Task PodTakenForGone_IsListedAgain_IsEndedAfterAll()
    {
        (PodHouse house, PodRecord pod) = await TakenForGoneAsync();

        await house.RunAsync(TimeSpan.FromMinutes(5));

        Assert.Equal(PodStatus.Terminated, pod.Status);
        Assert.Equal(PodSaw.Gone, Assert.Single(house.Rows, row => row.PodId == pod.Id).Saw);
        OperationalEvent told = Assert.Single(house.Facts, fact => fact.Kind == PodEvents.Orphaned);
        Assert.Contains("taken for gone and is listed again", told.Message, StringComparison.Ordinal);
        Assert.True(house.Rows.Single(row => row.PodId == pod.Id).CostUntil(house.World.Clock.GetUtcNow()) > Usd.Zero);
    }

    /// <summary>The instant at which its row was closed lies ahead of every look of the portal that finds it: that clock had not been found out yet.</summary>
    [Fact]
    [Trait("Requirement", "J1")]
    [Trait("Requirement", "E4")]
    public async Task PodTakenForGone_ByAClockThatWasADayAhead_IsListedAgain_IsEndedAfterAll()
    {
        (PodHouse house, PodRecord pod) = await TakenForGoneAsync();
        house.World.Database.Pods.Set(Row().Name, Row() with { GoneAt = Row().GoneAt + TimeSpan.FromDays(1) });
        SimulatedPortal right = new(house.World, new Mortality(_ => false), "two");

        await house.RunAsync(TimeSpan.FromMinutes(5), right.Watch);

        Assert.Equal((PodStatus.Terminated, PodSaw.Gone), (pod.Status, Row().Saw));
        Assert.Contains("taken for gone and is listed again", Assert.Single(house.Facts, IsOfIt).Message, StringComparison.Ordinal);

        LedgerPod Row() => house.Rows.Single(row => row.PodId == pod.Id);
        bool IsOfIt(OperationalEvent fact) => fact.Kind == PodEvents.Orphaned && fact.Pod == pod.Name;
    }

    /// <summary>By its clock the pod is not made yet: it sweeps nothing by itself, and says what is to be swept.</summary>
    [Fact]
    [Trait("Requirement", "J1")]
    [Trait("Requirement", "E4")]
    public async Task PodTakenForGone_IsListedAgainByAClockThatIsADayBehind_IsInThePlanThatAPersonApproves()
    {
        (PodHouse house, PodRecord pod) = await TakenForGoneAsync();
        SimulatedPortal behind = new(house.World, new Mortality(_ => false), "two", clock: new MachineClock(house.World.Clock, TimeSpan.FromDays(-1), drift: 0));

        SweepPlan plan = Assert.IsType<SweepPlanning.Planned>(await behind.Pods.PreviewSweepAsync(PodHouse.None)).Plan;
        Assert.Equal([pod.Id], plan.Items.Select(static item => item.PodId));
        Assert.Single(Assert.IsType<ApproveSweepOutcome.Applied>(await behind.Pods.ApproveSweepAsync(plan.Hash, Ada, PodHouse.None)).Result.Done);
        await house.RunAsync(TimeSpan.FromMinutes(2));

        Assert.Equal(PodStatus.Terminated, pod.Status);
    }

    /// <summary>The caps let nothing go: a person reads the plan, and applies it while it is.</summary>
    [Fact]
    [Trait("Requirement", "J1")]
    [Trait("Requirement", "E4")]
    public async Task PodTakenForGone_IsListedAgain_IsEndedByTheApprovedPlan_AndNotAnewByAnOlderOne()
    {
        (PodHouse house, PodRecord pod) = await TakenForGoneAsync();
        house.World.Caps = new SweepCaps(0, Usd.Zero);
        SweepPlan plan = await house.PlanAsync();
        await house.RunAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(PodStatus.Running, pod.Status);

        Assert.Single((await house.Portal.Sweep.ApplyAsync(plan, 1, Ada, PodHouse.None)).Done);
        await house.RunAsync(TimeSpan.FromMinutes(3));
        LedgerPod gone = house.Rows.Single(row => row.PodId == pod.Id);
        Assert.Equal((PodStatus.Terminated, PodSaw.Gone), (pod.Status, gone.Saw));

        Assert.Equal("It is gone already", Assert.Single((await house.Portal.Sweep.ApplyAsync(plan, 1, Ada, PodHouse.None)).Ineligible).Why);
        Assert.Contains(gone, house.Rows);
    }

    [Fact]
    [Trait("Requirement", "E4")]
    public async Task PodTakenForGone_IsListedAgain_CanBeEndedByAPerson()
    {
        (PodHouse house, PodRecord pod) = await TakenForGoneAsync();

        EndPodOutcome outcome = await house.Portal.Pods.EndAsync(pod.Id, "it still bills", evenWithItsFile: false, Ada, PodHouse.None);
        Assert.IsType<EndPodOutcome.Noted>(outcome);
        await house.RunAsync(TimeSpan.FromMinutes(1));

        Assert.Equal(PodStatus.Terminated, pod.Status);
    }

    [Fact]
    [Trait("Requirement", "E4")]
    public async Task UnknownPod_CanBeEndedByAPersonAtOnce_ForeignOnesCanNot()
    {
        PodHouse house = new();
        PodRecord ours = house.AddPod(house.NextName());
        PodRecord foreign = house.AddPod("notebook");

        Assert.IsType<EndPodOutcome.Noted>(await house.Portal.Pods.EndAsync(ours.Id, "not needed", false, Ada, PodHouse.None));
        Assert.IsType<EndPodOutcome.NotFound>(await house.Portal.Pods.EndAsync(foreign.Id, "not needed", true, Ada, PodHouse.None));
        house.World.Cloud.World.Faults.Add(FaultKind.Rate429, count: 1);
        Assert.IsType<EndPodOutcome.CouldNotRead>(await house.Portal.Pods.EndAsync(foreign.Id, "not needed", true, Ada, PodHouse.None));
        await house.RunAsync(TimeSpan.FromMinutes(2));

        Assert.Equal((PodStatus.Terminated, PodStatus.Running), (ours.Status, foreign.Status));
        Assert.Equal(PodReasons.ByPerson, Assert.Single(house.Rows).WantReason);
    }

    [Fact]
    [Trait("Requirement", "E3")]
    public async Task AgentsWord_IsTooOldByTheTimeTheDeleteWorks_IsAskedAnewAndTheFileIsKept()
    {
        PodHouse house = new();
        PodRecord pod = house.AddPod(house.NextName());
        house.BeginTraining(pod);
        await house.KnowAsync(pod, row => row with
        {
            Want = PodWant.Released,
            WantReason = PodReasons.JobEnded,
            Proof = FileProof.AgentHasNone,
            WantSince = house.World.Clock.GetUtcNow(),
        });
        house.World.Cloud.World.Faults.Add(FaultKind.Delete500, seconds: 600);
        await house.RunAsync(TimeSpan.FromMinutes(5));
        house.FinishTraining(pod);

        await house.RunAsync(TimeSpan.FromMinutes(10));

        Assert.Equal((PodStatus.Exited, true), (pod.Status, pod.Agent.HasArtifact));
        Assert.Equal(PodWant.Held, Assert.Single(house.Rows).Want);
        Assert.Contains(house.Facts, fact => fact.Signals.Any(signal => signal is { Rule: PodIncidents.Held, Over: false }));
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task PodPastItsLifetime_WhoseFileIsUnproven_GetsTimeOnceAndIsThenStoppedAndHeld()
    {
        PodHouse house = new();
        PodRecord pod = house.AddPod(house.NextName());
        house.FinishTraining(pod);
        DateTimeOffset until = house.World.Clock.GetUtcNow().AddMinutes(10);
        await house.KnowAsync(pod, row => row with { LiveUntil = until });

        await house.RunAsync(TimeSpan.FromMinutes(30));
        Assert.Equal((PodStatus.Running, PodWant.Needed, PodReasons.Prolonged), (pod.Status, house.Rows[0].Want, house.Rows[0].WantReason));
        await house.RunAsync(TimeSpan.FromMinutes(20));

        Assert.Equal((PodStatus.Exited, PodWant.Held), (pod.Status, house.Rows[0].Want));
    }

    [Fact]
    public async Task HeldPod_Stopped_IsMeteredAtThePriceOfItsMount()
    {
        PodHouse house = new();
        PodRecord pod = house.AddPod(house.NextName());
        await house.KnowAsync(pod, row => row with { Want = PodWant.Held, WantReason = PodReasons.FileUnproven });

        await house.RunAsync(TimeSpan.FromDays(6));

        LedgerPod row = Assert.Single(house.Rows);
        Assert.Equal((PodStatus.Exited, PodPricing.StoppedPerHour(20)), (pod.Status, row.HourlyRate));

        // 6 days of 20 GB at $0.20 per GB and month of 30 days, and seconds of a running GPU.
        Assert.InRange(row.CostUntil(house.World.Clock.GetUtcNow()).Dollars, 0.79m, 0.85m);
        Assert.Equal(5, house.Facts.Count(fact => fact.Kind == PodEvents.Held));
        Assert.All(house.Facts.Where(fact => fact.Kind == PodEvents.Held), fact => Assert.Equal(EventSeverity.Warning, fact.Severity));
        await house.RunAsync(TimeSpan.FromDays(2));
        Assert.Equal(EventSeverity.Error, house.Facts.Last(fact => fact.Kind == PodEvents.Held).Severity);
        Assert.Equal(PodStatus.Exited, pod.Status);
    }

    [Fact]
    [Trait("Requirement", "E4")]
    public async Task HeldPod_DoesNotStop_IsToldWithItsPrice()
    {
        PodHouse house = new();
        PodRecord pod = house.AddPod(house.NextName());
        pod.Locked = true;
        await house.KnowAsync(pod, row => row with { Want = PodWant.Held, WantReason = PodReasons.FileUnproven });

        await house.RunAsync(TimeSpan.FromHours(3));

        Assert.Equal(PodStatus.Running, pod.Status);
        OperationalEvent[] told = [.. house.Facts.Where(fact => fact.Kind == PodEvents.StopFailed)];
        Assert.InRange(told.Length, 3, 4);
        Assert.All(told, fact => Assert.Equal((EventSeverity.Error, PodIncidents.Held, pod.Id), (fact.Severity, fact.Signals[0].Rule, fact.Signals[0].Subject)));
        Assert.Contains("does not stop: it costs $0.41/h", told[0].Message, StringComparison.Ordinal);

        pod.Locked = false;
        await house.RunAsync(TimeSpan.FromMinutes(5));

        Assert.Equal(PodStatus.Exited, pod.Status);
        OperationalEvent stopped = Assert.Single(house.Facts, fact => fact.Kind == PodEvents.Stopped);
        Assert.Equal(PodIncidents.HeldSignal(pod.Id), Assert.Single(stopped.Signals));
    }

    [Fact]
    [Trait("Requirement", "E4")]
    public async Task HeldPod_StandsStillWhileNobodyCouldLook_IsNotToldAsOneThatDoesNotStop()
    {
        PodHouse house = new();
        PodRecord pod = house.AddPod(house.NextName());
        await house.KnowAsync(pod, row => row with { Want = PodWant.Held, WantReason = PodReasons.FileUnproven });
        pod.Status = PodStatus.Exited;
        house.World.Cloud.World.Faults.Add(FaultKind.List500, count: 1000);

        await house.RunAsync(TimeSpan.FromMinutes(10));

        Assert.Equal((PodSaw.Exited, 0), (house.Rows[0].Saw, house.Rows[0].StopAttempts));
        Assert.DoesNotContain(house.Facts, fact => fact.Kind == PodEvents.StopFailed);
    }

    /// <summary>Stops may use what is left of the rate limit, reads may not: that they stand still already can't be looked into then.</summary>
    [Fact]
    public async Task HeldPods_ThatStandStillWhenTheRateLimitIsUsedUp_HaveNoErrorOfTheirStop()
    {
        PodHouse house = new();
        for (int number = 0; number < 40; number++)
        {
            PodRecord pod = house.AddPod(house.NextName());
            await house.KnowAsync(pod, row => row with { Want = PodWant.Held, WantReason = PodReasons.FileUnproven });
            pod.Status = PodStatus.Exited;
        }

        house.World.Cloud.World.Faults.Add(FaultKind.List500, count: 1);
        await house.RunAsync(TimeSpan.FromSeconds(1));
        int untold = house.Rows.Count(static row => row.Saw != PodSaw.Exited && row.StopAttempts == 1);
        await house.RunAsync(TimeSpan.FromMinutes(5));

        Assert.True(untold > 0);
        Assert.All(house.Rows, static row => Assert.Equal((PodSaw.Exited, null), (row.Saw, row.LastError)));
    }

    [Fact]
    public async Task HeldPod_RunsWhileItsFileIsFetched_AndIsStoppedAfterwards()
    {
        PodHouse house = new();
        PodRecord pod = house.AddPod(house.NextName());
        await house.KnowAsync(pod, row => row with { Want = PodWant.Held, WantReason = PodReasons.FileUnproven });
        await house.RunAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(PodStatus.Exited, pod.Status);
        LedgerPod row = house.Rows[0];
        DateTimeOffset until = house.World.Clock.GetUtcNow().AddMinutes(15);
        await house.World.Database.RunAsync((unit, token) => unit.Store<IPodLedger>().SaveAsync(row with { FetchUntil = until }, token), PodHouse.None);

        await house.RunAsync(TimeSpan.FromMinutes(5));
        Assert.Equal(PodStatus.Running, house.World.Cloud.World.Find(pod.Id)!.Status);
        await house.RunAsync(TimeSpan.FromMinutes(15));

        Assert.Equal(PodStatus.Exited, pod.Status);
        Assert.Equal(PodWant.Held, house.Rows[0].Want);
    }

    [Fact]
    public async Task NeededPod_StandsStill_IsStartedAtMostOnceAMinute()
    {
        PodHouse house = new();
        PodRecord pod = house.AddPod(house.NextName());
        await house.KnowAsync(pod, row => row with { LiveUntil = row.RequestedAt.AddDays(1) });
        house.World.Cloud.World.Faults.Add(FaultKind.StartWithoutGpu, count: 3);
        house.World.Cloud.World.Faults.Add(FaultKind.PodExits);
        long before = house.World.Cloud.World.Account.Requests;

        await house.RunAsync(TimeSpan.FromMinutes(10));

        Assert.Equal(PodStatus.Running, house.World.Cloud.World.Find(pod.Id)!.Status);
        Assert.InRange(house.World.Cloud.World.Account.Requests - before, 13, 18);
    }

    [Fact]
    [Trait("Requirement", "O4")]
    public async Task NotOurs_SaidOfAPodThatTheSweepHolds_LetsItGo()
    {
        PodHouse house = new();
        PodRecord pod = house.AddPod(house.NextName(), agentKnowsUs: false);
        house.Pass(NoLongerYoung);
        await house.RunAsync(TimeSpan.FromMinutes(3));
        Assert.Equal(PodStatus.Exited, pod.Status);

        await house.Portal.Pods.ClaimAsync(pod.Id, ClaimVerdict.NotOurs, "a colleague's", Ada, PodHouse.None);
        await house.Portal.Provider.StartAsync(pod.Id, PodHouse.None);
        await house.RunAsync(TimeSpan.FromHours(1));

        Assert.Equal(PodStatus.Running, house.World.Cloud.World.Find(pod.Id)!.Status);
        Assert.Equal((PodSaw.Gone, PodReasons.NotOurs), (house.Rows[0].Saw, house.Rows[0].WantReason));
        Assert.Contains(house.Facts, fact => fact.Signals.Any(signal => signal is { Rule: PodIncidents.Held, Over: true } && signal.Subject == pod.Id));
    }

    [Fact]
    [Trait("Requirement", "O4")]
    public async Task NotOurs_SaidOfAPodThatAJobAskedFor_ChangesNothing()
    {
        PodHouse house = new();
        PodRecord pod = house.AddPod(house.NextName());
        await house.KnowAsync(pod);

        await house.Portal.Pods.ClaimAsync(pod.Id, ClaimVerdict.NotOurs, "a mistake", Ada, PodHouse.None);
        await house.RunAsync(TimeSpan.FromMinutes(5));

        Assert.Equal((PodWant.Needed, PodSaw.Running), (house.Rows[0].Want, house.Rows[0].Saw));
    }

    [Fact]
    [Trait("Requirement", "M2")]
    public async Task PodInDoubt_TurnsUpAfterAnotherTryWon_IsADuplicateAndGoneWithinTwoMinutes()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.CreateHangThenLate, seconds: 300);
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.VendorPods.Count == 2, "the late pod");
        PodRecord late = bench.VendorPods.Single(pod => pod.Name == bench.Pods(id)[0].Name);
        DateTimeOffset seen = bench.Now;

        await bench.RunUntilAsync(() => late.Status == PodStatus.Terminated, "the end of the duplicate");
        Assert.True(bench.Now - seen <= TimeSpan.FromMinutes(2), $"It lived for {bench.Now - seen}.");
        Assert.Equal(PodReasons.Duplicate, bench.Pods(id)[0].WantReason);
        Assert.Equal($"Orphaned RunPod instance detected: {late.Id}", Assert.Single(bench.Facts(id, PodEvents.Orphaned)).Signals[0].Text);
        await bench.RunToRestAsync(id);
        Assert.Equal(Domain.Training.TrainingState.Completed, bench.Job(id).State);
    }

    [Fact]
    public async Task Account_CannotBeListed_IsToldWithWhatItMeansAndIsOverWhenItCan()
    {
        PodHouse house = new();
        house.AddPod("notebook");
        house.World.Cloud.World.Faults.Add(FaultKind.List500, seconds: 600);
        await house.RunAsync(TimeSpan.FromMinutes(9));
        OperationalEvent told = Assert.Single(house.Facts, fact => fact.Kind == PodEvents.AccountUnreadable);
        Assert.Equal((EventSeverity.Error, PodIncidents.AccountUnreadable), (told.Severity, told.Signals[0].Rule));
        Assert.Contains("Pods go on running and costing money", told.Message, StringComparison.Ordinal);

        await house.RunAsync(TimeSpan.FromMinutes(4));
        Assert.Contains(house.Facts, fact => fact.Signals.Any(signal => signal is { Rule: PodIncidents.AccountUnreadable, Over: true }));
    }

    /// <summary>After many ends the portal keeps its listings back by itself: no reason to wake anybody. A vendor that throttles for longer is.</summary>
    [Fact]
    public async Task Account_IsThrottled_IsToldOnlyWhenItLasts()
    {
        PodHouse house = new();
        house.AddPod("notebook");
        house.World.Cloud.World.Faults.Add(FaultKind.Rate429, seconds: 1800);
        await house.RunAsync(TimeSpan.FromMinutes(4));
        Assert.DoesNotContain(house.Facts, fact => fact.Kind == PodEvents.AccountUnreadable);

        await house.RunAsync(TimeSpan.FromMinutes(4));

        Assert.Single(house.Facts, fact => fact.Kind == PodEvents.AccountUnreadable);
    }

    [Fact]
    public async Task Account_TimesOutAndThenRefusesTheKey_IsToldWithTheRefusal()
    {
        PodHouse house = new();
        house.World.Cloud.World.Faults.Add(FaultKind.List500, count: 2);
        house.World.Cloud.World.Faults.Add(FaultKind.Unauth401, seconds: 3600);
        for (int look = 0; look < 6; look++)
        {
            await house.Portal.Watch.TickAsync(PodHouse.None);
            house.Pass(TimeSpan.FromSeconds(60));
        }

        Assert.Contains("can't be ended either", Assert.Single(house.Facts, fact => fact.Kind == PodEvents.AccountUnreadable).Message, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "E3")]
    public async Task HeldPod_Vanishes_IsToldAsAFileThatMayBeLost()
    {
        PodHouse house = new();
        await house.KnowAsync(house.AddPod(house.NextName()));
        PodRecord pod = house.AddPod(house.NextName());
        LedgerPod row = await house.KnowAsync(pod, one => one with { Want = PodWant.Held, WantReason = PodReasons.FileUnproven });
        await house.RunAsync(TimeSpan.FromMinutes(2));
        house.World.Cloud.World.Faults.Add(FaultKind.PodVanishes, match: pod.Name);
        await house.RunAsync(TimeSpan.FromMinutes(25));

        Assert.Equal(PodSaw.Gone, house.Rows.Single(one => one.PodId == pod.Id).Saw);
        OperationalEvent told = Assert.Single(house.Facts, fact => fact.Kind == PodEvents.Gone);
        Assert.Equal(EventSeverity.Error, told.Severity);
        Assert.Contains(told.Signals, signal => signal is { Rule: PodIncidents.FileLost, Over: false } && signal.Subject == row.Job.ToString());
    }

    [Fact]
    public async Task Account_RefusesTheKey_IsToldAtOnce()
    {
        PodHouse house = new();
        house.World.Cloud.World.Faults.Add(FaultKind.Unauth401, count: 5);

        await house.Portal.Watch.TickAsync(PodHouse.None);

        Assert.Contains("can't be ended either", Assert.Single(house.Facts, fact => fact.Kind == PodEvents.AccountUnreadable).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ForeignPod_GoesAway_ItsIncidentIsOverEvenAfterANewStart()
    {
        PodHouse house = new();
        PodRecord another = house.AddPod(house.NextName("deadbeef"));
        await house.RunAsync(TimeSpan.FromMinutes(2));
        house.World.Cloud.World.Faults.Add(FaultKind.PodVanishes, match: another.Name);
        SimulatedPortal next = new(house.World, new Mortality(_ => false), "two");

        await next.Watch.TickAsync(PodHouse.None);

        IncidentSignal over = house.Facts[^1].Signals.Single(signal => signal.Rule == PodIncidents.Foreign);
        Assert.True(over.Over);
        Assert.Empty(over.Except!);
    }

    private static async Task<(PodHouse House, PodRecord Pod)> TakenForGoneAsync()
    {
        PodHouse house = new();
        PodRecord other = house.AddPod(house.NextName());
        await house.KnowAsync(other);
        PodRecord pod = house.AddPod(house.NextName());
        await house.KnowAsync(pod, row => row with { Want = PodWant.Released, WantReason = PodReasons.JobEnded, Proof = FileProof.InStorage });
        house.World.Cloud.World.Faults.Add(FaultKind.DeleteIgnored);
        await house.Portal.Watch.TickAsync(PodHouse.None);
        house.World.Cloud.World.Faults.Add(FaultKind.ListPartial, match: pod.Name, count: 100);
        pod.HiddenUntil = house.World.Clock.GetUtcNow().AddDays(1);
        house.Pass(TimeSpan.FromSeconds(5));
        await house.RunAsync(TimeSpan.FromMinutes(1));
        house.World.Cloud.World.Faults.Clear();
        pod.HiddenUntil = null;
        Assert.Equal(PodSaw.Gone, house.Rows.Single(row => row.PodId == pod.Id).Saw);
        house.Pass(NoLongerYoung);
        Assert.Equal(PodStatus.Running, pod.Status);
        return (house, pod);
    }
}
