using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace LoraAdmin.Platform.Data;

/// <summary>Before EF sends a statement, the new rows that wait are sent: a unit sees what it has written itself.</summary>
internal sealed class NewRowsFirst : DbCommandInterceptor
{
    public override async ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
    {
        await SendAsync(eventData, cancellationToken);
        return result;
    }

    public override async ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        await SendAsync(eventData, cancellationToken);
        return result;
    }

    public override async ValueTask<InterceptionResult<object>> ScalarExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<object> result, CancellationToken cancellationToken = default)
    {
        await SendAsync(eventData, cancellationToken);
        return result;
    }

    private static Task SendAsync(CommandEventData eventData, CancellationToken cancellationToken) =>
        eventData.Context is LoraDb db ? db.SendNewAsync(cancellationToken) : Task.CompletedTask;
}
