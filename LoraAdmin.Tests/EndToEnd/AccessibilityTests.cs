using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using LoraAdmin.Tests.Doubles;
using Microsoft.Playwright;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>Every page in both colours, on a desk and on a phone: no finding of axe, nothing in the console, nothing wider than the screen.</summary>
[Collection(nameof(Browser))]
public sealed partial class AccessibilityTests(Browser browser) : IDisposable
{
    private readonly SemaphoreSlim oneRunAtATime = new(1);

    public void Dispose() => oneRunAtATime.Dispose();

    [Fact]
    public async Task Pages_InEveryStateColourAndWidth_HaveNoViolation()
    {
        await using BrowserPortal portal = await BrowserPortal.StartAsync(BrowserPortal.Fast());
        ConcurrentBag<string> findings = [];
        string session = await BeforeTheFirstJobAsync(portal, findings);
        (Guid completed, Guid failed) = await JobsAsync(portal);

        // Two windows at once, one for each core.
        ParallelOptions two = new() { MaxDegreeOfParallelism = 2, CancellationToken = TestContext.Current.CancellationToken };
        await Parallel.ForEachAsync([(1280, false), (1280, true), (390, false), (390, true)], two, async ((int Width, bool Dark) look, CancellationToken _) =>
        {
            await using BrowserWindow window = await browser.OpenAsync(portal.BaseUrl, look.Width, look.Dark, session);
            await VisitAllAsync(window, completed, failed, findings);
        });

        Assert.True(findings.IsEmpty, string.Join('\n', findings));
    }

    private async Task<string> BeforeTheFirstJobAsync(BrowserPortal portal, ConcurrentBag<string> findings)
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

    private async Task VisitAllAsync(BrowserWindow window, Guid completed, Guid failed, ConcurrentBag<string> findings)
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
        await PodsAndFilesAsync(window, findings);
        await GaveUpAsync(window, findings);
        await MoneyAsync(window, findings);
        await OperationsAsync(window, findings);
        await MenusAsync(window, findings);
        window.AssertQuiet();

        // The browser itself notes the status of a page that does not exist, so this one comes last.
        await VisitAsync(window, "/nowhere", "There is no such page", findings);
        Assert.All(window.Complaints, complaint => Assert.Contains("404", complaint, StringComparison.Ordinal));
    }

    /// <summary>A pod at work, one that does not end, and a file that waits for its upload.</summary>
    private static async Task PodsAndFilesAsync(BrowserWindow window, ConcurrentBag<string> findings)
    {
        await VisitAsync(window, "/pods", "Its job works with it", findings);
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Look now" }).ClickAsync();
        await Assertions.Expect(window.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Close" })).ToBeEnabledAsync();
        await LookAsync(window, "preview of the sweep", findings);
        await window.GoToAsync("/pods?class=needed");
        await window.Page.GetByRole(AriaRole.Button, new() { NameRegex = EndPod() }).First.ClickAsync();
        await Assertions.Expect(window.Page.GetByText("A job works with it.")).ToBeVisibleAsync();
        await LookAsync(window, "end a pod", findings);
        await VisitAsync(window, "/pods?pod=nothere", "This pod is not there any more", findings);
        await VisitAsync(window, "/spool", "Waits for its upload", findings);
        await window.Page.GetByRole(AriaRole.Button, new() { NameRegex = DeleteFile() }).ClickAsync();
        await Assertions.Expect(window.Page.GetByText("deleted for good")).ToBeVisibleAsync();
        await LookAsync(window, "delete a file", findings);
    }

    /// <summary>A job that waits for a person, and the question before everything is tried again.</summary>
    private static async Task GaveUpAsync(BrowserWindow window, ConcurrentBag<string> findings)
    {
        await VisitAsync(window, "/gave-up", "Marlene in the rain", findings);
        await window.Page.GetByRole(AriaRole.Button, new() { NameRegex = TryAgain() }).First.ClickAsync();
        await Assertions.Expect(window.Page.GetByLabel("Reason")).ToBeVisibleAsync();
        await LookAsync(window, "try again", findings);
    }

    /// <summary>The budget with a question about another limit and the dialog that sets one, and the ledger.</summary>
    private static async Task MoneyAsync(BrowserWindow window, ConcurrentBag<string> findings)
    {
        await VisitAsync(window, "/budget", "What it went into", findings);
        await VisitAsync(window, "/budget?limit=150", "of $150.00", findings);
        await VisitAsync(window, "/budget?limit=much", "This is no amount of dollars.", findings);
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Change limit" }).ClickAsync();
        await Assertions.Expect(window.Page.GetByLabel("Reason")).ToBeVisibleAsync();
        await LookAsync(window, "change the limit", findings);
        await VisitAsync(window, "/budget/ledger", "says the same", findings);
        await VisitAsync(window, "/budget/ledger?kind=correction", "No entry matches", findings);
        await VisitAsync(window, "/budget/ledger?job=mara", "The job id is not complete", findings);
    }

    /// <summary>From the list through a preview to its run, as a person goes.</summary>
    private async Task OperationsAsync(BrowserWindow window, ConcurrentBag<string> findings)
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
        await oneRunAtATime.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            await RunNowAsync(window, "operations.history", "to see how it looks");
        }
        finally
        {
            oneRunAtATime.Release();
        }

        await LookAsync(window, "run", findings);
        await VisitAsync(window, "/operations/history", "Clean up history", findings);
        await VisitAsync(window, "/operations/history?q=nobody", "No run matches", findings);
    }

    /// <summary>From an operation's page to its run.</summary>
    internal static async Task RunNowAsync(BrowserWindow window, string operation, string reason)
    {
        await window.GoToAsync($"/operations/{operation}");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Run now" }).ClickAsync();
        await window.Page.GetByLabel("Reason").FillAsync(reason);
        await window.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Run now" }).ClickAsync();
        await window.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Close" }).ClickAsync();
        await Assertions.Expect(window.Page.GetByText(reason).First).ToBeVisibleAsync();
    }

    private static async Task<(Guid Completed, Guid Failed)> JobsAsync(BrowserPortal portal)
    {
        await portal.FaultAsync("training_fails");
        Guid failed = await portal.SubmitAsync("Marlene in the rain", [SampleImages.Jpeg()]);
        await portal.EndsAsAsync(failed, "failed");
        Guid completed = await portal.SubmitAsync("A name so long that it needs several lines on a phone", [SampleImages.Png()]);
        await portal.EndsAsAsync(completed, "completed");
        await portal.FaultAsync("store_put_fails", 1000, match: "lora-models/");
        await portal.FaultAsync("delete_500", 1000);
        await portal.EndsAsAsync(await portal.SubmitAsync("Waits for its upload", [SampleImages.Png()]), "failed");
        await portal.FaultAsync("training_hangs");
        await portal.IsAsync(await portal.SubmitAsync("Trains for long", [SampleImages.Png()]), "training");
        return (completed, failed);
    }

    private static async Task VisitAsync(BrowserWindow window, string path, string shows, ConcurrentBag<string> findings)
    {
        await window.GoToAsync(path);
        await Assertions.Expect(window.Page.GetByText(shows).First).ToBeVisibleAsync();
        await LookAsync(window, path, findings);
    }

    private static async Task MenusAsync(BrowserWindow window, ConcurrentBag<string> findings)
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
    internal static async Task LookAsync(BrowserWindow window, string where, ConcurrentBag<string> findings)
    {
        // The address changes before the page that belongs to it is drawn, and the way past the navigation leads to the address.
        await window.Page.WaitForFunctionAsync("() => [...document.querySelectorAll('a.skip-link')].every(link => link.href === location.href.split('#')[0] + '#main')");

        // On pages without frames both ways find the same; the other one opens a window of its own for every look, which costs more than the look.
#pragma warning disable CS0618 // It is called obsolete because it sees no frames from elsewhere: the portal has none.
        AxeResult result = await window.Page.RunAxeLegacy();
#pragma warning restore CS0618
        foreach ((AxeResultItem violation, AxeResultNode node) in result.Violations.SelectMany(violation => violation.Nodes.Select(node => (violation, node))))
        {
            findings.Add($"{where}: {violation.Id}: {violation.Help}: {node.Html}");
        }

        int over = await window.Page.EvaluateAsync<int>("() => document.documentElement.scrollWidth - document.documentElement.clientWidth");
        if (over > 0)
        {
            findings.Add($"{where}: {over} px wider than the screen");
        }
    }

    [GeneratedRegex("^Try again: ")]
    private static partial Regex TryAgain();

    [GeneratedRegex("^End: pod ")]
    private static partial Regex EndPod();

    [GeneratedRegex(@"^Delete: .*\.safetensors$")]
    private static partial Regex DeleteFile();
}
