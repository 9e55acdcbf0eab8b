using System.Text.Json.Nodes;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Platform.Vendors;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.LocalCloud;
using LoraAdmin.Tests.Simulation.Memory;
using LoraAdmin.Training;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>Faults of Replicate, as our client tells them, beside what is true.</summary>
public sealed class VendorFaultReplicateTests : IDisposable
{
    private const string Name = "lora-5eed0001-0123456789abcdef0123456789abcdef-2-1";
    private static readonly TimeSpan Whole = TimeSpan.FromMinutes(15);

    private readonly TestCloud cloud = new();
    private readonly HttpClient http;
    private readonly ReplicateClient client;
    private readonly ReplicatePredictions predictions;

    public VendorFaultReplicateTests()
    {
        http = new HttpClient(new LocalCloudHandler(cloud.Face)) { Timeout = Timeout.InfiniteTimeSpan };
        ReplicateOptions options = new()
        {
            BaseUrl = $"{LocalCloudHandler.Base}/replicate/v1",
            ApiToken = TestCloud.Key,
            Model = ReplicateFace.Trainer,
            Version = ReplicateFace.TrainerVersion,
            Destination = ReplicateFace.Destination,
            ValidationModel = $"{ReplicateFace.Validator}:{ReplicateFace.ValidatorVersion}",
        };
        client = new ReplicateClient(
            http,
            Options.Create(options),
            new OpenGate(),
            WebhookOf,
            cloud.Clock,
            NullLogger<ReplicateClient>.Instance);
        predictions = new ReplicatePredictions(client, Options.Create(options), WebhookOf);
    }

    [Theory]
    [Trait("Fault", FaultKind.ReplicateUnauth401)]
    [Trait("Fault", FaultKind.ReplicateBalance402)]
    [Trait("Fault", FaultKind.ReplicateThrottled)]
    [InlineData(FaultKind.ReplicateUnauth401, ProviderFailure.Unauthorized)]
    [InlineData(FaultKind.ReplicateBalance402, ProviderFailure.InsufficientBalance)]
    [InlineData(FaultKind.ReplicateThrottled, ProviderFailure.RateLimited)]
    public async Task Refusal_OnCreate_IsRefusedAndNoTraining(string kind, ProviderFailure failure)
    {
        cloud.World.Faults.Add(kind, seconds: kind == FaultKind.ReplicateThrottled ? 7 : null);
        ProviderError error = Assert.IsType<HostedCreation.Refused>(await CreateAsync()).Error;
        Assert.Equal(failure, error.Failure);
        Assert.Equal(kind == FaultKind.ReplicateThrottled ? TimeSpan.FromSeconds(7) : null, error.RetryAfter);
        Assert.Empty(cloud.World.Replicate.Records);
    }

    [Theory]
    [Trait("Fault", FaultKind.ReplicateCreate500)]
    [Trait("Fault", FaultKind.ReplicateCreate500ButCreated)]
    [Trait("Fault", FaultKind.ReplicateCreateHangButCreated)]
    [InlineData(FaultKind.ReplicateCreate500, 0)]
    [InlineData(FaultKind.ReplicateCreate500ButCreated, 1)]
    [InlineData(FaultKind.ReplicateCreateHangButCreated, 1)]
    public async Task Create_AnsweredUnclearly_IsInDoubtAndTheListSaysWhatIsThere(string kind, int made)
    {
        cloud.World.Faults.Add(kind);
        Assert.IsType<HostedCreation.InDoubt>(await CreateAsync());
        Assert.Equal(Enumerable.Repeat<string?>(Name, made), (await ListedAsync()).Select(one => one.Name));
    }

    [Fact]
    [Trait("Fault", FaultKind.ReplicateCreateHangThenLate)]
    public async Task CreateHangThenLate_Always_IsInDoubtAndTheTrainingAppearsOnlyLater()
    {
        cloud.World.Faults.Add(FaultKind.ReplicateCreateHangThenLate, seconds: 300);
        Assert.IsType<HostedCreation.InDoubt>(await CreateAsync());
        cloud.Pass(TimeSpan.FromSeconds(299));
        Assert.Empty(await ListedAsync());
        cloud.Pass(TimeSpan.FromSeconds(1));
        HostedView late = Assert.Single(await ListedAsync());
        Assert.Equal((Name, HostedStatus.Starting, cloud.Clock.GetUtcNow()), (late.Name, late.Status, late.CreatedAt));
        cloud.Pass(Whole);
        Assert.Equal(HostedStatus.Succeeded, (await ReadAsync(late.Id)).Status);
    }

    [Theory]
    [Trait("Fault", FaultKind.ReplicateRead500)]
    [Trait("Fault", FaultKind.ReplicateCancel500)]
    [InlineData(FaultKind.ReplicateRead500)]
    [InlineData(FaultKind.ReplicateCancel500)]
    public async Task ReadOrCancel_Fails_IsUnavailableAndTheTrainingGoesOn(string kind)
    {
        string id = await CreatedAsync();
        cloud.World.Faults.Add(kind);
        Assert.IsType<HostedReading.Unavailable>(
            kind == FaultKind.ReplicateRead500 ? await client.GetAsync(id, CancellationToken.None) : await client.CancelAsync(id, CancellationToken.None));
        cloud.Pass(Whole);
        Assert.Equal(HostedStatus.Succeeded, (await ReadAsync(id)).Status);
    }

    [Fact]
    [Trait("Fault", FaultKind.ReplicateCancelIgnored)]
    public async Task Cancel_TakenAndIgnored_ShowsTheTrainingAsItIsAndItGoesOn()
    {
        string id = await CreatedAsync();
        cloud.World.Faults.Add(FaultKind.ReplicateCancelIgnored, count: 2);
        Assert.Equal(HostedStatus.Starting, Assert.IsType<HostedReading.Found>(await client.CancelAsync(id, CancellationToken.None)).Training.Status);
        cloud.Pass(Whole / 2);
        Assert.Equal(HostedStatus.Processing, Assert.IsType<HostedReading.Found>(await client.CancelAsync(id, CancellationToken.None)).Training.Status);
        Assert.Equal(2, Assert.Single(cloud.World.Replicate.Records).CancelRequests);
        cloud.Pass(Whole);
        Assert.Equal(HostedStatus.Succeeded, (await ReadAsync(id)).Status);
    }

    [Fact]
    [Trait("Fault", FaultKind.ReplicateRead404)]
    public async Task ReadOrCancel_AnsweredByA404_IsNotFoundAndTheTrainingGoesOn()
    {
        string id = await CreatedAsync();
        cloud.World.Faults.Add(FaultKind.ReplicateRead404, count: 2);
        Assert.IsType<HostedReading.NotFound>(await client.GetAsync(id, CancellationToken.None));
        Assert.IsType<HostedReading.NotFound>(await client.CancelAsync(id, CancellationToken.None));
        Assert.Equal(id, Assert.Single(await ListedAsync()).Id);
        cloud.Pass(Whole);
        Assert.Equal(HostedStatus.Succeeded, (await ReadAsync(id)).Status);
    }

    [Fact]
    [Trait("Fault", FaultKind.ReplicateList500)]
    public async Task List_Fails_IsUnavailableAndNotEmpty()
    {
        await CreatedAsync();
        cloud.World.Faults.Add(FaultKind.ReplicateList500);
        Assert.IsType<HostedListing.Unavailable>(await client.ListAsync(cloud.Clock.GetUtcNow() - Whole, CancellationToken.None));
        Assert.Single(await ListedAsync());
    }

    [Fact]
    [Trait("Fault", FaultKind.ReplicateTrainingLost)]
    public async Task Lost_AfterHalfAnHour_IsNotFoundAndInNoList()
    {
        cloud.World.Faults.Add(FaultKind.ReplicateTrainingLost);
        string id = await CreatedAsync();
        cloud.Pass(TimeSpan.FromSeconds(1799));
        Assert.Equal(HostedStatus.Starting, (await ReadAsync(id)).Status);
        cloud.Pass(TimeSpan.FromSeconds(1));
        Assert.IsType<HostedReading.NotFound>(await client.GetAsync(id, CancellationToken.None));
        Assert.Empty(await ListedAsync());
    }

    [Theory]
    [Trait("Fault", FaultKind.ReplicateTrainingFails)]
    [Trait("Fault", FaultKind.ReplicateFailsAfterSuccess)]
    [InlineData(FaultKind.ReplicateTrainingFails, 0.4)]
    [InlineData(FaultKind.ReplicateFailsAfterSuccess, 1)]
    public async Task Training_ThatFails_SaysWhyAndHowLongItWorked(string kind, double share)
    {
        cloud.World.Faults.Add(kind);
        string id = await CreatedAsync();
        cloud.Pass(Whole);
        HostedView failed = await ReadAsync(id);
        Assert.Equal((HostedStatus.Failed, cloud.Options.Training * share, null), (failed.Status, failed.Worked, failed.WeightsLink));
        Assert.NotEmpty(failed.Error!);
    }

    [Fact]
    [Trait("Fault", FaultKind.ReplicateNoMetrics)]
    public async Task Metrics_ThatNeverCome_LeaveTheInstantsOfStartAndEnd()
    {
        cloud.World.Faults.Add(FaultKind.ReplicateNoMetrics);
        string id = await CreatedAsync();
        cloud.Pass(Whole);
        HostedView over = await ReadAsync(id);
        Assert.Equal((HostedStatus.Succeeded, null, cloud.Options.Training), (over.Status, over.Worked, over.CompletedAt - over.StartedAt));
    }

    [Fact]
    [Trait("Fault", FaultKind.ReplicateOutputLate)]
    public async Task Output_ThatIsLate_IsNotRemoved()
    {
        cloud.World.Faults.Add(FaultKind.ReplicateOutputLate);
        string id = await CreatedAsync();
        cloud.Pass(Whole);
        HostedView late = await ReadAsync(id);
        Assert.Equal((HostedStatus.Succeeded, null, false), (late.Status, late.WeightsLink, late.IsRemoved));
        Assert.NotNull((await ReadAsync(id)).WeightsLink);
        cloud.Pass(ReplicateWorld.DataKeptFor);
        HostedView removed = await ReadAsync(id);
        Assert.Equal((HostedStatus.Succeeded, null, true), (removed.Status, removed.WeightsLink, removed.IsRemoved));
    }

    [Fact]
    [Trait("Fault", FaultKind.ReplicateRemovalUntold)]
    public async Task Removal_ThatIsNotTold_ShowsALinkThatIsGone()
    {
        cloud.World.Faults.Add(FaultKind.ReplicateRemovalUntold);
        string id = await CreatedAsync();
        cloud.Pass(Whole + ReplicateWorld.DataKeptFor);
        HostedView shown = await ReadAsync(id);
        Assert.Equal((HostedStatus.Succeeded, false), (shown.Status, shown.IsRemoved));
        Assert.IsType<WeightsOpening.Gone>(await client.OpenWeightsAsync(shown.WeightsLink!, CancellationToken.None));
        Assert.True((await ReadAsync(id)).IsRemoved);
    }

    [Fact]
    [Trait("Fault", FaultKind.ReplicateWeights403)]
    public async Task Weights_ThatAreForbidden_AreNotGone()
    {
        cloud.World.Faults.Add(FaultKind.ReplicateWeights403);
        string id = await CreatedAsync();
        cloud.Pass(Whole);
        Assert.IsType<WeightsOpening.Unavailable>(await client.OpenWeightsAsync((await ReadAsync(id)).WeightsLink!, CancellationToken.None));
    }

    [Theory]
    [Trait("Fault", FaultKind.ReplicateWeightsTar)]
    [Trait("Fault", FaultKind.ReplicateWeightsTruncated)]
    [InlineData(FaultKind.ReplicateWeightsTar, typeof(WeightsOutcome.Taken))]
    [InlineData(FaultKind.ReplicateWeightsTruncated, typeof(WeightsOutcome.Stalled))]
    public async Task Weights_InAnotherForm_AreTakenWholeOrNotAtAll(string kind, Type outcome)
    {
        cloud.World.Faults.Add(kind);
        string id = await CreatedAsync();
        cloud.Pass(Whole);
        WeightsOpening.Found found = Assert.IsType<WeightsOpening.Found>(await client.OpenWeightsAsync((await ReadAsync(id)).WeightsLink!, CancellationToken.None));
        await using Stream content = found.Content;
        Assert.Equal(kind == FaultKind.ReplicateWeightsTar, found.LengthBytes > cloud.Options.ArtifactBytes);
        Assert.IsType(outcome, await new WeightsReader(new MemorySpool("disk-1"), 1_000_000).TakeAsync(content, "x-1.safetensors", CancellationToken.None));
    }

    [Theory]
    [Trait("Fault", FaultKind.ReplicateWebhookTwice)]
    [Trait("Fault", FaultKind.ReplicateWebhookOutOfOrder)]
    [Trait("Fault", FaultKind.ReplicateWebhookLost)]
    [InlineData(FaultKind.ReplicateWebhookTwice, "processing succeeded succeeded")]
    [InlineData(FaultKind.ReplicateWebhookOutOfOrder, "succeeded processing")]
    [InlineData(FaultKind.ReplicateWebhookLost, "succeeded")]
    public async Task Webhooks_HoweverTheyCome_AReadTellsTheTruth(string kind, string told)
    {
        cloud.World.Faults.Add(kind);
        string id = await CreatedAsync();
        cloud.Pass(Whole);
        List<string> heard = [];
        while (cloud.Face.TakeReplicateEvent() is { } one)
        {
            using HttpRequestMessage request = ReplicateWebhooks.RequestOf(one, TestCloud.Keys, cloud.Clock.GetUtcNow());
            Assert.Equal(
                WebhookCheck.Valid,
                WebhookSignature.Check(
                    (await client.ReadWebhookSecretAsync(CancellationToken.None)).Secret!,
                    Header(request, WebhookSignature.IdHeader),
                    Header(request, WebhookSignature.TimestampHeader),
                    Header(request, WebhookSignature.SignatureHeader),
                    one.Body,
                    cloud.Clock.GetUtcNow()));
            heard.Add((string)JsonNode.Parse(one.Body)!["status"]!);
        }

        Assert.Equal(told, string.Join(' ', heard));
        Assert.Equal(HostedStatus.Succeeded, (await ReadAsync(id)).Status);
    }

    [Fact]
    [Trait("Fault", FaultKind.ReplicateValidationFails)]
    public async Task ValidationFails_OfTheNextPrediction_AllItsScoresAreLow()
    {
        cloud.World.Faults.Add(FaultKind.ReplicateValidationFails);
        HostedView made = await PredictedAsync(await PredictAsync());
        Assert.Equal(3, made.Pictures!.Count);
        Assert.All(made.Pictures, static one => Assert.True(one.Score < 0.6));
    }

    [Fact]
    [Trait("Fault", FaultKind.ReplicatePredictionFails)]
    public async Task Prediction_ThatFails_SaysWhyAndHowLongItWorked()
    {
        cloud.World.Faults.Add(FaultKind.ReplicatePredictionFails);
        HostedView failed = await PredictedAsync(await PredictAsync());
        Assert.Equal((HostedStatus.Failed, cloud.Options.Validation * 0.4, false), (failed.Status, failed.Worked, failed.HasOutput));
        Assert.NotEmpty(failed.Error!);
    }

    [Fact]
    [Trait("Fault", FaultKind.ReplicatePredictionLost)]
    public async Task Prediction_Lost_IsNotFoundAndInNoList()
    {
        cloud.World.Faults.Add(FaultKind.ReplicatePredictionLost);
        string id = await PredictAsync();
        Assert.Equal(Name, Assert.Single(await PredictionsAsync()).Name);
        cloud.Pass(TimeSpan.FromSeconds(60));
        Assert.IsType<HostedReading.NotFound>(await predictions.GetAsync(id, CancellationToken.None));
        Assert.Empty(await PredictionsAsync());
    }

    [Fact]
    [Trait("Fault", FaultKind.ReplicateImageCorrupt)]
    public async Task Image_Corrupt_IsNoImageOnceAndOneTheNextTime()
    {
        HostedPicture picture = (await PredictedAsync(await PredictAsync())).Pictures![0];
        cloud.World.Faults.Add(FaultKind.ReplicateImageCorrupt);
        using SkiaImageInspector inspector = new();
        Assert.IsType<ImageVerdict.Bad>(await InspectAsync(picture, inspector));
        Assert.Equal("jpeg", Assert.IsType<ImageVerdict.Good>(await InspectAsync(picture, inspector)).Format);
    }

    [Fact]
    public async Task Prediction_ListedApartFromTrainings_IsCancelledAndItsDataAreRemoved()
    {
        string training = await CreatedAsync();
        string id = await PredictAsync();
        Assert.Equal([id], (await PredictionsAsync()).Select(one => one.Id));
        Assert.Equal([training], (await ListedAsync()).Select(one => one.Id));
        Assert.Equal(
            HostedStatus.Canceled, Assert.IsType<HostedReading.Found>(await predictions.CancelAsync(id, CancellationToken.None)).Training.Status);

        string other = await PredictAsync();
        HostedPicture picture = (await PredictedAsync(other)).Pictures![0];
        cloud.Pass(ReplicateWorld.DataKeptFor);
        HostedView removed = Assert.IsType<HostedReading.Found>(await predictions.GetAsync(other, CancellationToken.None)).Training;
        Assert.Equal((true, false, null), (removed.IsRemoved, removed.HasOutput, removed.Pictures));
        Assert.IsType<PictureReading.Unavailable>(await predictions.ReadPictureAsync(picture.Link, 1_000_000, CancellationToken.None));
    }

    [Theory]
    [InlineData("https://lora.example.org/nothing", "Failed to download lora_weights")]
    [InlineData("/replicate/files/unknown/lora.safetensors", "Failed to download lora_weights")]
    [InlineData("nothing", "Prediction input failed validation")]
    public async Task Prediction_OfWeightsThatAreNotThere_FailsAMomentLater(string link, string error)
    {
        string id = await PredictAsync(link.StartsWith('/') ? $"{LocalCloudHandler.Base.ToString().TrimEnd('/')}{link}" : link);
        HostedView failed = await PredictedAsync(id);
        Assert.Equal((HostedStatus.Failed, TimeSpan.Zero), (failed.Status, failed.Worked));
        Assert.StartsWith(error, failed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Prediction_OfWhatATrainingMade_MakesItsImages()
    {
        string training = await CreatedAsync();
        cloud.Pass(Whole);
        HostedView made = await PredictedAsync(await PredictAsync((await ReadAsync(training)).WeightsLink!));
        Assert.Equal((HostedStatus.Succeeded, 3, cloud.Options.Validation), (made.Status, made.Pictures!.Count, made.Worked));
    }

    public void Dispose()
    {
        http.Dispose();
        cloud.Dispose();
    }

    private static string WebhookOf(string name) => $"https://lora.example.org/webhooks/replicate?name={name}";

    private static string Header(HttpRequestMessage request, string name) => string.Join(' ', request.Headers.GetValues(name));

    private Task<HostedCreation> CreateAsync() => client.CreateAsync(new HostedOrder(Name, ReplicateOrders.ImagesLink), CancellationToken.None);

    private async Task<string> CreatedAsync() => Assert.IsType<HostedCreation.Created>(await CreateAsync()).Training.Id;

    private async Task<string> PredictAsync(string weights = ReplicateOrders.ImagesLink) =>
        Assert.IsType<HostedCreation.Created>(await predictions.CreateAsync(new HostedPredictionOrder(Name, weights, 3), CancellationToken.None)).Training.Id;

    /// <summary>The prediction when it is over.</summary>
    private async Task<HostedView> PredictedAsync(string id)
    {
        cloud.Pass(Whole);
        return Assert.IsType<HostedReading.Found>(await predictions.GetAsync(id, CancellationToken.None)).Training;
    }

    private async Task<IReadOnlyList<HostedView>> PredictionsAsync() => Assert.IsType<HostedListing.Complete>(
        await predictions.ListAsync(cloud.Clock.GetUtcNow() - TimeSpan.FromHours(1), CancellationToken.None)).Trainings;

    private async Task<ImageVerdict> InspectAsync(HostedPicture picture, SkiaImageInspector inspector)
    {
        byte[] bytes = Assert.IsType<PictureReading.Found>(await predictions.ReadPictureAsync(picture.Link, 1_000_000, CancellationToken.None)).Bytes;
        using MemoryStream content = new(bytes);
        return await inspector.InspectAsync(content, 1_000_000, 1_000_000, CancellationToken.None);
    }

    private async Task<HostedView> ReadAsync(string id) =>
        Assert.IsType<HostedReading.Found>(await client.GetAsync(id, CancellationToken.None)).Training;

    private async Task<IReadOnlyList<HostedView>> ListedAsync() =>
        Assert.IsType<HostedListing.Complete>(await client.ListAsync(cloud.Clock.GetUtcNow() - TimeSpan.FromHours(1), CancellationToken.None)).Trainings;
}
