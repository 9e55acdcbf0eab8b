using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Domain.Training;

/// <summary>What everything that runs costs by our own clock, beside what the ledger holds of it.</summary>
public static class RunningCosts
{
    /// <summary>
    /// An attempt that reserved is one cost, as the settlement's loop books it: whole, with those of its pods that are gone. What no attempt reserved for is
    /// booked pod by pod.
    /// </summary>
    /// <param name="pods">All pods of the attempts of which something is still there.</param>
    /// <param name="hosted">All their trainings at the provider that runs them whole.</param>
    /// <param name="reservations">All of theirs, open or settled.</param>
    /// <param name="booked">What is booked as spent under living pods' names, without corrections, and when it was last.</param>
    /// <param name="worstHourly">What a pod counts with per hour whose price is not known yet, as everywhere else.</param>
    public static IReadOnlyList<RunningCost> Of(
        IReadOnlyList<LedgerPod> pods,
        IReadOnlyList<HostedTraining> hosted,
        IReadOnlyList<Reservation> reservations,
        IReadOnlyDictionary<string, (Usd Spent, DateTimeOffset At)> booked,
        Usd worstHourly,
        DateTimeOffset now)
    {
        ILookup<(JobId, int), LedgerPod> podsOf = pods.Where(static pod => !pod.IsLetOut).ToLookup(static pod => (pod.Job, pod.Attempt));
        ILookup<(JobId, int), HostedTraining> hostedOf = hosted.ToLookup(static one => (one.Job, one.Attempt));
        Dictionary<(JobId, int), Reservation> reserved = reservations.ToDictionary(static one => (one.Job, one.Attempt));
        List<RunningCost> running = [];
        foreach ((JobId, int) attempt in podsOf.Select(static one => one.Key).Union(hostedOf.Select(static one => one.Key)))
        {
            AttemptCosts costs = new([.. podsOf[attempt]], [.. hostedOf[attempt]]);
            RunningCost[] parts = [.. Parts(costs, booked, worstHourly, now)];
            if (parts.Length > 0 && reserved.TryGetValue(attempt, out Reservation? reservation))
            {
                Usd cost = reservation.SettledAt is null ? costs.AccruedBy(now, reservation.Amount) : costs.Until(now);
                Usd perHour = parts.Aggregate(Usd.Zero, static (sum, part) => sum + part.PerHour);
                running.Add(new RunningCost(
                    reservation.Job, reservation.Attempt, cost, reservation.Accrued + reservation.Beyond, BookedUntil(reservation) ?? BeginOf(costs, now), perHour)
                {
                    IsAtWorst = parts.Any(static part => part.IsAtWorst),
                    Month = reservation.SettledAt is null ? reservation.Month : null,
                    Rest = reservation.Rest,
                });
            }
            else
            {
                running.AddRange(parts);
            }
        }

        return running;
    }

    private static DateTimeOffset? BookedUntil(Reservation reservation) =>
        reservation.AccruedAt > reservation.SettledAt ? reservation.AccruedAt : reservation.SettledAt ?? reservation.AccruedAt;

    /// <summary>When the first of its parts began to cost money.</summary>
    private static DateTimeOffset BeginOf(AttemptCosts costs, DateTimeOffset now) => costs.Pods.Where(static pod => pod.PodId is not null).Select(BeginOf)
        .Concat(costs.Hosted.Select(one => one.StartedAt ?? now))
        .DefaultIfEmpty(now)
        .Min();

    /// <summary>A pod that was found may have stood still at first: with nothing accrued, its cost begins where the accrual does.</summary>
    private static DateTimeOffset BeginOf(LedgerPod pod) => (pod.Billed == Usd.Zero ? pod.BilledUntil : null) ?? pod.CreatedAt ?? pod.RequestedAt;

    /// <summary>Those that are still there, each by itself.</summary>
    private static IEnumerable<RunningCost> Parts(
        AttemptCosts costs, IReadOnlyDictionary<string, (Usd Spent, DateTimeOffset At)> booked, Usd worstHourly, DateTimeOffset now) =>
    [
        .. costs.Pods.Where(static pod => pod.Saw != PodSaw.Gone).Select(pod =>
            Part(pod, booked.TryGetValue(pod.Name, out (Usd Spent, DateTimeOffset At) some) ? some : null, worstHourly, now)),
        .. costs.Hosted.Where(static one => !one.IsFinal).Select(one => new RunningCost(
            one.Job, one.Attempt, one.CostUntil(now), Usd.Zero, one.StartedAt ?? now, one.StartedAt is null ? Usd.Zero : one.HourlyRate)),
    ];

    private static RunningCost Part(LedgerPod pod, (Usd Spent, DateTimeOffset At)? booked, Usd worstHourly, DateTimeOffset now) => new(
        pod.Job,
        pod.Attempt,
        pod.CostUntil(now),
        booked?.Spent ?? Usd.Zero,
        booked?.At ?? BeginOf(pod),
        pod.PodId is null ? Usd.Zero : pod.HourlyRate ?? worstHourly)
    {
        IsAtWorst = pod is { PodId: not null, HourlyRate: null },
    };
}
