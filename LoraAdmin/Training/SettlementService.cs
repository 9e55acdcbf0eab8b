using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Training;

/// <summary>The minute loop of the training feature: settles ended attempts, removes uploads that nobody claimed, and lets go of spool files
/// that storage has. Every instance runs it.</summary>
internal sealed partial class SettlementService(
    AttemptSettlement settlement,
    UploadSweep uploads,
    SpoolSweep files,
    CommitSignal commits,
    PortalStarted started,
    TimeProvider clock,
    ILogger<SettlementService> logger) : BackgroundService
{
    private static readonly TimeSpan AtLeastEvery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan AtMostEvery = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await started.WaitAsync(stoppingToken);
        using CommitListener listener = commits.Listen();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await settlement.RunAsync(stoppingToken);
                await uploads.RunAsync(clock.GetUtcNow(), stoppingToken);
                await files.RunAsync(stoppingToken);
            }
            catch (StoreUnavailableException away)
            {
                LogDatabaseAway(logger, away);
            }

            await Task.Delay(AtMostEvery, clock, stoppingToken);
            await listener.WaitAsync(AtLeastEvery - AtMostEvery, clock, stoppingToken);
        }
    }

    [LoggerMessage(EventId = 2011, Level = LogLevel.Warning, Message = "The database is away; attempts are settled as soon as it is back")]
    private static partial void LogDatabaseAway(ILogger logger, Exception exception);
}
