using LoraAdmin.Tests.Simulation;

namespace LoraAdmin.Bench.Simulation;

/// <summary>How long thirty days of the portal take to simulate on the production stores and a SQLite file.</summary>
internal sealed class SimulatedMonthBenchmark : Benchmark
{
    private const int Seed = 1;

    public override string Name => "simulated-month";

    public override string Summary => $"{SimulationPlans.Month.Length.TotalDays:0} days at {SimulationPlans.Month.JobsPerDay} jobs a day, stores on SQLite; seconds";

    public override double Limit => 60;

    public override Task<double> RunAsync(TextWriter output) => SimulatedSpan.MeasureAsync(
        SimulationPlans.Month,
        async () =>
        {
            await using SqliteWorld sqlite = await SqliteWorld.CreateAsync(Seed, SimulationPlans.Month.Start);
            return await new SimulationRun(Seed, SimulationPlans.Month, SimulatedSpan.Replay(Name), sqlite.World).RunAsync(CancellationToken.None);
        },
        output);
}
