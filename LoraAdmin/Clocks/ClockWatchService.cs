using LoraAdmin.Domain.Clocks;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform;

namespace LoraAdmin.Clocks;

/// <summary>Lets <see cref="ClockWatch"/> look, on every instance, and writes into the log when a clock can't be read any more.</summary>
internal sealed partial class ClockWatchService(
    ClockWatch watch, ClockStandings clocks, Func<ClockRules> rules, PortalStarted started, TimeProvider clock, ILogger<ClockWatchService> logger)
    : PortalLoop(started, clock, logger)
{
    private readonly HashSet<string> unread = new(StringComparer.Ordinal);

    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        await watch.LookAsync(stoppingToken);
        foreach (ClockStanding standing in clocks.All)
        {
            if (standing.UnreadWhy is not { } why)
            {
                unread.Remove(standing.Subject);
            }
            else if (unread.Add(standing.Subject))
            {
                LogUnread(logger, standing.Subject, why);
            }
        }

        return rules().MeasureEvery;
    }

    protected override Task EndAsync() => watch.LeaveAsync(CancellationToken.None);

    [LoggerMessage(EventId = 131, Level = LogLevel.Warning, Message = "The clock of {Subject} can't be compared with this portal's: {Why}. What was known of it holds")]
    private static partial void LogUnread(ILogger logger, string subject, string why);
}
