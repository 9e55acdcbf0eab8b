using LoraAdmin.Domain.Training;
using LoraAdmin.Platform;

namespace LoraAdmin.Training;

/// <summary>Has <see cref="ProvidersWatch"/> and <see cref="RefusalWatch"/> look, on every instance: each has its own way to the breakers. Neither waits for the other when that fails.</summary>
internal sealed class ProvidersWatchService(ProvidersWatch watch, RefusalWatch refusals, PortalStarted started, TimeProvider clock, ILogger<ProvidersWatchService> logger)
    : PortalLoop(started, clock, logger)
{
    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        await AttemptAsync("looking whether any provider takes trainings", watch.LookAsync, stoppingToken);
        await AttemptAsync("looking whether a job still waits for a provider that refused", refusals.LookAsync, stoppingToken);
        return ProvidersWatch.Every;
    }
}
