using Microsoft.Playwright;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>What only a browser lays out.</summary>
[Collection(nameof(Browser))]
public sealed class OperationsInBrowserTests(Browser browser)
{
    private const string TodayIsSeen =
        """
        scroller => {
          const place = scroller.getBoundingClientRect();
          const today = [...scroller.querySelectorAll('rect')].at(-1).getBoundingClientRect();
          return today.left >= place.left && today.right <= place.right + 1;
        }
        """;

    /// <summary>Of each month's name in the picture, whether a part of it is seen and a part is not.</summary>
    private const string CutMonths =
        """
        scroller => {
          const place = scroller.getBoundingClientRect();
          return [...scroller.querySelectorAll('text.month')].map(text => [text.textContent, text.getBoundingClientRect()])
            .filter(([, box]) => box.left < place.left - 1 && box.right > place.left + 1).map(([name]) => name);
        }
        """;

    /// <summary>A line of the tile as it is when something is amiss: whether all of it is seen.</summary>
    private const string ReadsWhole =
        """
        line => {
          line.classList.replace('muted', 'bad-text');
          line.textContent = 'partly failed: Reconciliation with RunPod’s bills, ' + 'and of it more than any phone has room for in a line';
          return line.scrollWidth <= line.clientWidth;
        }
        """;

    [Fact]
    public async Task Year_AtAnyWidth_CutsNoMonthsName()
    {
        await using BrowserPortal portal = await BrowserPortal.StartAsync(BrowserPortal.Fast());
        await using BrowserWindow window = await browser.OpenAsync(portal.BaseUrl, width: 390);
        await window.SignInAsync(portal);
        ILocator year = await YearAsync(window);
        Assert.InRange(await year.Locator("text.month").CountAsync(), 11, 13);
        for (int width = 360; width < 490; width += 13)
        {
            // Each step shows one week more: of 4 or 5 in a row, one begins with a month's first.
            await window.Page.SetViewportSizeAsync(width, 800);
            Assert.Empty(await year.EvaluateAsync<string[]>(CutMonths));
        }
    }

    [Fact]
    public async Task Tile_OnAPhone_SaysWholeWhatIsAmiss()
    {
        await using BrowserPortal portal = await BrowserPortal.StartAsync(BrowserPortal.Fast());
        await using BrowserWindow phone = await browser.OpenAsync(portal.BaseUrl, width: 390);
        await phone.SignInAsync(portal);
        ILocator line = phone.Page.Locator(".tiles > .tile", new() { HasText = "Scheduled work" }).Locator(".line.muted").First;
        await Assertions.Expect(line).ToBeVisibleAsync();

        Assert.True(await line.EvaluateAsync<bool>(ReadsWhole));
    }

    [Fact]
    public async Task Year_OnADeskAndOnAPhone_ShowsToday()
    {
        await using BrowserPortal portal = await BrowserPortal.StartAsync(BrowserPortal.Fast());
        await using BrowserWindow desk = await browser.OpenAsync(portal.BaseUrl);
        await desk.SignInAsync(portal);
        await using BrowserWindow phone = await browser.OpenAsync(portal.BaseUrl, width: 390, signedInAs: await desk.SessionAsync());

        ILocator wide = await YearAsync(desk);
        ILocator narrow = await YearAsync(phone);

        Assert.True(await wide.EvaluateAsync<bool>(TodayIsSeen));
        Assert.True(await narrow.EvaluateAsync<bool>(TodayIsSeen));

        // No week is cut: each is 13 pixels wide.
        Assert.Equal(0, await narrow.EvaluateAsync<int>("one => one.clientWidth % 13"));

        // Where all of it has room, it begins where its panel begins.
        Assert.Equal(await LeftAsync(wide), await LeftAsync(wide.Locator("svg")), 1.0);
        desk.AssertQuiet();
        phone.AssertQuiet();
    }

    private static async Task<ILocator> YearAsync(BrowserWindow window)
    {
        await window.GoToAsync("/operations/limits.month_reset");
        ILocator year = window.Page.Locator(".year-scroll");
        await Assertions.Expect(year.Locator("rect").First).ToBeAttachedAsync();
        return year;
    }

    private static Task<double> LeftAsync(ILocator place) => place.EvaluateAsync<double>("one => one.getBoundingClientRect().left");
}
