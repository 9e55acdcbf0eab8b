using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace LoraAdmin.Platform.Data;

/// <summary>Statements and new rows of a unit, past EF's queries and tracker. All of them run in the unit's transaction.</summary>
internal static class LoraDbStatements
{
    /// <summary>
    /// New rows. They wait for the unit's next statement or its commit (<see cref="NewRowsFirst"/> sees to that), so that the rows of several stores
    /// travel together.
    /// </summary>
    public static void AddNew(this LoraDb db, params IEnumerable<object> rows) => db.NewRows.AddRange(rows);

    /// <summary>Sends the rows that wait, if any do.</summary>
    public static Task SendNewAsync(this LoraDb db, CancellationToken cancellationToken) =>
        db.NewRows.Count > 0 ? db.RunAsync([], cancellationToken) : Task.CompletedTask;

    /// <summary>Sends the rows that wait, and after them what the unit does last.</summary>
    public static Task SendLastAsync(this LoraDb db, CancellationToken cancellationToken)
    {
        List<Statement> last = [.. db.Last.SelectMany(one => one.Take(db))];
        return last.Count > 0 ? db.RunAsync(last, cancellationToken) : db.SendNewAsync(cancellationToken);
    }

    /// <summary>Adds the row and sends it now.</summary>
    /// <exception cref="InvalidOperationException">A row with the same key is there already; the unit can't be committed any more.</exception>
    public static async Task SendNewAsync(this LoraDb db, object row, string whenTaken, CancellationToken cancellationToken)
    {
        db.AddNew(row);
        try
        {
            await db.SendNewAsync(cancellationToken);
        }
        catch (Exception exception) when (DatabaseFailures.IsUniqueViolation(exception))
        {
            throw new InvalidOperationException(whenTaken, exception);
        }
    }

    /// <summary>
    /// Runs the statements in order, after the rows that wait; on PostgreSQL in one round trip. Each sees what was committed before it began, as if
    /// sent alone.
    /// </summary>
    /// <exception cref="InvalidOperationException">No transaction is open: only a unit of work runs statements.</exception>
    public static async Task<IReadOnlyList<Answer>> RunAsync(this LoraDb db, IReadOnlyList<Statement> statements, CancellationToken cancellationToken)
    {
        IDbContextTransaction transaction = db.Database.CurrentTransaction
            ?? throw new InvalidOperationException("No transaction is open: run statements in a unit of work.");
        List<Statement> all = [.. RowInserts.Of(db.Model, db.NewRows), .. statements];
        db.NewRows.Clear();
        List<Answer> answers = transaction.GetDbTransaction() switch
        {
            NpgsqlTransaction postgres => await OnPostgresAsync(postgres, all, cancellationToken),
            SqliteTransaction sqlite => await OnSqliteAsync(sqlite, all, cancellationToken),
            var other => throw new NotSupportedException($"The portal has two kinds of databases, and none with {other.GetType().Name}."),
        };
        return answers[^statements.Count..];
    }

    private static async Task<List<Answer>> OnPostgresAsync(
        NpgsqlTransaction transaction, List<Statement> statements, CancellationToken cancellationToken)
    {
        await using NpgsqlBatch batch = new(transaction.Connection, transaction);
        foreach (Statement statement in statements)
        {
            NpgsqlBatchCommand command = new(statement.Sql);
            foreach (object value in statement.Values)
            {
                command.Parameters.Add(new NpgsqlParameter { Value = value });
            }

            batch.BatchCommands.Add(command);
        }

        // 0 is without bound.
        if (batch.Timeout > 0 && statements.Max(statement => statement.Within) is { } within)
        {
            batch.Timeout = Math.Max(batch.Timeout, (int)within.TotalSeconds);
        }

        // The reader stops only at statements that return rows.
        Queue<List<object[]>> rows = [];
        await using (NpgsqlDataReader reader = await batch.ExecuteReaderAsync(cancellationToken))
        {
            do
            {
                if (reader.FieldCount > 0)
                {
                    rows.Enqueue(await RowsAsync(reader, cancellationToken));
                }
            }
            while (await reader.NextResultAsync(cancellationToken));
        }

        List<Answer> answers = new(statements.Count);
        for (int number = 0; number < statements.Count; number++)
        {
            answers.Add(new Answer(batch.BatchCommands[number].RecordsAffected, statements[number].Returns ? rows.Dequeue() : []));
        }

        return answers;
    }

    private static async Task<List<Answer>> OnSqliteAsync(SqliteTransaction transaction, List<Statement> statements, CancellationToken cancellationToken)
    {
        List<Answer> answers = [];
        foreach (Statement statement in statements)
        {
            await using SqliteCommand command = transaction.Connection!.CreateCommand();
            command.CommandText = statement.Sql;
            for (int number = 0; number < statement.Values.Count; number++)
            {
                // As EF's provider writes ids and the model instants; the driver would do otherwise.
                object value = statement.Values[number] switch
                {
                    Guid id => id.ToString("D"),
                    DateTimeOffset instant => instant.ToUnixTimeMilliseconds(),
                    var other => other,
                };
                command.Parameters.AddWithValue($"${number + 1}", value);
            }

            await using SqliteDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
            List<object[]> rows = statement.Returns ? await RowsAsync(reader, cancellationToken) : [];
            answers.Add(new Answer(reader.RecordsAffected, rows));
        }

        return answers;
    }

    private static async Task<List<object[]>> RowsAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        List<object[]> rows = [];
        while (await reader.ReadAsync(cancellationToken))
        {
            object[] values = new object[reader.FieldCount];
            reader.GetValues(values);
            rows.Add(values);
        }

        return rows;
    }
}
