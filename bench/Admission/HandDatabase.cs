using Microsoft.Data.Sqlite;
using Npgsql;

namespace LoraAdmin.Bench.Admission;

/// <summary>One statement with the values of $1, $2, … in order.</summary>
internal sealed record Statement(string Sql, params object[] Values);

/// <summary>A driver without anything above it: pooled connections, prepared statements, transactions.</summary>
internal abstract class HandDatabase : IAsyncDisposable
{
    public abstract Task<HandTransaction> BeginAsync();

    /// <summary>The condition by which the second of two requests with one key is sent away instead of waiting for the first.</summary>
    public abstract string KeyIsFree(string parameter);

    public abstract ValueTask DisposeAsync();
}

/// <summary>Rolled back unless committed.</summary>
internal abstract class HandTransaction : IAsyncDisposable
{
    /// <summary>The first row of each, or null. In one round trip where the driver can.</summary>
    public abstract Task<object[]?[]> ReadAsync(IReadOnlyList<Statement> statements);

    /// <summary>How many rows the last one wrote. In one round trip where the driver can.</summary>
    public abstract Task<int> WriteAsync(IReadOnlyList<Statement> statements);

    public abstract Task CommitAsync();

    public abstract ValueTask DisposeAsync();
}

/// <summary>Npgsql prepares each statement at its first use on a connection and keeps it.</summary>
internal sealed class HandPostgres(string connectionString) : HandDatabase
{
    private readonly NpgsqlDataSource source = NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(connectionString) { MaxAutoPrepare = 64, AutoPrepareMinUsages = 1, Timezone = "UTC" }.ToString());

    public override async Task<HandTransaction> BeginAsync()
    {
        NpgsqlConnection connection = await source.OpenConnectionAsync();
        return new Transaction(connection, await connection.BeginTransactionAsync());
    }

    public override string KeyIsFree(string parameter) => $"pg_try_advisory_xact_lock(hashtextextended({parameter}, 0))";

    public override ValueTask DisposeAsync() => source.DisposeAsync();

    private sealed class Transaction(NpgsqlConnection connection, NpgsqlTransaction transaction) : HandTransaction
    {
        public override async Task<object[]?[]> ReadAsync(IReadOnlyList<Statement> statements)
        {
            await using NpgsqlBatch batch = Batch(statements);
            await using NpgsqlDataReader reader = await batch.ExecuteReaderAsync();
            object[]?[] rows = new object[statements.Count][];
            for (int number = 0; number < rows.Length; number++)
            {
                if (await reader.ReadAsync())
                {
                    rows[number] = new object[reader.FieldCount];
                    reader.GetValues(rows[number]!);
                }

                await reader.NextResultAsync();
            }

            return rows;
        }

        public override async Task<int> WriteAsync(IReadOnlyList<Statement> statements)
        {
            await using NpgsqlBatch batch = Batch(statements);
            await batch.ExecuteNonQueryAsync();
            return batch.BatchCommands[^1].RecordsAffected;
        }

        public override Task CommitAsync() => transaction.CommitAsync();

        public override async ValueTask DisposeAsync()
        {
            await transaction.DisposeAsync();
            await connection.DisposeAsync();
        }

        private NpgsqlBatch Batch(IReadOnlyList<Statement> statements)
        {
            NpgsqlBatch batch = new(connection, transaction);
            foreach (Statement statement in statements)
            {
                NpgsqlBatchCommand command = new(statement.Sql);
                foreach (object value in statement.Values)
                {
                    command.Parameters.Add(new NpgsqlParameter { Value = value });
                }

                batch.BatchCommands.Add(command);
            }

            return batch;
        }
    }
}

/// <summary>One writing connection, since SQLite has one writer, kept open with its statements prepared; the settings are the portal's.</summary>
internal sealed class HandSqlite : HandDatabase
{
    private readonly SqliteConnection connection;
    private readonly SemaphoreSlim writer = new(1, 1);
    private readonly Dictionary<string, SqliteCommand> prepared = [];

    public HandSqlite(string file)
    {
        connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString());
        connection.Open();
        using SqliteCommand settings = connection.CreateCommand();
        settings.CommandText = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;";
        settings.ExecuteNonQuery();
    }

    public override async Task<HandTransaction> BeginAsync()
    {
        await writer.WaitAsync();
        return new Transaction(this, connection.BeginTransaction(deferred: false));
    }

    /// <summary>One writer: nobody else is under way. The grammar wants a condition between SELECT and ON CONFLICT.</summary>
    public override string KeyIsFree(string parameter) => $"{parameter} <> ''";

    public override async ValueTask DisposeAsync()
    {
        foreach (SqliteCommand command in prepared.Values)
        {
            await command.DisposeAsync();
        }

        await connection.DisposeAsync();
        writer.Dispose();
    }

    private sealed class Transaction(HandSqlite owner, SqliteTransaction transaction) : HandTransaction
    {
        public override async Task<object[]?[]> ReadAsync(IReadOnlyList<Statement> statements)
        {
            object[]?[] rows = new object[statements.Count][];
            for (int number = 0; number < rows.Length; number++)
            {
                await using SqliteDataReader reader = await Command(statements[number]).ExecuteReaderAsync();
                if (await reader.ReadAsync())
                {
                    rows[number] = new object[reader.FieldCount];
                    reader.GetValues(rows[number]!);
                }
            }

            return rows;
        }

        public override async Task<int> WriteAsync(IReadOnlyList<Statement> statements)
        {
            int written = 0;
            foreach (Statement statement in statements)
            {
                written = await Command(statement).ExecuteNonQueryAsync();
            }

            return written;
        }

        public override Task CommitAsync() => transaction.CommitAsync();

        public override async ValueTask DisposeAsync()
        {
            await transaction.DisposeAsync();
            owner.writer.Release();
        }

        private SqliteCommand Command(Statement statement)
        {
            if (!owner.prepared.TryGetValue(statement.Sql, out SqliteCommand? command))
            {
                command = owner.connection.CreateCommand();
                command.CommandText = statement.Sql;
                for (int number = 1; number <= statement.Values.Length; number++)
                {
                    command.Parameters.Add(new SqliteParameter { ParameterName = $"${number}" });
                }

                owner.prepared.Add(statement.Sql, command);
            }

            command.Transaction = transaction;
            for (int number = 0; number < statement.Values.Length; number++)
            {
                command.Parameters[number].Value = ForSqlite(statement.Values[number]);
            }

            return command;
        }

        // As the portal's own tables and EF's provider write them.
        private static object ForSqlite(object value) => value switch
        {
            Guid id => id.ToString("D"),
            DateTimeOffset instant => instant.ToUnixTimeMilliseconds(),
            DateOnly date => date.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture),
            _ => value,
        };
    }
}
