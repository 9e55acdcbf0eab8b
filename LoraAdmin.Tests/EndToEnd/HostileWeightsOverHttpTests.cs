using System.Formats.Tar;
using System.Text;
using System.Text.Json;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.DependencyInjection;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>Archives that want to lie elsewhere, be somebody else's, or be too much: a whole portal that trains at Replicate is answered with them.</summary>
public sealed class HostileWeightsOverHttpTests
{
    /// <summary>In every path of them, to be looked for on the disk.</summary>
    private const string Mark = "planted-by-the-archive";

    private const long TenGigabytes = 10L * 1024 * 1024 * 1024;

    private static readonly byte[] Model = ModelOf();

    [Fact]
    [Trait("Requirement", "E1")]
    [Trait("Requirement", "E3")]
    public async Task Weights_AsAHostileTar_AreRefusedAndNothingLiesOutsideTheSpool()
    {
        await using FaultRun run = await FaultRun.StartWithFallbackAsync();
        await run.HoldRunPodOpenAsync();
        (byte[] Tar, string Said)[] hostile =
        [
            (TarOf(File($"../{Mark}.safetensors", Model)), "leaves the archive's own folder"),
            (TarOf(new PaxTarEntry(TarEntryType.SymbolicLink, $"{Mark}.safetensors") { LinkName = "/etc/passwd" }, File("lora.safetensors", Model)), "is a link"),
            (TarOf(File($"{Mark}-a.safetensors", Model), File($"{Mark}-b.safetensors", Model)), "two models"),
            (DeclaringTenGigabytes(), $"declares {TenGigabytes} bytes"),
        ];
        foreach ((byte[] tar, string said) in hostile)
        {
            run.Cloud.Weights = tar;
            JsonElement ended = await run.EndedAsync(await run.SubmitAsync());

            Assert.Equal(("failed", "artifact_corrupt"), (ended.GetProperty("state").GetString(), ended.GetProperty("failure").GetProperty("code").GetString()));
            Assert.Contains(said, ended.GetProperty("failure").GetProperty("detail").GetString(), StringComparison.Ordinal);
        }

        string[] files = Directory.GetFiles(Path.GetDirectoryName(run.Portal.DataPath)!, "*", SearchOption.AllDirectories);
        Assert.DoesNotContain(files, static file => file.Contains(Mark, StringComparison.Ordinal) || file.EndsWith(".safetensors", StringComparison.Ordinal));
        Assert.False(System.IO.File.Exists(Path.Combine(Path.GetTempPath(), $"{Mark}.safetensors")));
        Assert.Empty(Assert.IsType<SpoolReading<IReadOnlyList<SpoolListed>>.Found>(
            await run.Portal.Services.GetRequiredService<ISpool>().ListAsync(CancellationToken.None)).Value);
        Assert.Equal(hostile.Length, await run.Portal.Database.NumberAsync("SELECT COUNT(*) FROM limit_charges WHERE refunded_at IS NOT NULL"));

        // The same portal takes an archive that is as it should be.
        run.Cloud.Weights = TarOf(File("output/config.yaml", [1, 2, 3]), File("output/lora.safetensors", Model));
        JsonElement good = await run.EndedAsync(await run.SubmitAsync());
        Assert.Equal("completed", good.GetProperty("state").GetString());
        Assert.Equal(Model.Length, good.GetProperty("file").GetProperty("size_bytes").GetInt64());
    }

    private static byte[] ModelOf()
    {
        ArtifactLayout layout = ArtifactLayout.For(4096);
        byte[] file = new byte[layout.TotalBytes];
        layout.Fill(1, 0, file);
        return file;
    }

    private static PaxTarEntry File(string path, byte[] content) => new(TarEntryType.RegularFile, path) { DataStream = new MemoryStream(content) };

    private static byte[] TarOf(params PaxTarEntry[] entries)
    {
        using MemoryStream stream = new();
        using (TarWriter writer = new(stream, TarEntryFormat.Pax, leaveOpen: true))
        {
            foreach (PaxTarEntry entry in entries)
            {
                writer.WriteEntry(entry);
            }
        }

        return stream.ToArray();
    }

    /// <summary>A header with the size in octal digits and the checksum that belongs to it, and a beginning of what it declares.</summary>
    private static byte[] DeclaringTenGigabytes()
    {
        byte[] tar = new byte[4096];
        Encoding.ASCII.GetBytes($"{Mark}.safetensors").CopyTo(tar, 0);
        Encoding.ASCII.GetBytes("0000644\0").CopyTo(tar, 100);
        Encoding.ASCII.GetBytes(Convert.ToString(TenGigabytes, 8).PadLeft(12, '0')).CopyTo(tar, 124);
        tar[156] = (byte)'0';
        Encoding.ASCII.GetBytes("ustar\u000000").CopyTo(tar, 257);
        tar.AsSpan(148, 8).Fill((byte)' ');
        int sum = tar.AsSpan(0, 512).ToArray().Sum(static one => one);
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(tar, 148);
        return tar;
    }
}
