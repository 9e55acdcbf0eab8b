using System.Text.RegularExpressions;
using LoraAdmin.Tests.Doubles;
using Microsoft.Playwright;

namespace LoraAdmin.Tests.EndToEnd.Pages;

/// <summary>The page of one training job.</summary>
public sealed partial class JobPage(IPage page)
{
    public ILocator State => page.Locator(".page-head .chip");

    /// <summary>The name of the step that it is at.</summary>
    public ILocator Step => page.Locator("li[aria-current='step'] span");

    public ILocator ValidationImages => page.Locator(".images img");

    public ILocator Sha256 => page.GetByRole(AriaRole.Region, new() { Name = "LoRA file" }).Locator("code[title]").First;

    /// <summary>Waits until the browser is on a job's page.</summary>
    public async Task<Guid> OpenedAsync(string name)
    {
        await page.WaitForURLAsync(Address());
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync(name);
        return Guid.Parse(Address().Match(page.Url).Groups[1].Value);
    }

    /// <summary>Waits until the page shows the state; a job that ends otherwise fails at once.</summary>
    public Task FollowAsync(string until, TimeSpan within) => Eventually.TrueAsync(
        async () =>
        {
            string word = (await State.InnerTextAsync()).Trim();
            bool goesOn = word == until || word is not ("completed" or "failed" or "cancelled");
            Assert.True(goesOn, goesOn ? null : $"The job is {word}: {await page.Locator("#main").InnerTextAsync()}");
            return word == until;
        },
        $"the page shows {until}",
        within);

    /// <summary>Presses "Download" and gives the file that the browser saved, with the address it came from.</summary>
    public async Task<(string Url, string Path)> DownloadAsync()
    {
        IDownload download = await page.RunAndWaitForDownloadAsync(() => page.GetByRole(AriaRole.Button, new() { Name = "Download" }).ClickAsync());
        return (download.Url, await download.PathAsync());
    }

    /// <summary>Waits until every validation image is drawn from bytes that the browser could decode.</summary>
    public Task ImagesDrawnAsync(int count) => Eventually.TrueAsync(
        async () => await ValidationImages.EvaluateAllAsync<int>("all => all.filter(one => one.complete && one.naturalWidth > 0).length") == count,
        $"{count} validation images are drawn");

    [GeneratedRegex("/training/([0-9a-f-]{36})$")]
    private static partial Regex Address();
}
