using System.Text.RegularExpressions;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Doubles;
using Microsoft.Playwright;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>A trained file that storage did not take, and the two ways in which a person has it brought there.</summary>
[Collection(nameof(Browser))]
public sealed partial class FilesInBrowserTests(Browser browser)
{
    [Fact]
    [Trait("Requirement", "E3")]
    [Trait("Requirement", "J2")]
    public async Task KeptFiles_UploadNowAndTheRecordedRun_BringThemToStorage()
    {
        await FullHour.IsFarAsync();
        await using BrowserPortal portal = await BrowserPortal.StartAsync(BrowserPortal.Fast());
        await portal.FaultAsync(FaultKind.StorePutFails, 1000, match: "lora-models/");
        Guid first = await portal.SubmitAsync("Waits for a button", [SampleImages.Png()]);
        Guid second = await portal.SubmitAsync("Waits for a run", [SampleImages.Png()]);
        await portal.EndsAsAsync(first, "failed");
        await portal.EndsAsAsync(second, "failed");
        await portal.ClearFaultsAsync();
        await using BrowserWindow window = await browser.OpenAsync(portal.BaseUrl);
        await window.SignInAsync(portal);

        await window.GoToAsync("/spool");
        await window.Page.Locator("tr", new() { HasText = "Waits for a button" }).GetByRole(AriaRole.Button, new() { NameRegex = UploadNow() }).ClickAsync();
        await Assertions.Expect(window.Page.GetByText("Noted: the upload begins within a minute.")).ToBeVisibleAsync();
        await portal.IsAsync(first, "completed");
        Assert.Equal("failed", (await portal.JobAsync(second)).GetProperty("state").GetString());

        await AccessibilityTests.RunNowAsync(window, SpoolUploadOperation.Key, "storage works again");
        await Assertions.Expect(window.Page.GetByText("storage has it, read back and compared").First).ToBeVisibleAsync();
        await portal.IsAsync(second, "completed");

        await window.GoToAsync("/spool");
        await Assertions.Expect(window.Page.GetByText("No file waits")).ToBeVisibleAsync();
        window.AssertQuiet();
    }

    [GeneratedRegex("^Upload now: ")]
    private static partial Regex UploadNow();
}
