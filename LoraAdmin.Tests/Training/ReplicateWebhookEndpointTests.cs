using System.Globalization;
using System.Net;
using System.Text;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Vendors;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Platform.Vendors;
using LoraAdmin.Tests.Simulation.Memory;
using LoraAdmin.Training;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>The webhook's endpoint on a real Kestrel: what is not proven is refused, and nothing is written.</summary>
[Trait("Requirement", "S1")]
public sealed class ReplicateWebhookEndpointTests : IAsyncLifetime
{
    private const string Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    private const string Known = "abcd1234efgh";
    private const string Body = $$"""{"id":"{{Known}}","status":"succeeded"}""";

    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
    private readonly ScriptedVendor vendor = new("r8_token");
    private readonly MemoryDatabase database;
    private WebApplication app = null!;
    private HttpClient http = null!;

    public ReplicateWebhookEndpointTests() => database = new MemoryDatabase(clock);

    public async ValueTask InitializeAsync()
    {
        await database.RunAsync(
            (unit, token) => unit.Store<IHostedTrainingStore>().AddAsync(
                new HostedTraining
                {
                    Name = "lora-5eed0001-0123456789abcdef0123456789abcdef-2-1",
                    Job = new JobId(new Guid(1, 0, 0, new byte[8])),
                    Attempt = 2,
                    Try = 1,
                    IsNeeded = true,
                    Saw = HostedSaw.Processing,
                    TrainingId = Known,
                    RequestedAt = clock.GetUtcNow(),
                    WantSince = clock.GetUtcNow(),
                    HourlyRate = new Usd(1),
                },
                token),
            CancellationToken.None);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton<TimeProvider>(clock);
        builder.Services.AddSingleton(new HostedHints(database, clock));
        IOptions<ReplicateOptions> options = Options.Create(new ReplicateOptions { BaseUrl = "https://api.example.org/v1", ApiToken = "r8_token" });
        ReplicateClient client = new(vendor.Client(), options, new OpenGate(), static _ => null, clock, NullLogger<ReplicateClient>.Instance);
        builder.Services.AddSingleton(new ReplicateWebhookSecret(client, options, clock));
        builder.Services.AddAuthorization();
        app = builder.Build();
        app.UseAuthorization();
        app.MapReplicateWebhook();
        await app.StartAsync();
        http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new Uri(app.Urls.First()) };
        vendor.Answer(200, $$"""{"key":"{{Secret}}"}""");
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await app.DisposeAsync();
        database.Dispose();
        vendor.Dispose();
    }

    [Fact]
    public async Task Signed_OfOurTraining_IsTaken()
    {
        Assert.Equal(HttpStatusCode.NoContent, await SendAsync(Body));
        Assert.Equal(HttpStatusCode.NoContent, await SendAsync(Body));
        Assert.Single(vendor.Requests);
    }

    [Fact]
    public async Task Signature_OfAnotherSecretOrBody_Is401()
    {
        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync(Body, secret: "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync(Body, signed: Body + " "));
        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync(Body, leaveOut: WebhookSignature.SignatureHeader));
        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync(Body, leaveOut: WebhookSignature.IdHeader));
    }

    [Theory]
    [InlineData(-301)]
    [InlineData(301)]
    public async Task Timestamp_FarFromNow_Is401(int seconds) =>
        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync(Body, at: clock.GetUtcNow().AddSeconds(seconds)));

    [Theory]
    [InlineData("""{"id":"somebodyelses","status":"succeeded"}""")]
    [InlineData("""{"status":"succeeded"}""")]
    [InlineData("""{"id":7}""")]
    [InlineData("[]")]
    [InlineData("no json")]
    public async Task Signed_OfNoTrainingOfOurs_Is404(string body) => Assert.Equal(HttpStatusCode.NotFound, await RefusedAsync(body));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Body_OfFiveMegabytes_Is413(bool announced)
    {
        byte[] large = new byte[5 * 1024 * 1024];
        int writes = database.Writes;
        using HttpRequestMessage request = Request(large, Secret, clock.GetUtcNow(), large, null);
        request.Headers.TransferEncodingChunked = announced ? null : true;
        HttpStatusCode? status = null;
        try
        {
            using HttpResponseMessage answer = await http.SendAsync(request);
            status = answer.StatusCode;
        }
        catch (HttpRequestException)
        {
            // The server ends the connection while the rest is still being sent.
        }

        Assert.True(status is null or HttpStatusCode.RequestEntityTooLarge, $"{status}");
        Assert.Equal(writes, database.Writes);
        Assert.Empty(vendor.Requests);
    }

    [Fact]
    public async Task Secret_ThatTheAccountHasChanged_IsAskedForAgain()
    {
        const string changed = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        vendor.Answer(200, $$"""{"key":"{{changed}}"}""");
        Assert.Equal(HttpStatusCode.NoContent, await SendAsync(Body));
        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync(Body, secret: changed));
        Assert.Single(vendor.Requests);

        clock.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(HttpStatusCode.NoContent, await SendAsync(Body, changed, clock.GetUtcNow(), Body, null));
        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync(Body));
        Assert.Equal(2, vendor.Requests.Count);
    }

    [Fact]
    public async Task Secret_ThatCanNotBeRead_IsNotAskedForEachTime()
    {
        using ScriptedVendor away = new("r8_token");
        away.Answer(500);
        ReplicateWebhookSecret secret = Secrets(away);
        Assert.Null(await secret.ReadAsync(CancellationToken.None));
        Assert.Null(await secret.ReadAsync(CancellationToken.None));
        Assert.Single(away.Requests);
        clock.Advance(TimeSpan.FromSeconds(30));
        Assert.Null(await secret.ReadAsync(CancellationToken.None));
        Assert.Equal(2, away.Requests.Count);
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("PUT")]
    public async Task OtherMethods_AreNotThere(string method)
    {
        using HttpRequestMessage request = new(new HttpMethod(method), ReplicateWebhook.Path);
        using HttpResponseMessage answer = await http.SendAsync(request);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
    }

    private ReplicateWebhookSecret Secrets(ScriptedVendor account)
    {
        IOptions<ReplicateOptions> options = Options.Create(new ReplicateOptions { BaseUrl = "https://api.example.org/v1", ApiToken = "r8_token" });
        return new ReplicateWebhookSecret(
            new ReplicateClient(account.Client(), options, new OpenGate(), static _ => null, clock, NullLogger<ReplicateClient>.Instance), options, clock);
    }

    private Task<HttpStatusCode> SendAsync(string body) => SendAsync(body, Secret, clock.GetUtcNow(), body, null);

    private async Task<HttpStatusCode> RefusedAsync(string body, string secret = Secret, DateTimeOffset? at = null, string? signed = null, string? leaveOut = null)
    {
        int writes = database.Writes;
        HttpStatusCode status = await SendAsync(body, secret, at ?? clock.GetUtcNow(), signed ?? body, leaveOut);
        Assert.Equal(writes, database.Writes);
        return status;
    }

    private async Task<HttpStatusCode> SendAsync(string body, string secret, DateTimeOffset at, string signed, string? leaveOut)
    {
        using HttpRequestMessage request = Request(Encoding.UTF8.GetBytes(body), secret, at, Encoding.UTF8.GetBytes(signed), leaveOut);
        using HttpResponseMessage answer = await http.SendAsync(request);
        return answer.StatusCode;
    }

    private static HttpRequestMessage Request(byte[] body, string secret, DateTimeOffset at, byte[] signed, string? leaveOut)
    {
        HttpRequestMessage request = new(HttpMethod.Post, ReplicateWebhook.Path) { Content = new ByteArrayContent(body) };
        foreach ((string name, string value) in new[]
        {
            (WebhookSignature.IdHeader, "msg_1"),
            (WebhookSignature.TimestampHeader, at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture)),
            (WebhookSignature.SignatureHeader, WebhookSignature.Sign(secret, "msg_1", at, signed)),
        })
        {
            if (name != leaveOut)
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }
        }

        return request;
    }
}
