using System.Globalization;
using System.Net.Http.Headers;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Vendors;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Training;

/// <summary>The agent's contract over HTTP (docs/pod-agent.md). With an in-memory handler every call completes synchronously.</summary>
public sealed class HttpPodAgent(
    HttpClient http, IOptions<PodAgentOptions> options, Func<Installation> installation, TimeProvider clock, ILogger<HttpPodAgent> logger) : IPodAgent
{
    /// <summary>Name of the client at <see cref="IHttpClientFactory"/>.</summary>
    public const string HttpClientName = "pod-agent";

    private const long MaxStatusBytes = 256 * 1024;
    private const long MaxErrorBytes = 64 * 1024;

    public long MaxRangeBytes => options.Value.RangeBytes;

    public Task<AgentReply<AgentStatus>> ReadStatusAsync(AgentAddress agent, CancellationToken cancellationToken) =>
        CallAsync<AgentStatus>(
            new Call(agent, "status", HttpMethod.Get, "/v1/status", options.Value.StatusTimeout, MaxStatusBytes),
            (response, body, token) =>
            {
                (AgentStatus? status, string? problem) = HttpPodAgentJson.ReadStatus(body, token);
                return status is null ? Broken<AgentStatus>(problem!) : AgentReply<AgentStatus>.Ok(status);
            },
            cancellationToken);

    public async Task<AgentReply<AgentAck>> PutImageAsync(AgentAddress agent, AgentImage image, Stream content, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(content);
        if (image.Number is < 0 or >= PodAgentLimits.Images)
        {
            return AgentReply<AgentAck>.Failed(
                AgentFailure.Refused, $"not sent: image number {image.Number} is not within 0 to {PodAgentLimits.Images - 1}");
        }

        using HttpPodAgentUpload upload = new(content, image.SizeBytes);
        upload.Headers.ContentType = new MediaTypeHeaderValue(image.ContentType);
        Call call = new(
            agent,
            "put image",
            HttpMethod.Put,
            string.Create(CultureInfo.InvariantCulture, $"/v1/images/{image.Number}"),
            options.Value.ImageTimeout,
            MaxErrorBytes,
            upload,
            ("X-Content-SHA256", image.Sha256));
        AgentReply<AgentAck> reply = await AckAsync(call, cancellationToken);
        return reply.Value is null && upload.SourceProblem is { } problem
            ? AgentReply<AgentAck>.Failed(AgentFailure.Unreachable, $"image {image.Number} was not sent whole: {problem}")
            : reply;
    }

    public Task<AgentReply<AgentAck>> StartAsync(AgentAddress agent, TrainingOrder order, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(order);
        return CommandAsync(agent, "start", "/v1/start", HttpPodAgentJson.Order(order), cancellationToken);
    }

    public async Task<AgentReply<ArtifactRange>> ReadArtifactAsync(AgentAddress agent, long offset, long length, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, MaxRangeBytes);
        Call call = new(agent, "artifact", HttpMethod.Get, "/v1/artifact", options.Value.RangeTimeout, MaxErrorBytes);
        if (Refusal(call) is { } refusal)
        {
            return AgentReply<ArtifactRange>.Failed(AgentFailure.Refused, refusal);
        }

        VendorDeadline deadline = new(call.Limit, clock, cancellationToken);
        HttpResponseMessage? response = null;
        try
        {
            string token = TokenFor(agent);
            using HttpRequestMessage request = RequestFor(call, token);
            request.Headers.Range = new RangeHeaderValue(offset, offset + length - 1);
            response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
            AgentReply<ArtifactRange> reply = (int)response.StatusCode is 200 or 206
                ? await RangeOfAsync(response, offset, length, deadline)
                : await FailureOfAsync<ArtifactRange>(call, response, token, deadline);
            if (reply.Value is not null)
            {
                // The stream disposes them now.
                response = null;
                deadline = null!;
            }
            else
            {
                HttpPodAgentLog.Failed(logger, agent.PodName, call.Name, reply.Failure, reply.Detail!);
            }

            return reply;
        }
        catch (Exception failure) when (VendorHttp.IsOutside(failure))
        {
            deadline.ThrowIfCallerGaveUp();
            return Unreachable<ArtifactRange>(call, VendorHttp.Describe(failure, deadline));
        }
        finally
        {
            response?.Dispose();
            deadline?.Dispose();
        }
    }

    public Task<AgentReply<AgentValidationImage>> ReadValidationAsync(AgentAddress agent, int number, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        return CallAsync<AgentValidationImage>(
            new Call(
                agent,
                "validation",
                HttpMethod.Get,
                string.Create(CultureInfo.InvariantCulture, $"/v1/validation/{number}"),
                options.Value.ImageTimeout,
                PodAgentLimits.ValidationImageBytes),
            (response, body, token) =>
            {
                if (body is not [0xFF, 0xD8, 0xFF, ..])
                {
                    return Broken<AgentValidationImage>($"validation image {number} is no JPEG");
                }

                string? text = response.Headers.NonValidated.TryGetValues("X-Validation-Score", out HeaderStringValues values) ? values.ToString() : null;
                const NumberStyles Style = NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
                return double.TryParse(text, Style, CultureInfo.InvariantCulture, out double score) && score is >= 0 and <= 1
                    ? AgentReply<AgentValidationImage>.Ok(new AgentValidationImage(body, score))
                    : Broken<AgentValidationImage>($"validation image {number} has no X-Validation-Score from 0 to 1");
            },
            cancellationToken);
    }

    public Task<AgentReply<AgentAck>> RenewLeaseAsync(AgentAddress agent, TimeSpan lease, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(lease, TimeSpan.FromSeconds(1));
        return CommandAsync(agent, "lease", "/v1/lease", HttpPodAgentJson.Lease(lease), cancellationToken);
    }

    public Task<AgentReply<AgentAck>> StopAsync(AgentAddress agent, CancellationToken cancellationToken) =>
        CommandAsync(agent, "stop", "/v1/stop", "{}"u8.ToArray(), cancellationToken);

    /// <summary>
    /// By status: what the proxy says when nothing stands behind it is <see cref="AgentFailure.Unreachable"/>, also when it throttles; the
    /// agent's own 4xx is a refusal.
    /// </summary>
    private static AgentFailure FailureOf(int status) => status switch
    {
        401 or 403 => AgentFailure.Unauthorized,
        404 or 408 or 425 or 429 or 502 or 503 or 504 or (>= 521 and <= 524) or 530 => AgentFailure.Unreachable,
        >= 400 and < 500 => AgentFailure.Refused,
        _ => AgentFailure.Broken,
    };

    private static AgentReply<T> Broken<T>(string detail)
        where T : class => AgentReply<T>.Failed(AgentFailure.Broken, detail);

    private static string? Refusal(Call call) =>
        PodIds.IsValid(call.Agent.PodId) ? null : "not sent: the pod id is not 4 to 64 lower-case letters and digits";

    private async Task<AgentReply<AgentAck>> CommandAsync(
        AgentAddress agent, string name, string path, byte[] body, CancellationToken cancellationToken)
    {
        using ByteArrayContent content = new(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        Call call = new(agent, name, HttpMethod.Post, path, options.Value.CommandTimeout, MaxErrorBytes, content);
        return await AckAsync(call, cancellationToken);
    }

    /// <summary>A 2xx says all; its body is not read.</summary>
    private Task<AgentReply<AgentAck>> AckAsync(Call call, CancellationToken cancellationToken) =>
        CallAsync(call, null, (_, _, _) => AgentReply<AgentAck>.Ok(new AgentAck()), cancellationToken);

    private Task<AgentReply<T>> CallAsync<T>(
        Call call, Func<HttpResponseMessage, byte[], string, AgentReply<T>> read, CancellationToken cancellationToken)
        where T : class => CallAsync(call, 200, read, cancellationToken);

    /// <param name="wanted">The one good status, whose body is read; null: any 2xx, without its body.</param>
    private async Task<AgentReply<T>> CallAsync<T>(
        Call call, int? wanted, Func<HttpResponseMessage, byte[], string, AgentReply<T>> read, CancellationToken cancellationToken)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(call.Agent);
        if (Refusal(call) is { } refusal)
        {
            return AgentReply<T>.Failed(AgentFailure.Refused, refusal);
        }

        string token = TokenFor(call.Agent);
        using VendorDeadline deadline = new(call.Limit, clock, cancellationToken);
        AgentReply<T> reply;
        try
        {
            using HttpRequestMessage request = RequestFor(call, token);
            using HttpResponseMessage response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
            reply = (wanted is { } status ? (int)response.StatusCode == status : response.IsSuccessStatusCode)
                ? await ReadAsync(call, wanted, response, token, read, deadline)
                : await FailureOfAsync<T>(call, response, token, deadline);
        }
        catch (Exception failure) when (VendorHttp.IsOutside(failure))
        {
            deadline.ThrowIfCallerGaveUp();
            return Unreachable<T>(call, VendorHttp.Describe(failure, deadline));
        }

        if (reply.Value is null)
        {
            HttpPodAgentLog.Failed(logger, call.Agent.PodName, call.Name, reply.Failure, reply.Detail!);
        }

        return reply;
    }

    private static async Task<AgentReply<T>> ReadAsync<T>(
        Call call,
        int? wanted,
        HttpResponseMessage response,
        string token,
        Func<HttpResponseMessage, byte[], string, AgentReply<T>> read,
        VendorDeadline deadline)
        where T : class
    {
        if (wanted is null)
        {
            return read(response, [], token);
        }

        VendorBody body = await VendorHttp.ReadBodyAsync(response.Content, call.MaxBodyBytes, deadline);
        return body.Bytes is { } bytes ? read(response, bytes, token)
            : AgentReply<T>.Failed(body.IsTooLong ? AgentFailure.Broken : AgentFailure.Unreachable, $"{call.Name}: {body.Problem}");
    }

    private static async Task<AgentReply<T>> FailureOfAsync<T>(Call call, HttpResponseMessage response, string token, VendorDeadline deadline)
        where T : class
    {
        int status = (int)response.StatusCode;
        VendorBody body = await VendorHttp.ReadBodyAsync(response.Content, MaxErrorBytes, deadline);
        string answer = $"{call.Name} was answered by {status}";
        string words = VendorText.IsPage(body.Bytes)
            ? answer
            : $"{answer}: {VendorText.OfError(new VendorAnswer(status, body.Bytes, body.Problem, null, null, null, null), [token])}";
        return AgentReply<T>.Failed(FailureOf(status), VendorText.Clean(words, [token]));
    }

    /// <summary>A 206 that says exactly the range that was asked for (the last may be shorter), or a 200 that is the whole file within it.</summary>
    private static async Task<AgentReply<ArtifactRange>> RangeOfAsync(
        HttpResponseMessage response, long offset, long length, VendorDeadline deadline)
    {
        HttpContentHeaders headers = response.Content.Headers;
        if (headers.ContentEncoding.Count > 0)
        {
            return Broken<ArtifactRange>("the range is compressed");
        }

        long bytes;
        long total;
        if ((int)response.StatusCode == 206)
        {
            if (headers.ContentRange is not { Unit: "bytes", From: { } from, To: { } to, Length: { } whole }
                || from != offset || to != Math.Min(offset + length, whole) - 1 || to < from)
            {
                return Broken<ArtifactRange>("the range's Content-Range is missing or not what was asked for");
            }

            bytes = to - from + 1;
            total = whole;
        }
        else
        {
            if (offset != 0 || headers.ContentLength is not { } whole || whole < 1 || whole > length)
            {
                return Broken<ArtifactRange>("a range was asked for and something else was sent");
            }

            bytes = whole;
            total = whole;
        }

        if (headers.ContentLength is { } declared && declared != bytes)
        {
            return Broken<ArtifactRange>("the range's Content-Length does not fit its Content-Range");
        }

        Stream content = await response.Content.ReadAsStreamAsync(deadline.Token);
        return AgentReply<ArtifactRange>.Ok(new ArtifactRange(new VendorStream(content, bytes, response, deadline, "The range"), offset, bytes, total));
    }

    private AgentReply<T> Unreachable<T>(Call call, string why)
        where T : class
    {
        HttpPodAgentLog.Failed(logger, call.Agent.PodName, call.Name, AgentFailure.Unreachable, why);
        return AgentReply<T>.Failed(AgentFailure.Unreachable, $"{call.Name}: {why}");
    }

    private string TokenFor(AgentAddress agent) => AgentToken.For(installation().AgentKey, agent.PodName);

    private HttpRequestMessage RequestFor(Call call, string token)
    {
        string root = options.Value.UrlTemplate.Replace(PodAgentOptions.PodMark, call.Agent.PodId, StringComparison.Ordinal).TrimEnd('/');
        HttpRequestMessage request = new(call.Method, root + call.Path) { Content = call.Content };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("LoraAdmin", null));
        if (call.Header is { } header)
        {
            request.Headers.TryAddWithoutValidation(header.Name, header.Value);
        }

        return request;
    }

    private sealed record Call(
        AgentAddress Agent,
        string Name,
        HttpMethod Method,
        string Path,
        TimeSpan Limit,
        long MaxBodyBytes,
        HttpContent? Content = null,
        (string Name, string Value)? Header = null);
}
