using System.Net.Http.Headers;
using LoraAdmin.Platform.Vendors;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>Tells Replicate's events to the addresses that trainings named, signed, and a few times when nobody answers.</summary>
internal sealed partial class ReplicateWebhooks(
    LocalCloudFace face, LocalCloudKeys keys, IHttpClientFactory clients, TimeProvider clock, ILogger<ReplicateWebhooks> logger)
    : PortalLoop(null, clock, logger)
{
    public const string HttpClientName = "localcloud-replicate";

    private const int Tries = 3;
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(15);

    /// <summary>The request that tells one event now.</summary>
    internal static HttpRequestMessage RequestOf(ReplicateEvent told, LocalCloudKeys keys, DateTimeOffset now)
    {
        HttpRequestMessage request = new(HttpMethod.Post, told.Url) { Content = new ByteArrayContent(told.Body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.TryAddWithoutValidation(WebhookSignature.IdHeader, told.Id);
        request.Headers.TryAddWithoutValidation(WebhookSignature.TimestampHeader, now.ToUnixTimeSeconds().ToString(System.Globalization.CultureInfo.InvariantCulture));
        request.Headers.TryAddWithoutValidation(
            WebhookSignature.SignatureHeader, WebhookSignature.Sign(ReplicateFace.WebhookSecretOf(keys), told.Id, now, told.Body));
        return request;
    }

    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken)
    {
        while (face.TakeReplicateEvent() is { } told)
        {
            await SendAsync(told, stoppingToken);
        }

        return LookEvery;
    }

    private async Task SendAsync(ReplicateEvent told, CancellationToken cancellationToken)
    {
        HttpClient http = clients.CreateClient(HttpClientName);
        for (int number = 1; number <= Tries; number++)
        {
            using HttpRequestMessage request = RequestOf(told, keys, Clock.GetUtcNow());
            VendorExchange exchange = await VendorHttp.SendAsync(http, request, AnswerWithin, 64 * 1024, Clock, cancellationToken);
            if (exchange is VendorExchange.Answered { Answer: var answer })
            {
                LogTold(logger, told.Id, answer.Status);
                return;
            }
        }

        LogUnheard(logger, told.Id);
    }

    [LoggerMessage(EventId = 131, Level = LogLevel.Debug, Message = "LocalCloud's event {Id} was answered {Status}")]
    private static partial void LogTold(ILogger logger, string id, int status);

    [LoggerMessage(EventId = 132, Level = LogLevel.Warning, Message = "LocalCloud's event {Id} was told to nobody")]
    private static partial void LogUnheard(ILogger logger, string id);
}

/// <summary>Fetches what inputs point at, over HTTP.</summary>
internal static class ReplicateInputs
{
    private const long MaxBytes = 512L * 1024 * 1024;
    private static readonly TimeSpan Within = TimeSpan.FromMinutes(2);

    public static FetchInput Over(IHttpClientFactory clients, TimeProvider clock) => async (link, cancellationToken) =>
    {
        using HttpRequestMessage request = new(HttpMethod.Get, link);
        return await VendorHttp.SendAsync(clients.CreateClient(ReplicateWebhooks.HttpClientName), request, Within, MaxBytes, clock, cancellationToken)
            is VendorExchange.Answered { Answer: { IsSuccess: true, Body: { } body } }
                ? body
                : null;
    };
}
