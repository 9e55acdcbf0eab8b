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
