using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using LoraAdmin.Tests.Doubles;
using Microsoft.Playwright;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>Every page in both colours, on a desk and on a phone: no finding of axe, nothing in the console, nothing wider than the screen.</summary>
[Collection(nameof(Browser))]
public sealed class AccessibilityTests(Browser browser)
{
    [Theory]
    [InlineData(1280, false)]
    [InlineData(1280, true)]
    [InlineData(390, false)]
    [InlineData(390, true)]
    public async Task Pages_EveryState_HaveNoViolation(int width, bool dark)
    {
        await using BrowserPortal portal = await BrowserPortal.StartAsync(BrowserPortal.Fast());
        await using BrowserWindow window = await browser.OpenAsync(portal.BaseUrl, width, dark);
        List<string> findings = [];
        await window.Page.GotoAsync("/sign-in");
        await LookAsync(window, "sign-in", findings);
        await window.SignInAsync(portal);
        await window.InteractiveAsync();
        await LookAsync(window, "overview without jobs", findings);
        await VisitAsync(window, "/training", "No training job yet", findings);

        (Guid completed, Guid failed) = await JobsAsync(portal);
        await VisitAsync(window, "/", "Training failed", findings);
        await VisitAsync(window, "/training", "Training failed", findings);
        await VisitAsync(window, "/training?q=nobody", "No job matches", findings);
        await VisitAsync(window, $"/training/{completed}", "Validation images", findings);
        await VisitAsync(window, $"/training/{failed}", "Training failed", findings);
        await VisitAsync(window, $"/training/{Guid.Empty}", "There is no such job", findings);
        await VisitAsync(window, "/training?new=1", "Drop images here", findings);
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Submit" }).ClickAsync();
        await Assertions.Expect(window.Page.GetByText("This is no user id.")).ToBeVisibleAsync();
        await LookAsync(window, "new job with problems", findings);
        await MenusAsync(window, findings);
        window.AssertQuiet();

        // The browser itself notes the status of a page that does not exist, so this one comes last.
        await VisitAsync(window, "/nowhere", "There is no such page", findings);
        Assert.All(window.Complaints, complaint => Assert.Contains("404", complaint, StringComparison.Ordinal));
        Assert.True(findings.Count == 0, string.Join('\n', findings));
    }

    private static async Task<(Guid Completed, Guid Failed)> JobsAsync(BrowserPortal portal)
    {
        await portal.FaultAsync("training_fails");
        Guid failed = await portal.SubmitAsync("Marlene in the rain", [SampleImages.Jpeg()]);
        await portal.EndsAsAsync(failed, "failed");
        Guid completed = await portal.SubmitAsync("A name that is so long that it needs several lines on a phone, and one on a desk at most", [SampleImages.Png()]);
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

    private static async Task LookAsync(BrowserWindow window, string where, List<string> findings)
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
