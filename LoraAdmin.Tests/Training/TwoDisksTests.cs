using System.Security.Cryptography;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using LoraAdmin.Tests.Simulation.Memory;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>Several instances without a shared spool: a file on one disk is safe only as long as that disk's instance lives.</summary>
[Trait("Requirement", "E3")]
public sealed class TwoDisksTests
{
    private readonly TrainingBench bench = new();
    private readonly SimulatedPortal other;

    public TwoDisksTests()
    {
        other = new SimulatedPortal(bench.World, new Mortality(_ => false), "other", bench.World.SpoolOf(2));
    }

    [Fact]
    public async Task Upload_FailsWhileAnotherInstanceLives_ThePodIsHeldAndNotEnded()
    {
        await other.Heartbeat.RunAsync(TrainingBench.Token);
        JobId id = await FailTheUploadAsync();

        LedgerPod pod = Assert.Single(bench.Pods(id));
        Assert.Equal((PodWant.Held, FileProof.None), (pod.Want, pod.Proof));
        await bench.RunForAsync(TimeSpan.FromMinutes(5));
        Assert.Equal(PodStatus.Exited, Assert.Single(bench.VendorPods).Status);
    }

    [Fact]
    public async Task Upload_FailsWhileAnotherInstanceComes_ThePodIsHeldAndNotEnded()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Uploading);
        bench.Store.OnPut = target =>
        {
            // In memory it completes at once.
            other.Heartbeat.RunAsync(TrainingBench.Token).GetAwaiter().GetResult();
            return target.Bucket == Buckets.Models ? new PutOutcome.Failed("HTTP 544") : null;
        };
        bench.Rules(rules => rules with { UploadRetries = 0 });
        await bench.StepAsync();

        Assert.Equal(FailureCode.UploadFailed, bench.Job(id).Failure!.Code);
        Assert.Equal((PodWant.Held, FileProof.None), (bench.Pods(id)[0].Want, bench.Pods(id)[0].Proof));
    }

    [Fact]
    public async Task Proof_OfASpoolFileWhileAnotherDiskLives_IsNone()
    {
        await other.Heartbeat.RunAsync(TrainingBench.Token);
        JobId id = await FailTheUploadAsync();
        LedgerPod pod = Assert.Single(bench.Pods(id));
        bench.Faults.Add(FaultKind.AgentUnreachable, seconds: 86_400);

        Assert.Equal(FileProof.None, await bench.Portal.Proofs.FindAsync(id, 1, pod.Name, pod.PodId!, TrainingBench.Token));
        Assert.Equal(FileProof.None, await other.Proofs.FindAsync(id, 1, pod.Name, pod.PodId!, TrainingBench.Token));
    }

    [Fact]
    public async Task Proof_OfAFileOnTheDiskOfAnotherInstance_IsNoneForWhoeverHasAnotherDisk()
    {
        JobId id = await FailTheUploadAsync();
        LedgerPod pod = Assert.Single(bench.Pods(id));
        bench.Faults.Add(FaultKind.AgentUnreachable, seconds: 86_400);

        Assert.Equal(FileProof.InSpool, await bench.Portal.Proofs.FindAsync(id, 1, pod.Name, pod.PodId!, TrainingBench.Token));
        Assert.Equal(FileProof.None, await other.Proofs.FindAsync(id, 1, pod.Name, pod.PodId!, TrainingBench.Token));
    }

    [Fact]
    public async Task Proof_OfARowWhoseFileSomebodyRemoved_IsNone()
    {
        JobId id = await FailTheUploadAsync();
        LedgerPod pod = Assert.Single(bench.Pods(id));
        bench.Faults.Add(FaultKind.AgentUnreachable, seconds: 86_400);
        await bench.World.Spool.DeleteAsync(SpoolNames.File(id, 1), TrainingBench.Token);

        Assert.Equal(FileProof.None, await bench.Portal.Proofs.FindAsync(id, 1, pod.Name, pod.PodId!, TrainingBench.Token));
    }

    [Fact]
    public async Task Lease_OfAJobWhoseFileLiesOnALivingDisk_IsLeftToThatDisk()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Uploading);
        await bench.Portal.Heartbeat.RunAsync(TrainingBench.Token);

        Assert.Empty(await other.Conductor.LeaseDueAsync(8, TrainingBench.Token));
        Assert.Null(await other.Conductor.NextDueAsync(TrainingBench.Token));
        Assert.Single(await bench.Portal.Conductor.LeaseDueAsync(8, TrainingBench.Token));
    }

    [Fact]
    public async Task Instance_WithTheFileDiesForGood_TheOtherFetchesItFromThePodAndCompletes()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Uploading);
        await bench.Portal.Heartbeat.RunAsync(TrainingBench.Token);
        bench.World.Clock.Advance(SpoolStanding.TakeOverAfter + TimeSpan.FromSeconds(1));
        await StepOtherUntilAsync(() => bench.Job(id).State.IsFinal());

        Assert.Equal((TrainingState.Completed, 1), (bench.Job(id).State, bench.Job(id).Attempt));
        Assert.Equal(bench.Job(id).Artifact!.Sha256, Convert.ToHexStringLower(SHA256.HashData(bench.StoredFile(id)!)));
        Assert.Single(bench.VendorPods);
    }

    [Fact]
    public async Task Instance_WithAFailedUploadDiesForGood_TheFileIsFetchedFromTheHeldPodByTheOther()
    {
        await other.Heartbeat.RunAsync(TrainingBench.Token);
        JobId id = await FailTheUploadAsync();
        LedgerPod held = Assert.Single(bench.Pods(id));

        // While the disk with the file lives, the pod stays stopped: the file waits there for its upload.
        await other.Held.RunAsync(TrainingBench.Token);
        Assert.Null(Assert.Single(bench.Pods(id)).FetchUntil);

        bench.World.Clock.Advance(SpoolStanding.SilentAfter + TimeSpan.FromMinutes(1));
        await other.Heartbeat.RunAsync(TrainingBench.Token);
        await other.Held.RunAsync(TrainingBench.Token);
        Assert.Equal(bench.Now + TimeSpan.FromMinutes(15), Assert.Single(bench.Pods(id)).FetchUntil);
        await HeldPods.RunAsync(bench, held.PodId!, other.Provider);
        await other.Held.RunAsync(TrainingBench.Token);

        LedgerPod pod = Assert.Single(bench.Pods(id));
        Assert.Equal((PodWant.Released, FileProof.InSpool), (pod.Want, pod.Proof));
        Assert.NotNull(bench.World.SpoolOf(2).FindSealed(SpoolNames.File(id, 1)));
        Assert.Equal(["disk-2", "disk-1"], bench.SpoolRows(id).OrderByDescending(entry => entry.VerifiedAt).Select(entry => entry.Spool));

        bench.Store.OnPut = null;
        Assert.Equal(1, await other.Uploads.RunAsync(TrainingBench.Token));
        await StepOtherUntilAsync(() => bench.Job(id).State.IsFinal());
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal(bench.Job(id).Artifact!.Sha256, Convert.ToHexStringLower(SHA256.HashData(bench.StoredFile(id)!)));
        Assert.Equal(3, bench.Lora(id).ValidationImageKeys.Count);
    }

    [Fact]
    public async Task Disk_WithAFileIsSilentForAnHour_IsToldOnceAndOverWhenItIsBack()
    {
        await bench.Portal.Heartbeat.RunAsync(TrainingBench.Token);
        JobId id = await FailTheUploadAsync();
        await bench.Portal.Heartbeat.RunAsync(TrainingBench.Token);
        bench.World.Clock.Advance(TimeSpan.FromMinutes(59));
        await other.Heartbeat.RunAsync(TrainingBench.Token);
        Assert.Empty(Signals());
        bench.World.Clock.Advance(TimeSpan.FromMinutes(2));
        await other.Heartbeat.RunAsync(TrainingBench.Token);
        await other.Heartbeat.RunAsync(TrainingBench.Token);

        Assert.Equal(("disk-1", false), Assert.Single(Signals()));
        await bench.Portal.Heartbeat.RunAsync(TrainingBench.Token);
        Assert.Equal([("disk-1", false), ("disk-1", true)], Signals());
        Assert.NotEmpty(bench.SpoolRows(id));
    }

    [Fact]
    public async Task Disk_WhoseInstanceHasAnotherOneNow_IsToldAndOverWhenItsFilesAreGone()
    {
        JobId id = await FailTheUploadAsync();
        await bench.Portal.Heartbeat.RunAsync(TrainingBench.Token);
        await Beat("disk-2").RunAsync(TrainingBench.Token);
        Assert.Empty(Signals());
        bench.World.Clock.Advance(TimeSpan.FromMinutes(1));
        await Beat("disk-2").RunAsync(TrainingBench.Token);
        await Beat("disk-2").RunAsync(TrainingBench.Token);
        Assert.Equal(("disk-1", false), Assert.Single(Signals()));

        bench.World.Database.Spool.Set(("disk-1", SpoolNames.File(id, 1)), null);
        await Beat("disk-2").RunAsync(TrainingBench.Token);
        Assert.Equal([("disk-1", false), ("disk-1", true)], Signals());
        bench.World.Clock.Advance(TimeSpan.FromDays(8));
        await Beat("disk-2").RunAsync(TrainingBench.Token);
        Assert.Equal("disk-2", Assert.Single(bench.World.Database.SpoolInstances.Rows).Spool);

        SpoolHeartbeat Beat(string disk) => new(bench.World.Database, new MemorySpool(disk), bench.World.Clock, "instance of disk-1", "disk-1");
    }

    [Fact]
    public async Task Disk_ThatNoInstanceWasEverNotedWith_IsToldOnce()
    {
        await FailTheUploadAsync();
        bench.World.Database.SpoolInstances.Set(("instance of disk-1", "disk-1"), null);
        await other.Heartbeat.RunAsync(TrainingBench.Token);
        await other.Heartbeat.RunAsync(TrainingBench.Token);

        Assert.Equal(("disk-1", false), Assert.Single(Signals()));
    }

    private IEnumerable<(string Subject, bool Over)> Signals() => bench.World.Database.Events
        .SelectMany(fact => fact.Signals).Where(signal => signal.Rule == SpoolIncidents.Silent).Select(signal => (signal.Subject, signal.Over));

    private async Task<JobId> FailTheUploadAsync()
    {
        bench.PodLoopRuns = true;
        bench.Store.OnPut = static target => target.Bucket == Buckets.Models ? new PutOutcome.Failed("HTTP 544") : null;
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);
        Assert.Equal(FailureCode.UploadFailed, bench.Job(id).Failure!.Code);
        return id;
    }

    private async Task StepOtherUntilAsync(Func<bool> holds)
    {
        DateTimeOffset end = bench.Now + TimeSpan.FromHours(2);
        while (!holds())
        {
            Assert.True(bench.Now < end, $"{bench.World.Database.Jobs.Rows.Single().State} {bench.World.Database.Jobs.Rows.Single().WaitReason}");
            foreach (LeasedJob leased in await other.Conductor.LeaseDueAsync(1, TrainingBench.Token))
            {
                await other.Conductor.StepAsync(leased, TrainingBench.Token);
            }

            DateTimeOffset? due = await other.Conductor.NextDueAsync(TrainingBench.Token);
            if (due > bench.Now)
            {
                bench.World.Clock.SetUtcNow(due.Value);
            }
        }
    }
}
