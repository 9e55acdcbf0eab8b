using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Platform.Web;

/// <summary>
/// Every refusal below <c>/api</c> (and of a caller that is no browser) is a problem with a code and a remedy: unknown routes, wrong methods,
/// limits of the server, unexpected failures. Inner details stay in the log, found by the correlation id.
/// </summary>
public sealed partial class ProblemMiddleware(RequestDelegate next, ILogger<ProblemMiddleware> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (!WantsProblem(context.Request))
        {
            await next(context);
            return;
        }

        try
        {
            await next(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The caller has gone: there is nobody to answer.
            return;
        }
        catch (StoreUnavailableException failure) when (!context.Response.HasStarted)
        {
            LogStoreAway(failure, context.Request.Method, context.Request.Path, Problem.CorrelationOf(context));
            context.Response.Clear();
            await Problem.StoreAway().ExecuteAsync(context);
            return;
        }
        catch (BadHttpRequestException failure) when (!context.Response.HasStarted)
        {
            context.Response.Clear();
            await ForStatus(failure.StatusCode, context).ExecuteAsync(context);
            return;
        }
#pragma warning disable CA1031 // The last line of defence: whatever it was is logged and answered without its inner details.
        catch (Exception failure) when (!context.Response.HasStarted)
#pragma warning restore CA1031
        {
            LogUnexpected(failure, context.Request.Method, context.Request.Path, Problem.CorrelationOf(context));
            context.Response.Clear();
            await ForStatus(StatusCodes.Status500InternalServerError, context).ExecuteAsync(context);
            return;
        }

        if (context.Response is { HasStarted: false, StatusCode: >= 400, ContentType: null } && context.Response.ContentLength is null or 0)
        {
            await ForStatus(context.Response.StatusCode, context).ExecuteAsync(context);
        }
    }

    private static bool WantsProblem(HttpRequest request) =>
        request.Path.StartsWithSegments("/api") || request.Path.StartsWithSegments("/openapi") || request.Path.StartsWithSegments("/health");

    private static Problem ForStatus(int status, HttpContext context) => status switch
    {
        404 => new(status, "not_found", "There is no such address", $"Nothing answers at {context.Request.Path}.", "See /openapi/v1.json for the routes that exist."),
        405 => new(
            status,
            "method_not_allowed",
            "The method is not allowed here",
            $"{context.Request.Method} is not offered at {context.Request.Path}.",
            $"Use {(context.Response.Headers.Allow is { Count: > 0 } allow ? string.Join(", ", allow!) : "a method that the header Allow lists")}."),
        413 => new(
            status,
            "too_large",
            "The request is too large",
            "The body is larger than this address takes.",
            "Send fewer or smaller images; docs/api.md tells the limits."),
        415 => new(
            status,
            "unsupported_media_type",
            "The content type is not supported",
            $"The body is declared as {context.Request.ContentType ?? "nothing"}.",
            "Send application/json."),
        429 => new(status, "too_many_requests", "Too many requests", "The limit of this minute is used up.", "Wait for the time in Retry-After.")
        {
            RetryAfter = TimeSpan.FromSeconds(60),
        },
        >= 500 => new(
            status,
            "internal_error",
            "The portal could not finish the request",
            "Something unexpected happened; it was logged.",
            "Try again; if it stays so, tell the operators the correlation_id."),
        _ => new(status, "bad_request", "The request could not be read", "The server refused the request before it reached its address.", "Check headers, framing and body."),
    };

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Path} failed unexpectedly (correlation {Correlation})")]
    private partial void LogUnexpected(Exception failure, string method, string path, string correlation);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Method} {Path} could not reach the store (correlation {Correlation})")]
    private partial void LogStoreAway(Exception failure, string method, string path, string correlation);
}
