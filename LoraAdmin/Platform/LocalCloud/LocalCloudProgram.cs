using LoraAdmin.Domain.Shared;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>LocalCloud as a process of its own, so that it outlives a portal that is killed.</summary>
public static class LocalCloudProgram
{
    /// <summary>The word on the portal's command line that starts this instead.</summary>
    public const string Verb = "local-cloud";

    private const string DefaultUrls = "http://127.0.0.1:5090";

    /// <summary>
    /// Serves until Ctrl-C or the token. Takes <c>--urls</c>, <c>LocalCloud:*</c> and <c>Data:Path</c> from arguments, environment and
    /// appsettings.json as usual.
    /// </summary>
    /// <returns>0 after a clean end; 1 when it could not start, with the reason on standard error.</returns>
    public static async Task<int> RunAsync(string[] args, CancellationToken cancellationToken)
    {
        try
        {
            await using WebApplication app = Build(args);
            await app.StartAsync(cancellationToken);
            Announce(app);
            await app.WaitForShutdownAsync(cancellationToken);
            return 0;
        }
        catch (StartupRefusedException refused)
        {
            await Console.Error.WriteLineAsync(refused.Message);
            return 1;
        }
        catch (OptionsValidationException refused)
        {
            await Console.Error.WriteLineAsync(string.Join(Environment.NewLine, refused.Failures));
            return 1;
        }
        catch (Exception refused) when (refused is InvalidOperationException or IOException or FormatException)
        {
            await Console.Error.WriteLineAsync($"LocalCloud can't start: {refused.Message}");
            return 1;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return 0;
        }
    }

    internal static WebApplication Build(string[] args)
    {
        args = args is [Verb, .. string[] rest] ? rest : args;
        ConfigurationArguments.Check(args);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        if (string.IsNullOrEmpty(builder.Configuration[WebHostDefaults.ServerUrlsKey]))
        {
            builder.WebHost.UseUrls(DefaultUrls);
        }

        string configured = builder.Configuration["Data:Path"] is { Length: > 0 } path ? path : "data";
        string dataPath = Path.GetFullPath(configured, builder.Environment.ContentRootPath);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.TryAddSingleton<IIds, SystemIds>();
        builder.Services.AddLocalCloud(builder.Configuration, dataPath);
        WebApplication app = builder.Build();
        app.MapLocalCloudAlone();

        // Loads the journal now: what is wrong with it shows at start, and the world goes on from where it stood.
        app.Services.GetRequiredService<LocalCloudFace>();
        return app;
    }

    private static void Announce(WebApplication app)
    {
        LocalCloudKeys keys = app.Services.GetRequiredService<LocalCloudKeys>();
        LocalCloudOptions options = app.Services.GetRequiredService<IOptions<LocalCloudOptions>>().Value;
        foreach (string address in app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses ?? [])
        {
            string root = address + LocalCloudFace.Prefix;
            Console.WriteLine($"LocalCloud listens on {address}");
            Console.WriteLine($"  RunPod:BaseUrl       {root}/runpod/v2");
            Console.WriteLine($"  RunPod:GraphQlUrl    {root}/runpod/graphql");
            Console.WriteLine($"  PodAgent:UrlTemplate {root}/agents/{{pod}}");
            Console.WriteLine($"  Replicate:BaseUrl    {root}/replicate/v1");
            Console.WriteLine($"  Replicate:Model      {ReplicateFace.Trainer}, Replicate:Version {ReplicateFace.TrainerVersion}");
            Console.WriteLine($"  Replicate:ValidationModel {ReplicateFace.Validator}:{ReplicateFace.ValidatorVersion}");
            Console.WriteLine($"  Replicate:Destination {ReplicateFace.Destination}, Replicate:InputField {ReplicateFace.InputField}");
        }

        // Keys that were handed in are known to whoever did; those that were made are shown to the person who started it.
        Console.WriteLine(options.ApiKey.Length > 0 ? "  RunPod:ApiKey, Replicate:ApiToken as configured" : $"  RunPod:ApiKey, Replicate:ApiToken {keys.ApiKey}");
        Console.WriteLine(options.ControlToken.Length > 0 ? "  control token        as configured" : $"  control token        {keys.ControlToken}");
    }
}
