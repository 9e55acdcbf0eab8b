using LoraAdmin.Domain.Training;
using LoraAdmin.Platform;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Training;

/// <summary>The minute loop of the training feature: settles ended attempts, removes uploads that nobody claimed, and lets go of spool files
/// that storage has. Every instance runs it; none of the three waits for another that fails.</summary>
internal sealed class SettlementService(
    AttemptSettlement settlement,
    UploadSweep uploads,
    SpoolSweep files,
    CommitSignal commits,
    PortalStarted started,
    TimeProvider clock,
    ILogger<SettlementService> logger) : PortalLoop(started, clock, logger)
{
    private static readonly TimeSpan AtLeastEvery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan AtMostEvery = TimeSpan.FromSeconds(2);

    private readonly CommitListener listener = commits.Listen();

    public override void Dispose()
    {
        listener.Dispose();
        base.Dispose();
    }

    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        await AttemptAsync("settling attempts", settlement.RunAsync, stoppingToken);
        await AttemptAsync("removing unclaimed uploads", token => uploads.RunAsync(Clock.GetUtcNow(), token), stoppingToken);
        await AttemptAsync("emptying the spool", files.RunAsync, stoppingToken);
        return AtLeastEvery;
    }

    protected override async Task WaitAsync(TimeSpan pause, CancellationToken stoppingToken)
    {
        await Task.Delay(AtMostEvery, Clock, stoppingToken);
        await listener.WaitAsync(pause - AtMostEvery, Clock, stoppingToken);
    }
}
