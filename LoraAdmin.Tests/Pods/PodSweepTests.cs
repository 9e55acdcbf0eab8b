using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Pods;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Pods;

public sealed class PodSweepTests
{
    private static readonly TimeSpan NoLongerYoung = PodSweep.UnknownAfter + TimeSpan.FromSeconds(1);

    [Fact]
    [Trait("Requirement", "J1")]
    [Trait("Requirement", "M2")]
    public async Task Sweep_UnknownPodOfOursWithoutFile_IsEndedAndTold()
    {
        PodHouse house = new();
        PodRecord pod = house.AddPod(house.NextName());
        house.Pass(NoLongerYoung);

        await house.RunAsync(TimeSpan.FromMinutes(3));

        Assert.Equal(PodStatus.Terminated, pod.Status);
        LedgerPod row = Assert.Single(house.Rows);
        Assert.Equal((PodSaw.Gone, PodReasons.Unknown, FileProof.TrainingNeverStarted), (row.Saw, row.WantReason, row.Proof));
        OperationalEvent told = Assert.Single(house.Facts, fact => fact.Kind == PodEvents.Orphaned);
        Assert.Equal(
            [new IncidentSignal("pods.orphaned", pod.Id, $"Orphaned RunPod instance detected: {pod.Id}")], told.Signals);
        OperationalEvent gone = Assert.Single(house.Facts, fact => fact.Kind == PodEvents.Gone);
        Assert.Contains(gone.Signals, signal => signal is { Rule: "pods.orphaned", Over: true } && signal.Subject == pod.Id);
    }

    /// <summary>What it cost in the weeks before nobody knows until its bills are read.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Sweep_UnknownPodThatStoodStillForWeeks_CostsItsPriceSinceItsPresentStart()
    {
        PodHouse house = new();
        PodRecord pod = house.AddPod(house.NextName());
        house.Pass(TimeSpan.FromDays(20));
        pod.StartedAt = house.World.Clock.GetUtcNow();
        house.Pass(TimeSpan.FromHours(1));

        SweepPlanning.Planned plan = Assert.IsType<SweepPlanning.Planned>(await house.Portal.Pods.PreviewSweepAsync(PodHouse.None));
        Usd planned = Assert.Single(plan.Plan.Items).CostSoFar;
        BoardPod shown = BoardOf(house, new AccountLook(1, plan.Plan.AsOf, [new ListedPod(Assert.Single(plan.Census).Pod!, false)], 0, null, null));
        Assert.Equal((pod.CreatedAt, planned, planned), (shown.Since, shown.CostSoFar, shown.Burned));
        await house.Portal.Watch.TickAsync(PodHouse.None);

        LedgerPod row = Assert.Single(house.Rows);
        Assert.Equal(pod.CreatedAt, row.CreatedAt);
        Assert.Equal(planned, BoardOf(house, house.World.Database.Looks.Find("runpod")!).CostSoFar);
        Assert.Equal(planned, row.CostUntil(house.World.Clock.GetUtcNow()));
        Assert.InRange(planned.Dollars, 0.40m, 0.42m);
    }

    private static BoardPod BoardOf(PodHouse house, AccountLook look) => Assert.Single(
        PodQueriesBoard.Of(look, house.Rows, [], null, house.World.Installation.Id, house.World.Clock.GetUtcNow()).Pods);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Trait("Requirement", "J1")]
    public async Task Sweep_UnknownPodWithoutProof_IsStoppedAndHeld(bool fileOnIt)
    {
        PodHouse house = new();
        PodRecord pod = house.AddPod(house.NextName(), agentKnowsUs: fileOnIt);
        if (fileOnIt)
        {
            house.FinishTraining(pod);
        }

        house.Pass(NoLongerYoung);
        await house.RunAsync(TimeSpan.FromHours(6));

        Assert.Equal(PodStatus.Exited, pod.Status);
        Assert.Equal((PodWant.Held, FileProof.None, 0), (house.Rows[0].Want, house.Rows[0].Proof, house.Rows[0].TerminateAttempts));
        Assert.Single(house.Facts, fact => fact.Kind == PodEvents.Orphaned);
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Sweep_ForeignPods_AreNeverTouched()
    {
        PodHouse house = new();
        PodRecord anybodys = house.AddPod("notebook");
        PodRecord another = house.AddPod(house.NextName("deadbeef"));
        PodRecord disowned = house.AddPod(house.NextName());
        await house.Portal.Pods.ClaimAsync(disowned.Id, ClaimVerdict.NotOurs, "copied by hand", new Actor(ActorKind.Person, "ada"), PodHouse.None);

        await house.RunAsync(TimeSpan.FromHours(12));

        Assert.All([anybodys, another, disowned], pod => Assert.Equal([PodStatus.Provisioning], pod.History.Select(change => change.Status)));
        Assert.Empty(house.Rows);
        OperationalEvent told = Assert.Single(house.Facts, fact => fact.Kind == PodEvents.ForeignSeen && fact.Signals[0].Subject == another.Id);
        Assert.Equal(another.Name, told.Pod);
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Apply_PodThatAPersonDisownedSinceThePlan_IsNotTouched()
    {
        PodHouse house = new();
        PodRecord pod = house.AddPod(house.NextName());
        house.Pass(NoLongerYoung);
        SweepPlan plan = await house.PlanAsync();
        Assert.Single(plan.Items);

        await house.Portal.Pods.ClaimAsync(pod.Id, ClaimVerdict.NotOurs, "a colleague's", new Actor(ActorKind.Person, "ada"), PodHouse.None);
        SweepResult result = await house.Portal.Sweep.ApplyAsync(plan, 1, new Actor(ActorKind.Person, "ada"), PodHouse.None);

        Assert.Empty(result.Done);
        Assert.Equal("A person said that it is not ours", Assert.Single(result.Ineligible).Why);
        await house.RunAsync(TimeSpan.FromHours(1));
        Assert.Equal([PodStatus.Provisioning], pod.History.Select(change => change.Status));
        Assert.Empty(house.Rows);
    }

    [Theory]
    [InlineData(true, FileProof.AgentHasNone)]
    [InlineData(false, FileProof.TrainingNeverStarted)]
    [Trait("Requirement", "J1")]
    public async Task Apply_LongAfterThePlan_AsksAnewForAFileThatCameMeanwhile(bool trains, FileProof proof)
    {
        PodHouse house = new();
        PodRecord pod = house.AddPod(house.NextName());
        if (trains)
        {
            house.BeginTraining(pod);
        }

        house.Pass(NoLongerYoung);
        SweepPlan plan = await house.PlanAsync();
        Assert.Equal((SweepAction.Terminate, proof), (Assert.Single(plan.Items).Action, plan.Items[0].Proof));
        house.Pass(TimeSpan.FromMinutes(30));
        house.FinishTraining(pod);

        Assert.Single((await house.Portal.Sweep.ApplyAsync(plan, 1, new Actor(ActorKind.Person, "ada"), PodHouse.None)).Done);
        await house.RunAsync(TimeSpan.FromHours(1));

        Assert.Equal(PodStatus.Exited, pod.Status);
        Assert.Equal((PodWant.Held, FileProof.None), (Assert.Single(house.Rows).Want, house.Rows[0].Proof));
    }

    /// <summary>The claim's transaction does not see the row that the sweep's makes, nor the other way round.</summary>
    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Disowned_InTheMomentOfTheSweep_IsLetOutBeforeAnythingIsDone()
    {
        PodHouse house = new();
        PodRecord pod = house.AddPod(house.NextName());
        house.Pass(NoLongerYoung);
        Actor ada = new(ActorKind.Person, "ada");
        Assert.Single((await house.Portal.Sweep.ApplyAsync(await house.PlanAsync(), 1, ada, PodHouse.None)).Done);
        await house.World.Database.RunAsync(
            (unit, token) => unit.Store<IPodClaimStore>().SaveAsync(new PodClaim(pod.Id, ClaimVerdict.NotOurs, ada, "a colleague's", house.World.Clock.GetUtcNow()), token),
            PodHouse.None);

        await house.RunAsync(TimeSpan.FromHours(1));

        Assert.Equal([PodStatus.Provisioning], pod.History.Select(change => change.Status));
        Assert.Equal((PodSaw.Gone, PodReasons.NotOurs), (house.Rows[0].Saw, house.Rows[0].WantReason));
        Assert.All(
            [PodIncidents.Orphaned, PodIncidents.Held],
            rule => Assert.Empty(Array.Empty<string>().After(rule, house.Facts.SelectMany(static fact => fact.Signals))));
    }

    [Fact]
    public async Task Disowned_AfterAPersonApprovedItsEnd_IsLetOut()
    {
        PodHouse house = new();
        PodRecord pod = house.AddPod(house.NextName());
        house.Pass(NoLongerYoung);
        Actor ada = new(ActorKind.Person, "ada");
        await house.Portal.Sweep.ApplyAsync(await house.PlanAsync(), 1, ada, PodHouse.None);
        Assert.Equal(PodReasons.ByPerson, Assert.Single(house.Rows).WantReason);

        await house.Portal.Pods.ClaimAsync(pod.Id, ClaimVerdict.NotOurs, "a mistake", ada, PodHouse.None);
        await house.RunAsync(TimeSpan.FromHours(1));

        Assert.Equal([PodStatus.Provisioning], pod.History.Select(change => change.Status));
        Assert.Equal((PodSaw.Gone, PodReasons.NotOurs), (house.Rows[0].Saw, house.Rows[0].WantReason));
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Sweep_PodThatAPersonCallsOurs_IsTakenOver()
    {
        PodHouse house = new();
        PodRecord pod = house.AddPod("by-hand");
        house.Pass(NoLongerYoung);
        await house.Portal.Pods.ClaimAsync(pod.Id, ClaimVerdict.Ours, "I made it", new Actor(ActorKind.Person, "ada"), PodHouse.None);

        await house.RunAsync(TimeSpan.FromMinutes(5));

        // Nobody can say what lies on it: it is stopped and kept.
        Assert.Equal(PodStatus.Exited, pod.Status);
        Assert.Equal(PodWant.Held, Assert.Single(house.Rows).Want);
    }

    [Fact]
    public async Task Plan_YoungUnknownPod_IsLeftAlone()
    {
        PodHouse house = new();
        house.AddPod(house.NextName());
        house.Pass(PodSweep.UnknownAfter - TimeSpan.FromSeconds(1));
        Assert.Empty((await house.PlanAsync()).Items);

        house.Pass(TimeSpan.FromSeconds(2));

        Assert.Single((await house.PlanAsync()).Items);
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Sweep_PodPastItsLifetime_IsEndedOnce_OthersStay()
    {
        PodHouse house = new();
        PodRecord[] late = [.. Enumerable.Range(0, 15).Select(_ => house.AddPod(house.NextName()))];
        PodRecord young = house.AddPod(house.NextName());
        DateTimeOffset until = house.World.Clock.GetUtcNow().AddMinutes(10);
        foreach (PodRecord pod in late)
        {
            await house.KnowAsync(pod, row => row with { LiveUntil = until });
        }

        await house.KnowAsync(young);
        await house.RunAsync(TimeSpan.FromMinutes(9));
        Assert.All(late, pod => Assert.Equal(PodStatus.Running, pod.Status));

        await house.RunAsync(TimeSpan.FromMinutes(10));

        Assert.All(late, pod => Assert.Equal(PodStatus.Terminated, pod.Status));
        Assert.Equal(PodStatus.Running, young.Status);
        Assert.Equal(15, house.Facts.Count(fact => fact.Kind == PodEvents.Orphaned));

        // What is released already is no plan any more, and must not fill the caps a second time.
        Assert.DoesNotContain(house.Facts, fact => fact.Kind == PodEvents.CapReached);
    }

    [Fact]
    [Trait("Requirement", "E4")]
    public async Task Sweep_DeleteIsIgnoredForADay_LeaksWithItsCostRisingUntilItIsGone()
    {
        PodHouse house = new();
        PodRecord pod = house.AddPod(house.NextName());
        Fault ignored = house.World.Cloud.World.Faults.Add(FaultKind.DeleteIgnored, count: 1_000_000);
        // Real listings don't start on a whole millisecond, which is all that the ledger keeps.
        house.Pass(NoLongerYoung + TimeSpan.FromTicks(1));

        await house.RunAsync(TimeSpan.FromMinutes(10));
        LedgerPod early = Assert.Single(house.Rows);
        Usd before = early.CostUntil(house.World.Clock.GetUtcNow());
        await house.RunAsync(TimeSpan.FromHours(24));

        LedgerPod row = Assert.Single(house.Rows);
        Assert.Equal((PodSaw.Leaking, PodStatus.Running), (row.Saw, pod.Status));
        Assert.True(early.TerminateAttempts >= 3 && row.TerminateAttempts > early.TerminateAttempts + 100, $"{row.TerminateAttempts} tries");
        Assert.True(row.CostUntil(house.World.Clock.GetUtcNow()) - before >= Usd.FromDollars(9), "The meter stands still.");
        List<OperationalEvent> told = [.. house.Facts.Where(fact => fact.Kind == PodEvents.Leaking)];
        Assert.InRange(told.Count, 24, 26);
        Assert.All(told, fact => Assert.Equal(("pods.leaking", pod.Id, false), (fact.Signals[0].Rule, fact.Signals[0].Subject, fact.Signals[0].Over)));

        // It escalates when an hour has not helped.
        Assert.Equal(EventSeverity.Error, told[0].Severity);
        Assert.All(told.Skip(1), fact => Assert.Equal(EventSeverity.Critical, fact.Severity));
        Assert.Contains("$9.", told[^1].Signals[0].Text, StringComparison.Ordinal);

        house.World.Cloud.World.Faults.Clear();
        await house.RunAsync(TimeSpan.FromMinutes(5));
        Assert.Equal(PodSaw.Gone, Assert.Single(house.Rows).Saw);
        Assert.Contains(house.Facts, fact => fact.Signals.Any(signal => signal is { Rule: "pods.leaking", Over: true }));
        Assert.True(ignored.Remaining < 1_000_000);
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Loop_ListingTurnsEmptyForFiveMinutes_KillsAndForgetsNothing()
    {
        PodHouse house = new();
        PodRecord[] needed = [.. Enumerable.Range(0, 4).Select(_ => house.AddPod(house.NextName()))];
        foreach (PodRecord pod in needed)
        {
            await house.KnowAsync(pod);
        }

        PodRecord stubborn = house.AddPod(house.NextName());
        await house.KnowAsync(stubborn, row => row with { Want = PodWant.Released, WantReason = PodReasons.JobEnded, Proof = FileProof.InStorage });
        house.World.Cloud.World.Faults.Add(FaultKind.DeleteIgnored, count: 1_000);
        BlindProvider blind = new(house.Portal.Provider);
        PodWatch watch = new(
            house.World.Database,
            blind,
            new PodSweep(
                house.World.Database, blind, house.Portal.Proofs, house.World.Clock, () => house.World.Caps, () => house.World.Pods, () => house.World.Installation, house.Portal.Clocks),
            house.Portal.Proofs,
            house.World.Clock,
            () => house.World.Pods,
            house.Portal.Clocks);
        await house.RunAsync(TimeSpan.FromMinutes(2), watch);

        blind.IsBlind = true;
        await house.RunAsync(TimeSpan.FromMinutes(3), watch);
        Assert.All(house.Rows.Where(static row => row.Want == PodWant.Needed), static row => Assert.Null(row.AbsentSince));
        await house.RunAsync(TimeSpan.FromMinutes(2), watch);
        blind.IsBlind = false;
        await house.RunAsync(TimeSpan.FromMinutes(2), watch);

        Assert.True(blind.Blinked > 3, "The listing was never empty.");
        Assert.All(needed, pod => Assert.Equal(PodStatus.Running, pod.Status));
        Assert.All(house.Rows, row => Assert.NotEqual(PodSaw.Gone, row.Saw));
        Assert.All(house.Rows, row => Assert.Null(row.AbsentSince));
        Assert.Equal(4, house.Rows.Count(row => row.Want == PodWant.Needed));
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Loop_ManyPodsToEnd_ListsAnewAfterEachTwenty()
    {
        PodHouse house = new();
        PodRecord[] pods = [.. Enumerable.Range(0, 45).Select(_ => house.AddPod(house.NextName()))];
        foreach (PodRecord pod in pods)
        {
            await house.KnowAsync(pod, static row => row with { Want = PodWant.Released, WantReason = PodReasons.JobEnded, Proof = FileProof.InStorage });
        }

        List<(int Asked, TimeSpan Next)> looks = [];
        for (int look = 0; look < 3; look++)
        {
            PodWatchReport report = await house.Portal.Watch.TickAsync(PodHouse.None);
            looks.Add((pods.Sum(static pod => pod.TerminateRequests), report.NextIn));
        }

        Assert.Equal([(20, TimeSpan.FromSeconds(1)), (40, TimeSpan.FromSeconds(1)), (45, PodWatch.EveryWhileEnding)], looks);
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task TwoInstallations_OnOneAccount_NeverTouchEachOthersPods()
    {
        PodHouse one = new();
        PodHouse other = new(new SimulatedWorld(2, one.World, "5eed0002"));
        PodRecord oneNeeded = one.AddPod(one.NextName());
        await one.KnowAsync(oneNeeded);
        PodRecord oneOrphan = one.AddPod(one.NextName());
        PodRecord otherNeeded = other.AddPod(other.NextName());
        await other.KnowAsync(otherNeeded);
        PodRecord otherOrphan = other.AddPod(other.NextName());
        one.Pass(NoLongerYoung);

        await one.RunAsync(TimeSpan.FromMinutes(20));
        Assert.Equal(PodStatus.Running, otherOrphan.Status);
        await other.RunAsync(TimeSpan.FromMinutes(20));

        Assert.All([oneNeeded, otherNeeded], pod => Assert.Equal([PodStatus.Provisioning], pod.History.Select(change => change.Status)));
        Assert.All([oneOrphan, otherOrphan], pod => Assert.Equal(PodStatus.Terminated, pod.Status));
        Assert.DoesNotContain(one.Rows, row => row.PodId == otherNeeded.Id || row.PodId == otherOrphan.Id);
        Assert.DoesNotContain(other.Rows, row => row.PodId == oneNeeded.Id || row.PodId == oneOrphan.Id);
    }

    /// <summary>Its listings can turn empty, as a vendor's have, while everything else goes on.</summary>
    private sealed class BlindProvider(IPodProvider inner) : IPodProvider
    {
        public bool IsBlind { get; set; }

        public int Blinked { get; private set; }

        public TimeSpan CallTimeout => inner.CallTimeout;

        public async Task<PodListing> ListAsync(CancellationToken cancellationToken)
        {
            PodListing listing = await inner.ListAsync(cancellationToken);
            if (!IsBlind || listing is not PodListing.Complete complete)
            {
                return listing;
            }

            Blinked++;
            return complete with { Pods = [] };
        }

        public Task<CreateOutcome> CreateAsync(PodSpec spec, CancellationToken cancellationToken) => inner.CreateAsync(spec, cancellationToken);

        public Task<PodReading> GetAsync(string podId, CancellationToken cancellationToken) => inner.GetAsync(podId, cancellationToken);

        public Task<PodActionOutcome> StopAsync(string podId, CancellationToken cancellationToken) => inner.StopAsync(podId, cancellationToken);

        public Task<PodActionOutcome> StartAsync(string podId, CancellationToken cancellationToken) => inner.StartAsync(podId, cancellationToken);

        public Task<PodActionOutcome> TerminateAsync(string podId, CancellationToken cancellationToken) =>
            inner.TerminateAsync(podId, cancellationToken);
    }
}
