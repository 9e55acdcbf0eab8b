using System.Security.Cryptography;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>J2, retries from the last proven thing, files of held and unknown pods, and how long training images are kept.</summary>
public sealed class SpoolUploadsTests
{
    private readonly TrainingBench bench = new();

    [Fact]
    [Trait("Requirement", "J2")]
    public async Task Run_AnHourAfterAFailedUpload_BringsTheFileToStorageAndTheJobIsValidatedWithoutAPod()
    {
        JobId id = await FailTheUploadAsync();
        bench.Store.OnPut = null;
        Assert.Equal(0, await bench.Portal.Uploads.RunAsync(TrainingBench.Token));
        bench.World.Clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(1, await bench.Portal.Uploads.RunAsync(TrainingBench.Token));

        Assert.Equal((TrainingState.Validating, LoraStatus.Validating), (bench.Job(id).State, bench.Lora(id).Status));
        Assert.NotNull(bench.World.Spool.FindSealed(SpoolNames.File(id, 1)));
        await bench.RunToRestAsync(id);
        Assert.Equal((TrainingState.Completed, 1, 1), (bench.Job(id).State, bench.Job(id).Attempt, bench.Job(id).Admission));
        await bench.Portal.LookAtFilesAsync(TrainingBench.Token);
        Assert.Empty(bench.SpoolRows(id));
        Assert.Single(bench.VendorPods);
        Assert.Equal(1, bench.UserCount);
    }

    [Fact]
    [Trait("Requirement", "J2")]
    [Trait("Requirement", "M10")]
    public async Task Run_FailsThreeTimes_AlertsAndKeepsTheFileAndGoesOn()
    {
        JobId id = await FailTheUploadAsync();
        for (int run = 1; run <= 4; run++)
        {
            bench.World.Clock.Advance(TimeSpan.FromHours(1));
            Assert.Equal(0, await bench.Portal.Uploads.RunAsync(TrainingBench.Token));
            Assert.Equal(0, await bench.Portal.Uploads.RunAsync(TrainingBench.Token));
            SpoolEntry row = Assert.Single(bench.SpoolRows(id));
            Assert.Equal((run, "HTTP 544", (DateTimeOffset?)bench.Now), (row.FailedRuns, row.LastError, row.LastTriedAt));
            Assert.Equal(run >= 3, bench.Facts(id).SelectMany(fact => fact.Signals).Any(signal => signal.Rule == TrainingIncidents.UploadGivenUp && !signal.Over));
        }

        Assert.NotNull(bench.World.Spool.FindSealed(SpoolNames.File(id, 1)));
    }

    [Fact]
    [Trait("Requirement", "J2")]
    public async Task Store_KeepsOtherBytes_TheSpoolKeepsTheFile()
    {
        JobId id = await FailTheUploadAsync();
        bench.Store.OnPut = null;
        bench.Store.Keeps = static (_, sent) => [.. sent, 0];
        bench.World.Clock.Advance(TimeSpan.FromHours(1));
        await bench.Portal.LookAtFilesAsync(TrainingBench.Token);

        Assert.Equal(TrainingState.Failed, bench.Job(id).State);
        Assert.NotNull(bench.World.Spool.FindSealed(SpoolNames.File(id, 1)));
        Assert.Contains("storage holds other bytes", Assert.Single(bench.SpoolRows(id)).LastError, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "J2")]
    public async Task UploadNow_MakesTheFileDueAtOnce()
    {
        JobId id = await FailTheUploadAsync();
        bench.Store.OnPut = null;
        Assert.Equal(
            SpoolCommandOutcome.Noted,
            await bench.Portal.FilesDesk.UploadNowAsync("disk-1", SpoolNames.File(id, 1), TrainingBench.Person, TrainingBench.Token));
        Assert.Equal(1, await bench.Portal.Uploads.RunAsync(TrainingBench.Token));

        Assert.Equal(TrainingBench.Person, Assert.Single(bench.Facts(id, TrainingEvents.SpoolUploadAsked)).Actor);
        Assert.Equal(SpoolCommandOutcome.NotFound, await bench.Portal.FilesDesk.UploadNowAsync("disk-1", "x", TrainingBench.Person, TrainingBench.Token));
    }

    [Fact]
    [Trait("Requirement", "J2")]
    public async Task Run_OfSeveralFilesOfAJob_BringsOnlyTheNewestAttempts()
    {
        JobId id = await FailTheUploadAsync();
        byte[] newer = [.. bench.World.Spool.FindSealed(SpoolNames.File(id, 1))!, 1];
        string sha256 = Convert.ToHexStringLower(SHA256.HashData(newer));
        bench.World.Spool.Set(SpoolNames.File(id, 2), newer, isSealed: true);
        bench.World.Database.Spool.Set(
            ("disk-1", SpoolNames.File(id, 2)), new SpoolEntry(id, 2, "disk-1", SpoolNames.File(id, 2), newer.Length, sha256, bench.Now));
        bench.World.Clock.Advance(TimeSpan.FromHours(1));
        bench.Store.Puts.Clear();
        Assert.Equal(0, await bench.Portal.Uploads.RunAsync(TrainingBench.Token));
        bench.Store.OnPut = null;
        Assert.Equal(
            SpoolCommandOutcome.HasNewer,
            await bench.Portal.FilesDesk.UploadNowAsync("disk-1", SpoolNames.File(id, 1), TrainingBench.Person, TrainingBench.Token));
        bench.World.Clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(1, await bench.Portal.Uploads.RunAsync(TrainingBench.Token));

        Assert.Equal(newer, bench.StoredFile(id));
        Assert.Equal((sha256, 2), (bench.Lora(id).FileSha256, bench.Job(id).Attempt));
        Assert.Equal(2, bench.Store.Puts.Count(put => put.Target.Bucket == Buckets.Models));
    }

    [Fact]
    [Trait("Requirement", "J2")]
    public async Task Retry_WhileTheFileIsBroughtToStorage_WaitsForItsEnd()
    {
        JobId id = await FailTheUploadAsync();
        bench.Store.OnPut = null;
        bench.World.Clock.Advance(TimeSpan.FromHours(1));
        List<int> leased = [];
        bench.Store.OnOpen = async target =>
        {
            if (target.Bucket == Buckets.Models && leased.Count == 0)
            {
                Assert.IsType<RetryOutcome.Accepted>(await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token));
                leased.Add((await bench.Portal.Conductor.LeaseDueAsync(8, TrainingBench.Token)).Count);
            }
        };
        Assert.Equal(0, await bench.Portal.Uploads.RunAsync(TrainingBench.Token));

        Assert.Equal([0], leased);
        Assert.Equal(TrainingState.Uploading, bench.Job(id).State);
        Assert.True(await bench.StepAsync());
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
    }

    [Fact]
    public async Task Discard_OfAFailedJobsFile_LetsItGoAndEndsItsIncident()
    {
        JobId id = await FailTheUploadAsync();
        SpoolDesk desk = bench.Portal.FilesDesk;
        Assert.Equal(SpoolCommandOutcome.Noted, await desk.DiscardAsync("disk-1", SpoolNames.File(id, 1), "not needed", TrainingBench.Person, TrainingBench.Token));
        await bench.Portal.Files.RunAsync(TrainingBench.Token);

        Assert.Empty(bench.SpoolRows(id));
        Assert.Null(bench.World.Spool.FindSealed(SpoolNames.File(id, 1)));
        OperationalEvent fact = Assert.Single(bench.Facts(id, TrainingEvents.SpoolFileDeleted));
        Assert.Equal(TrainingBench.Person, fact.Actor);
        Assert.Contains(fact.Signals, signal => signal is { Rule: TrainingIncidents.UploadGivenUp, Over: true });
        Assert.IsType<RetryOutcome.FileOutOfReach>(await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token));
    }

    [Fact]
    public async Task Discard_OfTheFileOfAJobAtWork_IsRefused()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Uploading);

        Assert.Equal(
            SpoolCommandOutcome.HasJob,
            await bench.Portal.FilesDesk.DiscardAsync("disk-1", SpoolNames.File(id, 1), "not needed", TrainingBench.Person, TrainingBench.Token));
    }

    [Fact]
    public async Task Kept_FileOfAnUnknownPod_GoesToStorageAndTheValidationSaysThatItHasNoImages()
    {
        (JobId id, SpoolEntry file) = await StrangeFileAsync();
        await bench.Portal.Heartbeat.RunAsync(TrainingBench.Token);
        Assert.Equal(SpoolCommandOutcome.Noted, await KeepAsync(file, id));
        Assert.Equal((id, 3), (Assert.Single(bench.SpoolRows(id)).Job, Assert.Single(bench.SpoolRows(id)).Attempt));
        Assert.IsType<RetryOutcome.Accepted>(await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token));
        int pods = bench.VendorPods.Count;
        await bench.RunUntilAsync(() => bench.Job(id).State.IsFinal(), "a final job");

        Assert.Equal((FailureCode.QualityValidationFailed, 3, pods), (bench.Job(id).Failure!.Code, bench.Job(id).Attempt, bench.VendorPods.Count));
        Assert.StartsWith("No validation images of this file", bench.Job(id).Failure!.Detail, StringComparison.Ordinal);
        Assert.Equal(file.Sha256, Convert.ToHexStringLower(SHA256.HashData(bench.StoredFile(id)!)));
    }

    [Fact]
    public async Task Keep_ForAJobWhoseRetryWouldNotUseTheFile_IsRefused()
    {
        (JobId id, SpoolEntry file) = await StrangeFileAsync();
        bench.World.Clock.Advance(SpoolStanding.SilentAfter);
        Assert.Equal(SpoolCommandOutcome.DiskSilent, await KeepAsync(file, id));
        await bench.Portal.Heartbeat.RunAsync(TrainingBench.Token);
        foreach (FailureCode code in new[] { FailureCode.QualityValidationFailed, FailureCode.InvalidTrainingImages })
        {
            bench.World.Database.Jobs.Set(id, bench.Job(id) with { Failure = new JobFailure(code, null) });
            Assert.Equal(SpoolCommandOutcome.RetryTrainsAgain, await KeepAsync(file, id));
        }

        bench.World.Database.Jobs.Set(id, bench.Job(id) with { Failure = new JobFailure(FailureCode.PodLost, null) });
        bench.World.Database.Spool.Set(("disk-1", "own"), file with { Job = id, Attempt = 2, Name = "own" });
        Assert.Equal(SpoolCommandOutcome.JobHasFile, await KeepAsync(file, id));
    }

    [Fact]
    public async Task Retry_OfAFailedUploadWhoseFileIsGone_IsRefusedAndChargesNothing()
    {
        JobId id = await FailTheUploadAsync();
        await bench.RunToRestAsync(id);
        bench.World.Database.Spool.Set(("disk-1", SpoolNames.File(id, 1)), null);

        RetryOutcome.FileOutOfReach refusal = Assert.IsType<RetryOutcome.FileOutOfReach>(
            await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token));
        Assert.Equal("Submit a new job.", refusal.Remedy);
        Assert.Equal((TrainingState.Failed, 1), (bench.Job(id).State, bench.UserCount));
    }

    [Fact]
    public async Task Retry_ThatTrainsAgain_ChecksTheImagesAnew()
    {
        bench.Faults.Add(FaultKind.TrainingFails);
        TrainingRequest request = bench.Request();
        JobId id = await bench.SubmitAsync(request);
        await bench.RunToRestAsync(id);
        await bench.World.Objects.DeleteAsync(new ObjectRef(Buckets.TrainingImages, request.ImageKeys[0]), TrainingBench.Token);
        Assert.Equal(TrainingState.Queued, Assert.IsType<RetryOutcome.Accepted>(await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token)).From);
        await bench.RunToRestAsync(id);

        Assert.Equal(FailureCode.InvalidTrainingImages, bench.Job(id).Failure!.Code);
        Assert.Single(bench.VendorPods);
    }

    [Fact]
    public async Task Held_PodWithAFile_IsFetchedWithinTheHourAndTheRetryGoesOnFromTheFile()
    {
        (JobId id, LedgerPod pod) = await HeldPods.LoseTwiceAsync(bench);
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        LedgerPod asked = Row(pod);
        Assert.Equal((bench.Now + TimeSpan.FromMinutes(15), bench.Now + TimeSpan.FromHours(1)), (asked.FetchUntil, asked.NextFetchAt));
        await HeldPods.RunAsync(bench, pod.PodId!, bench.Portal.Provider);
        await bench.Portal.Held.RunAsync(TrainingBench.Token);

        Assert.Equal((PodWant.Released, FileProof.InSpool), (Row(pod).Want, Row(pod).Proof));
        SpoolEntry entry = Assert.Single(bench.SpoolRows(id));
        Assert.Equal((pod.Attempt, pod.Name), (entry.Attempt, entry.Pod));
        int pods = bench.VendorPods.Count;
        Assert.Equal(
            TrainingState.Uploading, Assert.IsType<RetryOutcome.Accepted>(await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token)).From);
        await bench.RunUntilAsync(() => bench.Job(id).State.IsFinal(), "a final job");
        Assert.Equal((TrainingState.Completed, pod.Attempt, 2), (bench.Job(id).State, bench.Job(id).Attempt, bench.Job(id).Admission));
        Assert.Equal(pods, bench.VendorPods.Count);
    }

    [Fact]
    public async Task Held_PodWithoutAFile_IsStoppedTrainingAndLetGo()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Figures is { Step: > 10 }, "a training that moves");
        bench.Faults.Add(FaultKind.AgentUnreachable, seconds: 60);
        await bench.CancelAsync(id, TrainingBench.Person);
        await bench.StepAsync();
        LedgerPod pod = Assert.Single(bench.Pods(id));
        Assert.Equal(PodWant.Held, pod.Want);
        bench.World.Clock.Advance(TimeSpan.FromMinutes(2));
        for (int look = 0; look < 3; look++)
        {
            await bench.Portal.Held.RunAsync(TrainingBench.Token);
        }

        Assert.True(Assert.Single(bench.VendorPods).Agent.Stopped);
        Assert.Equal((PodWant.Released, FileProof.AgentHasNone), (Row(pod).Want, Row(pod).Proof));
    }

    [Fact]
    public async Task Held_PodThatNeverAnswers_IsStartedHourlyForSevenDaysAndThenAPersonIsAsked()
    {
        (_, LedgerPod pod) = await HeldPods.LoseTwiceAsync(bench);
        bench.Faults.Add(FaultKind.AgentUnreachable, seconds: 30 * 86_400);
        DateTimeOffset end = bench.Now + TimeSpan.FromDays(8);
        int starts = 0;
        DateTimeOffset? until = null;
        while (bench.Now < end)
        {
            await bench.Portal.Held.RunAsync(TrainingBench.Token);
            starts += Row(pod).FetchUntil is { } next && next != until ? 1 : 0;
            until = Row(pod).FetchUntil ?? until;
            bench.World.Clock.Advance(TimeSpan.FromMinutes(20));
        }

        Assert.InRange(starts, 160, 168);
        Assert.Equal(PodWant.Held, Row(pod).Want);
        Assert.Single(
            bench.World.Database.Events.SelectMany(fact => fact.Signals), signal => signal.Rule == PodIncidents.Held && signal.Subject == pod.PodId && signal.Text.Contains("for 7 days", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Held_PodThatNoJobKnows_GivesAnUnclaimedFileThatAPersonKeepsForAJobOrDeletes()
    {
        (JobId id, LedgerPod pod) = await HeldPods.LoseTwiceAsync(bench);
        LedgerPod stranger = pod with { Job = new JobId(bench.World.Ids.Next()) };
        bench.World.Database.Pods.Set(pod.Name, stranger);
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        await HeldPods.RunAsync(bench, pod.PodId!, bench.Portal.Provider);
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        await bench.Portal.Heartbeat.RunAsync(TrainingBench.Token);

        SpoolEntry entry = Assert.Single(bench.World.Database.Spool.Rows);
        Assert.Equal((null, 0, SpoolNames.OfPod(pod.PodId!)), (entry.Job, entry.Attempt, entry.Name));
        Assert.Contains(bench.World.Database.Events.SelectMany(fact => fact.Signals), signal => signal is { Rule: TrainingIncidents.Unclaimed, Over: false });
        SpoolDesk desk = bench.Portal.FilesDesk;
        Assert.Equal(SpoolCommandOutcome.NoJob, await desk.KeepForAsync(entry.Spool, entry.Name, stranger.Job, TrainingBench.Person, TrainingBench.Token));
        Assert.Equal(SpoolCommandOutcome.Noted, await desk.KeepForAsync(entry.Spool, entry.Name, id, TrainingBench.Person, TrainingBench.Token));
        Assert.Equal(id, Assert.Single(bench.World.Database.Spool.Rows).Job);
        Assert.Equal(SpoolCommandOutcome.HasJob, await desk.KeepForAsync(entry.Spool, entry.Name, id, TrainingBench.Person, TrainingBench.Token));

        bench.World.Database.Spool.Set((entry.Spool, entry.Name), entry);
        Assert.Equal(SpoolCommandOutcome.Noted, await desk.DiscardAsync(entry.Spool, entry.Name, "not needed", TrainingBench.Person, TrainingBench.Token));
        await bench.Portal.Files.RunAsync(TrainingBench.Token);
        Assert.Empty(bench.World.Database.Spool.Rows);
        Assert.Empty(bench.World.Spool.Names);
    }

    [Fact]
    public async Task Images_OfAnEndedJob_GoAfterTheirTimeUnlessAnotherJobNeedsThem()
    {
        TrainingRequest request = bench.Request();
        JobId first = await bench.SubmitAsync(request);
        await bench.RunToRestAsync(first);
        bench.World.Clock.Advance(TimeSpan.FromDays(6));
        JobId second = await bench.SubmitAsync(request with { ImageKeys = [request.ImageKeys[0]] });
        await bench.RunToRestAsync(second);
        bench.World.Clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(1, await RemoveImagesAsync());

        Assert.NotNull(bench.World.Objects.Find(new ObjectRef(Buckets.TrainingImages, request.ImageKeys[0])));
        Assert.Null(bench.World.Objects.Find(new ObjectRef(Buckets.TrainingImages, request.ImageKeys[1])));
        Assert.Equal(0, await RemoveImagesAsync());
        bench.World.Clock.Advance(TimeSpan.FromDays(6));
        Assert.Equal(1, await RemoveImagesAsync());
        Assert.Null(bench.World.Objects.Find(new ObjectRef(Buckets.TrainingImages, request.ImageKeys[0])));
    }

    [Fact]
    public async Task Images_OfOneJobThatCanNotBeRemoved_DoNotKeepTheOthers()
    {
        TrainingRequest bad = bench.Request();
        TrainingRequest good = bench.Request();
        await bench.RunToRestAsync(await bench.SubmitAsync(bad));
        bench.World.Clock.Advance(TimeSpan.FromMinutes(1));
        await bench.RunToRestAsync(await bench.SubmitAsync(good));
        bench.World.Clock.Advance(TimeSpan.FromDays(8));
        bench.Store.OnDelete = target => Assert.NotEqual(bad.ImageKeys[0], target.Key);
        await Assert.ThrowsAsync<AggregateException>(RemoveImagesAsync);

        Assert.Null(bench.World.Objects.Find(new ObjectRef(Buckets.TrainingImages, good.ImageKeys[0])));
    }

    [Fact]
    public async Task Keys_ThatNameAStagedUpload_ClaimIt()
    {
        TrainingRequest request = bench.Request();
        Guid upload = Guid.Parse(request.ImageKeys[0].Split('/')[1]);
        bench.World.Database.Uploads.Set(upload, new TrainingUpload(upload, TrainingBench.User, bench.Now, ClaimedBy: null));
        JobId id = await bench.SubmitAsync(request);

        Assert.Equal(id, bench.World.Database.Uploads.Find(upload)!.ClaimedBy);
    }

    private Task<SpoolCommandOutcome> KeepAsync(SpoolEntry file, JobId job) =>
        bench.Portal.FilesDesk.KeepForAsync(file.Spool, file.Name, job, TrainingBench.Person, TrainingBench.Token);

    /// <summary>A job that has failed for good, and the file of a pod that no job knows.</summary>
    private async Task<(JobId Job, SpoolEntry File)> StrangeFileAsync()
    {
        (JobId id, LedgerPod pod) = await HeldPods.LoseTwiceAsync(bench);
        bench.World.Database.Pods.Set(pod.Name, pod with { Job = new JobId(bench.World.Ids.Next()) });
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        await HeldPods.RunAsync(bench, pod.PodId!, bench.Portal.Provider);
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        return (id, Assert.Single(bench.World.Database.Spool.Rows));
    }

    private LedgerPod Row(LedgerPod pod) => bench.World.Database.Pods.Find(pod.Name)!;

    /// <returns>How many jobs' images were let go.</returns>
    private async Task<int> RemoveImagesAsync() =>
        (await bench.Portal.Images.RunOnceAsync(bench.World.Database, TrainingBench.Token)).Count(outcome => outcome.End == ItemEnd.Done);

    private async Task<JobId> FailTheUploadAsync()
    {
        bench.Store.OnPut = static target => target.Bucket == Buckets.Models ? new PutOutcome.Failed("HTTP 544") : null;
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);
        Assert.Equal(FailureCode.UploadFailed, bench.Job(id).Failure!.Code);
        return id;
    }
}
