using Microsoft.Playwright;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>What the frame around all pages does in a real browser.</summary>
[Collection(nameof(Browser))]
public sealed class FrameInBrowserTests(Browser browser)
{
    [Fact]
    public async Task SignOut_FromTheMenu_EndsTheSession()
    {
        await using BrowserPortal portal = await BrowserPortal.StartAsync(BrowserPortal.Fast());
        await using BrowserWindow window = await browser.OpenAsync(portal.BaseUrl);
        await window.SignInAsync(portal);
        await window.InteractiveAsync();

        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Account" }).ClickAsync();
        await window.Page.GetByRole(AriaRole.Menuitem, new() { Name = "Sign out" }).ClickAsync();
        await window.Page.WaitForURLAsync($"{portal.BaseUrl}/sign-in");
        await window.Page.GotoAsync("/training");

        Assert.EndsWith("/sign-in?returnUrl=%2Ftraining", window.Page.Url, StringComparison.Ordinal);
        window.AssertQuiet();
    }

    [Fact]
    public async Task Keys_OnAnyPage_LeadWhereTheHelpSays()
    {
        await using BrowserPortal portal = await BrowserPortal.StartAsync(BrowserPortal.Fast());
        await using BrowserWindow window = await browser.OpenAsync(portal.BaseUrl);
        await window.SignInAsync(portal);
        await window.InteractiveAsync();

        await window.Page.Keyboard.PressAsync("?");
        await Assertions.Expect(window.Page.GetByRole(AriaRole.Dialog)).ToBeVisibleAsync();
        await Assertions.Expect(window.Page.GetByRole(AriaRole.Dialog).Locator(":focus")).ToHaveCountAsync(1);
        await window.Page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(window.Page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
        await window.Page.Keyboard.PressAsync("p");
        await Assertions.Expect(window.Page.GetByText("Live updates are paused")).ToBeVisibleAsync();
        await window.Page.Keyboard.PressAsync("p");
        await window.Page.Keyboard.PressAsync("g");
        await window.Page.Keyboard.PressAsync("t");
        await window.Page.WaitForURLAsync("**/training");
        await Assertions.Expect(window.Page.Locator("#page-filter")).ToBeVisibleAsync();
        await window.Page.Keyboard.PressAsync("/");
        await window.Page.Keyboard.TypeAsync("wolf");
        await window.Page.WaitForURLAsync("**/training?q=wolf");
        window.AssertQuiet();
    }
}
