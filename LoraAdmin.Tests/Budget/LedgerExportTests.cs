using System.Globalization;
using System.Net;
using System.Text.Json;
using LoraAdmin.Budget;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Budget;

/// <summary>The ledger as a file, over a real Kestrel.</summary>
public sealed class LedgerExportTests : IAsyncLifetime
{
    private readonly PageMoney money = new() { Board = BudgetSamples.Board() };
    private readonly HttpClient client = new(new SocketsHttpHandler());
    private readonly FakeTimeProvider clock = new(BudgetSamples.Now);
    private readonly ClockStandings clocks;
    private WebApplication app = null!;

    public LedgerExportTests() => clocks = KnownClocks.New(clock);

    public async ValueTask InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IBudgetQueries>(money);
        builder.Services.AddSingleton<TimeProvider>(clock);
        builder.Services.AddSingleton(clocks);
        builder.Services.AddAuthorization(options => options.AddPolicy(Permissions.ReadBudget, policy => policy.RequireAssertion(static _ => true)));
        app = builder.Build();
        app.UseAuthorization();
        app.MapLedgerExport();
        await app.StartAsync();
        client.BaseAddress = new Uri(app.Urls.Single());
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await app.DisposeAsync();
    }

    /// <summary>Its own clock is in December.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Export_OfAPortalWhoseClockIsInAnotherMonth_IsOfTheMonthThatIsAdmittedIn()
    {
        clock.Advance(TimeSpan.FromDays(10));
        clocks.NoteAhead(TimeSpan.FromDays(10));
        money.Entries.Add(BudgetSamples.Entry(1, spent: 1));

        using HttpResponseMessage answer = await client.GetAsync(new Uri("/budget/ledger.csv", UriKind.Relative));

        Assert.StartsWith("ledger-2026-11", answer.Content.Headers.ContentDisposition?.FileName?.Trim('"'), StringComparison.Ordinal);
        Assert.Equal(2, (await answer.Content.ReadAsStringAsync()).Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Export_ManyPages_IsWholeAndEndsInTheTotalsOfThePage()
    {
        Random random = new(5);
        money.Entries.AddRange(Enumerable.Range(1, 2_500).Select(number =>
            BudgetSamples.Entry(number, spent: random.Next(-1_000_000, 3_000_000) / 1_000_000m, reserved: random.Next(-2_000_000, 2_000_000) / 1_000_000m)));
        LedgerPage page = await money.ListAsync(new LedgerFilter(BudgetSamples.November, [], null), null, 50, CancellationToken.None);

        string[] lines = await LinesAsync("/budget/ledger.csv");

        Assert.Equal(2_501, lines.Length);
        string[][] rows = [.. lines.Skip(1).Select(line => line.Split(','))];
        Assert.Equal(page.Totals.Spent.Dollars, rows.Sum(row => Number(row[8])));
        Assert.Equal(page.Totals.Reserved.Dollars, rows.Sum(row => Number(row[9])));
        Assert.Equal((page.Totals.Spent.Dollars, page.Totals.Reserved.Dollars), (Number(rows[^1][10]), Number(rows[^1][11])));
        Assert.Equal(Enumerable.Range(1, 2_500).Reverse().Select(number => $"test:{number:0000}"), rows.Select(row => row[13]));
    }

    /// <summary>Booked by an instance whose clock is ahead: the page counts it, so the file has it.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Export_AnEntryOfALaterInstant_IsInIt()
    {
        money.Entries.AddRange([BudgetSamples.Entry(1, spent: 2), BudgetSamples.Entry(-3, spent: 5), BudgetSamples.Entry(-2, spent: 1)]);
        LedgerPage page = await money.ListAsync(new LedgerFilter(BudgetSamples.November, [], null), null, 50, CancellationToken.None);

        string[] lines = await LinesAsync("/budget/ledger.csv");

        Assert.Equal(["test:0001", "test:-0002", "test:-0003"], lines.Skip(1).Select(line => line.Split(',')[13]));
        Assert.Equal(page.Totals.Spent.Dollars, Number(lines[^1].Split(',')[10]));
    }

    /// <summary>The first page is being written when it is booked: the file is of the moment at which it was asked for.</summary>
    [Fact]
    public async Task Export_AnEntryThatIsBookedMeanwhile_IsNotInIt()
    {
        money.Entries.AddRange(Enumerable.Range(1, 1_500).Select(number => BudgetSamples.Entry(number, spent: 1)));
        money.OnForward = () => money.Entries.Add(BudgetSamples.Entry(-money.Entries.Count, spent: 1));

        string[] lines = await LinesAsync("/budget/ledger.csv");

        Assert.Equal(1_501, lines.Length);
        Assert.Equal(1_500m, Number(lines[^1].Split(',')[10]));
    }

    [Fact]
    public async Task Export_Filtered_IsWhatTheListShows()
    {
        JobId job = BudgetSamples.IdOf(4);
        money.Entries.Add(BudgetSamples.Entry(1, EntryKind.Settle, spent: 2, job: job) with { Purpose = CostPurpose.Idle, Provider = "runpod", Month = new Month(2026, 10) });
        money.Entries.Add(BudgetSamples.Entry(2, EntryKind.Accrue, spent: 2, job: job));
        money.Entries.Add(BudgetSamples.Entry(3, EntryKind.Settle, spent: 2));

        string line = Assert.Single((await LinesAsync($"/budget/ledger.csv?job={job}&kind=settle"))[1..]);

        Assert.Equal($"2026-11-24T08:59:00.000Z,2026-10,settle,idle,{job},1,,runpod,2.000000,0.000000,2.000000,0.000000,,test:0001", line);
    }

    [Fact]
    public async Task Export_NegativeAmounts_AreNumbersAndTextsAreNeverFormulas()
    {
        money.Entries.Add(BudgetSamples.Entry(1, spent: -0.5m) with { Note = "=1+1, \"x\"" });

        string line = (await LinesAsync("/budget/ledger.csv"))[1];

        Assert.Contains(",-0.500000,", line, StringComparison.Ordinal);
        Assert.Contains("\"'=1+1, \"\"x\"\"\"", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Export_OfNothing_HasTheHeaderAlone() => Assert.Single(await LinesAsync("/budget/ledger.csv?month=2020-01"));

    [Theory]
    [InlineData("job=mara", "The filter 'job' can't be used")]
    [InlineData("kind=leak&kind=theft", "The filter 'kind' can't be used")]
    [InlineData("month=2026-13", "The filter 'month' can't be used")]
    [InlineData("month=9999-12", "The filter 'month' can't be used")]
    public async Task Export_BadFilter_IsRefusedByName(string query, string title)
    {
        using HttpResponseMessage answer = await client.GetAsync(new Uri($"/budget/ledger.csv?{query}", UriKind.Relative), TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        using JsonDocument problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(title, problem.RootElement.GetProperty("title").GetString());
    }

    [Fact]
    public async Task Export_DatabaseAway_IsNoEmptyFile()
    {
        money.Away = "The database is away.";
        using HttpResponseMessage answer = await client.GetAsync(new Uri("/budget/ledger.csv", UriKind.Relative), TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
    }

    private async Task<string[]> LinesAsync(string path)
    {
        using HttpResponseMessage answer = await client.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return text.TrimStart('\uFEFF').Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
    }

    private static decimal Number(string text) => decimal.Parse(text, CultureInfo.InvariantCulture);
}
