using LoraAdmin.Domain.Shared;
using Xunit;

namespace LoraAdmin.Tests.Simulation;

/// <summary>The main job, with the process dying anywhere, over simulated days. A failing seed prints how to replay it.</summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    internal static readonly SimulationPlan Dying = new(TimeSpan.FromDays(2.5), JobsPerDay: 12, DeathsPerThousandCrossings: 4)
    {
        // Into the next month, with less money than the jobs of a month ask for, beside pods of others.
        MonthlyLimit = Usd.FromDollars(6),
        Strangers = 2,
    };

    internal static readonly SimulationPlan Troubled = new(TimeSpan.FromDays(2), JobsPerDay: 16, DeathsPerThousandCrossings: 2)
    {
        TroublesPerDay = 24,
        CommandsPerDay = 10,
        MaxConcurrentPods = 3,
        Rush = true,
    };

    internal static readonly SimulationPlan TwoPortals = new(TimeSpan.FromDays(2), JobsPerDay: 14, DeathsPerThousandCrossings: 2)
    {
        Portals = 2,
        FreezesPerThousandCrossings = 2,
        TroublesPerDay = 12,
        CommandsPerDay = 6,
        MaxConcurrentPods = 2,
        Rush = true,
    };

    /// <summary>Into the next month, with people who cancel and retry whatever there is.</summary>
    internal static readonly SimulationPlan Impatient = new(TimeSpan.FromDays(3), JobsPerDay: 24, DeathsPerThousandCrossings: 1)
    {
        CommandsPerDay = 200,
        MaxConcurrentPods = 4,
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

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task ThreeDays_PeopleCancelAndRetryWhateverThereIs_InvariantsHoldAndNothingBillsAtRest(int seed)
    {
        SimulationReport report = await RunTwiceAsync(seed, Impatient);

        Assert.True(report.Events.Any(line => line.Contains(" cancels ", StringComparison.Ordinal)), "Nobody cancelled anything: the run proves nothing about people.");
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
