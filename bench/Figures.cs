namespace LoraAdmin.Bench;

/// <summary>What one side of a comparison took, round by round.</summary>
internal sealed class Figures
{
    private readonly List<double> rounds = [];
    private readonly List<double> calls = [];

    /// <summary>Of the rounds' mean times per call, in microseconds: a round that was disturbed does not count.</summary>
    public double Median => Percentile(rounds, 0.5);

    /// <param name="elapsed">Of the whole round, all callers at once.</param>
    /// <param name="latencies">Of each call.</param>
    public void Add(TimeSpan elapsed, IReadOnlyCollection<TimeSpan> latencies)
    {
        rounds.Add(elapsed.TotalMicroseconds / latencies.Count);
        calls.AddRange(latencies.Select(latency => latency.TotalMicroseconds));
    }

    public string Describe(string what) => FormattableString.Invariant(
        $"  {what,-46} {Median,9:0} µs a call ({1_000_000 / Median,6:0}/s)   latency p50 {Percentile(calls, 0.5) / 1000,8:0.00} ms, p99 {Percentile(calls, 0.99) / 1000,8:0.00} ms");

    private static double Percentile(List<double> values, double part)
    {
        double[] sorted = [.. values.Order()];
        return sorted[(int)Math.Min(sorted.Length - 1, Math.Floor(part * sorted.Length))];
    }
}
