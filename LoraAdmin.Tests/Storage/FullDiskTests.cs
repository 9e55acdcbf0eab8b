using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.Files;
using LoraAdmin.Storage;
using LoraAdmin.Tests.Doubles;
using Xunit;

namespace LoraAdmin.Tests.Storage;

/// <summary>
/// Spool and buckets on a disk that is really full: no byte that was proven is lost, and what the ledger needs stays free. In the long run, because a
/// small disk takes the right to mount one.
/// </summary>
[Trait("Run", "Long")]
[Trait("Requirement", "E3")]
public sealed class FullDiskTests
{
    private const string Name = "job-1.safetensors";
    private const int Megabyte = 1024 * 1024;

    [Fact]
    public async Task Append_DiskIsFull_SaysThatThereIsNoRoomAndKeepsWhatWasThere()
    {
        using SmallDisk disk = SmallDisk.Mount(4);
        FileSpool spool = new(Path.Combine(disk.Path, "spool"), new("i"));
        Assert.IsType<SpoolOutcome.Done>(await spool.AppendAsync(Name, 0, new GeneratedStream(Megabyte), CancellationToken.None));

        SpoolOutcome outcome = await spool.AppendAsync(Name, Megabyte, new GeneratedStream(8 * Megabyte), CancellationToken.None);

        Assert.IsType<SpoolOutcome.NoRoom>(outcome);
        Assert.Equal(Megabyte, (await spool.FindAsync(Name, CancellationToken.None)).OrNull()!.LengthBytes);
        Assert.True(disk.FreeBytes >= 2 * Megabyte, $"{disk.FreeBytes} bytes are free");
        Assert.IsType<SpoolOutcome.Done>(await spool.AppendAsync(Name, Megabyte, new GeneratedStream(Megabyte), CancellationToken.None));
        Assert.IsType<SpoolOutcome.Done>(await spool.SealAsync(Name, CancellationToken.None));
    }

    [Fact]
    public async Task Append_ReachesTheReserveOnItsWay_EndsThereAndKeepsWhatArrived()
    {
        using SmallDisk disk = SmallDisk.Mount(48);
        FileSpool spool = new(Path.Combine(disk.Path, "spool"), new("i"), minimumFreeBytes: 24 * Megabyte);

        SpoolOutcome outcome = await spool.AppendAsync(Name, 0, new GeneratedStream(47 * Megabyte), CancellationToken.None);

        Assert.Contains("Spool:MinimumFreeBytes", Assert.IsType<SpoolOutcome.NoRoom>(outcome).Reason, StringComparison.Ordinal);
        Assert.InRange(disk.FreeBytes, (24 * Megabyte) - DiskReserve.LookEvery - Megabyte, 24 * Megabyte);
        Assert.True((await spool.FindAsync(Name, CancellationToken.None)).OrNull()!.LengthBytes >= 20 * Megabyte);
        Assert.Equal(0, await spool.ReadRoomAsync(CancellationToken.None));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Put_WouldTakeTheReserve_FailsAndLeavesNothing(bool isLengthKnown)
    {
        using SmallDisk disk = SmallDisk.Mount(48);
        FileObjectStore store = new(Path.Combine(disk.Path, "objects"), new SeededIds(1), TimeProvider.System, minimumFreeBytes: 24 * Megabyte);
        ObjectRef target = new(Buckets.Models, "a/b/model.safetensors");
        long before = disk.FreeBytes;
        await using Stream content = isLengthKnown ? new MemoryStream(new byte[40 * Megabyte]) : new GeneratedStream(40 * Megabyte);

        PutOutcome outcome = await store.PutAsync(target, content, "application/octet-stream", CancellationToken.None);

        Assert.Contains("Storage:MinimumFreeBytes", Assert.IsType<PutOutcome.Failed>(outcome).Reason, StringComparison.Ordinal);
        Assert.IsType<ObjectReading.NotFound>(await store.OpenAsync(target, CancellationToken.None));
        Assert.InRange(disk.FreeBytes, before - Megabyte, before);
        Assert.Equal(0, isLengthKnown ? content.Position : 0);
    }
}
