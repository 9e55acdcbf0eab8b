using LoraAdmin.Platform.LocalCloud;
using Xunit;

namespace LoraAdmin.Tests.Simulation;

public sealed class TroubleTests
{
    [Fact]
    public void Kinds_AreAllThatLocalCloudKnows() => Assert.Equal(
        FaultKind.All.Select(static one => one.Kind).Order(StringComparer.Ordinal), Trouble.Kinds.Concat(Trouble.Unnoticed).Order(StringComparer.Ordinal));

    [Fact]
    public void Begin_OftenEnough_BringsEveryKind()
    {
        SimulatedWorld world = new(1);
        world.Hosted = world.Hosted with { WhyNot = null };
        Trouble trouble = new(world, new Random(1));
        HashSet<string> came = [];
        for (int number = 0; number < 2_000; number++)
        {
            came.Add(trouble.Begin().Split(' ')[0]);
        }

        Assert.Empty(Trouble.Kinds.Except(came));
    }

    [Fact]
    public void Begin_OnlySomeKinds_BringsNoOther()
    {
        SimulatedWorld world = new(1);
        Trouble trouble = new(world, new Random(1), [FaultKind.StoreFull, FaultKind.PodExits]);
        HashSet<string> came = [];
        for (int number = 0; number < 100; number++)
        {
            came.Add(trouble.Begin().Split(' ')[0]);
        }

        Assert.Equal([FaultKind.PodExits, FaultKind.StoreFull], came.Order(StringComparer.Ordinal));
    }
}
