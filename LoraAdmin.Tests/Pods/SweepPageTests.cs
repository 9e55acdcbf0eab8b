using Bunit;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Pods;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Pods;

public sealed class SweepPageTests : LoraBunitContext
{
    private readonly PagePodDesk desk = new();

    public SweepPageTests()
    {
        Services.AddSingleton<IPodQueries>(new PagePodQueries(Clock));
        Services.AddSingleton<IPodDesk>(desk);
    }

    [Fact]
    public void Preview_Items_SayActionReasonProofAndMoney()
    {
        Open(PodSamples.Plan(Start, 2, PodSamples.Item(1), PodSamples.Item(2, SweepAction.Hold)));

        Assert.Contains("1 would be ended and 1 stopped and held, which saves $1.20/h", Words(), StringComparison.Ordinal);
        Assert.Contains("The file lies verified in storage", Words(), StringComparison.Ordinal);
        Assert.Contains("None: a trained file may lie on it alone", Words(), StringComparison.Ordinal);
        Assert.Contains("unknown to the ledger", Words(), StringComparison.Ordinal);
        Assert.Contains("$1.25", Words(), StringComparison.Ordinal);
        Assert.Contains("The pod loop does it by itself", Words(), StringComparison.Ordinal);
        Assert.Empty(desk.Approved);
    }

    [Fact]
    public void Preview_NothingToDo_SaysSoAndOffersNothing()
    {
        Open(PodSamples.Plan(Start, 0));

        Assert.Contains("Nothing to do", Words(), StringComparison.Ordinal);
        Assert.DoesNotContain(Dialogs.FindAll("button"), button => button.TextContent.Trim() is "Approve this plan" or "Do it now");
    }

    [Fact]
    public void Preview_AccountAway_SaysTheProvidersWordsAndTriesAgain()
    {
        desk.Previews.Enqueue(new SweepPlanning.CouldNotRead(new ProviderError(ProviderFailure.Ambiguous, 500, "gateway is on fire")));
        desk.Previews.Enqueue(new SweepPlanning.Planned(PodSamples.Plan(Start, 0), []));
        OpenDialog();
        Assert.Contains("gateway is on fire", Words(), StringComparison.Ordinal);

        Button("Try again").Click();

        Dialogs.WaitForAssertion(() => Assert.Contains("Nothing to do", Words(), StringComparison.Ordinal));
    }

    [Fact]
    public void Approve_PastTheCaps_SendsTheHashOfWhatIsShown()
    {
        SweepPlan plan = PodSamples.Plan(Start, 1, PodSamples.Item(1), PodSamples.Item(2));
        desk.Approvals.Enqueue(new ApproveSweepOutcome.Applied(new SweepResult(plan.Items, [])));
        Open(plan);
        Assert.Contains("The caps let 1 of 2 through now", Words(), StringComparison.Ordinal);

        Button("Approve this plan").Click();

        Assert.Equal(plan.Hash, Assert.Single(desk.Approved));
        Assert.Contains("2 wishes noted", Words(), StringComparison.Ordinal);
    }

    [Fact]
    public void Approve_Changed_ShowsTheNewPlanAndDoesNothing()
    {
        SweepPlan first = PodSamples.Plan(Start, 0, PodSamples.Item(1));
        SweepPlan next = PodSamples.Plan(Start, 0, PodSamples.Item(1), PodSamples.Item(3));
        desk.Approvals.Enqueue(new ApproveSweepOutcome.Changed(next));
        desk.Approvals.Enqueue(new ApproveSweepOutcome.Applied(new SweepResult(next.Items, [])));
        Open(first);
        Button("Approve this plan").Click();
        Assert.Contains("The plan has changed since you looked; nothing was done", Words(), StringComparison.Ordinal);
        Assert.Contains("pod00003", Words(), StringComparison.Ordinal);

        Button("Approve this plan").Click();

        Assert.Equal([first.Hash, next.Hash], desk.Approved);
    }

    [Fact]
    public void Approve_SomeIneligible_NamesThemWithTheReason()
    {
        SweepPlan plan = PodSamples.Plan(Start, 2, PodSamples.Item(1), PodSamples.Item(2));
        desk.Approvals.Enqueue(new ApproveSweepOutcome.Applied(new SweepResult([plan.Items[0]], [(plan.Items[1], "It is gone already")])));
        Open(plan);
        Button("Do it now").Click();

        Assert.Contains("pod00002: It is gone already", Words(), StringComparison.Ordinal);
    }

    [Fact]
    public void Approve_PermissionTakenMeanwhile_IsRefusedAtTheEvent()
    {
        Open(PodSamples.Plan(Start, 0, PodSamples.Item(1)));
        Person.SetPolicies(Permissions.ReadPods);
        Button("Approve this plan").Click();

        Assert.Empty(desk.Approved);
        Assert.Contains("You may not run the sweep", Words(), StringComparison.Ordinal);
    }

    private void Open(SweepPlan plan)
    {
        desk.Previews.Enqueue(new SweepPlanning.Planned(plan, []));
        OpenDialog();
    }

    private void OpenDialog()
    {
        IRenderedComponent<PodsPage> page = RenderPage<PodsPage>();
        page.WaitForAssertion(() => page.Find(".totals"));
        page.FindAll("button").Single(button => button.TextContent.Trim() == "Look now").Click();
        Dialogs.WaitForAssertion(() => Dialogs.Find(".mud-dialog-actions"));
    }

    private string Words() => System.Text.RegularExpressions.Regex.Replace(Dialogs.Find(".mud-dialog").TextContent, @"\s+", " ");

    private AngleSharp.Dom.IElement Button(string text) => Dialogs.FindAll("button").Single(button => button.TextContent.Trim() == text);
}
