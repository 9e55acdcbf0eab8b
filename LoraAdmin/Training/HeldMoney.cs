using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Training;

/// <summary>An open reservation of a job that has ended.</summary>
/// <param name="Provider">Of its attempt.</param>
public sealed record EndedReservation(Reservation Reservation, string Provider, DateTimeOffset EndedAt);

/// <summary>What jobs that have ended hold of the month's money for what was asked of one provider.</summary>
/// <param name="Since">When the first of them ended.</param>
/// <param name="DoubtUntil">About when what that provider never clearly answered has been looked for; null: nothing is in doubt.</param>
/// <param name="Jobs">Those that ended first, first.</param>
public sealed record HeldMoney(string Provider, Usd Amount, DateTimeOffset Since, DateTimeOffset? DoubtUntil, IReadOnlyList<JobId> Jobs)
{
    /// <param name="hosted">All trainings at the other provider that are not over.</param>
    /// <returns>One for each provider, the most money first.</returns>
    public static IReadOnlyList<HeldMoney> Of(IEnumerable<EndedReservation> ended, IReadOnlyList<HostedTraining> hosted, DateTimeOffset now) =>
    [
        .. ended.Where(static one => one.Reservation.Rest > Usd.Zero)
            .GroupBy(static one => one.Provider)
            .Select(group => new HeldMoney(
                group.Key,
                group.Aggregate(Usd.Zero, static (sum, one) => sum + one.Reservation.Rest),
                group.Min(static one => one.EndedAt),
                hosted.Where(training => group.Any(one => (one.Reservation.Job, one.Reservation.Attempt) == (training.Job, training.Attempt)))
                    .Select(training => training.DoubtUntil(now))
                    .Max(),
                [.. group.OrderBy(static one => one.EndedAt).Select(static one => one.Reservation.Job).Distinct()]))
            .OrderByDescending(static held => held.Amount),
    ];
}
