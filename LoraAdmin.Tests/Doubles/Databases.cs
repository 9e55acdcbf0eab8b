using LoraAdmin.Access;
using LoraAdmin.Budget;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Library;
using LoraAdmin.Limits;
using LoraAdmin.Platform;
using LoraAdmin.Platform.Data;
using LoraAdmin.Pods;
using LoraAdmin.Storage;
using LoraAdmin.Training;
using Microsoft.EntityFrameworkCore;
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
    public static async Task<TestDatabase> CreateAsync(DatabaseKind kind, TimeProvider? clock = null)
    {
        TestDatabase database = await CreateEmptyAsync(kind, clock);
        await using LoraDb db = database.NewContext();
        await db.Database.MigrateAsync();
        return database;
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
    internal static ServiceProvider Build(DatabaseTarget target, TimeProvider? clock = null)
    {
        ServiceCollection services = new();
        services.AddLogging();
        services.AddSingleton(clock ?? TimeProvider.System);
        services.AddSingleton<IIds, SystemIds>();
        services.AddSingleton(target);
        services.AddSingleton(new BudgetRules(Usd.FromDollars(200), Usd.FromDollars(150)));
        services.AddSingleton(new LimitRules(10, 30));
        services.AddDatabase();
        services.AddStore<ITrainingStore, TrainingStore>();
        services.AddStore<ITrainingUploadStore, TrainingUploadStore>();
        services.AddStore<IIdempotencyStore, IdempotencyStore>();
        services.AddStore<IPodLedger, PodLedger>();
        services.AddStore<IBudgetStore, BudgetStore>();
        services.AddStore<ILimitsStore, LimitsStore>();
        services.AddStore<ILoraStore, LoraStore>();
        services.AddStore<ISpoolStore, SpoolStore>();
        services.AddStore<IAccessStore, AccessStore>();
        return services.BuildServiceProvider();
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
