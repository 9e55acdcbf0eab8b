using LoraAdmin.Domain.Storage;
using LoraAdmin.Storage;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Storage;

public sealed class FileObjectListingTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly FileObjectStore store;

    public FileObjectListingTests() =>
        store = new FileObjectStore(folder.Under("objects"), new SeededIds(5), new FakeTimeProvider(TimeProvider.System.GetUtcNow()));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1000)]
    public async Task List_GivesEveryKeyOnce_InOrdinalOrder_WhateverTheSizeOfAPart(int most)
    {
        // The folder of "a/b" lies between "a!" and "aa", and "a" itself before both.
        string[] keys = ["b/c/d", "a", "a/b", "a!", "aa", "a/b/c", "B", "a/a", "b/c", "z/1", "z/10", "z/2"];
        foreach (string key in keys)
        {
            await PutAsync(key);
        }

        await store.PutAsync(new ObjectRef(Buckets.TrainingImages, "other"), new MemoryStream([1]), "image/png", Token);
        List<ListedObject> listed = [];
        string? after = null;
        do
        {
            ObjectPage.Listed page = Assert.IsType<ObjectPage.Listed>(await store.ListAsync(Buckets.Models, after, most, Token));
            Assert.InRange(page.Objects.Count, 1, most);
            listed.AddRange(page.Objects);
            after = page.Next;
            Assert.True(after is null || after == page.Objects[^1].Key);
        }
        while (after is not null);

        Assert.Equal(keys.Order(StringComparer.Ordinal), listed.Select(one => one.Key));
        Assert.All(listed, one => Assert.Equal(one.Key.Length, one.SizeBytes));
        Assert.All(listed, one => Assert.InRange(TimeProvider.System.GetUtcNow() - one.LastModified, TimeSpan.FromMinutes(-1), TimeSpan.FromMinutes(10)));
    }

    [Fact]
    public async Task List_ReadsAFolderOnce_HoweverManyPartsItHas()
    {
        foreach (string key in new[] { "a/1", "b/1", "c/1" })
        {
            await PutAsync(key);
        }

        ObjectPage.Listed first = Assert.IsType<ObjectPage.Listed>(await store.ListAsync(Buckets.Models, null, 1, Token));

        // Seen by whoever reads the folder of all users anew: each part would be as much work as the whole.
        await PutAsync("d/1");
        ObjectPage.Listed rest = Assert.IsType<ObjectPage.Listed>(await store.ListAsync(Buckets.Models, first.Next, 10, Token));

        Assert.Equal(["b/1", "c/1"], rest.Objects.Select(one => one.Key));
        Assert.Null(rest.Next);
        Assert.Equal(["b/1", "c/1", "d/1"], (await PageAsync(first.Next, 10)).Objects.Select(one => one.Key));
    }

    [Fact]
    public async Task List_OfTwoAtTheSameTime_GivesEachEveryKey()
    {
        foreach (string key in new[] { "a/1", "a/2", "b/1", "c/1" })
        {
            await PutAsync(key);
        }

        await store.PutAsync(new ObjectRef(Buckets.TrainingImages, "other"), new MemoryStream([1]), "image/png", Token);
        List<string> one = [];
        List<string> other = [];
        string? oneAfter = null;
        string? otherAfter = null;
        do
        {
            ObjectPage.Listed page = await PageAsync(oneAfter, 1);
            one.AddRange(page.Objects.Select(listed => listed.Key));
            oneAfter = page.Next;
            page = await PageAsync(otherAfter, 2);
            other.AddRange(page.Objects.Select(listed => listed.Key));
            otherAfter = page.Next ?? "z";
            await store.ListAsync(Buckets.TrainingImages, null, 1, Token);
        }
        while (oneAfter is not null);

        Assert.Equal(["a/1", "a/2", "b/1", "c/1"], one);
        Assert.Equal(["a/1", "a/2", "b/1", "c/1"], other);
    }

    [Fact]
    public async Task List_GoesOnAfterAKeyThatWasDeletedMeanwhile()
    {
        foreach (string key in new[] { "a/1", "b/1", "c/1" })
        {
            await PutAsync(key);
        }

        await store.DeleteAsync(new ObjectRef(Buckets.Models, "b/1"), Token);

        Assert.Equal(["c/1"], Assert.IsType<ObjectPage.Listed>(await store.ListAsync(Buckets.Models, "b/1", 10, Token)).Objects.Select(one => one.Key));
    }

    [Fact]
    public async Task List_OfABucketIntoWhichNothingWasPut_IsEmpty()
    {
        ObjectPage.Listed page = Assert.IsType<ObjectPage.Listed>(await store.ListAsync(Buckets.Models, null, 10, Token));

        Assert.Empty(page.Objects);
        Assert.Null(page.Next);
    }

    [Fact]
    public async Task List_OfAFolderThatIsGone_IsUnavailable_AndNotEmpty()
    {
        await PutAsync("a/1");
        Directory.Delete(folder.Under("objects"), recursive: true);

        Assert.Contains("is gone", Assert.IsType<ObjectPage.Unavailable>(await store.ListAsync(Buckets.Models, null, 10, Token)).Reason, StringComparison.Ordinal);
    }

    private async Task<ObjectPage.Listed> PageAsync(string? after, int most) => Assert.IsType<ObjectPage.Listed>(await store.ListAsync(Buckets.Models, after, most, Token));

    private async Task PutAsync(string key) => Assert.IsType<PutOutcome.Stored>(
        await store.PutAsync(new ObjectRef(Buckets.Models, key), new MemoryStream(System.Text.Encoding.UTF8.GetBytes(key)), "application/octet-stream", Token));
}
