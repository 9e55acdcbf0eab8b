using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Xunit;

namespace LoraAdmin.Tests.Budget;

/// <summary>Invariant 4 on what one snapshot shows: each statement finds what contradicts it.</summary>
internal static class StormCheck
{
    private static readonly (string What, string Sql)[] Contradictions =
    [
        (
            "a month that is not the sum of its entries",
            """
            SELECT month, SUM(kept), SUM(spent), SUM(kept_reserved), SUM(reserved) FROM (
                SELECT month, spent_micros AS kept, 0 AS spent, reserved_micros AS kept_reserved, 0 AS reserved FROM budget_months
                UNION ALL SELECT month, 0, spent_micros, 0, reserved_micros FROM budget_entries) AS sides
            GROUP BY month HAVING SUM(kept) <> SUM(spent) OR SUM(kept_reserved) <> SUM(reserved)
            """),
        (
            "a month that is not its reservations and what was paid beyond them",
            """
            SELECT month, SUM(kept), SUM(spent), SUM(kept_reserved), SUM(reserved) FROM (
                SELECT month, spent_micros AS kept, 0 AS spent, reserved_micros AS kept_reserved, 0 AS reserved FROM budget_months
                UNION ALL SELECT month, 0, accrued_micros, 0, CASE WHEN settled_at IS NULL THEN amount_micros - accrued_micros ELSE 0 END FROM budget_reservations
                UNION ALL SELECT month, 0, spent_micros, 0, 0 FROM budget_entries WHERE kind IN ('leak', 'price_change', 'correction')) AS sides
            GROUP BY month HAVING SUM(kept) <> SUM(spent) OR SUM(kept_reserved) <> SUM(reserved)
            """),
        (
            "a day that is not the sum of its entries",
            """
            SELECT day, month, kind, purpose FROM (
                SELECT day, month, kind, purpose, entries AS kept, 0 AS counted, spent_micros - reserved_micros * 3 AS kept_sum, 0 AS summed FROM budget_days
                UNION ALL SELECT {0}, month, kind, COALESCE(purpose, ''), 0, 1, 0, spent_micros - reserved_micros * 3 FROM budget_entries) AS sides
            GROUP BY day, month, kind, purpose HAVING SUM(kept) <> SUM(counted) OR SUM(kept_sum) <> SUM(summed)
            """),
        (
            "a settled reservation of which something is still reserved, or whose parts are not what it cost",
            """
            SELECT r.job_id, r.attempt FROM budget_reservations r WHERE r.settled_at IS NOT NULL AND (
                r.actual_micros <> r.accrued_micros + r.beyond_micros
                OR r.accrued_micros <> r.training_micros + r.validation_micros + r.failed_micros + r.idle_micros
                OR 0 <> (SELECT SUM(e.reserved_micros) FROM budget_entries e WHERE e.job_id = r.job_id AND e.attempt = r.attempt))
            """),
        (
            "a reservation of which more is spent than was reserved, or whose entries say otherwise",
            """
            SELECT r.job_id, r.attempt FROM budget_reservations r WHERE r.accrued_micros < 0 OR r.accrued_micros > r.amount_micros
                OR r.accrued_micros + r.beyond_micros <> (SELECT SUM(e.spent_micros) FROM budget_entries e WHERE e.job_id = r.job_id AND e.attempt = r.attempt)
            """),
        (
            "an attempt that was settled before it ended and its pods were gone",
            """
            SELECT r.job_id, r.attempt FROM budget_reservations r WHERE r.settled_at IS NOT NULL AND (
                EXISTS (SELECT 1 FROM training_attempts a WHERE a.job_id = r.job_id AND a.number = r.attempt AND a.state = 'active')
                OR EXISTS (SELECT 1 FROM pod_ledger p WHERE p.job_id = r.job_id AND p.attempt = r.attempt AND p.saw <> 'gone'))
            """),
        (
            "a month that goes by another limit than the one that holds",
            """
            SELECT m.month, m.override_micros, l.limit_micros FROM budget_months m CROSS JOIN budget_limit l
            WHERE COALESCE(m.override_micros, -1) <> COALESCE(l.limit_micros, -1) OR COALESCE(m.override_mode, '') <> COALESCE(l.mode, '')
            """),
    ];

    /// <summary>What must have happened in a storm, as its rows tell, and how often at least: a storm without it proves nothing about it.</summary>
    private static readonly (string What, int AtLeast, string Sql)[] Happened =
    [
        ("attempts reserved for", 60, "SELECT COUNT(*) FROM budget_entries WHERE kind = 'reserve'"),
        ("months reserved in", 2, "SELECT COUNT(DISTINCT month) FROM budget_entries WHERE kind = 'reserve'"),
        ("reservations raised", 1, "SELECT COUNT(*) FROM budget_entries WHERE kind = 'top_up'"),
        ("accruals", 20, "SELECT COUNT(*) FROM budget_entries WHERE kind = 'accrue'"),
        ("reservations settled", 5, "SELECT COUNT(*) FROM budget_reservations WHERE settled_at IS NOT NULL"),
        ("settled in a later month", 1, "SELECT COUNT(*) FROM budget_reservations WHERE settled_at IS NOT NULL AND month = '2026-11'"),
        ("paid in a later month, beyond what was reserved", 3, "SELECT COUNT(*) FROM budget_entries WHERE kind IN ('leak', 'price_change') AND month = '2026-12'"),
        ("corrections", 5, "SELECT COUNT(*) FROM budget_entries WHERE kind = 'correction'"),
        ("attempts that succeeded", 5, "SELECT COUNT(*) FROM training_attempts WHERE state = 'succeeded'"),
        ("attempts that failed", 10, "SELECT COUNT(*) FROM training_attempts WHERE state = 'failed'"),
        ("attempts after another one", 1, "SELECT COUNT(*) FROM training_attempts WHERE number > 1"),
        ("charges given back", 10, "SELECT COUNT(*) FROM limit_charges WHERE refunded_at IS NOT NULL"),
        ("pods that are gone", 15, "SELECT COUNT(*) FROM pod_ledger WHERE saw = 'gone'"),
        ("pods at another price", 3, "SELECT COUNT(*) FROM pod_ledger WHERE hourly_micros <> 700"),
        ("changes of the limit", 5, "SELECT COUNT(*) FROM budget_limit_changes"),
    ];

    public static async Task<bool> RunAsync(IUnit unit, CancellationToken cancellationToken)
    {
        LoraDb db = ((EfUnit)unit).Db;
        string day = db.IsPostgres ? "to_char(to_timestamp(at / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD')" : "strftime('%Y-%m-%d', at / 1000, 'unixepoch')";
        IReadOnlyList<Answer> answers = await db.RunAsync(
            [.. Contradictions.Select(one => new Statement(one.Sql.Replace("{0}", day, StringComparison.Ordinal), []) { Returns = true })], cancellationToken);
        for (int number = 0; number < Contradictions.Length; number++)
        {
            Assert.True(answers[number].Row is null, $"There is {Contradictions[number].What}: {string.Join(", ", answers[number].Row ?? [])}");
        }

        return true;
    }

    /// <returns>How often each thing happened, in words.</returns>
    public static async Task<string> CountAsync(IUnit unit, CancellationToken cancellationToken)
    {
        IReadOnlyList<Answer> answers = await ((EfUnit)unit).Db.RunAsync(
            [.. Happened.Select(static one => new Statement(one.Sql, []) { Returns = true })], cancellationToken);
        string all = string.Join(", ", Happened.Select((one, number) => $"{answers[number].Number(0)} {one.What}"));
        for (int number = 0; number < Happened.Length; number++)
        {
            Assert.True(answers[number].Number(0) >= Happened[number].AtLeast, $"Too few {Happened[number].What} for a proof: {all}");
        }

        return all;
    }

    public static async Task<IReadOnlyList<JobId>> ListJobsAsync(IUnit unit, CancellationToken cancellationToken)
    {
        IReadOnlyList<Answer> answers = await ((EfUnit)unit).Db.RunAsync(
            [new Statement("SELECT DISTINCT job_id FROM budget_reservations", []) { Returns = true }], cancellationToken);
        return [.. answers[0].Rows.Select(static row => new JobId(Cell.Id(row[0])))];
    }
}
