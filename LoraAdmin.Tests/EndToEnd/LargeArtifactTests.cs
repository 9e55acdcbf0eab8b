using System.Globalization;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.Storage;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>The largest file that is accepted goes the whole way in the memory that a small one needs.</summary>
[Trait("Run", "Long")]
public sealed class LargeArtifactTests(ITestOutputHelper output)
{
    private const string User = "6b1f7f3e-64d8-4f0c-9a51-3f0c2f1d7a10";
    private const long Small = 3_000_000;
    private const long Large = 1_990_000_000;
    private const long AllowedGrowth = 150_000_000;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    [Fact]
    [Trait("Requirement", "E3")]
    public async Task File_OfTwoGigabytes_IsFetchedStoredAndReadBackWithinTheMemoryOfASmallOne()
    {
        (long small, _) = await PeakAsync(Small);
        (long large, long size) = await PeakAsync(Large);

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{size:N0} bytes: peak {large / 1e6:0} MB resident, {small / 1e6:0} MB with a small file"));
        Assert.InRange(size, Large - 100_000_000, 2_000_000_000);
        Assert.True(large - small < AllowedGrowth, $"The peak grew from {small:N0} to {large:N0} bytes.");
    }

    /// <summary>One job with a file of about this size on a portal and a LocalCloud of its own.</summary>
    private static async Task<(long PeakBytes, long FileBytes)> PeakAsync(long artifactBytes)
    {
        using TemporaryFolder folder = new();
        await using LocalCloudProcess cloud = await LocalCloudProcess.StartAsync(
            folder.Under("cloud"),
            new Dictionary<string, string>
            {
                ["Speed"] = "600",
                ["ArtifactBytes"] = artifactBytes.ToString(CultureInfo.InvariantCulture),
                ["ValidationPixels"] = "64",
            });
        await using PortalProcess portal = await PortalProcess.StartAsync(
            folder.Under("data"), new Dictionary<string, string>(cloud.PortalSettings) { ["Training:PollEvery"] = "00:00:00.2" });
        string job = await portal.Api.SubmitAsync(User, "Mara", [SampleImages.Jpeg()]);
        SeenJob done = await portal.Api.ReachesAsync(job, "completed", Patience);

        PortalDatabase database = PortalDatabase.Sqlite(portal.DataPath);
        Assert.Equal(await database.TextAsync("SELECT artifact_sha256 FROM training_progress"), done.Sha256);
        FileInfo stored = new DirectoryInfo(Path.Combine(portal.DataPath, "objects", "lora-models")).EnumerateFiles("*", SearchOption.AllDirectories).Single();
        Assert.Equal(done.Sha256, await portal.Api.FileSha256Async(done.LoraId));
        return (ResidentMemory.Peak(portal.Id), stored.Length);
    }
}
