using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>How far a pod's bill is known, and whether it agrees with what was booked.</summary>
public enum DriftState
{
    /// <summary>The pod is not verified gone: its bill still grows.</summary>
    Alive,

    /// <summary>It is gone, and its last day's bill may still come.</summary>
    Waiting,

    /// <summary>Its attempt is not settled yet.</summary>
    Unsettled,

    /// <summary>A day of its life, or all of them, has no bill that can be counted: nothing is corrected.</summary>
    Incomplete,

    /// <summary>One of its bills contradicts itself or can't be counted: nothing is corrected until RunPod says otherwise.</summary>
    HeldBack,

    /// <summary>Booked and corrected, it is what was billed.</summary>
    Agrees,

    /// <summary>The next run of the reconciliation corrects it.</summary>
    Differs,

    /// <summary>Billed on the account, and never in our ledger: another's pod, never booked.</summary>
    NotOurs,
}

/// <summary>One pod of the provider: what was booked for it and what was billed.</summary>
/// <param name="PodId">The provider's id.</param>
/// <param name="Pod">Its name in the pod ledger; null: it never was there.</param>
/// <param name="Booked">What it cost by our clock and the provider's hourly prices, before any correction.</param>
/// <param name="Corrected">What corrections have added (or, negative, taken away) since.</param>
/// <param name="Billed">Sum of its kept bills; null: there is none.</param>
/// <param name="Why">The state in one sentence.</param>
/// <param name="GoneAt">When it was verified gone; null: it is not, or is not ours.</param>
public sealed record PodDrift(
    string PodId, string? Pod, JobId? Job, int? Attempt, Usd Booked, Usd Corrected, Usd? Billed, DriftState State, string Why, DateTimeOffset? GoneAt)
{
    /// <summary>How far the bill lies above (or, negative, below) what was booked before corrections; null while there is no bill.</summary>
    public Usd? Drift => Billed is { } billed ? billed - Booked : null;

    /// <summary>What of the drift is not corrected.</summary>
    public Usd? Uncorrected => Drift is { } drift ? drift - Corrected : null;

    /// <summary>Its whole bill is known.</summary>
    public bool IsBilled => State is DriftState.Agrees or DriftState.Differs && Billed is not null;
}

/// <param name="Pods">Ours by the instant of their end, the last first and living ones before all; then those that are not ours.</param>
/// <param name="IsCut">There are more than are listed.</param>
public sealed record DriftReport(DateTimeOffset From, DateTimeOffset Until, IReadOnlyList<PodDrift> Pods, bool IsCut)
{
    /// <summary>Of the listed pods that are ours and whose whole bill is known.</summary>
    public DriftTotals Closed => DriftTotals.Of(from pod in Pods where pod.IsBilled select pod);

    /// <summary>Of those that cost too little for a bill to be waited for, and have none.</summary>
    public DriftTotals TooSmall => DriftTotals.Of(from pod in Pods where pod is { State: DriftState.Agrees, Billed: null } select pod);

    /// <summary>How many of the listed pods are not corrected because of what RunPod says of them.</summary>
    public int HeldBack => (from pod in Pods where pod.State == DriftState.HeldBack select pod).Count();

    /// <summary>Billed on the account for pods that are not ours.</summary>
    public Usd NotOurs => DriftTotals.Of(from pod in Pods where pod.State == DriftState.NotOurs select pod).Billed;
}

/// <param name="Uncorrected">What the next run of the reconciliation books.</param>
public sealed record DriftTotals(int Pods, Usd Booked, Usd Corrected, Usd Billed, Usd Uncorrected)
{
    public static DriftTotals Of(IEnumerable<PodDrift> pods) => pods.Aggregate(
        new DriftTotals(0, Usd.Zero, Usd.Zero, Usd.Zero, Usd.Zero),
        static (sum, pod) => new DriftTotals(
            sum.Pods + 1,
            sum.Booked + pod.Booked,
            sum.Corrected + pod.Corrected,
            sum.Billed + (pod.Billed ?? Usd.Zero),
            sum.Uncorrected + (pod.Uncorrected ?? Usd.Zero)));
}

/// <summary>What a GPU type cost per hour, disk not included, and from when to when.</summary>
/// <param name="ValidUntil">Null: it is the newest price that the catalog showed.</param>
public sealed record PriceSpan(string GpuType, Usd Hourly, DateTimeOffset ValidFrom, DateTimeOffset? ValidUntil);

/// <summary>The provider's balance and how long it lasts. A balance that could not be read is no zero: it is null, or as old as it says.</summary>
/// <param name="Balance">As it was read last; null: it never could be.</param>
/// <param name="ReadAt">When <paramref name="Balance"/> was true.</param>
/// <param name="FailingSince">Since when it can't be read; null: reading works.</param>
/// <param name="Failure">Why it can't be read, in the provider's words.</param>
/// <param name="LivePods">Our pods that cost money now.</param>
/// <param name="BurnPerHour">What our live pods cost per hour; one without a known price with the worst.</param>
/// <param name="AccountPerHour">What the whole account spends per hour, by the provider, when the balance was read.</param>
/// <param name="StillToTake">The most that live pods may still take in their lives.</param>
/// <param name="EmptyAt">When the balance is used up at the higher of both paces; null: it is not known, or nothing is spent.</param>
/// <param name="IsLow">The incident about it is open.</param>
/// <param name="Waiting">Jobs that wait for balance, longest waiting first.</param>
public sealed record BalanceView(
    Usd? Balance,
    DateTimeOffset? ReadAt,
    DateTimeOffset? FailingSince,
    string? Failure,
    int LivePods,
    Usd BurnPerHour,
    Usd? AccountPerHour,
    Usd StillToTake,
    DateTimeOffset? EmptyAt,
    bool IsLow,
    IReadOnlyList<WaitsForBalance> Waiting,
    DateTimeOffset AsOf)
{
    /// <summary>A pod's price is not known yet: <see cref="BurnPerHour"/> is the most that it can be.</summary>
    public bool IsBurnAtWorst { get; init; }

    /// <summary>How long the balance lasts from now on; null: not known, or nothing is spent.</summary>
    public TimeSpan? Runway => EmptyAt is not { } empty ? null : empty > AsOf ? empty - AsOf : TimeSpan.Zero;
}

/// <param name="Reason">What the job's page says.</param>
public sealed record WaitsForBalance(JobId Job, string Name, DateTimeOffset Since, string Reason);

/// <summary>What the GPU provider's account says of money, for pages. Reads the database alone and never calls the provider.</summary>
public interface IProviderMoney
{
    /// <summary>Pods that ended within the time, those that live, and bills of the time for pods that are not ours.</summary>
    /// <exception cref="StoreUnavailableException">The database is away: show that, never an empty report.</exception>
    Task<DriftReport> ReadDriftAsync(DateTimeOffset from, DateTimeOffset until, CancellationToken cancellationToken);

    /// <summary>Prices of all GPU types, those that began last first.</summary>
    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    Task<IReadOnlyList<PriceSpan>> ReadPricesAsync(int max, CancellationToken cancellationToken);

    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    Task<BalanceView> ReadBalanceAsync(CancellationToken cancellationToken);
}
