using System.Globalization;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Budget;

internal sealed class KeptTotalsStore(LoraDb db) : IKeptTotalsStore
{
    /// <summary>All entries are read: of many millions that takes longer than a command may.</summary>
    private static readonly TimeSpan Within = TimeSpan.FromMinutes(10);

    private const string Sums = "COALESCE(SUM(spent_micros), 0), COALESCE(SUM(reserved_micros), 0)";

    private const string WrongMonths =
        """
        SELECT month, SUM(kept_spent), SUM(kept_reserved), SUM(spent), SUM(reserved) FROM (
            SELECT month, spent_micros AS kept_spent, reserved_micros AS kept_reserved, 0 AS spent, 0 AS reserved FROM budget_months
            UNION ALL SELECT month, 0, 0, SUM(spent_micros), SUM(reserved_micros) FROM budget_entries GROUP BY month) AS both_sides
        GROUP BY month HAVING SUM(kept_spent) <> SUM(spent) OR SUM(kept_reserved) <> SUM(reserved) ORDER BY month LIMIT $1
        """;

    /// <summary>Makes the total's row if it is absent, and takes it: whoever adds to it waits from here on.</summary>
    private const string TakeDay =
        """
        INSERT INTO budget_days (day, month, kind, purpose, entries, spent_micros, reserved_micros) VALUES ($1, $2, $3, $4, 0, 0, 0)
        ON CONFLICT (day, month, kind, purpose) DO UPDATE SET entries = budget_days.entries
        RETURNING entries, spent_micros, reserved_micros
        """;

    private const string SetDay =
        "UPDATE budget_days SET entries = $5, spent_micros = $6, reserved_micros = $7 WHERE day = $1 AND month = $2 AND kind = $3 AND purpose = $4";

    private const string TakeMonth = "UPDATE budget_months SET spent_micros = spent_micros WHERE month = $1 RETURNING 0, spent_micros, reserved_micros";

    private const string SetMonth = "UPDATE budget_months SET spent_micros = $2, reserved_micros = $3 WHERE month = $1";

    private string WrongDays
    {
        get
        {
            string dayOf = db.IsPostgres
                ? "to_char(to_timestamp(at / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
                : "strftime('%Y-%m-%d', at / 1000, 'unixepoch')";
            return
                $"""
                SELECT day, month, kind, purpose, SUM(kept_entries), SUM(kept_spent), SUM(kept_reserved), SUM(entries), SUM(spent), SUM(reserved) FROM (
                    SELECT day, month, kind, purpose, entries AS kept_entries, spent_micros AS kept_spent, reserved_micros AS kept_reserved,
                        0 AS entries, 0 AS spent, 0 AS reserved FROM budget_days
                    UNION ALL SELECT {dayOf}, month, kind, COALESCE(purpose, ''), 0, 0, 0, COUNT(*), SUM(spent_micros), SUM(reserved_micros)
                        FROM budget_entries GROUP BY 1, 2, 3, 4) AS both_sides
                GROUP BY day, month, kind, purpose
                HAVING SUM(kept_entries) <> SUM(entries) OR SUM(kept_spent) <> SUM(spent) OR SUM(kept_reserved) <> SUM(reserved)
                ORDER BY month, day, kind, purpose LIMIT $1
                """;
        }
    }

    public async Task<IReadOnlyList<WrongTotal>> FindWrongAsync(int max, CancellationToken cancellationToken)
    {
        IReadOnlyList<Answer> answers = await db.RunAsync(
            [new Statement(WrongDays, [max]) { Returns = true, Within = Within }, new Statement(WrongMonths, [max]) { Returns = true, Within = Within }], cancellationToken);
        return
        [
            .. answers[0].Rows.Select(static row => new WrongTotal(
                new KeptTotal(
                    Month.Parse((string)row[1]),
                    new DayOfTotal(
                        LedgerStatements.DayOf((string)row[0]),
                        Words<EntryKind>.Parse((string)row[2]),
                        (string)row[3] is { Length: > 0 } purpose ? Words<CostPurpose>.Parse(purpose) : null)),
                SumsOf(row, 4),
                SumsOf(row, 7)))
            .Concat(answers[1].Rows.Select(static row => new WrongTotal(
                new KeptTotal(Month.Parse((string)row[0]), null), MonthSumsOf(row, 1), MonthSumsOf(row, 3))))
            .Take(max),
        ];
    }

    public async Task<EntrySums> SumAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<Answer> answers = await db.RunAsync(
            [
                new Statement("SELECT COALESCE(SUM(entries), 0) FROM budget_days", []) { Returns = true },
                new Statement($"SELECT {Sums} FROM budget_months", []) { Returns = true },
            ],
            cancellationToken);
        return new EntrySums(answers[0].Number(0), new Usd(answers[1].Number(0)), new Usd(answers[1].Number(1)));
    }

    public Task<WrongTotal?> MendAsync(KeptTotal which, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(which);
        return which.Of is { } of ? MendDayAsync(which, of, cancellationToken) : MendMonthAsync(which, cancellationToken);
    }

    private async Task<WrongTotal?> MendDayAsync(KeptTotal which, DayOfTotal of, CancellationToken cancellationToken)
    {
        DateTimeOffset from = new(of.Day.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero);
        string kind = Words<EntryKind>.Of(of.Kind);
        string purpose = of.Purpose is { } one ? Words<CostPurpose>.Of(one) : BudgetDayRow.NoPurpose;
        object[] day = [of.Day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), which.Month.ToString(), kind, purpose];
        string sum = $"SELECT COUNT(*), {Sums} FROM budget_entries WHERE month = $1 AND at >= $2 AND at < $3 AND kind = $4 AND COALESCE(purpose, '') = $5";
        IReadOnlyList<Answer> answers = await db.RunAsync(
            [
                new Statement(TakeDay, day) { Returns = true },
                new Statement(sum, [which.Month.ToString(), from.ToMillis(), from.AddDays(1).ToMillis(), kind, purpose]) { Returns = true, Within = Within },
            ],
            cancellationToken);
        (EntrySums kept, EntrySums right) = (SumsOf(answers[0].Row!, 0), SumsOf(answers[1].Row!, 0));
        List<Statement> writes = kept == right ? [] : [new Statement(SetDay, [.. day, right.Entries, right.Spent.Micros, right.Reserved.Micros])];
        await db.RunAsync([.. writes, new Statement(BudgetStatements.ClearDay, day)], cancellationToken);
        return kept == right ? null : new WrongTotal(which, kept, right);
    }

    /// <summary>All who are admitted in the month wait meanwhile: it is mended once in years, if ever.</summary>
    private async Task<WrongTotal?> MendMonthAsync(KeptTotal which, CancellationToken cancellationToken)
    {
        string month = which.Month.ToString();
        IReadOnlyList<Answer> answers = await db.RunAsync(
            [
                BudgetStatements.AddMonth(db, which.Month, limit: null),
                new Statement(TakeMonth, [month]) { Returns = true },
                new Statement($"SELECT 0, {Sums} FROM budget_entries WHERE month = $1", [month]) { Returns = true, Within = Within },
            ],
            cancellationToken);
        (EntrySums kept, EntrySums right) = (SumsOf(answers[1].Row!, 0), SumsOf(answers[2].Row!, 0));
        if (kept == right)
        {
            return null;
        }

        await db.RunAsync([new Statement(SetMonth, [month, right.Spent.Micros, right.Reserved.Micros])], cancellationToken);
        return new WrongTotal(which, kept, right);
    }

    private static EntrySums MonthSumsOf(IReadOnlyList<object> row, int from) => new(0, LedgerStatements.Money(row[from]), LedgerStatements.Money(row[from + 1]));

    private static EntrySums SumsOf(IReadOnlyList<object> row, int from) =>
        new(Cell.Number(row[from]), LedgerStatements.Money(row[from + 1]), LedgerStatements.Money(row[from + 2]));
}
