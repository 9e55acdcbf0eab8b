using System.Globalization;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Vendors;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Training;

/// <summary>
/// Replicate's HTTP API: trainings, and what predictions need of it, with a typed outcome for every row of its status table. The token and the bodies never
/// reach a log.
/// </summary>
/// <param name="webhook">Where the provider tells what becomes of the training with this name; null: it can't reach us, and is polled.</param>
internal sealed partial class ReplicateClient(
    HttpClient http,
    IOptions<ReplicateOptions> options,
    ICreationGate gate,
    Func<string, string?> webhook,
    TimeProvider clock,
    ILogger<ReplicateClient> logger) : IHostedTrainings
{
    public const string HttpClientName = "replicate";

    private const string Trainings = "trainings";
    private const long MaxListBytes = 32 * 1024 * 1024;
    private const long MaxBodyBytes = 4 * 1024 * 1024;
    private const int MaxPages = 20;
    private const int MaxRedirects = 3;

    private readonly string root = options.Value.BaseUrl.TrimEnd('/');
    private readonly GuardedCall<CreationPermit, HostedCreation> creating = new(
        "replicate.create",
        async (permit, token) => await gate.WhyWithdrawnAsync(permit, token) is { } reason ? new HostedCreation.NotSent(reason) : null,
        clock);

    public TimeSpan CallTimeout => Options.CallTimeout;

    private ReplicateOptions Options { get; } = options.Value;

    public Task<HostedCreation> CreateAsync(HostedOrder order, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(order);
        return creating.SendAsync(order.Permit, order, SendCreateAsync, cancellationToken);
    }

    private async Task<HostedCreation> SendCreateAsync(HostedOrder order, CancellationToken cancellationToken)
    {
        byte[] body = ReplicateJson.Create(Options, order, webhook(order.Name));
        return await MakeAsync($"/models/{Options.Model}/versions/{Options.Version}/{Trainings}", body, order.ImagesLink, cancellationToken);
    }

    public Task<HostedReading> GetAsync(string trainingId, CancellationToken cancellationToken) => GetAsync(Trainings, trainingId, cancellationToken);

    public Task<HostedReading> CancelAsync(string trainingId, CancellationToken cancellationToken) => CancelAsync(Trainings, trainingId, cancellationToken);

    public Task<HostedListing> ListAsync(DateTimeOffset since, CancellationToken cancellationToken) => ListAsync(Trainings, since, cancellationToken);

    /// <param name="secret">Part of the body that no error may show.</param>
    internal async Task<HostedCreation> MakeAsync(string path, byte[] body, string secret, CancellationToken cancellationToken)
    {
        (HostedView? view, ProviderError? error) = await ReadAsync("create", HttpMethod.Post, path, body, [secret], cancellationToken);
        return view is not null ? new HostedCreation.Created(view)
            : error!.Failure == ProviderFailure.Ambiguous ? new HostedCreation.InDoubt(error)
            : new HostedCreation.Refused(error);
    }

    /// <param name="kind">Where the API has it: trainings or predictions.</param>
    internal async Task<HostedReading> GetAsync(string kind, string id, CancellationToken cancellationToken) =>
        ReplicateJson.IsId(id) ? ReadingOf(await ReadAsync("get", HttpMethod.Get, $"/{kind}/{id}", null, [], cancellationToken)) : BadId();

    internal async Task<HostedReading> CancelAsync(string kind, string id, CancellationToken cancellationToken) =>
        ReplicateJson.IsId(id) ? ReadingOf(await ReadAsync("cancel", HttpMethod.Post, $"/{kind}/{id}/cancel", null, [], cancellationToken)) : BadId();

    internal async Task<HostedListing> ListAsync(string kind, DateTimeOffset since, CancellationToken cancellationToken)
    {
        List<HostedView> all = [];
        string? next = $"{root}/{kind}";
        for (int page = 0; next is not null; page++)
        {
            // A cursor leads back to the account, or it is not followed: the token goes along.
            string? bad = !next.StartsWith($"{root}/", StringComparison.Ordinal) ? "the list leads elsewhere"
                : page == MaxPages ? string.Create(CultureInfo.InvariantCulture, $"the account has more {kind} since {since:yyyy-MM-dd HH:mm} UTC than the {MaxPages} pages that are read of a list")
                : null;
            if (bad is not null)
            {
                return new HostedListing.Unavailable(Fail("list", new ProviderError(ProviderFailure.Ambiguous, null, bad)));
            }

            (VendorAnswer? answer, ProviderError? error) = await SendAsync("list", HttpMethod.Get, next, null, [], MaxListBytes, cancellationToken);
            if (error is not null)
            {
                return new HostedListing.Unavailable(error);
            }

            (ReplicateJson.Page? read, string? problem) = ReplicateJson.ReadPage(answer!);
            if (read is null)
            {
                return new HostedListing.Unavailable(Unreadable("list", answer!, problem!));
            }

            all.AddRange(read.Trainings);

            // Newest first: what is older than asked for ends the walk.
            next = read.Trainings.Count > 0 && read.Trainings[^1].CreatedAt < since ? null : read.Next;
        }

        return new HostedListing.Complete(all);
    }

    public Task<WeightsOpening> OpenWeightsAsync(string link, CancellationToken cancellationToken) =>
        OpenAsync(link, "The weights", Options.WeightsTimeout, cancellationToken);

    /// <param name="what">What the link leads to, as the beginning of a sentence.</param>
    internal async Task<WeightsOpening> OpenAsync(string link, string what, TimeSpan within, CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(link, UriKind.Absolute, out Uri? target) || !MayFetch(target))
        {
            return new WeightsOpening.Unavailable("the link that Replicate gave is no https address");
        }

        VendorDeadline? deadline = new(within, clock, cancellationToken);
        HttpResponseMessage? response = null;
        try
        {
            response = await GetAsync(target, IsOurs(target), deadline);
            for (int redirects = 0; redirects < MaxRedirects && LeadsTo(response, target) is { } next; redirects++)
            {
                if (!MayFetch(next))
                {
                    return new WeightsOpening.Unavailable("the link that Replicate gave leads to no https address");
                }

                // Files lie elsewhere, and elsewhere the token does not belong.
                target = next;
                response.Dispose();
                response = await GetAsync(target, withToken: false, deadline);
            }

            int status = (int)response.StatusCode;
            if (status != 200)
            {
                return status is 404 or 410
                    ? new WeightsOpening.Gone()
                    : new WeightsOpening.Unavailable(string.Create(CultureInfo.InvariantCulture, $"HTTP {status}"));
            }

            long? length = response.Content.Headers.ContentLength;
            Stream content = new VendorStream(await response.Content.ReadAsStreamAsync(deadline.Token), length, response, deadline, what);

            // The stream disposes them now.
            response = null;
            deadline = null;
            return new WeightsOpening.Found(content, length);
        }
        catch (Exception failure) when (VendorHttp.IsOutside(failure))
        {
            deadline!.ThrowIfCallerGaveUp();
            return new WeightsOpening.Unavailable(VendorHttp.Describe(failure, deadline));
        }
        finally
        {
            response?.Dispose();
            deadline?.Dispose();
        }
    }

    /// <summary>The secret by which the account signs webhooks.</summary>
    public async Task<(string? Secret, ProviderError? Error)> ReadWebhookSecretAsync(CancellationToken cancellationToken)
    {
        (VendorAnswer? answer, ProviderError? error) = await SendAsync(
            "secret", HttpMethod.Get, $"{root}/webhooks/default/secret", null, [], MaxBodyBytes, cancellationToken);
        if (error is not null)
        {
            return (null, error);
        }

        (string? secret, string? problem) = ReplicateJson.ReadSecret(answer!);
        return secret is not null ? (secret, null) : (null, Unreadable("secret", answer!, problem!));
    }

    /// <summary>Whether the account sees something below <c>/models</c>; null: it does.</summary>
    public async Task<ProviderError?> LookAsync(string path, CancellationToken cancellationToken) =>
        (await SendAsync("look", HttpMethod.Get, $"{root}/models/{path}", null, [], MaxBodyBytes, cancellationToken)).Error;

    private static HostedReading ReadingOf((HostedView? View, ProviderError? Error) found) =>
        found.View is { } view ? new HostedReading.Found(view)
        : found.Error!.Status == 404 ? new HostedReading.NotFound()
        : new HostedReading.Unavailable(found.Error);

    private static HostedReading.Unavailable BadId() =>
        new(new ProviderError(ProviderFailure.Rejected, null, "not sent: the id is not 4 to 64 lower-case letters and digits"));

    private async Task<HttpResponseMessage> GetAsync(Uri target, bool withToken, VendorDeadline deadline)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, target);
        if (withToken)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Options.ApiToken);
        }

        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
    }

    private static Uri? LeadsTo(HttpResponseMessage response, Uri asked) =>
        (int)response.StatusCode is 301 or 302 or 303 or 307 or 308 && response.Headers.Location is { } location && Uri.TryCreate(asked, location, out Uri? next)
            ? next
            : null;

    private bool MayFetch(Uri target) => target.Scheme == Uri.UriSchemeHttps || IsOurs(target);

    private bool IsOurs(Uri target) => Uri.TryCreate(root, UriKind.Absolute, out Uri? own) && target.Scheme == own.Scheme && target.Authority == own.Authority;

    private async Task<(HostedView? View, ProviderError? Error)> ReadAsync(
        string call, HttpMethod method, string path, byte[]? body, IReadOnlyList<string> secrets, CancellationToken cancellationToken)
    {
        (VendorAnswer? answer, ProviderError? error) = await SendAsync(call, method, root + path, body, secrets, MaxBodyBytes, cancellationToken);
        if (error is not null)
        {
            return (null, error);
        }

        (HostedView? view, string? problem) = ReplicateJson.ReadOne(answer!);
        return view is not null ? (view, null) : (null, Unreadable(call, answer!, problem!));
    }

    private async Task<(VendorAnswer? Answer, ProviderError? Error)> SendAsync(
        string call, HttpMethod method, string url, byte[]? body, IReadOnlyList<string> secrets, long maxBytes, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(method, url);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Options.ApiToken);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("LoraAdmin", null));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        switch (await VendorHttp.SendAsync(http, request, Options.CallTimeout, maxBytes, clock, cancellationToken))
        {
            case VendorExchange.Answered { Answer: { IsSuccess: true } answer }:
                LogAnswered(logger, call, answer.Status);
                return (answer, null);

            case VendorExchange.Answered { Answer: var refused }:
                string words = VendorText.OfError(refused, [.. secrets, Options.ApiToken]);
                TimeSpan? wait = refused.Status == 429 ? RateLimitHeaders.ParseRetryAfter(refused.RetryAfter, clock.GetUtcNow()) ?? WaitIn(words) : null;
                return (refused, Fail(call, new ProviderError(ProviderStatus.FailureOf(refused.Status), refused.Status, words, wait, refused.RequestId)));

            case VendorExchange.NotSent notSent:
                return (null, Fail(call, new ProviderError(ProviderFailure.Unreachable, null, notSent.Reason)));

            case VendorExchange.Lost lost:
                return (null, Fail(call, new ProviderError(ProviderFailure.Ambiguous, null, lost.Reason)));

            default:
                throw new NotSupportedException("An exchange is answered, not sent or lost.");
        }
    }

    /// <summary>The throttling sentence names its time; the header that should is not promised.</summary>
    private static TimeSpan? WaitIn(string words) =>
        ResetsIn().Match(words) is { Success: true } match ? TimeSpan.FromSeconds(int.Parse(match.Groups["seconds"].Value, CultureInfo.InvariantCulture)) : null;

    private ProviderError Unreadable(string call, VendorAnswer answer, string why) =>
        Fail(call, new ProviderError(ProviderFailure.Ambiguous, answer.Status, VendorText.Clean(why, [Options.ApiToken]), RequestId: answer.RequestId));

    private ProviderError Fail(string call, ProviderError error)
    {
        LogFailed(logger, call, error.Failure, error.Status, error.Detail);
        return error;
    }

    [GeneratedRegex(@"resets in ~?(?<seconds>[0-9]{1,5})s", RegexOptions.CultureInvariant)]
    private static partial Regex ResetsIn();

    [LoggerMessage(Level = LogLevel.Debug, Message = "Replicate {Call} was answered by {Status}")]
    private static partial void LogAnswered(ILogger logger, string call, int status);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Replicate {Call} failed as {Failure}, status {Status}: {Detail}")]
    private static partial void LogFailed(ILogger logger, string call, ProviderFailure failure, int? status, string detail);
}
