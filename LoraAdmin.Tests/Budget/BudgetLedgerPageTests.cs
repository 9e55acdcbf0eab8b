using Bunit;
using LoraAdmin.Budget;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace LoraAdmin.Tests.Budget;

public sealed class BudgetLedgerPageTests : LoraBunitContext
{
    private readonly PageMoney money = new() { Board = BudgetSamples.Board() };

    public BudgetLedgerPageTests() => Services.AddSingleton<IBudgetQueries>(money);

    [Fact]
    public void Entries_OfTheMonth_WithTheirSumsAndTheMonthsRow()
    {
        Fill(3);
        IRenderedComponent<BudgetLedgerPage> page = RenderPage<BudgetLedgerPage>();

        page.WaitForAssertion(() => Assert.Equal(3, page.FindAll("tbody tr").Count));
        Assert.Equal(["3", "$3.00", "-$3.00", "says the same"], page.FindAll(".sums dd").Select(sum => sum.TextContent.Trim()));
        Assert.Equal("November 2026", page.Find(".months strong").TextContent);
        Assert.Equal("/budget/ledger.csv", page.Find("a[href$='.csv']").GetAttribute("href"));
    }

    /// <summary>Its own clock is in December, and jobs are admitted in November.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public void Month_OfAPortalWhoseClockIsInAnother_IsTheOneThatIsAdmittedIn()
    {
        Clock.Advance(TimeSpan.FromDays(10));
        Clocks.NoteAhead(TimeSpan.FromDays(10));
        Fill(3);
        IRenderedComponent<BudgetLedgerPage> page = RenderPage<BudgetLedgerPage>();

        page.WaitForAssertion(() => Assert.Equal(3, page.FindAll("tbody tr").Count));
        Assert.Equal("November 2026", page.Find(".months strong").TextContent);
        Assert.Equal(["October 2026"], page.FindAll(".months a").Select(link => link.GetAttribute("aria-label")));
    }

    [Fact]
    public void Entries_ThatDoNotComeToTheMonthsRow_SaySo()
    {
        Fill(1);
        money.Row = new BudgetMonth(BudgetSamples.November, BudgetSamples.Dollars(200), BudgetSamples.Dollars(9), Usd.Zero);
        IRenderedComponent<BudgetLedgerPage> page = RenderPage<BudgetLedgerPage>();

        page.WaitForAssertion(() => Assert.Equal("says $9.00 and $0.00", page.Find(".tie .chip").TextContent.Trim()));
    }

    [Fact]
    public void Amounts_KeepTheirFractionsOfACent()
    {
        money.Entries.Add(BudgetSamples.Entry(1, spent: 0.000001m, reserved: -1.5m));
        IRenderedComponent<BudgetLedgerPage> page = RenderPage<BudgetLedgerPage>();

        page.WaitForAssertion(() => Assert.Equal(["+$0.000001", "-$1.50"], page.FindAll("td.num").Select(cell => cell.TextContent.Trim())));
    }

    [Fact]
    public void EndOfALeak_IsNoLeakOfNothing()
    {
        money.Entries.Add(BudgetSamples.Entry(2, EntryKind.Leak, spent: 0.02m));
        money.Entries.Add(BudgetSamples.Entry(1, EntryKind.Leak) with { Note = "Pod p1 is gone; $0.02 in all were paid that nobody had reserved" });
        IRenderedComponent<BudgetLedgerPage> page = RenderPage<BudgetLedgerPage>();

        page.WaitForAssertion(() => Assert.Equal(["leak over", "leak"], page.FindAll("tbody .chip").Select(chip => chip.TextContent.Trim())));
    }

    [Fact]
    public void OlderPages_FollowTheKeyset_AndKeepTheSums()
    {
        Fill(120);
        IRenderedComponent<BudgetLedgerPage> page = RenderPage<BudgetLedgerPage>();
        page.WaitForAssertion(() => Assert.Equal(50, page.FindAll("tbody tr").Count));

        Follow(page, "Older");
        page.WaitForAssertion(() => Assert.Contains("51", page.FindAll("tbody tr")[0].GetAttribute("class") ?? page.Markup, StringComparison.Ordinal));
        Follow(page, "Older");
        page.WaitForAssertion(() => Assert.Equal(20, page.FindAll("tbody tr").Count));

        Assert.Equal("120", page.FindAll(".sums dd")[0].TextContent);
        Assert.DoesNotContain(page.FindAll("a"), link => link.TextContent.Trim() == "Older");
        Follow(page, "Newest");
        page.WaitForAssertion(() => Assert.Equal(50, page.FindAll("tbody tr").Count));
    }

    [Fact]
    public void Kinds_Toggled_StandInTheAddress()
    {
        Fill(2);
        money.Entries.Add(BudgetSamples.Entry(9, EntryKind.Leak, spent: 7));
        IRenderedComponent<BudgetLedgerPage> page = RenderPage<BudgetLedgerPage>();
        page.WaitForAssertion(() => Assert.Equal(3, page.FindAll("tbody tr").Count));

        page.FindAll("button.state-toggle").Single(button => button.TextContent.Trim() == "leak").Click();

        page.WaitForAssertion(() => Assert.Single(page.FindAll("tbody tr")));
        Assert.EndsWith("/budget/ledger?kind=leak", Address.Uri, StringComparison.Ordinal);
        Assert.Equal(["1", "$7.00", "$0.00"], page.FindAll(".sums dd").Select(sum => sum.TextContent.Trim()));
        Assert.Equal("/budget/ledger.csv?kind=leak", page.Find("a[href*='.csv']").GetAttribute("href"));
    }

    [Theory]
    [InlineData("kind=reserved", 1, null)]
    [InlineData("kind=price change&kind=reserve", 1, null)]
    [InlineData("kind=theft", 3, "The address asks for a kind that no entry has (theft): the list is shown without it.")]
    [InlineData("kind=reserve&kind=theft&kind=loss", 1, "The address asks for kinds that no entry has (theft, loss): the list is shown without them.")]
    public void Kinds_OfTheAddress_AreNamedAsThePageDoesOrSaidToBeNone(string query, int rows, string? words)
    {
        Fill(2);
        money.Entries.Add(BudgetSamples.Entry(9, EntryKind.Reserve, reserved: 7));
        Address.NavigateTo($"/budget/ledger?{query}");
        IRenderedComponent<BudgetLedgerPage> page = RenderPage<BudgetLedgerPage>();

        page.WaitForAssertion(() => Assert.Equal(rows, page.FindAll("tbody tr").Count));
        Assert.Equal(words, page.FindAll(".unknown").SingleOrDefault()?.TextContent);
    }

    [Theory]
    [InlineData("month=9999-12", "The address asks for a month that there is not (9999-12): the list shows November 2026. A month is written 2026-11.")]
    [InlineData("month=0001-01", "The address asks for a month that there is not (0001-01): the list shows November 2026. A month is written 2026-11.")]
    [InlineData("month=2026-13", "The address asks for a month that there is not (2026-13): the list shows November 2026. A month is written 2026-11.")]
    [InlineData("month=last&job=3f2b8c1e-9a4d-4c1b-8f0e-2d6a7b5c4e10", "The address asks for a month that there is not (last): the list shows every month. A month is written 2026-11.")]
    [InlineData("month=2026-10", null)]
    [InlineData("month=", null)]
    public void Month_OfTheAddressThatIsNone_IsSaidToBeNone(string query, string? words)
    {
        Address.NavigateTo($"/budget/ledger?{query}");
        IRenderedComponent<BudgetLedgerPage> page = RenderPage<BudgetLedgerPage>();

        Assert.Equal(words, page.FindAll(".unknown").SingleOrDefault()?.TextContent);
    }

    [Fact]
    public void Job_OfAnyMonth_IsFoundByItsId()
    {
        JobId job = BudgetSamples.IdOf(7);
        money.Entries.Add(BudgetSamples.Entry(1, spent: 1, job: job) with { Month = new Month(2026, 9) });
        money.Entries.Add(BudgetSamples.Entry(2, spent: 1));
        Address.NavigateTo($"/budget/ledger?job={job}");
        IRenderedComponent<BudgetLedgerPage> page = RenderPage<BudgetLedgerPage>();

        page.WaitForAssertion(() => Assert.Single(page.FindAll("tbody tr")));
        Assert.Equal("Every month", page.Find(".months strong").TextContent);
        Assert.Equal($"/training/{job}", page.Find("tbody a").GetAttribute("href"));
        Assert.Equal((null, job), (money.Filters[0].Month, money.Filters[0].Job));
    }

    /// <summary>Ids of jobs of one minute begin alike.</summary>
    [Theory]
    [InlineData("4b1f77aa")]
    [InlineData("job …4B1F77AA")]
    [InlineData("01a21849-4727-7f00-8000-00004b1f77aa")]
    public void Job_IsToldFromItsNeighboursAndFoundByWhatThePageShows(string typed)
    {
        JobId job = new(Guid.Parse("01a21849-4727-7f00-8000-00004b1f77aa"));
        money.Entries.Add(BudgetSamples.Entry(1, spent: 1, job: job));
        money.Entries.Add(BudgetSamples.Entry(2, spent: 1, job: new JobId(Guid.Parse("01a21849-4727-7f00-8000-00009c0e1d52"))));
        IRenderedComponent<BudgetLedgerPage> page = RenderPage<BudgetLedgerPage>();
        page.WaitForAssertion(() => Assert.Equal(["job …4b1f77aa", "job …9c0e1d52"], page.FindAll("tbody a").Select(link => link.TextContent)));
        Assert.Equal(job.ToString(), page.FindAll("tbody a")[0].GetAttribute("title"));

        Address.NavigateTo(new LedgerAddress(null, [], typed, null).ToUri());

        page.WaitForAssertion(() => Assert.Equal("job …4b1f77aa", Assert.Single(page.FindAll("tbody a")).TextContent));
    }

    [Fact]
    public void Job_ThatIsNoId_IsExplainedAndNotAskedFor()
    {
        Address.NavigateTo("/budget/ledger?job=mara");
        IRenderedComponent<BudgetLedgerPage> page = RenderPage<BudgetLedgerPage>();

        Assert.Contains("This is no job id.", page.Markup, StringComparison.Ordinal);
        Assert.Empty(money.Filters);
        Assert.Empty(page.FindAll("a[href*='.csv']"));
    }

    [Fact]
    public void Months_LeadBackAndNotIntoTheFuture()
    {
        Address.NavigateTo("/budget/ledger?month=2026-10");
        IRenderedComponent<BudgetLedgerPage> page = RenderPage<BudgetLedgerPage>();
        page.WaitForAssertion(() => Assert.Contains("Nothing was booked in this month", page.Markup, StringComparison.Ordinal));
        Assert.Equal(["/budget/ledger?month=2026-09", "/budget/ledger?month=2026-11"], page.FindAll(".months a").Select(link => link.GetAttribute("href")));

        Address.NavigateTo("/budget/ledger");

        page.WaitForAssertion(() => Assert.Equal(["/budget/ledger?month=2026-10"], page.FindAll(".months a").Select(link => link.GetAttribute("href"))));
    }

    [Fact]
    public void Filter_ThatMatchesNothing_IsNotAnEmptyLedger()
    {
        Fill(1);
        Address.NavigateTo("/budget/ledger?kind=correction");
        IRenderedComponent<BudgetLedgerPage> page = RenderPage<BudgetLedgerPage>();

        page.WaitForAssertion(() => Assert.Contains("No entry matches", page.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void Database_Away_IsNotAnEmptyLedger()
    {
        money.Away = "The database is away.";
        IRenderedComponent<BudgetLedgerPage> page = RenderPage<BudgetLedgerPage>();
        page.WaitForAssertion(() => Assert.Contains("Could not read the ledger.", page.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain("Nothing was booked", page.Markup, StringComparison.Ordinal);

        Address.NavigateTo(new LedgerAddress(null, [], null, new LedgerCursor(Start, "k")).ToUri());

        page.WaitForAssertion(() => Assert.Contains("Could not read the ledger.", page.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void Address_EveryPart_SurvivesTheRoundTrip()
    {
        LedgerAddress address = new(
            new Month(2026, 3), [EntryKind.TopUp, EntryKind.PriceChange], BudgetSamples.IdOf(3).ToString(), new LedgerCursor(Start, "settle:a&b=ü:1"));
        Dictionary<string, StringValues> query = QueryHelpers.ParseQuery(new Uri("http://portal" + address.ToUri()).Query);

        LedgerAddress read = LedgerAddress.Parse(query["month"], query["kind"]!, query["job"], query["after"]);

        Assert.Equal(address.ToUri(), read.ToUri());
        Assert.Equal((address.Month, address.Job, address.After), (read.Month, read.Job, read.After));
        Assert.Equal(address.Kinds, read.Kinds);
    }

    [Theory]
    [InlineData("2026-13", null, null)]
    [InlineData("0000-01", "settling", "!!")]
    [InlineData("november", "SETTLE", "AAAA")]
    [InlineData("2026-1", "", "OTk5OTk5OTk5OTk5OTk5OTk5OS5h")]
    public void Address_WithNonsense_IsTheFirstPageOfThisMonth(string month, string? kind, string? after)
    {
        LedgerAddress address = LedgerAddress.Parse(month, kind is null ? null : [kind], null, after);

        Assert.Equal(LedgerAddress.Path, address.ToUri());
        Assert.Equal(BudgetSamples.November, address.ToFilter(Start).Month);
    }

    private void Fill(int entries) => money.Entries.AddRange(Enumerable.Range(1, entries).Select(number => BudgetSamples.Entry(number, spent: 1, reserved: -1)));

    private void Follow(IRenderedComponent<BudgetLedgerPage> page, string link) =>
        Address.NavigateTo(page.FindAll("a").Single(one => one.TextContent.Trim() == link).GetAttribute("href")!);
}
