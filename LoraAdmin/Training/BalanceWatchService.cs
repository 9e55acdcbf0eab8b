using LoraAdmin.Domain.Training;
using LoraAdmin.Platform;

namespace LoraAdmin.Training;

/// <summary>Runs the watch over the provider's balance on one instance at a time.</summary>
internal sealed class BalanceWatchService(BalanceWatch watch, LeasedTurn turns, PortalStarted started, TimeProvider clock, ILogger<BalanceWatchService> logger)
    : PortalLoop(started, clock, logger)
{
    private static readonly TimeSpan LeaseFor = TimeSpan.FromMinutes(3);

    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        TimeSpan next = BalanceWatch.Every;
        await turns.TryRunAsync(BalanceWatch.LeaseName, LeaseFor, async token => next = await watch.LookAsync(token), stoppingToken);
        return next;
    }

    protected override Task EndAsync() => turns.GiveBackAsync(BalanceWatch.LeaseName, CancellationToken.None);
}
