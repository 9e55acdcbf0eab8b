using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>What happens to a held pod's file while it is fetched: people act, images are not made yet, the agent changes its mind.</summary>
[Trait("Requirement", "E3")]
public sealed class HeldRaceTests
{
    private readonly TrainingBench bench = new();

    [Fact]
    public async Task Retry_WhileTheFileIsFetched_LeavesItToTheJobsOwnStep()
    {
        (JobId id, LedgerPod pod) = await RunningAsync();
        bench.World.Spool.OnAppend = _ =>
        {
            bench.World.Spool.OnAppend = null;
            Assert.IsType<RetryOutcome.Accepted>(bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token).GetAwaiter().GetResult());
            return null;
        };
        await bench.Portal.Held.RunAsync(TrainingBench.Token);

        Assert.Equal((TrainingState.Retrieving, PodWant.Held), (bench.Job(id).State, Row(pod).Want));
        Assert.Empty(bench.SpoolRows(id));
        Assert.Null(bench.World.Spool.FindSealed(SpoolNames.File(id, pod.Attempt)));
        bench.PodLoopRuns = true;
        await bench.RunToRestAsync(id);
        Assert.Equal((TrainingState.Completed, pod.Attempt), (bench.Job(id).State, bench.Job(id).Attempt));
    }

    [Fact]
    public async Task Person_EndsThePodWhileItsFileIsFetched_NothingIsKept()
    {
        (JobId id, LedgerPod pod) = await RunningAsync();
        string name = SpoolNames.File(id, pod.Attempt);
        bench.World.Spool.OnOpen = _ =>
        {
            bench.World.Database.Pods.Set(pod.Name, Row(pod) with { Want = PodWant.Released, Proof = FileProof.Override });
            return null;
        };
        await bench.Portal.Held.RunAsync(TrainingBench.Token);

        Assert.Empty(bench.SpoolRows(id));
        Assert.DoesNotContain(name, bench.World.Spool.Names);
    }

    [Fact]
    [Trait("Requirement", "E5")]
    public async Task File_IsReadyWhileItsImagesAreStillMade_ThePodIsKeptForThem()
    {
        (JobId id, LedgerPod pod) = await RunningAsync();
        MakesImagesFromNow(pod);
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        Assert.Single(bench.SpoolRows(id));
        Assert.Equal(PodWant.Held, Row(pod).Want);

        bench.World.Clock.Advance(TimeSpan.FromMinutes(3));
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        Assert.Equal((PodWant.Released, FileProof.InSpool), (Row(pod).Want, Row(pod).Proof));
        await AssertRetryCompletesAsync(id, pod);
    }

    [Fact]
    [Trait("Requirement", "E5")]
    public async Task Retry_OfAFileWhoseImagesAreStillMade_GoesOnFromThePodAndDoesNotCallItBad()
    {
        (JobId id, LedgerPod pod) = await RunningAsync();
        MakesImagesFromNow(pod);
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        Assert.Single(bench.SpoolRows(id));

        Assert.Equal(
            TrainingState.Retrieving, Assert.IsType<RetryOutcome.Accepted>(await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token)).From);
        bench.PodLoopRuns = true;
        await bench.RunToRestAsync(id);
        Assert.Equal((TrainingState.Completed, pod.Attempt, 3), (bench.Job(id).State, bench.Job(id).Attempt, Images(id, pod).Count()));
    }

    [Fact]
    [Trait("Requirement", "E5")]
    public async Task Image_CanNotBeFetchedAtFirst_IsFetchedByTheNextLook()
    {
        (JobId id, LedgerPod pod) = await RunningAsync();
        bench.World.Spool.OnAppend = static name => name.EndsWith("-2.jpg", StringComparison.Ordinal) ? new SpoolOutcome.Failed("The disk is busy.") : null;
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        Assert.Equal((1, 2, PodWant.Held), (bench.SpoolRows(id).Count, Images(id, pod).Count(), Row(pod).Want));

        bench.World.Spool.OnAppend = null;
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        Assert.Equal((PodWant.Released, FileProof.InSpool), (Row(pod).Want, Row(pod).Proof));
        await AssertRetryCompletesAsync(id, pod);
    }

    [Fact]
    public async Task Images_ThatNeverCome_KeepThePodForTwoHoursAndNoLonger()
    {
        (JobId id, LedgerPod pod) = await RunningAsync();
        bench.World.Spool.OnAppend = static name => name.EndsWith(".jpg", StringComparison.Ordinal) ? new SpoolOutcome.Failed("The disk is busy.") : null;
        DateTimeOffset since = bench.Now;
        bench.PodLoopRuns = true;
        await bench.RunUntilAsync(() => Row(pod).Want == PodWant.Released, "a pod that is let go");

        Assert.InRange(bench.Now - since, HeldFiles.ImagesWithin, HeldFiles.ImagesWithin + TimeSpan.FromMinutes(2));
        Assert.Equal(FileProof.InSpool, Row(pod).Proof);
        Assert.Single(bench.SpoolRows(id));
    }

    [Fact]
    public async Task Agent_AnnouncesAnotherFileThanTheProvenOne_TheProvenOneStays()
    {
        SimulatedPortal other = new(bench.World, new Mortality(_ => false), "other", bench.World.SpoolOf(2));
        await other.Heartbeat.RunAsync(TrainingBench.Token);
        bench.Store.OnPut = static target => target.Bucket == Buckets.Models ? new PutOutcome.Failed("HTTP 544") : null;
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);
        LedgerPod pod = Assert.Single(bench.Pods(id));
        Assert.Equal(PodWant.Held, pod.Want);
        await HeldPods.RunAsync(bench, pod.PodId!, bench.Portal.Provider);
        await other.Heartbeat.RunAsync(TrainingBench.Token);
        Vendor(pod).Agent.ArtifactSha256 = new string('f', 64);
        bench.World.Database.Pods.Set(pod.Name, Row(pod) with { FetchUntil = bench.Now + TimeSpan.FromMinutes(15) });
        await bench.Portal.Held.RunAsync(TrainingBench.Token);

        Assert.Equal((PodWant.Held, null), (Row(pod).Want, Row(pod).FetchUntil));
        Assert.NotNull(bench.World.Spool.FindSealed(SpoolNames.File(id, 1)));
        Assert.Single(bench.SpoolRows(id));
    }

    private LedgerPod Row(LedgerPod pod) => bench.World.Database.Pods.Find(pod.Name)!;

    private PodRecord Vendor(LedgerPod pod) => bench.VendorPods.Single(one => one.Id == pod.PodId);

    private void MakesImagesFromNow(LedgerPod pod)
    {
        AgentRecord agent = Vendor(pod).Agent;
        agent.ValidationEnded = false;
        agent.ValidatedBefore = TimeSpan.Zero;
        agent.WorkingSince = bench.Now;
    }

    private IEnumerable<ValidationImage> Images(JobId id, LedgerPod pod) =>
        bench.World.Database.ValidationImages.Find(bench.Job(id).LoraId)!.Items.Where(image => image.Attempt == pod.Attempt);

    /// <summary>A failed job whose last pod is held, and runs so that its file can be fetched.</summary>
    private async Task<(JobId Job, LedgerPod Pod)> RunningAsync()
    {
        (JobId id, LedgerPod pod) = await HeldPods.LoseTwiceAsync(bench);
        bench.World.Database.Pods.Set(
            pod.Name, Row(pod) with { FetchUntil = bench.Now + TimeSpan.FromMinutes(15), NextFetchAt = bench.Now + TimeSpan.FromHours(1) });
        await HeldPods.RunAsync(bench, pod.PodId!, bench.Portal.Provider);
        return (id, pod);
    }

    private async Task AssertRetryCompletesAsync(JobId id, LedgerPod pod)
    {
        Assert.Equal(3, Images(id, pod).Count());
        int pods = bench.VendorPods.Count;
        Assert.IsType<RetryOutcome.Accepted>(await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token));
        bench.PodLoopRuns = true;
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal(pods, bench.VendorPods.Count);
    }
}
