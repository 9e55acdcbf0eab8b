using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using LoraAdmin.Access;
using LoraAdmin.Api;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Web;
using LoraAdmin.Tests.Api.Fakes;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Api;

/// <summary>The portal's HTTP surface on a real Kestrel at a free port, with ports in memory behind it.</summary>
public sealed class PortalHost : IAsyncDisposable
{
    public const string Token = "lora_test-token-with-every-scope";
    public static readonly UserId User = new(Guid.Parse("6b1f7f3e-64d8-4f0c-9a51-3f0c2f1d7a10"));
    private WebApplication app = null!;

    public FakeTimeProvider Clock { get; } = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
    public MemoryAccess Access { get; } = new();
    public MemoryTraining Training { get; private set; } = null!;
    public MemoryStaging Staging { get; private set; } = null!;
    public TrainingRules Rules { get; } = Sample();
    public IServiceProvider Services => app.Services;
    public HttpClient Client { get; private set; } = null!;
    public HttpClient Anonymous { get; private set; } = null!;

    public static async Task<PortalHost> StartAsync(IReadOnlyDictionary<string, string?>? settings = null, Action<WebApplication>? more = null)
    {
        PortalHost host = new();
        host.Training = new MemoryTraining(host.Clock);
        host.Staging = new MemoryStaging(host.Rules);
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection(
            new Dictionary<string, string?> { ["Api:BootstrapToken"] = Token, ["urls"] = "http://127.0.0.1:0" }
                .Concat(settings ?? new Dictionary<string, string?>())
                .GroupBy(pair => pair.Key)
                .ToDictionary(pairs => pairs.Key, pairs => pairs.Last().Value));
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<TimeProvider>(host.Clock);
        builder.Services.AddSingleton<IIds>(new SeededIds(3));
        builder.Services.AddSingleton<IUnitOfWork>(host.Access);
        builder.Services.AddSingleton<ITrainingDesk>(host.Training);
        builder.Services.AddSingleton<ITrainingQueries>(host.Training);
        builder.Services.AddSingleton<IJobReader>(host.Training);
        builder.Services.AddSingleton<IImageStaging>(host.Staging);
        builder.Services.AddSingleton<ILinkSigner>(new PathSigner(host.Clock));
        builder.Services.AddSingleton(host.Rules);
        builder.Services.AddPlatformWeb();
        builder.Services.AddAccess();
        builder.Services.AddLoraApi();
        builder.Services.AddSingleton<IDataProtectionProvider>(new EphemeralDataProtectionProvider());
        host.app = builder.Build();
        host.app.UsePlatformWeb();
        host.app.MapHealth();
        host.app.MapSignIn();
        host.app.MapLoraApi();
        host.app.MapGet("/", (HttpContext context) => $"Hello {context.User.Identity?.Name}");
        host.app.MapGet("/api/boom", string () => throw new InvalidOperationException("secret inner detail"));
        host.app.MapGet("/localcloud/truth", () => "truth").RequireAuthorization(Permissions.LocalCloud);
        more?.Invoke(host.app);
        await host.Services.GetRequiredService<AccessStartup>().RunAsync(CancellationToken.None);
        await host.app.StartAsync();
        host.Client = host.NewClient();
        host.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        host.Anonymous = host.NewClient();
        return host;
    }

    /// <summary>Follows no redirect and keeps no cookie by itself.</summary>
    public HttpClient NewClient() =>
        new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = new Uri(app.Urls.First()) };

    public static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    public static string ValidJson(string? name = "Ada", string? user = null, string? extra = null) =>
        $$"""{"user_id":"{{user ?? User.ToString()}}","name":{{JsonSerializer.Serialize(name)}},"creator_email":"ada@example.org","training_images":["{{User}}/u/0","{{User}}/u/1"]{{extra}}}""";

    public static MultipartFormDataContent Form(int images, string? user = null, string? name = "Ada")
    {
        MultipartFormDataContent form = new() { { new StringContent(user ?? User.ToString()), "user_id" } };
        form.Add(new StringContent(name ?? ""), "name");
        form.Add(new StringContent("ada@example.org"), "creator_email");
        for (int index = 0; index < images; index++)
        {
            form.Add(Image(index), "images", $"cat{index}.jpg");
        }

        return form;
    }

    public static ByteArrayContent Image(int seed) => new([0xFF, 0xD8, 0xFF, (byte)seed, 1, 2, 3]);

    public Task<HttpResponseMessage> SubmitAsync(HttpContent body, string? key = null)
    {
        HttpRequestMessage request = new(HttpMethod.Post, "/api/v1/training-jobs") { Content = body };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        return Client.SendAsync(request);
    }

    public static async Task<JsonElement> ReadAsync(HttpResponseMessage response)
    {
        using JsonDocument document = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        return document.RootElement.Clone();
    }

    /// <summary>Asserts a problem of this status and code whose parts are all filled, and returns it.</summary>
    public static async Task<JsonElement> AssertProblemAsync(HttpResponseMessage response, HttpStatusCode status, string code)
    {
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == status, $"{(int)response.StatusCode} instead of {(int)status}: {text}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        JsonElement problem = await ReadAsync(response);
        Assert.Equal(code, problem.GetProperty("code").GetString());
        Assert.Equal((int)status, problem.GetProperty("status").GetInt32());
        foreach (string member in (string[])["type", "title", "detail", "remedy", "correlation_id"])
        {
            Assert.NotEmpty(problem.GetProperty(member).GetString()!);
        }

        return problem;
    }

    /// <summary>Asserts a 400 that names the field with a remedy, and that nothing of the request is left.</summary>
    public async Task<JsonElement> AssertRefusedAsync(HttpResponseMessage response, string field, string code = "invalid_request")
    {
        JsonElement problem = await AssertProblemAsync(response, HttpStatusCode.BadRequest, code);
        JsonElement[] errors = [.. problem.GetProperty("errors").EnumerateArray()];
        JsonElement error = Assert.Single(errors, candidate => candidate.GetProperty("field").GetString()!.StartsWith(field, StringComparison.Ordinal));
        Assert.NotEmpty(error.GetProperty("problem").GetString()!);
        Assert.NotEmpty(error.GetProperty("remedy").GetString()!);
        Assert.Empty(Training.Requests);
        Assert.Empty(Staging.Uploads);
        return error;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        Anonymous.Dispose();
        await app.DisposeAsync();
    }

    private static TrainingRules Sample() =>
        new()
        {
            MaxDuration = TimeSpan.FromHours(2),
            CreateRetries = [],
            ImageRetries = 3,
            UploadRetries = 3,
            RetrieveWithin = TimeSpan.FromMinutes(30),
            QueueWait = TimeSpan.FromHours(1),
            PollEvery = TimeSpan.FromSeconds(5),
            StuckAfter = TimeSpan.FromMinutes(10),
            MinImages = 1,
            MaxImages = 100,
            MaxImageBytes = 64 * 1024,
            MaxImagePixels = 40_000_000,
            MaxArtifactBytes = 2_000_000_000,
            MaxConcurrentPods = 10,
            StoreTimeout = TimeSpan.FromMinutes(15),
            ImageRetention = TimeSpan.FromDays(7),
            ReadyWithin = TimeSpan.FromMinutes(20),
            ValidationImages = 3,
            ValidationMustPass = 2,
            ValidationMinimumScore = 0.6,
            GpuTypes = ["NVIDIA A40", "NVIDIA RTX A5000"],
            Image = "trainer:1",
            DiskGb = 20,
            MountGb = 20,
            WorstHourlyPrice = Usd.FromDollars(1),
        };

    private sealed class PathSigner(TimeProvider clock) : ILinkSigner
    {
        public TimeSpan Lifetime => TimeSpan.FromMinutes(20);

        public SignedLink Sign(ObjectRef target) => new($"/objects/{target}?signature=x", clock.GetUtcNow() + Lifetime);
    }
}
