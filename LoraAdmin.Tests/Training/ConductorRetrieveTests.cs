using System.Security.Cryptography;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Steps;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>From the end of training to a proven file, whatever is away meanwhile.</summary>
[Trait("Requirement", "E3")]
public sealed class ConductorRetrieveTests
{
    [Fact]
    public async Task Storage_IsAwayWhileFileAndImagesAreFetched_TheyLieInTheSpoolAndThePodMayGo()
    {
        TrainingBench bench = new();
        bench.Store.OnPut = static _ => new PutOutcome.Failed("HTTP 503");
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);

        Assert.Equal(FailureCode.UploadFailed, bench.Job(id).Failure!.Code);
        Assert.NotNull(bench.World.Spool.FindSealed(SpoolNames.File(id, 1)));
        Assert.All(Enumerable.Range(0, 3), index => Assert.NotNull(bench.World.Spool.FindSealed(SpoolNames.ValidationImage(id, 1, index))));
        Assert.All(Images(bench, id), image => Assert.True(image.IsPending));
        Assert.Empty(bench.Lora(id).ValidationImageKeys);

        bench.Store.OnPut = null;
        await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token);
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal(3, bench.Lora(id).ValidationImageKeys.Count);
        Assert.All(Images(bench, id), image =>
        {
            Assert.False(image.IsPending);
            Assert.NotNull(bench.World.Objects.Find(new ObjectRef(Buckets.ValidationImages, image.Key)));
        });
        Assert.Single(bench.VendorPods);
    }

    [Fact]
    public async Task Pod_IsHeldWhileItsJobRetrieves_TheFileIsTakenFromIt()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Retrieving);
        LedgerPod pod = Assert.Single(bench.Pods(id));
        bench.World.Database.Pods.Set(pod.Name, pod with { Want = PodWant.Held, WantReason = PodReasons.PastLifetime, WantSince = bench.Now });
        await bench.RunUntilAsync(() => bench.Job(id).State.IsFinal(), "a final job");

        Assert.Equal((TrainingState.Completed, 1), (bench.Job(id).State, bench.Job(id).Attempt));
        Assert.Single(bench.VendorPods);
        Assert.Equal((PodWant.Released, FileProof.InStorage), (bench.Pods(id)[0].Want, bench.Pods(id)[0].Proof));
    }

    [Fact]
    public async Task Pod_IsHeldWhileItsJobTrains_TheTrainingGoesOn()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Figures is { Step: > 10 }, "a training that moves");
        LedgerPod pod = Assert.Single(bench.Pods(id));
        bench.World.Database.Pods.Set(pod.Name, pod with { Want = PodWant.Held, WantReason = PodReasons.PastLifetime, WantSince = bench.Now });
        await bench.RunUntilAsync(() => bench.Job(id).State.IsFinal(), "a final job");

        Assert.Equal((TrainingState.Completed, 1), (bench.Job(id).State, bench.Job(id).Attempt));
        Assert.Single(bench.VendorPods);
    }

    [Fact]
    public async Task Portal_IsDownForAnHourBetweenTrainingAndRetrieval_CostsNoTraining()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Retrieving);
        bench.World.Clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(PodStatus.Exited, Assert.Single(bench.VendorPods).Status);
        await bench.RunToRestAsync(id);

        Assert.Equal((TrainingState.Completed, 1), (bench.Job(id).State, bench.Job(id).Attempt));
        Assert.Single(bench.VendorPods);
    }

    [Fact]
    [Trait("Requirement", "E6")]
    public async Task Portal_IsDownOverDeadlineAndRetrievalTime_TheFileIsTakenAllTheSame()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Figures is not null, "a first figure");
        bench.World.Clock.Advance(TimeSpan.FromHours(5));
        Assert.Equal(PodStatus.Exited, Assert.Single(bench.VendorPods).Status);
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Empty(bench.Facts(id, TrainingEvents.OverTime));
    }

    [Fact]
    public async Task Agent_IsSilentForHalfAnHourOfLooking_ThePodIsLostAndHeld()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Retrieving);
        bench.Faults.Add(FaultKind.AgentUnreachable, seconds: 86_400);
        DateTimeOffset since = bench.Now;
        await bench.RunUntilAsync(() => bench.Job(id).Attempt == 2, "a second attempt");

        Assert.InRange(bench.Now - since, TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(31));
        Assert.Equal((PodWant.Held, FileProof.None), (bench.Pods(id)[0].Want, bench.Pods(id)[0].Proof));
    }

    [Fact]
    public async Task Spool_IsFull_ThePodIsStoppedAndKeptAndItsFileIsFetchedAsSoonAsThereIsRoom()
    {
        TrainingBench bench = new();
        bench.World.Spool.Room = 100;
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Retrieving);
        await bench.RunUntilAsync(() => bench.Pods(id)[0].Want == PodWant.Held, "a pod that waits for room");
        await bench.RunForAsync(TimeSpan.FromHours(2));

        Assert.Equal((TrainingState.Retrieving, 1), (bench.Job(id).State, bench.Job(id).Attempt));
        Assert.Contains("has room for 100 bytes", bench.Job(id).WaitReason, StringComparison.Ordinal);
        Assert.Equal(PodStatus.Exited, Assert.Single(bench.VendorPods).Status);

        bench.World.Spool.Room = 1_000_000;
        await bench.RunUntilAsync(() => bench.Job(id).State.IsFinal(), "a final job");
        Assert.Equal((TrainingState.Completed, 1), (bench.Job(id).State, bench.Job(id).Attempt));
        Assert.Single(bench.VendorPods);
    }

    [Fact]
    public async Task Image_HasNoRoom_ThePodNeitherStopsNorStartsAndTheFileGoesOnWithoutIt()
    {
        TrainingBench bench = new();
        bench.World.Spool.OnAppend = static name => name.EndsWith(".jpg", StringComparison.Ordinal) ? new SpoolOutcome.NoRoom("No room.") : null;
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Retrieving);
        await bench.RunUntilAsync(() => bench.SpoolRows(id).Count > 0, "a proven file");
        DateTimeOffset since = bench.Now;
        await bench.RunUntilAsync(() => bench.Job(id).State.IsFinal(), "a final job");

        Assert.InRange(bench.Now - since, TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(33));
        Assert.DoesNotContain(bench.World.Database.Events, fact => fact.Kind == PodEvents.Held);
        Assert.Equal(FailureCode.QualityValidationFailed, bench.Job(id).Failure!.Code);
        Assert.StartsWith("No validation images of this file", bench.Job(id).Failure!.Detail, StringComparison.Ordinal);
        Assert.NotNull(bench.StoredFile(id));
    }

    [Fact]
    public async Task Images_OfAnEarlierAttemptThatComeLate_LeaveTheLatersAlone()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Retrieving);
        bench.Faults.Add(FaultKind.AgentUnreachable, match: bench.Pods(id)[0].Name, seconds: 31 * 60);
        await bench.RunUntilAsync(() => bench.SpoolRows(id).Any(row => row.Attempt == 1), "a file that was fetched late");
        await bench.RunUntilAsync(() => bench.Job(id).State.IsFinal(), "a final job");

        Assert.Equal((TrainingState.Completed, 2), (bench.Job(id).State, bench.Job(id).Attempt));
        Assert.Equal([(1, null), (2, true)], Images(bench, id).Select(image => (image.Attempt, image.Passed)).Distinct());
        Assert.Equal(3, bench.Lora(id).ValidationImageKeys.Count);
        Assert.All(Images(bench, id).OfStoredAttempt(), image => Assert.Equal((2, true), (image.Attempt, image.Passed)));
    }

    [Fact]
    public async Task Agent_WasStoppedWithAFile_TheFileIsTaken()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Figures is { Step: > 10 }, "a training that moves");
        bench.World.Clock.Advance(TimeSpan.FromMinutes(12));
        PodRecord pod = Assert.Single(bench.VendorPods);
        Assert.True(pod.Agent.HasArtifact);
        AgentSimulation.Stop(pod.Agent, bench.Now);
        await bench.RunToRestAsync(id);

        Assert.NotNull(bench.StoredFile(id));
        Assert.Single(bench.VendorPods);
        Assert.DoesNotContain(bench.Facts(id, TrainingEvents.StateChanged), fact => fact.Message.Contains("starts again", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Store_DoesNotAnswerAPut_IsGivenUpAfterItsTimeAndTriedAgain()
    {
        TrainingBench bench = new();
        bool hung = false;
        bench.Store.Hangs = target => target.Bucket == Buckets.Models && !hung && (hung = true);
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Uploading);
        LeasedJob leased = Assert.Single(await bench.Portal.Conductor.LeaseDueAsync(1, TrainingBench.Token));
        Task step = bench.Portal.Conductor.StepAsync(leased, TrainingBench.Token);
        Assert.False(step.IsCompleted);
        for (int minute = 0; minute < 16 && !step.IsCompleted; minute++)
        {
            bench.World.Clock.Advance(TimeSpan.FromMinutes(1));
            await Task.Yield();
        }

        await step;
        Assert.Contains("Training:StoreTimeout", bench.Facts(id, TrainingEvents.StepFailed).Single().Message, StringComparison.Ordinal);
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
    }

    [Fact]
    [Trait("Requirement", "E5")]
    public async Task Images_OfAnEarlierAttempt_DoNotJudgeANewFile()
    {
        TrainingBench bench = new();
        bench.Rules(rules => rules with { ValidationMinimumScore = 0.995 });
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);
        Assert.Equal(FailureCode.QualityValidationFailed, bench.Job(id).Failure!.Code);
        await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token);
        bench.Rules(rules => rules with { ValidationMinimumScore = 0 });
        await bench.RunToStateAsync(id, TrainingState.Validating);
        bench.World.Database.ValidationImages.Set(
            bench.Job(id).LoraId, new([.. Images(bench, id).Select(image => image with { Attempt = 1 })]));
        await bench.RunUntilAsync(() => bench.Job(id).State.IsFinal(), "a final job");

        Assert.Equal(FailureCode.QualityValidationFailed, bench.Job(id).Failure!.Code);
        Assert.StartsWith("No validation images of this file", bench.Job(id).Failure!.Detail, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "E2")]
    public async Task TrainingImage_IsGoneWhenItIsSent_FailsAsInvalidAndThePodEnds()
    {
        TrainingBench bench = new();
        TrainingRequest request = bench.Request();
        JobId id = await bench.SubmitAsync(request);
        await bench.RunToStateAsync(id, TrainingState.Provisioning);
        await bench.World.Objects.DeleteAsync(new ObjectRef(Buckets.TrainingImages, request.ImageKeys[1]), TrainingBench.Token);
        await bench.RunToRestAsync(id);

        Assert.Equal(("invalid_training_images", "image 2: it is no longer in storage"), (bench.Job(id).Failure!.Rule.Code, bench.Job(id).Failure!.Detail));
        Assert.True(bench.Refunded(id));
    }

    [Fact]
    [Trait("Requirement", "E2")]
    public async Task TrainingImage_IsChangedWhenItIsSent_FailsAsInvalid()
    {
        TrainingBench bench = new();
        TrainingRequest request = bench.Request();
        JobId id = await bench.SubmitAsync(request);
        await bench.RunToStateAsync(id, TrainingState.Provisioning);
        ObjectRef image = new(Buckets.TrainingImages, request.ImageKeys[0]);
        byte[] changed = [.. bench.World.Objects.Find(image)!];
        changed[0] ^= 1;
        bench.World.Objects.Set(image, changed, "image/jpeg");
        await bench.RunToRestAsync(id);

        Assert.Equal(("invalid_training_images", "image 1: it was changed after it had been checked"), (bench.Job(id).Failure!.Rule.Code, bench.Job(id).Failure!.Detail));
    }

    [Fact]
    public async Task Storage_IsAwayWhenTheTrainingShouldStart_EndsAfterTheTimeInWhichAPodMustBeReady()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);
        DateTimeOffset since = bench.Now;
        bench.World.Objects.AwayUntil = bench.Now + TimeSpan.FromDays(1);
        await bench.RunToStateAsync(id, TrainingState.Failed);

        Assert.InRange(bench.Now - since, TimeSpan.FromMinutes(20), TimeSpan.FromMinutes(21));
        Assert.Equal(FailureCode.TrainingFailed, bench.Job(id).Failure!.Code);
        Assert.Single(bench.Facts(id, TrainingEvents.Stuck));
    }

    [Fact]
    [Trait("Requirement", "E6")]
    public async Task Training_RunsPastItsLimit_ItsAgentIsToldToStopFirst()
    {
        TrainingBench bench = new(cloud => cloud.Training = TimeSpan.FromHours(5));
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);

        Assert.True(Assert.Single(bench.VendorPods).Agent.Stopped);
        Assert.Equal(FileProof.AgentHasNone, bench.Pods(id)[0].Proof);
    }

    [Fact]
    public async Task Cancel_OfATrainingWhosePodIsHeldAndSilent_KeepsThePod()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Figures is { Step: > 10 }, "a training that moves");
        LedgerPod pod = Assert.Single(bench.Pods(id));
        bench.World.Database.Pods.Set(pod.Name, pod with { Want = PodWant.Held, WantReason = PodReasons.PastLifetime, WantSince = bench.Now });
        bench.Faults.Add(FaultKind.AgentUnreachable, seconds: 600);
        await bench.CancelAsync(id, TrainingBench.Person);
        await bench.StepAsync();

        Assert.Equal(TrainingState.Cancelled, bench.Job(id).State);
        Assert.Equal(PodWant.Held, bench.Pods(id)[0].Want);
    }

    [Fact]
    public async Task Part_OfALostJob_IsSweptUpOnceItsPodIsGone()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);
        bench.World.Spool.Set(SpoolNames.File(id, 7), [1, 2, 3], isSealed: false);
        bench.World.Spool.Set("somebodys-notes.txt", [1], isSealed: true);
        byte[] file = bench.StoredFile(id)!;
        bench.World.Spool.Set(SpoolNames.File(new JobId(bench.World.Ids.Next()), 1), file, isSealed: true);
        await ReconcileAsync(bench);

        Assert.DoesNotContain(SpoolNames.File(id, 7), bench.World.Spool.Names);
        Assert.Contains("somebodys-notes.txt", bench.World.Spool.Names);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(file)), Assert.Single(bench.World.Database.Spool.Rows).Sha256);
    }

    [Fact]
    public async Task FileOfAPodWithoutARow_WaitsForAPersonsWord_ThoughAnotherFileFails()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);
        byte[] file = bench.StoredFile(id)!;
        string part = SpoolNames.File(id, 7);
        string name = SpoolNames.OfPod("pod00099");
        bench.World.Spool.Set(part, [1, 2, 3], isSealed: false);
        bench.World.Spool.Set(name, file, isSealed: true);
        bench.World.Spool.OnTouch = touched => Assert.NotEqual(part, touched);
        await Assert.ThrowsAsync<AggregateException>(() => ReconcileAsync(bench));

        Assert.Equal(name, Assert.Single(bench.World.Database.Spool.Rows).Name);
        Assert.Contains(bench.World.Database.Events.SelectMany(fact => fact.Signals), signal => signal is { Rule: TrainingIncidents.Unclaimed, Over: false } && signal.Subject == name);
    }

    [Fact]
    public async Task FileThatWasMissing_IsBack_EndsItsIncident()
    {
        TrainingBench bench = new();
        bench.Store.OnPut = static target => target.Bucket == Buckets.Models ? new PutOutcome.Failed("HTTP 544") : null;
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);
        await bench.RunUntilAsync(() => bench.Pods(id).All(pod => pod.Saw == PodSaw.Gone), "a pod that is gone");
        bench.World.Clock.Advance(TimeSpan.FromHours(1));
        string name = SpoolNames.File(id, 1);
        byte[] file = bench.World.Spool.FindSealed(name)!;
        await bench.World.Spool.DeleteAsync(name, TrainingBench.Token);
        await ReconcileAsync(bench);
        Assert.Equal([(id.ToString(), false)], Missing(bench));

        bench.World.Spool.Set(name, file, isSealed: true);
        await ReconcileAsync(bench);
        Assert.Equal([(id.ToString(), false), (id.ToString(), true)], Missing(bench));
    }

    private static IEnumerable<(string Subject, bool Over)> Missing(TrainingBench bench) => bench.World.Database.Events
        .Where(fact => fact.Kind is TrainingEvents.SpoolFileMissing or TrainingEvents.SpoolFileFound)
        .SelectMany(fact => fact.Signals).Where(signal => signal.Rule == TrainingIncidents.SpoolFileMissing).Select(signal => (signal.Subject, signal.Over));

    private static Task ReconcileAsync(TrainingBench bench) =>
        new SpoolReconcile(bench.World.Database, bench.World.Spool, bench.World.Clock).RunAsync(TrainingBench.Token);

    private static IReadOnlyList<ValidationImage> Images(TrainingBench bench, JobId id) => bench.World.Database.ValidationImages.Find(bench.Job(id).LoraId)!.Items;
}
