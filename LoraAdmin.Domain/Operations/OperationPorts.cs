using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Operations;

/// <summary>Schedules and the keeper's heartbeat. Bound to a unit of work.</summary>
public interface IOperationScheduleStore
{
    Task<OperationSchedule?> FindAsync(string operation, CancellationToken cancellationToken);

    /// <summary>In order of their keys.</summary>
    Task<IReadOnlyList<OperationSchedule>> ListAsync(CancellationToken cancellationToken);

    /// <summary>Adds the row. False: it is there, and nothing was written.</summary>
    Task<bool> TryAddAsync(OperationSchedule schedule, CancellationToken cancellationToken);

    /// <summary>Writes cron, time zone, catch-up, whether a person chose them, and from when on they hold; nothing else.</summary>
    Task SaveTimesAsync(OperationSchedule schedule, CancellationToken cancellationToken);

    /// <summary>Null: it runs by itself again.</summary>
    Task SavePauseAsync(string operation, OperationPause? pause, CancellationToken cancellationToken);

    /// <summary>Ends a pause that was until the instant or before. False: it is not paused, or for longer: somebody may just have said so.</summary>
    Task<bool> TryEndPauseAsync(string operation, DateTimeOffset at, CancellationToken cancellationToken);

    /// <summary>Moves the mark forward; it never goes back by it.</summary>
    Task SetAccountedAsync(string operation, DateTimeOffset until, CancellationToken cancellationToken);

    /// <summary>Moves the mark back, after a clock that was ahead had moved it; never forward.</summary>
    Task TakeAccountedBackAsync(string operation, DateTimeOffset until, CancellationToken cancellationToken);

    /// <summary>
    /// Reads the operation's row and locks it until the transaction ends. Whatever starts a run of the operation, notes what has passed or changes its schedule begins with
    /// it, so that they come one after the other; who locks several does so in order of their keys. Null: it has no schedule.
    /// </summary>
    Task<OperationSchedule?> LockAsync(string operation, CancellationToken cancellationToken);

    /// <summary>The number of the operation's next run, which is taken by it.</summary>
    /// <returns>Null: the operation has no schedule.</returns>
    Task<long?> TakeNumberAsync(string operation, CancellationToken cancellationToken);

    /// <summary>When a keeper of any instance last said that it is awake; null: never.</summary>
    Task<DateTimeOffset?> ReadHeartbeatAsync(CancellationToken cancellationToken);

    Task BeatAsync(DateTimeOffset now, CancellationToken cancellationToken);
}

/// <summary>The kill switch for destructive automation. Bound to a unit of work.</summary>
public interface IAutomationHoldStore
{
    /// <summary>Null: it is off. One whose time is over is still returned: ask <see cref="AutomationHold.HoldsNow"/>.</summary>
    Task<AutomationHold?> FindAsync(CancellationToken cancellationToken);

    /// <summary>The same, locked until the transaction ends: what ends it comes after what was done by it. Before any <see cref="IOperationScheduleStore.LockAsync"/>.</summary>
    Task<AutomationHold?> LockAsync(CancellationToken cancellationToken);

    /// <summary>Null: off.</summary>
    Task SaveAsync(AutomationHold? hold, CancellationToken cancellationToken);

    /// <summary>Switches off one that was until the instant or before. False: it is off, or on for longer: somebody may just have switched it on.</summary>
    Task<bool> TryEndAsync(DateTimeOffset at, CancellationToken cancellationToken);
}

/// <summary>Runs and their log lines. Bound to a unit of work. Writes of a run name its number: a run that was taken over writes nothing.</summary>
public interface IOperationRunStore
{
    /// <summary>At most one run of an operation is at work: the table refuses a second.</summary>
    Task AddAsync(OperationRun run, CancellationToken cancellationToken);

    Task<OperationRun?> FindAsync(Guid id, CancellationToken cancellationToken);

    Task<OperationRun?> FindRunningAsync(string operation, CancellationToken cancellationToken);

    /// <summary>Runs at work, and interrupted ones that nobody went on from, in the order of their start.</summary>
    Task<IReadOnlyList<OperationRun>> ListUnfinishedAsync(CancellationToken cancellationToken);

    /// <summary>Renews the lease and counts an item that ended. Null: the run is not at work any more, or was taken over.</summary>
    Task<RunPulse?> TouchAsync(Guid id, long number, ItemEnd? ended, DateTimeOffset leaseUntil, CancellationToken cancellationToken);

    /// <summary>Notes the plan and what is to be applied. False: taken over.</summary>
    Task<bool> SetPlanAsync(Guid id, long number, Guid plan, long planned, IReadOnlyList<Figure> before, CancellationToken cancellationToken);

    /// <summary>Writes state, end, outcome, counts and figures of a run that is at work. False: it was not, or was taken over.</summary>
    Task<bool> EndAsync(OperationRun ended, CancellationToken cancellationToken);

    /// <summary>
    /// Ends a run at work as interrupted whose lease still is the one by which it was found dead; its counts stay. False: it is not at work any more, or its lease
    /// was renewed.
    /// </summary>
    Task<bool> TryInterruptAsync(Guid id, DateTimeOffset leaseUntil, DateTimeOffset now, string outcome, CancellationToken cancellationToken);

    /// <summary>Notes who went on from an interrupted run. False: somebody did already, its end was asked for, or it is not interrupted.</summary>
    Task<bool> TrySetResumedByAsync(Guid id, Guid by, CancellationToken cancellationToken);

    /// <summary>
    /// An interrupted run that nobody will go on from ends for good, as failed or cancelled. False: somebody went on from it, or it is not interrupted.
    /// </summary>
    Task<bool> TryEndInterruptedAsync(Guid id, RunState state, string outcome, CancellationToken cancellationToken);

    /// <summary>Asks a run to end that is at work, or interrupted and not gone on from. False: it has ended, or another run goes on from it.</summary>
    Task<bool> AskCancelAsync(Guid id, CancelAsk ask, CancellationToken cancellationToken);

    Task AppendLineAsync(Guid run, DateTimeOffset at, EventSeverity severity, string text, CancellationToken cancellationToken);

    Task<IReadOnlyList<RunLine>> ListLinesAsync(Guid run, CancellationToken cancellationToken);

    /// <summary>Newest first.</summary>
    Task<RunPage> ListAsync(RunFilter filter, RunCursor? after, int size, CancellationToken cancellationToken);

    /// <summary>
    /// Ended runs that began before the instant and are not among the newest <paramref name="keep"/> of their own operation, counted by operation.
    /// </summary>
    Task<IReadOnlyList<OldRuns>> CountOldAsync(DateTimeOffset before, int keep, CancellationToken cancellationToken);

    /// <summary>Deletes the oldest of them with their lines and plans, at most <paramref name="most"/>.</summary>
    /// <returns>How many runs went.</returns>
    Task<int> DeleteOldAsync(string operation, DateTimeOffset before, int keep, int most, CancellationToken cancellationToken);
}

/// <summary>Plans and their items. Bound to a unit of work.</summary>
public interface IOperationPlanStore
{
    /// <summary>Keeps the plan with its draft's items, numbered from 1.</summary>
    Task AddAsync(OperationPlan plan, CancellationToken cancellationToken);

    /// <summary>Without its items.</summary>
    Task<OperationPlan?> FindAsync(Guid id, CancellationToken cancellationToken);

    /// <summary>Those of the plans that are kept, in no order, without their items.</summary>
    Task<IReadOnlyList<OperationPlan>> ListAsync(IReadOnlyList<Guid> ids, CancellationToken cancellationToken);

    /// <summary>Items after the given number, in order.</summary>
    Task<IReadOnlyList<PlannedItem>> ListItemsAsync(Guid plan, int after, int most, CancellationToken cancellationToken);

    /// <summary>Hands the plan to a run. False: it is not open any more.</summary>
    Task<bool> TryTakeAsync(Guid plan, Guid run, CancellationToken cancellationToken);

    /// <summary>Hands a plan that was taken on to the run that resumes.</summary>
    Task HandOnAsync(Guid plan, Guid run, CancellationToken cancellationToken);

    /// <summary>Writes an item's outcome. False: it has one.</summary>
    Task<bool> TryEndItemAsync(Guid plan, int number, ItemOutcome outcome, DateTimeOffset at, CancellationToken cancellationToken);

    /// <summary>
    /// Plans of the operation that wait for approval give way to a look of the given instant; those of a later look stay, unless it is still to come.
    /// </summary>
    Task SupersedeAsync(string operation, DateTimeOffset asOf, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Plans that wait for a person, oldest first.</summary>
    Task<IReadOnlyList<OperationPlan>> ListAwaitingAsync(CancellationToken cancellationToken);

    /// <summary>Whether <see cref="DeleteUntakenAsync"/> would delete any.</summary>
    Task<bool> AnyUntakenAsync(DateTimeOffset madeBefore, CancellationToken cancellationToken);

    /// <summary>Deletes plans made before the instant that no run has taken. Those that wait for approval stay until a newer look takes their place.</summary>
    Task<int> DeleteUntakenAsync(DateTimeOffset madeBefore, int most, CancellationToken cancellationToken);
}

/// <summary>Scheduled instants. Bound to a unit of work.</summary>
public interface IOccurrenceStore
{
    /// <summary>Adds the instant's row. False: it has one, and nothing was written.</summary>
    Task<bool> TryAddAsync(Occurrence occurrence, CancellationToken cancellationToken);

    /// <summary>The same of many at once.</summary>
    /// <param name="occurrences">Up to 2000.</param>
    /// <returns>Those that were added.</returns>
    Task<IReadOnlyList<Occurrence>> AddAsync(IReadOnlyList<Occurrence> occurrences, CancellationToken cancellationToken);

    Task<Occurrence?> FindAsync(string operation, DateTimeOffset instant, CancellationToken cancellationToken);

    /// <summary>Instants in (<paramref name="after"/>, <paramref name="until"/>], oldest first.</summary>
    Task<IReadOnlyList<Occurrence>> ListAsync(string operation, DateTimeOffset after, DateTimeOffset until, CancellationToken cancellationToken);

    /// <summary>Newest first.</summary>
    Task<IReadOnlyList<Occurrence>> ListNewestAsync(string operation, int most, CancellationToken cancellationToken);

    /// <summary>Open ones of every operation, oldest first.</summary>
    Task<IReadOnlyList<Occurrence>> ListOpenAsync(CancellationToken cancellationToken);

    /// <summary>The oldest one that <see cref="Occurrence.IsAheadOf"/> the instant; null: there is none.</summary>
    Task<DateTimeOffset?> FindAheadAsync(string operation, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Deletes those after the mark that <see cref="Occurrence.IsAheadOf"/> the instant.</summary>
    Task<int> DeleteAheadAsync(string operation, DateTimeOffset now, DateTimeOffset mark, CancellationToken cancellationToken);

    /// <summary>Hands an open instant to a run.</summary>
    /// <returns>False: it has ended.</returns>
    Task<bool> TryClaimAsync(string operation, DateTimeOffset instant, Guid run, CancellationToken cancellationToken);

    /// <summary>Ends an open instant. False: it has ended before, and stays as it is.</summary>
    Task<bool> TryEndAsync(string operation, DateTimeOffset instant, OccurrenceState state, string? why, DateTimeOffset at, CancellationToken cancellationToken);

    /// <summary>Missed instants up to the given one that nothing has made up for are made up by the run.</summary>
    Task<int> MakeUpAsync(string operation, DateTimeOffset until, Guid run, CancellationToken cancellationToken);

    /// <summary>For the picture of a year: per day in UTC and state, those whose run failed apart. Where the run is gone, the instant's own word counts.</summary>
    Task<IReadOnlyList<OccurrenceDay>> CountByDayAsync(string operation, DateTimeOffset from, DateTimeOffset until, CancellationToken cancellationToken);

    /// <summary>Whether an ended instant lies before the given one.</summary>
    Task<bool> AnyBeforeAsync(DateTimeOffset instant, CancellationToken cancellationToken);

    /// <summary>Deletes ended instants before the given one.</summary>
    Task<int> DeleteBeforeAsync(DateTimeOffset instant, int most, CancellationToken cancellationToken);
}

/// <summary>Runs what was started beside its caller; at the portal's end it is told to stop, and is waited for.</summary>
public interface IRunHost
{
    void Begin(StartedRun run);

    /// <summary>Whether this process works on the run and no other process could: nobody goes on from it while that is so, whatever its lease says.</summary>
    bool IsAtWork(Guid run);
}
