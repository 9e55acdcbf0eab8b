using System.Net;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace LoraAdmin.Bench.GetJob;

/// <summary>The real portal on a free port and a folder of its own, with one finished job, and a client that keeps its connections.</summary>
internal sealed class BenchPortal : IAsyncDisposable
{
    public const string ConstantPath = "/api/v1/constant";

    private const string Token = "a-token-for-one-run-of-the-benchmarks-only";

    private readonly DirectoryInfo folder;
    private readonly WebApplication app;
    private readonly HttpMessageInvoker client = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false, AllowAutoRedirect = false });
    private byte[] constant = [];
    private Uri address = new("http://localhost");

    private BenchPortal(DirectoryInfo folder)
    {
        this.folder = folder;
        app = Portal.Build(
        [
            "--applicationName", "LoraAdmin",
            "--urls", "http://127.0.0.1:0",
            "--Data:Path", folder.FullName,
            "--Api:BootstrapToken", Token,
            "--RateLimits:ApiPerMinute", "0",
            "--Logging:LogLevel:Default", "Warning",
        ]);
    }

    public string JobPath { get; private set; } = "";

    public static async Task<BenchPortal> StartAsync()
    {
        BenchPortal portal = new(Directory.CreateTempSubdirectory("loraadmin-bench-"));
        try
        {
            await portal.OpenAsync();
            return portal;
        }
        catch
        {
            await portal.DisposeAsync();
            throw;
        }
    }

    /// <summary>Sends and reads to the end.</summary>
    /// <exception cref="InvalidOperationException">The answer is not the one that is compared.</exception>
    public async Task GetAsync(string path)
    {
        byte[] body = await ReadAsync(path);
        if (body.Length != constant.Length)
        {
            throw new InvalidOperationException($"{path} answered {body.Length} bytes instead of {constant.Length}: the comparison would be worthless.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await app.StopAsync();
        await app.DisposeAsync();
        folder.Delete(recursive: true);
    }

    private async Task OpenAsync()
    {
        app.MapGet(ConstantPath, AnswerConstantAsync).RequireAuthorization(Permissions.ReadTraining).RequireRateLimiting(RateLimits.Api);
        await Portal.PrepareAsync(app, CancellationToken.None);
        JobPath = $"/api/v1/training-jobs/{await AddJobAsync()}";
        await app.StartAsync();
        address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        constant = await ReadAsync(JobPath);
        await GetAsync(ConstantPath);
    }

    private Task AnswerConstantAsync(HttpContext context)
    {
        context.Response.Headers.CacheControl = "no-store";
        context.Response.ContentType = "application/json; charset=utf-8";
        return context.Response.Body.WriteAsync(constant, context.RequestAborted).AsTask();
    }

    private async Task<byte[]> ReadAsync(string path)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, new Uri(address, path));
        request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {Token}");
        using HttpResponseMessage response = await client.SendAsync(request, CancellationToken.None);
        byte[] body = await response.Content.ReadAsByteArrayAsync();
        return response.StatusCode == HttpStatusCode.OK
            ? body
            : throw new InvalidOperationException($"{path} answered {(int)response.StatusCode}.");
    }

    // Finished, so that no loop of the portal touches it while it is read.
    private async Task<JobId> AddJobAsync()
    {
        IIds ids = app.Services.GetRequiredService<IIds>();
        DateTimeOffset end = app.Services.GetRequiredService<TimeProvider>().GetUtcNow();
        DateTimeOffset begin = end.AddHours(-1);
        JobId id = new(ids.Next());
        LoraId lora = new(ids.Next());
        UserId user = new(ids.Next());
        string sha256 = new('a', 64);
        TrainingJob job = new()
        {
            Id = id,
            LoraId = lora,
            UserId = user,
            Name = "Mara",
            CreatorEmail = "mara@example.org",
            State = TrainingState.Completed,
            StateSince = end,
            CreatedAt = begin,
            UpdatedAt = end,
            StartedAt = begin.AddMinutes(5),
            CompletedAt = end,
            Attempt = 1,
            Admission = 1,
            Provider = "runpod",
            Cost = Usd.FromDollars(0.42m),
            Figures = new TrainingFigures(2000, 2000, 0.081, end, end),
            Artifact = new ArtifactInfo(4_000_000, sha256),
            DueAt = end,
        };
        await app.Services.GetRequiredService<IUnitOfWork>().RunAsync(
            async (unit, token) =>
            {
                await unit.Store<ILoraStore>().AddAsync(
                    new Lora
                    {
                        Id = lora,
                        UserId = user,
                        CreatorEmail = job.CreatorEmail,
                        Name = job.Name,
                        Status = LoraStatus.Completed,
                        StoragePath = $"lora-models/{user}/{lora}/model.safetensors",
                        FileSizeBytes = 4_000_000,
                        FileSha256 = sha256,
                        CreatedAt = begin,
                        UpdatedAt = end,
                    },
                    token);
                ITrainingStore training = unit.Store<ITrainingStore>();
                await training.AddAsync(job, [], null, token);
                await training.AddAttemptAsync(
                    new TrainingAttempt(id, 1, "runpod", AttemptState.Succeeded, begin, end, null, Usd.FromDollars(0.42m)), token);
            },
            CancellationToken.None);
        return id;
    }
}
