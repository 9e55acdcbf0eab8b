using LoraAdmin.Domain.Alerts;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Breaker;

/// <summary>What becomes known of the breaker: facts, and the incidents that follow from them.</summary>
[Trait("Requirement", "C5")]
public sealed class BreakerWatchTests
{
    private static readonly Actor Ada = new(ActorKind.Person, "ada");

    private readonly SimulatedWorld world = new(1);
    private readonly SimulatedPortal portal;
    private int creations;

    public BreakerWatchTests() => portal = Portal("one");

    private static CancellationToken None => CancellationToken.None;

    private IEnumerable<string> Kinds => world.Database.Events.Select(fact => fact.Kind);

    [Fact]
    [Trait("Requirement", "M10")]
    public async Task Opened_ByAnyWorker_IsToldOnceByAllPortalsWithTheProvidersWords()
    {
        SimulatedPortal other = Portal("two");
        await LookAsync(portal, other);
        await FailAsync(3);
        await LookAsync(portal, other, portal, other);

        OperationalEvent fact = Assert.Single(world.Database.Events, one => one.Kind == BreakerEvents.Opened);
        Assert.Equal("RunPod's breaker opened until 00:30 UTC: 2 × “503”; “words 3”", fact.Message);
        Assert.Equal((BreakerIncidents.Open, "runpod", false), (fact.Signals[0].Rule, fact.Signals[0].Subject, fact.Signals[0].Over));
        Assert.Equal(EventSeverity.Error, fact.Severity);
        Assert.Equal([BreakerIncidents.Open], await OpenIncidentsAsync());
    }

    [Fact]
    public async Task OpenedAndClosedBetweenTwoLooks_BothAreTold()
    {
        await LookAsync(portal);
        await FailAsync(3);
        world.Clock.Advance(world.Breaker.OpenFor);
        CircuitReply probe = Apply(new CircuitCall.Check("t", "elsewhere", ""));
        Apply(new CircuitCall.Success(new BreakerPermit(probe.Circuit.Generation, "t", true), "elsewhere"));
        await LookAsync(portal);

        Assert.Equal([BreakerEvents.Opened, BreakerEvents.Closed], Kinds);
        Assert.Empty(await OpenIncidentsAsync());
    }

    [Fact]
    public async Task Trip_WhileNoPortalRan_IsToldAtTheNextStart()
    {
        await LookAsync(portal);
        await FailAsync(3);

        await LookAsync(Portal("successor"));
        Assert.Equal([BreakerEvents.Opened], Kinds);
    }

    [Fact]
    public async Task Commands_KeepWhoAndWhy()
    {
        await LookAsync(portal);
        await portal.BreakerDesk.IsolateAsync(BreakerSubject.RunPod, "RunPod moves", TimeSpan.FromHours(1), Ada, None);
        await LookAsync(portal);
        Assert.Equal([BreakerIncidents.Isolated], await OpenIncidentsAsync());
        await portal.BreakerDesk.ResetAsync(BreakerSubject.RunPod, "it has moved", Ada, None);
        await LookAsync(portal);

        Assert.Equal([BreakerEvents.IsolateRequested, BreakerEvents.Isolated, BreakerEvents.ResetRequested, BreakerEvents.Reset], Kinds);
        Assert.Equal((Ada, "ada holds RunPod's breaker open for 60 minutes: RunPod moves"), (world.Database.Events[0].Actor, world.Database.Events[0].Message));
        Assert.Equal((Ada, "ada resets RunPod's breaker: it has moved"), (world.Database.Events[2].Actor, world.Database.Events[2].Message));
        Assert.Empty(await OpenIncidentsAsync());
    }

    [Fact]
    public async Task Isolation_WhoseTimeIsOver_EndsItsIncidentThoughNobodyAsks()
    {
        await portal.BreakerDesk.IsolateAsync(BreakerSubject.RunPod, "RunPod moves", TimeSpan.FromHours(1), Ada, None);
        await LookAsync(portal);
        world.Clock.Advance(TimeSpan.FromHours(1));
        await LookAsync(portal);

        Assert.Contains(BreakerEvents.IsolationOver, Kinds);
        Assert.Empty(await OpenIncidentsAsync());
    }

    [Fact]
    [Trait("Requirement", "C6")]
    public async Task RedisAway_IsAnIncidentAndItsReturnARecovery()
    {
        await LookAsync(portal);
        world.Redis.AwayUntil = DateTimeOffset.MaxValue;
        await LookAsync(portal);
        Assert.Empty(Kinds);
        world.Clock.Advance(BreakerWatch.Every);
        await LookAsync(portal);
        Assert.Equal([BreakerIncidents.RedisAway], await OpenIncidentsAsync());
        world.Clock.Advance(BreakerWatch.Every);
        await LookAsync(portal);
        world.Redis.AwayUntil = null;
        world.Clock.Advance(BreakerWatch.Every);
        await LookAsync(portal);

        Assert.Equal([BreakerEvents.RedisAway, BreakerEvents.RedisBack], Kinds);
        Assert.Equal("Redis answers again, after 15 s; the breaker is closed", world.Database.Events[^1].Message);
        Assert.Empty(await OpenIncidentsAsync());
    }

    [Fact]
    [Trait("Requirement", "C6")]
    public async Task RedisAway_ThePortalsOwnTripIsToldToo()
    {
        await LookAsync(portal);
        world.Redis.AwayUntil = DateTimeOffset.MaxValue;
        await LookAsync(portal);
        world.Clock.Advance(BreakerWatch.Every);
        for (int number = 1; number <= 3; number++)
        {
            await portal.Breaker.CallAsync(new CircuitCall.Failure(new BreakerPermit(0, "t", false), $"c{number}", "one", "503", FailureEffect.Counted, ""), None);
        }

        await LookAsync(portal, portal);
        Assert.Equal([BreakerEvents.RedisAway, BreakerEvents.Opened], Kinds);
        Assert.Equal([BreakerIncidents.Open, BreakerIncidents.RedisAway], await OpenIncidentsAsync());

        world.Redis.AwayUntil = null;
        world.Clock.Advance(BreakerWatch.Every);
        await LookAsync(portal);
        Assert.Equal([BreakerIncidents.Open], await OpenIncidentsAsync());
    }

    /// <summary>Of Redis the other breaker's watch tells.</summary>
    [Fact]
    [Trait("Requirement", "C6")]
    public async Task RedisAway_ATripOfReplicatesBreakerIsToldToo()
    {
        await LookAtReplicateAsync();
        world.HostedRedis.AwayUntil = DateTimeOffset.MaxValue;
        await LookAtReplicateAsync();
        Assert.Empty(Kinds);
        for (int number = 1; number <= 3; number++)
        {
            await portal.HostedBreaker.CallAsync(new CircuitCall.Failure(new BreakerPermit(0, "t", false), $"c{number}", "one", "503", FailureEffect.Counted, ""), None);
        }

        await LookAtReplicateAsync();
        await LookAtReplicateAsync();
        Assert.Equal([BreakerEvents.Opened], Kinds);
        Assert.Equal([BreakerIncidents.Open], await OpenIncidentsAsync());
        Assert.StartsWith("Replicate's breaker opened", world.Database.Events[0].Message, StringComparison.Ordinal);

        world.HostedRedis.AwayUntil = null;
        await LookAtReplicateAsync();
        Assert.Equal([BreakerEvents.Opened, BreakerEvents.RedisBack], Kinds.Take(2));
        Assert.Equal([BreakerIncidents.Open], await OpenIncidentsAsync());
        await portal.BreakerDesk.ResetAsync(BreakerSubject.Replicate, "it works", Ada, None);
        await LookAtReplicateAsync();
        Assert.Empty(await OpenIncidentsAsync());
    }

    [Fact]
    [Trait("Requirement", "C6")]
    public async Task RedisAway_NothingHappensToReplicatesBreaker_NothingIsToldOfIt()
    {
        await LookAtReplicateAsync();
        world.HostedRedis.AwayUntil = DateTimeOffset.MaxValue;
        await LookAtReplicateAsync();
        await LookAtReplicateAsync();
        world.HostedRedis.AwayUntil = null;
        await LookAtReplicateAsync();
        Assert.Empty(Kinds);
    }

    private async Task LookAtReplicateAsync()
    {
        await portal.HostedBreakerWatch.LookAsync(None);
        world.Clock.Advance(BreakerWatch.Every);
    }

    [Fact]
    [Trait("Requirement", "C6")]
    public async Task RestartedEmpty_WhileNoPortalRan_IsBroughtBackFromTheDatabase()
    {
        await LookAsync(portal);
        await FailAsync(3);
        await LookAsync(portal);
        world.Redis.Lose();
        await LookAsync(Portal("successor"));

        Assert.True(world.Redis.State.IsOpen);
        Assert.Equal([BreakerEvents.Opened], Kinds);
        Assert.Equal(3, Assert.Single(world.Redis.State.History).Failures.Count);
    }

    [Fact]
    [Trait("Requirement", "C2")]
    public async Task RestartedEmpty_WhileOneTries_ThatIsBroughtBackFromTheDatabaseToo()
    {
        await FailAsync(3);
        world.Clock.Advance(world.Breaker.OpenFor);
        Apply(new CircuitCall.Check("probe", "elsewhere", ""));
        await LookAsync(portal);
        world.Redis.Lose();
        await LookAsync(Portal("successor"));

        Assert.Equal("probe", world.Redis.State.Probe?.Token);
    }

    [Fact]
    [Trait("Requirement", "C6")]
    public async Task RedisAway_AResetOfThePortalsOwnDoesNotEndTheIncidentOfARefusedKey()
    {
        await LookAsync(portal);
        Apply(new CircuitCall.Failure(new BreakerPermit(0, "t", false), "c", "elsewhere", "401", FailureEffect.Isolated, KeyMarks.Of("old key")));
        await LookAsync(portal);
        world.Redis.AwayUntil = DateTimeOffset.MaxValue;
        await LookAsync(portal);
        world.Clock.Advance(BreakerWatch.Every);
        await portal.BreakerDesk.ResetAsync(BreakerSubject.RunPod, "it works here", Ada, None);
        await LookAsync(portal);
        world.Redis.AwayUntil = null;
        world.Clock.Advance(BreakerWatch.Every);
        await LookAsync(portal);

        Assert.Equal([BreakerIncidents.Isolated], await OpenIncidentsAsync());
        Assert.Equal(BreakerEvents.RedisBack, Kinds.Last());
    }

    private SimulatedPortal Portal(string name) => new(world, new Mortality(_ => false), name);

    private CircuitReply Apply(CircuitCall call)
    {
        CircuitReply reply = CircuitMachine.Apply(world.Redis.State, call, world.Clock.GetUtcNow(), world.Breaker);
        world.Redis.State = reply.Circuit;
        return reply;
    }

    private Task FailAsync(int times)
    {
        for (int number = 0; number < times; number++)
        {
            creations++;
            Apply(new CircuitCall.Failure(
                new BreakerPermit(world.Redis.State.Generation, "t", false), $"c{creations}", "elsewhere", creations == 3 ? "words 3" : "503", FailureEffect.Counted, ""));
        }

        return Task.CompletedTask;
    }

    private static async Task LookAsync(params SimulatedPortal[] portals)
    {
        foreach (SimulatedPortal one in portals)
        {
            await one.BreakerWatch.LookAsync(None);
        }
    }

    private async Task<string[]> OpenIncidentsAsync()
    {
        IncidentKeeper keeper = new(world.Database, world.Ids);
        foreach (OperationalEvent fact in world.Database.Events.ToArray())
        {
            await keeper.TakeInAsync(new Guid(world.Database.Events.IndexOf(fact), 1, 1, new byte[8]), world.Clock.GetUtcNow(), fact, None);
        }

        return [.. (await world.Database.ReadAsync((unit, token) => unit.Store<IIncidentStore>().ListOpenAsync(9, token), None)).Select(incident => incident.Rule).Order(StringComparer.Ordinal)];
    }
}
