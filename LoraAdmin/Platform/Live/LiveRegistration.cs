using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data.Events;
using LoraAdmin.Platform.Redis;
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

        ConfigurationOptions options = RedisConnectionStrings.Parse(redis);
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
}
