using System.Globalization;
using Microsoft.Playwright;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>How the overview lies on screens of different widths.</summary>
[Collection(nameof(Browser))]
public sealed class OverviewInBrowserTests(Browser browser)
{
    /// <summary>Of each row of tiles: how many there are, and how far the last one ends from the edge.</summary>
    private const string Rows =
        """
        () => {
          const edge = document.querySelector('.tiles').getBoundingClientRect().right;
          const rows = new Map();
          for (const tile of document.querySelectorAll('.tiles > .tile')) {
            const box = tile.getBoundingClientRect();
            rows.set(box.top, [...(rows.get(box.top) ?? []), box.right]);
          }
          return [...rows.values()].map(rights => [rights.length, Math.round(Math.abs(edge - rights.at(-1)))]);
        }
        """;

    [Fact]
    public async Task Tiles_AtAnyWidth_FillEveryRow()
    {
        await using BrowserPortal portal = await BrowserPortal.StartAsync(BrowserPortal.Fast());
        string session;
        await using (BrowserWindow first = await browser.OpenAsync(portal.BaseUrl))
        {
            await first.SignInAsync(portal);
            session = await first.SessionAsync();
        }

        List<string> found = [];
        foreach (int width in new[] { 390, 768, 960, 1280, 1600 })
        {
            await using BrowserWindow window = await browser.OpenAsync(portal.BaseUrl, width, signedInAs: session);
            await window.GoToAsync("/");
            await Assertions.Expect(window.Page.Locator(".tiles > .tile", new() { HasText = "Scheduled work" })).ToBeVisibleAsync();
            await Assertions.Expect(window.Page.Locator(".tiles > .tile", new() { HasText = "Breaker" })).ToBeVisibleAsync();
            await Assertions.Expect(window.Page.Locator(".tiles > .tile", new() { HasText = "Storage" })).ToBeVisibleAsync();
            await Assertions.Expect(window.Page.Locator(".tiles > .tile", new() { HasText = "Cost this month" })).ToBeVisibleAsync();
            int[][] rows = await window.Page.EvaluateAsync<int[][]>(Rows);
            Assert.All(rows, row => Assert.InRange(row[1], 0, 1));
            found.Add(string.Create(CultureInfo.InvariantCulture, $"{width}: {string.Join('+', rows.Select(row => row[0]))}"));
        }

        Assert.Equal(["390: 2+2+2+2+1", "768: 4+3+2", "960: 4+3+2", "1280: 4+3+2", "1600: 4+3+2"], found);
    }

    [Fact]
    public async Task ScheduledWork_OnTheOverview_LeadsToTheOperations()
    {
        await using BrowserPortal portal = await BrowserPortal.StartAsync(BrowserPortal.Fast());
        await using BrowserWindow window = await browser.OpenAsync(portal.BaseUrl);
        await window.SignInAsync(portal);
        await window.InteractiveAsync();

        await window.Page.Locator(".tiles > .tile", new() { HasText = "Scheduled work" }).ClickAsync();

        await Assertions.Expect(window.Page.GetByRole(AriaRole.Heading, new() { Name = "Operations" })).ToBeVisibleAsync();
        window.AssertQuiet();
    }
}
