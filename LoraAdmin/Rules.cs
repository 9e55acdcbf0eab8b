using LoraAdmin.Breaker;
using LoraAdmin.Budget;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Pods;
using LoraAdmin.Training;
using Microsoft.Extensions.Options;

namespace LoraAdmin;

/// <summary>Turns the options of several features into the records that Domain decides by: features don't know each other's options.</summary>
internal static class Rules
{
    public static IServiceCollection AddRules(this IServiceCollection services)
    {
        services.AddSingleton(provider => TrainingRulesOf(
            provider.GetRequiredService<IOptions<TrainingOptions>>().Value,
            provider.GetRequiredService<IOptions<ValidationOptions>>().Value,
            provider.GetRequiredService<IOptions<RunPodOptions>>().Value,
            provider.GetRequiredService<IOptions<PodsOptions>>().Value));
        services.AddSingleton(provider => PodRulesOf(
            provider.GetRequiredService<IOptions<PodsOptions>>().Value,
            provider.GetRequiredService<IOptions<RunPodOptions>>().Value,
            provider.GetRequiredService<IOptions<TrainingOptions>>().Value));
        services.AddSingleton(provider => SweepCapsOf(provider.GetRequiredService<IOptions<PodsOptions>>().Value));
        services.AddSingleton(provider => new AdmissionRules(
            provider.GetRequiredService<TrainingRules>(), provider.GetRequiredService<BudgetRules>(), provider.GetRequiredService<LimitRules>()));
        services.AddSingleton(provider => new RunwayRules(provider.GetRequiredService<IOptions<BudgetOptions>>().Value.RunwayAlert));
        services.AddSingleton(provider => new JobPatience(provider.GetRequiredService<TrainingRules>().QueueWait));
        services.AddSingleton(provider => new Detour(token => LookRoundAsync(provider.GetRequiredService<HostedFallback>(), token)));
        services.AddSingleton(provider => new GuardedProviders(
            [BreakerSubject.RunPod, .. provider.GetRequiredService<HostedRules>().WhyNot is null ? [BreakerSubject.Replicate] : Array.Empty<BreakerSubject>()]));
        services.AddSingleton<IValidateOptions<BreakerOptions>, ProbeLeaseValidator>();
        services.AddSingleton(provider => new BreakerGate(
            provider.GetRequiredService<IBreaker>(),
            provider.GetRequiredService<Platform.PortalInstance>().Id,
            KeyMarks.Of(provider.GetRequiredService<IOptions<RunPodOptions>>().Value.ApiKey),
            GateWords.RunPod));
        services.AddKeyedSingleton(ReplicateRegistration.Key, (provider, _) => new BreakerGate(
            provider.GetRequiredKeyedService<IBreaker>(BreakerSubject.Replicate.Provider),
            provider.GetRequiredService<Platform.PortalInstance>().Id,
            KeyMarks.Of(provider.GetRequiredService<IOptions<ReplicateOptions>>().Value.ApiToken),
            GateWords.Replicate,
            provider.GetRequiredService<HostedRefusals>()));
        services.AddSingleton<ICreationGate>(provider => provider.GetRequiredService<BreakerGate>());
        services.AddSingleton<Func<Installation>>(provider =>
        {
            Platform.Data.InstallationHolder holder = provider.GetRequiredService<Platform.Data.InstallationHolder>();
            return () => holder.Current;
        });
        return services;
    }

    /// <summary>RunPod's breaker is shown without the database, by which alone refusals are known.</summary>
    internal static async Task<DetourView?> LookRoundAsync(HostedFallback fallback, CancellationToken cancellationToken)
    {
        try
        {
            return new DetourView(
                await fallback.WhyDownAsync(cancellationToken) is null ? BreakerSubject.Replicate.Name : null, await fallback.WhyRefusedAsync(cancellationToken));
        }
        catch (StoreUnavailableException)
        {
            return null;
        }
    }

    private static PodRules PodRulesOf(PodsOptions pods, RunPodOptions runPod, TrainingOptions training) => new(pods.VanishedAfter, pods.CleanupAttempts)
    {
        StoppedHourly = PodPricing.StoppedPerHour(string.IsNullOrWhiteSpace(runPod.NetworkVolumeId) ? runPod.MountGb : 0),
        ProlongBy = training.RetrieveWithin,
    };

    private static SweepCaps SweepCapsOf(PodsOptions pods) => new(pods.MaxSweepKillsPerHour, Usd.FromDollars(pods.MaxSweepUsdPerHour));

    private static TrainingRules TrainingRulesOf(TrainingOptions training, ValidationOptions validation, RunPodOptions runPod, PodsOptions pods) => new()
    {
        MaxDuration = training.MaxDuration,
        CreateRetries = [.. training.CreateRetries],
        ImageRetries = training.ImageRetries,
        UploadRetries = training.UploadRetries,
        RetrieveWithin = training.RetrieveWithin,
        QueueWait = training.QueueWait,
        PollEvery = training.PollEvery,
        StuckAfter = training.StuckAfter,
        MinImages = training.MinImages,
        MaxImages = training.MaxImages,
        MaxImageBytes = training.MaxImageBytes,
        MaxImagePixels = training.MaxImagePixels,
        MaxArtifactBytes = training.MaxArtifactBytes,
        MaxConcurrentPods = training.MaxConcurrentPods,
        StoreTimeout = training.StoreTimeout,
        ImageRetention = training.ImageRetention,
        ReadyWithin = pods.ReadyWithin,
        ValidationImages = validation.Images,
        ValidationMustPass = validation.MustPass,
        ValidationMinimumScore = validation.MinimumScore,
        GpuTypes = [.. runPod.GpuTypes],
        Image = runPod.Image,
        DiskGb = runPod.DiskGb,
        MountGb = runPod.MountGb,
        NetworkVolumeId = string.IsNullOrWhiteSpace(runPod.NetworkVolumeId) ? null : runPod.NetworkVolumeId,
        WorstHourlyPrice = Usd.FromDollars(runPod.WorstHourlyPriceUsd),
    };
}
