using System.Security.Cryptography;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Storage;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Storage;

public sealed class FileObjectStoreTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly FakeTimeProvider clock = new(TimeProvider.System.GetUtcNow());
    private readonly FileObjectStore store;

    public FileObjectStoreTests() => store = NewStore();

    public void Dispose() => folder.Dispose();

    [Fact]
    [Trait("Requirement", "S3")]
    public async Task Put_ThenOpen_GivesTheSameBytesAndHash()
    {
        byte[] bytes = SampleImages.Jpeg();
        ObjectRef target = ObjectKeys.ValidationImage(new UserId(new Guid(1, 2, 3, new byte[8])), new LoraId(new Guid(4, 5, 6, new byte[8])), 0);

        PutOutcome.Stored stored = Assert.IsType<PutOutcome.Stored>(await PutAsync(target, bytes));

        Assert.Equal(new PutOutcome.Stored(bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes))), stored);
        Assert.Equal(new ReadBack.Read(stored.SizeBytes, stored.Sha256), await store.ReadBackSha256Async(target, CancellationToken.None));
        ObjectReading.Found found = Assert.IsType<ObjectReading.Found>(await store.OpenAsync(target, CancellationToken.None));
        await found.Content.DisposeAsync();
        Assert.Equal("image/jpeg", found.Info.ContentType);
        Assert.Equal(bytes.Length, found.Info.SizeBytes);
    }

    [Fact]
    public async Task Put_Again_ReplacesWhole()
    {
        ObjectRef target = new(Buckets.Models, "u/l/model.safetensors");
        await PutAsync(target, new byte[5000]);
        await PutAsync(target, [1, 2, 3]);

        Assert.Equal(3, Assert.IsType<ReadBack.Read>(await store.ReadBackSha256Async(target, CancellationToken.None)).SizeBytes);
    }

    [Fact]
    public async Task Put_KeyThatIsAnothersFolder_DoesNotCollide()
    {
        string[] keys = ["a", "a/b", "a/b/c", "a!/b", ".tmp"];
        foreach (string key in keys)
        {
            Assert.IsType<PutOutcome.Stored>(await PutAsync(new ObjectRef(Buckets.Models, key), System.Text.Encoding.UTF8.GetBytes(key)));
        }

        foreach (string key in keys)
        {
            Assert.Equal(key.Length, Assert.IsType<ReadBack.Read>(await ReadAsync(key)).SizeBytes);
        }
    }

    [Theory]
    [InlineData("lora-models", "../x")]
    [InlineData("lora-models", "a/../../x")]
    [InlineData("lora-models", "/etc/x")]
    [InlineData("lora-models", "a//b")]
    [InlineData("lora-models", "a#/b")]
    [InlineData("lora-models", "a\\b")]
    [InlineData("lora-models", "a\0b")]
    [InlineData("..", "x")]
    [InlineData(".tmp", "x")]
    [InlineData("a/b", "x")]
    [InlineData("lora-models\n", "x")]
    public async Task Put_KeyOrBucketNotAcceptable_IsRefusedAndNothingIsWritten(string bucket, string key)
    {
        ObjectRef target = new(bucket, key);

        Assert.IsType<PutOutcome.Refused>(await PutAsync(target, [1]));
        Assert.IsType<ObjectReading.NotFound>(await store.OpenAsync(target, CancellationToken.None));
        Assert.True(await store.DeleteAsync(target, CancellationToken.None));
        Assert.Empty(Directory.EnumerateFiles(folder.Path, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Put_PartLongerThanAFileName_IsRefused() =>
        Assert.IsType<PutOutcome.Refused>(await PutAsync(new ObjectRef(Buckets.Models, new string('a', 300)), [1]));

    [Fact]
    public async Task Put_ContentBreaksOff_FailsAndKeepsTheOlderObject()
    {
        ObjectRef target = new(Buckets.Models, "k");
        await PutAsync(target, [1, 2, 3]);

        PutOutcome outcome = await store.PutAsync(target, new GeneratedStream(900_000) { BreaksAt = 400_000 }, "x/y", CancellationToken.None);

        Assert.Equal("The connection was lost.", Assert.IsType<PutOutcome.Failed>(outcome).Reason);
        Assert.Equal(3, Assert.IsType<ReadBack.Read>(await ReadAsync("k")).SizeBytes);
        Assert.Empty(Directory.EnumerateFiles(folder.Under("objects", ".tmp")));
    }

    [Fact]
    public async Task Put_Cancelled_ThrowsAndLeavesNothing()
    {
        using CancellationTokenSource cancelled = new();
        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => store.PutAsync(new ObjectRef(Buckets.Models, "k"), new GeneratedStream(10), "x/y", cancelled.Token));

        Assert.Empty(Directory.EnumerateFiles(folder.Path, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Put_FolderCannotBeMade_FailsWithAReason()
    {
        await File.WriteAllTextAsync(folder.Under("objects", Buckets.Models), "in the way");

        Assert.NotEmpty(Assert.IsType<PutOutcome.Failed>(await PutAsync(new ObjectRef(Buckets.Models, "a/b"), [1])).Reason);
        Assert.IsNotType<ObjectReading.Found>(await store.OpenAsync(new ObjectRef(Buckets.Models, "a/b"), CancellationToken.None));
    }

    [Fact]
    public async Task Open_RootIsGone_IsUnavailableNotAbsent()
    {
        ObjectRef target = new(Buckets.Models, "k");
        await PutAsync(target, [1]);
        Directory.Delete(folder.Under("objects"), recursive: true);

        Assert.IsType<ObjectReading.Unavailable>(await store.OpenAsync(target, CancellationToken.None));
        Assert.False(await store.DeleteAsync(target, CancellationToken.None));
    }

    [Fact]
    public async Task Put_OnUnix_IsReadableByThisUserOnly()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such modes.");
        await PutAsync(new ObjectRef(Buckets.Models, "u/model.safetensors"), [1]);

#pragma warning disable CA1416 // Skipped on Windows above.
        string file = folder.Under("objects", Buckets.Models, "u#", "model.safetensors");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.GetDirectoryName(file)!));
#pragma warning restore CA1416
    }

    [Fact]
    public async Task Delete_LastOfItsFolder_PrunesUpToTheBucketAndIsIdempotent()
    {
        await PutAsync(new ObjectRef(Buckets.Models, "u/l/one"), [1]);
        await PutAsync(new ObjectRef(Buckets.Models, "u/two"), [2]);

        Assert.True(await store.DeleteAsync(new ObjectRef(Buckets.Models, "u/l/one"), CancellationToken.None));
        Assert.True(await store.DeleteAsync(new ObjectRef(Buckets.Models, "u/l/one"), CancellationToken.None));

        Assert.False(Directory.Exists(folder.Under("objects", Buckets.Models, "u#", "l#")));
        Assert.IsType<ReadBack.Read>(await ReadAsync("u/two"));
        Assert.IsType<ReadBack.NotFound>(await ReadAsync("u/l/one"));
    }

    [Fact]
    public async Task PutAndDelete_InTheSameFolderAtOnce_NeverFail()
    {
        List<Task<bool>> work = [];
        for (int round = 0; round < 60; round++)
        {
            ObjectRef target = new(Buckets.Models, $"u/l/{round % 3}");
            work.Add(Task.Run(async () => await PutAsync(target, [1]) is PutOutcome.Stored));
            work.Add(Task.Run(() => store.DeleteAsync(target, CancellationToken.None)));
        }

        Assert.All(await Task.WhenAll(work), Assert.True);
    }

    [Fact]
    public async Task NewStore_DraftsOfACrashADayAgo_AreRemoved()
    {
        string draft = folder.Under("objects", ".tmp", "left");
        await File.WriteAllTextAsync(draft, "half");

        _ = NewStore();
        Assert.True(File.Exists(draft));
        clock.Advance(TimeSpan.FromHours(25));
        _ = NewStore();

        Assert.False(File.Exists(draft));
    }

    private FileObjectStore NewStore() => new(folder.Under("objects"), new SeededIds(3), clock);

    private Task<PutOutcome> PutAsync(ObjectRef target, byte[] bytes) =>
        store.PutAsync(target, new MemoryStream(bytes), "application/octet-stream", CancellationToken.None);

    private Task<ReadBack> ReadAsync(string key) => store.ReadBackSha256Async(new ObjectRef(Buckets.Models, key), CancellationToken.None);
}
