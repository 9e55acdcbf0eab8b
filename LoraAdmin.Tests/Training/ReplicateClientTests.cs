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

public sealed class ReplicateClientTests : IDisposable
{
    private const string Token = "r8_0123456789abcdef";
    private const string Name = "lora-5eed0001-0123456789abcdef0123456789abcdef-2-1";
    private const string Link = "https://lora.example.org/objects/lora-training-images/u/zips/x.zip?signature=secret-of-the-link";
    private const string Running = """
        {"id":"abcd1234efgh","status":"processing","input":{"input_images":"removed"},"webhook":"https://lora.example.org/webhooks/replicate?name=lora-5eed0001-0123456789abcdef0123456789abcdef-2-1",
         "output":null,"error":null,"created_at":"2026-11-24T12:00:00.123456Z","started_at":"2026-11-24T12:01:00Z","brand_new":{"x":1}}
        """;

    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
    private readonly ScriptedVendor vendor = new(Token);
    private readonly RememberingLogger<ReplicateClient> log = new();
    private readonly OpenGate gate = new();

    public static TheoryData<int, ProviderFailure> RefusingStatuses => new()
    {
        { 400, ProviderFailure.Rejected },
        { 401, ProviderFailure.Unauthorized },
        { 402, ProviderFailure.InsufficientBalance },
        { 403, ProviderFailure.Forbidden },
        { 404, ProviderFailure.Rejected },
        { 409, ProviderFailure.Conflict },
        { 422, ProviderFailure.Rejected },
        { 429, ProviderFailure.RateLimited },
    };

    public void Dispose() => vendor.Dispose();

    [Fact]
    [Trait("Requirement", "E1")]
    public async Task Create_201_IsCreatedAndSendsWhatTheTrainerNeeds()
    {
        vendor.Answer(201, Running);
        HostedCreation creation = await Client().CreateAsync(new HostedOrder(Name, Link), CancellationToken.None);

        HostedView view = Assert.IsType<HostedCreation.Created>(creation).Training;
        Assert.Equal(("abcd1234efgh", Name, HostedStatus.Processing), (view.Id, view.Name, view.Status));
        Assert.Equal(new DateTimeOffset(2026, 11, 24, 12, 0, 0, 123, TimeSpan.Zero), view.CreatedAt);
        Assert.Equal(("POST", $"https://api.example.org/v1/models/o/trainer/versions/{new string('a', 64)}/trainings"), (vendor.Last.Method, vendor.Last.Uri.AbsoluteUri));
        JsonNode expected = JsonNode.Parse(
            $$"""
            {"destination":"o/loras","input":{"images_zip":"{{Link}}"},"webhook":"https://lora.example.org/webhooks/replicate?name={{Name}}","webhook_events_filter":["start","completed"]}
            """)!;
        Assert.True(JsonNode.DeepEquals(expected, JsonNode.Parse(vendor.Last.Text)), vendor.Last.Text);
    }

    [Fact]
    public async Task Create_WithoutAnAddressForWebhooks_AsksForNone()
    {
        vendor.Answer(201, Running);
        await Client(webhook: null).CreateAsync(new HostedOrder(Name, Link), CancellationToken.None);
        Assert.DoesNotContain("webhook", vendor.Last.Text, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(RefusingStatuses))]
    public async Task Create_Refused_IsCertain(int status, ProviderFailure failure)
    {
        vendor.Answer(status, """{"title":"No","detail":"said by the vendor"}""");
        HostedCreation.Refused refused = Assert.IsType<HostedCreation.Refused>(await Client().CreateAsync(new HostedOrder(Name, Link), CancellationToken.None));
        Assert.Equal((failure, status, "said by the vendor"), (refused.Error.Failure, refused.Error.Status, refused.Error.Detail));
    }

    [Theory]
    [InlineData(408)]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(302)]
    public async Task Create_AnsweredUnclearly_IsInDoubt(int status)
    {
        vendor.Answer(status);
        Assert.IsType<HostedCreation.InDoubt>(await Client().CreateAsync(new HostedOrder(Name, Link), CancellationToken.None));
    }

    [Theory]
    [InlineData("")]
    [InlineData("<html>")]
    [InlineData("""{"status":"starting"}""")]
    [InlineData("""{"id":"../../account","status":"starting"}""")]
    [InlineData("[]")]
    public async Task Create_201ThatCanNotBeRead_IsInDoubt(string body)
    {
        vendor.Answer(201, body);
        Assert.IsType<HostedCreation.InDoubt>(await Client().CreateAsync(new HostedOrder(Name, Link), CancellationToken.None));
    }

    [Fact]
    public async Task Create_HangsPastItsTimeOut_IsInDoubt()
    {
        vendor.Hang();
        Task<HostedCreation> call = Client().CreateAsync(new HostedOrder(Name, Link), CancellationToken.None);
        clock.Advance(TimeSpan.FromSeconds(61));
        Assert.IsType<HostedCreation.InDoubt>(await call);
    }

    [Fact]
    public async Task Create_ConnectionRefused_IsCertain()
    {
        vendor.Throw(new HttpRequestException(HttpRequestError.ConnectionError));
        HostedCreation.Refused refused = Assert.IsType<HostedCreation.Refused>(await Client().CreateAsync(new HostedOrder(Name, Link), CancellationToken.None));
        Assert.Equal(ProviderFailure.Unreachable, refused.Error.Failure);
    }

    [Theory]
    [InlineData("Request was throttled. Your rate limit resets in ~30s.", null, 30)]
    [InlineData("Request was throttled. Your rate limit resets in ~30s.", "7", 7)]
    [InlineData("slow down", null, null)]
    public async Task Throttled_SaysHowLong(string words, string? header, int? seconds)
    {
        (string, string)[] headers = header is null ? [] : [("Retry-After", header)];
        vendor.Answer(429, $$"""{"detail":"{{words}}"}""", headers: headers);
        HostedReading.Unavailable away = Assert.IsType<HostedReading.Unavailable>(await Client().GetAsync("abcd1234efgh", CancellationToken.None));
        Assert.Equal(seconds is { } wait ? TimeSpan.FromSeconds(wait) : null, away.Error.RetryAfter);
    }

    [Theory]
    [InlineData("starting", HostedStatus.Starting)]
    [InlineData("succeeded", HostedStatus.Succeeded)]
    [InlineData("failed", HostedStatus.Failed)]
    [InlineData("canceled", HostedStatus.Canceled)]
    [InlineData("aborted", HostedStatus.Canceled)]
    [InlineData("queued-for-later", HostedStatus.Unknown)]
    public async Task Get_AnyStatusWord_IsRead(string word, HostedStatus status)
    {
        vendor.Answer(200, $$$"""{"id":"abcd1234efgh","status":"{{{word}}}","metrics":{"predict_time":61.2345},"output":{"version":"o/loras:1","weights":"https://files.example.org/w.tar"}}""");
        HostedView view = Assert.IsType<HostedReading.Found>(await Client().GetAsync("abcd1234efgh", CancellationToken.None)).Training;
        Assert.Equal((status, word), (view.Status, view.StatusText));
        Assert.Equal((TimeSpan.FromMilliseconds(61_234), "https://files.example.org/w.tar"), (view.Worked, view.WeightsLink));
    }

    [Fact]
    public async Task Get_404_IsNotFoundAndNotUnavailable()
    {
        vendor.Answer(404, """{"detail":"not found"}""");
        Assert.IsType<HostedReading.NotFound>(await Client().GetAsync("abcd1234efgh", CancellationToken.None));
        Assert.IsType<HostedReading.NotFound>(await Client().CancelAsync("abcd1234efgh", CancellationToken.None));
        Assert.Equal("https://api.example.org/v1/trainings/abcd1234efgh/cancel", vendor.Last.Uri.AbsoluteUri);
    }

    [Theory]
    [InlineData("../account")]
    [InlineData("ABCD1234")]
    [InlineData("")]
    public async Task Id_OfAnotherForm_IsNeverSent(string id)
    {
        Assert.IsType<HostedReading.Unavailable>(await Client().GetAsync(id, CancellationToken.None));
        Assert.IsType<HostedReading.Unavailable>(await Client().CancelAsync(id, CancellationToken.None));
        Assert.Empty(vendor.Requests);
    }

    [Fact]
    public async Task List_WalksItsPagesUntilTheyAreOlderThanAskedFor()
    {
        vendor.Answer(200, Page("new1", "2026-11-24T12:00:00Z", "https://api.example.org/v1/trainings?cursor=2"));
        vendor.Answer(200, Page("old1", "2026-11-24T10:00:00Z", "https://api.example.org/v1/trainings?cursor=3"));
        HostedListing listing = await Client().ListAsync(clock.GetUtcNow() - TimeSpan.FromHours(1), CancellationToken.None);
        Assert.Equal(["new1", "old1"], Assert.IsType<HostedListing.Complete>(listing).Trainings.Select(one => one.Id));
        Assert.Equal(2, vendor.Requests.Count);
    }

    [Theory]
    [InlineData("https://elsewhere.example.org/v1/trainings?cursor=2")]
    [InlineData("https://api.example.org.elsewhere.example/v1/trainings")]
    public async Task List_WhoseNextPageIsElsewhere_IsNotFollowed(string next)
    {
        vendor.Answer(200, Page("new1", "2026-11-24T12:00:00Z", next));
        Assert.IsType<HostedListing.Unavailable>(await Client().ListAsync(clock.GetUtcNow() - TimeSpan.FromHours(1), CancellationToken.None));
        Assert.Single(vendor.Requests);
    }

    [Fact]
    public async Task List_WithOneThatCanNotBeRead_IsUnavailable()
    {
        vendor.Answer(200, """{"next":null,"results":[{"id":"fine1","status":"starting"},{"status":"starting"}]}""");
        Assert.IsType<HostedListing.Unavailable>(await Client().ListAsync(clock.GetUtcNow(), CancellationToken.None));
    }

    [Fact]
    public async Task List_OfOneWithoutWebhook_FindsTheNameInItsInput()
    {
        vendor.Answer(200, $$$"""{"next":null,"results":[{"id":"abcd","status":"starting","input":{"images_zip":"https://x.example.org/u/zips/{{{Name}}}.zip?e=1"}}]}""");
        HostedListing.Complete listing = Assert.IsType<HostedListing.Complete>(await Client().ListAsync(clock.GetUtcNow(), CancellationToken.None));
        Assert.Equal(Name, Assert.Single(listing.Trainings).Name);
    }

    [Fact]
    public async Task Permit_WithdrawnMeanwhile_SendsNothing()
    {
        gate.Withdrawn = "a person holds it open";
        HostedCreation creation = await Client().CreateAsync(new HostedOrder(Name, Link) { Permit = new CreationPermit(false, "1:x") }, CancellationToken.None);
        Assert.Equal("a person holds it open", Assert.IsType<HostedCreation.NotSent>(creation).Reason);
        Assert.Empty(vendor.Requests);
    }

    [Fact]
    public async Task Failure_ThatEchoesSecrets_LogsAndTellsNone()
    {
        vendor.Answer(422, $$"""{"detail":"bad {{Token}} and {{Link}}"}""");
        HostedCreation.Refused refused = Assert.IsType<HostedCreation.Refused>(await Client().CreateAsync(new HostedOrder(Name, Link), CancellationToken.None));
        Assert.DoesNotContain(log.Lines.Append(refused.Error.Detail), text => text.Contains(Token, StringComparison.Ordinal) || text.Contains("secret-of-the-link", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Weights_FromTheAccountsOwnHost_AreAskedForWithTheToken()
    {
        vendor.Answer(() => new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent([1, 2, 3]) });
        WeightsOpening.Found found = Assert.IsType<WeightsOpening.Found>(await Client().OpenWeightsAsync("https://api.example.org/files/x", CancellationToken.None));
        await using Stream content = found.Content;
        using MemoryStream copy = new();
        await content.CopyToAsync(copy);
        Assert.Equal([1, 2, 3], copy.ToArray());
        Assert.Equal(3, found.LengthBytes);
        Assert.Equal(Token, vendor.Last.Headers.Authorization?.Parameter);
    }

    [Fact]
    public async Task Weights_FromAnotherHost_AreAskedForWithoutTheToken()
    {
        vendor.Answer(200);
        await Client().OpenWeightsAsync("https://files.example.net/x", CancellationToken.None);
        Assert.Null(vendor.Last.Headers.Authorization);
    }

    [Fact]
    public async Task Weights_ThatLieElsewhere_AreFetchedThereWithoutTheToken()
    {
        using MovedFiles files = new("/files/x", "https://files.example.net/y?signature=z", "/z");
        WeightsOpening.Found found = Assert.IsType<WeightsOpening.Found>(await Client(http: files.Client()).OpenWeightsAsync("https://api.example.org/files/x", CancellationToken.None));
        await using Stream content = found.Content;
        byte[] read = new byte[1];
        await content.ReadExactlyAsync(read);
        Assert.Equal([7], read);
        Assert.Equal(
            [("https://api.example.org/files/x", Token), ("https://files.example.net/y?signature=z", null), ("https://files.example.net/z", null)], files.Asked);
    }

    [Theory]
    [InlineData("http://files.example.net/y", 1)]
    [InlineData("https://files.example.net/x", 4)]
    public async Task Weights_ThatLeadOutOfHttpsOrNowhere_AreNotFetched(string next, int asked)
    {
        using MovedFiles files = new("/x", next, null);
        Assert.IsType<WeightsOpening.Unavailable>(await Client(http: files.Client()).OpenWeightsAsync("https://files.example.net/x", CancellationToken.None));
        Assert.Equal(asked, files.Asked.Count);
    }

    [Theory]
    [InlineData("http://files.example.net/x")]
    [InlineData("file:///etc/passwd")]
    [InlineData("nothing")]
    public async Task Weights_AtNoHttpsAddress_AreNotFetched(string link)
    {
        Assert.IsType<WeightsOpening.Unavailable>(await Client().OpenWeightsAsync(link, CancellationToken.None));
        Assert.Empty(vendor.Requests);
    }

    [Fact]
    public async Task Weights_BrokenOff_EndInAnIoException()
    {
        vendor.Answer(() =>
        {
            HttpResponseMessage response = new(HttpStatusCode.OK) { Content = new StreamContent(new BrokenBodyStream([1, 2, 3])) };
            response.Content.Headers.ContentLength = 100;
            return response;
        });
        WeightsOpening.Found found = Assert.IsType<WeightsOpening.Found>(await Client().OpenWeightsAsync("https://api.example.org/files/x", CancellationToken.None));
        await using Stream content = found.Content;
        await Assert.ThrowsAsync<IOException>(() => content.CopyToAsync(Stream.Null));
    }

    private static string Page(string id, string at, string next) =>
        $$"""{"next":"{{next}}","previous":null,"results":[{"id":"{{id}}","status":"starting","created_at":"{{at}}"}]}""";

    private ReplicateClient Client(string? webhook = "https://lora.example.org/webhooks/replicate", HttpClient? http = null) => new(
        http ?? vendor.Client(),
        Options.Create(new ReplicateOptions
        {
            BaseUrl = "https://api.example.org/v1", ApiToken = Token, Model = "o/trainer", Version = new string('a', 64), Destination = "o/loras", InputField = "images_zip",
        }),
        gate,
        name => webhook is null ? null : $"{webhook}?name={name}",
        clock,
        log);

    /// <summary>A file that has moved: from the first path to the second address, and from there to the third path, where it is.</summary>
    private sealed class MovedFiles(string from, string over, string? to) : HttpMessageHandler
    {
        public List<(string Uri, string? Token)> Asked { get; } = [];

        public HttpClient Client() => new(this, disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan };

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Uri uri = request.RequestUri!;
            Asked.Add((uri.AbsoluteUri, request.Headers.Authorization?.Parameter));
            HttpResponseMessage answer = new(uri.AbsolutePath == to ? HttpStatusCode.OK : HttpStatusCode.Found) { Content = new ByteArrayContent([7]) };
            answer.Headers.Location = uri.AbsolutePath == to ? null : new Uri(uri.AbsolutePath == from ? over : to!, UriKind.RelativeOrAbsolute);
            return Task.FromResult(answer);
        }
    }
}
