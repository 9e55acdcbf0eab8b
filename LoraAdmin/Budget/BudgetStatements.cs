using System.Globalization;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Budget;

/// <summary>
/// The statements by which a month's money changes. All callers of a month wait for its row, so a change takes it last: reservation, entry, day, month. A unit
/// with two changes begins the second while it holds the month; where that meets an admission, PostgreSQL ends one of both, which is then done again.
/// </summary>
internal static class BudgetStatements
{
    private const string DayRow =
        "INSERT INTO budget_days (day, month, kind, purpose, entries, spent_micros, reserved_micros) SELECT $1, $2, $3, $4, $5, $6, $7";

    private const string DayAdds =
        """
        ON CONFLICT (day, month, kind, purpose) DO UPDATE SET
            entries = budget_days.entries + excluded.entries,
            spent_micros = budget_days.spent_micros + excluded.spent_micros,
            reserved_micros = budget_days.reserved_micros + excluded.reserved_micros
        """;

    private const string AddDay = $"{DayRow} WHERE $5 <> 0 {DayAdds}";

    private const string AddDayOfReservation = $"{DayRow} WHERE EXISTS (SELECT 1 FROM budget_reservations WHERE id = $8) {DayAdds}";

    public const string ClearDay = "DELETE FROM budget_days WHERE day = $1 AND month = $2 AND kind = $3 AND purpose = $4 AND entries = 0";

    private const string AddEntryOfReservation =
        """
        INSERT INTO budget_entries (key, month, at, kind, spent_micros, reserved_micros, job_id, attempt)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE EXISTS (SELECT 1 FROM budget_reservations WHERE id = $9)
        ON CONFLICT (key) DO NOTHING
        """;

    private const string RemoveEntryOfReservation =
        "DELETE FROM budget_entries WHERE key = $1 AND EXISTS (SELECT 1 FROM budget_reservations WHERE id = $2)";

    private const string Raise =
        """
        UPDATE budget_months SET reserved_micros = reserved_micros + $2, limit_micros = COALESCE(override_micros, $3)
        WHERE month = $1
            AND CASE COALESCE(override_mode, $4)
                WHEN 'soft' THEN spent_micros < COALESCE(override_micros, $3)
                ELSE spent_micros + reserved_micros + $2 <= COALESCE(override_micros, $3) END
            AND EXISTS (SELECT 1 FROM budget_reservations WHERE id = $5)
        """;

    private const string AddToMonth =
        "UPDATE budget_months SET spent_micros = spent_micros + $2, reserved_micros = reserved_micros + $3 WHERE month = $1";

    private const string ReadMonth =
        """
        SELECT COALESCE(l.limit_micros, $2), COALESCE(l.mode, $3), COALESCE(m.spent_micros, 0), COALESCE(m.reserved_micros, 0)
        FROM budget_limit l LEFT JOIN budget_months m ON m.month = $1 WHERE l.id = 1
        """;

    /// <summary>
    /// Makes the month's row, once. Only then the limit's row is locked, so that a limit that is being set at the same moment reaches the new row too.
    /// </summary>
    /// <param name="limit">What the configuration says; null: what was noted of it.</param>
    public static Statement AddMonth(LoraDb db, Month month, Usd? limit)
    {
        string fallback = limit is null ? "COALESCE(option_limit_micros, 0)" : "$2";
        string sql =
            $"""
            INSERT INTO budget_months (month, limit_micros, spent_micros, reserved_micros, override_micros, override_mode)
            SELECT $1, COALESCE(limit_micros, {fallback}), 0, 0, limit_micros, mode FROM budget_limit
            WHERE id = 1 AND NOT EXISTS (SELECT 1 FROM budget_months WHERE month = $1) {db.ShareLocked}
            ON CONFLICT (month) DO NOTHING
            """;
        return new Statement(sql, limit is { } option ? [month.ToString(), option.Micros] : [month.ToString()]);
    }

    /// <summary>Entry, day and month of money that is to be reserved, if the reservation is there under this id and the month has room.</summary>
    public static IReadOnlyList<Statement> Reserve(Guid reservation, BudgetEntry entry, BudgetRules rules) =>
    [
        new(
            AddEntryOfReservation,
            [
                entry.Key, entry.Month.ToString(), entry.At.ToMillis(), Words<EntryKind>.Of(entry.Kind), entry.Spent.Micros, entry.Reserved.Micros,
                entry.Job!.Value.Value, entry.Attempt!.Value, reservation,
            ]),
        new(AddDayOfReservation, [.. DayOf([entry], sign: 1), reservation]),
        new(Raise, [entry.Month.ToString(), entry.Reserved.Micros, rules.MonthlyLimit.Micros, Words<BudgetMode>.Of(rules.Mode), reservation]),
    ];

    /// <summary>Takes entry and day back, while the reservation is still there under this id.</summary>
    public static IReadOnlyList<Statement> Unreserve(Guid reservation, BudgetEntry entry)
    {
        List<object> day = DayOf([entry], sign: -1);
        return
        [
            new(AddDayOfReservation, [.. day, reservation]),
            new(ClearDay, day[..4]),
            new(RemoveEntryOfReservation, [entry.Key, reservation]),
        ];
    }

    /// <summary>Days and months of entries that are written. Each row once, in one order, so that two units can't wait for each other.</summary>
    public static IEnumerable<Statement> Add(LoraDb db, IReadOnlyList<BudgetEntry> entries)
    {
        foreach (IGrouping<string, BudgetEntry> day in entries.GroupBy(static entry => string.Join('|', DayOf([entry], 1)[..4])).OrderBy(static day => day.Key, StringComparer.Ordinal))
        {
            yield return new Statement(AddDay, DayOf([.. day], sign: 1));
        }

        List<IGrouping<Month, BudgetEntry>> months = [.. entries.GroupBy(static entry => entry.Month).OrderBy(static month => month.Key.Start)];
        foreach (Month month in months.Select(static month => month.Key))
        {
            yield return AddMonth(db, month, limit: null);
        }

        foreach (IGrouping<Month, BudgetEntry> month in months)
        {
            yield return new Statement(AddToMonth, [month.Key.ToString(), month.Sum(static entry => entry.Spent.Micros), month.Sum(static entry => entry.Reserved.Micros)]);
        }
    }

    public static Statement Read(Month month, BudgetRules rules) =>
        new(ReadMonth, [month.ToString(), rules.MonthlyLimit.Micros, Words<BudgetMode>.Of(rules.Mode)]) { Returns = true };

    public static BudgetMonth ToMonth(Month month, Answer answer) => new(month, new Usd(answer.Number(0)), new Usd(answer.Number(2)), new Usd(answer.Number(3)))
    {
        Mode = Words<BudgetMode>.Parse((string)answer.Row![1]),
    };

    /// <param name="entries">Of one day, month, kind and purpose.</param>
    private static List<object> DayOf(IReadOnlyList<BudgetEntry> entries, int sign) =>
    [
        entries[0].At.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        entries[0].Month.ToString(),
        Words<EntryKind>.Of(entries[0].Kind),
        entries[0].Purpose is { } purpose ? Words<CostPurpose>.Of(purpose) : BudgetDayRow.NoPurpose,
        (long)sign * entries.Count,
        sign * entries.Sum(static entry => entry.Spent.Micros),
        sign * entries.Sum(static entry => entry.Reserved.Micros),
    ];
}
