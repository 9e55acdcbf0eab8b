using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>Whether the present month has room for one job more at the fallback, for pages and incidents: what decides is the reservation itself.</summary>
public sealed class HostedRoom(IUnitOfWork work, TimeProvider clock, Func<HostedRules> hosted, Func<TimeSpan> maxDuration, Func<BudgetRules> budget)
{
    /// <summary>What a job reserves there: what it costs at most.</summary>
    public Usd Reserves => hosted().EstimateFor(maxDuration());

    /// <summary>Why the month has none; null: it has.</summary>
    public async Task<string?> WhyNoneAsync(CancellationToken cancellationToken)
    {
        BudgetMonth month = await work.ReadAsync(
            (unit, token) => unit.Store<IBudgetStore>().ReadMonthAsync(Month.Of(clock.GetUtcNow()), budget(), token), cancellationToken);
        return month.HasRoomFor(Reserves) ? null : month.WhyNoRoom(HostedLedger.ProviderName, Reserves, isWithItsOwn: false);
    }
}
