using StackExchange.Redis;

namespace LoraAdmin.Platform.Redis;

internal static class RedisConnectionStrings
{
    /// <exception cref="InvalidOperationException">It can't be read; the message names the key and the remedy.</exception>
    public static ConfigurationOptions Parse(string redis)
    {
        try
        {
            return ConfigurationOptions.Parse(redis);
        }
        catch (ArgumentException failure)
        {
            // The text itself may hold a password: it is not repeated.
            throw new InvalidOperationException(
                "ConnectionStrings:Redis can't be read. Write host:port, with options after commas, e.g. localhost:6379,password=….", failure);
        }
    }
}
