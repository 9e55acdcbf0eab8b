using System.Globalization;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Operations;

/// <summary>What is to be said of a schedule before it is kept: the desk refuses by it, and the dialog says the same while somebody types.</summary>
public static class ScheduleCheck
{
    public const int MostCron = 120;
    public const int MostTimeZone = 60;

    /// <summary>
    /// The portal's loops look each minute at most, so that nothing destructive is done sooner by a shorter time: it would only be a slip of the finger.
    /// </summary>
    public static readonly TimeSpan ShortestOfDestructive = TimeSpan.FromMinutes(1);

    /// <returns>Why the operation must not be given these times; null: it may.</returns>
    public static FieldProblem? WhyNot(ICronSchedules crons, OperationInfo operation, OperationSchedule schedule, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(crons);
        ArgumentNullException.ThrowIfNull(operation);
        ArgumentNullException.ThrowIfNull(schedule);
        if (schedule.Cron.Length > MostCron)
        {
            return new FieldProblem("cron", $"It has {schedule.Cron.Length} characters", $"Say it in at most {MostCron}.");
        }

        if (schedule.TimeZone.Length > MostTimeZone)
        {
            return new FieldProblem("timeZone", $"It has {schedule.TimeZone.Length} characters", $"Say it in at most {MostTimeZone}.");
        }

        return crons.Read(schedule.Cron, schedule.TimeZone, now) switch
        {
            CronReading.Valid => WhyTooOften(crons, operation, schedule, now),
            CronReading.NoTimeZone => new FieldProblem("timeZone", $"There is no time zone \"{schedule.TimeZone}\"", "Name one as Europe/Berlin, or UTC."),
            CronReading.NeverFires => new FieldProblem(
                "cron",
                $"\"{schedule.Cron}\" names no instant that is still to come",
                "Check day, month and year: 30 February never comes. To stop the operation, pause it."),
            CronReading.Unreadable unreadable => new FieldProblem(
                "cron",
                $"\"{schedule.Cron}\" can't be read: {unreadable.Why}",
                "Write second minute hour day month weekday: \"0 30 3 * * ?\" is daily at 03:30."),
            _ => throw new NotSupportedException("A cron text is valid, or it says why not."),
        };
    }

    /// <summary>For times that may be kept: what whoever keeps them should know, in whole sentences.</summary>
    public static IReadOnlyList<string> Warnings(ICronSchedules crons, OperationSchedule schedule, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(crons);
        ArgumentNullException.ThrowIfNull(schedule);
        List<string> warnings = [];
        if (crons.NextAfter(schedule.Cron, schedule.TimeZone, now) is { } first && first - now > OperationRules.KeepOccurrencesFor)
        {
            warnings.Add($"It does not run by itself before {first:yyyy-MM-dd}. To stop it, pause it with a reason: a pause is seen on every page of it, and people are reminded.");
        }

        if (Gap(crons, schedule, now) is { } gap && gap < ShortestOfDestructive)
        {
            warnings.Add($"Two runs are {Words(gap)} apart: one that is still at work then lets the next instant pass as skipped.");
        }

        if (CronFields.NamesBothDays(schedule.Cron))
        {
            warnings.Add("It names a day of the month and a weekday: it runs on each day that is the one or the other, and not only where both meet.");
        }

        return warnings;
    }

    private static FieldProblem? WhyTooOften(ICronSchedules crons, OperationInfo operation, OperationSchedule schedule, DateTimeOffset now) =>
        operation.IsDestructive && Gap(crons, schedule, now) is { } gap && gap < ShortestOfDestructive
            ? new FieldProblem(
                "cron",
                $"By \"{schedule.Cron}\" two runs are {Words(gap)} apart, and “{operation.Title}” ends or deletes something",
                "Leave a minute or more between two runs: write one number as the second, as in \"0 */5 * * * ?\".")
            : null;

    /// <summary>
    /// The shortest of the first gaps. A text with one second in the minute has none below a minute, and one with more has two of the first three instants
    /// in the same minute.
    /// </summary>
    private static TimeSpan? Gap(ICronSchedules crons, OperationSchedule schedule, DateTimeOffset now)
    {
        IReadOnlyList<DateTimeOffset> first = crons.Between(schedule, now, DateTimeOffset.MaxValue, 3);
        return first.Count < 2 ? null : first.Zip(first.Skip(1), static (one, next) => next - one).Min();
    }

    private static string Words(TimeSpan gap) => string.Create(CultureInfo.InvariantCulture, $"{gap.TotalSeconds:0.###} s");
}
