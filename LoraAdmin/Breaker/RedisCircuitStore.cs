using System.Text;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Platform.Redis;
using StackExchange.Redis;

namespace LoraAdmin.Breaker;

/// <summary>The breaker on Redis: one EVALSHA a verb. A server that does not know the script gets it once.</summary>
internal sealed class RedisCircuitStore(
    RedisConnection connection, BreakerRules rules, TimeSpan timeout, TimeProvider clock, BreakerSubject? subject = null) : ICircuitStore
{
    private readonly RedisKey[] keys = [.. BreakerScripts.KeysOf(subject ?? BreakerSubject.RunPod).Select(key => (RedisKey)Encoding.UTF8.GetBytes(key))];
    private readonly RedisValue rules = CircuitWire.Argument(rules);

    public async Task<StoreAnswer> CallAsync(CircuitCall call, CancellationToken cancellationToken)
    {
        if (connection.Database is not { } redis)
        {
            return new StoreAnswer.Away("Redis is not connected yet.");
        }

        try
        {
            BreakerScript script = BreakerScripts.Of(call);
            RedisValue[] arguments = CircuitWire.Arguments(call, rules);
            long began = clock.GetTimestamp();
            try
            {
                return Read(await redis.ScriptEvaluateAsync(script.Sha1, keys, arguments).WaitAsync(timeout, clock, cancellationToken));
            }
            catch (RedisServerException unknown) when (unknown.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal))
            {
                TimeSpan left = TimeSpan.FromTicks(Math.Max(0, (timeout - clock.GetElapsedTime(began)).Ticks));
                return Read(await redis.ScriptEvaluateAsync(script.Text, keys, arguments).WaitAsync(left, clock, cancellationToken));
            }
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

    private static StoreAnswer Read(RedisResult answer) => CircuitWire.Answer((string[])answer!);
}
