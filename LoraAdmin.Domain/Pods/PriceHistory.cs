using System.Globalization;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>A time in which a pod had one price.</summary>
/// <param name="Hourly">What it cost per hour then; zero where it stood still for nothing.</param>
public readonly record struct PricedTime(DateTimeOffset From, DateTimeOffset Until, Usd Hourly)
{
    public TimeSpan Length => Until - From;

    public Usd Cost => Hourly.PerHourFor(Length);
}

/// <summary>
/// What a pod has cost per hour before its present price, in order of time, so that what a day of its life cost can be said when its life is over. A value,
/// as the ledger keeps it: times in whole milliseconds.
/// </summary>
public sealed record PriceHistory
{
    /// <summary>Of one pod. A price that goes to and fro for weeks must not let the row grow: the oldest times then become one at their average.</summary>
    public const int MostTimes = 200;

    private PriceHistory(string text) => Text = text;

    /// <summary>As it is kept: <c>from until micros</c>, parted by semicolons.</summary>
    public string Text { get; }

    public IReadOnlyList<PricedTime> Times =>
    [
        .. from time in Text.Split(';')
           let parts = time.Split(' ').Select(static part => long.Parse(part, CultureInfo.InvariantCulture)).ToArray()
           select new PricedTime(DateTimeOffset.FromUnixTimeMilliseconds(parts[0]), DateTimeOffset.FromUnixTimeMilliseconds(parts[1]), new Usd(parts[2])),
    ];

    /// <param name="text">As <see cref="Text"/> has it.</param>
    public static PriceHistory Parse(string text) => new(text);

    /// <param name="before">Null: the pod has had one price until now.</param>
    /// <param name="next">A time of no length adds nothing.</param>
    public static PriceHistory? With(PriceHistory? before, PricedTime next)
    {
        if (next.Length <= TimeSpan.Zero)
        {
            return before;
        }

        List<PricedTime> times = [.. (before?.Times ?? []).Append(next)];
        while (times.Count > MostTimes)
        {
            times[1] = Joined(times[0], times[1]);
            times.RemoveAt(0);
        }

        return new PriceHistory(string.Join(';', times.Select(static time => string.Create(
            CultureInfo.InvariantCulture, $"{time.From.ToUnixTimeMilliseconds()} {time.Until.ToUnixTimeMilliseconds()} {time.Hourly.Micros}"))));
    }

    /// <summary>A price per hour at which the length comes to the cost.</summary>
    public static Usd PaceOf(Usd cost, TimeSpan length) => new((long)decimal.Round(cost.Micros / ((decimal)length.Ticks / TimeSpan.TicksPerHour)));

    private static PricedTime Joined(PricedTime first, PricedTime second)
    {
        DateTimeOffset until = second.Until > first.Until ? second.Until : first.Until;
        return new PricedTime(first.From, until, PaceOf(first.Cost + second.Cost, until - first.From));
    }
}
