using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LoraAdmin.Platform.LocalCloud;
using Xunit;

namespace LoraAdmin.Tests.LocalCloud;

public sealed class RunPodFaceTests
{
    [Fact]
    public async Task Create_Accepted_AnswersThePodWithItsEnvironment()
    {
        using TestCloud cloud = new();
        using HttpResponseMessage answer = await cloud.RunPodAsync(HttpMethod.Post, "/pods", TestCloud.Order());
        JsonObject pod = await TestCloud.JsonAsync(answer);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        Assert.Matches("^[a-z0-9]{4,64}$", (string)pod["id"]!);
        Assert.Equal("PROVISIONING", (string)pod["status"]!);
        Assert.Null(pod["runtime"]);
        Assert.Equal(0.40m, (decimal)pod["cost"]!);
        Assert.Equal(TestCloud.PodToken, (string)pod["env"]!["LORA_AGENT_TOKEN"]!);
        Assert.Equal("2026-03-01T12:00:00.000Z", (string)pod["createdAt"]!);
        Assert.True(answer.Headers.Contains("x-request-id"));
        string[] required =
        [
            "id", "name", "status", "actions", "image", "args", "disk", "mounts", "ports", "env", "registry", "cloud", "dataCenterId", "cudaVersion",
            "ssh", "template", "cost", "locked", "runtime", "createdAt", "startedAt", "globalNetworking", "gpu",
        ];
        Assert.Equal(required.Order(StringComparer.Ordinal), pod.Select(property => property.Key).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Create_UnknownProperty_Answers422WithTheVendorsWords()
    {
        using TestCloud cloud = new();
        JsonObject order = TestCloud.Order();
        order["bogus"] = 1;
        using HttpResponseMessage answer = await cloud.RunPodAsync(HttpMethod.Post, "/pods", order);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
        JsonObject problem = await TestCloud.JsonAsync(answer);
        Assert.Equal("Request validation failed.", (string)problem["detail"]!);
        Assert.Equal("$: additional properties 'bogus' not allowed", (string)problem["errors"]![0]!);
        Assert.Empty(cloud.World.Pods);
    }

    public static TheoryData<string, int> BadOrders => new()
    {
        { "{\"image\":null}", 422 },
        { "{\"name\":\"\"}", 422 },
        { "{\"name\":7}", 422 },
        { "{\"cloud\":\"ELSEWHERE\"}", 422 },
        { "{\"ports\":[\"http\"]}", 422 },
        { "{\"disk\":0}", 422 },
        { "{\"mounts\":{\"persistent\":{\"size\":40}}}", 422 },
        { "{\"mounts\":{\"persistent\":{\"size\":9,\"path\":\"/w\"}}}", 422 },
        { "{\"gpu\":{\"count\":1}}", 422 },
        { "{\"gpu\":null}", 400 },
        { "{\"cpu\":{\"id\":\"x\"}}", 400 },
        { "{\"gpu\":{\"id\":\"NVIDIA A40\"}}", 400 },
        { "{\"gpu\":{\"id\":\"Abacus\",\"count\":1}}", 400 },
        { "{\"mounts\":{\"persistent\":{\"size\":40,\"path\":\"/w\"},\"network\":[{\"volumeId\":\"v\",\"path\":\"/w\"}]}}", 400 },
    };

    [Theory]
    [MemberData(nameof(BadOrders))]
    public async Task Create_BadOrder_IsRefusedAndNothingMade(string change, int status)
    {
        using TestCloud cloud = new();
        JsonObject order = TestCloud.Order();
        foreach ((string name, JsonNode? value) in JsonNode.Parse(change)!.AsObject())
        {
            order.Remove(name);
            if (value is not null)
            {
                order[name] = value.DeepClone();
            }
        }

        using HttpResponseMessage answer = await cloud.RunPodAsync(HttpMethod.Post, "/pods", order);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Empty(cloud.World.Pods);
    }

    [Fact]
    public async Task Create_StockUsedUp_Answers400WithTheNoCapacitySentence()
    {
        using TestCloud cloud = new(change: options => options.GpuStock = 1);
        await cloud.CreateAsync("one");
        using HttpResponseMessage answer = await cloud.RunPodAsync(HttpMethod.Post, "/pods", TestCloud.Order("two"));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        string detail = (string)(await TestCloud.JsonAsync(answer))["detail"]!;
        Assert.StartsWith("There are no longer any instances available", detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_LessThanAnHourOfCredit_Answers402()
    {
        using TestCloud cloud = new(change: options => options.StartBalanceUsd = 0.39m);
        using HttpResponseMessage answer = await cloud.RunPodAsync(HttpMethod.Post, "/pods", TestCloud.Order());
        Assert.Equal(HttpStatusCode.PaymentRequired, answer.StatusCode);
    }

    [Theory]
    [InlineData(null, "missing bearer token")]
    [InlineData("wrong", "invalid bearer token")]
    public async Task Call_WithoutTheKey_Answers401WithoutRateHeaders(string? key, string detail)
    {
        using TestCloud cloud = new();
        using HttpResponseMessage answer = await cloud.RunPodAsync(HttpMethod.Get, "/pods", key: key);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal(detail, (string)(await TestCloud.JsonAsync(answer))["detail"]!);
        Assert.False(answer.Headers.Contains("RateLimit"));
    }

    [Fact]
    public async Task Calls_AboveTheMinute_Answer429UntilTheWindowEnds()
    {
        using TestCloud cloud = new(change: options => options.RequestsPerMinute = 3);
        for (int i = 2; i >= 0; i--)
        {
            using HttpResponseMessage passed = await cloud.RunPodAsync(HttpMethod.Get, "/pods");
            Assert.Equal(HttpStatusCode.OK, passed.StatusCode);
            Assert.StartsWith(
                string.Create(CultureInfo.InvariantCulture, $"\"minute\";r={i};t=60, "),
                passed.Headers.GetValues("RateLimit").Single(), StringComparison.Ordinal);
        }

        cloud.Pass(TimeSpan.FromSeconds(18));
        using HttpResponseMessage refused = await cloud.RunPodAsync(HttpMethod.Get, "/pods");
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(42), refused.Headers.RetryAfter!.Delta);
        Assert.Equal("rate limit exceeded for the minute window", (string)(await TestCloud.JsonAsync(refused))["detail"]!);
        cloud.Pass(TimeSpan.FromSeconds(42));
        using HttpResponseMessage again = await cloud.RunPodAsync(HttpMethod.Get, "/pods");
        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
        Assert.Equal(1, (int)(await cloud.TruthAsync())["rate_limit_violations"]!);
        Assert.Equal(5, (int)(await cloud.TruthAsync())["requests"]!);
    }

    [Fact]
    public async Task List_AfterDelete_OmitsThePod()
    {
        using TestCloud cloud = new();
        string one = await cloud.CreateAsync("one");
        string two = await cloud.CreateAsync("two");
        using HttpResponseMessage deleted = await cloud.RunPodAsync(HttpMethod.Delete, $"/pods/{one}");
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        Assert.Equal([two], await ListAsync(cloud));
        Assert.Equal("404", await cloud.StatusAsync(one));
        using HttpResponseMessage again = await cloud.RunPodAsync(HttpMethod.Delete, $"/pods/{one}");
        Assert.Equal(HttpStatusCode.NotFound, again.StatusCode);
    }

    [Fact]
    public async Task Exited_Pod_CostsNothingAndHasNoRuntime()
    {
        using TestCloud cloud = new();
        string id = await cloud.RunningAsync();
        using HttpResponseMessage running = await cloud.RunPodAsync(HttpMethod.Get, $"/pods/{id}");
        Assert.Equal(0, (int)(await TestCloud.JsonAsync(running))["runtime"]!["uptime"]!);
        using HttpResponseMessage stopped = await ActAsync(cloud, id, "stop");
        JsonObject pod = await TestCloud.JsonAsync(stopped);
        Assert.Equal("EXITED", (string)pod["status"]!);
        Assert.Equal(0m, (decimal)pod["cost"]!);
        Assert.Null(pod["runtime"]);
        Assert.Equal(["start", "terminate"], pod["actions"]!.AsArray().Select(action => (string)action!));
    }

    [Fact]
    public async Task Starting_Pod_HasAnEmptyRuntime()
    {
        using TestCloud cloud = new();
        string id = await cloud.CreateAsync();
        cloud.Pass(TimeSpan.FromMinutes(4));
        using HttpResponseMessage answer = await cloud.RunPodAsync(HttpMethod.Get, $"/pods/{id}");
        Assert.Empty((await TestCloud.JsonAsync(answer))["runtime"]!.AsObject());
    }

    [Theory]
    [InlineData("PROVISIONING", "start", 409)]
    [InlineData("PROVISIONING", "restart", 409)]
    [InlineData("PROVISIONING", "stop", 200)]
    [InlineData("RUNNING", "start", 409)]
    [InlineData("RUNNING", "restart", 200)]
    [InlineData("RUNNING", "stop", 200)]
    [InlineData("RUNNING", "terminate", 204)]
    [InlineData("EXITED", "stop", 409)]
    [InlineData("EXITED", "restart", 409)]
    [InlineData("EXITED", "start", 200)]
    [InlineData("EXITED", "terminate", 204)]
    [InlineData("RUNNING", "explode", 422)]
    public async Task Action_InAStatus_IsAllowedOrRefused(string status, string action, int expected)
    {
        using TestCloud cloud = new();
        string id = status == "PROVISIONING" ? await cloud.CreateAsync() : await cloud.RunningAsync();
        if (status == "EXITED")
        {
            await ActAsync(cloud, id, "stop");
        }

        using HttpResponseMessage answer = await ActAsync(cloud, id, action);
        Assert.Equal(expected, (int)answer.StatusCode);
    }

    [Fact]
    public async Task LockedPod_RefusesStopUntilItIsUnlocked()
    {
        using TestCloud cloud = new();
        string id = await cloud.RunningAsync();
        await cloud.RunPodAsync(HttpMethod.Patch, $"/pods/{id}", new JsonObject { ["locked"] = true });
        using HttpResponseMessage refused = await ActAsync(cloud, id, "stop");
        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
        await cloud.RunPodAsync(HttpMethod.Patch, $"/pods/{id}", new JsonObject { ["locked"] = false });
        using HttpResponseMessage done = await ActAsync(cloud, id, "stop");
        Assert.Equal(HttpStatusCode.OK, done.StatusCode);
    }

    [Fact]
    public async Task Start_GpuGivenAway_Answers400()
    {
        using TestCloud cloud = new(change: options => options.GpuStock = 1);
        string id = await cloud.RunningAsync();
        await ActAsync(cloud, id, "stop");
        await cloud.CreateAsync("other");
        using HttpResponseMessage answer = await ActAsync(cloud, id, "start");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task Catalog_WithAvailability_ShowsPriceAndStock()
    {
        using TestCloud cloud = new(change: options => options.GpuStock = 1);
        await cloud.CreateAsync();
        using HttpResponseMessage answer = await cloud.RunPodAsync(HttpMethod.Get, "/catalog/gpus?include=AVAILABILITY&product=POD");
        JsonObject[] gpus = [.. (await TestCloud.JsonAsync(answer))["gpus"]!.AsArray().Select(gpu => gpu!.AsObject())];
        JsonObject a40 = gpus.Single(gpu => (string)gpu["id"]! == "NVIDIA A40");
        Assert.Equal("NONE", (string)a40["availability"]!);
        Assert.Equal(0.40m, (decimal)a40["price"]!["secure"]!);
        Assert.Contains(gpus, gpu => (string)gpu["availability"]! == "LOW");
        using HttpResponseMessage bad = await cloud.RunPodAsync(HttpMethod.Get, "/catalog/gpus?include=AVAILABILITY");
        Assert.Equal(HttpStatusCode.BadRequest, bad.StatusCode);
    }

    [Fact]
    public async Task Balance_ByGraphQl_FallsAsPodsRun()
    {
        using TestCloud cloud = new();
        await cloud.CreateAsync();
        cloud.Pass(TimeSpan.FromHours(10));
        JsonNode myself = (await GraphQlAsync(cloud, TestCloud.Key))["data"]!["myself"]!;
        decimal hourly = 0.40m + (70 * 0.10m / 720);
        Assert.Equal(500 - (10 * hourly), (decimal)myself["clientBalance"]!, 5);
        Assert.Equal(hourly, (decimal)myself["currentSpendPerHr"]!, 5);
        Assert.Equal(80m, (decimal)myself["spendLimit"]!);
        Assert.Null((await GraphQlAsync(cloud, null))["data"]!["myself"]);
    }

    [Theory]
    [InlineData("PUT", "/pods", 405)]
    [InlineData("POST", "/catalog/gpus", 405)]
    [InlineData("GET", "/pods/abcd1234", 404)]
    [InlineData("GET", "/nothing", 404)]
    public async Task Call_OutsideTheApi_IsAProblem(string method, string path, int status)
    {
        using TestCloud cloud = new();
        using HttpResponseMessage answer = await cloud.RunPodAsync(new HttpMethod(method), path);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(status, (int)(await TestCloud.JsonAsync(answer))["status"]!);
        Assert.True(answer.Headers.Contains("RateLimit-Policy"));
    }

    [Fact]
    public async Task Create_NoJson_Answers400()
    {
        using TestCloud cloud = new();
        using HttpRequestMessage request = new(HttpMethod.Post, "runpod/v2/pods") { Content = new StringContent("{oops") };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", TestCloud.Key);
        using HttpResponseMessage answer = await cloud.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    private static Task<HttpResponseMessage> ActAsync(TestCloud cloud, string id, string action) =>
        cloud.RunPodAsync(HttpMethod.Post, $"/pods/{id}/action", new JsonObject { ["action"] = action });

    private static async Task<string[]> ListAsync(TestCloud cloud)
    {
        using HttpResponseMessage answer = await cloud.RunPodAsync(HttpMethod.Get, "/pods");
        return [.. (await TestCloud.JsonAsync(answer))["pods"]!.AsArray().Select(pod => (string)pod!["id"]!)];
    }

    private static async Task<JsonObject> GraphQlAsync(TestCloud cloud, string? key)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "runpod/graphql");
        request.Content = JsonContent.Create(new JsonObject { ["query"] = "query { myself { clientBalance currentSpendPerHr spendLimit } }" });
        request.Headers.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
        using HttpResponseMessage answer = await cloud.Http.SendAsync(request);
        return await TestCloud.JsonAsync(answer);
    }
}
