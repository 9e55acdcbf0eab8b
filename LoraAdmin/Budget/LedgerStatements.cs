using System.Globalization;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Budget;

/// <summary>Statements over the ledger's entries and days, for both databases.</summary>
internal static class LedgerStatements
{
    /// <summary>Kinds of which a month has few: they have an index of their own, so that finding them does not take the whole month.</summary>
    private static readonly EntryKind[] Rare = [EntryKind.Opening, EntryKind.TopUp, EntryKind.Leak, EntryKind.PriceChange, EntryKind.Correction];

    /// <summary>The condition of that index, letter by letter: SQLite looks for it in the statement.</summary>
    public static readonly string IsRare = $"kind IN ({WordsOf(Rare)})";

    public static Statement Days(DateOnly from) => new(
        "SELECT day, month, kind, purpose, entries, spent_micros, reserved_micros FROM budget_days WHERE day >= $1", [TextOf(from)])
    {
        Returns = true,
    };

    public static Statement FirstDay() => new("SELECT day FROM budget_days WHERE kind <> 'opening' ORDER BY day LIMIT 1", []) { Returns = true };

    /// <summary>All that matches: from the days' totals, or of one job from its own few entries.</summary>
    public static Statement Totals(LedgerFilter filter)
    {
        (string where, List<object> values) = Where(filter);
        string sums = !filter.IsOfJob
            ? "SELECT COALESCE(SUM(entries), 0), COALESCE(SUM(spent_micros), 0), COALESCE(SUM(reserved_micros), 0) FROM budget_days"
            : "SELECT COUNT(*), COALESCE(SUM(spent_micros), 0), COALESCE(SUM(reserved_micros), 0) FROM budget_entries";
        return new Statement($"{sums} WHERE {where}", values) { Returns = true };
    }

    /// <summary>Newest first.</summary>
    public static Statement Backward(LedgerFilter filter, LedgerCursor? after, int size) => Page(filter, after, null, size, "<", "DESC");

    /// <summary>Oldest first.</summary>
    public static Statement Forward(LedgerFilter filter, LedgerCursor? after, LedgerCursor until, int size) => Page(filter, after, until, size, ">", "ASC");

    public static LedgerDay ToDay(IReadOnlyList<object> row) => new(
        DayOf((string)row[0]),
        Month.Parse((string)row[1]),
        Words<EntryKind>.Parse((string)row[2]),
        (string)row[3] is { Length: > 0 } purpose ? Words<CostPurpose>.Parse(purpose) : null,
        Cell.Number(row[4]),
        Money(row[5]),
        Money(row[6]));

    public static DateOnly DayOf(string text) => DateOnly.ParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture);

    public static BudgetEntry ToEntry(IReadOnlyList<object> row) => new()
    {
        Key = (string)row[0],
        Month = Month.Parse((string)row[1]),
        At = Instants.FromMillis(Cell.Number(row[2])),
        Kind = Words<EntryKind>.Parse((string)row[3]),
        Spent = Money(row[4]),
        Reserved = Money(row[5]),
        Job = row[6] is DBNull ? null : new JobId(Cell.Id(row[6])),
        Attempt = row[7] is DBNull ? null : (int)Cell.Number(row[7]),
        Pod = row[8] as string,
        Provider = row[9] as string,
        Purpose = row[10] is string purpose ? Words<CostPurpose>.Parse(purpose) : null,
        Note = row[11] as string,
    };

    public static Usd Money(object micros) => new(Cell.Number(micros));

    private static Statement Page(LedgerFilter filter, LedgerCursor? after, LedgerCursor? until, int size, string beyond, string order)
    {
        (string where, List<object> values) = Where(filter);
        if (after is not null)
        {
            where += Bound(after, beyond, beyond);
        }

        if (until is not null)
        {
            where += Bound(until, "<", "<=");
        }

        values.Add(size);
        return new Statement(
            $"""
            SELECT key, month, at, kind, spent_micros, reserved_micros, job_id, attempt, pod, provider, purpose, note FROM budget_entries
            WHERE {where} ORDER BY at {order}, key {order} LIMIT ${values.Count}
            """,
            values)
        {
            Returns = true,
        };

        // The first condition alone bounds the index; the second only orders within one millisecond.
        string Bound(LedgerCursor cursor, string side, string ofKeys)
        {
            values.Add(cursor.At.ToMillis());
            values.Add(cursor.Key);
            (int at, int key) = (values.Count - 1, values.Count);
            return $" AND at {side}= ${at} AND (at {side} ${at} OR key {ofKeys} ${key})";
        }
    }

    /// <summary>Kinds stand in the text: they are words of ours, and the rare ones' index is found by them.</summary>
    private static (string Where, List<object> Values) Where(LedgerFilter filter)
    {
        if (filter is { Month: null, IsOfJob: false })
        {
            throw new ArgumentException("A list of entries is of a month or of a job.", nameof(filter));
        }

        List<string> parts = [];
        List<object> values = [];
        if (filter.Month is { } month)
        {
            values.Add(month.ToString());
            parts.Add($"month = ${values.Count}");
        }

        if (filter.Job is { } job)
        {
            values.Add(job.Value);
            parts.Add($"job_id = ${values.Count}");
        }

        if (filter.JobTail is { } end)
        {
            // Attempts are few, and each has a reservation: an index by the ends of ids is not worth its writes.
            values.Add($"%{end}");
            parts.Add($"job_id IN (SELECT job_id FROM budget_reservations WHERE lower(CAST(job_id AS TEXT)) LIKE ${values.Count})");
        }

        if (filter.Kinds.Count > 0)
        {
            parts.Add($"kind IN ({WordsOf(filter.Kinds.Distinct().Order())})");
            if (!filter.IsOfJob && filter.Kinds.All(Rare.Contains))
            {
                parts.Add(IsRare);
            }
        }

        return (string.Join(" AND ", parts), values);
    }

    private static string WordsOf(IEnumerable<EntryKind> kinds) => string.Join(", ", kinds.Select(kind => $"'{Words<EntryKind>.Of(kind)}'"));

    private static string TextOf(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
