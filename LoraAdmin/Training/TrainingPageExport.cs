using System.Globalization;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Web;
using Microsoft.AspNetCore.Mvc;

namespace LoraAdmin.Training;

/// <summary>The filtered list of jobs as a file for spreadsheets.</summary>
public static class TrainingPageExport
{
    public const int MaxRows = 10_000;

    private const int PageSize = 200;

    /// <summary><c>GET /training/export.csv</c> with the list's own query: streamed, newest first, at most <see cref="MaxRows"/> jobs.</summary>
    public static IEndpointConventionBuilder MapTrainingExport(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/training/export.csv", WriteAsync).RequireAuthorization(Permissions.ReadTraining).ExcludeFromDescription();

    private static async Task WriteAsync(
        HttpContext context,
        [FromServices] ITrainingQueries queries,
        [FromServices] TimeProvider clock,
        [FromQuery(Name = "state")] string[]? state,
        [FromQuery(Name = "user")] string? user,
        [FromQuery(Name = "q")] string? text,
        CancellationToken cancellationToken)
    {
        JobListAddress address = JobListAddress.Parse(state, user, text, after: null);
        if (address.UserProblem is { } problem)
        {
            await Results.Problem(problem, statusCode: StatusCodes.Status400BadRequest, title: "The filter 'user' can't be used").ExecuteAsync(context);
            return;
        }

        // A page shows beside its list what it filters by; a file must not hold more than was asked for.
        if (address.UnknownStates is [var unknown, ..])
        {
            string states = string.Join(", ", Enum.GetValues<TrainingState>().Select(static one => one.ToWord()));
            await Results.Problem($"No job has the state {unknown}. A state is one of {states}.", statusCode: StatusCodes.Status400BadRequest, title: "The filter 'state' can't be used").ExecuteAsync(context);
            return;
        }

        JobPage page;
        try
        {
            page = await queries.ListAsync(address.ToFilter(), null, PageSize, cancellationToken);
        }
        catch (StoreUnavailableException failure)
        {
            await Results.Problem(failure.Message, statusCode: StatusCodes.Status503ServiceUnavailable, title: "The jobs could not be read").ExecuteAsync(context);
            return;
        }

        await using StreamWriter writer = Csv.Open(context, "training-jobs", clock.GetUtcNow());
        await WriteRowsAsync(writer, queries, address.ToFilter(), page, cancellationToken);
    }

    private static async Task WriteRowsAsync(TextWriter writer, ITrainingQueries queries, JobFilter filter, JobPage page, CancellationToken cancellationToken)
    {
        await writer.WriteAsync("id,lora_id,user_id,name,creator_email,state,created_at,state_since,completed_at,attempt,failure_code,failure_message,cost_usd\r\n");
        int rows = 0;
        while (true)
        {
            foreach (JobLine job in page.Jobs)
            {
                await writer.WriteAsync(Row(job));
            }

            rows += page.Jobs.Count;
            if (page.Next is not { } next)
            {
                return;
            }

            if (rows >= MaxRows)
            {
                await writer.WriteAsync($"# Cut after {rows} jobs: narrow the filter to get the others.\r\n");
                return;
            }

            await writer.FlushAsync(cancellationToken);
            try
            {
                page = await queries.ListAsync(filter, next, PageSize, cancellationToken);
            }
            catch (StoreUnavailableException failure)
            {
                // The status is sent already: the file itself must say that it is not whole.
                await writer.WriteAsync($"# Incomplete after {rows} jobs: {Csv.Cell(failure.Message)}\r\n");
                return;
            }
        }
    }

    private static string Row(JobLine job) => Csv.Row(
    [
        job.Id.ToString(), job.LoraId.ToString(), job.UserId.ToString(), job.Name, job.CreatorEmail, job.State.ToWord(), Csv.Instant(job.CreatedAt),
        Csv.Instant(job.StateSince), Csv.Instant(job.CompletedAt), job.Attempt.ToString(CultureInfo.InvariantCulture), job.Failure?.Rule.Code,
        job.Failure?.Rule.Message, job.Cost?.Dollars.ToString("0.000000", CultureInfo.InvariantCulture),
    ]);
}
