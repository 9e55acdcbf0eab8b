using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform;

namespace LoraAdmin.Training;

/// <summary>Has <see cref="HostedAccountWatch"/> look, on every instance that has a fallback.</summary>
internal sealed class HostedAccountService(HostedAccountWatch watch, HostedRules rules, PortalStarted started, TimeProvider clock, ILogger<HostedAccountService> logger)
    : PortalLoop(started, clock, logger)
{
    protected override Task<TimeSpan> TurnAsync(CancellationToken stoppingToken) =>
        rules.WhyNot is null ? watch.LookAsync(stoppingToken) : Task.FromResult(TimeSpan.FromDays(1));
}
