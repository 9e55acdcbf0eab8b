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

/// <summary>E3: a trained file is never lost between the GPU and storage.</summary>
[Trait("Requirement", "E3")]
public sealed class ConductorUploadTests
{
    private const string StoreWords = "HTTP 544: the store is overloaded";

    [Fact]
    public async Task Upload_FailsAlways_IsTriedThreeTimesMoreAndThenFailsWithTheFileKept()
    {
        TrainingBench bench = WithoutStorage();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);

        Assert.Equal([2.0, 4.0, 8.0], Waits(bench));
        TrainingJob job = bench.Job(id);
        Assert.Equal(("upload_failed", "Upload to storage failed; the file is kept"), (job.Failure!.Rule.Code, job.Failure.Rule.Message));
        Assert.Equal(StoreWords, job.Failure.Detail);
        Assert.Equal(3, bench.Facts(id, TrainingEvents.StepFailed).Count);
        Assert.Equal("Upload to storage failed; the file is kept", bench.Lora(id).ErrorMessage);
        Assert.False(bench.Refunded(id));
        Assert.Equal(1, bench.UserCount);
        Assert.NotNull(bench.World.Spool.FindSealed(SpoolNames.File(id, 1)));

        await bench.RunToRestAsync(id);
        LedgerPod pod = Assert.Single(bench.Pods(id));
        Assert.Equal((PodWant.Released, FileProof.InSpool), (pod.Want, pod.Proof));
        Assert.Equal(PodStatus.Terminated, Assert.Single(bench.VendorPods).Status);
        Assert.Equal(job.Artifact!.Sha256, Assert.Single(bench.SpoolRows(id)).Sha256);
    }

    [Fact]
    public async Task Upload_FailsTwiceAndThenWorks_TheJobCompletesAndThePodIsNeededUntilThen()
    {
        TrainingBench bench = new();
        int puts = 0;
        JobId id = await bench.SubmitAsync();
        bench.Store.OnPut = target =>
        {
            if (target.Bucket != Buckets.Models || ++puts > 2)
            {
                return null;
            }

            Assert.Equal(PodWant.Needed, Assert.Single(bench.Pods(id)).Want);
            return new PutOutcome.Failed(StoreWords);
        };
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal(FileProof.InStorage, Assert.Single(bench.Pods(id)).Proof);
    }

    [Fact]
    public async Task Retry_AfterAFailedUpload_GoesOnFromTheSpoolWithoutAPodAndCompletes()
    {
        TrainingBench bench = WithoutStorage();
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);
        Usd? cost = bench.Job(id).Cost;
        bench.Store.OnPut = null;

        RetryOutcome outcome = await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token);
        Assert.Equal(TrainingState.Uploading, Assert.IsType<RetryOutcome.Accepted>(outcome).From);
        await bench.RunToRestAsync(id);

        TrainingJob job = bench.Job(id);
        Assert.Equal((TrainingState.Completed, 1, 1), (job.State, job.Attempt, job.Admission));
        Assert.Null(job.Failure);
        Assert.Equal(LoraStatus.Completed, bench.Lora(id).Status);
        Assert.Null(bench.Lora(id).ErrorMessage);
        Assert.Single(bench.VendorPods);
        Assert.Equal(1, bench.UserCount);
        Assert.Equal(cost, job.Cost);
        Assert.Equal(job.Artifact!.Sha256, Convert.ToHexStringLower(SHA256.HashData(bench.StoredFile(id)!)));
        await bench.Portal.LookAtFilesAsync(TrainingBench.Token);
        Assert.Empty(bench.SpoolRows(id));
    }

    [Fact]
    public async Task Store_KeepsOtherBytesThanItAcknowledged_IsCaughtBeforePodOrSpoolIsLetGo()
    {
        TrainingBench bench = new();
        bench.Store.Keeps = static (target, sent) =>
        {
            if (target.Bucket == Buckets.Models)
            {
                sent[^1] ^= 1;
            }

            return sent;
        };
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Facts(id, TrainingEvents.StepFailed).Count > 0, "the lie noticed");

        string kept = Convert.ToHexStringLower(SHA256.HashData(bench.StoredFile(id)!));
        Assert.NotEqual(bench.Job(id).Artifact!.Sha256, kept);
        Assert.Contains(
            $"storage holds other bytes than were sent: SHA-256 {kept}",
            bench.Facts(id, TrainingEvents.StepFailed)[0].Message, StringComparison.Ordinal);
        Assert.Equal(PodWant.Needed, Assert.Single(bench.Pods(id)).Want);
        Assert.NotEmpty(bench.SpoolRows(id));
        Assert.Null(bench.Lora(id).StoragePath);

        await bench.RunToRestAsync(id);
        Assert.Equal(FailureCode.UploadFailed, bench.Job(id).Failure!.Code);
        Assert.Equal(FileProof.InSpool, Assert.Single(bench.Pods(id)).Proof);
        Assert.NotNull(bench.World.Spool.FindSealed(SpoolNames.File(id, 1)));
    }

    [Fact]
    public async Task Store_KeepsOtherBytesOfAValidationImage_IsCaughtBeforeItsCopyInTheSpoolIsLetGo()
    {
        TrainingBench bench = new();
        bench.Store.Keeps = static (target, sent) =>
        {
            if (target.Bucket == Buckets.ValidationImages && target.Key.EndsWith("/1.jpg", StringComparison.Ordinal))
            {
                sent[^1] ^= 1;
            }

            return sent;
        };
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);

        Assert.Equal(FailureCode.UploadFailed, bench.Job(id).Failure!.Code);
        Assert.StartsWith(
            "validation image 1 could not be stored: storage holds other bytes than were sent: SHA-256 ", bench.Job(id).Failure!.Detail, StringComparison.Ordinal);
        Assert.NotNull(bench.World.Spool.FindSealed(SpoolNames.ValidationImage(id, 1, 1)));
        Assert.Empty(bench.Lora(id).ValidationImageKeys);

        bench.Store.Keeps = null;
        Assert.IsType<RetryOutcome.Accepted>(await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token));
        await bench.RunToRestAsync(id);
        Assert.Equal((TrainingState.Completed, 3), (bench.Job(id).State, bench.Lora(id).ValidationImageKeys.Count));
    }

    [Fact]
    public async Task Spool_LostItsFileWhileThePodIsStillThere_TheFileIsFetchedAgain()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Uploading);
        await bench.World.Spool.DeleteAsync(SpoolNames.File(id, 1), TrainingBench.Token);
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal(bench.Job(id).Artifact!.Sha256, Convert.ToHexStringLower(SHA256.HashData(bench.StoredFile(id)!)));
        Assert.Single(bench.VendorPods);
    }

    private static TrainingBench WithoutStorage()
    {
        TrainingBench bench = new();
        bench.Store.OnPut = static target => target.Bucket == Buckets.Models ? new PutOutcome.Failed(StoreWords) : null;
        return bench;
    }

    private static IEnumerable<double> Waits(TrainingBench bench)
    {
        List<DateTimeOffset> puts = [.. bench.Store.Puts.Where(put => put.Target.Bucket == Buckets.Models).Select(put => put.At)];
        return puts.Zip(puts.Skip(1), (earlier, later) => (later - earlier).TotalSeconds);
    }
}
