using System.ComponentModel;
using System.Globalization;
using System.Text.Json;
using LoraAdmin.Access;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Web;
using LoraAdmin.Training;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace LoraAdmin.Api;

/// <summary>Reading training jobs and giving commands about them.</summary>
internal static class JobEndpoints
{
    private const int DefaultPage = 50;
    private const int LargestPage = 200;
    private const int LongestReason = 500;
    private static readonly string[] ListParameters = ["state", "user_id", "q", "limit", "cursor"];

    /// <summary>The most called route: one query, one source-generated write, no result object.</summary>
    public static async Task GetAsync(HttpContext context, [Description("The job's id.")] string id, [FromServices] IJobReader jobs)
    {
        if (!Guid.TryParse(id, out Guid value))
        {
            await Refusals.BadId(id).ExecuteAsync(context);
            return;
        }

        if (await jobs.FindAsync(new JobId(value), context.RequestAborted) is not { } found)
        {
            await Refusals.NoJob(id).ExecuteAsync(context);
            return;
        }

        context.Response.Headers.CacheControl = "no-store";
        await context.Response.WriteAsJsonAsync(Describe(found), ApiJson.Default.JobAnswer, contentType: null, context.RequestAborted);
    }

    public static async Task<IResult> ListAsync(
        HttpContext context,
        [FromServices] ITrainingQueries queries,
        [FromServices] JobCursors cursors,
        [FromQuery(Name = "state"), Description("Fine states; repeat the parameter or separate them by commas.")] string[]? state,
        [FromQuery(Name = "user_id"), Description("Jobs of one user.")] string? userId,
        [FromQuery(Name = "q"), Description("Part of the name or e-mail address, or a whole job, LoRA or user id; at most 200 characters.")] string? q,
        [FromQuery(Name = "limit"), Description("Jobs per page, 1 to 200; 50 when left out.")] string? limit,
        [FromQuery(Name = "cursor"), Description("next_cursor of the page before.")] string? cursor)
    {
        List<FieldProblem> problems = [];
        foreach (string name in context.Request.Query.Keys.Where(name => !ListParameters.Contains(name)))
        {
            problems.Add(JsonBody.Unknown(name, ListParameters));
        }

        IReadOnlyList<TrainingState>? states = ReadStates(state, problems);
        UserId? user = null;
        if (!string.IsNullOrEmpty(userId))
        {
            (user, FieldProblem? problem) = TrainingRequestCheck.ReadUser(userId);
            problems.AddRange(problem is null ? [] : [problem]);
        }

        if (q?.Length > 200)
        {
            problems.Add(new FieldProblem("q", string.Create(CultureInfo.InvariantCulture, $"The text is {q.Length} characters long."), "Search for at most 200 characters."));
        }

        int size = DefaultPage;
        if (limit is not null && (!int.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out size) || size is < 1 or > LargestPage))
        {
            problems.Add(new FieldProblem("limit", "The value is not a whole number from 1 to 200.", "Ask for 1 to 200 jobs per page."));
        }

        JobCursor? after = null;
        if (!string.IsNullOrEmpty(cursor) && (after = cursors.Read(cursor)) is null)
        {
            problems.Add(new FieldProblem("cursor", "The cursor was not made by this portal or was changed.", "Send next_cursor of the page before unchanged, or leave it out for the first page."));
        }

        if (problems.Count > 0)
        {
            return Problem.Invalid(problems);
        }

        JobFilter filter = new(states, user, string.IsNullOrWhiteSpace(q) ? null : q.Trim());
        JobPage page = await queries.ListAsync(filter, after, size, context.RequestAborted);
        context.Response.Headers.CacheControl = "no-store";
        JobListAnswer answer = new([.. page.Jobs.Select(Describe)], page.Next is { } next ? cursors.Write(next) : null);
        return TypedResults.Json(answer, ApiJson.Default.JobListAnswer);
    }

    public static async Task<IResult> CancelAsync(HttpContext context, [Description("The job's id.")] string id, [FromServices] ITrainingDesk desk)
    {
        if (!Guid.TryParse(id, out Guid value))
        {
            return Refusals.BadId(id);
        }

        if (!JsonBody.IsJson(context.Request.ContentType))
        {
            return JsonBody.NotSupported(context.Request, "application/json");
        }

        (JsonDocument? document, Problem? malformed) = await JsonBody.ReadAsync(context);
        if (document is null)
        {
            return malformed!;
        }

        using (document)
        {
            (string? reason, List<FieldProblem> problems) = ReadReason(document.RootElement);
            if (reason is null || problems.Count > 0)
            {
                return Problem.Invalid(problems);
            }

            return await desk.CancelAsync(new JobId(value), reason, context.User.ToActor(), context.RequestAborted) switch
            {
                CancelOutcome.Noted => Done(value, "cancel", state: null),
                CancelOutcome.NotFound => Refusals.NoJob(id),
                CancelOutcome.TooLate late => Refusals.InState(
                    "too_late_to_cancel",
                    "The job can't be cancelled any more",
                    late.State,
                    late.State.IsFinal() ? "Nothing needs to be done: the job has ended." : "Training has ended and is paid for; let the job finish."),
                _ => throw new NotSupportedException("A cancellation is noted, not found or too late."),
            };
        }
    }

    public static async Task<IResult> RetryAsync(HttpContext context, [Description("The job's id.")] string id, [FromServices] ITrainingDesk desk)
    {
        if (!Guid.TryParse(id, out Guid value))
        {
            return Refusals.BadId(id);
        }

        return await desk.RetryAsync(new JobId(value), context.User.ToActor(), context.RequestAborted) switch
        {
            RetryOutcome.Accepted accepted => Done(value, "retry", accepted.From),
            RetryOutcome.NotFound => Refusals.NoJob(id),
            RetryOutcome.NotFinal open => Refusals.InState("not_final", "The job has neither failed nor been cancelled", open.State, "Retry only failed or cancelled jobs."),
            RetryOutcome.NotRetryable hopeless => Refusals.NotRetryable(hopeless.Rule),
            RetryOutcome.LimitReached limit => Refusals.LimitReached(limit.Charge),
            RetryOutcome.FileOutOfReach gone => Refusals.FileOutOfReach(gone),
            RetryOutcome.BudgetExhausted budget => Refusals.BudgetExhausted(budget.Month, budget.Estimate, budget.MayFitAt),
            _ => throw new NotSupportedException("The desk's answer to a retry has no status."),
        };
    }

    private static JsonHttpResult<CommandAnswer> Done(Guid job, string command, TrainingState? state) =>
        TypedResults.Json(new CommandAnswer(job, command, state?.ToWord()), ApiJson.Default.CommandAnswer, statusCode: StatusCodes.Status202Accepted);

    private static (string? Reason, List<FieldProblem> Problems) ReadReason(JsonElement body)
    {
        const string field = "reason";
        List<FieldProblem> problems = [.. body.EnumerateObject().Where(property => property.Name != field).Select(property => JsonBody.Unknown(property.Name, [field]))];
        if (!body.TryGetProperty(field, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            problems.Add(new FieldProblem(field, "The field is missing.", "Say why the job is cancelled, in 1 to 500 characters."));
            return (null, problems);
        }

        string? reason = JsonBody.Text(value, field, problems)?.Trim();
        if (reason is not null && (reason.Length is 0 or > LongestReason || reason.Any(char.IsControl)))
        {
            problems.Add(new FieldProblem(field, "The reason is empty, longer than 500 characters, or has control characters.", "Say it in one line of 1 to 500 characters."));
        }

        return (reason, problems);
    }

    private static IReadOnlyList<TrainingState>? ReadStates(string[]? words, List<FieldProblem> problems)
    {
        HashSet<TrainingState> states = [];
        foreach (string word in (words ?? []).SelectMany(part => part.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)))
        {
            // TryParse takes numbers as well; the contract has words only.
            if (char.IsAsciiLetter(word[0]) && TrainingStates.TryParse(word, out TrainingState state))
            {
                states.Add(state);
            }
            else
            {
                string shown = word.Length <= 40 ? word : word[..40];
                problems.Add(new FieldProblem(
                    "state",
                    $"\"{shown}\" is not a state.",
                    $"Use one or more of {string.Join(", ", Enum.GetValues<TrainingState>().Select(known => known.ToWord()))}."));
            }
        }

        return states.Count == 0 ? null : [.. states];
    }

    private static JobAnswer Describe(JobReading job) =>
        new()
        {
            Id = job.Id.Value,
            LoraId = job.LoraId.Value,
            UserId = job.UserId.Value,
            Name = job.Name,
            Status = job.State.ToSharedStatus(),
            State = job.State.ToWord(),
            WaitReason = job.WaitReason,
            Attempts = [.. job.Attempts.Select(Describe)],
            Failure = Describe(job.Failure),
            Progress = job.Figures is { } figures ? new ProgressAnswer(figures.Step, figures.TotalSteps, Finite(figures.Loss), figures.HeartbeatAt) : null,
            CostUsd = job.Cost?.Dollars,
            File = job.File is { } file ? new FileAnswer(file.SizeBytes, file.Sha256) : null,
            CreatedAt = job.CreatedAt,
            StartedAt = job.StartedAt,
            CompletedAt = job.CompletedAt,
            CleanupStatus = job.CleanupStatus,
            NotValidated = job.NotValidated,
        };

    private static AttemptAnswer Describe(TrainingAttempt attempt) =>
        new(
            attempt.Number,
            attempt.Provider,
            attempt.State.ToString().ToLowerInvariant(),
            attempt.StartedAt,
            attempt.EndedAt,
            attempt.Failure is { } failure ? FailureTable.For(failure).Code : null,
            attempt.Cost?.Dollars);

    private static JobLineAnswer Describe(JobLine line) =>
        new()
        {
            Id = line.Id.Value,
            LoraId = line.LoraId.Value,
            UserId = line.UserId.Value,
            Name = line.Name,
            CreatorEmail = line.CreatorEmail,
            Status = line.State.ToSharedStatus(),
            State = line.State.ToWord(),
            WaitReason = line.WaitReason,
            Failure = Describe(line.Failure),
            CostUsd = line.Cost?.Dollars,
            CreatedAt = line.CreatedAt,
            CompletedAt = line.CompletedAt,
        };

    private static FailureAnswer? Describe(JobFailure? failure) => failure is null ? null : new FailureAnswer(failure.Rule.Code, failure.Rule.Message, failure.Detail);

    /// <summary>A training that diverges reports NaN, which JSON can't carry.</summary>
    private static double? Finite(double? loss) => loss is { } value && double.IsFinite(value) ? value : null;
}
