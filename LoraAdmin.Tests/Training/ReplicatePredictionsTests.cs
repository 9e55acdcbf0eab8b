using System.Net;
using System.Text.Json.Nodes;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Platform.Vendors;
using LoraAdmin.Training;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Training;

public sealed class ReplicatePredictionsTests : IDisposable
{
    private const string Token = "r8_0123456789abcdef";
    private const string Name = "lora-5eed0001-0123456789abcdef0123456789abcdef-2-2";
    private const string Weights = "https://files.example.net/weights.tar?signature=secret-of-the-link";
    private const string Picture = "https://api.example.org/files/0.jpg";
    private static readonly string Version = new('b', 64);

    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
    private readonly ScriptedVendor vendor = new(Token);

    public void Dispose() => vendor.Dispose();

    [Fact]
    [Trait("Requirement", "E5")]
    public async Task Create_201_IsCreatedAndSendsWhatTheModelNeeds()
    {
        vendor.Answer(201, $$$"""{"id":"abcd1234efgh","status":"starting","input":{"name":"{{{Name}}}"},"output":null}""");
        HostedView view = Assert.IsType<HostedCreation.Created>(await CreateAsync()).Training;

        Assert.Equal(("abcd1234efgh", Name, HostedStatus.Starting), (view.Id, view.Name, view.Status));
        Assert.Equal(("POST", "https://api.example.org/v1/predictions"), (vendor.Last.Method, vendor.Last.Uri.AbsoluteUri));
        JsonNode expected = JsonNode.Parse(
            $$"""
            {"version":"{{Version}}","input":{"lora_weights":"{{Weights}}","images":3,"name":"{{Name}}"},
             "webhook":"https://lora.example.org/webhooks/replicate?name={{Name}}","webhook_events_filter":["start","completed"]}
            """)!;
        Assert.True(JsonNode.DeepEquals(expected, JsonNode.Parse(vendor.Last.Text)), vendor.Last.Text);
    }

    [Theory]
    [InlineData(402, ProviderFailure.InsufficientBalance)]
    [InlineData(422, ProviderFailure.Rejected)]
    [InlineData(429, ProviderFailure.RateLimited)]
    public async Task Create_Refused_IsCertainAndTellsNoSecret(int status, ProviderFailure failure)
    {
        vendor.Answer(status, $$"""{"detail":"bad {{Weights}}"}""");
        ProviderError error = Assert.IsType<HostedCreation.Refused>(await CreateAsync()).Error;
        Assert.Equal(failure, error.Failure);
        Assert.DoesNotContain("secret-of-the-link", error.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_AnsweredUnclearly_IsInDoubt()
    {
        vendor.Answer(500);
        Assert.IsType<HostedCreation.InDoubt>(await CreateAsync());
    }

    [Fact]
    public async Task GetListAndCancel_AreThoseOfPredictions()
    {
        vendor.Answer(404, "{}").Answer(200, """{"id":"abcd1234efgh","status":"canceled"}""")
            .Answer(200, $$$"""{"next":null,"results":[{"id":"abcd","status":"starting","input":{"name":"{{{Name}}}"}}]}""");
        Assert.IsType<HostedReading.NotFound>(await Client().GetAsync("abcd1234efgh", CancellationToken.None));
        Assert.IsType<HostedReading.Found>(await Client().CancelAsync("abcd1234efgh", CancellationToken.None));
        HostedListing listing = await Client().ListAsync(clock.GetUtcNow(), CancellationToken.None);
        Assert.Equal(Name, Assert.Single(Assert.IsType<HostedListing.Complete>(listing).Trainings).Name);
        Assert.Equal(
            ["GET /v1/predictions/abcd1234efgh", "POST /v1/predictions/abcd1234efgh/cancel", "GET /v1/predictions"],
            vendor.Requests.Select(one => $"{one.Method} {one.Uri.AbsolutePath}"));
    }

    [Fact]
    public async Task Output_WithScores_IsReadInItsOrder()
    {
        HostedView view = await ReadAsync("""{"images":[{"image":"https://files.example.net/0.jpg","score":1},{"image":"https://files.example.net/1.jpg","score":0.25}]}""");
        Assert.Equal([new("https://files.example.net/0.jpg", 1), new("https://files.example.net/1.jpg", 0.25)], view.Pictures!);
    }

    [Theory]
    [InlineData("""["https://files.example.net/0.jpg"]""")]
    [InlineData("\"https://files.example.net/0.jpg\"")]
    [InlineData("""{"images":["https://files.example.net/0.jpg"]}""")]
    [InlineData("""{"images":[{"image":"https://files.example.net/0.jpg"}]}""")]
    [InlineData("""{"images":[{"image":"https://files.example.net/0.jpg","score":1.2}]}""")]
    [InlineData("""{"images":[{"image":"https://files.example.net/0.jpg","score":-0.1}]}""")]
    [InlineData("""{"images":[{"image":"https://files.example.net/0.jpg","score":"0.9"}]}""")]
    [InlineData("""{"images":[{"score":0.9}]}""")]
    [InlineData("""{"images":7}""")]
    public async Task Output_OfAnotherForm_IsThereAndJudgesNothing(string output)
    {
        HostedView view = await ReadAsync(output);
        Assert.Equal((true, null), (view.HasOutput, view.Pictures));
    }

    [Fact]
    public async Task Output_ThatIsNotThere_IsNone()
    {
        HostedView view = await ReadAsync("null");
        Assert.Equal((false, null), (view.HasOutput, view.Pictures));
    }

    [Theory]
    [InlineData(3, typeof(PictureReading.Found))]
    [InlineData(2, typeof(PictureReading.TooLarge))]
    public async Task Picture_IsReadUpToItsBound(long maxBytes, Type outcome)
    {
        vendor.Answer(() => new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent([1, 2, 3]) });
        Assert.IsType(outcome, await Client().ReadPictureAsync(Picture, maxBytes, CancellationToken.None));
    }

    [Fact]
    public async Task Picture_WithoutALengthAndTooLarge_IsNotReadToItsEnd()
    {
        vendor.Answer(() => new HttpResponseMessage(HttpStatusCode.OK) { Content = new StreamContent(new EndlessStream()) });
        Assert.IsType<PictureReading.TooLarge>(await Client().ReadPictureAsync(Picture, 1_000_000, CancellationToken.None));
    }

    [Theory]
    [InlineData(404)]
    [InlineData(500)]
    public async Task Picture_NotGiven_IsUnavailable(int status)
    {
        vendor.Answer(status);
        Assert.IsType<PictureReading.Unavailable>(await Client().ReadPictureAsync(Picture, 100, CancellationToken.None));
    }

    [Fact]
    public async Task Picture_BrokenOff_IsUnavailable()
    {
        vendor.Answer(() =>
        {
            HttpResponseMessage response = new(HttpStatusCode.OK) { Content = new StreamContent(new BrokenBodyStream([1, 2, 3])) };
            response.Content.Headers.ContentLength = 100;
            return response;
        });
        Assert.IsType<PictureReading.Unavailable>(await Client().ReadPictureAsync(Picture, 1_000, CancellationToken.None));
    }

    private Task<HostedCreation> CreateAsync() => Client().CreateAsync(new HostedPredictionOrder(Name, Weights, 3), CancellationToken.None);

    private async Task<HostedView> ReadAsync(string output)
    {
        vendor.Answer(200, $$"""{"id":"abcd1234efgh","status":"succeeded","output":{{output}}}""");
        return Assert.IsType<HostedReading.Found>(await Client().GetAsync("abcd1234efgh", CancellationToken.None)).Training;
    }

    private ReplicatePredictions Client()
    {
        IOptions<ReplicateOptions> options = Options.Create(new ReplicateOptions
        {
            BaseUrl = "https://api.example.org/v1", ApiToken = Token, Model = "o/trainer", Version = new string('a', 64), Destination = "o/loras", ValidationModel = $"o/validator:{Version}",
        });
        ReplicateClient client = new(vendor.Client(), options, new OpenGate(), WebhookOf, clock, new RememberingLogger<ReplicateClient>());
        return new ReplicatePredictions(client, options, WebhookOf);
    }

    private static string WebhookOf(string name) => $"https://lora.example.org/webhooks/replicate?name={name}";

    /// <summary>Ones without an end.</summary>
    private sealed class EndlessStream : MemoryStream
    {
        public override bool CanSeek => false;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            buffer.Span.Fill(1);
            return ValueTask.FromResult(buffer.Length);
        }
    }
}
