using System.Data.Common;
using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace LoraAdmin.Platform.Data;

/// <summary>
/// Settings that SQLite keeps per connection. FULL: a commit that was answered survives loss of power, which the ledger of paid pods needs.
/// </summary>
internal sealed class SqlitePragmas : DbConnectionInterceptor
{
    private const string Sql = "PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;";

    // The driver pools native connections and leaves their settings alone: each one is set up once. Weak, so that a closed one is forgotten.
    private static readonly ConditionalWeakTable<object, object> SetUp = [];
    private static readonly object Done = new();

    public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData)
    {
        if (IsSetUp(connection))
        {
            return;
        }

        using DbCommand command = connection.CreateCommand();
        command.CommandText = Sql;
        command.ExecuteNonQuery();
        NoteSetUp(connection);
    }

    public override async Task ConnectionOpenedAsync(
        DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        if (IsSetUp(connection))
        {
            return;
        }

        await using DbCommand command = connection.CreateCommand();
        command.CommandText = Sql;
        await command.ExecuteNonQueryAsync(cancellationToken);
        NoteSetUp(connection);
    }

    private static bool IsSetUp(DbConnection connection) => ((SqliteConnection)connection).Handle is { } native && SetUp.TryGetValue(native, out _);

    private static void NoteSetUp(DbConnection connection)
    {
        if (((SqliteConnection)connection).Handle is { } native)
        {
            SetUp.AddOrUpdate(native, Done);
        }
    }
}
