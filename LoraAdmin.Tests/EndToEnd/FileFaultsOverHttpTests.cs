using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.DependencyInjection;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>Failures of images, files and storage as the whole portal meets them, in real time and through its own API.</summary>
public sealed class FileFaultsOverHttpTests
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

        FaultRun.AreTwoFourAndEightSecondsApart(run.Cloud.ImageReadings);
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

    [Fact]
    [Trait("Requirement", "E3")]
    [Trait("Requirement", "J2")]
    [Trait("Fault", FaultKind.StorePutFails)]
    public async Task Upload_FailsFourTimes_KeepsTheFileWithoutThePodUntilAPersonHasItUploaded()
    {
        await using FaultRun run = await FaultRun.StartAsync();
        await run.Portal.Database.ExecuteAsync("CREATE TABLE test_seen (status TEXT)");
        await run.Portal.Database.ExecuteAsync("""
            CREATE TRIGGER test_see AFTER UPDATE ON lora_models WHEN NEW.status <> OLD.status
            BEGIN INSERT INTO test_seen VALUES (NEW.status); END
            """);
        await run.Cloud.FaultAsync(FaultKind.StorePutFails, count: 4, match: "lora-models/");
        string job = await run.SubmitAsync();
        JsonElement ended = await run.EndedAsync(job);

        FaultRun.AreTwoFourAndEightSecondsApart(run.Cloud.ModelPuts);
        await run.IsToldAsFailedAsync(ended, "upload_failed", "Upload to storage failed; the file is kept", refunded: false);
        Assert.Equal("The store answered 503 Service Unavailable.", ended.GetProperty("failure").GetProperty("detail").GetString());
        await run.PodsAreGoneAsync(job);
        string name = SpoolNames.File(new JobId(Guid.Parse(job)), 1);
        string path = Path.Combine(run.Portal.DataPath, "spool", name);
        string kept = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(path)));
        Assert.Equal(kept, await run.Portal.Database.TextAsync($"SELECT sha256 FROM spool_files WHERE name = '{name}'"));
        Assert.Equal("in_spool", await run.Portal.Database.TextAsync("SELECT file_proof FROM pod_ledger"));

        string disk = await run.Portal.Database.TextAsync("SELECT spool_id FROM spool_files");
        Assert.Equal(
            SpoolCommandOutcome.Noted,
            await run.Portal.Services.GetRequiredService<ISpoolDesk>().UploadNowAsync(disk, name, new Actor(ActorKind.Person, "ada"), CancellationToken.None));
        await Eventually.TrueAsync(
            async () => (await run.JobAsync(job)).GetProperty("state").GetString() == "completed", "the kept file in storage and validated", FaultRun.Patience);

        Assert.Equal("failed,validating,completed", await run.Portal.Database.TextAsync("SELECT group_concat(status, ',') FROM test_seen"));
        JsonElement done = await run.JobAsync(job);
        Assert.Equal(kept, done.GetProperty("file").GetProperty("sha256").GetString());
        Assert.Equal(kept, await run.Api.FileSha256Async(done.GetProperty("lora_id").GetString()!));
        Assert.Equal(JsonValueKind.Null, done.GetProperty("failure").ValueKind);
        Assert.Equal(JsonValueKind.Null, (await run.LoraAsync(done)).GetProperty("error_message").ValueKind);
        await Eventually.TrueAsync(() => !File.Exists(path), "the file's end in the spool", FaultRun.Patience);
        await Eventually.TrueAsync(async () => await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM spool_files") == 0, "its row's end", FaultRun.Patience);
        Assert.Single(await run.Cloud.TruthAsync());
        Assert.Equal(1, await run.Portal.Database.NumberAsync("SELECT loras_created_this_month FROM user_training_limits"));
    }

    [Fact]
    [Trait("Requirement", "E5")]
    [Trait("Fault", FaultKind.ValidationFails)]
    public async Task Validation_Fails_EndsWithRefundAndTellsOfEachImageWhyWithALink()
    {
        await using FaultRun run = await FaultRun.StartAsync();
        await run.Cloud.FaultAsync(FaultKind.ValidationFails);
        string job = await run.SubmitAsync();
        JsonElement ended = await run.EndedAsync(job);

        await run.IsToldAsFailedAsync(ended, "quality_validation_failed", "Quality validation failed");
        string detail = ended.GetProperty("failure").GetProperty("detail").GetString()!;
        Assert.StartsWith("0 of 3 validation images passed, 2 must. ", detail, StringComparison.Ordinal);
        JsonElement[] images = [.. (await run.LoraAsync(ended)).GetProperty("validation_images").EnumerateArray()];
        Assert.Equal([0, 1, 2], images.Select(image => image.GetProperty("index").GetInt32()));
        foreach (JsonElement image in images)
        {
            Assert.False(image.GetProperty("passed").GetBoolean());
            Assert.InRange(image.GetProperty("score").GetDouble(), 0.0, 0.5999);
            string reason = image.GetProperty("reason").GetString()!;
            Assert.Matches(@"^score 0\.[0-9]{2} is below 0\.60$", reason);
            Assert.Contains($"Image {image.GetProperty("index").GetInt32()}: {reason}", detail, StringComparison.Ordinal);
            using HttpResponseMessage picture = await run.Portal.Anonymous.GetAsync(new Uri(image.GetProperty("link").GetProperty("url").GetString()!, UriKind.RelativeOrAbsolute));
            Assert.Equal((HttpStatusCode.OK, "image/jpeg"), (picture.StatusCode, picture.Content.Headers.ContentType?.MediaType));
            Assert.Equal([0xFF, 0xD8], (await picture.Content.ReadAsByteArrayAsync())[..2]);
        }

        Assert.Equal(1, await run.Portal.Database.NumberAsync(
            $"SELECT COUNT(*) FROM error_events WHERE code = 'quality_validation_failed' AND failed_part = 'training.validate' AND lower(CAST(job_id AS TEXT)) = '{job}'"));
    }
}
