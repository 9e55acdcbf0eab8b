using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Operations;

/// <summary>
/// Notes instants that passed while a pause or the kill switch held an operation and that no keeper has looked at: once that is forgotten, they would be
/// judged as if it had not been there. Those before it are left to the keeper, and the mark then stays before them.
/// </summary>
internal sealed class HeldInstants(ICronSchedules crons, ClockStandings clocks)
{
    private const int AtOnce = 2_000;

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
        IOccurrenceStore occurrences = unit.Store<IOccurrenceStore>();
        DateTimeOffset? first = null;
        IReadOnlyList<DateTimeOffset> instants;
        do
        {
            instants = crons.Between(schedule, mark, until, AtOnce);
            foreach (DateTimeOffset instant in instants)
            {
                bool added = await occurrences.TryAddAsync(
                    new Occurrence(schedule.Operation, instant, OccurrenceState.Skipped, bar.Words, null, null, now), cancellationToken);
                first ??= added ? instant : null;
                mark = instant;
            }
        }
        while (instants.Count == AtOnce);
        if (first is { } reminded)
        {
            await unit.Events.AppendAsync(RunStarter.SkippedFact(schedule.Operation, reminded, bar.Words, held: true), cancellationToken);
        }

        if (isWhole)
        {
            await unit.Store<IOperationScheduleStore>().SetAccountedAsync(schedule.Operation, until, cancellationToken);
        }
    }

    public Task SkipAsync(IUnit unit, OperationSchedule schedule, OperationPause pause, DateTimeOffset now, CancellationToken cancellationToken) =>
        SkipAsync(unit, schedule, AutomationGate.Of(pause), pause.Since, now, cancellationToken);

    /// <summary>Of all that the kill switch holds.</summary>
    public async Task SkipAsync(IUnit unit, OperationRegistry operations, AutomationHold hold, DateTimeOffset now, CancellationToken cancellationToken)
    {
        foreach (OperationSchedule schedule in await unit.Store<IOperationScheduleStore>().ListAsync(cancellationToken))
        {
            if (operations.Find(schedule.Operation)?.Info.IsDestructive == true)
            {
                await SkipAsync(unit, schedule, AutomationGate.Of(hold), hold.Since, now, cancellationToken);
            }
        }
    }
}
