using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// A pod that turned out dearer than was reserved: the difference is reserved too, or, where the month has no room for it, the job is wished to end. The
/// conductor looks for a finished file before it lets the pod go.
/// </summary>
internal sealed class DearerPods(IUnitOfWork work, TimeProvider clock, Func<BudgetRules> rules)
{
    private static readonly Actor Self = AttemptSettlement.Self;

    /// <summary>
    /// How much the reservation lacks for the pod's lifetime at its present price. Zero for a pod that was given more time than its lifetime: that is no
    /// matter of price.
    /// </summary>
    public static Usd Missing(LedgerPod pod, Reservation open) =>
        pod is { HourlyRate: { } rate, LiveUntil: { } until } && pod.WantReason != PodReasons.Prolonged
            && rate.PerHourFor(until - pod.RequestedAt) is var whole && whole > open.Amount
                ? whole - open.Amount
                : Usd.Zero;

    public Task TopUpAsync(Reservation seen, LedgerPod pod, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            IBudgetStore money = unit.Store<IBudgetStore>();
            ITrainingStore store = unit.Store<ITrainingStore>();
            Reservation? open = (await money.ListForJobAsync(seen.Job, token)).FirstOrDefault(one => one.Attempt == seen.Attempt && one.SettledAt is null);
            if (open is null || Missing(pod, open) is not { Micros: > 0 } missing
                || await store.FindAsync(seen.Job, token) is not { Cancel: null } job || job.Attempt != seen.Attempt)
            {
                return;
            }

            DateTimeOffset now = clock.GetUtcNow();
            string dearer = $"Pod {pod.PodId} may cost {open.Amount + missing} at {pod.HourlyRate} an hour, and {open.Amount} is reserved for attempt {seen.Attempt}";
            switch (await money.TryTopUpAsync(ReservationBooks.TopUp(open, missing, now), rules(), token))
            {
                case ReserveResult.Reserved raised:
                    await unit.Events.AppendAsync(
                        TrainingFacts.Of(job, TrainingEvents.ToppedUp, $"{dearer}: {raised.Reservation.Amount - open.Amount} more is reserved", Self), token);
                    break;

                case ReserveResult.DoesNotFit full when job.State.CanCancel():
                    string reason = $"{dearer}, and {full.Month.Month} has no room for {missing} more";
                    await store.WishCancelAsync(job.Id, new CancelWish(Self, reason, now), token);
                    await unit.Events.AppendAsync(TrainingFacts.Of(job, TrainingEvents.CancelRequested, reason, Self, EventSeverity.Warning, "budget_exhausted"), token);
                    break;

                default:
                    // Its training has ended: the file is worth more than the difference, which is booked as a price change.
                    break;
            }
        },
        cancellationToken);
}
