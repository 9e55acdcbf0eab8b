using StackExchange.Redis;

namespace LoraAdmin.Commands;

/// <summary>Runs a script on Redis, when one is configured.</summary>
internal static class RedisCheck
{
    private const string Remedy = "Check ConnectionStrings:Redis and that the server runs, or leave the key empty.";

    public static IEnumerable<CheckedPart> Of(string? connectionString) => string.IsNullOrWhiteSpace(connectionString)
        ? []
        : [new("redis", Remedy, token => TryAsync(connectionString, token))];

    private static async Task<string?> TryAsync(string connectionString, CancellationToken cancellationToken)
    {
        ConfigurationOptions options = ConfigurationOptions.Parse(connectionString);
        await using ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(options).WaitAsync(cancellationToken);
        RedisResult answer = await connection.GetDatabase().ScriptEvaluateAsync("return 'ok'").WaitAsync(cancellationToken);
        return (string?)answer == "ok" ? null : "It does not run scripts. Allow EVAL for this user (ConnectionStrings:Redis).";
    }
}
