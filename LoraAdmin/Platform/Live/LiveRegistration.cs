using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data.Events;
using LoraAdmin.Platform.Web;
using Microsoft.Extensions.DependencyInjection.Extensions;
using StackExchange.Redis;

namespace LoraAdmin.Platform.Live;

public static class LiveRegistration
{
    /// <summary>Snapshots for pages, and their signal: through Redis when <c>ConnectionStrings:Redis</c> is set, else within the process.</summary>
    /// <exception cref="InvalidOperationException">The connection string can't be read; the message names the key and the remedy.</exception>
    public static IServiceCollection AddLive(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<LocalLiveSignal>();
        services.AddSingleton<LiveHub>();
        services.AddScoped<LivePause>();
        services.AddSingleton<IEventConsumer, LiveEvents>();

        string? redis = configuration.GetConnectionString("Redis");
        if (string.IsNullOrWhiteSpace(redis))
        {
            services.AddSingleton<ILiveSignal>(provider => provider.GetRequiredService<LocalLiveSignal>());
            return services;
        }

        ConfigurationOptions options = Parse(redis);
        services.AddSingleton(provider => new RedisLiveSignal(
            provider.GetRequiredService<LocalLiveSignal>(),
            options,
            provider.GetRequiredService<IIds>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<RedisLiveSignal>>()));
        services.AddSingleton<ILiveSignal>(provider => provider.GetRequiredService<RedisLiveSignal>());
        services.AddHostedService(provider => provider.GetRequiredService<RedisLiveSignal>());
        services.AddSingleton<IReadinessCheck, RedisReadiness>();
        return services;
    }

    private static ConfigurationOptions Parse(string redis)
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
