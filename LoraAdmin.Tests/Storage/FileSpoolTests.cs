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
    private readonly TemporaryFolder elsewhere = new();

    public void Dispose()
    {
        folder.Dispose();
        elsewhere.Dispose();
    }

    [Fact]
    public async Task Append_InRangesThenSeal_GivesTheWholeFile()
    {
        FileSpool spool = NewSpool();
        byte[] bytes = new byte[700_000];
        new Random(5).NextBytes(bytes);

        Assert.Equal(400_000, await AppendAsync(spool, 0, bytes[..400_000]));
        Assert.Equal(700_000, await AppendAsync(spool, 400_000, bytes[400_000..]));
        SpoolDigest before = await DigestAsync(spool);
        SpoolOutcome.Done done = Assert.IsType<SpoolOutcome.Done>(await spool.SealAsync(Name, CancellationToken.None));

        Assert.Equal(new SpoolFile(Name, 700_000), done.File);
        Assert.Equal(new SpoolDigest(700_000, Convert.ToHexStringLower(SHA256.HashData(bytes))), before);
        Assert.Equal(before, await DigestAsync(spool));
        Assert.Equal([folder.Under(".spool-id"), folder.Under(Name)], Directory.GetFiles(folder.Path).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Find_AfterTheProcessDied_TellsWhereToGoOn()
    {
        await AppendAsync(NewSpool(), 0, new byte[1000]);

        FileSpool successor = NewSpool();
        SpoolFile found = Assert.IsType<SpoolReading<SpoolFile>.Found>(await successor.FindAsync(Name, CancellationToken.None)).Value;

        Assert.Equal(new SpoolFile(Name + ".part", 1000), found);
        Assert.Equal(1500, await AppendAsync(successor, found.LengthBytes, new byte[500]));
    }

    [Fact]
    public async Task AnotherDisk_IsMountedWhileThePortalRuns_TheSpoolIsAway()
    {
        FileSpool spool = NewSpool();
        await AppendAsync(spool, 0, [1, 2, 3]);
        await spool.SealAsync(Name, CancellationToken.None);
        await File.WriteAllTextAsync(folder.Under(".spool-id"), "another-disk\n");

        SpoolReading<SpoolFile>.Unreadable read = Assert.IsType<SpoolReading<SpoolFile>.Unreadable>(await spool.FindAsync("job-2.safetensors", CancellationToken.None));
        Assert.Contains("another-disk", read.Reason, StringComparison.Ordinal);
        using MemoryStream content = new([1]);
        Assert.IsType<SpoolOutcome.Failed>(await spool.AppendAsync("job-2.safetensors", 0, content, CancellationToken.None));
        Assert.Null(await spool.ReadRoomAsync(CancellationToken.None));
        Assert.False(await spool.DeleteAsync(Name, CancellationToken.None));
        Assert.True(File.Exists(folder.Under(Name)));
        Assert.Equal("i", spool.Id);

        await File.WriteAllTextAsync(folder.Under(".spool-id"), "i\n");
        Assert.IsType<SpoolReading<SpoolFile>.Absent>(await spool.FindAsync("job-2.safetensors", CancellationToken.None));
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
    public async Task Append_LessFreeThanAsked_SaysThatThereIsNoRoomAndNamesTheOption()
    {
        FileSpool spool = new(folder.Path, new("i"), minimumFreeBytes: long.MaxValue);

        SpoolOutcome outcome = await spool.AppendAsync(Name, 0, new MemoryStream([1]), CancellationToken.None);

        Assert.Contains("Spool:MinimumFreeBytes", Assert.IsType<SpoolOutcome.NoRoom>(outcome).Reason, StringComparison.Ordinal);
        Assert.IsType<SpoolReading<SpoolFile>.Absent>(await spool.FindAsync(Name, CancellationToken.None));
    }

    [Fact]
    public async Task Append_WhileAnotherInstanceAppends_IsRefusedAsIsTheSeal()
    {
        TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await AppendAsync(NewSpool(), 0, [1, 2, 3]);
        GeneratedStream slow = new(900_000)
        {
            OnRead = read =>
            {
                if (read > 300_000)
                {
                    reached.TrySetResult();
                }

                return read > 300_000 ? gate.Task : Task.CompletedTask;
            },
        };
        Task<SpoolOutcome> appending = NewSpool().AppendAsync(Name, 3, slow, CancellationToken.None);
        await reached.Task;
        FileSpool other = NewSpool();

        Assert.IsType<SpoolReading<SpoolFile>.Found>(await other.FindAsync(Name, CancellationToken.None));
        Assert.IsType<SpoolOutcome.Failed>(await other.AppendAsync(Name, 3, new MemoryStream([9]), CancellationToken.None));
        Assert.IsType<SpoolOutcome.Failed>(await other.SealAsync(Name, CancellationToken.None));
        gate.SetResult();
        Assert.Equal(900_003, Assert.IsType<SpoolOutcome.Done>(await appending).File.LengthBytes);
        Assert.IsType<SpoolOutcome.Done>(await other.SealAsync(Name, CancellationToken.None));
    }

    [Fact]
    public async Task Append_FolderCannotBeMade_Fails()
    {
        await File.WriteAllTextAsync(folder.Under("blocked"), "a file");
        FileSpool spool = new(folder.Under("blocked"), new("i"));

        Assert.IsType<SpoolOutcome.Failed>(await spool.AppendAsync(Name, 0, new MemoryStream([1]), CancellationToken.None));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Folder_WentAway_SaysNothingAboutTheFileAndIsNotMadeAnew(bool emptyInItsPlace)
    {
        FileSpool spool = await UsedSpoolAsync();
        TakeAway(emptyInItsPlace);

        await AssertAwayAsync(spool);

        Assert.Equal(emptyInItsPlace, Directory.Exists(folder.Path));
        BringBack();
        Assert.Equal(4, await AppendAsync(spool, 3, [4]));
    }

    [Fact]
    public async Task Folder_WentAwayWhileNobodyRan_IsKnownFromTheNoteUntilThatIsDeleted()
    {
        await UsedSpoolAsync();
        TakeAway(emptyInItsPlace: true);

        await AssertAwayAsync(NewSpool());

        File.Delete(elsewhere.Under("spool-folder"));
        Assert.IsType<SpoolReading<SpoolFile>.Absent>(await NewSpool().FindAsync(Name, CancellationToken.None));
        Assert.Equal(1, await AppendAsync(NewSpool(), 0, [9]));
    }

    [Fact]
    public async Task Folder_ConfiguredAnew_BeginsASpoolThere()
    {
        await UsedSpoolAsync();
        FileSpool moved = new(folder.Under("moved"), new("i"), note: elsewhere.Under("spool-folder"));

        Assert.Equal(1, await AppendAsync(moved, 0, [1]));
        Assert.IsType<SpoolOutcome.Done>(await moved.SealAsync(Name, CancellationToken.None));

        Assert.Equal([folder.Under("moved"), "i"], await File.ReadAllLinesAsync(elsewhere.Under("spool-folder")));
    }

    [Fact]
    public async Task Folder_ThatCannotBeRead_IsNotAbsent()
    {
        FileSpool spool = NewSpool();
        Directory.CreateDirectory(folder.Under(Name + ".part", "in-its-place"));

        Assert.IsType<SpoolReading<Stream>.Unreadable>(await spool.OpenAsync(Name, CancellationToken.None));
        Assert.False(await spool.DeleteAsync(Name, CancellationToken.None));
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

    private static async Task<long> AppendAsync(FileSpool spool, long offset, byte[] bytes) =>
        Assert.IsType<SpoolOutcome.Done>(await spool.AppendAsync(Name, offset, new MemoryStream(bytes), CancellationToken.None)).File.LengthBytes;

    private static async Task<SpoolDigest> DigestAsync(FileSpool spool) =>
        Assert.IsType<SpoolReading<SpoolDigest>.Found>(await spool.DigestAsync(Name, CancellationToken.None)).Value;

    private static async Task AssertAwayAsync(FileSpool spool)
    {
        string reason = Assert.IsType<SpoolReading<SpoolFile>.Unreadable>(await spool.FindAsync(Name, CancellationToken.None)).Reason;
        Assert.Contains("Mount its disk", reason, StringComparison.Ordinal);
        Assert.IsType<SpoolReading<SpoolDigest>.Unreadable>(await spool.DigestAsync(Name, CancellationToken.None));
        Assert.IsType<SpoolReading<Stream>.Unreadable>(await spool.OpenAsync(Name, CancellationToken.None));
        SpoolOutcome.Failed failed = Assert.IsType<SpoolOutcome.Failed>(await spool.AppendAsync(Name, 0, new MemoryStream([1]), CancellationToken.None));
        Assert.Equal(reason, failed.Reason);
        Assert.Equal(reason, Assert.IsType<SpoolOutcome.Failed>(await spool.SealAsync(Name, CancellationToken.None)).Reason);
        Assert.False(await spool.DeleteAsync(Name, CancellationToken.None));
    }

    /// <summary>A spool that holds a whole file and a part of another.</summary>
    private async Task<FileSpool> UsedSpoolAsync()
    {
        FileSpool spool = NewSpool();
        await spool.AppendAsync("whole", 0, new MemoryStream([1]), CancellationToken.None);
        Assert.IsType<SpoolOutcome.Done>(await spool.SealAsync("whole", CancellationToken.None));
        await AppendAsync(spool, 0, [1, 2, 3]);
        return spool;
    }

    private void TakeAway(bool emptyInItsPlace)
    {
        Directory.Move(folder.Path, elsewhere.Under("unmounted"));
        if (emptyInItsPlace)
        {
            Directory.CreateDirectory(folder.Path);
        }
    }

    private void BringBack()
    {
        if (Directory.Exists(folder.Path))
        {
            Directory.Delete(folder.Path);
        }

        Directory.Move(elsewhere.Under("unmounted"), folder.Path);
    }

    private FileSpool NewSpool() => new(folder.Path, new("i"), note: elsewhere.Under("spool-folder"));
}
