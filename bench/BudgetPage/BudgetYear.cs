using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace LoraAdmin.Bench.BudgetPage;

/// <summary>A year with a million jobs, each with five entries in the ledger, made by the database itself.</summary>
internal static class BudgetYear
{
    public const int Jobs = 1_000_000;
    public const int EntriesPerJob = 5;

    /// <summary>Jobs that have a reservation and no pod yet, and those that run.</summary>
    public const int Waiting = 20;
    public const int Running = 10;

    public static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    private static readonly string End = Text(Now);

    /// <summary>One job every 31.5 seconds, the newest a minute ago; the last ones are still open.</summary>
    private static readonly string JobRows =
        $"""
        SET synchronous_commit = off;
        INSERT INTO budget_months (month, limit_micros, spent_micros, reserved_micros)
        SELECT to_char(m, 'YYYY-MM'), 200000000000, 0, 0 FROM generate_series(timestamp '2025-11-01', timestamp '2026-11-01', interval '1 month') m;
        CREATE TEMP TABLE made AS
        SELECT n, md5('job' || n)::uuid AS job, {End} - 60000 - (n - 1) * 31500::bigint AS at, n <= {Waiting} AS waits, n <= {Waiting + Running} AS is_open, n % 10 = 0 AS failed
        FROM generate_series(1, {Jobs}) n;
        INSERT INTO training_progress (job_id, lora_id, user_id, name, creator_email, search_text, state, is_open, state_since, created_at, updated_at, completed_at,
            attempt, admission, due_at, step_errors, step_tries, wish_version, fence)
        SELECT job, md5('lora' || n)::uuid, md5('user' || n % 5000)::uuid, 'LoRA ' || n, 'creator@example.org', 'lora ' || n,
            CASE WHEN waits THEN 'queued' WHEN is_open THEN 'training' WHEN failed THEN 'failed' ELSE 'completed' END, is_open, at, at, at,
            CASE WHEN is_open THEN NULL ELSE at + 3600000 END, 1, 1, at, 0, 0, 0, 0
        FROM made;
        INSERT INTO budget_reservations (id, job_id, attempt, month, amount_micros, created_at, accrued_micros, accrued_at, beyond_micros, actual_micros, settled_at)
        SELECT md5('reservation' || n)::uuid, job, 1, to_char(to_timestamp(at / 1000) AT TIME ZONE 'UTC', 'YYYY-MM'), 2500000, at,
            CASE WHEN waits THEN 0 ELSE 900000 END, CASE WHEN waits THEN NULL ELSE at + 1800000 END, 0, CASE WHEN is_open THEN NULL ELSE 900000 END, CASE WHEN is_open THEN NULL ELSE at + 3600000 END
        FROM made;
        """;

    private static readonly string Entries =
        """
        INSERT INTO budget_entries (key, month, at, kind, spent_micros, reserved_micros, job_id, attempt, purpose)
        SELECT e.what || ':' || job || ':1' || e.which, to_char(to_timestamp(at / 1000) AT TIME ZONE 'UTC', 'YYYY-MM'), at + e.later, e.kind, e.spent, e.reserved, job, 1, e.purpose
        FROM made CROSS JOIN (VALUES
            ('reserve', '', 0::bigint, 'reserve', 0::bigint, 2500000::bigint, NULL::text), ('accrue', '', 1800000, 'accrue', 900000, -900000, NULL),
            ('settle', '', 3600000, 'settle', -900000, -1600000, NULL), ('settle', ':training', 3600000, 'settle', 700000, 0, 'training'),
            ('settle', ':idle', 3600000, 'settle', 200000, 0, 'idle')) e (what, which, later, kind, spent, reserved, purpose)
        WHERE NOT is_open OR e.what = 'reserve' OR (NOT waits AND e.what = 'accrue');
        INSERT INTO budget_entries (key, month, at, kind, spent_micros, reserved_micros, job_id, attempt, purpose)
        SELECT 'correction:' || job, to_char(to_timestamp(at / 1000) AT TIME ZONE 'UTC', 'YYYY-MM'), at, 'correction', 1000, 0, job, 1, 'training' FROM made WHERE n % 10000 = 0;
        """;

    private static readonly string Totals =
        """
        INSERT INTO budget_days (day, month, kind, purpose, entries, spent_micros, reserved_micros)
        SELECT to_char(to_timestamp(at / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD'), month, kind, COALESCE(purpose, ''), COUNT(*), SUM(spent_micros), SUM(reserved_micros)
        FROM budget_entries GROUP BY 1, 2, 3, 4;
        UPDATE budget_months m SET spent_micros = s.spent, reserved_micros = s.reserved
        FROM (SELECT month, SUM(spent_micros) AS spent, SUM(reserved_micros) AS reserved FROM budget_days GROUP BY month) s WHERE s.month = m.month;
        """;

    private static readonly string Pods =
        $"""
        INSERT INTO pod_ledger (name, job_id, attempt, try_number, want, file_proof, saw, pod_id, gpu_type, hourly_micros, requested_at, created_at, live_until, missing_reads,
            terminate_attempts, billed_micros, stop_attempts, version)
        SELECT 'lora-bench-' || n, job, 1, 1, CASE WHEN is_open THEN 'needed' ELSE 'released' END, 'none', CASE WHEN is_open THEN 'running' ELSE 'gone' END, 'pod' || n, 'NVIDIA A40', 400000,
            at, at, at + 10800000, 0, 0, 0, 0, 0
        FROM made WHERE NOT waits AND n <= 20000;
        """;

    public static async Task FillAsync(string connectionString)
    {
        await using NpgsqlConnection connection = new(connectionString);
        await connection.OpenAsync();
        foreach (string sql in new[] { JobRows, Entries, Totals, Pods })
        {
            await ExecuteAsync(connection, sql);
        }

        foreach (string table in new[] { "training_progress", "budget_reservations", "budget_entries", "budget_days", "pod_ledger" })
        {
            await ExecuteAsync(connection, $"VACUUM ANALYZE {table}");
        }

        await ExecuteAsync(connection, "CHECKPOINT");
    }

    public static string ConnectionStringOf(TestDatabase database) => ((DatabaseTarget.Postgres)database.Services.GetRequiredService<DatabaseTarget>()).ConnectionString;

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
#pragma warning disable CA2100 // Texts of this benchmark.
        await using NpgsqlCommand command = new(sql, connection) { CommandTimeout = 1800 };
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }

    private static string Text(DateTimeOffset instant) => instant.ToUnixTimeMilliseconds().ToString(System.Globalization.CultureInfo.InvariantCulture);
}
