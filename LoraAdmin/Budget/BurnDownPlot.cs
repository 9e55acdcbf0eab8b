using System.Globalization;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Budget;

/// <summary>One day of the picture, for those who read figures.</summary>
/// <param name="Left">What was left of the limit at its end, or is left now.</param>
public sealed record BurnDownDay(DateOnly Day, Usd Spent, Usd Left);

/// <summary>
/// What is left of the month's limit, day by day and on to its end, on a field of 1000 by 300. A pure function, so that the picture can be proven
/// without a browser.
/// </summary>
/// <param name="Days">From the first of the month to today.</param>
/// <param name="Left">Corners of the line of what was left.</param>
/// <param name="Expected">Corners of the line to come; empty: no forecast.</param>
/// <param name="Band">Corners of the area between the low and the high edge.</param>
/// <param name="Top">The money at the upper edge.</param>
/// <param name="Bottom">The money at the lower edge: nought, or what is too much by then.</param>
public sealed record BurnDownPlot(
    IReadOnlyList<BurnDownDay> Days, string Left, string Expected, string Band, double WarnY, double ZeroY, double NowX, Usd Top, Usd Bottom)
{
    public const int Width = 1000;
    public const int Height = 300;

    private const int Steps = 24;

    /// <param name="days">What was booked of the month's money, by day.</param>
    public static BurnDownPlot Of(BudgetMonth month, IEnumerable<DaySpending> days, ForecastCurve? forecast, Usd warnAt, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(month);
        List<BurnDownDay> known = DaysOf(month, days, now);
        List<(DateTimeOffset At, ForecastPoint Point)> ahead = forecast is null ? [] :
        [
            .. Enumerable.Range(0, Steps + 1).Select(step => now + ((month.Month.End - now) * step / Steps)).Select(at => (at, forecast.At(at))),
        ];
        long most = Math.Max(1, Math.Max(month.Limit.Micros, known.Max(day => day.Left.Micros)));

        // A wild forecast must not press what happened to a line.
        long feared = ahead.Count == 0 ? 0 : Math.Max(month.Limit.Micros - ahead[^1].Point.High.Micros, -most);
        long least = Math.Min(0, Math.Min(known.Min(day => day.Left.Micros), feared));
        double Y(Usd left) => Math.Clamp(Height * (most - (double)left.Micros) / (most - (double)least), 0, Height);
        double X(DateTimeOffset at) => Math.Clamp(Width * ((at - month.Month.Start) / (month.Month.End - month.Month.Start)), 0, Width);
        string Corners(IEnumerable<(DateTimeOffset At, Usd Cost)> points) =>
            string.Join(' ', points.Select(point => string.Create(CultureInfo.InvariantCulture, $"{X(point.At):0.#},{Y(month.Limit - point.Cost):0.#}")));
        return new BurnDownPlot(
            known,
            Corners([(month.Month.Start, Usd.Zero), .. known.Select(day => (EndOf(day.Day, now), month.Limit - day.Left))]),
            Corners(ahead.Select(one => (one.At, one.Point.Expected))),
            Corners(ahead.Select(one => (one.At, one.Point.Low)).Concat(ahead.AsEnumerable().Reverse().Select(one => (one.At, one.Point.High)))),
            Y(month.Limit - warnAt),
            Y(Usd.Zero),
            X(now),
            new Usd(most),
            new Usd(least));
    }

    /// <summary>Money that was booked before or after the month's own days stands with the nearest of them: the last one then shows what is left.</summary>
    private static List<BurnDownDay> DaysOf(BudgetMonth month, IEnumerable<DaySpending> days, DateTimeOffset now)
    {
        DateOnly first = DateOnly.FromDateTime(month.Month.Start.UtcDateTime);
        DateOnly end = DateOnly.FromDateTime(month.Month.End.UtcDateTime).AddDays(-1);
        DateOnly today = DateOnly.FromDateTime(now.UtcDateTime);
        DateOnly last = today < first ? first : today > end ? end : today;
        Dictionary<DateOnly, long> spent = days
            .GroupBy(day => day.Day < first ? first : day.Day > last ? last : day.Day)
            .ToDictionary(group => group.Key, group => group.Sum(day => day.Spent.Micros));
        List<BurnDownDay> known = [];
        Usd left = month.Limit;
        for (DateOnly day = first; day <= last; day = day.AddDays(1))
        {
            Usd ofDay = new(spent.GetValueOrDefault(day));
            left -= ofDay;
            known.Add(new BurnDownDay(day, ofDay, left));
        }

        return known;
    }

    private static DateTimeOffset EndOf(DateOnly day, DateTimeOffset now)
    {
        DateTimeOffset end = new(day.AddDays(1).ToDateTime(TimeOnly.MinValue), TimeSpan.Zero);
        return end < now ? end : now;
    }
}
