using System.Text.Json;
using LoraAdmin.Platform.LocalCloud;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>Broken training images as the whole portal meets them, in real time and through its own API.</summary>
public sealed class ImageFaultsOverHttpTests
{
    [Fact]
    [Trait("Requirement", "E2")]
    [Trait("Fault", FaultKind.ImageCorrupt)]
    public async Task Image_IsCorrupt_IsFetchedThreeTimesMoreAndEndsWithRefundAndWords()
    {
        await using FaultRun run = await FaultRun.StartAsync();
        await run.Cloud.FaultAsync(FaultKind.ImageCorrupt);
        string job = await run.SubmitKeysAsync();
        JsonElement ended = await run.EndedAsync(job);

        FaultRun.AreSecondsApart(run.Cloud.ImageReadings, 2, 4, 8);
        await run.IsToldAsFailedAsync(ended, "invalid_training_images", "Invalid training images");
        Assert.StartsWith("image 1: ", ended.GetProperty("failure").GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(4, await run.Portal.Database.NumberAsync(
            $"SELECT COUNT(*) FROM error_events WHERE code = 'invalid_training_images' AND failed_part = 'training.images' AND lower(CAST(job_id AS TEXT)) = '{job}'"));
        Assert.Equal(["preparing", "invalid_training_images"], await run.StatesAsync(job));
        Assert.Empty(await run.Cloud.TruthAsync());
    }

    [Fact]
    [Trait("Requirement", "E2")]
    [Trait("Fault", FaultKind.ImageCorruptOnce)]
    public async Task Image_IsCorruptOnce_IsFetchedAgainAndTheTrainingGoesOn()
    {
        await using FaultRun run = await FaultRun.StartAsync();
        await run.Cloud.FaultAsync(FaultKind.ImageCorruptOnce);
        JsonElement ended = await run.EndedAsync(await run.SubmitKeysAsync());

        Assert.Equal("completed", ended.GetProperty("state").GetString());

        // Looked at twice, and read once more on its way to the pod.
        Assert.Equal(3, run.Cloud.ImageReadings.Count);
        Assert.InRange(
            (run.Cloud.ImageReadings[1].At - run.Cloud.ImageReadings[0].At).TotalSeconds, 2, 2 + FaultRun.Late.TotalSeconds);
    }
}
