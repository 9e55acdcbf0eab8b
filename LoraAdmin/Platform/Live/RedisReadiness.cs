using LoraAdmin.Platform.Web;
using StackExchange.Redis;

namespace LoraAdmin.Platform.Live;

/// <summary>Asks Redis over the connection that live updates use, so that what is proven is what works.</summary>
internal sealed class RedisReadiness(RedisLiveSignal signal) : IReadinessCheck
{
    public string Name => "redis";

    /// <summary>Pages read once a second anyway; only the quick refresh between instances is lost.</summary>
    public bool IsEssential => false;

    public async Task<(bool Ok, string Detail)> CheckAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await signal.AnswersAsync() ? (true, "Answers.") : (false, "Is not connected yet.");
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException or ObjectDisposedException)
        {
            return (false, "Can't be reached; live updates of other instances are late meanwhile.");
        }
    }
}
