using LoraAdmin.Access;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform;
using LoraAdmin.Platform.Data;
using LoraAdmin.Platform.Web;
using LoraAdmin.Shell;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.Options;

namespace LoraAdmin;

/// <summary>Builds, prepares and runs the portal.</summary>
public static class Portal
{
    private static readonly TimeSpan EndWithin = TimeSpan.FromSeconds(10);

    /// <returns>0 after a clean end, 1 when it could not start or a loop broke down; the reason stands on standard error.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        try
        {
            await using WebApplication app = Build(args);
            await PrepareAsync(app, CancellationToken.None);
            await StartAsync(app);
            await AnnounceAsync(app);
            return await UntilEndAsync(app);
        }
        catch (Exception failure) when (StartupScreen.Explains(failure))
        {
            await StartupScreen.WriteAsync(failure, Console.Error);
            return 1;
        }
    }

    /// <summary>
    /// Starts the loops and then the server. When the server can't listen, the loops end before anything they work with is disposed of. Only they: the scheduler waits
    /// for a start that never comes before it lets itself be stopped.
    /// </summary>
    internal static async Task StartAsync(WebApplication app)
    {
        try
        {
            await app.StartAsync();
        }
        catch
        {
            using CancellationTokenSource patience = new(EndWithin);
            await Task.WhenAll(app.Services.GetServices<IHostedService>().OfType<BackgroundService>().Select(loop => loop.StopAsync(patience.Token)));
            throw;
        }
    }

    /// <summary>Waits for the end of a portal that runs. A loop that ended by an exception has ended the portal: whoever started it must start it anew.</summary>
    internal static async Task<int> UntilEndAsync(WebApplication app)
    {
        await app.WaitForShutdownAsync();
        string[] broken =
        [
            .. app.Services.GetServices<IHostedService>().OfType<BackgroundService>()
                .Where(loop => loop.ExecuteTask is { IsFaulted: true })
                .Select(loop => $"{loop.GetType().Name}: {loop.ExecuteTask!.Exception!.GetBaseException().Message}"),
        ];
        foreach (string loop in broken)
        {
            await Console.Error.WriteLineAsync($"LoraAdmin ended because a loop broke down: {loop}");
        }

        return broken.Length == 0 ? 0 : 1;
    }

    /// <param name="clock">What it takes for the present; null: the machine's clock, or the database's.</param>
    public static WebApplication Build(string[] args, TimeProvider? clock = null)
    {
        ConfigurationArguments.Check(args);

        // Published: wwwroot/ lies beside the program. From source: dotnet run starts in the repository's root.
        bool published = Directory.Exists(Path.Combine(AppContext.BaseDirectory, "wwwroot"));
        WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            Args = args,
            ContentRootPath = published ? AppContext.BaseDirectory : null,
        });
        ConfigurationKeys.Check(builder.Configuration);
        QuietLibraries(builder.Configuration);
        builder.WebHost.UseStaticWebAssets();
        if (!HasAddress(builder.Configuration))
        {
            builder.WebHost.UseUrls(PortalAddress.Default);
        }

        // What keeps the server from starting is told by one screen; the host's own report of it would put a stack trace before that.
        bool started = false;
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", level => started && level >= LogLevel.Information);
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = EndWithin);
        if (clock is not null)
        {
            builder.Services.AddSingleton(clock);
        }

        builder.Services.AddFeatures(builder.Configuration, builder.Environment);
        WebApplication app = builder.Build();
        app.Lifetime.ApplicationStarted.Register(() => started = true);
        app.MapFeatures();
        return app;
    }

    /// <summary>
    /// The log is about the portal. What libraries report of their own work is in it from warnings on, wherever the program is started, unless a setting says
    /// otherwise.
    /// </summary>
    private static void QuietLibraries(ConfigurationManager configuration) => ((IConfigurationBuilder)configuration).Sources.Insert(
        0,
        new MemoryConfigurationSource
        {
            InitialData = new Dictionary<string, string?>
            {
                ["Logging:LogLevel:Quartz"] = nameof(LogLevel.Warning),
                ["Logging:LogLevel:Microsoft.AspNetCore"] = nameof(LogLevel.Warning),
                ["Logging:LogLevel:Microsoft.AspNetCore.DataProtection.KeyManagement.XmlKeyManager"] = nameof(LogLevel.Error),
                ["Logging:LogLevel:Microsoft.EntityFrameworkCore"] = nameof(LogLevel.Warning),
                ["Logging:LogLevel:System.Net.Http"] = nameof(LogLevel.Warning),
            },
        });

    /// <summary>Everything that must hold before the first request: options, data folder, database, installation, configured token.</summary>
    /// <exception cref="StartupRefusedException">Names the key and the remedy.</exception>
    /// <exception cref="OptionsValidationException">Names each wrong key.</exception>
    public static async Task PrepareAsync(WebApplication app, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.Services.GetRequiredService<IStartupValidator>().Validate();
        ListenAddresses.Check(app.Configuration);
        CloudAttachment cloud = app.Services.GetRequiredService<CloudAttachment>();
        Installation installation = await app.Services.GetRequiredService<DatabaseStartup>().RunAsync(cloud.Kind, cancellationToken);
        await StaleLeases.EndAsync(app.Services, cancellationToken);
        PortalStatus status = app.Services.GetRequiredService<PortalStatus>();
        status.CloudKind = installation.Cloud;
        status.Installation = installation.Id;
        await app.Services.GetRequiredService<AccessStartup>().RunAsync(cancellationToken);
    }

    private static bool HasAddress(ConfigurationManager configuration) =>
        !string.IsNullOrEmpty(configuration[WebHostDefaults.ServerUrlsKey])
        || !string.IsNullOrEmpty(configuration["http_ports"])
        || !string.IsNullOrEmpty(configuration["https_ports"])
        || configuration.GetSection("Kestrel:Endpoints").GetChildren().Any();

    /// <summary>To the console and not to the log: whoever reads the link is an admin.</summary>
    private static async Task AnnounceAsync(WebApplication app)
    {
        string address = app.Services.GetRequiredService<PortalAddress>().BaseUrl;
        await Console.Out.WriteLineAsync($"{Environment.NewLine}LoraAdmin is ready: {address}");
        if (app.Services.GetRequiredService<CloudAttachment>() is { Kind: CloudKind.Local } cloud)
        {
            await Console.Out.WriteLineAsync(cloud.LocalCloudIsVendor
                ? $"No real cloud is attached: LocalCloud plays RunPod and Replicate. Set {CloudAttachment.RunPodKey} to work on a real account."
                : "No real cloud is attached: a LocalCloud on this machine plays RunPod and Replicate.");
        }

        await SignInLinkCommand.RunAsync(app.Services, Console.Out, CancellationToken.None);
        await Console.Out.WriteLineAsync("Another link: dotnet run --project LoraAdmin -- sign-in-link. End with Ctrl-C.");
    }
}
