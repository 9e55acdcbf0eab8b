using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Domain.Training.Steps;
using LoraAdmin.Platform;
using LoraAdmin.Platform.Data;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Training;

/// <summary>
/// Training jobs: sections <c>Training</c>, <c>Validation</c>, <c>PodAgent</c>; tables <c>lora_training_jobs</c>, <c>training_*</c>,
/// <c>idempotency_keys</c>; loops <see cref="ConductorService"/>, <see cref="ProvidersWatchService"/> and <see cref="SettlementService"/>; pages /training and /training/{id}.
/// </summary>
public static class TrainingFeature
{
    private static readonly TimeSpan[] CreateRetries = [TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(8)];

    /// <param name="dataPath">The resolved <c>Data:Path</c>.</param>
    public static IServiceCollection AddTraining(this IServiceCollection services, string dataPath)
    {
        services.AddOptions<TrainingOptions>()
            .BindConfiguration(TrainingOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .PostConfigure<IConfiguration>((options, configuration) =>
            {
                // An empty list in the configuration means "no retries", an absent one the default.
                if (options.CreateRetries.Count == 0 && !configuration.GetSection($"{TrainingOptions.Section}:{nameof(TrainingOptions.CreateRetries)}").Exists())
                {
                    foreach (TimeSpan wait in CreateRetries)
                    {
                        options.CreateRetries.Add(wait);
                    }
                }
            })
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<TrainingOptions>, TrainingOptionsValidator>();
        services.AddOptions<ValidationOptions>()
            .BindConfiguration(ValidationOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<ValidationOptions>, ValidationOptionsValidator>();
        services.AddPodAgent();
        services.AddReplicate(dataPath);

        services.AddStore<ITrainingStore, TrainingStore>();
        services.AddStore<ITrainingUploadStore, TrainingUploadStore>();
        services.AddStore<ITrainingPauseStore, TrainingPauseStore>();
        services.AddStore<IIdempotencyStore, IdempotencyStore>();
        services.AddSingleton(new ExpiredRows("idempotency_keys", IdempotencyStore.DeleteExpiredAsync));
        services.AddSingleton<ITrainingQueries, TrainingQueryStore>();
        services.AddSingleton<IJobReader, JobReader>();
        services.AddSingleton<IBatchedQuery<PaidWorkQuestion, PaidWorkNow>>(provider => new PaidWork(provider.GetRequiredService<TrainingRules>().WorstHourlyPrice));
        services.AddSingleton<IImageInspector, SkiaImageInspector>();
        services.AddSingleton<IImageStaging, UploadStaging>();
        services.AddSingleton<UploadSweep>();

        services.AddSingleton<ITrainingDesk>(provider => new TrainingDesk(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<GpuPrices>(),
            provider.GetRequiredService<ISpool>(),
            provider.GetRequiredService<IIds>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<AdmissionRules>,
            provider.GetRequiredService<ClockStandings>()));
        services.AddSingleton<IJobEstimate>(provider => new JobEstimate(provider.GetRequiredService<GpuPrices>(), provider.GetRequiredService<TrainingRules>));
        services.AddSingleton<FileProofs>();
        services.AddSingleton<IFileProofs>(provider => provider.GetRequiredService<FileProofs>());
        services.AddSingleton(provider => new ProviderFunds(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<IAccountBalance>(),
            provider.GetRequiredService<GpuPrices>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<TrainingRules>));
        services.AddSingleton(provider => new BalanceWatch(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<IAccountBalance>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<TrainingRules>,
            provider.GetRequiredService<RunwayRules>));
        services.AddSingleton<IProviderMoney>(provider => new ProviderMoney(
            provider.GetRequiredService<IUnitOfWork>(), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<TrainingRules>));
        services.AddSingleton<TrainingSwitches>();
        services.AddSingleton(provider => new JobEnding(
            provider.GetRequiredService<IIds>(),
            provider.GetRequiredService<TrainingRules>,
            provider.GetRequiredService<BudgetRules>,
            provider.GetRequiredService<HostedRules>,
            provider.GetRequiredService<ClockStandings>()));
        services.AddSingleton<JobsOfACopy>();
        services.AddSingleton(Conductor);
        services.AddSingleton(provider => new AttemptSettlement(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<BudgetRules>,
            provider.GetRequiredService<TrainingRules>,
            provider.GetRequiredService<ClockStandings>()));
        services.AddSingleton<SpoolSweep>();
        services.AddSpoolLoops();
        services.AddSingleton(provider => new ProvidersWatch(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<BreakerGate>(),
            provider.GetRequiredService<HostedFallback>(),
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<RefusalWatch>();
        services.AddHostedService<ProvidersWatchService>();
        services.AddHostedService<ConductorService>();
        services.AddHostedService<SettlementService>();
        services.AddHostedService<BalanceWatchService>();
        return services;
    }

    /// <summary>The loops over files between pod and storage (<see cref="SpoolService"/>, <see cref="HeldFilesService"/>).</summary>
    private static void AddSpoolLoops(this IServiceCollection services)
    {
        services.AddSingleton(provider => new SpoolUploads(
            provider.GetRequiredService<IUnitOfWork>(), TimedObjects(provider), provider.GetRequiredService<ISpool>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<SpoolReconcile>();
        services.AddSingleton(provider => new HeldFiles(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<IPodAgent>(),
            provider.GetRequiredService<ISpool>(),
            provider.GetRequiredService<FileProofs>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<TrainingRules>,
            provider.GetRequiredService<PortalInstance>().Id));
        services.AddSingleton(provider => new OldImages(
            provider.GetRequiredService<IUnitOfWork>(),
            TimedObjects(provider),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<TrainingRules>,
            Permissions.DeleteImages));
        services.AddSingleton<ISpoolDesk, SpoolDesk>();
        services.AddHostedService<SpoolHeartbeatService>();
        services.AddHostedService<SpoolService>();
        services.AddHostedService<HeldFilesService>();
    }

    internal static TimedObjectStore TimedObjects(IServiceProvider provider) => new(
        provider.GetRequiredService<IObjectStore>(), provider.GetRequiredService<TimeProvider>(), () => provider.GetRequiredService<TrainingRules>().StoreTimeout);

    private static TrainingConductor Conductor(IServiceProvider provider)
    {
        IUnitOfWork work = provider.GetRequiredService<IUnitOfWork>();
        IObjectStore objects = TimedObjects(provider);
        ISpool spool = provider.GetRequiredService<ISpool>();
        IPodAgent agent = provider.GetRequiredService<IPodAgent>();
        PodLauncher launcher = provider.GetRequiredService<PodLauncher>();
        TimeProvider clock = provider.GetRequiredService<TimeProvider>();
        Func<TrainingRules> rules = provider.GetRequiredService<TrainingRules>;
        TrainingPlaces places = new(work, clock, rules);
        HostedFallback fallback = provider.GetRequiredService<HostedFallback>();
        IHostedTrainings hosted = provider.GetRequiredService<IHostedTrainings>();
        ClockStandings clocks = provider.GetRequiredService<ClockStandings>();
        ITrainingStep[] steps =
        [
            new QueuedStep(work, places, provider.GetRequiredService<BreakerGate>(), fallback, clock, rules),
            new PreparingStep(work, objects, provider.GetRequiredService<IImageInspector>(), rules),
            new StepByProvider(
                new ProvisioningStep(
                    work,
                    launcher,
                    provider.GetRequiredService<GpuPrices>(),
                    places,
                    provider.GetRequiredService<ProviderFunds>(),
                    fallback,
                    agent,
                    clock,
                    rules,
                    provider.GetRequiredService<Func<Installation>>()),
                new HostedProvisioningStep(
                    provider.GetRequiredService<HostedLauncher>(), hosted, new HostedReturn(work, provider.GetRequiredService<BreakerGate>(), clock, rules), places, clock, rules,
                    provider.GetRequiredService<HostedRules>, clocks)),
            new StepByProvider(new RunningStep(work, agent, objects, clock, rules, clocks), new HostedRunningStep(work, hosted, clock, rules, clocks)),
            new StepByProvider(
                new RetrievingStep(work, agent, spool, clock, rules),
                new HostedRetrievingStep(work, hosted, provider.GetRequiredService<HostedValidation>(), spool, clock, rules, clocks)),
            new UploadingStep(work, objects, spool, clock, rules),
            new ValidatingStep(work, rules),
        ];
        return new TrainingConductor(
            work, steps, agent, hosted, spool, provider.GetRequiredService<JobEnding>(), clock, provider.GetRequiredService<PortalInstance>().Id);
    }
}
