using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>
/// The one rule by which a job at the fallback ends for want of a provider: when both had their turn, or <c>Training:QueueWait</c> is over. Until then it waits, and goes back to
/// RunPod as soon as that may be asked, if it had no turn there (E1, docs/decisions/0095).
/// </summary>
public sealed class HostedReturn(IUnitOfWork work, BreakerGate runPod, TimeProvider clock, Func<TrainingRules> rules)
{
    /// <summary>Of one admission: two providers that send a job to each other are none.</summary>
    private const int AtMost = 3;

    /// <summary>The fallback does not take the job at present: it waits for whichever of both may be asked first.</summary>
    public async Task<StepResult> WaitAsync(TrainingJob job, NoPlace why, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(why);
        StepResult waits = Stay(job, why);
        return await IsOpenAsync(job, cancellationToken)
            ? new StepResult.HandOver(job, new JobFailure(FailureCode.NoProvider, why.Reason), ErrorOf(why.Reason), waits)
            : waits;
    }

    /// <summary>The fallback had its turn, or is gone: the job fails if RunPod had its turn too.</summary>
    public async Task<StepResult> GiveUpAsync(TrainingJob job, string why, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        bool hadItsTurn = await work.ReadAsync(
            async (unit, token) => await HadItsTurnAsync(unit, job, await BeforeAsync(unit, job, token), token), cancellationToken);
        return hadItsTurn ? NoProvider(job, why) : await WaitAsync(job, new NoPlace(why, Counts: true), cancellationToken);
    }

    /// <summary>Another look later, or the end of the wait. A new creation begins after it: what failed before has been told, and the wait is none of the provider's.</summary>
    public StepResult Stay(TrainingJob job, NoPlace why)
    {
        ArgumentNullException.ThrowIfNull(job);
        DateTimeOffset now = clock.GetUtcNow();
        return QueuedStep.Wait(job with { StateSince = now }, why, now, rules());
    }

    /// <summary>Whatever the attempt has there is cancelled when the job ends.</summary>
    internal static StepResult.Fail NoProvider(TrainingJob job, string why) =>
        new(job, new JobFailure(FailureCode.NoProvider, why), FileProof.TrainingNeverStarted, ErrorOf(why));

    /// <summary>Whether the job may go back now: nothing of this attempt is, or may be, at the fallback.</summary>
    private async Task<bool> IsOpenAsync(TrainingJob job, CancellationToken cancellationToken) =>
        await runPod.WhyHeldAsync(cancellationToken) is null && await work.ReadAsync(
            async (unit, token) =>
                (await unit.Store<IHostedTrainingStore>().ListForAttemptAsync(job.Id, job.Attempt, token)).All(static one => one.IsFinal || one.Saw == HostedSaw.Packing)
                && await BeforeAsync(unit, job, token) is var before
                && before.Count(static one => one.Provider == HostedLedger.Provider) < AtMost
                && !await HadItsTurnAsync(unit, job, before, token),
            cancellationToken);

    private static async Task<IReadOnlyList<TrainingAttempt>> BeforeAsync(IUnit unit, TrainingJob job, CancellationToken cancellationToken) =>
        [.. TrainingAttempt.FollowedBy(await unit.Store<ITrainingStore>().ListAttemptsAsync(job.Id, cancellationToken), job.Attempt)];

    /// <summary>Whether RunPod failed the job with all its retries, in the attempt that this one followed. One try, or the one of a probe, is no turn.</summary>
    private async Task<bool> HadItsTurnAsync(IUnit unit, TrainingJob job, IReadOnlyList<TrainingAttempt> before, CancellationToken cancellationToken) =>
        before is not [{ Provider: ProvisioningStep.Provider, Number: var last }, ..]
        || PodLauncher.AreUsedUp(await unit.Store<IPodLedger>().ListForAttemptAsync(job.Id, last, cancellationToken), rules().CreateRetries.Count);

    private static ErrorDetail ErrorOf(string why) => new("no_provider", "replicate.create", why, null);
}
