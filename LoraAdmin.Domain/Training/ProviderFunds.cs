using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <param name="Balance">Of the account, when it was last read.</param>
/// <param name="Next">The most that the pod that is to be asked for may cost in its life.</param>
public sealed record PodFunding(Usd Balance, Usd Next);

/// <summary>
/// Whether the provider's balance covers the rest of all live pods plus one more. At $0 RunPod ends pods without a network volume together with their
/// data (its pricing page), so a pod that might outlive the money is not asked for.
/// </summary>
public sealed class ProviderFunds(IUnitOfWork work, IAccountBalance balance, GpuPrices prices, TimeProvider clock, Func<TrainingRules> rules)
{
    /// <summary>What every reason begins with for which a job waits for balance.</summary>
    public const string WaitWords = "RunPod's balance is ";

    private static readonly TimeSpan KeepFor = TimeSpan.FromMinutes(1);

    private BalanceReading.Read? last;

    /// <summary>
    /// What the job's pod may cost, and what the account has; null when that could not be read: the account's balance call is moving between APIs, and its
    /// absence must not stop every training (docs/decisions/0005).
    /// </summary>
    public async Task<PodFunding?> ReadAsync(TrainingJob job, CancellationToken cancellationToken)
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
        IReadOnlyList<string> types = job.GpuType is { } asked ? [asked] : figures.GpuTypes;
        Usd hourly = await prices.DearestAsync(types, figures.WorstHourlyPrice, cancellationToken) + PodPricing.DiskPerHour(figures.DiskGb + figures.MountGb);
        return new PodFunding(account.Balance, hourly.PerHourFor(figures.PodLifetime));
    }

    /// <summary>Why no further pod may be asked for; null when the balance covers it.</summary>
    public Task<string?> WhyShortAsync(PodFunding funding, CancellationToken cancellationToken) =>
        work.ReadAsync((unit, token) => WhyShortAsync(funding, unit, token), cancellationToken);

    /// <summary>
    /// The same inside the transaction that adds the row of the job's pod, after <see cref="TrainingPlaces.WhyRefusedAsync"/> has made those who do it wait for
    /// one another: of jobs that look at the same moment, not each may take the last of the money.
    /// </summary>
    public async Task<string?> WhyShortAsync(PodFunding funding, IUnit unit, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(funding);
        ArgumentNullException.ThrowIfNull(unit);
        DateTimeOffset now = clock.GetUtcNow();
        TrainingRules figures = rules();
        IReadOnlyList<LedgerPod> alive = await unit.Store<IPodLedger>().ListAliveAsync(cancellationToken);
        Usd committed = StillToTake(alive, now, figures);
        return funding.Balance >= committed + funding.Next
            ? null
            : $"{WaitWords}{funding.Balance}; the pods that are there may still take {committed} and this one {funding.Next}. Add credit to the account";
    }

    /// <summary>The most that live pods may still take from the balance.</summary>
    public static Usd StillToTake(IReadOnlyList<LedgerPod> alive, DateTimeOffset now, TrainingRules figures)
    {
        ArgumentNullException.ThrowIfNull(alive);
        ArgumentNullException.ThrowIfNull(figures);
        return alive.Aggregate(Usd.Zero, (sum, pod) => sum + StillToPay(pod, now, figures));
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
