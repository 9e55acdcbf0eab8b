using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training;

/// <inheritdoc cref="IProviderMoney"/>
public sealed class ProviderMoney(IUnitOfWork work, TimeProvider clock, Func<TrainingRules> rules) : IProviderMoney
{
    /// <summary>Pods of one report.</summary>
    public const int MostPods = 2000;

    /// <summary>Waiting jobs that are shown.</summary>
    private const int MostWaiting = 100;

    public Task<DriftReport> ReadDriftAsync(DateTimeOffset from, DateTimeOffset until, CancellationToken cancellationToken) =>
        work.ReadAsync((unit, token) => ReadDriftAsync(unit, from, until, clock.GetUtcNow(), token), cancellationToken);

    /// <summary>The same within a unit.</summary>
    public static async Task<DriftReport> ReadDriftAsync(
        IUnit unit, DateTimeOffset from, DateTimeOffset until, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        IPodLedger ledger = unit.Store<IPodLedger>();
        IReadOnlyList<LedgerPod> gone = await ledger.ListGoneAsync(from, until, MostPods, cancellationToken);
        IReadOnlyList<LedgerPod> alive = await ledger.ListAliveAsync(cancellationToken);
        IReadOnlyList<string> billed = await unit.Store<IBillStore>().ListPodsAsync(ProvisioningStep.Provider, from, until, cancellationToken);
        HashSet<string> ours = [.. gone.Concat(alive).Select(row => row.PodId).OfType<string>()];
        IReadOnlyList<PodMoney> all = await PodMoneys.ReadAsync(unit, [.. ours.Union(billed)], read: null, now, cancellationToken);
        IEnumerable<PodDrift> pods = all
            .Where(money => money.Row is null || ours.Contains(money.PodId))
            .Select(money => PodBills.Judge(money, now))
            .OrderBy(pod => pod.State == DriftState.NotOurs)
            .ThenByDescending(pod => pod.GoneAt ?? DateTimeOffset.MaxValue)
            .ThenBy(pod => pod.PodId, StringComparer.Ordinal);
        return new DriftReport(from, until, [.. pods], IsCut: gone.Count == MostPods);
    }

    public async Task<IReadOnlyList<PriceSpan>> ReadPricesAsync(int max, CancellationToken cancellationToken)
    {
        IReadOnlyList<GpuPrice> prices = await work.ReadAsync((unit, token) => unit.Store<IGpuPriceStore>().ListAsync(max, token), cancellationToken);
        return [.. prices.Select(price => new PriceSpan(price.GpuType, price.Hourly, price.ValidFrom, price.ValidUntil))];
    }

    public Task<BalanceView> ReadBalanceAsync(CancellationToken cancellationToken) => work.ReadAsync(
        async (unit, token) =>
        {
            DateTimeOffset now = clock.GetUtcNow();
            TrainingRules figures = rules();
            KeptBalance? kept = await unit.Store<IBalanceStore>().FindAsync(ProvisioningStep.Provider, token);
            IReadOnlyList<LedgerPod> alive = await unit.Store<IPodLedger>().ListAliveAsync(token);
            IReadOnlyList<TrainingJob> waiting = await unit.Store<ITrainingStore>().ListWaitingAsync(ProviderFunds.WaitWords, MostWaiting, token);
            (int pods, Usd burn) = Runway.BurnOf(alive, figures);
            return new BalanceView(
                kept?.Last?.Balance,
                kept?.Last?.At,
                kept?.FailingSince,
                kept?.Failure,
                pods,
                burn,
                kept?.Last?.SpendPerHour,
                ProviderFunds.StillToTake(alive, now, figures),
                kept?.Last is { } last ? Runway.Of(last, alive, figures, now).EmptyAt : null,
                kept?.LowTold is not null,
                [.. waiting.Select(job => new WaitsForBalance(job.Id, job.Name, job.WaitingSince ?? job.StateSince, job.WaitReason ?? ""))],
                now)
            {
                IsBurnAtWorst = alive.Any(static pod => pod is { PodId: not null, HourlyRate: null }),
            };
        },
        cancellationToken);
}
