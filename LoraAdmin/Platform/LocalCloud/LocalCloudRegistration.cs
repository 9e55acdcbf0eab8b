using System.Text.Json;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Files;
using LoraAdmin.Platform.Vendors;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>Registers LocalCloud's faces, keys and journal.</summary>
public static class LocalCloudRegistration
{
    private const string Folder = "localcloud";

    /// <summary>
    /// Adds LocalCloud. <see cref="LocalCloudKeys"/> is registered for whoever points the vendor clients at it. <see cref="TimeProvider"/> and
    /// <see cref="IIds"/> must be registered.
    /// </summary>
    /// <param name="dataPath">The folder of <c>Data:Path</c>; journal and keys go below it.</param>
    public static IServiceCollection AddLocalCloud(this IServiceCollection services, IConfiguration configuration, string dataPath)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        services.AddOptions<LocalCloudOptions>()
            .Bind(configuration.GetSection(LocalCloudOptions.Section), binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<LocalCloudOptions>, LocalCloudOptionsValidator>());
        services.AddSingleton(provider => Keys(provider, Path.Combine(dataPath, Folder)));
        services.AddVendorHttpClient(ReplicateWebhooks.HttpClientName, static _ => "http://localhost");
        services.AddSingleton<ILocalCloudJournal>(_ => new FileLocalCloudJournal(Path.Combine(dataPath, Folder, "journal.jsonl")));
        services.AddSingleton(provider =>
        {
            // A command that only reads options makes keys too; they are worth keeping from the moment a world knows pods that were bought with them.
            LocalCloudKeys keys = provider.GetRequiredService<LocalCloudKeys>();
            LocalCloudKeyFile.Keep(Path.Combine(dataPath, Folder), keys);
            return new LocalCloudFace(
                provider.GetRequiredService<IOptions<LocalCloudOptions>>().Value,
                keys,
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<IIds>(),
                provider.GetRequiredService<ILocalCloudJournal>(),
                ReplicateInputs.Over(provider.GetRequiredService<IHttpClientFactory>(), provider.GetRequiredService<TimeProvider>()));
        });
        services.AddHostedService<ReplicateWebhooks>();
        return services;
    }

    private static LocalCloudKeys Keys(IServiceProvider provider, string folder)
    {
        LocalCloudOptions options = provider.GetRequiredService<IOptions<LocalCloudOptions>>().Value;
        if (options.ApiKey.Length > 0 && options.ControlToken.Length > 0)
        {
            return new LocalCloudKeys(options.ApiKey, options.ControlToken);
        }

        LocalCloudKeys kept = LocalCloudKeyFile.Read(folder) ?? LocalCloudKeyFile.Make(provider.GetRequiredService<IIds>());
        return new LocalCloudKeys(
            options.ApiKey.Length > 0 ? options.ApiKey : kept.ApiKey, options.ControlToken.Length > 0 ? options.ControlToken : kept.ControlToken);
    }
}

/// <summary>Keys that nobody configured are made once and kept, so that clients of an earlier run go on working.</summary>
internal static class LocalCloudKeyFile
{
    private const int KeyBytes = 24;

    public static LocalCloudKeys Make(IIds ids) =>
        new("local-" + Convert.ToHexStringLower(ids.Secret(KeyBytes)), Convert.ToHexStringLower(ids.Secret(KeyBytes)));

    /// <returns>Null when none were kept yet.</returns>
    public static LocalCloudKeys? Read(string folder) => Guarded<LocalCloudKeys?>(folder, path =>
    {
        if (!File.Exists(path))
        {
            return null;
        }

        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(path));
        return new LocalCloudKeys(json.RootElement.GetProperty("api_key").GetString()!, json.RootElement.GetProperty("control_token").GetString()!);
    });

    /// <summary>Writes them unless some are kept already.</summary>
    public static void Keep(string folder, LocalCloudKeys keys) => Guarded(
        folder,
        path => DurableFiles.ReadOrCreate(path, () => JsonSerializer.SerializeToUtf8Bytes(
            new Dictionary<string, string> { ["api_key"] = keys.ApiKey, ["control_token"] = keys.ControlToken })));

    private static T Guarded<T>(string folder, Func<string, T> use)
    {
        string path = Path.Combine(folder, "keys.json");
        try
        {
            return use(path);
        }
        catch (Exception failure) when (
            failure is IOException or UnauthorizedAccessException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new StartupRefusedException(
                "Data:Path", $"LocalCloud's keys in {path} can't be read or written: {failure.Message}",
                "Make the folder writable, or remove the file so that it is made anew.");
        }
    }
}
