using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Doubles;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace LoraAdmin.Tests.LocalCloud;

/// <summary>LocalCloud as its own process serves it: real sockets, system clock, journal on disk.</summary>
public sealed class LocalCloudEndpointTests : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("localcloud-").FullName;
    private WebApplication app = null!;
    private HttpClient http = null!;

    public async ValueTask InitializeAsync()
    {
        app = await StartAsync();
        http = Client(app);
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await app.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Job_OverHttp_EndsWithTheAnnouncedFile()
    {
        string id = await CreateAsync("lora-http");
        await Eventually.TrueAsync(async () => (await AgentAsync(HttpMethod.Get, id, "/status")).StatusCode == HttpStatusCode.OK, "the agent answers");
        byte[] image = RandomNumberGenerator.GetBytes(300_000);
        using HttpResponseMessage held = await AgentAsync(
            HttpMethod.Put, id, "/images/0", new ByteArrayContent(image), Convert.ToHexStringLower(SHA256.HashData(image)));
        Assert.Equal(HttpStatusCode.NoContent, held.StatusCode);
        using HttpResponseMessage started = await AgentAsync(HttpMethod.Post, id, "/start", TestCloud.Start(1));
        Assert.Equal(HttpStatusCode.OK, started.StatusCode);
        JsonObject status = [];
        await Eventually.TrueAsync(
            async () =>
            {
                using HttpResponseMessage answer = await AgentAsync(HttpMethod.Get, id, "/status");
                status = await TestCloud.JsonAsync(answer);
                return (string)status["phase"]! == "done";
            },
            "the training is done");
        using MemoryStream file = new();
        long size = (long)status["artifact"]!["size_bytes"]!;
        for (long at = 0; at < size; at += 1_000_000)
        {
            using HttpResponseMessage piece = await AgentAsync(
                HttpMethod.Get, id, "/artifact", range: $"bytes={at}-{Math.Min(at + 999_999, size - 1)}");
            Assert.Equal(HttpStatusCode.PartialContent, piece.StatusCode);
            Assert.Equal(size, piece.Content.Headers.ContentRange!.Length);
            await piece.Content.CopyToAsync(file);
        }

        Assert.Equal((string)status["artifact"]!["sha256"]!, Convert.ToHexStringLower(SHA256.HashData(file.ToArray())));
    }

    [Fact]
    public async Task Process_StoppedAndStartedAnew_KnowsItsPodsAndKeys()
    {
        string id = await CreateAsync("lora-again");
        await app.DisposeAsync();
        http.Dispose();
        app = await StartAsync();
        http = Client(app);
        using HttpRequestMessage request = Vendor(HttpMethod.Get, $"/pods/{id}");
        using HttpResponseMessage answer = await http.SendAsync(request);
        Assert.Equal("lora-again", (string)(await TestCloud.JsonAsync(answer))["name"]!);
    }

    [Fact]
    public async Task Control_WithoutTheToken_Answers401()
    {
        foreach (string? token in new[] { null, "wrong", app.Services.GetRequiredService<LocalCloudKeys>().ApiKey })
        {
            using HttpRequestMessage request = new(HttpMethod.Get, "localcloud/truth");
            request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
            using HttpResponseMessage answer = await http.SendAsync(request);
            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        }
    }

    [Fact]
    public async Task Control_WithTheToken_SetsFaultsAndTellsTheTruth()
    {
        using HttpRequestMessage set = new(HttpMethod.Post, "localcloud/faults") { Content = JsonContent.Create(new { kind = "no_capacity" }) };
        set.Headers.Authorization = new AuthenticationHeaderValue("Bearer", app.Services.GetRequiredService<LocalCloudKeys>().ControlToken);
        using HttpResponseMessage done = await http.SendAsync(set);
        Assert.Equal(HttpStatusCode.Created, done.StatusCode);
        using HttpRequestMessage create = Vendor(HttpMethod.Post, "/pods");
        create.Content = JsonContent.Create(TestCloud.Order());
        using HttpResponseMessage refused = await http.SendAsync(create);
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
    }

    [Fact]
    public async Task Artifact_Truncated_BreaksOffTheConnectionBeforeTheAnnouncedLength()
    {
        string id = await TrainedAsync("lora-broken");
        app.Services.GetRequiredService<LocalCloudFace>().World.Faults.Add(FaultKind.ArtifactTruncated);
        const int length = 2_000_000;

        using HttpRequestMessage request = new(HttpMethod.Get, $"localcloud/agents/{id}/v1/artifact");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", TestCloud.PodToken);
        request.Headers.Range = new RangeHeaderValue(0, length - 1);
        using HttpResponseMessage answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);

        Assert.Equal(length, answer.Content.Headers.ContentLength);
        using MemoryStream came = new();
        await Assert.ThrowsAnyAsync<IOException>(async () => await (await answer.Content.ReadAsStreamAsync()).CopyToAsync(came));
        Assert.InRange(came.Length, 1, length / 2);
    }

    [Fact]
    public async Task Artifact_Slow_ComesAfterItsTime()
    {
        string id = await TrainedAsync("lora-slow");
        app.Services.GetRequiredService<LocalCloudFace>().World.Faults.Add(FaultKind.ArtifactSlow, seconds: 0.3);
        System.Diagnostics.Stopwatch passed = System.Diagnostics.Stopwatch.StartNew();
        using HttpResponseMessage answer = await AgentAsync(HttpMethod.Get, id, "/artifact", range: "bytes=0-99");
        Assert.Equal(100, (await answer.Content.ReadAsByteArrayAsync()).Length);
        Assert.True(passed.Elapsed >= TimeSpan.FromSeconds(0.29), $"{passed.Elapsed}");
    }

    [Theory]
    [InlineData("{\"kinds\":[\"store_full\"]}")]
    [InlineData("{\"kinds\":[],\"subject\":\"a\"}")]
    [InlineData("{\"kinds\":[\"list_500\"],\"subject\":\"a\"}")]
    [InlineData("{\"kinds\":[\"store_full\"],\"subject\":null}")]
    [InlineData("[]")]
    public async Task Take_BadQuestion_Answers422(string body)
    {
        using HttpRequestMessage take = new(HttpMethod.Post, "localcloud/faults/take") { Content = new StringContent(body) };
        take.Headers.Authorization = new AuthenticationHeaderValue("Bearer", app.Services.GetRequiredService<LocalCloudKeys>().ControlToken);
        using HttpResponseMessage answer = await http.SendAsync(take);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
    }

    [Theory]
    [InlineData("localcloud/truth")]
    [InlineData("localcloud/runpod/v2/pods")]
    [InlineData("localcloud/agents/abcd/v1/status")]
    public async Task Call_ForwardedFromElsewhere_Answers403(string path)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, path);
        request.Headers.Add("X-Forwarded-For", "203.0.113.7");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", app.Services.GetRequiredService<LocalCloudKeys>().ControlToken);
        using HttpResponseMessage answer = await http.SendAsync(request);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Fact]
    public async Task Create_Hanging_AnswersLateAndThePodExists()
    {
        app.Services.GetRequiredService<LocalCloudFace>().World.Faults.Add(FaultKind.CreateHangButCreated, seconds: 0.3);
        string id = await CreateAsync("lora-late");
        Assert.NotEmpty(id);
    }

    [Fact]
    public async Task Portal_MappedRoutes_AreMarkedOrAskForThePolicy()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        await using WebApplication portal = builder.Build();
        portal.MapLocalCloud();
        RouteEndpoint[] routes = [.. ((IEndpointRouteBuilder)portal).DataSources.SelectMany(source => source.Endpoints).Cast<RouteEndpoint>()];
        Assert.Equal(7, routes.Length);
        foreach (RouteEndpoint route in routes)
        {
            bool vendor = route.Metadata.GetMetadata<VendorFaceMetadata>() is not null;
            string? policy = route.Metadata.GetMetadata<IAuthorizeData>()?.Policy;
            Assert.Equal(vendor ? null : LocalCloudEndpoints.ControlPolicy, policy);
            Assert.Equal(vendor, route.Metadata.GetMetadata<IAllowAnonymous>() is not null);
        }
    }

    [Theory]
    [InlineData("--LocalCloud:Speed=0", "LocalCloud:Speed")]
    [InlineData("--LocalCloud:Spede=5", "Spede")]
    [InlineData("--LocalCloud:Training=-00:01:00", "LocalCloud:Training")]
    [InlineData("--LocalCloud:ArtifactBytes=12", "LocalCloud:ArtifactBytes")]
    public void Options_ThatCantWork_AreRefusedByName(string argument, string named)
    {
        Exception? refused = Record.Exception(() => LocalCloudProgram.Build(["--Data:Path=" + Path.Combine(folder, "other"), argument]));
        Assert.True(refused is OptionsValidationException or InvalidOperationException, $"{refused}");
        Assert.Contains(named, refused!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Program_Cancelled_EndsCleanly()
    {
        using CancellationTokenSource stop = new(TimeSpan.FromMilliseconds(500));
        string[] args = ["--urls", "http://127.0.0.1:0", "--Data:Path=" + Path.Combine(folder, "program")];
        Assert.Equal(0, await LocalCloudProgram.RunAsync(args, stop.Token));
    }

    [Fact]
    public async Task Program_OnAFolderInUse_EndsWithAnError()
    {
        string[] args = ["--urls", "http://127.0.0.1:0", "--Data:Path=" + folder];
        Assert.Equal(1, await LocalCloudProgram.RunAsync(args, CancellationToken.None));
    }

    [Fact]
    public void Keys_Made_AreReadableByTheOwnerAlone()
    {
        string path = Path.Combine(folder, "localcloud", "keys.json");
        Assert.True(OperatingSystem.IsWindows() || File.GetUnixFileMode(path) == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
    }

    private async Task<WebApplication> StartAsync()
    {
        WebApplication started = LocalCloudProgram.Build(
        [
            LocalCloudProgram.Verb, "--urls", "http://127.0.0.1:0", "--Data:Path=" + folder, "--LocalCloud:Speed=3600", "--LocalCloud:ValidationPixels=32",
        ]);
        await started.StartAsync();
        return started;
    }

    private static HttpClient Client(WebApplication app) => new(new SocketsHttpHandler())
    {
        BaseAddress = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()),
    };

    private HttpRequestMessage Vendor(HttpMethod method, string path)
    {
        HttpRequestMessage request = new(method, "localcloud/runpod/v2" + path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", app.Services.GetRequiredService<LocalCloudKeys>().ApiKey);
        return request;
    }

    private async Task<string> CreateAsync(string name)
    {
        using HttpRequestMessage request = Vendor(HttpMethod.Post, "/pods");
        request.Content = JsonContent.Create(TestCloud.Order(name));
        using HttpResponseMessage answer = await http.SendAsync(request);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return (string)(await TestCloud.JsonAsync(answer))["id"]!;
    }

    /// <summary>A pod whose file is finished.</summary>
    private async Task<string> TrainedAsync(string name)
    {
        string id = await CreateAsync(name);
        await Eventually.TrueAsync(async () => (await AgentAsync(HttpMethod.Get, id, "/status")).StatusCode == HttpStatusCode.OK, "the agent answers");
        byte[] image = [1, 2, 3];
        await AgentAsync(HttpMethod.Put, id, "/images/0", new ByteArrayContent(image), Convert.ToHexStringLower(SHA256.HashData(image)));
        await AgentAsync(HttpMethod.Post, id, "/start", TestCloud.Start(1, validationImages: 0));
        await Eventually.TrueAsync(async () => (await AgentAsync(HttpMethod.Get, id, "/artifact", range: "bytes=0-0")).StatusCode == HttpStatusCode.PartialContent, "the file is there");
        return id;
    }

    private async Task<HttpResponseMessage> AgentAsync(
        HttpMethod method, string id, string path, HttpContent? body = null, string? sha256 = null, string? range = null)
    {
        using HttpRequestMessage request = new(method, $"localcloud/agents/{id}/v1{path}") { Content = body };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", TestCloud.PodToken);
        if (sha256 is not null)
        {
            request.Headers.Add("X-Content-SHA256", sha256);
        }

        if (range is not null)
        {
            request.Headers.TryAddWithoutValidation("Range", range);
        }

        return await http.SendAsync(request);
    }
}
