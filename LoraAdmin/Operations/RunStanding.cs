using LoraAdmin.Domain.Operations;

namespace LoraAdmin.Operations;

/// <summary>A run, and what only its plan says of it.</summary>
/// <param name="Planned">What it is to apply; null: nobody knows yet, since it looks still, or is about to go on from another run.</param>
/// <param name="HeldBack">How many items its caps held back for a person's approval when it ended.</param>
/// <param name="Waiting">The plan in which these wait now; null: they were approved, or a newer look has taken their place.</param>
public sealed record RunStanding(OperationRun Run, long? Planned, long HeldBack, Guid? Waiting)
{
    /// <param name="plan">Null: it has none, or it does not matter, see <see cref="NeedsPlan"/>.</param>
    /// <param name="awaiting">Plans that wait for a person.</param>
    public static RunStanding Of(OperationRun run, OperationPlan? plan, IReadOnlyList<OperationPlan> awaiting)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(awaiting);

        // In its first moment a run that applies a plan has not counted yet. How much an interrupted one had left, its successor will count.
        long? planned = run.State != RunState.Running || run.Planned > 0 ? run.Planned
            : run.Resumes is null ? plan?.Draft.Count
            : null;
        long held = run.State is RunState.Succeeded or RunState.PartlyFailed or RunState.Failed && plan is not null ? RunAccount.Of(run, plan)?.HeldBack ?? 0 : 0;
        Guid? waiting = held == 0 ? null
            : awaiting.LastOrDefault(one => one.Operation == run.Operation && one.Draft.AsOf == plan!.Draft.AsOf && one.Draft.Count == held)?.Id;
        return new RunStanding(run, planned, held, waiting);
    }

    /// <summary>Whether its row alone does not say how it stands.</summary>
    public static bool NeedsPlan(OperationRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        return run.Plan is not null && (run.State == RunState.Running ? run.Planned == 0 : run.Planned > run.Ended);
    }
}

/// <param name="Next">Null: there are no older ones.</param>
public sealed record RunHistory(IReadOnlyList<RunStanding> Runs, RunCursor? Next);

/// <summary>A destructive operation that the kill switch holds, and what it would do if it ran now.</summary>
/// <param name="Pause">It is paused too: it would go on waiting. Null: it would run by itself again.</param>
/// <param name="Plan">Null: it is paused, or could not look.</param>
/// <param name="Unread">Why it could not look.</param>
public sealed record HeldWork(OperationInfo Info, OperationPause? Pause, PlanDraft? Plan, string? Unread);
