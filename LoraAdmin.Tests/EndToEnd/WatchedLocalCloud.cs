using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>A call as it reached the vendor.</summary>
/// <param name="Path">Below <c>/localcloud</c>.</param>
/// <param name="Range">Of a call that asks for a part.</param>
/// <param name="Body">Of a question about a fault of the portal's own store.</param>
internal sealed record SeenCall(DateTimeOffset At, string Method, string Path, string? Range = null, string? Body = null);

/// <summary>LocalCloud on a socket of its own, in the test's process, so that a test sees every call at the moment at which it arrives.</summary>
internal sealed class WatchedLocalCloud : IAsyncDisposable
{
    private const string Key = "key-of-the-account-0123456789";
    private const string TakePath = "/faults/take";
    private const string TrainingsPath = "/replicate/v1/trainings/";
    private const string WeightsPath = "/replicate/files/";

    private readonly TemporaryFolder folder;
    private readonly WebApplication app;
    private readonly List<SeenCall> calls = [];
    private readonly Lock gate = new();

    private WatchedLocalCloud(TemporaryFolder folder, WebApplication app)
    {
        this.folder = folder;
        this.app = app;
        app.Use(async (context, next) =>
        {
            string path = context.Request.Path.Value![LocalCloudFace.Prefix.Length..];
            string? body = path == TakePath ? await BodyAsync(context.Request) : null;
            int range;
            lock (gate)
            {
                calls.Add(new SeenCall(TimeProvider.System.GetUtcNow(), context.Request.Method, path, context.Request.Headers.Range, body));
                range = IsArtifact(path) ? calls.Count(call => IsArtifact(call.Path)) : 0;
            }

            if (IsArtifact(path) || path.StartsWith(WeightsPath, StringComparison.Ordinal))
            {
                await FilesReady.WaitAsync(context.RequestAborted);
            }

            if (Weights is { } weights && path.StartsWith(WeightsPath, StringComparison.Ordinal))
            {
                await context.Response.Body.WriteAsync(weights);
                return;
            }

            if (range > 0 && range == HeldRange)
            {
                context.Response.Body = new HeldStream(context.Response.Body, HeldAfterBytes);
            }

            await next(context);
        });
    }

    /// <summary>The number, from 1, of the range of a trained file that stops in its middle until its caller is gone.</summary>
    public int HeldRange { get; init; }

    /// <summary>How much of it is sent before.</summary>
    public int HeldAfterBytes { get; init; }

    /// <summary>Until it is over, no trained file is served: no job can end well.</summary>
    public Task FilesReady { get; set; } = Task.CompletedTask;

    /// <summary>What Replicate answers for any training's weights; null: what the training made.</summary>
    public byte[]? Weights { get; set; }

    /// <summary>By which Replicate signs its webhooks.</summary>
    public string WebhookSecret => ReplicateFace.WebhookSecretOf(app.Services.GetRequiredService<LocalCloudKeys>());

    /// <summary>Readings of single trainings at Replicate, in order.</summary>
    public IReadOnlyList<SeenCall> TrainingReads => Calls("GET", path => path.StartsWith(TrainingsPath, StringComparison.Ordinal));

    /// <summary>What attaches a portal to this cloud.</summary>
    public IReadOnlyDictionary<string, string> PortalSettings
    {
        get
        {
            string root = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single() + LocalCloudFace.Prefix;
            return new Dictionary<string, string>
            {
                ["RunPod:BaseUrl"] = $"{root}/runpod/v2",
                ["RunPod:GraphQlUrl"] = $"{root}/runpod/graphql",
                ["RunPod:ApiKey"] = Key,
                ["RunPod:Image"] = "localcloud/trainer:1",
                ["LocalCloud:ControlToken"] = app.Services.GetRequiredService<LocalCloudKeys>().ControlToken,
                ["PodAgent:UrlTemplate"] = $"{root}/agents/{{pod}}",
            };
        }
    }

    /// <summary>What attaches a portal to this cloud's Replicate as well.</summary>
    public IReadOnlyDictionary<string, string> FallbackSettings => new Dictionary<string, string>
    {
        ["Replicate:BaseUrl"] = PortalSettings["RunPod:BaseUrl"].Replace("/runpod/v2", "/replicate/v1", StringComparison.Ordinal),
        ["Replicate:ApiToken"] = Key,
        ["Replicate:Model"] = ReplicateFace.Trainer,
        ["Replicate:Version"] = ReplicateFace.TrainerVersion,
        ["Replicate:Destination"] = ReplicateFace.Destination,
    };

    /// <summary>What has LoRAs that are trained there validated by a model there.</summary>
    public static (string Key, string Value) Validation => ("Replicate:ValidationModel", $"{ReplicateFace.Validator}:{ReplicateFace.ValidatorVersion}");

    /// <summary>Create calls, in order of arrival.</summary>
    public IReadOnlyList<SeenCall> Creates => Calls("POST", path => path == "/runpod/v2/pods");

    /// <summary>Ranges of trained files that were asked for, in order of arrival.</summary>
    public IReadOnlyList<SeenCall> Ranges => Calls("GET", IsArtifact);

    /// <summary>Readings of training images in the portal's own store, in order.</summary>
    public IReadOnlyList<SeenCall> ImageReadings => StoreCalls(FaultKind.ImageCorrupt, Buckets.TrainingImages);

    /// <summary>Puts of trained files into the portal's own store, in order.</summary>
    public IReadOnlyList<SeenCall> ModelPuts => StoreCalls(FaultKind.StorePutFails, Buckets.Models);

    public IReadOnlyList<SeenCall> Deletes => Calls("DELETE", path => path.StartsWith("/runpod/v2/pods/", StringComparison.Ordinal));

    /// <summary>How many calls were more than a question.</summary>
    public int Commands
    {
        get
        {
            lock (gate)
            {
                return calls.Count(call => !HttpMethods.IsGet(call.Method) && !HttpMethods.IsHead(call.Method) && call.Path != TakePath);
            }
        }
    }

    /// <param name="settings">Keys below <c>LocalCloud:</c>.</param>
    public static Task<WatchedLocalCloud> StartAsync(params (string Key, string Value)[] settings) => StartAsync(0, 0, settings);

    /// <param name="heldRange">See <see cref="HeldRange"/>; 0: none.</param>
    public static async Task<WatchedLocalCloud> StartAsync(int heldRange, int heldAfterBytes, params (string Key, string Value)[] settings)
    {
        TemporaryFolder folder = new();
        WebApplication? app = null;
        try
        {
            app = LocalCloudProgram.Build(
            [
                LocalCloudProgram.Verb, .. PortalProcess.AnyPort, $"--Data:Path={folder.Path}", $"--LocalCloud:ApiKey={Key}", "--LocalCloud:RequestsPerMinute=6000",
                .. settings.Select(setting => $"--LocalCloud:{setting.Key}={setting.Value}"),
            ]);
            WatchedLocalCloud cloud = new(folder, app) { HeldRange = heldRange, HeldAfterBytes = heldAfterBytes };
            await app.StartAsync();
            return cloud;
        }
        catch
        {
            await (app?.DisposeAsync() ?? ValueTask.CompletedTask);
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Every pod that ever was, with what LocalCloud knows about it.</summary>
    public async Task<IReadOnlyList<TruePod>> TruthAsync()
    {
        using HttpResponseMessage answer = await ControlAsync(HttpMethod.Get, "/truth");
        return LocalCloudProcess.PodsOf(await answer.Content.ReadAsStringAsync());
    }

    /// <param name="match">Part of a pod's name, or of <c>bucket/key</c> for the portal's own store; empty fits everything.</param>
    public async Task FaultAsync(string kind, int count = 1, string match = "")
    {
        using HttpResponseMessage answer = await ControlAsync(HttpMethod.Post, "/faults", new { kind, count, match });
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    private static bool IsArtifact(string path) => path.StartsWith("/agents/", StringComparison.Ordinal) && path.EndsWith("/v1/artifact", StringComparison.Ordinal);

    private static async Task<string> BodyAsync(HttpRequest request)
    {
        request.EnableBuffering();
        using StreamReader reader = new(request.Body, leaveOpen: true);
        string body = await reader.ReadToEndAsync();
        request.Body.Position = 0;
        return body;
    }

    /// <summary>The decorators before the portal's store ask for a fault before each call: so its calls are seen from here.</summary>
    private IReadOnlyList<SeenCall> StoreCalls(string kind, string bucket) =>
    [
        .. Calls("POST", path => path == TakePath)
            .Where(call => call.Body!.Contains($"\"{kind}\"", StringComparison.Ordinal) && call.Body.Contains($"\"{bucket}/", StringComparison.Ordinal)),
    ];

    private IReadOnlyList<SeenCall> Calls(string method, Func<string, bool> path)
    {
        lock (gate)
        {
            return [.. calls.Where(call => call.Method == method && path(call.Path))];
        }
    }

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync();
        await app.DisposeAsync();
        folder.Dispose();
    }

    private async Task<HttpResponseMessage> ControlAsync(HttpMethod method, string path, object? body = null)
    {
        using HttpClient http = new(new SocketsHttpHandler())
        {
            BaseAddress = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()),
        };
        using HttpRequestMessage request = new(method, LocalCloudFace.Prefix + path);
        request.Headers.Authorization = new("Bearer", app.Services.GetRequiredService<LocalCloudKeys>().ControlToken);
        if (body is not null)
        {
            request.Content = System.Net.Http.Json.JsonContent.Create(body);
        }

        HttpResponseMessage answer = await http.SendAsync(request);
        await answer.Content.LoadIntoBufferAsync();
        return answer;
    }
}
