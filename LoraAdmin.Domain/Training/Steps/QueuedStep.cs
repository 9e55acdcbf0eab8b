using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Domain.Training.Steps;

/// <summary>Waits for a place, with the reason shown, and ends the wait after <c>Training:QueueWait</c>.</summary>
public sealed class QueuedStep(
    IUnitOfWork work, TrainingPlaces places, BreakerGate breaker, HostedFallback fallback, TimeProvider clock, Func<TrainingRules> rules) : ITrainingStep
{
    public TrainingState State => TrainingState.Queued;

    public async Task<StepResult> RunAsync(TrainingJob job, JobLease lease, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        IReadOnlyList<TrainingImage> images = await work.ReadAsync(
            (unit, token) => unit.Store<ITrainingStore>().ListImagesAsync(job.Id, token), cancellationToken);
        if (images.Any(image => image.Sha256 is null))
        {
            return new StepResult.Advance(TrainingState.Preparing, job, "Checking the training images");
        }

        NoPlace? full = await places.WhyFullAsync(cancellationToken);
        if (full is not null && (!full.Counts || !fallback.IsConfigured))
        {
            return Wait(job, full, clock.GetUtcNow(), rules());
        }

        // Held open, RunPod makes no pods, and a place among them is not what the job waits for (C1).
        if (await breaker.WhyHeldAsync(cancellationToken) is { } held)
        {
            StepResult waits = Wait(job, held, clock.GetUtcNow(), rules());
            return await fallback.WhyNotDivertAsync(job, cancellationToken) is not { } why ? Divert(job, held.Reason, waits)
                : fallback.IsConfigured ? Wait(job, held with { Reason = await BothAsync(held.Reason, why, cancellationToken) }, clock.GetUtcNow(), rules())
                : waits;
        }

        return full is not null
            ? await fallback.InsteadOfAsync(Wait(job, full, clock.GetUtcNow(), rules()), cancellationToken)
            : new StepResult.Advance(TrainingState.Provisioning, job, "Looking for a GPU");
    }

    /// <summary>The job goes to the other provider without having asked this one.</summary>
    internal static StepResult.HandOver Divert(TrainingJob job, string reason, StepResult withoutRoom) => new(
        job, new JobFailure(FailureCode.NoProvider, reason), new ErrorDetail("no_provider", "training.queue", reason, null), withoutRoom);

    /// <summary>Both down is a state of its own, which <see cref="ProvidersWatch"/> tells once for all jobs that wait; it is none while another job finds out.</summary>
    private async Task<string> BothAsync(string held, string why, CancellationToken cancellationToken) =>
        $"{(await fallback.WhyNotAsync(cancellationToken) is null ? "" : "Both providers are down. ")}{held.TrimEnd('.')}. {why}";

    /// <summary>Waits for a place; a pause that a person made never fails the job.</summary>
    public static StepResult Wait(TrainingJob job, NoPlace full, DateTimeOffset now, TrainingRules rules)
    {
        ArgumentNullException.ThrowIfNull(full);
        return full.Counts
            ? WaitOrGiveUp(job, full.Reason, TrainingPlaces.LookAgain, now, rules)
            : new StepResult.Again(TrainingPlaces.LookAgain, job with { WaitingSince = null }, full.Reason);
    }

    /// <summary>Another look later, or <c>no_provider</c> when the job has waited long enough.</summary>
    public static StepResult WaitOrGiveUp(TrainingJob job, string reason, TimeSpan lookAgain, DateTimeOffset now, TrainingRules rules)
    {
        ArgumentNullException.ThrowIfNull(job);
        ArgumentNullException.ThrowIfNull(rules);
        DateTimeOffset since = job.WaitingSince ?? now;
        TrainingJob waiting = job with { WaitingSince = since };
        return now - since >= rules.QueueWait
            ? new StepResult.Fail(
                waiting,
                new JobFailure(FailureCode.NoProvider, reason),
                FileProof.TrainingNeverStarted,
                new ErrorDetail("no_provider", "training.queue", reason, null))
            : new StepResult.Again(lookAgain, waiting, reason);
    }
}
