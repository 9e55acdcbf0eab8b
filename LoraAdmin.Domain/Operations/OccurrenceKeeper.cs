using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Operations;

/// <param name="Operation">Its key.</param>
/// <param name="Instant">The newest instant that was missed: the run is for it.</param>
/// <param name="Missed">How many instants since the last look the run makes up for, this one included.</param>
public sealed record OwedRun(string Operation, DateTimeOffset Instant, int Missed);

/// <summary>The runs that a start of the portal brings about at once.</summary>
/// <param name="Interrupted">Runs that are gone on from, in the order of their start.</param>
/// <param name="Owed">Runs that make up for missed instants.</param>
/// <param name="Leased">Runs that are gone on from when their leases are over, unless whoever has them renews those: nobody can tell yet whether it is alive.</param>
/// <param name="Unreadable">Operations whose schedule can't be read: nothing is known of their instants.</param>
public sealed record DueRuns(
    IReadOnlyList<OperationRun> Interrupted, IReadOnlyList<OperationRun> Leased, IReadOnlyList<OwedRun> Owed, IReadOnlyList<string> Unreadable);

/// <summary>
/// Knows which instants should have run, closes each with exactly one end state, and alone starts runs that make up for missed ones and that go on from
/// interrupted ones. Only the holder of the lease <see cref="LeaseName"/> lets it tick. It shares nothing with the scheduler but the cron text.
/// </summary>
/// <param name="firesInMemory">The scheduler keeps its triggers in this process alone, which is the only one on its database.</param>
public sealed class OccurrenceKeeper(
    IUnitOfWork work,
    OperationRegistry operations,
    ICronSchedules crons,
    RunStarter starter,
    IRunHost host,
    TimeProvider clock,
    Func<OperationRules> rules,
    ClockStandings clocks,
    bool firesInMemory)
{
    public const string LeaseName = "operations.keeper";

    /// <summary>Instants of one operation that one look takes: years of a minutely one are accounted for piece by piece.</summary>
    private const int InstantsAtOnce = 2000;

    private static readonly Actor Self = Actor.Portal(LeaseName);

    private bool hasLooked;

    /// <summary>Its newest turn, as a timestamp of the process, which no setting of its clock changes.</summary>
    private long? lastTurn;

    /// <summary>What no other keeper has looked since: its newest account, and the first turn of a doubt that is not over.</summary>
    private Stretch? sinceAccount;
    private Stretch? sinceDoubt;

    /// <summary>What this process has told of operations that it could not account for, and of those whose owed run did not begin.</summary>
    private readonly Dictionary<string, Told> unaccounted = new(StringComparer.Ordinal);

    /// <summary>Operations that this process has accounted for, while no other keeper looked: what was told of them before is over.</summary>
    private readonly HashSet<string> accountedOnce = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Told> notBegun = new(StringComparer.Ordinal);
    private readonly LeaseWatch leases = new(clock, rules, clocks);

    /// <summary>
    /// Before the first look of a process: gives each operation its schedule's row. A schedule that nobody edited follows a new default, after the instants of the old one are accounted for.
    /// </summary>
    public async Task FillAsync(CancellationToken cancellationToken)
    {
        foreach (IOperation operation in operations.All)
        {
            await AloneAsync(operation.Info, token => work.RunAsync((unit, inner) => FillAsync(unit, operation.Info, inner), token), cancellationToken);
        }
    }

    /// <summary>
    /// Accounts for every instant up to now, and starts what is owed. Each run begins its work as soon as its row is written, whatever fails after it. An
    /// operation whose schedule can't be read is told of, and keeps no other from its turn. By a clock that is far off nothing is accounted for: what it
    /// says has passed may be still to come.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The database is away; the next look goes on from the mark.</exception>
    public async Task TickAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        long turn = clock.GetTimestamp();
        DateTimeOffset? beat = await work.ReadAsync((unit, token) => unit.Store<IOperationScheduleStore>().ReadHeartbeatAsync(token), cancellationToken);
        if (lastTurn is { } last && clock.GetElapsedTime(last) > rules().AsleepAfter)
        {
            sinceDoubt = null;
        }

        sinceDoubt = sinceDoubt?.IfStill(beat);
        bool isHoldNoted = false;
        if (clocks.WhyHeld() is null)
        {
            isHoldNoted = await AccountAsync(now, beat, cancellationToken);
            sinceAccount = Stretch.From(turn, now);
            sinceDoubt = null;
        }
        else
        {
            sinceDoubt ??= Stretch.From(turn, beat);
        }

        if (isHoldNoted && clocks.IsConfirmed())
        {
            await EndHoldAsync(now, cancellationToken);
        }

        await RecoverAsync(cancellationToken);
        await CatchUpAsync(now, cancellationToken);
        lastTurn = clock.GetTimestamp();
    }

    /// <summary>Which runs would happen if the portal started at this moment. Reads only.</summary>
    public async Task<DueRuns> PreviewAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        return await work.ReadAsync(
            async (unit, token) =>
            {
                Silence? silence = SilenceOf(now, await unit.Store<IOperationScheduleStore>().ReadHeartbeatAsync(token));
                (List<OperationRun> interrupted, List<OperationRun> leased) = await InterruptedAsync(unit, now, token);
                List<OwedRun> owed = [];
                List<string> unreadable = [];
                foreach (IOperation operation in operations.All)
                {
                    if (await unit.Store<IOperationScheduleStore>().FindAsync(operation.Info.Key, token) is { } schedule && crons.WhyUnreadable(schedule, now) is not null)
                    {
                        unreadable.Add(operation.Info.Key);
                    }
                    else if (await OwedAsync(unit, operation.Info, now, silence, token) is { } run)
                    {
                        owed.Add(run);
                    }
                }

                return new DueRuns(interrupted, leased, owed, unreadable);
            },
            cancellationToken);
    }

    /// <summary>Where a start is alone on its database, whoever has a lease there is gone.</summary>
    private async Task<(List<OperationRun> Interrupted, List<OperationRun> Leased)> InterruptedAsync(IUnit unit, DateTimeOffset now, CancellationToken cancellationToken)
    {
        List<OperationRun> interrupted = [];
        List<OperationRun> leased = [];
        foreach (OperationRun run in await unit.Store<IOperationRunStore>().ListUnfinishedAsync(cancellationToken))
        {
            if (await starter.IsGoneOnFromAsync(unit, run, cancellationToken))
            {
                bool isHeld = !firesInMemory && run.State == RunState.Running && run.LeaseUntil > now;
                (isHeld ? leased : interrupted).Add(run);
            }
        }

        return (interrupted, leased);
    }

    /// <returns>Null: nothing is made up for, or what would be is held now.</returns>
    private async Task<OwedRun?> OwedAsync(IUnit unit, OperationInfo info, DateTimeOffset now, Silence? silence, CancellationToken cancellationToken)
    {
        if (await unit.Store<IOperationScheduleStore>().FindAsync(info.Key, cancellationToken) is not { } schedule
            || RunStarter.WhyHeldNow(info, schedule.Pause, await unit.Store<IAutomationHoldStore>().FindAsync(cancellationToken), now) is not null)
        {
            return null;
        }

        if (ClockSetBack.IsSure(schedule, now, rules(), clocks))
        {
            schedule = await ClockSetBack.ReadBackAsync(unit, schedule, now, cancellationToken);
        }

        if (SinceHistory(schedule, now) is not { } since)
        {
            return null;
        }

        schedule = since;
        Accounting accounting = await DecideAsync(unit, info, schedule, now, silence, int.MaxValue, cancellationToken);

        // Those of a look whose portal died before it began the run are owed still.
        IEnumerable<DateTimeOffset> before = (await unit.Store<IOccurrenceStore>().ListOpenAsync(cancellationToken))
            .Where(one => one.Operation == info.Key && one.State == OccurrenceState.Owed && one.Instant <= now
                && !rules().IsTooLateFor(schedule.CatchUp, one.Instant, now))
            .Select(one => one.Instant);
        DateTimeOffset[] owed =
        [
            .. before.Except(accounting.Outdated).Concat(accounting.Verdicts.Where(one => one.State == OccurrenceState.Owed).Select(one => one.Instant)).Order(),
        ];
        int missed = accounting.Verdicts.Count(one => one.State == OccurrenceState.Missed) + accounting.Outdated.Count;
        return owed.Length == 0 ? null : new OwedRun(info.Key, owed[^1], missed + owed.Length);
    }

    private async Task FillAsync(IUnit unit, OperationInfo info, CancellationToken cancellationToken)
    {
        IOperationScheduleStore schedules = unit.Store<IOperationScheduleStore>();
        OperationSchedule? kept = await schedules.LockAsync(info.Key, cancellationToken);
        DateTimeOffset now = clock.GetUtcNow();
        OperationSchedule byDefault = new(info.Key, info.DefaultCron, OperationSchedule.Utc, info.CatchUp, IsEdited: false, null, now);
        if (kept is null)
        {
            await schedules.TryAddAsync(byDefault, cancellationToken);
        }
        else if (!kept.IsEdited && (kept.Cron != byDefault.Cron || kept.TimeZone != byDefault.TimeZone || kept.CatchUp != byDefault.CatchUp))
        {
            // Whoever ran the old default is gone: its instants up to now are overdue. Of a text that can't be read nobody knows one.
            while (crons.WhyUnreadable(kept, now) is null && !await AccountAsync(unit, info, now, new Silence(kept.AccountedUntil, now), cancellationToken))
            {
            }

            await schedules.SaveTimesAsync(byDefault with { InForceFrom = now }, cancellationToken);
        }
    }

    /// <summary>Lets one operation have its turn so that its failure keeps no other from theirs, and is told.</summary>
    /// <returns>How it failed; null: it did not.</returns>
    private async Task<Exception?> AloneAsync(OperationInfo info, Func<CancellationToken, Task> turn, CancellationToken cancellationToken)
    {
        try
        {
            await turn(cancellationToken);
            return null;
        }
        catch (Exception failure) when (failure is not (StoreUnavailableException or OperationCanceledException))
        {
            if (failure is UnreadableScheduleException)
            {
                await TellAsync(unaccounted, info, failure.Message, OperationFacts.ScheduleUnreadable, isOfSchedule: true, cancellationToken);
            }
            else
            {
                await TellAsync(
                    unaccounted, info, $"{failure.GetType().Name}: {failure.Message}", OperationFacts.NotAccounted, isOfSchedule: true, cancellationToken);
            }

            return failure;
        }
    }

    /// <summary>Begins a run that is owed so that its failure keeps no other from beginning, and is told until a run of the operation goes well.</summary>
    private async Task BeginAloneAsync(OperationInfo info, Func<CancellationToken, Task<StartOutcome>> start, CancellationToken cancellationToken)
    {
        try
        {
            if (await start(cancellationToken) is StartOutcome.Started started)
            {
                host.Begin(started.Run);
                notBegun.Remove(info.Key);
            }
        }
        catch (Exception failure) when (failure is not (StoreUnavailableException or OperationCanceledException))
        {
            await TellAsync(notBegun, info, $"{failure.GetType().Name}: {failure.Message}", OperationFacts.NotBegun, isOfSchedule: false, cancellationToken);
        }
    }

    /// <summary>Tells a reason once, and anew when a run that went well has ended its incident meanwhile.</summary>
    /// <param name="isOfSchedule">Only a run of the schedule ends it.</param>
    private async Task TellAsync(
        Dictionary<string, Told> known,
        OperationInfo info,
        string why,
        Func<OperationInfo, string, Actor, OperationalEvent> factOf,
        bool isOfSchedule,
        CancellationToken cancellationToken)
    {
        if (known.GetValueOrDefault(info.Key) is { } told && told.Why == why
            && !await work.ReadAsync((unit, token) => HasGoneWellAsync(unit, info.Key, told.At, isOfSchedule, token), cancellationToken))
        {
            return;
        }

        await work.RunAsync((unit, token) => unit.Events.AppendAsync(factOf(info, why, Self), token), cancellationToken);
        known[info.Key] = new Told(why, clock.GetUtcNow());
    }

    private async Task<bool> HasGoneWellAsync(IUnit unit, string operation, DateTimeOffset since, bool isOfSchedule, CancellationToken cancellationToken)
    {
        const int newest = 20;
        RunPage page = await unit.Store<IOperationRunStore>().ListAsync(new RunFilter(operation, [RunState.Succeeded], null), after: null, newest, cancellationToken);
        DateTimeOffset now = clock.GetUtcNow();

        // One that ended under a clock that was ahead did so before: it would have been told anew with every look until that time.
        return page.Runs.Any(run => run.EndedAt >= since && run.EndedAt <= now && (!isOfSchedule || run.Trigger == RunTrigger.Schedule));
    }

    /// <returns>
    /// Whether every instant that the kill switch held is noted. Of a schedule that can't be read nobody knows one: it must not keep the switch of all others from ending.
    /// </returns>
    private async Task<bool> AccountAsync(DateTimeOffset now, DateTimeOffset? beat, CancellationToken cancellationToken)
    {
        Silence? silence = SilenceOf(now, beat);
        bool isHoldNoted = true;
        if (sinceAccount?.IfStill(beat) is null)
        {
            accountedOnce.Clear();
        }

        foreach (IOperation operation in operations.All)
        {
            if (await AloneAsync(operation.Info, token => AccountAsync(operation.Info, now, silence, token), cancellationToken) is { } failure)
            {
                isHoldNoted &= failure is UnreadableScheduleException || !operation.Info.IsDestructive;
                continue;
            }

            if (unaccounted.ContainsKey(operation.Info.Key) || !accountedOnce.Contains(operation.Info.Key))
            {
                await work.RunAsync((unit, token) => unit.AppendIfItEndsAsync(OperationFacts.Accounted(operation.Info, Self), token), cancellationToken);
                unaccounted.Remove(operation.Info.Key);
                accountedOnce.Add(operation.Info.Key);
            }
        }

        await work.RunAsync((unit, token) => unit.Store<IOperationScheduleStore>().BeatAsync(now, token), cancellationToken);
        hasLooked = true;
        return isHoldNoted;
    }

    private async Task AccountAsync(OperationInfo info, DateTimeOffset now, Silence? silence, CancellationToken cancellationToken)
    {
        // Piece by piece, so that nothing is made up for before everything is known.
        while (!await work.RunAsync((unit, token) => AccountAsync(unit, info, now, silence, token), cancellationToken))
        {
        }
    }

    /// <summary>
    /// When nobody was awake since the newest beat. A process whose clock was in doubt has left no beat, but it was there: its scheduler fires what comes. So
    /// was the only process on its database, which may have waited behind a long statement; time in which its machine slept it has not lived.
    /// </summary>
    private Silence? SilenceOf(DateTimeOffset now, DateTimeOffset? beat)
    {
        Stretch? lived = sinceDoubt?.IfStill(beat) ?? (firesInMemory ? sinceAccount?.IfStill(beat) : null);
        DateTimeOffset until = lived is null ? now : now - clock.GetElapsedTime(lived.Since);

        // A scheduler in memory was made with this process: what came between the last look and its start nobody can fire any more, however short it was.
        return beat is { } from && (until - from > rules().AsleepAfter || (firesInMemory && !hasLooked)) ? new Silence(from, until) : null;
    }

    /// <returns>False: there are more instants up to now.</returns>
    private async Task<bool> AccountAsync(IUnit unit, OperationInfo info, DateTimeOffset now, Silence? silence, CancellationToken cancellationToken)
    {
        IOperationScheduleStore schedules = unit.Store<IOperationScheduleStore>();
        if (await schedules.LockAsync(info.Key, cancellationToken) is not { } schedule)
        {
            return true;
        }

        if (crons.WhyUnreadable(schedule, now) is { } why)
        {
            throw new UnreadableScheduleException(why);
        }

        if (ClockSetBack.IsSure(schedule, now, rules(), clocks))
        {
            schedule = await ClockSetBack.TakeBackAsync(unit, info, schedule, now, Self, cancellationToken);
        }

        if (schedule.AccountedUntil >= now || SinceHistory(schedule, now) is not { } since)
        {
            return true;
        }

        schedule = since;
        if (crons.NextAfter(schedule.Cron, schedule.TimeZone, schedule.AccountedUntil) is not { } first || first > now)
        {
            await EndPauseAsync(unit, info, schedule, now, cancellationToken);
            return true;
        }

        Accounting accounting = await DecideAsync(unit, info, schedule, now, silence, InstantsAtOnce, cancellationToken);
        await WriteAsync(unit, info, accounting, now, cancellationToken);
        await schedules.SetAccountedAsync(info.Key, accounting.Until, cancellationToken);
        await EndPauseAsync(unit, info, schedule, accounting.Until, cancellationToken);

        // A mark that waits for an instant is not behind: what lies before it is whole.
        return accounting.Until >= now || crons.NextAfter(schedule.Cron, schedule.TimeZone, accounting.Until) is not { } next
            || next > now || accounting.Until.AddMilliseconds(1) == next;
    }

    /// <summary>
    /// The schedule with its mark where history begins, when it lies before: no instant from before is kept, and those of decades would be noted one by one when
    /// a clock that began in 1970 is set.
    /// </summary>
    /// <returns>Null: so long a time is accounted for on the provider's word alone; either clock may be wrong by it.</returns>
    private OperationSchedule? SinceHistory(OperationSchedule schedule, DateTimeOffset now)
    {
        DateTimeOffset kept = now - OperationRules.KeepOccurrencesFor;
        return schedule.AccountedUntil >= kept ? schedule
            : clocks.IsConfirmed() ? schedule with { AccountedUntil = kept }
            : null;
    }

    /// <summary>
    /// A pause that is over stays until every instant in it is accounted for: it says why they were skipped. It holds nothing any more, and is forgotten
    /// only when another clock agrees that it is over: a clock that was ahead must not have ended it for good.
    /// </summary>
    private async Task EndPauseAsync(
        IUnit unit, OperationInfo info, OperationSchedule schedule, DateTimeOffset accounted, CancellationToken cancellationToken)
    {
        if (clocks.IsConfirmed() && schedule.Pause is { } pause && pause.Until <= accounted
            && await unit.Store<IOperationScheduleStore>().TryEndPauseAsync(info.Key, accounted, cancellationToken))
        {
            await unit.Events.AppendAsync(
                OperationFacts.Of(OperationEvents.Resumed, $"The pause of {info.Title} is over: {pause.Reason}", Self), cancellationToken);
        }
    }

    private async Task<Accounting> DecideAsync(
        IUnit unit, OperationInfo info, OperationSchedule schedule, DateTimeOffset now, Silence? silence, int most, CancellationToken cancellationToken)
    {
        IReadOnlyList<DateTimeOffset> instants = crons.Between(schedule, schedule.AccountedUntil, now, most);
        IReadOnlyList<Occurrence> known = await unit.Store<IOccurrenceStore>().ListAsync(info.Key, schedule.AccountedUntil, now, cancellationToken);
        IReadOnlyList<Occurrence> open = await unit.Store<IOccurrenceStore>().ListOpenAsync(cancellationToken);
        AutomationHold? hold = await unit.Store<IAutomationHoldStore>().FindAsync(cancellationToken);

        // One in the future that a run was made for, by a clock that was ahead, says nothing about those before it.
        Dictionary<DateTimeOffset, Occurrence> rows = known.Concat(open.Where(one => one.Operation == info.Key))
            .Where(one => one.Instant <= now && !one.IsAheadOf(now))
            .DistinctBy(one => one.Instant)
            .ToDictionary(one => one.Instant);
        return OccurrenceAccounting.Decide(new AccountingInput(
            instants,
            instants.Count < most,
            rows,
            now,
            silence,
            sinceDoubt is { } doubt ? now - clock.GetElapsedTime(doubt.Since) : null,
            rules().Grace,
            schedule.CatchUp,
            instant => RunStarter.WhyHeldAt(info, schedule.Pause, hold, instant)));
    }

    private static async Task WriteAsync(IUnit unit, OperationInfo info, Accounting accounting, DateTimeOffset now, CancellationToken cancellationToken)
    {
        IOccurrenceStore occurrences = unit.Store<IOccurrenceStore>();
        HashSet<DateTimeOffset> added =
        [
            .. (await occurrences.AddAsync(
                [
                    .. accounting.Verdicts.Select(verdict => new Occurrence(
                        info.Key, verdict.Instant, verdict.State, verdict.Why, null, null, verdict.State == OccurrenceState.Owed ? null : now)),
                ],
                cancellationToken)).Select(static one => one.Instant),
        ];
        Verdict[] written = [.. accounting.Verdicts.Where(verdict => added.Contains(verdict.Instant))];

        foreach (DateTimeOffset instant in accounting.Outdated)
        {
            await occurrences.TryEndAsync(info.Key, instant, OccurrenceState.Missed, "A newer instant took its place", now, cancellationToken);
        }

        if (Array.Find(written, static one => one.State == OccurrenceState.Skipped) is { } skipped)
        {
            await unit.Events.AppendAsync(RunStarter.SkippedFact(info.Key, skipped.Instant, skipped.Why!, held: true), cancellationToken);
        }

        Verdict[] missed = [.. written.Where(one => one.State != OccurrenceState.Skipped)];
        if (missed.Length > 0)
        {
            await unit.Events.AppendAsync(OperationFacts.Missed(info, missed, Self), cancellationToken);
        }
    }

    /// <summary>
    /// Only when what it held is noted, as with a pause, and another clock agrees that its time is over; until then <see cref="AutomationHold.HoldsNow"/> alone decides
    /// what it holds.
    /// </summary>
    private async Task EndHoldAsync(DateTimeOffset now, CancellationToken cancellationToken) => await work.RunAsync(
        async (unit, token) =>
        {
            if (await unit.Store<IAutomationHoldStore>().TryEndAsync(now, token))
            {
                await unit.Events.AppendAsync(OperationDesk.ReleasedFact("Its time is over", Self), token);
            }
        },
        cancellationToken);

    private async Task RecoverAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<OperationRun> unfinished = await work.ReadAsync((unit, token) => unit.Store<IOperationRunStore>().ListUnfinishedAsync(token), cancellationToken);
        IReadOnlyList<OperationRun> dead = leases.FindDead(unfinished.Where(static run => run.State == RunState.Running));
        foreach (OperationRun run in unfinished.Where(run => run.State == RunState.Interrupted || dead.Contains(run)))
        {
            if (!host.IsAtWork(run.Id) && operations.Find(run.Operation) is { } operation)
            {
                await BeginAloneAsync(operation.Info, token => starter.RecoverAsync(run, token), cancellationToken);
            }
        }
    }

    private async Task CatchUpAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        IReadOnlyList<Occurrence> open = await work.ReadAsync((unit, token) => unit.Store<IOccurrenceStore>().ListOpenAsync(token), cancellationToken);
        foreach (Occurrence owed in open.Where(one => one.State == OccurrenceState.Owed && one.Instant <= now))
        {
            if (operations.Find(owed.Operation) is { } operation)
            {
                RunRequest request = new(owed.Operation, RunTrigger.CatchUp, Actor.Portal(owed.Operation), owed.Instant);
                await BeginAloneAsync(operation.Info, token => starter.StartAsync(request, token), cancellationToken);
            }
        }
    }

    private sealed record Told(string Why, DateTimeOffset At);

    /// <summary>A time that this process has lived through and in which no other keeper has looked.</summary>
    /// <param name="Since">A timestamp of the process.</param>
    /// <param name="Beat">The newest look before it, in milliseconds since 1970; null: there was none.</param>
    private sealed record Stretch(long Since, long? Beat)
    {
        public static Stretch From(long since, DateTimeOffset? beat) => new(since, beat?.ToUnixTimeMilliseconds());

        /// <summary>Null: another keeper has looked meanwhile.</summary>
        public Stretch? IfStill(DateTimeOffset? beat) => Beat == beat?.ToUnixTimeMilliseconds() ? this : null;
    }

    /// <summary>No instant can be told from an operation's schedule.</summary>
    private sealed class UnreadableScheduleException(string message) : Exception(message);
}
