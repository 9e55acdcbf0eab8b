using Xunit;

namespace LoraAdmin.Tests.Simulation;

/// <summary>The main job, with the process dying anywhere, over simulated days. A failing seed prints how to replay it.</summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    private static readonly SimulationPlan TwoDays = new(TimeSpan.FromDays(2), JobsPerDay: 12, DeathsPerThousandCrossings: 4);

    public static TheoryData<int> Seeds
    {
        get
        {
            string? one = Environment.GetEnvironmentVariable("LORAADMIN_SEED");
            return one is null ? [.. Enumerable.Range(1, 20)] : [int.Parse(one, provider: null)];
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    [Trait("Requirement", "J1")]
    public async Task TwoDays_ProcessDiesAnywhere_EveryJobCompletesAndEveryPodIsGone(int seed)
    {
        SimulationReport first = await new SimulationRun(seed, TwoDays).RunAsync(TestContext.Current.CancellationToken);
        SimulationReport second = await new SimulationRun(seed, TwoDays).RunAsync(TestContext.Current.CancellationToken);

        output.WriteLine($"seed {seed}: {first.Completed} of {first.Jobs} jobs completed, {first.Deaths} deaths, {first.Steps} steps, events {first.EventHash[..16]}");
        Assert.Equal(first.EventHash, second.EventHash);
        Assert.True(first.Completed > 0, "No job was admitted.");
        Assert.True(first.Deaths > 0, "The process never died: the run proves nothing about crashes.");
    }
}
