using Bunit;
using LoraAdmin.Alerts;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Alerts;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Clocks;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Shell;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Training;
using LoraAdmin.Training;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Alerts;

public sealed class NeedsAttentionTests : LoraBunitContext
{
    private static readonly JobId Job = new(Guid.Parse("00000000-0000-4000-8000-000000000007"));

    private readonly PageIncidents incidents = new();

    public NeedsAttentionTests()
    {
        Services.AddAlertPages();
        Services.AddSingleton<IIncidentQueries>(incidents);
    }

    [Fact]
    public void Attention_Nothing_SaysSo()
    {
        IRenderedComponent<NeedsAttention> page = RenderPage<NeedsAttention>();

        page.WaitForAssertion(() => Assert.Contains("Nothing needs attention", page.Find("[role=status].calm").TextContent, StringComparison.Ordinal));
    }

    [Fact]
    public void Attention_DatabaseAway_IsNotNothing()
    {
        incidents.Away = "The database did not answer.";
        IRenderedComponent<NeedsAttention> page = RenderPage<NeedsAttention>();

        page.WaitForAssertion(() => Assert.Contains("Could not read what needs attention", page.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain("Nothing needs attention", page.Markup, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(PodIncidents.Leaking, "A pod does not end", "/pods?pod=pod00001")]
    [InlineData(PodIncidents.Orphaned, "A pod ran that nothing needs", "/pods?pod=pod00001")]
    [InlineData(PodIncidents.Held, "A pod is kept for its file", "/pods?pod=pod00001")]
    [InlineData(PodIncidents.Foreign, "Another portal's pod is in this account", "/pods?pod=pod00001")]
    [InlineData(BreakerIncidents.Open, "RunPod's breaker is open", "/breaker")]
    [InlineData(BreakerIncidents.Isolated, "RunPod's breaker is held open", "/breaker")]
    [InlineData(BreakerIncidents.RedisAway, "Redis is away", "/breaker")]
    [InlineData(PodIncidents.CapReached, "The sweep holds pods back", "/pods")]
    [InlineData(PodIncidents.SweepHeld, "The sweep is held, and pods cost money", "/operations/pods.sweep")]
    [InlineData(BudgetIncidents.Beyond, "Something costs money that nobody reserved", "/pods")]
    [InlineData(BudgetIncidents.LimitPassed, "The month's limit is passed", "/budget")]
    [InlineData(BudgetIncidents.CameOutAbove, "A month came out above its limit", "/budget/ledger?month=pod00001")]
    [InlineData(TrainingIncidents.CreateRefused, "RunPod refuses to create pods", "/training?state=queued&state=provisioning")]
    [InlineData(TrainingIncidents.OverTime, "A training passed its limit", "/training/00000000-0000-4000-8000-000000000007")]
    [InlineData(TrainingIncidents.Stuck, "A training does not move", "/training/00000000-0000-4000-8000-000000000007")]
    [InlineData(TrainingIncidents.Crashing, "A job can't go on", "/training/00000000-0000-4000-8000-000000000007")]
    public void Incident_EachRule_SaysWhatHowBadSinceWhenAndWhichButtonHelps(string rule, string title, string href)
    {
        bool aboutJob = rule.StartsWith("training.", StringComparison.Ordinal);
        incidents.Open.Add(One(rule, aboutJob ? Job.ToString() : "pod00001", EventSeverity.Error, job: aboutJob ? Job : null) with { Count = 14 });
        IRenderedComponent<NeedsAttention> page = Show();

        AngleSharp.Dom.IElement line = page.Find(".incident");
        Assert.Equal(title, line.QuerySelector("h3")!.TextContent);
        Assert.Contains("since 12 min ago, seen 14 times", System.Text.RegularExpressions.Regex.Replace(line.TextContent, @"\s+", " "), StringComparison.Ordinal);
        Assert.Contains("The text of the incident", line.TextContent, StringComparison.Ordinal);
        Assert.NotEmpty(line.QuerySelector(".bad")!.TextContent);
        Assert.Contains("What helps:", line.TextContent, StringComparison.Ordinal);
        Assert.Equal(href, line.QuerySelector("a")!.GetAttribute("href"));
    }

    [Theory]
    [InlineData(BreakerIncidents.Open, "Replicate's breaker is open")]
    [InlineData(BreakerIncidents.Isolated, "Replicate's breaker is held open")]
    [InlineData(HostedIncidents.Account, "Replicate can't train for us")]
    [InlineData(HostedIncidents.ValidationModel, "Replicate has no validation model")]
    public void Incident_OfTheFallback_IsNotCalledRunPods(string rule, string title)
    {
        incidents.Open.Add(One(rule, BreakerSubject.Replicate.Provider, EventSeverity.Error));
        IRenderedComponent<NeedsAttention> page = Show();

        Assert.Equal(title, page.Find(".incident h3").TextContent);
        Assert.Equal("/breaker", page.Find(".incident a").GetAttribute("href"));
    }

    [Fact]
    public void Incident_OfAClock_SaysWhatToDoAndThatNothingHasToBeRestarted()
    {
        incidents.Open.Add(One(ClockIncidents.Off, "runpod/process-1", EventSeverity.Error));

        AngleSharp.Dom.IElement line = Show().Find(".incident");

        Assert.Equal("A clock is wrong", line.QuerySelector("h3")!.TextContent);
        Assert.Contains("by NTP", line.TextContent, StringComparison.Ordinal);
        Assert.Null(line.QuerySelector("a"));
    }

    [Fact]
    public void Incident_UnknownRule_StillShowsItsText()
    {
        incidents.Open.Add(One("storage.nearly_full", "spool", EventSeverity.Warning));
        IRenderedComponent<NeedsAttention> page = Show();

        Assert.Equal("storage nearly full", page.Find("h3").TextContent);
        Assert.Contains("The text of the incident", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Attention_Many_ShowsTheWorstAndTheRestOnDemand()
    {
        incidents.Open.AddRange(Enumerable.Range(1, 8).Select(number => One(ClockIncidents.Off, $"process-{number}", EventSeverity.Warning)));
        IRenderedComponent<NeedsAttention> page = Show();
        Assert.Equal(5, page.FindAll(".incident").Count);

        page.FindAll("button").Single(button => button.TextContent.Trim() == "Show 3 more").Click();

        Assert.Equal(8, page.FindAll(".incident").Count);
    }

    [Fact]
    [Trait("Requirement", "M2")]
    public void Attention_ManyOrphansOfOneSweep_AreOneLineThatOpens()
    {
        incidents.Open.Add(One(PodIncidents.SweepHeld, PodIncidents.SweepSubject, EventSeverity.Error));
        incidents.Open.AddRange(Enumerable.Range(1, 34).Select(number => One(PodIncidents.Orphaned, $"pod{number:00000}", EventSeverity.Warning) with
        {
            Text = $"Orphaned RunPod instance detected: pod{number:00000}",
            Since = Start.AddMinutes(-number),
        }));
        incidents.Open.Add(One(ClockIncidents.Off, "process-1", EventSeverity.Warning));
        IRenderedComponent<NeedsAttention> page = Show();

        Assert.Equal(3, page.FindAll(".incident").Count);
        Assert.Contains("3, worst first", page.Find(".panel-head").TextContent, StringComparison.Ordinal);
        AngleSharp.Dom.IElement line = page.FindAll(".incident")[1];
        Assert.Equal("34 pods ran that nothing needs", line.QuerySelector("h3")!.TextContent);
        Assert.Contains("since 34 min ago", line.QuerySelector(".title")!.TextContent, StringComparison.Ordinal);
        Assert.Equal("Orphaned RunPod instance detected: pod00001, and 33 like it", line.QuerySelector("details > summary")!.TextContent);
        Assert.Equal(34, line.QuerySelectorAll("details li").Length);
        Assert.Equal("/pods?pod=pod00034", line.QuerySelector("details li:last-child a")!.GetAttribute("href"));
        Assert.Equal("/pods", line.QuerySelector("a.go")!.GetAttribute("href"));
        IRenderedComponent<AttentionCount> menu = Render<AttentionCount>();
        menu.WaitForAssertion(() => Assert.Equal("3 things need attention", menu.Find(".count").GetAttribute("title")));
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public void Attention_ManyThatNobodyReserved_AreOneLineThatOpens()
    {
        incidents.Open.AddRange(Enumerable.Range(1, 28).Select(number => One(BudgetIncidents.Beyond, $"pod{number:00000}", EventSeverity.Warning)));
        AngleSharp.Dom.IElement line = Assert.Single(Show().FindAll(".incident"));

        Assert.Equal("28 things cost money that nobody reserved", line.QuerySelector("h3")!.TextContent);
        Assert.Equal(28, line.QuerySelectorAll("details li").Length);
        Assert.Equal("/pods", line.QuerySelector("a.go")!.GetAttribute("href"));
    }

    /// <summary>The most that is listed is no number of pods: it would change from reading to reading with what else is open.</summary>
    [Fact]
    [Trait("Requirement", "M2")]
    public void Attention_MoreThanAreListed_AreCountedAll()
    {
        incidents.Open.AddRange(Enumerable.Range(1, 270).Select(number => One(PodIncidents.Leaking, $"leak{number:0000}", EventSeverity.Error)));
        incidents.Open.AddRange(Enumerable.Range(1, 429).Select(number => One(PodIncidents.Orphaned, $"pod{number:00000}", EventSeverity.Warning)));
        incidents.Open.Add(One(PodIncidents.Orphaned, "first", EventSeverity.Info) with { Since = Start.AddDays(-1) });
        incidents.Open.AddRange(Enumerable.Range(1, 2).Select(number => One(ClockIncidents.Off, $"process-{number}", EventSeverity.Info)));
        IRenderedComponent<NeedsAttention> page = Show();

        AngleSharp.Dom.IElement line = page.FindAll(".incident")[1];
        Assert.Equal("430 pods ran that nothing needs", line.QuerySelector("h3")!.TextContent);
        Assert.Contains("since 1 d ago", line.QuerySelector(".title")!.TextContent, StringComparison.Ordinal);
        Assert.EndsWith(", and 429 like it", line.QuerySelector("details > summary")!.TextContent, StringComparison.Ordinal);
        Assert.Equal("Listed are 230 of the 430.", line.QuerySelector("details > p")!.TextContent);
        Assert.Equal(230, line.QuerySelectorAll("details li").Length);
        Assert.Contains("2, worst first", page.Find(".panel-head").TextContent, StringComparison.Ordinal);
        Assert.StartsWith("2 more are open", page.Find(".beyond").TextContent, StringComparison.Ordinal);
        Assert.DoesNotContain("or more", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Attention_TwoOrphans_AreTwoLines()
    {
        incidents.Open.AddRange(Enumerable.Range(1, 2).Select(number => One(PodIncidents.Orphaned, $"pod{number:00000}", EventSeverity.Warning)));

        Assert.Equal(2, Show().FindAll(".incident").Count);
    }

    [Fact]
    public void Attention_Resolved_LeavesWithoutReload()
    {
        incidents.Open.Add(One(PodIncidents.Leaking, "pod00001", EventSeverity.Error));
        IRenderedComponent<NeedsAttention> page = Show();

        incidents.Open.Clear();
        TellChange();

        page.WaitForAssertion(() => Assert.Contains("Nothing needs attention", page.Markup, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(1, "1 thing needs attention")]
    [InlineData(3, "3 things need attention")]
    [InlineData(100, "99+ things need attention")]
    public void Menu_OpenIncidents_CountBesideTheOverview(int open, string words)
    {
        incidents.Open.AddRange(Enumerable.Range(1, open).Select(number => One(ClockIncidents.Off, $"process-{number}", EventSeverity.Warning)));
        IRenderedComponent<MainLayout> layout = RenderLayout();

        layout.WaitForAssertion(() => Assert.Equal(words, layout.Find("a.nav-link .count").GetAttribute("title")));
        Assert.Contains("Overview", layout.Find("a.nav-link:has(.count)").TextContent, StringComparison.Ordinal);
    }

    /// <summary>The listing ends with the last of the leaking pods; what comes behind them is not known one by one.</summary>
    [Fact]
    public void Menu_MoreOpenThanIsListed_CountsOnFromThere()
    {
        incidents.Open.AddRange(Enumerable.Range(1, AlertsPages.Most).Select(number => One(PodIncidents.Orphaned, $"pod{number:00000}", EventSeverity.Error)));
        incidents.Open.Add(One(ClockIncidents.Off, "process-1", EventSeverity.Warning));
        IRenderedComponent<MainLayout> layout = RenderLayout();

        layout.WaitForAssertion(() => Assert.Equal("1+ things need attention", layout.Find("a.nav-link .count").GetAttribute("title")));
    }

    /// <summary>What is spent of a soft limit does not come free.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public void Limit_Passed_SaysUntilWhenJobsAreRefusedByEitherMode()
    {
        incidents.Open.Add(One(BudgetIncidents.LimitPassed, "2026-11", EventSeverity.Error));

        Assert.Contains("until the limit is raised or the month is over, under a hard limit also until money comes free", Show().Find(".incident .bad").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void Menu_NothingOpenOrNotAllowed_HasNoCount()
    {
        Person.SetPolicies(Permissions.ReadTraining);
        incidents.Open.Add(One(PodIncidents.Orphaned, "pod00001", EventSeverity.Warning));
        IRenderedComponent<MainLayout> layout = RenderLayout();

        Assert.Empty(layout.FindAll(".count"));
        Assert.Equal(0, incidents.Reads);
    }

    [Fact]
    public void Overview_StartsWithWhatNeedsAttention()
    {
        new PageSwitches(Clock).AddTo(Services);
        Services.AddSingleton<ITrainingQueries>(new PageQueries(Clock));
        incidents.Open.Add(One(PodIncidents.Leaking, "pod00001", EventSeverity.Error));
        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();

        page.WaitForAssertion(() => page.Find(".incident"));
        page.WaitForAssertion(() => page.Find(".tiles"));
        Assert.True(page.Markup.IndexOf("Needs attention", StringComparison.Ordinal) < page.Markup.IndexOf("class=\"tiles\"", StringComparison.Ordinal));
    }

    /// <summary>At three in the morning "read the log" is no remedy.</summary>
    [Fact]
    public void Words_EveryRuleOfTheDomain_HasItsOwn()
    {
        string[] rules =
        [
            .. typeof(Incident).Assembly.GetExportedTypes()
                .Where(static type => type.Name.EndsWith("Incidents", StringComparison.Ordinal))
                .SelectMany(static type => type.GetFields())
                .Where(static field => field.IsLiteral)
                .Select(static field => (string)field.GetRawConstantValue()!)
                .Where(static text => text.Contains('.', StringComparison.Ordinal)),
        ];
        Assert.True(rules.Length > 30, $"{rules.Length} rules");
        string unknown = AlertsPageTexts.Of(One("no.rule", "subject", EventSeverity.Error)).WhatHelps;
        Assert.DoesNotContain(rules, rule => AlertsPageTexts.Of(One(rule, "subject", EventSeverity.Error)).WhatHelps == unknown);
    }

    /// <summary>Its figures go on, and its text does not go on with them.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public void Incident_SaysAsOfWhenItsFiguresAre()
    {
        incidents.Open.Add(One(BudgetIncidents.LimitPassed, "2026-11", EventSeverity.Error));

        Assert.Equal("The text of the incident (as of 30 s ago)", System.Text.RegularExpressions.Regex.Replace(Show().Find(".incident .text").TextContent, @"\s+", " ").Trim());
    }

    /// <summary>The frame brings its own providers.</summary>
    private IRenderedComponent<MainLayout> RenderLayout()
    {
        SetRendererInfo(new RendererInfo("Server", isInteractive: true));
        return Render<MainLayout>();
    }

    private IRenderedComponent<NeedsAttention> Show()
    {
        IRenderedComponent<NeedsAttention> page = RenderPage<NeedsAttention>();
        page.WaitForAssertion(() => page.Find(".incident"));
        return page;
    }

    private static Incident One(string rule, string subject, EventSeverity severity, JobId? job = null) => new(
        Guid.CreateVersion7(Start), rule, subject, severity, "The text of the incident", Start.AddMinutes(-12), Start.AddSeconds(-30), 1, job, null, null);

    private sealed class PageIncidents : IIncidentQueries
    {
        public List<Incident> Open { get; } = [];

        public string? Away { get; set; }

        public int Reads { get; private set; }

        public Task<OpenAttention> ReadOpenAsync(int max, CancellationToken cancellationToken)
        {
            Reads++;
            return Away is { } reason ? throw new StoreUnavailableException(reason) : Task.FromResult(new OpenAttention(
                [.. Open.Take(max)],
                [.. Open.GroupBy(one => one.Rule).Select(group => new OpenCount(group.Key, group.Count(), group.Min(one => one.Since)))]));
        }
    }
}
