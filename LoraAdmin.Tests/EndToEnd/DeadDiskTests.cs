using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.Storage;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>Two portals on one PostgreSQL, each with a spool of its own; the one with the file dies, and its disk with it.</summary>
[Trait("Run", "Long")]
[Trait("Requirement", "E3")]
public sealed class DeadDiskTests
{
    private const string User = "6b1f7f3e-64d8-4f0c-9a51-3f0c2f1d7a10";

    private static readonly TimeSpan Soon = TimeSpan.FromMinutes(2);

    /// <summary>The dead one's leases run out first: five minutes for the files of held pods, three for the pod loop.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(12);

    [Fact]
    public async Task Portal_WithTheFileOfAFailedUploadDiesForGood_TheOtherFetchesItFromTheHeldPodAndStoresIt()
    {
        using TemporaryFolder folder = new();
        await using LocalCloudProcess cloud = await LocalCloudProcess.StartAsync(folder.Under("cloud"), new Dictionary<string, string>
        {
            ["Speed"] = "1",
            ["Boot"] = "00:00:01",
            ["Pull"] = "00:00:01",
            ["Training"] = "00:00:40",
            ["Validation"] = "00:00:01.5",
            ["ValidationPixels"] = "64",
        });
        string postgres = await PostgresServer.NewDatabaseAsync();
        PortalDatabase database = PortalDatabase.Postgres(postgres);
        Dictionary<string, string> settings = new(cloud.PortalSettings)
        {
            ["Training:PollEvery"] = "00:00:00.2",
            ["RunPod:CallTimeout"] = "00:00:05",
            ["ConnectionStrings:Database"] = postgres,
        };

        // Only the first has the training images: the second comes when they are with the pod.
        await using PortalProcess first = await PortalProcess.StartAsync(folder.Under("first"), settings);
        string job = await first.Api.SubmitAsync(User, "Mara", [SampleImages.Jpeg()]);
        await first.Api.ReachesAsync(job, "training", Soon);
        await Until.TrueAsync(
            "Training has begun", async () => await database.NumberAsync("SELECT COUNT(*) FROM training_progress WHERE step > 0") == 1, Soon);
        await using PortalProcess second = await PortalProcess.StartAsync(folder.Under("second"), settings);
        await Until.TrueAsync("Both disks are known", async () => await database.NumberAsync("SELECT COUNT(DISTINCT spool_id) FROM spool_instances") == 2, Soon);
        await cloud.FaultAsync("store_put_fails", count: 4);
        await second.Api.ReachesAsync(job, "failed", Soon);
        Assert.Equal("held", await database.TextAsync("SELECT want FROM pod_ledger"));

        string disk = await database.TextAsync("SELECT spool_id FROM spool_files");
        (PortalProcess dead, PortalProcess alive) = await DiskOf(first) == disk ? (first, second) : (second, first);
        Assert.Equal(disk, await DiskOf(dead));
        await dead.KillAsync();
        Directory.Delete(dead.DataPath, recursive: true);

        // Two hours later, as far as the survivors can tell.
        await database.ExecuteAsync($"UPDATE spool_instances SET last_seen_at = last_seen_at - 7200000 WHERE spool_id = '{disk}'");
        SeenJob? done = null;
        await Until.TrueAsync(
            "The survivor has stored the file",
            async () => (done = await alive.Api.JobAsync(job)).State == "completed",
            Patience,
            () => $"{done} {alive.Output}",
            TimeSpan.FromSeconds(1));

        Assert.Equal(done!.Sha256, await alive.Api.FileSha256Async(done.LoraId));
        Assert.Contains(await database.TextAsync("SELECT file_proof FROM pod_ledger"), (string[])["in_spool", "in_storage"]);
        Assert.Equal(3, await database.NumberAsync("SELECT COUNT(*) FROM validation_images WHERE passed"));
        IReadOnlyList<TruePod> truth = [];
        await Until.TrueAsync("No pod bills", async () => (truth = await cloud.TruthAsync()).All(pod => !pod.Bills), Patience, () => string.Join(", ", truth), TimeSpan.FromSeconds(1));
        Assert.Single(truth);
    }

    private static async Task<string> DiskOf(PortalProcess portal)
    {
        string marker = Path.Combine(portal.DataPath, "spool", ".spool-id");
        return File.Exists(marker) ? (await File.ReadAllTextAsync(marker)).Trim() : "";
    }
}
