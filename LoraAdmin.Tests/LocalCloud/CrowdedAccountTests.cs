using System.Net;
using System.Text.Json.Nodes;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Platform.LocalCloud;
using Xunit;

namespace LoraAdmin.Tests.LocalCloud;

/// <summary>An account with very many pods, most of them not asked for by a create.</summary>
public sealed class CrowdedAccountTests
{
    [Fact]
    public async Task Fill_ByTheControlRoute_ShowsThePodsAndLeavesTheStock()
    {
        using FaultyAccount account = new();
        account.Pass(TimeSpan.FromHours(3));
        using HttpResponseMessage filled = await account.Cloud.ControlAsync(
            HttpMethod.Post, "/pods",
            new JsonObject { ["count"] = 100, ["name_prefix"] = "x-", ["status"] = "EXITED", ["usd_per_hour"] = 1.5, ["age_seconds"] = 7200 });
        Assert.Equal(HttpStatusCode.Created, filled.StatusCode);
        JsonArray ids = (await TestCloud.JsonAsync(filled))["ids"]!.AsArray();
        IReadOnlyList<ProviderPod> pods = await account.ListedAsync();
        Assert.Equal(ids.Select(id => (string)id!), pods.Select(pod => pod.Id));
        Assert.Equal(("x-1", "x-100"), (pods[0].Name, pods[^1].Name));
        Assert.All(pods, pod => Assert.Equal(ProviderPodStatus.Exited, pod.Status));
        Assert.All(pods, pod => Assert.Equal(account.Cloud.Clock.GetUtcNow().AddHours(-2), pod.CreatedAt));
        await account.CreatedAsync();
        Assert.IsType<PodActionOutcome.Accepted>(await account.TerminateAsync((string)ids[0]!));
        Assert.Equal(100, account.Cloud.World.Alive.Count);
    }

    [Theory]
    [InlineData("{\"count\":0,\"name_prefix\":\"x\"}")]
    [InlineData("{\"count\":1}")]
    [InlineData("{\"count\":1,\"name_prefix\":\"\"}")]
    [InlineData("{\"count\":1,\"name_prefix\":\"x\",\"status\":\"TERMINATED\"}")]
    [InlineData("{\"count\":1,\"name_prefix\":\"x\",\"usd_per_hour\":-1}")]
    [InlineData("{\"count\":1,\"name_prefix\":\"x\",\"age_seconds\":-1}")]
    [InlineData("{\"count\":1,\"name_prefix\":\"x\",\"colour\":\"red\"}")]
    public async Task Fill_WithABadOrder_Answers422AndMakesNothing(string body)
    {
        using TestCloud cloud = new();
        using HttpResponseMessage answer = await cloud.ControlAsync(HttpMethod.Post, "/pods", JsonNode.Parse(body));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Empty(cloud.World.Pods);
    }

    [Fact]
    public async Task Balance_OfManyPods_EqualsTheSumOfTheirTruths()
    {
        using TestCloud cloud = new();
        cloud.World.AddForeign("a-", 40);
        string id = await cloud.RunningAsync();
        cloud.World.AddForeign("b-", 40, PodStatus.Exited);
        cloud.Pass(TimeSpan.FromMinutes(47));
        using HttpResponseMessage stopped = await cloud.RunPodAsync(HttpMethod.Post, $"/pods/{id}/action", new JsonObject { ["action"] = "stop" });
        cloud.Pass(TimeSpan.FromMinutes(11));
        JsonArray pods = (await cloud.TruthAsync())["pods"]!.AsArray();
        Assert.Equal(500 - pods.Sum(pod => (decimal)pod!["usd"]!), cloud.World.BalanceUsd, 4);
    }
}
