using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// A pod that turned out dearer than was reserved, or that comes after others that took a part of it: the difference is reserved too, or, where the month has
/// no room for it, the job is wished to end. The conductor looks for a finished file before it lets the pod go.
/// </summary>
internal sealed class DearerPods(IUnitOfWork work, TimeProvider clock, Func<BudgetRules> rules)
{
    private static readonly Actor Self = AttemptSettlement.Self;

    /// <summary>
    /// How much the reservation lacks for the pod's lifetime at its present price, beside what its attempt's earlier pods took. Zero for a pod that was given
    /// more time than its lifetime: that is no matter of price.
    /// </summary>
    /// <param name="before">What <see cref="BeforeAsync"/> said.</param>
    public static Usd Missing(LedgerPod pod, Usd before, Reservation open) =>
        pod is { HourlyRate: { } rate, LiveUntil: { } until } && pod.WantReason != PodReasons.Prolonged
            && before + rate.PerHourFor(until - pod.RequestedAt) is var whole && whole > open.Amount
                ? whole - open.Amount
                : Usd.Zero;

    /// <summary>
    /// What pods that the attempt gave up before this one have cost within their lifetimes. One that is still there is counted when it is gone, so that a
    /// reservation is not raised by the minute; past its lifetime it is a leak.
    /// </summary>
    public static async Task<Usd> BeforeAsync(IUnit unit, LedgerPod pod, DateTimeOffset now, CancellationToken cancellationToken) => pod.Try <= 1
        ? Usd.Zero
        : (await unit.Store<IPodLedger>().ListGoneOfAttemptAsync(pod.Job, pod.Attempt, cancellationToken))
            .Where(one => one.LiveUntil is not null && one.Name != pod.Name)
            .Aggregate(Usd.Zero, (sum, one) => sum + (one.GoneAt > one.LiveUntil ? AttemptCosts.WholeCost(one, one.LiveUntil.Value) : one.CostUntil(now)));

    public async Task TopUpAsync(Reservation seen, LedgerPod pod, CancellationToken cancellationToken)
    {
        try
        {
            await TopUpAsync(seen, pod, refusedBy: null, cancellationToken);
        }
        catch (NoRoomException full)
        {
            await TopUpAsync(seen, pod, full.Month.Month, cancellationToken);
        }
    }

    /// <param name="refusedBy">The month that had no room for it; null: it is asked.</param>
    /// <exception cref="NoRoomException">The month has no room for it; nothing was written.</exception>
    private Task TopUpAsync(Reservation seen, LedgerPod pod, Month? refusedBy, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            IBudgetStore money = unit.Store<IBudgetStore>();
            ITrainingStore store = unit.Store<ITrainingStore>();
            Reservation? open = (await money.ListForJobAsync(seen.Job, token)).FirstOrDefault(one => one.Attempt == seen.Attempt && one.SettledAt is null);
            DateTimeOffset now = clock.GetUtcNow();
            Usd before = await BeforeAsync(unit, pod, now, token);
            if (open is null || Missing(pod, before, open) is not { Micros: > 0 } missing
                || await store.FindAsync(seen.Job, token) is not { Cancel: null } job || job.Attempt != seen.Attempt)
            {
                return;
            }

            string others = before == Usd.Zero ? "" : $", pods before it cost {before}";
            string dearer = $"Pod {pod.PodId} may cost {open.Amount + missing - before} at {pod.HourlyRate} an hour{others}, "
                + $"and {open.Amount} is reserved for attempt {seen.Attempt}";
            if (refusedBy is { } month)
            {
                // Once its training has ended the file is worth more than the difference, which is booked as a price change.
                if (job.State.CanCancel())
                {
                    string reason = $"{dearer}, and {month} has no room for {missing} more";
                    await store.WishCancelAsync(job.Id, new CancelWish(Self, reason, now), token);
                    await unit.Events.AppendAsync(TrainingFacts.Of(job, TrainingEvents.CancelRequested, reason, Self, EventSeverity.Warning, "budget_exhausted"), token);
                }

                return;
            }

            switch (await money.TryTopUpAsync(ReservationBooks.TopUp(open, missing, now), rules(), token))
            {
                case ReserveResult.Reserved raised:
                    await unit.Events.AppendAsync(
                        TrainingFacts.Of(job, TrainingEvents.ToppedUp, $"{dearer}: {raised.Reservation.Amount - open.Amount} more is reserved", Self), token);
                    break;

                case ReserveResult.DoesNotFit full:
                    throw new NoRoomException(full);
            }
        },
        cancellationToken);
}
