using LoraAdmin.Tests.Simulation;

namespace LoraAdmin.Bench.Simulation;

/// <summary>
/// How long a year of the portal takes to simulate: production Domain code and the real clients on LocalCloud, stores in memory, one process that
/// dies now and then, invariants after every turn. A year that can't be simulated in a minute is not simulated often enough.
/// </summary>
internal sealed class SimulatedYearBenchmark : Benchmark
{
    private const int Seed = 1;

    public override string Name => "simulated-year";

    public override string Summary => $"{SimulationPlans.Year.Length.TotalDays:0} days at {SimulationPlans.Year.JobsPerDay} jobs a day, stores in memory; seconds";

    public override double Limit => 60;

    public override Task<double> RunAsync(TextWriter output) => SimulatedSpan.MeasureAsync(
        SimulationPlans.Year,
        () => new SimulationRun(Seed, SimulationPlans.Year, SimulatedSpan.Replay(Name)).RunAsync(CancellationToken.None),
        output);
}
