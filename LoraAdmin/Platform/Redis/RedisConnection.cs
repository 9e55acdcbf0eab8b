using LoraAdmin.Domain.Shared;
using StackExchange.Redis;

namespace LoraAdmin.Platform.Redis;

/// <summary>
/// The portal's connection for commands: to the configured Redis, or to one of its own when none is configured. A Redis that is down at start is
/// found when it comes. While it is away a command fails at once instead of waiting for it.
/// </summary>
/// <param name="connectionString">Empty: an embedded server.</param>
internal sealed class RedisConnection(string? connectionString, IIds ids) : IHostedService, IAsyncDisposable
{
    private static readonly TimeSpan ConnectWithin = TimeSpan.FromSeconds(2);

    private EmbeddedRedis? embedded;
    private ConnectionMultiplexer? redis;

    /// <summary>Null before the start.</summary>
    public IDatabase? Database => redis?.GetDatabase();

    /// <summary>No Redis is configured: what it holds is this process's alone.</summary>
    public bool IsEmbedded => string.IsNullOrWhiteSpace(connectionString);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (IsEmbedded)
        {
            embedded = EmbeddedRedis.Start(ids);
        }

        ConfigurationOptions options = RedisConnectionStrings.Parse(embedded?.ConnectionString ?? connectionString!);
        options.AbortOnConnectFail = false;
        options.BacklogPolicy = BacklogPolicy.FailFast;
        options.ConnectTimeout = (int)ConnectWithin.TotalMilliseconds;
        options.ClientName = "loraadmin";
        redis = await ConnectionMultiplexer.ConnectAsync(options);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (redis is not null)
        {
            await redis.DisposeAsync();
        }

        embedded?.Dispose();
    }
}
