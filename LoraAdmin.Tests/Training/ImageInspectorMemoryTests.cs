using System.Diagnostics;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>Looks at the whole process's memory, so nothing else may run beside it.</summary>
[CollectionDefinition(nameof(ImageInspectorMemoryTests), DisableParallelization = true)]
[Collection(nameof(ImageInspectorMemoryTests))]
public sealed class ImageInspectorMemoryTests
{
    private const long WholeBitmapBytes = 8_000L * 5_000 * 4;

    [Fact]
    public async Task Inspect_LargestAllowedPng_CostsItsFileNotItsPixels()
    {
        using SkiaImageInspector inspector = new();
        byte[] image = SampleImages.PlainPng(8_000, 5_000, color: 6);
        await inspector.InspectAsync(new MemoryStream(SampleImages.Png()), 20_000_000, 40_000_000, CancellationToken.None);
        using Process self = Process.GetCurrentProcess();
        long before = self.PeakWorkingSet64;

        Assert.IsType<ImageVerdict.Good>(await inspector.InspectAsync(new MemoryStream(image), 20_000_000, 40_000_000, CancellationToken.None));

        self.Refresh();
        Assert.InRange(self.PeakWorkingSet64 - before, 0, WholeBitmapBytes / 2);
    }
}
