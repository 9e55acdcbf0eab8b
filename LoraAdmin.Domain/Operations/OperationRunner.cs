using System.Collections.Concurrent;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Operations;

/// <summary>
/// Does the work of a run: plans, keeps the plan, applies its items one by one or its set at once, and writes the end. It renews the run's lease
/// meanwhile, ends when a person asks for it, and can die between any two lines: what was ended stays ended, and the next run goes on from there.
/// </summary>
/// <param name="isAlone">No other process works on its database, so that nobody can take a run over while it waits for its turn to write.</param>
public sealed class OperationRunner(
    IUnitOfWork work,
    OperationRegistry operations,
    IIds ids,
    TimeProvider clock,
    Func<OperationRules> rules,
    Func<Installation> installation,
    ClockStandings clocks,
    bool isAlone)
{
    private const int ItemsAtOnce = 200;

    private readonly ConcurrentDictionary<Guid, OperationRun> atWork = new();

    /// <inheritdoc cref="IRunHost.IsAtWork"/>
    public bool IsAtWork(Guid run) => isAlone && atWork.ContainsKey(run);

    /// <returns>The run as it ended; still at work, if another instance has taken it over.</returns>
    /// <exception cref="OperationFailedException">The run failed, and its row says why.</exception>
    /// <exception cref="StoreUnavailableException">The database went away: the run's lease runs out, and it is taken over.</exception>
    /// <exception cref="OperationCanceledException">The portal ends: the run is left as interrupted.</exception>
    public async Task<OperationRun> ExecuteAsync(StartedRun started, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(started);
        IOperation operation = operations.Find(started.Run.Operation)
            ?? throw new ArgumentException($"There is no operation {started.Run.Operation}.", nameof(started));
        atWork[started.Run.Id] = started.Run;
        try
        {
            OperationRun ended = await ToEndAsync(operation, started.Run, cancellationToken);
            return ended.State == RunState.Failed
                ? throw new OperationFailedException($"Run {ended.Number} of {ended.Operation} failed: {ended.Outcome}")
                : ended;
        }
        finally
        {
            atWork.TryRemove(started.Run.Id, out _);
        }
    }

    private async Task<OperationRun> ToEndAsync(IOperation operation, OperationRun run, CancellationToken cancellationToken)
    {
        await using RunLease lease = new(run, work, clock, rules().LeaseFor, isAlone, cancellationToken);
        try
        {
            return await ApplyAsync(operation, run, lease);
        }
        catch (FenceLostException)
        {
            return await GiveWayAsync(run);
        }
        catch (OperationCanceledException) when (lease.IsLost)
        {
            return await GiveWayAsync(run);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await EndAsync(operation, run, RunState.Interrupted, "The portal was stopped");
            throw;
        }
        catch (OperationCanceledException) when (lease.Cancel is { By.Kind: ActorKind.Portal } doubt)
        {
            return await EndAsync(operation, run, RunState.Interrupted, doubt.Reason);
        }
        catch (OperationCanceledException) when (lease.Cancel is { } ask)
        {
            return await EndAsync(operation, run, RunState.Cancelled, ask.Words);
        }
        catch (OperationFailedException failure)
        {
            return await EndAsync(operation, run, RunState.Failed, failure.Message);
        }
        catch (Exception failure) when (failure is not StoreUnavailableException)
        {
            // When the database is away the lease runs out, and whoever is there then goes on from here.
            await EndAsync(operation, run, RunState.Failed, $"{failure.GetType().Name}: {failure.Message}");
            throw new OperationFailedException($"Run {run.Number} of {operation.Info.Key} failed: {failure.Message}", failure);
        }
    }

    private async Task<OperationRun> ApplyAsync(IOperation operation, OperationRun run, RunLease lease)
    {
        (Guid id, PlanDraft plan, bool isRead) = await PlanAsync(operation, run, lease);
        if (operation is ISetOperation set)
        {
            await HoldAsync(set.Info, run, plan, isRead, lease);

            // One transaction, which either is all there or has changed nothing.
            return await ApplySetAsync(set, run, plan, lease.Asked);
        }

        // The caps are for what nobody has read: a person who runs it at once has not.
        int most = isRead ? plan.Items.Count : plan.WithinCaps ?? plan.Items.Count;
        await ApplyItemsAsync((IItemOperation)operation, run, id, plan, isRead, most, lease);
        return await EndItemsAsync(operation, run, plan, most);
    }

    /// <returns>Also whether a person has read the plan before it was applied.</returns>
    private async Task<(Guid Id, PlanDraft Plan, bool IsRead)> PlanAsync(IOperation operation, OperationRun run, RunLease lease)
    {
        if (run.Plan is { } kept)
        {
            (OperationPlan plan, IReadOnlyList<PlannedItem> items, bool isRead) = await ReadPlanAsync(kept, run, lease.Token);
            PlanDraft whole = plan.Draft with { Items = [.. items.Select(one => one.Item)] };
            if (whole.Hash() != plan.Hash)
            {
                throw new OperationFailedException("Its plan was altered since it was made; nothing was done. Preview again");
            }

            long left = whole.Count - items.Count(one => one.Outcome is not null);
            await NotePlanAsync(operation, run, plan with { Draft = whole }, left, isNew: false, lease.Token);
            return (kept, whole, isRead);
        }

        switch (await operation.PlanAsync(lease.Asked))
        {
            case Planning.CouldNotRead unread:
                throw new OperationFailedException($"It could not look: {unread.Why}. {unread.Remedy}");
            case Planning.Planned planned:
                OperationPlan made = new(
                    ids.Next(), operation.Info.Key, installation().Id, planned.Plan, planned.Plan.Hash(), run.StartedBy, clock.GetUtcNow(), PlanState.Taken, run.Id);
                await NotePlanAsync(operation, run, made, planned.Plan.Count, isNew: true, lease.Token);
                return (made.Id, planned.Plan, false);
            default:
                throw new NotSupportedException("A look gives a plan or says why not.");
        }
    }

    private Task NotePlanAsync(IOperation operation, OperationRun run, OperationPlan plan, long planned, bool isNew, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            if (isNew)
            {
                await unit.Store<IOperationPlanStore>().AddAsync(plan, token);
            }

            // A set's plan has counted the same rows a moment ago.
            IReadOnlyList<Figure> before = isNew && plan.Draft.Shape == PlanShape.Set ? plan.Draft.Totals : await operation.MeasureAsync(unit, token);
            if (!await unit.Store<IOperationRunStore>().SetPlanAsync(run.Id, run.Number, plan.Id, planned, before, token))
            {
                throw new FenceLostException();
            }

            string what = plan.Draft.Shape == PlanShape.Set ? $"{planned} rows: {plan.Draft.Predicate}" : $"{planned} items";
            string how = isNew ? "Planned" : run.Resumes is null ? "Applies a plan made before" : "Goes on with the interrupted run's plan";
            await LogAsync(unit, run, EventSeverity.Info, $"{how}, as of {plan.Draft.AsOf:u}: {what}", token);
        },
        cancellationToken);

    private Task<(OperationPlan Plan, IReadOnlyList<PlannedItem> Items, bool IsRead)> ReadPlanAsync(Guid id, OperationRun run, CancellationToken cancellationToken) =>
        work.ReadAsync(
            async (unit, token) =>
            {
                IOperationPlanStore plans = unit.Store<IOperationPlanStore>();
                OperationPlan plan = await plans.FindAsync(id, token) ?? throw new OperationFailedException("Its plan is gone: preview again");
                bool isRead = plan.IsReadBy(run.StartedBy);
                return (plan, await plans.ListItemsAsync(id, after: 0, PlanDraft.MostItems, token), isRead);
            },
            cancellationToken);

    private async Task<OperationRun> ApplySetAsync(ISetOperation operation, OperationRun run, PlanDraft plan, CancellationToken cancellationToken)
    {
        await work.RunAsync(
            async (unit, token) =>
            {
                // The run's row is written last: until then its lease is renewed and its end may be asked for, however long the statement takes.
                SetOutcome outcome = await operation.ApplyAsync(unit, plan, run.StartedBy, token);
                if (await operation.CheckAsync(unit, token) is { } broken)
                {
                    throw new OperationFailedException($"After it, this did not hold, so nothing was changed: {broken}");
                }

                await LogAsync(unit, run, EventSeverity.Info, outcome.Words, token);
                await EndAsync(unit, operation, run, plan, RunState.Succeeded, outcome.Words, done: outcome.Changed, token);
            },
            cancellationToken);
        return await ReadAsync(run);
    }

    private async Task ApplyItemsAsync(IItemOperation operation, OperationRun run, Guid plan, PlanDraft draft, bool isRead, int most, RunLease lease)
    {
        int after = 0;
        while (after < most)
        {
            IReadOnlyList<PlannedItem> page = await work.ReadAsync(
                (unit, token) => unit.Store<IOperationPlanStore>().ListItemsAsync(plan, after, Math.Min(ItemsAtOnce, most - after), token), lease.Token);
            if (page.Count == 0)
            {
                return;
            }

            foreach (PlannedItem item in page)
            {
                lease.Asked.ThrowIfCancellationRequested();
                if (item.Outcome is null)
                {
                    await HoldAsync(operation.Info, run, draft, isRead, lease);
                    await ApplyItemAsync(operation, run, plan, item, isRead, lease);
                }
            }

            after = page[^1].Number;
        }
    }

    /// <summary>
    /// The kill switch ends a run that nobody asked for before its next item, or before its set. A clock that is far off interrupts what nobody has read,
    /// and so does one that was set back behind the run's own look: an instance whose clock is right goes on from there.
    /// </summary>
    private async Task HoldAsync(OperationInfo operation, OperationRun run, PlanDraft plan, bool isRead, RunLease lease)
    {
        if (isRead)
        {
            return;
        }

        if (operation.IsDestructive && run.StartedBy.Kind == ActorKind.Portal)
        {
            AutomationHold? hold = await work.ReadAsync((unit, token) => unit.Store<IAutomationHoldStore>().FindAsync(token), lease.Token);
            if (hold?.HoldsNow(clock.GetUtcNow()) == true)
            {
                lease.Hear(new RunPulse(new CancelAsk(hold.By, hold.Reason, hold.Since)));
                lease.Asked.ThrowIfCancellationRequested();
            }
        }

        DateTimeOffset now = clock.GetUtcNow();
        string? ahead = plan.IsAheadOf(now) ? $"It looked at {plan.AsOf:u}, which is still to come: the clock has been set back" : null;
        if (operation.NeedsRightClock && (clocks.WhyHeld() ?? ahead) is { } doubt)
        {
            lease.Hear(new RunPulse(new CancelAsk(Actor.Portal(ClockStandings.Name), doubt, now)));
            lease.Asked.ThrowIfCancellationRequested();
        }
    }

    private async Task ApplyItemAsync(IItemOperation operation, OperationRun run, Guid plan, PlannedItem item, bool isRead, RunLease lease)
    {
        ItemTurn turn = new(this, run, plan, item, isRead, lease);
        try
        {
            await operation.ApplyAsync(item.Item, turn, lease.Token);
            if (!turn.HasEnded)
            {
                throw new InvalidOperationException($"{operation.Info.Key} left an item without an outcome.");
            }
        }
        catch (Exception failure) when (failure is not (FenceLostException or StoreUnavailableException) && !turn.HasEnded
            && !(failure is OperationCanceledException && lease.Token.IsCancellationRequested))
        {
            await turn.EndAsync((_, _) => Task.FromResult(ItemOutcome.Failed(failure.Message)), lease.Token);
        }
    }

    private async Task<OperationRun> EndItemsAsync(IOperation operation, OperationRun run, PlanDraft draft, int most)
    {
        // From here on the end is written whatever a person asks.
        await work.RunAsync(
            async (unit, token) =>
            {
                OperationRun now = await unit.Store<IOperationRunStore>().FindAsync(run.Id, token) ?? throw new FenceLostException();
                string? broken = await operation.CheckAsync(unit, token);
                RunState state = broken is not null || (now.Failed > 0 && now.Done + now.Ineligible == 0) ? RunState.Failed
                    : now.Failed > 0 ? RunState.PartlyFailed
                    : RunState.Succeeded;
                string words = Words(now, draft, most) + (broken is null ? "" : $" After it, this does not hold: {broken}");
                await HoldBackAsync(unit, operation, run, draft, most, token);
                await EndAsync(unit, operation, run, draft, state, words, done: null, token);
            },
            CancellationToken.None);
        return await ReadAsync(run);
    }

    private static string Words(OperationRun run, PlanDraft draft, int most)
    {
        List<string> parts = [];
        parts.Add(run.Planned == 0 ? "Nothing to do" : $"{run.Done} of {run.Planned} done");
        if (run.Ineligible > 0)
        {
            parts.Add($"{run.Ineligible} not eligible any more");
        }

        if (run.Failed > 0)
        {
            parts.Add($"{run.Failed} failed");
        }

        if (most < draft.Items.Count)
        {
            parts.Add($"{Waiting(draft.Items.Count - most)} for a person's approval");
        }

        if (draft.Count > draft.Items.Count)
        {
            parts.Add($"{Waiting(draft.Count - draft.Items.Count)} for the next run");
        }

        return string.Join(", ", parts) + ".";

        static string Waiting(long items) => items == 1 ? "1 waits" : $"{items} wait";
    }

    /// <summary>
    /// What the caps held back becomes a plan that a person may approve. One that waited gives way, unless it rests on a newer look than this run did.
    /// </summary>
    private async Task HoldBackAsync(IUnit unit, IOperation operation, OperationRun run, PlanDraft draft, int most, CancellationToken cancellationToken)
    {
        IOperationPlanStore plans = unit.Store<IOperationPlanStore>();
        OperationPlan[] waited = [.. (await plans.ListAwaitingAsync(cancellationToken)).Where(plan => plan.Operation == operation.Info.Key)];
        DateTimeOffset now = clock.GetUtcNow();
        await plans.SupersedeAsync(operation.Info.Key, draft.AsOf, now, cancellationToken);
        if (waited.Any(plan => plan.Draft.AsOf > draft.AsOf && !plan.Draft.IsAheadOf(now)))
        {
            return;
        }

        if (most >= draft.Items.Count)
        {
            if (waited.Length > 0)
            {
                await unit.Events.AppendAsync(OperationFacts.ApprovalOver(operation.Info, "Nothing is held back any more", run.StartedBy), cancellationToken);
            }

            return;
        }

        PlanDraft rest = PlanDraft.OfItems(draft.AsOf, [.. draft.Items.Skip(most)]) with { CapWords = draft.CapWords };
        OperationPlan waiting = new(
            ids.Next(), operation.Info.Key, installation().Id, rest, rest.Hash(), run.StartedBy, now, PlanState.AwaitsApproval, null)
        {
            IsReadable = true,
        };
        await plans.AddAsync(waiting, cancellationToken);
        string text = $"{operation.Info.Title} holds back {rest.Count} of {draft.Count}: {draft.CapWords ?? "they are beyond its caps"}";
        await LogAsync(unit, run, EventSeverity.Warning, text, cancellationToken);
        await unit.Events.AppendAsync(
            OperationFacts.Of(
                OperationEvents.ApprovalAsked,
                text,
                run.StartedBy,
                EventSeverity.Error,
                new IncidentSignal(OperationIncidents.Approval, operation.Info.Key, text)) with { Reason = "caps" },
            cancellationToken);
    }

    /// <summary>The end must be written whatever ended the work.</summary>
    private async Task<OperationRun> EndAsync(IOperation operation, OperationRun run, RunState state, string words)
    {
        try
        {
            await work.RunAsync((unit, token) => EndAsync(unit, operation, run, plan: null, state, words, done: null, token), CancellationToken.None);
        }
        catch (FenceLostException)
        {
            // Whoever has it now writes its end.
            return await GiveWayAsync(run);
        }

        return await ReadAsync(run);
    }

    /// <summary>Others go on with it: its log says that this instance was there still, and that nothing of it was taken.</summary>
    private Task<OperationRun> GiveWayAsync(OperationRun run) => work.RunAsync(
        async (unit, token) =>
        {
            OperationRun present = await unit.Store<IOperationRunStore>().FindAsync(run.Id, token) ?? run;
            if (present.State != RunState.Running)
            {
                string text = $"{run.Instance} was at work on it still when others had taken it over: what it wanted to write was rejected";
                await LogAsync(unit, run, EventSeverity.Warning, text, token);
            }

            return present;
        },
        CancellationToken.None);

    /// <summary>Writes the end of the run and of its instant. A run that was taken over writes nothing.</summary>
    /// <param name="plan">What it has applied; null: it did not come to its end.</param>
    private async Task EndAsync(
        IUnit unit, IOperation operation, OperationRun run, PlanDraft? plan, RunState state, string words, long? done, CancellationToken cancellationToken)
    {
        IOperationRunStore runs = unit.Store<IOperationRunStore>();
        DateTimeOffset now = clock.GetUtcNow();
        if (await runs.FindAsync(run.Id, cancellationToken) is not { } present)
        {
            throw new FenceLostException();
        }

        IReadOnlyList<Figure> after = await operation.MeasureAsync(unit, cancellationToken);
        if (!await runs.EndAsync(present with { Number = run.Number, State = state, EndedAt = now, Outcome = words, Done = done ?? present.Done, After = after }, cancellationToken))
        {
            throw new FenceLostException();
        }

        if (state == RunState.Interrupted)
        {
            await unit.Events.AppendAsync(
                OperationFacts.Of(OperationEvents.RunInterrupted, $"Run {run.Number} of {operation.Info.Title} was interrupted: {words}", run.StartedBy, EventSeverity.Warning),
                cancellationToken);
            return;
        }

        if (run.Instant is { } instant)
        {
            bool late = run.Trigger != RunTrigger.Schedule || run.StartedAt - instant > rules().Grace;

            // The instant is kept for longer than its run.
            string? failed = state is RunState.Failed or RunState.PartlyFailed ? words : null;
            await unit.Store<IOccurrenceStore>().TryEndAsync(
                run.Operation, instant, late ? OccurrenceState.Late : OccurrenceState.Ran, failed, now, cancellationToken);
        }

        if (state is RunState.Failed or RunState.PartlyFailed or RunState.Cancelled)
        {
            await LogAsync(unit, run, state == RunState.Cancelled ? EventSeverity.Warning : EventSeverity.Error, words, cancellationToken);
        }

        await unit.Events.AppendAsync(EndFact(operation, present with { Number = run.Number, Done = done ?? present.Done }, plan, state, words), cancellationToken);
    }

    private static OperationalEvent EndFact(IOperation operation, OperationRun run, PlanDraft? plan, RunState state, string words)
    {
        string key = operation.Info.Key;
        string text = $"Run {run.Number} of {operation.Info.Title}: {words}";
        return state switch
        {
            RunState.Failed or RunState.PartlyFailed => OperationFacts.Of(
                OperationEvents.RunFailed,
                text,
                run.StartedBy,
                state == RunState.Failed ? EventSeverity.Error : EventSeverity.Warning,
                new IncidentSignal(OperationIncidents.Failed, key, text)) with
            {
                Reason = "failed",
                Error = new ErrorDetail(state == RunState.Failed ? "run_failed" : "run_partly_failed", key, words, null),
            },
            RunState.Succeeded => OperationFacts.Of(
                OperationEvents.RunEnded,
                text,
                run.StartedBy,
                EventSeverity.Info,
                [
                    OperationFacts.Over(OperationIncidents.Failed, key, $"Run {run.Number} went well"),
                    OperationFacts.Over(OperationIncidents.Missed, key, $"Run {run.Number} went well"),
                    .. plan is null ? [] : operation.EndedBy(plan),

                    // That its schedule can be read and followed, only a run of the schedule proves.
                    .. run.Trigger == RunTrigger.Schedule
                        ? [
                            OperationFacts.Over(OperationIncidents.Schedule, key, $"Run {run.Number} ran by it"),
                            OperationFacts.Over(OperationIncidents.Accounting, key, $"Run {run.Number} ran by the schedule"),
                        ]
                        : Array.Empty<IncidentSignal>(),
                ]),
            _ => OperationFacts.Of(OperationEvents.RunEnded, text, run.StartedBy, EventSeverity.Warning),
        };
    }

    private Task<OperationRun> ReadAsync(OperationRun run) => work.ReadAsync(
        async (unit, token) => await unit.Store<IOperationRunStore>().FindAsync(run.Id, token) ?? run, CancellationToken.None);

    private Task LogAsync(IUnit unit, OperationRun run, EventSeverity severity, string text, CancellationToken cancellationToken) =>
        unit.Store<IOperationRunStore>().AppendLineAsync(run.Id, clock.GetUtcNow(), severity, text, cancellationToken);

    private async Task<RunPulse> TouchAsync(IUnit unit, OperationRun run, ItemEnd? ended, CancellationToken cancellationToken) =>
        await unit.Store<IOperationRunStore>().TouchAsync(run.Id, run.Number, ended, clock.GetUtcNow() + rules().LeaseFor, cancellationToken)
            ?? throw new FenceLostException();

    /// <summary>Commits an item's effect and its outcome together, if the run still has its fence.</summary>
    private Task<RunPulse> EndItemAsync(
        OperationRun run, Guid plan, PlannedItem item, Func<IUnit, CancellationToken, Task<ItemOutcome>> act, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            ItemOutcome outcome = await act(unit, token);
            RunPulse alive = await TouchAsync(unit, run, outcome.End, token);
            if (!await unit.Store<IOperationPlanStore>().TryEndItemAsync(plan, item.Number, outcome, clock.GetUtcNow(), token))
            {
                throw new FenceLostException();
            }

            if (outcome.Why is { } why)
            {
                string what = outcome.End switch { ItemEnd.Done => "done", ItemEnd.Failed => "failed", _ => "was left alone" };
                EventSeverity severity = outcome.End == ItemEnd.Failed ? EventSeverity.Error : EventSeverity.Info;
                await LogAsync(unit, run, severity, $"{item.Item.Label ?? item.Item.Target} {what}: {why}", token);
            }

            return alive;
        },
        cancellationToken);

    private Task<T> WithFenceAsync<T>(OperationRun run, Func<IUnit, CancellationToken, Task<T>> act, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            await TouchAsync(unit, run, ended: null, token);
            return await act(unit, token);
        },
        cancellationToken);

    private sealed class ItemTurn(OperationRunner runner, OperationRun run, Guid plan, PlannedItem item, bool isRead, RunLease lease) : IItemTurn
    {
        public bool HasEnded { get; private set; }

        public Actor Actor => run.StartedBy;

        public bool IsApproved => isRead;

        public Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken) =>
            runner.WithFenceAsync(run, work, cancellationToken);

        public async Task EndAsync(Func<IUnit, CancellationToken, Task<ItemOutcome>> work, CancellationToken cancellationToken)
        {
            RunPulse pulse = await runner.EndItemAsync(run, plan, item, work, cancellationToken);
            HasEnded = true;
            lease.Hear(pulse);
        }
    }
}
