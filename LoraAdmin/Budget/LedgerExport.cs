using System.Globalization;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Web;
using Microsoft.AspNetCore.Mvc;

namespace LoraAdmin.Budget;

/// <summary>The filtered ledger as a file for spreadsheets. Its last line's running totals are the totals that the page shows.</summary>
public static class LedgerExport
{
    private const int AtOnce = IBudgetQueries.MostEntries;

    /// <summary><c>GET /budget/ledger.csv</c> with the page's own query: streamed, oldest first, whole.</summary>
    public static IEndpointConventionBuilder MapLedgerExport(this IEndpointRouteBuilder routes) =>
        routes.MapGet(LedgerAddress.ExportPath, WriteAsync).RequireAuthorization(Permissions.ReadBudget).ExcludeFromDescription();

    private static async Task WriteAsync(
        HttpContext context,
        [FromServices] IBudgetQueries queries,
        [FromServices] TimeProvider clock,
        [FromServices] ClockStandings clocks,
        [FromQuery(Name = "month")] string? month,
        [FromQuery(Name = "kind")] string[]? kind,
        [FromQuery(Name = "job")] string? job,
        CancellationToken cancellationToken)
    {
        LedgerAddress address = LedgerAddress.Parse(month, kind, job, after: null);
        if (Problem(address, month, kind) is { } problem)
        {
            await Results.Problem(problem.Problem, statusCode: StatusCodes.Status400BadRequest, title: $"The filter '{problem.Field}' can't be used").ExecuteAsync(context);
            return;
        }

        DateTimeOffset now = clocks.ByProvider(clock.GetUtcNow());
        LedgerFilter filter = address.ToFilter(now);
        IReadOnlyList<BudgetEntry> newest;
        IReadOnlyList<BudgetEntry> entries = [];
        try
        {
            // By the ledger's own order, not by a clock: another instance's may be ahead of ours, and what it has booked counts on the page.
            newest = (await queries.ListAsync(filter, null, 1, cancellationToken)).Entries;
            if (newest.Count > 0)
            {
                entries = await queries.ListForwardAsync(filter, null, PlaceOf(newest[0]), AtOnce, cancellationToken);
            }
        }
        catch (StoreUnavailableException failure)
        {
            await Results.Problem(failure.Message, statusCode: StatusCodes.Status503ServiceUnavailable, title: "The ledger could not be read").ExecuteAsync(context);
            return;
        }

        string name = filter.Month is { } one ? $"ledger-{one}" : $"ledger-{filter.Job?.ToString() ?? filter.JobTail}";
        await using StreamWriter writer = Csv.Open(context, name, now);
        await WriteRowsAsync(writer, queries, filter, entries, newest.Count > 0 ? PlaceOf(newest[0]) : null, cancellationToken);
    }

    /// <summary>A page shows beside its list what it filters by; a file must not hold more than was asked for.</summary>
    private static (string Field, string Problem)? Problem(LedgerAddress address, string? month, string[]? kinds) =>
        address.JobProblem is { } job ? ("job", job)
        : month is { Length: > 0 } && address.Month is null ? ("month", "This is no month. A month looks like 2026-11.")
        : address.UnknownKinds.Count > 0 || (kinds ?? []).Contains("")
            ? ("kind", $"A kind is one of {string.Join(", ", Enum.GetValues<EntryKind>().Select(BudgetPageTexts.WordOf))}.")
        : null;

    private static LedgerCursor PlaceOf(BudgetEntry entry) => new(entry.At, entry.Key);

    private static async Task WriteRowsAsync(
        TextWriter writer, IBudgetQueries queries, LedgerFilter filter, IReadOnlyList<BudgetEntry> entries, LedgerCursor? until, CancellationToken cancellationToken)
    {
        await writer.WriteAsync("at,month,kind,purpose,job_id,attempt,pod,provider,spent_usd,reserved_usd,spent_so_far_usd,reserved_so_far_usd,note,key\r\n");
        LedgerTotals sum = LedgerTotals.Nothing;
        while (true)
        {
            foreach (BudgetEntry entry in entries)
            {
                sum = new LedgerTotals(sum.Entries + 1, sum.Spent + entry.Spent, sum.Reserved + entry.Reserved);
                await writer.WriteAsync(Row(entry, sum));
            }

            if (entries.Count < AtOnce || until is null)
            {
                return;
            }

            await writer.FlushAsync(cancellationToken);
            try
            {
                entries = await queries.ListForwardAsync(filter, PlaceOf(entries[^1]), until, AtOnce, cancellationToken);
            }
            catch (StoreUnavailableException failure)
            {
                // The status is sent already: the file itself must say that it is not whole.
                await writer.WriteAsync($"# Incomplete after {sum.Entries} entries: {Csv.Cell(failure.Message)}\r\n");
                return;
            }
        }
    }

    private static string Row(BudgetEntry entry, LedgerTotals sum) => Csv.Line(
    [
        entry.At.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture), entry.Month.ToString(),
        BudgetPageTexts.WordOf(entry.Kind), entry.Purpose is { } purpose ? BudgetPageTexts.WordOf(purpose) : "",
        entry.Job?.ToString() ?? "", entry.Attempt?.ToString(CultureInfo.InvariantCulture) ?? "", Csv.Cell(entry.Pod), Csv.Cell(entry.Provider),
        Money(entry.Spent), Money(entry.Reserved), Money(sum.Spent), Money(sum.Reserved), Csv.Cell(entry.Note), Csv.Cell(entry.Key),
    ]);

    /// <summary>Whole micro-dollars: a spreadsheet's sum is the page's.</summary>
    private static string Money(Usd amount) => amount.Dollars.ToString("0.000000", CultureInfo.InvariantCulture);
}
