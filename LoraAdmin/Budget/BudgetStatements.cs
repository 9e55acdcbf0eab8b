using System.Globalization;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Budget;

/// <summary>
/// The statements by which a month's money changes. All callers of a month wait for its row, so a unit takes it last. The order is the same everywhere: rows
/// of new months, reservations, entries, days, months (docs/decisions/0110).
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
        UPDATE budget_months SET spent_micros = spent_micros + $6, reserved_micros = reserved_micros + $2, limit_micros = COALESCE(override_micros, $3)
        WHERE month = $1
            AND CASE COALESCE(override_mode, $4)
                WHEN 'soft' THEN spent_micros + $6 < COALESCE(override_micros, $3)
                ELSE spent_micros + $6 + reserved_micros + $2 <= COALESCE(override_micros, $3) END
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

    /// <summary>The entry of money that is to be reserved, if the reservation is there under this id.</summary>
    public static Statement AddEntry(Guid reservation, BudgetEntry entry) => new(
        AddEntryOfReservation,
        [
            entry.Key, entry.Month.ToString(), entry.At.ToMillis(), Words<EntryKind>.Of(entry.Kind), entry.Spent.Micros, entry.Reserved.Micros,
            entry.Job!.Value.Value, entry.Attempt!.Value, reservation,
        ]);

    /// <summary>Its day, on the same condition.</summary>
    public static Statement AddDayOf(Guid reservation, BudgetEntry entry) => new(AddDayOfReservation, [.. DayOf([entry], sign: 1), reservation]);

    /// <summary>Its month, if there is room as well, and with it what the same unit has booked of this month before: all of it or nothing.</summary>
    public static Statement RaiseBy(Guid reservation, BudgetEntry entry, IReadOnlyList<BudgetEntry> before, BudgetRules rules) => new(
        Raise,
        [
            entry.Month.ToString(), entry.Reserved.Micros + before.Sum(static one => one.Reserved.Micros), rules.MonthlyLimit.Micros,
            Words<BudgetMode>.Of(rules.Mode), reservation, before.Sum(static one => one.Spent.Micros),
        ]);

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

    /// <summary>Takes an entry out of its day, and others out of their months, which the unit has counted in and never wrote.</summary>
    public static IReadOnlyList<Statement> CountBack(BudgetEntry ofDay, IEnumerable<BudgetEntry> ofMonths)
    {
        List<object> day = DayOf([ofDay], sign: -1);
        return
        [
            new(AddDay, day),
            new(ClearDay, day[..4]),
            .. AddToMonths(ofMonths.Select(static entry => entry with { Spent = Usd.Zero - entry.Spent, Reserved = Usd.Zero - entry.Reserved })),
        ];
    }

    /// <summary>Rows of the entries' months, in order of month. Rows that are there already are not taken.</summary>
    public static IEnumerable<Statement> AddMonths(LoraDb db, IEnumerable<BudgetEntry> entries) =>
        entries.Select(static entry => entry.Month).Distinct().OrderBy(static month => month.Start).Select(month => AddMonth(db, month, limit: null));

    /// <summary>Days of entries that are written. Each row once, in one order, so that two units can't wait for each other.</summary>
    public static IEnumerable<Statement> AddDays(IEnumerable<BudgetEntry> entries) => entries
        .GroupBy(static entry => string.Join('|', DayOf([entry], 1)[..4]))
        .OrderBy(static day => day.Key, StringComparer.Ordinal)
        .Select(static day => new Statement(AddDay, DayOf([.. day], sign: 1)));

    /// <summary>Months of entries whose days are written, in order of month.</summary>
    public static IEnumerable<Statement> AddToMonths(IEnumerable<BudgetEntry> entries) => entries
        .GroupBy(static entry => entry.Month)
        .OrderBy(static month => month.Key.Start)
        .Select(static month => new Statement(
            AddToMonth, [month.Key.ToString(), month.Sum(static entry => entry.Spent.Micros), month.Sum(static entry => entry.Reserved.Micros)]));

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
