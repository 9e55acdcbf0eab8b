using System.Globalization;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Storage;
using Microsoft.Data.Sqlite;

namespace LoraAdmin.Tests.Platform.Data;

/// <summary>What is shared from use to use of a connection must not show from one to the next.</summary>
public sealed class KeptConnectionTests : IDisposable
{
    private const string Count = "SELECT COUNT(*) FROM notes";
    private const string Texts = "SELECT text FROM notes WHERE id >= $from ORDER BY id";

    private readonly TemporaryFolder folder = new();
    private readonly KeptConnection kept;
    private readonly KeptConnection other;

    public KeptConnectionTests()
    {
        string file = new SqliteConnectionStringBuilder { DataSource = folder.Under("notes.db"), Pooling = false }.ToString();
        kept = new KeptConnection(file);
        other = new KeptConnection(file);
        kept.Open();
        other.Open();
        Write(kept, "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)");
        Write(kept, "INSERT INTO notes VALUES (1, 'one'), (2, 'two'), (3, 'three')");
    }

    public void Dispose()
    {
        kept.Dispose();
        other.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void Close_WithAReaderLeftOpen_LetsGoOfWhatItSaw()
    {
        SqliteCommand left = From(kept, 1);
        Assert.True(left.ExecuteReader().Read());
        Write(other, "INSERT INTO notes VALUES (4, 'four')");

        kept.Close();
        kept.Open();

        Assert.Equal(4L, Read(kept, Count));
        Assert.Equal(["one", "two", "three", "four"], TextsFrom(kept, 1));
        Assert.Equal(0L, Read(other, "PRAGMA wal_checkpoint(TRUNCATE)"));
    }

    [Fact]
    public void Close_WithATransactionLeftOpen_RollsItBack()
    {
        SqliteTransaction left = kept.BeginTransaction();
        Write(kept, "INSERT INTO notes VALUES (4, 'four')");

        kept.Close();
        kept.Open();

        Assert.Equal(3L, Read(kept, Count));
        Write(other, "INSERT INTO notes VALUES (5, 'five')");
        Assert.Equal(4L, Read(kept, Count));
        left.Dispose();
    }

    [Fact]
    public void SameText_WhileItsReaderIsOpen_EachReadsItsOwn()
    {
        using SqliteCommand outer = From(kept, 1);
        using SqliteDataReader reader = outer.ExecuteReader();
        List<string> seen = [];
        for (int id = 1; reader.Read(); id++)
        {
            seen.Add($"{reader.GetString(0)}: {string.Join(' ', TextsFrom(kept, id))}");
        }

        Assert.Equal(["one: one two three", "two: two three", "three: three"], seen);
    }

    [Fact]
    public void MoreTextsThanAreKept_AllAnswerRightly()
    {
        for (int round = 0; round < 2; round++)
        {
            for (int number = 0; number < 250; number++)
            {
                Assert.Equal(number, Read(kept, string.Create(CultureInfo.InvariantCulture, $"SELECT {number} FROM notes WHERE id = 1")));
            }

            Assert.Equal(["two", "three"], TextsFrom(kept, 2));
        }
    }

    [Fact]
    public void Statement_ThatFailed_RunsAgain()
    {
        const string add = "INSERT INTO notes VALUES (9, 'nine')";
        Write(kept, add);
        Assert.Throws<SqliteException>(() => Write(kept, add));
        Write(kept, "DELETE FROM notes WHERE id = 9");
        Write(kept, add);

        Assert.Equal(4L, Read(other, Count));
    }

    private static void Write(KeptConnection connection, string sql)
    {
        using SqliteCommand command = Command(connection, sql);
        command.ExecuteNonQuery();
    }

    private static long Read(KeptConnection connection, string sql)
    {
        using SqliteCommand command = Command(connection, sql);
        return (long)command.ExecuteScalar()!;
    }

    private static List<string> TextsFrom(KeptConnection connection, int id)
    {
        using SqliteCommand command = From(connection, id);
        using SqliteDataReader reader = command.ExecuteReader();
        List<string> texts = [];
        while (reader.Read())
        {
            texts.Add(reader.GetString(0));
        }

        return texts;
    }

    private static SqliteCommand From(KeptConnection connection, int id)
    {
        SqliteCommand command = Command(connection, Texts);
        command.Parameters.AddWithValue("$from", id);
        return command;
    }

#pragma warning disable CA2100 // Every text here is this file's own.
    private static SqliteCommand Command(KeptConnection connection, string sql)
    {
        SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        return command;
    }
#pragma warning restore CA2100
}
