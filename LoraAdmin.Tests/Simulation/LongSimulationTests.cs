using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace LoraAdmin.Tests.Simulation;

/// <summary>The simulation in breadth and in length. Each prints how fast it was.</summary>
[Trait("Run", "Long")]
public sealed class LongSimulationTests
{
    [Fact]
    public Task ThirtyDays_AThousandSeeds_NoViolation() => RunAsync(
        AskedSeeds.Of(1, 1000),
        static seed =>
        {
            SimulationPlan plan = SimulationPlans.Long(seed).Vary(seed);
            return (plan, new SimulationRun(seed, plan, AskedSeeds.ReplayLong(nameof(ThirtyDays_AThousandSeeds_NoViolation))).RunAsync(Token));
        });

    [Fact]
    public Task ThirtyDays_TwentySeedsOnSqlite_NoViolation() => RunAsync(
        AskedSeeds.Of(1, 20),
        static seed =>
        {
            SimulationPlan plan = SimulationPlans.LongOnSqlite(seed).Vary(seed);
            return (plan, OnSqliteAsync(seed, plan, nameof(ThirtyDays_TwentySeedsOnSqlite_NoViolation)));
        });

    [Fact]
    public Task Year_TwentyJobsADay_NoViolation() => RunAsync(
        AskedSeeds.Of(1, 1),
        static seed => (SimulationPlans.Year, new SimulationRun(seed, SimulationPlans.Year, AskedSeeds.ReplayLong(nameof(Year_TwentyJobsADay_NoViolation))).RunAsync(Token)));

    [Fact]
    public Task Month_TwentyJobsADayOnSqlite_NoViolation() => RunAsync(
        AskedSeeds.Of(1, 1),
        static seed => (SimulationPlans.Month, OnSqliteAsync(seed, SimulationPlans.Month, nameof(Month_TwentyJobsADayOnSqlite_NoViolation))));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static async Task<SimulationReport> OnSqliteAsync(int seed, SimulationPlan plan, string test)
    {
        await using SqliteWorld sqlite = await SqliteWorld.CreateAsync(seed, plan.Start);
        return await new SimulationRun(seed, plan, AskedSeeds.ReplayLong(test), sqlite.World).RunAsync(Token);
    }

    /// <summary>Each seed on one thread, as many at once as there are cores.</summary>
    private static async Task RunAsync(IEnumerable<int> seeds, Func<int, (SimulationPlan Plan, Task<SimulationReport> Report)> run)
    {
        ConcurrentBag<SimulationReport> reports = [];
        ConcurrentBag<string> violations = [];
        double days = 0;
        Lock gate = new();
        long began = TimeProvider.System.GetTimestamp();
        await Parallel.ForEachAsync(seeds, Token, async (seed, _) =>
        {
            (SimulationPlan plan, Task<SimulationReport> report) = run(seed);
            try
            {
                reports.Add(await report);
            }
            catch (SimulationFailedException violation)
            {
                violations.Add(violation.Message);

                // At once: the whole run takes long, and a violation is worth knowing of if it is broken off.
                await Console.Out.WriteLineAsync(violation.Message.Split(Environment.NewLine)[0]);
            }

            lock (gate)
            {
                days += plan.Length.TotalDays;
            }
        });

        double seconds = TimeProvider.System.GetElapsedTime(began).TotalSeconds;

        // Not as the test's own output, which the runner shows of failed tests alone.
        await Console.Out.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"{TestContext.Current.TestMethod!.MethodName}: {reports.Count + violations.Count} seeds, {days:0} simulated days in {seconds:0.0} s: {days / seconds:0.0} days a second on {Environment.ProcessorCount} cores, {violations.Count} violations"));
        await Console.Out.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"{reports.Sum(static one => one.Jobs)} jobs, {reports.Sum(static one => one.Completed)} completed, {reports.Sum(static one => one.Deaths)} deaths, "
            + $"{reports.Sum(static one => one.Freezes)} freezes, {reports.Sum(static one => one.Setbacks)} setbacks, {reports.Sum(static one => one.Approvals)} approvals, {reports.Sum(static one => (long)one.Looks)} looks at the invariants; "
            + $"peak resident {Process.GetCurrentProcess().PeakWorkingSet64 / 1_000_000} MB"));
        Assert.True(violations.IsEmpty, string.Join(Environment.NewLine + Environment.NewLine, violations.Take(5)));
        Assert.All(reports, static report => Assert.True(report.Completed > 0, $"Seed {report.Seed}: no job completed."));
    }
}
