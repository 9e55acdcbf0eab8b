using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Domain.Training;

/// <summary>Everything that one attempt pays for.</summary>
internal sealed record AttemptCosts(IReadOnlyList<LedgerPod> Pods, IReadOnlyList<HostedTraining> Hosted)
{
    public static async Task<AttemptCosts> ReadAsync(IUnit unit, JobId job, int attempt, CancellationToken cancellationToken) => new(
        [.. (await unit.Store<IPodLedger>().ListForAttemptAsync(job, attempt, cancellationToken)).Where(static pod => !pod.IsLetOut)],
        await unit.Store<IHostedTrainingStore>().ListForAttemptAsync(job, attempt, cancellationToken));

    /// <summary>All its pods are verified gone, and its trainings at the other provider are over.</summary>
    public bool AreFinal => Pods.All(static pod => pod.Saw == PodSaw.Gone) && Hosted.All(static one => one.IsFinal);

    public Usd Until(DateTimeOffset now) =>
        Pods.Aggregate(Usd.Zero, (sum, pod) => sum + pod.CostUntil(now)) + Hosted.Aggregate(Usd.Zero, (sum, one) => sum + one.CostUntil(now));

    /// <summary>
    /// What may be booked while it runs. A training that the provider has not called over may be over for hours: while nobody can ask, it takes by the clock
    /// alone no more than was reserved. One that the provider shows as running takes what it takes.
    /// </summary>
    public Usd AccruedBy(DateTimeOffset now, Usd reserved)
    {
        Usd running = Hosted.Where(one => one.IsByClockAlone(now)).Aggregate(Usd.Zero, (sum, one) => sum + one.CostUntil(now));
        Usd known = Until(now) - running;
        Usd left = reserved > known ? reserved - known : Usd.Zero;
        return known + (running < left ? running : left);
    }

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

        CostSplit sum = Hosted.Aggregate(CostSplit.Nothing, (all, one) => Add(all, Split(one, now)));
        foreach (LedgerPod pod in Pods)
        {
            sum = Add(sum, Split(pod, job is not null && job.Attempt == attempt.Number ? job : null, now));
        }

        return sum;
    }

    /// <summary>Why it costs more than was reserved: a pod that lives too long is a leak, whatever its price and whoever gave it more time.</summary>
    /// <param name="lifetime">What a pod is reserved for.</param>
    public Excess ExcessOf(Reservation reservation, TrainingAttempt? attempt, TimeSpan lifetime, DateTimeOffset now)
    {
        string attempts = AttemptOf(reservation);
        CostPurpose purpose = attempt is null or { State: AttemptState.Active or AttemptState.Succeeded } ? CostPurpose.Training : CostPurpose.Failed;
        if (Pods.Where(pod => ReservedUntil(pod, lifetime) is not { } until || until < (pod.GoneAt ?? now)).MaxBy(static pod => pod.RequestedAt) is { } overdue)
        {
            return new Excess(EntryKind.Leak, CostPurpose.Orphan, overdue.Name, $"Pods of {attempts} lived longer than was reserved");
        }

        if (Pods.FirstOrDefault(pod => WholeCost(pod, ReservedUntil(pod, lifetime)!.Value) > reservation.Amount) is { } dearer)
        {
            return new Excess(EntryKind.PriceChange, purpose, dearer.Name, $"A pod of {attempts} costs {dearer.HourlyRate} an hour, more than was reserved");
        }

        return Pods.Count == 0
            ? new Excess(EntryKind.Leak, purpose, null, $"What {attempts} had run elsewhere took longer than was reserved")
            : new Excess(EntryKind.Leak, CostPurpose.Failed, null, $"The pods that {attempts} had one after the other cost together more than was reserved for one");
    }

    /// <summary>How it is booked that a pod was there when its attempt had been settled.</summary>
    public static Excess LateExcess(Reservation settled, LedgerPod pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        return new Excess(EntryKind.Leak, CostPurpose.Orphan, pod.Name, $"Pod {pod.PodId} was there when {AttemptOf(settled)} had been settled");
    }

    /// <summary>What a pod costs until then, as it is priced now.</summary>
    public static Usd WholeCost(LedgerPod pod, DateTimeOffset until) => (pod with { GoneAt = null }).CostUntil(until);

    private static string AttemptOf(Reservation reservation) => $"attempt {reservation.Attempt} of job {reservation.Job}";

    /// <summary>When the time is over that was reserved for a pod, however much more it was given; null: nothing was.</summary>
    private static DateTimeOffset? ReservedUntil(LedgerPod pod, TimeSpan lifetime) =>
        pod.LiveUntil is { } until && until - pod.RequestedAt > lifetime ? pod.RequestedAt + lifetime : pod.LiveUntil;

    /// <summary>A training or prediction that its job worked with to the end served it; all others were paid for nothing.</summary>
    private static CostSplit Split(HostedTraining one, DateTimeOffset now)
    {
        Usd cost = one.CostUntil(now);
        bool served = one.Saw == HostedSaw.Over && (one.IsNeeded || one.Reason == HostedReasons.JobEnded);
        return !served ? CostSplit.Nothing with { Failed = cost }
            : one.Kind == HostedKind.Training ? CostSplit.Nothing with { Training = cost }
            : CostSplit.Nothing with { Validation = cost };
    }

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
