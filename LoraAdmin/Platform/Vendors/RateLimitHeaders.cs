using System.Globalization;
using System.Net.Http.Headers;

namespace LoraAdmin.Platform.Vendors;

/// <summary>One window of a <c>RateLimit</c> or <c>RateLimit-Policy</c> header.</summary>
/// <param name="Number">Remaining calls (<c>r</c>) or quota (<c>q</c>).</param>
/// <param name="Seconds">Seconds to the reset (<c>t</c>) or the window's length (<c>w</c>); null when not sent.</param>
public sealed record RateLimitItem(string Name, long Number, long? Seconds);

/// <summary>
/// Reads the rate headers, which are lists of named items with parameters: <c>"minute";r=0;t=12, "hour";r=2800;t=1812</c>. Items that can't be read are
/// left out: the headers are advice, a 429 is what counts.
/// </summary>
public static class RateLimitHeaders
{
    /// <summary>Nobody has more windows; a longer list is not kept.</summary>
    private const int MaxItems = 16;

    private const int MaxHeaderLength = 4096;
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    public static IReadOnlyList<RateLimitItem> ParseRemaining(string? header) => Parse(header, 'r', 't');

    public static IReadOnlyList<RateLimitItem> ParsePolicy(string? header) => Parse(header, 'q', 'w');

    /// <summary>
    /// <c>Retry-After</c> as seconds or as an HTTP date; null when absent or unreadable. Never negative, at most a day.
    /// </summary>
    public static TimeSpan? ParseRetryAfter(string? header, DateTimeOffset now)
    {
        if (!RetryConditionHeaderValue.TryParse(header?.Trim(), out RetryConditionHeaderValue? value))
        {
            bool read = double.TryParse(header, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds);
            return read && seconds <= LongestWait.TotalSeconds
                ? TimeSpan.FromSeconds(Math.Ceiling(seconds))
                : null;
        }

        TimeSpan wait = value.Delta ?? (value.Date!.Value - now);
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait > LongestWait ? LongestWait : wait;
    }

    private static List<RateLimitItem> Parse(string? header, char numberKey, char secondsKey)
    {
        List<RateLimitItem> items = [];
        if (header is not { Length: > 0 and <= MaxHeaderLength })
        {
            return items;
        }

        foreach (string part in Split(header, ','))
        {
            List<string> pieces = Split(part, ';');
            string name = pieces[0].Trim().Trim('"');
            long? number = null;
            long? seconds = null;
            foreach (string piece in pieces.Skip(1))
            {
                string parameter = piece.Trim();
                if (parameter.Length > 2 && parameter[1] == '=' && TryWhole(parameter[2..], out long value))
                {
                    number = parameter[0] == numberKey ? value : number;
                    seconds = parameter[0] == secondsKey ? value : seconds;
                }
            }

            if (name.Length is > 0 and <= 64 && number is { } found && items.Count < MaxItems)
            {
                items.Add(new RateLimitItem(name, found, seconds));
            }
        }

        return items;
    }

    private static bool TryWhole(string text, out long value)
    {
        bool read = decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number) && number <= 1_000_000_000m;
        value = read ? (long)decimal.Ceiling(number) : 0;
        return read;
    }

    /// <summary>Splits outside of double quotes.</summary>
    private static List<string> Split(string text, char separator)
    {
        List<string> parts = [];
        bool quoted = false;
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '"')
            {
                quoted = !quoted;
            }
            else if (text[i] == separator && !quoted)
            {
                parts.Add(text[start..i]);
                start = i + 1;
            }
        }

        parts.Add(text[start..]);
        return parts;
    }
}
