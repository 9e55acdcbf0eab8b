using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// The minute loop that turns reservations into what was really spent: an attempt is settled when it is final, all its pods are verified gone, and its
/// trainings at the other provider are over.
/// Running it twice, or on two instances, changes nothing: settling is guarded by the reservation's row.
/// </summary>
public sealed class AttemptSettlement(IUnitOfWork work, TimeProvider clock)
{
    public const string Name = "training.settlement";

    private const int AtOnce = 500;

    private static readonly Actor Self = Actor.Portal(Name);

    /// <returns>How many attempts were settled.</returns>
    /// <exception cref="AggregateException">Some could not be settled; all others were.</exception>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        HashSet<(JobId, int)> withPods = await work.ReadAsync(ListWithPodsAsync, cancellationToken);
        List<Reservation> due = [];
        Reservation? last = null;
        while (true)
        {
            // All of them: attempts that can't be settled yet must not stand before the others.
            IReadOnlyList<Reservation> page = await work.ReadAsync((unit, token) => unit.Store<IBudgetStore>().ListOpenAsync(last, AtOnce, token), cancellationToken);
            due.AddRange(page.Where(one => !withPods.Contains((one.Job, one.Attempt))));
            if (page.Count < AtOnce)
            {
                break;
            }

            last = page[^1];
        }

        int settled = 0;
        await Each.InTurnAsync(
            due,
            async (reservation, token) => settled += await work.RunAsync((unit, stop) => TrySettleAsync(unit, reservation, clock.GetUtcNow(), stop), token) ? 1 : 0,
            cancellationToken);
        return settled;
    }

    private static async Task<HashSet<(JobId Job, int Attempt)>> ListWithPodsAsync(IUnit unit, CancellationToken cancellationToken) =>
        [
            .. (await unit.Store<IPodLedger>().ListAliveAsync(cancellationToken)).Select(pod => (pod.Job, pod.Attempt)),
            .. (await unit.Store<IHostedTrainingStore>().ListOpenAsync(cancellationToken)).Where(one => !one.IsFinal).Select(one => (one.Job, one.Attempt)),
        ];

    /// <summary>Settles in the caller's transaction an attempt that is over and of which nothing is left.</summary>
    /// <returns>False: it goes on, something of it is still there, or it is settled already; nothing was written.</returns>
    public static async Task<bool> TrySettleAsync(IUnit unit, Reservation reservation, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(reservation);
        ITrainingStore store = unit.Store<ITrainingStore>();
        TrainingAttempt? attempt = (await store.ListAttemptsAsync(reservation.Job, cancellationToken)).FirstOrDefault(one => one.Number == reservation.Attempt);
        if (attempt is null || attempt.State == AttemptState.Active)
        {
            return false;
        }

        AttemptCosts costs = await AttemptCosts.ReadAsync(unit, reservation.Job, reservation.Attempt, cancellationToken);
        if (!costs.AreFinal)
        {
            return false;
        }

        TrainingJob? job = await store.FindAsync(reservation.Job, cancellationToken);
        ReservationChange change = ReservationBooks.Settle(reservation, costs.Split(attempt, job, now), () => costs.ExcessOf(reservation, attempt, now), now);
        if ((await unit.Store<IBudgetStore>().ApplyAsync([change], cancellationToken)).Count == 0)
        {
            return false;
        }

        Usd actual = change.After.Actual!.Value;
        await store.SaveAttemptAsync(attempt with { Cost = actual }, cancellationToken);
        await store.AddCostAsync(reservation.Job, actual, cancellationToken);
        await store.SetCleanupStatusAsync(reservation.Job, CleanupWords.Done, cancellationToken);
        await unit.Events.AppendAsync(
            new OperationalEvent
            {
                Kind = TrainingEvents.Settled,
                Message = $"Attempt {reservation.Attempt} cost {actual}; {reservation.Amount} had been reserved",
                Actor = Self,
                Job = reservation.Job,
                Attempt = reservation.Attempt,
                Signals = [new IncidentSignal(TrainingIncidents.OverTime, reservation.Job.ToString(), "The job ended and its pods are gone", Over: true)],
            },
            cancellationToken);
        return true;
    }
}
