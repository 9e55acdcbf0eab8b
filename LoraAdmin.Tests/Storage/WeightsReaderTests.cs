using System.Formats.Tar;
using System.Text;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Storage;
using Xunit;

namespace LoraAdmin.Tests.Storage;

[Trait("Requirement", "E1")]
public sealed class WeightsReaderTests : IDisposable
{
    private const string Name = "0123456789abcdef0123456789abcdef-2.safetensors";
    private const long MaxBytes = 1_000_000;

    private static readonly byte[] Model = ModelOf(64 * 1024);

    private readonly TemporaryFolder folder = new();
    private readonly FileSpool spool;

    public WeightsReaderTests() => spool = new FileSpool(folder.Under("spool"), new Lazy<string>("disk"), 0, folder.Under("spool-folder"));

    public static TheoryData<TarEntryFormat> Formats => [TarEntryFormat.V7, TarEntryFormat.Ustar, TarEntryFormat.Pax, TarEntryFormat.Gnu];

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Take_ASafetensorsFile_LiesInTheSpoolAsItCame()
    {
        Assert.IsType<WeightsOutcome.Taken>(await TakeAsync(Model));
        Assert.Equal(Model, await SpooledAsync());
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task Take_ATarWithOneModel_LiesInTheSpoolAlone(TarEntryFormat format)
    {
        byte[] tar = Tar(format, ("output/config.yaml", [1, 2, 3]), ($"output/lora{new string('x', 60)}.safetensors", Model), ("output/sample.jpg", new byte[700]));
        Assert.IsType<WeightsOutcome.Taken>(await TakeAsync(tar));
        Assert.Equal(Model, await SpooledAsync());
    }

    [Theory]
    [InlineData(TarEntryFormat.Pax)]
    [InlineData(TarEntryFormat.Gnu)]
    public async Task Take_ATarWithLongNames_ReadsThem(TarEntryFormat format)
    {
        string deep = string.Join('/', Enumerable.Repeat("a folder with a name of some length", 8));
        Assert.IsType<WeightsOutcome.Taken>(await TakeAsync(Tar(format, ($"{deep}/lora.safetensors", Model))));
        Assert.Equal(Model, await SpooledAsync());
    }

    [Theory]
    [InlineData(TarEntryFormat.Ustar, "../lora.safetensors")]
    [InlineData(TarEntryFormat.Ustar, "output/../../lora.safetensors")]
    [InlineData(TarEntryFormat.Ustar, "/etc/lora.safetensors")]
    [InlineData(TarEntryFormat.Ustar, "..\\lora.safetensors")]
    [InlineData(TarEntryFormat.Ustar, "C:lora.safetensors")]
    [InlineData(TarEntryFormat.Pax, "../lora.safetensors")]
    [InlineData(TarEntryFormat.Gnu, "../lora.safetensors")]
    [InlineData(TarEntryFormat.Ustar, "../readme.txt")]
    public async Task Take_ATarWithAPathThatClimbs_IsRefused(TarEntryFormat format, string path)
    {
        byte[] tar = Tar(format, ("lora.safetensors", Model), (path, Model));
        await RefusedAsync(tar, "leaves the archive's own folder");
    }

    [Theory]
    [InlineData(TarEntryType.SymbolicLink)]
    [InlineData(TarEntryType.HardLink)]
    public async Task Take_ATarWithALink_IsRefused(TarEntryType type)
    {
        using MemoryStream stream = new();
        using (TarWriter writer = new(stream, TarEntryFormat.Pax, leaveOpen: true))
        {
            writer.WriteEntry(new PaxTarEntry(type, "lora.safetensors") { LinkName = "/etc/passwd" });
            writer.WriteEntry(Entry(TarEntryFormat.Pax, "model.safetensors", Model));
        }

        await RefusedAsync(stream.ToArray(), "is a link");
    }

    [Fact]
    public async Task Take_ATarWithADevice_IsRefused()
    {
        using MemoryStream stream = new();
        using (TarWriter writer = new(stream, TarEntryFormat.Ustar, leaveOpen: true))
        {
            writer.WriteEntry(new UstarTarEntry(TarEntryType.CharacterDevice, "lora.safetensors"));
        }

        await RefusedAsync(stream.ToArray(), "is a device");
    }

    [Fact]
    public async Task Take_ATarWithTwoModels_IsRefusedAndNothingStays()
    {
        byte[] tar = Tar(TarEntryFormat.Ustar, ("a.safetensors", Model), ("b.safetensors", Model));
        await RefusedAsync(tar, "two models, \"a.safetensors\" and \"b.safetensors\"");
    }

    [Theory]
    [InlineData(TarEntryFormat.Ustar, "lora.safetensors")]
    [InlineData(TarEntryFormat.Gnu, "lora.safetensors")]
    [InlineData(TarEntryFormat.Ustar, "sample.jpg")]
    public async Task Take_ATarThatDeclaresTenGigabytes_IsRefusedAtItsHeader(TarEntryFormat format, string path)
    {
        byte[] tar = Declaring(Tar(format, (path, [])), 10L * 1024 * 1024 * 1024, binary: format == TarEntryFormat.Gnu);
        using CountingStream content = new(tar);
        WeightsOutcome outcome = await new WeightsReader(spool, MaxBytes).TakeAsync(content, Name, TestContext.Current.CancellationToken);
        Assert.Contains("declares 10737418240 bytes", Assert.IsType<WeightsOutcome.Refused>(outcome).Reason, StringComparison.Ordinal);
        Assert.Equal(512, content.Seen);
        AssertNothingIsThere();
    }

    [Fact]
    public async Task Take_ATarWhoseNameDeclaresMegabytes_IsRefusedBeforeItIsRead()
    {
        byte[] tar = Declaring(Tar(TarEntryFormat.Ustar, ("x", [])), 2_000_000_000, binary: false, type: (byte)'x');
        await RefusedAsync(tar, "A header of the archive declares 2000000000 bytes");
    }

    [Fact]
    public async Task Take_ATarOfManyFilesThatAddUp_IsRefused()
    {
        byte[] one = Declaring(Tar(TarEntryFormat.Ustar, ("sample.jpg", []))[..512], MaxBytes, binary: false);
        using MemoryStream tar = new();
        for (long declared = 0; declared <= MaxBytes + WeightsReader.BesideBytes; declared += MaxBytes)
        {
            tar.Write(one);
            tar.Write(new byte[(MaxBytes + 511) / 512 * 512]);
        }

        await RefusedAsync(tar.ToArray(), "bytes in all");
    }

    [Fact]
    public async Task Take_ATarWithoutAModel_IsRefused() =>
        await RefusedAsync(Tar(TarEntryFormat.Ustar, ("readme.txt", [1, 2, 3])), "holds no safetensors file");

    [Fact]
    public async Task Take_ATarWithADamagedHeader_IsRefused()
    {
        byte[] tar = Tar(TarEntryFormat.Ustar, ("a.txt", new byte[512]), ("lora.safetensors", Model));
        tar[1024] ^= 0xFF;
        await RefusedAsync(tar, "damaged");
    }

    [Theory]
    [InlineData(0.3)]
    [InlineData(0.9)]
    public async Task Take_ATarThatBreaksOff_IsTriedAgain(double share)
    {
        byte[] tar = Tar(TarEntryFormat.Ustar, ("lora.safetensors", Model));
        Assert.IsType<WeightsOutcome.Stalled>(await TakeAsync(tar[..(int)(tar.Length * share)]));
        Assert.IsType<WeightsOutcome.Taken>(await TakeAsync(tar));
        Assert.Equal(Model, await SpooledAsync());
    }

    [Fact]
    public async Task Take_AFileLargerThanMay_IsRefusedAndNothingStays() => await RefusedAsync(ModelOf(2_000_000), "larger than 1000000 bytes");

    [Theory]
    [InlineData("<html><body>not found</body></html>")]
    [InlineData("")]
    [InlineData("PK\u0003\u0004")]
    public async Task Take_WhatIsNeither_IsRefused(string text) => await RefusedAsync(Encoding.UTF8.GetBytes(text), "neither a safetensors file nor a tar");

    private static byte[] ModelOf(long bytes)
    {
        ArtifactLayout layout = ArtifactLayout.For(bytes);
        byte[] file = new byte[layout.TotalBytes];
        layout.Fill(1, 0, file);
        return file;
    }

    private static byte[] Tar(TarEntryFormat format, params (string Path, byte[] Content)[] files)
    {
        using MemoryStream stream = new();
        using (TarWriter writer = new(stream, format, leaveOpen: true))
        {
            foreach ((string path, byte[] content) in files)
            {
                writer.WriteEntry(Entry(format, path, content));
            }
        }

        return stream.ToArray();
    }

    private static TarEntry Entry(TarEntryFormat format, string path, byte[] content)
    {
        TarEntry entry = format switch
        {
            TarEntryFormat.V7 => new V7TarEntry(TarEntryType.V7RegularFile, path),
            TarEntryFormat.Ustar => new UstarTarEntry(TarEntryType.RegularFile, path),
            TarEntryFormat.Gnu => new GnuTarEntry(TarEntryType.RegularFile, path),
            _ => new PaxTarEntry(TarEntryType.RegularFile, path),
        };
        entry.DataStream = new MemoryStream(content);
        return entry;
    }

    /// <summary>Writes another size into the first header, and the checksum that belongs to it.</summary>
    private static byte[] Declaring(byte[] tar, long size, bool binary, byte? type = null)
    {
        Span<byte> field = tar.AsSpan(124, 12);
        field.Clear();
        if (binary)
        {
            field[0] = 0x80;
            for (int i = 11; i > 0; i--)
            {
                field[i] = (byte)size;
                size >>= 8;
            }
        }
        else
        {
            Encoding.ASCII.GetBytes(Convert.ToString(size, 8).PadLeft(12, '0'), field);
        }

        tar[156] = type ?? tar[156];
        tar.AsSpan(148, 8).Fill((byte)' ');
        int sum = tar.AsSpan(0, 512).ToArray().Sum(static one => one);
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ", tar.AsSpan(148, 8));
        return tar;
    }

    private async Task<WeightsOutcome> TakeAsync(byte[] weights)
    {
        using MemoryStream content = new(weights, writable: false);
        return await new WeightsReader(spool, MaxBytes).TakeAsync(content, Name, TestContext.Current.CancellationToken);
    }

    private async Task<byte[]> SpooledAsync()
    {
        SpoolReading<Stream> reading = await spool.OpenAsync(Name, TestContext.Current.CancellationToken);
        await using Stream content = Assert.IsType<SpoolReading<Stream>.Found>(reading).Value;
        using MemoryStream copy = new();
        await content.CopyToAsync(copy, TestContext.Current.CancellationToken);
        return copy.ToArray();
    }

    private async Task RefusedAsync(byte[] weights, string words)
    {
        Assert.Contains(words, Assert.IsType<WeightsOutcome.Refused>(await TakeAsync(weights)).Reason, StringComparison.Ordinal);
        AssertNothingIsThere();
    }

    /// <summary>Neither in the spool nor beside it.</summary>
    private void AssertNothingIsThere() =>
        Assert.DoesNotContain(
            Directory.EnumerateFiles(folder.Path, "*", SearchOption.AllDirectories), path => new FileInfo(path).Length > 100 || path.Contains("lora", StringComparison.Ordinal));

    private sealed class CountingStream(byte[] bytes) : MemoryStream(bytes, writable: false)
    {
        public long Seen => Position;
    }
}
