using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Budget;

/// <summary>
/// Days and months of the entries that a unit has written. They wait for its end, or for a reservation of its own, so that of all that a unit does the
/// months' rows come last, each once (docs/decisions/0110).
/// </summary>
internal sealed class PendingTotals : ILastStatements
{
    private readonly List<BudgetEntry> days = [];
    private readonly List<BudgetEntry> months = [];

    public static PendingTotals Of(LoraDb db)
    {
        PendingTotals? known = db.Last.OfType<PendingTotals>().FirstOrDefault();
        if (known is null)
        {
            db.Last.Add(known = new PendingTotals());
        }

        return known;
    }

    public void Add(IReadOnlyList<BudgetEntry> entries)
    {
        days.AddRange(entries);
        months.AddRange(entries);
    }

    public IReadOnlyList<Statement> Take(LoraDb db)
    {
        Statement[] all = [.. BudgetStatements.AddMonths(db, months), .. BudgetStatements.AddDays(days), .. BudgetStatements.AddToMonths(months)];
        days.Clear();
        months.Clear();
        return all;
    }

    /// <summary>Everything, for a unit that takes a month's row before its end: what of that month can't be written with it is put back.</summary>
    public (IReadOnlyList<BudgetEntry> Days, IReadOnlyList<BudgetEntry> Months) TakeEntries()
    {
        BudgetEntry[] ofDays = [.. days];
        BudgetEntry[] ofMonths = [.. months];
        days.Clear();
        months.Clear();
        return (ofDays, ofMonths);
    }

    /// <summary>Entries whose days are written and whose month is not.</summary>
    public void PutBack(IEnumerable<BudgetEntry> entries) => months.AddRange(entries);

    public bool IsOf(Month month) => months.Exists(entry => entry.Month == month);

    /// <summary>A month as it was read, and what waits for it.</summary>
    public BudgetMonth AddTo(BudgetMonth read) => months.Where(entry => entry.Month == read.Month).Aggregate(
        read, static (month, entry) => month with { Spent = month.Spent + entry.Spent, Reserved = month.Reserved + entry.Reserved });
}
