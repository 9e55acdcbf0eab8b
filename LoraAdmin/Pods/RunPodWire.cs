using System.Net.Http.Headers;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Platform.Vendors;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Pods;

/// <summary>One call to the account: what is sent, and how to judge and tell of the answer.</summary>
/// <param name="Name">For logs: <c>create</c>, <c>list</c>, …</param>
/// <param name="Path">Below <c>RunPod:BaseUrl</c>, or an absolute URL.</param>
/// <param name="Secrets">Values in the body that must not come back in a message.</param>
internal sealed record RunPodCall(
    string Name, HttpMethod Method, string Path, CallPriority Priority, long MaxBodyBytes, byte[]? Body = null, IEnumerable<string>? Secrets = null);

/// <summary>An answer with a status that was asked for, or the typed reason why there is none.</summary>
/// <param name="Answer">Also set beside an error when a status arrived.</param>
internal sealed record RunPodReply(VendorAnswer? Answer, ProviderError? Error);

/// <summary>
/// The one way to the RunPod account: key, time-out, rate budget, judging by status. Shared by all clients of the account, because they share its
/// rate limit. The key and the bodies never reach a log.
/// </summary>
public sealed class RunPodWire(HttpClient http, IOptions<RunPodOptions> options, TimeProvider clock, ILogger<RunPodWire> logger)
{
    /// <summary>Name of the client at <see cref="IHttpClientFactory"/>.</summary>
    public const string HttpClientName = "runpod";

    private readonly RateBudget budget = new(options.Value.ReservedForDeletes, clock);
    private readonly string root = options.Value.BaseUrl.TrimEnd('/');

    public RunPodOptions Options { get; } = options.Value;

    public TimeProvider Clock { get; } = clock;

    internal ILogger Logger { get; } = logger;

    /// <summary>Sends the call, or keeps it back when the rate limit asks for that.</summary>
    /// <exception cref="OperationCanceledException">The caller's token was cancelled.</exception>
    internal async Task<RunPodReply> SendAsync(RunPodCall call, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (budget.TryEnter(call.Priority) is { } wait)
        {
            RunPodLog.KeptBack(Logger, call.Name, wait.TotalSeconds);
            return new RunPodReply(
                null, new ProviderError(ProviderFailure.RateLimited, null, "not sent: the rate limit is used up or kept for deletes", wait));
        }

        VendorExchange exchange;
        try
        {
            using HttpRequestMessage request = RequestFor(call);
            exchange = await VendorHttp.SendAsync(http, request, Options.CallTimeout, call.MaxBodyBytes, Clock, cancellationToken);
        }
        catch
        {
            budget.Unanswered();
            throw;
        }

        switch (exchange)
        {
            case VendorExchange.Answered { Answer: var answer }:
                return Judge(call, answer, budget.Answered(answer, call.Priority));

            case VendorExchange.NotSent notSent:
                budget.NotSent();
                return Fail(call, null, new ProviderError(ProviderFailure.Unreachable, null, notSent.Reason));

            case VendorExchange.Lost lost:
                budget.Unanswered();
                return Fail(call, null, new ProviderError(ProviderFailure.Ambiguous, null, lost.Reason));

            default:
                throw new NotSupportedException($"Unknown exchange {exchange.GetType().Name}.");
        }
    }

    /// <summary>A 2xx whose body is not what the contract says.</summary>
    internal RunPodReply Unreadable(RunPodCall call, VendorAnswer answer, string why) =>
        Fail(
            call,
            answer,
            new ProviderError(
                ProviderFailure.Ambiguous, answer.Status, VendorText.Clean(why, SecretsOf(call)), RequestId: CleanRequestId(answer.RequestId)));

    /// <summary>A 2xx that tells of a failure inside.</summary>
    internal RunPodReply Fail(RunPodCall call, VendorAnswer? answer, ProviderError error)
    {
        RunPodLog.Failed(Logger, call.Name, error.Failure, error.Status, error.RequestId, error.Detail);
        return new RunPodReply(answer, error);
    }

    internal IEnumerable<string> SecretsOf(RunPodCall call) => (call.Secrets ?? []).Append(Options.ApiKey);

    private RunPodReply Judge(RunPodCall call, VendorAnswer answer, TimeSpan? retryAfter)
    {
        if (answer.IsSuccess)
        {
            RunPodLog.Answered(Logger, call.Name, answer.Status, answer.RequestId);
            return new RunPodReply(answer, null);
        }

        return Fail(
            call,
            answer,
            new ProviderError(
                ProviderStatus.FailureOf(answer.Status), answer.Status, VendorText.OfError(answer, SecretsOf(call)), retryAfter, CleanRequestId(answer.RequestId)));
    }

    private static string? CleanRequestId(string? id) => id is null ? null : VendorText.Clean(id, []);

    private HttpRequestMessage RequestFor(RunPodCall call)
    {
        HttpRequestMessage request = new(call.Method, call.Path.StartsWith('/') ? root + call.Path : call.Path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Options.ApiKey);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("LoraAdmin", null));
        if (call.Body is { } body)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        return request;
    }
}
