using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>Two instances, each with its own disk: what becomes of the pod that is held for a file about which a person has decided.</summary>
[Trait("Requirement", "E3")]
public sealed class FilePodsTests
{
    private readonly TrainingBench bench = new();
    private readonly SimulatedPortal other;

    public FilePodsTests()
    {
        other = new SimulatedPortal(bench.World, new Mortality(_ => false), "other", bench.World.SpoolOf(2));
    }

    [Fact]
    public async Task Delete_OfAFailedUpload_EndsTheHeldPodAndTheLoraNeverComesBack()
    {
        (JobId id, SpoolEntry file) = await FailTheUploadAsync();
        Assert.Equal(PodWant.Held, bench.Pods(id)[0].Want);
        bench.Store.OnPut = null;
        await DeleteAsync(file);

        LedgerPod pod = Assert.Single(bench.Pods(id));
        Assert.Equal((PodWant.Released, PodReasons.ByPerson, FileProof.Override), (pod.Want, pod.WantReason, pod.Proof));
        Assert.Contains($"Pod {pod.PodId}, which was kept for it, ends", Assert.Single(bench.Facts(id, TrainingEvents.SpoolFileDeleted)).Message, StringComparison.Ordinal);
        await RunBothForAsync(TimeSpan.FromHours(3));
        Assert.Equal(PodSaw.Gone, Assert.Single(bench.Pods(id)).Saw);
        Assert.Empty(bench.SpoolRows(id));
        Assert.Null(bench.StoredFile(id));
        Assert.Equal(TrainingState.Failed, bench.Job(id).State);
    }

    [Fact]
    public async Task Delete_OfOneCopyOfTwo_KeepsThePod()
    {
        (JobId id, SpoolEntry file) = await FailTheUploadAsync();
        bench.World.Database.Spool.Set(("disk-2", file.Name), file with { Spool = "disk-2" });
        await DeleteAsync(file);

        Assert.Equal(PodWant.Held, Assert.Single(bench.Pods(id)).Want);
    }

    [Fact]
    public async Task Unclaimed_WhoseFileLiesOnALivingDisk_IsStartedByNobody()
    {
        (_, LedgerPod pod, _) = await StrangeFileAsync();
        bench.World.Clock.Advance(TimeSpan.FromHours(1));
        await BeatAsync();
        await other.Held.RunAsync(TrainingBench.Token);
        Assert.Equal((PodWant.Held, null), (Row(pod).Want, Row(pod).FetchUntil));

        bench.World.Clock.Advance(TimeSpan.FromHours(1));
        await BeatAsync();
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        Assert.Equal((PodWant.Held, null), (Row(pod).Want, Row(pod).FetchUntil));
        Assert.Single(bench.World.Database.Spool.Rows);
    }

    [Fact]
    public async Task Unclaimed_OnceNoOtherDiskLives_LetsItsPodGo()
    {
        (_, LedgerPod pod, _) = await StrangeFileAsync();
        bench.World.Clock.Advance(SpoolStanding.SilentAfter + TimeSpan.FromHours(1));
        await bench.Portal.Heartbeat.RunAsync(TrainingBench.Token);
        await bench.Portal.Held.RunAsync(TrainingBench.Token);

        Assert.Equal((PodWant.Released, FileProof.InSpool), (Row(pod).Want, Row(pod).Proof));
    }

    [Fact]
    public async Task Delete_OfAnUnclaimedFile_EndsItsPod()
    {
        (_, LedgerPod pod, SpoolEntry file) = await StrangeFileAsync();
        await DeleteAsync(file);

        Assert.Equal((PodWant.Released, FileProof.Override), (Row(pod).Want, Row(pod).Proof));
        await bench.Portal.Files.RunAsync(TrainingBench.Token);
        Assert.Empty(bench.World.Database.Spool.Rows);
    }

    [Fact]
    public async Task Keep_OfAnUnclaimedFile_KeepsItsPodUntilStorageHasTheFileAndNoLonger()
    {
        bench.Rules(rules => rules with { ValidationImages = 0, ValidationMustPass = 0 });
        (JobId id, LedgerPod pod, SpoolEntry file) = await StrangeFileAsync();
        Assert.Equal(
            SpoolCommandOutcome.Noted, await bench.Portal.FilesDesk.KeepForAsync(file.Spool, file.Name, id, TrainingBench.Person, TrainingBench.Token));
        await other.Held.RunAsync(TrainingBench.Token);
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        Assert.Equal((PodWant.Held, null), (Row(pod).Want, Row(pod).FetchUntil));

        Assert.IsType<RetryOutcome.Accepted>(await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token));
        await bench.RunUntilAsync(() => bench.Job(id).State.IsFinal(), "a final job");
        await bench.Portal.Files.RunAsync(TrainingBench.Token);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);

        // Nothing was reserved for the attempt that goes on from the file: no settlement would ever say what it cost.
        Assert.Equal(Usd.Zero, bench.World.Database.Attempts.Find((id, bench.Job(id).Attempt))!.Cost);
        Assert.Empty(bench.World.Database.Spool.Rows);
        Assert.Equal((PodWant.Released, FileProof.InStorage), (Row(pod).Want, Row(pod).Proof));
    }

    [Fact]
    public async Task Keep_OfAFileWhoseDiskThenDies_HoldsForTheCopyThatTheOtherInstanceFetches()
    {
        (JobId id, LedgerPod pod, SpoolEntry file) = await StrangeFileAsync();
        await bench.Portal.FilesDesk.KeepForAsync(file.Spool, file.Name, id, TrainingBench.Person, TrainingBench.Token);
        bench.World.Clock.Advance(SpoolStanding.SilentAfter + TimeSpan.FromHours(1));
        await other.Heartbeat.RunAsync(TrainingBench.Token);
        await other.Held.RunAsync(TrainingBench.Token);
        Assert.NotNull(Row(pod).FetchUntil);
        await HeldPods.RunAsync(bench, pod.PodId!, other.Provider);
        await other.Held.RunAsync(TrainingBench.Token);

        Assert.Equal([("disk-1", 3), ("disk-2", 3)], bench.SpoolRows(id).Select(row => (row.Spool, row.Attempt)).Order());
        Assert.Equal((PodWant.Released, FileProof.InSpool), (Row(pod).Want, Row(pod).Proof));
    }

    private LedgerPod Row(LedgerPod pod) => bench.World.Database.Pods.Find(pod.Name)!;

    private async Task DeleteAsync(SpoolEntry file) => Assert.Equal(
        SpoolCommandOutcome.Noted, await bench.Portal.FilesDesk.DiscardAsync(file.Spool, file.Name, "not wanted", TrainingBench.Person, TrainingBench.Token));

    private async Task BeatAsync()
    {
        await bench.Portal.Heartbeat.RunAsync(TrainingBench.Token);
        await other.Heartbeat.RunAsync(TrainingBench.Token);
    }

    private async Task RunBothForAsync(TimeSpan length)
    {
        for (DateTimeOffset end = bench.Now + length; bench.Now < end;)
        {
            await BeatAsync();
            await other.Held.RunAsync(TrainingBench.Token);
            await bench.RunForAsync(TimeSpan.FromMinutes(6));
            await bench.Portal.Uploads.RunAsync(TrainingBench.Token);
        }
    }

    private async Task<(JobId Job, SpoolEntry File)> FailTheUploadAsync()
    {
        await BeatAsync();
        bench.Store.OnPut = static target => target.Bucket == Buckets.Models ? new PutOutcome.Failed("HTTP 544") : null;
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Uploading);
        await BeatAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);
        Assert.Equal(FailureCode.UploadFailed, bench.Job(id).Failure!.Code);
        return (id, Assert.Single(bench.SpoolRows(id)));
    }

    /// <summary>A job that has failed for good; a held pod that no job knows; and its file, fetched onto the first disk while the second lives.</summary>
    private async Task<(JobId Job, LedgerPod Pod, SpoolEntry File)> StrangeFileAsync()
    {
        (JobId id, LedgerPod pod) = await HeldPods.LoseTwiceAsync(bench);
        bench.World.Database.Pods.Set(pod.Name, pod with { Job = new JobId(bench.World.Ids.Next()) });
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        await HeldPods.RunAsync(bench, pod.PodId!, bench.Portal.Provider);
        await BeatAsync();
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        Assert.Equal(PodWant.Held, Row(pod).Want);
        return (id, Row(pod), Assert.Single(bench.World.Database.Spool.Rows));
    }
}
