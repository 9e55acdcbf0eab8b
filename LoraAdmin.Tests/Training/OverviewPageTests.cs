using Bunit;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Live;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Training;

public sealed class OverviewPageTests : LoraBunitContext
{
    private readonly PageQueries queries;

    public OverviewPageTests()
    {
        queries = new PageQueries(Clock);
        new PageSwitches(Clock).AddTo(Services);
        Services.AddSingleton<ITrainingQueries>(queries);
    }

    [Fact]
    public void Overview_WithJobs_ShowsFiguresThatLeadToTheirRows()
    {
        queries.Jobs.AddRange([PageSamples.Job(1, TrainingState.Queued, Start), PageSamples.Job(2, TrainingState.Training, Start), PageSamples.Job(3, TrainingState.Failed, Start, failure: FailureCode.PodLost)]);
        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();

        page.WaitForAssertion(() => Assert.Equal(4, page.FindAll("a.tile").Count));
        Assert.Contains("href=\"/training?state=queued&amp;state=preparing\"", page.Markup, StringComparison.Ordinal);
        Assert.Contains("100.0 % of 1 ended", page.Markup, StringComparison.Ordinal);
        Assert.Contains("Oldest waits 4 min", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "E3")]
    public void Overview_FilesWaitInTheSpool_SaysHowManyAndHowLongAndLeadsThere()
    {
        queries.FilesWaiting = 3;
        queries.OldestFile = Start.AddHours(-2);
        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();

        page.WaitForAssertion(() => Assert.Equal(5, page.FindAll("a.tile").Count));
        AngleSharp.Dom.IElement tile = page.Find("a.tile[href='/spool']");
        Assert.Contains("Files waiting", tile.TextContent, StringComparison.Ordinal);
        Assert.Equal("3", tile.QuerySelector(".tile-figure")!.TextContent);
        Assert.Contains("Oldest lies 2 h in the spool", tile.TextContent, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Replicate is not configured: set Replicate:ApiToken", 1)]
    [InlineData(null, 0)]
    public void Overview_Fallback_IsNamedOnlyWhereThereIsNone(string? why, int lines)
    {
        Services.AddFallbackPages();
        Services.AddSingleton(new HostedRules(why, Usd.FromDollars(5)));
        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();

        page.WaitForAssertion(() => Assert.NotEmpty(page.FindAll("a.tile")));
        Assert.Equal(lines, page.FindAll("p a[href='/breaker']").Count);
        Assert.Equal(lines == 1, page.Markup.Contains($"jobs wait for RunPod alone. {why}.", StringComparison.Ordinal));
    }

    [Fact]
    public void Overview_Budget_SaysWhatTheMonthCanCostAtMost()
    {
        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();

        page.WaitForAssertion(() => Assert.Equal("Spent $61.40 and reserved $22.50 of $200.00; $116.10 free.", page.Find(".gauge").GetAttribute("aria-label")));
    }

    [Theory]
    [InlineData(0, null)]
    [InlineData(4.63, "of it $4.63 for ended jobs, until their pods are verified gone")]
    public void Overview_Reserved_SaysWhatOfItIsForJobsThatHaveEnded(double ofEnded, string? words)
    {
        queries.ReservedForEnded = Usd.FromDollars((decimal)ofEnded);
        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();
        page.WaitForAssertion(() => page.Find(".legend"));

        Assert.DoesNotContain("open jobs", page.Find(".legend").TextContent, StringComparison.Ordinal);
        Assert.Equal(words, page.FindAll(".legend .part").SingleOrDefault()?.TextContent.Trim());
        Assert.Equal(words is null ? 0 : 1, page.FindAll(".legend a[href='/pods']").Count);
    }

    [Fact]
    public void Overview_BudgetUsedUp_SaysThatJobsAreRefused()
    {
        queries.Month = queries.Month with { Reserved = Usd.FromDollars(138.6m) };
        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();

        page.WaitForAssertion(() => Assert.Contains("new jobs are refused", page.Markup, StringComparison.Ordinal));
    }

    [Theory]
    [Trait("Requirement", "M5")]
    [InlineData(88.59, false)]
    [InlineData(88.60, true)]
    public void Overview_BudgetAtTheWarningMark_WarnsInToneAndWords(double reserved, bool warns)
    {
        queries.Month = queries.Month with { Reserved = Usd.FromDollars((decimal)reserved) };
        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();

        page.WaitForAssertion(() => Assert.NotEmpty(page.FindAll(".gauge")));
        Assert.Equal(warns, page.FindAll(".gauge.warned").Count == 1);
        Assert.Equal(warns, page.Markup.Contains("reached the warning mark of", StringComparison.Ordinal));
        Assert.DoesNotContain("new jobs are refused", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Overview_NoJobs_InvitesToSubmit()
    {
        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();

        page.WaitForAssertion(() => Assert.Contains("No training job yet", page.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void Overview_WhileReading_ShowsGhostsAndNoZeros()
    {
        queries.Hold();
        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();

        Assert.NotEmpty(page.FindAll(".tile-ghost"));
        Assert.Empty(page.FindAll("a.tile"));
        queries.Release();
        page.WaitForAssertion(() => Assert.NotEmpty(page.FindAll("a.tile")));
    }

    [Fact]
    public void Overview_DatabaseAway_SaysSoAndShowsNoFigures()
    {
        queries.Away = "The database did not answer.";
        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();

        page.WaitForAssertion(() => Assert.Equal(2, page.FindAll("[role=alert]").Count));
        Assert.Contains("The database did not answer.", page.Markup, StringComparison.Ordinal);
        Assert.Empty(page.FindAll("a.tile"));
        Assert.DoesNotContain("No training job yet", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Overview_FeedDiesLater_KeepsLastFiguresAndGreysThem()
    {
        queries.Jobs.Add(PageSamples.Job(2, TrainingState.Training, Start));
        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();
        page.WaitForAssertion(() => Assert.NotEmpty(page.FindAll("a.tile")));

        queries.Away = "The database did not answer.";
        TellChange();

        page.WaitForAssertion(() => Assert.Equal(4, page.FindAll("a.tile.stale").Count));
        Assert.Contains("Getting old", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Overview_JobChanges_ShowsItWithoutReload()
    {
        queries.Jobs.Add(PageSamples.Job(2, TrainingState.Training, Start));
        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();
        page.WaitForAssertion(() => Assert.Contains("Step 612 of 1200", page.Markup, StringComparison.Ordinal));

        queries.Replace(PageSamples.Job(2, TrainingState.Completed, Start));
        TellChange();

        page.WaitForAssertion(() => Assert.Contains("tone-good", page.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void Overview_Paused_StandsStillUntilResumed()
    {
        queries.Jobs.Add(PageSamples.Job(2, TrainingState.Training, Start));
        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();
        page.WaitForAssertion(() => Assert.Contains("Step 612 of 1200", page.Markup, StringComparison.Ordinal));
        LivePause pause = Services.GetRequiredService<LivePause>();

        pause.Toggle();
        queries.Replace(PageSamples.Job(2, TrainingState.Completed, Start));
        TellChange();
        page.WaitForAssertion(() => Assert.Equal(0, Services.GetRequiredService<LiveHub>().Get(TrainingPageLive.Latest).Watchers));
        Assert.Contains("Step 612 of 1200", page.Markup, StringComparison.Ordinal);

        pause.Toggle();
        page.WaitForAssertion(() => Assert.Contains("tone-good", page.Markup, StringComparison.Ordinal));
    }
}
