using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Storage;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Storage;
using LoraAdmin.Training;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Training;

public sealed class UploadStagingTests : IDisposable
{
    private static readonly UserId User = new(new Guid(7, 7, 7, new byte[8]));

    private readonly TemporaryFolder folder = new();
    private readonly FakeTimeProvider clock = new(TimeProvider.System.GetUtcNow());
    private readonly MemoryUploads uploads = new();
    private readonly SkiaImageInspector inspector = new();
    private readonly FaultyStore store;
    private readonly UploadStaging staging;
    private readonly UploadSweep sweep;
    private readonly ClockStandings clocks;

    public UploadStagingTests()
    {
        SeededIds ids = new(11);
        clocks = KnownClocks.New(clock);
        store = new FaultyStore(new FileObjectStore(folder.Under("objects"), ids, clock));
        staging = new UploadStaging(uploads, store, inspector, Rules(), ids, clock);
        sweep = new UploadSweep(uploads, store, clocks);
    }

    public void Dispose()
    {
        inspector.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task Stage_GoodImages_LieUnderTheUploadInOrder()
    {
        byte[][] images = [SampleImages.Jpeg(), SampleImages.Png(), SampleImages.Webp()];

        StagingOutcome.Staged staged = Assert.IsType<StagingOutcome.Staged>(await StageAsync([.. images.Select(image => ("a.jpg", image))]));

        Assert.Equal([.. Enumerable.Range(0, 3).Select(number => $"{User}/{staged.Upload:D}/{number}")], staged.Keys);
        Assert.Equal(User, Assert.Single(uploads.Rows.Values).User);
        for (int number = 0; number < images.Length; number++)
        {
            ObjectRef target = new(Buckets.TrainingImages, staged.Keys[number]);
            Assert.Equal(
                Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(images[number])),
                Assert.IsType<ReadBack.Read>(await store.ReadBackSha256Async(target, CancellationToken.None)).Sha256);
        }
    }

    [Fact]
    [Trait("Requirement", "E2")]
    public async Task Stage_SomeBadImages_NamesEachAndKeepsNothing()
    {
        StagingOutcome.Rejected refused = Assert.IsType<StagingOutcome.Rejected>(await StageAsync(
        [
            ("good.jpg", SampleImages.Jpeg()),
            ("text.jpg", "just text, no image"u8.ToArray()),
            ("cut.png", SampleImages.Truncated(SampleImages.Png())),
            ("empty.jpg", []),
            ("bomb.png", SampleImages.PlainPng(20_000, 20_000)),
            ("also-good.webp", SampleImages.Webp()),
        ]));

        Assert.Equal(
            ["images[1] (text.jpg)", "images[2] (cut.png)", "images[3] (empty.jpg)", "images[4] (bomb.png)"],
            refused.Problems.Select(problem => problem.Field));
        Assert.All(refused.Problems, problem => Assert.NotEmpty(problem.Remedy));
        AssertNothingKept();
    }

    [Theory]
    [InlineData(0, "no files")]
    [InlineData(1, "1 files")]
    [InlineData(9, "more than 8 files")]
    public async Task Stage_WrongNumberOfFiles_IsRefusedAndKeepsNothing(int count, string problem)
    {
        byte[] image = SampleImages.Jpeg(32, 32);

        StagingOutcome.Rejected refused = Assert.IsType<StagingOutcome.Rejected>(
            await StageAsync([.. Enumerable.Repeat(("a.jpg", image), count)]));

        FieldProblem only = Assert.Single(refused.Problems);
        Assert.Equal("images", only.Field);
        Assert.Contains(problem, only.Problem, StringComparison.Ordinal);
        AssertNothingKept();
    }

    [Fact]
    public async Task Stage_TwoHundredMegabytes_StopsReadingAtTheLimit()
    {
        GeneratedStream big = new(200_000_000, SampleImages.Jpeg());

        StagingOutcome.Rejected refused = Assert.IsType<StagingOutcome.Rejected>(
            await staging.StageAsync(User, FilesOf([new StagedFile("big.jpg", big)]), CancellationToken.None));

        Assert.Equal("images[0] (big.jpg)", Assert.Single(refused.Problems).Field);
        Assert.InRange(big.BytesRead, 2_000_000, 2_000_100);
        AssertNothingKept();
    }

    [Fact]
    public async Task Stage_SenderBreaksOff_ThrowsAndKeepsNothing()
    {
        StagedFile[] files =
        [
            new("one.jpg", new MemoryStream(SampleImages.Jpeg())),
            new("two.jpg", new GeneratedStream(100_000, SampleImages.Jpeg()) { BreaksAt = 900 }),
        ];

        IOException failure = await Assert.ThrowsAsync<IOException>(() => staging.StageAsync(User, FilesOf(files), CancellationToken.None));

        Assert.Equal("The connection was lost.", failure.Message);
        AssertNothingKept();
    }

    [Fact]
    public async Task Stage_StorageFails_IsUnavailableAndKeepsNothing()
    {
        store.FailsPuts = true;

        StoreUnavailableException away = await Assert.ThrowsAsync<StoreUnavailableException>(() => StageAsync([("a.jpg", SampleImages.Jpeg())]));
        Assert.Contains("No room.", away.Message, StringComparison.Ordinal);
        AssertNothingKept();
    }

    [Fact]
    public async Task Stage_DatabaseAway_ThrowsAndStoresNothing()
    {
        uploads.IsAway = true;

        await Assert.ThrowsAsync<StoreUnavailableException>(() => StageAsync([("a.jpg", SampleImages.Jpeg())]));
        AssertNothingKept();
    }

    [Fact]
    public async Task Stage_NeverEndingRequest_EndsBeforeTheSweepCouldMeetIt()
    {
        async IAsyncEnumerable<StagedFile> Endless([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken token = default)
        {
            yield return new StagedFile("a.jpg", new MemoryStream(SampleImages.Jpeg()));
            clock.Advance(UploadStaging.MostTime);
            await Task.Delay(Timeout.InfiniteTimeSpan, clock, token);
        }

        StagingOutcome outcome = await staging.StageAsync(User, Endless(), CancellationToken.None);

        Assert.Contains("30 minutes", Assert.Single(Assert.IsType<StagingOutcome.Rejected>(outcome).Problems).Problem, StringComparison.Ordinal);
        AssertNothingKept();
    }

    [Fact]
    public async Task Stage_HostileFileName_IsShownShortAndWithoutControls()
    {
        StagingOutcome outcome = await StageAsync([("../../\r\n" + new string('x', 10_000), [1, 2])]);

        string field = Assert.Single(Assert.IsType<StagingOutcome.Rejected>(outcome).Problems, problem => problem.Field != "images").Field;
        Assert.InRange(field.Length, 1, 100);
        Assert.DoesNotContain(field, char.IsControl);
    }

    [Fact]
    public async Task Sweep_UnclaimedForAnHour_RemovesOnlyThose()
    {
        StagingOutcome.Staged claimed = Assert.IsType<StagingOutcome.Staged>(await StageGoodAsync());
        Assert.True(await uploads.ClaimAsync(claimed.Upload, User, new JobId(claimed.Upload), CancellationToken.None));
        StagingOutcome.Staged old = Assert.IsType<StagingOutcome.Staged>(await StageGoodAsync());
        clock.Advance(TimeSpan.FromMinutes(61));
        StagingOutcome.Staged young = Assert.IsType<StagingOutcome.Staged>(await StageGoodAsync());

        Assert.Equal(new UploadSweepResult(1, 0), await sweep.RunAsync(clock.GetUtcNow(), CancellationToken.None));
        Assert.Equal(new UploadSweepResult(0, 0), await sweep.RunAsync(clock.GetUtcNow(), CancellationToken.None));

        Assert.Equal(new HashSet<Guid> { claimed.Upload, young.Upload }, uploads.Rows.Keys.ToHashSet());
        Assert.IsType<ReadBack.NotFound>(await ReadAsync(old.Keys[0]));
        Assert.IsType<ReadBack.Read>(await ReadAsync(claimed.Keys[1]));
        Assert.IsType<ReadBack.Read>(await ReadAsync(young.Keys[1]));
    }

    [Fact]
    public async Task Sweep_ByAClockThatIsFarOff_RemovesNothing()
    {
        Assert.IsType<StagingOutcome.Staged>(await StageGoodAsync());
        clock.Advance(TimeSpan.FromMinutes(61));
        clocks.NoteAhead(TimeSpan.FromMinutes(30));
        Assert.Equal(new UploadSweepResult(0, 0), await sweep.RunAsync(clock.GetUtcNow(), CancellationToken.None));

        clocks.NoteAhead(TimeSpan.Zero);
        Assert.Equal(new UploadSweepResult(1, 0), await sweep.RunAsync(clock.GetUtcNow(), CancellationToken.None));
    }

    /// <summary>Its machine may have booted days ahead, while somebody is choosing images.</summary>
    [Fact]
    public async Task Sweep_OfAProcessWhoseClockNobodyHasVouchedForYet_RemovesNothing()
    {
        Assert.IsType<StagingOutcome.Staged>(await StageGoodAsync());
        clock.Advance(TimeSpan.FromMinutes(61));
        ClockStandings unheard = KnownClocks.New(clock);
        UploadSweep first = new(uploads, store, unheard);
        Assert.Equal(new UploadSweepResult(0, 0), await first.RunAsync(clock.GetUtcNow(), CancellationToken.None));

        unheard.NoteAhead(TimeSpan.Zero);
        Assert.Equal(new UploadSweepResult(1, 0), await first.RunAsync(clock.GetUtcNow(), CancellationToken.None));
    }

    [Fact]
    public async Task Sweep_StorageCannotDelete_KeepsTheRowForTheNextRun()
    {
        store.FailsDeletes = true;
        Assert.IsType<StagingOutcome.Rejected>(await StageAsync([("a.jpg", SampleImages.Jpeg()), ("b.jpg", [1])]));
        Assert.Single(uploads.Rows);
        clock.Advance(TimeSpan.FromMinutes(61));

        Assert.Equal(new UploadSweepResult(0, 1), await sweep.RunAsync(clock.GetUtcNow(), CancellationToken.None));
        store.FailsDeletes = false;
        Assert.Equal(new UploadSweepResult(1, 0), await sweep.RunAsync(clock.GetUtcNow(), CancellationToken.None));

        AssertNothingKept();
    }

    private static TrainingRules Rules() => new()
    {
        MaxDuration = TimeSpan.FromHours(2),
        CreateRetries = [],
        ImageRetries = 3,
        UploadRetries = 3,
        RetrieveWithin = TimeSpan.FromMinutes(30),
        QueueWait = TimeSpan.FromHours(1),
        PollEvery = TimeSpan.FromSeconds(5),
        StuckAfter = TimeSpan.FromMinutes(10),
        MinImages = 2,
        MaxImages = 8,
        MaxImageBytes = 2_000_000,
        MaxImagePixels = 40_000_000,
        MaxArtifactBytes = 2_000_000_000,
        MaxConcurrentPods = 10,
        StoreTimeout = TimeSpan.FromMinutes(15),
        ImageRetention = TimeSpan.FromDays(7),
        ReadyWithin = TimeSpan.FromMinutes(20),
        ValidationImages = 3,
        ValidationMustPass = 2,
        ValidationMinimumScore = 0.6,
        GpuTypes = [],
        Image = "trainer",
        DiskGb = 20,
        MountGb = 20,
        WorstHourlyPrice = new Usd(1_000_000),
    };

    private static async IAsyncEnumerable<StagedFile> FilesOf(IEnumerable<StagedFile> files)
    {
        foreach (StagedFile file in files)
        {
            await Task.Yield();
            yield return file;
        }
    }

    private Task<StagingOutcome> StageGoodAsync() => StageAsync([("a.jpg", SampleImages.Jpeg(64, 64)), ("b.png", SampleImages.Png(64, 64))]);

    private Task<StagingOutcome> StageAsync((string Name, byte[] Bytes)[] files) =>
        staging.StageAsync(User, FilesOf(files.Select(file => new StagedFile(file.Name, new MemoryStream(file.Bytes)))), CancellationToken.None);

    private Task<ReadBack> ReadAsync(string key) => store.ReadBackSha256Async(new ObjectRef(Buckets.TrainingImages, key), CancellationToken.None);

    private void AssertNothingKept()
    {
        Assert.Empty(uploads.Rows);
        Assert.Empty(Directory.EnumerateFiles(folder.Path, "*", SearchOption.AllDirectories));
    }
}
