using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.Data;
using LoraAdmin.Platform.Files;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Storage;

/// <summary>Buckets as files, signed links to them, and the spool. Everything lies below <c>Data:Path</c> unless configured otherwise.</summary>
public static class StorageFeature
{
    /// <param name="dataPath">The resolved <c>Data:Path</c>.</param>
    public static IServiceCollection AddStorage(this IServiceCollection services, IConfiguration configuration, string dataPath)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        services.AddSingleton<IValidateOptions<StorageOptions>, StorageOptionsValidator>();
        services.AddSingleton<IValidateOptions<SpoolOptions>, SpoolOptionsValidator>();
        services.AddOptions<StorageOptions>()
            .Bind(configuration.GetSection(StorageOptions.Section), binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        services.AddOptions<SpoolOptions>()
            .Bind(configuration.GetSection(SpoolOptions.Section), binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();

        services.AddStore<ISpoolStore, SpoolStore>();
        services.AddStore<IStorageCensusStore, StorageCensusStore>();
        services.AddSingleton(provider => new FileObjectStore(
            Path.Combine(dataPath, "objects"),
            provider.GetRequiredService<IIds>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<IOptions<StorageOptions>>().Value.MinimumFreeBytes));
        services.AddSingleton<IObjectStore>(provider => provider.GetRequiredService<FileObjectStore>());
        services.AddSingleton<IObjectListing>(provider => provider.GetRequiredService<FileObjectStore>());
        services.AddSingleton(provider => Signer(provider, provider.GetRequiredService<IOptions<StorageOptions>>().Value.SignedLinkLifetime));
        services.AddSingleton<ILinkSigner>(provider => provider.GetRequiredService<LinkSigner>());
        services.AddKeyedSingleton<ILinkSigner>(LinkSigners.OfAnHour, (provider, _) => Signer(provider, LinkSigner.MaxLifetime));
        services.AddSingleton<ISpool>(provider =>
        {
            SpoolOptions options = provider.GetRequiredService<IOptions<SpoolOptions>>().Value;
            string folder = string.IsNullOrWhiteSpace(options.Path) ? Path.Combine(dataPath, "spool") : options.Path;
            Lazy<string> instance = new(() => InstanceId(provider, dataPath), LazyThreadSafetyMode.PublicationOnly);
            return new FileSpool(folder, instance, options.MinimumFreeBytes, Path.Combine(dataPath, "spool-folder"));
        });
        services.AddSingleton(provider => new SpoolHeartbeat(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<ISpool>(),
            provider.GetRequiredService<TimeProvider>(),
            InstanceId(provider, dataPath),
            Environment.MachineName));
        return services;

        LinkSigner Signer(IServiceProvider provider, TimeSpan lifetime) => new(
            SigningKey(provider, dataPath), () => configuration["Portal:PublicUrl"] ?? "", lifetime, provider.GetRequiredService<TimeProvider>());
    }

    private static string InstanceId(IServiceProvider provider, string dataPath) =>
        FileSpool.ReadInstance(Path.Combine(dataPath, "instance-id"), provider.GetRequiredService<IIds>());

    private static byte[] SigningKey(IServiceProvider provider, string dataPath)
    {
        string path = Path.Combine(dataPath, "keys", "links.key");
        byte[] key = provider.GetRequiredService<IOptions<StorageOptions>>().Value.DecodeLinkKey()
            ?? DurableFiles.ReadOrCreate(path, () => provider.GetRequiredService<IIds>().Secret(LinkSigner.MinimumKeyBytes));
        return key.Length >= LinkSigner.MinimumKeyBytes
            ? key
            : throw new InvalidDataException($"The file {path} is damaged. Delete it: a new key is made, and links that people hold end.");
    }
}
