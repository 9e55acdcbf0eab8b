using System.Security.Cryptography;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Storage;
using LoraAdmin.Tests.Simulation.Memory;
using Xunit;

namespace LoraAdmin.Tests.Storage;

/// <summary>What every spool does, on disk and in the simulation alike.</summary>
[Trait("Requirement", "E3")]
public abstract class SpoolContract
{
    private const string Name = "job-1.safetensors";
    private static readonly CancellationToken None = CancellationToken.None;

    protected abstract ISpool Spool { get; }

    [Fact]
    public async Task Append_InRangesThenSeal_IsTheWholeFile()
    {
        byte[] bytes = [1, 2, 3, 4, 5];
        Assert.Equal(new SpoolFile(Name + ".part", 3), await AppendedAsync(0, bytes[..3]));
        Assert.Equal(new SpoolFile(Name + ".part", 5), await AppendedAsync(3, bytes[3..]));
        Assert.Equal(new SpoolFile(Name + ".part", 5), await FoundAsync());

        Assert.Equal(new SpoolFile(Name, 5), Assert.IsType<SpoolOutcome.Done>(await Spool.SealAsync(Name, None)).File);

        Assert.Equal(new SpoolFile(Name, 5), await FoundAsync());
        Assert.Equal(bytes, await ContentAsync());
        SpoolReading<SpoolDigest> digest = await Spool.DigestAsync(Name, None);
        Assert.Equal(
            new SpoolDigest(5, Convert.ToHexStringLower(SHA256.HashData(bytes))), Assert.IsType<SpoolReading<SpoolDigest>.Found>(digest).Value);
    }

    [Fact]
    public async Task Append_BelowTheEnd_CutsFirst()
    {
        await AppendedAsync(0, [1, 2, 3, 4]);
        Assert.Equal(3, (await AppendedAsync(2, [9])).LengthBytes);
        Assert.Equal([1, 2, 9], await ContentAsync());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task Append_BeyondTheEnd_FailsAndTouchesNothing(int present)
    {
        if (present > 0)
        {
            await AppendedAsync(0, new byte[present]);
        }

        Assert.IsType<SpoolOutcome.Failed>(await Spool.AppendAsync(Name, present + 1, new MemoryStream([5]), None));

        Assert.Equal(present, await Spool.FindAsync(Name, None) is SpoolReading<SpoolFile>.Found found ? found.Value.LengthBytes : 0);
        Assert.Equal(present == 0, await Spool.OpenAsync(Name, None) is SpoolReading<Stream>.Absent);
    }

    [Fact]
    public async Task Append_ToASealedFile_FailsAndSealingItAgainSucceeds()
    {
        await AppendedAsync(0, [1]);
        await Spool.SealAsync(Name, None);

        Assert.IsType<SpoolOutcome.Failed>(await Spool.AppendAsync(Name, 1, new MemoryStream([2]), None));

        Assert.Equal(new SpoolFile(Name, 1), Assert.IsType<SpoolOutcome.Done>(await Spool.SealAsync(Name, None)).File);
        Assert.Equal([1], await ContentAsync());
    }

    [Fact]
    public async Task Append_ContentBreaksOff_SaysSoAndKeepsWhatArrived()
    {
        await AppendedAsync(0, [7, 7, 7]);

        SpoolOutcome outcome = await Spool.AppendAsync(Name, 2, new GeneratedStream(900_000) { BreaksAt = 300_000 }, None);

        Assert.Equal(300_002, Assert.IsType<SpoolOutcome.Broken>(outcome).File.LengthBytes);

        Assert.Equal(new SpoolFile(Name + ".part", 300_002), await FoundAsync());
    }

    [Fact]
    public async Task Append_Cancelled_LeavesWhatWasThere()
    {
        await AppendedAsync(0, [7, 7]);
        using CancellationTokenSource cancelled = new();
        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Spool.AppendAsync(Name, 2, new GeneratedStream(50), cancelled.Token));

        Assert.Equal([7, 7], await ContentAsync());
    }

    [Fact]
    public async Task Append_CancelledOnItsWay_KeepsWhatArrived()
    {
        await AppendedAsync(0, [7, 7]);
        using CancellationTokenSource stopped = new();
        GeneratedStream content = new(1_000_000) { OnRead = read => read > 300_000 ? stopped.CancelAsync() : Task.CompletedTask };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Spool.AppendAsync(Name, 2, content, stopped.Token));

        Assert.Equal(new SpoolFile(Name + ".part", 2 + content.BytesRead), await FoundAsync());
        Assert.True(content.BytesRead > 300_000);
    }

    [Fact]
    public async Task Append_NegativeOffset_Throws() =>
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Spool.AppendAsync(Name, -1, new MemoryStream([1]), None));

    [Fact]
    public async Task Nothing_IsThere_IsAbsentAndCannotBeSealed()
    {
        Assert.IsType<SpoolReading<SpoolFile>.Absent>(await Spool.FindAsync(Name, None));
        Assert.IsType<SpoolReading<SpoolDigest>.Absent>(await Spool.DigestAsync(Name, None));
        Assert.IsType<SpoolReading<Stream>.Absent>(await Spool.OpenAsync(Name, None));
        Assert.IsType<SpoolOutcome.Failed>(await Spool.SealAsync(Name, None));
        Assert.True(await Spool.DeleteAsync(Name, None));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Delete_PartOrSealed_IsAbsentAndMayBeginAnew(bool isSealed)
    {
        await AppendedAsync(0, [1, 2]);
        if (isSealed)
        {
            await Spool.SealAsync(Name, None);
        }

        Assert.True(await Spool.DeleteAsync(Name, None));

        Assert.IsType<SpoolReading<SpoolFile>.Absent>(await Spool.FindAsync(Name, None));
        Assert.Equal(new SpoolFile(Name + ".part", 1), await AppendedAsync(0, [3]));
    }

    private async Task<SpoolFile> AppendedAsync(long offset, byte[] bytes) =>
        Assert.IsType<SpoolOutcome.Done>(await Spool.AppendAsync(Name, offset, new MemoryStream(bytes), None)).File;

    private async Task<SpoolFile> FoundAsync() => Assert.IsType<SpoolReading<SpoolFile>.Found>(await Spool.FindAsync(Name, None)).Value;

    private async Task<byte[]> ContentAsync()
    {
        await using Stream content = Assert.IsType<SpoolReading<Stream>.Found>(await Spool.OpenAsync(Name, None)).Value;
        using MemoryStream copy = new();
        await content.CopyToAsync(copy);
        return copy.ToArray();
    }
}

public sealed class FileSpoolContract : SpoolContract, IDisposable
{
    private readonly TemporaryFolder folder = new();

    public FileSpoolContract() => Spool = new FileSpool(folder.Under("spool"), new("i"), note: folder.Under("spool-folder"));

    protected override ISpool Spool { get; }

    public void Dispose() => folder.Dispose();
}

public sealed class MemorySpoolContract : SpoolContract
{
    protected override ISpool Spool { get; } = new MemorySpool("i");
}
