using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Training;

/// <summary>
/// The loop over files between spool and storage: uploads that are due (between the recorded runs of J2) and the folder's comparison with its rows.
/// Each part has its turn whatever befalls the other.
/// </summary>
internal sealed class SpoolService(
    SpoolReconcile reconcile,
    SpoolUploads uploads,
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
        return AtLeastEvery;
    }

    protected override async Task WaitAsync(TimeSpan pause, CancellationToken stoppingToken)
    {
        await Task.Delay(AtMostEvery, Clock, stoppingToken);
        await listener.WaitAsync(pause - AtMostEvery, Clock, stoppingToken);
    }
}

/// <summary>
/// Fetches the files of held pods: a loop of its own, so that no upload into a store that hangs lets the time pass for which a pod was started.
/// </summary>
internal sealed class HeldFilesService(HeldFiles held, PortalStarted started, TimeProvider clock, ILogger<HeldFilesService> logger)
    : PortalLoop(started, clock, logger)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(30);

    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        await held.RunAsync(stoppingToken);
        return Every;
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
