using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;

namespace LoraAdmin.Platform.Data;

/// <summary>
/// Writes columns of one table as a row has them, for a save that is walked so often that translating it anew counts: EF takes each of its ExecuteUpdate
/// calls apart, column by column (docs/decisions/0006).
/// </summary>
/// <param name="properties">Of the row class, by name.</param>
internal sealed class RowUpdates<TRow>(params IReadOnlyList<string> properties)
    where TRow : class
{
    private readonly ConcurrentDictionary<IModel, Target> known = [];

    /// <param name="rest">Follows the last column: more of the SET after a comma, and the WHERE. Takes its values as <c>$1</c>, <c>$2</c>, ….</param>
    public Statement Of(LoraDb db, TRow row, string rest, params IReadOnlyList<object> values)
    {
        Target target = known.GetOrAdd(db.Model, static (model, names) => Target.Of(model, names), properties);
        List<object> all = [.. values];
        StringBuilder sql = new(target.Opening);
        string comma = "";
        foreach (RowColumn column in target.Columns)
        {
            sql.Append(CultureInfo.InvariantCulture, $"{comma}\"{column.Name}\" = ");
            comma = ", ";
            if (column.ValueOf(row) is { } value)
            {
                all.Add(value);
                sql.Append(CultureInfo.InvariantCulture, $"${all.Count}");
            }
            else
            {
                sql.Append("NULL");
            }
        }

        return new Statement(sql.Append(rest).ToString(), all);
    }

    private sealed record Target(string Opening, IReadOnlyList<RowColumn> Columns)
    {
        public static Target Of(IModel model, IReadOnlyList<string> properties)
        {
            IEntityType type = model.FindEntityType(typeof(TRow)) ?? throw new ArgumentException($"{typeof(TRow).Name} is no row of the model.");
            StoreObjectIdentifier table = StoreObjectIdentifier.Create(type, StoreObjectType.Table)
                ?? throw new ArgumentException($"{typeof(TRow).Name} has no table.");
            List<RowColumn> columns = [.. properties.Select(name => RowColumn.Of(type.FindProperty(name)!, table))];
            return new Target($"UPDATE \"{table.Name}\" SET ", columns);
        }
    }
}
