using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>The most that a month can cost by what is admitted.</summary>
public static class MonthCeiling
{
    /// <summary>
    /// With a hard limit what is reserved never passes it, and what is reserved already stays reserved when the limit is lowered. Leaks, changed prices and
    /// corrections are outside of every guard: they are booked under their own kinds, with an open incident. A leak is also what an attempt costs beyond its reservation, such
    /// as a training that is not ended by its cancel.
    /// </summary>
    /// <returns>Null: a soft limit stops nobody before it is spent, so there is no bound.</returns>
    public static Usd? Of(BudgetMonth month)
    {
        ArgumentNullException.ThrowIfNull(month);
        Usd committed = month.Spent + month.Reserved;
        return month.Mode == BudgetMode.Soft ? null : committed > month.Limit ? committed : month.Limit;
    }
}
