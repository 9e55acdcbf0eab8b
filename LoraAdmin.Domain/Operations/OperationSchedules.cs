using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Operations;

/// <summary>An operation does not run by itself. What a person starts goes on.</summary>
/// <param name="Reason">1 to 500 characters.</param>
/// <param name="Until">When it ends by itself; null: when a person resumes.</param>
public sealed record OperationPause(string Reason, Actor By, DateTimeOffset Since, DateTimeOffset? Until)
{
    public bool HoldsAt(DateTimeOffset instant) => Since <= instant && HoldsNow(instant);

    /// <summary>At present: it has been made already, also when the present clock is behind that of whoever made it.</summary>
    public bool HoldsNow(DateTimeOffset now) => !(Until <= now);
}

/// <summary>The kill switch: nothing destructive happens by itself. What a person starts, and the end of pods whose own job ended, goes on.</summary>
/// <param name="Reason">1 to 500 characters.</param>
/// <param name="Until">When it ends by itself; null: when a person releases it.</param>
public sealed record AutomationHold(string Reason, Actor By, DateTimeOffset Since, DateTimeOffset? Until)
{
    public bool HoldsAt(DateTimeOffset instant) => Since <= instant && HoldsNow(instant);

    /// <summary>At present: it has been made already, also when the present clock is behind that of whoever made it.</summary>
    public bool HoldsNow(DateTimeOffset now) => !(Until <= now);
}

/// <summary>When an operation runs: the truth, from which the scheduler is filled.</summary>
/// <param name="Cron">Quartz form.</param>
/// <param name="TimeZone">IANA id in which the cron is read; <c>UTC</c> by default.</param>
/// <param name="IsEdited">A person chose it: it stays when a new version brings another default.</param>
/// <param name="AccountedUntil">Every instant up to here has its row.</param>
public sealed record OperationSchedule(
    string Operation, string Cron, string TimeZone, CatchUp CatchUp, bool IsEdited, OperationPause? Pause, DateTimeOffset AccountedUntil)
{
    public const string Utc = "UTC";

    /// <summary>From when on its times are the present ones, by the clock of whoever changed them; null: from the beginning.</summary>
    public DateTimeOffset? InForceFrom { get; init; }

    /// <summary>Instants that are still to come are run by these times when they lie after this.</summary>
    public DateTimeOffset RunsAfter(DateTimeOffset now) => InForceFrom > now ? InForceFrom.Value : now;
}

/// <param name="Grace">How long after its instant a run may begin and still count as on time.</param>
/// <param name="PlanValidFor">A plan that is older is not applied any more.</param>
/// <param name="LeaseFor">A run that was not heard of for so long is taken over.</param>
/// <param name="KeeperEvery">How often instants are accounted for.</param>
/// <param name="KeepRuns">Runs of each operation that are kept, however old.</param>
/// <param name="KeepRunsFor">Runs that are younger are kept, however many.</param>
public sealed record OperationRules(TimeSpan Grace, TimeSpan PlanValidFor, TimeSpan LeaseFor, TimeSpan KeeperEvery, int KeepRuns, TimeSpan KeepRunsFor)
{
    /// <summary>Enough for the picture of a year.</summary>
    public static readonly TimeSpan KeepOccurrencesFor = TimeSpan.FromDays(400);

    /// <summary>
    /// An edited schedule has no instants for so long: the scheduler of some instance may not have heard of it yet, and never starts in the past.
    /// </summary>
    public TimeSpan HeardOfWithin => KeeperEvery * 2;

    /// <summary>
    /// Whether an instant that is still owed is not run any more, although it was fired on time: with "They stay missed" nothing runs hours after its instant, whatever kept
    /// it from beginning.
    /// </summary>
    public bool IsTooLateFor(CatchUp catchUp, DateTimeOffset instant, DateTimeOffset now) =>
        catchUp == CatchUp.Never && now - instant > Grace + ClockStandings.WordWithin;

    /// <summary>Silence of every keeper after which nobody was awake.</summary>
    public TimeSpan AsleepAfter => KeeperEvery * 3 + LeaseFor;
}

/// <summary>What a schedule's text means.</summary>
public abstract record CronReading
{
    private CronReading()
    {
    }

    public sealed record Valid : CronReading;

    /// <summary>The text is no cron expression.</summary>
    /// <param name="Why">What is wrong with it.</param>
    public sealed record Unreadable(string Why) : CronReading;

    /// <summary>It names no instant that is still to come, such as 30 February.</summary>
    public sealed record NeverFires : CronReading;

    /// <summary>There is no such time zone.</summary>
    public sealed record NoTimeZone : CronReading;
}

/// <summary>Evaluates cron texts. The scheduler's own expression class stands behind it; nothing else is shared with the scheduler.</summary>
public interface ICronSchedules
{
    /// <param name="timeZone">IANA id.</param>
    /// <param name="now">Instants after it count.</param>
    CronReading Read(string cron, string timeZone, DateTimeOffset now);

    /// <summary>The first instant after the given one, in UTC; null: there is none any more.</summary>
    /// <exception cref="ArgumentException">The text or the zone can't be read: <see cref="Read"/> says so before.</exception>
    DateTimeOffset? NextAfter(string cron, string timeZone, DateTimeOffset after);
}

public static class CronScheduleExtensions
{
    /// <summary>Why no instant can be told from the schedule's text; null: it can be read.</summary>
    public static string? WhyUnreadable(this ICronSchedules crons, OperationSchedule schedule, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(crons);
        ArgumentNullException.ThrowIfNull(schedule);
        return crons.Read(schedule.Cron, schedule.TimeZone, now) switch
        {
            CronReading.Unreadable unreadable => $"\"{schedule.Cron}\" can't be read: {unreadable.Why}",
            CronReading.NoTimeZone => $"there is no time zone \"{schedule.TimeZone}\"",
            _ => null,
        };
    }

    /// <summary>Instants in (<paramref name="after"/>, <paramref name="until"/>], oldest first, at most <paramref name="most"/>.</summary>
    public static IReadOnlyList<DateTimeOffset> Between(
        this ICronSchedules crons, OperationSchedule schedule, DateTimeOffset after, DateTimeOffset until, int most)
    {
        ArgumentNullException.ThrowIfNull(crons);
        ArgumentNullException.ThrowIfNull(schedule);
        List<DateTimeOffset> instants = [];
        DateTimeOffset? next = crons.NextAfter(schedule.Cron, schedule.TimeZone, after);
        while (next <= until && instants.Count < most)
        {
            instants.Add(next.Value);
            next = crons.NextAfter(schedule.Cron, schedule.TimeZone, next.Value);
        }

        return instants;
    }
}
