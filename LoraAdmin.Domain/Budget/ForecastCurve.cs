using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>What was booked as spent on one day.</summary>
/// <param name="Day">In UTC.</param>
public sealed record DaySpending(DateOnly Day, Usd Spent);

/// <summary>What a forecast rests on.</summary>
/// <param name="Spent">Of the month so far.</param>
/// <param name="Reserved">What the month's open attempts may still take.</param>
/// <param name="UsualShare">The part of their reservations that attempts really came to, 0 to 1; null: none has come to its end yet, so all of it counts.</param>
/// <param name="Days">What was booked on which day, of any month, in any order. A day that is not among them cost nothing.</param>
/// <param name="KnownSince">The first day of which anything is known: days before it are unknown, and not without cost. Null: nothing is known.</param>
public sealed record ForecastBasis(Usd Spent, Usd Reserved, decimal? UsualShare, IReadOnlyList<DaySpending> Days, DateOnly? KnownSince);

/// <param name="Low">In one month of ten it comes to less.</param>
/// <param name="High">In one month of ten it comes to more.</param>
public sealed record ForecastPoint(Usd Low, Usd Expected, Usd High);

/// <summary>
/// What the month will have cost at any instant ahead if nothing stops it: what is spent, what the open attempts usually come to, and what a day has cost
/// lately for each day to come (docs/decisions/0066).
/// </summary>
public sealed class ForecastCurve
{
    /// <summary>Of so many whole days before today at most.</summary>
    public const int HistoryDays = 28;

    /// <summary>A week, so that quiet days are among them.</summary>
    public const int LeastDays = 7;

    /// <summary>Of a normal distribution, 80 % lie within so many standard deviations.</summary>
    private const double EightyPercent = 1.2816;

    private readonly ForecastBasis basis;
    private readonly DateTimeOffset now;
    private readonly decimal share;
    private readonly double deviation;

    private ForecastCurve(ForecastBasis basis, IReadOnlyList<long> days, DateTimeOffset now)
    {
        this.basis = basis;
        this.now = now;
        Days = days.Count;
        share = decimal.Clamp(basis.UsualShare ?? 1m, 0m, 1m);
        decimal mean = days.Sum(day => (decimal)day) / days.Count;

        // Refunds can outweigh what was spent; what is to come costs nothing at least.
        PerDay = new Usd((long)decimal.Round(decimal.Max(0m, mean)));
        deviation = Math.Sqrt(days.Sum(day => Math.Pow((double)(day - mean), 2)) / Math.Max(1, days.Count - 1));
    }

    /// <summary>How many days' bookings it rests on.</summary>
    public int Days { get; }

    /// <summary>What one of them cost on average.</summary>
    public Usd PerDay { get; }

    /// <summary>How many whole days before <paramref name="now"/> are known, at most <see cref="HistoryDays"/>.</summary>
    public static int KnownDays(ForecastBasis basis, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(basis);
        DateOnly today = DateOnly.FromDateTime(now.UtcDateTime);
        return basis.KnownSince is { } since ? Math.Clamp(today.DayNumber - since.DayNumber, 0, HistoryDays) : 0;
    }

    /// <returns>Null: fewer than <see cref="LeastDays"/> whole days are known, and any figure would be a guess.</returns>
    public static ForecastCurve? Of(ForecastBasis basis, DateTimeOffset now)
    {
        int known = KnownDays(basis, now);
        if (known < LeastDays)
        {
            return null;
        }

        // Today is not over: it would pull the average down.
        DateOnly first = DateOnly.FromDateTime(now.UtcDateTime).AddDays(-known);
        long[] days = new long[known];
        foreach (DaySpending day in basis.Days)
        {
            int place = day.Day.DayNumber - first.DayNumber;
            if (place >= 0 && place < known)
            {
                days[place] += day.Spent.Micros;
            }
        }

        return new ForecastCurve(basis, days, now);
    }

    /// <param name="instant">An instant of the past counts as now.</param>
    public ForecastPoint At(DateTimeOffset instant)
    {
        double days = Math.Max(0, (instant - now).TotalDays);
        Usd come = new((long)decimal.Round(PerDay.Micros * (decimal)days));

        // The days to come differ from one another, and the average itself was taken from few.
        Usd margin = new((long)Math.Round(EightyPercent * deviation * Math.Sqrt(days + (days * days / Days))));
        Usd open = new((long)decimal.Round(basis.Reserved.Micros * share));
        Usd low = basis.Spent + come - margin;
        return new ForecastPoint(low > basis.Spent ? low : basis.Spent, basis.Spent + open + come, basis.Spent + basis.Reserved + come + margin);
    }

    /// <summary>The first minute at which the expected cost has come to <paramref name="amount"/>.</summary>
    /// <returns>Now, when it has already; null: not before <paramref name="until"/>.</returns>
    public DateTimeOffset? ExpectedToReach(Usd amount, DateTimeOffset until) => FirstMinute(instant => At(instant).Expected >= amount, until);

    /// <summary>The same for the upper edge of the band: earlier would be a surprise.</summary>
    public DateTimeOffset? EarliestToReach(Usd amount, DateTimeOffset until) => FirstMinute(instant => At(instant).High >= amount, until);

    private DateTimeOffset? FirstMinute(Func<DateTimeOffset, bool> isReached, DateTimeOffset until)
    {
        if (isReached(now))
        {
            return now;
        }

        if (until <= now || !isReached(until))
        {
            return null;
        }

        // Both edges only rise.
        (long before, long at) = (0, (long)Math.Ceiling((until - now).TotalMinutes));
        while (at - before > 1)
        {
            long middle = (before + at) / 2;
            (before, at) = isReached(now.AddMinutes(middle)) ? (before, middle) : (middle, at);
        }

        DateTimeOffset minute = now.AddMinutes(at);
        return minute < until ? minute : until;
    }
}
