using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>A call as it reached the vendor.</summary>
/// <param name="Path">Below <c>/localcloud</c>.</param>
internal sealed record SeenCall(DateTimeOffset At, string Method, string Path);

/// <summary>LocalCloud on a socket of its own, in the test's process, so that a test sees every call at the moment at which it arrives.</summary>
internal sealed class WatchedLocalCloud : IAsyncDisposable
{
    private const string Key = "key-of-the-account-0123456789";

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
            lock (gate)
            {
                calls.Add(new SeenCall(TimeProvider.System.GetUtcNow(), context.Request.Method, context.Request.Path.Value![LocalCloudFace.Prefix.Length..]));
            }

            await next(context);
        });
    }

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
                ["PodAgent:UrlTemplate"] = $"{root}/agents/{{pod}}",
            };
        }
    }

    /// <summary>Create calls, in order of arrival.</summary>
    public IReadOnlyList<SeenCall> Creates => Calls("POST", path => path == "/runpod/v2/pods");

    public IReadOnlyList<SeenCall> Deletes => Calls("DELETE", path => path.StartsWith("/runpod/v2/pods/", StringComparison.Ordinal));

    /// <param name="settings">Keys below <c>LocalCloud:</c>.</param>
    public static async Task<WatchedLocalCloud> StartAsync(params (string Key, string Value)[] settings)
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
            WatchedLocalCloud cloud = new(folder, app);
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

    public async Task FaultAsync(string kind, int count = 1)
    {
        using HttpResponseMessage answer = await ControlAsync(HttpMethod.Post, "/faults", new { kind, count });
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

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
