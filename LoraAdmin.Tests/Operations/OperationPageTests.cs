using Bunit;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Operations;
using LoraAdmin.Shell;
using Xunit;

namespace LoraAdmin.Tests.Operations;

public sealed class OperationPageTests : OperationPageContext
{
    [Fact]
    public async Task List_ShowsPlainScheduleSparklineAndNextFires()
    {
        await RunOnceAsync();
        IRenderedComponent<OperationsPage> page = RenderPage<OperationsPage>();

        page.WaitForAssertion(() => Assert.Contains("Every hour, UTC", page.Markup, StringComparison.Ordinal));
        Assert.Contains("Last run: 1 succeeded", page.Markup, StringComparison.Ordinal);
        Assert.Equal(3, page.FindAll(".fires li").Count);
        Assert.Contains("succeeded", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void List_WhenTheDatabaseIsAway_SaysSo()
    {
        Queries.IsAway = true;
        IRenderedComponent<OperationsPage> page = RenderPage<OperationsPage>();

        page.WaitForAssertion(() => Assert.Contains("The database is away.", page.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain("No schedule yet", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hold_AsksForAReasonAndShowsInTheBanner()
    {
        IRenderedComponent<OperationsPage> page = RenderPage<OperationsPage>();
        page.WaitForAssertion(() => Button(page, "Hold destructive automation"));
        Button(page, "Hold destructive automation").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#until-reason"));
        Assert.True(Button(Dialogs, "Hold").HasAttribute("disabled"));
        Dialogs.Find("#until-reason").Input("it ends the wrong ones");
        await Button(Dialogs, "Hold").ClickAsync();

        page.WaitForAssertion(() => Assert.Contains(House.Database.Events, fact => fact.Kind == OperationEvents.AutomationHeld && fact.Actor.Name == "ada"));
        TellChange();
        IRenderedComponent<HoldBanner> banner = Render<HoldBanner>();
        banner.WaitForAssertion(() => Assert.Contains("it ends the wrong ones", banner.Markup, StringComparison.Ordinal));
        Button(banner, "Release").Click();
        Dialogs.WaitForAssertion(() => Button(Dialogs, "Keep it held"));
        await Button(Dialogs, "Release").ClickAsync();
        banner.WaitForAssertion(() => Assert.Contains(House.Database.Events, fact => fact.Kind == OperationEvents.AutomationReleased));
    }

    [Fact]
    public async Task Operation_ShowsItsYearAndItsLastInstants()
    {
        await RunOnceAsync();
        Clock.Advance(TimeSpan.FromHours(3.5));
        await House.TickAsync();
        IRenderedComponent<OperationPage> page = OfKey();

        page.WaitForAssertion(() => Assert.Contains("Of a year's instants 1 ran, 1 late, 0 failed, 0 skipped, 2 missed", page.Markup, StringComparison.Ordinal));
        string[] axes = [.. page.FindAll("svg text.axis").Select(text => text.TextContent)];
        Assert.Equal(["Mon", "Wed", "Fri"], axes.TakeLast(3));
        Assert.Superset(new HashSet<string> { "Feb", "May", "Aug" }, axes.ToHashSet());
        Assert.Contains("made up by a run", page.Markup, StringComparison.Ordinal);
        Assert.Contains("are made up for by one run", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Operation_ThatIsNotThere_SaysSo()
    {
        IRenderedComponent<OperationPage> page = RenderPage<OperationPage>(parameters => parameters.Add(one => one.Key, "tests.nothing"));

        page.WaitForAssertion(() => Assert.Contains("There is no such operation", page.Markup, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(Permissions.PreviewOperations, "Preview")]
    [InlineData(Permissions.SweepPods, "Run now")]
    [InlineData(Permissions.ScheduleOperations, "Edit schedule")]
    [InlineData(Permissions.PauseOperations, "Pause")]
    public void Button_ShowsOnlyWithItsOwnPermission(string permission, string button)
    {
        Person.SetPolicies([.. Permissions.All.Except([permission])]);
        IRenderedComponent<OperationPage> page = OfKey();

        page.WaitForAssertion(() => Assert.Contains("Sweep of a test", page.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain(page.FindAll("button"), one => one.TextContent.Trim() == button);
    }

    [Fact]
    public async Task Pause_AndResume_AreNotedWithWhoAndWhy()
    {
        IRenderedComponent<OperationPage> page = OfKey();
        page.WaitForAssertion(() => Button(page, "Pause"));
        Button(page, "Pause").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#until-reason"));
        Dialogs.Find("#until-reason").Input("mending");
        await Button(Dialogs, "Pause").ClickAsync();
        TellChange();

        page.WaitForAssertion(() => Button(page, "Resume"));
        Assert.Contains("by ada: mending", page.Markup, StringComparison.Ordinal);
        Button(page, "Resume").Click();
        Dialogs.WaitForAssertion(() => Assert.Contains("What was paused with it goes on at once.", Dialogs.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain(House.Database.Events, fact => fact.Kind == OperationEvents.Resumed);
        await Button(Dialogs, "Resume").ClickAsync();
        page.WaitForAssertion(() => Assert.Contains(House.Database.Events, fact => fact.Kind == OperationEvents.Resumed));
    }

    [Fact]
    public async Task Resume_OfWhatSomebodyHasPausedAnewMeanwhile_IsRefusedWithTheirReason()
    {
        await House.Desk.PauseAsync(Key, "mending", null, Ada, CancellationToken.None);
        IRenderedComponent<OperationPage> page = OfKey();
        page.WaitForAssertion(() => Button(page, "Resume"));
        Button(page, "Resume").Click();
        Dialogs.WaitForAssertion(() => Assert.Contains("goes on at once", Dialogs.Markup, StringComparison.Ordinal));
        Clock.Advance(TimeSpan.FromSeconds(1));
        await House.Desk.PauseAsync(Key, "the ledger is wrong", null, new Actor(ActorKind.Person, "ben"), CancellationToken.None);

        await Button(Dialogs, "Resume").ClickAsync();

        Dialogs.WaitForAssertion(() => Assert.Contains("anew meanwhile: the ledger is wrong", Dialogs.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain(House.Database.Events, fact => fact.Kind == OperationEvents.Resumed);
    }

    [Fact]
    public async Task Resume_WhileDestructiveAutomationIsHeld_SaysThatItDoesNotRunYet()
    {
        await House.Desk.PauseAsync(Key, "mending", null, Ada, CancellationToken.None);
        await House.Desk.HoldAutomationAsync("all wrong", Clock.GetUtcNow().AddHours(5), Ada, CancellationToken.None);
        IRenderedComponent<OperationPage> page = OfKey();
        page.WaitForAssertion(() => Button(page, "Resume"));

        Button(page, "Resume").Click();

        Dialogs.WaitForAssertion(() => Assert.Contains("ada holds destructive automation: all wrong. So it does not run by itself yet", Dialogs.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain("runs by itself again", Dialogs.Markup, StringComparison.Ordinal);
        Assert.DoesNotContain("goes on at once", Dialogs.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Pause_SaysBeforehandWhatElseStopsAndWhatThatCosts()
    {
        IRenderedComponent<OperationPage> page = OfKey();
        page.WaitForAssertion(() => Button(page, "Pause"));
        Button(page, "Pause").Click();

        Dialogs.WaitForAssertion(() => Assert.Contains(
            "The loop that sweeps every minute stops too: pods that nothing needs run on and cost money", Dialogs.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Next_OfAnEditedSchedule_IsTheFirstInstantThatWillBe()
    {
        DateTimeOffset hour = new(Clock.GetUtcNow().UtcDateTime.Date.AddDays(1), TimeSpan.Zero);
        Clock.Advance(hour.AddSeconds(-10) - Clock.GetUtcNow());
        await House.TickAsync();
        IRenderedComponent<OperationPage> page = OfKey();
        page.WaitForAssertion(() => Button(page, "Edit schedule"));
        Button(page, "Edit schedule").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#schedule-cron"));
        Dialogs.Find("#schedule-cron").Input("0 0/5 * * * ?");
        DateTimeOffset first = hour.AddMinutes(5);
        Dialogs.WaitForAssertion(() => Assert.Equal(Relative.Utc(first), Dialogs.Find("ul[aria-label='Next instants'] li").TextContent));
        await Button(Dialogs, "Save").ClickAsync();
        page.WaitForAssertion(() => Assert.Contains(House.Database.Events, fact => fact.Kind == OperationEvents.ScheduleEdited));
        TellChange();

        page.WaitForAssertion(() => Assert.StartsWith(Relative.Utc(first), page.Find(".fire").TextContent, StringComparison.Ordinal));
        Clock.Advance(TimeSpan.FromSeconds(10));
        Assert.IsNotType<StartOutcome.Started>(await House.FireAsync(Key, hour));
        Clock.Advance(TimeSpan.FromMinutes(5));
        Assert.IsType<StartOutcome.Started>(await House.FireAsync(Key, first));
    }

    [Fact]
    public async Task Schedule_ThatNamesOnlyAnInstantBeforeItsEditHolds_IsRefused()
    {
        string cron = $"{Clock.GetUtcNow().AddSeconds(10):s m H d M} ? {Clock.GetUtcNow():yyyy}";

        OperationCommand.Refused refused = Assert.IsType<OperationCommand.Refused>(
            await House.Desk.EditScheduleAsync(Key, new ScheduleWish(cron, "UTC", CatchUp.Once), Ada, CancellationToken.None));

        Assert.Contains("names no instant that is still to come", refused.Problem.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Schedule_ThatWouldBeAPauseWithoutAReason_IsWarnedOf()
    {
        IRenderedComponent<OperationPage> page = OfKey();
        page.WaitForAssertion(() => Button(page, "Edit schedule"));
        Button(page, "Edit schedule").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#schedule-cron"));
        Dialogs.Find("#schedule-cron").Input("0 0 0 1 1 ? 2099");

        Dialogs.WaitForAssertion(() => Assert.StartsWith(
            "It does not run by itself before 2099-01-01. To stop it, pause it with a reason", Dialogs.Find(".warn-text").TextContent, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Schedule_ThatCanNotBeRead_SaysSo_AndGoesBackToTheDefault()
    {
        OperationSchedule kept = (await House.Database.Operations.FindAsync(Key, CancellationToken.None))!;
        await House.Database.RunAsync(
            (unit, token) => unit.Store<IOperationScheduleStore>().SaveTimesAsync(kept with { Cron = "at noon" }, token), CancellationToken.None);
        IRenderedComponent<OperationPage> page = OfKey();
        IRenderedComponent<OperationsPage> list = Render<OperationsPage>();
        list.WaitForAssertion(() => Assert.Contains("Does not run by itself: \"at noon\" can't be read", list.Find(".bad-text").TextContent, StringComparison.Ordinal));
        page.WaitForAssertion(() => Button(page, "Edit schedule"));
        Button(page, "Edit schedule").Click();
        Dialogs.WaitForAssertion(() => Button(Dialogs, "Back to the default"));
        await Button(Dialogs, "Back to the default").ClickAsync();

        page.WaitForAssertion(() => Assert.Contains(House.Database.Events, fact => fact.Kind == OperationEvents.ScheduleEdited));
        Assert.Equal(Work.Info.DefaultCron, (await House.Database.Operations.FindAsync(Key, CancellationToken.None))!.Cron);
    }

    [Fact]
    public async Task Schedule_ThatCanNotWork_IsExplainedInTheDialog()
    {
        IRenderedComponent<OperationPage> page = OfKey();
        page.WaitForAssertion(() => Button(page, "Edit schedule"));
        Button(page, "Edit schedule").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#schedule-cron"));
        Assert.Contains("Every hour, UTC", Dialogs.Markup, StringComparison.Ordinal);
        Dialogs.Find("#schedule-cron").Input("0 0 0 30 2 ?");
        Dialogs.WaitForAssertion(() => Assert.Contains("30 February never comes", Dialogs.Find("[role=status]").TextContent, StringComparison.Ordinal));
        Dialogs.Find("#schedule-cron").Input("99 99 * * * ?");
        Dialogs.WaitForAssertion(() => Assert.Contains("second 99 is out of its range, 0 to 59", Dialogs.Find("[role=status]").TextContent, StringComparison.Ordinal));
        Dialogs.Find("#schedule-cron").Input("* * * * * ?");
        Dialogs.WaitForAssertion(() => Assert.Contains("“Sweep of a test” ends or deletes something", Dialogs.Find("[role=status]").TextContent, StringComparison.Ordinal));
        Dialogs.Find("#schedule-cron").Input("20 * * * *");
        Dialogs.WaitForAssertion(() => Assert.Contains("it has 5 fields, and needs 6 or 7", Dialogs.Find("[role=status]").TextContent, StringComparison.Ordinal));
        Assert.DoesNotContain("CronExpression", Dialogs.Markup, StringComparison.Ordinal);
        Assert.Empty(Dialogs.FindAll("[role=alert]"));
        Assert.True(Button(Dialogs, "Save").HasAttribute("disabled"));
        Dialogs.Find("#schedule-cron").Input("0 30 3 * * ?");
        Dialogs.Find("#schedule-zone").Input("Europe/Atlantis");
        Dialogs.WaitForAssertion(
            () => Assert.Contains("There is no time zone \"Europe/Atlantis\"", Dialogs.Find("[role=status]").TextContent, StringComparison.Ordinal));
        Assert.True(Button(Dialogs, "Save").HasAttribute("disabled"));
        Dialogs.Find("#schedule-zone").Input("UTC");
        Dialogs.WaitForAssertion(() => Assert.Contains("Daily at 03:30, UTC", Dialogs.Markup, StringComparison.Ordinal));
        Assert.False(Button(Dialogs, "Save").HasAttribute("disabled"));
        await Button(Dialogs, "Save").ClickAsync();
        page.WaitForAssertion(() => Assert.Contains(House.Database.Events, fact => fact.Kind == OperationEvents.ScheduleEdited));
    }

    /// <summary>What is previewed would be looked for a second time, by a run that nobody has read.</summary>
    [Fact]
    public async Task RunNow_WhileAPreviewIsMade_CanNotBePressed()
    {
        TaskCompletionSource looking = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Work.Looking = token => looking.Task.WaitAsync(token);
        IRenderedComponent<OperationPage> page = OfKey();
        page.WaitForAssertion(() => Assert.False(Button(page, "Run now").HasAttribute("disabled")));

        Task pressed = Button(page, "Preview").ClickAsync();

        page.WaitForAssertion(() => Assert.True(Button(page, "Preview").HasAttribute("disabled")));
        Assert.True(Button(page, "Run now").HasAttribute("disabled"));
        looking.SetResult();
        await pressed;
    }

    [Fact]
    public async Task Preview_LeadsToThePlan_AndApplyDoesExactlyThat()
    {
        IRenderedComponent<OperationPage> page = OfKey();
        page.WaitForAssertion(() => Button(page, "Preview"));
        await Button(page, "Preview").ClickAsync();
        page.WaitForAssertion(() => Assert.Contains("/operations/plans/", Address.Uri, StringComparison.Ordinal));
        Guid plan = Guid.Parse(Address.Uri.Split('/')[^1]);
        IRenderedComponent<OperationPlanPage> planPage = Render<OperationPlanPage>(parameters => parameters.Add(one => one.Id, plan));
        planPage.WaitForAssertion(() => Assert.Contains("pod-2", planPage.Markup, StringComparison.Ordinal));
        todo.Add("pod-3");

        Button(planPage, "Apply exactly this").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#confirm-reason"));
        Dialogs.Find("#confirm-reason").Input("checked");
        await Button(Dialogs, "Apply").ClickAsync();
        Dialogs.WaitForAssertion(() => Assert.Contains("A run has begun to apply it.", Dialogs.Markup, StringComparison.Ordinal));
        await House.EndBegunAsync();

        Assert.Equal(["pod-1", "pod-2"], Work.Done);
        TellChange();
        planPage.WaitForAssertion(() => Assert.Contains("Run 1 has taken it (succeeded): 2 of 2 done.", Words(planPage), StringComparison.Ordinal));
        Assert.DoesNotContain("Nothing has been changed", Words(planPage), StringComparison.Ordinal);
        Assert.Equal(["done", "done"], planPage.FindAll("td[data-label=Outcome]").Select(cell => cell.TextContent.Trim()));
    }

    [Fact]
    public async Task Approval_AsksAsWhatItIs_AndTheReasonIsKeptWithTheRun()
    {
        Work.WithinCaps = 1;
        OperationRun run = await RunOnceAsync();
        IRenderedComponent<OperationRunPage> runPage = RenderPage<OperationRunPage>(parameters => parameters.Add(one => one.Id, run.Id));
        runPage.WaitForAssertion(() => Assert.Equal(
            ["done", "held back for a person's approval"], runPage.FindAll("td[data-label=Outcome]").Select(cell => Words(cell.TextContent))));
        Assert.Contains("2 planned: 1 done, 0 left alone, 0 failed, 1 held back for a person's approval", runPage.Markup, StringComparison.Ordinal);
        OperationPlan waiting = Assert.Single(House.Database.Operations.Plans.Rows, plan => plan.State == PlanState.AwaitsApproval);
        IRenderedComponent<OperationPlanPage> page = Render<OperationPlanPage>(parameters => parameters.Add(one => one.Id, waiting.Id));
        page.WaitForAssertion(() => Button(page, "Approve exactly this"));

        Button(page, "Approve exactly this").Click();

        Dialogs.WaitForAssertion(() => Assert.Contains("Approve this plan?", Dialogs.Markup, StringComparison.Ordinal));
        Assert.Contains("Reason (kept with the run)", Dialogs.Markup, StringComparison.Ordinal);
        Button(Dialogs, "Approve");
    }

    [Theory]
    [InlineData("testing the sweep")]
    [InlineData("testing the sweep.")]
    public async Task Now_OfWhatIsPausedAndWaits_IsToldInSentencesThatStandApart(string reason)
    {
        Work.WithinCaps = 1;
        await RunOnceAsync();
        await House.Desk.PauseAsync(Key, reason, Clock.GetUtcNow().AddHours(2), Ada, CancellationToken.None);

        IRenderedComponent<OperationPage> page = OfKey();

        page.WaitForAssertion(() => Assert.Contains("by ada: testing the sweep. The pause ends in 2 h 1 waits for approval", Words(page), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Plan_ThatIsStale_SaysSoAndHasNoButton()
    {
        Guid plan = Assert.IsType<OperationCommand.Planned>(await House.Desk.PreviewAsync(Key, Ada, CancellationToken.None)).Plan;
        Clock.Advance(TimeSpan.FromHours(5));
        IRenderedComponent<OperationPlanPage> page = RenderPage<OperationPlanPage>(parameters => parameters.Add(one => one.Id, plan));

        page.WaitForAssertion(() => Assert.Contains("within 60 minutes of its look. Preview again", page.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain(page.FindAll("button"), one => one.TextContent.Contains("Apply", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Plan_OfTheInstallationThatThisIsACopyOf_SaysSoAndHasNoButton()
    {
        Guid plan = Assert.IsType<OperationCommand.Planned>(await House.Desk.PreviewAsync(Key, Ada, CancellationToken.None)).Plan;
        House.Installation = House.Installation with { Id = "copy0002" };
        IRenderedComponent<OperationPlanPage> page = RenderPage<OperationPlanPage>(parameters => parameters.Add(one => one.Id, plan));

        page.WaitForAssertion(() => Assert.Contains("made by installation inst0001", page.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain(page.FindAll("button"), one => one.TextContent.Contains("Apply", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Run_ShowsWhoStartedItItsItemsFiguresAndLog()
    {
        Work.Before = (word, _) => word == "pod-2" ? throw new InvalidOperationException("the disk is full") : Task.CompletedTask;
        OperationRun run = await RunOnceAsync();
        IRenderedComponent<OperationRunPage> page = RenderPage<OperationRunPage>(parameters => parameters.Add(one => one.Id, run.Id));

        page.WaitForAssertion(() => Assert.Contains("pod-2 failed: the disk is full", page.Markup, StringComparison.Ordinal));
        Assert.Contains("1 of 2 done, 1 failed.", page.Markup, StringComparison.Ordinal);
        Assert.Contains("by its schedule", page.Markup, StringComparison.Ordinal);
        Assert.Contains("Words done", page.Markup, StringComparison.Ordinal);
        Assert.Equal(("0", "1"), (page.Find("td[data-label=Before]").TextContent, page.Find("td[data-label=After]").TextContent));
    }

    [Fact]
    public async Task Run_ThatWasInterrupted_LeadsToTheOneThatRecoveredIt()
    {
        Work.Before = (word, _) => word == "pod-2" ? throw new StoreUnavailableException("dies here") : Task.CompletedTask;
        RunRequest request = new(Key, RunTrigger.Schedule, Actor.Portal(Key), Clock.GetUtcNow());
        StartedRun dead = Assert.IsType<StartOutcome.Started>(await House.Starter.StartAsync(request, CancellationToken.None)).Run;
        await Assert.ThrowsAsync<StoreUnavailableException>(() => House.Runner.ExecuteAsync(dead, CancellationToken.None));
        Work.Before = null;
        Clock.Advance(TimeSpan.FromMinutes(1));
        await House.TickAsync();
        IRenderedComponent<OperationRunPage> page = RenderPage<OperationRunPage>(parameters => parameters.Add(one => one.Id, dead.Run.Id));

        page.WaitForAssertion(() => Assert.Contains("Interrupted, and recovered by", page.Markup, StringComparison.Ordinal));
        Assert.Contains("run 2", page.Markup, StringComparison.Ordinal);
        Assert.Equal(["done", "done after run 1 was interrupted"], Outcomes(page));
        Assert.Contains("2 planned: 1 done, 0 left alone, 0 failed, 1 left to run 2", page.Markup, StringComparison.Ordinal);
        Assert.Contains("at most 1 min, until it was known to be interrupted", page.Markup, StringComparison.Ordinal);
        Guid after = (await House.RunAsync(dead.Run.Id)).ResumedBy!.Value;
        IRenderedComponent<OperationRunPage> next = Render<OperationRunPage>(parameters => parameters.Add(one => one.Id, after));
        next.WaitForAssertion(() => Assert.Equal(["done before run 2", "done"], Outcomes(next)));

        static IEnumerable<string> Outcomes(IRenderedComponent<OperationRunPage> page) =>
            page.FindAll("td[data-label=Outcome]").Select(cell => Words(cell.TextContent));
    }

    [Fact]
    public async Task Run_ThatWasInterrupted_SaysWhetherItIsGoneOnFrom_AndCanBeCancelled()
    {
        using CancellationTokenSource stop = new();
        Work.Before = (_, _) => stop.CancelAsync();
        RunRequest request = new(Key, RunTrigger.Schedule, Actor.Portal(Key), Clock.GetUtcNow());
        StartedRun run = Assert.IsType<StartOutcome.Started>(await House.Starter.StartAsync(request, CancellationToken.None)).Run;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => House.Runner.ExecuteAsync(run, stop.Token));
        IRenderedComponent<OperationRunPage> page = RenderPage<OperationRunPage>(parameters => parameters.Add(one => one.Id, run.Run.Id));
        page.WaitForAssertion(() => Assert.Contains("A portal that runs goes on from it within a minute", page.Markup, StringComparison.Ordinal));

        await House.Desk.HoldAutomationAsync("all wrong", null, Ada, CancellationToken.None);
        TellChange();
        page.WaitForAssertion(() => Assert.Contains("is not gone on from now. Destructive automation is held by ada: all wrong", page.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain("within a minute", page.Markup, StringComparison.Ordinal);

        Button(page, "Cancel run").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#confirm-reason"));
        Dialogs.Find("#confirm-reason").Input("enough.");
        await Button(Dialogs, "Cancel the run").ClickAsync();
        TellChange();
        page.WaitForAssertion(() => Assert.Contains("enough. Nobody goes on from it.", page.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain(page.FindAll("button"), one => one.TextContent.Trim() == "Cancel run");
    }

    [Fact]
    public async Task Plan_SaysWhatItsWordsAndAmountsMean_AndWhatTheyComeTo()
    {
        Work.Plan = new Planning.Planned(PlanDraft.OfItems(Clock.GetUtcNow(), [Item("pod-1", "stop and hold", "lora-a-1"), Item("pod-2", "stop and hold", "pod-2")]));
        Guid plan = Assert.IsType<OperationCommand.Planned>(await House.Desk.PreviewAsync(Key, Ada, CancellationToken.None)).Plan;
        IRenderedComponent<OperationPlanPage> page = RenderPage<OperationPlanPage>(parameters => parameters.Add(one => one.Id, plan));

        page.WaitForAssertion(() => Assert.Equal(["$0.40/h", "$0.40/h"], page.FindAll("td[data-label=Effect]").Select(cell => cell.TextContent.Trim())));
        Assert.Contains("2 of 2: the pod is stopped and kept", Words(page), StringComparison.Ordinal);
        Assert.Contains("what the pod costs per hour now; $0.80/h together", Words(page), StringComparison.Ordinal);
        Assert.Equal(["lora-a-1 pod-1", "pod-2"], page.FindAll("table.grid tbody td.stack-head").Select(cell => string.Join(' ', cell.Children.Select(part => Words(part.TextContent)))).TakeLast(2));

        static PlanItem Item(string pod, string action, string name) => new(pod, action, "Nobody needs it") { Label = name, Money = Usd.FromDollars(0.40m) };
    }

    [Fact]
    public async Task Run_SaysWhatDoneMeansWhereThatIsLessThanItSounds()
    {
        OperationRun run = await RunOnceAsync();
        IRenderedComponent<OperationRunPage> page = RenderPage<OperationRunPage>(parameters => parameters.Add(one => one.Id, run.Id));

        page.WaitForAssertion(() => Assert.Contains("stays with each pod until it is stopped or verified gone. See Pods.", Words(page), StringComparison.Ordinal));
        Assert.NotEmpty(page.FindAll("dd a[href='/pods']"));
    }

    [Fact]
    public async Task Run_ThatCouldNotLook_ShowsNoFigures_AndCanBeRunAgainFromThere()
    {
        Work.Plan = new Planning.CouldNotRead("RunPod's bills can't be read: HTTP 500", "Press “Run now” later");
        OperationRun run = await RunOnceAsync();
        Assert.NotEmpty(run.After);
        IRenderedComponent<OperationRunPage> page = RenderPage<OperationRunPage>(parameters => parameters.Add(one => one.Id, run.Id));
        page.WaitForAssertion(() => Button(page, "Run now"));
        Assert.Contains("It could not look: RunPod's bills can't be read: HTTP 500. Press “Run now” later", Words(page), StringComparison.Ordinal);
        Assert.DoesNotContain("Words done", page.Markup, StringComparison.Ordinal);
        Assert.DoesNotContain("Done means", page.Markup, StringComparison.Ordinal);

        Button(page, "Run now").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#confirm-reason"));
        Assert.Equal($"/operations/{Key}", Dialogs.Find("p a").GetAttribute("href"));
        Dialogs.Find("#confirm-reason").Input("RunPod is back");
        await Button(Dialogs, "Run now").ClickAsync();

        Dialogs.WaitForAssertion(() => Assert.Equal("See the run", Dialogs.Find("[role=alert] a").TextContent));
        Assert.Equal($"/operations/runs/{Assert.Single(House.Begun).Run.Id}", Dialogs.Find("[role=alert] a").GetAttribute("href"));
    }

    [Fact]
    public async Task Run_WhoseClockWasSetBackUnderIt_TookNobodyKnowsHowLong()
    {
        OperationRun run = await RunOnceAsync();

        Assert.Equal("–", OperationPages.Took(run with { EndedAt = run.StartedAt.AddDays(-1) }, run.StartedAt));
        Assert.Equal("5 min", OperationPages.Took(run with { EndedAt = run.StartedAt.AddMinutes(5) }, run.StartedAt.AddDays(1)));
        Assert.Equal("5 min", OperationPages.Took(run with { EndedAt = null }, run.StartedAt.AddMinutes(5)));
        OperationRun interrupted = run with { State = RunState.Interrupted };
        Assert.Equal("at most 5 min", OperationPages.Took(interrupted with { EndedAt = run.StartedAt.AddMinutes(5) }, run.StartedAt.AddDays(1)));
        Assert.Equal("–", OperationPages.Took(interrupted with { EndedAt = run.StartedAt.AddDays(-1) }, run.StartedAt));
    }

    [Fact]
    public async Task Run_AtWork_ShowsItsProgressAndCanBeCancelled()
    {
        Guid run = Assert.IsType<OperationCommand.Started>(await House.Desk.RunNowAsync(Key, "by hand", Ada, CancellationToken.None)).Run;
        IRenderedComponent<OperationRunPage> page = RenderPage<OperationRunPage>(parameters => parameters.Add(one => one.Id, run));
        page.WaitForAssertion(() => Button(page, "Cancel run"));
        Assert.Contains("ada: by hand", page.Markup, StringComparison.Ordinal);
        Button(page, "Cancel run").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#confirm-reason"));
        Dialogs.Find("#confirm-reason").Input("enough!");
        await Button(Dialogs, "Cancel the run").ClickAsync();

        Dialogs.WaitForAssertion(() => Assert.Contains("Its look for what there is to do is broken off", Dialogs.Markup, StringComparison.Ordinal));
        Assert.Equal("enough!", (await House.RunAsync(run)).Cancel!.Reason);
        TellChange();
        page.WaitForAssertion(() => Assert.Contains("enough! Its look for what there is to do is broken off", page.Markup, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(PlanShape.Items, "after the item that it is at. What is done stays done")]
    [InlineData(PlanShape.Set, "Its statement is broken off and changes nothing")]
    public async Task Run_AtWork_SaysBeforeItsEndIsAskedFor_WhatBecomesOfWhatItIsAt(PlanShape shape, string says)
    {
        Guid run = Assert.IsType<OperationCommand.Started>(await House.Desk.RunNowAsync(Key, "by hand", Ada, CancellationToken.None)).Run;
        PlanItem item = new("pod-1", "do", "the test says so");
        PlanDraft draft = shape == PlanShape.Set ? PlanDraft.OfSet(Clock.GetUtcNow(), "all pods", "p", 1, [item]) : PlanDraft.OfItems(Clock.GetUtcNow(), [item]);
        OperationPlan plan = new(new Guid(98, 0, 0, new byte[8]), Key, "inst0001", draft, draft.Hash(), Ada, Clock.GetUtcNow(), PlanState.Taken, run);
        await House.Database.RunAsync(
            async (unit, token) =>
            {
                await unit.Store<IOperationPlanStore>().AddAsync(plan, token);
                Assert.True(await unit.Store<IOperationRunStore>().SetPlanAsync(run, 1, plan.Id, 1, [], token));
            },
            CancellationToken.None);
        IRenderedComponent<OperationRunPage> page = RenderPage<OperationRunPage>(parameters => parameters.Add(one => one.Id, run));
        page.WaitForAssertion(() => Button(page, "Cancel run"));

        Button(page, "Cancel run").Click();

        Dialogs.WaitForAssertion(() => Assert.Contains(says, Dialogs.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Next_OfWhatTheKillSwitchHolds_IsNoInstantBeforeItsEnd()
    {
        await House.Desk.HoldAutomationAsync("stop", Clock.GetUtcNow().AddHours(5), Ada, CancellationToken.None);
        Assert.Equal(Clock.GetUtcNow().AddHours(5), Assert.Single((await Queries.ReadBoardAsync(CancellationToken.None)).Lines).Next[0]);
        await House.Desk.HoldAutomationAsync("stop", null, Ada, CancellationToken.None);

        IRenderedComponent<OperationPage> page = OfKey();

        page.WaitForAssertion(() => Assert.Contains("none while destructive automation is held", page.Markup, StringComparison.Ordinal));
        Assert.Empty(Assert.Single((await Queries.ReadBoardAsync(CancellationToken.None)).Lines).Next);
    }

    [Fact]
    public async Task History_KeepsItsFilterInTheAddress()
    {
        await RunOnceAsync();
        Work.Before = (_, _) => throw new InvalidOperationException("the disk is full");
        await RunOnceAsync(Clock.GetUtcNow().AddHours(1));
        Address.NavigateTo("/operations/history?state=failed");
        IRenderedComponent<OperationHistoryPage> page = RenderPage<OperationHistoryPage>();

        page.WaitForAssertion(() => Assert.Single(page.FindAll("table.runs tbody tr")));
        Assert.Contains("2 failed", page.Markup, StringComparison.Ordinal);
        page.FindAll("button.state-toggle").Single(button => button.TextContent.Trim() == "Sweep of a test").Click();
        page.WaitForAssertion(() => Assert.EndsWith("?operation=tests.work&state=failed", Address.Uri, StringComparison.Ordinal));
        page.FindAll("button").Single(button => button.TextContent.Trim() == "Clear filters").Click();
        page.WaitForAssertion(() => Assert.Equal(2, page.FindAll("table.runs tbody tr").Count));
    }

    [Theory]
    [InlineData("state=failed", 0, null)]
    [InlineData("state=foo", 1, "The address asks for a state that no run has (foo): the list is shown without it.")]
    [InlineData("state=foo&state=bar&state=failed", 0, "The address asks for states that no run has (foo, bar): the list is shown without them.")]
    [InlineData("operation=tests.work", 1, null)]
    [InlineData("operation=bar", 0, "The address asks for an operation that this portal does not have (bar): the list shows what is kept of its runs, if it ever was.")]
    public async Task History_AskedForAStateThatThereIsNot_SaysSo(string query, int rows, string? words)
    {
        await RunOnceAsync();
        Address.NavigateTo($"/operations/history?{query}");
        IRenderedComponent<OperationHistoryPage> page = RenderPage<OperationHistoryPage>();

        page.WaitForAssertion(() => Assert.Contains(rows == 0 ? "No run matches" : "as of", page.Markup, StringComparison.Ordinal));
        Assert.Equal(rows, page.FindAll("table.runs tbody tr").Count);
        Assert.Equal(words, page.FindAll(".unknown").SingleOrDefault()?.TextContent);
    }

    [Fact]
    public async Task History_WhoseOlderFilterIsAnsweredLate_ShowsTheNewerOne()
    {
        await RunOnceAsync();
        Work.Before = (_, _) => throw new InvalidOperationException("the disk is full");
        await RunOnceAsync(Clock.GetUtcNow().AddHours(1));
        TaskCompletionSource slow = new();
        Queries.Slow = filter => filter.States.Count > 0 ? slow.Task : Task.CompletedTask;
        Address.NavigateTo("/operations/history?state=failed");
        IRenderedComponent<OperationHistoryPage> page = RenderPage<OperationHistoryPage>();
        page.FindAll("button").Single(button => button.TextContent.Trim() == "Clear filters").Click();
        page.WaitForAssertion(() => Assert.Equal(2, page.FindAll("table.runs tbody tr").Count));

        await page.InvokeAsync(slow.SetResult);
        await UntilAsync(() => Queries.Answered == 2);
        await page.InvokeAsync(() => { });

        Assert.Equal(2, page.FindAll("table.runs tbody tr").Count);
    }

    [Fact]
    public void History_WhenTheDatabaseIsAway_SaysSo_AndIsAskedAgain()
    {
        Queries.IsAway = true;
        IRenderedComponent<OperationHistoryPage> page = RenderPage<OperationHistoryPage>();
        page.WaitForAssertion(() => Assert.Contains("The database is away.", page.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain("No run yet", page.Markup, StringComparison.Ordinal);

        Queries.IsAway = false;
        page.FindAll("button").Single(button => button.TextContent.Contains("again", StringComparison.OrdinalIgnoreCase)).Click();

        page.WaitForAssertion(() => Assert.Contains("No run yet", page.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain("The database is away.", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public async Task History_InWhichNothingMatches_OffersToClearTheFilter()
    {
        await RunOnceAsync();
        Address.NavigateTo("/operations/history?state=cancelled");
        IRenderedComponent<OperationHistoryPage> page = RenderPage<OperationHistoryPage>();

        page.WaitForAssertion(() => Assert.Contains("No run matches", page.Markup, StringComparison.Ordinal));
        Assert.NotEmpty(page.FindAll("a[href='/operations/history']"));
    }

    [Fact]
    public void RunAndPlan_ThatAreNotThere_SaySo()
    {
        Guid none = new(99, 0, 0, new byte[8]);
        IRenderedComponent<OperationRunPage> run = RenderPage<OperationRunPage>(parameters => parameters.Add(one => one.Id, none));
        IRenderedComponent<OperationPlanPage> plan = Render<OperationPlanPage>(parameters => parameters.Add(one => one.Id, none));

        run.WaitForAssertion(() => Assert.Contains("There is no such run", run.Markup, StringComparison.Ordinal));
        plan.WaitForAssertion(() => Assert.Contains("There is no such plan", plan.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void RunAndPlan_WhenTheDatabaseIsAway_AreNotSaidToBeMissing()
    {
        Queries.IsAway = true;
        Guid some = new(99, 0, 0, new byte[8]);
        IRenderedComponent<OperationRunPage> run = RenderPage<OperationRunPage>(parameters => parameters.Add(one => one.Id, some));
        IRenderedComponent<OperationPlanPage> plan = Render<OperationPlanPage>(parameters => parameters.Add(one => one.Id, some));

        run.WaitForAssertion(() => Assert.Contains("The database is away.", run.Markup, StringComparison.Ordinal));
        plan.WaitForAssertion(() => Assert.Contains("The database is away.", plan.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain("There is no such", run.Markup + plan.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_AtWork_SaysHowLongItMayStillTake()
    {
        IRenderedComponent<OperationRunPage>? page = null;
        Work.Before = (word, _) =>
        {
            if (word == "pod-2")
            {
                // The first of two took two minutes.
                Clock.Advance(TimeSpan.FromMinutes(2));
                Guid run = Assert.Single(House.Database.Operations.Runs.Rows).Id;
                page = RenderPage<OperationRunPage>(parameters => parameters.Add(one => one.Id, run));
                page.WaitForAssertion(() => Assert.Contains("1 of 2, about 2 min", page.Markup, StringComparison.Ordinal));
            }

            return Task.CompletedTask;
        };

        Assert.Equal(RunState.Succeeded, (await RunOnceAsync()).State);

        Assert.NotNull(page);
    }

    [Fact]
    public void History_Address_SurvivesALinkAndRefusesNonsense()
    {
        RunHistoryAddress address = new("pods.sweep", [RunState.PartlyFailed, RunState.Failed], "a b&c", new RunCursor(Start, new Guid(7, 0, 0, new byte[8])));
        System.Collections.Specialized.NameValueCollection parts = System.Web.HttpUtility.ParseQueryString(new Uri("http://x" + address.ToUri()).Query);

        RunHistoryAddress read = RunHistoryAddress.Parse(parts["operation"], parts.GetValues("state"), parts["q"], parts["after"]);

        Assert.Equal(address.ToUri(), read.ToUri());
        Assert.Null(RunHistoryAddress.Parse(null, ["nonsense"], " ", "???").After);
        Assert.False(RunHistoryAddress.Parse(null, ["nonsense"], " ", "???").IsFiltered);
    }

    /// <summary>Its text as a person reads it.</summary>
    private static string Words<T>(IRenderedComponent<T> page)
        where T : Microsoft.AspNetCore.Components.IComponent => Words(string.Concat(page.Nodes.Select(node => node.TextContent)));

    private static string Words(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    private IRenderedComponent<OperationPage> OfKey() => RenderPage<OperationPage>(parameters => parameters.Add(one => one.Key, Key));
}
