using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>How a month's limit holds.</summary>
public enum BudgetMode
{
    /// <summary>M6: what is spent, what is reserved and the new estimate must fit, so that the limit is never passed.</summary>
    Hard,

    /// <summary>Nothing is admitted only once the limit is spent: running jobs may pass it.</summary>
    Soft,
}

/// <param name="MonthlyLimit">M6: what a month may cost.</param>
/// <param name="WarnAt">M5: more than this spent is told; the overview warns as soon as spent and reserved come to it.</param>
public sealed record BudgetRules(Usd MonthlyLimit, Usd WarnAt)
{
    /// <summary>The most that a limit may be.</summary>
    public static readonly Usd Highest = Usd.FromDollars(1_000_000_000m);

    public BudgetMode Mode { get; init; }
}

/// <summary>The rules that hold, and where they come from.</summary>
/// <param name="Rules">What admission goes by.</param>
/// <param name="Options">What the configuration says, as this instance reads it.</param>
/// <param name="SetBy">Who set them over the configuration; null: the configuration holds.</param>
public sealed record BudgetLimit(BudgetRules Rules, BudgetRules Options, Actor? SetBy, DateTimeOffset? SetAt, string? Reason)
{
    public static BudgetLimit Of(BudgetRules options) => new(options, options, null, null, null);
}

/// <summary>One change of the limit. Rows are kept for good.</summary>
/// <param name="Before">What held before.</param>
/// <param name="After">What holds since.</param>
/// <param name="FollowsOptions">The configuration holds again, or has changed itself.</param>
public sealed record BudgetLimitChange(
    Guid Id, DateTimeOffset At, Actor Actor, string Reason, BudgetRules Before, BudgetRules After, bool FollowsOptions)
{
    /// <summary>Nobody set it: the configuration said something else at a start than at the start before.</summary>
    public bool IsOfConfiguration => Actor.Kind == ActorKind.Portal;

    /// <summary>What held right before an instant that is over.</summary>
    /// <param name="changes">All that were kept, newest first.</param>
    /// <param name="options">What the configuration says now.</param>
    public static BudgetRules HeldBefore(DateTimeOffset instant, IReadOnlyList<BudgetLimitChange> changes, BudgetRules options)
    {
        ArgumentNullException.ThrowIfNull(changes);
        return changes.FirstOrDefault(one => !one.IsOfConfiguration && one.At < instant) is { FollowsOptions: false } set
            ? set.After
            : changes.LastOrDefault(one => one.IsOfConfiguration && one.At >= instant)?.Before ?? options;
    }
}
