using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Training;

/// <summary>
/// Runs the conductor: leases due jobs up to the number of free hands and steps each in a task of its own, so that one slow upload stops no other
/// job. Woken by commits of this process, otherwise by the soonest due time.
/// </summary>
internal sealed partial class ConductorService(
    TrainingConductor conductor, CommitSignal commits, PortalStarted started, TimeProvider clock, ILogger<ConductorService> logger) : BackgroundService
{
    /// <summary>Steps mostly wait for the network; a handful of them keeps a small machine responsive.</summary>
    private const int Hands = 8;

    private static readonly TimeSpan SleepAtMost = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AfterAFailure = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await started.WaitAsync(stoppingToken);
        using CommitListener listener = commits.Listen();
        List<Task> running = [];
        try
        {
            while (!stoppingToken.IsCancellationRequested)
            {
                running.RemoveAll(step => step.IsCompleted);
                TimeSpan sleep = await TurnAsync(running, stoppingToken);
                if (sleep > TimeSpan.Zero)
                {
                    await listener.WaitAsync(sleep, clock, stoppingToken);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // A clean end: steps that are under way stop at their next await; their leases run out.
        }

        await Task.WhenAll(running);
    }

    /// <returns>How long nothing is to do; zero to look again at once.</returns>
    private async Task<TimeSpan> TurnAsync(List<Task> running, CancellationToken stoppingToken)
    {
        try
        {
            int free = Hands - running.Count;
            IReadOnlyList<LeasedJob> leased = free > 0 ? await conductor.LeaseDueAsync(free, stoppingToken) : [];
            foreach (LeasedJob job in leased)
            {
                running.Add(StepAsync(job, stoppingToken));
            }

            if (leased.Count > 0)
            {
                return TimeSpan.Zero;
            }

            if (running.Count == Hands)
            {
                await Task.WhenAny(running);
                return TimeSpan.Zero;
            }

            DateTimeOffset? due = await conductor.NextDueAsync(stoppingToken);
            TimeSpan wait = due is { } at ? at - clock.GetUtcNow() : SleepAtMost;
            return wait < TimeSpan.FromMilliseconds(50) ? TimeSpan.FromMilliseconds(50) : wait > SleepAtMost ? SleepAtMost : wait;
        }
        catch (StoreUnavailableException away)
        {
            LogDatabaseAway(logger, away);
            return AfterAFailure;
        }
    }

    private async Task StepAsync(LeasedJob job, CancellationToken stoppingToken)
    {
        try
        {
            await conductor.StepAsync(job, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The portal is ending.
        }
        catch (StoreUnavailableException away)
        {
            LogDatabaseAway(logger, away);
        }
#pragma warning disable CA1031 // What can't even be written to the job must not end unseen in a task that nobody awaits; the lease runs out by itself.
        catch (Exception unexpected)
#pragma warning restore CA1031
        {
            LogNotWritten(logger, unexpected, job.Job.Id, job.Job.State);
        }
    }

    [LoggerMessage(EventId = 2002, Level = LogLevel.Error, Message = "A step of job {Job} in state {State} failed and could not be written down; it is done again when its lease has run out")]
    private static partial void LogNotWritten(ILogger logger, Exception exception, JobId job, TrainingState state);

    [LoggerMessage(EventId = 2001, Level = LogLevel.Warning, Message = "The database is away; jobs go on as soon as it is back")]
    private static partial void LogDatabaseAway(ILogger logger, Exception exception);
}
