using LoraAdmin.Breaker;
using LoraAdmin.Domain.Breaker;
using StackExchange.Redis;

namespace LoraAdmin.Tests.Breaker;

/// <summary>The breaker's scripts as they are on a real server, but for the one line that reads its clock: the test says what time it is.</summary>
internal sealed class SteppedRedis(IDatabase redis, BreakerRules rules)
{
    private const string ServersClock = "local time = redis.call('TIME')\nlocal now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)\n";

    private static readonly RedisKey[] Keys = [.. BreakerScripts.Keys.Select(key => (RedisKey)key)];

    /// <param name="known">What the caller has seen of the breaker; null: nothing.</param>
    public async Task<CircuitReply> CallAsync(CircuitCall call, DateTimeOffset now, Circuit? known = null) => Full(await AnswerAsync(call, now), known ?? Circuit.Fresh, now);

    /// <summary>An answer in full, from what its caller has seen where nothing has changed since.</summary>
    public static CircuitReply Full(StoreAnswer answer, Circuit known, DateTimeOffset now) => answer switch
    {
        StoreAnswer.Answered answered => answered.Reply,
        StoreAnswer.Unchanged => StoreAnswer.Unchanged.Of(known, now) ?? throw new InvalidOperationException($"Nothing has changed, and {known} was seen."),
        _ => throw new InvalidOperationException($"{answer}"),
    };

    private async Task<StoreAnswer> AnswerAsync(CircuitCall call, DateTimeOffset now) =>
        CircuitWire.Answer(await EvaluateAsync(BreakerScripts.Of(call).Text, call, now));

    /// <param name="text">Of the verb's script.</param>
    /// <returns>The texts of the answer.</returns>
    public async Task<string[]> EvaluateAsync(string text, CircuitCall call, DateTimeOffset now)
    {
        Assert.Contains(ServersClock, text, StringComparison.Ordinal);
        RedisValue[] arguments = [.. CircuitWire.Arguments(call, CircuitWire.Argument(rules)), now.ToUnixTimeMilliseconds()];
        RedisResult answer = await redis.ScriptEvaluateAsync(text.Replace(ServersClock, "local now = tonumber(ARGV[#ARGV])\n", StringComparison.Ordinal), Keys, arguments);
        return (string[])answer!;
    }

    /// <summary>The same as a store, by this clock.</summary>
    public ICircuitStore At(TimeProvider clock) => new Clocked(this, clock);

    public Task ForgetAsync() => redis.KeyDeleteAsync(Keys);

    private sealed class Clocked(SteppedRedis redis, TimeProvider clock) : ICircuitStore
    {
        public Task<StoreAnswer> CallAsync(CircuitCall call, CancellationToken cancellationToken) => redis.AnswerAsync(call, clock.GetUtcNow());
    }
}
