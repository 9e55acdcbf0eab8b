using LoraAdmin.Domain.Breaker;
using Xunit;

namespace LoraAdmin.Tests.Breaker;

/// <summary>The model check: what three workers can do to one breaker. <see cref="BreakerScriptContract"/> goes the same ways on real servers.</summary>
public sealed class CircuitExplorerTests(ITestOutputHelper output)
{
    private static readonly string[] MustBeMet =
    [
        "Check go", "Check probe", "Check open", "Check probing", "Check isolated", "Failure counted", "Failure opened", "Failure reopened", "Failure ignored",
        "Failure late", "Failure isolated", "Success noted", "Success closed", "Success late", "Isolate isolated", "Reset reset", "Check probe unheard",
        "Failure opened unheard", "Failure reopened unheard", "Failure isolated unheard", "Success closed unheard",
    ];

    [Fact]
    [Trait("Requirement", "C1")]
    [Trait("Requirement", "C2")]
    [Trait("Requirement", "C6")]
    public void ThreeWorkers_InAnyOrder_KeepEveryProperty() => Explore(110_000, atLeast: 100_000);

    [Fact]
    [Trait("Run", "Long")]
    [Trait("Requirement", "C2")]
    public void ThreeWorkers_InAnyOrder_KeepEveryPropertyFarOut() => Explore(600_000, atLeast: 500_000);

    private void Explore(int states, int atLeast)
    {
        CircuitExplorer explorer = new();
        explorer.Explore(states);

        output.WriteLine($"{explorer.States:N0} states, {explorer.Transitions:N0} transitions: {string.Join(", ", explorer.Reached.Select(one => $"{one.Key} {one.Value:N0}"))}");
        Assert.True(explorer.States >= atLeast, $"Only {explorer.States} states.");
        Assert.Superset(new HashSet<string>(MustBeMet), new HashSet<string>(explorer.Reached.Keys));
    }
}
