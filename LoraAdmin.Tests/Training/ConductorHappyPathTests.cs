using System.Security.Cryptography;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

public sealed class ConductorHappyPathTests
{
    [Fact]
    [Trait("Requirement", "E1")]
    public async Task Job_NothingFails_PassesEachStateInOrderAndRests()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();

        List<TrainingState> passed = [];
        await bench.RunUntilAsync(
            () =>
            {
                if (passed.LastOrDefault() != bench.Job(id).State || passed.Count == 0)
                {
                    passed.Add(bench.Job(id).State);
                }

                return bench.Job(id).State.IsFinal();
            },
            "a final job");

        Assert.Equal(
            [
                TrainingState.Queued, TrainingState.Preparing, TrainingState.Provisioning, TrainingState.Training, TrainingState.Retrieving,
                TrainingState.Uploading, TrainingState.Validating, TrainingState.Completed,
            ],
            passed);
    }

    [Fact]
    public async Task Job_Completed_StoresTheVeryFileThatTheAgentAnnounced()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Completed);

        PodRecord pod = Assert.Single(bench.VendorPods);
        string announced = bench.World.Cloud.World.ArtifactSha256(pod);
        Assert.Equal(announced, Convert.ToHexStringLower(SHA256.HashData(bench.StoredFile(id)!)));
        Assert.Equal(announced, bench.Lora(id).FileSha256);
        Assert.Equal(bench.StoredFile(id)!.Length, bench.Lora(id).FileSizeBytes);
        Assert.Equal($"{TrainingBench.User}/{bench.Job(id).LoraId}/model.safetensors", bench.Lora(id).StoragePath);
        Assert.Equal(LoraStatus.Completed, bench.Lora(id).Status);
    }

    [Fact]
    public async Task Job_AtRest_HasOnePodGoneItsMoneySettledAndNothingInTheSpool()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);

        LedgerPod pod = Assert.Single(bench.Pods(id));
        Assert.Equal((PodWant.Released, FileProof.InStorage, PodReasons.FileStored), (pod.Want, pod.Proof, pod.WantReason));
        Assert.Equal(PodStatus.Terminated, Assert.Single(bench.VendorPods).Status);
        Assert.Empty(bench.SpoolRows(id));
        Assert.IsType<SpoolReading<SpoolFile>.Absent>(await bench.World.Spool.FindAsync(SpoolNames.File(id, 1), TrainingBench.Token));
        Assert.Equal(CleanupWords.Done, bench.Job(id).CleanupStatus);
        Assert.False(bench.Refunded(id));
        Assert.Equal(1, bench.UserCount);
        Assert.Equal(Usd.Zero, bench.Month.Reserved);
        Assert.Equal(bench.Job(id).Cost, bench.Month.Spent);
        new Invariants(bench.World).CheckAtRest();
    }

    [Fact]
    [Trait("Requirement", "E5")]
    public async Task Job_Completed_KeepsThreeValidationImagesWithTheirVerdicts()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Completed);

        IReadOnlyList<ValidationImage> images = bench.World.Database.ValidationImages.Find(bench.Job(id).LoraId)!.Items;
        Assert.Equal(3, images.Count);
        Assert.All(images, image =>
        {
            Assert.True(image.Passed);
            Assert.Equal(FormattableString.Invariant($"score {image.Score:0.00} reaches 0.60"), image.Reason);
            Assert.Equal($"{TrainingBench.User}/{bench.Job(id).LoraId}/validation/{image.Index}.jpg", image.Key);
        });
    }
}
