using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.LocalCloud;
using SkiaSharp;
using Xunit;

namespace LoraAdmin.Tests.LocalCloud;

public sealed class ArtifactTests
{
    [Theory]
    [InlineData(8 * 1024)]
    [InlineData(100_000)]
    [InlineData(3 * 1024 * 1024)]
    [InlineData(40 * 1024 * 1024)]
    public void Layout_AnySize_IsAWellFormedSafetensorsFile(long target)
    {
        ArtifactLayout layout = ArtifactLayout.For(target);
        byte[] file = new byte[layout.TotalBytes];
        layout.Fill(42, 0, file);
        Assert.InRange(layout.TotalBytes, target / 2, target * 11 / 10);
        ulong headerBytes = BinaryPrimitives.ReadUInt64LittleEndian(file);
        Assert.Equal(0UL, headerBytes % 8);
        using JsonDocument header = JsonDocument.Parse(file.AsMemory(8, (int)headerBytes));
        long at = 0;
        HashSet<string> kinds = [];
        foreach (JsonProperty tensor in header.RootElement.EnumerateObject().Where(property => property.Name != "__metadata__"))
        {
            Assert.StartsWith("lora_unet_", tensor.Name, StringComparison.Ordinal);
            kinds.Add(tensor.Name[tensor.Name.IndexOf('.', StringComparison.Ordinal)..]);
            Assert.Equal("F16", tensor.Value.GetProperty("dtype").GetString());
            long elements = tensor.Value.GetProperty("shape").EnumerateArray().Aggregate(1L, (product, size) => product * size.GetInt64());
            JsonElement offsets = tensor.Value.GetProperty("data_offsets");
            Assert.Equal(at, offsets[0].GetInt64());
            Assert.Equal(at + (elements * 2), offsets[1].GetInt64());
            at = offsets[1].GetInt64();
        }

        Assert.Equal(layout.TotalBytes, 8 + (long)headerBytes + at);
        Assert.Equal([".alpha", ".lora_down.weight", ".lora_up.weight"], kinds.Order(StringComparer.Ordinal));
        Half first = BinaryPrimitives.ReadHalfLittleEndian(file.AsSpan(8 + (int)headerBytes));
        Assert.InRange(Math.Abs((float)first), 0.0078f, 0.0157f);
    }

    [Theory]
    [InlineData(2_000_000_000)]
    [InlineData(ArtifactLayout.LargestBytes)]
    public async Task Layout_OfALongRun_IsAWellFormedFileThatFitsAndIsMadeAnywhere(long target)
    {
        ArtifactLayout layout = ArtifactLayout.For(target);
        Assert.InRange(layout.TotalBytes, target / 10 * 9, target);
        using ArtifactStream start = new(layout, 42, 0, layout.TotalBytes);
        SafetensorsVerdict verdict = await Safetensors.CheckAsync(start, layout.TotalBytes, CancellationToken.None);
        Assert.IsType<SafetensorsVerdict.Good>(verdict);
        byte[] end = new byte[1_000];
        layout.Fill(42, layout.TotalBytes - end.Length, end);
        byte[] last = new byte[3];
        layout.Fill(42, layout.TotalBytes - last.Length, last);
        Assert.Equal(end[^3..], last);
    }

    [Fact]
    public void Sha256_OfALargeFile_IsWorkedOutInBoundedMemory()
    {
        ArtifactLayout layout = ArtifactLayout.For(64 * 1024 * 1024);
        layout.Sha256(1);
        long before = GC.GetAllocatedBytesForCurrentThread();
        layout.Sha256(2);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1024 * 1024);
    }

    [Fact]
    public void Fill_NotWellFormed_DiffersInItsFirstBytesAlone()
    {
        ArtifactLayout layout = ArtifactLayout.For(8 * 1024);
        byte[] good = new byte[layout.TotalBytes];
        byte[] bad = new byte[layout.TotalBytes];
        layout.Fill(9, 0, good);
        for (int at = 0; at < bad.Length; at += 3)
        {
            layout.Fill(9, at, bad.AsSpan(at, Math.Min(3, bad.Length - at)), wellFormed: false);
        }

        Assert.Equal("PK\u0003\u0004"u8, bad.AsSpan(0, 4));
        Assert.True(good.AsSpan(4).SequenceEqual(bad.AsSpan(4)));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bad)), layout.Sha256(9, wellFormed: false));
        Assert.IsType<SafetensorsVerdict.Bad>(Safetensors.Check(new MemoryStream(bad), bad.Length));
    }

    [Fact]
    public void Fill_AnyRange_EqualsTheSamePartOfTheWhole()
    {
        ArtifactLayout layout = ArtifactLayout.For(8 * 1024);
        byte[] whole = new byte[layout.TotalBytes];
        layout.Fill(9, 0, whole);
        Random random = new(3);
        for (int i = 0; i < 2_000; i++)
        {
            int offset = random.Next(whole.Length);
            byte[] part = new byte[random.Next(whole.Length - offset + 1)];
            layout.Fill(9, offset, part);
            Assert.True(whole.AsSpan(offset, part.Length).SequenceEqual(part));
        }

        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(whole)), layout.Sha256(9));
    }

    [Fact]
    public void Seed_OfAnotherPod_GivesAnotherFile()
    {
        ArtifactLayout layout = ArtifactLayout.For(8 * 1024);
        Assert.NotEqual(layout.Sha256(ArtifactLayout.SeedOf(1, "pod-a")), layout.Sha256(ArtifactLayout.SeedOf(1, "pod-b")));
        Assert.NotEqual(layout.Sha256(ArtifactLayout.SeedOf(1, "pod-a")), layout.Sha256(ArtifactLayout.SeedOf(2, "pod-a")));
    }

    [Fact]
    public void Picture_Drawn_IsAJpegOfTheWishedSizeAndPassesByDefault()
    {
        byte[] first = ValidationPictures.Draw(5, 0, 512);
        using SKBitmap picture = SKBitmap.Decode(first);
        Assert.Equal((512, 512), (picture.Width, picture.Height));
        Assert.Equal([0xFF, 0xD8, 0xFF], first[..3]);
        Assert.NotEqual(first, ValidationPictures.Draw(5, 1, 512));
        Assert.Equal(first, ValidationPictures.Draw(5, 0, 512));
        for (ulong seed = 0; seed < 200; seed++)
        {
            Assert.InRange(ValidationPictures.Score(seed, 0), 0.70, 0.99);
            Assert.InRange(ValidationPictures.Score(seed, 0, bad: true), 0.25, 0.5499);
        }
    }
}
