using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Platform.Vendors;
using LoraAdmin.Storage;

namespace LoraAdmin;

/// <summary>
/// Puts the decorators that play faults before the portal's store and spool, where LocalCloud is the vendor and nowhere else: a portal on a real
/// account has no hook for faults (docs/decisions/0011).
/// </summary>
internal static class LocalCloudStores
{
    private static readonly TimeSpan AskWithin = TimeSpan.FromSeconds(5);

    /// <remarks>To be called after the store and the spool were registered.</remarks>
    public static IServiceCollection AddStoreFaults(this IServiceCollection services, CloudAttachment cloud, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(cloud);
        ArgumentNullException.ThrowIfNull(configuration);
        if (cloud.LocalCloudIsVendor)
        {
            return services.AddFailingStores(static provider => provider.GetRequiredService<LocalCloudFace>().TakeStoreFaultAsync);
        }

        string token = configuration["LocalCloud:ControlToken"] ?? "";
        if (cloud.Kind != CloudKind.Local || token.Length == 0 || RemoteStoreFaults.RootOf(configuration[CloudAttachment.RunPodUrl]) is not { } root)
        {
            return services;
        }

        services.AddVendorHttpClient(RemoteStoreFaults.HttpClientName, _ => root.ToString());
        return services.AddFailingStores(provider =>
        {
            HttpClient http = provider.GetRequiredService<IHttpClientFactory>().CreateClient(RemoteStoreFaults.HttpClientName);
            http.Timeout = AskWithin;
            return new RemoteStoreFaults(http, root, token, provider.GetRequiredService<ILogger<RemoteStoreFaults>>()).TakeAsync;
        });
    }

    private static IServiceCollection AddFailingStores(this IServiceCollection services, Func<IServiceProvider, TakeStoreFault> source)
    {
        services.AddSingleton(provider => new StoreFaults(() => source(provider)));
        services.AddHostedService(static provider => provider.GetRequiredService<StoreFaults>());
        services.Decorate<IObjectStore>(static (provider, inner) => new FailingObjectStore(
            inner, provider.GetRequiredService<StoreFaults>(), provider.GetRequiredService<TimeProvider>()));
        services.Decorate<ISpool>(static (provider, inner) => new FailingSpool(inner, provider.GetRequiredService<StoreFaults>()));
        return services;
    }

    private static void Decorate<T>(this IServiceCollection services, Func<IServiceProvider, T, T> decorate)
        where T : class
    {
        ServiceDescriptor plain = services.Last(service => service.ServiceType == typeof(T));
        Func<IServiceProvider, object> make = plain.ImplementationFactory
            ?? throw new InvalidOperationException($"{typeof(T).Name} is not registered by a factory.");
        services.Remove(plain);
        services.AddSingleton(provider => decorate(provider, (T)make(provider)));
    }
}
