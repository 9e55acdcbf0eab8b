using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Storage;
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
    public async Task SignOut_InOneWindow_LeadsTheOtherToSignInByItself()
    {
        await using BrowserPortal portal = await BrowserPortal.StartAsync(BrowserPortal.Fast());
        await using BrowserWindow first = await browser.OpenAsync(portal.BaseUrl);
        await first.SignInAsync(portal);
        await first.InteractiveAsync();
        await using BrowserWindow second = await browser.OpenAsync(portal.BaseUrl, signedInAs: await first.SessionAsync());
        await second.GoToAsync("/training?q=wolf");

        await first.Page.GetByRole(AriaRole.Button, new() { Name = "Account" }).ClickAsync();
        await first.Page.GetByRole(AriaRole.Menuitem, new() { Name = "Sign out" }).ClickAsync();

        await second.Page.WaitForURLAsync($"{portal.BaseUrl}/sign-in?returnUrl=%2Ftraining%3Fq%3Dwolf");
        await second.Page.GotoAsync("/training");
        Assert.EndsWith("/sign-in?returnUrl=%2Ftraining", second.Page.Url, StringComparison.Ordinal);
        second.AssertQuiet();
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
        await Assertions.Expect(window.Page.GetByText("Live updates are paused")).ToBeHiddenAsync();
        await Eventually.TrueAsync(
            async () =>
            {
                // The second key counts for a second and a half after the first: on a busy machine they may come too far apart.
                await window.Page.Keyboard.TypeAsync("gt");
                try
                {
                    await window.Page.WaitForURLAsync("**/training", new() { Timeout = 5_000 });
                    return true;
                }
                catch (TimeoutException)
                {
                    return false;
                }
            },
            "the keys g and t lead to the trainings");

        // A new page draws the focus to its heading once it is there: a key pressed before that would lose it again.
        await Assertions.Expect(window.Page.GetByRole(AriaRole.Heading, new() { Name = "Training jobs" })).ToBeFocusedAsync();
        await window.Page.Keyboard.PressAsync("/");
        await Assertions.Expect(window.Page.Locator("#page-filter")).ToBeFocusedAsync();
        await window.Page.Keyboard.TypeAsync("wolf");
        await window.Page.WaitForURLAsync("**/training?q=wolf");
        window.AssertQuiet();
    }

    [Fact]
    public async Task Portal_KilledAndStartedAgain_ComesBackToTheSamePageByItself()
    {
        using TemporaryFolder folder = new();
        BrowserPortal first = await BrowserPortal.StartAsync(BrowserPortal.Fast(), folder.Path);
        await using BrowserWindow window = await browser.OpenAsync(first.BaseUrl);
        await using (first)
        {
            await window.SignInAsync(first);
            await window.GoToAsync("/training?q=wolf");
            await first.KillAsync();
        }

        await Assertions.Expect(window.Page.GetByText("Connection lost").Or(window.Page.GetByText("Still no connection")).First).ToBeVisibleAsync();
        await window.Page.EvaluateAsync("() => { window.notReloaded = true; }");
        await using BrowserPortal second = await BrowserPortal.StartAsync(BrowserPortal.Fast(), folder.Path, first.BaseUrl);

        // The new process does not know the circuit: the page loads itself again, signed in as before.
        await window.Page.WaitForFunctionAsync("() => window.notReloaded !== true && 'interactive' in document.documentElement.dataset");
        Assert.EndsWith("/training?q=wolf", window.Page.Url, StringComparison.Ordinal);
        await Assertions.Expect(window.Page.Locator("#page-filter")).ToHaveValueAsync("wolf");
        await Assertions.Expect(window.Page.GetByText("Connection lost")).ToBeHiddenAsync();
    }
}
