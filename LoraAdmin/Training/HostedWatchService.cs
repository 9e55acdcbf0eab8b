using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Training;

/// <summary>Runs the loop over trainings at Replicate that no job needs any more, on one instance at a time.</summary>
internal sealed class HostedWatchService(
    HostedWatch watch, LeasedTurn turns, CommitSignal commits, PortalStarted started, TimeProvider clock, ILogger<HostedWatchService> logger)
    : PortalLoop(started, clock, logger)
{
    private static readonly TimeSpan LeaseFor = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan AtMostEvery = TimeSpan.FromSeconds(2);

    private readonly CommitListener listener = commits.Listen();

    public override void Dispose()
    {
        listener.Dispose();
        base.Dispose();
    }

    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        await turns.TryRunAsync(HostedWatch.Name, LeaseFor, watch.RunAsync, stoppingToken);
        return HostedWatch.Every;
    }

    protected override async Task WaitAsync(TimeSpan pause, CancellationToken stoppingToken)
    {
        await Task.Delay(AtMostEvery, Clock, stoppingToken);
        await listener.WaitAsync(pause - AtMostEvery, Clock, stoppingToken);
    }

    protected override Task EndAsync() => turns.GiveBackAsync(HostedWatch.Name, CancellationToken.None);
}
