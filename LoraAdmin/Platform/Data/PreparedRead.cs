using System.Collections.Concurrent;
using System.Data.Common;
using LoraAdmin.Domain.Shared;
using Microsoft.Data.Sqlite;

namespace LoraAdmin.Platform.Data;

/// <summary>
/// One SELECT by one id, for a read that is called so often that a context each would cost more than the read (docs/decisions/0006). SQLite: kept on
/// connections of its own, prepared once each; the statement is its own snapshot and sees every commit before it. PostgreSQL: a pooled connection;
/// not prepared, because poolers in transaction mode may not carry prepared statements.
/// </summary>
/// <param name="sql">Takes the id as <c>@id</c>; written for both databases.</param>
internal sealed class PreparedRead(LoraDbFactory databases, string sql) : IDisposable
{
    /// <summary>More at one time are closed after use: callers beyond the processors only wait for each other.</summary>
    private static readonly int MostKept = Environment.ProcessorCount * 2;

    private readonly ConcurrentBag<KeptCommand> kept = [];
    private volatile bool disposed;

    /// <param name="read">Reads the rows; called once.</param>
    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    public async ValueTask<T> RunAsync<T>(Guid id, Func<DbDataReader, T> read, CancellationToken cancellationToken)
    {
        try
        {
            return databases.DataSource is { } source
                ? await OnPostgresAsync(source, id, read, cancellationToken)
                : OnSqlite(((DatabaseTarget.Sqlite)databases.Target).File, id, read);
        }
        catch (Exception exception) when (DatabaseFailures.Classify(exception) is DatabaseFailure.Unavailable or DatabaseFailure.Contention)
        {
            throw new StoreUnavailableException("The database could not be reached.", exception);
        }
    }

    public void Dispose()
    {
        disposed = true;
        while (kept.TryTake(out KeptCommand? command))
        {
            command.Dispose();
        }
    }

    private async Task<T> OnPostgresAsync<T>(DbDataSource source, Guid id, Func<DbDataReader, T> read, CancellationToken cancellationToken)
    {
        await using DbCommand command = source.CreateCommand(sql);
        DbParameter parameter = command.CreateParameter();
        parameter.ParameterName = "id";
        parameter.Value = id;
        command.Parameters.Add(parameter);
        await using DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        return read(reader);
    }

    // SQLite's driver does everything on the calling thread; a task would only pretend otherwise.
    private T OnSqlite<T>(string file, Guid id, Func<DbDataReader, T> read)
    {
        if (!kept.TryTake(out KeptCommand? command))
        {
            command = new KeptCommand(file, sql);
        }

        bool whole = false;
        try
        {
            T result = command.Run(id, read);
            whole = true;
            return result;
        }
        finally
        {
            // What failed is not used again.
            if (whole && !disposed && kept.Count < MostKept)
            {
                kept.Add(command);
            }
            else
            {
                command.Dispose();
            }
        }
    }

    private sealed class KeptCommand : IDisposable
    {
        private readonly SqliteConnection connection;
        private readonly SqliteCommand command;

        public KeptCommand(string file, string sql)
        {
            // Not from the driver's pool: closing it must close the file.
            connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString());
            command = connection.CreateCommand();
            try
            {
                connection.Open();
                command.CommandText = "PRAGMA busy_timeout=5000; PRAGMA query_only=ON;";
                command.ExecuteNonQuery();
                command.CommandText = sql;
                command.Parameters.Add("@id", SqliteType.Text);
                command.Prepare();
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        public T Run<T>(Guid id, Func<DbDataReader, T> read)
        {
            command.Parameters[0].Value = id.ToString("D");
            using SqliteDataReader reader = command.ExecuteReader();
            return read(reader);
        }

        public void Dispose()
        {
            command.Dispose();
            connection.Dispose();
        }
    }
}
