using System.Security.Cryptography;
using System.Text.Json;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Processes;
using Microsoft.Extensions.DependencyInjection;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>Storage that refuses the trained file as the whole portal meets it, in real time and through its own API.</summary>
public sealed class UploadFaultsOverHttpTests
{
    [Fact]
    [Trait("Requirement", "E3")]
    [Trait("Requirement", "J2")]
    [Trait("Fault", FaultKind.StorePutFails)]
    public async Task Upload_FailsFourTimes_KeepsTheFileWithoutThePodUntilAPersonHasItUploaded()
    {
        await FullHour.IsFarAsync();
        await using FaultRun run = await FaultRun.StartAsync();
        await run.Portal.Database.ExecuteAsync("CREATE TABLE test_seen (status TEXT)");
        await run.Portal.Database.ExecuteAsync("""
            CREATE TRIGGER test_see AFTER UPDATE ON lora_models WHEN NEW.status <> OLD.status
            BEGIN INSERT INTO test_seen VALUES (NEW.status); END
            """);
        await run.Cloud.FaultAsync(FaultKind.StorePutFails, count: 4, match: "lora-models/");
        string job = await run.SubmitAsync();
        JsonElement ended = await run.EndedAsync(job);

        FaultRun.AreSecondsApart(run.Cloud.ModelPuts, 2, 4, 8);
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

    /// <summary>An hour passes by setting back when the file is due: the portal's own loop does the rest.</summary>
    [Fact]
    [Trait("Run", "Long")]
    [Trait("Requirement", "J2")]
    [Trait("Requirement", "M10")]
    public async Task HourlyUploads_FailThreeTimes_AlertAndThenBringTheFileToStorageAllTheSame()
    {
        await using FaultRun run = await FaultRun.StartAsync();
        PortalDatabase database = run.Portal.Database;
        await run.Cloud.FaultAsync(FaultKind.StorePutFails, count: 7, match: "lora-models/");
        string job = await run.SubmitAsync();
        await run.EndedAsync(job);
        const string open = "SELECT COUNT(*) FROM incidents WHERE rule = 'training.upload_given_up' AND resolved_at IS NULL";
        for (int runs = 1; runs <= 3; runs++)
        {
            Assert.Equal(0, await database.NumberAsync(open));
            await database.ExecuteAsync("UPDATE spool_files SET due_at = 1");
            await Eventually.TrueAsync(async () => await database.NumberAsync("SELECT failed_runs FROM spool_files") == runs, $"failed run {runs}", FaultRun.Patience);
            Assert.InRange(
                await database.NumberAsync("SELECT due_at - last_tried_at FROM spool_files"), (long)TimeSpan.FromHours(1).TotalMilliseconds, (long)TimeSpan.FromHours(1).TotalMilliseconds);
        }

        await Eventually.TrueAsync(async () => await database.NumberAsync(open) == 1, "the alert", FaultRun.Patience);
        Assert.Equal(
            "The trained file of \"Mara\" waits in the spool: 3 uploads in a row failed, the last one because The store answered 503 Service Unavailable.",
            await database.TextAsync("SELECT text FROM incidents WHERE rule = 'training.upload_given_up'"));
        Assert.Equal("error", await database.TextAsync("SELECT severity FROM incidents WHERE rule = 'training.upload_given_up'"));

        await database.ExecuteAsync("UPDATE spool_files SET due_at = 1");
        await Eventually.TrueAsync(async () => (await run.JobAsync(job)).GetProperty("state").GetString() == "completed", "the file in storage", FaultRun.Patience);
        await Eventually.TrueAsync(async () => await database.NumberAsync(open) == 0, "the alert's end", FaultRun.Patience);
        Assert.Single(await run.Cloud.TruthAsync());
    }
}
