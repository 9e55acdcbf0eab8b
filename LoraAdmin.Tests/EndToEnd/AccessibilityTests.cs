using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using LoraAdmin.Tests.Doubles;
using Microsoft.Playwright;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>Every page in both colours, on a desk and on a phone: no finding of axe, nothing in the console, nothing wider than the screen.</summary>
[Collection(nameof(Browser))]
public sealed class AccessibilityTests(Browser browser)
{
    [Fact]
    public async Task Pages_InEveryStateColourAndWidth_HaveNoViolation()
    {
        await using BrowserPortal portal = await BrowserPortal.StartAsync(BrowserPortal.Fast());
        List<string> findings = [];
        string session = await BeforeTheFirstJobAsync(portal, findings);
        (Guid completed, Guid failed) = await JobsAsync(portal);
        foreach ((int width, bool dark) in new[] { (1280, false), (1280, true), (390, false), (390, true) })
        {
            await using BrowserWindow window = await browser.OpenAsync(portal.BaseUrl, width, dark, session);
            await VisitAllAsync(window, completed, failed, findings);
        }

        Assert.True(findings.Count == 0, string.Join('\n', findings));
    }

    private async Task<string> BeforeTheFirstJobAsync(BrowserPortal portal, List<string> findings)
    {
        await using (BrowserWindow dark = await browser.OpenAsync(portal.BaseUrl, width: 390, dark: true))
        {
            await dark.Page.GotoAsync("/sign-in");
            await LookAsync(dark, "dark sign-in", findings);
        }

        await using BrowserWindow window = await browser.OpenAsync(portal.BaseUrl);
        await window.Page.GotoAsync("/sign-in");
        await LookAsync(window, "sign-in", findings);

        // Over the page that is open already: a link works there as well.
        await window.SignInAsync(portal);
        await window.InteractiveAsync();
        await LookAsync(window, "overview without jobs", findings);
        await VisitAsync(window, "/training", "No training job yet", findings);
        window.AssertQuiet();
        return await window.SessionAsync();
    }

    private static async Task VisitAllAsync(BrowserWindow window, Guid completed, Guid failed, List<string> findings)
    {
        await VisitAsync(window, "/", "Training failed", findings);
        await VisitAsync(window, "/training", "Training failed", findings);
        await VisitAsync(window, "/breaker", "Nothing happened yet", findings);
        await VisitAsync(window, "/training?q=nobody", "No job matches", findings);
        await VisitAsync(window, $"/training/{completed}", "Validation images", findings);
        await VisitAsync(window, $"/training/{failed}", "Training failed", findings);
        await VisitAsync(window, $"/training/{Guid.Empty}", "There is no such job", findings);
        await VisitAsync(window, "/training?new=1", "Drop images here", findings);
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Submit" }).ClickAsync();
        await Assertions.Expect(window.Page.GetByText("This is no user id.")).ToBeVisibleAsync();
        await LookAsync(window, "new job with problems", findings);
        await OperationsAsync(window, findings);
        await MenusAsync(window, findings);
        window.AssertQuiet();

        // The browser itself notes the status of a page that does not exist, so this one comes last.
        await VisitAsync(window, "/nowhere", "There is no such page", findings);
        Assert.All(window.Complaints, complaint => Assert.Contains("404", complaint, StringComparison.Ordinal));
    }

    /// <summary>From the list through a preview to its run, as a person goes.</summary>
    private static async Task OperationsAsync(BrowserWindow window, List<string> findings)
    {
        await VisitAsync(window, "/operations", "Monthly reset of limits", findings);
        await VisitAsync(window, "/operations/limits.month_reset", "A year of instants", findings);
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Edit schedule" }).ClickAsync();
        await Assertions.Expect(window.Page.GetByText("One run makes up for them")).ToBeVisibleAsync();
        await LookAsync(window, "schedule dialog", findings);
        await window.GoToAsync("/operations/limits.month_reset");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Preview" }).ClickAsync();
        await Assertions.Expect(window.Page.GetByText("One statement over:")).ToBeVisibleAsync();
        await LookAsync(window, "plan", findings);
        await window.GoToAsync("/operations/operations.history");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Run now" }).ClickAsync();
        await window.Page.GetByLabel("Reason").FillAsync("to see how it looks");
        await window.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Run now" }).ClickAsync();
        await window.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Close" }).ClickAsync();
        await Assertions.Expect(window.Page.GetByText("to see how it looks").First).ToBeVisibleAsync();
        await LookAsync(window, "run", findings);
        await VisitAsync(window, "/operations/history", "Clean up history", findings);
        await VisitAsync(window, "/operations/history?q=nobody", "No run matches", findings);
    }

    private static async Task<(Guid Completed, Guid Failed)> JobsAsync(BrowserPortal portal)
    {
        await portal.FaultAsync("training_fails");
        Guid failed = await portal.SubmitAsync("Marlene in the rain", [SampleImages.Jpeg()]);
        await portal.EndsAsAsync(failed, "failed");
        Guid completed = await portal.SubmitAsync("A name so long that it needs several lines on a phone", [SampleImages.Png()]);
        await portal.EndsAsAsync(completed, "completed");
        return (completed, failed);
    }

    private static async Task VisitAsync(BrowserWindow window, string path, string shows, List<string> findings)
    {
        await window.GoToAsync(path);
        await Assertions.Expect(window.Page.GetByText(shows).First).ToBeVisibleAsync();
        await LookAsync(window, path, findings);
    }

    private static async Task MenusAsync(BrowserWindow window, List<string> findings)
    {
        await window.GoToAsync("/");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Account" }).ClickAsync();
        await Assertions.Expect(window.Page.GetByRole(AriaRole.Menuitem, new() { Name = "Sign out" })).ToBeVisibleAsync();
        await LookAsync(window, "account menu", findings);
        await window.GoToAsync("/");
        await window.Page.Keyboard.PressAsync("?");
        await Assertions.Expect(window.Page.GetByRole(AriaRole.Dialog)).ToBeVisibleAsync();
        await LookAsync(window, "keyboard help", findings);
    }

    /// <summary>Notes what axe finds on the page as it is, and what is wider than the screen.</summary>
    internal static async Task LookAsync(BrowserWindow window, string where, List<string> findings)
    {
        AxeResult result = await window.Page.RunAxe();
        findings.AddRange(result.Violations.SelectMany(violation =>
            violation.Nodes.Select(node => $"{where}: {violation.Id}: {violation.Help}: {node.Html}")));
        int over = await window.Page.EvaluateAsync<int>("() => document.documentElement.scrollWidth - document.documentElement.clientWidth");
        if (over > 0)
        {
            findings.Add($"{where}: {over} px wider than the screen");
        }
    }
}
