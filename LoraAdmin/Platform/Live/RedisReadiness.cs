using LoraAdmin.Platform.Web;
using StackExchange.Redis;

namespace LoraAdmin.Platform.Live;

/// <summary>Asks Redis over the connection that live updates use, so that what is proven is what works.</summary>
internal sealed class RedisReadiness(RedisLiveSignal signal) : IReadinessCheck
{
    public string Name => "redis";

    /// <summary>Pages read once a second anyway, and the portal guards creations by a breaker of its own meanwhile.</summary>
    public bool IsEssential => false;

    public async Task<(bool Ok, string Detail)> CheckAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await signal.AnswersAsync() ? (true, "Answers.") : (false, "Is not connected yet.");
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException or ObjectDisposedException)
        {
            return (false, "Can't be reached; this instance guards creations by itself, and live updates of others are late meanwhile.");
        }
    }
}
