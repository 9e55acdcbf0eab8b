using System.Globalization;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.Storage;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>kill -9, or an ordinary stop, while a range of the trained file is on its way: what lies in the spool is not asked for again.</summary>
public sealed class RestartInARangeTests
{
    private const string User = "6b1f7f3e-64d8-4f0c-9a51-3f0c2f1d7a10";
    private const int Range = 1024 * 1024;
    private const int Half = Range / 2;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Trait("Requirement", "E3")]
    public async Task File_PortalEndsInTheMiddleOfItsSecondRange_GoesOnAtTheByteWhereTheSpoolEnds(bool killed)
    {
        using TemporaryFolder folder = new();
        await using WatchedLocalCloud cloud = await WatchedLocalCloud.StartAsync(heldRange: 2, heldAfterBytes: Half, ("Speed", "600"), ("ValidationPixels", "64"));
        Dictionary<string, string> settings = new(cloud.PortalSettings)
        {
            ["Training:PollEvery"] = "00:00:00.2",
            ["PodAgent:RangeBytes"] = Range.ToString(CultureInfo.InvariantCulture),
        };
        string data = folder.Under("data");
        string job;
        await using (PortalProcess portal = await PortalProcess.StartAsync(data, settings))
        {
            job = await portal.Api.SubmitAsync(User, "Mara", [SampleImages.Jpeg()]);
            await Eventually.TrueAsync(() => InSpool(data) > Range, "a part of the second range in the spool", Patience);
            await (killed ? portal.KillAsync() : portal.StopAsync());
        }

        long kept = InSpool(data);
        Assert.InRange(kept, Range + 1, Range + Half);
        Assert.Equal([0, Range], Starts(cloud));
        await using PortalProcess again = await PortalProcess.StartAsync(data, settings);
        SeenJob done = await again.Api.ReachesAsync(job, "completed", Patience);

        Assert.Equal([0, Range, kept, kept + Range], Starts(cloud));
        Assert.Equal(done.Sha256, await again.Api.FileSha256Async(done.LoraId));
        Assert.Single(await cloud.TruthAsync());
    }

    /// <summary>Bytes of the one file that grows in the spool.</summary>
    private static long InSpool(string data)
    {
        DirectoryInfo spool = new(Path.Combine(data, "spool"));
        return spool.Exists ? spool.EnumerateFiles("*.part").Sum(file => file.Length) : 0;
    }

    /// <summary>The first byte of each range that was asked for.</summary>
    private static List<long> Starts(WatchedLocalCloud cloud) =>
        [.. cloud.Ranges.Select(call => long.Parse(call.Range!["bytes=".Length..].Split('-')[0], CultureInfo.InvariantCulture))];
}
