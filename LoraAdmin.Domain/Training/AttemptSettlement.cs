using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// The minute loop that turns reservations into what was really spent. While an attempt runs, its cost is accrued; it is settled when it is final, all its
/// pods are verified gone, and its trainings at the other provider are over. Running it twice, or on two instances, changes nothing: every change is
/// guarded by the reservation's row.
/// </summary>
/// <param name="clocks">
/// While this process's clock can't be relied on, or nobody has yet said whether it can, nothing is booked that rests on the present instant alone.
/// </param>
public sealed class AttemptSettlement(IUnitOfWork work, TimeProvider clock, Func<BudgetRules> rules, Func<TrainingRules> training, ClockStandings clocks)
{
    public const string Name = "training.settlement";

    /// <summary>How often a running attempt's cost is booked: what lies between is shown from the pods themselves.</summary>
    public static readonly TimeSpan AccrueEvery = TimeSpan.FromMinutes(15);

    internal static readonly Actor Self = Actor.Portal(Name);

    private readonly StrayCosts strays = new(work, clock);
    private readonly DearerPods dearer = new(work, clock, rules);

    /// <summary>By the clock that tells when pods began and ended: which month pays, and what was settled before what.</summary>
    private DateTimeOffset Now => clocks.ByProvider(clock.GetUtcNow());

    /// <returns>How many attempts were settled.</returns>
    /// <exception cref="AggregateException">Some could not be settled; all others were.</exception>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = Now;
        Alive alive = await work.ReadAsync((unit, token) => ListAliveAsync(unit, now, token), cancellationToken);
        List<Reservation> due = [];
        List<Reservation> running = [];
        List<(Reservation, LedgerPod)> tooDear = [];

        // All of them: attempts that can't be settled yet must not stand before the others.
        foreach (Reservation one in await work.ReadAsync((unit, token) => unit.Store<IBudgetStore>().ListAllOpenAsync(token), cancellationToken))
        {
            if (!alive.Attempts.Contains((one.Job, one.Attempt)))
            {
                due.Add(one);
            }
            else if (now - (one.AccruedAt ?? one.CreatedAt) >= AccrueEvery)
            {
                running.Add(one);
            }

            if (alive.Needed.TryGetValue((one.Job, one.Attempt), out NeededPod? needed) && DearerPods.Missing(needed.Pod, needed.Before, one) > Usd.Zero)
            {
                tooDear.Add((one, needed.Pod));
            }
        }

        int settled = 0;
        List<Func<CancellationToken, Task>> turns = [.. due.Select<Reservation, Func<CancellationToken, Task>>(one => async token =>
            settled += await work.RunAsync((unit, stop) => TrySettleAsync(unit, one, training(), Now, stop), token) ? 1 : 0)];
        turns.AddRange(tooDear.Select<(Reservation, LedgerPod), Func<CancellationToken, Task>>(one => token => dearer.TopUpAsync(one.Item1, one.Item2, token)));

        // What runs on is booked until now: by a clock that is days ahead that would be days too much, which nothing takes back for as long as it runs.
        bool byClock = clocks.MayGoByIt();
        if (byClock && running.Count > 0)
        {
            turns.Add(token => work.RunAsync((unit, stop) => AccrueAsync(unit, running, training().PodLifetime, Now, stop), token));
        }

        if (byClock)
        {
            turns.Add(token => strays.BookAsync(alive.Strays, now, token));
        }

        await Each.InTurnAsync(turns, static (turn, token) => turn(token), cancellationToken);
        return settled;
    }

    private async Task<Alive> ListAliveAsync(IUnit unit, DateTimeOffset now, CancellationToken cancellationToken)
    {
        HashSet<(JobId, int)> attempts = [];
        Dictionary<(JobId, int), LedgerPod> newest = [];
        IReadOnlyList<LedgerPod> pods = await unit.Store<IPodLedger>().ListAliveAsync(cancellationToken);
        foreach (LedgerPod pod in pods)
        {
            attempts.Add((pod.Job, pod.Attempt));
            if (pod.Want == PodWant.Needed)
            {
                newest[(pod.Job, pod.Attempt)] = pod;
            }
        }

        Dictionary<(JobId, int), NeededPod> needed = [];
        foreach (((JobId, int) attempt, LedgerPod pod) in newest)
        {
            needed.Add(attempt, new NeededPod(pod, await DearerPods.BeforeAsync(unit, pod, now, cancellationToken)));
        }

        foreach (HostedTraining one in await unit.Store<IHostedTrainingStore>().ListOpenAsync(cancellationToken))
        {
            if (!one.IsFinal)
            {
                attempts.Add((one.Job, one.Attempt));
            }
        }

        return new Alive(attempts, needed, await strays.ListAsync(unit, pods, now, cancellationToken));
    }

    /// <summary>One transaction for all attempts that are due, so that the month's row is taken once.</summary>
    private static async Task AccrueAsync(
        IUnit unit, IReadOnlyList<Reservation> running, TimeSpan podLifetime, DateTimeOffset now, CancellationToken cancellationToken)
    {
        List<ReservationChange> changes = [];
        foreach (Reservation one in running)
        {
            AttemptCosts costs = await AttemptCosts.ReadAsync(unit, one.Job, one.Attempt, cancellationToken);
            if (ReservationBooks.Accrue(one, costs.AccruedBy(now, one.Amount), () => costs.ExcessOf(one, null, podLifetime, now), now) is { } change)
            {
                changes.Add(change);
            }
        }

        if (changes.Count == 0)
        {
            return;
        }

        foreach (ReservationChange written in await unit.Store<IBudgetStore>().ApplyAsync(changes, cancellationToken))
        {
            await BudgetFacts.TellBeyondAsync(unit, written, again: false, Self, cancellationToken);
        }
    }

    /// <summary>Settles in the caller's transaction an attempt that is over and of which nothing is left.</summary>
    /// <param name="now">By <see cref="ClockStandings.ByProvider"/>.</param>
    /// <returns>False: it goes on, something of it is still there, or it is settled already; nothing was written.</returns>
    public static async Task<bool> TrySettleAsync(
        IUnit unit, Reservation reservation, TrainingRules rules, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(reservation);
        ArgumentNullException.ThrowIfNull(rules);
        ITrainingStore store = unit.Store<ITrainingStore>();
        IReadOnlyList<TrainingAttempt> attempts = await store.ListAttemptsAsync(reservation.Job, cancellationToken);
        TrainingAttempt? attempt = attempts.FirstOrDefault(one => one.Number == reservation.Attempt);
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
        IBudgetStore money = unit.Store<IBudgetStore>();
        IReadOnlyList<BudgetEntry> booked = reservation.Beyond > Usd.Zero
            ? await money.ListBeyondAsync(reservation.Job, reservation.Attempt, cancellationToken)
            : [];
        ReservationChange change = ReservationBooks.Settle(
            reservation, costs.Split(attempt, job, now), () => costs.ExcessOf(reservation, attempt, rules.PodLifetime, now), now, booked);
        if ((await money.ApplyAsync([change], cancellationToken)).Count == 0)
        {
            return false;
        }

        Usd actual = change.After.Actual!.Value;
        await store.SetAttemptCostAsync(attempt.Job, attempt.Number, actual, cancellationToken);
        await store.AddCostAsync(reservation.Job, actual, cancellationToken);
        await BudgetFacts.TellBeyondAsync(unit, change, again: false, Self, cancellationToken);
        List<IncidentSignal> over = await CloseAsync(unit, reservation, attempts, rules.MaxDuration, cancellationToken);
        if (change.Before.Beyond > Usd.Zero || change.After.Beyond > Usd.Zero)
        {
            over.Add(BudgetFacts.BeyondIsOver(reservation.Job.ToString()));
        }

        await unit.Events.AppendAsync(
            new OperationalEvent
            {
                Kind = TrainingEvents.Settled,
                Message = $"Attempt {reservation.Attempt} cost {actual}; {reservation.Amount} had been reserved",
                Actor = Self,
                Job = reservation.Job,
                Attempt = reservation.Attempt,
                Signals = over,
            },
            cancellationToken);
        return true;
    }

    /// <summary>
    /// Once the attempt's cost is added to its job: says that the job is cleaned up where it is over and nothing else of it is unsettled, and which incident that ends.
    /// </summary>
    /// <param name="attempts">All that the job has.</param>
    private static async Task<List<IncidentSignal>> CloseAsync(
        IUnit unit, Reservation settled, IReadOnlyList<TrainingAttempt> attempts, TimeSpan limit, CancellationToken cancellationToken)
    {
        // Read only now that the job's row is written: of two attempts that are settled at once, or of one and the job's own end, the later sees the other.
        ITrainingStore store = unit.Store<ITrainingStore>();
        TrainingJob? job = await store.FindAsync(settled.Job, cancellationToken);
        HashSet<int> unsettled =
        [
            .. (await unit.Store<IBudgetStore>().ListForJobAsync(settled.Job, cancellationToken))
                .Where(one => one.SettledAt is null && one.Attempt != settled.Attempt).Select(static one => one.Attempt),
        ];
        bool isCleanedUp = job?.State.IsFinal() == true && unsettled.Count == 0;
        if (isCleanedUp)
        {
            await store.SetCleanupStatusAsync(settled.Job, CleanupWords.Done, cancellationToken);
        }

        // The incident may be of another attempt, which ends it when it is settled itself. Of the present one it is known since when it trains.
        return attempts.Any(one => unsettled.Contains(one.Number) && (one.EndedAt ?? job?.UpdatedAt) - (one.Number == job?.Attempt ? job.StartedAt : one.StartedAt) >= limit) ? []
            : [new(TrainingIncidents.OverTime, settled.Job.ToString(), isCleanedUp ? "The job ended and its pods are gone" : $"Attempt {settled.Attempt} ended and its pods are gone", Over: true)];
    }

    /// <param name="Attempts">Those of which something is still there.</param>
    /// <param name="Needed">The pod that each works with.</param>
    /// <param name="Strays">Pods that cost money which no open reservation holds.</param>
    private sealed record Alive(
        HashSet<(JobId Job, int Attempt)> Attempts, Dictionary<(JobId Job, int Attempt), NeededPod> Needed, IReadOnlyList<LedgerPod> Strays);

    /// <param name="Before">What its attempt's earlier pods took of the reservation.</param>
    private sealed record NeededPod(LedgerPod Pod, Usd Before);
}
