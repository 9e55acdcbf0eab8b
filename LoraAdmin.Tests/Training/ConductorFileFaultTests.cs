using System.Security.Cryptography;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Steps;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation;
using LoraAdmin.Training;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>What becomes of a job when its file, its images, the store or the spool fail in each way that LocalCloud can play.</summary>
public sealed class ConductorFileFaultTests : IDisposable
{
    private readonly SkiaImageInspector inspector = new();

    [Fact]
    [Trait("Requirement", "E3")]
    [Trait("Fault", FaultKind.ArtifactTruncated)]
    public async Task Artifact_BreaksOffThreeTimes_GoesOnFromWhereItBroke()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.ArtifactTruncated, count: 3);
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);

        await AssertStoredAsync(bench, id);
        Assert.Empty(bench.Faults.Pending);
        Assert.Empty(bench.Facts(id, TrainingEvents.StepFailed));
    }

    [Fact]
    [Trait("Requirement", "E3")]
    [Trait("Fault", FaultKind.ArtifactAltered)]
    public async Task Artifact_IsAlteredOnItsWayOnce_IsFetchedAgain()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.ArtifactAltered);
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);

        await AssertStoredAsync(bench, id);
        Assert.Contains("the agent announced", Assert.Single(bench.Facts(id, TrainingEvents.StepFailed)).Message, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "E3")]
    [Trait("Fault", FaultKind.ArtifactAltered)]
    public async Task Artifact_IsAlteredEveryTime_IsFetchedThreeTimesAndNothingBadIsCalledGood()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.ArtifactAltered, count: 3);
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);

        AssertToldAsDamaged(bench, id);
        Assert.Equal(2, bench.Facts(id, TrainingEvents.StepFailed).Count);
        Assert.Empty(bench.Faults.Pending);

        // Damaged on its way only: what the pod has is not proven bad, so the pod is kept for a person's decision.
        Assert.Equal((PodWant.Held, FileProof.None), (Assert.Single(bench.Pods(id)).Want, bench.Pods(id)[0].Proof));
    }

    [Fact]
    [Trait("Requirement", "E3")]
    [Trait("Fault", FaultKind.ArtifactNotSafetensors)]
    public async Task Artifact_IsNoSafetensorsFile_EndsAtOnceWithoutAnotherFetch()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.ArtifactNotSafetensors);
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);

        AssertToldAsDamaged(bench, id);
        Assert.StartsWith("The file is no LoRA in safetensors form: ", bench.Job(id).Failure!.Detail, StringComparison.Ordinal);
        Assert.Empty(bench.Facts(id, TrainingEvents.StepFailed));
    }

    [Fact]
    [Trait("Requirement", "E3")]
    [Trait("Fault", FaultKind.ArtifactSlow)]
    public async Task Artifact_ComesTooLateForAQuarterOfAnHour_TheJobWaitsAndStoresIt()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Retrieving);
        bench.Faults.Add(FaultKind.ArtifactSlow, count: 60);
        await bench.RunUntilAsync(() => bench.Job(id).FailingSince is not null, "a range that does not come");

        Assert.StartsWith("The file could not be fetched from byte 0 on: ", bench.Job(id).WaitReason, StringComparison.Ordinal);
        await bench.RunToRestAsync(id);
        await AssertStoredAsync(bench, id);
        Assert.Equal(1, bench.Job(id).Attempt);
        Assert.Empty(bench.Faults.Pending);
    }

    [Fact]
    [Trait("Requirement", "E5")]
    [Trait("Fault", FaultKind.ValidationFails)]
    public async Task Validation_Fails_IsGivenBackAndTheRetryTrainsAnew()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.ValidationFails);
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);

        AssertTold(bench, id, FailureCode.QualityValidationFailed, "Quality validation failed");
        Assert.All(
            bench.World.Database.ValidationImages.Find(bench.Job(id).LoraId)!.Items,
            static image => Assert.True(image is { Passed: false, IsPending: false } && image.Reason!.EndsWith("is below 0.60", StringComparison.Ordinal)));
        await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token);
        await bench.RunToRestAsync(id);
        await AssertStoredAsync(bench, id);
        Assert.Equal((2, 2), (bench.Job(id).Attempt, bench.VendorPods.Count));
    }

    [Fact]
    [Trait("Requirement", "E2")]
    [Trait("Fault", FaultKind.ImageCorrupt)]
    public async Task Image_LiesCorruptInTheStore_IsReadFourTimesAndNoPodIsRented()
    {
        TrainingBench bench = new(inspector: inspector);
        TrainingRequest request = bench.Request(content: SampleImages.Jpeg());
        bench.Faults.Add(FaultKind.ImageCorrupt, match: request.ImageKeys[1]);
        JobId id = await bench.SubmitAsync(request);
        await bench.RunToStateAsync(id, TrainingState.Failed);

        AssertTold(bench, id, FailureCode.InvalidTrainingImages, "Invalid training images");
        Assert.StartsWith("image 2: ", bench.Job(id).Failure!.Detail, StringComparison.Ordinal);
        List<DateTimeOffset> readings = [.. bench.Store.Opens.Where(open => open.Target.Key == request.ImageKeys[1]).Select(open => open.At)];
        Assert.Equal([2.0, 4.0, 8.0], readings.Zip(readings.Skip(1), static (earlier, later) => (later - earlier).TotalSeconds));
        Assert.Empty(bench.VendorPods);
    }

    [Fact]
    [Trait("Requirement", "E2")]
    [Trait("Fault", FaultKind.ImageCorruptOnce)]
    public async Task Image_ReadsCorruptThreeTimesWhileItIsChecked_IsReadAgainAndTheJobCompletes()
    {
        TrainingBench bench = new(inspector: inspector);
        TrainingRequest request = bench.Request(content: SampleImages.Png());
        bench.Faults.Add(FaultKind.ImageCorruptOnce, count: 3, match: request.ImageKeys[0]);
        JobId id = await bench.SubmitAsync(request);
        await bench.RunToRestAsync(id);

        await AssertStoredAsync(bench, id);
        Assert.Equal(3, bench.Facts(id, TrainingEvents.StepFailed).Count);
    }

    [Fact]
    [Trait("Requirement", "E2")]
    [Trait("Fault", FaultKind.ImageCorruptOnce)]
    public async Task Image_ReadsCorruptWhileItIsChecked_TheOthersAreNotReadAgain()
    {
        TrainingBench bench = new(inspector: inspector);
        TrainingRequest request = bench.Request(images: 3, content: SampleImages.Png());
        bench.Faults.Add(FaultKind.ImageCorruptOnce, count: 2, match: request.ImageKeys[1]);
        JobId id = await bench.SubmitAsync(request);
        await bench.RunToStateAsync(id, TrainingState.Provisioning);

        Assert.Equal([1, 3, 1], request.ImageKeys.Select(key => bench.Store.Opens.Count(open => open.Target.Key == key)));
    }

    [Fact]
    [Trait("Requirement", "E2")]
    [Trait("Fault", FaultKind.ImageCorruptOnce)]
    public async Task Image_CantBeReadWhileAnotherReadsCorrupt_StillHasAllItsTries()
    {
        TrainingBench bench = new(inspector: inspector);
        TrainingRequest request = bench.Request(content: SampleImages.Png());
        bench.Faults.Add(FaultKind.ImageCorruptOnce, count: 6, match: request.ImageKeys[0]);
        bench.Faults.Add(FaultKind.ImageCorruptOnce, count: 3, match: request.ImageKeys[1]);
        int left = 5;
        bench.Store.OnRead = target => target.Key == request.ImageKeys[1] && left-- > 0 ? new ObjectReading.Unavailable("503 Service Unavailable") : null;
        JobId id = await bench.SubmitAsync(request);
        await bench.RunToStateAsync(id, TrainingState.Provisioning);

        Assert.Equal([7, 9], request.ImageKeys.Select(key => bench.Store.Opens.Count(open => open.Target.Key == key)));
        Assert.Equal(3, bench.Facts(id, TrainingEvents.StepFailed).Count);
        Assert.Empty(bench.Faults.Pending);
    }

    [Fact]
    [Trait("Requirement", "E2")]
    [Trait("Fault", FaultKind.ImageCorruptOnce)]
    public async Task Images_EachReadsCorruptOnceWhileItIsSentToThePod_EachHasItsOwnTries()
    {
        TrainingBench bench = new();
        TrainingRequest request = bench.Request(images: 6);
        JobId id = await bench.SubmitAsync(request);
        await bench.RunToStateAsync(id, TrainingState.Training);
        foreach (string key in request.ImageKeys)
        {
            bench.Faults.Add(FaultKind.ImageCorruptOnce, count: 2, match: key);
        }

        await bench.RunToRestAsync(id);

        await AssertStoredAsync(bench, id);
        Assert.True(bench.Facts(id, TrainingEvents.StepFailed).Count > 3);
        Assert.Empty(bench.Faults.Pending);
    }

    [Theory]
    [Trait("Requirement", "E2")]
    [Trait("Fault", FaultKind.ImageCorruptOnce)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(6)]
    public async Task Image_ReadsCorruptWhileItIsSentToThePod_IsReadAgainAndTheJobCompletes(int readings)
    {
        TrainingBench bench = new();
        TrainingRequest request = bench.Request();
        JobId id = await bench.SubmitAsync(request);
        await bench.RunToStateAsync(id, TrainingState.Training);
        bench.Faults.Add(FaultKind.ImageCorruptOnce, count: readings, match: request.ImageKeys[0]);
        await bench.RunToRestAsync(id);

        await AssertStoredAsync(bench, id);
        Assert.Equal((1, 1), (bench.Job(id).Attempt, bench.VendorPods.Count));
        Assert.Empty(bench.Faults.Pending);
    }

    [Fact]
    [Trait("Requirement", "E2")]
    [Trait("Fault", FaultKind.ImageCorrupt)]
    public async Task Image_TurnsCorruptAfterItsCheck_EndsAsInvalidAndThePodEnds()
    {
        TrainingBench bench = new();
        TrainingRequest request = bench.Request();
        JobId id = await bench.SubmitAsync(request);
        await bench.RunToStateAsync(id, TrainingState.Training);
        bench.Faults.Add(FaultKind.ImageCorrupt, match: request.ImageKeys[0]);
        await bench.RunToRestAsync(id);

        AssertTold(bench, id, FailureCode.InvalidTrainingImages, "Invalid training images");
        Assert.Equal(3, bench.Facts(id, TrainingEvents.StepFailed).Count);
        Assert.Equal(PodStatus.Terminated, Assert.Single(bench.VendorPods).Status);
    }

    [Theory]
    [Trait("Requirement", "E3")]
    [Trait("Fault", FaultKind.StorePutFails)]
    [Trait("Fault", FaultKind.StoreStoresOther)]
    [Trait("Fault", FaultKind.StoreFull)]
    [InlineData(FaultKind.StorePutFails, "The store answered 503 Service Unavailable.")]
    [InlineData(FaultKind.StoreStoresOther, "storage holds other bytes than were sent: SHA-256 ")]
    [InlineData(FaultKind.StoreFull, "The store has no room left.")]
    public async Task Store_FailsFourTimes_TheFileIsKeptWithoutThePodAndUploadedWithinTheHour(string kind, string words)
    {
        TrainingBench bench = new();
        bench.Faults.Add(kind, count: 4, match: Buckets.Models);
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);

        AssertTold(bench, id, FailureCode.UploadFailed, "Upload to storage failed; the file is kept", refunded: false);
        Assert.StartsWith(words, bench.Job(id).Failure!.Detail, StringComparison.Ordinal);
        Assert.Equal(3, bench.Facts(id, TrainingEvents.StepFailed).Count);
        Assert.Null(bench.Lora(id).StoragePath);
        Assert.Equal(bench.Job(id).Artifact!.Sha256, Sha256(bench.World.Spool.FindSealed(SpoolNames.File(id, 1))!));
        Assert.Equal((PodWant.Released, FileProof.InSpool), (Assert.Single(bench.Pods(id)).Want, bench.Pods(id)[0].Proof));

        DateTimeOffset failed = bench.Now;
        await bench.RunUntilAsync(() => bench.Job(id).State == TrainingState.Completed, "the kept file in storage and validated");
        Assert.InRange(bench.Now - failed, SpoolUploads.Every, SpoolUploads.Every + TimeSpan.FromMinutes(2));
        await bench.RunToRestAsync(id);
        await AssertStoredAsync(bench, id);
        Assert.Single(bench.VendorPods);
    }

    [Fact]
    [Trait("Requirement", "E3")]
    [Trait("Fault", FaultKind.StorePutTimeout)]
    public async Task Store_DoesNotAnswerOnce_IsTriedAgainAndTheJobCompletes()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.StorePutTimeout, match: Buckets.Models);
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Uploading);
        LeasedJob leased = Assert.Single(await bench.Portal.Conductor.LeaseDueAsync(1, TrainingBench.Token));
        Task step = bench.Portal.Conductor.StepAsync(leased, TrainingBench.Token);
        Assert.False(step.IsCompleted);
        Assert.Equal(PodWant.Needed, Assert.Single(bench.Pods(id)).Want);
        bench.World.Clock.Advance(TimeSpan.FromSeconds(60));
        await step;

        Assert.Contains("The store did not answer in time.", Assert.Single(bench.Facts(id, TrainingEvents.StepFailed)).Message, StringComparison.Ordinal);
        await bench.RunToRestAsync(id);
        await AssertStoredAsync(bench, id);
    }

    [Fact]
    [Trait("Requirement", "E3")]
    [Trait("Fault", FaultKind.SpoolFull)]
    public async Task Spool_IsFullForTwoHours_ThePodIsStoppedAndKeptAndItsFileIsFetchedAsSoonAsThereIsRoom()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Retrieving);
        bench.Faults.Add(FaultKind.SpoolFull, seconds: 2 * 3600);
        await bench.RunUntilAsync(() => bench.Pods(id)[0].Want == PodWant.Held, "a pod that waits for room");
        Assert.Equal("The spool's disk has no room left. Make room on it. The pod is stopped and kept meanwhile", bench.Job(id).WaitReason);
        await bench.RunUntilAsync(() => bench.VendorPods.Single().Status == PodStatus.Exited, "a stopped pod");
        await bench.RunForAsync(TimeSpan.FromMinutes(100));

        Assert.Equal((TrainingState.Retrieving, 1), (bench.Job(id).State, bench.Job(id).Attempt));
        Assert.Equal(0, Assert.Single(bench.VendorPods).TerminateRequests);

        await bench.RunToRestAsync(id);
        await AssertStoredAsync(bench, id);
        Assert.Single(bench.VendorPods);
    }

    public void Dispose() => inspector.Dispose();

    private static string Sha256(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>Completed, stored as the agent announced it, counted once, and gone from the spool.</summary>
    private static async Task AssertStoredAsync(TrainingBench bench, JobId id)
    {
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal(bench.Job(id).Artifact!.Sha256, Sha256(bench.StoredFile(id)!));
        Assert.Equal(1, bench.UserCount);
        await bench.Portal.LookAtFilesAsync(TrainingBench.Token);
        Assert.Empty(bench.SpoolRows(id));
        Assert.DoesNotContain(bench.World.Spool.Names, static name => name.EndsWith(".safetensors", StringComparison.Ordinal));
    }

    private static void AssertToldAsDamaged(TrainingBench bench, JobId id)
    {
        AssertTold(bench, id, FailureCode.ArtifactCorrupt, "The trained file is damaged");
        Assert.Null(bench.StoredFile(id));
        Assert.Empty(bench.SpoolRows(id));
        Assert.Null(bench.World.Spool.FindSealed(SpoolNames.File(id, 1)));
    }

    private static void AssertTold(TrainingBench bench, JobId id, FailureCode code, string message, bool refunded = true)
    {
        Assert.Equal((TrainingState.Failed, code, message), (bench.Job(id).State, bench.Job(id).Failure?.Code, bench.Job(id).Failure?.Rule.Message));
        Assert.Equal(message, bench.Lora(id).ErrorMessage);
        Assert.Equal((refunded, refunded ? 0 : 1), (bench.Refunded(id), bench.UserCount));
        EventSeverity severity = FailureTable.For(code).Admin switch
        {
            AdminNotice.None => EventSeverity.Info, AdminNotice.Warning => EventSeverity.Warning, _ => EventSeverity.Error,
        };
        Assert.Equal(severity, Assert.Single(bench.Facts(id, TrainingEvents.Failed)).Severity);
    }
}
