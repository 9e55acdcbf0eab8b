using System.Globalization;
using LoraAdmin.Access;
using LoraAdmin.Alerts;
using LoraAdmin.Breaker;
using LoraAdmin.Budget;
using LoraAdmin.Clocks;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Alerts;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Clocks;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Library;
using LoraAdmin.Limits;
using LoraAdmin.Operations;
using LoraAdmin.Platform;
using LoraAdmin.Platform.Data;
using LoraAdmin.Pods;
using LoraAdmin.Storage;
using LoraAdmin.Training;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace LoraAdmin.Tests.Doubles;

public enum DatabaseKind
{
    Sqlite,
    Postgres,
}

/// <summary>A fresh, really migrated database of one kind with all stores on it. Gone when disposed.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    // Migrated once per run and copied for each test.
    private static readonly Lazy<Task<string>> PostgresTemplate = new(MakePostgresTemplateAsync);
    private static readonly Lazy<Task<string>> SqliteTemplate = new(MakeSqliteTemplateAsync);

    private readonly ServiceProvider services;
    private readonly string? folder;

    private TestDatabase(ServiceProvider services, string? folder)
    {
        this.services = services;
        this.folder = folder;
    }

    public IServiceProvider Services => services;

    public IUnitOfWork Work => services.GetRequiredService<IUnitOfWork>();

    public LoraDb NewContext() => services.GetRequiredService<LoraDbFactory>().CreateDbContext();

    /// <summary>A new database with the schema of this version.</summary>
    /// <param name="below">Where a file's folder is made; null: among the machine's temporary files.</param>
    /// <param name="listener">Hears of what is done to it.</param>
    public static async Task<TestDatabase> CreateAsync(DatabaseKind kind, TimeProvider? clock = null, string? below = null, IInterceptor? listener = null)
    {
        string template = await (kind == DatabaseKind.Postgres ? PostgresTemplate : SqliteTemplate).Value;
        if (kind == DatabaseKind.Postgres)
        {
            return new TestDatabase(Build(new DatabaseTarget.Postgres(await PostgresServer.NewDatabaseAsync(template)), clock, listener), folder: null);
        }

        string folder = below is null
            ? Directory.CreateTempSubdirectory("loraadmin-db-").FullName
            : Directory.CreateDirectory(Path.Combine(below, $"loraadmin-db-{Path.GetRandomFileName()}")).FullName;
        string file = Path.Combine(folder, "test.db");
        File.Copy(template, file);
        return new TestDatabase(Build(new DatabaseTarget.Sqlite(file), clock, listener), folder);
    }

    /// <summary>A new database without any table.</summary>
    public static async Task<TestDatabase> CreateEmptyAsync(DatabaseKind kind, TimeProvider? clock = null)
    {
        if (kind == DatabaseKind.Postgres)
        {
            return new TestDatabase(Build(new DatabaseTarget.Postgres(await PostgresServer.NewDatabaseAsync()), clock), folder: null);
        }

        string folder = Directory.CreateTempSubdirectory("loraadmin-db-").FullName;
        return new TestDatabase(Build(new DatabaseTarget.Sqlite(Path.Combine(folder, "test.db")), clock), folder);
    }

    /// <summary>All stores and the unit of work on the target, as the host registers them.</summary>
    internal static ServiceProvider Build(DatabaseTarget target, TimeProvider? clock = null, IInterceptor? listener = null)
    {
        ServiceCollection services = new();
        services.AddLogging();
        services.AddSingleton(clock ?? TimeProvider.System);
        services.AddSingleton<IIds, SystemIds>();
        services.AddSingleton(target);
        services.AddSingleton(new BudgetRules(Usd.FromDollars(200), Usd.FromDollars(150)));
        services.AddSingleton(new LimitRules(10, 30));
        services.AddDatabase();
        if (listener is not null)
        {
            services.AddSingleton(listener);
        }

        services.AddStore<ITrainingStore, TrainingStore>();
        services.AddStore<ITrainingUploadStore, TrainingUploadStore>();
        services.AddStore<IHostedTrainingStore, HostedTrainingStore>();
        services.AddStore<IIdempotencyStore, IdempotencyStore>();
        services.AddStore<IPodLedger, PodLedger>();
        services.AddStore<IPodClaimStore, PodClaimStore>();
        services.AddStore<IAccountLookStore, AccountLookStore>();
        services.AddStore<IBillStore, BillStore>();
        services.AddStore<IBalanceStore, BalanceStore>();
        services.AddStore<IGpuPriceStore, GpuPriceStore>();
        services.AddStore<ITrainingPauseStore, TrainingPauseStore>();
        services.AddStore<IIncidentStore, IncidentStore>();
        services.AddStore<IOpenIncidents, OpenIncidentStore>();
        services.AddStore<IBudgetStore, BudgetStore>();
        services.AddStore<IBudgetLimitStore, BudgetLimitStore>();
        services.AddStore<IKeptTotalsStore, KeptTotalsStore>();
        services.AddStore<ILimitsStore, LimitsStore>();
        services.AddStore<ILoraStore, LoraStore>();
        services.AddStore<ILoraFiles, LoraFileStore>();
        services.AddStore<ISpoolStore, SpoolStore>();
        services.AddStore<IStorageCensusStore, StorageCensusStore>();
        services.AddStore<IAccessStore, AccessStore>();
        services.AddStore<IBreakerToldStore, BreakerToldStore>();
        services.AddStore<IClockDifferenceStore, ClockDifferenceStore>();
        services.AddOperationStores();
        return services.BuildServiceProvider();
    }

    private static async Task<string> MakePostgresTemplateAsync()
    {
        string connectionString = await PostgresServer.NewDatabaseAsync();
        await MigrateAsync(new DatabaseTarget.Postgres(connectionString));
        return new NpgsqlConnectionStringBuilder(connectionString).Database!;
    }

    private static async Task<string> MakeSqliteTemplateAsync()
    {
        string folder = Directory.CreateTempSubdirectory("loraadmin-template-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        string file = Path.Combine(folder, "template.db");
        await MigrateAsync(new DatabaseTarget.Sqlite(file));
        await FoldAsync(file);
        return file;
    }

    /// <summary>Copies are made of the file alone: whatever still lay in its write-ahead log, as after a connection that is closed late, they would lack.</summary>
    private static async Task FoldAsync(string file)
    {
        await using SqliteConnection connection = new(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString());
        await connection.OpenAsync();
        await using SqliteCommand fold = connection.CreateCommand();
        fold.CommandText = "PRAGMA wal_checkpoint(TRUNCATE)";
        if (Convert.ToInt64(await fold.ExecuteScalarAsync(), CultureInfo.InvariantCulture) != 0)
        {
            throw new InvalidOperationException($"The write-ahead log of {file} can't be folded into it: copies would lack tables.");
        }
    }

    private static async Task MigrateAsync(DatabaseTarget target)
    {
        await using ServiceProvider services = Build(target);
        await using LoraDb db = services.GetRequiredService<LoraDbFactory>().CreateDbContext();
        await db.Database.MigrateAsync();
    }

    public async ValueTask DisposeAsync()
    {
        LoraDbFactory factory = services.GetRequiredService<LoraDbFactory>();
        string? database = factory.Target is DatabaseTarget.Postgres postgres ? new NpgsqlConnectionStringBuilder(postgres.ConnectionString).Database : null;
        await services.DisposeAsync();
        if (folder is not null)
        {
            Directory.Delete(folder, recursive: true);
        }

        if (database is not null)
        {
            PostgresServer server = await PostgresServer.SharedAsync();
            await using NpgsqlConnection connection = new(server.ConnectionString("postgres"));
            await connection.OpenAsync();
            await using NpgsqlCommand drop = new($"DROP DATABASE {database} WITH (FORCE)", connection);
            await drop.ExecuteNonQueryAsync();
        }
    }
}
