using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Pods;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Platform.Vendors;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Pods;

public sealed class RunPodClientTests : IDisposable
{
    private const string Key = "rpa_0123456789ABCDEF";
    private const string AgentSecret = "feedfacefeedfacefeedface";
    private const string PodJson = """
        {"id":"7h9k2m4n6p","name":"lora-ab-1","status":"PROVISIONING","actions":["stop"],"image":"i","cost":0.44,"locked":false,"gpu":{"id":"NVIDIA A40","count":1},
         "env":{"LORA_AGENT_TOKEN":"feedfacefeedfacefeedface"},"createdAt":"2026-06-01T12:00:00Z","startedAt":null,"runtime":{},"brandNew":{"x":1}}
        """;

    private static readonly PodSpec Spec = new(
        "lora-ab-1",
        "NVIDIA A40",
        "example/trainer:1",
        40,
        20,
        "/workspace",
        null,
        ["8000/http"],
        new Dictionary<string, string> { ["LORA_AGENT_TOKEN"] = AgentSecret });

    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
    private readonly ScriptedVendor vendor = new(Key);
    private readonly RememberingLogger<RunPodWire> log = new();

    public static TheoryData<int, ProviderFailure> RefusingStatuses => new()
    {
        { 401, ProviderFailure.Unauthorized },
        { 402, ProviderFailure.InsufficientBalance },
        { 403, ProviderFailure.Forbidden },
        { 405, ProviderFailure.Rejected },
        { 409, ProviderFailure.Conflict },
        { 418, ProviderFailure.Rejected },
        { 422, ProviderFailure.Rejected },
        { 429, ProviderFailure.RateLimited },
    };

    public static TheoryData<int, ProviderFailure> UnclearStatuses => new()
    {
        { 302, ProviderFailure.Ambiguous },
        { 408, ProviderFailure.Ambiguous },
        { 500, ProviderFailure.Ambiguous },
        { 502, ProviderFailure.Ambiguous },
        { 503, ProviderFailure.Ambiguous },
        { 524, ProviderFailure.Ambiguous },
        { 599, ProviderFailure.Ambiguous },
    };

    [Fact]
    [Trait("Requirement", "E1")]
    public async Task Create_201_IsCreatedWithoutEnv()
    {
        vendor.Answer(201, PodJson);

        Task<CreateOutcome> call = Client().CreateAsync(Spec, CancellationToken.None);

        Assert.True(call.IsCompleted);
        ProviderPod pod = Assert.IsType<CreateOutcome.Created>(await call).Pod;
        Assert.Equal(
            new ProviderPod(
                "7h9k2m4n6p", "lora-ab-1", ProviderPodStatus.Provisioning, "PROVISIONING", "NVIDIA A40", Usd.FromDollars(0.44m),
                new DateTimeOffset(2026, 6, 1, 12, 0, 0, TimeSpan.Zero), null, false),
            pod);
        Assert.Equal("POST", vendor.Last.Method);
        Assert.Equal("https://api.example.org/v2/pods", vendor.Last.Uri.AbsoluteUri);
        AssertJson(
            """
            {"name":"lora-ab-1","image":"example/trainer:1","gpu":{"id":"NVIDIA A40","count":1},"cloud":"SECURE","disk":40,
             "mounts":{"persistent":{"size":20,"path":"/workspace"}},"ports":["8000/http"],"env":{"LORA_AGENT_TOKEN":"feedfacefeedfacefeedface"}}
            """,
            vendor.Last.Text);
    }

    [Fact]
    public async Task Create_WithNetworkVolume_MountsItInstead()
    {
        vendor.Answer(201, PodJson);
        await Client().CreateAsync(Spec with { NetworkVolumeId = "vol12345" }, CancellationToken.None);

        using JsonDocument body = JsonDocument.Parse(vendor.Last.Body);
        AssertJson("""{"network":[{"volumeId":"vol12345","path":"/workspace"}]}""", body.RootElement.GetProperty("mounts").GetRawText());
    }

    [Fact]
    public async Task Create_400_IsNoCapacityOrBadRequest()
    {
        vendor.Answer(400, """{"title":"Bad Request","status":400,"detail":"There are no longer any instances available"}""", headers: [("x-request-id", "req-7")]);

        ProviderError error = Assert.IsType<CreateOutcome.NoCapacityOrBadRequest>(await Client().CreateAsync(Spec, CancellationToken.None)).Error;

        Assert.Equal(new ProviderError(ProviderFailure.Rejected, 400, "There are no longer any instances available", null, "req-7"), error);
    }

    [Theory]
    [MemberData(nameof(RefusingStatuses))]
    [Trait("Requirement", "E1")]
    public async Task Create_RefusingStatus_IsRefused(int status, ProviderFailure failure)
    {
        vendor.Answer(status, """{"detail":"words"}""");
        ProviderError error = Assert.IsType<CreateOutcome.Refused>(await Client().CreateAsync(Spec, CancellationToken.None)).Error;
        Assert.Equal((failure, status, "words"), (error.Failure, error.Status, error.Detail));
        Assert.Equal(status == 429, error.RetryAfter is not null);
    }

    [Theory]
    [MemberData(nameof(UnclearStatuses))]
    [Trait("Requirement", "E1")]
    public async Task Create_UnclearStatus_IsInDoubt(int status, ProviderFailure failure)
    {
        vendor.Answer(status, "<html>gone</html>");
        ProviderError error = Assert.IsType<CreateOutcome.InDoubt>(await Client().CreateAsync(Spec, CancellationToken.None)).Error;
        Assert.Equal((failure, status), (error.Failure, error.Status));
    }

    [Theory]
    [InlineData("")]
    [InlineData("not json")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"id":"../../etc","name":"n"}""")]
    [InlineData("""{"id":"ABCDEFGH","name":"n"}""")]
    [InlineData("""{"id":"abcdefgh"}""")]
    [InlineData("""{"id":17,"name":"n"}""")]
    [InlineData("""{"id":"abcdefgh","name":"\ud800"}""")]
    public async Task Create_201Unreadable_IsInDoubt(string body)
    {
        vendor.Answer(201, body);
        ProviderError error = Assert.IsType<CreateOutcome.InDoubt>(await Client().CreateAsync(Spec, CancellationToken.None)).Error;
        Assert.Equal(ProviderFailure.Ambiguous, error.Failure);
    }

    [Fact]
    public async Task Create_BodyBreaksOff_IsInDoubt()
    {
        vendor.Answer(() => new HttpResponseMessage(HttpStatusCode.Created) { Content = new StreamContent(new BrokenBodyStream("{\"id\":"u8.ToArray())) });
        Assert.IsType<CreateOutcome.InDoubt>(await Client().CreateAsync(Spec, CancellationToken.None));
    }

    [Fact]
    public async Task Create_BodyTooLong_IsInDoubt()
    {
        vendor.Answer(201, new string(' ', 1024 * 1024 + 1));
        ProviderError error = Assert.IsType<CreateOutcome.InDoubt>(await Client().CreateAsync(Spec, CancellationToken.None)).Error;
        Assert.Contains("longer than", error.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_ConnectionRefusedOrNoSuchHost_IsRefusedAsUnreachable()
    {
        foreach (Exception failure in new Exception[]
        {
            new HttpRequestException("x", new SocketException((int)SocketError.ConnectionRefused)),
            new HttpRequestException("x", new SocketException((int)SocketError.HostNotFound)),
            new HttpRequestException(HttpRequestError.ConnectionError),
            new HttpRequestException(HttpRequestError.NameResolutionError),
            new HttpRequestException(HttpRequestError.SecureConnectionError),
        })
        {
            CreateOutcome outcome = await Client(new ScriptedVendor(Key).Throw(failure)).CreateAsync(Spec, CancellationToken.None);
            Assert.Equal(ProviderFailure.Unreachable, Assert.IsType<CreateOutcome.Refused>(outcome).Error.Failure);
        }
    }

    [Fact]
    public async Task Create_ConnectionBreaksAfterSending_IsInDoubt()
    {
        foreach (Exception failure in new Exception[]
        {
            new HttpRequestException("x", new IOException("reset", new SocketException((int)SocketError.ConnectionReset))),
            new HttpRequestException(HttpRequestError.ResponseEnded),
            new TimeoutException(),
            new TaskCanceledException(),
            new IOException(),
        })
        {
            CreateOutcome outcome = await Client(new ScriptedVendor(Key).Throw(failure)).CreateAsync(Spec, CancellationToken.None);
            Assert.Equal(ProviderFailure.Ambiguous, Assert.IsType<CreateOutcome.InDoubt>(outcome).Error.Failure);
        }
    }

    [Fact]
    [Trait("Requirement", "E1")]
    public async Task Create_NoAnswerWithinCallTimeout_IsInDoubt()
    {
        vendor.Hang();
        Task<CreateOutcome> call = Client().CreateAsync(Spec, CancellationToken.None);
        clock.Advance(TimeSpan.FromSeconds(59));
        Assert.False(call.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal("no answer within 60 s", Assert.IsType<CreateOutcome.InDoubt>(await call).Error.Detail);
    }

    [Fact]
    public async Task Create_CallerGivesUp_ThrowsCancelled()
    {
        vendor.Hang();
        using CancellationTokenSource caller = new();
        Task<CreateOutcome> call = Client().CreateAsync(Spec, caller.Token);
        await caller.CancelAsync();
        OperationCanceledException cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.Equal(caller.Token, cancelled.CancellationToken);
    }

    [Fact]
    public async Task Create_AnswerEchoesSecrets_TheyAreHiddenEverywhere()
    {
        vendor.Answer(422, $$"""{"detail":"env {{AgentSecret}} of key {{Key}} refused","errors":["{{AgentSecret}}"]}""", headers: [("x-request-id", "r1")]);
        RunPodWire wire = Wire(vendor);

        ProviderError error = Assert.IsType<CreateOutcome.Refused>(await new RunPodClient(wire, new OpenGate()).CreateAsync(Spec, CancellationToken.None)).Error;

        Assert.Equal("env *** of key *** refused; ***", error.Detail);
        string told = string.Join('\n', [.. log.Lines, wire.ToString(), wire.Options.ToString()]);
        Assert.DoesNotContain(AgentSecret, told, StringComparison.Ordinal);
        Assert.DoesNotContain(Key, told, StringComparison.Ordinal);
        Assert.NotEmpty(log.Lines);
    }

    [Theory]
    [InlineData("""{"id":"abcd","name":"n","status":"RUNNING","cost":0.4,"disk":40,"mounts":{"persistent":{"size":20,"path":"/w"}}}""", 408_334)]
    [InlineData("""{"id":"abcd","name":"n","status":"RUNNING","cost":0.4,"disk":40,"mounts":{"network":[{"volumeId":"v"}]}}""", 405_556)]
    [InlineData("""{"id":"abcd","name":"n","status":"EXITED","cost":0.0,"disk":40,"mounts":{"persistent":{"size":20,"path":"/w"}}}""", 0)]
    public async Task Pod_HasDiskAndMount_TheirPriceIsPartOfTheHourlyRate(string pod, long micros)
    {
        vendor.Answer(200, pod);

        PodReading.Found found = Assert.IsType<PodReading.Found>(await Client().GetAsync("abcd", CancellationToken.None));

        Assert.Equal(new Usd(micros), found.Pod.HourlyRate);
    }

    [Fact]
    public async Task List_200_IsCompleteAndLenient()
    {
        vendor.Answer(200, $$"""
            {"pods":[{{PodJson}},
             {"id":"abcd","name":"","status":"MELTING","cost":"0.74","gpu":null,"createdAt":"yesterday","locked":true},
             {"id":"abce","name":"n","cost":{},"env":17}],"metadata":1}
            """);

        PodListing.Complete listing = Assert.IsType<PodListing.Complete>(await Client().ListAsync(CancellationToken.None));

        Assert.Equal(clock.GetUtcNow(), listing.StartedAt);
        Assert.Equal("https://api.example.org/v2/pods", vendor.Last.Uri.AbsoluteUri);
        Assert.Equal(["7h9k2m4n6p", "abcd", "abce"], listing.Pods.Select(pod => pod.Id));
        Assert.Equal(new ProviderPod("abcd", "", ProviderPodStatus.Unknown, "MELTING", null, Usd.FromDollars(0.74m), null, null, true), listing.Pods[1]);
        Assert.Equal((ProviderPodStatus.Unknown, Usd.Zero), (listing.Pods[2].Status, listing.Pods[2].HourlyRate));
    }

    [Theory]
    [InlineData("")]
    [InlineData("oops")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"pods":null}""")]
    [InlineData("""{"pods":{}}""")]
    [InlineData("""{"pods":[null]}""")]
    [InlineData("""{"pods":[{"id":"abcd","name":"n"},{"id":"x/../y","name":"n"}]}""")]
    [InlineData("""{"pods":[{"id":"abcd"}]}""")]
    [InlineData("""{"pods":[],"pagination":{"hasNextPage":true}}""")]
    [InlineData("""{"pods":[],"nextCursor":"abc"}""")]
    [InlineData("""{"pods":[""")]
    public async Task List_200Unreadable_IsUnavailableNeverEmpty(string body)
    {
        vendor.Answer(200, body);
        ProviderError error = Assert.IsType<PodListing.Unavailable>(await Client().ListAsync(CancellationToken.None)).Error;
        Assert.Equal((ProviderFailure.Ambiguous, 200), (error.Failure, error.Status));
    }

    [Theory]
    [InlineData(204)]
    [InlineData(206)]
    [InlineData(404)]
    public async Task List_OtherStatus_IsUnavailable(int status)
    {
        vendor.Answer(status, """{"pods":[]}""");
        Assert.IsType<PodListing.Unavailable>(await Client().ListAsync(CancellationToken.None));
    }

    [Theory]
    [MemberData(nameof(RefusingStatuses))]
    [MemberData(nameof(UnclearStatuses))]
    public async Task Reads_FailingStatus_AreUnavailable(int status, ProviderFailure failure)
    {
        vendor.Answer(status, "x");
        Assert.Equal(failure, Assert.IsType<PodListing.Unavailable>(await Client().ListAsync(CancellationToken.None)).Error.Failure);
        Assert.Equal(failure, Assert.IsType<PodReading.Unavailable>(await Client().GetAsync("abcd", CancellationToken.None)).Error.Failure);
        Assert.Equal(failure, Assert.IsType<CatalogReading.Unavailable>(await Client().ReadAsync(CancellationToken.None)).Error.Failure);
    }

    [Theory]
    [MemberData(nameof(RefusingStatuses))]
    [MemberData(nameof(UnclearStatuses))]
    public async Task Actions_FailingStatus_HaveFailed(int status, ProviderFailure failure)
    {
        vendor.Answer(status, "x");
        Assert.Equal(failure, Assert.IsType<PodActionOutcome.Failed>(await Client().StopAsync("abcd", CancellationToken.None)).Error.Failure);
        Assert.Equal(failure, Assert.IsType<PodActionOutcome.Failed>(await Client().StartAsync("abcd", CancellationToken.None)).Error.Failure);
        Assert.Equal(failure, Assert.IsType<PodActionOutcome.Failed>(await Client().TerminateAsync("abcd", CancellationToken.None)).Error.Failure);
    }

    [Fact]
    public async Task EveryCall_NoAnswer_TimesOutOnTheGivenClock()
    {
        foreach (Func<RunPodClient, Task<object>> call in new Func<RunPodClient, Task<object>>[]
        {
            async client => await client.ListAsync(CancellationToken.None),
            async client => await client.GetAsync("abcd", CancellationToken.None),
            async client => await client.ReadAsync(CancellationToken.None),
            async client => await client.StopAsync("abcd", CancellationToken.None),
            async client => await client.StartAsync("abcd", CancellationToken.None),
            async client => await client.TerminateAsync("abcd", CancellationToken.None),
        })
        {
            Task<object> running = call(Client(new ScriptedVendor(Key).Hang()));
            Assert.False(running.IsCompleted);
            clock.Advance(TimeSpan.FromSeconds(60));
            ProviderError? error = await running switch
            {
                PodListing.Unavailable listing => listing.Error,
                PodReading.Unavailable reading => reading.Error,
                CatalogReading.Unavailable catalog => catalog.Error,
                PodActionOutcome.Failed action => action.Error,
                _ => null,
            };
            Assert.Equal(ProviderFailure.Ambiguous, error?.Failure);
        }
    }

    [Fact]
    public async Task Get_404_IsNotFound()
    {
        vendor.Answer(404, """{"detail":"resource not found"}""");
        Assert.IsType<PodReading.NotFound>(await Client().GetAsync("abcd", CancellationToken.None));
        Assert.Equal("/v2/pods/abcd", vendor.Last.Uri.AbsolutePath);
    }

    [Fact]
    public async Task Get_200_IsFoundOrUnavailableWhenItIsAnotherPod()
    {
        vendor.Answer(200, PodJson);
        Assert.IsType<PodReading.Found>(await Client().GetAsync("7h9k2m4n6p", CancellationToken.None));
        Assert.IsType<PodReading.Unavailable>(await Client().GetAsync("abcd", CancellationToken.None));
    }

    [Fact]
    public async Task Actions_2xx_AreAcceptedAndSentAsDocumented()
    {
        vendor.Answer(200, "not even json").Answer(200, PodJson).Answer(204);

        Assert.IsType<PodActionOutcome.Accepted>(await Client().StopAsync("abcd", CancellationToken.None));
        Assert.IsType<PodActionOutcome.Accepted>(await Client().StartAsync("abcd", CancellationToken.None));
        Assert.IsType<PodActionOutcome.Accepted>(await Client().TerminateAsync("abcd", CancellationToken.None));

        Assert.Equal(
            ["POST /v2/pods/abcd/action {\"action\":\"stop\"}", "POST /v2/pods/abcd/action {\"action\":\"start\"}", "DELETE /v2/pods/abcd "],
            vendor.Requests.Select(request => $"{request.Method} {request.Uri.AbsolutePath} {request.Text}"));
    }

    [Fact]
    public async Task Actions_404_AreNotFound()
    {
        vendor.Answer(404);
        Assert.IsType<PodActionOutcome.NotFound>(await Client().StopAsync("abcd", CancellationToken.None));
        Assert.IsType<PodActionOutcome.NotFound>(await Client().StartAsync("abcd", CancellationToken.None));
        Assert.IsType<PodActionOutcome.NotFound>(await Client().TerminateAsync("abcd", CancellationToken.None));
    }

    [Theory]
    [InlineData("")]
    [InlineData("abc")]
    [InlineData("../billing")]
    [InlineData("abcd/action")]
    [InlineData("abcd?x=1")]
    [InlineData("ABCD")]
    [InlineData("abcd%2f")]
    public async Task AnyCall_StrangePodId_IsNotSent(string podId)
    {
        vendor.Answer(200, PodJson);
        Assert.IsType<PodReading.Unavailable>(await Client().GetAsync(podId, CancellationToken.None));
        Assert.IsType<PodActionOutcome.Failed>(await Client().StopAsync(podId, CancellationToken.None));
        Assert.IsType<PodActionOutcome.Failed>(await Client().StartAsync(podId, CancellationToken.None));
        Assert.IsType<PodActionOutcome.Failed>(await Client().TerminateAsync(podId, CancellationToken.None));
        Assert.Empty(vendor.Requests);
    }

    [Fact]
    public async Task RateBudget_BelowReserve_OnlyStopsAndDeletesAreSent()
    {
        vendor.Answer(200, """{"pods":[]}""", headers: [("RateLimit", "\"minute\";r=19;t=12"), ("RateLimit-Policy", "\"minute\";q=60;w=60")]);
        RunPodClient client = Client();
        await client.ListAsync(CancellationToken.None);

        ProviderError list = Assert.IsType<PodListing.Unavailable>(await client.ListAsync(CancellationToken.None)).Error;
        ProviderError create = Assert.IsType<CreateOutcome.Refused>(await client.CreateAsync(Spec, CancellationToken.None)).Error;
        Assert.IsType<PodActionOutcome.Failed>(await client.StartAsync("abcd", CancellationToken.None));
        Assert.Single(vendor.Requests);
        Assert.Equal((ProviderFailure.RateLimited, (int?)null, TimeSpan.FromSeconds(12)), (list.Failure, list.Status, list.RetryAfter));
        Assert.Equal(ProviderFailure.RateLimited, create.Failure);

        Assert.IsType<PodActionOutcome.Accepted>(await client.StopAsync("abcd", CancellationToken.None));
        Assert.IsType<PodActionOutcome.Accepted>(await client.TerminateAsync("abcd", CancellationToken.None));
        clock.Advance(TimeSpan.FromSeconds(12));
        Assert.IsType<PodListing.Complete>(await client.ListAsync(CancellationToken.None));
    }

    [Fact]
    public async Task RateBudget_429_CarriesTheLongestWait()
    {
        vendor.Answer(
            429, """{"detail":"rate limit exceeded for the minute window"}""",
            headers: [("RateLimit", "\"minute\";r=0;t=12, \"hour\";r=0;t=1812"), ("Retry-After", "12")]);
        RunPodClient client = Client();

        Assert.Equal(TimeSpan.FromSeconds(1812), Assert.IsType<PodListing.Unavailable>(await client.ListAsync(CancellationToken.None)).Error.RetryAfter);
        ProviderError delete = Assert.IsType<PodActionOutcome.Failed>(await client.TerminateAsync("abcd", CancellationToken.None)).Error;
        Assert.Equal((ProviderFailure.RateLimited, TimeSpan.FromSeconds(12)), (delete.Failure, delete.RetryAfter));
        Assert.Single(vendor.Requests);
    }

    [Fact]
    public async Task Catalog_200_GivesPricesAndStock()
    {
        vendor.Answer(200, """
            {"gpus":[
             {"id":"NVIDIA A40","name":"A40","memory":48,"secure":true,"community":true,"price":{"secure":0.44,"community":0.3},"maxCount":{"secure":8},"availability":"LOW"},
             {"id":"NVIDIA L4","name":"L4","memory":24,"secure":true,"price":{"secure":"0.39"},"availability":"NONE"},
             {"id":"OLD","memory":8,"secure":false,"price":{"secure":0.1},"availability":"HIGH"},
             {"id":"NEW","name":"New","memory":8,"price":{},"availability":"PLENTY"},
             {"name":"no id"}]}
            """);

        CatalogReading.Read read = Assert.IsType<CatalogReading.Read>(await Client().ReadAsync(CancellationToken.None));

        Assert.Equal("/v2/catalog/gpus?include=AVAILABILITY&product=POD", vendor.Last.Uri.PathAndQuery);
        Assert.Equal(
            [
                new GpuOffer("NVIDIA A40", "A40", 48, Usd.FromDollars(0.44m), true),
                new GpuOffer("NVIDIA L4", "L4", 24, Usd.FromDollars(0.39m), false),
                new GpuOffer("OLD", "OLD", 8, null, false),
                new GpuOffer("NEW", "New", 8, null, true),
            ],
            read.Offers);
    }

    [Theory]
    [InlineData("""{"gpus":null}""")]
    [InlineData("[]")]
    [InlineData("""{"gpus":[{"name":"x"}]}""")]
    public async Task Catalog_Unreadable_IsUnavailable(string body)
    {
        vendor.Answer(200, body);
        Assert.IsType<CatalogReading.Unavailable>(await Client().ReadAsync(CancellationToken.None));
    }

    public void Dispose() => vendor.Dispose();

    private static void AssertJson(string expected, string actual)
    {
        using JsonDocument a = JsonDocument.Parse(expected);
        using JsonDocument b = JsonDocument.Parse(actual);
        Assert.True(JsonElement.DeepEquals(a.RootElement, b.RootElement), actual);
    }

    private RunPodClient Client(ScriptedVendor? other = null) => new(Wire(other ?? vendor), new OpenGate());

    private RunPodWire Wire(ScriptedVendor target) => new(
        target.Client(), Options.Create(new RunPodOptions { BaseUrl = "https://api.example.org/v2", ApiKey = Key }), clock, log);
}
