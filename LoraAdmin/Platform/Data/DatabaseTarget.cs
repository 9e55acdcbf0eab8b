using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Npgsql;

namespace LoraAdmin.Platform.Data;

/// <summary>Which database the portal works on.</summary>
public abstract record DatabaseTarget
{
    private DatabaseTarget()
    {
    }

    /// <param name="File">Absolute path.</param>
    public sealed record Sqlite(string File) : DatabaseTarget;

    public sealed record Postgres(string ConnectionString) : DatabaseTarget;
}

/// <summary>Makes contexts for the configured database. Contexts are pooled: dispose each one soon.</summary>
public sealed class LoraDbFactory : IDbContextFactory<LoraDb>, IAsyncDisposable
{
    /// <summary>Each has an open connection. SQLite's driver works on the calling thread: more at one time are rare, and end with their use.</summary>
    private const int MostSqliteContexts = 8;

    private readonly ConcurrentDictionary<KeptConnection, bool> kept = [];
    private readonly Func<LoraDb> create;
    private readonly Func<LoraDb> createForWriting;
    private readonly NpgsqlDataSource? dataSource;
    private readonly NpgsqlDataSource? preparingSource;

    /// <param name="listeners">Hear of what every context does, such as its commits, beside those that the portal needs.</param>
    public LoraDbFactory(DatabaseTarget target, IEnumerable<IInterceptor>? listeners = null)
    {
        Target = target;
        IInterceptor[] all = [new NewRowsFirst(), .. listeners ?? []];
        switch (target)
        {
            case DatabaseTarget.Sqlite sqlite:
                string file = SqliteConnectionString(sqlite.File);
                PooledDbContextFactory<SqliteLoraDb> sqlitePool = new(SqliteOptions(sqlite.File, all), MostSqliteContexts);
                create = () => OnKeptConnection(sqlitePool.CreateDbContext(), file);
                createForWriting = create;
                break;
            case DatabaseTarget.Postgres postgres:
                NpgsqlConnectionStringBuilder connection = PostgresConnection(postgres.ConnectionString);
                dataSource = NpgsqlDataSource.Create(connection);
                create = new PooledDbContextFactory<PostgresLoraDb>(PostgresOptions(dataSource, all)).CreateDbContext;
                preparingSource = NpgsqlDataSource.Create(Preparing(connection));
                createForWriting = new PooledDbContextFactory<PostgresLoraDb>(PostgresOptions(preparingSource, all)).CreateDbContext;
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(target), target, null);
        }
    }

    public DatabaseTarget Target { get; }

    /// <summary>The pool of raw connections; null on SQLite.</summary>
    public NpgsqlDataSource? DataSource => dataSource;

    public LoraDb CreateDbContext() => create();

    /// <summary>
    /// For units that write. On PostgreSQL their statements (inserts, and updates by key) are prepared once per connection; those of readers are
    /// not, because a prepared list query is planned without knowing how rare its filter is (docs/decisions/0006).
    /// </summary>
    public LoraDb CreateForWriting() => createForWriting();

    public async ValueTask DisposeAsync()
    {
        if (dataSource is not null && preparingSource is not null)
        {
            await dataSource.DisposeAsync();
            await preparingSource.DisposeAsync();
        }

        foreach (KeptConnection connection in kept.Keys)
        {
            await connection.DisposeAsync();
        }
    }

    internal static DbContextOptions<SqliteLoraDb> SqliteOptions(string file, params IInterceptor[] interceptors) =>
        new DbContextOptionsBuilder<SqliteLoraDb>()
            .UseSqlite(SqliteConnectionString(file), static sqlite => sqlite.MigrationsHistoryTable(LoraDb.MigrationsHistory))
            .UseSnakeCaseNamingConvention()
            .AddInterceptors(interceptors)
            .Options;

    internal static DbContextOptions<PostgresLoraDb> PostgresOptions(NpgsqlDataSource dataSource, params IInterceptor[] interceptors) =>
        new DbContextOptionsBuilder<PostgresLoraDb>()
            .UseNpgsql(dataSource, postgres => postgres.MigrationsHistoryTable(LoraDb.MigrationsHistory))
            .UseSnakeCaseNamingConvention()
            .AddInterceptors(interceptors)
            .Options;

    /// <summary>A context that was made new gets a connection for as long as the pool keeps it.</summary>
    private SqliteLoraDb OnKeptConnection(SqliteLoraDb db, string file)
    {
        if (db.Database.GetDbConnection() is not KeptConnection)
        {
            KeptConnection connection = new(file);
            kept[connection] = true;
            connection.Disposed += (_, _) => kept.TryRemove(connection, out _);
            AddFunctions(connection);
            db.Database.SetDbConnection(connection, contextOwnsConnection: true);
        }

        return db;
    }

    /// <summary>EF adds the functions that its SQL calls to a connection that comes with the options, and to none that is set later.</summary>
    private static void AddFunctions(KeptConnection connection)
    {
        using DbContext db = new(new DbContextOptionsBuilder().UseSqlite(connection).Options);
        _ = db.Database.GetDbConnection();
    }

    // The context's pool keeps the connection; closing it must close the file.
    private static string SqliteConnectionString(string file) =>
        new SqliteConnectionStringBuilder { DataSource = file, ForeignKeys = true, DefaultTimeout = 10, Pooling = false }.ToString();

    // Dates are compared with instants inside the database where month_reset_date is TIMESTAMPTZ: the session has to count in UTC.
    private static NpgsqlConnectionStringBuilder PostgresConnection(string connectionString)
    {
        NpgsqlConnectionStringBuilder builder = new(connectionString) { Timezone = "UTC" };
        builder.ApplicationName ??= "LoraAdmin";
        if (!connectionString.Contains("Timeout", StringComparison.OrdinalIgnoreCase))
        {
            builder.Timeout = 8;
        }

        return builder;
    }

    // Whoever names the setting decides: 0 is needed behind a pooler that gives each transaction another connection.
    private static NpgsqlConnectionStringBuilder Preparing(NpgsqlConnectionStringBuilder connection) =>
        connection.ToString().Contains("Max Auto Prepare", StringComparison.OrdinalIgnoreCase)
            ? connection
            : new NpgsqlConnectionStringBuilder(connection.ToString()) { MaxAutoPrepare = 100, AutoPrepareMinUsages = 2 };
}
