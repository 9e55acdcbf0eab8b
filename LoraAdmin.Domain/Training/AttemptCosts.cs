using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Domain.Training;

/// <summary>Everything that one attempt pays for.</summary>
internal sealed record AttemptCosts(IReadOnlyList<LedgerPod> Pods, IReadOnlyList<HostedTraining> Hosted)
{
    public static async Task<AttemptCosts> ReadAsync(IUnit unit, JobId job, int attempt, CancellationToken cancellationToken) => new(
        await unit.Store<IPodLedger>().ListForAttemptAsync(job, attempt, cancellationToken),
        await unit.Store<IHostedTrainingStore>().ListForAttemptAsync(job, attempt, cancellationToken));

    /// <summary>All its pods are verified gone, and its trainings at the other provider are over.</summary>
    public bool AreFinal => Pods.All(static pod => pod.Saw == PodSaw.Gone) && Hosted.All(static one => one.IsFinal);

    public Usd Until(DateTimeOffset now) =>
        Pods.Aggregate(Usd.Zero, (sum, pod) => sum + pod.CostUntil(now)) + Hosted.Aggregate(Usd.Zero, (sum, one) => sum + one.CostUntil(now));

    /// <summary>What was paid for what, by time: a second of a pod costs the same whatever is done in it.</summary>
    /// <param name="job">As it stands; null: nobody knows more of it.</param>
    public CostSplit Split(TrainingAttempt attempt, TrainingJob? job, DateTimeOffset now)
    {
        Usd total = Until(now);

        // A file that could not be uploaded was trained, and is kept.
        if (attempt.State != AttemptState.Succeeded && attempt.Failure != FailureCode.UploadFailed)
        {
            return CostSplit.Nothing with { Failed = total };
        }

        CostSplit sum = CostSplit.Nothing with { Training = Hosted.Aggregate(Usd.Zero, (all, one) => all + one.CostUntil(now)) };
        foreach (LedgerPod pod in Pods)
        {
            sum = Add(sum, Split(pod, job is not null && job.Attempt == attempt.Number ? job : null, now));
        }

        return sum;
    }

    /// <summary>Why it costs more than was reserved: a pod that lives too long is a leak, whatever its price.</summary>
    public Excess ExcessOf(Reservation reservation, TrainingAttempt? attempt, DateTimeOffset now)
    {
        LedgerPod? overdue = Pods.Where(pod => pod.LiveUntil is null || pod.LiveUntil < (pod.GoneAt ?? now)).MaxBy(static pod => pod.RequestedAt);
        LedgerPod? dearer = Pods.FirstOrDefault(pod => WholeCost(pod) > reservation.Amount);
        string attempts = $"attempt {reservation.Attempt} of job {reservation.Job}";
        return overdue is null && dearer is not null
            ? new Excess(
                EntryKind.PriceChange, attempt is null or { State: AttemptState.Active or AttemptState.Succeeded } ? CostPurpose.Training : CostPurpose.Failed,
                dearer.Name, $"A pod of {attempts} costs {dearer.HourlyRate} an hour, more than was reserved")
            : new Excess(EntryKind.Leak, CostPurpose.Orphan, overdue?.Name, $"Pods of {attempts} lived longer than was reserved");
    }

    /// <summary>What a pod costs until its lifetime is over, as it is priced now; nothing where its lifetime is not bounded.</summary>
    public static Usd WholeCost(LedgerPod pod) => pod.LiveUntil is { } until ? (pod with { GoneAt = null }).CostUntil(until) : Usd.Zero;

    private static CostSplit Split(LedgerPod pod, TrainingJob? job, DateTimeOffset now)
    {
        Usd cost = pod.CostUntil(now);
        if (job is null)
        {
            return CostSplit.Nothing with { Training = cost };
        }

        if (pod.PodId != job.PodId)
        {
            return CostSplit.Nothing with { Failed = cost };
        }

        DateTimeOffset from = pod.CreatedAt ?? pod.RequestedAt;
        DateTimeOffset to = pod.GoneAt ?? now;
        DateTimeOffset began = Within(job.StartedAt ?? from, from, to);
        DateTimeOffset ended = Within(job.Figures?.HeartbeatAt ?? to, began, to);
        DateTimeOffset letGo = Within(pod.Want == PodWant.Released ? pod.WantSince ?? to : to, ended, to);
        Usd training = Share(cost, ended - began, to - from);
        Usd validation = Share(cost, letGo - ended, to - from);
        return new CostSplit(training, validation, Usd.Zero, cost - training - validation);
    }

    private static CostSplit Add(CostSplit a, CostSplit b) => new(a.Training + b.Training, a.Validation + b.Validation, a.Failed + b.Failed, a.Idle + b.Idle);

    /// <summary>Rounded down, so that shares never add up to more than there is.</summary>
    private static Usd Share(Usd cost, TimeSpan part, TimeSpan whole) =>
        whole <= TimeSpan.Zero ? Usd.Zero : new((long)((decimal)cost.Micros * part.Ticks / whole.Ticks));

    private static DateTimeOffset Within(DateTimeOffset instant, DateTimeOffset from, DateTimeOffset to) => instant < from ? from : instant > to ? to : instant;
}
