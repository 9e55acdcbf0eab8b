using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Operations;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>What is told of pods that nothing needs while the sweep is paused, held or at its caps.</summary>
public sealed class PodSweepHeldTests
{
    private readonly PodHouse pods = new();
    private readonly OperationHouse house;

    public PodSweepHeldTests()
    {
        PodSweepOperation sweep = new(pods.Portal.Sweep, pods.World.Clock, Permissions.SweepPods);
        house = new OperationHouse(pods.World.Clock, pods.World.Database, [sweep]) { Installation = pods.World.Installation };
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Requirement", "M2")]
    [Trait("Requirement", "J1")]
    public async Task Paused_EachPodIsDetected_AndOneIncidentSaysHowManyHowMuchAndSinceWhen()
    {
        PodRecord[] orphans = Fill(3);
        await PauseAsync();
        DateTimeOffset since = pods.World.Clock.GetUtcNow();

        await pods.RunAsync(TimeSpan.FromMinutes(5));

        Assert.Equal(
            orphans.Select(pod => (pod.Id, $"Orphaned RunPod instance detected: {pod.Id}")).Order(),
            Signals(PodIncidents.Orphaned).Select(signal => (signal.Subject, signal.Text)).Order());
        IncidentSignal told = Assert.Single(Signals(PodIncidents.SweepHeld));
        Assert.Equal(("sweep", false), (told.Subject, told.Over));
        Assert.Equal(
            $"3 pods that nothing needs go on running and cost $1.23/h, and the sweep ends none since {since:yyyy-MM-dd HH:mm} UTC. Paused by ada: it ends the wrong ones", told.Text);
        Assert.Equal(EventSeverity.Error, Assert.Single(pods.Facts, fact => fact.Kind == PodEvents.SweepHeld).Severity);

        Fill(1);
        await pods.RunAsync(TimeSpan.FromMinutes(3));
        Assert.StartsWith("4 pods", Signals(PodIncidents.SweepHeld)[^1].Text, StringComparison.Ordinal);
        Assert.Equal(2, Signals(PodIncidents.SweepHeld).Length);

        await house.Desk.ResumeAsync(PodSweepOperation.Key, null, OperationHouse.Ada, Token);
        await pods.RunAsync(TimeSpan.FromMinutes(5));

        Assert.All(orphans, pod => Assert.Equal(PodStatus.Terminated, pod.Status));
        Assert.Equal((true, "The sweep acts by itself again"), (Signals(PodIncidents.SweepHeld)[^1].Over, Signals(PodIncidents.SweepHeld)[^1].Text));
        Assert.Empty(Open(PodIncidents.Orphaned));
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Held_MoreThanTheCaps_IsNotCalledReachedCaps()
    {
        pods.World.Caps = new SweepCaps(1, Usd.FromDollars(20));
        Fill(3);
        await house.FillAsync();
        await house.Desk.HoldAutomationAsync("the account looks wrong", null, OperationHouse.Ada, Token);

        await pods.RunAsync(TimeSpan.FromMinutes(5));

        Assert.DoesNotContain(pods.Facts, fact => fact.Kind == PodEvents.CapReached);
        Assert.Contains("Destructive automation is held by ada: the account looks wrong", Assert.Single(Signals(PodIncidents.SweepHeld)).Text, StringComparison.Ordinal);

        await house.Desk.ReleaseAutomationAsync(null, OperationHouse.Ada, Token);
        await pods.RunAsync(TimeSpan.FromMinutes(5));
        Assert.Single(Open(PodIncidents.CapReached));
        Assert.Empty(Open(PodIncidents.SweepHeld));

        await PauseAsync();
        await pods.RunAsync(TimeSpan.FromMinutes(3));

        Assert.Empty(Open(PodIncidents.CapReached));
        Assert.Single(Open(PodIncidents.SweepHeld));
    }

    [Fact]
    [Trait("Requirement", "M2")]
    public async Task AtTheCaps_WhatIsHeldBack_IsDetectedToo()
    {
        pods.World.Caps = new SweepCaps(1, Usd.FromDollars(20));
        PodRecord[] orphans = Fill(3);

        await pods.RunAsync(TimeSpan.FromMinutes(5));

        Assert.Equal(2, orphans.Count(pod => pod.Status == PodStatus.Running));
        Assert.Equal(orphans.Where(pod => pod.Status == PodStatus.Running).Select(pod => pod.Id).Order(), Open(PodIncidents.Orphaned).Order());
    }

    [Fact]
    [Trait("Requirement", "M2")]
    public async Task Paused_PodThatGoesByItself_IsOver_WhoeverLooks()
    {
        PodRecord[] orphans = Fill(2);
        await PauseAsync();
        await pods.RunAsync(TimeSpan.FromMinutes(2));
        pods.World.Cloud.World.Terminate(orphans[0]);

        await pods.RunAsync(TimeSpan.FromMinutes(2));
        Assert.Equal([orphans[1].Id], Open(PodIncidents.Orphaned));
        Assert.StartsWith("1 pod that nothing needs goes on running and costs $0.41/h", Signals(PodIncidents.SweepHeld)[^1].Text, StringComparison.Ordinal);

        // Another process takes over, and the last one goes meanwhile.
        pods.World.Cloud.World.Terminate(orphans[1]);
        SimulatedPortal next = new(pods.World, new Mortality(_ => false), "two");
        await pods.RunAsync(TimeSpan.FromMinutes(1), next.Watch);

        OperationalEvent first = pods.Facts.Last(fact => fact.Kind == PodEvents.FirstLook);
        Assert.Contains(first.Signals, signal => signal.Rule == PodIncidents.Orphaned && signal.Ends(orphans[1].Id));
        Assert.Contains(first.Signals, signal => signal is { Rule: PodIncidents.SweepHeld, Over: true });
    }

    [Fact]
    public async Task Paused_NothingToSweep_IsNoIncident()
    {
        await pods.KnowAsync(pods.AddPod(pods.NextName()));
        await PauseAsync();

        await pods.RunAsync(TimeSpan.FromMinutes(10));

        Assert.DoesNotContain(pods.Facts, fact => fact.Kind is PodEvents.SweepHeld or PodEvents.Orphaned);
    }

    private async Task PauseAsync()
    {
        await house.FillAsync();
        await house.Desk.PauseAsync(PodSweepOperation.Key, "it ends the wrong ones", null, OperationHouse.Ada, Token);
    }

    private PodRecord[] Fill(int count)
    {
        PodRecord[] made = [.. Enumerable.Range(0, count).Select(_ => pods.AddPod(pods.NextName()))];
        pods.Pass(PodSweep.UnknownAfter + TimeSpan.FromSeconds(1));
        return made;
    }

    private IncidentSignal[] Signals(string rule) => [.. pods.Facts.SelectMany(fact => fact.Signals).Where(signal => signal.Rule == rule && signal.Except is null)
        .SkipWhile(signal => signal.Over)];

    /// <summary>Subjects whose incident is open by what was told.</summary>
    private IReadOnlyCollection<string> Open(string rule) => Array.Empty<string>().After(rule, pods.Facts.SelectMany(static fact => fact.Signals));
}
