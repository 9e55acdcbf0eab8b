using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Platform.Vendors;
using LoraAdmin.Training;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Training;

public sealed class HttpPodAgentTests : IDisposable
{
    private const string PodName = "lora-0011aabb-c0ffee-1-1";
    private static readonly byte[] AgentKey = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
    private static readonly string Token = AgentToken.For(AgentKey, PodName);
    private static readonly AgentAddress Address = new("abcd1234", PodName);
    private static readonly string Sha = new('a', 64);

    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
    private readonly ScriptedVendor vendor = new(Token);
    private readonly RememberingLogger<HttpPodAgent> log = new();

    public static TheoryData<int, AgentFailure> Statuses => new()
    {
        { 401, AgentFailure.Unauthorized },
        { 403, AgentFailure.Unauthorized },
        { 404, AgentFailure.Unreachable },
        { 429, AgentFailure.Unreachable },
        { 502, AgentFailure.Unreachable },
        { 503, AgentFailure.Unreachable },
        { 504, AgentFailure.Unreachable },
        { 524, AgentFailure.Unreachable },
        { 400, AgentFailure.Refused },
        { 409, AgentFailure.Refused },
        { 416, AgentFailure.Refused },
        { 422, AgentFailure.Refused },
        { 302, AgentFailure.Broken },
        { 500, AgentFailure.Broken },
        { 507, AgentFailure.Broken },
    };

    [Fact]
    public void Token_IsHmacOfTheLedgerName() =>
        Assert.Equal(Convert.ToHexString(HMACSHA256.HashData(AgentKey, Encoding.UTF8.GetBytes(PodName))).ToLowerInvariant(), Token);

    [Fact]
    public async Task Status_Whole_IsRead()
    {
        vendor.Answer(200, $$"""
            {"phase":"validating","images_held":[1,0],"training_started_at":"2026-11-24T11:00:00Z","training_ended_at":"2026-11-24T11:30:00+00:00","step":240,
             "total_steps":240,"loss":0.031,"artifact":{"size_bytes":3000000,"sha256":"{{Sha}}","later":1},"validation_images":3,"error":null,"later":[]}
            """);

        Task<AgentReply<AgentStatus>> call = Agent().ReadStatusAsync(Address, CancellationToken.None);

        Assert.True(call.IsCompleted);
        AgentStatus status = (await call).Value!;
        Assert.Equal(
            (AgentPhase.Validating, 240, 240, 0.031, new ArtifactInfo(3_000_000, Sha), 3, (string?)null),
            (status.Phase, status.Step, status.TotalSteps, status.Loss, status.Artifact, status.ValidationImages, status.Error));
        Assert.Equal([0, 1], status.ImagesHeld);
        Assert.Equal(new DateTimeOffset(2026, 11, 24, 11, 0, 0, TimeSpan.Zero), status.TrainingStartedAt);
        Assert.Equal("https://abcd1234-8000.proxy.runpod.net/v1/status", vendor.Last.Uri.AbsoluteUri);
    }

    /// <summary>It is shown as what keeps a job.</summary>
    [Theory]
    [InlineData("<html><head><title>404 Not Found</title></head><body>nginx</body></html>", "status was answered by 404")]
    [InlineData("\uFEFF\r\n  <!DOCTYPE html><html></html>", "status was answered by 404")]
    [InlineData("""{"error":"no such route"}""", "status was answered by 404: no such route")]
    [InlineData("no tunnel", "status was answered by 404: no tunnel")]
    public async Task Status_AnsweredByAProxysPage_SaysTheStatusAlone(string body, string detail)
    {
        vendor.Answer(404, body);

        AgentReply<AgentStatus> reply = await Agent().ReadStatusAsync(Address, CancellationToken.None);

        Assert.Equal((AgentFailure.Unreachable, detail), (reply.Failure, reply.Detail));
    }

    [Theory]
    [InlineData("phase", "\"resting\"")]
    [InlineData("phase", "null")]
    [InlineData("images_held", "null")]
    [InlineData("images_held", "[-1]")]
    [InlineData("images_held", "[1000]")]
    [InlineData("images_held", "[1,1]")]
    [InlineData("images_held", "[1.5]")]
    [InlineData("step", "-1")]
    [InlineData("total_steps", "\"9\"")]
    [InlineData("loss", "1e999")]
    [InlineData("loss", "\"NaN\"")]
    [InlineData("artifact", "[]")]
    [InlineData("artifact.size_bytes", "0")]
    [InlineData("artifact.size_bytes", "-5")]
    [InlineData("artifact.size_bytes", "1e400")]
    [InlineData("artifact.sha256", "\"abc\"")]
    [InlineData("validation_images", "100000")]
    [InlineData("training_started_at", "\"noon\"")]
    [InlineData("training_started_at", "null")]
    [InlineData("error", "17")]
    public async Task Status_FieldOutOfBounds_IsBrokenByName(string field, string value)
    {
        Dictionary<string, string> fields = new()
        {
            ["phase"] = "\"training\"",
            ["images_held"] = "[]",
            ["training_started_at"] = "\"2026-11-24T11:00:00Z\"",
            ["step"] = "1",
            ["total_steps"] = "2",
            ["loss"] = "null",
            ["artifact"] = "null",
            ["validation_images"] = "0",
            ["error"] = "null",
        };
        fields[field.Split('.')[0]] = field switch
        {
            "artifact.size_bytes" => $$"""{"size_bytes":{{value}},"sha256":"{{Sha}}"}""",
            "artifact.sha256" => $$"""{"size_bytes":1,"sha256":{{value}}}""",
            _ => value,
        };
        vendor.Answer(200, "{" + string.Join(",", fields.Select(pair => $"\"{pair.Key}\":{pair.Value}")) + "}");

        AgentReply<AgentStatus> reply = await Agent().ReadStatusAsync(Address, CancellationToken.None);

        Assert.Null(reply.Value);
        Assert.Equal(AgentFailure.Broken, reply.Failure);
        Assert.Contains($"\"{field}\"", reply.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("<html>")]
    [InlineData("""{"phase":"done","images_held":[],"training_started_at":"2026-11-24T11:00:00Z","step":1,"total_steps":1,"validation_images":0}""")]
    public async Task Status_NoStatus_IsBroken(string body)
    {
        vendor.Answer(200, body);
        Assert.Equal(AgentFailure.Broken, (await Agent().ReadStatusAsync(Address, CancellationToken.None)).Failure);
    }

    [Fact]
    public async Task Status_TooLong_IsBroken()
    {
        vendor.Answer(200, new string(' ', 256 * 1024 + 1));
        AgentReply<AgentStatus> reply = await Agent().ReadStatusAsync(Address, CancellationToken.None);
        Assert.Equal(AgentFailure.Broken, reply.Failure);
        Assert.Contains("longer than 262144 bytes", reply.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Statuses))]
    public async Task EveryCall_ByStatus_FailsAsTheTableSays(int status, AgentFailure failure)
    {
        vendor.Answer(status, $$"""{"detail":"no {{Token}}"}""");
        HttpPodAgent agent = Agent();

        (AgentFailure Failure, string? Detail)[] replies =
        [
            Outcome(await agent.ReadStatusAsync(Address, CancellationToken.None)),
            Outcome(await agent.PutImageAsync(Address, new AgentImage(0, "image/png", 3, Sha), new MemoryStream([1, 2, 3]), CancellationToken.None)),
            Outcome(await agent.StartAsync(Address, Order(), CancellationToken.None)),
            Outcome(await agent.ReadArtifactAsync(Address, 0, 10, CancellationToken.None)),
            Outcome(await agent.ReadValidationAsync(Address, 0, CancellationToken.None)),
            Outcome(await agent.RenewLeaseAsync(Address, TimeSpan.FromMinutes(20), CancellationToken.None)),
            Outcome(await agent.StopAsync(Address, CancellationToken.None)),
        ];

        Assert.All(replies, reply => Assert.Equal(failure, reply.Failure));
        Assert.All(replies, reply => Assert.DoesNotContain(Token, reply.Detail, StringComparison.Ordinal));
        Assert.All(log.Lines, line => Assert.DoesNotContain(Token, line, StringComparison.Ordinal));
        Assert.Equal(7, log.Lines.Count);
    }

    [Fact]
    public async Task EveryCall_WrongToken_IsUnauthorized()
    {
        vendor.Answer(200, "{}");
        AgentReply<AgentAck> reply = await Agent().StopAsync(Address with { PodName = "lora-0011aabb-c0ffee-1-2" }, CancellationToken.None);
        Assert.Equal(AgentFailure.Unauthorized, reply.Failure);
    }

    [Fact]
    public async Task EveryCall_NobodyThere_IsUnreachable()
    {
        vendor.Throw(new HttpRequestException("x", new SocketException((int)SocketError.ConnectionRefused)));
        Assert.Equal(AgentFailure.Unreachable, (await Agent().ReadStatusAsync(Address, CancellationToken.None)).Failure);
        Assert.Equal(AgentFailure.Unreachable, (await Agent().ReadArtifactAsync(Address, 0, 10, CancellationToken.None)).Failure);
    }

    [Fact]
    public async Task EveryCall_NoAnswer_IsUnreachableAfterItsTimeout()
    {
        vendor.Hang();
        Task<AgentReply<AgentStatus>> status = Agent().ReadStatusAsync(Address, CancellationToken.None);
        Task<AgentReply<AgentAck>> stop = Agent().StopAsync(Address, CancellationToken.None);
        Task<AgentReply<ArtifactRange>> range = Agent().ReadArtifactAsync(Address, 0, 10, CancellationToken.None);
        clock.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal(AgentFailure.Unreachable, (await status).Failure);
        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(AgentFailure.Unreachable, (await stop).Failure);
        Assert.False(range.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(65));
        Assert.Equal(AgentFailure.Unreachable, (await range).Failure);
    }

    [Fact]
    public async Task EveryCall_CallerGivesUp_ThrowsCancelled()
    {
        vendor.Hang();
        using CancellationTokenSource caller = new();
        Task<AgentReply<AgentStatus>> status = Agent().ReadStatusAsync(Address, caller.Token);
        Task<AgentReply<ArtifactRange>> range = Agent().ReadArtifactAsync(Address, 0, 10, caller.Token);
        await caller.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => status);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => range);
    }

    [Theory]
    [InlineData("")]
    [InlineData("evil.example.org/")]
    [InlineData("a@b.example.org")]
    [InlineData("ABCD")]
    [InlineData("../x")]
    public async Task EveryCall_StrangePodId_IsNotSent(string podId)
    {
        vendor.Answer(200, "{}");
        AgentAddress strange = Address with { PodId = podId };
        Assert.Equal(AgentFailure.Refused, (await Agent().ReadStatusAsync(strange, CancellationToken.None)).Failure);
        Assert.Equal(AgentFailure.Refused, (await Agent().ReadArtifactAsync(strange, 0, 1, CancellationToken.None)).Failure);
        Assert.Equal(AgentFailure.Refused, (await Agent().StopAsync(strange, CancellationToken.None)).Failure);
        Assert.Empty(vendor.Requests);
    }

    [Fact]
    public async Task Commands_AreSentAsTheContractSays()
    {
        vendor.Answer(202);
        HttpPodAgent agent = Agent("http://127.0.0.1:5080/localcloud/agents/{pod}/");
        TrainingOrder order = Order();
        Assert.NotNull((await agent.StartAsync(Address, order, CancellationToken.None)).Value);
        Assert.NotNull((await agent.RenewLeaseAsync(Address, TimeSpan.FromMinutes(20), CancellationToken.None)).Value);
        Assert.NotNull((await agent.StopAsync(Address, CancellationToken.None)).Value);

        string root = "POST http://127.0.0.1:5080/localcloud/agents/abcd1234/v1";
        Assert.Equal(
            [
                $$"""{{root}}/start {"job_id":"{{order.Job}}","lora_id":"{{order.Lora}}","name":"Mia","images":8,"validation_images":3,"max_duration_seconds":7200}""",
                $$"""{{root}}/lease {"seconds":1200}""",
                $$"""{{root}}/stop {}""",
            ],
            vendor.Requests.Select(request => $"{request.Method} {request.Uri.AbsoluteUri} {request.Text}"));
    }

    [Fact]
    public async Task PutImage_SendsBytesHashAndLength_AndLeavesTheStreamOpen()
    {
        vendor.Answer(204);
        using MemoryStream content = new([1, 2, 3]);

        Assert.NotNull((await Agent().PutImageAsync(Address, new AgentImage(7, "image/png", 3, Sha), content, CancellationToken.None)).Value);

        Assert.Equal("PUT /v1/images/7", $"{vendor.Last.Method} {vendor.Last.Uri.AbsolutePath}");
        Assert.Equal([1, 2, 3], vendor.Last.Body);
        Assert.Equal(Sha, vendor.Last.Headers.GetValues("X-Content-SHA256").Single());
        Assert.Equal(("image/png", 3L), (vendor.Last.ContentHeaders!.ContentType!.MediaType, vendor.Last.ContentHeaders.ContentLength!.Value));
        Assert.True(content.CanRead);
    }

    [Fact]
    public async Task PutImage_OurStreamIsShort_IsToldAsOurs()
    {
        vendor.Answer(204);
        AgentReply<AgentAck> reply = await Agent().PutImageAsync(Address, new AgentImage(7, "image/png", 9, Sha), new MemoryStream([1, 2, 3]), CancellationToken.None);
        Assert.Equal(AgentFailure.Unreachable, reply.Failure);
        Assert.Contains("shorter than its noted size", reply.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void PutImage_ReadWithoutAwaiting_GivesTheSameBytes()
    {
        using HttpPodAgentUpload upload = new(new MemoryStream([1, 2, 3]), 3);
        using MemoryStream copy = new();
        upload.ReadAsStream().CopyTo(copy);
        Assert.Equal([1, 2, 3], copy.ToArray());
    }

    [Theory]
    [InlineData(0, 10, "bytes 0-9/25", 10, 25)]
    [InlineData(20, 10, "bytes 20-24/25", 5, 25)]
    public async Task Artifact_206AsAsked_IsARange(long offset, int length, string contentRange, int bytes, long total)
    {
        vendor.Answer(() => Range(206, new byte[bytes], contentRange));

        using Stream content = (await Agent().ReadArtifactAsync(Address, offset, length, CancellationToken.None)).Value is { } range
            && (range.Offset, range.LengthBytes, range.TotalBytes) == (offset, bytes, total)
            ? range.Content
            : throw new InvalidOperationException("no range");

        using MemoryStream read = new();
        await content.CopyToAsync(read);
        Assert.Equal(bytes, read.Length);
        Assert.Equal($"bytes={offset}-{offset + length - 1}", vendor.Last.Headers.Range!.ToString());
    }

    [Theory]
    [InlineData(206, 0, null, 10)]
    [InlineData(206, 0, "bytes 1-10/25", 10)]
    [InlineData(206, 0, "bytes 0-8/25", 9)]
    [InlineData(206, 0, "bytes 0-10/25", 11)]
    [InlineData(206, 0, "bytes 0-9/*", 10)]
    [InlineData(206, 0, "bytes 0-9/25", 4)]
    [InlineData(206, 30, "bytes 30-24/25", 1)]
    [InlineData(206, 0, "items 0-9/25", 10)]
    [InlineData(200, 0, null, 25)]
    [InlineData(200, 5, null, 5)]
    [InlineData(200, 0, null, 0)]
    public async Task Artifact_NotWhatWasAskedFor_IsBroken(int status, long offset, string? contentRange, int bytes)
    {
        vendor.Answer(() => Range(status, new byte[bytes], contentRange));
        AgentReply<ArtifactRange> reply = await Agent().ReadArtifactAsync(Address, offset, 10, CancellationToken.None);
        Assert.Null(reply.Value);
        Assert.Equal(AgentFailure.Broken, reply.Failure);
    }

    [Fact]
    public async Task Artifact_200WholeFileWithinTheRange_IsTaken()
    {
        vendor.Answer(() => Range(200, new byte[7], null));
        ArtifactRange range = (await Agent().ReadArtifactAsync(Address, 0, 10, CancellationToken.None)).Value!;
        Assert.Equal((0L, 7L, 7L), (range.Offset, range.LengthBytes, range.TotalBytes));
        await range.Content.DisposeAsync();
    }

    [Fact]
    public async Task Artifact_BreaksOff_ThrowsIoExceptionWhileReading()
    {
        vendor.Answer(() =>
        {
            HttpResponseMessage response = new(HttpStatusCode.PartialContent) { Content = new StreamContent(new BrokenBodyStream([1, 2, 3])) };
            response.Content.Headers.TryAddWithoutValidation("Content-Range", "bytes 0-9/25");
            return response;
        });
        ArtifactRange range = (await Agent().ReadArtifactAsync(Address, 0, 10, CancellationToken.None)).Value!;
        await using Stream content = range.Content;
        await Assert.ThrowsAsync<IOException>(() => content.CopyToAsync(Stream.Null));
    }

    [Fact]
    public async Task Artifact_EndsEarly_ThrowsInsteadOfEnding()
    {
        vendor.Answer(() =>
        {
            HttpResponseMessage response = Range(206, new byte[3], "bytes 0-9/25");
            response.Content.Headers.ContentLength = 10;
            return response;
        });
        await using Stream content = (await Agent().ReadArtifactAsync(Address, 0, 10, CancellationToken.None)).Value!.Content;
        await Assert.ThrowsAsync<EndOfStreamException>(() => content.CopyToAsync(Stream.Null));
    }

    [Fact]
    public async Task Artifact_LongerThanARange_IsACallersMistake() =>
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Agent().ReadArtifactAsync(Address, 0, 64 * 1024 * 1024 + 1, CancellationToken.None));

    [Fact]
    public async Task Validation_JpegWithScore_IsRead()
    {
        vendor.Answer(() => Jpeg([0xFF, 0xD8, 0xFF, 0xE0, 1], "0.83"));
        AgentValidationImage image = (await Agent().ReadValidationAsync(Address, 2, CancellationToken.None)).Value!;
        Assert.Equal((5, 0.83), (image.Jpeg.Length, image.Score));
        Assert.Equal("/v1/validation/2", vendor.Last.Uri.AbsolutePath);
    }

    [Theory]
    [InlineData(new byte[] { 0x89, 0x50, 0x4E, 0x47 }, "0.8")]
    [InlineData(new byte[] { }, "0.8")]
    [InlineData(new byte[] { 0xFF, 0xD8, 0xFF }, null)]
    [InlineData(new byte[] { 0xFF, 0xD8, 0xFF }, "1.01")]
    [InlineData(new byte[] { 0xFF, 0xD8, 0xFF }, "-0.1")]
    [InlineData(new byte[] { 0xFF, 0xD8, 0xFF }, "NaN")]
    [InlineData(new byte[] { 0xFF, 0xD8, 0xFF }, "0,8")]
    public async Task Validation_NoJpegOrNoScore_IsBroken(byte[] body, string? score)
    {
        vendor.Answer(() => Jpeg(body, score));
        Assert.Equal(AgentFailure.Broken, (await Agent().ReadValidationAsync(Address, 0, CancellationToken.None)).Failure);
    }

    [Theory]
    [InlineData("https://proxy.example.org", false)]
    [InlineData("https://{pod}-{pod}.example.org", false)]
    [InlineData("{pod}.example.org", false)]
    [InlineData("https://example.org/?pod={pod}", false)]
    [InlineData("https://{pod}-8000.proxy.runpod.net", true)]
    [InlineData("http://127.0.0.1:5080/localcloud/agents/{pod}", true)]
    public void Template_WithoutExactlyOnePod_IsRefusedByKey(string template, bool good)
    {
        ValidateOptionsResult result = new PodAgentOptionsValidator().Validate(null, new PodAgentOptions { UrlTemplate = template });
        Assert.Equal(good, result.Succeeded);
        Assert.True(good || result.FailureMessage!.StartsWith("PodAgent:UrlTemplate", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(65_535, false)]
    [InlineData(65_536, true)]
    [InlineData(67_108_864, true)]
    [InlineData(67_108_865, false)]
    public void RangeBytes_OutOfTheContract_IsRefusedByKey(long bytes, bool good)
    {
        ValidateOptionsResult result = new PodAgentOptionsValidator().Validate(null, new PodAgentOptions { RangeBytes = bytes });
        Assert.Equal(good, result.Succeeded);
        Assert.True(good || result.FailureMessage!.StartsWith("PodAgent:RangeBytes", StringComparison.Ordinal));
    }

    [Fact]
    public async Task RangeBytes_Smaller_BoundsARange()
    {
        HttpPodAgent agent = Agent(rangeBytes: 100_000);
        Assert.Equal(100_000, agent.MaxRangeBytes);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => agent.ReadArtifactAsync(Address, 0, 100_001, CancellationToken.None));
    }

    public void Dispose() => vendor.Dispose();

    private static HttpResponseMessage Range(int status, byte[] body, string? contentRange)
    {
        HttpResponseMessage response = new((HttpStatusCode)status) { Content = new ByteArrayContent(body) };
        if (contentRange is not null)
        {
            response.Content.Headers.TryAddWithoutValidation("Content-Range", contentRange);
        }

        return response;
    }

    private static HttpResponseMessage Jpeg(byte[] body, string? score)
    {
        HttpResponseMessage response = new(HttpStatusCode.OK) { Content = new ByteArrayContent(body) };
        if (score is not null)
        {
            response.Headers.TryAddWithoutValidation("X-Validation-Score", score);
        }

        return response;
    }

    private static TrainingOrder Order() => new(
        new JobId(new Guid("11111111-2222-3333-4444-555555555555")), new LoraId(new Guid("66666666-2222-3333-4444-555555555555")), "Mia", 8, 3, TimeSpan.FromHours(2));

    private static (AgentFailure Failure, string? Detail) Outcome<T>(AgentReply<T> reply)
        where T : class
    {
        Assert.Null(reply.Value);
        return (reply.Failure, reply.Detail);
    }

    private HttpPodAgent Agent(string? template = null, long? rangeBytes = null)
    {
        PodAgentOptions options = new();
        options.UrlTemplate = template ?? options.UrlTemplate;
        options.RangeBytes = rangeBytes ?? options.RangeBytes;
        Installation installation = new("0011aabb", CloudKind.Local, AgentKey, clock.GetUtcNow());
        return new HttpPodAgent(vendor.Client(), Options.Create(options), () => installation, clock, log);
    }
}
