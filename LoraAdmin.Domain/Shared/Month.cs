namespace LoraAdmin.Domain.Shared;

/// <summary>A calendar month in UTC: what a user's count and a budget belong to.</summary>
public readonly record struct Month(int Year, int Number)
{
    public static Month Of(DateTimeOffset instant)
    {
        DateTimeOffset utc = instant.ToUniversalTime();
        return new Month(utc.Year, utc.Month);
    }

    public DateTimeOffset Start => new(Year, Number, 1, 0, 0, 0, TimeSpan.Zero);

    public DateTimeOffset End => Start.AddMonths(1);

    /// <summary><c>2026-11</c>.</summary>
    public override string ToString() => $"{Year:0000}-{Number:00}";

    public static Month Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new Month(int.Parse(text.AsSpan(0, 4), provider: null), int.Parse(text.AsSpan(5, 2), provider: null));
    }
}
