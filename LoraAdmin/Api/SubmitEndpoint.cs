using System.Text.Json;
using LoraAdmin.Access;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Web;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;

namespace LoraAdmin.Api;

/// <summary><c>POST /training-jobs</c>: either a job is admitted in one transaction, or nothing of the request is left.</summary>
internal static partial class SubmitEndpoint
{
    /// <summary>Fields, part headers and boundaries of the largest form.</summary>
    private const long FormSlack = 1024 * 1024;

    /// <summary>How long the rest of a refused form is read, so that its sender comes to hear why.</summary>
    private static readonly TimeSpan DrainsFor = TimeSpan.FromMinutes(2);

    public static async Task<IResult> HandleAsync(
        HttpContext context,
        [FromServices] ITrainingDesk desk,
        [FromServices] IImageStaging staging,
        [FromServices] TrainingRules rules,
        [FromServices] InFlightKeys inFlight,
        [FromServices] TimeProvider clock,
        [FromServices] ILoggerFactory loggers)
    {
        (string? key, Problem? wrongKey) = IdempotencyHeader.Read(context.Request);
        if (wrongKey is not null)
        {
            return wrongKey;
        }

        using IDisposable? taken = key is null ? null : inFlight.TryTake(context.User.TokenId(), key);
        if (key is not null && taken is null)
        {
            return IdempotencyHeader.InFlight();
        }

        if (JsonBody.IsJson(context.Request.ContentType))
        {
            return await FromJsonAsync(context, desk, rules, key);
        }

        if (MultipartSubmission.BoundaryOf(context.Request.ContentType) is { } boundary)
        {
            JsonBody.LimitBody(context, LargestForm(rules));
            MultipartSubmission form = new(new MultipartReader(boundary, context.Request.Body), rules);
            ILogger logger = loggers.CreateLogger(typeof(SubmitEndpoint).FullName!);
            IResult answer = await FromFormAsync(context, form, desk, staging, rules, key, logger);
            if (!form.AtEnd)
            {
                await DrainAsync(context, clock);
            }

            return answer;
        }

        return JsonBody.NotSupported(context.Request, "application/json, or to multipart/form-data with its boundary");
    }

    /// <summary>One image more than allowed fits, so that its sender hears about the number and not about bytes.</summary>
    public static long LargestForm(TrainingRules rules) => ((rules.MaxImages + 1) * rules.MaxImageBytes) + FormSlack;

    private static async Task<IResult> FromJsonAsync(HttpContext context, ITrainingDesk desk, TrainingRules rules, string? key)
    {
        (JsonDocument? document, Problem? problem) = await JsonBody.ReadAsync(context);
        if (document is null)
        {
            return problem!;
        }

        using (document)
        {
            SubmittedFields fields = new();
            fields.TakeAll(document.RootElement, rules);
            return fields.Problems.Count > 0
                ? Problem.Invalid(fields.Problems)
                : Answer(context, await SubmitAsync(context, desk, fields, staged: null, key));
        }
    }

    private static async Task<IResult> FromFormAsync(
        HttpContext context,
        MultipartSubmission form,
        ITrainingDesk desk,
        IImageStaging staging,
        TrainingRules rules,
        string? key,
        ILogger logger)
    {
        StagingOutcome? outcome;
        try
        {
            await form.ReadToFileAsync(context.RequestAborted);
            if (Early(form, rules) is { } refused)
            {
                return refused;
            }

            outcome = await staging.StageAsync(form.Fields.User!.Value, form.FilesAsync(context.RequestAborted), context.RequestAborted);
        }
        catch (BadHttpRequestException failure) when (failure.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return JsonBody.TooLarge($"A form takes {rules.MaxImages} images of {rules.MaxImageBytes} bytes each; together with its fields {LargestForm(rules)} bytes.");
        }
        catch (Exception failure) when (failure is InvalidDataException or IOException && !context.RequestAborted.IsCancellationRequested)
        {
            return Problem.Invalid("(body)", "The form is malformed or breaks off before its closing boundary.", "Send the whole multipart/form-data body with the boundary that Content-Type names.");
        }

        StagingOutcome.Staged? staged = outcome as StagingOutcome.Staged;
        bool keep = false;
        try
        {
            if (outcome is StagingOutcome.Rejected rejected)
            {
                form.Fields.Problems.AddRange(rejected.Problems.Where(problem => !form.Fields.Problems.Exists(known => known.Field == problem.Field)));
            }

            RequireFields(form);
            if (form.Fields.Problems.Count > 0 || staged is null)
            {
                return Problem.Invalid(form.Fields.Problems);
            }

            SubmitOutcome submitted = await SubmitAsync(context, desk, form.Fields, staged, key);
            keep = submitted is SubmitOutcome.Accepted { Replayed: false };
            return Answer(context, submitted);
        }
        finally
        {
            if (staged is not null && !keep)
            {
                await DiscardAsync(staging, staged.Upload, logger);
            }
        }
    }

    /// <summary>
    /// Most callers read an answer only when they have sent all of their body: a connection that is closed before that shows them a broken pipe
    /// instead of the refusal. The rest is read and thrown away, within the form's own bound and for a bounded time.
    /// </summary>
    private static async Task DrainAsync(HttpContext context, TimeProvider clock)
    {
        using CancellationTokenSource patience = new(DrainsFor, clock);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, context.RequestAborted);
        try
        {
            await context.Request.Body.CopyToAsync(Stream.Null, either.Token);
        }
        catch (Exception failure) when (failure is IOException or OperationCanceledException)
        {
            // The caller is gone, slow, or sends more than any form may hold: the answer goes out as it is.
        }
    }

    /// <summary>What can be said before the first file is touched; null when the files may be read.</summary>
    private static Problem? Early(MultipartSubmission form, TrainingRules rules)
    {
        RequireFields(form);
        List<FieldProblem> problems = form.Fields.Problems;
        if (!form.HasFile && form.AtEnd)
        {
            problems.Add(TrainingRequestCheck.CheckCount(TrainingRequestCheck.ImagesField, 0, rules)
                ?? new FieldProblem(TrainingRequestCheck.ImagesField, "There is no training image.", "Send at least one image."));
        }
        else if (form.Fields.User is null && !form.Fields.HasSeen(TrainingRequestCheck.UserIdField))
        {
            problems.Add(new FieldProblem(
                TrainingRequestCheck.UserIdField,
                "The field does not stand before the first file.",
                "Send user_id before the first file: it decides where the images are put. All other fields may stand after them."));
        }

        return problems.Count > 0 ? Problem.Invalid(problems) : null;
    }

    private static void RequireFields(MultipartSubmission form)
    {
        if (form.AtEnd)
        {
            form.Fields.RequireAll([TrainingRequestCheck.UserIdField, TrainingRequestCheck.NameField, TrainingRequestCheck.EmailField]);
        }
    }

    private static Task<SubmitOutcome> SubmitAsync(HttpContext context, ITrainingDesk desk, SubmittedFields fields, StagingOutcome.Staged? staged, string? key)
    {
        IdempotencyKey? idempotency = key is null ? null : new IdempotencyKey(context.User.TokenId(), key, fields.Hash(staged));
        return desk.SubmitAsync(fields.ToRequest(staged), idempotency, context.User.ToActor(), context.RequestAborted);
    }

    private static IResult Answer(HttpContext context, SubmitOutcome outcome)
    {
        switch (outcome)
        {
            case SubmitOutcome.Accepted accepted:
                context.Response.Headers.Location = $"{ApiFeature.Prefix}/training-jobs/{accepted.Job}";
                if (accepted.Replayed)
                {
                    context.Response.Headers["Idempotency-Replayed"] = "true";
                }

                AcceptedAnswer answer = new(accepted.Job.Value, accepted.Lora.Value, TrainingState.Queued.ToSharedStatus());
                return TypedResults.Json(answer, ApiJson.Default.AcceptedAnswer, statusCode: StatusCodes.Status202Accepted);
            case SubmitOutcome.Invalid invalid:
                return Problem.Invalid(invalid.Problems);
            case SubmitOutcome.LimitReached limit:
                return Refusals.LimitReached(limit.Charge);
            case SubmitOutcome.BudgetExhausted budget:
                return Refusals.BudgetExhausted(budget.Month, budget.Estimate, budget.MayFitAt);
            case SubmitOutcome.KeyInFlight:
                return IdempotencyHeader.InFlight();
            case SubmitOutcome.KeyReused:
                return IdempotencyHeader.Reused();
            case SubmitOutcome.UploadGone:
                return Refusals.UploadGone();
            default:
                throw new NotSupportedException($"The desk answered {outcome.GetType().Name}, which has no status.");
        }
    }

    /// <summary>
    /// Not under the request's own token: the caller may have gone. Discarding leaves a claimed upload alone, so it is safe even when the answer of
    /// the admission was lost; what can't be removed now goes with the unclaimed uploads after an hour.
    /// </summary>
    private static async Task DiscardAsync(IImageStaging staging, Guid upload, ILogger logger)
    {
        try
        {
            await staging.DiscardAsync(upload, CancellationToken.None);
        }
#pragma warning disable CA1031 // The answer to the caller matters more; the sweep of unclaimed uploads is the second line.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            LogNotDiscarded(logger, failure, upload);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Upload {Upload} of a refused request could not be removed; the sweep of unclaimed uploads takes it")]
    private static partial void LogNotDiscarded(ILogger logger, Exception failure, Guid upload);
}
