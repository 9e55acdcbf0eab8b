using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Access;
using LoraAdmin.Platform;
using LoraAdmin.Platform.Data;
using Microsoft.Extensions.Options;
using Quartz;

namespace LoraAdmin.Operations;

/// <summary>
/// Scheduled work: section <c>Operations</c>; tables <c>operation_*</c>, and Quartz's own on PostgreSQL; loops <see cref="OperationKeeperService"/> and
/// the scheduler; pages below /operations. A feature adds its operation as <see cref="IOperation"/>.
/// </summary>
public static class OperationsFeature
{
    /// <summary>How soon the death of an instance is noticed by the others' schedulers.</summary>
    private static readonly TimeSpan CheckinInterval = TimeSpan.FromSeconds(5);

    /// <summary>How soon a schedule that another instance has changed is heard of.</summary>
    private static readonly TimeSpan IdleWait = TimeSpan.FromSeconds(10);

    public static IServiceCollection AddOperations(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        services.AddOptions<OperationsOptions>()
            .Bind(configuration.GetSection(OperationsOptions.Section), binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<OperationsOptions>, OperationsOptionsValidator>();
        services.AddSingleton<Func<OperationRules>>(provider =>
        {
            OperationsOptions options = provider.GetRequiredService<IOptions<OperationsOptions>>().Value;
            return options.ToRules;
        });

        services.AddOperationStores();
        services.AddSingleton<ICronSchedules, QuartzCrons>();
        services.AddSingleton<OperationRegistry>();
        services.AddSingleton<IOperation>(provider => new HistoryRetention(
            provider.GetRequiredService<IUnitOfWork>(), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<Func<OperationRules>>(), Permissions.CleanHistory));
        services.AddSingleton(provider => new RunStarter(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<OperationRegistry>(),
            provider.GetRequiredService<ICronSchedules>(),
            provider.GetRequiredService<IIds>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<Func<OperationRules>>(),
            provider.GetRequiredService<Func<Installation>>(),
            provider.GetRequiredService<ClockStandings>(),
            provider.GetRequiredService<PortalInstance>().Id));
        bool isAlone = string.IsNullOrWhiteSpace(configuration.GetConnectionString("Database"));
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<OperationRunner>(provider, isAlone));
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<OccurrenceKeeper>(provider, isAlone));
        services.AddSingleton<IOperationDesk, OperationDesk>();
        services.AddScheduler(configuration.GetConnectionString("Database"));
        services.AddSingleton<QuartzSchedules>();
        services.AddSingleton<RunHost>();
        services.AddSingleton<IRunHost>(provider => provider.GetRequiredService<RunHost>());
        services.AddHostedService(provider => provider.GetRequiredService<RunHost>());
        services.AddHostedService<OperationKeeperService>();
        return services;
    }

    internal static IServiceCollection AddOperationStores(this IServiceCollection services)
    {
        services.AddStore<IOperationScheduleStore, OperationScheduleStore>();
        services.AddStore<IAutomationHoldStore, AutomationHoldStore>();
        services.AddStore<IOperationRunStore, OperationRunStore>();
        services.AddStore<IOperationPlanStore, OperationPlanStore>();
        return services.AddStore<IOccurrenceStore, OccurrenceStore>();
    }

    /// <summary>On PostgreSQL the instances share one clustered store, so that each instant is fired once; on SQLite there is one process.</summary>
    private static void AddScheduler(this IServiceCollection services, string? connectionString)
    {
        services.AddQuartz(quartz =>
        {
            quartz.ConfigureScheduler(options =>
            {
                options.InstanceName = "loraadmin";
                options.GenerateInstanceId = true;
                options.DefaultTimeZone = TimeZoneInfo.Utc;
                options.IdleWaitTime = IdleWait;
            });
            if (string.IsNullOrWhiteSpace(connectionString))
            {
                quartz.UseInMemoryStore();
            }
            else
            {
                quartz.UsePersistentStore(store =>
                {
                    store.UsePostgres(connectionString);
                    store.UseClustering(cluster => cluster.CheckinInterval = CheckinInterval);
                    store.ProvisionSchema();
                });
            }
        });
        services.AddQuartzHostedService(options => options.WaitForJobsToComplete = true);
    }
}
