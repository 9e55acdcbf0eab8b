using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Operations;

/// <summary>
/// Notes instants that passed while a pause or the kill switch held an operation and that no keeper has looked at: once that is forgotten, they would be
/// judged as if it had not been there. Those before it are left to the keeper, and the mark then stays before them.
/// </summary>
internal sealed class HeldInstants(ICronSchedules crons, ClockStandings clocks)
{
    private const int AtOnce = 2_000;

    /// <param name="schedule">Locked (<see cref="IOperationScheduleStore.LockAsync"/>).</param>
    /// <param name="bar">The pause or the kill switch, which is about to be forgotten.</param>
    /// <param name="since">Since when it holds.</param>
    public async Task SkipAsync(
        IUnit unit, OperationSchedule schedule, AutomationBar bar, DateTimeOffset since, DateTimeOffset now, CancellationToken cancellationToken)
    {
        // By a clock that is far off nobody knows what has passed: the keeper accounts for nothing then either.
        if (clocks.WhyHeld() is not null || crons.WhyUnreadable(schedule, now) is not null)
        {
            return;
        }

        DateTimeOffset until = bar.Until <= now ? bar.Until.Value.AddMilliseconds(-1) : now;
        if (schedule.AccountedUntil >= until)
        {
            return;
        }

        DateTimeOffset[] from = [schedule.AccountedUntil, since.AddMilliseconds(-1), now - OperationRules.KeepOccurrencesFor];
        DateTimeOffset mark = from.Max();
        bool isWhole = crons.Between(schedule, schedule.AccountedUntil, mark, 1).Count == 0;
        if (await SkipBetweenAsync(unit, crons, schedule, mark, until, bar.Words, now, cancellationToken) is { } first)
        {
            await unit.Events.AppendAsync(RunStarter.SkippedFact(schedule.Operation, first, bar.Words, held: true), cancellationToken);
        }

        if (isWhole)
        {
            await unit.Store<IOperationScheduleStore>().SetAccountedAsync(schedule.Operation, until, cancellationToken);
        }
    }

    public Task SkipAsync(IUnit unit, OperationSchedule schedule, OperationPause pause, DateTimeOffset now, CancellationToken cancellationToken) =>
        SkipAsync(unit, schedule, AutomationGate.Of(pause), pause.Since, now, cancellationToken);

    /// <summary>Closes as skipped the instants after the one and up to the other that have no end yet.</summary>
    /// <returns>The first of them; null: there is none.</returns>
    internal static async Task<DateTimeOffset?> SkipBetweenAsync(
        IUnit unit, ICronSchedules crons, OperationSchedule schedule, DateTimeOffset after, DateTimeOffset until, string why, DateTimeOffset now, CancellationToken cancellationToken)
    {
        DateTimeOffset? first = null;
        IReadOnlyList<DateTimeOffset> instants;
        do
        {
            instants = crons.Between(schedule, after, until, AtOnce);
            IReadOnlyList<Occurrence> added = await unit.Store<IOccurrenceStore>().AddAsync(
                [.. instants.Select(instant => new Occurrence(schedule.Operation, instant, OccurrenceState.Skipped, why, null, null, now))], cancellationToken);
            first ??= added.Count > 0 ? added[0].Instant : null;
            after = instants.Count > 0 ? instants[^1] : until;
        }
        while (instants.Count == AtOnce);
        return first;
    }

    /// <summary>Of all that the kill switch holds.</summary>
    public async Task SkipAsync(IUnit unit, OperationRegistry operations, AutomationHold hold, DateTimeOffset now, CancellationToken cancellationToken)
    {
        foreach (string key in operations.All.Where(static one => one.Info.IsDestructive).Select(static one => one.Info.Key).Order(StringComparer.Ordinal))
        {
            if (await unit.Store<IOperationScheduleStore>().LockAsync(key, cancellationToken) is { } schedule)
            {
                await SkipAsync(unit, schedule, AutomationGate.Of(hold), hold.Since, now, cancellationToken);
            }
        }
    }
}
