using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>
/// Whether the present month has room for one job more at the fallback, for pages and incidents: what decides is the reservation itself. A job that waits gives back
/// what it holds when it goes over.
/// </summary>
public sealed class HostedRoom(
    IUnitOfWork work, TimeProvider clock, Func<HostedRules> hosted, Func<TimeSpan> maxDuration, Func<BudgetRules> budget, ClockStandings clocks)
{
    /// <summary>What a job reserves there (<see cref="HostedRules.EstimateFor"/>).</summary>
    public Usd Reserves => hosted().EstimateFor(maxDuration());

    /// <summary>Why the month has none, whichever of the jobs that wait would go over; null: it has.</summary>
    public Task<string?> WhyNoneAsync(CancellationToken cancellationToken) => work.ReadAsync(
        async (unit, token) =>
        {
            DateTimeOffset now = clocks.ByProvider(clock.GetUtcNow());
            BudgetMonth month = await unit.Store<IBudgetStore>().ReadMonthAsync(Month.Of(now), budget(), token);
            if (month.HasRoomFor(Reserves))
            {
                return null;
            }

            if (month.Mode == BudgetMode.Soft)
            {
                return month.WhyNoRoom(HostedLedger.ProviderName, Reserves, isWithItsOwn: false);
            }

            Usd back = await MostGivenBackAsync(unit, now, token);
            BudgetMonth without = month with { Reserved = month.Reserved - back };
            return without.HasRoomFor(Reserves) ? null : without.WhyNoRoom(HostedLedger.ProviderName, Reserves, isWithItsOwn: back > Usd.Zero);
        },
        cancellationToken);

    /// <summary>The most that the month would have back of one job, if that went over now.</summary>
    private static async Task<Usd> MostGivenBackAsync(IUnit unit, DateTimeOffset now, CancellationToken cancellationToken)
    {
        Usd most = Usd.Zero;
        IReadOnlyList<Reservation> open = await unit.Store<IBudgetStore>().ListAllOpenAsync(cancellationToken);
        foreach (Reservation one in open.Where(one => one.Month == Month.Of(now)).OrderByDescending(static one => one.Amount))
        {
            if (one.Amount <= most)
            {
                break;
            }

            if (await unit.Store<ITrainingStore>().FindAsync(one.Job, cancellationToken) is { } job && MayGoOver(job) && job.Attempt == one.Attempt
                && await AttemptCosts.ReadAsync(unit, one.Job, one.Attempt, cancellationToken) is { AreFinal: true } costs
                && one.Amount - costs.Until(now) is var back && back > most)
            {
                most = back;
            }
        }

        return most;
    }

    private static bool MayGoOver(TrainingJob job) =>
        job.State is TrainingState.Queued or TrainingState.Preparing or TrainingState.Provisioning && !HostedLedger.IsHosted(job);
}
