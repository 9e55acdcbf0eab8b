using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform;
using LoraAdmin.Platform.Data;
using LoraAdmin.Platform.Redis;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Breaker;

/// <summary>
/// The breaker that every worker shares: section <c>Breaker</c>, table <c>breaker_told</c>, scripts on Redis, loop <see cref="BreakerWatchService"/>.
/// </summary>
public static class BreakerFeature
{
    public static IServiceCollection AddBreaker(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        services.AddOptions<BreakerOptions>()
            .BindConfiguration(BreakerOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<BreakerOptions>, BreakerOptionsValidator>();
        services.AddSingleton(provider => RulesOf(provider.GetRequiredService<IOptions<BreakerOptions>>().Value));

        // First of the loops: they find Redis connected.
        services.AddSingleton(provider => new RedisConnection(configuration.GetConnectionString("Redis"), provider.GetRequiredService<IIds>()));
        services.AddHostedService(provider => provider.GetRequiredService<RedisConnection>());
        services.AddSingleton<ICircuitStore>(provider => new RedisCircuitStore(
            provider.GetRequiredService<RedisConnection>(),
            provider.GetRequiredService<BreakerRules>(),
            provider.GetRequiredService<IOptions<BreakerOptions>>().Value.RedisTimeout,
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new SharedBreaker(
            provider.GetRequiredService<ICircuitStore>(),
            provider.GetRequiredService<PortalInstance>().Id,
            provider.GetRequiredService<BreakerRules>,
            provider.GetRequiredService<TimeProvider>(),
            within: provider.GetRequiredService<IOptions<BreakerOptions>>().Value.RedisTimeout));
        services.AddSingleton<IBreaker>(provider => provider.GetRequiredService<SharedBreaker>());
        services.AddStore<IBreakerToldStore, BreakerToldStore>();
        services.AddSingleton<BreakerWatch>();
        services.AddSingleton<IBreakerDesk, BreakerDesk>();
        services.AddHostedService<BreakerWatchService>();
        return services;
    }

    private static BreakerRules RulesOf(BreakerOptions options) => new(
        options.Failures, options.Window, options.OpenFor, options.ProbeLease, options.GrowOpenTime ? options.LongestOpenFor : null);
}
