using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace LoraAdmin.Tests.EndToEnd.Processes;

/// <summary>Looks into a portal's database from outside, while the portal runs and while it does not.</summary>
public sealed class PortalDatabase
{
    private readonly Func<DbConnection> connect;

    private PortalDatabase(Func<DbConnection> connect, bool isPostgres)
    {
        this.connect = connect;
        IsPostgres = isPostgres;
    }

    public bool IsPostgres { get; }

    public static PortalDatabase Sqlite(string dataPath)
    {
        string file = Path.Combine(dataPath, "loraadmin.db");
        string connection = new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadWrite, Pooling = false, DefaultTimeout = 10 }.ToString();
        return new PortalDatabase(() => new SqliteConnection(connection), isPostgres: false);
    }

    public static PortalDatabase Postgres(string connectionString) => new(() => new NpgsqlConnection(connectionString), isPostgres: true);

    public async Task<long> NumberAsync(string sql) => Convert.ToInt64(await ScalarAsync(sql), CultureInfo.InvariantCulture);

    public async Task<string> TextAsync(string sql) => (string)(await ScalarAsync(sql))!;

    /// <summary>The state of a job as it is written, for a portal that can't be asked any more.</summary>
    public Task<string> StateAsync(string job) => TextAsync($"SELECT state FROM training_progress WHERE lower(CAST(job_id AS TEXT)) = '{job}'");

    public Task ExecuteAsync(string sql) => ScalarAsync(sql);

    /// <summary>
    /// Lets no job of this database leave a state, until released: the portal does the state's whole work and can't write that it did. Killed then, it
    /// dies at the last line of the step, which no clock could hit in states that last milliseconds.
    /// </summary>
    public Task HoldAsync(string state) => ExecuteAsync(IsPostgres
        ? $"""
          CREATE FUNCTION test_hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'held' USING ERRCODE = '57P03'; END $$;
          CREATE TRIGGER test_hold BEFORE UPDATE ON training_progress FOR EACH ROW
          WHEN (OLD.state = '{state}' AND (NEW.state <> OLD.state OR NEW.step_errors <> OLD.step_errors)) EXECUTE FUNCTION test_hold();
          """
        : $"""
          CREATE TRIGGER test_hold BEFORE UPDATE ON training_progress
          WHEN OLD.state = '{state}' AND (NEW.state <> OLD.state OR NEW.step_errors <> OLD.step_errors) BEGIN SELECT RAISE(ABORT, 'held'); END;
          """);

    public Task ReleaseAsync() => ExecuteAsync(IsPostgres
        ? "DROP TRIGGER IF EXISTS test_hold ON training_progress; DROP FUNCTION IF EXISTS test_hold();"
        : "DROP TRIGGER IF EXISTS test_hold;");

    private async Task<object?> ScalarAsync(string sql)
    {
        await using DbConnection connection = connect();
        await connection.OpenAsync();
        await using DbCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // Texts of the tests themselves.
        command.CommandText = sql;
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync();
    }
}
