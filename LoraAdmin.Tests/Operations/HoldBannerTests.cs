using Bunit;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Operations;
using LoraAdmin.Tests.Doubles;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>The kill switch's banner: what its release brings about is said before it is released.</summary>
public sealed class HoldBannerTests : OperationPageContext
{
    [Theory]
    [InlineData("it ends the wrong ones", "it ends the wrong ones. Ends")]
    [InlineData("It ends the wrong ones!", "It ends the wrong ones! Ends")]
    public async Task Banner_SaysInSentencesWhoWhenAndWhy(string reason, string says)
    {
        await House.Desk.HoldAutomationAsync(reason, null, Ada, CancellationToken.None);
        Clock.Advance(TimeSpan.FromMinutes(5));

        IRenderedComponent<HoldBanner> banner = RenderPage<HoldBanner>();

        banner.WaitForAssertion(() => Assert.Contains($"Destructive automation is held. ada held it 5 min ago: {says}", Words(banner.Find("aside")), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Release_SaysFirstWhatStartsAgain_AndCanBeLeft()
    {
        PlanItem[] items = [.. Enumerable.Range(1, 400).Select(pod => new PlanItem($"pod-{pod}", pod > 398 ? "stop and hold" : "end", "Nobody needs it") { Money = Usd.FromDollars(0.41m) })];
        Work.Plan = new Planning.Planned(PlanDraft.OfItems(Clock.GetUtcNow(), items) with { WithinCaps = 20 });
        await OpenAsync();

        Dialogs.WaitForAssertion(() => Assert.Equal(
            "Sweep of a test: 400 items; 398 end, 2 stop and hold; $164.00/h. Its caps let the first 20 through; the rest waits for approval.", Words(Dialogs.Find(".dialog-list li"))));
        Assert.Empty(House.Database.Operations.Plans.Rows);
        await Button(Dialogs, "Keep it held").ClickAsync();
        Assert.DoesNotContain(House.Database.Events, fact => fact.Kind == OperationEvents.AutomationReleased);
    }

    [Fact]
    public async Task Release_OfWhatIsPausedToo_SaysThatItStaysPaused()
    {
        await House.Desk.PauseAsync(Key, "mending", null, Ada, CancellationToken.None);
        await OpenAsync();

        Dialogs.WaitForAssertion(() => Assert.Equal("Sweep of a test: stays paused by ada.", Words(Dialogs.Find(".dialog-list li"))));
    }

    [Fact]
    public async Task Release_WhereNothingIsToDo_SaysSo()
    {
        todo.Clear();
        await OpenAsync();

        Dialogs.WaitForAssertion(() => Assert.Equal("Sweep of a test: nothing to do now.", Words(Dialogs.Find(".dialog-list li"))));
    }

    [Fact]
    public async Task Release_WhoseLookIsNotAnswered_SaysSoInTime_AndWaitsForNobody()
    {
        TaskCompletionSource looks = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Work.Looking = token =>
        {
            looks.SetResult();
            return Task.Delay(Timeout.InfiniteTimeSpan, Clock, token);
        };
        await OpenAsync();
        Dialogs.WaitForAssertion(() => Assert.Contains("Looking for what they would do now", Dialogs.Markup, StringComparison.Ordinal));

        // The page may say so before the look has begun, whose time runs from then.
        await looks.Task.WaitAsync(Eventually.DefaultDeadline, TimeProvider.System, Xunit.TestContext.Current.CancellationToken);
        Clock.Advance(TimeSpan.FromSeconds(10));
        Dialogs.WaitForAssertion(() => Assert.Equal(
            "Sweep of a test: it can't be told what it would do now: no answer within 10 s.", Words(Dialogs.Find(".dialog-list li"))));

        await Button(Dialogs, "Release").ClickAsync();

        Dialogs.WaitForAssertion(() => Assert.Contains("Destructive automation runs again.", Dialogs.Markup, StringComparison.Ordinal));
        Assert.Contains(House.Database.Events, fact => fact.Kind == OperationEvents.AutomationReleased && fact.Actor.Name == "ada");
    }

    [Fact]
    public async Task Release_OfWhatSomebodyHasHeldAnewMeanwhile_IsRefusedWithTheirReason()
    {
        await OpenAsync();
        Clock.Advance(TimeSpan.FromSeconds(1));
        await House.Desk.HoldAutomationAsync("the ledger is wrong", null, new Actor(ActorKind.Person, "ben"), CancellationToken.None);

        await Button(Dialogs, "Release").ClickAsync();

        Dialogs.WaitForAssertion(() => Assert.Contains("ben has held it anew meanwhile: the ledger is wrong", Dialogs.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain(House.Database.Events, fact => fact.Kind == OperationEvents.AutomationReleased);
    }

    /// <summary>A status that is taken away, and a list put in its place, is read out by no screen reader.</summary>
    [Fact]
    public async Task Release_WhoseLookIsAnswered_SaysSoWhereItWasLookedFor()
    {
        TaskCompletionSource answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Work.Looking = token => answer.Task.WaitAsync(token);
        await OpenAsync();
        Dialogs.WaitForAssertion(() => Assert.Contains("Looking for what they would do now", Dialogs.Find("[role=status]").TextContent, StringComparison.Ordinal));

        answer.SetResult();

        Dialogs.WaitForAssertion(() => Assert.Contains("Sweep of a test", Dialogs.Find("[role=status] li").TextContent, StringComparison.Ordinal));
    }

    /// <summary>The first one lists a long backlog, on a database that answers on the thread that asks.</summary>
    [Fact]
    public async Task Look_OfWhichOneIsSlow_AsksAllTheOthers()
    {
        using ManualResetEventSlim never = new();
        TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TestItems slow = new("tests.slow", static () => []) { Looking = token => Blocked(never, token) };
        TestItems sweep = new("tests.sweep", static () => ["pod-1"])
        {
            Info = slow.Info with { Key = "tests.sweep", Title = "Zweep" },
            Looking = token =>
            {
                token.ThrowIfCancellationRequested();
                asked.SetResult();
                return Task.CompletedTask;
            },
        };
        OperationHouse house = new(slow, sweep);
        await house.FillAsync();
        OperationQueries queries = new(house.Database, house.Registry, house.Crons, house.Clock, () => house.Rules, () => house.Installation, house.Starter);
        CancellationToken cancelled = Xunit.TestContext.Current.CancellationToken;

        Task<IReadOnlyList<HeldWork>> look = Task.Run(() => queries.LookAtHeldAsync(cancelled), cancelled);
        await asked.Task.WaitAsync(Eventually.DefaultDeadline, TimeProvider.System, cancelled);
        await Eventually.TrueAsync(
            () =>
            {
                house.Clock.Advance(TimeSpan.FromSeconds(10));
                return look.IsCompleted;
            },
            "the slow one's time is over");

        (string, string?, long?)[] expected = [("tests.slow", "no answer within 10 s", null), ("tests.sweep", null, 1)];
        Assert.Equal(expected, (await look).Select(one => (one.Info.Key, one.Unread, one.Plan?.Count)));

        static Task Blocked(ManualResetEventSlim never, CancellationToken token)
        {
            never.Wait(token);
            return Task.CompletedTask;
        }
    }

    [Fact]
    public async Task Look_WhoseDatabaseIsAway_SaysSoBeforeTheSlowOneHasAnswered()
    {
        TestItems slow = new("tests.slow", static () => []) { Looking = static token => new TaskCompletionSource().Task.WaitAsync(token) };
        TestItems sweep = new("tests.sweep", static () => [])
        {
            Info = slow.Info with { Key = "tests.sweep", Title = "Zweep" },
            Looking = static _ => throw new StoreUnavailableException("The database is away."),
        };
        OperationHouse house = new(slow, sweep);
        await house.FillAsync();
        OperationQueries queries = new(house.Database, house.Registry, house.Crons, house.Clock, () => house.Rules, () => house.Installation, house.Starter);
        using CancellationTokenSource closed = CancellationTokenSource.CreateLinkedTokenSource(Xunit.TestContext.Current.CancellationToken);

        // The clock stands still: the slow one's time is never over.
        await Assert.ThrowsAsync<StoreUnavailableException>(() => queries.LookAtHeldAsync(closed.Token).WaitAsync(Eventually.DefaultDeadline, TimeProvider.System, closed.Token));
        await closed.CancelAsync();
    }

    [Fact]
    public async Task Release_WhoseLookFails_SaysWhy()
    {
        Work.Plan = new Planning.CouldNotRead("RunPod's account can't be listed: HTTP 500", "Wait");
        await OpenAsync();

        Dialogs.WaitForAssertion(() => Assert.Equal(
            "Sweep of a test: it can't be told what it would do now: RunPod's account can't be listed: HTTP 500.", Words(Dialogs.Find(".dialog-list li"))));
    }

    [Fact]
    public async Task Release_WhileTheDatabaseIsAway_SaysThatNothingIsKnown()
    {
        await OpenAsync(() => Queries.IsAway = true);

        Dialogs.WaitForAssertion(() => Assert.Contains("could not be read: The database is away.", Dialogs.Find("[role=alert]").TextContent, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Release_PermissionTakenMeanwhile_IsRefusedAtTheEvent()
    {
        await OpenAsync();
        Person.SetPolicies(Permissions.ReadOperations);

        await Button(Dialogs, "Release").ClickAsync();

        Dialogs.WaitForAssertion(() => Assert.Contains("You may not release destructive automation", Dialogs.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain(House.Database.Events, fact => fact.Kind == OperationEvents.AutomationReleased);
    }

    private async Task OpenAsync(Action? before = null)
    {
        await House.Desk.HoldAutomationAsync("all wrong", null, Ada, CancellationToken.None);
        IRenderedComponent<HoldBanner> banner = RenderPage<HoldBanner>();
        banner.WaitForAssertion(() => Button(banner, "Release"));
        before?.Invoke();
        Button(banner, "Release").Click();
        Dialogs.WaitForAssertion(() => Button(Dialogs, "Keep it held"));
    }

    private static string Words(AngleSharp.Dom.IElement element) => string.Join(' ', element.TextContent.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
