using System.Globalization;
using LoraAdmin.Tests.Architecture;
using LoraAdmin.Tests.EndToEnd.Processes;
using Xunit;

namespace LoraAdmin.Tests.Simulation;

/// <summary>
/// The same seed gives the same facts on any machine: the hashes of some seeds are checked in. They change whenever the portal's behaviour, its words or
/// the simulation itself does. <c>LORAADMIN_RENEW=event-hashes ./test.sh -- -class "*.EventHashTests"</c> writes them anew; a change that was not meant
/// to change what the portal does must leave them alone.
/// </summary>
public sealed class EventHashTests
{
    private const string File = "LoraAdmin.Tests/Simulation/event-hashes.txt";
    private const int Seeds = 3;

    [Fact]
    public async Task EventHash_OfPinnedSeeds_IsTheOneCheckedInOnAnyMachine()
    {
        List<string> lines = [];
        foreach (SimulationPlan plan in SimulationPlans.Short)
        {
            for (int seed = 1; seed <= Seeds; seed++)
            {
                SimulationReport report = await Task.Run(() => RunAsync(seed, plan.Vary(seed)));
                lines.Add($"{plan.Name} {seed} {report.EventHash}");
            }
        }

        if (Environment.GetEnvironmentVariable("LORAADMIN_RENEW") == "event-hashes")
        {
            await System.IO.File.WriteAllLinesAsync(Path.Combine(ProgramRun.Root, File), lines);
            return;
        }

        Assert.Equal(Repository.Text(File).Text.TrimEnd().Split('\n'), lines);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Events_OnAMachineThatWritesNumbersAndTimesOtherwise_AreTheSame(int seed)
    {
        foreach (SimulationPlan plan in SimulationPlans.Short)
        {
            SimulationReport here = await Task.Run(() => RunAsync(seed, plan.Vary(seed)));
            SimulationReport elsewhere = await Task.Run(() =>
            {
                CultureInfo.CurrentCulture = Elsewhere();
                return RunAsync(seed, plan.Vary(seed));
            });

            Assert.Equal(here.Events, elsewhere.Events);
        }
    }

    private static CultureInfo Elsewhere()
    {
        CultureInfo elsewhere = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        elsewhere.NumberFormat.NumberDecimalSeparator = ",";
        elsewhere.NumberFormat.NegativeSign = "−";
        elsewhere.DateTimeFormat.DateSeparator = ".";
        elsewhere.DateTimeFormat.TimeSeparator = "h";
        return elsewhere;
    }

    private static Task<SimulationReport> RunAsync(int seed, SimulationPlan plan) =>
        new SimulationRun(seed, plan, AskedSeeds.Replay("EventHashTests.*")).RunAsync(TestContext.Current.CancellationToken);
}
