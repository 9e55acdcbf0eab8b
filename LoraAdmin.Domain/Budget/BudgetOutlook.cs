using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>What can be said of a month's money to somebody who was turned away.</summary>
public static class BudgetOutlook
{
    /// <summary>
    /// The soonest instant at which an estimate may fit that does not fit now: when enough of the open reservations have ended, if they give back all that
    /// they have not spent yet, or when the next month begins. Null: it is more than a month may cost.
    /// </summary>
    /// <param name="open">Open reservations, of whatever month.</param>
    /// <param name="longest">How long an attempt takes at most from its reservation on.</param>
    public static DateTimeOffset? MayFitAt(BudgetMonth month, Usd estimate, IEnumerable<Reservation> open, TimeSpan longest, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(month);
        ArgumentNullException.ThrowIfNull(open);
        if (month.Mode == BudgetMode.Soft)
        {
            return month.Limit > Usd.Zero ? month.Month.End : null;
        }

        if (estimate > month.Limit)
        {
            return null;
        }

        Usd free = month.Free;
        foreach (Reservation one in open.Where(one => one.Month == month.Month).OrderBy(static one => one.CreatedAt))
        {
            free += one.Rest;
            if (free >= estimate)
            {
                DateTimeOffset over = one.CreatedAt + longest;
                return over < now ? now : over < month.Month.End ? over : month.Month.End;
            }
        }

        return month.Month.End;
    }
}
