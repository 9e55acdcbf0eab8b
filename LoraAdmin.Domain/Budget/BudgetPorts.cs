using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <param name="MonthlyLimit">M6: what a month may cost.</param>
/// <param name="WarnAt">M5: from here on the overview warns.</param>
public sealed record BudgetRules(Usd MonthlyLimit, Usd WarnAt);

/// <summary>One month's row. Invariant: no commit that adds a reservation leaves <c>Spent + Reserved</c> above <c>Limit</c>.</summary>
public sealed record BudgetMonth(Month Month, Usd Limit, Usd Spent, Usd Reserved)
{
    public Usd Free => Limit - Spent - Reserved;
}

/// <summary>
/// Money set aside for one attempt, in the month in which it reserved. It has no time-out: it ends when the attempt is final and all its pods are
/// verified gone.
/// </summary>
/// <param name="Actual">Null until settled.</param>
public sealed record Reservation(Guid Id, JobId Job, int Attempt, Month Month, Usd Amount, DateTimeOffset CreatedAt, Usd? Actual, DateTimeOffset? SettledAt);

/// <summary>What admission asks the budget.</summary>
public abstract record ReserveResult
{
    private ReserveResult()
    {
    }

    public sealed record Reserved(Reservation Reservation) : ReserveResult;

    /// <summary>The estimate does not fit; nothing was written.</summary>
    public sealed record DoesNotFit(BudgetMonth Month, Usd Estimate) : ReserveResult;
}

/// <summary>The ledger of a month's money. Bound to a unit of work.</summary>
public interface IBudgetStore
{
    /// <summary>
    /// Makes the month's row if it is absent, then reserves by one guarded update (<c>spent + reserved + amount &lt;= limit</c>), so that no
    /// interleaving of any number of instances passes the limit. Asking again for the same job and attempt answers the reservation it has.
    /// </summary>
    Task<ReserveResult> TryReserveAsync(Guid id, JobId job, int attempt, Usd amount, DateTimeOffset now, BudgetRules rules, CancellationToken cancellationToken);

    /// <summary>Turns the reservation into what was really spent, in the reservation's month. Settling twice changes nothing.</summary>
    Task<bool> SettleAsync(JobId job, int attempt, Usd actual, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Open reservations, oldest first, a page at a time.</summary>
    /// <param name="after">The last one of the page before; null: from the oldest.</param>
    Task<IReadOnlyList<Reservation>> ListOpenAsync(Reservation? after, int max, CancellationToken cancellationToken);

    /// <summary>Every reservation of one job, in order of attempt.</summary>
    Task<IReadOnlyList<Reservation>> ListForJobAsync(JobId job, CancellationToken cancellationToken);

    /// <summary>The month's row, or one of zeros with the rules' limit when nothing was reserved in it yet.</summary>
    Task<BudgetMonth> ReadMonthAsync(Month month, BudgetRules rules, CancellationToken cancellationToken);
}
