using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Operations;

/// <summary>
/// Takes back what a clock that was ahead has accounted for, once that clock has been set back: what it has closed without a run is open again, as if
/// nobody had looked. An instant that a run was made for keeps it, so that none ever runs twice. A clock that is wrongly behind sees the same rows ahead
/// of it, and all history with them: so nothing is taken back on the word of one clock alone.
/// </summary>
internal static class ClockSetBack
{
    /// <summary>The mark lies further ahead than any keeper could have moved it by the present clock, an edit's silence included.</summary>
    public static bool HasHappened(OperationSchedule schedule, DateTimeOffset now, OperationRules rules) => schedule.AccountedUntil - now > rules.AsleepAfter;

    /// <summary>It has happened, and the provider's clock agrees that it is now.</summary>
    public static bool IsSure(OperationSchedule schedule, DateTimeOffset now, OperationRules rules, ClockStandings clocks) =>
        HasHappened(schedule, now, rules) && clocks.IsConfirmed();

    /// <param name="now">Instants after it are to come.</param>
    /// <returns>The schedule with its mark back.</returns>
    public static async Task<OperationSchedule> TakeBackAsync(
        IUnit unit, OperationInfo info, OperationSchedule schedule, DateTimeOffset now, Actor actor, CancellationToken cancellationToken)
    {
        IOperationScheduleStore schedules = unit.Store<IOperationScheduleStore>();

        // A fire on another instance may be about to do the same.
        OperationSchedule locked = await schedules.LockAsync(info.Key, cancellationToken) ?? schedule;
        OperationSchedule back = await ReadBackAsync(unit, locked, now, cancellationToken);
        if (back.AccountedUntil >= locked.AccountedUntil)
        {
            return locked;
        }

        // What lies before the mark is looked at no more: it keeps its end.
        int open = await unit.Store<IOccurrenceStore>().DeleteAheadAsync(info.Key, now, back.AccountedUntil, cancellationToken);
        await schedules.TakeAccountedBackAsync(info.Key, back.AccountedUntil, cancellationToken);
        string text = $"The clock that {info.Title} was accounted by until {locked.AccountedUntil:u} has been set back: "
            + $"{open} instants after {back.AccountedUntil:u} that had no run are open again";
        await unit.Events.AppendAsync(OperationFacts.Of(OperationEvents.TakenBack, text, actor, EventSeverity.Warning), cancellationToken);
        return back;
    }

    /// <summary>The schedule as <see cref="TakeBackAsync"/> would leave it. Reads only.</summary>
    public static async Task<OperationSchedule> ReadBackAsync(IUnit unit, OperationSchedule schedule, DateTimeOffset now, CancellationToken cancellationToken)
    {
        DateTimeOffset? oldest = await unit.Store<IOccurrenceStore>().FindAheadAsync(schedule.Operation, now, cancellationToken);
        DateTimeOffset mark = oldest <= now ? oldest.Value.AddMilliseconds(-1) : now;
        if (schedule.InForceFrom is { } from && mark < from)
        {
            // The present text has no instants before. By the clock that was ahead it may begin later than now; truly it had begun by now.
            mark = from < now ? from : now;
        }

        return mark < schedule.AccountedUntil ? schedule with { AccountedUntil = mark } : schedule;
    }
}
