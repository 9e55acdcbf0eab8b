using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Operations;

/// <summary>One operation as the pages show it.</summary>
/// <param name="Words">Its schedule in plain language.</param>
/// <param name="Next">The instants at which it will run by itself, soonest first; none while it is paused or held without an end.</param>
/// <param name="Newest">Its last runs, newest first.</param>
/// <param name="Running">The run that is at work; null: none.</param>
/// <param name="Awaiting">A plan that waits for a person's approval.</param>
/// <param name="Missed">The newest instant, when nothing ran for it and no run has gone well since; null: no instant is amiss.</param>
/// <param name="Unreadable">Why its schedule can't be read: it does not run by itself; null: it can.</param>
public sealed record OperationLine(
    OperationInfo Info,
    OperationSchedule Schedule,
    string Words,
    IReadOnlyList<DateTimeOffset> Next,
    IReadOnlyList<RunStanding> Newest,
    RunStanding? Running,
    OperationPlan? Awaiting,
    DateTimeOffset? Missed,
    string? Unreadable)
{
    public OperationRun? Last => LastEnded?.Run;

    public RunStanding? LastEnded => Newest.FirstOrDefault(one => one.Run.State != RunState.Running);

    public bool IsPausedAt(DateTimeOffset now) => Schedule.Pause?.HoldsNow(now) == true;
}

/// <param name="Hold">The kill switch; null: it is off.</param>
/// <param name="At">When it was read.</param>
public sealed record OperationBoard(IReadOnlyList<OperationLine> Lines, AutomationHold? Hold, DateTimeOffset At);

/// <param name="Days">For the picture of a year: what became of each day's instants.</param>
/// <param name="Recent">The newest instants, newest first.</param>
public sealed record OperationDetail(OperationLine Line, AutomationHold? Hold, IReadOnlyList<OccurrenceDay> Days, IReadOnlyList<PastInstant> Recent, DateOnly Today);

/// <summary>A scheduled instant, and how the run that was made for it failed.</summary>
/// <param name="Failure">Failed or partly failed; null: its run did not fail, or there is none.</param>
public sealed record PastInstant(Occurrence Occurrence, RunState? Failure);

/// <param name="Items">The first of the plan's items; samples of a set.</param>
/// <param name="Left">How long it may still take; null: it has ended, or nothing is known.</param>
/// <param name="Waits">For an interrupted run: why nobody goes on from it at this moment; null: somebody does.</param>
/// <param name="Resumed">The interrupted run that it goes on from.</param>
/// <param name="ResumedBy">The run that went on from it.</param>
public sealed record RunDetail(
    OperationRun Run,
    OperationInfo? Info,
    OperationPlan? Plan,
    IReadOnlyList<PlannedItem> Items,
    IReadOnlyList<RunLine> Lines,
    TimeSpan? Left,
    string? Waits,
    OperationRun? Resumed,
    OperationRun? ResumedBy)
{
    public RunStanding Standing { get; init; } = RunStanding.Of(Run, Plan, []);
}

/// <param name="Problem">Why it must not be applied any more; null: it may.</param>
/// <param name="Run">The run that has taken it; null: none has.</param>
public sealed record PlanDetail(OperationPlan Plan, OperationInfo? Info, IReadOnlyList<PlannedItem> Items, FieldProblem? Problem, OperationRun? Run);

/// <summary>Reads for the pages of operations. Null: there is no such thing.</summary>
public interface IOperationQueries
{
    /// <summary>The kill switch alone: every page asks for it.</summary>
    Task<AutomationHold?> FindHoldAsync(CancellationToken cancellationToken);

    /// <exception cref="StoreUnavailableException">The database is away: show that, never an empty list.</exception>
    Task<OperationBoard> ReadBoardAsync(CancellationToken cancellationToken);

    Task<OperationDetail?> FindAsync(string operation, CancellationToken cancellationToken);

    Task<RunDetail?> FindRunAsync(Guid run, CancellationToken cancellationToken);

    Task<PlanDetail?> FindPlanAsync(Guid plan, CancellationToken cancellationToken);

    Task<RunHistory> ListRunsAsync(RunFilter filter, RunCursor? after, CancellationToken cancellationToken);

    /// <summary>Has each destructive operation look for what it would do now, which changes nothing. May take seconds: some ask the provider.</summary>
    Task<IReadOnlyList<HeldWork>> LookAtHeldAsync(CancellationToken cancellationToken);
}

/// <inheritdoc cref="IOperationQueries"/>
internal sealed class OperationQueries(
    IUnitOfWork work,
    OperationRegistry operations,
    ICronSchedules crons,
    TimeProvider clock,
    Func<OperationRules> rules,
    Func<Installation> installation,
    RunStarter starter)
    : IOperationQueries
{
    public const int PageSize = 50;

    /// <summary>More of a plan than anybody reads on a page; the counts say how many there are.</summary>
    public const int MostItems = 500;

    private const int NewestRuns = 20;
    private const int NextFires = 3;
    private const int RecentInstants = 20;
    private static readonly TimeSpan Year = TimeSpan.FromDays(371);

    /// <summary>How long each operation may look for what it would do while a person waits.</summary>
    private static readonly TimeSpan LookFor = TimeSpan.FromSeconds(10);

    public Task<AutomationHold?> FindHoldAsync(CancellationToken cancellationToken) => work.ReadAsync(HoldAsync, cancellationToken);

    public Task<OperationBoard> ReadBoardAsync(CancellationToken cancellationToken) => work.ReadAsync(
        async (unit, token) =>
        {
            IReadOnlyList<OperationPlan> awaiting = await unit.Store<IOperationPlanStore>().ListAwaitingAsync(token);
            AutomationHold? hold = await HoldAsync(unit, token);
            List<OperationLine> lines = [];
            foreach (OperationSchedule schedule in await unit.Store<IOperationScheduleStore>().ListAsync(token))
            {
                // Another version of the portal may have left one.
                if (operations.Find(schedule.Operation) is { } operation)
                {
                    lines.Add(await LineAsync(unit, operation.Info, schedule, hold, awaiting, token));
                }
            }

            return new OperationBoard([.. lines.OrderBy(line => line.Info.Title, StringComparer.Ordinal)], hold, clock.GetUtcNow());
        },
        cancellationToken);

    public Task<OperationDetail?> FindAsync(string operation, CancellationToken cancellationToken) => work.ReadAsync(
        async (unit, token) =>
        {
            if (operations.Find(operation) is not { } known || await unit.Store<IOperationScheduleStore>().FindAsync(operation, token) is not { } schedule)
            {
                return null;
            }

            DateTimeOffset now = clock.GetUtcNow();
            IOccurrenceStore occurrences = unit.Store<IOccurrenceStore>();
            AutomationHold? hold = await HoldAsync(unit, token);
            OperationLine line = await LineAsync(unit, known.Info, schedule, hold, await unit.Store<IOperationPlanStore>().ListAwaitingAsync(token), token);
            return new OperationDetail(
                line,
                hold,
                await occurrences.CountByDayAsync(operation, now - Year, now, token),
                await PastAsync(unit, await occurrences.ListNewestAsync(operation, RecentInstants, token), line.Newest, token),
                DateOnly.FromDateTime(now.UtcDateTime));
        },
        cancellationToken);

    public Task<RunDetail?> FindRunAsync(Guid run, CancellationToken cancellationToken) => work.ReadAsync(
        async (unit, token) =>
        {
            IOperationRunStore runs = unit.Store<IOperationRunStore>();
            if (await runs.FindAsync(run, token) is not { } found)
            {
                return null;
            }

            OperationPlan? plan = found.Plan is { } id ? await unit.Store<IOperationPlanStore>().FindAsync(id, token) : null;
            IReadOnlyList<PlannedItem> items = plan is null ? [] : await unit.Store<IOperationPlanStore>().ListItemsAsync(plan.Id, 0, MostItems, token);
            RunPage before = await runs.ListAsync(new RunFilter(found.Operation, [RunState.Succeeded], null), null, NewestRuns, token);
            return new RunDetail(
                found,
                operations.Find(found.Operation)?.Info,
                plan,
                items,
                await runs.ListLinesAsync(run, token),
                RunEstimate.Left(found, before.Runs, clock.GetUtcNow()),
                await starter.WhyItWaitsAsync(unit, found, token),
                found.Resumes is { } resumes ? await runs.FindAsync(resumes, token) : null,
                found.ResumedBy is { } by ? await runs.FindAsync(by, token) : null)
            {
                Standing = RunStanding.Of(found, plan, await unit.Store<IOperationPlanStore>().ListAwaitingAsync(token)),
            };
        },
        cancellationToken);

    public Task<PlanDetail?> FindPlanAsync(Guid plan, CancellationToken cancellationToken) => work.ReadAsync(
        async (unit, token) =>
        {
            IOperationPlanStore plans = unit.Store<IOperationPlanStore>();
            return await plans.FindAsync(plan, token) is { } found
                ? new PlanDetail(
                    found,
                    operations.Find(found.Operation)?.Info,
                    await plans.ListItemsAsync(plan, 0, MostItems, token),
                    found.WhyNotApplied(operations.Find(found.Operation), installation().Id, clock.GetUtcNow(), rules().PlanValidFor),
                    found.Run is { } run ? await unit.Store<IOperationRunStore>().FindAsync(run, token) : null)
                : null;
        },
        cancellationToken);

    public Task<RunHistory> ListRunsAsync(RunFilter filter, RunCursor? after, CancellationToken cancellationToken) => work.ReadAsync(
        async (unit, token) =>
        {
            RunPage page = await unit.Store<IOperationRunStore>().ListAsync(filter, after, PageSize, token);
            return new RunHistory(await StandingsAsync(unit, page.Runs, await unit.Store<IOperationPlanStore>().ListAwaitingAsync(token), token), page.Next);
        },
        cancellationToken);

    public async Task<IReadOnlyList<HeldWork>> LookAtHeldAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<OperationSchedule> schedules = await work.ReadAsync((unit, token) => unit.Store<IOperationScheduleStore>().ListAsync(token), cancellationToken);

        // All at once, each on a thread of the pool: SQLite answers on the one that asks, and a large backlog of one must not leave the others unasked.
        Task<HeldWork>[] looks =
        [
            .. operations.All
                .Where(one => one.Info.IsDestructive)
                .OrderBy(one => one.Info.Title, StringComparer.Ordinal)
                .Select(one => Task.Run(() => LookAtAsync(one, schedules.FirstOrDefault(schedule => schedule.Operation == one.Info.Key)?.Pause, cancellationToken), cancellationToken)),
        ];

        // The first that fails is told at once; the others end by themselves, and nobody reads them.
        await foreach (Task<HeldWork> look in Task.WhenEach(looks))
        {
            await look;
        }

        return await Task.WhenAll(looks);
    }

    private async Task<HeldWork> LookAtAsync(IOperation operation, OperationPause? pause, CancellationToken cancellationToken)
    {
        if (pause?.HoldsNow(clock.GetUtcNow()) == true)
        {
            return new HeldWork(operation.Info, pause, null, null);
        }

        using CancellationTokenSource late = new(LookFor, clock);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        try
        {
            return await operation.PlanAsync(either.Token) switch
            {
                Planning.Planned planned => new HeldWork(operation.Info, null, planned.Plan, null),
                Planning.CouldNotRead unread => new HeldWork(operation.Info, null, null, unread.Why),
                _ => throw new NotSupportedException("A look gives a plan or says why not."),
            };
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return new HeldWork(operation.Info, null, null, FormattableString.Invariant($"no answer within {LookFor.TotalSeconds:0} s"));
        }
    }

    private static async Task<IReadOnlyList<RunStanding>> StandingsAsync(
        IUnit unit, IReadOnlyList<OperationRun> runs, IReadOnlyList<OperationPlan> awaiting, CancellationToken cancellationToken)
    {
        Guid[] needed = [.. runs.Where(RunStanding.NeedsPlan).Select(run => run.Plan!.Value).Distinct()];
        IReadOnlyList<OperationPlan> plans = needed.Length == 0 ? [] : await unit.Store<IOperationPlanStore>().ListAsync(needed, cancellationToken);
        return [.. runs.Select(run => RunStanding.Of(run, plans.FirstOrDefault(plan => plan.Id == run.Plan), awaiting))];
    }

    /// <param name="known">Runs that were read already.</param>
    private static async Task<IReadOnlyList<PastInstant>> PastAsync(
        IUnit unit, IReadOnlyList<Occurrence> recent, IReadOnlyList<RunStanding> known, CancellationToken cancellationToken)
    {
        List<PastInstant> past = [];
        foreach (Occurrence one in recent)
        {
            RunState? failure = null;
            if (one is { State: OccurrenceState.Ran or OccurrenceState.Late, Run: { } id })
            {
                OperationRun? run = known.FirstOrDefault(standing => standing.Run.Id == id)?.Run ?? await unit.Store<IOperationRunStore>().FindAsync(id, cancellationToken);
                failure = run is null ? (one.HasFailed ? RunState.Failed : null)
                    : run.State is RunState.Failed or RunState.PartlyFailed ? run.State
                    : null;
            }

            past.Add(new PastInstant(one, failure));
        }

        return past;
    }

    private async Task<OperationLine> LineAsync(
        IUnit unit,
        OperationInfo info,
        OperationSchedule schedule,
        AutomationHold? hold,
        IReadOnlyList<OperationPlan> awaiting,
        CancellationToken cancellationToken)
    {
        IOperationRunStore runs = unit.Store<IOperationRunStore>();
        DateTimeOffset now = clock.GetUtcNow();
        DateTimeOffset from = schedule.RunsAfter(now);
        if (schedule.Pause is { } pause && pause.HoldsNow(now) && Before(pause.Until) > from)
        {
            from = Before(pause.Until);
        }

        if (info.IsDestructive && hold is not null && Before(hold.Until) > from)
        {
            from = Before(hold.Until);
        }

        string? unreadable = crons.WhyUnreadable(schedule, now);
        IReadOnlyList<DateTimeOffset> next = from == DateTimeOffset.MaxValue || unreadable is not null ? [] : crons.Between(schedule, from, DateTimeOffset.MaxValue, NextFires);

        // One that began under a clock that was ahead is not the last one until then: numbers rise whatever the clock says.
        IReadOnlyList<OperationRun> newest =
            [.. (await runs.ListAsync(RunFilter.All with { Operation = info.Key }, null, NewestRuns, cancellationToken)).Runs.OrderByDescending(static run => run.Number)];
        Occurrence? last = (await unit.Store<IOccurrenceStore>().ListNewestAsync(info.Key, RecentInstants, cancellationToken)).FirstOrDefault(one => one.Instant <= now);
        bool isMissed = last is { State: OccurrenceState.Missed }
            && !newest.Any(run => run.State == RunState.Succeeded && run.StartedAt > last.Instant && run.StartedAt <= now);
        OperationRun? running = await runs.FindRunningAsync(info.Key, cancellationToken);
        return new OperationLine(
            info,
            schedule,
            ScheduleWords.Of(schedule.Cron, schedule.TimeZone),
            next,
            await StandingsAsync(unit, newest, awaiting, cancellationToken),
            running is null ? null : (await StandingsAsync(unit, [running], awaiting, cancellationToken))[0],
            awaiting.LastOrDefault(plan => plan.Operation == info.Key),
            isMissed ? last!.Instant : null,
            unreadable);
    }

    /// <summary>An instant at which a pause or the kill switch ends is free of it.</summary>
    private static DateTimeOffset Before(DateTimeOffset? end) => end?.AddMilliseconds(-1) ?? DateTimeOffset.MaxValue;

    private async Task<AutomationHold?> HoldAsync(IUnit unit, CancellationToken cancellationToken) =>
        await unit.Store<IAutomationHoldStore>().FindAsync(cancellationToken) is { } hold && hold.HoldsNow(clock.GetUtcNow()) ? hold : null;
}
