using System.Text.RegularExpressions;
using Bunit;
using LoraAdmin.Budget;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Budget;

public sealed partial class BudgetPageTests : LoraBunitContext
{
    private readonly PageMoney money = new() { Board = BudgetSamples.Board() };

    public BudgetPageTests()
    {
        Services.AddSingleton<IBudgetQueries>(money);
        Services.AddSingleton<IProviderMoney>(money);
        Services.AddSingleton<IBudgetDesk>(new PageLimits());
    }

    [Fact]
    public void Database_Away_IsNotAnEmptyLedger()
    {
        money.Away = "The database is away.";
        IRenderedComponent<BudgetPage> page = RenderPage<BudgetPage>();

        page.WaitForAssertion(() => Assert.Contains("Could not read the budget.", page.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain("$0.00", page.Markup, StringComparison.Ordinal);
        Assert.DoesNotContain("Nothing is booked yet", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Database_ThatGoesAway_LeavesTheOldFiguresAndSaysSo()
    {
        IRenderedComponent<BudgetPage> page = Loaded();
        money.Away = "The database is away.";
        TellChange();

        page.WaitForAssertion(() => Assert.Contains("Could not read the budget.", page.Markup, StringComparison.Ordinal));
        Assert.Equal("$93.00", Tile(page, "Spent"));
    }

    [Fact]
    public void Tiles_SayWhatWasRead()
    {
        IRenderedComponent<BudgetPage> page = Loaded();

        Assert.Equal(
            ["$93.00", "$4.00", "$103.00", "$200.00", "$150.00", "$200.00"],
            new[] { "Spent", "Reserved", "Free", "Limit", "Warning mark", "Most this month can cost" }.Select(label => Tile(page, label)));
        string spent = Words(page.FindAll(".totals > div")[0].TextContent);
        Assert.Contains("$1.00 accrued by what runs", spent, StringComparison.Ordinal);

        // A dollar an hour for six minutes.
        Assert.Contains("$1.00/h now; $0.10 more since 6 min ago", spent, StringComparison.Ordinal);
        Assert.EndsWith("by 1 attempt not settled yet", Words(page.FindAll(".totals > div")[1].TextContent).Trim(), StringComparison.Ordinal);
    }

    /// <summary>In a month's first hours most of what runs is the month before's.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public void Spent_SaysApartWhatRunsForAnEarlierMonthAndThatAPriceIsNotKnown()
    {
        money.Board = BudgetSamples.Board(read => read with
        {
            Work = read.Work with
            {
                Running = [.. read.Work.Running.Select(one => one with { Month = new Month(2026, 10), Rest = BudgetSamples.Dollars(0.07m), IsAtWorst = true })],
            },
        });

        Assert.Equal(
            ["$1.00 accrued by what runs", "up to $1.00/h now; $0.03 more since 6 min ago", "$0.07 more for an earlier month"],
            Loaded().FindAll(".totals > div")[0].QuerySelectorAll(".note").Select(note => Words(note.TextContent)));
    }

    [Theory]
    [InlineData(5_100, 31_815_100, "$0.01", "$31.82", "$168.17", "168.179800 US dollars")]
    [InlineData(5_005_000, 194_995_000, "$5.01", "$195.00", "$0.00", "0.000000 US dollars")]
    public void Tiles_AddUpAsTheyAreRead(long spent, long reserved, string shown, string set, string free, string exactly)
    {
        money.Board = BudgetSamples.Board(read => read with { Month = read.Month with { Spent = new Usd(spent), Reserved = new Usd(reserved) } });
        IRenderedComponent<BudgetPage> page = Loaded();

        Assert.Equal((shown, set, free), (Tile(page, "Spent"), Tile(page, "Reserved"), Tile(page, "Free")));
        Assert.Equal(exactly, page.FindAll(".totals > div")[2].QuerySelector(".money")!.GetAttribute("title"));
        Assert.EndsWith($"; {free} free.", page.Find(".gauge[role=img]").GetAttribute("aria-label"), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public void Reserved_SaysWhatOfItIsForJobsThatHaveEnded()
    {
        money.Board = BudgetSamples.Board(read => read with { Work = read.Work with { Ended = new HashSet<JobId> { BudgetSamples.IdOf(1), BudgetSamples.IdOf(2) } } });
        AngleSharp.Dom.IElement note = Loaded().Find(".of-ended");

        Assert.Equal(
            $"$4.00 of it for a job that has ended, until nothing of it can cost money any more: …{BudgetSamples.IdOf(1).Tail}",
            string.Join(' ', note.TextContent.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
        Assert.Equal($"/training/{BudgetSamples.IdOf(1)}", note.QuerySelector("a")!.GetAttribute("href"));
    }

    [Fact]
    public void Forecast_SaysTheMonthsEndAndThatTheLimitHolds()
    {
        IRenderedComponent<BudgetPage> page = Loaded();

        // 93, half of the 4 that are reserved, and 6.625 days of 4.
        Assert.Equal(
            "At the pace of the last 28 days ($4.00 a day) November 2026 ends at $121.51; in 8 of 10 such months between $119.50 and $123.50. "
            + "The limit of $200.00 is not expected to be reached.",
            Words(page.Find(".forecast").TextContent));
        Assert.StartsWith("Left of the limit of $200.00: $107.00 now, $78.49 expected", page.Find("figure svg").GetAttribute("aria-label"), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "M5")]
    public void Forecast_ThatPassesTheLimit_NamesTheMinute()
    {
        money.Board = BudgetSamples.Board(read => read with { Month = read.Month with { Limit = BudgetSamples.Dollars(111) } });
        IRenderedComponent<BudgetPage> page = Loaded();

        // 16 of room at 4 a day.
        Assert.Contains("The limit of $111.00 is expected to be reached on 28 November, 08:57 UTC, in 4 d", Words(page.Find(".forecast").TextContent), StringComparison.Ordinal);
        Assert.Contains("Jobs are refused before that", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Forecast_OfAYoungPortal_SaysWhatItLacks()
    {
        money.Board = BudgetSamples.Board(read => read with { KnownSince = new DateOnly(2026, 11, 23) });
        IRenderedComponent<BudgetPage> page = Loaded();

        Assert.Equal("No forecast yet: it needs 7 whole days of history, and there is 1.", Words(page.Find(".forecast").TextContent));
        Assert.Empty(page.FindAll("polygon.band"));
    }

    [Fact]
    public void LimitReached_IsSaidInWords()
    {
        money.Board = BudgetSamples.Board(read => read with { Month = read.Month with { Limit = BudgetSamples.Dollars(90) } });
        IRenderedComponent<BudgetPage> page = Loaded();

        Assert.Equal("-$7.00", Tile(page, "Free"));
        Assert.Equal("$97.00", Tile(page, "Most this month can cost"));
        Assert.Contains("nothing is admitted", page.Markup, StringComparison.Ordinal);
        Assert.Contains("The limit of $90.00 is spent or reserved already.", page.Markup, StringComparison.Ordinal);
    }

    /// <summary>The next job would reserve $4.02, as the answer to "What if" says on the same page.</summary>
    [Theory]
    [InlineData(4.01, false, "$4.01", "less than the $4.02 that the next job would reserve: it may be refused", "$4.01 free: jobs may be refused")]
    [InlineData(4.02, false, "$4.02", "can still be reserved", "by its end")]
    [InlineData(4.01, true, "$4.01", "can still be reserved", "by its end")]
    [InlineData(0, true, "$0.00", "the limit is soft", "by its end")]
    [InlineData(-4, true, "-$4.00", "nothing is admitted", "The limit is reached")]
    [InlineData(0, false, "$0.00", "nothing is admitted", "The limit is reached")]
    [Trait("Requirement", "M6")]
    public void Free_LessThanAJobReserves_IsSaidOnTileAndPage(double free, bool isSoft, string shown, string note, string ofTile)
    {
        BudgetMode mode = isSoft ? BudgetMode.Soft : BudgetMode.Hard;
        money.Board = BudgetSamples.Board(read => read with { Month = read.Month with { Limit = BudgetSamples.Dollars(97 + (decimal)free), Mode = mode } });
        Address.NavigateTo($"/budget?limit={97 + (decimal)free}");
        IRenderedComponent<BudgetPage> page = Loaded();
        IRenderedComponent<BudgetTile> tile = Render<BudgetTile>();
        tile.WaitForAssertion(() => Assert.Contains(ofTile, Words(tile.Find("a.tile").TextContent), StringComparison.Ordinal));

        AngleSharp.Dom.IElement total = page.FindAll(".totals > div")[2];
        Assert.Equal(
            (shown, note, note != "can still be reserved"), (Tile(page, "Free"), Words(total.QuerySelector(".note")!.TextContent), total.ClassList.Contains("tone-bad")));
        bool admits = note is not "nothing is admitted" && !note.EndsWith("refused", StringComparison.Ordinal);
        Assert.Equal(admits, !page.Find(".answer").TextContent.Contains("Nothing would be admitted from now on.", StringComparison.Ordinal));
    }

    /// <summary>Attempts that went to the fallback reserved $13 each: five more jobs on a pod would be admitted.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public void Free_AfterDearAttemptsElsewhere_IsHeldAgainstWhatTheNextJobReserves()
    {
        money.Board = BudgetSamples.Board(read => read with
        {
            Month = read.Month with { Limit = BudgetSamples.Dollars(103) },
            Days =
            [
                Elsewhere(EntryKind.Reserve, null, 0, 3_770), Elsewhere(EntryKind.Settle, null, 0, -3_770), Elsewhere(EntryKind.Settle, CostPurpose.Training, 580, 0),
                .. read.Days.Where(static day => day.Kind != EntryKind.Settle),
                new LedgerDay(new DateOnly(2026, 11, 23), BudgetSamples.November, EntryKind.Settle, null, 710, Usd.Zero, BudgetSamples.Dollars(-823.6m)),
                new LedgerDay(new DateOnly(2026, 11, 23), BudgetSamples.November, EntryKind.Settle, CostPurpose.Training, 710, BudgetSamples.Dollars(170), Usd.Zero),
            ],
            JobReserves = BudgetSamples.Dollars(1.16m),
        });
        Address.NavigateTo("/budget?limit=103");
        IRenderedComponent<BudgetPage> page = Loaded();
        IRenderedComponent<BudgetTile> tile = Render<BudgetTile>();
        tile.WaitForAssertion(() => tile.Find("a.tile"));

        Assert.DoesNotContain("refused", tile.Markup, StringComparison.Ordinal);
        Assert.Equal("can still be reserved", Words(page.FindAll(".totals > div")[2].QuerySelector(".note")!.TextContent));

        // The 290 attempts elsewhere reserved 13 and cost 2 dollars each, the 710 on pods 170 dollars: 75 cents each.
        Assert.Contains(
            "room for 5 jobs at once, as each reserves $1.16; or for about 7 attempts one after the other, as an attempt takes $0.75 of its reservation on average.", Words(page.Find(".answer").TextContent), StringComparison.Ordinal);

        static LedgerDay Elsewhere(EntryKind kind, CostPurpose? purpose, decimal spent, decimal reserved) =>
            new(new DateOnly(2026, 11, 23), BudgetSamples.November, kind, purpose, 290, BudgetSamples.Dollars(spent), BudgetSamples.Dollars(reserved));
    }

    [Fact]
    public void SoftLimit_HasNoMost()
    {
        money.Board = BudgetSamples.Board(read => read with { Month = read.Month with { Mode = BudgetMode.Soft } });
        IRenderedComponent<BudgetPage> page = Loaded();

        Assert.Equal("no bound", Tile(page, "Most this month can cost"));
        Assert.Contains("soft: jobs are refused once it is spent", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void LedgerThatDoesNotAddUp_IsAnAlarm()
    {
        IRenderedComponent<BudgetPage> page = Loaded();
        Assert.DoesNotContain("does not add up", page.Markup, StringComparison.Ordinal);
        money.Board = BudgetSamples.Board(read => read with { Month = read.Month with { Spent = BudgetSamples.Dollars(94) } });
        TellChange();

        const string Alarm = "says $94.00 spent and $4.00 reserved; its entries come to $93.00 and $4.00";
        page.WaitForAssertion(() => Assert.Contains(Alarm, Words(page.Find("[role=alert]").TextContent), StringComparison.Ordinal));
    }

    [Fact]
    public void Waterfall_StepsFromPurposeToPurposeToTheTotal()
    {
        IRenderedComponent<BudgetPage> page = Loaded();

        string[] rows =
        [
            .. page.FindAll(".waterfall tbody tr").Select(row => string.Join(
                '|', row.QuerySelectorAll("td.num").Select(cell => cell.TextContent.Trim()).Prepend(row.QuerySelector("td.stack-head")!.FirstChild!.TextContent.Trim()))),
        ];
        Assert.Equal(
            [
                "Training|$87.00|74.4 %|$2.18", "Validation|$0.00|0.0 %|$0.00", "Failed attempts|$29.00|24.8 %|$0.73", "Idle|$0.00|0.0 %|$0.00",
                "Orphans|$0.00|0.0 %|$0.00", "Running|$1.00|0.9 %|$0.03", "All|$117.00|100.0 %|$2.93",
            ],
            rows);
        Assert.Contains("A completed LoRA cost $2.93 (target: less than $2.02, not met), above the mark of $2.50. 24.8 % of it was waste.", Panel(page, "budget-cost").TextContent, StringComparison.Ordinal);
        string failed = page.FindAll(".waterfall .bar > span")[2].GetAttribute("style")!;
        Assert.StartsWith("margin-left:74.36%;width:24.79%", failed, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(46, true, "A completed LoRA cost $2.54 (target: less than $2.02, not met), above the mark of $2.50.")]
    [InlineData(47, false, "A completed LoRA cost $2.49 (target: less than $2.02, not met), within the mark of $2.50.")]
    [InlineData(58, false, "A completed LoRA cost $2.02 (target: less than $2.02, not met), within the mark of $2.50.")]
    [InlineData(59, false, "A completed LoRA cost $1.98 (target: less than $2.02, met), within the mark of $2.50.")]
    [InlineData(4, false, "A completed LoRA cost $29.25 (target: less than $2.02), of 4 only: one of them can make the average.")]
    [Trait("Requirement", "M4")]
    [Trait("Requirement", "M12")]
    public void AverageCost_IsHeldAgainstItsMark(int completed, bool isDear, string words)
    {
        money.Board = BudgetSamples.Board(read => read with { Work = read.Work with { CompletedLoras = completed } });
        IRenderedComponent<BudgetPage> page = Loaded();

        Assert.Contains(words, Panel(page, "budget-cost").TextContent, StringComparison.Ordinal);
        Assert.Equal(isDear, Panel(page, "budget-cost").QuerySelector(".chip.tone-warn") is not null);
    }

    [Theory]
    [InlineData(97.01, "not reached")]
    [InlineData(97, "reached by what is spent and reserved")]
    [InlineData(93, "reached by what is spent and reserved")]
    [InlineData(92.99, "passed by what is spent: it is told")]
    [Trait("Requirement", "M5")]
    public void WarningMark_SaysWhetherItIsReachedOrPassed(double mark, string words)
    {
        BudgetRules rules = new(BudgetSamples.Dollars(200), BudgetSamples.Dollars((decimal)mark));
        money.Board = BudgetSamples.Board(read => read with { Limit = BudgetLimit.Of(rules) });
        IRenderedComponent<BudgetPage> page = Loaded();

        AngleSharp.Dom.IElement tile = page.FindAll(".totals > div").Single(one => one.QuerySelector("dt")!.TextContent == "Warning mark");
        Assert.Equal(words, tile.QuerySelector(".note")!.TextContent);
        Assert.Equal(words != "not reached", tile.ClassList.Contains("tone-warn"));
    }

    [Fact]
    public void WhatIf_InTheAddress_IsAnswered()
    {
        WaitingJob[] waiting = [.. Enumerable.Range(2, 4).Select(number => new WaitingJob(BudgetSamples.IdOf((byte)number), 1, $"LoRA {number}", Start.AddMinutes(-number)))];
        money.Board = BudgetSamples.Board(read => read with
        {
            Work = read.Work with { Waiting = waiting, WaitingCount = 4 },
            Open = [.. read.Open, .. waiting.Select(job => new Reservation(Guid.Empty, job.Job, 1, BudgetSamples.November, BudgetSamples.Dollars(2), Start, null, null))],
        });
        Address.NavigateTo("/budget?limit=150");
        IRenderedComponent<BudgetPage> page = Loaded();

        Assert.Equal(
            [
                "None of the 4 queued jobs would be blocked: each keeps the money that it reserved when it was accepted. An attempt after a lost pod has to reserve anew.",
                "$93.00 spent and $4.00 reserved would leave $53.00 of $150.00.",
                "That is room for 13 jobs at once, as each reserves $4.02; or for about 25 attempts one after the other, as an attempt takes $2.00 of its reservation on average. "
                    + "What a completed LoRA cost, above, has attempts that came to nothing and waste in it.",
                "It is expected to last to the end of November 2026.",
            ],
            page.FindAll(".answer li").Select(line => line.TextContent));
    }

    [Theory]
    [InlineData(1, 0, 150, "The queued job would not be blocked: it holds no reservation and has to reserve anew.")]
    [InlineData(1, 0, 97, "The queued job would be blocked: it holds no reservation and has to reserve anew.")]
    [InlineData(2, 0, 150, "None of the 2 queued jobs would be blocked: none of them holds a reservation, each has to reserve anew.")]
    [InlineData(2, 1, 97, "1 of the 2 queued jobs would be blocked: 1 keeps its reservation, the other one has to reserve anew.")]
    [InlineData(4, 2, 150, "None of the 4 queued jobs would be blocked: 2 keep their reservations, the others have to reserve anew.")]
    public void WhatIf_OfQueuedJobsThatHoldNothing_SaysThatTheyReserveAnew(int count, int keep, int limit, string line)
    {
        WaitingJob[] waiting = [.. Enumerable.Range(2, count).Select(number => new WaitingJob(BudgetSamples.IdOf((byte)number), 1, $"LoRA {number}", Start.AddMinutes(-number)))];
        money.Board = BudgetSamples.Board(read => read with
        {
            Work = read.Work with { Waiting = waiting, WaitingCount = count },
            Open = [.. read.Open, .. waiting.Take(keep).Select(job => new Reservation(Guid.Empty, job.Job, 1, BudgetSamples.November, BudgetSamples.Dollars(2), Start, null, null))],
        });
        Address.NavigateTo($"/budget?limit={limit}");

        Assert.Equal(line, Loaded().FindAll(".answer li")[0].TextContent);
    }

    /// <summary>There is no such figure above that it could point to.</summary>
    [Fact]
    public void WhatIf_WhereNoLoraWasCompleted_SaysNothingOfWhatOneCost()
    {
        money.Board = BudgetSamples.Board(read => read with { Work = read.Work with { CompletedLoras = 0 } });
        Address.NavigateTo("/budget?limit=150");
        IRenderedComponent<BudgetPage> page = Loaded();

        string room = page.FindAll(".answer li").Select(line => line.TextContent).Single(static line => line.StartsWith("That is room for", StringComparison.Ordinal));
        Assert.EndsWith("as an attempt takes $2.00 of its reservation on average.", room, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-5", "A limit lies between 0 and 1,000,000,000 dollars.")]
    [InlineData("1e400", "This is no amount of dollars.")]
    [InlineData("many", "This is no amount of dollars.")]
    [InlineData("12,50", "This is no amount of dollars.")]
    [InlineData("2000000000", "A limit lies between 0 and 1,000,000,000 dollars.")]
    public void WhatIf_BadInput_SaysWhatIsWrong(string text, string problem)
    {
        Address.NavigateTo($"/budget?limit={Uri.EscapeDataString(text)}");
        IRenderedComponent<BudgetPage> page = Loaded();

        Assert.Contains(problem, page.Markup, StringComparison.Ordinal);
        Assert.Empty(page.FindAll(".answer"));
    }

    [Fact]
    public async Task WhatIf_Typed_StandsInTheAddress()
    {
        IRenderedComponent<BudgetPage> page = Loaded();

        // On the renderer's own turn: the field's timer is there when the clock moves.
        await page.InvokeAsync(() => page.Find("#what-if-limit").Input(" $1,200.50 "));
        Clock.Advance(TimeSpan.FromSeconds(1));

        page.WaitForAssertion(() => Assert.EndsWith("/budget?limit=%241%2C200.50", Address.Uri, StringComparison.Ordinal));
        page.WaitForAssertion(() => Assert.Contains("of $1200.50", page.Find(".answer").TextContent, StringComparison.Ordinal));
    }

    [Fact]
    public void Balance_ThatCouldNotBeRead_IsNeverNought()
    {
        money.Balance = BudgetSamples.NoBalance with { FailingSince = Start.AddHours(-2), Failure = "HTTP 500 from the provider." };
        IRenderedComponent<BudgetPage> page = Loaded();

        page.WaitForAssertion(() => Assert.Contains("HTTP 500 from the provider.", page.Markup, StringComparison.Ordinal));
        Assert.Contains("could not be read", Fact(page, "Left"), StringComparison.Ordinal);
        Assert.DoesNotContain("Lasts", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void Balance_ThatIsOld_SaysHowOld()
    {
        money.Balance = BudgetSamples.NoBalance with { Balance = BudgetSamples.Dollars(18), ReadAt = Start.AddHours(-3), FailingSince = Start.AddHours(-2), Failure = "HTTP 500." };
        IRenderedComponent<BudgetPage> page = Loaded();

        page.WaitForAssertion(() => Assert.Contains("The figure below is the last one known.", page.Markup, StringComparison.Ordinal));
        Assert.Contains("$18.00 as read 3 h ago", Fact(page, "Left"), StringComparison.Ordinal);
    }

    [Fact]
    public void Runway_SaysHowLongItLastsAndWhoWaits()
    {
        money.Balance = new BalanceView(
            BudgetSamples.Dollars(18), Start, null, null, 2, BudgetSamples.Dollars(2), BudgetSamples.Dollars(2.5m), BudgetSamples.Dollars(20), Start.AddHours(9), true,
            [new WaitsForBalance(BudgetSamples.IdOf(9), "Mara", Start.AddHours(-1), "RunPod's balance is $18.00")], Start);
        IRenderedComponent<BudgetPage> page = Loaded();

        page.WaitForAssertion(() => Assert.Contains("9 h at this pace, until 24 November, 18:00 UTC", Fact(page, "Lasts"), StringComparison.Ordinal));
        Assert.Contains("$2.00/h by 2 pods of ours and $2.50/h by the whole account", Fact(page, "Spent now"), StringComparison.Ordinal);
        Assert.Contains("more than is left", Fact(page, "May still be taken"), StringComparison.Ordinal);
        Assert.Equal($"/training/{BudgetSamples.IdOf(9)}", page.Find(".waiting a").GetAttribute("href"));
    }

    [Fact]
    public void Drift_ShowsWhatDiffersFirst()
    {
        PodDrift agrees = new("pod1", "lora-1", BudgetSamples.IdOf(1), 1, BudgetSamples.Dollars(2), Usd.Zero, BudgetSamples.Dollars(2), DriftState.Agrees, "It agrees", Start.AddDays(-1));
        PodDrift differs = agrees with { PodId = "pod2", Billed = BudgetSamples.Dollars(2.5m), State = DriftState.Differs, Why = "Billed more" };
        PodDrift strange = new("pod3", null, null, null, Usd.Zero, Usd.Zero, BudgetSamples.Dollars(7), DriftState.NotOurs, "Never in the ledger", null);
        PodDrift small = agrees with { PodId = "pod4", Booked = BudgetSamples.Dollars(0.008m), Billed = null };
        money.Drift = new DriftReport(Start.AddDays(-30), Start, [agrees, small, differs, strange], IsCut: false);
        IRenderedComponent<BudgetPage> page = Loaded();

        page.WaitForAssertion(() => Assert.Equal(["pod2", "pod3", "pod1", "pod4"], Panel(page, "drift").QuerySelectorAll("td.stack-head code").Select(cell => cell.TextContent)));
        string words = Words(Panel(page, "drift").TextContent);
        Assert.Contains("Of 2 pods that ended in the last 30 days and whose whole bill is known: $4.00 booked, $0.00 corrected, $4.50 billed.", words, StringComparison.Ordinal);
        Assert.Contains("1 more pod cost less than a cent a day and has no bill: $0.008 booked.", words, StringComparison.Ordinal);
        Assert.Contains("corrects $0.50", words, StringComparison.Ordinal);
        Assert.Contains("$7.00 for pods that are not ours", words, StringComparison.Ordinal);
        Assert.Contains("+$0.50", words, StringComparison.Ordinal);
    }

    [Fact]
    public void Drift_HasTheLargestFirst_AlsoWhenAllAreShown()
    {
        PodDrift Pod(string id, DriftState state, decimal? drift) => new(
            id, $"lora-{id}", BudgetSamples.IdOf(1), 1, BudgetSamples.Dollars(2), Usd.Zero, drift is { } more ? BudgetSamples.Dollars(2 + more) : null, state, "Why", Start.AddDays(-1));
        PodDrift[] pods =
        [
            Pod("lives", DriftState.Alive, null),
            Pod("agrees", DriftState.Agrees, 0),
            Pod("corrected", DriftState.Agrees, -1.5m),
            Pod("unbilled", DriftState.Incomplete, null),
            Pod("little", DriftState.Differs, 0.02m),
            Pod("less", DriftState.Differs, -0.9m),
            Pod("more", DriftState.Differs, 0.5m),
            Pod("strange", DriftState.NotOurs, 7),
            .. Enumerable.Range(1, 4).Select(number => Pod($"late{number}", DriftState.Waiting, null)),
        ];
        string[] order = ["less", "more", "little", "unbilled", "strange", "corrected", "agrees", "lives", "late1", "late2", "late3", "late4"];
        money.Drift = new DriftReport(Start.AddDays(-30), Start, pods, IsCut: false);
        IRenderedComponent<BudgetPage> page = Loaded();

        page.WaitForAssertion(() => Assert.Equal(order.Take(10), Listed()));
        Button(page, "Show all 12").Click();
        page.WaitForAssertion(() => Assert.Equal(order, Listed()));

        IEnumerable<string> Listed() => Panel(page, "drift").QuerySelectorAll("td.stack-head code").Select(cell => cell.TextContent);
    }

    [Fact]
    public void Prices_ShowThePresentFirst_AndAllOnRequest()
    {
        money.Prices.Add(new PriceSpan("NVIDIA A40", BudgetSamples.Dollars(0.39m), Start.AddDays(-1), null));
        money.Prices.Add(new PriceSpan("NVIDIA A40", BudgetSamples.Dollars(0.35m), Start.AddDays(-20), Start.AddDays(-1)));
        IRenderedComponent<BudgetPage> page = Loaded();
        page.WaitForAssertion(() => Assert.Contains("$0.39", Panel(page, "prices").TextContent, StringComparison.Ordinal));
        Assert.DoesNotContain("$0.35", Panel(page, "prices").TextContent, StringComparison.Ordinal);

        Button(page, "Show all, with the earlier ones").Click();

        page.WaitForAssertion(() => Assert.Contains("$0.35", Panel(page, "prices").TextContent, StringComparison.Ordinal));
    }

    [Fact]
    public void EmptyLedger_SaysSo()
    {
        IRenderedComponent<BudgetPage> page = Loaded();

        Assert.Contains("Nothing is booked yet", page.Markup, StringComparison.Ordinal);
        Assert.Contains("what the configuration says from the beginning", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void History_OfTheLimit_SaysWhoAndWhy()
    {
        BudgetRules before = new(BudgetSamples.Dollars(200), BudgetSamples.Dollars(150));
        money.Board = money.Board with
        {
            Changes =
            [
                new BudgetLimitChange(
                    BudgetSamples.IdOf(5).Value,
                    Start.AddDays(-1),
                    new Actor(ActorKind.Person, "ada"),
                    "a quiet month",
                    before,
                    before with { MonthlyLimit = BudgetSamples.Dollars(120), Mode = BudgetMode.Soft },
                    FollowsOptions: false),
            ],
        };
        IRenderedComponent<BudgetPage> page = Loaded();

        string row = Words(Panel(page, "limit-history").QuerySelector("tbody tr")!.TextContent);
        Assert.Contains("ada", row, StringComparison.Ordinal);
        Assert.Contains("$200.00 → $120.00", row, StringComparison.Ordinal);
        Assert.Contains("hard → soft", row, StringComparison.Ordinal);
        Assert.Contains("a quiet month", row, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "M5")]
    public void Tile_OnTheOverview_LeadsHere()
    {
        IRenderedComponent<BudgetTile> tile = RenderPage<BudgetTile>();

        tile.WaitForAssertion(() => Assert.Equal("$93.00", tile.Find(".tile-figure").TextContent));
        Assert.Equal("/budget", tile.Find("a.tile").GetAttribute("href"));
        Assert.Contains("$121.51 by its end", tile.Markup, StringComparison.Ordinal);
        money.Away = "The database is away.";
        TellChange();
        tile.WaitForAssertion(() => Assert.Contains("stale", tile.Find("a.tile").ClassName, StringComparison.Ordinal));
    }

    [Fact]
    public void Tile_ForSomebodyWithoutThePermission_IsNotThere()
    {
        Person.SetPolicies(Permissions.ViewPortal);

        Assert.Equal("", RenderPage<BudgetTile>().Markup.Trim());
    }

    private IRenderedComponent<BudgetPage> Loaded()
    {
        IRenderedComponent<BudgetPage> page = RenderPage<BudgetPage>();
        page.WaitForAssertion(() => Assert.NotEmpty(page.FindAll(".totals")));
        return page;
    }

    private static string Tile(IRenderedComponent<BudgetPage> page, string label) =>
        page.FindAll(".totals > div").Single(tile => tile.QuerySelector("dt")!.TextContent == label).QuerySelector("dd")!.TextContent.Trim();

    private static string Fact(IRenderedComponent<BudgetPage> page, string label) =>
        Words(page.FindAll("dl.facts dt").Single(term => term.TextContent == label).NextElementSibling!.TextContent);

    private static AngleSharp.Dom.IElement Panel(IRenderedComponent<BudgetPage> page, string heading) => page.Find($"section[aria-labelledby={heading}]");

    private static string Words(string text) => Blanks().Replace(text, " ").Trim();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
