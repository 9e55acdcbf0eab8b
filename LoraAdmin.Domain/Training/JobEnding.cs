using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// The writes by which a job ends, well or badly: job, LoRA, attempt, pods, the user's count, and the fact. All in the caller's transaction, all by
/// the failure table.
/// </summary>
/// <param name="clocks">Which month pays for what follows, and what was paid until now, a clock that is far off does not say.</param>
public sealed class JobEnding(IIds ids, Func<TrainingRules> training, Func<BudgetRules> budget, Func<HostedRules> hosted, ClockStandings clocks)
{
    private const int AttemptsAfterALostPod = 2;

    private static readonly Actor Self = Actor.Portal(TrainingConductor.Name);

    public static async Task CompleteAsync(
        IUnit unit, TrainingJob job, long fence, string message, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(job);
        await EndAttemptAsync(unit, job, AttemptState.Succeeded, null, now, cancellationToken);
        bool open = await AttemptPods.ReleaseAsync(unit, job.Id, job.Attempt, FileProof.InStorage, PodReasons.JobEnded, now, cancellationToken);
        open |= await HostedLedger.ReleaseAsync(unit, job.Id, job.Attempt, now, cancellationToken);
        await SaveAsync(unit, job with { State = TrainingState.Completed, Failure = null }, fence, open, now, cancellationToken);
        await unit.Store<ILoraStore>().SetStatusAsync(job.LoraId, LoraStatus.Completed, null, now, cancellationToken);
        OperationalEvent fact = TrainingFacts.Of(job, TrainingEvents.Completed, $"Completed: {message}", Self) with
        {
            Signals = TrainingIncidents.OverWith(job.Id, "The job completed"),
        };
        await unit.Events.AppendAsync(fact, cancellationToken);
    }

    /// <param name="mayGoOn">Whether another attempt may follow by itself, as the failure table says.</param>
    /// <exception cref="NoRoomException">The month has no room for that attempt: the unit is over, and in another one it may not go on.</exception>
    public async Task FailAsync(
        IUnit unit,
        TrainingJob job,
        long fence,
        JobFailure failure,
        FileProof proof,
        ErrorDetail error,
        bool mayGoOn,
        DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(job);
        ArgumentNullException.ThrowIfNull(failure);
        FailureRule rule = failure.Rule;
        bool cancelled = failure.Code == FailureCode.Cancelled;
        bool asked = await WasAskedAsync(unit, job, cancellationToken);
        bool open = await HostedLedger.ReleaseAsync(unit, job.Id, job.Attempt, now, cancellationToken);
        await EndAttemptAsync(unit, job, cancelled ? AttemptState.Cancelled : AttemptState.Failed, failure.Code, now, cancellationToken);
        open |= await AttemptPods.ReleaseAsync(unit, job.Id, job.Attempt, proof, PodReasons.JobEnded, now, cancellationToken);
        if (mayGoOn && rule.Retry == RetryRule.OnceByItself && await MayTrainAgainAsync(unit, job, cancellationToken))
        {
            Next again = new(
                ProvisioningStep.Provider,
                await EstimateOfPodAsync(unit, job, cancellationToken),
                TrainingEvents.StateChanged,
                $"{failure.Rule.Message}: {failure.Detail ?? failure.Rule.Message}. Training starts again by itself");
            await GoOnAsync(unit, job, fence, failure, error, again, now, cancellationToken);
            return;
        }

        bool refund = rule.Refund switch
        {
            RefundRule.Always => true,
            RefundRule.Never => false,
            _ => !asked || job.Cancel?.By.Kind == ActorKind.Person,
        };
        bool refunded = refund && await unit.Store<ILimitsStore>().RefundAsync(job.Id, rule.Code, now, cancellationToken);
        await SaveAsync(
            unit, job with { State = cancelled ? TrainingState.Cancelled : TrainingState.Failed, Failure = failure }, fence, open, now, cancellationToken);
        await unit.Store<ILoraStore>().SetStatusAsync(job.LoraId, LoraStatus.Failed, rule.Message, now, cancellationToken);
        string money = refunded ? " The user's monthly count was given back." : "";
        OperationalEvent fact = TrainingFacts.Of(
            job,
            cancelled ? TrainingEvents.Cancelled : TrainingEvents.Failed,
            failure.Detail is { } detail ? $"{rule.Message}: {detail.TrimEnd('.')}.{money}" : $"{rule.Message}.{money}",
            cancelled && job.Cancel is { } wish ? wish.By : Self,
            rule.Admin switch { AdminNotice.Alert => EventSeverity.Error, AdminNotice.Warning => EventSeverity.Warning, _ => EventSeverity.Info },
            rule.Code) with
        {
            Signals = [.. TrainingIncidents.OverWith(job.Id, $"The job ended: {rule.Message}").Where(signal => !OutlivesTheJob(signal, failure))],
        };
        await unit.Events.AppendAsync(cancelled ? fact : fact with { Error = error }, cancellationToken);
    }

    /// <summary>The attempt ends without a provider, and the other provider is asked before anybody hears of a failure (E1, C1), also the one that it came from.</summary>
    /// <exception cref="NoRoomException">The month has no room for it there: the unit is over, and <see cref="StepResult.HandOver.WithoutRoom"/> comes of it.</exception>
    public async Task HandOverAsync(IUnit unit, StepResult.HandOver handOver, long fence, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(handOver);
        (TrainingJob job, JobFailure failure, ErrorDetail error) = (handOver.Job, handOver.Failure, handOver.Error);
        await EndAttemptAsync(unit, job, AttemptState.Failed, failure.Code, now, cancellationToken);
        await AttemptPods.ReleaseAsync(unit, job.Id, job.Attempt, FileProof.TrainingNeverStarted, PodReasons.JobEnded, now, cancellationToken);
        await HostedLedger.ReleaseAsync(unit, job.Id, job.Attempt, now, cancellationToken);
        string why = (failure.Detail ?? failure.Rule.Message).TrimEnd('.');
        Next next = HostedLedger.IsHosted(job)
            ? new Next(
                ProvisioningStep.Provider,
                await EstimateOfPodAsync(unit, job, cancellationToken),
                TrainingEvents.HandedOver,
                $"{why}. {OtherThanOf(job)} can be asked again, and is")
            : new Next(HostedLedger.Provider, hosted().EstimateFor(training().MaxDuration), TrainingEvents.HandedOver, $"{why}. {OtherThanOf(job)} is asked instead");
        await GoOnAsync(unit, job, fence, failure, error, next, now, cancellationToken);
    }

    /// <summary>The provider to which the job would be handed over, as people know it.</summary>
    public static string OtherThanOf(TrainingJob job) => HostedLedger.IsHosted(job) ? GateWords.RunPod.Provider : HostedLedger.ProviderName;

    /// <summary>What a job fails of is not over with it: it stays for a person until the job has gone another way.</summary>
    private static bool OutlivesTheJob(IncidentSignal signal, JobFailure failure) =>
        failure.Code == FailureCode.TrainingLost && signal.Rule == HostedIncidents.Lost;

    /// <summary>
    /// Whether any provider was asked for something since the user was charged: in this attempt, or in one that it followed by itself, which ended in the transaction in
    /// which this one began.
    /// </summary>
    private static async Task<bool> WasAskedAsync(IUnit unit, TrainingJob job, CancellationToken cancellationToken)
    {
        IReadOnlyList<TrainingAttempt> attempts = await unit.Store<ITrainingStore>().ListAttemptsAsync(job.Id, cancellationToken);
        foreach (int number in TrainingAttempt.FollowedBy(attempts, job.Attempt).Select(static one => one.Number).Prepend(job.Attempt))
        {
            if ((await unit.Store<IPodLedger>().ListForAttemptAsync(job.Id, number, cancellationToken)).Count > 0
                || (await unit.Store<IHostedTrainingStore>().ListForAttemptAsync(job.Id, number, cancellationToken)).Any(static one => one.Saw != HostedSaw.Packing))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Once by itself: the first attempt on a pod; elsewhere the first that was lost, because the attempts before it came to no provider.</summary>
    private static async Task<bool> MayTrainAgainAsync(IUnit unit, TrainingJob job, CancellationToken cancellationToken) =>
        (!HostedLedger.IsHosted(job) && job.Attempt < AttemptsAfterALostPod)
        || (await unit.Store<ITrainingStore>().ListAttemptsAsync(job.Id, cancellationToken) is var attempts
            && attempts.Any(static one => one.Provider == HostedLedger.Provider)
            && attempts.Count(attempt => attempt.Failure is { } code && FailureTable.For(code).Retry == RetryRule.OnceByItself) <= 1);

    /// <summary>
    /// The most that the pod of another attempt is known to cost: what the job's last attempt on pods was admitted with, or the dearest pod that it was given for its
    /// lifetime. What was reserved on top because several pods came one after the other is none of it; attempts elsewhere say nothing about a pod.
    /// </summary>
    private async Task<Usd> EstimateOfPodAsync(IUnit unit, TrainingJob job, CancellationToken cancellationToken)
    {
        IBudgetStore money = unit.Store<IBudgetStore>();
        HashSet<int> onPods =
        [
            .. (await unit.Store<ITrainingStore>().ListAttemptsAsync(job.Id, cancellationToken))
                .Where(attempt => attempt.Provider == ProvisioningStep.Provider).Select(attempt => attempt.Number),
        ];
        TimeSpan lifetime = training().PodLifetime;
        if ((await money.ListForJobAsync(job.Id, cancellationToken)).LastOrDefault(one => onPods.Contains(one.Attempt)) is not { } before)
        {
            return training().WorstHourlyPrice.PerHourFor(lifetime);
        }

        LedgerPod[] given =
        [
            .. (await unit.Store<IPodLedger>().ListForAttemptAsync(job.Id, before.Attempt, cancellationToken))
                .Where(static pod => pod is { PodId: not null, IsApart: false, IsLetOut: false }),
        ];

        // A stopped pod is priced as such, and a price that changed is not what its reservation was raised to: all that was reserved is enough for it.
        if (given.Any(static pod => pod is { HourlyRate: null } or { BilledUntil: not null }))
        {
            return before.Amount;
        }

        Usd admitted = await money.FindAdmittedAsync(job.Id, before.Attempt, cancellationToken) ?? before.Amount;
        return given.Select(pod => pod.HourlyRate!.Value.PerHourFor(lifetime)).Append(admitted).Max();
    }

    /// <summary>The job goes on by itself with another attempt: what was lost or refused is nobody's fault.</summary>
    /// <exception cref="NoRoomException">The month has no room for it.</exception>
    private async Task GoOnAsync(
        IUnit unit,
        TrainingJob job,
        long fence,
        JobFailure failure,
        ErrorDetail error,
        Next to,
        DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        // What came to nothing holds no money back from what comes next.
        DateTimeOffset paid = clocks.ByProvider(now);
        IBudgetStore money = unit.Store<IBudgetStore>();
        if ((await money.ListForJobAsync(job.Id, cancellationToken)).FirstOrDefault(one => one.Attempt == job.Attempt) is { SettledAt: null } before)
        {
            await AttemptSettlement.TrySettleAsync(unit, before, training(), paid, cancellationToken);
        }

        ITrainingStore store = unit.Store<ITrainingStore>();
        IReadOnlyList<TrainingAttempt> attempts = await store.ListAttemptsAsync(job.Id, cancellationToken);
        int next = attempts.Max(attempt => attempt.Number) + 1;
        if (await money.TryReserveAsync(ids.Next(), job.Id, next, to.Estimate, paid, budget(), cancellationToken) is ReserveResult.DoesNotFit full)
        {
            throw new NoRoomException(full);
        }

        bool handedOver = to.Provider == HostedLedger.Provider;
        await store.AddAttemptAsync(new TrainingAttempt(job.Id, next, to.Provider, AttemptState.Active, now, null, null, null), cancellationToken);
        TrainingJob again = job with
        {
            Attempt = next,
            Provider = handedOver || job.Provider is not null ? to.Provider : null,
            State = handedOver ? TrainingState.Provisioning : TrainingState.Queued,
            StateSince = now,
            UpdatedAt = now,
            DueAt = now,
            StartedAt = null,
            PodId = null,
            TrainingId = null,
            Figures = null,
            Artifact = null,
            WaitReason = null,

            // What was waited for RunPod is none of the wait for the other provider, once: whoever comes back from there goes on with one and the same wait.
            WaitingSince = handedOver && !WasElsewhere(attempts, job.Attempt) ? null : job.WaitingSince,
            FailingSince = null,
            Spool = null,
            StepTries = 0,
            StepErrors = 0,
        };
        await store.SaveAsync(again, fence, release: true, cancellationToken);
        await unit.Events.AppendAsync(
            TrainingFacts.Of(again, to.Kind, $"{to.Words} (attempt {next})", Self, EventSeverity.Warning, failure.Rule.Code) with
            {
                Error = error,
                Signals = HostedLedger.IsHosted(job)
                    ? [new IncidentSignal(HostedIncidents.WeightsWaiting, job.Id.ToString(), $"The attempt ended, and nothing of it is waited for: {failure.Rule.Message}", Over: true)]
                    : [],
            },
            cancellationToken);
    }

    /// <summary>Whether the job came to the other provider before, since anything last trained it.</summary>
    private static bool WasElsewhere(IReadOnlyList<TrainingAttempt> attempts, int number) => TrainingAttempt.FollowedBy(attempts, number)
        .TakeWhile(static one => one.Failure == FailureCode.NoProvider).Any(static one => one.Provider == HostedLedger.Provider);

    /// <summary>The attempt that follows by itself.</summary>
    /// <param name="Kind">Of the fact that says so.</param>
    private sealed record Next(string Provider, Usd Estimate, string Kind, string Words);

    private static async Task EndAttemptAsync(
        IUnit unit, TrainingJob job, AttemptState state, FailureCode? failure, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ITrainingStore store = unit.Store<ITrainingStore>();
        if ((await store.ListAttemptsAsync(job.Id, cancellationToken)).FirstOrDefault(attempt => attempt.State == AttemptState.Active) is { } active)
        {
            await store.SaveAttemptAsync(active with { State = state, EndedAt = now, Failure = failure }, cancellationToken);
        }
    }

    /// <param name="open">Pods or trainings of the present attempt are still to be ended.</param>
    private static async Task SaveAsync(IUnit unit, TrainingJob job, long fence, bool open, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ITrainingStore store = unit.Store<ITrainingStore>();
        TrainingJob ended = job with
        {
            StateSince = now,
            UpdatedAt = now,
            CompletedAt = now,
            WaitReason = null,
            WaitingSince = null,
            FailingSince = null,
            StepTries = 0,
            StepErrors = 0,
        };
        await store.SaveAsync(ended, fence, release: true, cancellationToken);

        // Read after the job's row is written, as at a settlement: whichever of the two comes later sees the other. Where nothing is left to settle nobody would end it.
        bool pending = (await unit.Store<IBudgetStore>().ListForJobAsync(job.Id, cancellationToken))
            .Any(one => one.SettledAt is null && (open || one.Attempt != job.Attempt));
        await store.SetCleanupStatusAsync(job.Id, pending ? CleanupWords.Pending : CleanupWords.Done, cancellationToken);
    }
}

/// <summary>Words of the shared column <c>lora_training_jobs.cleanup_status</c>, of a job that is over.</summary>
public static class CleanupWords
{
    /// <summary>Something that any of its attempts had may still cost money.</summary>
    public const string Pending = "pending";
    public const string Done = "done";
}
