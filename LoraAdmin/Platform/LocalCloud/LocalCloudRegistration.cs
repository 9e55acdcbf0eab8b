using System.Text;
using System.Text.Json;
using LoraAdmin.Domain.Shared;
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
        services.AddSingleton<ILocalCloudJournal>(_ => new FileLocalCloudJournal(Path.Combine(dataPath, Folder, "journal.jsonl")));
        services.AddSingleton(provider => new LocalCloudFace(
            provider.GetRequiredService<IOptions<LocalCloudOptions>>().Value,
            provider.GetRequiredService<LocalCloudKeys>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<IIds>(),
            provider.GetRequiredService<ILocalCloudJournal>()));
        return services;
    }

    private static LocalCloudKeys Keys(IServiceProvider provider, string folder)
    {
        LocalCloudOptions options = provider.GetRequiredService<IOptions<LocalCloudOptions>>().Value;
        if (options.ApiKey.Length > 0 && options.ControlToken.Length > 0)
        {
            return new LocalCloudKeys(options.ApiKey, options.ControlToken);
        }

        LocalCloudKeys kept = LocalCloudKeyFile.ReadOrMake(folder, provider.GetRequiredService<IIds>());
        return new LocalCloudKeys(
            options.ApiKey.Length > 0 ? options.ApiKey : kept.ApiKey, options.ControlToken.Length > 0 ? options.ControlToken : kept.ControlToken);
    }
}

/// <summary>Keys that nobody configured are made once and kept, so that clients of an earlier run go on working.</summary>
internal static class LocalCloudKeyFile
{
    private const int KeyBytes = 24;

    public static LocalCloudKeys ReadOrMake(string folder, IIds ids)
    {
        string path = Path.Combine(folder, "keys.json");
        try
        {
            if (File.Exists(path))
            {
                using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(path));
                return new LocalCloudKeys(
                    json.RootElement.GetProperty("api_key").GetString()!, json.RootElement.GetProperty("control_token").GetString()!);
            }

            LocalCloudKeys made = new("local-" + Convert.ToHexStringLower(ids.Secret(KeyBytes)), Convert.ToHexStringLower(ids.Secret(KeyBytes)));
            Directory.CreateDirectory(folder);
            FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            using FileStream file = new(path, options);
            file.Write(Encoding.UTF8.GetBytes($"{{\"api_key\":\"{made.ApiKey}\",\"control_token\":\"{made.ControlToken}\"}}\n"));
            file.Flush(flushToDisk: true);
            return made;
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
