using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using LoraAdmin.Platform.LocalCloud;
using Xunit;

namespace LoraAdmin.Tests.LocalCloud;

public sealed class LocalCloudWorldTests
{
    [Fact]
    public async Task Pod_AsTimePasses_WalksToRunning()
    {
        using TestCloud cloud = new();
        string id = await cloud.CreateAsync();
        Assert.Equal("PROVISIONING", await cloud.StatusAsync(id));
        cloud.Pass(TimeSpan.FromMinutes(3));
        Assert.Equal("STARTING", await cloud.StatusAsync(id));
        cloud.Pass(TimeSpan.FromMinutes(5) - TimeSpan.FromTicks(1));
        Assert.Equal("STARTING", await cloud.StatusAsync(id));
        cloud.Pass(TimeSpan.FromTicks(1));
        Assert.Equal("RUNNING", await cloud.StatusAsync(id));
    }

    [Fact]
    public async Task Walk_SeenLate_HasTheInstantsAtWhichItHappened()
    {
        using TestCloud cloud = new();
        string id = await cloud.CreateAsync();
        DateTimeOffset start = cloud.Clock.GetUtcNow();
        cloud.Pass(TimeSpan.FromHours(1));
        await cloud.StatusAsync(id);
        StatusChange[] expected =
        [
            new(start, "PROVISIONING"), new(start.AddMinutes(3), "STARTING"), new(start.AddMinutes(8), "RUNNING"),
        ];
        Assert.Equal(expected, cloud.World.Find(id)!.History);
    }

    [Fact]
    public async Task Speed_Sixty_DividesLengthsOnly()
    {
        using TestCloud cloud = new(change: options => options.Speed = 60);
        string id = await cloud.CreateAsync();
        cloud.Pass(TimeSpan.FromSeconds(8));
        Assert.Equal("RUNNING", await cloud.StatusAsync(id));
        await cloud.PutImagesAsync(id, 1);
        await cloud.AgentAsync(HttpMethod.Post, id, "/start", TestCloud.Start(1));
        cloud.Pass(TimeSpan.FromSeconds(14));
        Assert.Equal("done", (string)(await cloud.AgentStatusAsync(id))["phase"]!);
        cloud.Pass(TimeSpan.FromMinutes(19));
        Assert.Equal("RUNNING", await cloud.StatusAsync(id));
    }

    [Fact]
    public async Task Billing_RunningHour_CostsRateAndDisks()
    {
        using TestCloud cloud = new();
        await cloud.CreateAsync();
        cloud.Pass(TimeSpan.FromHours(1));
        JsonNode pod = (await cloud.TruthAsync())["pods"]![0]!;
        decimal expected = 0.40m + (70 * 0.10m / 720);
        Assert.Equal(Math.Round(expected, 6), (decimal)pod["usd"]!);
        Assert.True((bool)pod["bills"]!);
    }

    [Fact]
    public async Task Billing_StoppedDay_CostsTheMountAtTheDoubledRate()
    {
        using TestCloud cloud = new();
        string id = await cloud.CreateAsync();
        await cloud.RunPodAsync(HttpMethod.Post, $"/pods/{id}/action", new JsonObject { ["action"] = "stop" });
        cloud.Pass(TimeSpan.FromDays(1));
        JsonNode pod = (await cloud.TruthAsync())["pods"]![0]!;
        Assert.Equal(Math.Round(40 * 0.20m / 30, 6), (decimal)pod["usd"]!);
        Assert.True((bool)pod["bills"]!);
    }

    [Fact]
    public async Task Truth_AfterTerminate_KeepsThePodWithItsCostAndBillsNoMore()
    {
        using TestCloud cloud = new();
        string id = await cloud.CreateAsync();
        cloud.Pass(TimeSpan.FromHours(1));
        await cloud.RunPodAsync(HttpMethod.Delete, $"/pods/{id}");
        decimal atEnd = (decimal)(await cloud.TruthAsync())["pods"]![0]!["usd"]!;
        cloud.Pass(TimeSpan.FromDays(10));
        JsonNode pod = (await cloud.TruthAsync())["pods"]![0]!;
        Assert.Equal(atEnd, (decimal)pod["usd"]!);
        Assert.False((bool)pod["bills"]!);
        Assert.Equal("TERMINATED", (string)pod["status"]!);
    }

    [Fact]
    public async Task BillingRecords_SumOfHours_EqualsTruth()
    {
        using TestCloud cloud = new();
        string id = await cloud.RunningAsync();
        cloud.Pass(TimeSpan.FromMinutes(100));
        await cloud.RunPodAsync(HttpMethod.Post, $"/pods/{id}/action", new JsonObject { ["action"] = "stop" });
        cloud.Pass(TimeSpan.FromHours(5));
        await cloud.RunPodAsync(HttpMethod.Delete, $"/pods/{id}");
        using HttpResponseMessage answer = await cloud.RunPodAsync(HttpMethod.Get, "/billing/pods?bucketSize=hour");
        JsonObject billing = await TestCloud.JsonAsync(answer);
        decimal truth = (decimal)(await cloud.TruthAsync())["pods"]![0]!["usd"]!;
        Assert.Equal(truth, (decimal)billing["metadata"]!["totals"]!["totalAmount"]!, 5);
        Assert.Equal(7, billing["records"]!.AsArray().Count);
        Assert.Equal(1, (int)billing["metadata"]!["uniquePodCount"]!);
    }

    [Fact]
    public async Task Balance_UsedUp_TerminatesPodsWithoutVolumeAtThatInstant()
    {
        using TestCloud cloud = new(change: options => options.StartBalanceUsd = 1);
        string id = await cloud.RunningAsync();
        cloud.Pass(TimeSpan.FromHours(10));
        Assert.Equal("404", await cloud.StatusAsync(id));
        decimal usd = (decimal)(await cloud.TruthAsync())["pods"]![0]!["usd"]!;
        Assert.Equal(1m, usd, 4);
    }

    [Fact]
    public async Task Training_AsTimePasses_StepsThenValidatesThenIsDone()
    {
        using TestCloud cloud = new();
        string id = await cloud.TrainingAsync();
        JsonObject start = await cloud.AgentStatusAsync(id);
        Assert.Equal("training", (string)start["phase"]!);
        Assert.Equal(0, (int)start["step"]!);
        Assert.Null(start["loss"]);
        cloud.Pass(TimeSpan.FromMinutes(6));
        JsonObject half = await cloud.AgentStatusAsync(id);
        Assert.Equal(120, (int)half["step"]!);
        Assert.InRange((double)half["loss"]!, 0.05, 0.4);
        Assert.Null(half["artifact"]);
        cloud.Pass(TimeSpan.FromMinutes(7));
        JsonObject validating = await cloud.AgentStatusAsync(id);
        Assert.Equal("validating", (string)validating["phase"]!);
        Assert.Equal(1, (int)validating["validation_images"]!);
        Assert.NotNull(validating["artifact"]);
        cloud.Pass(TimeSpan.FromMinutes(1));
        JsonObject done = await cloud.AgentStatusAsync(id);
        Assert.Equal("done", (string)done["phase"]!);
        Assert.Equal(3, (int)done["validation_images"]!);
    }

    [Fact]
    public async Task DeadMan_LeaseOutAndTrainingEnded_StopsThePod()
    {
        using TestCloud cloud = new();
        string id = await cloud.TrainingAsync();
        DateTimeOffset lastCall = cloud.Clock.GetUtcNow();
        cloud.Pass(TimeSpan.FromHours(2));
        Assert.Equal("EXITED", await cloud.StatusAsync(id));
        Assert.Equal(new StatusChange(lastCall.AddMinutes(20), "EXITED"), cloud.World.Find(id)!.History[^1]);
    }

    [Fact]
    public async Task DeadMan_LeaseOutInTheMiddleOfTraining_WaitsForItsEnd()
    {
        using TestCloud cloud = new();
        string id = await cloud.TrainingAsync();
        DateTimeOffset started = cloud.Clock.GetUtcNow();
        await cloud.AgentAsync(HttpMethod.Post, id, "/lease", JsonContent.Create(new JsonObject { ["seconds"] = 60 }));
        cloud.Pass(TimeSpan.FromHours(1));
        Assert.Equal("EXITED", await cloud.StatusAsync(id));
        Assert.Equal(started.AddMinutes(12), cloud.World.Find(id)!.History[^1].At);
    }

    [Fact]
    public async Task DeadMan_DeadlinePassed_StopsThePodThatStillTrains()
    {
        using TestCloud cloud = new(change: options => options.Training = TimeSpan.FromHours(5));
        string id = await cloud.TrainingAsync(maxSeconds: 3600);
        DateTimeOffset started = cloud.Clock.GetUtcNow();
        cloud.Pass(TimeSpan.FromHours(2));
        Assert.Equal("EXITED", await cloud.StatusAsync(id));
        Assert.Equal(started.AddHours(1), cloud.World.Find(id)!.History[^1].At);
    }

    [Fact]
    public async Task DeadMan_CallsWithTheToken_KeepThePod()
    {
        using TestCloud cloud = new();
        string id = await cloud.TrainingAsync();
        for (int i = 0; i < 12; i++)
        {
            cloud.Pass(TimeSpan.FromMinutes(15));
            Assert.Equal("RUNNING", await cloud.StatusAsync(id));
            await cloud.AgentStatusAsync(id);
        }
    }

    [Fact]
    public async Task DeadMan_CallsWithAWrongToken_DoNotRenew()
    {
        using TestCloud cloud = new();
        string id = await cloud.TrainingAsync();
        cloud.Pass(TimeSpan.FromMinutes(15));
        using HttpResponseMessage refused = await cloud.AgentAsync(HttpMethod.Get, id, "/status", token: "other");
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        cloud.Pass(TimeSpan.FromMinutes(5));
        Assert.Equal("EXITED", await cloud.StatusAsync(id));
    }

    [Fact]
    public async Task Stop_MidTraining_ResumesWhereItWasAfterStart()
    {
        using TestCloud cloud = new();
        string id = await cloud.TrainingAsync();
        string startedAt = (string)(await cloud.AgentStatusAsync(id))["training_started_at"]!;
        cloud.Pass(TimeSpan.FromMinutes(6));
        await cloud.RunPodAsync(HttpMethod.Post, $"/pods/{id}/action", new JsonObject { ["action"] = "stop" });
        cloud.Pass(TimeSpan.FromHours(3));
        await cloud.RunPodAsync(HttpMethod.Post, $"/pods/{id}/action", new JsonObject { ["action"] = "start" });
        cloud.Pass(TimeSpan.FromMinutes(3));
        JsonObject status = await cloud.AgentStatusAsync(id);
        Assert.Equal("training", (string)status["phase"]!);
        Assert.Equal(120, (int)status["step"]!);
        Assert.Equal(startedAt, (string)status["training_started_at"]!);
        cloud.Pass(TimeSpan.FromMinutes(6));
        Assert.Equal("validating", (string)(await cloud.AgentStatusAsync(id))["phase"]!);
    }

    [Fact]
    public async Task Start_AfterAFinishedTraining_ServesTheSameFileAtOnce()
    {
        using TestCloud cloud = new();
        string id = await cloud.TrainingAsync();
        cloud.Pass(TimeSpan.FromMinutes(14));
        byte[] before = await cloud.ArtifactAsync(id);
        await cloud.RunPodAsync(HttpMethod.Post, $"/pods/{id}/action", new JsonObject { ["action"] = "stop" });
        await cloud.RunPodAsync(HttpMethod.Post, $"/pods/{id}/action", new JsonObject { ["action"] = "start" });
        cloud.Pass(TimeSpan.FromMinutes(3));
        JsonObject status = await cloud.AgentStatusAsync(id);
        Assert.Equal("done", (string)status["phase"]!);
        Assert.Equal(before, await cloud.ArtifactAsync(id));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(before)), (string)status["artifact"]!["sha256"]!);
    }

    [Fact]
    public async Task Stop_WithoutAnyMount_LosesEverything()
    {
        using TestCloud cloud = new();
        JsonObject order = TestCloud.Order();
        order.Remove("mounts");
        using HttpResponseMessage created = await cloud.RunPodAsync(HttpMethod.Post, "/pods", order);
        string id = (string)(await TestCloud.JsonAsync(created))["id"]!;
        cloud.Pass(TimeSpan.FromMinutes(8));
        await cloud.PutImagesAsync(id, 1);
        await cloud.RunPodAsync(HttpMethod.Post, $"/pods/{id}/action", new JsonObject { ["action"] = "restart" });
        cloud.Pass(TimeSpan.FromMinutes(3));
        Assert.Empty((await cloud.AgentStatusAsync(id))["images_held"]!.AsArray());
    }

    [Fact]
    public async Task SameSeed_SameCalls_SameBytes()
    {
        Assert.Equal(await TranscriptAsync(), await TranscriptAsync());

        static async Task<string> TranscriptAsync()
        {
            using TestCloud cloud = new(seed: 7);
            List<string> said = [];
            cloud.World.Faults.Add(FaultKind.NoCapacity, 3, probability: 0.5);
            for (int i = 0; i < 6; i++)
            {
                using HttpResponseMessage answer = await cloud.RunPodAsync(
                    HttpMethod.Post, "/pods", TestCloud.Order(string.Create(CultureInfo.InvariantCulture, $"pod-{i}")));
                said.Add(await answer.Content.ReadAsStringAsync());
            }

            string id = await cloud.TrainingAsync("pod-x");
            cloud.Pass(TimeSpan.FromMinutes(15));
            said.Add((await cloud.AgentStatusAsync(id)).ToJsonString());
            said.Add(Convert.ToHexString(await cloud.ArtifactAsync(id)));
            using HttpResponseMessage image = await cloud.AgentAsync(HttpMethod.Get, id, "/validation/0");
            said.Add(Convert.ToHexString(await image.Content.ReadAsByteArrayAsync()));
            said.Add((await cloud.TruthAsync()).ToJsonString());
            return string.Join('\n', said);
        }
    }

    [Fact]
    public async Task Handler_InMemory_CompletesSynchronously()
    {
        using TestCloud cloud = new();
        string id = await cloud.TrainingAsync();
        cloud.Pass(TimeSpan.FromMinutes(14));
        Task<HttpResponseMessage> call = cloud.AgentAsync(HttpMethod.Get, id, "/artifact", range: "bytes=0-99");
        Assert.True(call.IsCompletedSuccessfully);
        using HttpResponseMessage answer = await call;
        Task<byte[]> read = answer.Content.ReadAsByteArrayAsync();
        Assert.True(read.IsCompletedSuccessfully);
        Assert.Equal(100, (await read).Length);
    }
}
