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

    [Fact]
    public void Overview_Budget_AddsUpAsItIsRead()
    {
        queries.Month = queries.Month with { Spent = new Usd(5_100), Reserved = new Usd(31_815_100) };
        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();

        page.WaitForAssertion(() => Assert.Equal("Spent $0.01 and reserved $31.82 of $200.00; $168.17 free.", page.Find(".gauge").GetAttribute("aria-label")));
        AngleSharp.Dom.IElement free = page.FindAll(".legend .money")[2];
        Assert.Equal(("$168.17", "168.179800 US dollars"), (free.TextContent, free.GetAttribute("title")));
    }

    [Theory]
    [InlineData("runpod", 1, null, "of it $4.63 for a job that ended 14 min ago, until their pods are verified gone: …00000001", 1)]
    [InlineData("replicate", 3, 1, "of it $4.63 for 3 jobs that ended, the first 14 min ago, until create calls that Replicate never clearly answered have been looked for, about in 1 min: …00000001 …00000002 …00000003", 0)]
    [InlineData("replicate", 5, null, "of it $4.63 for 5 jobs that ended, the first 14 min ago, until what they asked for at Replicate is over: …00000001 …00000002 …00000003 and 2 more", 0)]
    [Trait("Requirement", "M6")]
    public void Overview_Reserved_SaysWhatOfItIsForJobsThatHaveEndedAndUntilWhen(string provider, int jobs, int? minutes, string words, int linksToPods)
    {
        queries.Held =
        [
            new HeldMoney(
                provider, Usd.FromDollars(4.63m), Start.AddMinutes(-14), minutes is { } more ? Start.AddMinutes(more) : null, [.. Enumerable.Range(1, jobs).Select(PageSamples.IdOf)]),
        ];
        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();
        page.WaitForAssertion(() => page.Find(".legend .part"));

        Assert.DoesNotContain("open jobs", page.Find(".legend").TextContent, StringComparison.Ordinal);
        Assert.Equal(words, string.Join(' ', page.Find(".legend .part").TextContent.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
        Assert.Equal(linksToPods, page.FindAll(".legend a[href='/pods']").Count);
        Assert.Equal($"/training/{PageSamples.IdOf(1)}", page.FindAll(".legend a[href^='/training/']")[0].GetAttribute("href"));
    }

    /// <summary>Replicate refuses for want of credit: nothing is in the queue, and nothing runs either.</summary>
    [Theory]
    [Trait("Requirement", "E1")]
    [InlineData(0, "In progress now", "Nothing waits")]
    [InlineData(1, "1 of them waits for a provider", "None is queued; 1 that is provisioning waits")]
    [InlineData(2, "2 of them wait for a provider", "None is queued; 2 that are provisioning wait")]
    public void Overview_Running_SaysHowManyOfThemWaitForAProvider(int waiting, string running, string queued)
    {
        queries.Jobs.Clear();
        queries.Jobs.Add(PageSamples.Job(9, TrainingState.Training, Start));
        for (int number = 1; number <= waiting; number++)
        {
            JobDetail asks = PageSamples.Job(number, TrainingState.Provisioning, Start);
            queries.Jobs.Add(asks with { Job = asks.Job with { WaitingSince = Start.AddMinutes(-1), WaitReason = "Replicate's credit is used up. Add credit to the account" } });
        }

        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();
        page.WaitForAssertion(() => Assert.NotEmpty(page.FindAll("a.tile")));

        Assert.Contains(queued, page.FindAll("a.tile")[0].TextContent, StringComparison.Ordinal);
        Assert.Contains(running, page.FindAll("a.tile")[1].TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void Overview_WithNothingReservedForEndedJobs_SaysNothingOfThem()
    {
        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();
        page.WaitForAssertion(() => page.Find(".legend"));

        Assert.Empty(page.FindAll(".legend .part"));
    }

    [Fact]
    public void Overview_BudgetUsedUp_SaysThatJobsAreRefused()
    {
        queries.Month = queries.Month with { Reserved = Usd.FromDollars(138.6m) };
        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();

        page.WaitForAssertion(() => Assert.Contains("new jobs are refused", page.Markup, StringComparison.Ordinal));
    }

    /// <summary>$0.80 is free of $200.</summary>
    [Theory]
    [InlineData(1.16, true, "Less is free than the $1.16 that the next job would reserve: new jobs may be refused.")]
    [InlineData(0.80, false, null)]
    [InlineData(null, false, null)]
    [Trait("Requirement", "M6")]
    public void Overview_LessIsFreeThanTheNextJobWouldReserve_SaysSo(double? reserves, bool refuses, string? words)
    {
        queries.Month = queries.Month with { Reserved = Usd.FromDollars(137.8m) };
        queries.JobReserves = reserves is { } dollars ? Usd.FromDollars((decimal)dollars) : null;
        IRenderedComponent<OverviewPage> page = RenderPage<OverviewPage>();
        page.WaitForAssertion(() => page.Find(".legend"));

        Assert.Equal(refuses, page.Find(".budget .foot").TextContent.Contains("refused", StringComparison.Ordinal));
        Assert.Contains(words ?? "Spent and reserved together have reached the warning mark", string.Join(' ', page.Find(".budget .foot").TextContent.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        Assert.Equal(refuses, page.FindAll(".legend dd.bad-text").Count == 1);
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
