using System.Security.Cryptography;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Storage;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.LocalCloud;
using LoraAdmin.Training;
using Xunit;

namespace LoraAdmin.Tests.Storage;

/// <summary>What can befall the portal's own store and spool, played before the real ones.</summary>
public sealed class VendorFaultStoreTests : IAsyncLifetime
{
    private static readonly ObjectRef Model = new(Buckets.Models, "user/lora/model.safetensors");
    private static readonly ObjectRef Image = new(Buckets.TrainingImages, "user/upload/0");
    private static readonly byte[] Bytes = [1, 2, 3, 4, 5];

    private readonly TemporaryFolder folder = new();
    private readonly TestCloud cloud = new();
    private readonly StoreFaults faults;
    private readonly FailingObjectStore store;
    private readonly FailingSpool spool;

    public VendorFaultStoreTests()
    {
        faults = new StoreFaults(() => cloud.Face.TakeStoreFaultAsync);
        store = new FailingObjectStore(new FileObjectStore(folder.Under("objects"), new SeededIds(1), cloud.Clock), faults, cloud.Clock);
        spool = new FailingSpool(new FileSpool(folder.Under("spool"), new("i")), faults);
    }

    private FaultTable Table => cloud.World.Faults;

    public async ValueTask InitializeAsync() => await faults.StartAsync(CancellationToken.None);

    public ValueTask DisposeAsync()
    {
        cloud.Dispose();
        folder.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    [Trait("Requirement", "E3")]
    [Trait("Fault", FaultKind.StorePutFails)]
    public async Task StorePutFails_Once_KeepsNothingAndTheNextPutIsStored()
    {
        Table.Add(FaultKind.StorePutFails);

        Assert.Contains("503", Assert.IsType<PutOutcome.Failed>(await PutAsync(Model)).Reason, StringComparison.Ordinal);

        Assert.IsType<ObjectReading.NotFound>(await store.OpenAsync(Model, CancellationToken.None));
        Assert.IsType<PutOutcome.Stored>(await PutAsync(Model));
        Assert.Equal(Sha256(Bytes), await ReadBackAsync(Model));
    }

    [Fact]
    [Trait("Requirement", "E3")]
    [Trait("Fault", FaultKind.StorePutTimeout)]
    public async Task StorePutTimeout_WithSeconds_AnswersNothingForSoLongAndKeepsNothing()
    {
        Table.Add(FaultKind.StorePutTimeout, seconds: 30);
        Task<PutOutcome> put = PutAsync(Model);
        cloud.Pass(TimeSpan.FromSeconds(29));
        Assert.False(put.IsCompleted);
        cloud.Pass(TimeSpan.FromSeconds(1));

        Assert.Contains("in time", Assert.IsType<PutOutcome.Failed>(await put).Reason, StringComparison.Ordinal);

        Assert.IsType<ObjectReading.NotFound>(await store.OpenAsync(Model, CancellationToken.None));
    }

    [Fact]
    public async Task StorePutTimeout_CallerGivesUpBefore_IsCancelled()
    {
        Table.Add(FaultKind.StorePutTimeout);
        using CancellationTokenSource caller = new();
        Task<PutOutcome> put = store.PutAsync(Model, new MemoryStream(Bytes), "application/octet-stream", caller.Token);
        await caller.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => put);
    }

    [Fact]
    [Trait("Requirement", "E3")]
    [Trait("Fault", FaultKind.StoreStoresOther)]
    public async Task StoreStoresOther_Once_AcknowledgesWhatWasSentAndReadsBackOtherwise()
    {
        Table.Add(FaultKind.StoreStoresOther);

        Assert.Equal(new PutOutcome.Stored(Bytes.Length, Sha256(Bytes)), await PutAsync(Model));

        ReadBack.Read read = Assert.IsType<ReadBack.Read>(await store.ReadBackSha256Async(Model, CancellationToken.None));
        Assert.Equal(Bytes.Length, read.SizeBytes);
        Assert.NotEqual(Sha256(Bytes), read.Sha256);
        await PutAsync(Model);
        Assert.Equal(Sha256(Bytes), await ReadBackAsync(Model));
    }

    [Fact]
    [Trait("Requirement", "E3")]
    [Trait("Fault", FaultKind.StoreFull)]
    public async Task StoreFull_WithSecondsAndAMatch_RefusesThoseObjectsInTheWindowAndKeepsTheOldOnes()
    {
        await PutAsync(Model);
        Table.Add(FaultKind.StoreFull, match: $"{Buckets.Models}/user/lora", seconds: 60);

        Assert.Contains("room", Assert.IsType<PutOutcome.Failed>(await PutAsync(Model, [9])).Reason, StringComparison.Ordinal);

        cloud.Pass(TimeSpan.FromSeconds(59));
        Assert.IsType<PutOutcome.Failed>(await PutAsync(Model, [9]));
        Assert.IsType<PutOutcome.Stored>(await PutAsync(Image));
        Assert.Equal(Sha256(Bytes), await ReadBackAsync(Model));
        cloud.Pass(TimeSpan.FromSeconds(1));
        Assert.IsType<PutOutcome.Stored>(await PutAsync(Model, [9]));
    }

    [Fact]
    [Trait("Requirement", "E3")]
    [Trait("Fault", FaultKind.SpoolFull)]
    public async Task SpoolFull_Once_RefusesTheRangeAndKeepsWhatLiesThere()
    {
        await spool.AppendAsync("job-1-1.safetensors", 0, new MemoryStream([1, 2, 3]), CancellationToken.None);
        Table.Add(FaultKind.SpoolFull, match: "job-1-");

        Assert.IsType<SpoolOutcome.Done>(await spool.AppendAsync("job-2-1.safetensors", 0, new MemoryStream([1]), CancellationToken.None));
        SpoolOutcome full = await spool.AppendAsync("job-1-1.safetensors", 3, new MemoryStream([4]), CancellationToken.None);

        Assert.Contains("room", Assert.IsType<SpoolOutcome.NoRoom>(full).Reason, StringComparison.Ordinal);
        Assert.Equal(3, Assert.IsType<SpoolReading<SpoolFile>.Found>(await spool.FindAsync("job-1-1.safetensors", CancellationToken.None)).Value.LengthBytes);
        SpoolOutcome next = await spool.AppendAsync("job-1-1.safetensors", 3, new MemoryStream([4]), CancellationToken.None);
        Assert.Equal(4, Assert.IsType<SpoolOutcome.Done>(next).File.LengthBytes);
    }

    [Fact]
    [Trait("Requirement", "E2")]
    [Trait("Fault", FaultKind.ImageCorrupt)]
    public async Task ImageCorrupt_OneImage_IsNoImageAtEveryReadingAndTheOthersAreGood()
    {
        ObjectRef other = Image with { Key = "user/upload/1" };
        await PutAsync(Image, SampleImages.Jpeg());
        await PutAsync(other, SampleImages.Png());
        await PutAsync(Model);
        Table.Add(FaultKind.ImageCorrupt);

        Assert.Equal(Sha256(Bytes), await ReadBackAsync(Model));
        for (int reading = 0; reading < 4; reading++)
        {
            Assert.IsType<ImageVerdict.Bad>(await InspectedAsync(Image));
            Assert.IsType<ImageVerdict.Good>(await InspectedAsync(other));
        }

        Table.Clear();
        Assert.IsType<ImageVerdict.Good>(await InspectedAsync(Image));
    }

    [Fact]
    [Trait("Requirement", "E2")]
    [Trait("Fault", FaultKind.ImageCorruptOnce)]
    public async Task ImageCorruptOnce_Twice_IsNoImageAtTwoReadingsAndGoodAfterThem()
    {
        await PutAsync(Image, SampleImages.Webp());
        Table.Add(FaultKind.ImageCorruptOnce, count: 2, match: Image.Key);
        Assert.IsType<ImageVerdict.Bad>(await InspectedAsync(Image));
        Assert.IsType<ImageVerdict.Bad>(await InspectedAsync(Image));
        Assert.IsType<ImageVerdict.Good>(await InspectedAsync(Image));
        Assert.Empty(Table.Pending);
    }

    [Fact]
    public void ImageCorrupt_WithProbability_IsDrawnOncePerImageAndAlikeForTheSameSeed()
    {
        bool[] hits = Hits();
        Assert.InRange(hits.Count(static hit => hit), 350, 650);
        Assert.Equal(hits, Hits());

        static bool[] Hits()
        {
            FaultTable table = new(5, []);
            table.Add(FaultKind.ImageCorrupt, 10_000, probability: 0.5);
            bool[] first = Look();
            Assert.Equal(first, Look());
            return first;

            bool[] Look() => [.. Enumerable.Range(0, 1000).Select(number => table.Take(FaultKind.ImageCorrupt, $"image-{number}", default) is not null)];
        }
    }

    [Fact]
    public async Task Faults_BeforeThePortalWasStarted_AreNotUsedUp()
    {
        Table.Add(FaultKind.StorePutFails);
        StoreFaults notStarted = new(() => throw new InvalidOperationException("Nobody may ask."));
        FailingObjectStore tried = new(new FileObjectStore(folder.Under("objects"), new SeededIds(2), cloud.Clock), notStarted, cloud.Clock);

        Assert.IsType<PutOutcome.Stored>(await tried.PutAsync(Model, new MemoryStream(Bytes), "application/octet-stream", CancellationToken.None));

        Assert.Single(Table.Pending);
    }

    private static string Sha256(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private Task<PutOutcome> PutAsync(ObjectRef target, byte[]? bytes = null) =>
        store.PutAsync(target, new MemoryStream(bytes ?? Bytes), "application/octet-stream", CancellationToken.None);

    private async Task<string> ReadBackAsync(ObjectRef target) =>
        Assert.IsType<ReadBack.Read>(await store.ReadBackSha256Async(target, CancellationToken.None)).Sha256;

    private async Task<ImageVerdict> InspectedAsync(ObjectRef target)
    {
        using SkiaImageInspector inspector = new();
        await using Stream content = Assert.IsType<ObjectReading.Found>(await store.OpenAsync(target, CancellationToken.None)).Content;
        return await inspector.InspectAsync(content, 20_000_000, 40_000_000, CancellationToken.None);
    }
}
