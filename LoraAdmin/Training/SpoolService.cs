using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Training;

/// <summary>
/// The loop over files between pod and storage: uploads that are due (J2), files of held pods, the folder's comparison with its rows, and training images
/// whose time is over. Each part has its turn whatever befalls the others.
/// </summary>
internal sealed class SpoolService(
    SpoolReconcile reconcile,
    SpoolUploads uploads,
    HeldFiles held,
    OldImages images,
    CommitSignal commits,
    PortalStarted started,
    TimeProvider clock,
    ILogger<SpoolService> logger) : PortalLoop(started, clock, logger)
{
    private static readonly TimeSpan AtLeastEvery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan AtMostEvery = TimeSpan.FromSeconds(5);

    private readonly CommitListener listener = commits.Listen();

    public override void Dispose()
    {
        listener.Dispose();
        base.Dispose();
    }

    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        await AttemptAsync("comparing the spool with its rows", reconcile.RunAsync, stoppingToken);
        await AttemptAsync("uploading", uploads.RunAsync, stoppingToken);
        await AttemptAsync("fetching from held pods", held.RunAsync, stoppingToken);
        await AttemptAsync("deleting old images", images.RunAsync, stoppingToken);
        return AtLeastEvery;
    }

    protected override async Task WaitAsync(TimeSpan pause, CancellationToken stoppingToken)
    {
        await Task.Delay(AtMostEvery, Clock, stoppingToken);
        await listener.WaitAsync(pause - AtMostEvery, Clock, stoppingToken);
    }
}

/// <summary>
/// Notes each minute that this instance's disk is alive: a loop of its own, so that no long upload makes the others take the disk for silent.
/// </summary>
internal sealed class SpoolHeartbeatService(SpoolHeartbeat heartbeat, PortalStarted started, TimeProvider clock, ILogger<SpoolHeartbeatService> logger)
    : PortalLoop(started, clock, logger)
{
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(1);

    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        await heartbeat.RunAsync(stoppingToken);
        return Every;
    }
}
