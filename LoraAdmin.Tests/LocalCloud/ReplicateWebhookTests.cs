using System.Text.Json.Nodes;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Platform.Vendors;
using Xunit;

namespace LoraAdmin.Tests.LocalCloud;

public sealed class ReplicateWebhookTests : IDisposable
{
    private static readonly TimeSpan Whole = TimeSpan.FromMinutes(15);

    private readonly TestCloud cloud = new();

    public void Dispose() => cloud.Dispose();

    [Fact]
    public async Task Training_TellsItsStartAndItsEndAsAGetAnswersThem()
    {
        string id = await cloud.TrainAsync();
        cloud.Pass(Whole);
        List<ReplicateEvent> told = TakeAll();
        Assert.Equal(["processing", "succeeded"], told.Select(StatusOf));
        Assert.All(told, one => Assert.Equal(ReplicateOrders.Webhook, one.Url));
        Assert.True(JsonNode.DeepEquals(await cloud.ReadTrainingAsync(id), JsonNode.Parse(told[^1].Body)));
    }

    [Fact]
    public async Task Filter_LeavesOutWhatIsNotAskedFor()
    {
        JsonObject order = ReplicateOrders.Train();
        order["webhook_events_filter"] = new JsonArray("completed");
        await cloud.TrainAsync(order);
        cloud.Pass(Whole);
        Assert.Equal(["succeeded"], TakeAll().Select(StatusOf));
    }

    [Fact]
    public async Task Twice_TellsTheEndTwiceUnderOneId()
    {
        cloud.World.Faults.Add(FaultKind.ReplicateWebhookTwice);
        await cloud.TrainAsync();
        cloud.Pass(Whole);
        List<ReplicateEvent> told = TakeAll();
        Assert.Equal(["processing", "succeeded", "succeeded"], told.Select(StatusOf));
        Assert.Equal(told[1].Id, told[2].Id);
    }

    [Fact]
    public async Task OutOfOrder_TellsTheStartAfterTheEnd()
    {
        cloud.World.Faults.Add(FaultKind.ReplicateWebhookOutOfOrder);
        await cloud.TrainAsync();
        cloud.Pass(Whole);
        Assert.Equal(["succeeded", "processing"], TakeAll().Select(StatusOf));
    }

    [Fact]
    public async Task Lost_TellsNobody()
    {
        cloud.World.Faults.Add(FaultKind.ReplicateWebhookLost, count: 2);
        await cloud.TrainAsync();
        cloud.Pass(Whole);
        Assert.Empty(TakeAll());
    }

    [Fact]
    public async Task Request_IsSignedByTheSecretThatTheAccountTells()
    {
        await cloud.TrainAsync();
        cloud.Pass(Whole);
        ReplicateEvent told = TakeAll()[^1];
        using HttpRequestMessage request = ReplicateWebhooks.RequestOf(told, TestCloud.Keys, cloud.Clock.GetUtcNow());
        using HttpResponseMessage secret = await cloud.ReplicateAsync(HttpMethod.Get, "/v1/webhooks/default/secret");
        string key = (string)(await TestCloud.JsonAsync(secret))["key"]!;
        Assert.Equal(
            WebhookCheck.Valid,
            WebhookSignature.Check(
                key, Header(WebhookSignature.IdHeader), Header(WebhookSignature.TimestampHeader), Header(WebhookSignature.SignatureHeader), told.Body, cloud.Clock.GetUtcNow()));

        string Header(string name) => string.Join(' ', request.Headers.GetValues(name));
    }

    private static string StatusOf(ReplicateEvent told) => (string)JsonNode.Parse(told.Body)!["status"]!;

    private List<ReplicateEvent> TakeAll()
    {
        List<ReplicateEvent> told = [];
        while (cloud.Face.TakeReplicateEvent() is { } one)
        {
            told.Add(one);
        }

        return told;
    }
}
