using System.Globalization;

namespace LoraAdmin.Domain.Shared;

/// <summary>Differences between clocks as a person reads them.</summary>
internal static class ClockWords
{
    /// <summary>What a portal leaves alone whose clock is far off.</summary>
    public const string NotDone = "by itself ends and deletes nothing by age, resets no limits and books no bills";

    /// <summary>Which clock, by how much, since when, what it stops and what to do.</summary>
    /// <param name="host">The machine of the process.</param>
    /// <param name="all">What the process knows of every clock.</param>
    public static string Of(ClockStanding standing, string host, IReadOnlyList<ClockStanding> all)
    {
        bool follows = all.Any(static one => one.Subject == ClockStandings.Database);
        string own = standing.Subject == ClockStandings.Provider && follows ? $"The database's clock, which {host} goes by," : $"The clock of {host}";
        string since = standing.Since is { } at ? string.Create(CultureInfo.InvariantCulture, $" since {at:yyyy-MM-dd HH:mm} UTC") : "";
        string held = standing.Grade == ClockGrade.FarOff ? $" Meanwhile {host} {NotDone}." : "";
        return $"{own} is {Beside(standing)}{since}.{held} {Remedy(standing, host, follows, all)}";
    }

    /// <summary>Without the machine, for whoever is on it.</summary>
    public static string Difference(ClockStanding standing) => $"it is {Beside(standing)}";

    /// <summary>Two units at most: <c>7 min 12 s</c>.</summary>
    public static string Length(TimeSpan length)
    {
        length = length.Duration();
        return length switch
        {
            { TotalDays: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{length.Days} d {length.Hours} h"),
            { TotalHours: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{length.Hours} h {length.Minutes} min"),
            { TotalMinutes: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{length.Minutes} min {length.Seconds} s"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{length.Seconds} s"),
        };
    }

    private static string Beside(ClockStanding standing)
    {
        TimeSpan ahead = standing.Reading!.Ahead;
        string other = standing.Subject == ClockStandings.Database ? "the database's" : "RunPod's";
        return ahead < TimeSpan.Zero ? $"{Length(ahead)} behind {other}" : $"{Length(ahead)} ahead of {other}";
    }

    /// <summary>Of three clocks the one that agrees with neither of the others is the wrong one.</summary>
    private static string Remedy(ClockStanding standing, string host, bool follows, IReadOnlyList<ClockStanding> all)
    {
        if (standing.Subject == ClockStandings.Provider)
        {
            return follows
                ? "Synchronise the clock of the database's server by NTP"
                : $"Synchronise it by NTP: see timedatectl or chronyc tracking on {host}";
        }

        return all.FirstOrDefault(static one => one is { Subject: ClockStandings.Provider, Reading: not null })?.Grade switch
        {
            null => $"Synchronise the clocks of {host} and of the database's server by NTP",
            ClockGrade.Right => $"RunPod's clock agrees with the database's: synchronise {host} by NTP (timedatectl, chronyc tracking)",
            _ => "The database's clock differs from RunPod's too: synchronise its server by NTP first",
        };
    }
}
