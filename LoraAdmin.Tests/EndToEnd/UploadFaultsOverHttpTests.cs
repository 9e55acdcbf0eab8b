using System.Security.Cryptography;
using System.Text.Json;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Doubles;
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
}
