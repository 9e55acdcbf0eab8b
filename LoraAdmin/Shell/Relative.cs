using System.Globalization;

namespace LoraAdmin.Shell;

/// <summary>Durations and instants in few words. <c>wwwroot/js/times.js</c> says the same words in the browser.</summary>
public static class Relative
{
    /// <summary><c>just now</c>, <c>12 s ago</c>, <c>5 min ago</c>, <c>3 h ago</c>, <c>2 d ago</c>; for the future <c>in 2 h 34 min</c>.</summary>
    public static string Instant(DateTimeOffset instant, DateTimeOffset now)
    {
        TimeSpan age = now - instant;
        if (age.Duration() < TimeSpan.FromSeconds(2))
        {
            return "just now";
        }

        return age > TimeSpan.Zero ? $"{Rough(age)} ago" : $"in {Ahead(-age)}";
    }

    /// <summary>Two units, or one where the smaller is none: <c>1 h 05 min</c>, <c>12 min 04 s</c>, <c>12 min</c>, <c>9 s</c>.</summary>
    public static string Duration(TimeSpan duration)
    {
        TimeSpan span = duration < TimeSpan.Zero ? TimeSpan.Zero : duration;
        return span switch
        {
            { TotalDays: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalDays} d{(span.Hours == 0 ? "" : $" {span.Hours} h")}"),
            { TotalHours: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{span.Hours} h{(span.Minutes == 0 ? "" : $" {span.Minutes:00} min")}"),
            { TotalMinutes: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{span.Minutes} min{(span.Seconds == 0 ? "" : $" {span.Seconds:00} s")}"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{span.Seconds} s"),
        };
    }

    public static string Utc(DateTimeOffset instant) =>
        instant.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>What is still to come is not said to be nearer than it is: two hours less a second are two hours.</summary>
    private static string Ahead(TimeSpan span) => span switch
    {
        { TotalHours: >= 23.5 } => $"{(int)Math.Round(span.TotalDays)} d",
        { TotalSeconds: >= 59.5 } => OfMinutes((int)Math.Round(span.TotalMinutes)),
        _ => $"{(int)span.TotalSeconds} s",
    };

    private static string OfMinutes(int minutes) => minutes < 60 ? $"{minutes} min"
        : minutes % 60 == 0 ? $"{minutes / 60} h"
        : string.Create(CultureInfo.InvariantCulture, $"{minutes / 60} h {minutes % 60:00} min");

    private static string Rough(TimeSpan span) => span switch
    {
        { TotalDays: >= 1 } => $"{(int)span.TotalDays} d",
        { TotalHours: >= 1 } => $"{(int)span.TotalHours} h",
        { TotalMinutes: >= 1 } => $"{(int)span.TotalMinutes} min",
        _ => $"{(int)span.TotalSeconds} s",
    };
}
