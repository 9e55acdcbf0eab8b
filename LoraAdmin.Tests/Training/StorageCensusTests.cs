using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>The daily count of the buckets beside the tables that know their objects.</summary>
public sealed class StorageCensusTests
{
    private readonly TrainingBench bench = new();
    private readonly StorageCensus census;

    public StorageCensusTests() => census = new StorageCensus(World.Database, World.Objects, bench.Store, World.Clock, Permissions.CountFiles);

    private SimulatedWorld World => bench.World;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Census_OfWhatTrainingStored_FindsNothingAmiss()
    {
        await TrainAsync();
        await TrainAsync();
        World.Clock.Advance(TimeSpan.FromDays(2));

        IReadOnlyList<ItemOutcome> outcomes = await census.RunOnceAsync(World.Database, Token);

        Assert.Equal([ItemEnd.Done, ItemEnd.Done, ItemEnd.Done], outcomes.Select(one => one.End));
        foreach (BucketStanding bucket in await ReadAsync())
        {
            ObjectRef[] held = [.. World.Objects.All.Where(one => one.Bucket == bucket.Newest.Bucket)];
            Assert.NotEmpty(held);
            Assert.Equal(
                new BucketCensus(bucket.Newest.Bucket, World.Clock.GetUtcNow(), held.Length, held.Sum(one => (long)World.Objects.Find(one)!.Length), 0, 0, null), bucket.LastRead);
        }

        Assert.Empty(await DifferencesAsync());
    }

    [Fact]
    public async Task FileOfACompletedLora_ThatIsGone_IsNamedAndTold_UntilItIsBack()
    {
        Lora lora = bench.Lora(await TrainAsync());
        ObjectRef file = ObjectKeys.Model(lora.UserId, lora.Id);
        byte[] bytes = World.Objects.Find(file)!;
        await World.Objects.DeleteAsync(file, Token);

        await census.RunOnceAsync(World.Database, Token);

        Assert.Equal(new CensusDifference(file.Bucket, file.Key, DifferenceKind.Missing, World.Clock.GetUtcNow(), lora.Id, null), Assert.Single(await DifferencesAsync()));
        Assert.Equal([true], Told());
        World.Objects.Set(file, bytes, "application/octet-stream");
        World.Clock.Advance(TimeSpan.FromDays(1));
        await census.RunOnceAsync(World.Database, Token);
        Assert.Empty(await DifferencesAsync());
        Assert.Equal([true, false], Told());
    }

    [Theory]
    [InlineData(Buckets.Models, "11111111-1111-4111-8111-111111111111/22222222-2222-4222-8222-222222222222/model.safetensors")]
    [InlineData(Buckets.Models, "anything")]
    [InlineData(Buckets.ValidationImages, "11111111-1111-4111-8111-111111111111/22222222-2222-4222-8222-222222222222/validation/0.jpg")]
    [InlineData(Buckets.TrainingImages, "11111111-1111-4111-8111-111111111111/22222222-2222-4222-8222-222222222222/0")]
    public async Task Object_ThatNoRowKnows_IsReportedWhenItIsADayOld_AndStays(string bucket, string key)
    {
        ObjectRef stray = new(bucket, key);
        World.Objects.Set(stray, [1, 2, 3], "image/png");
        World.Clock.Advance(StrayAfter - TimeSpan.FromSeconds(1));
        await census.RunOnceAsync(World.Database, Token);
        Assert.Empty(await DifferencesAsync());
        World.Clock.Advance(TimeSpan.FromSeconds(1));

        await census.RunOnceAsync(World.Database, Token);

        Assert.Equal(new CensusDifference(bucket, key, DifferenceKind.Stray, World.Clock.GetUtcNow(), null, 3), Assert.Single(await DifferencesAsync()));
        Assert.NotNull(World.Objects.Find(stray));
    }

    [Fact]
    public async Task Keys_ThatRowsKnowInOtherWays_AreNoStrays()
    {
        // From before the portal: a path of another form, and a validation image that only the row lists. And a form's image that is staged.
        Lora old = await AddAsync("old/file.safetensors");
        string image = $"{old.UserId}/{old.Id}/validation/7.jpg";
        World.Database.Loras.Set(old.Id, old with { ValidationImageKeys = [image] });
        TrainingUpload upload = new(World.Ids.Next(), old.UserId, World.Clock.GetUtcNow(), null);
        await World.Database.RunAsync((unit, token) => unit.Store<ITrainingUploadStore>().AddAsync(upload, token), Token);
        foreach (ObjectRef one in new ObjectRef[]
        {
            new(Buckets.Models, "old/file.safetensors"),
            new(Buckets.ValidationImages, image),
            ObjectKeys.TrainingImage(old.UserId, upload.Id, 0),
        })
        {
            World.Objects.Set(one, [1], "image/png");
        }

        World.Clock.Advance(TimeSpan.FromDays(3));

        await census.RunOnceAsync(World.Database, Token);

        Assert.All(await ReadAsync(), bucket => Assert.Equal((1, 0, 0), (bucket.LastRead!.Objects, bucket.LastRead.Strays, bucket.LastRead.Missing)));
    }

    [Fact]
    public async Task Bucket_ThatCanNotBeRead_SaysSo_KeepsItsLastCount_AndTheOthersAreCounted()
    {
        Lora lora = bench.Lora(await TrainAsync());
        await World.Objects.DeleteAsync(ObjectKeys.Model(lora.UserId, lora.Id), Token);
        await census.RunOnceAsync(World.Database, Token);
        BucketStanding before = (await ReadAsync()).Single(one => one.Newest.Bucket == Buckets.Models);
        World.Clock.Advance(TimeSpan.FromDays(1));
        World.Objects.OnList = static (bucket, _) => bucket == Buckets.Models ? new ObjectPage.Unavailable("HTTP 544") : null;

        IReadOnlyList<ItemOutcome> outcomes = await census.RunOnceAsync(World.Database, Token);

        Assert.Equal([ItemEnd.Failed, ItemEnd.Done, ItemEnd.Done], outcomes.Select(one => one.End));
        Assert.Contains("HTTP 544", outcomes[0].Why, StringComparison.Ordinal);
        BucketStanding models = (await ReadAsync()).Single(one => one.Newest.Bucket == Buckets.Models);
        Assert.Equal(("HTTP 544", before.LastRead), (models.Newest.Unread, models.LastRead));
        Assert.Equal(DifferenceKind.Missing, Assert.Single(await DifferencesAsync()).Kind);
        Assert.Equal([true], Told());
    }

    [Fact]
    public async Task Bucket_ThatGoesAwayBetweenTwoParts_IsNotCountedByHalf()
    {
        for (int number = 0; number < 1001; number++)
        {
            World.Objects.Set(new ObjectRef(Buckets.ValidationImages, $"a/{number:0000}"), [1], "image/png");
        }

        World.Objects.OnList = static (bucket, after) => after is not null ? new ObjectPage.Unavailable("connection lost") : null;

        await census.RunOnceAsync(World.Database, Token);

        BucketStanding images = (await ReadAsync()).Single(one => one.Newest.Bucket == Buckets.ValidationImages);
        Assert.Equal(("connection lost", null), (images.Newest.Unread, images.LastRead));
    }

    [Fact]
    public async Task ManyObjectsAndRows_ArePutBesideEachOtherPartByPart()
    {
        // Every 100th file is gone, those at the borders of parts too; the last rows lie behind the last object.
        List<string> gone = [];
        for (int number = 0; number < 2600; number++)
        {
            Lora lora = await AddAsync($"many/{number:00000}");
            if (number % 100 == 0 || number >= 2595)
            {
                gone.Add(lora.StoragePath!);
            }
            else
            {
                World.Objects.Set(new ObjectRef(Buckets.Models, lora.StoragePath!), [1], "application/octet-stream");
            }
        }

        int parts = 0;
        World.Objects.OnList = (bucket, _) =>
        {
            parts += bucket == Buckets.Models ? 1 : 0;
            return null;
        };
        World.Clock.Advance(TimeSpan.FromDays(2));

        await census.RunOnceAsync(World.Database, Token);

        BucketCensus models = (await ReadAsync()).Single(one => one.Newest.Bucket == Buckets.Models).LastRead!;
        Assert.Equal((2600L - gone.Count, (long)gone.Count, 0L), (models.Objects, models.Missing, models.Strays));
        Assert.Equal(gone.Order(StringComparer.Ordinal), (await DifferencesAsync()).Select(one => one.Key));
        Assert.Equal(3, parts);
    }

    [Fact]
    public async Task VeryManyDifferences_AreAllCounted_AndTheFirstNamed()
    {
        for (int number = 0; number < 700; number++)
        {
            World.Objects.Set(new ObjectRef(Buckets.TrainingImages, $"many/{number:000}"), [1], "image/png");
        }

        World.Clock.Advance(TimeSpan.FromDays(2));

        await census.RunOnceAsync(World.Database, Token);

        Assert.Equal(700, (await ReadAsync()).Single(one => one.Newest.Bucket == Buckets.TrainingImages).LastRead!.Strays);
        Assert.Equal(StorageCensus.MostDifferences, (await DifferencesAsync()).Count);
    }

    [Fact]
    public async Task FilesMissing_BehindVeryManyStrays_AreNamed_AndOneThatIsStoredMeanwhileIsNone()
    {
        for (int number = 0; number < StorageCensus.MostDifferences + 100; number++)
        {
            World.Objects.Set(new ObjectRef(Buckets.Models, $"a/{number:000}"), [1], "application/octet-stream");
        }

        Lora gone = await AddAsync("b/gone.safetensors");
        Lora late = await AddAsync("b/late.safetensors");
        World.Clock.Advance(TimeSpan.FromDays(2));
        bench.Store.OnOpen = target =>
        {
            // It is stored between the listing and the second look.
            if (target.Key == late.StoragePath)
            {
                World.Objects.Set(target, [1], "application/octet-stream");
            }

            return Task.CompletedTask;
        };

        await census.RunOnceAsync(World.Database, Token);

        BucketCensus models = (await ReadAsync()).Single(one => one.Newest.Bucket == Buckets.Models).LastRead!;
        Assert.Equal((StorageCensus.MostDifferences + 100L, 1L), (models.Strays, models.Missing));
        IReadOnlyList<CensusDifference> named = await DifferencesAsync();
        Assert.Equal([gone.StoragePath!], named.Where(one => one.Kind == DifferenceKind.Missing).Select(one => one.Key));
        Assert.Equal(StorageCensus.MostDifferences, named.Count(one => one.Kind == DifferenceKind.Stray));
    }

    [Fact]
    public async Task Count_NotesWhatTheSecondLookHasConfirmed_AndTellsOnlyThat()
    {
        Lora back = bench.Lora(await TrainAsync());
        ObjectRef file = ObjectKeys.Model(back.UserId, back.Id);
        byte[] bytes = World.Objects.Find(file)!;
        await World.Objects.DeleteAsync(file, Token);
        ObjectRef stray = new(Buckets.Models, "nobody/knows");
        World.Objects.Set(stray, [1], "application/octet-stream");
        World.Clock.Advance(TimeSpan.FromDays(2));
        PlanDraft plan = ((Planning.Planned)await census.PlanAsync(Token)).Plan;
        Assert.Equal(2, plan.Items.Count(item => item.Action == "report"));

        // Both are mended between the preview and the run.
        World.Objects.Set(file, bytes, "application/octet-stream");
        await World.Objects.DeleteAsync(stray, Token);
        World.Clock.Advance(TimeSpan.FromMinutes(30));
        await census.ApplyAllAsync(plan, World.Database, Token);

        BucketCensus models = (await ReadAsync()).Single(one => one.Newest.Bucket == Buckets.Models).LastRead!;
        Assert.Equal((0, 0), (models.Strays, models.Missing));
        Assert.Empty(await DifferencesAsync());
        Assert.Empty(Told());
    }

    [Fact]
    public async Task Difference_ThatCanNotBeLookedAtAgain_StandsAsItWasSeen()
    {
        Lora lora = bench.Lora(await TrainAsync());
        await World.Objects.DeleteAsync(ObjectKeys.Model(lora.UserId, lora.Id), Token);
        PlanDraft plan = ((Planning.Planned)await census.PlanAsync(Token)).Plan;
        bench.Store.OnRead = static _ => new ObjectReading.Unavailable("HTTP 544");

        IReadOnlyList<ItemOutcome> outcomes = await census.ApplyAllAsync(plan, World.Database, Token);

        Assert.Equal(ItemEnd.Failed, outcomes[0].End);
        Assert.Equal(1, (await ReadAsync()).Single(one => one.Newest.Bucket == Buckets.Models).LastRead!.Missing);
        Assert.Equal(DifferenceKind.Missing, Assert.Single(await DifferencesAsync()).Kind);
        Assert.Equal([true], Told());
    }

    [Fact]
    public async Task Growth_CountsFromTheLastCountOfTheMonthBefore()
    {
        World.Objects.Set(new ObjectRef(Buckets.TrainingImages, "a"), new byte[100], "image/png");
        await census.RunOnceAsync(World.Database, Token);
        Assert.Null(Images(await ReadAsync()).GrowthBytes);
        World.Clock.Advance(TimeSpan.FromDays(2));
        World.Objects.Set(new ObjectRef(Buckets.TrainingImages, "b"), new byte[50], "image/png");
        await census.RunOnceAsync(World.Database, Token);
        Assert.Equal(50, Images(await ReadAsync()).GrowthBytes);
        World.Clock.Advance(TimeSpan.FromDays(40));
        World.Objects.Set(new ObjectRef(Buckets.TrainingImages, "c"), new byte[7], "image/png");

        await census.RunOnceAsync(World.Database, Token);

        Assert.Equal(7, Images(await ReadAsync()).GrowthBytes);

        static BucketStanding Images(IReadOnlyList<BucketStanding> buckets) => buckets.Single(one => one.Newest.Bucket == Buckets.TrainingImages);
    }

    private static TimeSpan StrayAfter => StorageCensus.StrayAfter;

    private async Task<JobId> TrainAsync()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        return id;
    }

    private async Task<Lora> AddAsync(string path)
    {
        Lora lora = new()
        {
            Id = new LoraId(World.Ids.Next()),
            UserId = TrainingBench.User,
            CreatorEmail = "creator-17@example.org",
            Name = "Mara",
            Status = LoraStatus.Completed,
            StoragePath = path,
            CreatedAt = World.Clock.GetUtcNow(),
            UpdatedAt = World.Clock.GetUtcNow(),
        };
        await World.Database.RunAsync((unit, token) => unit.Store<ILoraStore>().AddAsync(lora, token), Token);
        return lora;
    }

    private Task<IReadOnlyList<BucketStanding>> ReadAsync() => World.Database.ReadAsync(
        (unit, token) => unit.Store<IStorageCensusStore>().ReadAsync(Month.Of(World.Clock.GetUtcNow()).Start, token), Token);

    private Task<IReadOnlyList<CensusDifference>> DifferencesAsync() =>
        World.Database.ReadAsync((unit, token) => unit.Store<IStorageCensusStore>().ListAsync(10_000, token), Token);

    private List<bool> Told()
    {
        List<bool> told = [];
        foreach (IncidentSignal signal in World.Database.Events.SelectMany(fact => fact.Signals).Where(one => one.Rule == StorageIncidents.FilesMissing && one.Subject == Buckets.Models))
        {
            // An end that ends nothing is no news.
            if (told.LastOrDefault() == signal.Over)
            {
                told.Add(!signal.Over);
            }
        }

        return told;
    }
}
