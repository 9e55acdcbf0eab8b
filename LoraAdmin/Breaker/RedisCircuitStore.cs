using LoraAdmin.Domain.Breaker;
using LoraAdmin.Platform.Redis;
using StackExchange.Redis;

namespace LoraAdmin.Breaker;

/// <summary>The breaker on Redis: one EVALSHA a verb. A server that does not know the script gets it once.</summary>
internal sealed class RedisCircuitStore(
    RedisConnection connection, Func<BreakerRules> rules, TimeSpan timeout, TimeProvider clock, BreakerSubject? subject = null) : ICircuitStore
{
    private readonly RedisKey[] keys = [.. BreakerScripts.KeysOf(subject ?? BreakerSubject.RunPod).Select(key => (RedisKey)key)];

    public async Task<StoreAnswer> CallAsync(CircuitCall call, CancellationToken cancellationToken)
    {
        if (connection.Database is not { } redis)
        {
            return new StoreAnswer.Away("Redis is not connected yet.");
        }

        try
        {
            Task<RedisResult> answer = EvaluateAsync(redis, BreakerScripts.Of(call), CircuitWire.Arguments(call, rules()));
            return new StoreAnswer.Answered(CircuitWire.Reply((string[])(await answer.WaitAsync(timeout, clock, cancellationToken))!));
        }
        catch (RedisServerException failure)
        {
            return new StoreAnswer.Away($"Redis refuses the breaker's script: {failure.Message}");
        }
        catch (FormatException failure)
        {
            return new StoreAnswer.Away($"Redis holds something else under the breaker's keys: {failure.Message}");
        }
        catch (TimeoutException)
        {
            return new StoreAnswer.Away($"Redis did not answer within {timeout.TotalMilliseconds:0} ms.");
        }
        catch (Exception failure) when (failure is RedisException or ObjectDisposedException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return new StoreAnswer.Away("Redis can't be reached.");
        }
    }

    private async Task<RedisResult> EvaluateAsync(IDatabase redis, BreakerScript script, string[] arguments)
    {
        RedisValue[] values = Array.ConvertAll(arguments, static text => (RedisValue)text);
        try
        {
            return await redis.ScriptEvaluateAsync(script.Sha1, keys, values);
        }
        catch (RedisServerException unknown) when (unknown.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal))
        {
            return await redis.ScriptEvaluateAsync(script.Text, keys, values);
        }
    }
}
