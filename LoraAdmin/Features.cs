using LoraAdmin.Access;
using LoraAdmin.Alerts;
using LoraAdmin.Api;
using LoraAdmin.Breaker;
using LoraAdmin.Budget;
using LoraAdmin.Clocks;
using LoraAdmin.Library;
using LoraAdmin.Limits;
using LoraAdmin.Operations;
using LoraAdmin.Platform;
using LoraAdmin.Platform.Data;
using LoraAdmin.Platform.Live;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Platform.Web;
using LoraAdmin.Pods;
using LoraAdmin.Shell;
using LoraAdmin.Storage;
using LoraAdmin.Training;

namespace LoraAdmin;

/// <summary>The one page that lists everything that runs in the portal.</summary>
public static class Features
{
    public static IServiceCollection AddFeatures(this IServiceCollection services, IConfiguration configuration, IHostEnvironment environment)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(environment);
        string dataPath = Path.GetFullPath(configuration["Data:Path"] is { Length: > 0 } path ? path : new DataOptions().Path, environment.ContentRootPath);
        CloudAttachment cloud = CloudAttachment.From(configuration);

        // What features share.
        services.AddSingleton(cloud);
        services.AddSingleton<PortalStarted>();
        services.AddSingleton<LeasedTurn>();
        services.AddSingleton<PortalInstance>(provider => new PortalInstance($"{Environment.MachineName}-{Environment.ProcessId}-{Convert.ToHexStringLower(provider.GetRequiredService<Domain.Shared.IIds>().Secret(4))}"));
        services.AddPlatformData(configuration);
        services.AddPlatformWeb();
        services.AddLive(configuration);
        if (cloud.LocalCloudInside)
        {
            services.AddLocalCloud(configuration, dataPath);
        }

        // Features. Loops: EventPumpService and ExpiredRowsService (above), ClockWatchService (Clocks), BreakerWatchService (Breaker), PodWatchService (Pods),
        // ConductorService, SettlementService, BalanceWatchService, SpoolHeartbeatService, SpoolService, HeldFilesService, HostedWatchService and
        // HostedAccountService (Training),
        // OperationKeeperService and Quartz's scheduler (Operations), SessionWatchService (Access).
        // Operations: OperationList.
        services.AddClocks(configuration);
        services.AddStorage(configuration, dataPath);
        services.AddLibrary();
        services.AddLimits(configuration);
        services.AddBudget(configuration);
        services.AddBreaker(configuration);
        services.AddPods();
        services.AddTraining(dataPath);
        services.AddOperations(configuration);
        services.AddOperationList();
        services.AddAlerts();
        services.AddAccess();

        // Faces.
        services.AddLoraApi();
        services.AddShell();
        services.AddAccessPages();
        services.AddAlertPages();
        services.AddSwitchPages();
        services.AddPodPages();
        services.AddSpoolPages();
        services.AddStoragePages();
        services.AddBreakerPages();
        services.AddBudgetPages();
        services.AddFallbackPages();
        services.AddOperationPages();
        services.AddRules();
        if (cloud.LocalCloudIsVendor)
        {
            services.AddLocalCloudAsVendor();
        }

        services.AddStoreFaults(cloud, configuration);
        return services;
    }

    public static WebApplication MapFeatures(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.UseShell();
        app.UsePlatformWeb();
        app.UseAntiforgery();
        app.MapHealth();
        app.MapSignIn();
        app.MapSignedObjects();
        app.MapLoraApi();
        app.MapTrainingExport();
        app.MapLedgerExport();
        app.MapReplicateWebhook();
        app.MapShell();
        if (app.Services.GetRequiredService<CloudAttachment>().LocalCloudInside)
        {
            app.MapLocalCloud();
        }

        return app;
    }
}
