using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>What was read at one moment.</summary>
/// <param name="Days">The ledger's days from <see cref="BudgetFigures.ReadFrom"/> on.</param>
/// <param name="KnownSince">The ledger's first day on which money was spent; null: none was.</param>
/// <param name="Open">Reservations that are not settled, of every month.</param>
public sealed record MoneyNow(
    BudgetMonth Month,
    BudgetLimit Limit,
    IReadOnlyList<LedgerDay> Days,
    DateOnly? KnownSince,
    IReadOnlyList<Reservation> Open,
    PaidWorkNow Work,
    LoraCostRules CostRules,
    DateTimeOffset AsOf)
{
    /// <summary>What the next job would reserve (<see cref="IJobEstimate"/>); null: not known.</summary>
    public Usd? JobReserves { get; init; }
}

/// <summary>Everything that the budget's page says, worked out from what was read: a pure function, so that every figure can be proven.</summary>
/// <param name="Accrued">The part of what is spent that belongs to attempts which still run.</param>
/// <param name="Live">What has run up for this month since the last booking, by our own clock: it is neither in spent nor lost.</param>
/// <param name="LiveSince">When that of it was booked last which has waited longest for its next booking; null: everything is booked.</param>
/// <param name="PerHour">What everything that runs costs an hour, whatever month it counts in; a pod without a known price with the worst.</param>
/// <param name="OpenAttempts">Attempts of this month whose money is not settled.</param>
/// <param name="OfEnded">The reservations among them whose job has ended: something of it may still cost money.</param>
/// <param name="Ceiling">The most that the month can cost; null: no bound.</param>
/// <param name="KnownDays">Whole days of history, of which a forecast needs <see cref="ForecastCurve.LeastDays"/>.</param>
/// <param name="Forecast">Null: too little history.</param>
/// <param name="Burned">What was booked of the month's money, by day.</param>
public sealed record BudgetFigures(
    Usd Accrued,
    Usd Live,
    DateTimeOffset? LiveSince,
    Usd PerHour,
    int OpenAttempts,
    IReadOnlyList<Reservation> OfEnded,
    Usd? Ceiling,
    int KnownDays,
    ForecastCurve? Forecast,
    IReadOnlyList<DaySpending> Burned,
    LoraCost Cost,
    decimal? UsualShare)
{
    /// <summary>What has run up likewise for months that are over, in which attempts that still run have reserved.</summary>
    public Usd LiveBefore { get; init; }

    /// <summary>A pod's price is not known yet: <see cref="PerHour"/> is the most that it can be.</summary>
    public bool IsPerHourAtWorst { get; init; }

    /// <summary>What attempts that were settled of late came to on average, wherever they trained: the ledger does not say which were on a pod. Null: none was.</summary>
    public Usd? UsualCost { get; init; }

    /// <summary>The first day that the figures need.</summary>
    public static DateOnly ReadFrom(DateTimeOffset now)
    {
        DateOnly days = AverageFrom(now);
        DateOnly month = DateOnly.FromDateTime(Month.Of(now).Start.UtcDateTime);
        return days < month ? days : month;
    }

    /// <summary>The first of the days that averages are taken over.</summary>
    public static DateOnly AverageFrom(DateTimeOffset now) => DateOnly.FromDateTime(now.UtcDateTime).AddDays(1 - LedgerDays.AverageOver);

    /// <summary>When the first of the days begins that averages are taken over.</summary>
    public static DateTimeOffset AverageSince(DateTimeOffset now) => new(AverageFrom(now).ToDateTime(TimeOnly.MinValue), TimeSpan.Zero);

    public static BudgetFigures Of(MoneyNow read)
    {
        ArgumentNullException.ThrowIfNull(read);
        DateOnly from = AverageFrom(read.AsOf);
        Month month = read.Month.Month;
        Reservation[] open = [.. read.Open.Where(one => one.Month == month)];
        decimal? share = LedgerDays.UsualShare(read.Days, from);
        ForecastBasis basis = new(read.Month.Spent, read.Month.Reserved, share, LedgerDays.Spending(read.Days), read.KnownSince);
        return new BudgetFigures(
            Accrued: open.Aggregate(Usd.Zero, (sum, one) => sum + one.Accrued),
            Live: read.Work.Running.Aggregate(Usd.Zero, (sum, one) => sum + one.UnbookedIn(month)),
            LiveSince: read.Work.Running.Where(one => one.UnbookedIn(month) > Usd.Zero).Min(one => (DateTimeOffset?)one.BookedUntil),
            PerHour: read.Work.Running.Aggregate(Usd.Zero, (sum, one) => sum + one.PerHour),
            open.Length,
            [.. open.Where(one => one.Rest > Usd.Zero && read.Work.Ended.Contains(one.Job))],
            MonthCeiling.Of(read.Month),
            ForecastCurve.KnownDays(basis, read.AsOf),
            ForecastCurve.Of(basis, read.AsOf),
            LedgerDays.SpendingOf(read.Month.Month, read.Days),
            LoraCost.Of(read.Days, from, read.Work.CompletedLoras, read.CostRules),
            share)
        {
            LiveBefore = read.Work.Running.Aggregate(Usd.Zero, (sum, one) => sum + one.Unbooked - one.UnbookedIn(month)),
            UsualCost = LedgerDays.UsualCost(read.Days, from),
            IsPerHourAtWorst = read.Work.Running.Any(static one => one.IsAtWorst),
        };
    }

    /// <summary>The same month under another limit.</summary>
    public WhatIf With(Usd limit, MoneyNow read)
    {
        ArgumentNullException.ThrowIfNull(read);
        Dictionary<(JobId, int), Usd> reservations = read.Open.ToDictionary(one => (one.Job, one.Attempt), one => one.Rest);
        return WhatIf.Of(limit, new WhatIfBasis(read.Month, read.Work.Waiting, reservations, read.JobReserves, UsualCost, Forecast));
    }
}
