using System.Formats.Tar;
using System.Net;
using System.Text.Json.Nodes;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.LocalCloud;
using Xunit;

namespace LoraAdmin.Tests.LocalCloud;

public sealed class ReplicateFaceTests : IDisposable
{
    private static readonly TimeSpan Boot = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan Training = TimeSpan.FromMinutes(12);

    private readonly TestCloud cloud = new();

    public void Dispose() => cloud.Dispose();

    [Fact]
    public async Task Training_AsTimePasses_WalksToSucceededWithWeights()
    {
        using HttpResponseMessage made = await cloud.ReplicateAsync(HttpMethod.Post, ReplicateOrders.TrainPath, ReplicateOrders.Train());
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        JsonObject first = await TestCloud.JsonAsync(made);
        string id = (string)first["id"]!;
        Assert.Equal("starting", (string)first["status"]!);
        Assert.Null(first["output"]);
        Assert.Contains("/predictions/", (string)first["urls"]!["get"]!, StringComparison.Ordinal);
        cloud.Pass(Boot);
        Assert.Equal("processing", (string)(await cloud.ReadTrainingAsync(id))["status"]!);
        cloud.Pass(Training - TimeSpan.FromTicks(1));
        Assert.Equal("processing", (string)(await cloud.ReadTrainingAsync(id))["status"]!);
        cloud.Pass(TimeSpan.FromTicks(1));
        JsonObject done = await cloud.ReadTrainingAsync(id);
        Assert.Equal("succeeded", (string)done["status"]!);
        Assert.Equal(720, (double)done["metrics"]!["predict_time"]!);
        Assert.Equal(900, (double)done["metrics"]!["total_time"]!);
        Assert.StartsWith("localcloud/loras:", (string)done["output"]!["version"]!, StringComparison.Ordinal);
        byte[] file = await FileAsync(done);
        using MemoryStream content = new(file);
        Assert.IsType<SafetensorsVerdict.Good>(Safetensors.Check(content, file.Length));
    }

    [Fact]
    public async Task Create_WithoutTheToken_Answers401()
    {
        foreach (string? key in new[] { null, "wrong" })
        {
            using HttpResponseMessage answer = await cloud.ReplicateAsync(HttpMethod.Post, ReplicateOrders.TrainPath, ReplicateOrders.Train(), key);
            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        }

        Assert.Empty(cloud.World.Replicate.Records);
    }

    [Fact]
    public async Task Create_ForADestinationThatIsNotThere_Answers404()
    {
        using HttpResponseMessage answer = await cloud.ReplicateAsync(
            HttpMethod.Post, ReplicateOrders.TrainPath, ReplicateOrders.Train(destination: "localcloud/other"));
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("The specified training destination does not exist", (string)(await TestCloud.JsonAsync(answer))["detail"]!);
    }

    [Fact]
    public async Task Create_OfAVersionThatIsNotThere_Answers422()
    {
        using HttpResponseMessage answer = await cloud.ReplicateAsync(
            HttpMethod.Post, $"/v1/models/{ReplicateFace.Trainer}/versions/{new string('0', 64)}/trainings", ReplicateOrders.Train());
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
    }

    [Theory]
    [InlineData("http://lora.example.org/hook")]
    [InlineData("not an address")]
    public async Task Create_WithAWebhookThatIsNotHttps_Answers422(string webhook)
    {
        using HttpResponseMessage answer = await cloud.ReplicateAsync(HttpMethod.Post, ReplicateOrders.TrainPath, ReplicateOrders.Train(webhook: webhook));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Empty(cloud.World.Replicate.Records);
    }

    [Theory]
    [InlineData(null, "field required")]
    [InlineData("https://lora.example.org/objects/gone.zip", "Failed to download")]
    [InlineData("https://lora.example.org/objects/text.zip", "holds no images")]
    public async Task Training_OfBadInput_FailsLateAndCostsNothing(string? images, string words)
    {
        cloud.Links["https://lora.example.org/objects/text.zip"] = ReplicateOrders.Zip("readme.txt");
        string id = await cloud.TrainAsync(ReplicateOrders.Train(images));
        Assert.Equal("starting", (string)(await cloud.ReadTrainingAsync(id))["status"]!);
        cloud.Pass(TimeSpan.FromMilliseconds(5));
        JsonObject failed = await cloud.ReadTrainingAsync(id);
        Assert.Equal("failed", (string)failed["status"]!);
        Assert.Contains(words, (string)failed["error"]!, StringComparison.Ordinal);
        Assert.Equal(0, (double)failed["metrics"]!["predict_time"]!);
    }

    [Fact]
    public async Task Cancel_WhileProcessing_EndsItAndCostsWhatItTook()
    {
        string id = await cloud.TrainAsync();
        cloud.Pass(Boot + TimeSpan.FromSeconds(100));
        using HttpResponseMessage answer = await cloud.ReplicateAsync(HttpMethod.Post, $"/v1/trainings/{id}/cancel");
        Assert.Equal("canceled", (string)(await TestCloud.JsonAsync(answer))["status"]!);
        cloud.Pass(Training);
        JsonNode truth = (await cloud.TruthAsync())["trainings"]![0]!;
        Assert.Equal("canceled", (string)truth["status"]!);
        Assert.Equal(100 * ReplicateWorld.UsdPerSecond, (decimal)truth["usd"]!);
        Assert.False((bool)truth["bills"]!);
    }

    [Fact]
    public async Task Cancel_AfterTheEnd_ChangesNothing()
    {
        string id = await cloud.TrainAsync();
        cloud.Pass(Boot + Training);
        using HttpResponseMessage answer = await cloud.ReplicateAsync(HttpMethod.Post, $"/v1/trainings/{id}/cancel");
        Assert.Equal("succeeded", (string)(await TestCloud.JsonAsync(answer))["status"]!);
    }

    [Fact]
    public async Task List_OfMoreThanAPage_IsNewestFirstAndWholeByItsCursors()
    {
        List<string> made = [];
        for (int i = 0; i < 205; i++)
        {
            made.Add(await cloud.TrainAsync());
        }

        List<string> listed = [];
        string? path = "/v1/trainings";
        while (path is not null)
        {
            using HttpResponseMessage answer = await cloud.ReplicateAsync(HttpMethod.Get, path);
            JsonObject page = await TestCloud.JsonAsync(answer);
            listed.AddRange(page["results"]!.AsArray().Select(one => (string)one!["id"]!));
            path = (string?)page["next"] is { } next ? next[(next.IndexOf("/replicate", StringComparison.Ordinal) + "/replicate".Length)..] : null;
        }

        made.Reverse();
        Assert.Equal(made, listed);
    }

    [Fact]
    public async Task Data_AnHourAfterTheEnd_AreRemoved()
    {
        string id = await cloud.TrainAsync();
        cloud.Pass(Boot + Training + TimeSpan.FromMinutes(59));
        JsonObject before = await cloud.ReadTrainingAsync(id);
        cloud.Pass(TimeSpan.FromMinutes(1));
        JsonObject after = await cloud.ReadTrainingAsync(id);
        Assert.True((bool)after["data_removed"]!);
        Assert.Null(after["output"]);
        Assert.Empty(after["input"]!.AsObject());
        Assert.Equal("succeeded", (string)after["status"]!);
        using HttpResponseMessage file = await cloud.Http.SendAsync(FileRequest((string)before["output"]!["weights"]!));
        Assert.Equal(HttpStatusCode.NotFound, file.StatusCode);
    }

    [Theory]
    [InlineData(FaultKind.ReplicateCreate500, 500, 0)]
    [InlineData(FaultKind.ReplicateCreate500ButCreated, 500, 1)]
    [InlineData(FaultKind.ReplicateBalance402, 402, 0)]
    [InlineData(FaultKind.ReplicateUnauth401, 401, 0)]
    public async Task Create_WithAFault_AnswersItOnceAndMakesSoMany(string kind, int status, int made)
    {
        cloud.World.Faults.Add(kind, match: "try=lora-1");
        using HttpResponseMessage answer = await cloud.ReplicateAsync(HttpMethod.Post, ReplicateOrders.TrainPath, ReplicateOrders.Train());
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(made, cloud.World.Replicate.Records.Count);
        await cloud.TrainAsync();
    }

    [Fact]
    public async Task Throttled_SaysWhenAndSendsNoRetryAfter()
    {
        cloud.World.Faults.Add(FaultKind.ReplicateThrottled, seconds: 7);
        using HttpResponseMessage answer = await cloud.ReplicateAsync(HttpMethod.Get, "/v1/trainings");
        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.Null(answer.Headers.RetryAfter);
        Assert.Equal("Request was throttled. Your rate limit resets in ~7s.", (string)(await TestCloud.JsonAsync(answer))["detail"]!);
    }

    [Fact]
    public async Task Lost_AfterHalfAnHourInTheQueue_IsNotFoundAndNotListed()
    {
        cloud.World.Faults.Add(FaultKind.ReplicateTrainingLost);
        string id = await cloud.TrainAsync();
        cloud.Pass(TimeSpan.FromMinutes(29));
        Assert.Equal("starting", (string)(await cloud.ReadTrainingAsync(id))["status"]!);
        cloud.Pass(TimeSpan.FromMinutes(1));
        using HttpResponseMessage answer = await cloud.ReplicateAsync(HttpMethod.Get, $"/v1/trainings/{id}");
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        using HttpResponseMessage listed = await cloud.ReplicateAsync(HttpMethod.Get, "/v1/trainings");
        Assert.Empty((await TestCloud.JsonAsync(listed))["results"]!.AsArray());
        Assert.Equal("lost", (string)(await cloud.TruthAsync())["trainings"]![0]!["status"]!);
    }

    [Theory]
    [InlineData(FaultKind.ReplicateTrainingFails, 288)]
    [InlineData(FaultKind.ReplicateFailsAfterSuccess, 720)]
    public async Task Training_ThatFails_CostsWhatItTook(string fault, double seconds)
    {
        cloud.World.Faults.Add(fault);
        string id = await cloud.TrainAsync();
        cloud.Pass(Boot + Training);
        JsonObject failed = await cloud.ReadTrainingAsync(id);
        Assert.Equal("failed", (string)failed["status"]!);
        Assert.NotEmpty((string)failed["error"]!);
        Assert.Null(failed["output"]);
        Assert.Equal(seconds, (double)failed["metrics"]!["predict_time"]!);
    }

    [Fact]
    public async Task Weights_AsATar_HoldTheOneFileAmongOthers()
    {
        cloud.World.Faults.Add(FaultKind.ReplicateWeightsTar);
        string id = await cloud.TrainAsync();
        cloud.Pass(Boot + Training);
        using MemoryStream tar = new(await FileAsync(await cloud.ReadTrainingAsync(id)));
        using TarReader reader = new(tar);
        List<string> names = [];
        byte[] file = [];
        while (await reader.GetNextEntryAsync(copyData: true) is { } entry)
        {
            names.Add(entry.Name);
            if (entry.Name.EndsWith(".safetensors", StringComparison.Ordinal))
            {
                using MemoryStream copy = new();
                await entry.DataStream!.CopyToAsync(copy);
                file = copy.ToArray();
            }
        }

        Assert.Equal(3, names.Count);
        using MemoryStream content = new(file);
        Assert.IsType<SafetensorsVerdict.Good>(Safetensors.Check(content, file.Length));
    }

    [Fact]
    public async Task Prediction_OfTheValidationModel_MakesScoredImages()
    {
        JsonObject order = new()
        {
            ["version"] = ReplicateFace.ValidatorVersion,
            ["input"] = new JsonObject { ["lora_weights"] = ReplicateOrders.ImagesLink, ["images"] = 3 },
        };
        using HttpResponseMessage made = await cloud.ReplicateAsync(HttpMethod.Post, "/v1/predictions", order);
        string id = (string)(await TestCloud.JsonAsync(made))["id"]!;
        cloud.Pass(Boot + TimeSpan.FromMinutes(2));
        using HttpResponseMessage answer = await cloud.ReplicateAsync(HttpMethod.Get, $"/v1/predictions/{id}");
        JsonArray images = (await TestCloud.JsonAsync(answer))["output"]!["images"]!.AsArray();
        Assert.Equal(3, images.Count);
        Assert.All(images, image => Assert.InRange((double)image!["score"]!, 0.6, 1));
        using HttpResponseMessage image = await cloud.Http.SendAsync(FileRequest((string)images[0]!["image"]!));
        Assert.Equal("image/jpeg", image.Content.Headers.ContentType!.MediaType);
    }

    [Fact]
    public async Task Restart_WhileTraining_TrainingWentOn()
    {
        string folder = Directory.CreateTempSubdirectory("localcloud-").FullName;
        string path = Path.Combine(folder, "journal.jsonl");
        using FileLocalCloudJournal first = new(path);
        using TestCloud before = new(first);
        string id = await before.TrainAsync();
        first.Dispose();
        before.Pass(Boot + Training);

        using FileLocalCloudJournal second = new(path);
        using TestCloud after = new(second, clock: before.Clock);
        Assert.Equal("succeeded", (string)(await after.ReadTrainingAsync(id))["status"]!);
        second.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static HttpRequestMessage FileRequest(string url)
    {
        HttpRequestMessage request = new(HttpMethod.Get, url);
        request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {TestCloud.Key}");
        return request;
    }

    private async Task<byte[]> FileAsync(JsonObject training)
    {
        using HttpResponseMessage answer = await cloud.Http.SendAsync(FileRequest((string)training["output"]!["weights"]!));
        answer.EnsureSuccessStatusCode();
        return await answer.Content.ReadAsByteArrayAsync();
    }
}
