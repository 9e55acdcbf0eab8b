using LoraAdmin.Platform.Redis;
using StackExchange.Redis;
using Xunit;

namespace LoraAdmin.Tests.Doubles;

/// <summary>A portal starts also without Redis, whose connection then comes beside it: who tests what Redis does has to wait for that.</summary>
internal static class ConnectedRedis
{
    public static async Task ConnectAsync(this RedisConnection connection)
    {
        await connection.StartAsync(TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => connection.Database!.Multiplexer.IsConnected, "the connection to Redis");
    }

    /// <summary>A test's own connection, which a busy machine may be long in making.</summary>
    public static Task<ConnectionMultiplexer> ClientAsync(string configuration) => ConnectionMultiplexer.ConnectAsync($"{configuration},connectTimeout=60000");
}
