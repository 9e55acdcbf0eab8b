using System.Runtime.CompilerServices;
using Xunit;

namespace LoraAdmin.Tests.Simulation;

/// <summary>
/// The same simulation on the production stores and a SQLite file: one process that dies at any crossing, so that whatever its context had not committed
/// is gone. Several processes never share a SQLite file; their meeting is simulated in memory and proven on PostgreSQL by real processes.
/// </summary>
public sealed class SqliteSimulationTests(ITestOutputHelper output)
{
    public static TheoryData<int> Seeds => [.. AskedSeeds.Of(1, 2)];

    [Theory]
    [MemberData(nameof(Seeds))]
    [Trait("Requirement", "J1")]
    public Task OneDayOnSqlite_ProcessDiesAnywhere_EveryJobCompletesAndEveryPodIsGone(int seed) => RunAsync(seed, SimulationPlans.Dying);

    [Theory]
    [MemberData(nameof(Seeds))]
    [Trait("Requirement", "E4")]
    public Task OneDayOnSqlite_VendorAndStorageFailAndPeopleInterfere_InvariantsHoldAndNothingBillsAtRest(int seed) => RunAsync(seed, SimulationPlans.Troubled);

    private async Task RunAsync(int seed, SimulationPlan basis, [CallerMemberName] string test = "")
    {
        SimulationPlan plan = basis.Vary(seed) with { Length = TimeSpan.FromDays(1), PollEvery = TimeSpan.FromSeconds(30) };
        SimulationReport report = await Task.Run(async () =>
        {
            await using SqliteWorld sqlite = await SqliteWorld.CreateAsync(seed, plan.Start);
            return await new SimulationRun(seed, plan, AskedSeeds.Replay(test), sqlite.World).RunAsync(TestContext.Current.CancellationToken);
        });

        output.WriteLine(report.ToString());
        Assert.True(report.Deaths > 0, "The process never died: the run proves nothing about crashes.");
        Assert.True(report.Completed > 0, "No job completed.");
    }
}
