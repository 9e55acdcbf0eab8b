using Bunit;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>What the breaker's page says of the fallback provider.</summary>
public sealed class FallbackPanelTests : LoraBunitContext
{
    private static readonly FallbackBoard Calm = new(
        null, null, false, Usd.FromDollars(5.04m), new ProviderShare("runpod", 30, 30, Usd.FromDollars(30)), new ProviderShare("replicate", 10, 10, Usd.FromDollars(15)));

    private readonly OneBoard queries = new();

    public FallbackPanelTests() => Services.AddSingleton<IFallbackQueries>(queries);

    [Theory]
    [InlineData(null, null, false, "ready", "If RunPod makes no pods, jobs are trained at Replicate")]
    [InlineData(null, null, true, "takes the jobs", "While RunPod makes no pods, jobs are trained at Replicate")]
    [InlineData(null, "Its breaker is open", false, "down", "A job that RunPod makes no pod for fails now; while RunPod's breaker is open too, jobs wait, queued or provisioning. Its breaker is open.")]
    [InlineData(null, "Its breaker is open", true, "both down", "Neither provider takes trainings: jobs wait, queued or provisioning, for the first that works again. Its breaker is open.")]
    [InlineData(null, "Held open by ada: no credit!", true, "both down", "Neither provider takes trainings: jobs wait, queued or provisioning, for the first that works again. Held open by ada: no credit!")]
    [InlineData("set Replicate:ApiToken", null, true, "not configured", "Jobs wait for RunPod alone. set Replicate:ApiToken.")]
    public void Panel_EachState_IsNamedAndExplained(string? whyNot, string? whyDown, bool isRunPodHeld, string word, string words)
    {
        IRenderedComponent<FallbackPanel> panel = Show(Calm with { WhyNotConfigured = whyNot, WhyDown = whyDown, IsRunPodHeld = isRunPodHeld });

        Assert.Equal(word, panel.Find(".chip").TextContent.Trim());
        Assert.StartsWith(words, panel.Find("p").TextContent, StringComparison.Ordinal);
        Assert.DoesNotContain("!.", panel.Find("p").TextContent, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Requirement", "M6")]
    [InlineData(true, "RunPod makes no pods: jobs wait in the queue for it, or until the month has room for them here. It would reserve too much.")]
    [InlineData(false, "A job that RunPod makes no pod for fails now; while RunPod's breaker is open, jobs wait in the queue. It would reserve too much.")]
    public void Panel_WithoutRoomInTheBudget_SaysWhatJobsDoAndLeadsToTheBudget(bool isRunPodHeld, string words)
    {
        IRenderedComponent<FallbackPanel> panel = Show(
            Calm with { WhyDown = "It would reserve too much", IsOfMoney = true, IsRunPodHeld = isRunPodHeld, Reserves = Usd.FromDollars(13.02m) });

        Assert.Equal("no room in the budget", panel.Find(".chip").TextContent.Trim());
        Assert.StartsWith(words, panel.Find("p").TextContent, StringComparison.Ordinal);
        Assert.EndsWith(" To the budget", panel.Find("p").TextContent, StringComparison.Ordinal);
        Assert.Equal("/budget", panel.Find("p a").GetAttribute("href"));
        Assert.Contains("$13.02", panel.Markup, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public void Panel_WithTrainings_SaysWhichShareWasDivertedAndWhatItCostsMore()
    {
        IRenderedComponent<FallbackPanel> panel = Show(Calm);

        Assert.Equal("25.0 %", panel.Find(".figure").TextContent);
        Assert.Contains("10 of 40 completed trainings<", panel.Markup, StringComparison.Ordinal);
        Assert.Contains("$0.50 more than at RunPod", panel.Markup, StringComparison.Ordinal);
    }

    /// <summary>After trouble the last ones, which are not settled yet, are just those that were diverted.</summary>
    [Theory]
    [InlineData(4, "$3.75", "$2.75 more than at RunPod")]
    [InlineData(0, "–", null)]
    [Trait("Requirement", "C1")]
    public void Panel_WithUnsettledTrainings_CountsThemInTheShareAndInNoAverage(int settled, string average, string? difference)
    {
        IRenderedComponent<FallbackPanel> panel = Show(Calm with { Hosted = Calm.Hosted with { Settled = settled, Cost = settled == 0 ? Usd.Zero : Calm.Hosted.Cost } });

        Assert.Equal("25.0 %", panel.Find(".figure").TextContent);
        Assert.Contains($"10 of 40 completed trainings; {10 - settled} of them not settled yet, and in no average<", panel.Markup, StringComparison.Ordinal);
        AngleSharp.Dom.IElement cost = panel.FindAll("dd")[1];
        Assert.Equal(average, cost.QuerySelector("span")!.TextContent);
        Assert.Equal(settled == 0 ? "None is settled yet" : null, cost.QuerySelector(".none")?.GetAttribute("title"));
        Assert.Equal(difference, cost.QuerySelector(".muted")?.TextContent);
    }

    [Fact]
    public void Panel_WithoutTrainings_InventsNoFigures()
    {
        ProviderShare none = new("", 0, 0, Usd.Zero);
        IRenderedComponent<FallbackPanel> panel = Show(Calm with { RunPod = none, Hosted = none });

        Assert.Equal("–", panel.Find(".figure").TextContent);
        Assert.DoesNotContain("than at RunPod", panel.Markup, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Replicate is not configured: set Replicate:ApiToken", "There is no fallback: jobs wait for RunPod alone. Replicate is not configured: set Replicate:ApiToken.")]
    [InlineData(null, "")]
    public void Overview_WithoutAFallback_SaysWhyAndLeadsToTheBreaker(string? whyNot, string words)
    {
        Services.AddSingleton(new HostedRules(whyNot, Usd.FromDollars(5.04m)));
        IRenderedComponent<FallbackLine> line = Render<FallbackLine>();

        Assert.Equal(words, string.Concat(line.Nodes.Select(static node => node.TextContent)).Trim());
        Assert.Equal(whyNot is null ? [] : new[] { "/breaker" }, line.FindAll("a").Select(static link => link.GetAttribute("href")));
    }

    /// <summary>The page's other figures come from Redis, and go on.</summary>
    [Fact]
    public void Panel_WhileTheDatabaseIsAway_SaysThatItIsNotKnown_AndAsksAgain()
    {
        queries.IsAway = true;
        IRenderedComponent<FallbackPanel> panel = RenderPage<FallbackPanel>();

        panel.WaitForAssertion(() => Assert.Contains("Could not read the fallback.", panel.Find("[role=alert]").TextContent, StringComparison.Ordinal));
        Assert.Contains("The database is away.", panel.Markup, StringComparison.Ordinal);
        Assert.Empty(panel.FindAll(".chip"));

        queries.IsAway = false;
        Clock.Advance(TimeSpan.FromSeconds(1));
        Button(panel, "Try again").Click();
        panel.WaitForAssertion(() => Assert.Equal("ready", panel.Find(".chip").TextContent.Trim()));
        Assert.Empty(panel.FindAll("[role=alert]"));
    }

    [Fact]
    public void Panel_WhenTheDatabaseGoesAwayLater_SaysOfWhenItsFiguresAre()
    {
        IRenderedComponent<FallbackPanel> panel = Show(Calm);
        Clock.Advance(TimeSpan.FromSeconds(5));
        queries.IsAway = true;
        TellChange();

        panel.WaitForAssertion(() => Assert.Contains("What you see is as of", panel.Find("[role=alert]").TextContent, StringComparison.Ordinal));
        Assert.Equal("ready", panel.Find(".chip").TextContent.Trim());
    }

    private IRenderedComponent<FallbackPanel> Show(FallbackBoard board)
    {
        queries.Board = board;
        IRenderedComponent<FallbackPanel> panel = RenderPage<FallbackPanel>();
        panel.WaitForAssertion(() => Assert.NotEmpty(panel.FindAll(".chip")));
        return panel;
    }

    private sealed class OneBoard : IFallbackQueries
    {
        public FallbackBoard Board { get; set; } = Calm;

        public bool IsAway { get; set; }

        public Task<FallbackBoard> ReadAsync(CancellationToken cancellationToken) =>
            IsAway ? Task.FromException<FallbackBoard>(new StoreUnavailableException("The database is away.")) : Task.FromResult(Board);
    }
}
