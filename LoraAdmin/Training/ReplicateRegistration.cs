using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Data;
using LoraAdmin.Platform.Vendors;
using LoraAdmin.Platform.Web;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Training;

/// <summary>Registers Replicate behind its ports, the section <c>Replicate</c>, the table <c>hosted_trainings</c> and the loop over its trainings.</summary>
public static class ReplicateRegistration
{
    /// <summary>Under which the gate and the breaker of its creations are registered.</summary>
    public const string Key = "replicate";

    /// <param name="dataPath">The resolved <c>Data:Path</c>.</param>
    /// <remarks>Needs a <see cref="BreakerGate"/> with the key <see cref="Key"/> among the services.</remarks>
    public static IServiceCollection AddReplicate(this IServiceCollection services, string dataPath)
    {
        services.AddOptions<ReplicateOptions>()
            .BindConfiguration(ReplicateOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<ReplicateOptions>, ReplicateOptionsValidator>();
        services.AddVendorHttpClient(ReplicateClient.HttpClientName, provider => provider.GetRequiredService<IOptions<ReplicateOptions>>().Value.BaseUrl);
        services.AddSingleton(provider => new ReplicateClient(
            provider.GetRequiredService<IHttpClientFactory>().CreateClient(ReplicateClient.HttpClientName),
            provider.GetRequiredService<IOptions<ReplicateOptions>>(),
            provider.GetRequiredKeyedService<BreakerGate>(Key),
            name => WebhookFor(provider, name),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<ReplicateClient>>()));
        services.AddSingleton<IHostedTrainings>(provider => provider.GetRequiredService<ReplicateClient>());
        services.AddSingleton<IHostedPredictions>(provider => new ReplicatePredictions(
            provider.GetRequiredService<ReplicateClient>(), provider.GetRequiredService<IOptions<ReplicateOptions>>(), name => WebhookFor(provider, name)));
        services.AddSingleton(provider => RulesOf(provider.GetRequiredService<IOptions<ReplicateOptions>>().Value, provider.GetRequiredService<IOptions<PortalOptions>>().Value));
        services.AddSingleton<IScratch>(provider => new ScratchFiles(Path.Combine(dataPath, "scratch"), provider.GetRequiredService<IIds>()));
        services.AddSingleton<ReplicateWebhookSecret>();
        services.AddSingleton<ReplicateAccount>();
        services.AddSingleton<IHostedAccount>(provider => provider.GetRequiredService<ReplicateAccount>());
        services.AddSingleton(provider => new HostedAccountWatch(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<IHostedAccount>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<HostedRules>));
        services.AddSingleton<HostedRefusals>();
        services.AddSingleton<HostedHints>();
        services.AddSingleton(provider => new HostedRoom(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<HostedRules>,
            () => provider.GetRequiredService<TrainingRules>().MaxDuration,
            provider.GetRequiredService<BudgetRules>,
            provider.GetRequiredService<ClockStandings>()));
        services.AddSingleton(provider => new HostedFallback(
            provider.GetRequiredKeyedService<BreakerGate>(Key),
            provider.GetRequiredService<HostedRefusals>(),
            provider.GetRequiredService<HostedRoom>(),
            provider.GetRequiredService<HostedRules>));
        services.AddSingleton(provider => new HostedWatch(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<IHostedTrainings>(),
            provider.GetRequiredService<IHostedPredictions>(),
            TrainingFeature.TimedObjects(provider),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ClockStandings>()));
        services.AddSingleton(provider => new HostedLauncher(
            provider.GetRequiredService<IUnitOfWork>(),
            new TrainingMaking(
                provider.GetRequiredService<IHostedTrainings>(),
                new HostedImages(
                    provider.GetRequiredService<IUnitOfWork>(),
                    TrainingFeature.TimedObjects(provider),
                    provider.GetRequiredService<IScratch>(),
                    new AbsoluteLinks(provider.GetRequiredKeyedService<ILinkSigner>(LinkSigners.OfAnHour), provider.GetRequiredService<PortalAddress>()))),
            provider.GetRequiredKeyedService<BreakerGate>(Key),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<Func<Installation>>(),
            provider.GetRequiredService<HostedRules>));
        services.AddSingleton(Validation);
        services.AddStore<IHostedTrainingStore, HostedTrainingStore>();
        services.AddHostedService<HostedWatchService>();
        services.AddHostedService<HostedAccountService>();
        return services;
    }

    /// <summary>Whether trainings can be given to Replicate, and if not, which key is missing.</summary>
    internal static HostedRules RulesOf(ReplicateOptions replicate, PortalOptions portal)
    {
        string? why = replicate.ApiToken.Length == 0 ? "Replicate is not configured: set Replicate:ApiToken, and the trainer that it belongs to"
            : IsOnThisMachine(replicate.BaseUrl) ? null
            : portal.PublicUri is not { } reached
                ? "Replicate is not used: it can't fetch images from this portal. Set Portal:PublicUrl to the address under which it is reached from outside"

            // A training in doubt is found by the name in its webhook: Replicate tells an https address alone, and removes the input after an hour.
            : reached.Scheme != Uri.UriSchemeHttps
                ? "Replicate is not used: it tells only an https address what becomes of a training. Set Portal:PublicUrl to one that begins with https://"
                : null;
        return new HostedRules(why, Usd.FromDollars(replicate.UsdPerSecond * 3600))
        {
            Mark = KeyMarks.Of(string.Join(
                '\n', replicate.BaseUrl, replicate.ApiToken, replicate.Model, replicate.Version, replicate.Destination, replicate.InputField)),
            Validation = replicate.ValidationModel.Length > 0
                ? new HostedValidationRules(Usd.FromDollars(replicate.ValidationUsdPerSecond * 3600), replicate.ValidationWithin)
                : null,
        };
    }

    private static HostedValidation Validation(IServiceProvider provider)
    {
        IUnitOfWork work = provider.GetRequiredService<IUnitOfWork>();
        TimeProvider clock = provider.GetRequiredService<TimeProvider>();
        Func<TrainingRules> rules = provider.GetRequiredService<TrainingRules>;
        IHostedPredictions predictions = provider.GetRequiredService<IHostedPredictions>();
        PredictionMaking making = new(work, provider.GetRequiredService<IHostedTrainings>(), predictions, clock, rules, provider.GetRequiredService<ClockStandings>());
        return new HostedValidation(
            work,
            predictions,
            new HostedLauncher(
                work, making, new UngatedCreations(), clock, provider.GetRequiredService<Func<Installation>>(), provider.GetRequiredService<HostedRules>),
            provider.GetRequiredService<ISpool>(),
            provider.GetRequiredService<IImageInspector>(),
            clock,
            rules,
            provider.GetRequiredService<HostedRules>,
            provider.GetRequiredService<ClockStandings>());
    }

    /// <summary>A LocalCloud that plays Replicate reaches us without a public address.</summary>
    private static bool IsOnThisMachine(string url) => Uri.TryCreate(url, UriKind.Absolute, out Uri? uri) && (uri.IsLoopback || uri.Host == "localcloud.invalid");

    /// <summary>Replicate tells an https address alone, LocalCloud one of this machine too; without any, trainings are polled.</summary>
    private static string? WebhookFor(IServiceProvider provider, string name)
    {
        Uri address = new(provider.GetRequiredService<PortalAddress>().BaseUrl, UriKind.Absolute);
        return address.Scheme == Uri.UriSchemeHttps || address.IsLoopback ? new Uri(address, $"{ReplicateWebhook.Path}?name={name}").AbsoluteUri : null;
    }

    /// <summary>Links within the portal begin with its path; somebody elsewhere needs the whole address.</summary>
    private sealed class AbsoluteLinks(ILinkSigner links, PortalAddress address) : ILinkSigner
    {
        public TimeSpan Lifetime => links.Lifetime;

        public SignedLink Sign(ObjectRef target)
        {
            SignedLink link = links.Sign(target);
            return link.Url.StartsWith('/') ? link with { Url = address.BaseUrl + link.Url } : link;
        }
    }
}
