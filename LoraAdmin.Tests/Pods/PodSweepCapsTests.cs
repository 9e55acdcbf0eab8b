using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Pods;

public sealed class PodSweepCapsTests
{
    private static readonly Actor Ada = new(ActorKind.Person, "ada");
    private static readonly TimeSpan NoLongerYoung = PodSweep.UnknownAfter + TimeSpan.FromSeconds(1);

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Sweep_MoreThanTheCapInNumber_WaitsForAPersonWhoApprovesExactlyThat()
    {
        PodHouse house = new();
        PodRecord[] pods = Fill(house, 25);

        await house.RunAsync(TimeSpan.FromMinutes(10));

        Assert.Equal((20, 5), Count(pods));
        OperationalEvent told = Assert.Single(house.Facts, fact => fact.Kind == PodEvents.CapReached);
        Assert.Equal((EventSeverity.Critical, "sweep"), (told.Severity, told.Signals[0].Subject));
        SweepPlan plan = await house.PlanAsync();
        Assert.Equal((5, 0), (plan.Items.Count, plan.WithinCaps));

        ApproveSweepOutcome approved = await house.Portal.Pods.ApproveSweepAsync(plan.Hash, Ada, PodHouse.None);
        await house.RunAsync(TimeSpan.FromMinutes(5));

        Assert.Equal(5, Assert.IsType<ApproveSweepOutcome.Applied>(approved).Result.Done.Count);
        Assert.Equal((25, 0), Count(pods));
        Assert.Single(house.Facts, fact => fact.Kind == PodEvents.CapCleared);
        Assert.Equal(5, house.Facts.Count(fact => fact.Kind == PodEvents.Orphaned && fact.Actor == Ada));
        SweepTally tally = await house.World.Database.ReadAsync(
            (unit, token) => unit.Store<IPodLedger>().TallySweepAsync(SimulatedWorld.Start, token), PodHouse.None);
        Assert.Equal(20, tally.Kills);
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Sweep_CapReached_GoesOnByItselfAnHourLater()
    {
        PodHouse house = new();
        PodRecord[] pods = Fill(house, 25);
        await house.RunAsync(TimeSpan.FromMinutes(50));
        Assert.Equal((20, 5), Count(pods));

        await house.RunAsync(TimeSpan.FromMinutes(20));

        Assert.Equal((25, 0), Count(pods));
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Sweep_MoreThanTheCapInDollars_HoldsBack()
    {
        PodHouse house = new();
        PodRecord[] pods = Fill(house, 6);
        Usd each = (await house.PlanAsync()).Items[0].HourlyRate;
        house.World.Caps = new SweepCaps(100, each + each);

        await house.RunAsync(TimeSpan.FromMinutes(10));

        Assert.Equal((2, 4), Count(pods));
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Sweep_WhoseCapsAnotherLookUsedUpMeanwhile_EndsNoMore()
    {
        PodHouse house = new();
        Fill(house, 2);
        SweepPlan stale = await house.PlanAsync();
        Assert.Equal(2, stale.WithinCaps);
        house.World.Caps = new SweepCaps(1, Usd.FromDollars(20));

        SweepResult result = await house.Portal.Sweep.ApplyAsync(stale, stale.WithinCaps, Actor.Portal("pods.watch"), PodHouse.None);

        Assert.Single(result.Done);
        Assert.StartsWith("It is past the caps by now", Assert.Single(result.Ineligible).Why, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Approve_PlanThatHasChanged_IsRefusedAndDoesNothing()
    {
        PodHouse house = new();
        house.World.Caps = new SweepCaps(0, Usd.Zero);
        PodRecord[] pods = Fill(house, 2);
        string seen = (await house.PlanAsync()).Hash;
        Fill(house, 1);

        ApproveSweepOutcome outcome = await house.Portal.Pods.ApproveSweepAsync(seen, Ada, PodHouse.None);

        Assert.Equal(3, Assert.IsType<ApproveSweepOutcome.Changed>(outcome).Now.Items.Count);
        Assert.Empty(house.Rows);
        Assert.Equal((0, 2), Count(pods));
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Approve_AccountCannotBeRead_IsSaid()
    {
        PodHouse house = new();
        Fill(house, 2);
        string seen = (await house.PlanAsync()).Hash;
        house.World.Cloud.World.Faults.Add(FaultKind.List500);

        Assert.IsType<ApproveSweepOutcome.CouldNotRead>(await house.Portal.Pods.ApproveSweepAsync(seen, Ada, PodHouse.None));
        Assert.Empty(house.Rows);
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Plan_WritesNothing()
    {
        PodHouse house = new();
        PodRecord[] pods = Fill(house, 3);
        PodRecord late = house.AddPod(house.NextName());
        await house.KnowAsync(late, row => row with { LiveUntil = row.RequestedAt });
        house.Pass(TimeSpan.FromSeconds(1));
        IReadOnlyList<LedgerPod> rows = house.Rows;
        int facts = house.Facts.Count;

        SweepPlan plan = await house.PlanAsync();

        Assert.Equal(4, plan.Items.Count);
        Assert.Equal(rows, house.Rows);
        Assert.Equal(facts, house.Facts.Count);
        Assert.Empty(house.World.Database.Claims.Rows);
        Assert.All([.. pods, late], pod => Assert.Single(pod.History));
    }

    [Fact]
    public async Task Plan_Again_HasTheSameHash_AndAnotherWhenItDiffers()
    {
        PodHouse house = new();
        Fill(house, 3);
        string first = (await house.PlanAsync()).Hash;
        Assert.Equal(first, (await house.PlanAsync()).Hash);

        Fill(house, 1);

        Assert.NotEqual(first, (await house.PlanAsync()).Hash);
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Sweep_TenThousandPods_EndsExactlyTheOrphansWithinTheRateLimit()
    {
        PodHouse house = new();
        house.World.Caps = new SweepCaps(1_000, Usd.FromDollars(1_000));
        List<PodRecord> needed = [];
        for (int number = 0; number < 9_200; number++)
        {
            PodRecord pod = house.AddPod(house.NextName());
            await house.KnowAsync(pod);
            needed.Add(pod);
        }

        PodRecord[] orphans = [.. Enumerable.Range(0, 300).Select(_ => house.AddPod(house.NextName()))];
        PodRecord[] foreign = [.. Enumerable.Range(0, 500).Select(number => house.AddPod(number % 2 == 0 ? house.NextName("deadbeef") : "notebook"))];
        house.Pass(NoLongerYoung);

        await house.RunAsync(TimeSpan.FromMinutes(20));

        Assert.All(orphans, pod => Assert.Equal(PodStatus.Terminated, pod.Status));
        Assert.All(needed, pod => Assert.Equal(PodStatus.Running, pod.Status));
        Assert.All(foreign, pod => Assert.Equal(PodStatus.Running, pod.Status));
        Assert.Equal(300, house.Rows.Count(row => row.Saw == PodSaw.Gone));
        Assert.Equal(0, house.World.Cloud.World.Account.RateLimitViolations);

        // One delete and one last look each, and listings: never a call per pod of the account.
        Assert.InRange(house.World.Cloud.World.Account.Requests, 600, 800);
    }

    private static PodRecord[] Fill(PodHouse house, int count)
    {
        PodRecord[] pods = [.. Enumerable.Range(0, count).Select(_ => house.AddPod(house.NextName()))];
        house.Pass(NoLongerYoung);
        return pods;
    }

    private static (int Ended, int Running) Count(PodRecord[] pods) =>
        (pods.Count(pod => pod.Status == PodStatus.Terminated), pods.Count(pod => pod.Status == PodStatus.Running));
}
