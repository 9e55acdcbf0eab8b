using System.Net;
using System.Text.Json.Nodes;
using LoraAdmin.Platform.LocalCloud;
using Xunit;

namespace LoraAdmin.Tests.LocalCloud;

public sealed class FaultTests
{
    [Theory]
    [InlineData(FaultKind.NoCapacity, 400, 0)]
    [InlineData(FaultKind.Create500, 500, 0)]
    [InlineData(FaultKind.Create500ButCreated, 500, 1)]
    [InlineData(FaultKind.Rate429, 429, 0)]
    [InlineData(FaultKind.Unauth401, 401, 0)]
    [InlineData(FaultKind.Balance402, 402, 0)]
    [InlineData(FaultKind.Validate422, 422, 0)]
    public async Task Create_WithAFault_AnswersItOnceAndMakesSoManyPods(string kind, int status, int pods)
    {
        using TestCloud cloud = new();
        cloud.World.Faults.Add(kind);
        using HttpResponseMessage answer = await cloud.RunPodAsync(HttpMethod.Post, "/pods", TestCloud.Order());
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(pods, cloud.World.Alive.Count);
        Assert.Empty(cloud.World.Faults.Pending);
        await cloud.CreateAsync("next");
    }

    [Fact]
    public async Task Create_Hanging_EndsInATimeOutInMemoryAndThePodExists()
    {
        using TestCloud cloud = new();
        cloud.World.Faults.Add(FaultKind.CreateHangButCreated);
        TaskCanceledException given = await Assert.ThrowsAsync<TaskCanceledException>(
            () => cloud.RunPodAsync(HttpMethod.Post, "/pods", TestCloud.Order()));
        Assert.IsType<TimeoutException>(given.InnerException);
        Assert.Equal("lora-1", Assert.Single(cloud.World.Alive).Name);
    }

    [Fact]
    public async Task Delete_WithFaults_LeavesThePodUntilTheyAreUsedUp()
    {
        using TestCloud cloud = new();
        string id = await cloud.CreateAsync();
        cloud.World.Faults.Add(FaultKind.Delete500);
        cloud.World.Faults.Add(FaultKind.DeleteIgnored);
        Assert.Equal(500, await DeleteAsync());
        Assert.Equal(204, await DeleteAsync());
        Assert.Equal("PROVISIONING", await cloud.StatusAsync(id));
        Assert.True((bool)(await cloud.TruthAsync())["pods"]![0]!["bills"]!);
        Assert.Equal(204, await DeleteAsync());
        Assert.Equal("404", await cloud.StatusAsync(id));

        async Task<int> DeleteAsync()
        {
            using HttpResponseMessage answer = await cloud.RunPodAsync(HttpMethod.Delete, $"/pods/{id}");
            return (int)answer.StatusCode;
        }
    }

    [Fact]
    public async Task List_WithAFault_Answers500()
    {
        using TestCloud cloud = new();
        cloud.World.Faults.Add(FaultKind.List500);
        using HttpResponseMessage answer = await cloud.RunPodAsync(HttpMethod.Get, "/pods");
        Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
    }

    [Fact]
    public async Task Early404_AfterCreate_HidesThePodFromGetButNotFromTheListing()
    {
        using TestCloud cloud = new();
        cloud.World.Faults.Add(FaultKind.Early404, seconds: 10);
        string id = await cloud.CreateAsync();
        Assert.Equal("404", await cloud.StatusAsync(id));
        using HttpResponseMessage listed = await cloud.RunPodAsync(HttpMethod.Get, "/pods");
        Assert.Single((await TestCloud.JsonAsync(listed))["pods"]!.AsArray());
        cloud.Pass(TimeSpan.FromSeconds(10));
        Assert.Equal("PROVISIONING", await cloud.StatusAsync(id));
    }

    [Fact]
    public async Task AgentUnreachable_WithSeconds_HoldsForThatLong()
    {
        using TestCloud cloud = new();
        string id = await cloud.RunningAsync();
        cloud.World.Faults.Add(FaultKind.AgentUnreachable, seconds: 60);
        cloud.Pass(TimeSpan.FromSeconds(30));
        Assert.Equal(502, await ReadAsync());
        cloud.Pass(TimeSpan.FromSeconds(59));
        Assert.Equal(502, await ReadAsync());
        cloud.Pass(TimeSpan.FromSeconds(1));
        Assert.Equal(200, await ReadAsync());

        async Task<int> ReadAsync()
        {
            using HttpResponseMessage answer = await cloud.AgentAsync(HttpMethod.Get, id, "/status");
            return (int)answer.StatusCode;
        }
    }

    [Fact]
    public async Task TrainingFails_AtTwoFifths_WithoutAFile()
    {
        using TestCloud cloud = new();
        cloud.World.Faults.Add(FaultKind.TrainingFails);
        string id = await cloud.TrainingAsync();
        cloud.Pass(TimeSpan.FromMinutes(12));
        JsonObject status = await cloud.AgentStatusAsync(id);
        Assert.Equal("failed", (string)status["phase"]!);
        Assert.Equal(96, (int)status["step"]!);
        Assert.Contains("CUDA", (string)status["error"]!, StringComparison.Ordinal);
        Assert.Null(status["artifact"]);
        Assert.NotNull(status["training_ended_at"]);
    }

    [Fact]
    public async Task Match_OnPartOfTheName_HitsThatPodAlone()
    {
        using TestCloud cloud = new();
        cloud.World.Faults.Add(FaultKind.NoCapacity, match: "job-2-");
        await cloud.CreateAsync("job-1-1");
        using HttpResponseMessage hit = await cloud.RunPodAsync(HttpMethod.Post, "/pods", TestCloud.Order("job-2-1"));
        Assert.Equal(HttpStatusCode.BadRequest, hit.StatusCode);
    }

    [Fact]
    public void Probability_OfAHalf_HitsAboutHalfAndTheSameOnesForTheSameSeed()
    {
        Assert.Equal(Hits(), Hits());
        Assert.InRange(Hits().Count(hit => hit), 400, 600);

        static bool[] Hits()
        {
            FaultTable table = new(5, []);
            table.Add(FaultKind.List500, 10_000, probability: 0.5);
            return [.. Enumerable.Range(0, 1000).Select(_ => table.Take(FaultKind.List500, null, default) is not null)];
        }
    }

    [Fact]
    public async Task Rate429_Injected_IsNoViolationOfTheCallers()
    {
        using TestCloud cloud = new();
        cloud.World.Faults.Add(FaultKind.Rate429, seconds: 7);
        using HttpResponseMessage answer = await cloud.RunPodAsync(HttpMethod.Get, "/pods");
        Assert.Equal(TimeSpan.FromSeconds(7), answer.Headers.RetryAfter!.Delta);
        Assert.Equal(0, (int)(await cloud.TruthAsync())["rate_limit_violations"]!);
    }

    [Fact]
    public async Task Control_UnknownKind_Answers422NamingTheKnownOnes()
    {
        using TestCloud cloud = new();
        using HttpResponseMessage answer = await cloud.ControlAsync(HttpMethod.Post, "/faults", new JsonObject { ["kind"] = "earthquake" });
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        string problem = await answer.Content.ReadAsStringAsync();
        Assert.All(FaultKind.All, kind => Assert.Contains(kind.Kind, problem, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("{\"kind\":\"list_500\",\"count\":0}")]
    [InlineData("{\"kind\":\"list_500\",\"probability\":2}")]
    [InlineData("{\"kind\":\"list_500\",\"seconds\":-1}")]
    [InlineData("{\"kind\":\"list_500\",\"often\":1}")]
    [InlineData("{\"count\":1}")]
    [InlineData("[]")]
    public async Task Control_BadFault_Answers422(string body)
    {
        using TestCloud cloud = new();
        using HttpResponseMessage answer = await cloud.ControlAsync(HttpMethod.Post, "/faults", JsonNode.Parse(body));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Empty(cloud.World.Faults.Pending);
    }

    [Fact]
    public async Task Control_SetListClear_DoesSo()
    {
        using TestCloud cloud = new();
        using HttpResponseMessage set = await cloud.ControlAsync(
            HttpMethod.Post, "/faults", new JsonObject { ["kind"] = "create_500", ["count"] = 2, ["match"] = "x" });
        Assert.Equal(HttpStatusCode.Created, set.StatusCode);
        using HttpResponseMessage listed = await cloud.ControlAsync(HttpMethod.Get, "/faults");
        JsonObject faults = await TestCloud.JsonAsync(listed);
        Assert.Equal(2, (int)faults["faults"]![0]!["remaining"]!);
        Assert.Equal(FaultKind.All.Count, faults["kinds"]!.AsArray().Count);
        using HttpResponseMessage cleared = await cloud.ControlAsync(HttpMethod.Delete, "/faults");
        Assert.Equal(HttpStatusCode.NoContent, cleared.StatusCode);
        Assert.Empty(cloud.World.Faults.Pending);
    }

    [Fact]
    public void Documentation_Table_IsTheListOfKinds()
    {
        const string head = "| kind | where | effect | `seconds` |";
        string[] lines = File.ReadAllLines(PodAgentContract.PathOf("localcloud.md"));
        IEnumerable<string> documented = lines.SkipWhile(line => line != head).Skip(2).TakeWhile(line => line.StartsWith('|'));
        Assert.Equal(
            FaultKind.All.Select(kind => $"| `{kind.Kind}` | {kind.Where} | {kind.Effect} | {kind.Seconds ?? "window"} |"),
            documented);
    }

    [Fact]
    public async Task Control_FaultOfAPodsLife_HitsThePodThatIsThereAtThatInstant()
    {
        using TestCloud cloud = new();
        string id = await cloud.RunningAsync();
        using HttpResponseMessage set = await cloud.ControlAsync(HttpMethod.Post, "/faults", new JsonObject { ["kind"] = "pod_exits" });
        DateTimeOffset at = cloud.Clock.GetUtcNow();
        cloud.Pass(TimeSpan.FromMinutes(5));
        Assert.Equal("EXITED", await cloud.StatusAsync(id));
        Assert.Equal(at, cloud.World.Find(id)!.History[^1].At);
    }

    [Fact]
    public async Task LifeFault_WithProbability_HitsTheSamePodsForTheSameSeed()
    {
        string[] hit = await ExitedAsync();
        Assert.InRange(hit.Length, 8, 32);
        Assert.Equal(hit, await ExitedAsync());

        static async Task<string[]> ExitedAsync()
        {
            using TestCloud cloud = new(change: options => options.RequestsPerMinute = 1000);
            cloud.World.Faults.Add(FaultKind.PodExits, 1000, probability: 0.5);
            for (int i = 0; i < 40; i++)
            {
                await cloud.CreateAsync($"lora-{i}");
            }

            cloud.Pass(TimeSpan.FromMinutes(8));
            await cloud.TruthAsync();
            return [.. cloud.World.Pods.Where(pod => pod.Status == PodStatus.Exited).Select(pod => pod.Name)];
        }
    }
}
