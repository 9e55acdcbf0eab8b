using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Platform.Data;

/// <summary>Rows that nobody asks for any more. A feature registers one for each of its tables that would only grow.</summary>
/// <param name="Table">For logs.</param>
/// <param name="DeleteAsync">One statement that deletes what has expired by the given instant, and says how many rows that were.</param>
public sealed record ExpiredRows(string Table, Func<LoraDb, DateTimeOffset, CancellationToken, Task<int>> DeleteAsync);

/// <summary>
/// Deletes expired rows. Every instance runs it: deleting what another has deleted does nothing. One whose clock is far off, or not vouched for yet, leaves it to the others.
/// </summary>
internal sealed class ExpiredRowsService(
    IEnumerable<ExpiredRows> tables, LoraDbFactory contexts, ClockStandings clocks, TimeProvider clock, ILogger<ExpiredRowsService> logger)
    : PortalLoop(started: null, clock, logger)
{
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(10);

    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        foreach (ExpiredRows expired in clocks.MayGoByIt() ? tables : [])
        {
            await AttemptAsync(
                $"emptying {expired.Table}",
                async token =>
                {
                    await using LoraDb db = contexts.CreateDbContext();
                    await expired.DeleteAsync(db, Clock.GetUtcNow(), token);
                },
                stoppingToken);
        }

        return Every;
    }
}
