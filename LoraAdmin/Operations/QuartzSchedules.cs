using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using Quartz;

namespace LoraAdmin.Operations;

/// <summary>
/// Fills the scheduler from <c>operation_schedules</c>, which is the truth, and goes on looking: an edit made on any instance reaches the scheduler
/// within one look. Triggers never catch up by themselves; that is the occurrence keeper's.
/// </summary>
internal sealed class QuartzSchedules(ISchedulerFactory schedulers, IUnitOfWork work, OperationRegistry operations, ICronSchedules crons, TimeProvider clock)
{
    private readonly Dictionary<string, (string Cron, string TimeZone)> filled = new(StringComparer.Ordinal);
    private DateTimeOffset looked;

    /// <exception cref="AggregateException">Some schedules could not be given to the scheduler; all others were.</exception>
    public async Task FillAsync(CancellationToken cancellationToken)
    {
        List<Exception> failures = [];
        IReadOnlyList<OperationSchedule> schedules = await work.ReadAsync((unit, token) => unit.Store<IOperationScheduleStore>().ListAsync(token), cancellationToken);
        IScheduler scheduler = await schedulers.GetScheduler(cancellationToken);
        DateTimeOffset now = clock.GetUtcNow();
        if (now < looked)
        {
            // The clock has been set back: triggers wait for what comes after the time that it was ahead by.
            filled.Clear();
        }

        looked = now;
        foreach (OperationSchedule schedule in schedules)
        {
            (string, string) wanted = (schedule.Cron, schedule.TimeZone);
            if (operations.Find(schedule.Operation) is { } operation && filled.GetValueOrDefault(schedule.Operation) != wanted)
            {
                try
                {
                    await FillAsync(scheduler, operation.Info, schedule, cancellationToken);
                    filled[schedule.Operation] = wanted;
                }
                catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
                {
                    failures.Add(new InvalidOperationException($"The schedule of {schedule.Operation} can't be given to the scheduler: {failure.Message}", failure));
                }
            }
        }

        if (failures.Count > 0)
        {
            throw new AggregateException(failures);
        }
    }

    private async Task FillAsync(IScheduler scheduler, OperationInfo info, OperationSchedule schedule, CancellationToken cancellationToken)
    {
        TriggerKey key = new(info.Key, QuartzJob.Group);
        DateTimeOffset now = clock.GetUtcNow();
        if (crons.WhyUnreadable(schedule, now) is not null || crons.NextAfter(schedule.Cron, schedule.TimeZone, now) is not { } due)
        {
            // Its last instant has passed, or nobody knows one: the scheduler refuses a trigger that never fires.
            await scheduler.UnscheduleJob(key, cancellationToken);
            return;
        }

        if (await scheduler.GetTrigger(key, cancellationToken) is ICronTrigger present
            && present.CronExpressionString == schedule.Cron && present.TimeZone.Id == schedule.TimeZone && present.NextFireTimeUtc <= due)
        {
            return;
        }

        IJobDetail job = JobBuilder.Create<QuartzJob>().WithIdentity(info.Key, QuartzJob.Group).WithDescription(info.Title).StoreDurably(true).Build();
        ITrigger trigger = TriggerBuilder.Create(clock)
            .WithIdentity(key)
            .ForJob(job)
            .WithCronSchedule(schedule.Cron, cron => cron
                .InTimeZone(TimeZoneInfo.FindSystemTimeZoneById(schedule.TimeZone))
                .WithMisfireInstruction(CronTriggerMisfireInstruction.DoNothing))
            .Build();
        await scheduler.ScheduleJob(job, [trigger], new ScheduleJobOptions { Replace = true }, cancellationToken);
    }
}
