using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Operations;

/// <summary>What came of a command about operations.</summary>
public abstract record OperationCommand
{
    private OperationCommand()
    {
    }

    public sealed record Done : OperationCommand;

    /// <summary>A run was started; its page shows how it goes on.</summary>
    public sealed record Started(Guid Run) : OperationCommand;

    /// <summary>A plan was made; nothing else was changed.</summary>
    public sealed record Planned(Guid Plan) : OperationCommand;

    /// <summary>Nothing was changed.</summary>
    public sealed record Refused(FieldProblem Problem) : OperationCommand;
}

/// <summary>A schedule as a person writes it.</summary>
/// <param name="TimeZone">IANA id.</param>
public sealed record ScheduleWish(string Cron, string TimeZone, CatchUp CatchUp);

/// <summary>The commands that people give about operations. Each is written down with who gave it and why.</summary>
public interface IOperationDesk
{
    /// <summary>Plans now and keeps the plan for a person to read and apply. Nothing else is written.</summary>
    Task<OperationCommand> PreviewAsync(string operation, Actor actor, CancellationToken cancellationToken);

    /// <summary>Applies exactly this plan, less what became ineligible; what the caps held back too.</summary>
    /// <param name="reason">1 to 500 characters.</param>
    Task<OperationCommand> ApplyAsync(string operation, Guid plan, string reason, Actor actor, CancellationToken cancellationToken);

    /// <summary>Plans and applies at once, whatever the pause or the kill switch says. What its caps hold back waits for approval: nobody has read it.</summary>
    /// <param name="reason">1 to 500 characters.</param>
    Task<OperationCommand> RunNowAsync(string operation, string reason, Actor actor, CancellationToken cancellationToken);

    /// <summary>Asks a run to end after the item that it is at. One that is interrupted is not gone on from.</summary>
    /// <param name="reason">1 to 500 characters.</param>
    Task<OperationCommand> CancelAsync(Guid run, string reason, Actor actor, CancellationToken cancellationToken);

    /// <param name="reason">1 to 500 characters.</param>
    /// <param name="until">When it runs by itself again; null: when a person resumes it.</param>
    Task<OperationCommand> PauseAsync(string operation, string reason, DateTimeOffset? until, Actor actor, CancellationToken cancellationToken);

    /// <summary>What passed in the pause stays skipped, also where nobody was awake to note it. The kill switch holds on.</summary>
    /// <param name="seen">The pause that the person was shown: another one than that is not ended. Null: whichever there is.</param>
    Task<OperationCommand> ResumeAsync(string operation, OperationPause? seen, Actor actor, CancellationToken cancellationToken);

    /// <summary>Null wish: the schedule follows the default again.</summary>
    Task<OperationCommand> EditScheduleAsync(string operation, ScheduleWish? wish, Actor actor, CancellationToken cancellationToken);

    /// <summary>The kill switch: nothing destructive happens by itself any more.</summary>
    /// <param name="reason">1 to 500 characters.</param>
    /// <param name="until">When it ends by itself; null: when a person releases it.</param>
    Task<OperationCommand> HoldAutomationAsync(string reason, DateTimeOffset? until, Actor actor, CancellationToken cancellationToken);

    /// <summary>What passed meanwhile stays skipped, as by <see cref="ResumeAsync"/>.</summary>
    /// <param name="seen">The hold that the person was shown: another one than that is not ended. Null: whichever there is.</param>
    Task<OperationCommand> ReleaseAutomationAsync(AutomationHold? seen, Actor actor, CancellationToken cancellationToken);
}

/// <inheritdoc cref="IOperationDesk"/>
public sealed class OperationDesk(
    IUnitOfWork work,
    OperationRegistry operations,
    ICronSchedules crons,
    RunStarter starter,
    IRunHost host,
    IIds ids,
    TimeProvider clock,
    Func<OperationRules> rules,
    Func<Installation> installation,
    ClockStandings clocks) : IOperationDesk
{
    public const int MostReason = 500;

    private readonly HeldInstants held = new(crons, clocks);

    public async Task<OperationCommand> PreviewAsync(string operation, Actor actor, CancellationToken cancellationToken)
    {
        if (operations.Find(operation) is not { } known)
        {
            return Unknown(operation);
        }

        switch (await known.PlanAsync(cancellationToken))
        {
            case Planning.Planned planned:
                OperationPlan plan = new(
                    ids.Next(), operation, installation().Id, planned.Plan, planned.Plan.Hash(), actor, clock.GetUtcNow(), PlanState.Open, null) { IsReadable = true };
                await work.RunAsync((unit, token) => unit.Store<IOperationPlanStore>().AddAsync(plan, token), cancellationToken);
                return new OperationCommand.Planned(plan.Id);
            case Planning.CouldNotRead unread:
                return Refuse("operation", unread.Why, unread.Remedy);
            default:
                throw new NotSupportedException("A look gives a plan or says why not.");
        }
    }

    public async Task<OperationCommand> ApplyAsync(string operation, Guid plan, string reason, Actor actor, CancellationToken cancellationToken)
    {
        bool approves = await work.ReadAsync(
            async (unit, token) => (await unit.Store<IOperationPlanStore>().FindAsync(plan, token))?.State == PlanState.AwaitsApproval, cancellationToken);
        return await StartAsync(new RunRequest(operation, approves ? RunTrigger.Approval : RunTrigger.Person, actor, Reason: reason, Plan: plan), cancellationToken);
    }

    public Task<OperationCommand> RunNowAsync(string operation, string reason, Actor actor, CancellationToken cancellationToken) =>
        StartAsync(new RunRequest(operation, RunTrigger.Person, actor, Reason: reason), cancellationToken);

    public async Task<OperationCommand> CancelAsync(Guid run, string reason, Actor actor, CancellationToken cancellationToken)
    {
        if (ReasonProblem(reason, "cancel the run") is { } problem)
        {
            return new OperationCommand.Refused(problem);
        }

        return await work.RunAsync<OperationCommand>(
            async (unit, token) =>
            {
                IOperationRunStore runs = unit.Store<IOperationRunStore>();
                if (await runs.FindAsync(run, token) is not { } found)
                {
                    return Refuse("run", "There is no such run", "Look for it in the history.");
                }

                if (!await runs.AskCancelAsync(run, new CancelAsk(actor, reason.Trim(), clock.GetUtcNow()), token))
                {
                    return found.ResumedBy is null
                        ? Refuse("run", $"Run {found.Number} has ended", "Nothing is left to cancel.")
                        : Refuse("run", $"Run {found.Number} was interrupted, and another run goes on from it", "Cancel that one.");
                }

                await unit.Events.AppendAsync(
                    OperationFacts.Of(OperationEvents.CancelAsked, $"The end of run {found.Number} of {found.Operation} was asked for: {reason.Trim()}", actor), token);
                return new OperationCommand.Done();
            },
            cancellationToken);
    }

    public Task<OperationCommand> PauseAsync(string operation, string reason, DateTimeOffset? until, Actor actor, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        return ReasonProblem(reason, "pause") is { } problem ? Refused(problem)
            : until <= now ? Refused(UntilProblem(until.Value, now))
            : ChangeAsync(
                operation,
                async (unit, schedule, info, token) =>
                {
                    if (schedule.Pause is { } before)
                    {
                        await held.SkipAsync(unit, schedule, before, now, token);
                    }

                    await unit.Store<IOperationScheduleStore>().SavePauseAsync(operation, new OperationPause(reason.Trim(), actor, now, until), token);
                    string end = until is { } at ? $", until {at:u}" : "";
                    await unit.Events.AppendAsync(OperationFacts.Of(OperationEvents.Paused, $"{info.Title} is paused{end}: {reason.Trim()}", actor), token);
                    return new OperationCommand.Done();
                },
                cancellationToken);
    }

    public Task<OperationCommand> ResumeAsync(string operation, OperationPause? seen, Actor actor, CancellationToken cancellationToken) => ChangeAsync(
        operation,
        async (unit, schedule, info, token) =>
        {
            if (schedule.Pause is not { } pause)
            {
                return Refuse("operation", $"{info.Title} is not paused", "Nothing is left to resume.");
            }

            if (seen is not null && seen != pause)
            {
                return Refuse("operation", $"{pause.By.Name} has paused {info.Title} anew meanwhile: {pause.Reason}", "Resume it if that is over too.");
            }

            DateTimeOffset now = clock.GetUtcNow();
            await held.SkipAsync(unit, schedule, pause, now, token);
            await unit.Store<IOperationScheduleStore>().SavePauseAsync(operation, null, token);
            bool isHeld = info.IsDestructive && (await unit.Store<IAutomationHoldStore>().FindAsync(token))?.HoldsNow(now) == true;
            string goesOn = isHeld ? "is not paused any more, and runs by itself when destructive automation is not held any more" : "runs by itself again";
            await unit.Events.AppendAsync(
                OperationFacts.Of(OperationEvents.Resumed, $"{info.Title} {goesOn}; {pause.By.Name} had paused it: {pause.Reason}", actor), token);
            return new OperationCommand.Done();
        },
        cancellationToken);

    public Task<OperationCommand> EditScheduleAsync(string operation, ScheduleWish? wish, Actor actor, CancellationToken cancellationToken) => ChangeAsync(
        operation,
        async (unit, schedule, info, token) =>
        {
            DateTimeOffset now = clock.GetUtcNow();
            OperationSchedule next = wish is null
                ? schedule with { Cron = info.DefaultCron, TimeZone = OperationSchedule.Utc, CatchUp = info.CatchUp, IsEdited = false }
                : schedule with { Cron = wish.Cron.Trim(), TimeZone = wish.TimeZone.Trim(), CatchUp = wish.CatchUp, IsEdited = true };
            next = next with { InForceFrom = now + rules().HeardOfWithin };
            if (ScheduleCheck.WhyNot(crons, info, next, next.RunsAfter(now)) is { } problem)
            {
                return new OperationCommand.Refused(problem);
            }

            await CloseOldAsync(unit, schedule, now, actor, token);
            await unit.Store<IOperationScheduleStore>().SaveTimesAsync(next, token);
            string message = $"{info.Title} was at \"{schedule.Cron}\" ({schedule.TimeZone}, makes up {Word(schedule.CatchUp)}) and is at "
                + $"\"{next.Cron}\" ({next.TimeZone}, makes up {Word(next.CatchUp)}){(wish is null ? ", the default" : "")}";
            IncidentSignal over = OperationFacts.Over(OperationIncidents.Schedule, operation, $"{actor.Name} has edited it");
            await unit.Events.AppendAsync(OperationFacts.Of(OperationEvents.ScheduleEdited, message, actor, EventSeverity.Info, over), token);
            return new OperationCommand.Done();
        },
        cancellationToken);

    public async Task<OperationCommand> HoldAutomationAsync(string reason, DateTimeOffset? until, Actor actor, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        if (ReasonProblem(reason, "hold destructive automation") is { } problem)
        {
            return new OperationCommand.Refused(problem);
        }

        if (until <= now)
        {
            return new OperationCommand.Refused(UntilProblem(until.Value, now));
        }

        AutomationHold hold = new(reason.Trim(), actor, now, until);
        try
        {
            await work.RunAsync((unit, token) => HoldAsync(unit, hold, notes: true, token), cancellationToken);
        }
        catch (Exception failure) when (failure is not (StoreUnavailableException or OperationCanceledException))
        {
            // What keeps the instants of one operation from being noted must not keep anybody from holding them all; the keeper tells of it.
            await work.RunAsync((unit, token) => HoldAsync(unit, hold, notes: false, token), cancellationToken);
        }

        return new OperationCommand.Done();
    }

    public Task<OperationCommand> ReleaseAutomationAsync(AutomationHold? seen, Actor actor, CancellationToken cancellationToken) => work.RunAsync<OperationCommand>(
        async (unit, token) =>
        {
            IAutomationHoldStore holds = unit.Store<IAutomationHoldStore>();
            if (await holds.LockAsync(token) is not { } hold)
            {
                return Refuse("automation", "Destructive automation is not held", "Nothing is left to release.");
            }

            if (seen is not null && seen != hold)
            {
                return Refuse("automation", $"{hold.By.Name} has held it anew meanwhile: {hold.Reason}", "Release it if that is over too.");
            }

            await held.SkipAsync(unit, operations, hold, clock.GetUtcNow(), token);
            await holds.SaveAsync(null, token);
            await unit.Events.AppendAsync(ReleasedFact($"{hold.By.Name} had held it: {hold.Reason}", actor), token);
            return new OperationCommand.Done();
        },
        cancellationToken);

    internal static OperationalEvent ReleasedFact(string why, Actor actor) => OperationFacts.Of(
        OperationEvents.AutomationReleased,
        $"Destructive automation is not held any more. {why}",
        actor,
        EventSeverity.Info,
        OperationFacts.Over(OperationIncidents.AutomationHeld, OperationIncidents.AutomationSubject, $"{actor.Name} released it"));

    /// <param name="notes">Whether what passed under a hold before it is noted as skipped.</param>
    private async Task HoldAsync(IUnit unit, AutomationHold hold, bool notes, CancellationToken cancellationToken)
    {
        IAutomationHoldStore holds = unit.Store<IAutomationHoldStore>();
        if (await holds.LockAsync(cancellationToken) is { } before && notes)
        {
            await held.SkipAsync(unit, operations, before, hold.Since, cancellationToken);
        }

        await holds.SaveAsync(hold, cancellationToken);
        string text = $"Destructive automation is held{(hold.Until is { } at ? $" until {at:u}" : "")}: {hold.Reason}";
        await unit.Events.AppendAsync(
            OperationFacts.Of(
                OperationEvents.AutomationHeld,
                text,
                hold.By,
                EventSeverity.Warning,
                new IncidentSignal(OperationIncidents.AutomationHeld, OperationIncidents.AutomationSubject, text)),
            cancellationToken);
    }

    private async Task<OperationCommand> StartAsync(RunRequest request, CancellationToken cancellationToken)
    {
        if (operations.Find(request.Operation) is null)
        {
            return Unknown(request.Operation);
        }

        if (ReasonProblem(request.Reason, "run it") is { } problem)
        {
            return new OperationCommand.Refused(problem);
        }

        switch (await starter.StartAsync(request with { Reason = request.Reason!.Trim() }, cancellationToken))
        {
            case StartOutcome.Started started:
                host.Begin(started.Run);
                return new OperationCommand.Started(started.Run.Run.Id);
            case StartOutcome.Busy busy:
                return Refuse(
                    "operation",
                    $"Run {busy.Running.Number} is at work since {busy.Running.StartedAt:u}, started by {busy.Running.StartedBy.Name}",
                    "Wait for its end, or cancel it.");
            case StartOutcome.Refused refused:
                return new OperationCommand.Refused(refused.Problem);
            default:
                throw new NotSupportedException("What a person starts has no instant that could be accounted for.");
        }
    }

    /// <summary>Instants that the old text still owes are closed before the new one holds; of one that can't be read nobody knows an instant.</summary>
    private async Task CloseOldAsync(IUnit unit, OperationSchedule schedule, DateTimeOffset now, Actor actor, CancellationToken cancellationToken)
    {
        if (crons.WhyUnreadable(schedule, now) is null)
        {
            await HeldInstants.SkipBetweenAsync(unit, crons, schedule, schedule.AccountedUntil, now, $"{actor.Name} changed the schedule", now, cancellationToken);
        }

        await unit.Store<IOperationScheduleStore>().SetAccountedAsync(schedule.Operation, now + rules().HeardOfWithin, cancellationToken);
    }

    private Task<OperationCommand> ChangeAsync(
        string operation, Func<IUnit, OperationSchedule, OperationInfo, CancellationToken, Task<OperationCommand>> change, CancellationToken cancellationToken) =>
        operations.Find(operation) is not { } known
            ? Task.FromResult<OperationCommand>(Unknown(operation))
            : work.RunAsync(
                async (unit, token) => await unit.Store<IOperationScheduleStore>().LockAsync(operation, token) is { } schedule
                    ? await change(unit, schedule, known.Info, token)
                    : Refuse("operation", $"{operation} has no schedule yet", "Wait some seconds: the portal is starting."),
                cancellationToken);

    private static FieldProblem? ReasonProblem(string? reason, string act) =>
        string.IsNullOrWhiteSpace(reason) ? new FieldProblem("reason", "It is empty", $"Say in some words why you {act}: others read it when they wonder.")
        : reason.Trim().Length > MostReason ? new FieldProblem("reason", $"It has {reason.Trim().Length} characters", $"Say it in at most {MostReason}.")
        : null;

    private static FieldProblem UntilProblem(DateTimeOffset until, DateTimeOffset now) =>
        new("until", $"{until:u} has passed: it is {now:u}", "Choose a later instant, or none to hold until a person ends it.");

    private static OperationCommand.Refused Unknown(string operation) =>
        Refuse("operation", $"There is no operation \"{operation}\"", "Choose one on the page Operations.");

    private static OperationCommand.Refused Refuse(string field, string problem, string remedy) => new(new FieldProblem(field, problem, remedy));

    private static Task<OperationCommand> Refused(FieldProblem problem) => Task.FromResult<OperationCommand>(new OperationCommand.Refused(problem));

    private static string Word(CatchUp catchUp) => catchUp == CatchUp.Once ? "once" : "never";
}
