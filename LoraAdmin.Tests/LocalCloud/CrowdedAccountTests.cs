using System.Net;
using System.Text.Json.Nodes;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Platform.LocalCloud;
using Xunit;

namespace LoraAdmin.Tests.LocalCloud;

/// <summary>An account with very many pods, most of them not asked for by a create.</summary>
public sealed class CrowdedAccountTests
{
    private const int Many = 10_000;

    private const int Rounds = 5;

    [Fact]
    public async Task List_OfTenThousand_CostsEachPodWhatItCostsAmongAThousand()
    {
        using FaultyAccount large = Account(Many);
        using FaultyAccount small = Account(Many / 10);

        double ratio = await RatioAsync(() => ListAsync(large, Many), () => ListAsync(small, Many / 10));

        // Ten times as much when each pod costs the same, a hundred times when each looks at all others.
        Assert.InRange(ratio, 0, 35);

        static async Task ListAsync(FaultyAccount account, int count) => Assert.Equal(count, (await account.ListedAsync()).Count);
    }

    [Fact]
    public async Task Calls_AmongTenThousand_DoNotPayForTheOthers()
    {
        using FaultyAccount crowded = Account(Many);
        using FaultyAccount alone = Account(0);
        int made = 0;

        double ratio = await RatioAsync(() => LivesAsync(crowded), () => LivesAsync(alone));

        // A look at all others per call would be 10,000 steps of decimal sums in a call that takes some microseconds otherwise.
        Assert.InRange(ratio, 0, 5);
        Assert.Equal(Many, crowded.Cloud.World.Alive.Count);
        Assert.Empty(alone.Cloud.World.Alive);

        // Pods that are made, read and ended.
        async Task LivesAsync(FaultyAccount account)
        {
            for (int i = 0; i < 50; i++)
            {
                using HttpResponseMessage created = await account.Cloud.RunPodAsync(HttpMethod.Post, "/pods", TestCloud.Order($"lora-{made++}"));
                string id = (string)(await TestCloud.JsonAsync(created))["id"]!;
                Assert.Equal("PROVISIONING", await account.Cloud.StatusAsync(id));
                using HttpResponseMessage gone = await account.Cloud.RunPodAsync(HttpMethod.Delete, $"/pods/{id}");
                Assert.Equal(HttpStatusCode.NoContent, gone.StatusCode);
            }
        }
    }

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

    private static FaultyAccount Account(int foreignPods)
    {
        FaultyAccount account = new(options =>
        {
            options.StartBalanceUsd = 1_000_000;
            options.RequestsPerMinute = options.RequestsPerHour = options.RequestsPerDay = Many;
        });
        if (foreignPods > 0)
        {
            account.Cloud.World.AddForeign("foreign-", foreignPods);
        }

        return account;
    }

    /// <summary>How many times longer the first takes than the second: of each the best of interleaved rounds, which a busy machine disturbs least.</summary>
    private static async Task<double> RatioAsync(Func<Task> first, Func<Task> second)
    {
        TimeSpan bestOfFirst = TimeSpan.MaxValue;
        TimeSpan bestOfSecond = TimeSpan.MaxValue;
        await first();
        await second();
        for (int round = 0; round < Rounds; round++)
        {
            bestOfFirst = Shorter(bestOfFirst, await TimeAsync(first));
            bestOfSecond = Shorter(bestOfSecond, await TimeAsync(second));
        }

        return bestOfFirst / bestOfSecond;

        static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

        static async Task<TimeSpan> TimeAsync(Func<Task> work)
        {
            long start = TimeProvider.System.GetTimestamp();
            await work();
            return TimeProvider.System.GetElapsedTime(start);
        }
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
