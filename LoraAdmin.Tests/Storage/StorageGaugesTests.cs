using Bunit;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Storage;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Storage;

/// <summary>What storage held at its last count, on the page Files and on the overview.</summary>
public sealed class StorageGaugesTests : LoraBunitContext
{
    private static readonly BucketCensus Models = new(Buckets.Models, Start.AddHours(-6), 1_234, 5_600_000_000, 0, 0, null);
    private static readonly BucketCensus Before = Models with { At = Start.AddDays(-30), Bytes = 5_000_000_000 };

    private readonly Queries queries = new();

    public StorageGaugesTests() => Services.AddSingleton<IStorageQueries>(queries);

    [Fact]
    public void NeverCounted_SaysSo_AndIsNotZero()
    {
        IRenderedComponent<StorageGauges> page = RenderPage<StorageGauges>();
        IRenderedComponent<StorageTile> tile = Render<StorageTile>();

        page.WaitForAssertion(() => Assert.Contains("Not counted yet", page.Markup, StringComparison.Ordinal));
        Assert.Equal("/operations/storage.census", page.Find(".panel-head a.mud-button-outlined").GetAttribute("href"));
        tile.WaitForAssertion(() => Assert.Equal("–", tile.Find(".tile-figure").TextContent));
        Assert.Contains("Not counted yet", tile.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Count_IsShownWithItsGrowthAndItsInstant()
    {
        queries.Board = new StorageBoard([new BucketStanding(Models, Models, Before)], []);
        IRenderedComponent<StorageGauges> page = RenderPage<StorageGauges>();
        IRenderedComponent<StorageTile> tile = Render<StorageTile>();

        page.WaitForAssertion(() => Assert.Contains("1,234", page.Markup, StringComparison.Ordinal));
        Assert.Contains("5.60 GB", page.Markup, StringComparison.Ordinal);
        Assert.Contains("+600.0 MB", page.Find("td[data-label=Growth]").TextContent, StringComparison.Ordinal);
        Assert.Contains("6 h ago", page.Find("td[data-label=Counted]").TextContent, StringComparison.Ordinal);
        Assert.Empty(page.FindAll("details, .bad-text, .warn-text"));
        tile.WaitForAssertion(() => Assert.Equal("5.60 GB", tile.Find(".tile-figure").TextContent));
        Assert.Equal("1,234 objects, +600.0 MB", tile.Find(".line").TextContent);
        Assert.Empty(tile.FindAll(".stale"));
    }

    [Fact]
    public void Growth_ThatIsNotKnown_IsNotZero()
    {
        queries.Board = new StorageBoard([new BucketStanding(Models, Models, null)], []);
        IRenderedComponent<StorageGauges> page = RenderPage<StorageGauges>();

        page.WaitForAssertion(() => Assert.Equal("–", page.Find("td[data-label=Growth]").TextContent.Trim()));
    }

    [Fact]
    public void Bucket_ThatCouldNotBeRead_ShowsItsLastCount_AndWhy()
    {
        BucketCensus unread = new(Buckets.Models, Start.AddHours(-1), 0, 0, 0, 0, "HTTP 544");
        queries.Board = new StorageBoard([new BucketStanding(unread, Models with { At = Start.AddDays(-2) }, Before)], []);
        IRenderedComponent<StorageGauges> page = RenderPage<StorageGauges>();
        IRenderedComponent<StorageTile> tile = Render<StorageTile>();

        page.WaitForAssertion(() => Assert.Contains("HTTP 544", page.Find(".bad-text").TextContent, StringComparison.Ordinal));
        Assert.Contains("1,234", page.Markup, StringComparison.Ordinal);
        Assert.Contains("getting old", page.Find(".warn-text").TextContent, StringComparison.Ordinal);
        tile.WaitForAssertion(() => Assert.Contains("1 bucket could not be read", tile.Markup, StringComparison.Ordinal));
        Assert.Single(tile.FindAll(".tile.stale"));
    }

    [Fact]
    public void Bucket_ThatWasNeverRead_HasNoFigures()
    {
        queries.Board = new StorageBoard([new BucketStanding(new BucketCensus(Buckets.Models, Start, 0, 0, 0, 0, "HTTP 544"), null, null)], []);
        IRenderedComponent<StorageGauges> page = RenderPage<StorageGauges>();

        page.WaitForAssertion(() => Assert.Equal("–", page.Find("td[data-label=Objects]").TextContent));
        Assert.Equal("–", page.Find("td[data-label=Size]").TextContent);
        Assert.StartsWith("never", page.Find("td[data-label=Counted]").TextContent.Trim(), StringComparison.Ordinal);
    }

    [Fact]
    public void Differences_AreNamed()
    {
        queries.Board = new StorageBoard(
            [new BucketStanding(Models with { Missing = 1, Strays = 700 }, Models with { Missing = 1, Strays = 700 }, null)],
            [
                new CensusDifference(Buckets.Models, "u/l/model.safetensors", DifferenceKind.Missing, Start, new LoraId(Guid.Empty), null),
                new CensusDifference(Buckets.TrainingImages, "u/x/0", DifferenceKind.Stray, Start, null, 1_500),
            ]);
        IRenderedComponent<StorageGauges> page = RenderPage<StorageGauges>();
        IRenderedComponent<StorageTile> tile = Render<StorageTile>();

        page.WaitForAssertion(() => Assert.Contains("1 files are missing, and 700 objects are unknown to every row", page.Find("summary").TextContent, StringComparison.Ordinal));
        Assert.Contains("The first 2 of them", page.Markup, StringComparison.Ordinal);
        Assert.Contains("lora-training-images/u/x/0", page.Markup, StringComparison.Ordinal);
        Assert.Contains("1.5 kB", page.Markup, StringComparison.Ordinal);
        tile.WaitForAssertion(() => Assert.Equal("1 files missing", tile.Find(".bad-text").TextContent));
    }

    [Fact]
    public void Database_Away_IsNotAnEmptyStorage()
    {
        queries.Away = "The database is away.";
        IRenderedComponent<StorageGauges> page = RenderPage<StorageGauges>();
        IRenderedComponent<StorageTile> tile = Render<StorageTile>();

        page.WaitForAssertion(() => Assert.Contains("Could not read what storage holds", page.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain("Not counted yet", page.Markup, StringComparison.Ordinal);
        tile.WaitForAssertion(() => Assert.Contains("Could not be read", tile.Find(".tile.stale").TextContent, StringComparison.Ordinal));
    }

    private sealed class Queries : IStorageQueries
    {
        public StorageBoard Board { get; set; } = new([], []);

        public string? Away { get; set; }

        public Task<StorageBoard> ReadAsync(CancellationToken cancellationToken) => Away is { } reason ? throw new StoreUnavailableException(reason) : Task.FromResult(Board);
    }
}
