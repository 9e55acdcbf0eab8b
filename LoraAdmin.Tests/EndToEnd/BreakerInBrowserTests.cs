using System.Collections.Concurrent;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Pages;
using Microsoft.Playwright;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>The whole way, with the real program, its embedded Redis and LocalCloud: three creations fail at both providers, jobs wait and go on.</summary>
[Collection(nameof(Browser))]
public sealed class BreakerInBrowserTests(Browser browser)
{
    private const string VendorWords = "Something went wrong. Please try again later or contact support.";

    [Fact]
    [Trait("Requirement", "C1")]
    [Trait("Requirement", "C5")]
    public async Task ThreeCreationsFail_ThePageCountsDown_AndTheWaitingJobGoesOnWhenSomebodyResetsIt()
    {
        // So long that nobody tries RunPod out while the pages are looked at.
        await using BrowserPortal portal = await BrowserPortal.StartAsync(Opening(openFor: "01:00:00"));
        await using BrowserWindow window = await browser.OpenAsync(portal.BaseUrl);
        await window.SignInAsync(portal);
        string session = await window.SessionAsync();
        await OpenBothAsync(portal);

        Guid job = await portal.SubmitAsync("Waits", [SampleImages.Png()]);
        ConcurrentBag<string> findings = [];
        await window.GoToAsync("/breaker");
        await Assertions.Expect(window.Page.Locator("section[aria-labelledby='breaker-now'] .countdown")).ToBeVisibleAsync();
        await Assertions.Expect(window.Page.Locator("section[aria-labelledby='breaker-replicate'] .countdown")).ToBeVisibleAsync();
        await Assertions.Expect(window.Page.Locator("section[aria-labelledby='breaker-history'] tr", new() { HasText = "opened" }).First.Locator("q").GetByText(VendorWords)).ToHaveCountAsync(3);
        await AccessibilityTests.LookAsync(window, "open breaker", findings);
        await window.GoToAsync($"/training/{job}");
        await Assertions.Expect(window.Page.GetByText("RunPod's breaker").First).ToBeVisibleAsync();
        await window.GoToAsync("/");
        await Assertions.Expect(window.Page.Locator("a.tile[href='/breaker'] .tile-figure")).ToContainTextAsync("open");
        await Assertions.Expect(window.Page.GetByText("RunPod's breaker is open").First).ToBeVisibleAsync();

        await portal.ClearFaultsAsync();
        await window.GoToAsync("/breaker");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Reset: RunPod" }).ClickAsync();
        ILocator dialog = window.Page.GetByRole(AriaRole.Dialog);
        await DialogFields.FillAsync((dialog.GetByLabel("Reason"), "the vendor has mended it"), (dialog.GetByLabel("Type RESET"), "RESET"));
        await AccessibilityTests.LookAsync(window, "reset", findings);
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Reset" }).ClickAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Close" }).ClickAsync();
        await portal.EndsAsAsync(job, "completed");
        await using (BrowserWindow phone = await browser.OpenAsync(portal.BaseUrl, width: 390, dark: true, session))
        {
            await phone.GoToAsync("/breaker");
            await Assertions.Expect(phone.Page.Locator("section[aria-labelledby='breaker-now']").GetByText("closed").First).ToBeVisibleAsync();
            Assert.InRange(
                await phone.Page.Locator("section[aria-labelledby='breaker-history'] .failures").First.EvaluateAsync<double>("one => one.getBoundingClientRect().width"), 300, 390);
            await AccessibilityTests.LookAsync(phone, "closed breaker on a phone", findings);
        }

        Assert.True(findings.IsEmpty, string.Join('\n', findings));
        window.AssertQuiet();
    }

    [Fact]
    [Trait("Requirement", "C2")]
    public async Task ThreeCreationsFail_OneOfTheWaitingJobsTriesAndAllGoOn()
    {
        await using BrowserPortal portal = await BrowserPortal.StartAsync(Opening(openFor: "00:00:05"));
        await OpenBothAsync(portal);

        // Before anybody tries it out: a try that fails sends its job to the other provider.
        await portal.ClearFaultsAsync();
        Guid first = await portal.SubmitAsync("Waits", [SampleImages.Png()]);
        Guid second = await portal.SubmitAsync("Waits too", [SampleImages.Png()]);

        await portal.EndsAsAsync(first, "completed");
        await portal.EndsAsAsync(second, "completed");
        await using BrowserWindow window = await browser.OpenAsync(portal.BaseUrl);
        await window.SignInAsync(portal);
        await window.GoToAsync("/breaker");

        // The one that tried it out has closed it. What another one had tried meanwhile would stand there as too late.
        ILocator entries = window.Page.Locator("section[aria-labelledby='breaker-history'] tbody tr");
        await Assertions.Expect(entries.Filter(new() { Has = window.Page.GetByText("closed", new() { Exact = true }) })).ToHaveCountAsync(1);
        await Assertions.Expect(entries.Filter(new() { HasText = "late success" })).ToHaveCountAsync(0);
        await Assertions.Expect(entries.Filter(new() { HasText = "late failure" })).ToHaveCountAsync(0);
        window.AssertQuiet();
    }

    private static Dictionary<string, string> Opening(string openFor) => BrowserPortal.Fast(
        ("Breaker:OpenFor", openFor),
        ("Training:CreateRetries:0", "00:00:00.1"),
        ("Training:CreateRetries:1", "00:00:00.1"),
        ("Training:CreateRetries:2", "00:00:00.1"));

    /// <summary>Until the faults are cleared: whoever tries RunPod out meanwhile opens it again.</summary>
    private static async Task OpenBothAsync(BrowserPortal portal)
    {
        await portal.FaultAsync("create_500", 1000);
        await portal.FaultAsync("replicate_create_500", 1000);
        for (int number = 1; number <= 3; number++)
        {
            await portal.EndsAsAsync(await portal.SubmitAsync($"Opens it {number}", [SampleImages.Png()]), "failed");
        }
    }
}
