using AngleSharp.Dom;
using Bunit;
using LoraAdmin.Breaker;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Shell;
using LoraAdmin.Tests.Doubles;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Breaker;

[Trait("Requirement", "C5")]
public sealed class BreakerPageTests : LoraBunitContext
{
    private static readonly BreakerRules Rules = new(3, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(5), null);

    private readonly Desk desk = new();
    private TimeSpan queueWait = TimeSpan.FromHours(1);
    private bool fallback;
    private string? taker;
    private bool isTakerUnknown;
    private string? refusal;

    public BreakerPageTests()
    {
        Services.AddSingleton<IBreakerQueries>(desk);
        Services.AddSingleton<IBreakerDesk>(desk);
        Services.AddSingleton(_ => new GuardedProviders(fallback ? [BreakerSubject.RunPod, BreakerSubject.Replicate] : [BreakerSubject.RunPod]));
        Show(Circuit.Fresh);
        desk.Boards[BreakerSubject.Replicate] = BoardOf(BreakerSubject.Replicate, Circuit.Fresh);
    }

    [Fact]
    public void Closed_SaysWhatWouldOpenIt()
    {
        Show(Circuit.Fresh with { Failures = [Failure(1)] });
        IRenderedComponent<BreakerPage> page = Page();

        Assert.Contains("1 of 3", Text(page), StringComparison.Ordinal);
        Assert.Contains("It asks RunPod for a pod at once. 2 creations more that fail within 10 min would open the breaker.", Text(page), StringComparison.Ordinal);
        Assert.Equal("words of 1", page.Find(".failures q").TextContent);
        Assert.Contains("Nothing happened yet", Text(page), StringComparison.Ordinal);
    }

    [Fact]
    public void Open_CountsDownAndShowsTheProvidersWords()
    {
        Show(Open() with { History = [new CircuitEntry(1, Start, CircuitEntryKinds.Opened, 1, "worker-1", "503", [Failure(1), Failure(2), Failure(3)])] });
        IRenderedComponent<BreakerPage> page = Page();

        Assert.Equal("30 min", page.Find(".countdown").TextContent);
        Assert.Contains("at 09:30:00 UTC, 30 min left", Text(page), StringComparison.Ordinal);
        Assert.Contains("It waits in the queue. At 09:30:00 UTC one job tries RunPod out", Text(page), StringComparison.Ordinal);
        Assert.Contains("After 1 h in the queue it fails (Training:QueueWait).", Text(page), StringComparison.Ordinal);
        Assert.Equal(["words of 1", "words of 2", "words of 3"], page.FindAll("table q").Select(words => words.TextContent));
    }

    /// <summary>What it has counted begins anew with its opening.</summary>
    [Fact]
    public void Open_SaysWhichFailuresOpenedIt()
    {
        Show(Open() with
        {
            History =
            [
                new CircuitEntry(2, Start.AddSeconds(5), CircuitEntryKinds.Late, 1, "worker-2", "503", [Failure(4)]),
                new CircuitEntry(1, Start, CircuitEntryKinds.Opened, 1, "worker-1", "503", [Failure(1), Failure(2), Failure(3)]),
            ],
        });
        IRenderedComponent<BreakerPage> page = Page();

        Assert.Contains("Opened by 3 failures", Text(page), StringComparison.Ordinal);
        Assert.Equal(["words of 1", "words of 2", "words of 3"], page.FindAll("dl.facts q").Select(words => words.TextContent));
        Assert.DoesNotContain("0 of 3", Text(page), StringComparison.Ordinal);
    }

    /// <summary>On a phone each part of a cell would be a column of its own.</summary>
    [Fact]
    public void History_OfALateFailure_SaysItsWordsAndWhatTheyChangedInOnePiece()
    {
        Show(Open() with { History = [new CircuitEntry(2, Start.AddSeconds(5), CircuitEntryKinds.Late, 1, "worker-2", "503", [Failure(4)])] });

        IElement why = Assert.Single(Page().Find("td[data-label='Why']").Children);
        Assert.Equal("words of 4", why.QuerySelector("q")!.TextContent);
        Assert.Contains("Its answer changed nothing", why.TextContent, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, false, "The next job tries RunPod out")]
    [InlineData("Replicate", false, "The next job tries RunPod out, the others go to Replicate")]
    [InlineData("Replicate", true, "One job tries RunPod out, the others go to Replicate")]
    public void Tile_HalfOpen_SaysAsThePageDoesThatOneJobTries(string? takes, bool isTried, string words)
    {
        taker = takes;
        Clock.Advance(Rules.OpenFor);
        Show(Open() with { Probe = isTried ? new Probe("lora-a-1", "worker-7", Start + Rules.OpenFor + Rules.ProbeLease) : null });
        IRenderedComponent<BreakerTile> tile = RenderPage<BreakerTile>();

        tile.WaitForAssertion(() => tile.Find("a.tile"));
        Assert.Equal(words, tile.Find(".tile-note").TextContent.Trim());
    }

    [Fact]
    public void HalfOpen_SaysWhoTries()
    {
        Clock.Advance(Rules.OpenFor);
        Show(Open() with { Probe = new Probe("lora-a-1", "worker-7", Start + Rules.OpenFor + Rules.ProbeLease) });
        IRenderedComponent<BreakerPage> page = Page();

        Assert.Contains("half open", Text(page), StringComparison.Ordinal);
        Assert.Contains("It waits in the queue for the creation that worker-7 tries now", Text(page), StringComparison.Ordinal);
        Assert.Contains("lora-a-1", Text(page), StringComparison.Ordinal);
    }

    [Fact]
    public void HalfOpen_NobodyTries_TheJobWouldBeTheOne()
    {
        Clock.Advance(Rules.OpenFor);
        Show(Open());

        Assert.Contains("It is the one that tries RunPod out", Text(Page()), StringComparison.Ordinal);
    }

    [Fact]
    public void RefusedKey_SaysThatPodsCantBeStopped()
    {
        Show(Circuit.Fresh with { Isolation = new Isolation("worker-1", "401: bad key", Start, null, "0123456789abcdef") });

        string text = Text(Page());
        Assert.Contains("pods can't be stopped meanwhile", text, StringComparison.Ordinal);
        Assert.Contains("RunPod:ApiKey is another key. After 1 h in the queue it fails", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_WithoutAQueue_SaysThatAJobFailsAtOnce()
    {
        queueWait = TimeSpan.Zero;
        Show(Open());

        Assert.Contains("It does not wait but fails at once: Training:QueueWait is 0.", Text(Page()), StringComparison.Ordinal);
    }

    [Fact]
    public void HeldOpenByAPerson_SaysThatTheWaitDoesNotCount()
    {
        Show(Circuit.Fresh with { Isolation = new Isolation("ada", "RunPod moves", Start, null, "") });
        string text = Text(Page());

        Assert.Contains("It waits in the queue until the breaker is reset. That wait does not count towards Training:QueueWait.", text, StringComparison.Ordinal);
        Assert.DoesNotContain("it fails", text, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "C6")]
    public void RedisAway_IsSaidOnThePageAndAboveEveryPage()
    {
        Show(Circuit.Fresh, away: "Redis can't be reached.");
        Assert.Contains("nobody: Redis is away, this portal decides by itself.", Text(Page()), StringComparison.Ordinal);
        IRenderedComponent<BreakerBanner> banner = Render<BreakerBanner>();

        banner.WaitForAssertion(() => Assert.Contains("Redis is away", banner.Find("aside").TextContent, StringComparison.Ordinal));
    }

    [Fact]
    public void RedisThere_HasNoBanner()
    {
        Page();
        IRenderedComponent<BreakerBanner> banner = Render<BreakerBanner>();

        Assert.Empty(banner.FindAll("aside"));
    }

    [Theory]
    [InlineData("For 30 minutes", 30)]
    [InlineData("Until it is reset", null)]
    public void HoldOpen_WithReasonAndEnd_ReachesTheDesk(string until, int? minutes)
    {
        IRenderedComponent<BreakerPage> page = Page();
        page.WaitForAssertion(() => Button(page, "Hold open"));
        Button(page, "Hold open").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#isolate-reason"));
        Assert.True(Button(Dialogs, "Hold open").HasAttribute("disabled"));
        Dialogs.Find("#isolate-reason").Input("RunPod moves");
        Dialogs.FindAll("label").Single(label => label.TextContent.Trim() == until).QuerySelector("input")!.Change(true);
        Button(Dialogs, "Hold open").Click();

        TimeSpan? length = minutes is { } time ? TimeSpan.FromMinutes(time) : null;
        Dialogs.WaitForAssertion(() => Assert.Equal((BreakerSubject.RunPod, "RunPod moves", length, new Actor(ActorKind.Person, "ada")), Assert.Single(desk.Isolated)));
    }

    [Fact]
    public void Reset_NeedsReasonAndWord()
    {
        Show(Open());
        IRenderedComponent<BreakerPage> page = Page();
        page.WaitForAssertion(() => Button(page, "Reset"));
        Button(page, "Reset").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#confirm-reason"));
        Dialogs.Find("#confirm-reason").Input("RunPod says it is mended");
        Assert.True(Button(Dialogs, "Reset").HasAttribute("disabled"));
        Dialogs.Find("#confirm-word").Input("RESET");
        Button(Dialogs, "Reset").Click();

        Dialogs.WaitForAssertion(() => Assert.Equal((BreakerSubject.RunPod, "RunPod says it is mended", new Actor(ActorKind.Person, "ada")), Assert.Single(desk.Resets)));
        Dialogs.WaitForAssertion(() => Assert.Contains("waiting jobs go on within seconds", Dialogs.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void Reset_PermissionTakenMeanwhile_IsRefusedAtTheEvent()
    {
        Show(Open());
        IRenderedComponent<BreakerPage> page = Page();
        page.WaitForAssertion(() => Button(page, "Reset"));
        Button(page, "Reset").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#confirm-reason"));
        Person.SetPolicies(Permissions.ReadBreaker);
        Dialogs.Find("#confirm-reason").Input("why");
        Dialogs.Find("#confirm-word").Input("RESET");
        Button(Dialogs, "Reset").Click();

        Dialogs.WaitForAssertion(() => Assert.Contains("You may not reset", Dialogs.Markup, StringComparison.Ordinal));
        Assert.Empty(desk.Resets);
    }

    [Fact]
    public void WithoutAFallback_ShowsRunPodsBreakerAlone() => Assert.Empty(Page().FindAll("#breaker-replicate"));

    [Fact]
    [Trait("Requirement", "C1")]
    public void Fallback_Open_HasItsOwnStateWordsAndHistory()
    {
        ShowFallback(Open() with { History = [new CircuitEntry(1, Start, CircuitEntryKinds.Opened, 1, "worker-2", "503", [Failure(4), Failure(5), Failure(6)])] });
        string text = Text(OfFallback(Page()));

        Assert.StartsWith("Replicate's breaker open", text, StringComparison.Ordinal);
        Assert.Contains("A job that asks for a training now: It waits. At 09:30:00 UTC one job tries Replicate out; if its training is made, the others go on.", text, StringComparison.Ordinal);
        Assert.Contains("It goes back into the queue as soon as pods may be asked for again, unless its own has failed. After 1 h it fails (Training:QueueWait).", text, StringComparison.Ordinal);
        Assert.Contains("words of 5", text, StringComparison.Ordinal);
        Assert.DoesNotContain("RunPod", text, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public void Fallback_WithARefusedToken_NamesItsKey()
    {
        ShowFallback(Circuit.Fresh with { Isolation = new Isolation("worker-1", "401: bad token", Start, null, "0123456789abcdef") });
        string text = Text(OfFallback(Page()));

        Assert.Contains("trainings can't be stopped meanwhile", text, StringComparison.Ordinal);
        Assert.Contains("It waits until the breaker is reset or Replicate:ApiToken is another key.", text, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public void Fallback_HeldOpenAndReset_ReachTheDeskAsItsOwn()
    {
        ShowFallback(Open());
        IRenderedComponent<BreakerPanel> panel = OfFallback(Page());
        Button(panel, "Hold open").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#isolate-reason"));
        Assert.Contains("Hold Replicate's breaker open?", Dialogs.Markup, StringComparison.Ordinal);
        Dialogs.Find("#isolate-reason").Input("no credit");
        Button(Dialogs, "Hold open").Click();
        (BreakerSubject, string, TimeSpan?, Actor) held = (BreakerSubject.Replicate, "no credit", TimeSpan.FromMinutes(30), new Actor(ActorKind.Person, "ada"));
        Dialogs.WaitForAssertion(() => Assert.Equal(held, Assert.Single(desk.Isolated)));
        Dialogs.WaitForAssertion(() => Assert.Empty(Dialogs.FindAll("#isolate-reason")));

        Button(panel, "Reset").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#confirm-reason"));
        Assert.Contains("every waiting job asks Replicate for a training", Dialogs.Markup, StringComparison.Ordinal);
        Dialogs.Find("#confirm-reason").Input("there is credit again");
        Dialogs.Find("#confirm-word").Input("RESET");
        Button(Dialogs, "Reset").Click();
        Dialogs.WaitForAssertion(
            () => Assert.Equal((BreakerSubject.Replicate, "there is credit again", new Actor(ActorKind.Person, "ada")), Assert.Single(desk.Resets)));
    }

    [Fact]
    public void Page_WithReadingAlone_HasNoButton()
    {
        Person.SetPolicies(Permissions.ReadBreaker);
        Show(Open());
        ShowFallback(Open());
        IRenderedComponent<BreakerPage> page = Page();

        Assert.DoesNotContain(page.FindAll("button"), button => button.TextContent.Trim() is "Hold open" or "Reset");
    }

    [Fact]
    public void DatabaseAway_NothingIsChangedAndSaid()
    {
        desk.Away = "The database did not answer.";
        IRenderedComponent<BreakerPage> page = Page();
        page.WaitForAssertion(() => Button(page, "Hold open"));
        Button(page, "Hold open").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#isolate-reason"));
        Dialogs.Find("#isolate-reason").Input("why");
        Button(Dialogs, "Hold open").Click();

        Dialogs.WaitForAssertion(() => Assert.Contains("Nothing was changed: The database did not answer.", Dialogs.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void Tile_LeadsToThePageWithTheCountdown()
    {
        Show(Open());
        IRenderedComponent<BreakerTile> tile = RenderPage<BreakerTile>();

        tile.WaitForAssertion(() => Assert.Equal("/breaker", tile.Find("a.tile").GetAttribute("href")));
        Assert.Equal("open", tile.Find(".tile-figure").TextContent);
        Assert.Contains("Tries again in 30 min", tile.Markup, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public void Open_WhileTheFallbackTakesTheJobs_SaysThatNobodyWaits()
    {
        taker = "Replicate";
        Show(Open());
        string text = Text(Page());

        Assert.Contains("It is trained at Replicate. At 09:30:00 UTC one job tries RunPod out; if its pod is made, the next ones get theirs too.", text, StringComparison.Ordinal);
        Assert.DoesNotContain("It waits", text, StringComparison.Ordinal);
        Assert.DoesNotContain("it fails", text, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public void HalfOpen_WhileTheFallbackTakesTheJobs_SaysWhoTries()
    {
        taker = "Replicate";
        Clock.Advance(Rules.OpenFor);
        Show(Open() with { Probe = new Probe("lora-a-1", "worker-7", Start + Rules.OpenFor + Rules.ProbeLease) });

        Assert.Contains("It is trained at Replicate; worker-7 tries RunPod out now", Text(Page()), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public void HeldOpen_WhileTheFallbackTakesTheJobs_SaysUntilWhen()
    {
        taker = "Replicate";
        Show(Circuit.Fresh with { Isolation = new Isolation("ada", "RunPod moves", Start, null, "") });
        string text = Text(Page());

        Assert.Contains("It is trained at Replicate until the breaker is reset.", text, StringComparison.Ordinal);
        Assert.DoesNotContain("That wait", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, true, "Tries again in 30 min")]
    [InlineData("Replicate", true, "Jobs go to Replicate; tries again in 30 min")]
    [InlineData(null, false, "Jobs wait")]
    [InlineData("Replicate", false, "Jobs go to Replicate")]
    public void Tile_NotClosed_SaysWhereJobsGo(string? takes, bool isOpen, string words)
    {
        taker = takes;
        Show(isOpen ? Open() : Circuit.Fresh with { Isolation = new Isolation("ada", "RunPod moves", Start, null, "") });
        IRenderedComponent<BreakerTile> tile = RenderPage<BreakerTile>();

        tile.WaitForAssertion(() => tile.Find("a.tile"));
        Assert.Equal(words, tile.Find(".tile-note").TextContent.Trim());
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public void Open_WhileNobodyKnowsOfTheFallback_SaysNeither()
    {
        isTakerUnknown = true;
        Show(Open());

        Assert.Contains("It goes to Replicate if that takes jobs, which can't be read now; else it waits in the queue.", Text(Page()), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public void Fallback_ThatRefuses_SaysThatAJobWaitsAlthoughItsBreakerIsClosed()
    {
        refusal = "Replicate's credit is used up. Add credit to the account";
        ShowFallback(Circuit.Fresh);
        string text = Text(OfFallback(Page()));

        Assert.Contains("It waits, because Replicate refuses: Replicate's credit is used up. Add credit to the account. One job asks again every few minutes.", text, StringComparison.Ordinal);
        Assert.DoesNotContain("at once", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Fallback_ThatIsNotConfigured_ShowsNoClosedBreaker() => Assert.Empty(Page().FindAll("#breaker-replicate"));

    [Fact]
    public void Fallback_ThatIsNotConfiguredAnyMore_ShowsItsBreakerUntilItIsReset()
    {
        ShowFallback(Open());
        fallback = false;
        IRenderedComponent<BreakerPanel> panel = OfFallback(Page());

        Assert.Contains("Replicate is not used now, so nothing tries it out. “Reset” closes its breaker.", Text(panel), StringComparison.Ordinal);
        Assert.NotNull(Button(panel, "Reset"));
    }

    [Fact]
    public void Table_ShowsWhatCounts()
    {
        IRenderedComponent<BreakerPage> page = Page();
        Dictionary<string, string> effects = page.FindAll("section[aria-labelledby=breaker-counts] tbody tr")
            .ToDictionary(row => row.Children[0].TextContent, row => row.Children[1].TextContent);

        Assert.Equal("counts", effects["5xx"]);
        Assert.Equal("counts", effects["connection refused"]);
        Assert.Equal("does not count", effects["429"]);
        Assert.Equal("holds it open", effects["401"]);
        Assert.Equal(CreationOutcomes.All.Count, effects.Count);
    }

    private static Circuit Open() => Circuit.Fresh with { Generation = 1, IsOpen = true, OpenedAt = Start, OpenUntil = Start + Rules.OpenFor, Trips = 1 };

    private static CircuitFailure Failure(int number) => new($"creation-{number}", Start.AddMinutes(-number), "worker-1", $"words of {number}");

    private static string Text<T>(IRenderedComponent<T> page)
        where T : IComponent =>
        System.Text.RegularExpressions.Regex.Replace(string.Concat(page.Nodes.Select(node => node.TextContent)), @"\s+", " ");

    private static IRenderedComponent<BreakerPanel> OfFallback(IRenderedComponent<BreakerPage> page)
    {
        page.WaitForAssertion(() => page.Find("#breaker-replicate"));
        return page.FindComponent<BreakerPanel>();
    }

    private IRenderedComponent<BreakerPage> Page()
    {
        IRenderedComponent<BreakerPage> page = RenderPage<BreakerPage>();
        page.WaitForAssertion(() => page.Find("#breaker-now"));
        return page;
    }

    private void Show(Circuit circuit, string? away = null) => desk.Boards[BreakerSubject.RunPod] = BoardOf(BreakerSubject.RunPod, circuit, away);

    private void ShowFallback(Circuit circuit)
    {
        fallback = true;
        desk.Boards[BreakerSubject.Replicate] = BoardOf(BreakerSubject.Replicate, circuit);
    }

    private BreakerBoard BoardOf(BreakerSubject subject, Circuit circuit, string? away = null) => new(
        subject,
        new CircuitReply(CircuitAnswers.Read, circuit, Clock.GetUtcNow()),
        away is null ? BreakerView.Begin with { Known = circuit } : new BreakerView(circuit, circuit, circuit, Start, away, Start),
        Rules,
        IsEmbedded: false,
        queueWait)
    {
        Taker = taker,
        IsTakerUnknown = isTakerUnknown,
        Refusal = subject == BreakerSubject.Replicate ? refusal : null,
    };

    private sealed class Desk : IBreakerQueries, IBreakerDesk
    {
        public Dictionary<BreakerSubject, BreakerBoard> Boards { get; } = [];

        public string? Away { get; set; }

        public List<(BreakerSubject Subject, string Reason, TimeSpan? Length, Actor By)> Isolated { get; } = [];

        public List<(BreakerSubject Subject, string Reason, Actor By)> Resets { get; } = [];

        public Task<BreakerBoard> ReadAsync(BreakerSubject subject, CancellationToken cancellationToken) => Task.FromResult(Boards[subject]);

        public Task<BreakerCommandOutcome> IsolateAsync(BreakerSubject subject, string reason, TimeSpan? length, Actor actor, CancellationToken cancellationToken)
        {
            Refuse();
            Isolated.Add((subject, reason, length, actor));
            return Task.FromResult(new BreakerCommandOutcome(Boards[subject].Reply, true));
        }

        public Task<BreakerCommandOutcome> ResetAsync(BreakerSubject subject, string reason, Actor actor, CancellationToken cancellationToken)
        {
            Refuse();
            Resets.Add((subject, reason, actor));
            return Task.FromResult(new BreakerCommandOutcome(Boards[subject].Reply, true));
        }

        private void Refuse()
        {
            if (Away is { } why)
            {
                throw new StoreUnavailableException(why);
            }
        }
    }
}
