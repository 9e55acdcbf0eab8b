using System.Security.Cryptography;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Storage;
using LoraAdmin.Training;
using SkiaSharp;
using Xunit;

namespace LoraAdmin.Tests.Training;

public sealed class ImageInspectorTests : IDisposable
{
    private const long MaxBytes = 20_000_000;
    private const long MaxPixels = 40_000_000;

    private readonly SkiaImageInspector inspector = new();

    public void Dispose() => inspector.Dispose();

    [Theory]
    [InlineData(SKEncodedImageFormat.Jpeg, "jpeg")]
    [InlineData(SKEncodedImageFormat.Png, "png")]
    [InlineData(SKEncodedImageFormat.Webp, "webp")]
    [Trait("Requirement", "E2")]
    public async Task Inspect_WholeImage_TellsFormatSizeAndHash(SKEncodedImageFormat format, string name)
    {
        byte[] image = SampleImages.Encode(format, 333, 211, seed: 4);

        ImageVerdict verdict = await InspectAsync(image);

        Assert.Equal(new ImageVerdict.Good(name, 333, 211, image.Length, Convert.ToHexStringLower(SHA256.HashData(image))), verdict);
    }

    [Theory]
    [InlineData(SKEncodedImageFormat.Jpeg, 85)]
    [InlineData(SKEncodedImageFormat.Png, 85)]
    [InlineData(SKEncodedImageFormat.Webp, 85)]
    [InlineData(SKEncodedImageFormat.Webp, 100)]
    [Trait("Requirement", "E2")]
    public async Task Inspect_CutAnywhere_IsBad(SKEncodedImageFormat format, int quality)
    {
        byte[] image = SampleImages.Encode(format, 320, 240, seed: 7, quality);

        foreach (double kept in (double[])[0.1, 0.3, 0.5, 0.7, 0.9, 0.97])
        {
            ImageVerdict verdict = await InspectAsync(SampleImages.Truncated(image, kept));
            Assert.True(verdict is ImageVerdict.Bad, $"{format} cut to {kept} was called {verdict}");
        }
    }

    [Fact]
    public async Task Inspect_TruncatedJpeg_SaysThatItEndsEarly()
    {
        ImageVerdict.Bad bad = Assert.IsType<ImageVerdict.Bad>(await InspectAsync(SampleImages.Truncated(SampleImages.Jpeg())));

        Assert.Contains("ends early", bad.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hello, this is a text that somebody named cat.jpg")]
    [InlineData("GIF89a and so on and so on")]
    [InlineData("<svg xmlns='http://www.w3.org/2000/svg'/>")]
    [InlineData("x")]
    public async Task Inspect_NotAnImage_IsBad(string text)
    {
        ImageVerdict.Bad bad = Assert.IsType<ImageVerdict.Bad>(await InspectAsync(System.Text.Encoding.UTF8.GetBytes(text)));

        Assert.Contains("not a JPEG, PNG or WebP", bad.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_Empty_IsBad() =>
        Assert.Equal(new ImageVerdict.Bad("It is empty."), await InspectAsync([]));

    [Fact]
    public async Task Inspect_SignatureWithoutImage_IsBad() =>
        Assert.IsType<ImageVerdict.Bad>(await InspectAsync([0xFF, 0xD8, 0xFF, 0xE0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));

    [Fact]
    [Trait("Requirement", "E2")]
    public async Task Inspect_DecompressionBomb_IsRefusedBeforePixelsAreMade()
    {
        byte[] bomb = SampleImages.PlainPng(20_000, 20_000);
        Assert.True(bomb.Length < MaxBytes);

        ImageVerdict.Bad bad = Assert.IsType<ImageVerdict.Bad>(await InspectAsync(bomb));

        Assert.Contains("20000 × 20000", bad.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(301, 211)]
    [InlineData(300, 210)]
    [InlineData(3000, 2001)]
    public async Task Inspect_InterlacedPng_IsGoodWholeAndBadCut(int width, int height)
    {
        byte[] image = SampleImages.PlainPng(width, height, color: 2, isInterlaced: true);

        Assert.IsType<ImageVerdict.Good>(await InspectAsync(image));
        Assert.IsType<ImageVerdict.Bad>(await InspectAsync(SampleImages.Truncated(image, 0.5)));
    }

    // The inspector gives the codec room for one line only: this is the codec's behaviour that it stands on.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void SkiaPngCodec_AskedForTheLastLine_WritesThatLineOnly(bool isInterlaced)
    {
        using SKCodec codec = SKCodec.Create(new SKMemoryStream(SampleImages.PlainPng(40, 33, color: 6, isInterlaced)));
        SKImageInfo info = new(40, 33, SKImageInfo.PlatformColorType, codec.Info.AlphaType);
        byte[] memory = new byte[info.RowBytes * 40];
        Array.Fill(memory, (byte)0xAB);
        System.Runtime.InteropServices.GCHandle pin =
            System.Runtime.InteropServices.GCHandle.Alloc(memory, System.Runtime.InteropServices.GCHandleType.Pinned);
        try
        {
            SKCodecOptions lastLine = new(new SKRectI(0, 32, 40, 33));
            Assert.Equal(SKCodecResult.Success, codec.StartIncrementalDecode(info, pin.AddrOfPinnedObject(), info.RowBytes, lastLine));
            Assert.Equal(SKCodecResult.Success, codec.IncrementalDecode());
        }
        finally
        {
            pin.Free();
        }

        Assert.All(memory[..info.RowBytes], value => Assert.Equal(0, value));
        Assert.All(memory[info.RowBytes..], value => Assert.Equal(0xAB, value));
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.9)]
    public async Task Inspect_LargePngCut_IsBad(double kept) =>
        Assert.IsType<ImageVerdict.Bad>(await InspectAsync(SampleImages.Truncated(SampleImages.PlainPng(3_000, 3_000, color: 2), kept)));

    [Fact]
    public async Task Inspect_EndlessContent_StopsAtTheLimit()
    {
        GeneratedStream endless = new(200_000_000, SampleImages.Jpeg());

        ImageVerdict.Bad bad = Assert.IsType<ImageVerdict.Bad>(
            await inspector.InspectAsync(endless, MaxBytes, MaxPixels, CancellationToken.None));

        Assert.Equal("It is larger than 20 MB.", bad.Reason);
        Assert.InRange(endless.BytesRead, MaxBytes, MaxBytes + 1);
    }

    [Fact]
    public async Task Inspect_DamagedPngData_IsBad()
    {
        byte[] image = SampleImages.Png();
        for (int position = image.Length / 2; position < (image.Length / 2) + 40; position++)
        {
            image[position] ^= 0x5A;
        }

        Assert.IsType<ImageVerdict.Bad>(await InspectAsync(image));
    }

    [Fact]
    public async Task Inspect_ManyAtOnce_AllAnswer()
    {
        ImageVerdict[] verdicts = await Task.WhenAll(Enumerable.Range(1, 12).Select(seed => InspectAsync(SampleImages.Webp(400, 300, seed))));

        Assert.All(verdicts, verdict => Assert.IsType<ImageVerdict.Good>(verdict));
    }

    [Fact]
    public async Task Inspect_ContentBreaksOff_Throws()
    {
        await Assert.ThrowsAsync<IOException>(() => inspector.InspectAsync(
            new GeneratedStream(10_000, SampleImages.Jpeg()) { BreaksAt = 500 }, MaxBytes, MaxPixels, CancellationToken.None));

        Assert.IsType<ImageVerdict.Good>(await InspectAsync(SampleImages.Jpeg()));
    }

    private Task<ImageVerdict> InspectAsync(byte[] image) =>
        inspector.InspectAsync(new MemoryStream(image), MaxBytes, MaxPixels, CancellationToken.None);
}
