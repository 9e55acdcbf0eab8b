using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Pages;
using Microsoft.Playwright;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>What gave up, from the menu to the result of each that is tried again; and what storage holds.</summary>
[Collection(nameof(Browser))]
public sealed partial class GaveUpInBrowserTests(Browser browser)
{
    [Fact]
    public async Task Jobs_ThatGaveUp_AreAllTriedAgain_AndGoOn()
    {
        await using BrowserPortal portal = await BrowserPortal.StartAsync(BrowserPortal.Fast());
        await portal.FaultAsync("training_fails", 2);
        Guid first = await portal.SubmitAsync("Gave up once", [SampleImages.Png()]);
        await portal.EndsAsAsync(first, "failed");
        Guid second = await portal.SubmitAsync("Gave up too", [SampleImages.Png()]);
        await portal.EndsAsAsync(second, "failed");
        await portal.ClearFaultsAsync();
        await using BrowserWindow window = await browser.OpenAsync(portal.BaseUrl);
        await window.SignInAsync(portal);
        await window.InteractiveAsync();
        ConcurrentBag<string> findings = [];

        await window.Page.GetByRole(AriaRole.Navigation, new() { Name = "Main" }).GetByRole(AriaRole.Link, new() { Name = "Gave up" }).ClickAsync();
        await Assertions.Expect(window.Page.GetByText("Gave up too").First).ToBeVisibleAsync();
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Try all 2 again", Exact = true }).First.ClickAsync();
        await DialogFields.FillAsync(
            (window.Page.GetByLabel("Reason"), "the trainer is mended"), (window.Page.GetByLabel("Type RETRY to confirm"), "RETRY"));
        await AccessibilityTests.LookAsync(window, "try all again", findings);
        await window.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Try again" }).ClickAsync();
        await Assertions.Expect(window.Page.GetByText("All 2 were asked for.")).ToBeVisibleAsync();
        await AccessibilityTests.LookAsync(window, "results", findings);
        await window.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Close" }).ClickAsync();

        await portal.IsAsync(first, "completed");
        await portal.IsAsync(second, "completed");
        await Assertions.Expect(window.Page.GetByText("Nothing gave up")).ToBeVisibleAsync();
        await window.GoToAsync($"/training/{first}");
        await Assertions.Expect(window.Page.GetByText("was asked to be tried again: the trainer is mended")).ToBeVisibleAsync();
        Assert.True(findings.IsEmpty, string.Join('\n', findings));
        window.AssertQuiet();
    }

    [Fact]
    public async Task Storage_IsCountedByARun_AndShownOnFilesAndOverview()
    {
        await using BrowserPortal portal = await BrowserPortal.StartAsync(BrowserPortal.Fast());
        await portal.EndsAsAsync(await portal.SubmitAsync("Is counted", [SampleImages.Png()]), "completed");
        await using BrowserWindow window = await browser.OpenAsync(portal.BaseUrl);
        await window.SignInAsync(portal);
        ConcurrentBag<string> findings = [];
        await window.GoToAsync("/spool");
        await Assertions.Expect(window.Page.GetByText("Not counted yet.")).ToBeVisibleAsync();
        await AccessibilityTests.LookAsync(window, "files before a census", findings);

        await AccessibilityTests.RunNowAsync(window, StorageCensus.Key, "to see what it holds");
        await Assertions.Expect(window.Page.GetByText("lora-models: objects")).ToBeVisibleAsync();
        await window.GoToAsync("/spool");

        await Assertions.Expect(window.Page.Locator("#storage tr", new() { HasText = "lora-models" }).GetByText(OneObject())).ToBeVisibleAsync();
        await AccessibilityTests.LookAsync(window, "files after a census", findings);
        await window.GoToAsync("/");
        await Assertions.Expect(window.Page.Locator(".tiles > .tile", new() { HasText = "Storage" })).ToContainTextAsync("objects");
        Assert.True(findings.IsEmpty, string.Join('\n', findings));
        window.AssertQuiet();
    }

    [GeneratedRegex("^1$")]
    private static partial Regex OneObject();
}
