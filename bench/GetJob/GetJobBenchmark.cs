namespace LoraAdmin.Bench.GetJob;

/// <summary>
/// A poller's view: reading one job over kept-alive connections, against a constant of the same size that passes the same pipeline (headers, token,
/// limits, permission). What is left is the read itself and its JSON.
/// </summary>
internal sealed class GetJobBenchmark : Benchmark
{
    private const int Connections = 8;
    private const int Rounds = 15;
    private const int CallsEach = 250;
    private const int WarmUpRounds = 4;

    public override string Name => "get-job";

    public override string Summary => "GET /api/v1/training-jobs/{id} on SQLite against an endpoint of the same host that answers a constant";

    public override double Limit => 2.5;

    public override async Task<double> RunAsync(TextWriter output)
    {
        await using BenchPortal portal = await BenchPortal.StartAsync();
        double ratio = await CompareAsync(portal, output, Connections, CallsEach);
        await CompareAsync(portal, output, connections: 1, CallsEach);
        return ratio;
    }

    private static async Task<double> CompareAsync(BenchPortal portal, TextWriter output, int connections, int callsEach)
    {
        Figures ours = new();
        Figures constant = new();
        for (int round = -WarmUpRounds; round < Rounds; round++)
        {
            await MeasureAsync(ours, portal.JobPath);
            await MeasureAsync(constant, BenchPortal.ConstantPath);

            async Task MeasureAsync(Figures figures, string path)
            {
                var (elapsed, latencies) = await Callers.RunAsync(connections, callsEach, (_, _) => portal.GetAsync(path));
                if (round >= 0)
                {
                    figures.Add(elapsed, latencies);
                }
            }
        }

        string over = connections == 1 ? "1 connection" : $"{connections} connections";
        await output.WriteLineAsync(ours.Describe($"job, {over}"));
        await output.WriteLineAsync(constant.Describe($"constant of the same size, {over}"));
        await output.WriteLineAsync(FormattableString.Invariant($"  over {over}: {ours.Median / constant.Median:0.00}"));
        return ours.Median / constant.Median;
    }
}
