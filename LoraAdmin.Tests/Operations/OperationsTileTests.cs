using Bunit;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Operations;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>Scheduled work on the overview.</summary>
public sealed class OperationsTileTests : OperationPageContext
{
    [Fact]
    public async Task Tile_AfterARunThatWentWell_SaysSoAndWhatComesNext()
    {
        await RunOnceAsync();
        IRenderedComponent<OperationsTile> tile = RenderPage<OperationsTile>();

        tile.WaitForAssertion(() => Assert.Equal("well", Figure(tile)));
        Assert.Equal("/operations", tile.Find("a.tile").GetAttribute("href"));
        Assert.Equal("in 1 h: Sweep of a test", tile.Find(".line").TextContent);
        Assert.Empty(tile.FindAll(".bad-text, .warn-text"));
    }

    [Fact]
    public void Tile_BeforeAnyRun_DoesNotSayThatAllIsWell()
    {
        IRenderedComponent<OperationsTile> tile = RenderPage<OperationsTile>();

        tile.WaitForAssertion(() => Assert.Equal("no run yet", Figure(tile)));
    }

    [Fact]
    public async Task Tile_AfterARunThatFailed_SaysWhichInRed()
    {
        Work.Before = (_, _) => throw new InvalidOperationException("the disk is full");
        await RunOnceAsync();
        IRenderedComponent<OperationsTile> tile = RenderPage<OperationsTile>();

        tile.WaitForAssertion(() => Assert.Equal("1 failed", Figure(tile)));
        Assert.Equal("failed: Sweep of a test", tile.Find(".bad-text").TextContent);
    }

    [Fact]
    public async Task Tile_AfterARunThatWasInterrupted_SaysWhich()
    {
        using CancellationTokenSource stop = new();
        Work.Before = (_, _) => stop.CancelAsync();
        RunRequest request = new(Key, RunTrigger.Schedule, Actor.Portal(Key), Clock.GetUtcNow());
        StartedRun run = Assert.IsType<StartOutcome.Started>(await House.Starter.StartAsync(request, CancellationToken.None)).Run;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => House.Runner.ExecuteAsync(run, stop.Token));
        IRenderedComponent<OperationsTile> tile = RenderPage<OperationsTile>();

        tile.WaitForAssertion(() => Assert.Equal("1 interrupted", Figure(tile)));
        Assert.Equal("interrupted: Sweep of a test", tile.Find(".warn-text").TextContent);
    }

    [Fact]
    public async Task Tile_AfterAMissedInstant_SaysSoUntilARunGoesWell()
    {
        await House.Desk.EditScheduleAsync(Key, new ScheduleWish("0 0 * * * ?", "UTC", CatchUp.Never), Ada, CancellationToken.None);
        await House.TickAsync();
        Clock.Advance(TimeSpan.FromHours(2.5));
        await House.TickAsync();
        IRenderedComponent<OperationsTile> tile = RenderPage<OperationsTile>();
        tile.WaitForAssertion(() => Assert.Equal("1 missed", Figure(tile)));
        Assert.Equal("missed: Sweep of a test", tile.Find(".bad-text").TextContent);

        await House.Desk.RunNowAsync(Key, "by hand", Ada, CancellationToken.None);
        await House.EndBegunAsync();
        TellChange();

        tile.WaitForAssertion(() => Assert.Equal("well", Figure(tile)));
    }

    [Fact]
    public async Task Tile_OfWhatIsPausedHeldOrWaits_SaysSo()
    {
        Work.WithinCaps = 1;
        await RunOnceAsync();
        await House.Desk.PauseAsync(Key, "mending", null, Ada, CancellationToken.None);
        await House.Desk.HoldAutomationAsync("all wrong", null, Ada, CancellationToken.None);
        IRenderedComponent<OperationsTile> tile = RenderPage<OperationsTile>();

        tile.WaitForAssertion(() => Assert.Equal(
            ["destructive ones are held", "1 paused", "a plan waits for approval"], tile.FindAll(".warn-text").Select(line => line.TextContent)));
    }

    [Fact]
    public async Task Tile_WhenTheDatabaseIsAway_SaysThatNothingIsKnown_AndLaterThatItIsOld()
    {
        Queries.IsAway = true;
        IRenderedComponent<OperationsTile> tile = RenderPage<OperationsTile>();
        tile.WaitForAssertion(() => Assert.Equal("Could not be read", tile.Find(".bad-text").TextContent));
        Assert.Equal("–", Figure(tile));

        Queries.IsAway = false;
        await RunOnceAsync();
        TellChange();
        tile.WaitForAssertion(() => Assert.Equal("well", Figure(tile)));
        Queries.IsAway = true;
        TellChange();

        tile.WaitForAssertion(() => Assert.Single(tile.FindAll("a.tile.stale")));
        Assert.Equal("Could not be read", tile.Find(".bad-text").TextContent);
        Assert.Equal("well", Figure(tile));
    }

    [Fact]
    public void Tile_ForSomebodyWhoMayNotReadOperations_IsNotThere()
    {
        Person.SetPolicies([.. Permissions.All.Except([Permissions.ReadOperations])]);
        IRenderedComponent<OperationsTile> tile = RenderPage<OperationsTile>();

        Assert.Empty(tile.Markup.Trim());
    }

    [Fact]
    public async Task Tile_WhereAllWentWellAndSomethingWaits_DoesNotSayThatAllIsWell()
    {
        Work.WithinCaps = 0;
        await RunOnceAsync();
        IRenderedComponent<OperationsTile> tile = RenderPage<OperationsTile>();

        tile.WaitForAssertion(() => Assert.Equal("1 waits", Figure(tile)));
    }

    private static string Figure(IRenderedComponent<OperationsTile> tile) => tile.Find(".tile-figure").TextContent;
}
