using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// Whether the provider's balance covers the rest of all live pods plus one more. At $0 RunPod ends pods without a network volume together with their
/// data (its pricing page), so a pod that might outlive the money is not asked for.
/// </summary>
public sealed class ProviderFunds(IUnitOfWork work, IAccountBalance balance, GpuPrices prices, TimeProvider clock, Func<TrainingRules> rules)
{
    private static readonly TimeSpan KeepFor = TimeSpan.FromMinutes(1);

    private BalanceReading.Read? last;

    /// <summary>
    /// Why no further pod may be asked for; null when the balance covers it, or when it could not be read: the account's balance call is moving
    /// between APIs, and its absence must not stop every training (docs/decisions/0005).
    /// </summary>
    public async Task<string?> WhyShortAsync(TrainingJob job, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        DateTimeOffset now = clock.GetUtcNow();
        if (last is null || now - last.At >= KeepFor)
        {
            last = await balance.ReadAsync(cancellationToken) as BalanceReading.Read;
        }

        if (last is not { } account)
        {
            return null;
        }

        TrainingRules figures = rules();
        IReadOnlyList<LedgerPod> alive = await work.ReadAsync((unit, token) => unit.Store<IPodLedger>().ListAliveAsync(token), cancellationToken);
        Usd committed = alive.Aggregate(Usd.Zero, (sum, pod) => sum + StillToPay(pod, now, figures));
        IReadOnlyList<string> types = job.GpuType is { } asked ? [asked] : figures.GpuTypes;
        Usd hourly = await prices.DearestAsync(types, figures.WorstHourlyPrice, cancellationToken) + PodPricing.DiskPerHour(figures.DiskGb + figures.MountGb);
        Usd next = hourly.PerHourFor(figures.PodLifetime);
        return account.Balance >= committed + next
            ? null
            : $"RunPod's balance is {account.Balance}; the pods that are there may still take {committed} and this one {next}. Add credit to the account";
    }

    /// <summary>
    /// What the pod takes from the balance while the one that is asked for lives. Where nothing bounds a pod (held for its file, leaking, taken over
    /// from before this portal), it is counted for all of that time.
    /// </summary>
    private static Usd StillToPay(LedgerPod pod, DateTimeOffset now, TrainingRules figures)
    {
        Usd hourly = pod.HourlyRate ?? figures.WorstHourlyPrice;
        return pod switch
        {
            { Want: PodWant.Needed, LiveUntil: { } until } => hourly.PerHourFor(until - now),

            // Its end is under way and takes seconds.
            { Want: PodWant.Released, Saw: not PodSaw.Leaking } => Usd.Zero,
            _ => hourly.PerHourFor(figures.PodLifetime),
        };
    }
}
