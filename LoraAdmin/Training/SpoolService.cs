using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Training;

/// <summary>
/// The loops over files between pod and storage: the heartbeat of this instance's disk each minute, and beside it, so that no long upload keeps it
/// waiting, uploads that are due (J2), files of held pods, the folder's comparison with its rows, and training images whose time is over.
/// </summary>
internal sealed partial class SpoolService(
    SpoolHeartbeat heartbeat,
    SpoolReconcile reconcile,
    SpoolUploads uploads,
    HeldFiles held,
    OldImages images,
    CommitSignal commits,
    PortalStarted started,
    TimeProvider clock,
    ILogger<SpoolService> logger) : BackgroundService
{
    private static readonly TimeSpan BeatEvery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan AtLeastEvery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan AtMostEvery = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await started.WaitAsync(stoppingToken);

        // The disk is noted as alive before anything is decided about files on it.
        await TryAsync("heartbeat", heartbeat.RunAsync, stoppingToken);
        await Task.WhenAll(BeatAsync(stoppingToken), WorkAsync(stoppingToken));
    }

    private async Task BeatAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(BeatEvery, clock, stoppingToken);
            await TryAsync("heartbeat", heartbeat.RunAsync, stoppingToken);
        }
    }

    private async Task WorkAsync(CancellationToken stoppingToken)
    {
        using CommitListener listener = commits.Listen();
        while (!stoppingToken.IsCancellationRequested)
        {
            await TryAsync("reconcile", reconcile.RunAsync, stoppingToken);
            await TryAsync("uploads", uploads.RunAsync, stoppingToken);
            await TryAsync("held files", held.RunAsync, stoppingToken);
            await TryAsync("old images", images.RunAsync, stoppingToken);
            await Task.Delay(AtMostEvery, clock, stoppingToken);
            await listener.WaitAsync(AtLeastEvery - AtMostEvery, clock, stoppingToken);
        }
    }

    private async Task TryAsync(string what, Func<CancellationToken, Task> run, CancellationToken stoppingToken)
    {
        try
        {
            await run(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            throw;
        }
        catch (LeaseLostException)
        {
            // Another instance does it now.
        }
        catch (StoreUnavailableException away)
        {
            LogDatabaseAway(logger, away, what);
        }
#pragma warning disable CA1031 // One loop that meets something unforeseen must not end the others, nor itself: files wait for it.
        catch (Exception unexpected)
#pragma warning restore CA1031
        {
            LogFailed(logger, unexpected, what);
        }
    }

    [LoggerMessage(EventId = 2021, Level = LogLevel.Warning, Message = "The database is away; {What} goes on as soon as it is back")]
    private static partial void LogDatabaseAway(ILogger logger, Exception exception, string what);

    [LoggerMessage(EventId = 2022, Level = LogLevel.Error, Message = "The loop over {What} failed unexpectedly; it runs again within a minute")]
    private static partial void LogFailed(ILogger logger, Exception exception, string what);
}
