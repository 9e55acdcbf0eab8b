using Bunit;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Operations;
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
        Work.Looking = token => Task.Delay(Timeout.InfiniteTimeSpan, Clock, token);
        await OpenAsync();
        Dialogs.WaitForAssertion(() => Assert.Contains("Looking for what they would do now", Dialogs.Markup, StringComparison.Ordinal));
        Clock.Advance(TimeSpan.FromSeconds(10));
        Dialogs.WaitForAssertion(() => Assert.Equal(
            "Sweep of a test: it can't be told what it would do now: no answer within 10 s.", Words(Dialogs.Find(".dialog-list li"))));

        await Button(Dialogs, "Release").ClickAsync();

        Dialogs.WaitForAssertion(() => Assert.Contains("Destructive automation runs again.", Dialogs.Markup, StringComparison.Ordinal));
        Assert.Contains(House.Database.Events, fact => fact.Kind == OperationEvents.AutomationReleased && fact.Actor.Name == "ada");
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
