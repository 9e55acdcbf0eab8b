using System.Globalization;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Bench.Teardown;

/// <summary>
/// How long a pod outlives its job on simulated time: production Domain code and the real RunPod client on LocalCloud in memory, the pod loop at its
/// own pace. One job in twenty meets a fault of the delete that ends within 30 s; one in a hundred a longer one, which is reported apart. One in five ends
/// otherwise than completed, with the same faults.
/// </summary>
internal sealed class TeardownBenchmark : Benchmark
{
    private const int Jobs = 1_000;

    /// <summary>The slowest of a hundred is verified gone this soon after its job's end.</summary>
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(90);

    public override string Name => "teardown";

    public override string Summary => $"job end to pod verified gone over {Jobs} simulated jobs; p99 as a part of {Bound.TotalSeconds:0} s";

    public override double Limit => 1.0;

    public override async Task<double> RunAsync(TextWriter output)
    {
        TeardownRun run = new(seed: 1, Jobs);
        await run.RunAsync(CancellationToken.None);
        List<TeardownEnd> common = [.. run.Ends.Where(end => end.Fault != TeardownFault.Long)];
        List<TeardownEnd> slow = [.. run.Ends.Where(end => end.Fault == TeardownFault.Long)];
        double p99 = At(common, 0.99);
        await output.WriteLineAsync(Line($"{common.Count} pods, {common.Count(end => end.Fault == TeardownFault.Short)} of them with a fault of at most 30 s"));
        await output.WriteLineAsync(Line($"job end to verified gone: {Describe(common)}"));
        foreach (IGrouping<TrainingState, TeardownEnd> ended in common.GroupBy(end => end.Job).OrderBy(group => group.Key))
        {
            List<TeardownEnd> ends = [.. ended];
            await output.WriteLineAsync(Line($"  {ended.Key.ToWord()}: {ends.Count} pods, {ends.Count(end => end.Fault == TeardownFault.Short)} with a fault, {Describe(ends)}"));
        }

        await output.WriteLineAsync(Line($"longer faults (2 to 30 minutes) apart: {slow.Count} pods, {Describe(slow)}"));
        await output.WriteLineAsync("paid between job end and the pod's real end, per 1,000 jobs (hourly price x seconds; dollars):");
        foreach (TeardownFault fault in Enum.GetValues<TeardownFault>())
        {
            double paid = run.Ends.Where(end => end.Fault == fault).Sum(end => end.OrphanDollarSeconds) * 1000 / Jobs;
            await output.WriteLineAsync(Line($"  {Words(fault)}: {paid:0.0}; ${paid / 3600:0.0000}"));
        }

        await output.WriteLineAsync(Line($"left out: {LeftOut(run)}"));
        return p99 / Bound.TotalSeconds;
    }

    private static string LeftOut(TeardownRun run)
    {
        string without = string.Join(", ", run.WithoutPod.GroupBy(state => state).Select(group => Line($"{group.Count()} {group.Key.ToWord()}")));
        return Line($"{run.WithoutPod.Count} jobs that never had a pod ({(without.Length > 0 ? without : "none")}), {run.EndedBeforeTheirJob} pods let go while their job went on; pods held for a person and faults of the listing are not part of this run");
    }

    private static string Words(TeardownFault fault) => fault switch
    {
        TeardownFault.Short => "faults of at most 30 s",
        TeardownFault.Long => "longer faults",
        _ => "no fault",
    };

    private static string Describe(List<TeardownEnd> ends) =>
        ends.Count == 0 ? "none" : Line($"p50 {At(ends, 0.5):0.0} s, p95 {At(ends, 0.95):0.0} s, p99 {At(ends, 0.99):0.0} s, longest {At(ends, 1):0.0} s");

    private static double At(List<TeardownEnd> ends, double part)
    {
        double[] sorted = [.. ends.Select(end => end.Seconds).Order()];
        return sorted.Length == 0 ? 0 : sorted[Math.Max(0, (int)Math.Ceiling(part * sorted.Length) - 1)];
    }

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
