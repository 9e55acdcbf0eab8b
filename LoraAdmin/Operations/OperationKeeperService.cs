using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform;

namespace LoraAdmin.Operations;

/// <summary>
/// Keeps the scheduler filled on every instance, and lets the occurrence keeper look on the one that holds its lease. What it starts runs beside it.
/// </summary>
internal sealed class OperationKeeperService(
    OccurrenceKeeper keeper,
    QuartzSchedules schedules,
    LeasedTurn turns,
    Func<OperationRules> rules,
    PortalStarted started,
    TimeProvider clock,
    ILogger<OperationKeeperService> logger) : PortalLoop(started, clock, logger)
{
    private bool filled;

    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        if (!filled)
        {
            await keeper.FillAsync(stoppingToken);
            filled = true;
        }

        await AttemptAsync("filling the scheduler", schedules.FillAsync, stoppingToken);

        // What is owed until a clock is vouched for, an instance beside this one may be able to begin already.
        await turns.TryRunForTheVouchedAsync(OccurrenceKeeper.LeaseName, rules().LeaseFor, keeper.TickAsync, stoppingToken);
        return rules().KeeperEvery;
    }

    protected override Task EndAsync() => turns.GiveBackAsync(OccurrenceKeeper.LeaseName, CancellationToken.None);
}

/// <summary>Runs that were started beside a schedule: by people, to make up for an instant, to go on from an interruption.</summary>
internal sealed partial class RunHost(OperationRunner runner, IHostApplicationLifetime lifetime, ILogger<RunHost> logger) : IRunHost, IHostedService
{
    private readonly Lock gate = new();
    private readonly HashSet<Task> running = [];

    public void Begin(StartedRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        Task task = Task.Run(() => RunAsync(run), CancellationToken.None);
        lock (gate)
        {
            running.Add(task);
        }

        _ = task.ContinueWith(Forget, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    public bool IsAtWork(Guid run) => runner.IsAtWork(run);

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>The runs have been told to stop; each writes that it was interrupted, for the next start to go on from.</summary>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        Task[] left;
        lock (gate)
        {
            left = [.. running];
        }

        return Task.WhenAll(left).WaitAsync(cancellationToken);
    }

    private void Forget(Task task)
    {
        lock (gate)
        {
            running.Remove(task);
        }
    }

    private async Task RunAsync(StartedRun run)
    {
        try
        {
            await runner.ExecuteAsync(run, lifetime.ApplicationStopping);
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // Interrupted, and written down as such.
        }
        catch (StoreUnavailableException away)
        {
            LogAway(logger, run.Run.Operation, run.Run.Number, away);
        }
        catch (OperationFailedException failure)
        {
            // What it came across is in its row, and in the fact that the log has; where in the program it broke is nowhere else.
            if (failure.InnerException is { } broken)
            {
                LogBroken(logger, run.Run.Operation, run.Run.Number, broken);
            }
        }
    }

    [LoggerMessage(EventId = 121, Level = LogLevel.Warning, Message = "The database went away under run {Number} of {Operation}; it is gone on from when the database is back")]
    private static partial void LogAway(ILogger logger, string operation, long number, Exception exception);

    [LoggerMessage(EventId = 122, Level = LogLevel.Error, Message = "Run {Number} of {Operation} broke down")]
    private static partial void LogBroken(ILogger logger, string operation, long number, Exception exception);
}
