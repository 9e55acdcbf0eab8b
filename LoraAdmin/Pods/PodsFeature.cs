using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using LoraAdmin.Platform.Vendors;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Pods;

/// <summary>Registers the RunPod account behind its ports and the sections <c>RunPod</c> and <c>Pods</c>.</summary>
public static class PodsFeature
{
    public static IServiceCollection AddPods(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddOptions<RunPodOptions>()
            .BindConfiguration(RunPodOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .PostConfigure(options =>
            {
                // A default in the property itself would stay in front of the configured types: the binder appends to lists.
                if (options.GpuTypes.Count == 0)
                {
                    options.GpuTypes = [.. RunPodOptions.DefaultGpuTypes];
                }
            })
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<RunPodOptions>, RunPodOptionsValidator>();
        services.AddOptions<PodsOptions>()
            .BindConfiguration(PodsOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<PodsOptions>, PodsOptionsValidator>();

        services.AddVendorHttpClient(RunPodWire.HttpClientName, provider => provider.GetRequiredService<IOptions<RunPodOptions>>().Value.BaseUrl);
        services.AddHttpClient(RunPodWire.HttpClientName).AddHttpMessageHandler(static provider => new OutsideClockHandler(
            provider.GetRequiredService<ClockStandings>(), ClockStandings.Provider, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IOutsideClock, RunPodClock>();
        services.AddSingleton(provider => new RunPodWire(
            provider.GetRequiredService<IHttpClientFactory>().CreateClient(RunPodWire.HttpClientName),
            provider.GetRequiredService<IOptions<RunPodOptions>>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<RunPodWire>>()));
        services.AddSingleton<RunPodClient>();
        services.AddSingleton<IPodProvider>(provider => provider.GetRequiredService<RunPodClient>());
        services.AddSingleton<IGpuCatalog>(provider => provider.GetRequiredService<RunPodClient>());
        services.AddSingleton<IAccountBalance, RunPodBalance>();
        services.AddSingleton<IPodBilling, RunPodBilling>();
        services.AddSingleton<GpuPriceBook>();
        services.AddSingleton<GpuPrices>();
        services.AddSingleton(provider => new PodLauncher(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<IPodProvider>(),
            provider.GetRequiredService<ICreationGate>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<Func<Installation>>()));
        services.AddSingleton(provider => new PodSweep(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<IPodProvider>(),
            provider.GetRequiredService<IFileProofs>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<SweepCaps>,
            provider.GetRequiredService<PodRules>,
            provider.GetRequiredService<Func<Installation>>(),
            provider.GetRequiredService<ClockStandings>()));
        services.AddSingleton(provider => new PodWatch(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<IPodProvider>(),
            provider.GetRequiredService<PodSweep>(),
            provider.GetRequiredService<IFileProofs>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<PodRules>,
            provider.GetRequiredService<ClockStandings>()));
        services.AddSingleton<PodDesk>();
        services.AddStore<IPodLedger, PodLedger>();
        services.AddStore<IPodClaimStore, PodClaimStore>();
        services.AddStore<IAccountLookStore, AccountLookStore>();
        services.AddStore<IBillStore, BillStore>();
        services.AddStore<IBalanceStore, BalanceStore>();
        services.AddStore<IGpuPriceStore, GpuPriceStore>();
        services.AddSingleton<PodImportStore>();
        services.AddSingleton<PodImport>();
        services.AddHostedService<PodWatchService>();
        return services;
    }
}
