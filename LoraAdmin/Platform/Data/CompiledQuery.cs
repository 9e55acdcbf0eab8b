using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;

namespace LoraAdmin.Platform.Data;

/// <summary>
/// A query that a loop asks again and again: translated once for each of the two databases. Otherwise EF takes a query's expression apart at each call to
/// find its translation, which costs more than SQLite's answer (docs/decisions/0006).
/// </summary>
/// <param name="compile">Calls <see cref="EF"/>'s CompileAsyncQuery or CompileQuery; what that makes holds for one model.</param>
internal sealed class CompiledQuery<TQuery>(Func<TQuery> compile)
    where TQuery : Delegate
{
    private readonly ConcurrentDictionary<IModel, TQuery> known = [];

    public TQuery For(LoraDb db) => known.GetOrAdd(db.Model, static (_, make) => make(), compile);
}

internal static class CompiledRows
{
    public static async Task<IReadOnlyList<T>> ListAsync<TRow, T>(this IAsyncEnumerable<TRow> rows, Func<TRow, T> convert, CancellationToken cancellationToken)
    {
        // Row by row: of thousands of rows, two copies would live at once otherwise.
        List<T> list = [];
        await foreach (TRow row in rows.WithCancellation(cancellationToken))
        {
            list.Add(convert(row));
        }

        return list;
    }
}
