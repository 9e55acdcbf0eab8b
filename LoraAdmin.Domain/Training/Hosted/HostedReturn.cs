using System.Globalization;
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
        DateTimeOffset? from = await OpenFromAsync(job, onlyFromDoubt: false, cancellationToken);
        return from > clock.GetUtcNow() ? Stay(job, why with { Reason = Later(why.Reason, from.Value) })
            : from is not null ? Back(job, why.Reason, Stay(job, why))
            : Stay(job, why);
    }

    /// <summary>
    /// The fallback is to be asked again later. Where it does not say what became of a creation the job waits for that, unless nobody can say it and RunPod may be asked;
    /// what it surely has not made it makes at its next try.
    /// </summary>
    /// <param name="later">What becomes of it while it waits.</param>
    public async Task<StepResult> InsteadOfAsync(StepResult.Again later, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(later);
        return await OpenFromAsync(later.Job, onlyFromDoubt: true, cancellationToken) is { } from && from <= clock.GetUtcNow() ? Back(later.Job, later.Reason ?? "", later) : later;
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

    /// <summary>
    /// When the job may go back: RunPod may be asked, and nothing of this attempt is at the fallback, nor may be there as far as looking for it could say. What nobody
    /// can look for does not hold it for ever: it is cancelled whenever it turns up.
    /// </summary>
    /// <param name="onlyFromDoubt">Only because of a creation that nobody can look for.</param>
    /// <returns>Null: not by anything that is known now.</returns>
    private async Task<DateTimeOffset?> OpenFromAsync(TrainingJob job, bool onlyFromDoubt, CancellationToken cancellationToken) =>
        await runPod.WhyHeldAsync(cancellationToken) is not null ? null : await work.ReadAsync(
            async (unit, token) =>
            {
                HostedTraining[] there =
                [
                    .. (await unit.Store<IHostedTrainingStore>().ListForAttemptAsync(job.Id, job.Attempt, token)).Where(static one => !one.IsFinal && one.Saw != HostedSaw.Packing),
                ];
                IReadOnlyList<TrainingAttempt> before = await BeforeAsync(unit, job, token);
                return (onlyFromDoubt && there.Length == 0)
                    || there.Any(static one => one.TrainingId is not null)
                    || before.Count(static one => one.Provider == HostedLedger.Provider) >= AtMost
                    || await HadItsTurnAsync(unit, job, before, token)
                        ? (DateTimeOffset?)null
                        : there.Select(static one => one.WantSince + HostedWatch.DoubtLasts).Append(DateTimeOffset.MinValue).Max();
            },
            cancellationToken);

    private static StepResult.HandOver Back(TrainingJob job, string why, StepResult withoutRoom) =>
        new(job, new JobFailure(FailureCode.NoProvider, why), ErrorOf(why), withoutRoom);

    private static string Later(string why, DateTimeOffset from) => string.Create(
        CultureInfo.InvariantCulture,
        $"{why.TrimEnd('.')}. RunPod takes jobs again: this one goes back there, if it still does, when it is clear what became of its call to Replicate, or at {from:HH:mm} UTC");

    private static async Task<IReadOnlyList<TrainingAttempt>> BeforeAsync(IUnit unit, TrainingJob job, CancellationToken cancellationToken) =>
        [.. TrainingAttempt.FollowedBy(await unit.Store<ITrainingStore>().ListAttemptsAsync(job.Id, cancellationToken), job.Attempt)];

    /// <summary>Whether RunPod failed the job with all its retries, in the attempt that this one followed. One try, or the one of a probe, is no turn.</summary>
    private async Task<bool> HadItsTurnAsync(IUnit unit, TrainingJob job, IReadOnlyList<TrainingAttempt> before, CancellationToken cancellationToken) =>
        before is not [{ Provider: ProvisioningStep.Provider, Number: var last }, ..]
        || PodLauncher.AreUsedUp(await unit.Store<IPodLedger>().ListForAttemptAsync(job.Id, last, cancellationToken), rules().CreateRetries.Count);

    private static ErrorDetail ErrorOf(string why) => new("no_provider", "replicate.create", why, null);
}
