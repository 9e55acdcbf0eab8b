using AngleSharp.Dom;
using Bunit;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Web;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Training;

public sealed class TrainingPageTests : LoraBunitContext
{
    private readonly PageQueries queries;

    public TrainingPageTests()
    {
        queries = new PageQueries(Clock);
        new PageSwitches(Clock).AddTo(Services);
        Services.AddSingleton<ITrainingQueries>(queries);
        Services.AddSingleton<ITrainingDesk>(new PageDesk());
        Services.AddSingleton<IImageStaging>(new PageStaging());
        Services.AddSingleton<ILinkSigner>(new PageLinks(Clock));
        Services.AddSingleton(PageSamples.Rules);
    }

    [Fact]
    public void List_NoJobsAtAll_InvitesToSubmit()
    {
        IRenderedComponent<TrainingPage> page = RenderPage<TrainingPage>();

        page.WaitForAssertion(() => Assert.Contains("No training job yet", page.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void List_NoneMatches_OffersToClearTheFilters()
    {
        queries.Jobs.Add(PageSamples.Job(1, TrainingState.Queued, Start));
        Address.NavigateTo("/training?q=nobody");
        IRenderedComponent<TrainingPage> page = RenderPage<TrainingPage>();

        page.WaitForAssertion(() => Assert.Contains("No job matches", page.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain("No training job yet", page.Markup, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("state=foo", "The address asks for a state that no job has (foo): the list is shown without it.")]
    [InlineData("state=foo&state=queued&state=bar", "The address asks for states that no job has (foo, bar): the list is shown without them.")]
    [InlineData(
        "state=0123456789012345678901234567890123456789more", "The address asks for a state that no job has (0123456789012345678901234567890123456789…): the list is shown without it.")]
    public void List_ByAStateThatNoJobHas_SaysThatItDoesNotFilter(string query, string words)
    {
        queries.Jobs.Add(PageSamples.Job(1, TrainingState.Queued, Start));
        Address.NavigateTo($"/training?{query}");
        IRenderedComponent<TrainingPage> page = RenderPage<TrainingPage>();

        page.WaitForAssertion(() => Assert.Single(page.FindAll("td[data-label=Cost]")));
        Assert.Equal(words, page.Find(".unknown").TextContent);
    }

    /// <summary>What is settled then is that of earlier attempts alone.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public void List_JobWithAnotherAttempt_ShowsNoCostAsItsWhole()
    {
        JobDetail detail = PageSamples.Job(1, TrainingState.Training, Start);
        queries.Jobs.Add(detail with { Job = detail.Job with { Attempt = 2, Cost = Usd.FromDollars(0.02m) } });
        IRenderedComponent<TrainingPage> page = RenderPage<TrainingPage>();

        page.WaitForAssertion(() => Assert.Equal("Not settled yet", page.Find("td[data-label=Cost] .none").GetAttribute("title")));
    }

    [Fact]
    public void List_DatabaseAway_IsNotAnEmptyList()
    {
        queries.Away = "The database did not answer.";
        IRenderedComponent<TrainingPage> page = RenderPage<TrainingPage>();

        page.WaitForAssertion(() => Assert.Contains("Could not read the training jobs", page.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain("No training job yet", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void List_TryAgain_ReadsAgain()
    {
        queries.Away = "The database did not answer.";
        queries.Jobs.Add(PageSamples.Job(1, TrainingState.Queued, Start, "Aria"));
        IRenderedComponent<TrainingPage> page = RenderPage<TrainingPage>();
        page.WaitForAssertion(() => page.Find("[role=alert] button"));

        queries.Away = null;
        Clock.Advance(TimeSpan.FromSeconds(1));
        page.Find("[role=alert] button").Click();

        page.WaitForAssertion(() => Assert.Contains("Aria", page.Markup, StringComparison.Ordinal));
        Assert.Empty(page.FindAll("[role=alert]"));
    }

    [Fact]
    public void List_FilterInAddress_NarrowsRowsAndExport()
    {
        queries.Jobs.AddRange([PageSamples.Job(1, TrainingState.Queued, Start, "Aria"), PageSamples.Job(2, TrainingState.Failed, Start, "Vex", FailureCode.PodLost)]);
        Address.NavigateTo("/training?state=failed&state=nonsense");
        IRenderedComponent<TrainingPage> page = RenderPage<TrainingPage>();

        page.WaitForAssertion(() => Assert.Contains("Vex", page.Find("table").TextContent, StringComparison.Ordinal));
        Assert.DoesNotContain("Aria", page.Find("table").TextContent, StringComparison.Ordinal);
        Assert.Contains("The GPU pod was lost", page.Markup, StringComparison.Ordinal);
        Assert.NotNull(page.Find("a[href='/training/export.csv?state=failed']"));
    }

    [Fact]
    public void List_StateButton_PutsTheStateIntoTheAddress()
    {
        IRenderedComponent<TrainingPage> page = RenderPage<TrainingPage>();

        page.FindAll("button.state-toggle").Single(button => button.TextContent.Trim() == "training").Click();

        page.WaitForAssertion(() => Assert.EndsWith("/training?state=training", Address.Uri, StringComparison.Ordinal));
    }

    [Fact]
    public void List_BrokenUserId_NamesTheRemedyAndReadsNothing()
    {
        Address.NavigateTo("/training?user=abc");
        IRenderedComponent<TrainingPage> page = RenderPage<TrainingPage>();

        Assert.Contains("This is no user id", page.Markup, StringComparison.Ordinal);
        Assert.Equal(0, queries.Reads);
    }

    [Fact]
    public void List_MoreThanAPage_LeadsToOlderOnesAndBack()
    {
        queries.Jobs.AddRange(Enumerable.Range(1, 60).Select(number => PageSamples.Job(number, TrainingState.Completed, Start)));
        IRenderedComponent<TrainingPage> page = RenderPage<TrainingPage>();
        page.WaitForAssertion(() => Assert.Equal(50, page.FindAll("tbody tr").Count));

        string older = page.FindAll(".pager a").Single().GetAttribute("href")!;
        Address.NavigateTo(older);

        page.WaitForAssertion(() => Assert.Equal(10, page.FindAll("tbody tr").Count));
        Assert.Equal("/training", page.FindAll(".pager a").Single().GetAttribute("href"));
    }

    [Fact]
    public void List_CompletedAtTheFallbackWithoutImages_IsNotCalledValidated()
    {
        JobDetail job = PageSamples.Job(1, TrainingState.Completed, Start);
        queries.Jobs.Add(job with { Job = job.Job with { NotValidated = "Replicate makes no validation images, so nobody judged the LoRA" } });
        queries.Jobs.Add(PageSamples.Job(2, TrainingState.Completed, Start));
        IRenderedComponent<TrainingPage> page = RenderPage<TrainingPage>();
        page.WaitForAssertion(() => Assert.Equal(2, page.FindAll("tbody tr").Count));

        Assert.Equal(
            ["Trained and stored; not validated", "Trained, stored and validated"],
            page.FindAll(".progress-cell").Select(static cell => cell.TextContent.Trim()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void List_OlderPageDatabaseAway_SaysSo()
    {
        queries.Away = "The database did not answer.";
        Address.NavigateTo($"/training?after={JobListAddress.FormatCursor(new JobCursor(Start, PageSamples.IdOf(1)))}");
        IRenderedComponent<TrainingPage> page = RenderPage<TrainingPage>();

        Assert.Contains("Could not read the training jobs", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void List_WithoutPermissionToSubmit_OffersNoNewJob()
    {
        Person.SetPolicies(Permissions.ReadTraining);
        IRenderedComponent<TrainingPage> page = RenderPage<TrainingPage>();

        page.WaitForAssertion(() => Assert.Contains("No training job yet", page.Markup, StringComparison.Ordinal));
        Assert.DoesNotContain("New training job", page.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void List_NewInAddress_OpensTheDialog()
    {
        Address.NavigateTo("/training?new=1");
        RenderPage<TrainingPage>();

        Dialogs.WaitForAssertion(() => Assert.NotNull(Dialogs.Find("#new-submit")));
    }

    [Fact]
    public void Address_CursorAndFilters_SurviveTheRoundTrip()
    {
        JobListAddress address = new([TrainingState.Queued, TrainingState.Failed], PageSamples.User.ToString(), "a&b=ü", new JobCursor(Start, PageSamples.IdOf(7)));
        Dictionary<string, Microsoft.Extensions.Primitives.StringValues> query = Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(address.Query());

        JobListAddress read = JobListAddress.Parse(query["state"]!, query["user"], query["q"], query["after"]);

        Assert.Equal(address.ToUri(), read.ToUri());
        Assert.Equal(address.After, read.After);
        Assert.Equal("a&b=ü", read.Text);
    }

    [Theory]
    [InlineData("!!")]
    [InlineData("AAAA")]
    [InlineData("OTk5OTk5OTk5OTk5OTk5OTk5OS4w")]
    public void Address_BrokenCursor_IsTheFirstPage(string after) => Assert.True(JobListAddress.Parse(null, null, null, after).IsFirstPage);

    [Theory]
    [InlineData("=1+1", "'=1+1")]
    [InlineData("@SUM(A1)", "'@SUM(A1)")]
    [InlineData("-1", "'-1")]
    [InlineData("a,b", "\"a,b\"")]
    [InlineData("+\"x\"", "\"'+\"\"x\"\"\"")]
    [InlineData("plain", "plain")]
    public void Export_Cell_IsQuotedAndNeverAFormula(string text, string expected) => Assert.Equal(expected, Csv.Cell(text));
}
