using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Operations;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>Two portals on one database: one stands still after it has listed the account, and goes on when the other has looked.</summary>
public sealed class OvertakenLooksTests
{
    private readonly PodHouse pods = new();
    private readonly SimulatedPortal late;
    private readonly Mortality mortality;
    private bool standsStill;
    private bool listed;

    public OvertakenLooksTests()
    {
        mortality = new Mortality(_ => false) { FreezesUntil = point => standsStill && HasListedBefore(point) ? DateTimeOffset.MaxValue : null };
        late = new SimulatedPortal(pods.World, mortality, "late");
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Requirement", "M2")]
    public async Task OldLook_DoesNotEndWhatAnotherHasToldMeanwhile()
    {
        await PauseAsync();
        PodRecord gone = Orphan();
        await late.Watch.TickAsync(Token);
        pods.World.Cloud.World.Terminate(gone);
        Task look = ListAndStandStill();
        PodRecord pod = Orphan();
        await pods.Portal.Watch.TickAsync(Token);

        await GoOnAsync(look);

        Assert.Equal([pod.Id], Open(PodIncidents.Orphaned));
        Assert.Single(Open(PodIncidents.SweepHeld));
        Assert.Single(pods.World.Database.Looks.Find("runpod")!.Pods);
    }

    [Fact]
    [Trait("Requirement", "M2")]
    public async Task OldFirstLook_DoesNotEndWhatAnotherHasToldMeanwhile()
    {
        await PauseAsync();
        Task look = ListAndStandStill();
        PodRecord pod = Orphan();
        PodRecord another = pods.AddPod(pods.NextName("deadbeef"));
        await pods.Portal.Watch.TickAsync(Token);

        await GoOnAsync(look);

        Assert.Equal([pod.Id], Open(PodIncidents.Orphaned));
        Assert.Single(Open(PodIncidents.SweepHeld));
        Assert.Equal([another.Id], Open(PodIncidents.Foreign));
    }

    [Fact]
    [Trait("Requirement", "M2")]
    public async Task OldLook_TellsNothingOfPodsThatAreGoneSince()
    {
        await PauseAsync();
        PodRecord pod = Orphan();
        Task look = ListAndStandStill();
        pods.World.Cloud.World.Terminate(pod);
        await pods.Portal.Watch.TickAsync(Token);

        await GoOnAsync(look);

        Assert.DoesNotContain(pods.Facts, static fact => fact.Kind is PodEvents.Orphaned or PodEvents.SweepHeld);
        Assert.Empty(pods.World.Database.Looks.Find("runpod")!.Pods);
    }

    [Fact]
    [Trait("Requirement", "M2")]
    public async Task OldLook_SweepsNothing()
    {
        PodRecord pod = Orphan();
        Task look = ListAndStandStill();
        pods.World.Cloud.World.Terminate(pod);
        await pods.Portal.Watch.TickAsync(Token);

        await GoOnAsync(look);

        Assert.Empty(pods.Rows);
        Assert.DoesNotContain(pods.Facts, static fact => fact.Kind == PodEvents.Orphaned);
    }

    /// <summary>What a person applies from the page rests on a listing of the same kind.</summary>
    [Fact]
    [Trait("Requirement", "J1")]
    public async Task OldListingOfAPlan_OpensNoRowThatWasMadeAndClosedSince()
    {
        PodRecord pod = Orphan();
        Task<SweepPlanning> planning = PlanAndStandStill();
        await pods.RunAsync(TimeSpan.FromMinutes(3));

        await AssertIsLeftGoneAsync(pod, planning);
    }

    /// <summary>The look that closes the row is not written when the plan is.</summary>
    [Fact]
    [Trait("Requirement", "J1")]
    public async Task OldListingOfAPlan_OpensNoRowThatALookClosesMeanwhile()
    {
        PodRecord pod = pods.AddPod(pods.NextName());
        await pods.KnowAsync(pod, static row => row with { Want = PodWant.Released, WantReason = PodReasons.JobEnded, Proof = FileProof.InStorage });
        pods.Pass(PodSweep.UnknownAfter + TimeSpan.FromSeconds(1));
        pods.World.Cloud.World.Faults.Add(FaultKind.DeleteIgnored);
        await pods.Portal.Watch.TickAsync(Token);
        pods.Pass(PodWatch.EveryWhileEnding);
        pods.World.Cloud.World.Faults.Add(FaultKind.ListPartial, match: pod.Name, count: 1);
        await pods.Portal.Watch.TickAsync(Token);
        pods.Pass(PodWatch.EveryWhileEnding);
        Task<SweepPlanning> planning = PlanAndStandStill();
        pods.World.Cloud.World.Terminate(pod);
        SimulatedPortal dies = new(pods.World, new Mortality(point => point == "before transaction" && pods.Rows.Any(static row => row.Saw == PodSaw.Gone)), "dies");
        await Assert.ThrowsAsync<ProcessDiedException>(() => dies.Watch.TickAsync(Token));

        await AssertIsLeftGoneAsync(pod, planning);
    }

    [Fact]
    public async Task OldFailure_DoesNotSayThatTheAccountCanNotBeListed()
    {
        pods.World.Cloud.World.Faults.Add(FaultKind.Unauth401, count: 1);
        Task look = ListAndStandStill();
        await pods.Portal.Watch.TickAsync(Token);

        await GoOnAsync(look);

        Assert.DoesNotContain(pods.Facts, static fact => fact.Kind == PodEvents.AccountUnreadable);
        Assert.Null(pods.World.Database.Looks.Find("runpod")!.FailingSince);
    }

    [Fact]
    [Trait("Requirement", "M2")]
    public async Task NewerLook_EndsWhatIsGone_WhoeverToldIt()
    {
        await PauseAsync();
        await late.Watch.TickAsync(Token);
        PodRecord first = Orphan();
        await pods.Portal.Watch.TickAsync(Token);
        pods.World.Cloud.World.Terminate(first);

        // It does not know that another has looked between its own two looks.
        pods.Pass(PodWatch.Every);
        await late.Watch.TickAsync(Token);
        Assert.Empty(Open(PodIncidents.Orphaned));
        Assert.Empty(Open(PodIncidents.SweepHeld));

        PodRecord second = Orphan();
        await late.Watch.TickAsync(Token);
        Assert.Equal([second.Id], Open(PodIncidents.Orphaned));
        pods.World.Cloud.World.Terminate(second);
        pods.Pass(PodWatch.Every);
        await late.Watch.TickAsync(Token);
        Assert.Empty(Open(PodIncidents.Orphaned));
    }

    [Fact]
    [Trait("Requirement", "M2")]
    public async Task Look_DoesNotEndWhatASweepToldOfAPodThatItHasJustFound()
    {
        pods.World.Caps = new SweepCaps(0, Usd.Zero);
        Task look = ListAndStandStill();
        PodRecord pod = Orphan();
        SweepPlan plan = await pods.PlanAsync();
        await pods.Portal.Sweep.ApplyAsync(plan, plan.Items.Count, OperationHouse.Ada, Token);

        await GoOnAsync(look);

        Assert.Equal([pod.Id], Open(PodIncidents.Orphaned));
    }

    private async Task PauseAsync()
    {
        PodSweepOperation sweep = new(pods.Portal.Sweep, pods.World.Clock, Permissions.SweepPods);
        OperationHouse house = new(pods.World.Clock, pods.World.Database, [sweep]) { Installation = pods.World.Installation };
        await house.FillAsync();
        await house.Desk.PauseAsync(PodSweepOperation.Key, "it ends the wrong ones", null, OperationHouse.Ada, Token);
    }

    /// <summary>A pod that nothing needs, old enough for the sweep.</summary>
    private PodRecord Orphan()
    {
        PodRecord pod = pods.AddPod(pods.NextName());
        pods.Pass(PodSweep.UnknownAfter + TimeSpan.FromSeconds(1));
        return pod;
    }

    private Task<PodWatchReport> ListAndStandStill() => StandStillIn(() => late.Watch.TickAsync(Token));

    private Task<SweepPlanning> PlanAndStandStill() => StandStillIn(() => late.Sweep.PlanAsync(Token));

    private T StandStillIn<T>(Func<T> begin)
    {
        standsStill = true;
        T begun = begin();
        standsStill = false;
        Assert.True(mortality.IsFrozen);
        return begun;
    }

    private async Task AssertIsLeftGoneAsync(PodRecord pod, Task<SweepPlanning> planning)
    {
        LedgerPod gone = Assert.Single(pods.Rows);
        Assert.Equal((PodStatus.Terminated, PodSaw.Gone), (pod.Status, gone.Saw));
        mortality.Thaw();
        SweepPlan plan = Assert.IsType<SweepPlanning.Planned>(await planning).Plan;

        await pods.Portal.Sweep.ApplyAsync(plan, plan.Items.Count, OperationHouse.Ada, Token);

        Assert.Equal([gone], pods.Rows);
        Assert.Empty(plan.Items);
    }

    /// <summary>What it crosses to next when the account's answer is in its memory.</summary>
    private bool HasListedBefore(string point)
    {
        bool isOver = listed && !point.Contains(" GET ", StringComparison.Ordinal);
        listed = point.StartsWith("after GET ", StringComparison.Ordinal);
        return isOver;
    }

    private async Task GoOnAsync(Task look)
    {
        mortality.Thaw();
        await look;
    }

    /// <summary>Subjects whose incident is open by what was told.</summary>
    private IReadOnlyCollection<string> Open(string rule) => Array.Empty<string>().After(rule, pods.Facts.SelectMany(static fact => fact.Signals));
}
