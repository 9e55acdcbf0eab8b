using System.Data.Common;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Tests.Platform.Data;

public sealed class SqlitePragmaTests
{
    [Fact]
    public async Task Settings_OfEachConnection_Hold()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite);
        List<LoraDb> together = [.. Enumerable.Range(0, 3).Select(_ => database.NewContext())];
        foreach (LoraDb db in together)
        {
            await db.Database.OpenConnectionAsync();
            Assert.Equal(2L, await ReadAsync(db, "PRAGMA synchronous"));
            Assert.Equal(5000L, await ReadAsync(db, "PRAGMA busy_timeout"));
            Assert.Equal(1L, await ReadAsync(db, "PRAGMA foreign_keys"));
            Assert.Equal("wal", await ReadAsync(db, "PRAGMA journal_mode"));
        }

        Assert.Equal(3, together.Select(static db => db.Database.GetDbConnection()).Distinct().Count());
        foreach (LoraDb db in together)
        {
            await db.DisposeAsync();
        }
    }

    private static async Task<object> ReadAsync(LoraDb db, string pragma)
    {
        await using DbCommand command = db.Database.GetDbConnection().CreateCommand();
        command.CommandText = pragma;
        return (await command.ExecuteScalarAsync())!;
    }
}
