using AngleSharp.Dom;
using Bunit;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Pods;
using LoraAdmin.Tests.Doubles;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Pods;

public sealed class PodsPageTests : LoraBunitContext
{
    private readonly PagePodQueries queries;
    private readonly PagePodDesk desk = new();

    public PodsPageTests()
    {
        queries = new PagePodQueries(Clock);
        Services.AddSingleton<IPodQueries>(queries);
        Services.AddSingleton<IPodDesk>(desk);
    }

    [Fact]
    public void Pods_EachClass_SaysWhyAndItsMoney()
    {
        LedgerPod needed = PodSamples.Row(1, Start.AddHours(-1));
        LedgerPod leaking = PodSamples.Row(2, Start.AddHours(-1), PodWant.Released, PodSaw.Leaking) with { TerminateAttempts = 7, LastError = "internal error" };
        queries.Ledger.AddRange([needed, leaking]);
        queries.List(Start, PodSamples.Of(needed), PodSamples.Of(leaking), PodSamples.Stranger("box1", "somebody-else", Start.AddHours(-2)));
        IRenderedComponent<PodsPage> page = Show();

        IElement worst = page.FindAll("table.pods tbody tr")[0];
        Assert.Contains("leaking", worst.TextContent, StringComparison.Ordinal);
        Assert.Contains("Asked to end 7 times", worst.TextContent, StringComparison.Ordinal);
        Assert.Contains("Last error: internal error", worst.TextContent, StringComparison.Ordinal);
        Assert.Contains("$0.30 wasted", worst.TextContent, StringComparison.Ordinal);
        Assert.Contains("to be ended; seen leaking; RunPod says RUNNING", worst.TextContent, StringComparison.Ordinal);
        Assert.Contains($"/training/{PodSamples.Job(2)}", worst.InnerHtml, StringComparison.Ordinal);
        Assert.Contains("Nothing says that it is ours", page.Markup, StringComparison.Ordinal);
        Assert.Contains("1 pod, $0.60/h", page.Find(".totals").TextContent, StringComparison.Ordinal);
        Assert.Contains("account listed ", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Filter_ByClass_LivesInTheAddress()
    {
        ShowThree();
        IRenderedComponent<PodsPage> page = Show();
        page.FindAll(".class-toggle").Single(button => button.TextContent.Contains("foreign", StringComparison.Ordinal)).Click();

        page.WaitForAssertion(() => Assert.Equal("/pods?class=foreign", new Uri(Address.Uri).PathAndQuery));
        page.WaitForAssertion(() => Assert.Single(page.FindAll("table.pods tbody tr")));
        Assert.Contains("box1", page.Find("table.pods").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void Filter_NothingMatches_OffersToClear()
    {
        ShowThree();
        Address.NavigateTo("/pods?class=vanished&class=nonsense");
        IRenderedComponent<PodsPage> page = Show();

        page.WaitForAssertion(() => Assert.Contains("No pod in these classes", page.Markup, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("class=foreign", 1, null)]
    [InlineData("class=zzz", 3, "The address asks for a class that no pod has (zzz): the list is shown without it.")]
    [InlineData("class=zzz&class=foreign&class=", 1, "The address asks for a class that no pod has (zzz): the list is shown without it.")]
    [InlineData("class=dead&class=zzz", 3, "The address asks for classes that no pod has (dead, zzz): the list is shown without them.")]
    public void Filter_ByAClassThatThereIsNot_SaysSo(string query, int rows, string? words)
    {
        ShowThree();
        Address.NavigateTo($"/pods?{query}");
        IRenderedComponent<PodsPage> page = Show();

        page.WaitForAssertion(() => Assert.Equal(rows, page.FindAll("table.pods tbody tr").Count));
        Assert.Equal(words, page.FindAll(".unknown").SingleOrDefault()?.TextContent);
    }

    /// <summary>They count until they are verified gone, and a person who compares with the account must see which they are.</summary>
    [Fact]
    public void Totals_PodsThatAreNotListedAnyMore_AreSaidToBeInThem()
    {
        LedgerPod[] rows = [PodSamples.Row(1, Start.AddHours(-1)), PodSamples.Row(2, Start.AddHours(-1)), PodSamples.Row(3, Start.AddHours(-1))];
        queries.Ledger.AddRange(rows);
        queries.List(Start, PodSamples.Of(rows[0]));
        IRenderedComponent<PodsPage> page = Show();
        IRenderedComponent<PodsTile> tile = Render<PodsTile>();

        Assert.Equal(["3", "2 of them not listed any more, $1.20/h of the cost now"], page.FindAll(".totals > div")[0].QuerySelectorAll("dd").Select(one => one.TextContent));
        tile.WaitForAssertion(() => Assert.Contains(" · 2 not listed any more", tile.Markup, StringComparison.Ordinal));
        queries.List(Start, [.. rows.Select(row => PodSamples.Of(row))]);
        TellChange();

        page.WaitForAssertion(() => Assert.DoesNotContain("not listed any more", page.Markup, StringComparison.Ordinal));
        tile.WaitForAssertion(() => Assert.DoesNotContain("not listed any more", tile.Markup, StringComparison.Ordinal));
    }

    /// <summary>It falls back to nothing as soon as none runs; what was lost for good stands in the ledger.</summary>
    [Fact]
    public void Burned_IsOfWhatRunsNow_AndLeadsToTheMonthsLeaks()
    {
        queries.List(Start, Unknown(1));
        IRenderedComponent<PodsPage> page = Show();

        IElement burned = page.FindAll(".totals > div")[2];
        Assert.Equal("Burned by what runs now", burned.QuerySelector("dt")!.TextContent);
        Assert.Equal("/budget/ledger?kind=leak", burned.QuerySelector("a")!.GetAttribute("href"));
        Assert.EndsWith("Paid beyond reservations this month: leaks", burned.TextContent.Trim(), StringComparison.Ordinal);
    }

    /// <summary>Their files may be nowhere else: they are no waste, and cost as much.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Burned_WherePodsKeptForTheirFilesRun_SaysWhatTheyCost(bool isPriceKnown)
    {
        LedgerPod[] rows =
        [
            PodSamples.Row(1, Start.AddHours(-1), PodWant.Held, PodSaw.Running) with { HourlyRate = Usd.FromDollars(0.4m) },
            PodSamples.Row(2, Start.AddHours(-1), PodWant.Held, PodSaw.Running) with { HourlyRate = isPriceKnown ? Usd.FromDollars(0.4m) : null },
            PodSamples.Row(3, Start.AddHours(-1), PodWant.Held, PodSaw.Exited),
        ];
        queries.Ledger.AddRange(rows);
        if (isPriceKnown)
        {
            queries.List(Start, [.. rows.Select(row => PodSamples.Of(row))]);
        }

        IElement[] notes = [.. Show().FindAll(".totals > div")[2].QuerySelectorAll("dd.note")];

        Assert.Equal("No orphan, unknown or leaking pod runs", notes[0].TextContent);
        Assert.StartsWith(isPriceKnown ? "2 kept for their files run: $0.80/h" : "2 kept for their files run: up to $", notes[1].TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void Burned_WhoMayNotReadMoney_IsNotLedToIt()
    {
        Person.SetPolicies(Permissions.ReadPods);
        queries.List(Start, Unknown(1));

        Assert.Empty(Show().FindAll(".totals a"));
    }

    [Fact]
    public void Pod_OfALink_IsShownAlone_AndWhenGoneSaysSo()
    {
        ShowThree();
        Address.NavigateTo("/pods?pod=pod00001");
        IRenderedComponent<PodsPage> page = Show();
        page.WaitForAssertion(() => Assert.Single(page.FindAll("table.pods tbody tr")));

        queries.Ledger.Clear();
        TellChange();

        page.WaitForAssertion(() => Assert.Contains("This pod is not there any more", page.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void Pods_NoneAlive_SaysThatNothingCosts()
    {
        queries.List(Start);

        Assert.Contains("nothing costs money", Show().Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Pods_WhileReading_ShowsGhosts()
    {
        queries.Holding = true;
        IRenderedComponent<PodsPage> page = RenderPage<PodsPage>();

        Assert.NotEmpty(page.FindAll(".board-ghost"));
        Assert.Empty(page.FindAll(".totals"));
    }

    [Fact]
    public void Pods_DatabaseAway_SaysSoAndNotThatNoneIsAlive()
    {
        queries.Away = "The database did not answer.";
        IRenderedComponent<PodsPage> page = RenderPage<PodsPage>();

        page.WaitForAssertion(() => Assert.Contains("Could not read the pod ledger", page.Markup, StringComparison.Ordinal));
        Assert.Contains("Could not read the pod ledger. Since just now. The database did not answer.", page.Find("[role=alert]").TextContent, StringComparison.Ordinal);
        Assert.DoesNotContain("No pod is alive", page.Markup, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ProviderFailure.Unauthorized, "pods can't be stopped either")]
    [InlineData(ProviderFailure.Forbidden, "lacks the right")]
    [InlineData(ProviderFailure.RateLimited, "60 calls a minute")]
    [InlineData(ProviderFailure.Unreachable, "RunPod or the way to it is down")]
    [InlineData(ProviderFailure.Ambiguous, "RunPod or the way to it is down")]
    [InlineData(ProviderFailure.Rejected, "RunPod:BaseUrl")]
    public void Listing_Fails_SaysSinceWhenTheProvidersWordsAndTheRemedy(ProviderFailure failure, string remedy)
    {
        ShowThree();
        queries.Look = queries.Look with { FailingSince = Start.AddMinutes(-4), Error = new ProviderError(failure, 401, "the vendor's own words") };
        IRenderedComponent<PodsPage> page = Show();

        string notice = page.Find("[role=alert]").TextContent;
        Assert.Contains("Could not list the account since 4 min ago", notice, StringComparison.Ordinal);
        Assert.Contains("“the vendor's own words” (HTTP 401)", notice, StringComparison.Ordinal);
        Assert.Contains(remedy, notice, StringComparison.Ordinal);
        Assert.Contains("rests on the last listing that worked", notice, StringComparison.Ordinal);
        Assert.Equal(3, page.FindAll("table.pods tbody tr").Count);
    }

    [Fact]
    public void Listing_ByWhicheverInstance_IsNoNoticeWhileItIsFresh()
    {
        ShowThree();
        queries.Lister = new Lister("host-2", Start.AddSeconds(-40), Start.AddSeconds(140));

        Assert.Empty(Show().FindAll(".notice"));
    }

    [Fact]
    public void Listing_NotYet_SaysThatTheLedgerAloneIsShown_AndWhoLooks()
    {
        queries.Ledger.Add(PodSamples.Row(1, Start));
        queries.Lister = new Lister("host-2", Start.AddSeconds(-40), Start.AddSeconds(140));
        IRenderedComponent<PodsPage> page = Show();

        string notice = page.Find(".notice[role=status]").TextContent;
        Assert.Contains("The account has not been listed yet", notice, StringComparison.Ordinal);
        Assert.Contains("host-2", notice, StringComparison.Ordinal);
        Assert.Contains("40 s ago", notice, StringComparison.Ordinal);
        Assert.Contains("ledger alone", notice, StringComparison.Ordinal);
        Assert.Contains("pod00001", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Listing_LeaseRanOut_AlertsThatNobodyEndsPods()
    {
        queries.Ledger.Add(PodSamples.Row(1, Start));
        queries.Lister = new Lister("host-2", Start.AddMinutes(-9), Start.AddMinutes(-6));

        Assert.Contains("nobody ends pods meanwhile", Show().Find("[role=alert]").TextContent, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Listing_IsOld_SaysSinceWhenAndThatNobodyLooks(bool isLeaseGivenBack)
    {
        queries.List(Start.AddMinutes(-9), Unknown(1));
        queries.Lister = isLeaseGivenBack ? null : new Lister("host-2", Start.AddMinutes(-9), Start.AddMinutes(-6));
        IRenderedComponent<PodsPage> page = Show();

        string notice = page.Find("[role=alert]").TextContent;
        Assert.Contains("The account was last listed 9 min ago", notice, StringComparison.Ordinal);
        Assert.Contains("nobody ends pods meanwhile", notice, StringComparison.Ordinal);
        Assert.Contains("pod00001", page.Find("table.pods").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void Listing_IsOldWhileItsInstanceIsAtWork_IsNotSaidToBeNobodys()
    {
        queries.List(Start.AddMinutes(-4), Unknown(1));
        queries.Lister = new Lister("host-2", Start.AddMinutes(-1), Start.AddMinutes(2));

        string notice = Show().Find("[role=alert]").TextContent;
        Assert.Contains("The account was last listed 4 min ago", notice, StringComparison.Ordinal);
        Assert.DoesNotContain("nobody", notice, StringComparison.Ordinal);
    }

    [Fact]
    public void Caps_HoldBack_AsksForApproval()
    {
        ShowThree();
        queries.Look = queries.Look with { HeldBack = 2 };

        Assert.Contains("2 pods wait for your approval", Show().Find("[role=alert]").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void Sweep_Paused_SaysWhoWhyWhatItCostsAndLeadsThere_AndNothingOfCaps()
    {
        queries.List(Start, Unknown(1), Unknown(2));
        queries.Look = queries.Look with { HeldBack = 1 };
        queries.Bar = new AutomationBar(BarKind.Pause, new Actor(ActorKind.Person, "ada"), "it ends the wrong ones", Start.AddMinutes(-14), null);
        IRenderedComponent<PodsPage> page = Show();

        IElement notice = page.Find("[role=alert]");
        string words = System.Text.RegularExpressions.Regex.Replace(notice.TextContent, @"\s+", " ");
        Assert.Contains("ada paused the sweep 14 min ago because: it ends the wrong ones. Ends when somebody resumes it.", words, StringComparison.Ordinal);
        Assert.Contains("2 pods that nothing needs go on running and cost $1.20/h.", words, StringComparison.Ordinal);
        Assert.Equal("/operations/pods.sweep", notice.QuerySelector("a")!.GetAttribute("href"));
        Assert.DoesNotContain("caps", page.Markup, StringComparison.Ordinal);
        desk.Previews.Enqueue(new SweepPlanning.Planned(PodSamples.Plan(Start, 1, PodSamples.Item(1)) with { Bar = queries.Bar }, []));

        Press(page, "See the plan");

        Dialogs.WaitForAssertion(() => Assert.Contains("By itself the sweep does nothing now. Paused by ada: it ends the wrong ones.", Dialogs.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain("by itself within a minute", Dialogs.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Sweep_PausedWhereAPriceIsNotKnown_SaysUpTo()
    {
        queries.WorstHourlyRate = Usd.FromDollars(1.25m);
        queries.Ledger.Add(PodSamples.Row(1, Start.AddHours(-9)) with { LiveUntil = Start.AddHours(-1), HourlyRate = null });
        queries.Bar = new AutomationBar(BarKind.Pause, new Actor(ActorKind.Person, "ada"), "it ends the wrong ones", Start.AddMinutes(-14), null);

        string notice = Show().FindAll("[role=alert]").Select(static one => one.TextContent).Single(static one => one.Contains("paused the sweep", StringComparison.Ordinal));
        Assert.Contains(
            "1 pod that nothing needs goes on running and costs up to $1.25/h.", System.Text.RegularExpressions.Regex.Replace(notice, @"\s+", " "), StringComparison.Ordinal);
    }

    [Fact]
    public void Sweep_HeldWithNothingToSweep_IsSaidAndIsNoAlarm()
    {
        ShowThree();
        queries.Bar = new AutomationBar(BarKind.Hold, new Actor(ActorKind.Person, "ada"), "an account was mixed up", Start.AddMinutes(-2), Start.AddHours(2));
        IRenderedComponent<PodsPage> page = Show();

        Assert.Contains("ada held destructive automation, and the sweep with it, 2 min ago because: an account was mixed up.", System.Text.RegularExpressions.Regex.Replace(page.Find(".notice[role=status]").TextContent, @"\s+", " "), StringComparison.Ordinal);
        Assert.Empty(page.FindAll("[role=alert]"));
    }

    [Fact]
    public void Chips_AndRows_UseTheSameWords()
    {
        LedgerPod doubt = PodSamples.Row(1, Start.AddMinutes(-3), PodWant.Released, PodSaw.Requested) with { PodId = null, WantReason = PodReasons.InDoubt };
        LedgerPod vanished = PodSamples.Row(2, Start.AddHours(-1));
        LedgerPod leaking = PodSamples.Row(3, Start.AddHours(-1), PodWant.Released, PodSaw.Leaking);
        queries.Ledger.AddRange([doubt, vanished, leaking]);
        queries.List(Start, PodSamples.Of(leaking));
        IRenderedComponent<PodsPage> page = Show();
        Dictionary<string, int> rows = page.FindAll("table.pods tbody tr .chip").GroupBy(chip => chip.TextContent.Trim()).ToDictionary(found => found.Key, found => found.Count());

        Assert.Equal(new Dictionary<string, int> { ["leaking"] = 1, ["vanished"] = 1, ["in doubt"] = 1 }, rows);
        foreach (IElement chip in page.FindAll(".class-toggle"))
        {
            string count = chip.QuerySelector(".figure")!.TextContent;
            Assert.Equal(rows.GetValueOrDefault(chip.TextContent.Trim()[..^count.Length].Trim()).ToString(System.Globalization.CultureInfo.InvariantCulture), count);
        }

        page.FindAll(".class-toggle").Single(chip => chip.TextContent.Contains("in doubt", StringComparison.Ordinal)).Click();

        page.WaitForAssertion(() => Assert.Equal("/pods?class=in_doubt", new Uri(Address.Uri).PathAndQuery));
        page.WaitForAssertion(() => Assert.Contains("age 3 min", Assert.Single(page.FindAll("table.pods tbody tr")).TextContent, StringComparison.Ordinal));
    }

    [Fact]
    public void Age_OfAPodFromAClockThatIsAhead_IsNoCountdown()
    {
        queries.List(Start, Unknown(1) with { CreatedAt = Start.AddMinutes(4) });

        string row = Show().Find("table.pods tbody tr").TextContent;
        Assert.Contains("age 0 s", row, StringComparison.Ordinal);
        Assert.DoesNotContain("in 4 min", row, StringComparison.Ordinal);
    }

    /// <summary>Each sum says for itself whether a price in it is not known yet; a listing would have that of a pod that it shows.</summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Figures_WithAPriceThatIsNotKnown_SayUpTo(bool ofWaste, bool ofUnlisted)
    {
        LedgerPod waste = PodSamples.Row(1, Start.AddHours(-1), PodWant.Released);
        LedgerPod unlisted = PodSamples.Row(2, Start.AddHours(-1));
        queries.Ledger.AddRange([waste with { HourlyRate = ofWaste ? null : PodSamples.Rate }, unlisted with { HourlyRate = ofUnlisted ? null : PodSamples.Rate }]);
        if (ofUnlisted)
        {
            queries.List(Start, PodSamples.Of(waste));
        }

        IRenderedComponent<PodsPage> page = Show();
        IRenderedComponent<PodsTile> tile = Render<PodsTile>();
        tile.WaitForAssertion(() => tile.Find("a.tile"));

        IElement[] totals = [.. page.FindAll(".totals > div")];
        Assert.Equal(ofUnlisted, totals[0].TextContent.Contains("1 of them not listed any more, up to $", StringComparison.Ordinal));
        Assert.StartsWith("up to ", totals[1].QuerySelector("dd")!.TextContent, StringComparison.Ordinal);
        Assert.Equal(ofWaste, totals[2].TextContent.Contains("1 pod, up to $", StringComparison.Ordinal));
        Assert.Equal(ofWaste, tile.Markup.Contains("nothing needs 1, up to $", StringComparison.Ordinal));
    }

    [Fact]
    public void Totals_TheOnlyPodNotListedAnyMore_IsSaidSo()
    {
        queries.Ledger.Add(PodSamples.Row(1, Start.AddHours(-1)));
        queries.List(Start);

        Assert.Equal(["1", "Not listed any more, $0.60/h of the cost now"], Show().FindAll(".totals > div")[0].QuerySelectorAll("dd").Select(one => one.TextContent));
    }

    [Fact]
    public void Tile_OfTheOverview_CountsAndPricesWhatThePageDoes()
    {
        queries.Ledger.Add(PodSamples.Row(3, Start.AddHours(-1)));
        queries.List(Start.AddSeconds(-20), Unknown(1), Unknown(2), PodSamples.Of(queries.Ledger[0]), PodSamples.Stranger("box1", "somebody-else", Start.AddHours(-2)));
        IRenderedComponent<PodsPage> page = Show();
        IRenderedComponent<PodsTile> tile = Render<PodsTile>();
        tile.WaitForAssertion(() => tile.Find("a.tile"));

        IElement[] totals = [.. page.FindAll(".totals dd")];
        Assert.Equal("3", totals[0].TextContent.Trim());
        Assert.Equal(totals[0].TextContent.Trim(), tile.Find(".tile-figure").TextContent.Trim());
        Assert.Contains("$1.80/h", page.Find(".totals").TextContent, StringComparison.Ordinal);
        Assert.Contains("$1.80/h", tile.Find(".tile-note").TextContent, StringComparison.Ordinal);
        Assert.Contains("nothing needs 2, $1.20/h", tile.Find(".tile-note").TextContent, StringComparison.Ordinal);
        Assert.Equal("/pods", tile.Find("a.tile").GetAttribute("href"));
    }

    [Fact]
    public void Tile_OfAnOldListing_IsShownAsStale()
    {
        queries.List(Start.AddMinutes(-2), Unknown(1));
        IRenderedComponent<PodsTile> tile = RenderPage<PodsTile>();
        tile.WaitForAssertion(() => Assert.Empty(tile.FindAll(".stale")));

        queries.List(Start.AddMinutes(-4), Unknown(1));
        TellChange();

        tile.WaitForAssertion(() => Assert.NotEmpty(tile.FindAll(".stale")));
    }

    [Fact]
    public void Tile_WhereTheAccountIsNotListed_SaysThatItKnowsTheLedgerAlone()
    {
        queries.Ledger.Add(PodSamples.Row(1, Start.AddHours(-1), PodWant.Released, PodSaw.Leaking));
        IRenderedComponent<PodsTile> tile = RenderPage<PodsTile>();

        tile.WaitForAssertion(() => Assert.Contains("by the ledger alone", tile.Find(".tile-note").TextContent, StringComparison.Ordinal));
        Assert.Contains("1 leaking", tile.Find(".tile-note").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void Buttons_WithoutPermission_AreNotThere()
    {
        Person.SetPolicies(Permissions.ReadPods);
        ShowThree();
        IRenderedComponent<PodsPage> page = Show();

        Assert.DoesNotContain(page.FindAll("button"), button => button.TextContent.Trim() is "Look now" or "End" or "Ours" or "Not ours");
    }

    [Fact]
    public void Buttons_OfAReleasedPod_DoNotOfferToEndItAgain()
    {
        LedgerPod ending = PodSamples.Row(1, Start.AddHours(-1), PodWant.Released, PodSaw.Terminating);
        queries.Ledger.Add(ending);
        queries.List(Start, PodSamples.Of(ending));

        Assert.DoesNotContain(Show().FindAll("button"), button => button.TextContent.Trim() == "End");
    }

    [Fact]
    [Trait("Requirement", "E4")]
    public void Buttons_OfALeakingPod_OfferToAskAgainAtOnce()
    {
        LedgerPod leaking = PodSamples.Row(1, Start.AddHours(-1), PodWant.Released, PodSaw.Leaking);
        queries.Ledger.Add(leaking);
        queries.List(Start, PodSamples.Of(leaking));

        Press(Show(), "End again");

        Dialogs.WaitForAssertion(() => Assert.Contains("It is asked again at once", Dialogs.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void Claim_ForeignIsOurs_ReachesTheDeskWithItsReason()
    {
        ShowThree();
        IRenderedComponent<PodsPage> page = Show();
        Press(page, "Ours");
        Dialogs.WaitForAssertion(() => Dialogs.Find("#confirm-reason"));
        Dialogs.Find("#confirm-reason").Input("left from a test");
        Press(Dialogs, "It is ours");

        Assert.Equal(("box1", ClaimVerdict.Ours, "left from a test"), Assert.Single(desk.Claimed));
        Assert.Contains("Noted", Dialogs.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Claim_PermissionTakenMeanwhile_IsRefusedAtTheEvent()
    {
        ShowThree();
        IRenderedComponent<PodsPage> page = Show();
        Press(page, "Ours");
        Dialogs.WaitForAssertion(() => Dialogs.Find("#confirm-reason"));
        Person.SetPolicies(Permissions.ReadPods);
        Dialogs.Find("#confirm-reason").Input("left from a test");
        Press(Dialogs, "It is ours");

        Assert.Empty(desk.Claimed);
        Assert.Contains("You may not say", Dialogs.Markup, StringComparison.Ordinal);
    }

    private static ProviderPod Unknown(int number) =>
        PodSamples.Stranger($"pod{number:00000}", PodNames.For(PodSamples.Installation, PodSamples.Job(number), 1, 1), Start.AddHours(-1));

    private void ShowThree()
    {
        LedgerPod needed = PodSamples.Row(1, Start.AddHours(-1));
        LedgerPod held = PodSamples.Row(2, Start.AddHours(-1), PodWant.Held, PodSaw.Exited);
        queries.Ledger.AddRange([needed, held]);
        queries.List(Start, PodSamples.Of(needed), PodSamples.Of(held, "EXITED"), PodSamples.Stranger("box1", "somebody-else", Start.AddHours(-2)));
    }

    private IRenderedComponent<PodsPage> Show()
    {
        IRenderedComponent<PodsPage> page = RenderPage<PodsPage>();
        page.WaitForAssertion(() => page.Find(".totals"));
        return page;
    }

    private static void Press<T>(IRenderedComponent<T> within, string text)
        where T : IComponent =>
        within.FindAll("button").Single(button => button.TextContent.Trim() == text).Click();
}
