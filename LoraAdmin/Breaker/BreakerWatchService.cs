using LoraAdmin.Domain.Breaker;
using LoraAdmin.Platform;

namespace LoraAdmin.Breaker;

/// <summary>Looks at the breaker at its own pace, on every instance: each has its own way to Redis.</summary>
internal sealed class BreakerWatchService(BreakerWatch watch, TimeProvider clock, ILogger<BreakerWatchService> logger)
    : PortalLoop(started: null, clock, logger)
{
    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        await watch.LookAsync(stoppingToken);
        return BreakerWatch.Every;
    }
}
