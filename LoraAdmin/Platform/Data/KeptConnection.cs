using System.Data;
using Microsoft.Data.Sqlite;

namespace LoraAdmin.Platform.Data;

/// <summary>
/// A connection to the SQLite file that stays open for as long as its context is kept, with its statements prepared: opening, and parsing each statement
/// anew, was a third of the work of a short unit (docs/decisions/0006). Used by one context at a time.
/// </summary>
internal sealed class KeptConnection(string connectionString) : SqliteConnection(connectionString)
{
    /// <summary>FULL: a commit that was answered survives loss of power, which the ledger of paid pods needs.</summary>
    private const string Settings = "PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;";

    /// <summary>A page that filters freely has many texts, and each costs tens of kilobytes: beyond these the one that was asked longest ago is given up.</summary>
    private const int MostPrepared = 100;

    private readonly Dictionary<string, PreparedCommand> prepared = [];
    private long asked;
    private bool isEnding;

    public override void Open()
    {
        if (State == ConnectionState.Open)
        {
            return;
        }

        base.Open();
        try
        {
            using SqliteCommand command = new(Settings, this);
            command.ExecuteNonQuery();
        }
        catch
        {
            // Kept as it is, it would go on without what the settings promise.
            base.Close();
            throw;
        }
    }

    /// <summary>EF closes after each use: what the use left open ends, the connection stays. Disposing closes it.</summary>
    public override void Close()
    {
        if (!isEnding)
        {
            // A reader that nobody closed would hold what it sees of the file, and all later reads with it.
            foreach (PreparedCommand one in prepared.Values)
            {
                one.EndReading();
            }

            Transaction?.Dispose();
            return;
        }

        // With the connection go its commands.
        prepared.Clear();
        base.Close();
    }

    public override SqliteCommand CreateCommand() => new KeptCommand(this) { CommandTimeout = DefaultTimeout, Transaction = Transaction };

    protected override void Dispose(bool disposing)
    {
        isEnding = true;
        base.Dispose(disposing);
    }

    /// <summary>Null while a reader of the same text is open.</summary>
    private PreparedCommand? FindIdle(string sql)
    {
        if (prepared.TryGetValue(sql, out PreparedCommand? known))
        {
            known.LastAsked = ++asked;
            return known.IsIdle ? known : null;
        }

        if (prepared.Count >= MostPrepared && prepared.Values.Where(static one => one.IsIdle).MinBy(static one => one.LastAsked) is { } oldest)
        {
            prepared.Remove(oldest.CommandText);
            oldest.Dispose();
        }

        return prepared[sql] = new PreparedCommand(sql, this) { LastAsked = ++asked };
    }

    /// <summary>What a caller fills in, runs and disposes; runs on the prepared statement of its text.</summary>
    private sealed class KeptCommand(KeptConnection connection) : SqliteCommand(null, connection)
    {
        // Everything that a command can be asked to do comes by here.
        public override SqliteDataReader ExecuteReader(CommandBehavior behavior) => connection.FindIdle(CommandText) is { } prepared
            ? prepared.Run(this, behavior)
            : base.ExecuteReader(behavior);
    }

    private sealed class PreparedCommand(string sql, SqliteConnection connection) : SqliteCommand(sql, connection)
    {
        public long LastAsked { get; set; }

        public bool IsIdle => DataReader is null;

        public void EndReading() => DataReader?.Dispose();

        public SqliteDataReader Run(SqliteCommand asked, CommandBehavior behavior)
        {
            Transaction = asked.Transaction;
            CommandTimeout = asked.CommandTimeout;
            Parameters.Clear();
            foreach (SqliteParameter parameter in asked.Parameters)
            {
                Parameters.Add(parameter);
            }

            return ExecuteReader(behavior);
        }
    }
}
