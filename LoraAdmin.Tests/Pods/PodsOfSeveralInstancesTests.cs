using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Pods;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>What the pods page shows on an instance that does not list the account, on the production stores.</summary>
public sealed class PodsOfSeveralInstancesTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Requirement", "M2")]
    public async Task Board_OfEveryInstance_CountsUnknownAndForeignPodsAlike()
    {
        await using SqliteWorld sqlite = await SqliteWorld.CreateAsync(1, new DateTimeOffset(2026, 11, 24, 3, 0, 0, TimeSpan.Zero));
        PodHouse lister = new(sqlite.World);
        PodQueriesStore here = Board(sqlite.World);
        PodQueriesStore elsewhere = Board(sqlite.World);
        lister.World.Caps = new SweepCaps(0, Usd.Zero);
        PodRecord unknown = lister.AddPod(lister.NextName());
        lister.AddPod("somebody-else");
        lister.Pass(PodSweep.UnknownAfter + TimeSpan.FromSeconds(1));
        await lister.Portal.Watch.TickAsync(Token);

        PodsBoard board = await elsewhere.ReadAsync(Token);
        Assert.Equal([(PodClass.Unknown, unknown.Id), (PodClass.Foreign, board.Pods[1].PodId)], board.Pods.Select(pod => (pod.Class, pod.PodId)));
        Assert.Equal((1, 1, "$0.41"), (board.Alive, board.Wasting, board.HourlyRate.ToString()));
        Assert.Equal((1, lister.World.Clock.GetUtcNow()), (board.Look.HeldBack, board.ListedAt));
        Assert.Equal(board.Pods, (await here.ReadAsync(Token)).Pods);

        lister.World.Cloud.World.Terminate(unknown);
        lister.Pass(PodWatch.Every);
        await lister.Portal.Watch.TickAsync(Token);

        Assert.Equal(PodClass.Foreign, Assert.Single((await elsewhere.ReadAsync(Token)).Pods).Class);
    }

    [Fact]
    public async Task Board_OfEveryInstance_SaysWhenTheAccountCanNotBeListed_AndThatAListingIsOld()
    {
        await using SqliteWorld sqlite = await SqliteWorld.CreateAsync(1, new DateTimeOffset(2026, 11, 24, 3, 0, 0, TimeSpan.Zero));
        PodHouse lister = new(sqlite.World);
        PodQueriesStore elsewhere = Board(sqlite.World);
        Assert.Null((await elsewhere.ReadAsync(Token)).ListedAt);
        lister.AddPod("somebody-else");
        await lister.Portal.Watch.TickAsync(Token);
        lister.Pass(PodWatch.Every);
        lister.World.Cloud.World.Faults.Add(FaultKind.Unauth401, count: 1);
        await lister.Portal.Watch.TickAsync(Token);

        PodsBoard board = await elsewhere.ReadAsync(Token);
        Assert.Equal(lister.World.Clock.GetUtcNow(), board.Look.FailingSince);
        Assert.Equal(ProviderFailure.Unauthorized, board.Look.Error!.Failure);
        Assert.Single(board.Pods);
        Assert.False(board.IsOld);

        lister.Pass(PodWatch.Every * 3);
        Assert.True((await elsewhere.ReadAsync(Token)).IsOld);
    }

    private static PodQueriesStore Board(SimulatedWorld world) =>
        new(world.Work, () => world.Installation, world.Clock, new ClockStandings(world.Clock, () => world.Clocks), world.Training.WorstHourlyPrice);
}
