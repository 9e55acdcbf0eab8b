using LoraAdmin.Breaker;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Platform.Redis;
using LoraAdmin.Tests.Doubles;
using StackExchange.Redis;

namespace LoraAdmin.Bench.Breaker;

/// <summary>
/// What a check costs before a creation: the breaker's script through the portal's own store, against EVALSHA of a script that answers a constant, over
/// the same client; one at a time, which counts, and with 200 in flight. On redis-server and on the embedded server.
/// </summary>
internal sealed class BreakerBenchmark : Benchmark
{
    private const int Rounds = 15;
    private const int WarmUpRounds = 4;
    private const int InFlight = 200;

    private static readonly BreakerRules Rules = new(3, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(5), null);

    public override string Name => "breaker";

    public override string Summary => "check of the shared breaker against EVALSHA of a script that answers a constant";

    public override double Limit => 1.3;

    public override async Task<double> RunAsync(TextWriter output)
    {
        await using RedisServer server = await RedisServer.StartAsync();
        double redis = await CompareAsync("redis-server", server.Configuration, output);
        using EmbeddedRedis embedded = EmbeddedRedis.Start(new SeededIds(1));
        double garnet = await CompareAsync("embedded Garnet", embedded.ConnectionString, output);
        await output.WriteLineAsync(FormattableString.Invariant($"  check against the constant: embedded {garnet:0.00}; on redis-server, which counts, {redis:0.00}"));
        return redis;
    }

    private static async Task<double> CompareAsync(string on, string connectionString, TextWriter output)
    {
        await using RedisConnection connection = new(connectionString, new SeededIds(2));
        await connection.StartAsync(CancellationToken.None);
        IDatabase redis = connection.Database!;
        RedisCircuitStore store = new(connection, Rules, TimeSpan.FromSeconds(30), TimeProvider.System);
        byte[] constant = Convert.FromHexString((string)(await redis.ExecuteAsync("SCRIPT", "LOAD", "return 'go'"))!);

        // As a worker finds it that has taken part for a while.
        await DoAsync(store, new CircuitCall.Reset("worker-1", "The bench begins"));
        CircuitMark seen = ((StoreAnswer.Answered)await store.CallAsync(new CircuitCall.Read(0), CancellationToken.None)).Reply.Circuit.Mark;
        BreakerPermit permit = new(1, "try-1", false);
        (string What, Func<Task> Call)[] sides =
        [
            ("check, closed", () => DoAsync(store, new CircuitCall.Check("try-1", "worker-1", "") { Seen = seen })),
            ("success, closed", () => DoAsync(store, new CircuitCall.Success(permit, "worker-1") { Seen = seen })),
            ("EVALSHA of a constant", () => redis.ScriptEvaluateAsync(constant, [], [])),
            ("PING", () => redis.PingAsync()),
        ];
        double ratio = await MeasureAsync(on, sides, callers: 1, callsEach: 1000, output);
        await MeasureAsync(on, sides, InFlight, callsEach: 25, output);
        return ratio;
    }

    private static async Task<double> MeasureAsync(string on, (string What, Func<Task> Call)[] sides, int callers, int callsEach, TextWriter output)
    {
        Figures[] figures = [.. sides.Select(_ => new Figures())];
        for (int round = -WarmUpRounds; round < Rounds; round++)
        {
            for (int turn = 0; turn < sides.Length; turn++)
            {
                // In turns, each time beginning with another one.
                int side = (turn + round + WarmUpRounds) % sides.Length;
                var (elapsed, latencies) = await Callers.RunAsync(callers, callsEach, (_, _) => sides[side].Call());
                if (round >= 0)
                {
                    figures[side].Add(elapsed, latencies);
                }
            }
        }

        string how = callers == 1 ? "one at a time" : $"{callers} in flight";
        for (int side = 0; side < sides.Length; side++)
        {
            await output.WriteLineAsync(figures[side].Describe($"{sides[side].What}, {on}, {how}"));
        }

        await output.WriteLineAsync(FormattableString.Invariant(
            $"  {on}, {how}: check ÷ constant {figures[0].Median / figures[2].Median:0.00}, success ÷ constant {figures[1].Median / figures[2].Median:0.00}, check ÷ PING {figures[0].Median / figures[3].Median:0.00}"));
        return figures[0].Median / figures[2].Median;
    }

    private static async Task DoAsync(RedisCircuitStore store, CircuitCall call)
    {
        if (await store.CallAsync(call, CancellationToken.None) is StoreAnswer.Away away)
        {
            throw new InvalidOperationException(away.Why);
        }
    }
}
