using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform;

namespace LoraAdmin.Breaker;

/// <summary>Who looks at the breakers, one for each provider.</summary>
internal sealed record BreakerWatches(IReadOnlyList<BreakerWatch> All);

/// <summary>Looks at the breakers at its own pace, on every instance: each has its own way to Redis.</summary>
internal sealed class BreakerWatchService(BreakerWatches watches, TimeProvider clock, ILogger<BreakerWatchService> logger)
    : PortalLoop(started: null, clock, logger)
{
    /// <summary>Before the loops that ask for pods.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            foreach (BreakerWatch watch in watches.All)
            {
                await watch.RememberAsync(cancellationToken);
            }
        }
        catch (StoreUnavailableException)
        {
            // Its own first turn tries again, and says so.
        }

        await base.StartAsync(cancellationToken);
    }

    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        foreach (BreakerWatch watch in watches.All)
        {
            await watch.LookAsync(stoppingToken);
        }

        return BreakerWatch.Every;
    }
}
