using LoraAdmin.Domain.Training;
using LoraAdmin.Platform;

namespace LoraAdmin.Training;

/// <summary>Has <see cref="ProvidersWatch"/> and <see cref="RefusalWatch"/> look, on every instance: each has its own way to the breakers.</summary>
internal sealed class ProvidersWatchService(ProvidersWatch watch, RefusalWatch refusals, PortalStarted started, TimeProvider clock, ILogger<ProvidersWatchService> logger)
    : PortalLoop(started, clock, logger)
{
    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        await watch.LookAsync(stoppingToken);
        await refusals.LookAsync(stoppingToken);
        return ProvidersWatch.Every;
    }
}
