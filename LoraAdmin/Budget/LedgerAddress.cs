using System.Buffers.Text;
using System.Globalization;
using System.Text;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Budget;

/// <summary>What the ledger's page shows, as its address says it: a link, a reload and a step back show the same rows.</summary>
/// <param name="Month">Null: the present one, or of a job every month.</param>
/// <param name="Job">As it was typed; <see cref="JobProblem"/> says whether it is one.</param>
/// <param name="After">Where the page before this one ended; null on the first.</param>
public sealed record LedgerAddress(Month? Month, IReadOnlyList<EntryKind> Kinds, string? Job, LedgerCursor? After)
{
    public const string Path = "/budget/ledger";

    public const string ExportPath = "/budget/ledger.csv";

    public static readonly LedgerAddress All = new(null, [], null, null);

    private const int MostText = 400;

    /// <summary>Words of the address that name no kind, as they were typed: the list is shown without them, and says so.</summary>
    public IReadOnlyList<string> UnknownKinds { get; private init; } = [];

    /// <summary>What the address gave as a month and is none, as it was typed: the list is shown without it, and says so.</summary>
    public string? UnknownMonth { get; private init; }

    public bool IsFiltered => Kinds.Count > 0 || Job is not null;

    public string? JobProblem => Job is null || Guid.TryParse(Job, out _) || JobId.TailOf(Job) is not null
        ? null
        : "This is no job id. Give the last 8 characters, as pages show them (7b5c4e10), or the whole id (3f2b8c1e-9a4d-4c1b-8f0e-2d6a7b5c4e10).";

    /// <summary>Reads the parts of an address; unknown months don't narrow, and broken cursors count as absent. A kind may be named as in the database or as the page does.</summary>
    public static LedgerAddress Parse(string? month, IReadOnlyList<string>? kinds, string? job, string? after) => new(
        ParseMonth(month),
        [.. (kinds ?? []).Select(ParseKind).OfType<EntryKind>().Distinct().Order()],
        Clean(job),
        ParseCursor(after))
    {
        UnknownMonth = ParseMonth(month) is null ? Clean(month) : null,
        UnknownKinds = [.. (kinds ?? []).Where(static kind => kind.Length > 0 && ParseKind(kind) is null)],
    };

    public LedgerFilter ToFilter(DateTimeOffset now) => new(
        Month ?? (Job is null ? Domain.Shared.Month.Of(now) : null), Kinds, Guid.TryParse(Job, out Guid job) ? new JobId(job) : null)
    {
        JobTail = JobId.TailOf(Job),
    };

    public LedgerAddress Toggle(EntryKind kind)
    {
        List<EntryKind> kinds = [.. Kinds];
        if (!kinds.Remove(kind))
        {
            kinds.Add(kind);
        }

        kinds.Sort();
        return this with { Kinds = kinds, After = null };
    }

    public string ToUri() => Path + Query(After);

    /// <summary>The whole list as a file.</summary>
    public string ToExportUri() => ExportPath + Query(null);

    private string Query(LedgerCursor? after)
    {
        List<string> parts = [];
        Add(parts, "month", Month?.ToString());
        parts.AddRange(Kinds.Select(kind => $"kind={BudgetPageTexts.WordOf(kind)}"));
        Add(parts, "job", Job);
        Add(parts, "after", after is null ? null : FormatCursor(after));
        return parts.Count == 0 ? "" : "?" + string.Join('&', parts);
    }

    /// <summary>The calendar's first and last month have none before or after them.</summary>
    private static Month? ParseMonth(string? text) =>
        DateOnly.TryParseExact(text, "yyyy-MM", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly first)
            && first > DateOnly.MinValue && first < DateOnly.MaxValue.AddMonths(-1)
            ? new Month(first.Year, first.Month)
            : null;

    private static EntryKind? ParseKind(string word)
    {
        foreach (EntryKind kind in Enum.GetValues<EntryKind>())
        {
            if (BudgetPageTexts.WordOf(kind) == word || BudgetPageTexts.NameOf(kind) == word)
            {
                return kind;
            }
        }

        return null;
    }

    private static string FormatCursor(LedgerCursor cursor) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(
        string.Create(CultureInfo.InvariantCulture, $"{cursor.At.ToUnixTimeMilliseconds()}.{cursor.Key}")));

    private static LedgerCursor? ParseCursor(string? text)
    {
        if (string.IsNullOrEmpty(text) || text.Length > 2 * MostText || !Base64Url.IsValid(text))
        {
            return null;
        }

        string[] parts = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(text)).Split('.', 2);
        return parts.Length == 2 && parts[1].Length > 0 && !parts[1].Contains('\0', StringComparison.Ordinal)
            && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out long millis)
            && millis <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? new LedgerCursor(DateTimeOffset.FromUnixTimeMilliseconds(millis), parts[1])
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
