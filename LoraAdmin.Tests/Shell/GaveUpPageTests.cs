using Bunit;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Shell;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation.Memory;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Shell;

/// <summary>One screen of everything that gave up, on sources that a test fills.</summary>
public sealed class GaveUpPageTests : LoraBunitContext
{
    private readonly Source files = new("files", "Files that storage did not take", Permissions.UploadFiles, Permissions.ReadTraining);
    private readonly Source pods = new("pods", "Pods that do not end", Permissions.EndPods, Permissions.ReadPods);
    private readonly MemoryDatabase database;

    public GaveUpPageTests()
    {
        database = new MemoryDatabase(Clock);
        Services.AddSingleton<IUnitOfWork>(database);
        Services.AddSingleton<IGaveUpSource>(files);
        Services.AddSingleton<IGaveUpSource>(pods);
        Services.AddSingleton<GaveUpReading>();
    }

    [Fact]
    public void Nothing_ThatGaveUp_SaysSo()
    {
        IRenderedComponent<GaveUpPage> page = RenderPage<GaveUpPage>();

        page.WaitForAssertion(() => Assert.Contains("Nothing gave up", page.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain(page.FindAll("button"), button => button.TextContent.Contains("Try all", StringComparison.Ordinal));
    }

    [Fact]
    public void Kind_ThatCanNotBeRead_IsNotNothing_AndTheOthersAreShown()
    {
        files.Away = "The database is away.";
        pods.Add("p1", "Pod p1", Usd.FromDollars(1.25m));
        IRenderedComponent<GaveUpPage> page = RenderPage<GaveUpPage>();

        page.WaitForAssertion(() => Assert.Contains("Could not read files that storage did not take", page.Find(".notice").TextContent, StringComparison.Ordinal));
        Assert.Contains("Pod p1", page.Markup, StringComparison.Ordinal);
        Assert.Contains("$1.25", page.Markup, StringComparison.Ordinal);
        Assert.DoesNotContain("Nothing gave up", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void One_IsTriedAgainWithAReason_ThatIsKept()
    {
        files.Add("f1", "The file of Mara", null, job: new JobId(new Guid(7, 0, 0, new byte[8])));
        IRenderedComponent<GaveUpPage> page = RenderPage<GaveUpPage>();
        page.WaitForAssertion(() => Button(page, "Try again"));
        Button(page, "Try again").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#gave-up-reason"));
        Assert.Contains("What it means", Dialogs.Markup, StringComparison.Ordinal);
        Assert.Empty(Dialogs.FindAll("#gave-up-word"));
        Assert.True(Button(Dialogs, "Try again").HasAttribute("disabled"));
        Dialogs.Find("#gave-up-reason").Input("storage works again");
        Button(Dialogs, "Try again").Click();

        Dialogs.WaitForAssertion(() => Assert.Contains("All 1 were asked for.", Dialogs.Markup, StringComparison.Ordinal));
        Assert.Equal([("f1", "storage works again", "ada")], files.Tried);
        OperationalEvent asked = Assert.Single(database.Events);
        Assert.Equal(
            (GaveUpEvents.RetryAsked, "The file of Mara was asked to be tried again: storage works again", "ada", (JobId?)new JobId(new Guid(7, 0, 0, new byte[8]))),
            (asked.Kind, asked.Message, asked.Actor.Name, asked.Job));
    }

    [Fact]
    public void All_AreTriedAgainAfterAWord_WithAResultForEach()
    {
        files.Add("f1", "The file of Mara");
        files.Add("f2", "The file of Wolf");
        pods.Add("p1", "Pod p1");
        pods.Add("p2", "Pod p2", whyNot: "Somebody must look at it.");
        files.Answers["f2"] = new ActionResult(false, "A newer file of the same job is brought to storage.");
        IRenderedComponent<GaveUpPage> page = RenderPage<GaveUpPage>();
        page.WaitForAssertion(() => Button(page, "Try all 3 again"));
        Assert.Contains("Somebody must look at it.", page.Markup, StringComparison.Ordinal);
        Button(page, "Try all 3 again").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#gave-up-word"));
        Assert.Equal(["The file of Mara", "The file of Wolf", "Pod p1"], Dialogs.FindAll("li").Select(line => line.TextContent.Trim()));
        Dialogs.Find("#gave-up-reason").Input("storage works again");
        Assert.True(Button(Dialogs, "Try again").HasAttribute("disabled"));
        Dialogs.Find("#gave-up-word").Input("RETRY");
        Button(Dialogs, "Try again").Click();

        Dialogs.WaitForAssertion(() => Assert.Contains("2 of 3 were asked for. The others say why not.", Dialogs.Markup, StringComparison.Ordinal));
        string[] results = [.. Dialogs.FindAll("li").Select(line => line.TextContent.Trim())];
        Assert.Equal(3, results.Length);
        Assert.Contains("not done", results[1], StringComparison.Ordinal);
        Assert.Contains("A newer file", results[1], StringComparison.Ordinal);
        Assert.Equal(["f1", "f2"], files.Tried.Select(one => one.Id));
        Assert.Equal(["p1"], pods.Tried.Select(one => one.Id));
    }

    [Fact]
    public void Person_WithoutAPermission_HasNoButtonForIt()
    {
        Person.SetPolicies(Permissions.ViewPortal, Permissions.ReadTraining, Permissions.ReadPods, Permissions.EndPods);
        files.Add("f1", "The file of Mara");
        pods.Add("p1", "Pod p1");
        IRenderedComponent<GaveUpPage> page = RenderPage<GaveUpPage>();

        page.WaitForAssertion(() => Assert.Contains("The file of Mara", page.Markup, StringComparison.Ordinal));
        Assert.Equal("Try again: Pod p1", Assert.Single(page.FindAll("button"), button => button.TextContent.Trim() == "Try again").GetAttribute("aria-label"));
        Assert.DoesNotContain(page.FindAll("button"), button => button.TextContent.Contains("Try all", StringComparison.Ordinal));
    }

    [Fact]
    public void Person_WhoMayOnlySeeThePortal_IsShownNothingOfWhatItsOwnPagesHide()
    {
        Person.SetPolicies(Permissions.ViewPortal);
        files.Add("f1", "The file of Mara", Usd.FromDollars(1.25m));
        pods.Away = "The database of pods is away.";
        IRenderedComponent<GaveUpPage> page = RenderPage<GaveUpPage>();

        page.WaitForAssertion(() => Assert.Contains("Nothing that you may read gave up", page.Markup, StringComparison.Ordinal));
        foreach (string secret in new[] { "Mara", "$1.25", "pods is away", "did not take", "do not end", "Try " })
        {
            Assert.DoesNotContain(secret, page.Markup, StringComparison.Ordinal);
        }

        Assert.Contains("There may be more", page.Markup, StringComparison.Ordinal);
        Assert.DoesNotContain("nothing waits for a person", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Kind_ThatIsShownInPart_SaysThatThereMayBeMore()
    {
        for (int number = 1; number <= GaveUpReading.MostLines; number++)
        {
            files.Add($"f{number}", $"File {number}");
        }

        IRenderedComponent<GaveUpPage> page = RenderPage<GaveUpPage>();

        page.WaitForAssertion(() => Assert.Contains("200, and there may be more", page.Find("h2").TextContent, StringComparison.Ordinal));
    }

    [Fact]
    public void Person_WhoMayReadOneKind_IsShownThatOneAlone()
    {
        // The permission to end pods does not let anybody read them.
        Person.SetPolicies(Permissions.ViewPortal, Permissions.ReadTraining, Permissions.EndPods);
        files.Add("f1", "The file of Mara");
        pods.Add("p1", "Pod p1");
        IRenderedComponent<GaveUpPage> page = RenderPage<GaveUpPage>();

        page.WaitForAssertion(() => Assert.Contains("The file of Mara", page.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain("Pod p1", page.Markup, StringComparison.Ordinal);
        Assert.DoesNotContain(page.FindAll("button"), button => button.TextContent.Contains("Try", StringComparison.Ordinal));
    }

    [Fact]
    public void Permission_TakenAwayMeanwhile_IsSeenOnTheServer_AndNothingIsTried()
    {
        files.Add("f1", "The file of Mara");
        IRenderedComponent<GaveUpPage> page = RenderPage<GaveUpPage>();
        page.WaitForAssertion(() => Button(page, "Try again"));
        Button(page, "Try again").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#gave-up-reason"));
        Person.SetPolicies(Permissions.ViewPortal);
        Dialogs.Find("#gave-up-reason").Input("of a test");
        Button(Dialogs, "Try again").Click();

        Dialogs.WaitForAssertion(() => Assert.Contains("You may not do this any more", Dialogs.Markup, StringComparison.Ordinal));
        Assert.Empty(files.Tried);
        Assert.Empty(database.Events);
    }

    [Fact]
    public void Database_ThatGoesAwayInTheMidst_IsTheResultOfThatOne_AndTheNextIsTried()
    {
        files.Add("f1", "The file of Mara");
        files.Add("f2", "The file of Wolf");
        files.AwayFor = "f1";
        IRenderedComponent<GaveUpPage> page = RenderPage<GaveUpPage>();
        page.WaitForAssertion(() => page.FindAll("button").First(button => button.TextContent.Contains("Try all 2 again", StringComparison.Ordinal)).Click());
        Dialogs.WaitForAssertion(() => Dialogs.Find("#gave-up-word"));
        Dialogs.Find("#gave-up-reason").Input("of a test");
        Dialogs.Find("#gave-up-word").Input("RETRY");
        Button(Dialogs, "Try again").Click();

        Dialogs.WaitForAssertion(() => Assert.Contains("1 of 2 were asked for", Dialogs.Markup, StringComparison.Ordinal));
        Assert.Contains("Nothing was changed: The database is away.", Dialogs.Markup, StringComparison.Ordinal);
        Assert.Equal(["f2"], files.Tried.Select(one => one.Id));
    }

    private sealed class Source(string kind, string title, string permission, string read) : IGaveUpSource
    {
        private readonly List<GaveUpLine> lines = [];

        public string? Away { get; set; }

        public string? AwayFor { get; set; }

        public Dictionary<string, ActionResult> Answers { get; } = [];

        public List<(string Id, string Reason, string By)> Tried { get; } = [];

        public string Kind => kind;

        public string ReadPermission => read;

        public string Title => title;

        public string Means => "What it means.";

        public void Add(string id, string what, Usd? cost = null, string? whyNot = null, JobId? job = null) =>
            lines.Add(new GaveUpLine(id, what, "It failed three times.", Start, cost, $"/x/{id}", permission, whyNot) { Job = job });

        public Task<IReadOnlyList<GaveUpLine>> ReadAsync(CancellationToken cancellationToken) =>
            Away is { } reason ? throw new StoreUnavailableException(reason) : Task.FromResult<IReadOnlyList<GaveUpLine>>([.. lines]);

        public Task<ActionResult> RetryAsync(string id, string reason, Actor actor, CancellationToken cancellationToken)
        {
            if (id == AwayFor)
            {
                throw new StoreUnavailableException("The database is away.");
            }

            Tried.Add((id, reason, actor.Name));
            return Task.FromResult(Answers.GetValueOrDefault(id) ?? new ActionResult(true, "Noted."));
        }
    }
}
