using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using Quartz;

namespace LoraAdmin.Operations;

/// <summary>
/// The one job class: its key is the operation's. It claims the instant that it was fired for; whether that is one of the schedule's, whether it runs,
/// on which instance and how often, the database decides, and not the scheduler.
/// </summary>
public sealed class QuartzJob(RunStarter starter, OperationRunner runner, OperationRegistry operations, IHostApplicationLifetime lifetime) : IJob
{
    public const string Group = "operations";

    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(context);
        string operation = context.JobDetail.Key.Name;
        if (operations.Find(operation) is null)
        {
            // Left in a shared store by another version of the portal.
            return;
        }

        DateTimeOffset instant = context.ScheduledFireTimeUtc ?? context.FireTimeUtc;
        RunRequest request = new(operation, RunTrigger.Schedule, Actor.Portal(operation), instant);
        if (await starter.StartAsync(request, cancellationToken) is StartOutcome.Started started)
        {
            try
            {
                await runner.ExecuteAsync(started.Run, lifetime.ApplicationStopping);
            }
            catch (OperationFailedException failure) when (failure.InnerException is null)
            {
                // What it came across is in its row, and in the fact that the log has.
            }
        }
    }
}
