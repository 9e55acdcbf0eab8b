using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>Why a month's totals changed.</summary>
public enum EntryKind
{
    /// <summary>What a month held before the ledger began.</summary>
    Opening,

    /// <summary>An attempt was admitted.</summary>
    Reserve,

    /// <summary>An attempt's pod is dearer than had been reserved, and there was room for the difference.</summary>
    TopUp,

    /// <summary>What an attempt has cost since it was last looked at, taken from its reservation.</summary>
    Accrue,

    /// <summary>An attempt is over: what it cost, by purpose, and what its reservation gives back.</summary>
    Settle,

    /// <summary>What was paid beyond every reservation: a pod past its lifetime, an orphan. Counts in the calendar's month.</summary>
    Leak,

    /// <summary>What was paid beyond a reservation because the price was higher than reserved. Counts in the calendar's month.</summary>
    PriceChange,

    /// <summary>What the provider billed less what had been settled.</summary>
    Correction,
}

/// <summary>What money was spent for.</summary>
public enum CostPurpose
{
    Training,

    /// <summary>From the end of the training until the pod was let go: validation images, the file.</summary>
    Validation,

    /// <summary>Everything that attempts cost which came to nothing.</summary>
    Failed,

    /// <summary>Boot, and the time from the release until the pod was gone.</summary>
    Idle,

    /// <summary>Pods that nothing needed.</summary>
    Orphan,
}

/// <summary>
/// A row of the ledger: written once, never changed. A month's totals are the sum of its entries at every commit.
/// </summary>
public sealed record BudgetEntry
{
    /// <summary>Longest key and note that a store keeps.</summary>
    public const int MostText = 300;

    /// <summary>Says what is booked, e.g. <c>settle:{job}:{attempt}</c>: the same thing is never booked twice.</summary>
    public required string Key { get; init; }

    public required Month Month { get; init; }
    public required DateTimeOffset At { get; init; }
    public required EntryKind Kind { get; init; }

    /// <summary>By how much the month's spent money changes; may be negative.</summary>
    public Usd Spent { get; init; }

    /// <summary>By how much the month's reserved money changes; may be negative.</summary>
    public Usd Reserved { get; init; }

    public JobId? Job { get; init; }
    public int? Attempt { get; init; }

    /// <summary>Name in the pod ledger, where the entry is about one pod.</summary>
    public string? Pod { get; init; }

    public string? Provider { get; init; }

    /// <summary>Null while nobody can say: what an attempt accrues is divided when it is settled, by entries that take the undivided money back.</summary>
    public CostPurpose? Purpose { get; init; }

    /// <summary>One sentence for a person.</summary>
    public string? Note { get; init; }
}

/// <summary>What an attempt cost, by purpose.</summary>
public sealed record CostSplit(Usd Training, Usd Validation, Usd Failed, Usd Idle)
{
    public static readonly CostSplit Nothing = new(Usd.Zero, Usd.Zero, Usd.Zero, Usd.Zero);

    public Usd Sum => Training + Validation + Failed + Idle;

    public IEnumerable<(CostPurpose Purpose, Usd Amount)> Parts =>
    [
        (CostPurpose.Training, Training), (CostPurpose.Validation, Validation), (CostPurpose.Failed, Failed), (CostPurpose.Idle, Idle),
    ];

    /// <summary>As much of it as <paramref name="most"/> pays for; what was bought last is left out first.</summary>
    public CostSplit UpTo(Usd most)
    {
        Usd training = Min(Training, most);
        Usd failed = Min(Failed, most - training);
        Usd validation = Min(Validation, most - training - failed);
        return new CostSplit(training, validation, failed, Min(Idle, most - training - failed - validation));
    }

    /// <summary>Without what turned out to be another's: a pod that no job worked with was paid for nothing.</summary>
    public CostSplit Without(Usd others) => (this with { Failed = Failed - Min(Failed, others) }).UpTo(Sum - others);

    private static Usd Min(Usd a, Usd b) => a < b ? a : b;
}
