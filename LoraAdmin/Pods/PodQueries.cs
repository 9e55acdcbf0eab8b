using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Pods;

/// <summary>One line of the pods page.</summary>
/// <param name="PodId">Null: the provider has given no id (yet).</param>
/// <param name="Job">From the ledger, or else from the pod's name.</param>
/// <param name="StatusText">The provider's own word at the last listing; null when it was not listed.</param>
/// <param name="Since">When it was made.</param>
/// <param name="HourlyRate">What it costs per hour now, stopped its mount alone; of ours as the ledger counts it; null: not known.</param>
/// <param name="Burned">What it has cost since nothing needs it.</param>
/// <param name="Row">Null: the ledger does not know it.</param>
public sealed record BoardPod(
    PodClass Class,
    string? PodId,
    string Name,
    JobId? Job,
    string? Gpu,
    string? StatusText,
    DateTimeOffset? Since,
    Usd? HourlyRate,
    Usd CostSoFar,
    Usd Burned,
    string? Reason,
    string Why,
    DateTimeOffset? LastSeenAt,
    LedgerPod? Row)
{
    public string Key => PodId ?? Name;

    public bool IsLeaking => Row?.Saw == PodSaw.Leaking;

    /// <summary>By what the page calls it and lets people filter.</summary>
    public PodKind Kind => this switch
    {
        { IsLeaking: true } => PodKind.Leaking,
        { IsInDoubt: true } => PodKind.InDoubt,
        { Class: PodClass.Needed } => PodKind.Needed,
        { Class: PodClass.Held } => PodKind.Held,
        { Class: PodClass.Orphan } => PodKind.Orphan,
        { Class: PodClass.Unknown } => PodKind.Unknown,
        { Class: PodClass.Vanished } => PodKind.Vanished,
        _ => PodKind.Foreign,
    };

    /// <summary>Nothing needs it, and nobody has wished its end yet: only the sweep or a person ends it.</summary>
    public bool IsLeftToTheSweep => Class == PodClass.Unknown || (Class == PodClass.Orphan && Row?.Want == PodWant.Needed);

    /// <summary>It costs money that nobody wants to spend.</summary>
    public bool IsWaste => Class is PodClass.Orphan or PodClass.Unknown || IsLeaking;

    /// <summary>Kept for its file, and not stopped: it costs what it cost while it trained.</summary>
    public bool IsHeldAndRuns => Class == PodClass.Held && Row?.Saw != PodSaw.Exited;

    /// <summary>Nobody knows whether it exists: its create call was never clearly answered, and the account has not shown it.</summary>
    public bool IsInDoubt => PodId is null && Class == PodClass.Vanished;

    /// <summary>Foreign pods are somebody else's money.</summary>
    public bool IsOurs => Class != PodClass.Foreign;
}

/// <summary>Who lists the account, as the lease says.</summary>
/// <param name="LastTurn">About when it last took its turn.</param>
public sealed record Lister(string Instance, DateTimeOffset LastTurn, DateTimeOffset Until);

/// <param name="Pods">Worst class first, then dearest.</param>
/// <param name="Look">What the instance that lists the account last saw of it.</param>
/// <param name="Lister">Null: no instance looks after the account.</param>
public sealed record PodsBoard(IReadOnlyList<BoardPod> Pods, AccountLook Look, Lister? Lister, DateTimeOffset AsOf)
{
    /// <summary>Looks that were to come and did not: from then on what was listed is called old.</summary>
    private static readonly TimeSpan OldAfter = PodWatch.Every * 3;

    /// <summary>Null: the account was never listed, only the ledger is shown.</summary>
    public DateTimeOffset? ListedAt => Look.ListedAt;

    /// <summary>Pods have come and gone since that nobody has seen.</summary>
    public bool IsOld => AsOf - ListedAt > OldAfter;

    /// <summary>No instance looks after the account: none ever has, or the one that had its lease is silent.</summary>
    public bool IsAlone => Lister is null || Lister.Until < AsOf;

    /// <summary>What a pod counts with per hour whose price is not known yet, as on the page of money.</summary>
    public Usd WorstHourlyRate { get; init; }

    /// <summary>What keeps the sweep from acting by itself now; null: nothing does.</summary>
    public AutomationBar? SweepBar { get; init; }

    /// <summary>Pods that only the sweep or a person ends.</summary>
    public int LeftToTheSweep => Pods.Count(pod => pod.IsLeftToTheSweep);

    public Usd LeftHourlyRate => Sum(Pods.Where(pod => pod.IsLeftToTheSweep), RateOf);

    /// <inheritdoc cref="IsHourlyRateAtWorst"/>
    public bool IsLeftRateAtWorst => Pods.Any(static pod => pod.IsLeftToTheSweep && IsAtWorst(pod));

    public int Leaking => Pods.Count(pod => pod.IsLeaking);

    /// <summary>Ours that have an id and are not verified gone.</summary>
    public int Alive => Pods.Count(pod => pod.IsOurs && pod.PodId is not null);

    /// <summary>Those of <see cref="Alive"/> that the account does not list any more; they count until they are verified gone.</summary>
    public int Unlisted => Pods.Count(pod => pod is { Class: PodClass.Vanished, PodId: not null });

    /// <summary>What of <see cref="HourlyRate"/> is for those.</summary>
    public Usd UnlistedHourlyRate => Sum(Pods.Where(pod => pod is { Class: PodClass.Vanished, PodId: not null }), RateOf);

    /// <inheritdoc cref="IsHourlyRateAtWorst"/>
    public bool IsUnlistedRateAtWorst => Pods.Any(static pod => pod.Class == PodClass.Vanished && IsAtWorst(pod));

    /// <summary>Create calls that were never clearly answered.</summary>
    public int InDoubt => Pods.Count(pod => pod.IsInDoubt);

    public Usd HourlyRate => Sum(Pods.Where(pod => pod.IsOurs), RateOf);

    /// <summary>A pod's price is not known yet: the sum is the most that it can be.</summary>
    public bool IsHourlyRateAtWorst => Pods.Any(static pod => pod.IsOurs && IsAtWorst(pod));

    public int Wasting => Pods.Count(pod => pod.IsWaste);

    public Usd WasteHourlyRate => Sum(Pods.Where(pod => pod.IsWaste), RateOf);

    /// <inheritdoc cref="IsHourlyRateAtWorst"/>
    public bool IsWasteRateAtWorst => Pods.Any(static pod => pod.IsWaste && IsAtWorst(pod));

    public int HeldAndRunning => Pods.Count(static pod => pod.IsHeldAndRuns);

    public Usd HeldAndRunningHourlyRate => Sum(Pods.Where(static pod => pod.IsHeldAndRuns), RateOf);

    /// <inheritdoc cref="IsHourlyRateAtWorst"/>
    public bool IsHeldAndRunningRateAtWorst => Pods.Any(static pod => pod.IsHeldAndRuns && IsAtWorst(pod));

    public Usd Burned => Sum(Pods.Where(pod => pod.IsWaste), pod => pod.Burned);

    private Usd RateOf(BoardPod pod) => pod.HourlyRate ?? (pod.PodId is null ? Usd.Zero : WorstHourlyRate);

    private static bool IsAtWorst(BoardPod pod) => pod is { PodId: not null, HourlyRate: null };

    private static Usd Sum(IEnumerable<BoardPod> pods, Func<BoardPod, Usd> of) => pods.Aggregate(Usd.Zero, (sum, pod) => sum + of(pod));
}

/// <summary>Reads for the pods page. Never calls the provider.</summary>
public interface IPodQueries
{
    /// <exception cref="StoreUnavailableException">The database is away: show that, never an empty list.</exception>
    Task<PodsBoard> ReadAsync(CancellationToken cancellationToken);
}
