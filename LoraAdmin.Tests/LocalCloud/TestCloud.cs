using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.LocalCloud;

/// <summary>LocalCloud in memory on a fake clock, spoken to as a vendor client speaks.</summary>
internal sealed class TestCloud : IDisposable
{
    public const string Key = "test-key";
    public const string PodToken = "pod-token";

    public TestCloud(ILocalCloudJournal? journal = null, Action<LocalCloudOptions>? change = null, FakeTimeProvider? clock = null, int seed = 1)
    {
        Clock = clock ?? new FakeTimeProvider(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));
        Options = new LocalCloudOptions { Speed = 1, ArtifactBytes = 8 * 1024, ValidationPixels = 16, ApiKey = Key };
        change?.Invoke(Options);
        Face = new LocalCloudFace(Options, Keys, Clock, new SeededIds(seed), journal ?? NoJournal.Instance, FetchAsync);
        Http = new HttpClient(new LocalCloudHandler(Face)) { BaseAddress = new Uri("http://localcloud.invalid/localcloud/") };
    }

    public static LocalCloudKeys Keys { get; } = new(Key, "control");

    /// <summary>What lies behind links that Replicate is given.</summary>
    public Dictionary<string, byte[]> Links { get; } = new() { [ReplicateOrders.ImagesLink] = ReplicateOrders.Zip() };

    public FakeTimeProvider Clock { get; }
    public LocalCloudOptions Options { get; }
    public LocalCloudFace Face { get; }
    public LocalCloudWorld World => Face.World;
    public HttpClient Http { get; }

    public static JsonObject Order(string name = "lora-1") => new()
    {
        ["name"] = name,
        ["image"] = "trainer:1",
        ["gpu"] = new JsonObject { ["id"] = "NVIDIA A40", ["count"] = 1 },
        ["disk"] = 30,
        ["mounts"] = new JsonObject { ["persistent"] = new JsonObject { ["size"] = 40, ["path"] = "/workspace" } },
        ["env"] = new JsonObject { ["LORA_AGENT_TOKEN"] = PodToken },
        ["ports"] = new JsonArray("8000/http"),
    };

    public async Task<HttpResponseMessage> RunPodAsync(HttpMethod method, string path, JsonNode? body = null, string? key = Key)
    {
        using HttpRequestMessage request = new(method, "runpod/v2" + path);
        request.Content = body is null ? null : JsonContent.Create(body);
        if (key is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        return await Http.SendAsync(request);
    }

    public async Task<HttpResponseMessage> ReplicateAsync(HttpMethod method, string path, JsonNode? body = null, string? key = Key)
    {
        using HttpRequestMessage request = new(method, "replicate" + path);
        request.Content = body is null ? null : JsonContent.Create(body);
        if (key is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        return await Http.SendAsync(request);
    }

    public async Task<HttpResponseMessage> AgentAsync(
        HttpMethod method, string pod, string path, HttpContent? body = null, string? range = null, string? token = PodToken, string? sha256 = null)
    {
        using HttpRequestMessage request = new(method, $"agents/{pod}/v1{path}");
        request.Content = body;
        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        if (range is not null)
        {
            request.Headers.TryAddWithoutValidation("Range", range);
        }

        if (sha256 is not null)
        {
            request.Headers.TryAddWithoutValidation("X-Content-SHA256", sha256);
        }

        return await Http.SendAsync(request);
    }

    public async Task<HttpResponseMessage> ControlAsync(HttpMethod method, string path, JsonNode? body = null)
    {
        Stream content = body is null ? Stream.Null : new MemoryStream(System.Text.Encoding.UTF8.GetBytes(body.ToJsonString()));
        VendorRequest request = new(method.Method, "/localcloud" + path, "", _ => null, content);
        VendorResponse answer = await Face.HandleControlAsync(request, CancellationToken.None);
        return new HttpResponseMessage((HttpStatusCode)answer.Status) { Content = new ByteArrayContent(answer.Body.ToArray()) };
    }

    /// <summary>A pod that has just been asked for.</summary>
    public async Task<string> CreateAsync(string name = "lora-1")
    {
        using HttpResponseMessage answer = await RunPodAsync(HttpMethod.Post, "/pods", Order(name));
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return (string)(await JsonAsync(answer))["id"]!;
    }

    /// <summary>A pod whose agent answers.</summary>
    public async Task<string> RunningAsync(string name = "lora-1")
    {
        string id = await CreateAsync(name);
        Pass(Options.Scripted(Options.Boot) + Options.Scripted(Options.Pull));
        Assert.Equal("RUNNING", await StatusAsync(id));
        return id;
    }

    /// <summary>A pod that trains.</summary>
    public async Task<string> TrainingAsync(string name = "lora-1", int validationImages = 3, int maxSeconds = 7200)
    {
        string id = await RunningAsync(name);
        await PutImagesAsync(id, 2);
        using HttpResponseMessage answer = await AgentAsync(HttpMethod.Post, id, "/start", Start(2, validationImages, maxSeconds));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return id;
    }

    public async Task PutImagesAsync(string id, int count)
    {
        for (int n = 0; n < count; n++)
        {
            byte[] image = [1, 2, (byte)n];
            using HttpResponseMessage answer = await AgentAsync(
                HttpMethod.Put, id, $"/images/{n}", new ByteArrayContent(image), sha256: Convert.ToHexStringLower(SHA256.HashData(image)));
            Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        }
    }

    public static JsonContent Start(int images, int validationImages = 3, int maxSeconds = 7200) => JsonContent.Create(new JsonObject
    {
        ["job_id"] = "0193c1a0-0000-7000-8000-000000000001",
        ["lora_id"] = "0193c1a0-0000-7000-8000-000000000002",
        ["name"] = "Ayla",
        ["images"] = images,
        ["validation_images"] = validationImages,
        ["max_duration_seconds"] = maxSeconds,
    });

    public void Pass(TimeSpan time) => Clock.Advance(time);

    public async Task<string> StatusAsync(string id)
    {
        using HttpResponseMessage answer = await RunPodAsync(HttpMethod.Get, $"/pods/{id}");
        return answer.IsSuccessStatusCode ? (string)(await JsonAsync(answer))["status"]! : ((int)answer.StatusCode).ToString(CultureInfo.InvariantCulture);
    }

    public async Task<JsonObject> AgentStatusAsync(string id)
    {
        using HttpResponseMessage answer = await AgentAsync(HttpMethod.Get, id, "/status");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await JsonAsync(answer);
    }

    public async Task<byte[]> ArtifactAsync(string id)
    {
        using HttpResponseMessage answer = await AgentAsync(HttpMethod.Get, id, "/artifact");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadAsByteArrayAsync();
    }

    public async Task<JsonObject> TruthAsync()
    {
        using HttpResponseMessage answer = await ControlAsync(HttpMethod.Get, "/truth");
        return await JsonAsync(answer);
    }

    public static async Task<JsonObject> JsonAsync(HttpResponseMessage answer) => JsonNode.Parse(await answer.Content.ReadAsStringAsync())!.AsObject();

    public void Dispose() => Http.Dispose();

    private Task<byte[]?> FetchAsync(Uri link, CancellationToken cancellationToken) => Task.FromResult(Links.GetValueOrDefault(link.AbsoluteUri));
}
