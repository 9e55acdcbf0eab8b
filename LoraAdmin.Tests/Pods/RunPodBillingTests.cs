using System.Text.Json.Nodes;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Pods;
using LoraAdmin.Tests.Platform.Vendors;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Pods;

public sealed class RunPodBillingTests : IDisposable
{
    private const string Key = "rpa_0123456789ABCDEF";
    private static readonly DateTimeOffset Start = new(2026, 11, 24, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset Now = new(2026, 11, 25, 12, 0, 0, 300, TimeSpan.Zero);

    private readonly FakeTimeProvider clock = new(Now);
    private readonly ScriptedVendor vendor = new(Key);

    public static TheoryData<string, BillOddityKind, string?, string> OddRecords => new()
    {
        { """{"podId":"AB!"}""", BillOddityKind.Unreadable, null, "Record 2 of the bills from 2026-11-24 on names no pod" },
        { """{"podId":null}""", BillOddityKind.Unreadable, null, "names no pod" },
        { """{"startTime":"2026-11-24T03:00:00Z"}""", BillOddityKind.Unreadable, "pod2", "is of no whole day" },
        { """{"startTime":"2026-11-23T00:00:00Z","endTime":"2026-11-24T00:00:00Z"}""", BillOddityKind.Unreadable, "pod2", "is of no whole day" },
        { """{"endTime":"2026-11-26T00:00:00Z"}""", BillOddityKind.Unreadable, "pod2", "is of no whole day" },
        { """{"startTime":17}""", BillOddityKind.Unreadable, "pod2", "is of no whole day" },
        { """{"totalAmount":null}""", BillOddityKind.Unreadable, "pod2", "has no readable total" },
        { """{"totalAmount":"much"}""", BillOddityKind.Unreadable, "pod2", "has no readable total" },
        { """{"totalAmount":1e30}""", BillOddityKind.Unreadable, "pod2", "has no readable total" },
        { """{"totalAmount":-0.000001}""", BillOddityKind.Negative, "pod2", "is below zero: -$0.000001" },
        { """{"diskAmount":-0.01,"gpuAmount":0.43}""", BillOddityKind.Negative, "pod2", "is below zero" },
        { """{"currency":"EUR"}""", BillOddityKind.OtherCurrency, "pod2", "The bill of pod pod2 for 2026-11-24 is in EUR and not in USD" },
        { """{"totalAmount":42}""", BillOddityKind.DoesNotAddUp, "pod2", "says $42.00 in all, and its parts are $0.40, $0.00 and $0.02" },
    };

    [Fact]
    public async Task Read_200_GivesTheRecordsOfWholeDays()
    {
        const string next = """
            {"startTime":"2026-11-25T00:00:00Z","endTime":"2026-11-26T00:00:00Z","totalAmount":"0.1234567","gpuAmount":0.12,"diskAmount":0.0034567}
            """;
        vendor.Answer(200, Body(Record("pod1"), Record("pod1", next)));

        BillReading.Read read = Assert.IsType<BillReading.Read>(await ReadAsync(Start.AddHours(5)));

        Assert.Equal(
            [
                new BillRecord("pod1", Start, Usd.FromDollars(0.42m), Usd.FromDollars(0.40m), Usd.Zero, Usd.FromDollars(0.02m)),
                new BillRecord("pod1", Start.AddDays(1), Usd.FromDollars(0.123457m), Usd.FromDollars(0.12m), Usd.Zero, Usd.FromDollars(0.003457m)),
            ],
            read.Records);
        Assert.Empty(read.Oddities);
        Assert.Equal("GET", vendor.Last.Method);
        Assert.Equal(
            "https://api.example.org/v2/billing/pods?bucketSize=day&startTime=2026-11-24T00:00:00Z&endTime=2026-11-25T12:00:01Z", vendor.Last.Uri.AbsoluteUri);
    }

    [Fact]
    public async Task Read_OfALongTime_IsWindowByWindowWithoutGapOrOverlap()
    {
        for (int window = 0; window < 3; window++)
        {
            vendor.Answer(200, """{"records":[]}""");
        }

        Assert.IsType<BillReading.Read>(await ReadAsync(Start.AddDays(-30)));

        Assert.Equal(
            [
                "startTime=2026-10-25T00:00:00Z&endTime=2026-11-08T00:00:00Z",
                "startTime=2026-11-08T00:00:00Z&endTime=2026-11-22T00:00:00Z",
                "startTime=2026-11-22T00:00:00Z&endTime=2026-11-25T12:00:01Z",
            ],
            vendor.Requests.Select(request => request.Uri.Query[(request.Uri.Query.IndexOf('&', StringComparison.Ordinal) + 1)..]));
    }

    [Fact]
    public async Task Read_WithOneWindowThatFails_IsUnavailable()
    {
        vendor.Answer(200, Body(Record("pod1", """{"startTime":"2026-11-01T00:00:00Z","endTime":"2026-11-02T00:00:00Z"}""")));
        vendor.Answer(429, "", headers: [("Retry-After", "17")]);

        ProviderError error = Assert.IsType<BillReading.Unavailable>(await ReadAsync(Start.AddDays(-30))).Error;

        Assert.Equal((ProviderFailure.RateLimited, TimeSpan.FromSeconds(17)), (error.Failure, error.RetryAfter));
    }

    [Theory]
    [MemberData(nameof(OddRecords))]
    public async Task Read_ARecordThatCantBeCounted_IsListedAndLeavesTheOthers(string change, BillOddityKind kind, string? pod, string words)
    {
        vendor.Answer(200, Body(Record("pod1"), Record("pod2", change)));

        BillReading.Read read = Assert.IsType<BillReading.Read>(await ReadAsync(Start));

        Assert.Equal("pod1", Assert.Single(read.Records).PodId);
        BillOddity oddity = Assert.Single(read.Oddities);
        Assert.Equal((kind, pod), (oddity.Kind, oddity.PodId));
        Assert.Contains(words, oddity.Text, StringComparison.Ordinal);
        Assert.True(oddity.HoldsBack);
    }

    [Theory]
    [InlineData("""{"records":[{"podId":"pod1"}]}""")]
    [InlineData("""{"records":{}}""")]
    [InlineData("""{"other":[]}""")]
    [InlineData("""[]""")]
    [InlineData("")]
    [InlineData("""{"records":[],"metadata":{"recordCount":1}}""")]
    [InlineData("""{"records":[],"metadata":{"hasNextPage":true}}""")]
    [InlineData("""{"records":[],"pagination":{"nextCursor":"x"}}""")]
    [InlineData("""{"records":[],"metadata":{"query":{"startTime":"2026-11-25T00:00:00Z","endTime":"2026-11-26T00:00:00Z","bucketSize":"day"}}}""")]
    [InlineData("""{"records":[],"metadata":{"query":{"startTime":"2026-11-24T00:00:00Z","endTime":"2026-11-25T00:00:00Z","bucketSize":"day"}}}""")]
    [InlineData("""{"records":[],"metadata":{"query":{"startTime":"2026-11-24T00:00:00Z","endTime":"2026-11-26T00:00:00Z","bucketSize":"hour"}}}""")]
    public async Task Read_AnAnswerThatIsLessThanItsTime_IsUnavailable(string body)
    {
        vendor.Answer(200, body);

        Assert.Equal(ProviderFailure.Ambiguous, Assert.IsType<BillReading.Unavailable>(await ReadAsync(Start)).Error.Failure);
    }

    [Theory]
    [InlineData(401, ProviderFailure.Unauthorized)]
    [InlineData(403, ProviderFailure.Forbidden)]
    [InlineData(422, ProviderFailure.Rejected)]
    [InlineData(500, ProviderFailure.Ambiguous)]
    [InlineData(204, ProviderFailure.Ambiguous)]
    public async Task Read_AnyOtherStatus_IsUnavailable(int status, ProviderFailure failure)
    {
        vendor.Answer(status, "");

        Assert.Equal(failure, Assert.IsType<BillReading.Unavailable>(await ReadAsync(Start)).Error.Failure);
    }

    [Fact]
    public async Task Read_ATotalThatIsNotTheSum_IsListed()
    {
        const string metadata = """
            "metadata":{"recordCount":1,"totals":{"totalAmount":0.52}},"records"
            """;
        vendor.Answer(200, Body(Record("pod1")).Replace("\"records\"", metadata, StringComparison.Ordinal));

        BillReading.Read read = Assert.IsType<BillReading.Read>(await ReadAsync(Start));

        Assert.Equal("The bills from 2026-11-24 on say that they come to $0.52, and come to $0.42", Assert.Single(read.Oddities).Text);
        Assert.False(read.Oddities[0].HoldsBack);
        Assert.Single(read.Records);
    }

    [Fact]
    public void Sheet_OfContradictingRecords_HoldsThePodBack()
    {
        BillRecord first = new("pod1", Start, new Usd(420_000), new Usd(420_000), Usd.Zero, Usd.Zero);

        BillSheet sheet = BillSheet.Of(new BillReading.Read([first, first with { Total = new Usd(430_000) }, first with { PodId = "pod2" }], []));

        Assert.Equal(["pod1"], sheet.HeldBack);
        Assert.Equal(["pod2"], sheet.Pods.Keys);
        BillOddity oddity = Assert.Single(sheet.Oddities);
        Assert.Equal((BillOddityKind.Contradicting, "The day 2026-11-24 of pod pod1 is billed at $0.42 and at $0.43"), (oddity.Kind, oddity.Text));
    }

    public void Dispose() => vendor.Dispose();

    private Task<BillReading> ReadAsync(DateTimeOffset from) => new RunPodBilling(new RunPodWire(
        vendor.Client(),
        Options.Create(new RunPodOptions { BaseUrl = "https://api.example.org/v2", ApiKey = Key }),
        clock,
        new RememberingLogger<RunPodWire>())).ReadAsync(from, Now, CancellationToken.None);

    private static string Body(params JsonObject[] records) => new JsonObject { ["records"] = new JsonArray([.. records]) }.ToJsonString();

    private static JsonObject Record(string pod, string change = "{}")
    {
        JsonObject record = new()
        {
            ["startTime"] = "2026-11-24T00:00:00Z",
            ["endTime"] = "2026-11-25T00:00:00Z",
            ["podId"] = pod,
            ["totalAmount"] = 0.42,
            ["gpuAmount"] = 0.40,
            ["cpuAmount"] = 0,
            ["diskAmount"] = 0.02,
        };
        foreach ((string name, JsonNode? value) in JsonNode.Parse(change)!.AsObject().ToList())
        {
            record[name] = value?.DeepClone();
        }

        return record;
    }
}
