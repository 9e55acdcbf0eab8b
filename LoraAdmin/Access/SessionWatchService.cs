using LoraAdmin.Platform;

namespace LoraAdmin.Access;

/// <summary>Looks after the sessions of pages that stay open, which send no request by which they would be noticed.</summary>
internal sealed class SessionWatchService(SignInSessions sessions, TimeProvider clock, ILogger<SessionWatchService> logger)
    : PortalLoop(started: null, clock, logger)
{
    /// <summary>Half of what a session is remembered for, so that the rights of an open page are always at hand.</summary>
    private static readonly TimeSpan Every = SignInSessions.RememberedFor / 2;

    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        await AttemptAsync("reading the sessions of open pages", sessions.ReviewAsync, stoppingToken);
        return Every;
    }
}
