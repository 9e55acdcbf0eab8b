using LoraAdmin.Domain.Clocks;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform;
using LoraAdmin.Platform.Data;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Clocks;

/// <summary>How far the portal's clock is off: section <c>Clocks</c>, table <c>clock_differences</c>, loop <see cref="ClockWatchService"/>.</summary>
public static class ClocksFeature
{
    public static IServiceCollection AddClocks(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        services.AddOptions<ClockOptions>()
            .Bind(configuration.GetSection(ClockOptions.Section), binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<ClockOptions>, ClockOptionsValidator>();
        services.AddSingleton<Func<ClockRules>>(static provider => provider.GetRequiredService<IOptions<ClockOptions>>().Value.ToRules);
        services.AddSingleton<ClockStandings>();
        services.AddSingleton(static provider => new ClockWatch(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<ClockStandings>(),
            provider.GetServices<IOutsideClock>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<Func<ClockRules>>(),
            provider.GetRequiredService<PortalInstance>().Id,
            Environment.MachineName));
        services.AddStore<IClockDifferenceStore, ClockDifferenceStore>();
        services.AddHostedService<ClockWatchService>();
        return services;
    }
}
