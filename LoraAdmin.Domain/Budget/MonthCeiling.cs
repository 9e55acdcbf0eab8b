using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>The most that a month can cost.</summary>
public static class MonthCeiling
{
    /// <summary>
    /// With a hard limit what is admitted never passes it, and what is reserved already stays reserved when the limit is lowered. Leaks, changed prices and
    /// corrections are outside of every guard: they are booked under their own kinds, with an open incident.
    /// </summary>
    /// <returns>Null: a soft limit stops nobody before it is spent, so there is no bound.</returns>
    public static Usd? Of(BudgetMonth month)
    {
        ArgumentNullException.ThrowIfNull(month);
        Usd committed = month.Spent + month.Reserved;
        return month.Mode == BudgetMode.Soft ? null : committed > month.Limit ? committed : month.Limit;
    }
}
