using System.Globalization;

namespace LoraAdmin.Bench.Teardown;

/// <summary>
/// How long a pod outlives its job on simulated time: production Domain code and the real RunPod client on LocalCloud in memory, the pod loop at its
/// own pace. One job in twenty meets a fault that ends within 30 s; one in a hundred a longer one, which is reported apart.
/// </summary>
internal sealed class TeardownBenchmark : Benchmark
{
    private const int Jobs = 1_000;

    /// <summary>Design §19: the slowest of a hundred is verified gone this soon after its job's end.</summary>
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(90);

    public override string Name => "teardown";

    public override string Summary => $"job end to pod verified gone over {Jobs} simulated jobs; p99 as a part of {Bound.TotalSeconds:0} s";

    public override double Limit => 1.0;

    public override async Task<double> RunAsync(TextWriter output)
    {
        TeardownRun run = new(seed: 1, Jobs);
        await run.RunAsync(CancellationToken.None);
        List<double> common = [.. run.Ends.Where(end => end.Fault != TeardownFault.Long).Select(end => end.Seconds).Order()];
        List<double> slow = [.. run.Ends.Where(end => end.Fault == TeardownFault.Long).Select(end => end.Seconds).Order()];
        double p99 = At(common, 0.99);
        await output.WriteLineAsync(Line($"{common.Count} pods, {run.Ends.Count(end => end.Fault == TeardownFault.Short)} of them with a fault of at most 30 s"));
        await output.WriteLineAsync(Line($"job end to verified gone: p50 {At(common, 0.5):0.0} s, p95 {At(common, 0.95):0.0} s, p99 {p99:0.0} s, longest {common[^1]:0.0} s"));
        await output.WriteLineAsync(Line($"longer faults apart: {slow.Count} pods, p50 {At(slow, 0.5):0} s, longest {At(slow, 1):0} s"));
        await output.WriteLineAsync(Line($"paid between job end and the pod's real end, per 1,000 jobs: {run.OrphanDollarSeconds * 1000 / Jobs:0.0} (hourly price × seconds), ${run.OrphanDollars * 1000 / Jobs:0.0000}"));
        return p99 / Bound.TotalSeconds;
    }

    private static double At(List<double> sorted, double part) =>
        sorted.Count == 0 ? 0 : sorted[Math.Min(sorted.Count - 1, (int)Math.Ceiling(part * sorted.Count) - 1 < 0 ? 0 : (int)Math.Ceiling(part * sorted.Count) - 1)];

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
