using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;

namespace LoraAdmin.Platform.Data;

/// <summary>
/// New rows as statements whose texts are made once from EF's model. EF would track each row and build the text of each save anew, which was a good part
/// of an admission (docs/decisions/0012).
/// </summary>
internal static class RowInserts
{
    private static readonly ConcurrentDictionary<(IModel Model, Type Row), Table> Known = new();

    /// <summary>In the order given, but for rows that others point to by foreign key: those come first.</summary>
    public static IEnumerable<Statement> Of(IModel model, IEnumerable<object> rows) => rows
        .Select(row => (Row: row, Table: Known.GetOrAdd((model, row.GetType()), static key => Table.Of(key.Model, key.Row))))
        .OrderBy(static one => one.Table.Depth)
        .Select(static one => one.Table.Insert(one.Row));

    /// <param name="Depth">How many tables stand above this one by foreign keys.</param>
    private sealed record Table(string Name, IReadOnlyList<RowColumn> Columns, int Depth)
    {
        // By which columns hold a value: the others are NULL in the text, and no parameter of theirs travels.
        private readonly ConcurrentDictionary<ulong, string> texts = new();

        public static Table Of(IModel model, Type row)
        {
            IEntityType type = model.FindEntityType(row) ?? throw new ArgumentException($"{row.Name} is no row of the model.", nameof(row));
            StoreObjectIdentifier table = StoreObjectIdentifier.Create(type, StoreObjectType.Table)
                ?? throw new ArgumentException($"{row.Name} has no table.", nameof(row));
            List<RowColumn> columns = [.. type.GetProperties().Where(property => !IsGivenByTheDatabase(property)).Select(property => RowColumn.Of(property, table))];
            if (columns.Count > 64 || type.GetComplexProperties().Any())
            {
                throw new NotSupportedException($"{row.Name} has more than 64 columns or a complex property: let EF save it.");
            }

            return new Table(table.Name, columns, DepthOf(type));
        }

        public Statement Insert(object row)
        {
            ulong present = 0;
            List<object> values = new(Columns.Count);
            for (int number = 0; number < Columns.Count; number++)
            {
                if (Columns[number].ValueOf(row) is { } value)
                {
                    present |= 1UL << number;
                    values.Add(value);
                }
            }

            return new Statement(texts.GetOrAdd(present, TextOf, this), values);
        }

        private static string TextOf(ulong present, Table table)
        {
            int parameters = 0;
            string names = string.Join(", ", table.Columns.Select(static column => $"\"{column.Name}\""));
            string values = string.Join(", ", table.Columns.Select((_, number) => (present & (1UL << number)) != 0 ? $"${++parameters}" : "NULL"));
            return $"INSERT INTO \"{table.Name}\" ({names}) VALUES ({values})";
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
}
