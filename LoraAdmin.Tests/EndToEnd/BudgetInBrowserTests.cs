using System.Globalization;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.EndToEnd.Pages;
using Microsoft.Playwright;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>From a trained LoRA to the money that it took, entry by entry, and a limit that counts at once.</summary>
[Collection(nameof(Browser))]
public sealed class BudgetInBrowserTests(Browser browser)
{
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Money_OfAJob_IsFoundFromTheTileToTheLastMicroDollar()
    {
        await using BrowserPortal portal = await BrowserPortal.StartAsync(BrowserPortal.Fast());
        Guid job = await portal.SubmitAsync("Costs something", [SampleImages.Png()]);
        await portal.EndsAsAsync(job, "completed");
        await using BrowserWindow window = await browser.OpenAsync(portal.BaseUrl);
        await window.SignInAsync(portal);
        await window.InteractiveAsync();

        await window.Page.Locator(".tiles > .tile", new() { HasText = "Cost this month" }).ClickAsync();
        await Assertions.Expect(window.Page.GetByRole(AriaRole.Heading, new() { Name = "Budget", Exact = true })).ToBeVisibleAsync();
        await Assertions.Expect(window.Page.GetByText("No forecast yet")).ToBeVisibleAsync();
        await window.Page.GetByLabel("Limit in dollars a month").FillAsync("150");
        await window.Page.WaitForURLAsync("**/budget?limit=150");
        await Assertions.Expect(window.Page.GetByText("of $150.00.")).ToBeVisibleAsync();

        await window.GoToAsync($"/budget/ledger?job={job}");
        await Assertions.Expect(window.Page.Locator("td .chip", new() { HasText = "reserved" })).ToBeVisibleAsync();
        IDownload download = await window.Page.RunAndWaitForDownloadAsync(() => window.Page.GetByRole(AriaRole.Link, new() { Name = "Export CSV" }).ClickAsync());
        string[] lines = (await File.ReadAllTextAsync((await download.PathAsync())!, TestContext.Current.CancellationToken)).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);

        Assert.StartsWith($"ledger-{job}-", download.SuggestedFilename, StringComparison.Ordinal);
        string[][] rows = [.. lines.Skip(1).Select(line => line.Split(','))];
        Assert.All(rows, row => Assert.Equal(job.ToString(), row[4]));
        Assert.Equal(rows.Sum(row => decimal.Parse(row[8], CultureInfo.InvariantCulture)), decimal.Parse(rows[^1][10], CultureInfo.InvariantCulture));
        window.AssertQuiet();
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Limit_ChangedOnThePage_CountsForTheNextJob()
    {
        await using BrowserPortal portal = await BrowserPortal.StartAsync(BrowserPortal.Fast());
        await using BrowserWindow window = await browser.OpenAsync(portal.BaseUrl);
        await window.SignInAsync(portal);
        await window.GoToAsync("/budget");

        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Change limit" }).ClickAsync();
        ILocator dialog = window.Page.GetByRole(AriaRole.Dialog);
        await DialogFields.FillAsync(
            (dialog.GetByLabel("Limit in dollars"), "0.01"), (dialog.GetByLabel("Warning mark in dollars"), "0"), (dialog.GetByLabel("Reason"), "a test of the door"));
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Change limit" }).ClickAsync();
        await Assertions.Expect(window.Page.GetByText("a test of the door")).ToBeVisibleAsync();

        using MultipartFormDataContent form = new()
        {
            { new StringContent("6b1f7f3e-64d8-4f0c-9a51-3f0c2f1d7a10"), "user_id" },
            { new StringContent("Too dear"), "name" },
            { new StringContent("creator-17@example.org"), "creator_email" },
            { new ByteArrayContent(SampleImages.Png()), "images", "0.png" },
        };
        using HttpResponseMessage answer = await portal.Api.PostAsync(new Uri("/api/v1/training-jobs", UriKind.Relative), form, TestContext.Current.CancellationToken);
        Assert.Equal(402, (int)answer.StatusCode);
        window.AssertQuiet();
    }
}
