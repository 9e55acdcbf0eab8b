using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using SkiaSharp;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>Looks at the whole process's memory, so nothing else may run beside it.</summary>
[CollectionDefinition(nameof(ImageInspectorMemoryTests), DisableParallelization = true)]
[Collection(nameof(ImageInspectorMemoryTests))]
public sealed class ImageInspectorMemoryTests
{
    private const long WholeBitmapBytes = 8_000L * 5_000 * 4;

    private static readonly byte[] Largest = SampleImages.PlainPng(8_000, 5_000, color: 6);

    [Fact]
    public async Task Inspect_LargestAllowedPng_CostsItsFileNotItsPixels()
    {
        using SkiaImageInspector inspector = new();
        await inspector.InspectAsync(new MemoryStream(SampleImages.Png()), 20_000_000, 40_000_000, CancellationToken.None);

        long cost = await PeakOfAsync(async () => Assert.IsType<ImageVerdict.Good>(
            await inspector.InspectAsync(new MemoryStream(Largest), 20_000_000, 40_000_000, CancellationToken.None)));

        Assert.True(cost < WholeBitmapBytes / 2, $"{cost} bytes for a bitmap of {WholeBitmapBytes}.");
    }

    /// <summary>The proof above is worth nothing if the measure can't see a decoded bitmap.</summary>
    [Fact]
    public async Task Measure_OfAWholeBitmap_SeesIt()
    {
        long cost = await PeakOfAsync(() =>
        {
            using SKBitmap whole = SKBitmap.Decode(Largest);
            Assert.Equal(WholeBitmapBytes, whole.ByteCount);
            return Task.CompletedTask;
        });

        Assert.True(cost > WholeBitmapBytes / 2, $"{cost} bytes were seen of {WholeBitmapBytes}.");
    }

    /// <summary>By how much the process's memory exceeded, while the work ran, what it was before. Linux: 5 in clear_refs sets the peak back (proc(5)).</summary>
    private static async Task<long> PeakOfAsync(Func<Task> work)
    {
        GC.Collect();
        await File.WriteAllTextAsync("/proc/self/clear_refs", "5");
        long before = ResidentMemory.Peak(Environment.ProcessId);
        await work();
        return ResidentMemory.Peak(Environment.ProcessId) - before;
    }
}
