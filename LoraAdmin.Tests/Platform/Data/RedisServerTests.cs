using LoraAdmin.Tests.Doubles;
using StackExchange.Redis;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data;

public sealed class RedisServerTests
{
    [Fact]
    public async Task Server_Started_Answers()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using ConnectionMultiplexer redis = await ConnectedRedis.ClientAsync(server.Configuration);

        Assert.True(await redis.GetDatabase().StringSetAsync("key", "value"));
    }
}
