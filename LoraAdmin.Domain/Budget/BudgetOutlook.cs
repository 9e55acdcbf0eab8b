using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>What can be said of a month's money to somebody who was turned away.</summary>
public static class BudgetOutlook
{
    /// <summary>
    /// The soonest known instant at which an estimate may fit that does not fit now: when enough of the open reservations have ended, if they give back all
    /// that they have not spent yet, or when the next month begins.
    /// </summary>
    /// <param name="open">Open reservations, of whatever month.</param>
    /// <param name="longest">How long an attempt takes at most from its reservation on, if it waits for nothing.</param>
    /// <param name="known">Attempts of which more than that is known: about when each gives back what it holds; null: it should have by now, and nobody knows when it will.</param>
    /// <returns>
    /// Null: it is more than a month may cost (<see cref="MayEverFit"/>); or it takes reservations whose attempts should be over by now, and nobody knows when
    /// those give back what they hold.
    /// </returns>
    public static DateTimeOffset? MayFitAt(
        BudgetMonth month,
        Usd estimate,
        IEnumerable<Reservation> open,
        TimeSpan longest,
        IReadOnlyDictionary<(JobId Job, int Attempt), DateTimeOffset?> known,
        DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(month);
        ArgumentNullException.ThrowIfNull(open);
        ArgumentNullException.ThrowIfNull(known);
        if (!MayEverFit(month, estimate))
        {
            return null;
        }

        if (month.Mode == BudgetMode.Soft)
        {
            return month.Month.End;
        }

        ILookup<bool, (Usd Held, DateTimeOffset? Over)> isToCome = open.Where(one => one.Month == month.Month)
            .Select(one => (Held: one.Rest, Over: OverAt(one)))
            .ToLookup(one => one.Over > now);
        Usd free = month.Free;
        foreach ((Usd held, DateTimeOffset? over) in isToCome[true].OrderBy(static one => one.Over))
        {
            free += held;
            if (free >= estimate && over < month.Month.End)
            {
                return over;
            }
        }

        return free < estimate && isToCome[false].Aggregate(free, static (sum, one) => sum + one.Held) >= estimate ? null : month.Month.End;

        DateTimeOffset? OverAt(Reservation one) => known.TryGetValue((one.Job, one.Attempt), out DateTimeOffset? at) ? at : one.CreatedAt + longest;
    }

    /// <summary>Whether it fits into a month of which nothing is spent or reserved, under the limit that holds now.</summary>
    public static bool MayEverFit(BudgetMonth month, Usd estimate)
    {
        ArgumentNullException.ThrowIfNull(month);
        return month.Mode == BudgetMode.Soft ? month.Limit > Usd.Zero : estimate <= month.Limit;
    }
}
