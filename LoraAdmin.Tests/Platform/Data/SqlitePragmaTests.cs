using System.Data.Common;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Tests.Platform.Data;

public sealed class SqlitePragmaTests
{
    [Fact]
    public async Task Settings_PooledConnectionOpenedAgain_StillHold()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite);
        for (int opening = 0; opening < 3; opening++)
        {
            await using LoraDb db = database.NewContext();
            await db.Database.OpenConnectionAsync();
            Assert.Equal(2, await ReadAsync(db, "PRAGMA synchronous"));
            Assert.Equal(5000, await ReadAsync(db, "PRAGMA busy_timeout"));
            Assert.Equal(1, await ReadAsync(db, "PRAGMA foreign_keys"));
        }
    }

    private static async Task<long> ReadAsync(LoraDb db, string pragma)
    {
        await using DbCommand command = db.Database.GetDbConnection().CreateCommand();
        command.CommandText = pragma;
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
