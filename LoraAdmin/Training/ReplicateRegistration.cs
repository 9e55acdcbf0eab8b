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
        services.AddSingleton(provider => RulesOf(provider.GetRequiredService<IOptions<ReplicateOptions>>().Value, provider.GetRequiredService<IOptions<PortalOptions>>().Value));
        services.AddSingleton<IScratch>(provider => new ScratchFiles(Path.Combine(dataPath, "scratch"), provider.GetRequiredService<IIds>()));
        services.AddSingleton<ReplicateWebhookSecret>();
        services.AddSingleton<ReplicateAccount>();
        services.AddSingleton<IHostedAccount>(provider => provider.GetRequiredService<ReplicateAccount>());
        services.AddSingleton<HostedAccountWatch>();
        services.AddSingleton<HostedHints>();
        services.AddSingleton(provider => new HostedFallback(provider.GetRequiredKeyedService<BreakerGate>(Key), provider.GetRequiredService<HostedRules>));
        services.AddSingleton(provider => new HostedWatch(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<IHostedTrainings>(),
            TrainingFeature.TimedObjects(provider),
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new HostedLauncher(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<IHostedTrainings>(),
            new HostedImages(
                provider.GetRequiredService<IUnitOfWork>(),
                TrainingFeature.TimedObjects(provider),
                provider.GetRequiredService<IScratch>(),
                new AbsoluteLinks(provider.GetRequiredService<ILinkSigner>(), provider.GetRequiredService<PortalAddress>())),
            provider.GetRequiredKeyedService<BreakerGate>(Key),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<Func<Installation>>()));
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
        return new HostedRules(why, Usd.FromDollars(replicate.UsdPerSecond * 3600));
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
