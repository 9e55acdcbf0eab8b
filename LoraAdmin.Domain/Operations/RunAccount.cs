namespace LoraAdmin.Domain.Operations;

/// <summary>Where an item of a run's plan stands, seen from that run.</summary>
public enum ItemStanding
{
    /// <summary>The run ended it: its outcome says how.</summary>
    Ended,

    /// <summary>It had its turn before: an interrupted run, from which this one went on, ended it.</summary>
    EndedBefore,

    /// <summary>It had its turn after this run was interrupted, in one that went on from it.</summary>
    EndedAfter,

    /// <summary>The caps held it back for a person's approval.</summary>
    HeldBack,

    /// <summary>Its turn is still to come: the run is at work, or is gone on from.</summary>
    ToCome,

    /// <summary>The run ended before its turn.</summary>
    NotDone,
}

/// <summary>
/// What became of a plan's items, seen from one of its runs; the counts add up to what the run had planned. Items have their turns in the plan's order, and
/// a run that goes on from another one plans only what is left: so the counts of a run say which items were its own.
/// </summary>
public sealed class RunAccount
{
    private readonly OperationRun run;
    private readonly long most;

    private RunAccount(OperationRun run, OperationPlan plan)
    {
        this.run = run;
        long items = Math.Min(plan.Draft.Count, PlanDraft.MostItems);
        most = plan.IsReadBy(run.StartedBy) ? items : Math.Min(items, plan.Draft.WithinCaps ?? items);
        Before = run.Resumes is null ? 0 : plan.Draft.Count - run.Planned;

        // What a run that did not come to its end has not done, the caps have not held back.
        bool holdsBack = run.Planned > 0 && (run.State is RunState.Running or RunState.Succeeded or RunState.PartlyFailed
            || (run.State == RunState.Failed && Before + run.Ended >= most));
        HeldBack = holdsBack ? items - most : 0;
        Rest = Math.Max(0, run.Planned - run.Ended - HeldBack);
    }

    /// <summary>Items of the plan that had their turn in the runs that this one went on from.</summary>
    public long Before { get; }

    /// <summary>Items that waited for a person's approval when the run had done what the caps let through.</summary>
    public long HeldBack { get; }

    /// <summary>What of the planned had no turn, and was not held back.</summary>
    public long Rest { get; }

    /// <summary>Null for a set: its rows have no turn of their own.</summary>
    public static RunAccount? Of(OperationRun run, OperationPlan plan)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(plan);
        return plan.Draft.Shape == PlanShape.Items ? new RunAccount(run, plan) : null;
    }

    public ItemStanding StandingOf(PlannedItem item)
    {
        ArgumentNullException.ThrowIfNull(item);
        return item.Outcome is not null
            ? item.Number <= Before ? ItemStanding.EndedBefore : item.Number <= Before + run.Ended ? ItemStanding.Ended : ItemStanding.EndedAfter
            : item.Number > most && HeldBack > 0 ? ItemStanding.HeldBack
            : run.State == RunState.Running || run is { State: RunState.Interrupted, Cancel: null } ? ItemStanding.ToCome
            : ItemStanding.NotDone;
    }
}
