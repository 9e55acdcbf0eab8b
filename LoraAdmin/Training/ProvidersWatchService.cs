using LoraAdmin.Domain.Training;
using LoraAdmin.Platform;

namespace LoraAdmin.Training;

/// <summary>Has <see cref="ProvidersWatch"/> look, on every instance: each has its own way to the breakers.</summary>
internal sealed class ProvidersWatchService(ProvidersWatch watch, PortalStarted started, TimeProvider clock, ILogger<ProvidersWatchService> logger)
    : PortalLoop(started, clock, logger)
{
    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        await watch.LookAsync(stoppingToken);
        return ProvidersWatch.Every;
    }
}
