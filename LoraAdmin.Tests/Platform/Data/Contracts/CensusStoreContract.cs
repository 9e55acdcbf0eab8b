using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data.Contracts;

/// <summary>What the censuses found, and what the tables say of the buckets' objects.</summary>
public abstract class CensusStoreContract : StoreContract
{
    private static readonly BucketCensus First = new("bucket-a", Start, 10, 1_000, 1, 2, null);

    [Fact]
    public async Task Counts_AreReadBack_WithTheLastWholeOneAndWhatGrowthIsMeasuredFrom()
    {
        Assert.Empty(await Standings(Start));
        Assert.True(await Note(First));
        Assert.Equal([new BucketStanding(First, First, null)], await Standings(Start));
        BucketCensus second = First with { At = Start.AddDays(1), Bytes = 1_500 };
        BucketCensus unread = new("bucket-a", Start.AddDays(2), 0, 0, 0, 0, "HTTP 544");
        BucketCensus other = new("bucket-b", Start, 0, 0, 0, 0, "away");
        Assert.True(await Note(second));
        Assert.True(await Note(unread));
        Assert.True(await Note(other));

        Assert.Equal([new BucketStanding(unread, second, First), new BucketStanding(other, null, null)], await Standings(Start.AddHours(1)));
        Assert.Equal(500, (await Standings(Start.AddHours(1)))[0].GrowthBytes);

        // Before the month there is a later one.
        BucketCensus third = First with { At = Start.AddDays(3), Bytes = 1_600 };
        await Note(third);
        Assert.Equal(second, (await Standings(Start.AddDays(2.5)))[0].Before);
        Assert.Equal(First, (await Standings(Start.AddDays(-9)))[0].Before);
    }

    [Fact]
    public async Task Count_OfAnEarlierOrTheSameInstant_IsNotTaken()
    {
        await Note(First);

        Assert.False(await Note(First with { Objects = 99 }));
        Assert.False(await Note(First with { At = Start.AddSeconds(-1) }));

        Assert.Equal(First, Assert.Single(await Standings(Start)).Newest);
    }

    [Fact]
    public async Task Counts_OfLongAgo_Go()
    {
        await Note(First);
        await Note(First with { At = Start.AddDays(1) });
        await Note(First with { At = Start.AddDays(1) + BucketCensus.KeepFor });

        Assert.Equal(Start.AddDays(1), (await Standings(DateTimeOffset.MinValue))[0].Before!.At);
    }

    [Fact]
    public async Task Differences_GoWithTheNextWholeCount_UnlessItHasConfirmedThem()
    {
        LoraId lora = new(NextId());
        CensusDifference stray = new("bucket-a", "b/stray", DifferenceKind.Stray, Start, null, 7);
        CensusDifference missing = new("bucket-a", "c/missing", DifferenceKind.Missing, Start, lora, null);
        CensusDifference early = stray with { Key = "a/stray" };
        Assert.True(await Add(stray));
        Assert.True(await Add(early));
        Assert.True(await Add(missing));
        Assert.True(await Add(stray));
        Assert.Equal(new ConfirmedDifferences(2, 1), await Confirmed(Start));
        Assert.Equal(new ConfirmedDifferences(0, 0), await Confirmed(Start.AddSeconds(1)));
        await Note(First);
        Assert.True(await Add(stray));
        Assert.Equal([missing, early, stray], await Differences(10));
        Assert.Equal([missing], await Differences(1));

        // One that did not come to its end knows nothing of them.
        await Note(First with { At = Start.AddDays(1), Unread = "away" });
        Assert.Equal(3, (await Differences(10)).Count);
        Assert.True(await Add(stray));
        CensusDifference again = early with { At = Start.AddDays(2) };
        Assert.True(await Add(again));
        Assert.Equal(new ConfirmedDifferences(1, 0), await Confirmed(Start.AddDays(2)));
        await Note(First with { At = Start.AddDays(2) });
        Assert.Equal([again], await Differences(10));
        Assert.False(await Add(stray));
    }

    [Fact]
    public async Task CompletedLoras_ComeInTheOrderOfBytes_PartByPart()
    {
        // As a language sorts, "a-b" might come after "aB", and "É" beside "E".
        string?[] paths = ["aB", "a-b", "a/b", "Z", "É", null, "a!b", "a"];
        List<Lora> loras = [];
        foreach (string? path in paths)
        {
            loras.Add(await Added(LoraStatus.Completed, path));
        }

        loras.Add(await Added(LoraStatus.Completed, "a"));
        await Added(LoraStatus.Archived, "archived");
        await Added(LoraStatus.Training, null);
        List<StoredLora> listed = [];
        IReadOnlyList<StoredLora> part;
        do
        {
            part = await Read<ILoraFiles, IReadOnlyList<StoredLora>>(store => store.ListCompletedAsync(listed.LastOrDefault(), 2, None));
            listed.AddRange(part);
        }
        while (part.Count == 2);

        Assert.Equal(
            loras.Select(lora => new StoredLora(lora.Id, lora.UserId, lora.StoragePath ?? ""))
                .OrderBy(lora => lora.Path, StringComparer.Ordinal).ThenBy(lora => lora.Id.ToString(), StringComparer.Ordinal),
            listed);
    }

    [Fact]
    public async Task Loras_AreFoundByIdByPathAndByTheirImages()
    {
        Lora lora = await Added(LoraStatus.Completed, "u/l/model.safetensors");
        Lora other = await Added(LoraStatus.Failed, null);
        LoraId none = new(NextId());
        ValidationImage image = new(other.Id, 0, "v/0.jpg", 0.9, null, null, Start, 1);
        await In<ILoraStore>(store => store.SaveValidationImagesAsync(other.Id, [image, image with { Attempt = 2, Key = "v/new.jpg" }], None));

        Assert.Equal(new[] { lora.Id, other.Id }.Order(ById), (await Read<ILoraFiles, IReadOnlySet<LoraId>>(store => store.FindExistingAsync([lora.Id, other.Id, none], None))).Order(ById));
        Assert.Equal(
            ["u/l/model.safetensors"], await Read<ILoraFiles, IReadOnlySet<string>>(store => store.FindPathsAsync(["u/l/model.safetensors", "u/l/none"], None)));
        Assert.Equal(["v/0.jpg", "v/new.jpg"], (await Read<ILoraFiles, IReadOnlySet<string>>(store => store.ListImageKeysAsync([other.Id, none], None))).Order());
        Assert.Empty(await Read<ILoraFiles, IReadOnlySet<LoraId>>(store => store.FindExistingAsync([], None)));
        Assert.Empty(await Read<ILoraFiles, IReadOnlySet<string>>(store => store.ListImageKeysAsync([none], None)));
    }

    [Fact]
    public async Task TrainingImagesAndUploads_AreFoundByTheirKeys()
    {
        TrainingJob job = NewJob();
        await In<ITrainingStore>(store => store.AddAsync(job, [new TrainingImage(0, "u/a", null, null, null, null, null), new TrainingImage(1, "u/b", null, null, null, null, null)], null, None));
        TrainingUpload upload = new(NextId(), job.UserId, Start, null);
        await In<ITrainingUploadStore>(store => store.AddAsync(upload, None));

        Assert.Equal(["u/a"], await Read<ITrainingStore, IReadOnlySet<string>>(store => store.FindImageKeysAsync([job.UserId, NextUser()], ["u/a", "u/c"], None)));
        Assert.Empty(await Read<ITrainingStore, IReadOnlySet<string>>(store => store.FindImageKeysAsync([NextUser()], ["u/a"], None)));
        Assert.Equal([upload.Id], await Read<ITrainingUploadStore, IReadOnlySet<Guid>>(store => store.FindExistingAsync([upload.Id, NextId()], None)));
        Assert.Empty(await Read<ITrainingUploadStore, IReadOnlySet<Guid>>(store => store.FindExistingAsync([], None)));
    }

    private static Comparer<LoraId> ById => Comparer<LoraId>.Create((one, other) => string.CompareOrdinal(one.ToString(), other.ToString()));

    private async Task<Lora> Added(LoraStatus status, string? path)
    {
        Lora lora = NewLora() with { Status = status, StoragePath = path };
        await In<ILoraStore>(store => store.AddAsync(lora, None));
        return lora;
    }

    private Task<bool> Note(BucketCensus census) => In<IStorageCensusStore, bool>(store => store.TryNoteAsync(census, None));

    private Task<bool> Add(CensusDifference difference) => In<IStorageCensusStore, bool>(store => store.TryAddAsync(difference, None));

    private Task<ConfirmedDifferences> Confirmed(DateTimeOffset at) =>
        Read<IStorageCensusStore, ConfirmedDifferences>(store => store.CountConfirmedAsync("bucket-a", at, None));

    private Task<IReadOnlyList<BucketStanding>> Standings(DateTimeOffset month) =>
        Read<IStorageCensusStore, IReadOnlyList<BucketStanding>>(store => store.ReadAsync(month, None));

    private Task<IReadOnlyList<CensusDifference>> Differences(int most) =>
        Read<IStorageCensusStore, IReadOnlyList<CensusDifference>>(store => store.ListAsync(most, None));
}
