using System.Security.Cryptography;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Storage;
using LoraAdmin.Tests.Doubles;
using Xunit;

namespace LoraAdmin.Tests.Storage;

[Trait("Requirement", "E3")]
public sealed class FileSpoolTests : IDisposable
{
    private const string Name = "job-1.safetensors";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Append_InRangesThenSeal_GivesTheWholeFile()
    {
        FileSpool spool = NewSpool();
        byte[] bytes = new byte[700_000];
        new Random(5).NextBytes(bytes);

        Assert.Equal(400_000, await AppendAsync(spool, 0, bytes[..400_000]));
        Assert.Equal(700_000, await AppendAsync(spool, 400_000, bytes[400_000..]));
        SpoolDigest before = Assert.IsType<SpoolDigest>(await spool.DigestAsync(Name, CancellationToken.None));
        SpoolOutcome.Done done = Assert.IsType<SpoolOutcome.Done>(await spool.SealAsync(Name, CancellationToken.None));

        Assert.Equal(new SpoolFile(Name, 700_000), done.File);
        Assert.Equal(new SpoolDigest(700_000, Convert.ToHexStringLower(SHA256.HashData(bytes))), before);
        Assert.Equal(before, await spool.DigestAsync(Name, CancellationToken.None));
        Assert.Equal([folder.Under(Name)], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public async Task Find_AfterTheProcessDied_TellsWhereToGoOn()
    {
        await AppendAsync(NewSpool(), 0, new byte[1000]);

        FileSpool successor = NewSpool();
        SpoolFile found = Assert.IsType<SpoolFile>(await successor.FindAsync(Name, CancellationToken.None));

        Assert.Equal(new SpoolFile(Name + ".part", 1000), found);
        Assert.Equal(1500, await AppendAsync(successor, found.LengthBytes, new byte[500]));
    }

    [Fact]
    public async Task Append_BelowATornWrite_CutsItFirst()
    {
        FileSpool spool = NewSpool();
        await AppendAsync(spool, 0, [1, 2, 3, 4]);
        await File.AppendAllBytesAsync(folder.Under(Name + ".part"), [9, 9, 9, 9, 9, 9]);

        Assert.Equal(6, await AppendAsync(NewSpool(), 4, [5, 6]));

        await spool.SealAsync(Name, CancellationToken.None);
        Assert.Equal([1, 2, 3, 4, 5, 6], await File.ReadAllBytesAsync(folder.Under(Name)));
    }

    [Fact]
    public async Task Append_BeyondTheEnd_FailsAndTouchesNothing()
    {
        FileSpool spool = NewSpool();
        await AppendAsync(spool, 0, [1, 2, 3]);

        Assert.IsType<SpoolOutcome.Failed>(await spool.AppendAsync(Name, 4, new MemoryStream([5]), CancellationToken.None));

        Assert.Equal(3, (await spool.FindAsync(Name, CancellationToken.None))?.LengthBytes);
    }

    [Fact]
    public async Task Append_ContentBreaksOff_KeepsWhatArrived()
    {
        FileSpool spool = NewSpool();
        await AppendAsync(spool, 0, [7, 7]);

        SpoolOutcome outcome = await spool.AppendAsync(
            Name, 2, new GeneratedStream(900_000) { BreaksAt = 300_000 }, CancellationToken.None);

        SpoolOutcome.Broken broken = Assert.IsType<SpoolOutcome.Broken>(outcome);
        Assert.Contains("300000 bytes", broken.Reason, StringComparison.Ordinal);
        Assert.Equal(300_002, broken.File.LengthBytes);
        Assert.Equal(300_002, (await spool.FindAsync(Name, CancellationToken.None))?.LengthBytes);
    }

    [Fact]
    public async Task Append_Cancelled_LeavesWhatWasThere()
    {
        FileSpool spool = NewSpool();
        await AppendAsync(spool, 0, [7, 7]);
        using CancellationTokenSource cancelled = new();
        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => spool.AppendAsync(Name, 2, new GeneratedStream(50), cancelled.Token));

        Assert.Equal(2, (await spool.FindAsync(Name, CancellationToken.None))?.LengthBytes);
    }

    [Fact]
    public async Task Append_LessFreeThanAsked_SaysThatThereIsNoRoomAndNamesTheOption()
    {
        FileSpool spool = new(folder.Path, new("i"), minimumFreeBytes: long.MaxValue);

        SpoolOutcome outcome = await spool.AppendAsync(Name, 0, new MemoryStream([1]), CancellationToken.None);

        Assert.Contains("Spool:MinimumFreeBytes", Assert.IsType<SpoolOutcome.NoRoom>(outcome).Reason, StringComparison.Ordinal);
        Assert.Null(await spool.FindAsync(Name, CancellationToken.None));
    }

    [Fact]
    public async Task Append_ToASealedFile_Fails()
    {
        FileSpool spool = NewSpool();
        await AppendAsync(spool, 0, [1]);
        await spool.SealAsync(Name, CancellationToken.None);

        Assert.IsType<SpoolOutcome.Failed>(await spool.AppendAsync(Name, 1, new MemoryStream([2]), CancellationToken.None));
        Assert.IsType<SpoolOutcome.Done>(await spool.SealAsync(Name, CancellationToken.None));
        Assert.Equal(new SpoolFile(Name, 1), await spool.FindAsync(Name, CancellationToken.None));
    }

    [Fact]
    public async Task Append_FolderCannotBeMade_Fails()
    {
        await File.WriteAllTextAsync(folder.Under("blocked"), "a file");
        FileSpool spool = new(folder.Under("blocked"), new("i"));

        Assert.IsType<SpoolOutcome.Failed>(await spool.AppendAsync(Name, 0, new MemoryStream([1]), CancellationToken.None));
    }

    [Fact]
    public async Task Nothing_IsThere_ReadsAsNull()
    {
        FileSpool spool = NewSpool();

        Assert.Null(await spool.FindAsync(Name, CancellationToken.None));
        Assert.Null(await spool.DigestAsync(Name, CancellationToken.None));
        Assert.Null(await spool.OpenAsync(Name, CancellationToken.None));
        Assert.IsType<SpoolOutcome.Failed>(await spool.SealAsync(Name, CancellationToken.None));
        await spool.DeleteAsync(Name, CancellationToken.None);
    }

    [Fact]
    public async Task Delete_PartOrSealed_Removes()
    {
        FileSpool spool = NewSpool();
        await AppendAsync(spool, 0, [1]);
        await spool.DeleteAsync(Name, CancellationToken.None);
        await AppendAsync(spool, 0, [1]);
        await spool.SealAsync(Name, CancellationToken.None);
        await spool.DeleteAsync(Name, CancellationToken.None);

        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("a/../x")]
    [InlineData("/x")]
    [InlineData("")]
    [InlineData("x.part")]
    [InlineData("x\n")]
    public async Task Name_NotAcceptable_Throws(string name) =>
        await Assert.ThrowsAsync<ArgumentException>(() => NewSpool().FindAsync(name, CancellationToken.None));

    [Fact]
    public void ReadInstance_Twice_IsTheSame()
    {
        string path = folder.Under("data", "instance-id");

        string first = FileSpool.ReadInstance(path, new SeededIds(1));

        Assert.Equal(first, FileSpool.ReadInstance(path, new SeededIds(2)));
        Assert.True(Guid.TryParse(first, out _));
    }

    [Fact]
    public async Task ReadInstance_DamagedFile_SaysWhichFile()
    {
        string path = folder.Under("instance-id");
        await File.WriteAllTextAsync(path, "");

        Assert.Contains(path, Assert.Throws<InvalidDataException>(() => FileSpool.ReadInstance(path, new SeededIds(1))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadId_OfOneFolder_IsTheSameForEveryInstance()
    {
        string spool = folder.Under("shared");

        string first = FileSpool.ReadId(spool, () => "0197a000-0000-7000-8000-000000000001");

        Assert.Equal("0197a000-0000-7000-8000-000000000001", first);
        Assert.Equal(first, FileSpool.ReadId(spool, () => "0197a000-0000-7000-8000-000000000002"));
        Assert.NotEqual(first, FileSpool.ReadId(folder.Under("other"), () => "0197a000-0000-7000-8000-000000000002"));
    }

    [Fact]
    public async Task List_NamesPartsAndSealedFiles_AndNotTheId()
    {
        FileSpool spool = NewSpool();
        FileSpool.ReadId(folder.Path, () => "0197a000-0000-7000-8000-000000000001");
        await AppendAsync(spool, 0, [1, 2, 3]);
        await spool.AppendAsync("a.safetensors", 0, new MemoryStream([1]), CancellationToken.None);
        await spool.SealAsync("a.safetensors", CancellationToken.None);

        Assert.Equal(
            [new SpoolListed("a.safetensors", 1, IsSealed: true), new SpoolListed(Name, 3, IsSealed: false)], await spool.ListAsync(CancellationToken.None));
    }

    [Fact]
    public async Task ReadRoom_LeavesWhatMustStayFree()
    {
        Assert.True(await NewSpool().ReadRoomAsync(CancellationToken.None) > 0);
        Assert.Equal(0, await new FileSpool(folder.Path, new("i"), minimumFreeBytes: long.MaxValue).ReadRoomAsync(CancellationToken.None));
    }

    private static async Task<long> AppendAsync(FileSpool spool, long offset, byte[] bytes) =>
        Assert.IsType<SpoolOutcome.Done>(await spool.AppendAsync(Name, offset, new MemoryStream(bytes), CancellationToken.None)).File.LengthBytes;

    private FileSpool NewSpool() => new(folder.Path, new("i"));
}
