using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using LoraAdmin.Domain.Shared;
using Microsoft.AspNetCore.Http.Metadata;

namespace LoraAdmin.Platform.Web;

/// <summary>An RFC 9457 problem as every refusal of the portal's HTTP surface carries it.</summary>
public sealed record ProblemBody
{
    /// <summary><c>urn:loraadmin:problem:</c> and the code.</summary>
    public required string Type { get; init; }

    public required string Title { get; init; }

    public required int Status { get; init; }

    /// <summary>One fixed word per kind of refusal, for programs.</summary>
    public required string Code { get; init; }

    /// <summary>What happened, for a person.</summary>
    public required string Detail { get; init; }

    /// <summary>What the caller can do about it.</summary>
    public required string Remedy { get; init; }

    /// <summary>Each field that is wrong; absent when the refusal is not about fields.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<FieldProblem>? Errors { get; init; }

    /// <summary>Finds the request in the portal's logs.</summary>
    [JsonPropertyName("correlation_id")]
    public required string CorrelationId { get; init; }

    /// <summary>Members of one kind of refusal only, for example <c>state</c> or <c>limit_usd</c>. Settable, because extension data can't be init-only.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ProblemBody))]
internal sealed partial class ProblemJson : JsonSerializerContext;

/// <summary>Answers a request with a problem; can be returned from an endpoint or written by a middleware.</summary>
public sealed record Problem(int Status, string Code, string Title, string Detail, string Remedy) : IResult, IStatusCodeHttpResult
{
    public const string ContentType = "application/problem+json";

    public IReadOnlyList<FieldProblem>? Errors { get; init; }

    public JsonObject? More { get; init; }

    /// <summary>Sent as <c>Retry-After</c> in whole seconds, at least 1.</summary>
    public TimeSpan? RetryAfter { get; init; }

    int? IStatusCodeHttpResult.StatusCode => Status;

    public static Problem Invalid(IReadOnlyList<FieldProblem> problems) =>
        new(StatusCodes.Status400BadRequest, "invalid_request", "The request is not valid", Sentence(problems), "Correct the fields listed in errors and send it again.")
        {
            Errors = problems,
        };

    public static Problem Invalid(string field, string problem, string remedy) => Invalid([new FieldProblem(field, problem, remedy)]);

    public static Problem StoreAway() =>
        new(
            StatusCodes.Status503ServiceUnavailable,
            "store_unavailable",
            "The portal's database or storage is away",
            "Nothing was written.",
            "Send the same request again after the time in Retry-After, with the same Idempotency-Key if there was one.")
        {
            RetryAfter = TimeSpan.FromSeconds(5),
        };

    /// <summary>What the caller may quote to find the request in the logs.</summary>
    public static string CorrelationOf(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity ? activity.TraceId.ToHexString() : context.TraceIdentifier;
    }

    public Task ExecuteAsync(HttpContext httpContext)
    {
        ArgumentNullException.ThrowIfNull(httpContext);
        HttpResponse response = httpContext.Response;
        response.StatusCode = Status;
        response.Headers.CacheControl = "no-store";
        if (RetryAfter is { } wait)
        {
            response.Headers.RetryAfter = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)).ToString(provider: null);
        }

        ProblemBody body = new()
        {
            Type = $"urn:loraadmin:problem:{Code}",
            Title = Title,
            Status = Status,
            Code = Code,
            Detail = Detail,
            Remedy = Remedy,
            Errors = Errors,
            CorrelationId = CorrelationOf(httpContext),
            // Elements, because the generated writer nests a JsonObject of extension data without a name, which is no JSON.
            More = More?.ToDictionary(member => member.Key, member => JsonElement.Parse(member.Value?.ToJsonString() ?? "null")),
        };
        return response.WriteAsJsonAsync(body, ProblemJson.Default.ProblemBody, ContentType, httpContext.RequestAborted);
    }

    private static string Sentence(IReadOnlyList<FieldProblem> problems) =>
        problems.Count == 1 ? $"{problems[0].Field}: {problems[0].Problem}" : $"{problems.Count} fields are not acceptable: {string.Join(", ", problems.Take(5).Select(problem => problem.Field))}{(problems.Count > 5 ? ", …" : ".")}";
}
