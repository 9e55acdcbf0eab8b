using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Operations;

/// <summary>Who or what wants a run.</summary>
/// <param name="Instant">For runs of the schedule and those that make up for one.</param>
/// <param name="Reason">From a person; 1 to 500 characters.</param>
/// <param name="Plan">The plan that is to be applied; null: the run makes its own.</param>
public sealed record RunRequest(string Operation, RunTrigger Trigger, Actor By, DateTimeOffset? Instant = null, string? Reason = null, Guid? Plan = null);

/// <summary>A run whose row is written and whose work is still to be done.</summary>
public sealed record StartedRun(OperationRun Run);

public abstract record StartOutcome
{
    private StartOutcome()
    {
    }

    public sealed record Started(StartedRun Run) : StartOutcome;

    /// <summary>The instant is accounted for: another instance runs it, it has ended, or it lies in the silence after an edit.</summary>
    public sealed record Accounted : StartOutcome;

    /// <summary>Nothing runs, on purpose; the instant is closed as skipped.</summary>
    public sealed record Skipped(string Why) : StartOutcome;

    /// <summary>Another run of the operation is at work; what was asked for can be asked again later.</summary>
    public sealed record Busy(OperationRun Running) : StartOutcome;

    /// <summary>This instance must not: another one does it, or this one later.</summary>
    public sealed record Left(string Why) : StartOutcome;

    public sealed record Refused(FieldProblem Problem) : StartOutcome;
}

/// <summary>
/// Writes the row of a run at its start. One transaction decides: at most one run of an operation is at work on any number of instances, an instant is
/// claimed once, and what holds the operation back is written down with it.
/// </summary>
public sealed class RunStarter(
    IUnitOfWork work,
    OperationRegistry operations,
    ICronSchedules crons,
    IIds ids,
    TimeProvider clock,
    Func<OperationRules> rules,
    Func<Installation> installation,
    ClockStandings clocks,
    string instance)
{
    /// <summary>A run that was interrupted so often in a row is not resumed once more.</summary>
    public const int MostAttempts = 5;

    /// <summary>Until the run is sure to begin.</summary>
    private const long Unnumbered = 0;

    /// <exception cref="StoreUnavailableException">Nothing was written.</exception>
    public Task<StartOutcome> StartAsync(RunRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        IOperation operation = operations.Find(request.Operation)
            ?? throw new ArgumentException($"There is no operation {request.Operation}.", nameof(request));
        if (WhyDoubted(operation.Info) is { } doubt)
        {
            if (request.By.Kind == ActorKind.Portal)
            {
                return Task.FromResult<StartOutcome>(new StartOutcome.Left(doubt));
            }

            if (request.Plan is null)
            {
                return Task.FromResult<StartOutcome>(new StartOutcome.Refused(new FieldProblem(
                    "operation", doubt, "Synchronise the clock first. If it can't wait, press “Preview”, read what would be done, and apply exactly that plan.")));
            }
        }

        return request.Trigger != RunTrigger.Schedule && request.By.Kind == ActorKind.Portal && WhyUnvouched(operation.Info) is { } early
            ? Task.FromResult<StartOutcome>(new StartOutcome.Left(early))
            : work.RunAsync((unit, token) => StartAsync(unit, operation, request, token), cancellationToken);
    }

    /// <summary>
    /// Goes on from a run that is interrupted, or dead. What is dead is noted as interrupted first, whatever this process's clock says, so that it keeps its operation busy no
    /// longer; whether and when it is gone on from is decided then.
    /// </summary>
    /// <param name="stranded">As it was read. One at work must be known to be dead by the lease that it was read with.</param>
    public Task<StartOutcome> RecoverAsync(OperationRun stranded, CancellationToken cancellationToken) =>
        work.RunAsync((unit, token) => RecoverAsync(unit, stranded, token), cancellationToken);

    /// <summary>Why nobody goes on from an interrupted run at this moment; null: somebody does, or there is nothing to go on from. Reads only.</summary>
    public async Task<string?> WhyItWaitsAsync(IUnit unit, OperationRun run, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(run);
        if (run is not { State: RunState.Interrupted, ResumedBy: null, Cancel: null } || operations.Find(run.Operation) is not { } operation)
        {
            return null;
        }

        DateTimeOffset now = clock.GetUtcNow();
        return await WhyNotYetAsync(unit, operation.Info, run, now, cancellationToken)
            ?? WhyTooEarly(run, now)
            ?? WhyNotByThisClock(operation, run, await PlanOfAsync(unit, run, cancellationToken), now);
    }

    /// <summary>Why the operation does not run by itself now; null: it does.</summary>
    internal static string? WhyHeldNow(OperationInfo info, OperationPause? pause, AutomationHold? hold, DateTimeOffset now) =>
        AutomationGate.WhyHeldNow(pause, info.IsDestructive ? hold : null, now);

    /// <summary>The same at an instant that has passed.</summary>
    internal static string? WhyHeldAt(OperationInfo info, OperationPause? pause, AutomationHold? hold, DateTimeOffset instant) =>
        AutomationGate.WhyHeldAt(pause, info.IsDestructive ? hold : null, instant);

    /// <summary>Why it must not be begun by this process's clock; null: it may.</summary>
    private string? WhyDoubted(OperationInfo info) => info.NeedsRightClock ? clocks.WhyHeld() : null;

    /// <summary>Why the portal must not yet begin it by itself; null: it may.</summary>
    private string? WhyUnvouched(OperationInfo info) => info.NeedsRightClock ? clocks.WhyUnvouched() : null;

    private async Task<StartOutcome> StartAsync(IUnit unit, IOperation operation, RunRequest request, CancellationToken cancellationToken)
    {
        string key = operation.Info.Key;
        IOperationScheduleStore schedules = unit.Store<IOperationScheduleStore>();
        if (await schedules.LockAsync(key, cancellationToken) is not { } schedule)
        {
            return new StartOutcome.Refused(new FieldProblem("operation", $"{key} has no schedule yet", "Wait some seconds: the portal is starting."));
        }

        DateTimeOffset now = clock.GetUtcNow();
        if (request is { Trigger: RunTrigger.Schedule, Instant: { } fired } && await WhyNotOfScheduleAsync(unit, operation.Info, schedule, fired, now, cancellationToken) is { } none)
        {
            return none;
        }

        // What is held at its instant is skipped, whether or not anybody has vouched for the clock: a hold that is over a minute later held it all the same.
        string? held = request.Instant is null ? null
            : WhyHeldNow(operation.Info, schedule.Pause, await unit.Store<IAutomationHoldStore>().FindAsync(cancellationToken), now);
        if (request is { Trigger: RunTrigger.Schedule, Instant: { } waits } && held is null && WhyUnvouched(operation.Info) is { } early)
        {
            // Nobody fires it again. It is not missed either: whoever may begin it first does.
            Occurrence owed = new(key, waits, OccurrenceState.Owed, early, null, null, null);
            return await unit.Store<IOccurrenceStore>().TryAddAsync(owed, cancellationToken) ? new StartOutcome.Left(early) : new StartOutcome.Accounted();
        }

        OperationRun? running = await unit.Store<IOperationRunStore>().FindRunningAsync(key, cancellationToken);
        if (request is { Trigger: RunTrigger.CatchUp, Instant: { } past } && held is null && rules().IsTooLateFor(schedule.CatchUp, past, now))
        {
            return await MissAsync(unit, operation.Info, past, running, now, cancellationToken);
        }

        OperationRun run = new()
        {
            Id = ids.Next(),
            Operation = key,
            Number = Unnumbered,
            Trigger = request.Trigger,
            Instant = request.Instant,
            StartedBy = request.By,
            Reason = request.Reason,
            State = RunState.Running,
            StartedAt = now,
            Instance = instance,
            LeaseUntil = now + rules().LeaseFor,
        };
        if (request.Instant is { } instant)
        {
            if (await ClaimAsync(unit, run, instant, schedule.CatchUp, held, running, cancellationToken) is { } not)
            {
                return not;
            }
        }
        else if (running is not null)
        {
            return new StartOutcome.Busy(running);
        }

        if (request.Plan is { } plan && await TakePlanAsync(unit, operation, plan, run, cancellationToken) is { } problem)
        {
            return new StartOutcome.Refused(problem);
        }

        run = await AddAsync(unit, run with { Plan = request.Plan }, cancellationToken);
        if (request.By.Kind != ActorKind.Portal)
        {
            string what = request.Plan is null ? "was asked to run" : "was asked to apply a plan";
            await unit.Events.AppendAsync(
                OperationFacts.Of(OperationEvents.RunAsked, $"{operation.Info.Title} {what} (run {run.Number}): {request.Reason}", request.By), cancellationToken);
        }

        return new StartOutcome.Started(new StartedRun(run));
    }

    /// <returns>Why a fire is not taken as one of the schedule; null: its instant is to be claimed.</returns>
    private async Task<StartOutcome?> WhyNotOfScheduleAsync(
        IUnit unit, OperationInfo info, OperationSchedule schedule, DateTimeOffset fired, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (crons.WhyUnreadable(schedule, now) is { } unreadable)
        {
            return new StartOutcome.Left(unreadable);
        }

        DateTimeOffset before = fired.AddMilliseconds(-1);
        if (crons.NextAfter(schedule.Cron, schedule.TimeZone, before) != fired)
        {
            // The scheduler has not heard of an edit yet, or gives the second reading of an hour when the clocks went back.
            return new StartOutcome.Left($"{fired:u} is no instant of the schedule \"{schedule.Cron}\" in {schedule.TimeZone}");
        }

        if (ClockSetBack.IsSure(schedule, now, rules(), clocks))
        {
            // Before the keeper's next look, which would find this instant closed.
            schedule = await ClockSetBack.TakeBackAsync(unit, info, schedule, before < now ? before : now, Actor.Portal(info.Key), cancellationToken);
        }

        return fired > schedule.AccountedUntil ? null
            : ClockSetBack.HasHappened(schedule, now, rules())
                ? new StartOutcome.Left($"Instants are accounted for until {schedule.AccountedUntil:u}, and no other clock has said yet whether this portal's is right")
            : new StartOutcome.Accounted();
    }

    /// <summary>Its number is taken with it: what was skipped or refused leaves no gap.</summary>
    private static async Task<OperationRun> AddAsync(IUnit unit, OperationRun run, CancellationToken cancellationToken)
    {
        long number = await unit.Store<IOperationScheduleStore>().TakeNumberAsync(run.Operation, cancellationToken)
            ?? throw new InvalidOperationException($"{run.Operation} has lost its schedule.");
        OperationRun numbered = run with { Number = number };
        await unit.Store<IOperationRunStore>().AddAsync(numbered, cancellationToken);
        return numbered;
    }

    /// <summary>An owed instant that nothing began for in time.</summary>
    private static async Task<StartOutcome> MissAsync(
        IUnit unit, OperationInfo info, DateTimeOffset instant, OperationRun? running, DateTimeOffset now, CancellationToken cancellationToken)
    {
        IOccurrenceStore occurrences = unit.Store<IOccurrenceStore>();
        Occurrence? owed = await occurrences.FindAsync(info.Key, instant, cancellationToken);

        // One that says no reason was missed before, and was to be made up for when the schedule said so.
        string why = running is not null ? WhyBusy(running)
            : owed?.Why is not null ? "No portal was vouched for in time"
            : "Nothing began within the grace, and the schedule was changed since: missed instants stay missed";
        if (await occurrences.TryEndAsync(info.Key, instant, OccurrenceState.Missed, why, now, cancellationToken))
        {
            await unit.Events.AppendAsync(
                OperationFacts.Missed(info, [new Verdict(instant, OccurrenceState.Missed, why)], Actor.Portal(info.Key)), cancellationToken);
        }

        return new StartOutcome.Accounted();
    }

    private static string WhyBusy(OperationRun running) => $"Run {running.Number}, which began {running.StartedAt:u}, was still at work";

    /// <returns>Why nothing starts; null: the instant is the run's.</returns>
    private async Task<StartOutcome?> ClaimAsync(
        IUnit unit, OperationRun run, DateTimeOffset instant, CatchUp catchUp, string? held, OperationRun? running, CancellationToken cancellationToken)
    {
        IOccurrenceStore occurrences = unit.Store<IOccurrenceStore>();
        string? why = held ?? (running is null || run.Trigger == RunTrigger.CatchUp ? null : WhyBusy(running));
        if (run.Trigger == RunTrigger.CatchUp)
        {
            if (why is null)
            {
                if (running is not null)
                {
                    return new StartOutcome.Busy(running);
                }

                if (!await occurrences.TryClaimAsync(run.Operation, instant, run.Id, cancellationToken))
                {
                    return new StartOutcome.Accounted();
                }

                if (catchUp == CatchUp.Once)
                {
                    await occurrences.MakeUpAsync(run.Operation, instant, run.Id, cancellationToken);
                }

                return null;
            }

            await occurrences.TryEndAsync(run.Operation, instant, OccurrenceState.Skipped, why, clock.GetUtcNow(), cancellationToken);
        }
        else
        {
            Occurrence occurrence = why is null
                ? new Occurrence(run.Operation, instant, OccurrenceState.Claimed, null, run.Id, null, null)
                : new Occurrence(run.Operation, instant, OccurrenceState.Skipped, why, null, null, clock.GetUtcNow());
            if (!await occurrences.TryAddAsync(occurrence, cancellationToken))
            {
                return new StartOutcome.Accounted();
            }

            if (why is null)
            {
                return null;
            }
        }

        await unit.Events.AppendAsync(SkippedFact(run.Operation, instant, why, held is not null), cancellationToken);
        return new StartOutcome.Skipped(why);
    }

    /// <summary>Somebody who pauses an operation and forgets it is reminded: an instant passed and nothing was done.</summary>
    internal static OperationalEvent SkippedFact(string operation, DateTimeOffset instant, string why, bool held) => OperationFacts.Of(
        OperationEvents.Skipped,
        $"{operation} did not run at {instant:u}. {why}",
        Actor.Portal(operation),
        held ? EventSeverity.Warning : EventSeverity.Info,
        held ? [new IncidentSignal(OperationIncidents.Missed, operation, $"{operation} did not run at {instant:u}. {why}")] : []) with { Reason = "skipped" };

    /// <returns>Why the plan must not be applied; null: it is the run's.</returns>
    private async Task<FieldProblem?> TakePlanAsync(IUnit unit, IOperation planned, Guid id, OperationRun run, CancellationToken cancellationToken)
    {
        OperationInfo operation = planned.Info;
        IOperationPlanStore plans = unit.Store<IOperationPlanStore>();
        if (await plans.FindAsync(id, cancellationToken) is not { } plan)
        {
            return new FieldProblem("plan", "There is no such plan: plans that nobody applied are deleted after a while", "Preview again, and apply the new plan.");
        }

        if (plan.Operation != operation.Key)
        {
            return new FieldProblem(
                "plan", $"It is a plan of {plan.Operation}, not of {operation.Key}", $"Open {plan.Operation} to apply it, or preview {operation.Key}.");
        }

        if (plan.WhyNotApplied(planned, installation().Id, clock.GetUtcNow(), rules().PlanValidFor) is { } problem)
        {
            return problem;
        }

        if (!await plans.TryTakeAsync(id, run.Id, cancellationToken))
        {
            return new FieldProblem("plan", "A run has just taken it", "Look at the run.");
        }

        if (plan.State == PlanState.AwaitsApproval)
        {
            // Nothing waits from here on, however the run ends: what it leaves undone the next look finds again.
            string approved = $"{run.StartedBy.Name} approved what was held back";
            await unit.Events.AppendAsync(OperationFacts.ApprovalOver(operation, approved, run.StartedBy), cancellationToken);
        }

        return null;
    }

    private async Task<StartOutcome> RecoverAsync(IUnit unit, OperationRun read, CancellationToken cancellationToken)
    {
        IOperationRunStore runs = unit.Store<IOperationRunStore>();
        DateTimeOffset now = clock.GetUtcNow();
        if (operations.Find(read.Operation) is not { } operation
            || await unit.Store<IOperationScheduleStore>().LockAsync(read.Operation, cancellationToken) is null
            || (read.State == RunState.Running && !await TryInterruptAsync(unit, operation.Info, read, now, cancellationToken))
            || await runs.FindAsync(read.Id, cancellationToken) is not { } stranded)
        {
            return new StartOutcome.Accounted();
        }

        if (stranded.Cancel is { } ask)
        {
            await CancelAsync(unit, operation.Info, stranded, ask, now, cancellationToken);
            return new StartOutcome.Accounted();
        }

        OperationPlan? plan = await PlanOfAsync(unit, stranded, cancellationToken);
        if ((WhyTooEarly(stranded, now) ?? WhyNotByThisClock(operation, stranded, plan, now)) is { } doubt)
        {
            return new StartOutcome.Left(doubt);
        }

        if (WhyGivenUp(stranded, plan) is { } why)
        {
            await GiveUpAsync(unit, operation.Info, stranded, why, now, cancellationToken);
            return new StartOutcome.Accounted();
        }

        if (await runs.FindRunningAsync(stranded.Operation, cancellationToken) is { } running)
        {
            return new StartOutcome.Busy(running);
        }

        if (await WhyNotYetAsync(unit, operation.Info, stranded, now, cancellationToken) is { } held)
        {
            return new StartOutcome.Skipped(held);
        }

        OperationRun run = new()
        {
            Id = ids.Next(),
            Operation = stranded.Operation,
            Number = Unnumbered,
            Trigger = RunTrigger.Recovery,
            Instant = stranded.Instant,
            StartedBy = stranded.StartedBy,
            Reason = stranded.Reason,
            State = RunState.Running,
            StartedAt = now,
            Instance = instance,
            LeaseUntil = now + rules().LeaseFor,
            Resumes = stranded.Id,
            Attempt = stranded.Attempt + 1,
        };
        if (!await runs.TrySetResumedByAsync(stranded.Id, run.Id, cancellationToken))
        {
            return new StartOutcome.Accounted();
        }

        if (IsGoneOnWith(operation, stranded, plan, now))
        {
            await unit.Store<IOperationPlanStore>().HandOnAsync(plan!.Id, run.Id, cancellationToken);
            run = run with { Plan = plan.Id };
        }

        if (stranded.Instant is { } instant)
        {
            await unit.Store<IOccurrenceStore>().TryClaimAsync(run.Operation, instant, run.Id, cancellationToken);
        }

        return new StartOutcome.Started(new StartedRun(await AddAsync(unit, run, cancellationToken)));
    }

    /// <returns>False: it has ended, or its lease was renewed: until now the one that was thought dead may have ended an item, or the run.</returns>
    private static async Task<bool> TryInterruptAsync(IUnit unit, OperationInfo operation, OperationRun read, DateTimeOffset now, CancellationToken cancellationToken)
    {
        IOperationRunStore runs = unit.Store<IOperationRunStore>();
        string silent = read.LeaseUntil == OperationRun.NoLease ? $"{read.Instance} was killed: it was gone when the portal was started again"
            : read.LeaseUntil <= now ? $"{read.Instance} was not heard of since its lease ended {read.LeaseUntil:u}"
            : $"{read.Instance} was not heard of any more, although its lease was until {read.LeaseUntil:u}";
        if (!await runs.TryInterruptAsync(read.Id, read.LeaseUntil, now, silent, cancellationToken)
            || await runs.FindAsync(read.Id, cancellationToken) is not { } interrupted)
        {
            return false;
        }

        await unit.Events.AppendAsync(
            OperationFacts.Of(
                OperationEvents.RunInterrupted,
                $"Run {interrupted.Number} of {operation.Title} was interrupted after {interrupted.Ended} of {interrupted.Planned}: {silent}",
                Actor.Portal(interrupted.Operation),
                EventSeverity.Warning),
            cancellationToken);
        return true;
    }

    /// <summary>Whether an interrupted run would be gone on from at this moment. Reads only.</summary>
    internal async Task<bool> IsGoneOnFromAsync(IUnit unit, OperationRun stranded, CancellationToken cancellationToken) =>
        stranded.Cancel is null
        && operations.Find(stranded.Operation) is { } operation
        && WhyTooEarly(stranded, clock.GetUtcNow()) is null
        && WhyGivenUp(stranded, await PlanOfAsync(unit, stranded, cancellationToken)) is null
        && await WhyNotYetAsync(unit, operation.Info, stranded, clock.GetUtcNow(), cancellationToken) is null;

    /// <summary>
    /// The clock is behind, or it was ahead when the run began: a month's reset that went on by a clock which is still in the month before would close the instant and reset
    /// nobody. RunPod's clock can say that the present one is right, and even then an instant that is still to come is waited for.
    /// </summary>
    /// <returns>Null: it is not too early.</returns>
    private string? WhyTooEarly(OperationRun stranded, DateTimeOffset now) =>
        stranded.StartedAt > now && (stranded.Instant > now || !clocks.IsConfirmed())
            ? $"It began {stranded.StartedAt:u}, which by this portal's clock is still to come"
            : null;

    private string? WhyGivenUp(OperationRun stranded, OperationPlan? plan) =>
        stranded.Attempt >= MostAttempts ? $"{MostAttempts} runs in a row were interrupted; it is not resumed once more"
        : plan is not null && plan.Installation != installation().Id && !IsByPortal(stranded)
            ? "its plan was made by the installation that this database is a copy of"
        : IsRead(stranded, plan) && plan!.Draft.IsAheadOf(clock.GetUtcNow())
            ? "the clock that its plan was made by was ahead; preview again"
        : null;

    /// <summary>What a person has asked for is gone on with, however old; what the portal planned by itself long ago, or a clock ahead did, is planned anew.</summary>
    private bool IsGoneOnWith(IOperation operation, OperationRun stranded, OperationPlan? plan, DateTimeOffset now) =>
        plan is not null && plan.Installation == installation().Id && operation.WhyStale(plan.Draft, now) is null && !plan.Draft.IsAheadOf(now)
        && (!IsByPortal(stranded) || now - plan.Draft.AsOf <= rules().PlanValidFor);

    private static bool IsRead(OperationRun stranded, OperationPlan? plan) => plan?.IsReadBy(stranded.StartedBy) == true;

    /// <summary>Why a run must not be gone on from by this process's clock, whoever began it: it would do what nobody has read. Null: it may.</summary>
    private string? WhyNotByThisClock(IOperation operation, OperationRun stranded, OperationPlan? plan, DateTimeOffset now)
    {
        bool goesOn = IsGoneOnWith(operation, stranded, plan, now);
        return IsRead(stranded, plan) && plan!.Draft.IsAheadOf(now) && !clocks.IsConfirmed()
                ? $"By this portal's clock {plan.Draft.AsOf:u}, of which its plan is, is still to come"
            : goesOn && IsRead(stranded, plan) ? null
            : WhyDoubted(operation.Info) ?? (goesOn ? null : WhyUnvouched(operation.Info));
    }

    /// <summary>A pause and the kill switch hold what the portal began by itself until they end.</summary>
    private static async Task<string?> WhyNotYetAsync(
        IUnit unit, OperationInfo operation, OperationRun stranded, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (!IsByPortal(stranded))
        {
            return null;
        }

        OperationSchedule? schedule = await unit.Store<IOperationScheduleStore>().FindAsync(operation.Key, cancellationToken);
        return WhyHeldNow(operation, schedule?.Pause, await unit.Store<IAutomationHoldStore>().FindAsync(cancellationToken), now);
    }

    private static bool IsByPortal(OperationRun run) => run.StartedBy.Kind == ActorKind.Portal;

    private static async Task<OperationPlan?> PlanOfAsync(IUnit unit, OperationRun run, CancellationToken cancellationToken) =>
        run.Plan is { } plan ? await unit.Store<IOperationPlanStore>().FindAsync(plan, cancellationToken) : null;

    private static async Task GiveUpAsync(
        IUnit unit, OperationInfo operation, OperationRun stranded, string words, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (!await TryEndAsync(unit, stranded, RunState.Failed, words, now, cancellationToken))
        {
            return;
        }

        string text = $"Run {stranded.Number} of {operation.Title}: {words}";
        await unit.Events.AppendAsync(
            OperationFacts.Of(
                OperationEvents.RunFailed, text, Actor.Portal(operation.Key), EventSeverity.Error, new IncidentSignal(OperationIncidents.Failed, operation.Key, text)) with
            {
                Reason = "interrupted",
                Error = new ErrorDetail("run_interrupted", operation.Key, words, null),
            },
            cancellationToken);
    }

    private static async Task CancelAsync(
        IUnit unit, OperationInfo operation, OperationRun stranded, CancelAsk ask, DateTimeOffset now, CancellationToken cancellationToken)
    {
        string words = ask.Words;
        if (await TryEndAsync(unit, stranded, RunState.Cancelled, words, now, cancellationToken))
        {
            await unit.Events.AppendAsync(
                OperationFacts.Of(
                    OperationEvents.RunEnded, $"Run {stranded.Number} of {operation.Title}: {words}", stranded.StartedBy, EventSeverity.Warning),
                cancellationToken);
        }
    }

    /// <returns>False: somebody went on from it.</returns>
    private static async Task<bool> TryEndAsync(
        IUnit unit, OperationRun stranded, RunState state, string words, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (!await unit.Store<IOperationRunStore>().TryEndInterruptedAsync(stranded.Id, state, words, cancellationToken))
        {
            return false;
        }

        if (stranded.Instant is { } instant)
        {
            // Words say that it failed, also when the run is not kept any more: what a person cancelled has not.
            string? failed = state == RunState.Cancelled ? null : words;
            await unit.Store<IOccurrenceStore>().TryEndAsync(stranded.Operation, instant, OccurrenceState.Late, failed, now, cancellationToken);
        }

        return true;
    }
}
