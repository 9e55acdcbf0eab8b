using LoraAdmin.Domain.Shared;
using StackExchange.Redis;

namespace LoraAdmin.Platform.Live;

/// <summary>
/// Tells the other instances through Redis pub/sub (<see cref="Channel"/>) and hears them. While Redis is away changes stay on their own instance
/// and pages of the others catch up by their regular reads; nothing throws. The client reconnects and subscribes again by itself.
/// </summary>
public sealed partial class RedisLiveSignal(
    LocalLiveSignal local,
    ConfigurationOptions options,
    IIds ids,
    TimeProvider clock,
    ILogger<RedisLiveSignal> logger) : PortalLoop(started: null, clock, logger), ILiveSignal
{
    public const string Channel = "lora:live:v1";

    private static readonly TimeSpan Again = TimeSpan.FromSeconds(10);

    private readonly string self = ids.Next().ToString("N");
    private volatile ISubscriber? subscriber;

    public void Changed(string topic)
    {
        local.Changed(topic);
        try
        {
            subscriber?.Publish(RedisChannel.Literal(Channel), $"{self}|{topic}", CommandFlags.FireAndForget);
        }
        catch (Exception failure) when (failure is RedisException or ObjectDisposedException)
        {
            LogNotTold(logger, failure.Message);
        }
    }

    public IDisposable Listen(string topic, Action heard) => local.Listen(topic, heard);

    /// <summary>Whether Redis answers now; false: no connection was made yet.</summary>
    /// <exception cref="RedisException">It does not answer.</exception>
    public async Task<bool> AnswersAsync()
    {
        if (subscriber is not { } redis)
        {
            return false;
        }

        await redis.PingAsync();
        return true;
    }

    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        try
        {
            await ServeAsync(stoppingToken);
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException or IOException)
        {
            LogAway(logger, failure.Message);
        }

        return Again;
    }

    private async Task ServeAsync(CancellationToken cancellationToken)
    {
        // Connects in the background and for ever: a Redis that is down at start is found when it comes.
        options.AbortOnConnectFail = false;
        await using ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(options);
        ISubscriber redis = connection.GetSubscriber();
        await redis.SubscribeAsync(RedisChannel.Literal(Channel), (_, message) => Hear(message));
        subscriber = redis;
        LogListening(logger);
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, Clock, cancellationToken);
        }
        finally
        {
            subscriber = null;
        }
    }

    private void Hear(RedisValue message)
    {
        string text = message.ToString();
        int bar = text.IndexOf('|', StringComparison.Ordinal);
        if (bar > 0 && !text.AsSpan(0, bar).SequenceEqual(self))
        {
            local.Changed(text[(bar + 1)..]);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Live updates of all instances go through Redis channel " + Channel)]
    private static partial void LogListening(ILogger logger);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Live updates of other instances are late while Redis is away: {Reason}")]
    private static partial void LogAway(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "A change was not told to other instances: {Reason}")]
    private static partial void LogNotTold(ILogger logger, string reason);
}
