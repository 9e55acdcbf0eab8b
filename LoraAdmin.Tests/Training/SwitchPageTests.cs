using Bunit;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Live;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Training;

public sealed class SwitchPageTests : LoraBunitContext
{
    private static readonly Actor Grace = new(ActorKind.Person, "grace");

    private readonly PageSwitches switches;

    public SwitchPageTests()
    {
        switches = new PageSwitches(Clock);
        switches.AddTo(Services);
    }

    [Theory]
    [InlineData("For 30 minutes", 30)]
    [InlineData("For 2 hours", 120)]
    [InlineData("Until I resume", null)]
    [Trait("Requirement", "O1")]
    public void Pause_WithReasonAndEnd_ReachesTheSwitch(string until, int? minutes)
    {
        IRenderedComponent<PauseSwitch> page = RenderPage<PauseSwitch>();
        page.WaitForAssertion(() => Button(page, "Pause new trainings"));
        Button(page, "Pause new trainings").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#pause-reason"));
        Assert.True(Button(Dialogs, "Pause").HasAttribute("disabled"));
        Dialogs.Find("#pause-reason").Input("RunPod is shaky");
        Dialogs.FindAll("label").Single(label => label.TextContent.Trim() == until).QuerySelector("input")!.Change(true);
        Button(Dialogs, "Pause").Click();

        DateTimeOffset? end = minutes is { } length ? Start.AddMinutes(length) : null;
        Assert.Equal(("RunPod is shaky", end, new Actor(ActorKind.Person, "ada")), Assert.Single(switches.Paused));
    }

    [Fact]
    public void Pause_PermissionTakenMeanwhile_IsRefusedAtTheEvent()
    {
        IRenderedComponent<PauseSwitch> page = RenderPage<PauseSwitch>();
        page.WaitForAssertion(() => Button(page, "Pause new trainings"));
        Button(page, "Pause new trainings").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#pause-reason"));
        Person.SetPolicies(Permissions.ReadTraining);
        Dialogs.Find("#pause-reason").Input("RunPod is shaky");
        Button(Dialogs, "Pause").Click();

        Assert.Empty(switches.Paused);
        Assert.Contains("You may not pause", Dialogs.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Pause_DatabaseAway_SaysThatNothingChanged()
    {
        IRenderedComponent<PauseSwitch> page = RenderPage<PauseSwitch>();
        page.WaitForAssertion(() => Button(page, "Pause new trainings"));
        Button(page, "Pause new trainings").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#pause-reason"));
        Dialogs.Find("#pause-reason").Input("RunPod is shaky");
        switches.Away = "The database did not answer.";
        Button(Dialogs, "Pause").Click();

        Assert.Contains("Nothing was changed: The database did not answer.", Dialogs.Find("[role=alert]").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "O1")]
    public void Banner_Paused_SaysWhoSinceWhyAndUntil_AndResumes()
    {
        switches.Figures = switches.Figures with { Pause = new TrainingPause("RunPod is shaky", Grace, Start.AddMinutes(-5), Start.AddMinutes(25)) };
        IRenderedComponent<PauseBanner> page = RenderPage<PauseBanner>();
        page.WaitForAssertion(() => page.Find(".pause-banner"));

        string words = Words(page.Find(".pause-banner"));
        Assert.Contains("New trainings are paused. grace paused them 5 min ago: RunPod is shaky. Ends by itself in 25 min", words, StringComparison.Ordinal);
        Button(page, "Resume").Click();
        Dialogs.WaitForAssertion(() => Assert.Contains("No job waits now.", Dialogs.Markup, StringComparison.Ordinal));
        Assert.Empty(switches.Resumed);
        Button(Dialogs, "Resume").Click();
        Assert.Equal(new Actor(ActorKind.Person, "ada"), Assert.Single(switches.Resumed));
        TellChange();
        page.WaitForAssertion(() => Assert.Empty(page.FindAll(".pause-banner")));
    }

    [Theory]
    [InlineData(1, "1 job waits to be trained and goes on within seconds")]
    [InlineData(7, "7 jobs wait to be trained and go on within seconds")]
    public void Banner_Resume_SaysFirstWhatStartsAgain_AndCanBeLeft(int waiting, string says)
    {
        switches.Figures = switches.Figures with { Pause = new TrainingPause("RunPod is shaky", Grace, Start, null), Waiting = waiting };
        IRenderedComponent<PauseBanner> page = RenderPage<PauseBanner>();
        page.WaitForAssertion(() => page.Find(".pause-banner"));
        Button(page, "Resume").Click();
        Dialogs.WaitForAssertion(() => Assert.Contains(says, Words(Dialogs.Find(".confirm-preview")), StringComparison.Ordinal));

        Button(Dialogs, "Keep them paused").Click();

        Assert.Empty(switches.Resumed);
    }

    [Fact]
    public void Banner_Resume_PermissionTakenMeanwhile_IsRefusedAtTheEvent()
    {
        switches.Figures = switches.Figures with { Pause = new TrainingPause("RunPod is shaky", Grace, Start, null) };
        IRenderedComponent<PauseBanner> page = RenderPage<PauseBanner>();
        page.WaitForAssertion(() => page.Find(".pause-banner"));
        Button(page, "Resume").Click();
        Dialogs.WaitForAssertion(() => Button(Dialogs, "Resume"));
        Person.SetPolicies(Permissions.ReadTraining);
        Button(Dialogs, "Resume").Click();

        Assert.Empty(switches.Resumed);
        Assert.Contains("You may not resume trainings", Dialogs.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Banner_WithoutPermission_HasNoResume()
    {
        Person.SetPolicies(Permissions.ReadTraining);
        switches.Figures = switches.Figures with { Pause = new TrainingPause("RunPod is shaky", Grace, Start, null) };
        IRenderedComponent<PauseBanner> page = RenderPage<PauseBanner>();
        page.WaitForAssertion(() => page.Find(".pause-banner"));

        Assert.Empty(page.FindAll("button"));
        Assert.Contains("Ends when somebody resumes", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "O2")]
    public void StopEverything_NamesWhatHappens_AndWantsTheWordTyped()
    {
        switches.Figures = switches.Figures with { Cancellable = 7, Finishing = 2, PodsAlive = 6, PodsHeld = 1 };
        IRenderedComponent<StopEverything> page = RenderPage<StopEverything>();
        Button(page, "Stop everything").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#confirm-word"));
        string words = Words(Dialogs.Find(".confirm-preview"));
        Assert.Contains("Waiting or training: 7 jobs, cancelled", words, StringComparison.Ordinal);
        Assert.Contains("Trained already: 2 jobs, going on", words, StringComparison.Ordinal);
        Assert.Contains("No finished file is given up", words, StringComparison.Ordinal);
        Assert.Contains("Alive: 5 pods, each ended", words, StringComparison.Ordinal);
        Dialogs.Find("#confirm-reason").Input("card stolen");
        Dialogs.Find("#confirm-word").Input("stop");
        Assert.True(Button(Dialogs, "Stop everything").HasAttribute("disabled"));

        Dialogs.Find("#confirm-word").Input("STOP");
        Button(Dialogs, "Stop everything").Click();

        Assert.Equal("card stolen", Assert.Single(switches.Stopped));
        Assert.Contains("7 jobs were asked to end", Dialogs.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void StopEverything_PermissionTakenMeanwhile_IsRefusedAtTheEvent()
    {
        IRenderedComponent<StopEverything> page = RenderPage<StopEverything>();
        Button(page, "Stop everything").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find("#confirm-word"));
        Person.SetPolicies(Permissions.ReadPods);
        Dialogs.Find("#confirm-reason").Input("card stolen");
        Dialogs.Find("#confirm-word").Input("STOP");
        Button(Dialogs, "Stop everything").Click();

        Assert.Empty(switches.Stopped);
        Assert.Contains("You may not stop everything", Dialogs.Markup, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "O2")]
    public void StopProgress_FollowsUntilEverythingIsStopped()
    {
        TrainingPause pause = new("card stolen", Grace, Start, null);
        switches.Figures = new SwitchFigures(pause, 1, 1, 3, 1, 7, 5);
        IRenderedComponent<StopProgress> page = RenderPage<StopProgress>();
        page.WaitForAssertion(() => Assert.Contains("Everything is being stopped", page.Markup, StringComparison.Ordinal));
        Assert.Contains("5 of 7", page.Markup, StringComparison.Ordinal);
        Assert.Contains("2, and 1 held for their file", page.Markup, StringComparison.Ordinal);

        switches.Figures = new SwitchFigures(pause, 0, 0, 1, 1, 7, 7);
        TellChange();

        page.WaitForAssertion(() => Assert.Contains("Everything is stopped", page.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void StopProgress_MerePause_ShowsNothing()
    {
        switches.Figures = new SwitchFigures(new TrainingPause("RunPod is shaky", Grace, Start, null), 4, 1, 3, 0, 0, 0);
        IRenderedComponent<StopProgress> page = RenderPage<StopProgress>();
        page.WaitForAssertion(() => Assert.True(Services.GetRequiredService<LiveHub>().Get(SwitchPages.Figures).Current.HasValue));

        Assert.Empty(page.FindAll("section"));
    }

    private static string Words(AngleSharp.Dom.IElement element) => System.Text.RegularExpressions.Regex.Replace(element.TextContent, @"\s+", " ");
}
