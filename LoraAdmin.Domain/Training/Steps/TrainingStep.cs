using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training.Steps;

/// <summary>
/// What the conductor does in one state. A step looks at what is true outside, does the next thing, and says what to write; the conductor writes it
/// in one transaction. A step may be run again from its start after a crash at any line, by any instance.
/// </summary>
public interface ITrainingStep
{
    TrainingState State { get; }

    Task<StepResult> RunAsync(TrainingJob job, JobLease lease, CancellationToken cancellationToken);
}

/// <summary>Writes that belong into the same transaction as the job's new state.</summary>
public delegate Task Alongside(IUnit unit, CancellationToken cancellationToken);

public abstract record StepResult
{
    private StepResult()
    {
    }

    /// <summary>The job goes on to another state and is due at once.</summary>
    /// <param name="Job">With the step's findings; the conductor sets state and due time.</param>
    public sealed record Advance(TrainingState To, TrainingJob Job, string Message, Alongside? Alongside = null) : StepResult
    {
        /// <summary>What the move means to the incidents.</summary>
        public IReadOnlyList<IncidentSignal> Signals { get; init; } = [];
    }

    /// <summary>The same state again after a while.</summary>
    /// <param name="Reason">Shown to people; null when the job is simply at work.</param>
    public sealed record Again(TimeSpan In, TrainingJob Job, string? Reason = null, Alongside? Alongside = null) : StepResult;

    /// <summary>Back into the queue: nothing can be done for a while for a reason that lies outside the job.</summary>
    public sealed record Requeue(TimeSpan In, TrainingJob Job, string Reason) : StepResult
    {
        /// <summary>Set when a person must do something about the reason.</summary>
        public IReadOnlyList<IncidentSignal> Signals { get; init; } = [];
    }

    /// <summary>An expected failure of one try: counted in <see cref="TrainingJob.StepTries"/>, repeated after a back-off.</summary>
    public sealed record TryAgain(TimeSpan In, TrainingJob Job, string Reason, ErrorDetail Error, Alongside? Alongside = null) : StepResult;

    /// <summary>The present attempt ends as failed, and the job goes on at the other provider, whichever that is, instead of failing (E1).</summary>
    /// <param name="WithoutRoom">What comes of it instead when the month's budget has no room for the other provider: the job is where it was admitted, and waits there.</param>
    public sealed record HandOver(TrainingJob Job, JobFailure Failure, ErrorDetail Error, StepResult WithoutRoom) : StepResult;

    /// <summary>The job ends badly by a rule of the failure table.</summary>
    /// <param name="Proof">What is known about the trained file, for the pod's sake.</param>
    public sealed record Fail(TrainingJob Job, JobFailure Failure, FileProof Proof, ErrorDetail Error, Alongside? Alongside = null) : StepResult
    {
        /// <summary>
        /// Looked up in the transaction that ends the job, in place of <see cref="Proof"/>: what may have changed while the step was at work. Null: it holds.
        /// </summary>
        public Func<IUnit, CancellationToken, Task<FileProof>>? ProofNow { get; init; }
    }
}

internal static class StepNotes
{
    /// <summary>The result with further writes in its transaction; a job that leaves its provider takes none along.</summary>
    public static StepResult With(this StepResult result, Alongside? note) => note is null ? result : result switch
    {
        StepResult.Advance advance => advance with { Alongside = Both(advance.Alongside, note) },
        StepResult.Again again => again with { Alongside = Both(again.Alongside, note) },
        StepResult.TryAgain retry => retry with { Alongside = Both(retry.Alongside, note) },
        StepResult.Fail fail => fail with { Alongside = Both(fail.Alongside, note) },
        _ => result,
    };

    /// <summary>The result with one reason more.</summary>
    public static StepResult Because(this StepResult result, string why) => result switch
    {
        StepResult.Again again => again with { Reason = Joined(again.Reason, why) },
        StepResult.Requeue requeue => requeue with { Reason = Joined(requeue.Reason, why) },
        StepResult.Fail fail => fail with { Failure = fail.Failure with { Detail = Joined(fail.Failure.Detail, why) } },
        _ => result,
    };

    private static string Joined(string? first, string second) => first is null ? second : $"{first.TrimEnd('.')}. {second}";

    private static Alongside Both(Alongside? first, Alongside second) => first is null ? second : async (unit, token) =>
    {
        await first(unit, token);
        await second(unit, token);
    };
}

internal static class StepBackoff
{
    /// <summary>2, 4, 8, … seconds, a minute at most.</summary>
    public static TimeSpan After(int tries) => TimeSpan.FromSeconds(Math.Min(60, 2 << Math.Min(Math.Max(tries, 0), 5)));
}
