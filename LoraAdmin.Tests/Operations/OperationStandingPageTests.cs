using Bunit;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Operations;
using Microsoft.AspNetCore.Components;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>No page tells a run or an instant as better than it was.</summary>
public sealed class OperationStandingPageTests : OperationPageContext
{
    [Fact]
    public async Task Run_ThatHeldEverythingBack_IsNotToldAsSuccess_AndLeadsToThePlan()
    {
        Work.WithinCaps = 0;
        OperationRun run = await RunOnceAsync();
        Assert.Equal(RunState.Succeeded, run.State);
        OperationPlan waiting = Assert.Single(House.Database.Operations.Plans.Rows, plan => plan.State == PlanState.AwaitsApproval);
        string address = $"/operations/plans/{waiting.Id}";

        IRenderedComponent<OperationRunPage> page = RenderPage<OperationRunPage>(parameters => parameters.Add(one => one.Id, run.Id));
        page.WaitForAssertion(() => Assert.Equal("held back", page.Find(".page-head .chip.tone-warn").TextContent.Trim()));
        Assert.Contains("2 wait for a person's approval. A test lets few through. See the plan and approve it", Words(page), StringComparison.Ordinal);
        Assert.Equal(address, page.Find(".notice a").GetAttribute("href"));
        IRenderedComponent<OperationPlanPage> taken = Render<OperationPlanPage>(parameters => parameters.Add(one => one.Id, run.Plan!.Value));
        taken.WaitForAssertion(() => Assert.Contains("Run 1 has taken it (held back): ", Words(taken), StringComparison.Ordinal));

        IRenderedComponent<OperationsPage> list = Render<OperationsPage>();
        list.WaitForAssertion(() => Assert.Contains("Last run: 1 held back", list.Markup, StringComparison.Ordinal));
        Assert.Empty(list.FindAll(".tone-good"));
        IRenderedComponent<OperationHistoryPage> history = Render<OperationHistoryPage>();
        history.WaitForAssertion(() => Assert.Equal("2 wait for approval", history.Find("table.runs a.warn-text").TextContent));
        Assert.Equal(address, history.Find("table.runs a.warn-text").GetAttribute("href"));
        Assert.Equal("held back", history.Find("table.runs .chip.tone-warn").TextContent.Trim());
    }

    [Fact]
    public async Task Run_WhoseRestWasApproved_LeadsToNoPlan_AndTheApprovedRunIsASuccess()
    {
        Work.WithinCaps = 1;
        OperationRun run = await RunOnceAsync();
        OperationPlan waiting = Assert.Single(House.Database.Operations.Plans.Rows, plan => plan.State == PlanState.AwaitsApproval);
        await House.Desk.ApplyAsync(Key, waiting.Id, "read", Ada, CancellationToken.None);
        await House.EndBegunAsync();

        IRenderedComponent<OperationHistoryPage> history = RenderPage<OperationHistoryPage>();
        history.WaitForAssertion(() => Assert.Equal(["succeeded", "held back"], history.FindAll("table.runs .chip").Select(chip => chip.TextContent.Trim()).Order().Reverse()));
        Assert.Empty(history.FindAll("table.runs a.warn-text"));
        IRenderedComponent<OperationRunPage> page = RunPage(run.Id);
        page.WaitForAssertion(() => Assert.Contains("none of it waits any more", page.Find(".page-head .chip").GetAttribute("title"), StringComparison.Ordinal));
        Assert.DoesNotContain("See the plan and approve it", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Operation_WhosePlanWaits_SaysWhyInASentence()
    {
        Work.WithinCaps = 1;
        await RunOnceAsync();

        IRenderedComponent<OperationPage> page = OfKey();

        page.WaitForAssertion(() => Assert.Contains("1 waits for a person. A test lets few through. See the plan and approve it", Words(page), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(1, "partly failed")]
    [InlineData(2, "failed")]
    public async Task Instant_WhoseRunFailed_LooksAndReadsFailed(int failures, string word)
    {
        Work.Before = (item, _) => item == "pod-2" || failures == 2 ? throw new InvalidOperationException("the disk is full") : Task.CompletedTask;
        await RunOnceAsync();
        Clock.Advance(TimeSpan.FromMinutes(1));

        IRenderedComponent<OperationPage> page = OfKey();

        page.WaitForAssertion(() => Assert.Contains("Of a year's instants 0 ran, 0 late, 1 failed, 0 skipped, 0 missed", page.Markup, StringComparison.Ordinal));
        Assert.Single(page.FindAll("rect.end-failed"));
        Assert.Empty(page.FindAll("rect.end-ran"));
        Assert.Equal(["F"], page.FindAll("svg text:not(.axis)").Select(text => text.TextContent));
        Assert.Contains(": 1 failed", page.Find("rect.end-failed title").TextContent, StringComparison.Ordinal);
        AngleSharp.Dom.IElement became = page.Find("td[data-label='What became of it']");
        Assert.Equal(word, became.TextContent.Trim());
        Assert.Empty(became.QuerySelectorAll(".tone-good"));
        Assert.Contains(failures == 1 ? "1 of 2 done, 1 failed" : "0 of 2 done, 2 failed", page.Find("td[data-label=Why]").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void Day_OnWhichOneFailedInTimeAndOneLate_HasTwoThatFailed()
    {
        DateOnly day = new(2026, 11, 24);
        OccurrenceDay[] ends =
        [
            new(day, OccurrenceState.Ran, 3), new(day, OccurrenceState.Ran, 1, HasFailed: true), new(day, OccurrenceState.Late, 1, HasFailed: true),
        ];
        IRenderedComponent<YearHeatMap> year = RenderPage<YearHeatMap>(parameters => parameters.Add(one => one.Days, ends).Add(one => one.Today, day));

        Assert.Equal("2026-11-24: 3 ran, 2 failed", year.Find("rect.end-failed title").TextContent);
    }

    [Fact]
    public async Task Run_ThatGoesOnFromOneThatHadNotCountedYet_InventsNoNumber()
    {
        using CancellationTokenSource stop = new();
        Work.Looking = async token =>
        {
            await stop.CancelAsync();
            token.ThrowIfCancellationRequested();
        };
        RunRequest request = new(Key, RunTrigger.Schedule, Actor.Portal(Key), Clock.GetUtcNow());
        StartedRun dead = Assert.IsType<StartOutcome.Started>(await House.Starter.StartAsync(request, CancellationToken.None)).Run;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => House.Runner.ExecuteAsync(dead, stop.Token));
        Work.Looking = null;
        Clock.Advance(TimeSpan.FromMinutes(1));
        await House.TickAsync();
        Guid after = (await House.RunAsync(dead.Run.Id)).ResumedBy!.Value;

        IRenderedComponent<OperationRunPage> page = RenderPage<OperationRunPage>(parameters => parameters.Add(one => one.Id, after));

        page.WaitForAssertion(() => Assert.Contains(
            "It goes on from run 1, which was interrupted before it had counted what there is to do.", Words(page), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Instant_WhoseRunWasCancelled_IsNotToldAsFailed()
    {
        Work.Before = async (_, _) =>
        {
            await House.Desk.CancelAsync(Assert.Single(House.Database.Operations.Runs.Rows).Id, "enough", Ada, CancellationToken.None);
        };
        OperationRun run = await RunOnceAsync();
        Assert.Equal(RunState.Cancelled, run.State);
        Clock.Advance(TimeSpan.FromMinutes(1));

        IRenderedComponent<OperationPage> page = OfKey();

        page.WaitForAssertion(() => Assert.Contains("Of a year's instants 1 ran, 0 late, 0 failed", page.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Run_ThatAppliesAPlan_IsFromItsFirstMomentToldOutOfAll()
    {
        Guid plan = Assert.IsType<OperationCommand.Planned>(await House.Desk.PreviewAsync(Key, Ada, CancellationToken.None)).Plan;
        Guid run = Assert.IsType<OperationCommand.Started>(await House.Desk.ApplyAsync(Key, plan, "read", Ada, CancellationToken.None)).Run;
        IRenderedComponent<OperationPlanPage> planPage = RenderPage<OperationPlanPage>(parameters => parameters.Add(one => one.Id, plan));
        IRenderedComponent<OperationHistoryPage> history = Render<OperationHistoryPage>();
        IRenderedComponent<OperationsPage> list = Render<OperationsPage>();
        IRenderedComponent<OperationRunPage> page = RunPage(run);

        planPage.WaitForAssertion(() => Assert.Contains("Run 1 has taken it (running): 0 of 2", Words(planPage), StringComparison.Ordinal));
        history.WaitForAssertion(() => Assert.StartsWith("0 of 2", history.Find("td[data-label=Outcome]").TextContent.Trim(), StringComparison.Ordinal));
        list.WaitForAssertion(() => Assert.Contains("0 of 2", list.Markup, StringComparison.Ordinal));
        page.WaitForAssertion(() => Assert.Contains("2 planned: 0 done", page.Markup, StringComparison.Ordinal));
        Assert.Equal("0 of 2", page.Find("section[aria-label=Progress] .figure").TextContent);
        Assert.Equal("0", page.Find("[role=progressbar]").GetAttribute("aria-valuenow"));
    }

    [Fact]
    public async Task Run_ThatStillLooks_SaysSoAndNoNumber()
    {
        Guid run = Assert.IsType<OperationCommand.Started>(await House.Desk.RunNowAsync(Key, "by hand", Ada, CancellationToken.None)).Run;

        IRenderedComponent<OperationRunPage> page = RenderPage<OperationRunPage>(parameters => parameters.Add(one => one.Id, run));

        page.WaitForAssertion(() => Assert.Equal("looks for what there is to do", page.Find("section[aria-label=Progress] .figure").TextContent));
        Assert.False(page.Find("[role=progressbar]").HasAttribute("aria-valuenow"));
        Assert.DoesNotContain("0 planned", page.Markup, StringComparison.Ordinal);
    }

    private IRenderedComponent<OperationRunPage> RunPage(Guid run) => Render<OperationRunPage>(parameters => parameters.Add(one => one.Id, run));

    private IRenderedComponent<OperationPage> OfKey() => RenderPage<OperationPage>(parameters => parameters.Add(one => one.Key, Key));

    private static string Words<T>(IRenderedComponent<T> page)
        where T : IComponent =>
        string.Join(' ', string.Concat(page.Nodes.Select(node => node.TextContent)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
