using System.Globalization;

namespace LoraAdmin.Domain.Operations;

/// <summary>
/// A schedule in plain words. What the usual shapes don't cover is said as the text that it is: a wrong sentence would be worse than none.
/// </summary>
public static class ScheduleWords
{
    private static readonly string[] Weekdays = ["", "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    private static readonly string[] WeekdayNames = ["", "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

    public static string Of(string cron, string timeZone)
    {
        ArgumentNullException.ThrowIfNull(cron);
        string[] fields = (Macro(cron.Trim()) ?? cron).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string? words = fields.Length == 6 || (fields.Length == 7 && fields[6] == "*") ? Of(fields) : null;
        return $"{words ?? $"At the instants of \"{cron}\""}, {timeZone}";
    }

    /// <summary>What a name of the scheduler's stands for; null: it is none.</summary>
    private static string? Macro(string cron) => cron.ToUpperInvariant() switch
    {
        "@HOURLY" => "0 0 * * * ?",
        "@DAILY" or "@MIDNIGHT" => "0 0 0 * * ?",
        "@WEEKLY" => "0 0 0 ? * SUN",
        "@MONTHLY" => "0 0 0 1 * ?",
        "@YEARLY" or "@ANNUALLY" => "0 0 0 1 1 ?",
        _ => null,
    };

    private static string? Of(string[] fields)
    {
        (string second, string minute, string hour, string day, string month, string weekday) = (fields[0], fields[1], fields[2], fields[3], fields[4], fields[5]);
        string? days = Days(day, month, weekday);
        bool everyDay = days == "Daily";
        return (second, minute, hour) switch
        {
            ("*", "*", "*") when everyDay => "Every second",
            ("0", "*", "*") when everyDay => "Every minute",
            ("0", _, "*") when everyDay && Step(minute, 60) is { } step => $"Every {step} minutes",
            ("0", "0", "*") when everyDay => "Every hour",
            ("0", _, "*") when everyDay && Number(minute, 59) is { } at => $"Every hour at {at} minutes past",
            ("0", "0", _) when everyDay && Step(hour, 24) is { } step => $"Every {step} hours",
            (_, "*", "*") when everyDay && Step(second, 60) is { } step => $"Every {step} seconds",
            _ when days is not null && Number(hour, 23) is { } h && Number(minute, 59) is { } m && Number(second, 59) is { } s =>
                string.Create(CultureInfo.InvariantCulture, $"{days} at {h:00}:{m:00}{(s == 0 ? "" : $":{s:00}")}"),
            _ => null,
        };
    }

    private static string? Days(string day, string month, string weekday) => (day, month, weekday) switch
    {
        ("1", "1", "?") => "On 1 January of every year",
        (_, not "*", _) => null,
        ("*" or "?", _, "?" or "*") => "Daily",
        ("*" or "?", _, _) => OfWeek(weekday),
        (_, _, "?" or "*") => OfMonth(day),

        // Both named: either will do.
        _ => OfMonth(day) is { } date && OfWeek(weekday) is { } name ? $"{date}, and {char.ToLowerInvariant(name[0])}{name[1..]}," : null,
    };

    private static string? OfWeek(string weekday) => weekday is "MON-FRI" or "2-6" ? "On workdays" : Weekday(weekday) is { } name ? $"Every {name}" : null;

    private static string? OfMonth(string day) => day == "L" ? "On the last day of every month"
        : Number(day, 31) is { } number and > 0 ? $"On the {Ordinal(number)} of every month"
        : null;

    private static string? Weekday(string text)
    {
        int byName = Array.IndexOf(WeekdayNames, text.ToUpperInvariant());
        int number = byName > 0 ? byName : Number(text, 7) ?? 0;
        return number > 0 ? Weekdays[number] : null;
    }

    /// <summary>Counting begins anew with each round: only a step that divides it has its instants equally far apart.</summary>
    private static int? Step(string field, int round) =>
        (field.StartsWith("0/", StringComparison.Ordinal) || field.StartsWith("*/", StringComparison.Ordinal))
        && Number(field[2..], round - 1) is { } step and > 1 && round % step == 0 ? step : null;

    private static int? Number(string text, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number <= most ? number : null;

    private static string Ordinal(int number) => number switch
    {
        1 or 21 or 31 => $"{number}st",
        2 or 22 => $"{number}nd",
        3 or 23 => $"{number}rd",
        _ => $"{number}th",
    };
}
