using System.Globalization;

namespace LoraAdmin.Domain.Operations;

/// <summary>
/// The fields of a cron text by name and range. The scheduler's own expression class takes some numbers that no clock shows for "every" (99 as a minute, a
/// month JANX), so that a slip of the finger would run an operation each second; and what it does refuse, it refuses in the words of its programmers.
/// </summary>
public static class CronFields
{
    private const string Order = "second minute hour day month weekday, and a year if you like";

    private static readonly Field[] All =
    [
        new("second", 0, 59),
        new("minute", 0, 59),
        new("hour", 0, 23),
        new("day", 1, 31),
        new("month", 1, 12) { Names = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"] },
        new("weekday", 1, 7) { Names = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] },
        new("year", 1970, 2099),
    ];

    /// <summary>What is wrong with the text, naming the field; null: each field is within its range, and the scheduler's reading decides.</summary>
    public static string? WhyNot(string cron)
    {
        ArgumentNullException.ThrowIfNull(cron);
        string[] fields = cron.ToUpperInvariant().Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        if (fields is [['@', ..]])
        {
            return null;
        }

        return fields.Length is 6 or 7
            ? fields.Select(static (text, place) => All[place].WhyNot(text)).FirstOrDefault(static why => why is not null)
            : string.Create(CultureInfo.InvariantCulture, $"it has {fields.Length} {(fields.Length == 1 ? "field" : "fields")}, and needs 6 or 7: {Order}");
    }

    /// <summary>The scheduler takes a day of the month and a weekday together as "either". <c>?</c> and <c>*</c> name none.</summary>
    internal static bool NamesBothDays(string cron) =>
        cron.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries) is [_, _, _, not ("?" or "*"), _, not ("?" or "*"), ..];

    private sealed record Field(string Name, int Least, int Most)
    {
        public string[] Names { get; init; } = [];

        private bool IsDay => Name is "day" or "weekday";

        private string Range => Names.Length == 0 ? $"{Least} to {Most}" : $"{Least} to {Most}, or {Names[0]} to {Names[^1]}";

        public string? WhyNot(string text) =>
            text == "?" ? IsDay ? null : $"\"?\" may stand for the day or the weekday, and not for the {Name}"
            : text.Split(',').Select(WhyNotPart).FirstOrDefault(static why => why is not null);

        private string? WhyNotPart(string part)
        {
            if (part.Length == 0)
            {
                return Rubbish(part);
            }

            string[] stepped = part.Split('/');
            string? step = stepped.Length == 2
                ? Number(stepped[1]) is not { } width ? Rubbish(part)
                    : width < 1 || width > Width ? $"the step {stepped[1]} of the {Name} is out of its range, 1 to {Width}"
                    : null
                : null;
            return stepped.Length > 2 ? Rubbish(part) : step ?? (stepped[0] == "*" ? null : WhyNotRange(Special(stepped[0]), part));
        }

        /// <summary>The step that Quartz takes at most.</summary>
        private int Width => Name == "year" ? Most - Least : Most;

        private string? WhyNotRange(string text, string part)
        {
            string[] ends = text.Split('-');
            return text.Length == 0 ? null
                : ends.Length > 2 ? Rubbish(part)
                : ends.Select(end => WhyNotValue(end, part)).FirstOrDefault(static why => why is not null);
        }

        private string? WhyNotValue(string value, string part) =>
            Names.Contains(value) ? null
            : Number(value) is not { } number ? Rubbish(part)
            : number < Least || number > Most ? $"{Name} {value} is out of its range, {Range}"
            : null;

        /// <summary>What is left of it to be held against the range: the last day, the nearest workday and the n-th weekday of a month are Quartz's.</summary>
        private string Special(string text) => Name switch
        {
            "day" when text is "L" or "LW" => "",
            "day" when text.StartsWith("L-", StringComparison.Ordinal) && Number(text[2..].TrimEnd('W')) is <= 30 => "",
            "day" when text.EndsWith('W') && Number(text[..^1]) is not null => text[..^1],
            "weekday" when text == "L" => "",
            "weekday" when text.EndsWith('L') => text[..^1],
            "weekday" when text.Split('#') is [{ } weekday, { } nth] && Number(nth) is >= 1 and <= 5 => weekday,
            _ => text,
        };

        private string Rubbish(string part) => $"\"{part}\" is no {Name}: write {Range}, or * for each";

        private static int? Number(string text) =>
            text.Length == 0 || !text.All(char.IsAsciiDigit) ? null
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number
            : int.MaxValue;
    }
}
