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
        services.AddSingleton(provider => BreakerOf(provider, BreakerSubject.RunPod));
        services.AddSingleton<IBreaker>(provider => provider.GetRequiredService<SharedBreaker>());
        services.AddKeyedSingleton(BreakerSubject.Replicate.Provider, (provider, _) => BreakerOf(provider, BreakerSubject.Replicate));
        services.AddKeyedSingleton<IBreaker>(
            BreakerSubject.Replicate.Provider, (provider, key) => provider.GetRequiredKeyedService<SharedBreaker>(key));
        services.AddStore<IBreakerToldStore, BreakerToldStore>();
        services.AddSingleton(provider => new BreakerWatches(
            [
                WatchOf(provider, provider.GetRequiredService<SharedBreaker>(), BreakerSubject.RunPod),
                WatchOf(provider, provider.GetRequiredKeyedService<SharedBreaker>(BreakerSubject.Replicate.Provider), BreakerSubject.Replicate),
            ]));
        services.AddSingleton<IBreakerDesk>(provider => new BreakerDesk(provider.GetRequiredService<IUnitOfWork>(), subject => SharedOf(provider, subject)));
        services.AddHostedService<BreakerWatchService>();
        return services;
    }

    /// <summary>The one breaker of that provider's creations.</summary>
    internal static IBreaker SharedOf(IServiceProvider provider, BreakerSubject subject) =>
        subject == BreakerSubject.RunPod ? provider.GetRequiredService<IBreaker>() : provider.GetRequiredKeyedService<IBreaker>(subject.Provider);

    private static SharedBreaker BreakerOf(IServiceProvider provider, BreakerSubject subject) => new(
        new RedisCircuitStore(
            provider.GetRequiredService<RedisConnection>(),
            provider.GetRequiredService<BreakerRules>(),
            provider.GetRequiredService<IOptions<BreakerOptions>>().Value.RedisTimeout,
            provider.GetRequiredService<TimeProvider>(),
            subject),
        provider.GetRequiredService<PortalInstance>().Id,
        provider.GetRequiredService<BreakerRules>,
        provider.GetRequiredService<TimeProvider>(),
        within: provider.GetRequiredService<IOptions<BreakerOptions>>().Value.RedisTimeout);

    private static BreakerWatch WatchOf(IServiceProvider provider, SharedBreaker breaker, BreakerSubject subject) =>
        new(provider.GetRequiredService<IUnitOfWork>(), breaker, provider.GetRequiredService<TimeProvider>(), subject);

    private static BreakerRules RulesOf(BreakerOptions options) => new(
        options.Failures, options.Window, options.OpenFor, options.ProbeLease, options.GrowOpenTime ? options.LongestOpenFor : null);
}
