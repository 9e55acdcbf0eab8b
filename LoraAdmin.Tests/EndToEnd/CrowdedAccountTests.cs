using System.Globalization;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.Storage;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>A portal on an account with ten thousand pods.</summary>
[Trait("Run", "Long")]
public sealed class CrowdedAccountTests(ITestOutputHelper output)
{
    private const int Needed = 9_200;
    private const int Orphans = 300;

    /// <summary>On the small account that the large one is compared with: a portal that has done all of the same work has compiled as much.</summary>
    private const int FewOrphans = 15;

    private const int Foreign = 500;
    private const int RowsAtOnce = 500;
    private const long AllowedGrowth = 150_000_000;

    /// <summary>Four times what the vendor allows, so that 300 ends do not take five minutes; below what an unbridled portal would send.</summary>
    private const int RequestsPerMinute = 240;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private readonly SeededIds ids = new(1);

    private static readonly Dictionary<string, string> RichAccount = new(StringComparer.Ordinal)
    {
        ["StartBalanceUsd"] = "1000000",
        ["SpendLimitUsdPerHour"] = "100000",
        ["GpuStock"] = "1000",
    };

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Sweep_AmongTenThousandPods_EndsExactlyTheOrphansInFlatMemory()
    {
        using TemporaryFolder folder = new();
        PortalDatabase database = PortalDatabase.Sqlite(folder.Under("data"));
        HashSet<string> orphans = [];
        long small;
        await using (LocalCloudProcess filling = await LocalCloudProcess.StartAsync(folder.Under("cloud"), RichAccount))
        {
            await using (PortalProcess first = await PortalOnAsync(filling))
            {
                await LookedAsync(filling);
                await OrderOrphansAsync(filling, FewOrphans);
                await OrphansAreGoneAsync(first);
                small = ResidentMemory.Peak(first.Id);
                Assert.Equal(0, await first.StopAsync());
            }

            await NeedAsync(filling, database, await database.TextAsync("SELECT id FROM installation"));
            await filling.FillAsync(Foreign / 2, "notebook-");
            await filling.FillAsync(Foreign / 2, $"{PodNames.Prefix}deadbeef-{ids.Next():N}-1-");
            await OrderOrphansAsync(filling, Orphans);
        }

        await using LocalCloudProcess cloud = await LocalCloudProcess.StartAsync(
            folder.Under("cloud"),
            new Dictionary<string, string>(RichAccount) { ["RequestsPerMinute"] = RequestsPerMinute.ToString(CultureInfo.InvariantCulture) });
        await Until.TrueAsync("The minute in which the account was filled is over", cloud.AnswersAsync, TimeSpan.FromMinutes(2), every: TimeSpan.FromSeconds(5));
        TrueAccount before = await cloud.AccountAsync();
        await using PortalProcess portal = await PortalOnAsync(cloud);
        await OrphansAreGoneAsync(portal);

        TrueAccount after = await cloud.AccountAsync();
        long peak = ResidentMemory.Peak(portal.Id);
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{after.Requests - before.Requests} requests, {after.Violations - before.Violations} refused; peak {peak / 1e6:0} MB resident, {small / 1e6:0} MB on a small account"));
        IReadOnlyList<TruePod> pods = await cloud.TruthAsync();
        Assert.Equal(Needed + Foreign + orphans.Count, pods.Count);
        Assert.Equal(orphans, [.. pods.Where(static pod => pod.Status == "TERMINATED").Select(static pod => pod.Id)]);
        Assert.All(pods, pod => Assert.True(orphans.Contains(pod.Id) || pod.Status == "RUNNING", $"{pod.Name} is {pod.Status}."));
        Assert.Equal(before.Violations, after.Violations);
        Assert.True(peak - small < AllowedGrowth, $"The peak grew from {small:N0} to {peak:N0} bytes.");

        // One delete each, and listings; never a call per pod.
        Assert.InRange(after.Requests - before.Requests, 2 * Orphans, (2 * Orphans) + 200);

        Task<PortalProcess> PortalOnAsync(LocalCloudProcess account) => PortalProcess.StartAsync(
            folder.Under("data"),
            new Dictionary<string, string>(account.PortalSettings) { ["Pods:MaxSweepKillsPerHour"] = "1000", ["Pods:MaxSweepUsdPerHour"] = "10000" });

        async Task OrderOrphansAsync(LocalCloudProcess account, int count)
        {
            string installation = await database.TextAsync("SELECT id FROM installation");
            byte[] agentKey = Convert.FromHexString(await database.TextAsync("SELECT hex(agent_key) FROM installation"));
            for (int number = 0; number < count; number++)
            {
                string name = PodNames.For(installation, new JobId(ids.Next()), 1, 1);
                orphans.Add(await account.OrderAsync(name, AgentToken.For(agentKey, name)));
            }
        }

        Task OrphansAreGoneAsync(PortalProcess by) => Until.TrueAsync(
            "Every orphan is verified gone",
            async () => await database.NumberAsync("SELECT COUNT(*) FROM pod_ledger WHERE saw = 'gone'") == orphans.Count,
            Patience,
            () => by.Output,
            every: TimeSpan.FromSeconds(2));
    }

    /// <summary>Pods that run, each with a ledger row that wants it for hours.</summary>
    private async Task NeedAsync(LocalCloudProcess cloud, PortalDatabase database, string installation)
    {
        Guid job = ids.Next();
        string prefix = $"{PodNames.Prefix}{installation}-{job:N}-1-";
        IReadOnlyList<string> filled = await cloud.FillAsync(Needed, prefix);
        long now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        long liveUntil = now + (long)TimeSpan.FromHours(3).TotalMilliseconds;
        int number = 0;
        foreach (string[] some in filled.Chunk(RowsAtOnce))
        {
            IEnumerable<string> rows = some.Select(id => string.Create(
                CultureInfo.InvariantCulture,
                $"('{prefix}{++number}','{job:D}',1,{number},'needed','none','running','{id}','NVIDIA A40',0,{now},{now},{now},{liveUntil},0,0,0,0,1)"));
            await database.ExecuteAsync(
                $"""
                INSERT INTO pod_ledger (name, job_id, attempt, try_number, want, file_proof, saw, pod_id, gpu_type, hourly_micros, requested_at, created_at,
                    last_seen_at, live_until, terminate_attempts, missing_reads, stop_attempts, billed_micros, version)
                VALUES {string.Join(",", rows)}
                """);
        }
    }

    private static Task LookedAsync(LocalCloudProcess cloud) => Until.TrueAsync(
        "The portal has looked at the account", async () => (await cloud.AccountAsync()).Requests > 0, Eventually.DefaultDeadline);
}
