using Bunit;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Training;

public sealed class JobPageLimitTests : LoraBunitContext
{
    private static readonly TimeSpan TwoHours = TimeSpan.FromHours(2);

    [Fact]
    public void Limit_OnPace_SaysHowLongBeforeTheLimit()
    {
        // Half of the steps after half an hour.
        JobLimit limit = JobPageLimit.Of(Running(600, TimeSpan.FromMinutes(30)), TwoHours, Start)!;

        Assert.False(limit.Passes);
        Assert.Equal(Start.AddMinutes(30), limit.Finish);
        Assert.Equal((25, 50, 100), ((int)limit.ElapsedPercent, (int)limit.FinishPercent!, (int)limit.LimitPercent));
        Assert.Equal("At this pace it ends at 09:30 UTC, 1 h before its limit at 10:30 UTC.", limit.Words);
    }

    [Fact]
    public void Limit_TooSlow_PassesAndSaysWhenItWouldBeCancelled()
    {
        // An eighth of the steps after half an hour: four hours in all.
        JobLimit limit = JobPageLimit.Of(Running(150, TimeSpan.FromMinutes(30)), TwoHours, Start)!;

        Assert.True(limit.Passes);
        Assert.Equal((12, 100, 50), ((int)limit.ElapsedPercent, (int)limit.FinishPercent!, (int)limit.LimitPercent));
        Assert.Equal(
            "At this pace it ends at 12:30 UTC, 2 h after its limit: it would be cancelled at 10:30 UTC and its money lost.", limit.Words);
    }

    [Fact]
    public void Limit_NoStepYet_SaysOnlyTheLimit()
    {
        JobLimit limit = JobPageLimit.Of(Running(0, TimeSpan.FromMinutes(1)), TwoHours, Start)!;

        Assert.Null(limit.Finish);
        Assert.Equal("No pace yet. It is cancelled at 10:59 UTC if it has not ended.", limit.Words);
    }

    [Fact]
    public void Limit_Past_SaysThatItIsBeingCancelled() => Assert.Equal(
        "Past its limit since 08:30 UTC: it is being cancelled, its file first.",
        JobPageLimit.Of(Running(1000, TimeSpan.FromMinutes(150)), TwoHours, Start)!.Words);

    [Fact]
    public void Limit_OtherStates_HaveNone() =>
        Assert.Null(JobPageLimit.Of(Running(600, TimeSpan.FromMinutes(30)) with { State = TrainingState.Uploading }, TwoHours, Start));

    [Fact]
    public void JobPage_TooSlow_ShowsTheBarInRedWithWords()
    {
        IRenderedComponent<JobDetailsPage> page = Show(Running(150, TimeSpan.FromMinutes(30)));

        Assert.Single(page.FindAll(".limit.passes .mark"));
        Assert.Contains("after its limit", page.Find(".limit .bad-text").TextContent, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "stood at step 150", "The trainer may hang")]
    [InlineData("The pod's agent does not answer", "The pod's agent does not answer.", "The pod or the way to it may be gone")]
    public void JobPage_Stuck_SaysSinceWhenAndWhatToDo(string? waitReason, string how, string remedy)
    {
        IRenderedComponent<JobDetailsPage> page = Show(Running(150, TimeSpan.FromMinutes(30)) with { StuckSince = Start.AddMinutes(-12), WaitReason = waitReason });

        string notice = page.Find("[role=alert]").TextContent;
        Assert.Contains("does not move since 12 min ago", notice, StringComparison.Ordinal);
        Assert.Contains(how, notice, StringComparison.Ordinal);
        Assert.Contains(remedy, notice, StringComparison.Ordinal);
    }

    [Fact]
    public void JobPage_LivePod_LeadsToThePodsPage() =>
        Assert.Equal("/pods?pod=pod00004", Show(Running(150, TimeSpan.FromMinutes(30))).Find("a.to-pods").GetAttribute("href"));

    private static TrainingJob Running(int step, TimeSpan since) => PageSamples.Job(4, TrainingState.Training, Start).Job with
    {
        StartedAt = Start - since,
        Figures = new TrainingFigures(step, 1200, 0.09, Start, Start.AddMinutes(-1)),
    };

    private IRenderedComponent<JobDetailsPage> Show(TrainingJob job)
    {
        PageQueries queries = new(Clock);
        Services.AddSingleton<ITrainingQueries>(queries);
        Services.AddSingleton<ITrainingDesk>(new PageDesk());
        Services.AddSingleton<Domain.Storage.ILinkSigner>(new PageLinks(Clock));
        Services.AddSingleton(PageSamples.Rules);
        queries.Jobs.Add(PageSamples.Job(4, TrainingState.Training, Start) with { Job = job });
        IRenderedComponent<JobDetailsPage> page = RenderPage<JobDetailsPage>(parameters => parameters.Add(shown => shown.Id, job.Id.Value));
        page.WaitForAssertion(() => page.Find(".page-head .chip"));
        return page;
    }
}
