using System.Collections.Concurrent;
using LoraAdmin.Tests.Doubles;
using Microsoft.Playwright;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>The whole way, with the real program, its embedded Redis and LocalCloud: three creations fail at both providers, jobs wait, one tries, all go on.</summary>
[Collection(nameof(Browser))]
public sealed class BreakerInBrowserTests(Browser browser)
{
    private const string VendorWords = "Something went wrong. Please try again later or contact support.";

    [Fact]
    [Trait("Requirement", "C1")]
    [Trait("Requirement", "C2")]
    [Trait("Requirement", "C5")]
    public async Task ThreeCreationsFail_ThePageCountsDownAndTheWaitingJobsGoOn()
    {
        await using BrowserPortal portal = await BrowserPortal.StartAsync(BrowserPortal.Fast(
            ("Breaker:OpenFor", "00:00:10"),
            ("Training:CreateRetries:0", "00:00:00.1"),
            ("Training:CreateRetries:1", "00:00:00.1"),
            ("Training:CreateRetries:2", "00:00:00.1")));
        await using BrowserWindow window = await browser.OpenAsync(portal.BaseUrl);
        await window.SignInAsync(portal);
        string session = await window.SessionAsync();

        // Until they are cleared: whoever tries RunPod out meanwhile opens it again.
        await portal.FaultAsync("create_500", 1000);
        await portal.FaultAsync("replicate_create_500", 1000);
        for (int number = 1; number <= 3; number++)
        {
            await portal.EndsAsAsync(await portal.SubmitAsync($"Opens it {number}", [SampleImages.Png()]), "failed");
        }

        Guid first = await portal.SubmitAsync("Waits", [SampleImages.Png()]);
        Guid second = await portal.SubmitAsync("Waits too", [SampleImages.Png()]);
        ConcurrentBag<string> findings = [];
        await window.GoToAsync("/breaker");
        await Assertions.Expect(window.Page.Locator("section[aria-labelledby='breaker-now'] .countdown")).ToBeVisibleAsync();
        await Assertions.Expect(window.Page.Locator("section[aria-labelledby='breaker-replicate'] .countdown")).ToBeVisibleAsync();
        await Assertions.Expect(window.Page.Locator("section[aria-labelledby='breaker-history'] tr", new() { HasText = "opened" }).First.Locator("q").GetByText(VendorWords)).ToHaveCountAsync(3);
        await AccessibilityTests.LookAsync(window, "open breaker", findings);
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Reset: RunPod" }).ClickAsync();
        await Assertions.Expect(window.Page.GetByRole(AriaRole.Dialog)).ToBeVisibleAsync();
        await AccessibilityTests.LookAsync(window, "reset", findings);
        await window.GoToAsync($"/training/{first}");
        await Assertions.Expect(window.Page.GetByText("RunPod's breaker").First).ToBeVisibleAsync();
        await window.GoToAsync("/");
        await Assertions.Expect(window.Page.Locator("a.tile[href='/breaker'] .tile-figure")).ToContainTextAsync("open");
        await Assertions.Expect(window.Page.GetByText("RunPod's breaker is open").First).ToBeVisibleAsync();

        await portal.ClearFaultsAsync();
        await portal.EndsAsAsync(first, "completed");
        await portal.EndsAsAsync(second, "completed");
        await using (BrowserWindow phone = await browser.OpenAsync(portal.BaseUrl, width: 390, dark: true, session))
        {
            await phone.GoToAsync("/breaker");
            await Assertions.Expect(phone.Page.GetByText("closed").First).ToBeVisibleAsync();
            await AccessibilityTests.LookAsync(phone, "closed breaker on a phone", findings);
        }

        Assert.True(findings.IsEmpty, string.Join('\n', findings));
        window.AssertQuiet();
    }
}
