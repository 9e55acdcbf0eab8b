using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Budget;

/// <summary>What the page /budget shows.</summary>
/// <param name="Changes">Of the limit, newest first.</param>
/// <param name="Newest">The ledger's newest entries of the month.</param>
public sealed record BudgetBoard(MoneyNow Money, BudgetFigures Figures, IReadOnlyList<BudgetLimitChange> Changes, IReadOnlyList<BudgetEntry> Newest)
{
    public BudgetMonth Month => Money.Month;

    /// <summary>What the month's entries come to; it must be what the month's row says.</summary>
    public LedgerTotals Entries => LedgerTotals.Of(Money.Days.Where(day => day.Month == Month.Month));

    public bool Ties => Entries.AreThoseOf(Month);
}

/// <summary>What a list of entries is narrowed to; parts combine. Without a job the month is always there.</summary>
/// <param name="Kinds">Empty: every kind.</param>
public sealed record LedgerFilter(Month? Month, IReadOnlyList<EntryKind> Kinds, JobId? Job)
{
    /// <summary>Instead of the whole id its <see cref="JobId.Tail"/>; should it be that of several jobs, they are all meant.</summary>
    public string? JobTail { get; init; }

    public bool IsOfJob => Job is not null || JobTail is not null;
}

/// <summary>Where a page of entries ends: newest first by instant, then key.</summary>
public sealed record LedgerCursor(DateTimeOffset At, string Key);

/// <summary>Everything that matches a filter, whatever page of it is shown.</summary>
public sealed record LedgerTotals(long Entries, Usd Spent, Usd Reserved)
{
    public static readonly LedgerTotals Nothing = new(0, Usd.Zero, Usd.Zero);

    public static LedgerTotals Of(IEnumerable<LedgerDay> days) =>
        days.Aggregate(Nothing, (sum, day) => new LedgerTotals(sum.Entries + day.Count, sum.Spent + day.Spent, sum.Reserved + day.Reserved));

    public bool AreThoseOf(BudgetMonth month)
    {
        ArgumentNullException.ThrowIfNull(month);
        return Spent == month.Spent && Reserved == month.Reserved;
    }
}

/// <param name="Next">Null on the last page.</param>
/// <param name="Month">The month's row, when the list is that month's without any other filter: it must say what the totals say.</param>
public sealed record LedgerPage(IReadOnlyList<BudgetEntry> Entries, LedgerCursor? Next, LedgerTotals Totals, BudgetMonth? Month);

/// <summary>Reads for the pages of money: set-based, and by totals of days where the ledger itself is long.</summary>
public interface IBudgetQueries
{
    const int MostEntries = 1_000;

    /// <exception cref="StoreUnavailableException">The database is away: show that, never an empty list.</exception>
    Task<BudgetBoard> ReadAsync(CancellationToken cancellationToken);

    /// <param name="size">1 to <see cref="MostEntries"/>.</param>
    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    Task<LedgerPage> ListAsync(LedgerFilter filter, LedgerCursor? after, int size, CancellationToken cancellationToken);

    /// <summary>Entries alone, oldest first, from the beginning or after one: what an export is made of.</summary>
    /// <param name="until">The last entry in this order; what comes behind it is left out, so that what is booked meanwhile makes no difference.</param>
    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    Task<IReadOnlyList<BudgetEntry>> ListForwardAsync(LedgerFilter filter, LedgerCursor? after, LedgerCursor until, int size, CancellationToken cancellationToken);
}
