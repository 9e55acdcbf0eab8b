using System.Data;
using LoraAdmin.Domain.Budget;
using Npgsql;

namespace LoraAdmin.Bench.BudgetPage;

/// <summary>The page's figures by hand: prepared statements in one batch and one snapshot through the bare driver, read field by field.</summary>
internal sealed class HandPage(string connectionString) : IAsyncDisposable
{
    private const string Month = "SELECT spent_micros, reserved_micros FROM budget_months WHERE month = $1";
    private const string Limit = "SELECT limit_micros, warn_micros, mode, set_at, reason FROM budget_limit WHERE id = 1";
    private const string Days = "SELECT day, month, kind, purpose, entries, spent_micros, reserved_micros FROM budget_days WHERE day >= $1";
    private const string FirstDay = "SELECT day FROM budget_days WHERE kind <> 'opening' ORDER BY day LIMIT 1";
    private const string Open = "SELECT job_id, attempt, month, amount_micros, accrued_micros, accrued_at FROM budget_reservations WHERE settled_at IS NULL ORDER BY created_at, id";
    private const string Changes = "SELECT at, actor_name, reason, old_limit_micros, new_limit_micros FROM budget_limit_changes ORDER BY at DESC, id DESC LIMIT 20";
    private const string Waiting = "SELECT job_id, attempt, name, state_since FROM training_progress WHERE is_open AND state IN ('queued', 'preparing') ORDER BY state_since, job_id LIMIT 50";
    private const string CountWaiting = "SELECT COUNT(*) FROM training_progress WHERE is_open AND state IN ('queued', 'preparing')";
    private const string Completed = "SELECT COUNT(*) FROM training_progress WHERE NOT is_open AND completed_at >= $1 AND state = 'completed'";
    private const string Runs = "(SELECT job_id, attempt FROM pod_ledger WHERE saw <> 'gone' UNION SELECT job_id, attempt FROM hosted_trainings WHERE NOT is_settled)";
    private const string Pods = $"SELECT name, job_id, attempt, saw, want_reason, pod_id, hourly_micros, billed_micros, billed_until, created_at, requested_at, gone_at FROM pod_ledger WHERE (job_id, attempt) IN {Runs}";
    private const string Hosted = $"SELECT job_id, attempt, saw, hourly_micros, started_at, ended_at, worked_for FROM hosted_trainings WHERE (job_id, attempt) IN {Runs}";
    private const string Reserved = $"SELECT job_id, attempt, amount_micros, accrued_micros, beyond_micros, settled_at, accrued_at, month FROM budget_reservations WHERE (job_id, attempt) IN {Runs}";
    private const string Booked = "SELECT pod, SUM(spent_micros), MAX(at) FROM budget_entries WHERE pod IN (SELECT name FROM pod_ledger WHERE saw <> 'gone') AND kind <> 'correction' GROUP BY pod";

    private const string Ended = "SELECT DISTINCT job_id FROM budget_reservations WHERE settled_at IS NULL AND job_id IN (SELECT job_id FROM training_progress WHERE NOT is_open)";

    private const string Entries = "SELECT key, month, at, kind, spent_micros, reserved_micros, job_id, attempt, pod, provider, purpose, note FROM budget_entries WHERE month = $1";
    private const string Sums = "SELECT COALESCE(SUM(entries), 0), COALESCE(SUM(spent_micros), 0), COALESCE(SUM(reserved_micros), 0) FROM budget_days WHERE month = $1";

    private readonly NpgsqlDataSource source = NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(connectionString) { MaxAutoPrepare = 64, AutoPrepareMinUsages = 1, Timezone = "UTC" }.ToString());

    /// <returns>Spent, for a comparison with the page's.</returns>
    public async Task<long> ReadBoardAsync()
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync();
        await using NpgsqlTransaction snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead);
        await using NpgsqlBatch batch = new(connection, snapshot);
        DateTimeOffset now = BudgetYear.Now;
        Add(batch, Month, "2026-11");
        Add(batch, Limit);
        Add(batch, Days, BudgetFigures.ReadFrom(now).ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture));
        Add(batch, FirstDay);
        Add(batch, Open);
        Add(batch, Changes);
        Add(batch, $"{Entries} ORDER BY at DESC, key DESC LIMIT 10", "2026-11");
        Add(batch, Waiting);
        Add(batch, CountWaiting);
        Add(batch, Completed, BudgetFigures.AverageSince(now).ToUnixTimeMilliseconds());
        Add(batch, Pods);
        Add(batch, Hosted);
        Add(batch, Reserved);
        Add(batch, Booked);
        Add(batch, Ended);
        return (await ReadAsync(batch))[0];
    }

    /// <summary>A page of the ledger and what the month comes to.</summary>
    /// <returns>How many entries it has and what they come to.</returns>
    public async Task<long> ReadLedgerAsync((long At, string Key)? after, string? kind)
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync();
        await using NpgsqlTransaction snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead);
        await using NpgsqlBatch batch = new(connection, snapshot);
        string ofKind = kind is null ? "" : $" AND kind IN ('{kind}')";
        Add(batch, Sums + ofKind, "2026-11");
        if (after is var (at, key))
        {
            Add(batch, $"{Entries}{ofKind} AND at <= $2 AND (at < $2 OR key < $3) ORDER BY at DESC, key DESC LIMIT 51", "2026-11", at, key);
        }
        else
        {
            Add(batch, $"{Entries}{ofKind} ORDER BY at DESC, key DESC LIMIT 51", "2026-11");
        }

        Add(batch, Month, "2026-11");
        return (await ReadAsync(batch))[0];
    }

    public ValueTask DisposeAsync() => source.DisposeAsync();

    private static void Add(NpgsqlBatch batch, string sql, params object[] values)
    {
        NpgsqlBatchCommand command = new(sql);
        foreach (object value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        batch.BatchCommands.Add(command);
    }

    /// <returns>The first number of each statement's first row; 0 where there is none.</returns>
    private static async Task<List<long>> ReadAsync(NpgsqlBatch batch)
    {
        List<long> firsts = [];
        await using NpgsqlDataReader reader = await batch.ExecuteReaderAsync();
        do
        {
            long first = 0;
            bool isFirst = true;
            while (await reader.ReadAsync())
            {
                object[] row = new object[reader.FieldCount];
                reader.GetValues(row);
                if (isFirst && row[0] is long or decimal or int)
                {
                    first = Convert.ToInt64(row[0], System.Globalization.CultureInfo.InvariantCulture);
                }

                isFirst = false;
            }

            firsts.Add(first);
        }
        while (await reader.NextResultAsync());
        return firsts;
    }
}
