using System.Globalization;
using System.Text;

namespace LoraAdmin.Platform.Web;

/// <summary>Tables as files for spreadsheets.</summary>
public static class Csv
{
    /// <summary>Sends the header of a file that is written line by line; its name carries the instant.</summary>
    public static StreamWriter Open(HttpContext context, string name, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(context);
        string stamp = now.UtcDateTime.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture);
        context.Response.ContentType = "text/csv; charset=utf-8";
        context.Response.Headers.ContentDisposition = $"attachment; filename=\"{name}-as-of-{stamp}.csv\"";
        context.Response.Headers.CacheControl = "private, no-store";
        return new StreamWriter(context.Response.Body, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true), leaveOpen: true);
    }

    public static string Row(IEnumerable<string?> cells) => Line(cells.Select(Cell));

    /// <param name="cells">Written already, by <see cref="Cell"/> or as numbers.</param>
    public static string Line(IEnumerable<string> cells) => string.Join(',', cells) + "\r\n";

    public static string Instant(DateTimeOffset? instant) =>
        instant?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture) ?? "";

    /// <summary>Quoted where needed; a text that a spreadsheet would take for a formula gets an apostrophe before it.</summary>
    public static string Cell(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return "";
        }

        string safe = text[0] is '=' or '+' or '-' or '@' or '\t' or '\r' or '\n' ? "'" + text : text;
        return safe.AsSpan().IndexOfAny(",\"\r\n") < 0 ? safe : $"\"{safe.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }
}
