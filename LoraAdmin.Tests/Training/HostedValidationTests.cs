using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>The validation images of a LoRA that was trained at Replicate: made by its validation model, judged like a pod's.</summary>
public sealed class HostedValidationTests
{
    private readonly TrainingBench bench = HostedBench.WithValidation();

    [Fact]
    [Trait("Requirement", "E5")]
    [Trait("Requirement", "C1")]
    public async Task Images_OfTheModel_AreStoredAndJudgedLikeAPods()
    {
        JobId id = await DivertedAsync();
        await bench.RunToRestAsync(id);

        AssertJudged(id);
        Assert.Single(bench.Predictions(id));
        Assert.All(Images(id), one => Assert.StartsWith("score ", one.Reason, StringComparison.Ordinal));
        foreach (ValidationImage image in Images(id))
        {
            ObjectRef target = ObjectKeys.ValidationImage(TrainingBench.User, bench.Job(id).LoraId, image.Index);
            Assert.Equal(target.Key, image.Key);
            Assert.Equal(Drawn(bench.VendorPredictions[0], image.Index), bench.World.Objects.Find(target));
        }
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Cost_IsReservedWithTheTrainingsAndSettledWithIt()
    {
        JobId id = await DivertedAsync();
        await bench.RunToRestAsync(id);

        Assert.Equal(Usd.FromDollars((7_800 + 1_500) * ReplicateWorld.UsdPerSecond), bench.Reservation(id, 2).Amount);
        Assert.Equal(Usd.FromDollars((720 + 120) * ReplicateWorld.UsdPerSecond), bench.Attempts(id)[1].Cost);
        Assert.Equal(
            CostSplit.Nothing with { Training = Usd.FromDollars(720 * ReplicateWorld.UsdPerSecond), Validation = Usd.FromDollars(120 * ReplicateWorld.UsdPerSecond) },
            bench.Reservation(id, 2).Split);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Cost_OfAPredictionThatCameToNothing_IsWaste()
    {
        bench.Faults.Add(FaultKind.ReplicatePredictionFails);
        JobId id = await DivertedAsync();
        await bench.RunToRestAsync(id);

        HostedTraining[] made = [.. bench.Predictions(id)];
        Assert.Equal([HostedReasons.CameToNothing, HostedReasons.JobEnded], made.Select(one => one.Reason));
        CostSplit split = bench.Reservation(id, 2).Split!;
        Assert.Equal((made[0].CostUntil(bench.Now), made[1].CostUntil(bench.Now), Usd.Zero), (split.Failed, split.Validation, split.Idle));
        Assert.Equal(Assert.Single(bench.Hosted(id)).CostUntil(bench.Now), split.Training);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Training_ThatNobodyCanReadForHours_TakesNoMoreThanWasReserved()
    {
        JobId id = await DivertedAsync();
        await bench.RunUntilAsync(() => bench.VendorTrainings.Count == 1 && bench.Job(id).State == TrainingState.Training, "a training");
        bench.Faults.Add(FaultKind.ReplicateRead500, seconds: 5 * 3_600);
        bench.Faults.Add(FaultKind.ReplicateCancel500, seconds: 5 * 3_600);
        await bench.RunForAsync(TimeSpan.FromHours(4.5));

        Reservation open = bench.Reservation(id, 2);
        Assert.Equal((open.Amount, Usd.Zero), (open.Accrued, open.Beyond));
        Assert.Empty(bench.Facts(id, BudgetEvents.Beyond));

        await bench.RunToRestAsync(id);
        Assert.Equal((Usd.FromDollars(720 * ReplicateWorld.UsdPerSecond), Usd.Zero), (bench.Hosted(id)[0].CostUntil(bench.Now), bench.Reservation(id, 2).Beyond));
        bench.AssertNothingIsLeft();
    }

    [Fact]
    [Trait("Requirement", "E5")]
    public async Task Images_BelowTheThreshold_FailTheLoraAndAreKeptWithTheirReasons()
    {
        JobId id = await InRetrievingAsync();
        bench.Faults.Add(FaultKind.ReplicateValidationFails);
        await bench.RunToRestAsync(id);

        TrainingJob job = bench.Job(id);
        Assert.Equal((TrainingState.Failed, FailureCode.QualityValidationFailed), (job.State, job.Failure!.Code));
        Assert.StartsWith("0 of 3 validation images passed, 2 must.", job.Failure.Detail, StringComparison.Ordinal);
        Assert.Equal("Quality validation failed", bench.Lora(id).ErrorMessage);
        Assert.True(bench.Refunded(id));
        Assert.Equal([0, 1, 2], Images(id).Select(one => one.Index));
        Assert.All(Images(id), one => Assert.Equal((false, false), (one.Passed, one.IsPending)));
        Assert.All(Images(id), one => Assert.Contains("is below 0.60", one.Reason, StringComparison.Ordinal));
        bench.AssertStoredIsTheTrained(id);
        bench.AssertNothingIsLeft();
    }

    [Theory]
    [InlineData(FaultKind.ReplicateCreate500ButCreated)]
    [InlineData(FaultKind.ReplicateCreateHangButCreated)]
    public async Task Create_AnsweredUnclearly_IsFoundInTheListAndPaidOnce(string fault)
    {
        JobId id = await InRetrievingAsync();
        bench.Faults.Add(fault);
        await bench.RunToRestAsync(id);

        AssertJudged(id);
        Assert.Single(bench.Predictions(id));
        Assert.Single(bench.VendorPredictions);
    }

    [Fact]
    public async Task Create_InDoubtWhileTheListIsAway_AsksForNoOther()
    {
        JobId id = await InRetrievingAsync();
        bench.Faults.Add(FaultKind.ReplicateCreateHangButCreated);
        bench.Faults.Add(FaultKind.ReplicateList500, seconds: 300);
        await bench.RunForAsync(TimeSpan.FromMinutes(4));
        Assert.Single(bench.VendorPredictions);
        Assert.Contains("predictions can't be listed", bench.Job(id).WaitReason, StringComparison.Ordinal);

        await bench.RunToRestAsync(id);
        AssertJudged(id);
        Assert.Single(bench.VendorPredictions);
    }

    [Fact]
    public async Task Create_InDoubtPastItsTime_IsGivenUpAndCancelledWhenItIsFound()
    {
        TrainingBench slow = HostedBench.WithValidation(options => options.Validation = TimeSpan.FromHours(2));
        JobId id = await InRetrievingAsync(slow);
        slow.Faults.Add(FaultKind.ReplicateCreateHangButCreated);
        slow.Faults.Add(FaultKind.ReplicateList500, seconds: 1_200);
        await slow.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, slow.Job(id).State);
        Assert.Contains("within 15 minutes", slow.Job(id).NotValidated, StringComparison.Ordinal);
        Assert.Equal(ReplicateStatus.Canceled, Assert.Single(slow.VendorPredictions).Status);
        slow.AssertStoredIsTheTrained(id);
        slow.AssertNothingIsLeft();
    }

    [Fact]
    public async Task Create_Throttled_WaitsAsLongAsTheSentenceSays()
    {
        JobId id = await InRetrievingAsync();
        bench.Faults.Add(FaultKind.ReplicateThrottled, seconds: 40, match: ReplicateFace.WeightsField);
        await bench.RunUntilAsync(() => bench.Predictions(id) is [{ EndedAt: not null }], "a throttled try");
        DateTimeOffset refusedAt = bench.Predictions(id)[0].EndedAt!.Value;
        await bench.RunToRestAsync(id);

        AssertJudged(id);
        Assert.True(Assert.Single(bench.VendorPredictions).CreatedAt >= refusedAt + TimeSpan.FromSeconds(40));
    }

    [Theory]
    [InlineData(FaultKind.ReplicateBalance402, 1, "insufficient credit")]
    [InlineData(FaultKind.ReplicateCreate500, 4, "did not take the prediction")]
    public async Task Create_RefusedForGood_CompletesAndSaysWhyNobodyJudgedIt(string fault, int count, string words)
    {
        JobId id = await InRetrievingAsync();
        bench.Faults.Add(fault, count);
        await bench.RunToRestAsync(id);

        AssertNotValidated(id, words);
        Assert.Empty(bench.VendorPredictions);
    }

    [Fact]
    public async Task Create_Fails_IsNoMatterOfTheBreakerOfTrainings()
    {
        JobId id = await InRetrievingAsync();
        await bench.IsolateFallbackAsync();
        await bench.RunToRestAsync(id);
        AssertJudged(id);
    }

    [Fact]
    public async Task Prediction_Fails_IsMadeOnceMoreAndCostsWhatBothTook()
    {
        JobId id = await InRetrievingAsync();
        bench.Faults.Add(FaultKind.ReplicatePredictionFails);
        await bench.RunToRestAsync(id);

        AssertJudged(id);
        Assert.Equal([ReplicateStatus.Failed, ReplicateStatus.Succeeded], bench.VendorPredictions.Select(one => one.Status));
        Assert.Equal(Usd.FromDollars((720 + 48 + 120) * ReplicateWorld.UsdPerSecond), bench.Attempts(id)[1].Cost);
    }

    [Fact]
    public async Task Prediction_FailsTwice_CompletesAndSaysWhyNobodyJudgedIt()
    {
        JobId id = await InRetrievingAsync();
        bench.Faults.Add(FaultKind.ReplicatePredictionFails, count: 3);
        await bench.RunToRestAsync(id);

        AssertNotValidated(id, "CUDA out of memory");
        Assert.Equal(2, bench.VendorPredictions.Count);
    }

    /// <summary>The tries of its weights are none of an image's.</summary>
    [Fact]
    public async Task Image_ThatComesDamagedTwiceAfterWeightsThatDid_IsFetchedAThirdTime()
    {
        JobId id = await InRetrievingAsync();
        int damaged = 0;
        bench.World.Spool.OnOpen = name => name.EndsWith(".safetensors", StringComparison.Ordinal) && ++damaged <= 2 ? new MemoryStream("no weights"u8.ToArray()) : null;
        bench.Faults.Add(FaultKind.ReplicateImageCorrupt, count: 2);
        await bench.RunToRestAsync(id);

        Assert.True(damaged > 2);
        Assert.Empty(bench.Faults.Pending);
        AssertJudged(id);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Prediction_Lost_IsMadeOnceMoreAndNotATime(int times)
    {
        JobId id = await InRetrievingAsync();
        bench.Faults.Add(FaultKind.ReplicatePredictionLost, count: times);
        await bench.RunToRestAsync(id);

        Assert.Equal(2, bench.VendorPredictions.Count);
        Assert.Equal(times, bench.Predictions(id).Count(one => one.Saw == HostedSaw.Lost));
        IncidentSignal[] told = [.. bench.World.Database.Events.SelectMany(static fact => fact.Signals).Where(static signal => signal.Rule == HostedIncidents.PredictionLost)];
        Assert.Equal([.. Enumerable.Repeat(false, times), true], told.Select(static signal => signal.Over));
        if (times == 1)
        {
            AssertJudged(id);
        }
        else
        {
            AssertNotValidated(id, "does not know prediction");
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public async Task Read_AnsweredByA404WhileTheListHasIt_IsNotLost(int times)
    {
        JobId id = await InRetrievingAsync();
        await bench.RunUntilAsync(() => bench.VendorPredictions.Count == 1, "a prediction");
        bench.Faults.Add(FaultKind.ReplicateRead404, count: times);
        await bench.RunToRestAsync(id);

        AssertJudged(id);
        Assert.Single(bench.VendorPredictions);
    }

    [Fact]
    public async Task Prediction_ThatTakesTooLong_IsCancelledAndTheLoraGoesOnUnjudged()
    {
        TrainingBench slow = HostedBench.WithValidation(options => options.Validation = TimeSpan.FromHours(2));
        JobId id = await InRetrievingAsync(slow);
        DateTimeOffset began = slow.Now;
        await slow.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, slow.Job(id).State);
        Assert.Contains("within 15 minutes", slow.Job(id).NotValidated, StringComparison.Ordinal);
        ReplicateRecord prediction = Assert.Single(slow.VendorPredictions);
        Assert.Equal(ReplicateStatus.Canceled, prediction.Status);
        Assert.InRange(prediction.CompletedAt!.Value - began, TimeSpan.FromMinutes(15), TimeSpan.FromMinutes(16));
        slow.AssertStoredIsTheTrained(id);
        slow.AssertNothingIsLeft();
    }

    [Fact]
    public async Task Prediction_TooLongAndItsCancelUnanswered_IsCancelledLater()
    {
        TrainingBench slow = HostedBench.WithValidation(options => options.Validation = TimeSpan.FromHours(3));
        JobId id = await InRetrievingAsync(slow);
        slow.Faults.Add(FaultKind.ReplicateCancel500, seconds: 3_000);
        await slow.RunToStateAsync(id, TrainingState.Completed);
        Assert.Equal(CleanupWords.Pending, slow.Job(id).CleanupStatus);

        await slow.RunToRestAsync(id);
        Assert.Equal(ReplicateStatus.Canceled, Assert.Single(slow.VendorPredictions).Status);
        slow.AssertNothingIsLeft();
    }

    /// <summary>The portal was away for longer than the images may take: what was made meanwhile is there for an hour.</summary>
    [Fact]
    public async Task Portal_AwayPastTheTime_TakesWhatWasMadeMeanwhile()
    {
        JobId id = await InRetrievingAsync();
        await bench.RunUntilAsync(() => bench.VendorPredictions.Count == 1, "a prediction");
        bench.World.Clock.Advance(TimeSpan.FromMinutes(40));
        await bench.RunToRestAsync(id);

        AssertJudged(id);
    }

    [Fact]
    public async Task Portal_AwayUntilTheDataAreRemoved_CompletesAndSaysWhyNobodyJudgedIt()
    {
        JobId id = await InRetrievingAsync();
        await bench.RunUntilAsync(() => bench.VendorPredictions.Count == 1, "a prediction");
        bench.World.Clock.Advance(TimeSpan.FromHours(2));
        await bench.RunToRestAsync(id);

        AssertNotValidated(id, "has removed what prediction");
        Assert.Single(bench.VendorTrainings);
    }

    [Fact]
    public async Task Weights_RemovedBeforeTheFirstPrediction_CompletesAndSaysWhyNobodyJudgedIt()
    {
        JobId id = await InRetrievingAsync();
        await bench.RunUntilAsync(() => bench.SpoolRows(id).Count == 1, "the weights in the spool");
        bench.World.Clock.Advance(TimeSpan.FromHours(2));
        await bench.RunToRestAsync(id);

        AssertNotValidated(id, "has removed the weights");
        Assert.Empty(bench.VendorPredictions);
    }

    [Theory]
    [InlineData(FaultKind.ReplicateImageCorrupt, 2)]
    [InlineData(FaultKind.ReplicateOutputLate, 3)]
    [InlineData(FaultKind.ReplicateRead500, 5)]
    public async Task Images_ThatDoNotComeAtOnce_AreFetchedAgain(string fault, int count)
    {
        JobId id = await InRetrievingAsync();
        await bench.RunUntilAsync(() => bench.VendorPredictions.Count == 1, "a prediction");
        bench.Faults.Add(fault, count);
        await bench.RunToRestAsync(id);

        AssertJudged(id);
        Assert.Empty(bench.Faults.Pending);
        Assert.Single(bench.VendorPredictions);
    }

    [Fact]
    public async Task Images_ThatAreNoImages_JudgeNothing()
    {
        JobId id = await InRetrievingAsync();
        bench.Faults.Add(FaultKind.ReplicateImageCorrupt, count: 3);
        await bench.RunToRestAsync(id);
        AssertNotValidated(id, "validation image 0 can't be used");
    }

    /// <summary>One that passed decides nothing when two must: whether there would be a second nobody knows.</summary>
    [Fact]
    [Trait("Requirement", "E5")]
    public async Task Images_OfWhichTooFewCome_LeaveTheLoraUnjudgedAndNotFailed()
    {
        JobId id = await InRetrievingAsync();
        await bench.RunUntilAsync(() => Images(id).Length == 1, "the first image");
        bench.Faults.Add(FaultKind.ReplicateImageCorrupt, count: 3);
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.StartsWith("Replicate could not make all validation images", bench.Job(id).NotValidated, StringComparison.Ordinal);
        Assert.Equal((true, false), (Assert.Single(Images(id)).Passed, Images(id)[0].IsPending));
        bench.AssertNothingIsLeft();
    }

    [Fact]
    [Trait("Requirement", "E5")]
    public async Task Images_OfWhichTooFewComeAndNoneCanSaveIt_FailTheLora()
    {
        JobId id = await InRetrievingAsync();
        bench.Faults.Add(FaultKind.ReplicateValidationFails);
        await bench.RunUntilAsync(() => Images(id).Length == 2, "two images");
        bench.Faults.Add(FaultKind.ReplicateImageCorrupt, count: 3);
        await bench.RunToRestAsync(id);

        Assert.Equal(FailureCode.QualityValidationFailed, bench.Job(id).Failure!.Code);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    public async Task Images_WithoutRoomInTheSpool_AreWaitedForAndTheFileGoesOnWithoutThem()
    {
        JobId id = await InRetrievingAsync();
        await bench.RunUntilAsync(() => bench.VendorPredictions.Count == 1, "a prediction");
        bench.Faults.Add(FaultKind.SpoolFull, seconds: 7_200, match: ".validation-");
        await bench.RunToRestAsync(id);
        AssertNotValidated(id, "has no room in the spool");
    }

    [Fact]
    [Trait("Requirement", "E3")]
    public async Task Upload_FailsAfterItsRetries_TheFileIsJudgedLaterWithoutTheProvider()
    {
        JobId id = await DivertedAsync();
        await bench.RunToStateAsync(id, TrainingState.Uploading);
        bench.Faults.Add(FaultKind.StorePutFails, count: 4, match: "lora-models/");
        await bench.RunToStateAsync(id, TrainingState.Failed);
        Assert.Equal(FailureCode.UploadFailed, bench.Job(id).Failure!.Code);

        await bench.RunForAsync(TimeSpan.FromHours(2));
        AssertJudged(id);
        Assert.Single(bench.VendorPredictions);
    }

    [Fact]
    public async Task Model_TakenOutOfTheConfiguration_LetsItsPredictionGo()
    {
        JobId id = await InRetrievingAsync();
        await bench.RunUntilAsync(() => bench.VendorPredictions.Count == 1, "a prediction");
        bench.World.Hosted = bench.World.Hosted with { Validation = null };
        await bench.RunToRestAsync(id);

        AssertNotValidated(id, "asked for any more");
        Assert.Equal(ReplicateStatus.Canceled, bench.VendorPredictions[0].Status);
    }

    [Fact]
    public async Task Webhook_OfOurPrediction_HasItReadAtOnce()
    {
        JobId id = await InRetrievingAsync();
        await bench.RunUntilAsync(() => bench.Predictions(id) is [{ TrainingId: not null }], "a prediction");
        await bench.RunForAsync(TimeSpan.FromSeconds(20));
        bench.World.Clock.Advance(TimeSpan.FromSeconds(1));
        DateTimeOffset before = bench.Job(id).DueAt;

        Assert.True(await bench.Portal.Hints.NoteAsync(bench.VendorPredictions[0].Id, TrainingBench.Token));
        Assert.True(bench.Job(id).DueAt < before);
    }

    [Fact]
    public async Task Portal_StartedAnew_GoesOnWithThePredictionThatIsThere()
    {
        JobId id = await InRetrievingAsync();
        await bench.RunUntilAsync(() => bench.VendorPredictions.Count == 1, "a prediction");
        bench.Restart();
        await bench.RunToRestAsync(id);
        AssertJudged(id);
        Assert.Single(bench.VendorPredictions);
    }

    [Fact]
    public async Task Images_NoneAskedFor_AreNotMade()
    {
        bench.Rules(rules => rules with { ValidationImages = 0, ValidationMustPass = 0 });
        JobId id = await DivertedAsync();
        await bench.RunToRestAsync(id);

        Assert.Equal((TrainingState.Completed, null), (bench.Job(id).State, bench.Job(id).NotValidated));
        Assert.Empty(bench.VendorPredictions);
    }

    private void AssertJudged(JobId id)
    {
        Assert.Equal((TrainingState.Completed, null), (bench.Job(id).State, bench.Job(id).NotValidated));
        Assert.Equal([0, 1, 2], Images(id).Select(one => one.Index));
        Assert.All(Images(id), one => Assert.Equal((true, false), (one.Passed, one.IsPending)));
        bench.AssertStoredIsTheTrained(id);
        bench.AssertNothingIsLeft();
    }

    /// <summary>The file is proven and stored all the same.</summary>
    private void AssertNotValidated(JobId id, string words)
    {
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.StartsWith("Replicate could not make the validation images, so nobody judged the LoRA: ", bench.Job(id).NotValidated, StringComparison.Ordinal);
        Assert.Contains(words, bench.Job(id).NotValidated, StringComparison.Ordinal);
        Assert.Empty(Images(id));
        bench.AssertStoredIsTheTrained(id);
        bench.AssertNothingIsLeft();
    }

    private ValidationImage[] Images(JobId id) => [.. bench.World.Database.ValidationImages.Find(bench.Job(id).LoraId)?.Items.OrderBy(one => one.Index) ?? Enumerable.Empty<ValidationImage>()];

    private static byte[] Drawn(ReplicateRecord prediction, int index) =>
        ValidationPictures.Draw(ArtifactLayout.SeedOf(1, prediction.Id), index, 8);

    private async Task<JobId> DivertedAsync(TrainingBench? on = null)
    {
        on ??= bench;
        await on.IsolateAsync();
        return await on.SubmitAsync();
    }

    /// <summary>Its training is over, and no prediction is asked for yet.</summary>
    private async Task<JobId> InRetrievingAsync(TrainingBench? on = null)
    {
        JobId id = await DivertedAsync(on);
        await (on ?? bench).RunToStateAsync(id, TrainingState.Retrieving);
        return id;
    }
}
