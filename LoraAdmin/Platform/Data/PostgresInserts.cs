using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace LoraAdmin.Platform.Data;

/// <summary>
/// Sends new rows by one batch of statements that are the same for every row of a table, and so are prepared once. EF would build the text of each save
/// anew, which was a good part of an admission (docs/decisions/0012).
/// </summary>
internal static class PostgresInserts
{
    private static readonly ConcurrentDictionary<IEntityType, Insert> Known = new();

    /// <summary>Writes what the context tracks if it is new rows alone, within the unit's transaction. False: nothing was done, EF has to save.</summary>
    public static async Task<bool> TrySendAsync(LoraDb db, CancellationToken cancellationToken)
    {
        if (!db.IsPostgres || db.Database.CurrentTransaction?.GetDbTransaction() is not NpgsqlTransaction transaction)
        {
            return false;
        }

        List<(Insert Insert, object Row)> rows = [];
        foreach (EntityEntry entry in db.ChangeTracker.Entries())
        {
            if (entry.State != EntityState.Added || Known.GetOrAdd(entry.Metadata, Insert.Of) is not { CanWrite: true } insert)
            {
                return false;
            }

            rows.Add((insert, entry.Entity));
        }

        await using NpgsqlBatch batch = new(transaction.Connection, transaction);
        using NpgsqlCommand parameters = new();
        foreach ((Insert insert, object row) in rows.OrderBy(one => one.Insert.Depth))
        {
            batch.BatchCommands.Add(insert.CommandFor(row, parameters));
        }

        await batch.ExecuteNonQueryAsync(cancellationToken);
        return true;
    }

    /// <param name="Depth">How many tables stand above this one by foreign keys: those rows are written before.</param>
    private sealed record Insert(string Sql, IReadOnlyList<Column> Columns, int Depth, bool CanWrite)
    {
        public static Insert Of(IEntityType type)
        {
            StoreObjectIdentifier? table = StoreObjectIdentifier.Create(type, StoreObjectType.Table);
            List<IProperty> written = [.. type.GetProperties().Where(property => !IsGivenByTheDatabase(property))];
            if (table is not { } named || type.GetComplexProperties().Any() || written.Any(property => property.PropertyInfo is null))
            {
                return new Insert("", [], 0, CanWrite: false);
            }

            List<Column> columns = [.. written.Select(property => new Column(property.GetColumnName(named)!, property.PropertyInfo!.GetValue, property.GetRelationalTypeMapping()))];
            string names = string.Join(", ", columns.Select(column => $"\"{column.Name}\""));
            string values = string.Join(", ", Enumerable.Range(1, columns.Count).Select(number => $"${number}"));
            return new Insert($"INSERT INTO \"{named.Name}\" ({names}) VALUES ({values})", columns, DepthOf(type), CanWrite: true);
        }

        public NpgsqlBatchCommand CommandFor(object row, NpgsqlCommand parameters)
        {
            NpgsqlBatchCommand command = new(Sql);
            foreach (Column column in Columns)
            {
                command.Parameters.Add((NpgsqlParameter)column.Mapping.CreateParameter(parameters, "", column.Read(row), nullable: true));
            }

            return command;
        }

        /// <summary>A default is for rows from before the column; a new row says its value itself.</summary>
        private static bool IsGivenByTheDatabase(IProperty property) =>
            property.ValueGenerated == ValueGenerated.OnAdd && !property.TryGetDefaultValue(out _) && (property.ClrType == typeof(long) || property.ClrType == typeof(int));

        private static int DepthOf(IEntityType type) => type.GetForeignKeys()
            .Where(key => key.PrincipalEntityType != type)
            .Select(key => 1 + DepthOf(key.PrincipalEntityType))
            .DefaultIfEmpty(0)
            .Max();
    }

    private sealed record Column(string Name, Func<object, object?> Read, RelationalTypeMapping Mapping);
}
