using System.Globalization;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation;
using LoraAdmin.Training;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>How a training ends badly before its file is fetched: bad images, deadline, failure, bad scores.</summary>
public sealed class ConductorTrainingTests
{
    [Fact]
    [Trait("Requirement", "E2")]
    public async Task TrainingImage_IsCorrupt_IsReadThreeTimesMoreThenFailsBeforeAnyPodIsAskedFor()
    {
        using SkiaImageInspector inspector = new();
        TrainingBench bench = new(inspector: inspector);
        JobId id = await bench.SubmitAsync(bench.Request(images: 1, content: SampleImages.Truncated(SampleImages.Jpeg())));
        await bench.RunToStateAsync(id, TrainingState.Failed);

        Assert.Equal([2.0, 4.0, 8.0], Waits([.. bench.Store.Opens.Select(open => open.At)]));
        Assert.Equal("invalid_training_images", bench.Job(id).Failure!.Rule.Code);
        Assert.Equal("Invalid training images", bench.Job(id).Failure!.Rule.Message);
        Assert.Equal("Invalid training images", bench.Lora(id).ErrorMessage);
        Assert.StartsWith("image 1: ", bench.Job(id).Failure!.Detail, StringComparison.Ordinal);
        Assert.True(bench.Refunded(id));
        Assert.Empty(bench.Pods(id));
        Assert.Empty(bench.VendorPods);
        Assert.Equal(3, bench.Facts(id, TrainingEvents.StepFailed).Count);
        await bench.RunToRestAsync(id);
        Assert.Equal((Usd.Zero, Usd.Zero), (bench.Month.Reserved, bench.Month.Spent));
    }

    [Fact]
    [Trait("Requirement", "E2")]
    public async Task TrainingImage_IsWholeAtTheThirdReading_TheJobGoesOn()
    {
        TrainingBench bench = new();
        TrainingRequest request = bench.Request(images: 1, content: []);
        JobId id = await bench.SubmitAsync(request);
        await bench.RunUntilAsync(() => bench.Store.Opens.Count == 2, "two readings");
        bench.World.Objects.Set(new Domain.Storage.ObjectRef(Domain.Storage.Buckets.TrainingImages, request.ImageKeys[0]), [1, 2, 3], "image/jpeg");
        await bench.RunToStateAsync(id, TrainingState.Completed);

        Assert.Equal(2, bench.Facts(id, TrainingEvents.StepFailed).Count);
    }

    [Fact]
    [Trait("Requirement", "E6")]
    [Trait("Requirement", "M1")]
    public async Task Training_RunsPastItsLimit_FailsWithRefundAndItsPodIsEnded()
    {
        TrainingBench bench = new(cloud => cloud.Training = TimeSpan.FromHours(5));
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);

        TrainingJob job = bench.Job(id);
        Assert.InRange(bench.Now - job.StartedAt!.Value, TimeSpan.FromHours(2), TimeSpan.FromHours(2) + TimeSpan.FromSeconds(30));
        Assert.Equal(("training_timeout", "Training timeout"), (job.Failure!.Rule.Code, job.Failure.Rule.Message));
        Assert.Equal("Training timeout", bench.Lora(id).ErrorMessage);
        Assert.True(bench.Refunded(id));
        OperationalEvent alert = Assert.Single(bench.Facts(id, TrainingEvents.OverTime));
        Assert.Equal($"LoRA training job {id} has been running for >2 hours", alert.Message);
        IncidentSignal signal = Assert.Single(alert.Signals);
        Assert.Equal((TrainingIncidents.OverTime, id.ToString(), false), (signal.Rule, signal.Subject, signal.Over));

        await bench.RunToRestAsync(id);
        Assert.Equal(FileProof.AgentHasNone, Assert.Single(bench.Pods(id)).Proof);
        Assert.Equal(PodStatus.Terminated, Assert.Single(bench.VendorPods).Status);
        Assert.Contains(bench.Facts(id, TrainingEvents.Settled).Single().Signals, over => over is { Rule: TrainingIncidents.OverTime, Over: true });
    }

    [Fact]
    [Trait("Requirement", "E6")]
    public async Task Training_EndedWhileNobodyLooked_TheAgentIsReadBeforeTheCancelAndTheFileIsTaken()
    {
        TrainingBench bench = new(cloud => cloud.Training = TimeSpan.FromMinutes(115));
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Figures is not null, "a first figure");

        // The portal was down over the end of the training and beyond the limit.
        bench.World.Clock.Advance(TimeSpan.FromHours(2) + TimeSpan.FromMinutes(3));
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.False(bench.Refunded(id));
        Assert.Empty(bench.Facts(id, TrainingEvents.OverTime));
        Assert.Single(bench.VendorPods);
    }

    [Fact]
    [Trait("Requirement", "M1")]
    public async Task Training_RanPastItsLimitWhileNobodyLookedAndTheAgentStaysSilent_IsTold()
    {
        TrainingBench bench = new(cloud => cloud.Training = TimeSpan.FromMinutes(100));
        bench.Rules(rules => rules with { MaxDuration = TimeSpan.FromMinutes(90) });
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Figures is { Step: > 10 }, "a training that moves");
        bench.World.Clock.Advance(TimeSpan.FromHours(2));
        bench.Faults.Add(FaultKind.AgentUnreachable, seconds: 86_400);
        DateTimeOffset back = bench.Now;

        await bench.RunUntilAsync(() => bench.Facts(id, TrainingEvents.OverTime).Count > 0, "the alert");
        Assert.InRange(bench.Now - back, TimeSpan.Zero, TimeSpan.FromMinutes(12));
        await bench.RunForAsync(TimeSpan.FromMinutes(15));

        Assert.Equal($"LoRA training job {id} has been running for >1.5 hours", Assert.Single(bench.Facts(id, TrainingEvents.OverTime)).Message);
    }

    [Fact]
    [Trait("Requirement", "E6")]
    [Trait("Requirement", "M1")]
    public async Task Training_RunsPastItsLimitAndTheAgentIsSilent_FailsAndHoldsThePodForItsFile()
    {
        TrainingBench bench = new(cloud => cloud.Training = TimeSpan.FromMinutes(100));
        bench.Rules(rules => rules with { MaxDuration = TimeSpan.FromMinutes(90) });
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Figures is { Step: > 10 }, "a training that moves");
        bench.Faults.Add(FaultKind.AgentUnreachable, seconds: 86_400);
        await bench.RunUntilAsync(() => bench.Facts(id, TrainingEvents.OverTime).Count > 0, "the alert");
        Assert.InRange(bench.Now - bench.Job(id).StartedAt!.Value, TimeSpan.FromMinutes(90), TimeSpan.FromMinutes(91));
        Assert.Equal(TrainingState.Training, bench.Job(id).State);
        await bench.RunToStateAsync(id, TrainingState.Failed);

        // Deadline and the time to retrieve: a file may have been finished behind the silence.
        Assert.InRange(bench.Now - bench.Job(id).StartedAt!.Value, TimeSpan.FromHours(2), TimeSpan.FromHours(2) + TimeSpan.FromSeconds(30));
        Assert.Equal(FailureCode.TrainingTimeout, bench.Job(id).Failure!.Code);
        Assert.All(
            bench.Facts(id, TrainingEvents.OverTime), alert => Assert.Equal($"LoRA training job {id} has been running for >1.5 hours", alert.Message));
        Assert.Equal((PodWant.Held, FileProof.None), (bench.Pods(id)[0].Want, bench.Pods(id)[0].Proof));
        Assert.True(bench.Refunded(id));
    }

    [Fact]
    public async Task Training_Fails_FailsWithTheAgentsWordsAndRefund()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.TrainingFails);
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);

        TrainingJob job = bench.Job(id);
        Assert.Equal((TrainingState.Failed, "training_failed", "Training failed"), (job.State, job.Failure!.Rule.Code, job.Failure.Rule.Message));
        Assert.Equal(Assert.Single(bench.VendorPods).Agent.Error, job.Failure.Detail);
        Assert.Equal(job.Failure.Detail, Assert.Single(bench.Facts(id, TrainingEvents.Failed)).Error!.ProviderWords);
        Assert.True(bench.Refunded(id));
        Assert.Equal(FileProof.AgentHasNone, Assert.Single(bench.Pods(id)).Proof);
        Assert.True(job.Cost > Usd.Zero);
    }

    [Fact]
    [Trait("Requirement", "E5")]
    public async Task Scores_AreTooLow_FailWithAVerdictAndReasonPerImageAndRefund()
    {
        TrainingBench bench = new();
        bench.Rules(rules => rules with { ValidationMinimumScore = 0.995 });
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);

        TrainingJob job = bench.Job(id);
        Assert.Equal(
            (TrainingState.Failed, "quality_validation_failed", "Quality validation failed"),
            (job.State, job.Failure!.Rule.Code, job.Failure.Rule.Message));
        Assert.Equal("Quality validation failed", bench.Lora(id).ErrorMessage);
        Assert.True(bench.Refunded(id));
        IReadOnlyList<ValidationImage> images = bench.World.Database.ValidationImages.Find(job.LoraId)!.Items;
        Assert.Equal(3, images.Count);
        Assert.All(images, image =>
        {
            Assert.False(image.Passed);
            Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"score {image.Score:0.00} is below 1.00"), image.Reason);
            Assert.NotNull(bench.World.Objects.Find(new Domain.Storage.ObjectRef(Domain.Storage.Buckets.ValidationImages, image.Key)));
            Assert.Contains($"Image {image.Index}: {image.Reason}", job.Failure.Detail, StringComparison.Ordinal);
        });
        Assert.StartsWith("0 of 3 validation images passed, 2 must.", job.Failure.Detail, StringComparison.Ordinal);
        Assert.NotNull(bench.StoredFile(id));
    }

    [Fact]
    [Trait("Requirement", "E5")]
    public async Task Scores_TwoOfThreeReachTheThreshold_TheJobCompletesAndTheThirdKeepsItsReason()
    {
        TrainingBench sample = new();
        JobId seen = await sample.SubmitAsync();
        await sample.RunToStateAsync(seen, TrainingState.Completed);
        double[] scores = [.. sample.World.Database.ValidationImages.Find(sample.Job(seen).LoraId)!.Items.Select(image => image.Score).Order()];

        TrainingBench bench = new();
        bench.Rules(rules => rules with { ValidationMinimumScore = scores[1] });
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).State.IsFinal(), "a final job");

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        ValidationImage failed = Assert.Single(
            bench.World.Database.ValidationImages.Find(bench.Job(id).LoraId)!.Items, image => image.Passed == false);
        Assert.Equal(scores[0], failed.Score);
        Assert.Contains("is below", failed.Reason, StringComparison.Ordinal);
    }

    private static IEnumerable<double> Waits(IReadOnlyList<DateTimeOffset> instants) =>
        instants.Zip(instants.Skip(1), (earlier, later) => (later - earlier).TotalSeconds);
}
