using System.Buffers.Text;
using System.Globalization;
using System.Text;
using LoraAdmin.Domain.Operations;

namespace LoraAdmin.Operations;

/// <summary>What the history shows, as its address says it: a link, a reload and a step back show the same rows.</summary>
/// <param name="After">Where the page before this one ended; null on the first.</param>
public sealed record RunHistoryAddress(string? Operation, IReadOnlyList<RunState> States, string? Text, RunCursor? After)
{
    public const string Path = "/operations/history";

    public static readonly RunHistoryAddress All = new(null, [], null, null);

    /// <summary>Words of the address that name no state, as they were typed: the list is shown without them, and says so.</summary>
    public IReadOnlyList<string> UnknownStates { get; private init; } = [];

    public bool IsFiltered => Operation is not null || States.Count > 0 || Text is not null;

    /// <summary>Reads the parts of an address; broken cursors count as absent.</summary>
    public static RunHistoryAddress Parse(string? operation, IReadOnlyList<string>? states, string? text, string? after) => new(
        Clean(operation),
        [.. (states ?? []).Select(Parse).OfType<RunState>().Distinct().Order()],
        Clean(text),
        ParseCursor(after))
    {
        UnknownStates = [.. (states ?? []).Where(static state => state.Length > 0 && Parse(state) is null)],
    };

    public RunFilter ToFilter() => new(Operation, States, Text);

    public string ToUri()
    {
        List<string> parts = [];
        Add(parts, "operation", Operation);
        parts.AddRange(States.Select(state => $"state={WordOf(state)}"));
        Add(parts, "q", Text);
        Add(parts, "after", After is { } cursor ? FormatCursor(cursor) : null);
        return parts.Count == 0 ? Path : $"{Path}?{string.Join('&', parts)}";
    }

    public static string WordOf(RunState state) => OperationPages.Word(state).Replace(' ', '_');

    private static RunState? Parse(string word)
    {
        foreach (RunState state in Enum.GetValues<RunState>())
        {
            if (WordOf(state) == word)
            {
                return state;
            }
        }

        return null;
    }

    private static string FormatCursor(RunCursor cursor) => Base64Url.EncodeToString(Encoding.ASCII.GetBytes(
        string.Create(CultureInfo.InvariantCulture, $"{cursor.StartedAt.ToUnixTimeMilliseconds()}.{cursor.Id:N}")));

    private static RunCursor? ParseCursor(string? text)
    {
        if (string.IsNullOrEmpty(text) || text.Length > 100 || !Base64Url.IsValid(text))
        {
            return null;
        }

        string[] parts = Encoding.ASCII.GetString(Base64Url.DecodeFromChars(text)).Split('.');
        return parts.Length == 2
            && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out long millis)
            && millis <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            && Guid.TryParseExact(parts[1], "N", out Guid id)
            ? new RunCursor(DateTimeOffset.FromUnixTimeMilliseconds(millis), id)
            : null;
    }

    private static void Add(List<string> parts, string name, string? value)
    {
        if (value is not null)
        {
            parts.Add($"{name}={Uri.EscapeDataString(value)}");
        }
    }

    private static string? Clean(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim()[..Math.Min(200, text.Trim().Length)];
}
