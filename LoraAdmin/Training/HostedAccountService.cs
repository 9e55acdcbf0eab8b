using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform;

namespace LoraAdmin.Training;

/// <summary>Has <see cref="HostedAccountWatch"/> look, on every instance: one without a fallback closes what was wrong with the account.</summary>
internal sealed class HostedAccountService(HostedAccountWatch watch, PortalStarted started, TimeProvider clock, ILogger<HostedAccountService> logger)
    : PortalLoop(started, clock, logger)
{
    protected override Task<TimeSpan> TurnAsync(CancellationToken stoppingToken) => watch.LookAsync(stoppingToken);
}
