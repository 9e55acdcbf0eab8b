using Xunit;

namespace LoraAdmin.Tests.Simulation;

/// <summary>The main job, with the process dying anywhere, over simulated days. A failing seed prints how to replay it.</summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    private static readonly SimulationPlan Dying = new(TimeSpan.FromDays(2), JobsPerDay: 12, DeathsPerThousandCrossings: 4);

    private static readonly SimulationPlan Troubled = new(TimeSpan.FromDays(2), JobsPerDay: 16, DeathsPerThousandCrossings: 2)
    {
        TroublesPerDay = 24,
        CommandsPerDay = 10,
        MaxConcurrentPods = 3,
        Rush = true,
    };

    private static readonly SimulationPlan TwoPortals = new(TimeSpan.FromDays(2), JobsPerDay: 14, DeathsPerThousandCrossings: 2)
    {
        Portals = 2,
        FreezesPerThousandCrossings = 2,
        TroublesPerDay = 12,
        CommandsPerDay = 6,
        MaxConcurrentPods = 2,
        Rush = true,
    };

    /// <summary><c>LORAADMIN_SEED</c> picks one (<c>7</c>) or a range (<c>21-80</c>).</summary>
    public static TheoryData<int> Seeds
    {
        get
        {
            int[] asked = [.. (Environment.GetEnvironmentVariable("LORAADMIN_SEED") ?? "1-20").Split('-').Select(word => int.Parse(word, provider: null))];
            return [.. Enumerable.Range(asked[0], asked[^1] - asked[0] + 1)];
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    [Trait("Requirement", "J1")]
    public async Task TwoDays_ProcessDiesAnywhere_EveryJobCompletesAndEveryPodIsGone(int seed)
    {
        SimulationReport report = await RunTwiceAsync(seed, Dying);

        Assert.True(report.Deaths > 0, "The process never died: the run proves nothing about crashes.");
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    [Trait("Requirement", "E4")]
    public async Task TwoDays_VendorAndStorageFailAndPeopleInterfere_InvariantsHoldAndNothingBillsAtRest(int seed)
    {
        SimulationReport report = await RunTwiceAsync(seed, Troubled);

        Assert.True(report.Setbacks > 0, "Nothing went wrong: the run proves nothing about trouble.");
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task TwoDays_TwoPortalsThatDieAndStandStill_InvariantsHoldAndNothingBillsAtRest(int seed)
    {
        SimulationReport report = await RunTwiceAsync(seed, TwoPortals);

        Assert.True(report.Freezes > 0, "No process ever stood still: the run proves nothing about lost leases.");
    }

    private async Task<SimulationReport> RunTwiceAsync(int seed, SimulationPlan plan)
    {
        // Without the test framework's scheduler: whatever completes at once goes on at once, on this thread.
        (SimulationReport first, SimulationReport second) = await Task.Run(async () => (
            await new SimulationRun(seed, plan).RunAsync(TestContext.Current.CancellationToken),
            await new SimulationRun(seed, plan).RunAsync(TestContext.Current.CancellationToken)));

        output.WriteLine(first.ToString());
        int same = first.Events.Zip(second.Events).TakeWhile(pair => pair.First == pair.Second).Count();
        Assert.True(
            first.EventHash == second.EventHash,
            $"The same seed gave another run. Event {same}: {first.Events.ElementAtOrDefault(same)} / {second.Events.ElementAtOrDefault(same)}");
        Assert.True(first.Completed > 0, "No job completed.");
        return first;
    }
}
