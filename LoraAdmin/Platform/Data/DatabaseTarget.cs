using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
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
    private readonly Func<LoraDb> create;
    private readonly NpgsqlDataSource? dataSource;

    public LoraDbFactory(DatabaseTarget target)
    {
        Target = target;
        switch (target)
        {
            case DatabaseTarget.Sqlite sqlite:
                PooledDbContextFactory<SqliteLoraDb> sqlitePool = new(SqliteOptions(sqlite.File));
                create = sqlitePool.CreateDbContext;
                break;
            case DatabaseTarget.Postgres postgres:
                dataSource = NpgsqlDataSource.Create(PostgresConnection(postgres.ConnectionString));
                PooledDbContextFactory<PostgresLoraDb> postgresPool = new(PostgresOptions(dataSource));
                create = postgresPool.CreateDbContext;
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(target), target, null);
        }
    }

    public DatabaseTarget Target { get; }

    /// <summary>The pool of raw connections; null on SQLite.</summary>
    public NpgsqlDataSource? DataSource => dataSource;

    public LoraDb CreateDbContext() => create();

    public async ValueTask DisposeAsync()
    {
        if (dataSource is not null)
        {
            await dataSource.DisposeAsync();
        }

        if (Target is DatabaseTarget.Sqlite sqlite)
        {
            using SqliteConnection connection = new(SqliteConnectionString(sqlite.File));
            SqliteConnection.ClearPool(connection);
        }
    }

    internal static DbContextOptions<SqliteLoraDb> SqliteOptions(string file) =>
        new DbContextOptionsBuilder<SqliteLoraDb>()
            .UseSqlite(SqliteConnectionString(file), sqlite => sqlite.MigrationsHistoryTable(LoraDb.MigrationsHistory))
            .UseSnakeCaseNamingConvention()
            .AddInterceptors(new SqlitePragmas())
            .Options;

    internal static DbContextOptions<PostgresLoraDb> PostgresOptions(NpgsqlDataSource dataSource) =>
        new DbContextOptionsBuilder<PostgresLoraDb>()
            .UseNpgsql(dataSource, postgres => postgres.MigrationsHistoryTable(LoraDb.MigrationsHistory))
            .UseSnakeCaseNamingConvention()
            .Options;

    private static string SqliteConnectionString(string file) =>
        new SqliteConnectionStringBuilder { DataSource = file, ForeignKeys = true, DefaultTimeout = 10 }.ToString();

    // Dates are compared with instants inside the database where month_reset_date is TIMESTAMPTZ: the session has to count in UTC.
    private static string PostgresConnection(string connectionString)
    {
        NpgsqlConnectionStringBuilder builder = new(connectionString) { Timezone = "UTC" };
        builder.ApplicationName ??= "LoraAdmin";
        if (!connectionString.Contains("Timeout", StringComparison.OrdinalIgnoreCase))
        {
            builder.Timeout = 8;
        }

        return builder.ToString();
    }
}
