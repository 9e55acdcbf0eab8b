using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Tests.Simulation.Memory;

/// <summary>Schedules, the kill switch, and the tables of runs, plans and instants.</summary>
public sealed class MemoryOperations : IOperationScheduleStore, IAutomationHoldStore
{
    private readonly MemoryTable<string, OperationSchedule> schedules;
    private readonly MemoryTable<string, Counter> numbers;
    private readonly MemoryTable<int, Beat> beats;
    private readonly MemoryTable<int, AutomationHold> holds;

    public MemoryOperations(MemoryDatabase database)
    {
        schedules = new(database);
        numbers = new(database);
        beats = new(database);
        holds = new(database);
        Plans = new MemoryPlanStore(database);
        Runs = new MemoryRunStore(database, Plans);
        Occurrences = new MemoryOccurrenceStore(database, Runs);
    }

    public MemoryRunStore Runs { get; }

    public MemoryPlanStore Plans { get; }

    public MemoryOccurrenceStore Occurrences { get; }

    public Task<OperationSchedule?> FindAsync(string operation, CancellationToken cancellationToken) => Task.FromResult(schedules.Find(operation));

    public Task<IReadOnlyList<OperationSchedule>> ListAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<OperationSchedule>>(
        [.. schedules.Rows.OrderBy(one => one.Operation, StringComparer.Ordinal)]);

    public Task<bool> TryAddAsync(OperationSchedule schedule, CancellationToken cancellationToken)
    {
        if (schedules.Find(schedule.Operation) is not null)
        {
            return Task.FromResult(false);
        }

        schedules.Set(schedule.Operation, schedule);
        return Task.FromResult(true);
    }

    public Task SaveTimesAsync(OperationSchedule schedule, CancellationToken cancellationToken) => Change(
        schedule.Operation,
        row => row with
        {
            Cron = schedule.Cron, TimeZone = schedule.TimeZone, CatchUp = schedule.CatchUp, IsEdited = schedule.IsEdited, InForceFrom = schedule.InForceFrom,
        });

    public Task SavePauseAsync(string operation, OperationPause? pause, CancellationToken cancellationToken) => Change(operation, row => row with { Pause = pause });

    public async Task<bool> TryEndPauseAsync(string operation, DateTimeOffset at, CancellationToken cancellationToken)
    {
        if (!(schedules.Find(operation)?.Pause?.Until <= at))
        {
            return false;
        }

        await SavePauseAsync(operation, null, cancellationToken);
        return true;
    }

    public Task SetAccountedAsync(string operation, DateTimeOffset until, CancellationToken cancellationToken) =>
        Change(operation, row => row with { AccountedUntil = until > row.AccountedUntil ? until : row.AccountedUntil });

    public Task TakeAccountedBackAsync(string operation, DateTimeOffset until, CancellationToken cancellationToken) =>
        Change(operation, row => row with { AccountedUntil = until < row.AccountedUntil ? until : row.AccountedUntil });

    Task<AutomationHold?> IAutomationHoldStore.LockAsync(CancellationToken cancellationToken) => ((IAutomationHoldStore)this).FindAsync(cancellationToken);

    public Task<OperationSchedule?> LockAsync(string operation, CancellationToken cancellationToken) => FindAsync(operation, cancellationToken);

    public Task<long?> TakeNumberAsync(string operation, CancellationToken cancellationToken)
    {
        if (schedules.Find(operation) is null)
        {
            return Task.FromResult<long?>(null);
        }

        Counter next = new((numbers.Find(operation)?.Value ?? 0) + 1);
        numbers.Set(operation, next);
        return Task.FromResult<long?>(next.Value);
    }

    public Task<DateTimeOffset?> ReadHeartbeatAsync(CancellationToken cancellationToken) => Task.FromResult(beats.Find(1)?.At);

    public Task BeatAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        beats.Set(1, new Beat(now));
        return Task.CompletedTask;
    }

    Task<AutomationHold?> IAutomationHoldStore.FindAsync(CancellationToken cancellationToken) => Task.FromResult(holds.Find(1));

    public Task SaveAsync(AutomationHold? hold, CancellationToken cancellationToken)
    {
        holds.Set(1, hold);
        return Task.CompletedTask;
    }

    public async Task<bool> TryEndAsync(DateTimeOffset at, CancellationToken cancellationToken)
    {
        if (!(holds.Find(1)?.Until <= at))
        {
            return false;
        }

        await SaveAsync(null, cancellationToken);
        return true;
    }

    private Task Change(string operation, Func<OperationSchedule, OperationSchedule> change)
    {
        if (schedules.Find(operation) is { } row)
        {
            schedules.Set(operation, change(row));
        }

        return Task.CompletedTask;
    }

    private sealed record Counter(long Value);

    private sealed record Beat(DateTimeOffset At);
}

public sealed class MemoryRunStore(MemoryDatabase database, MemoryPlanStore plans) : IOperationRunStore
{
    private readonly MemoryTable<Guid, OperationRun> runs = new(database);
    private readonly MemoryTable<Guid, Listed<RunLine>> lines = new(database);

    // What the simulated year asks for thousands of times.
    private readonly MemoryTable<string, OperationRun> running = new(database);
    private readonly MemoryTable<Guid, OperationRun> stranded = new(database);

    public IEnumerable<OperationRun> Rows => runs.Rows;

    public Task AddAsync(OperationRun run, CancellationToken cancellationToken)
    {
        if (run.State == RunState.Running && running.Find(run.Operation) is not null)
        {
            throw new InvalidOperationException($"{run.Operation} is at work.");
        }

        Set(run);
        return Task.CompletedTask;
    }

    public Task<OperationRun?> FindAsync(Guid id, CancellationToken cancellationToken) => Task.FromResult(runs.Find(id));

    public Task<OperationRun?> FindRunningAsync(string operation, CancellationToken cancellationToken) => Task.FromResult(running.Find(operation));

    public Task<IReadOnlyList<OperationRun>> ListUnfinishedAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<OperationRun>>(
    [
        .. stranded.Rows.Concat(running.Rows).OrderBy(run => run.StartedAt).ThenBy(run => run.Id),
    ]);

    public Task<RunPulse?> TouchAsync(Guid id, long number, ItemEnd? ended, DateTimeOffset leaseUntil, CancellationToken cancellationToken)
    {
        if (AtWork(id, number) is not { } run)
        {
            return Task.FromResult<RunPulse?>(null);
        }

        Set(run with
        {
            LeaseUntil = leaseUntil,
            Done = run.Done + (ended == ItemEnd.Done ? 1 : 0),
            Ineligible = run.Ineligible + (ended == ItemEnd.Ineligible ? 1 : 0),
            Failed = run.Failed + (ended == ItemEnd.Failed ? 1 : 0),
        });
        return Task.FromResult<RunPulse?>(new RunPulse(run.Cancel));
    }

    public Task<bool> SetPlanAsync(Guid id, long number, Guid plan, long planned, IReadOnlyList<Figure> before, CancellationToken cancellationToken) =>
        Task.FromResult(TrySet(AtWork(id, number), run => run with { Plan = plan, Planned = planned, Before = before }));

    public Task<bool> EndAsync(OperationRun ended, CancellationToken cancellationToken) => Task.FromResult(TrySet(AtWork(ended.Id, ended.Number), run => run with
    {
        State = ended.State,
        EndedAt = ended.EndedAt,
        Outcome = ended.Outcome,
        Done = ended.Done,
        Ineligible = ended.Ineligible,
        Failed = ended.Failed,
        After = ended.After,
    }));

    public Task<bool> TryInterruptAsync(Guid id, DateTimeOffset leaseUntil, DateTimeOffset now, string outcome, CancellationToken cancellationToken) =>
        Task.FromResult(TrySet(
            runs.Find(id) is { State: RunState.Running } run && run.LeaseUntil == leaseUntil ? run : null,
            row => row with { State = RunState.Interrupted, EndedAt = now, Outcome = outcome }));

    public Task<bool> TrySetResumedByAsync(Guid id, Guid by, CancellationToken cancellationToken) =>
        Task.FromResult(TrySet(stranded.Find(id) is { Cancel: null } found ? found : null, run => run with { ResumedBy = by }));

    public Task<bool> TryEndInterruptedAsync(Guid id, RunState state, string outcome, CancellationToken cancellationToken) =>
        Task.FromResult(TrySet(stranded.Find(id), run => run with { State = state, Outcome = outcome }));

    public Task<bool> AskCancelAsync(Guid id, CancelAsk ask, CancellationToken cancellationToken) =>
        Task.FromResult(TrySet(runs.Find(id) is { State: RunState.Running } run ? run : stranded.Find(id), row => row with { Cancel = ask }));

    public Task AppendLineAsync(Guid run, DateTimeOffset at, EventSeverity severity, string text, CancellationToken cancellationToken)
    {
        IReadOnlyList<RunLine> before = lines.Find(run)?.Items ?? [];
        lines.Set(run, new([.. before, new RunLine(before.Count + 1, at, severity, text)]));
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<RunLine>> ListLinesAsync(Guid run, CancellationToken cancellationToken) => Task.FromResult(lines.Find(run)?.Items ?? []);

    public Task<RunPage> ListAsync(RunFilter filter, RunCursor? after, int size, CancellationToken cancellationToken)
    {
        List<OperationRun> found =
        [
            .. runs.Rows
                .Where(run => filter.Operation is null || run.Operation == filter.Operation)
                .Where(run => filter.States.Count == 0 || filter.States.Contains(run.State))
                .Where(run => filter.Text?.Trim() is not { Length: > 0 } text
                    || new[] { run.Outcome, run.Reason, run.StartedBy.Name }.Any(part => part?.Contains(text, StringComparison.OrdinalIgnoreCase) == true))
                .Where(run => after is null || (run.StartedAt, run.Id).CompareTo((after.StartedAt, after.Id)) < 0)
                .OrderByDescending(run => run.StartedAt).ThenByDescending(run => run.Id)
                .Take(size + 1),
        ];
        List<OperationRun> page = [.. found.Take(size)];
        return Task.FromResult(new RunPage(page, found.Count > size ? new RunCursor(page[^1].StartedAt, page[^1].Id) : null));
    }

    public Task<IReadOnlyList<OldRuns>> CountOldAsync(DateTimeOffset before, int keep, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<OldRuns>>(
    [
        .. runs.Rows.Select(run => run.Operation).Distinct().Order(StringComparer.Ordinal)
            .Select(operation => (Operation: operation, Runs: Old(operation, before, keep)))
            .Where(one => one.Runs.Count > 0)
            .Select(one => new OldRuns(one.Operation, one.Runs.Count, one.Runs[0].StartedAt, one.Runs[^1].StartedAt)),
    ]);

    public Task<int> DeleteOldAsync(string operation, DateTimeOffset before, int keep, int most, CancellationToken cancellationToken)
    {
        List<OperationRun> old = [.. Old(operation, before, keep).Take(most)];
        foreach (OperationRun run in old)
        {
            plans.DeleteOf(run.Id);
            lines.Set(run.Id, null);
            runs.Set(run.Id, null);
            stranded.Set(run.Id, null);
        }

        return Task.FromResult(old.Count);
    }

    private List<OperationRun> Old(string operation, DateTimeOffset before, int keep) =>
    [
        .. runs.Rows.Where(run => run.Operation == operation)
            .OrderByDescending(run => run.StartedAt).ThenByDescending(run => run.Id)
            .Skip(keep)
            .Where(run => run.StartedAt < before && run.State != RunState.Running)
            .Reverse(),
    ];

    private OperationRun? AtWork(Guid id, long number) => runs.Find(id) is { State: RunState.Running } run && run.Number == number ? run : null;

    private bool TrySet(OperationRun? run, Func<OperationRun, OperationRun> change)
    {
        if (run is null)
        {
            return false;
        }

        Set(change(run));
        return true;
    }

    private void Set(OperationRun run)
    {
        runs.Set(run.Id, run);
        if (run.State == RunState.Running)
        {
            running.Set(run.Operation, run);
        }
        else if (running.Find(run.Operation)?.Id == run.Id)
        {
            running.Set(run.Operation, null);
        }

        bool isStranded = run is { State: RunState.Interrupted, ResumedBy: null };
        if (isStranded || stranded.Find(run.Id) is not null)
        {
            stranded.Set(run.Id, isStranded ? run : null);
        }
    }
}

public sealed class MemoryPlanStore(MemoryDatabase database) : IOperationPlanStore
{
    private readonly MemoryTable<Guid, OperationPlan> plans = new(database);
    private readonly MemoryTable<(Guid, int), PlannedItem> items = new(database);

    public IEnumerable<OperationPlan> Rows => plans.Rows;

    public Task AddAsync(OperationPlan plan, CancellationToken cancellationToken)
    {
        plans.Set(plan.Id, plan with { Draft = plan.Draft with { Items = [] } });
        for (int index = 0; index < plan.Draft.Items.Count; index++)
        {
            items.Set((plan.Id, index + 1), new PlannedItem(index + 1, plan.Draft.Items[index], null, null));
        }

        return Task.CompletedTask;
    }

    public Task<OperationPlan?> FindAsync(Guid id, CancellationToken cancellationToken) => Task.FromResult(plans.Find(id));

    public Task<IReadOnlyList<OperationPlan>> ListAsync(IReadOnlyList<Guid> ids, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<OperationPlan>>([.. ids.Select(plans.Find).OfType<OperationPlan>()]);

    public Task<IReadOnlyList<PlannedItem>> ListItemsAsync(Guid plan, int after, int most, CancellationToken cancellationToken)
    {
        List<PlannedItem> found = [];
        for (int number = after + 1; found.Count < most && items.Find((plan, number)) is { } item; number++)
        {
            found.Add(item);
        }

        return Task.FromResult<IReadOnlyList<PlannedItem>>(found);
    }

    public Task<bool> TryTakeAsync(Guid plan, Guid run, CancellationToken cancellationToken)
    {
        if (plans.Find(plan) is not { State: PlanState.Open or PlanState.AwaitsApproval } found)
        {
            return Task.FromResult(false);
        }

        plans.Set(plan, found with { State = PlanState.Taken, Run = run });
        return Task.FromResult(true);
    }

    public Task HandOnAsync(Guid plan, Guid run, CancellationToken cancellationToken)
    {
        plans.Set(plan, plans.Find(plan)! with { Run = run });
        return Task.CompletedTask;
    }

    public Task<bool> TryEndItemAsync(Guid plan, int number, ItemOutcome outcome, DateTimeOffset at, CancellationToken cancellationToken)
    {
        if (items.Find((plan, number)) is not { Outcome: null } item)
        {
            return Task.FromResult(false);
        }

        items.Set((plan, number), item with { Outcome = outcome, EndedAt = at });
        return Task.FromResult(true);
    }

    public Task SupersedeAsync(string operation, DateTimeOffset asOf, DateTimeOffset now, CancellationToken cancellationToken)
    {
        foreach (OperationPlan plan in plans.Rows
            .Where(plan => plan.Operation == operation && plan.State == PlanState.AwaitsApproval && (plan.Draft.AsOf <= asOf || plan.Draft.AsOf > now)).ToList())
        {
            plans.Set(plan.Id, plan with { State = PlanState.Superseded });
        }

        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<OperationPlan>> ListAwaitingAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<OperationPlan>>(
        [.. plans.Rows.Where(plan => plan.State == PlanState.AwaitsApproval).OrderBy(plan => plan.MadeAt).ThenBy(plan => plan.Id)]);

    public Task<bool> AnyUntakenAsync(DateTimeOffset madeBefore, CancellationToken cancellationToken) => Task.FromResult(Untaken(madeBefore).Any());

    public Task<int> DeleteUntakenAsync(DateTimeOffset madeBefore, int most, CancellationToken cancellationToken)
    {
        List<OperationPlan> old = [.. Untaken(madeBefore).OrderBy(plan => plan.MadeAt).Take(most)];
        old.ForEach(plan => Delete(plan.Id));
        return Task.FromResult(old.Count);
    }

    private IEnumerable<OperationPlan> Untaken(DateTimeOffset madeBefore) =>
        plans.Rows.Where(plan => plan.Run is null && plan.MadeAt < madeBefore && plan.State != PlanState.AwaitsApproval);

    public void DeleteOf(Guid run)
    {
        foreach (OperationPlan plan in plans.Rows.Where(plan => plan.Run == run).ToList())
        {
            Delete(plan.Id);
        }
    }

    private void Delete(Guid plan)
    {
        for (int number = 1; items.Find((plan, number)) is not null; number++)
        {
            items.Set((plan, number), null);
        }

        plans.Set(plan, null);
    }
}

public sealed class MemoryOccurrenceStore(MemoryDatabase database, MemoryRunStore runs) : IOccurrenceStore
{
    private readonly MemoryTable<(string, DateTimeOffset), Occurrence> occurrences = new(database);
    private readonly MemoryTable<(string, DateTimeOffset), Occurrence> open = new(database);

    // Only where to look: what was rolled back or deleted stays in it, and is not found.
    private readonly Dictionary<string, SortedSet<DateTimeOffset>> index = new(StringComparer.Ordinal);

    public IEnumerable<Occurrence> Rows => occurrences.Rows;

    public Task<bool> TryAddAsync(Occurrence occurrence, CancellationToken cancellationToken)
    {
        if (occurrences.Find((occurrence.Operation, occurrence.Instant)) is not null)
        {
            return Task.FromResult(false);
        }

        Set(occurrence);
        return Task.FromResult(true);
    }

    public async Task<IReadOnlyList<Occurrence>> AddAsync(IReadOnlyList<Occurrence> occurrences, CancellationToken cancellationToken)
    {
        List<Occurrence> added = [];
        foreach (Occurrence one in occurrences)
        {
            if (await TryAddAsync(one, cancellationToken))
            {
                added.Add(one);
            }
        }

        return added;
    }

    public Task<Occurrence?> FindAsync(string operation, DateTimeOffset instant, CancellationToken cancellationToken) =>
        Task.FromResult(occurrences.Find((operation, instant)));

    public Task<IReadOnlyList<Occurrence>> ListAsync(string operation, DateTimeOffset after, DateTimeOffset until, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<Occurrence>>(
        [
            .. (index.GetValueOrDefault(operation)?.GetViewBetween(after.AddTicks(1), until > after ? until : after.AddTicks(1)) ?? [])
                .Select(instant => occurrences.Find((operation, instant))).OfType<Occurrence>(),
        ]);

    public Task<IReadOnlyList<Occurrence>> ListNewestAsync(string operation, int most, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<Occurrence>>(
            [.. (index.GetValueOrDefault(operation) ?? []).Reverse().Select(instant => occurrences.Find((operation, instant))).OfType<Occurrence>().Take(most)]);

    public Task<IReadOnlyList<Occurrence>> ListOpenAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<Occurrence>>(
        [.. open.Rows.OrderBy(one => one.Instant).ThenBy(one => one.Operation, StringComparer.Ordinal)]);

    public Task<DateTimeOffset?> FindAheadAsync(string operation, DateTimeOffset now, CancellationToken cancellationToken) =>
        Task.FromResult(Ahead(operation, now).Select(one => (DateTimeOffset?)one.Instant).Min());

    public Task<int> DeleteAheadAsync(string operation, DateTimeOffset now, DateTimeOffset mark, CancellationToken cancellationToken)
    {
        List<Occurrence> ahead = [.. Ahead(operation, now).Where(one => one.Instant > mark)];
        foreach (Occurrence one in ahead)
        {
            occurrences.Set((one.Operation, one.Instant), null);
            if (one.IsOpen)
            {
                open.Set((one.Operation, one.Instant), null);
            }
        }

        return Task.FromResult(ahead.Count);
    }

    public Task<bool> TryClaimAsync(string operation, DateTimeOffset instant, Guid run, CancellationToken cancellationToken) =>
        Task.FromResult(TrySet(operation, instant, one => one with { State = OccurrenceState.Claimed, Run = run }));

    public Task<bool> TryEndAsync(string operation, DateTimeOffset instant, OccurrenceState state, string? why, DateTimeOffset at, CancellationToken cancellationToken) =>
        Task.FromResult(TrySet(operation, instant, one => one with { State = state, Why = why, EndedAt = at }));

    public Task<int> MakeUpAsync(string operation, DateTimeOffset until, Guid run, CancellationToken cancellationToken)
    {
        List<Occurrence> missed =
            [.. occurrences.Rows.Where(one => one.Operation == operation && one is { State: OccurrenceState.Missed, MadeUpBy: null } && one.Instant <= until)];
        missed.ForEach(one => Set(one with { MadeUpBy = run }));
        return Task.FromResult(missed.Count);
    }

    public Task<IReadOnlyList<OccurrenceDay>> CountByDayAsync(string operation, DateTimeOffset from, DateTimeOffset until, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<OccurrenceDay>>(
        [
            .. occurrences.Rows.Where(one => one.Operation == operation && one.Instant >= from && one.Instant < until)
                .GroupBy(one => (Day: DateOnly.FromDateTime(one.Instant.UtcDateTime), one.State, HasFailed: HasFailed(one)))
                .OrderBy(group => group.Key)
                .Select(group => new OccurrenceDay(group.Key.Day, group.Key.State, group.Count(), group.Key.HasFailed)),
        ]);

    private bool HasFailed(Occurrence one) => one.State is OccurrenceState.Ran or OccurrenceState.Late
        && (one.Run is { } run && runs.Rows.FirstOrDefault(row => row.Id == run) is { } kept ? kept.State is RunState.Failed or RunState.PartlyFailed : one.HasFailed);

    public Task<bool> AnyBeforeAsync(DateTimeOffset instant, CancellationToken cancellationToken) =>
        Task.FromResult(occurrences.Rows.Any(one => one.Instant < instant && !one.IsOpen));

    public Task<int> DeleteBeforeAsync(DateTimeOffset instant, int most, CancellationToken cancellationToken)
    {
        List<Occurrence> old = [.. occurrences.Rows.Where(one => one.Instant < instant && !one.IsOpen).OrderBy(one => one.Instant).Take(most)];
        old.ForEach(one => occurrences.Set((one.Operation, one.Instant), null));
        return Task.FromResult(old.Count);
    }

    private IEnumerable<Occurrence> Ahead(string operation, DateTimeOffset now) => occurrences.Rows.Where(one => one.Operation == operation && one.IsAheadOf(now));

    private bool TrySet(string operation, DateTimeOffset instant, Func<Occurrence, Occurrence> change)
    {
        if (open.Find((operation, instant)) is not { } found)
        {
            return false;
        }

        Set(change(found));
        return true;
    }

    private void Set(Occurrence occurrence)
    {
        (string, DateTimeOffset) key = (occurrence.Operation, occurrence.Instant);
        occurrences.Set(key, occurrence);
        if (!index.TryGetValue(occurrence.Operation, out SortedSet<DateTimeOffset>? instants))
        {
            index[occurrence.Operation] = instants = [];
        }

        instants.Add(occurrence.Instant);
        if (occurrence.IsOpen || open.Find(key) is not null)
        {
            open.Set(key, occurrence.IsOpen ? occurrence : null);
        }
    }
}
