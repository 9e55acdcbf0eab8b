using System.Globalization;

namespace LoraAdmin.Shell;

/// <summary>Durations and instants in few words. <c>wwwroot/js/times.js</c> says the same words in the browser.</summary>
public static class Relative
{
    /// <summary><c>just now</c>, <c>12 s ago</c>, <c>5 min ago</c>, <c>3 h ago</c>, <c>2 d ago</c>; <c>in …</c> for the future.</summary>
    public static string Instant(DateTimeOffset instant, DateTimeOffset now)
    {
        TimeSpan age = now - instant;
        if (age.Duration() < TimeSpan.FromSeconds(2))
        {
            return "just now";
        }

        return age > TimeSpan.Zero ? $"{Rough(age)} ago" : $"in {Rough(Nearest(-age))}";
    }

    /// <summary>Two units: <c>1 h 05 min</c>, <c>12 min 04 s</c>, <c>9 s</c>.</summary>
    public static string Duration(TimeSpan duration)
    {
        TimeSpan span = duration < TimeSpan.Zero ? TimeSpan.Zero : duration;
        return span switch
        {
            { TotalDays: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalDays} d {span.Hours} h"),
            { TotalHours: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{span.Hours} h {span.Minutes:00} min"),
            { TotalMinutes: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{span.Minutes} min {span.Seconds:00} s"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{span.Seconds} s"),
        };
    }

    public static string Utc(DateTimeOffset instant) =>
        instant.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>What is still to come is not said to be nearer than it is: two hours less a second are two hours.</summary>
    private static TimeSpan Nearest(TimeSpan span) => span switch
    {
        { TotalHours: >= 23.5 } => TimeSpan.FromDays(Math.Round(span.TotalDays)),
        { TotalMinutes: >= 59.5 } => TimeSpan.FromHours(Math.Round(span.TotalHours)),
        { TotalSeconds: >= 59.5 } => TimeSpan.FromMinutes(Math.Round(span.TotalMinutes)),
        _ => span,
    };

    private static string Rough(TimeSpan span) => span switch
    {
        { TotalDays: >= 1 } => $"{(int)span.TotalDays} d",
        { TotalHours: >= 1 } => $"{(int)span.TotalHours} h",
        { TotalMinutes: >= 1 } => $"{(int)span.TotalMinutes} min",
        _ => $"{(int)span.TotalSeconds} s",
    };
}
