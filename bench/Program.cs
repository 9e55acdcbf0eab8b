using LoraAdmin.Bench;
using LoraAdmin.Bench.Admission;
using LoraAdmin.Bench.Breaker;
using LoraAdmin.Bench.BudgetPage;
using LoraAdmin.Bench.CrowdedAccount;
using LoraAdmin.Bench.GetJob;
using LoraAdmin.Bench.MonthlyReset;
using LoraAdmin.Bench.Simulation;
using LoraAdmin.Bench.Teardown;

Benchmark[] all =
[
    new GetJobBenchmark(), new AdmissionBenchmark(), new TeardownBenchmark(), new BreakerBenchmark(), new MonthlyResetBenchmark(), new SimulatedYearBenchmark(),
    new SimulatedMonthBenchmark(), new CrowdedAccountBenchmark(), new BudgetPageBenchmark(),
];
if (args is ["--list"])
{
    foreach (Benchmark known in all)
    {
        await Console.Out.WriteLineAsync($"{known.Name}  {known.Summary}");
    }

    return 0;
}

string[] unknown = [.. args.Where(name => all.All(known => known.Name != name))];
if (unknown.Length > 0)
{
    await Console.Error.WriteLineAsync(
        $"There is no benchmark {string.Join(", ", unknown)}. Name one or more of {string.Join(", ", all.Select(known => known.Name))}, or none for all.");
    return 2;
}

bool held = true;
foreach (Benchmark chosen in all.Where(known => args.Length == 0 || args.Contains(known.Name)))
{
    await Console.Out.WriteLineAsync($"{Environment.NewLine}{chosen.Name}: {chosen.Summary}");
    double value = await chosen.RunAsync(Console.Out);
    await Console.Out.WriteLineAsync(FormattableString.Invariant($"ratio {chosen.Name} {value:0.00} limit {chosen.Limit:0.0}"));
    held &= value <= chosen.Limit;
}

return held ? 0 : 1;
