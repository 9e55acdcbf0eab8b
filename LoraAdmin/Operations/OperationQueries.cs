using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Operations;

/// <summary>One operation as the pages show it.</summary>
/// <param name="Words">Its schedule in plain language.</param>
/// <param name="Next">The instants that come next, soonest first; none while it is paused for good.</param>
/// <param name="Newest">Its last runs, newest first.</param>
/// <param name="Running">The run that is at work; null: none.</param>
/// <param name="Awaiting">A plan that waits for a person's approval.</param>
public sealed record OperationLine(
    OperationInfo Info,
    OperationSchedule Schedule,
    string Words,
    IReadOnlyList<DateTimeOffset> Next,
    IReadOnlyList<OperationRun> Newest,
    OperationRun? Running,
    OperationPlan? Awaiting)
{
    public OperationRun? Last => Newest.FirstOrDefault(run => run.State != RunState.Running);
}

/// <param name="Hold">The kill switch; null: it is off.</param>
public sealed record OperationBoard(IReadOnlyList<OperationLine> Lines, AutomationHold? Hold);

/// <param name="Days">For the picture of a year: what became of each day's instants.</param>
/// <param name="Recent">The newest instants, newest first.</param>
public sealed record OperationDetail(OperationLine Line, AutomationHold? Hold, IReadOnlyList<OccurrenceDay> Days, IReadOnlyList<Occurrence> Recent, DateOnly Today);

/// <param name="Items">The first of the plan's items; samples of a set.</param>
/// <param name="Left">How long it may still take; null: it has ended, or nothing is known.</param>
/// <param name="Resumed">The interrupted run that it goes on from.</param>
/// <param name="ResumedBy">The run that went on from it.</param>
public sealed record RunDetail(
    OperationRun Run,
    OperationInfo? Info,
    OperationPlan? Plan,
    IReadOnlyList<PlannedItem> Items,
    IReadOnlyList<RunLine> Lines,
    TimeSpan? Left,
    OperationRun? Resumed,
    OperationRun? ResumedBy);

/// <param name="Problem">Why it can't be applied any more; null: it can.</param>
public sealed record PlanDetail(OperationPlan Plan, OperationInfo? Info, IReadOnlyList<PlannedItem> Items, string? Problem);

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

    Task<RunPage> ListRunsAsync(RunFilter filter, RunCursor? after, CancellationToken cancellationToken);
}

/// <inheritdoc cref="IOperationQueries"/>
internal sealed class OperationQueries(
    IUnitOfWork work, OperationRegistry operations, ICronSchedules crons, TimeProvider clock, Func<OperationRules> rules) : IOperationQueries
{
    public const int PageSize = 50;

    /// <summary>More of a plan than anybody reads on a page; the counts say how many there are.</summary>
    public const int MostItems = 500;

    private const int NewestRuns = 20;
    private const int NextFires = 3;
    private const int RecentInstants = 20;
    private static readonly TimeSpan Year = TimeSpan.FromDays(371);
    private static readonly TimeSpan RecentlyAgo = TimeSpan.FromDays(62);

    public Task<AutomationHold?> FindHoldAsync(CancellationToken cancellationToken) => work.ReadAsync(HoldAsync, cancellationToken);

    public Task<OperationBoard> ReadBoardAsync(CancellationToken cancellationToken) => work.ReadAsync(
        async (unit, token) =>
        {
            List<OperationLine> lines = [];
            foreach (IOperation operation in operations.All)
            {
                if (await LineAsync(unit, operation.Info, token) is { } line)
                {
                    lines.Add(line);
                }
            }

            return new OperationBoard(lines, await HoldAsync(unit, token));
        },
        cancellationToken);

    public Task<OperationDetail?> FindAsync(string operation, CancellationToken cancellationToken) => work.ReadAsync(
        async (unit, token) =>
        {
            if (operations.Find(operation) is not { } known || await LineAsync(unit, known.Info, token) is not { } line)
            {
                return null;
            }

            DateTimeOffset now = clock.GetUtcNow();
            IOccurrenceStore occurrences = unit.Store<IOccurrenceStore>();
            IReadOnlyList<OccurrenceDay> days = await occurrences.CountByDayAsync(operation, now - Year, now, token);
            IReadOnlyList<Occurrence> recent = [];

            // An hour of a minutely one, two months of a monthly one: each look is small.
            for (TimeSpan back = TimeSpan.FromHours(1); recent.Count < RecentInstants && back < RecentlyAgo; back *= 8)
            {
                recent = await occurrences.ListAsync(operation, now - back, now, token);
            }

            return new OperationDetail(line, await HoldAsync(unit, token), days, [.. recent.Reverse().Take(RecentInstants)], DateOnly.FromDateTime(now.UtcDateTime));
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
                found.Resumes is { } resumes ? await runs.FindAsync(resumes, token) : null,
                found.ResumedBy is { } by ? await runs.FindAsync(by, token) : null);
        },
        cancellationToken);

    public Task<PlanDetail?> FindPlanAsync(Guid plan, CancellationToken cancellationToken) => work.ReadAsync(
        async (unit, token) =>
        {
            IOperationPlanStore plans = unit.Store<IOperationPlanStore>();
            return await plans.FindAsync(plan, token) is { } found
                ? new PlanDetail(found, operations.Find(found.Operation)?.Info, await plans.ListItemsAsync(plan, 0, MostItems, token), ProblemOf(found))
                : null;
        },
        cancellationToken);

    public Task<RunPage> ListRunsAsync(RunFilter filter, RunCursor? after, CancellationToken cancellationToken) =>
        work.ReadAsync((unit, token) => unit.Store<IOperationRunStore>().ListAsync(filter, after, PageSize, token), cancellationToken);

    private string? ProblemOf(OperationPlan plan) => plan.State switch
    {
        PlanState.Taken => "A run has applied it.",
        PlanState.Superseded => "A newer look has taken its place.",
        _ when clock.GetUtcNow() - plan.Draft.AsOf > rules().PlanValidFor => $"It is older than {rules().PlanValidFor:g} and is not applied any more. Preview again.",
        _ => null,
    };

    private async Task<OperationLine?> LineAsync(IUnit unit, OperationInfo info, CancellationToken cancellationToken)
    {
        if (await unit.Store<IOperationScheduleStore>().FindAsync(info.Key, cancellationToken) is not { } schedule)
        {
            return null;
        }

        IOperationRunStore runs = unit.Store<IOperationRunStore>();
        DateTimeOffset now = clock.GetUtcNow();
        DateTimeOffset from = schedule.Pause is { } pause && pause.HoldsAt(now) ? pause.Until ?? DateTimeOffset.MaxValue : now;
        IReadOnlyList<DateTimeOffset> next = from == DateTimeOffset.MaxValue ? [] : crons.Between(schedule, from, DateTimeOffset.MaxValue, NextFires);
        IReadOnlyList<OperationPlan> awaiting = await unit.Store<IOperationPlanStore>().ListAwaitingAsync(cancellationToken);
        return new OperationLine(
            info,
            schedule,
            ScheduleWords.Of(schedule.Cron, schedule.TimeZone),
            next,
            (await runs.ListAsync(RunFilter.All with { Operation = info.Key }, null, NewestRuns, cancellationToken)).Runs,
            await runs.FindRunningAsync(info.Key, cancellationToken),
            awaiting.LastOrDefault(plan => plan.Operation == info.Key));
    }

    private async Task<AutomationHold?> HoldAsync(IUnit unit, CancellationToken cancellationToken) =>
        await unit.Store<IAutomationHoldStore>().FindAsync(cancellationToken) is { } hold && hold.HoldsAt(clock.GetUtcNow()) ? hold : null;
}
