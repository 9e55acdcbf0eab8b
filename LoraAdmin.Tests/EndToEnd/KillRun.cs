using System.Globalization;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.Storage;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>
/// One portal on a LocalCloud that survives it: the portal is killed without warning, started again, and everything that it owed must come true.
/// </summary>
internal sealed class KillRun : IAsyncDisposable
{
    private const string User = "6b1f7f3e-64d8-4f0c-9a51-3f0c2f1d7a10";

    private static readonly TimeSpan Soon = Eventually.DefaultDeadline;

    /// <summary>On PostgreSQL the leases of the killed instance run out first: two minutes for the job, three for the pod loop.</summary>
    private static readonly TimeSpan AfterRestart = TimeSpan.FromMinutes(5);

    private readonly TemporaryFolder folder;
    private readonly LocalCloudProcess cloud;
    private readonly Dictionary<string, string> settings;
    private readonly string? postgres;
    private PortalProcess? portal;

    private KillRun(TemporaryFolder folder, LocalCloudProcess cloud, Dictionary<string, string> settings, string? postgres)
    {
        this.folder = folder;
        this.cloud = cloud;
        this.settings = settings;
        this.postgres = postgres;
    }

    public LocalCloudProcess Cloud => cloud;

    public PortalProcess Portal => portal ?? throw new InvalidOperationException("The portal is not running.");

    public PortalDatabase Database => postgres is null ? PortalDatabase.Sqlite(DataPath) : PortalDatabase.Postgres(postgres);

    private string DataPath => folder.Under("data");

    /// <summary>A cloud whose pods pass every stage in a second or two, and a portal attached to it.</summary>
    /// <param name="slower">Makes the stages so many times longer.</param>
    public static async Task<KillRun> StartAsync(bool onPostgres, IReadOnlyDictionary<string, string>? more = null, int slower = 1)
    {
        TemporaryFolder folder = new();
        LocalCloudProcess? cloud = null;
        try
        {
            cloud = await LocalCloudProcess.StartAsync(folder.Under("cloud"), new Dictionary<string, string>
            {
                ["Speed"] = (1.0 / slower).ToString(CultureInfo.InvariantCulture),
                ["Boot"] = "00:00:01",
                ["Pull"] = "00:00:01",
                ["Training"] = "00:00:02",
                ["Validation"] = "00:00:01.5",
                ["ValidationPixels"] = "64",
            });
            string? postgres = onPostgres ? await PostgresServer.NewDatabaseAsync() : null;
            Dictionary<string, string> settings = new(cloud.PortalSettings)
            {
                ["Training:PollEvery"] = "00:00:00.2",
                ["RunPod:CallTimeout"] = "00:00:05",
                ["ConnectionStrings:Database"] = postgres ?? "",
            };
            foreach ((string key, string value) in more ?? new Dictionary<string, string>())
            {
                settings[key] = value;
            }

            KillRun run = new(folder, cloud, settings, postgres);
            await run.RestartAsync();
            return run;
        }
        catch
        {
            await (cloud?.DisposeAsync() ?? ValueTask.CompletedTask);
            folder.Dispose();
            throw;
        }
    }

    public Task<string> SubmitAsync() => Portal.Api.SubmitAsync(User, "Ada", [SampleImages.Jpeg(seed: 1), SampleImages.Png(seed: 2), SampleImages.Webp(seed: 3)]);

    public async Task KillAsync()
    {
        await Portal.KillAsync();
        await Portal.DisposeAsync();
        portal = null;
    }

    public async Task RestartAsync() => portal = await PortalProcess.StartAsync(DataPath, settings);

    /// <summary>Completed; one pod ever; one file, whole; nothing that costs money any more; no dollar left reserved; one charge.</summary>
    public async Task EverythingCameTrueAsync(params string[] jobs)
    {
        foreach (string id in jobs)
        {
            SeenJob done = await Portal.Api.ReachesAsync(id, "completed", AfterRestart);
            string inName = id.Replace("-", "", StringComparison.Ordinal);
            Assert.Single(await Cloud.TruthAsync(), pod => pod.Name.Contains(inName, StringComparison.Ordinal));
            Assert.NotNull(done.Sha256);
            Assert.Equal(done.Sha256, await Portal.Api.FileSha256Async(done.LoraId));
        }

        Assert.Equal(jobs.Length, (await Cloud.TruthAsync()).Count);
        Assert.Equal(jobs.Length, Directory.EnumerateFiles(Path.Combine(DataPath, "objects", "lora-models"), "*", SearchOption.AllDirectories).Count());
        await NothingIsOwedAsync(jobs.Length);
    }

    public async ValueTask DisposeAsync()
    {
        await (portal?.DisposeAsync() ?? ValueTask.CompletedTask);
        await cloud.DisposeAsync();
        folder.Dispose();
    }

    private async Task NothingIsOwedAsync(int jobs)
    {
        IReadOnlyList<TruePod> truth = [];
        await Until.TrueAsync(
            "No pod bills",
            async () => (truth = await Cloud.TruthAsync()).All(pod => !pod.Bills),
            AfterRestart,
            () => string.Join(", ", truth),
            TimeSpan.FromMilliseconds(200));
        await Until.TrueAsync(
            "Every reservation is settled",
            async () => await Database.NumberAsync("SELECT COUNT(*) FROM budget_reservations WHERE settled_at IS NULL") == 0,
            Soon + Soon,
            () => Portal.Output,
            TimeSpan.FromMilliseconds(500));
        Assert.Equal(0, await Database.NumberAsync("SELECT SUM(reserved_micros) FROM budget_months"));
        long spent = await Database.NumberAsync("SELECT SUM(actual_micros) FROM budget_reservations");
        Assert.True(spent > 0);
        Assert.Equal(spent, await Database.NumberAsync("SELECT SUM(spent_micros) FROM budget_months"));
        Assert.Equal(0, await Database.NumberAsync("SELECT COUNT(*) FROM pod_ledger WHERE saw <> 'gone'"));
        Assert.Equal(0, await Database.NumberAsync("SELECT COUNT(*) FROM spool_files"));
        Assert.Equal(jobs, await Database.NumberAsync("SELECT COUNT(*) FROM limit_charges WHERE refunded_at IS NULL"));
        Assert.Equal(jobs, await Database.NumberAsync("SELECT SUM(loras_created_this_month) FROM user_training_limits"));
    }
}
