using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data.Events;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace LoraAdmin.Platform.Data;

/// <summary>Registers the database and what hangs on it. Program runs <see cref="DatabaseStartup"/> before it starts the host.</summary>
public static class PlatformData
{
    /// <exception cref="StartupRefusedException">The folder or the connection string can't be read.</exception>
    public static IServiceCollection AddPlatformData(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        DataOptions options = configuration.GetSection(DataOptions.Section)
            .Get<DataOptions>(binder => binder.ErrorOnUnknownConfiguration = true) ?? new DataOptions();
        if (string.IsNullOrWhiteSpace(options.Path))
        {
            throw new StartupRefusedException(
                $"{DataOptions.Section}:{nameof(DataOptions.Path)}",
                "It is empty.",
                "Name the folder for everything the portal writes, or remove the key for the default 'data'.");
        }

        string? connectionString = configuration.GetConnectionString("Database");
        services.AddSingleton(provider => new DataFolder(Path.GetFullPath(
            options.Path,
            provider.GetRequiredService<IHostEnvironment>().ContentRootPath)));
        if (string.IsNullOrWhiteSpace(connectionString))
        {
            services.TryAddSingleton(TimeProvider.System);
            services.AddSingleton<DatabaseTarget>(provider =>
                new DatabaseTarget.Sqlite(Path.Combine(provider.GetRequiredService<DataFolder>().Path, "loraadmin.db")));
        }
        else
        {
            services.AddSingleton(new DatabaseClock(TimeProvider.System));
            services.Replace(ServiceDescriptor.Singleton<TimeProvider>(provider => provider.GetRequiredService<DatabaseClock>()));
            services.AddSingleton<DatabaseTarget>(new DatabaseTarget.Postgres(Checked(connectionString)));
            services.AddHostedService<DatabaseClockService>();
        }

        services.TryAddSingleton<IIds, SystemIds>();
        services.AddDatabase();
        services.AddSingleton<DatabaseStartup>();
        services.AddDataProtection().SetApplicationName("LoraAdmin").PersistKeysToDbContext<LoraDb>();
        services.AddSingleton<IEventConsumer, EventLog>();
        services.AddHostedService<EventPumpService>();
        services.AddHostedService<ExpiredRowsService>();
        return services;
    }

    /// <summary>Contexts and unit of work on a <see cref="DatabaseTarget"/> that is registered already.</summary>
    internal static IServiceCollection AddDatabase(this IServiceCollection services)
    {
        services.AddSingleton<LoraDbFactory>();
        services.AddSingleton<IDbContextFactory<LoraDb>>(provider => provider.GetRequiredService<LoraDbFactory>());
        services.AddScoped(provider => provider.GetRequiredService<LoraDbFactory>().CreateDbContext());
        services.TryAddSingleton<StoreRegistry>();
        services.AddSingleton<CommitSignal>();
        services.AddSingleton<EfUnitOfWork>();
        services.AddSingleton<IUnitOfWork>(provider => provider.GetRequiredService<EfUnitOfWork>());
        services.AddSingleton<IFixedReads>(provider => provider.GetRequiredService<EfUnitOfWork>());
        services.AddStore<ILeaseStore, LeaseStore>();
        services.AddSingleton<EventPump>();
        services.AddSingleton<InstallationHolder>();
        services.AddSingleton(provider => provider.GetRequiredService<InstallationHolder>().Current);
        return services;
    }

    private static string Checked(string connectionString)
    {
        try
        {
            return new Npgsql.NpgsqlConnectionStringBuilder(connectionString).ToString();
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            throw new StartupRefusedException(
                DataOptions.ConnectionStringKey,
                $"The connection string can't be read: {exception.Message}",
                "Write it as Host=…;Port=5432;Database=…;Username=…;Password=…, or leave it empty to work on SQLite.",
                exception);
        }
    }
}
