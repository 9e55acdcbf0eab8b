using System.Globalization;

namespace LoraAdmin.Domain.Shared;

/// <summary>Money as whole micro-dollars: sums are exact in both databases and in every order of adding.</summary>
public readonly record struct Usd(long Micros) : IComparable<Usd>
{
    public static readonly Usd Zero;

    public decimal Dollars => Micros / 1_000_000m;

    public static Usd FromDollars(decimal dollars) => new((long)decimal.Round(dollars * 1_000_000m, MidpointRounding.AwayFromZero));

    /// <summary>What a thing costs that is paid per hour; a negative duration costs nothing.</summary>
    public Usd PerHourFor(TimeSpan duration) =>
        duration <= TimeSpan.Zero ? Zero : new((long)decimal.Round(Micros * (decimal)duration.Ticks / TimeSpan.TicksPerHour, MidpointRounding.AwayFromZero));

    public static Usd operator +(Usd a, Usd b) => new(a.Micros + b.Micros);
    public static Usd operator -(Usd a, Usd b) => new(a.Micros - b.Micros);
    public static Usd operator *(Usd a, int times) => new(a.Micros * times);
    public static bool operator <(Usd a, Usd b) => a.Micros < b.Micros;
    public static bool operator >(Usd a, Usd b) => a.Micros > b.Micros;
    public static bool operator <=(Usd a, Usd b) => a.Micros <= b.Micros;
    public static bool operator >=(Usd a, Usd b) => a.Micros >= b.Micros;

    public int CompareTo(Usd other) => Micros.CompareTo(other.Micros);

    /// <summary>As <see cref="ToString"/> shows it: what is worked out from sums that stand beside it adds up as it is read.</summary>
    public Usd ToCents() => FromDollars(decimal.Round(Dollars, 2, MidpointRounding.AwayFromZero));

    /// <summary>What is left of it, as people read it beside the rounded sums that are taken; below zero only when it truly is.</summary>
    public Usd LeftInCents(Usd spent, Usd reserved) =>
        ToCents() - spent.ToCents() - reserved.ToCents() is var left && left < Zero && this - spent - reserved >= Zero ? Zero : left;

    /// <summary>Two decimals, invariant culture, with the sign: <c>$1.23</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{(Micros < 0 ? "-" : "")}${Math.Abs(Dollars):0.00}");

    /// <summary>To the micro-dollar, with at least two decimals: <c>$1.2304</c>.</summary>
    public string ToExact() => string.Create(CultureInfo.InvariantCulture, $"{(Micros < 0 ? "-" : "")}${Math.Abs(Dollars):0.00####}");
}
