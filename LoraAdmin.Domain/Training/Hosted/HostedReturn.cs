using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>
/// The way back: a job that came to the fallback without having asked RunPod for a pod, and is not taken there either, goes back as soon as RunPod may be asked.
/// It fails for want of a provider only when neither took it (E1, docs/decisions/0095).
/// </summary>
public sealed class HostedReturn(IUnitOfWork work, BreakerGate runPod)
{
    /// <summary>Of one admission: two providers that send a job to each other are none.</summary>
    private const int AtMost = 3;

    /// <summary>Whether the job may go back now: nothing of this attempt is, or may be, at the fallback.</summary>
    public async Task<bool> IsOpenAsync(TrainingJob job, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        return await runPod.WhyHeldAsync(cancellationToken) is null && await work.ReadAsync(
            async (unit, token) =>
                (await unit.Store<IHostedTrainingStore>().ListForAttemptAsync(job.Id, job.Attempt, token)).All(static one => one.IsFinal || one.Saw == HostedSaw.Packing)
                && await WasNotAskedAsync(unit, job, token),
            cancellationToken);
    }

    /// <summary>Whether the attempt at RunPod that this one followed asked for no pod, and the job has not gone back too often.</summary>
    public Task<bool> WasNotAskedAsync(TrainingJob job, CancellationToken cancellationToken) =>
        work.ReadAsync((unit, token) => WasNotAskedAsync(unit, job, token), cancellationToken);

    private static async Task<bool> WasNotAskedAsync(IUnit unit, TrainingJob job, CancellationToken cancellationToken)
    {
        IReadOnlyList<TrainingAttempt> attempts = await unit.Store<ITrainingStore>().ListAttemptsAsync(job.Id, cancellationToken);
        TrainingAttempt[] before = [.. TrainingAttempt.FollowedBy(attempts, job.Attempt)];
        return before.FirstOrDefault() is { Provider: ProvisioningStep.Provider, Number: var last }
            && before.Count(static one => one.Provider == HostedLedger.Provider) < AtMost
            && (await unit.Store<IPodLedger>().ListForAttemptAsync(job.Id, last, cancellationToken)).Count == 0;
    }
}
