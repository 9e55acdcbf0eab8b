using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Platform;

/// <summary>
/// A loop that goes on whatever happens: a turn that fails is logged and tried again after a pause that grows. A loop of the portal that ended would
/// be missed by nobody until a pod had billed for a day.
/// </summary>
/// <param name="started">Waited for before the first turn; null for loops that ask nothing of a vendor.</param>
public abstract partial class PortalLoop(PortalStarted? started, TimeProvider clock, ILogger logger) : BackgroundService
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    protected TimeProvider Clock { get; } = clock;

    private string Name => GetType().Name;

    /// <summary>Does what is due now.</summary>
    /// <returns>How long nothing is to do; zero to go on at once.</returns>
    protected abstract Task<TimeSpan> TurnAsync(CancellationToken stoppingToken);

    /// <summary>Waits after a turn that went well; a loop that can be woken waits for that too.</summary>
    protected virtual Task WaitAsync(TimeSpan pause, CancellationToken stoppingToken) => Task.Delay(pause, Clock, stoppingToken);

    /// <summary>Runs once when the portal ends.</summary>
    protected virtual Task EndAsync() => Task.CompletedTask;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await (started?.WaitAsync(stoppingToken) ?? Task.CompletedTask);
            await RunAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // A clean end.
        }

        await AttemptAsync("its end", _ => EndAsync(), stoppingToken);
    }

    /// <summary>Does a part of a turn so that its failure is logged and does not keep the other parts from their turn.</summary>
    /// <returns>What failed; null when it went well.</returns>
    protected async Task<Exception?> AttemptAsync(string part, Func<CancellationToken, Task> act, CancellationToken stoppingToken)
    {
        ArgumentNullException.ThrowIfNull(act);
        try
        {
            await act(stoppingToken);
            return null;
        }
        catch (Exception failure) when (!IsEnd(failure, stoppingToken))
        {
            Tell(part, failure);
            return failure;
        }
    }

    private static bool IsEnd(Exception failure, CancellationToken stoppingToken) =>
        failure is OperationCanceledException && stoppingToken.IsCancellationRequested;

    private async Task RunAsync(CancellationToken stoppingToken)
    {
        int failures = 0;
        while (true)
        {
            stoppingToken.ThrowIfCancellationRequested();
            try
            {
                TimeSpan pause = await TurnAsync(stoppingToken);
                failures = 0;
                if (pause > TimeSpan.Zero)
                {
                    await WaitAsync(pause, stoppingToken);
                }

                continue;
            }
            catch (Exception failure) when (!IsEnd(failure, stoppingToken))
            {
                failures++;
                Tell("its turn", failure);
            }

            await Task.Delay(PauseAfter(failures), Clock, stoppingToken);
        }
    }

    private static TimeSpan PauseAfter(int failures)
    {
        TimeSpan pause = FirstPause * Math.Pow(2, Math.Min(failures, 10) - 1);
        return pause < LongestPause ? pause : LongestPause;
    }

    private void Tell(string part, Exception failure)
    {
        if (failure is StoreUnavailableException)
        {
            LogDatabaseAway(logger, Name, part, failure);
        }
        else
        {
            LogFailed(logger, Name, part, failure);
        }
    }

    [LoggerMessage(EventId = 101, Level = LogLevel.Warning, Message = "The database is away; {Loop} does {Part} as soon as it is back")]
    private static partial void LogDatabaseAway(ILogger logger, string loop, string part, Exception exception);

    [LoggerMessage(EventId = 102, Level = LogLevel.Error, Message = "{Loop} failed in {Part}; it goes on")]
    private static partial void LogFailed(ILogger logger, string loop, string part, Exception exception);
}
