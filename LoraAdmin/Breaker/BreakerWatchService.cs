using LoraAdmin.Domain.Breaker;
using LoraAdmin.Platform;

namespace LoraAdmin.Breaker;

/// <summary>Who looks at the breakers, one for each provider.</summary>
internal sealed record BreakerWatches(IReadOnlyList<BreakerWatch> All);

/// <summary>Looks at the breakers at its own pace, on every instance: each has its own way to Redis.</summary>
internal sealed class BreakerWatchService(BreakerWatches watches, TimeProvider clock, ILogger<BreakerWatchService> logger)
    : PortalLoop(started: null, clock, logger)
{
    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        foreach (BreakerWatch watch in watches.All)
        {
            await watch.LookAsync(stoppingToken);
        }

        return BreakerWatch.Every;
    }
}
