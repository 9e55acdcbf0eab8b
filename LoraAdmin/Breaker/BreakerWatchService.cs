using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform;

namespace LoraAdmin.Breaker;

/// <summary>Looks at the breaker at its own pace, on every instance: each has its own way to Redis.</summary>
internal sealed class BreakerWatchService(BreakerWatch watch, TimeProvider clock, ILogger<BreakerWatchService> logger)
    : PortalLoop(started: null, clock, logger)
{
    /// <summary>Before the loops that ask for pods.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await watch.RememberAsync(cancellationToken);
        }
        catch (StoreUnavailableException)
        {
            // Its own first turn tries again, and says so.
        }

        await base.StartAsync(cancellationToken);
    }

    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        await watch.LookAsync(stoppingToken);
        return BreakerWatch.Every;
    }
}
