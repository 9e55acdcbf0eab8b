using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Vendors;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Training;

/// <summary>Marks the endpoint that is open without signing in because each call carries its own proof.</summary>
public sealed class SignedWebhookMetadata;

/// <summary>The secret by which webhooks are checked: configured, or asked of the account and kept until a signature does not hold by it.</summary>
internal sealed class ReplicateWebhookSecret(ReplicateClient client, IOptions<ReplicateOptions> options, TimeProvider clock) : IDisposable
{
    /// <summary>Anybody can make us ask: an account that does not answer is left alone for a while.</summary>
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(30);

    /// <summary>Anybody can send a signature that does not hold: the account is not asked for each whether it has another secret now.</summary>
    private static readonly TimeSpan DoubtAfter = TimeSpan.FromMinutes(5);

    private readonly SemaphoreSlim turn = new(1);
    private string? known;
    private DateTimeOffset askedAt = DateTimeOffset.MinValue;

    public void Dispose() => turn.Dispose();

    /// <returns>Null: it can't be told now.</returns>
    public async Task<string?> ReadAsync(CancellationToken cancellationToken)
    {
        if ((options.Value.WebhookSecret is { Length: > 0 } configured ? configured : known) is { } secret)
        {
            return secret;
        }

        return await AskAsync(cancellationToken);
    }

    /// <summary>The secret may have been changed at the account.</summary>
    /// <returns>Another one than <paramref name="doubted"/>; null: there is none, or it can't be told now.</returns>
    public async Task<string?> ReadAnotherAsync(string doubted, CancellationToken cancellationToken) =>
        options.Value.WebhookSecret.Length == 0 && await AskAsync(cancellationToken) is { } now && now != doubted ? now : null;

    private async Task<string?> AskAsync(CancellationToken cancellationToken)
    {
        await turn.WaitAsync(cancellationToken);
        try
        {
            DateTimeOffset now = clock.GetUtcNow();
            if (options.Value.ApiToken.Length > 0 && now - askedAt >= (known is null ? AskAgainAfter : DoubtAfter))
            {
                askedAt = now;
                known = (await client.ReadWebhookSecretAsync(cancellationToken)).Secret ?? known;
            }

            return known;
        }
        finally
        {
            turn.Release();
        }
    }
}

/// <summary>
/// <c>POST /webhooks/replicate</c>: a hint that a training has changed. Its signature is checked before anything of it is believed, and then only the id: what is
/// true is read by a GET.
/// </summary>
internal static class ReplicateWebhook
{
    public const string Path = "/webhooks/replicate";

    /// <summary>What a training's object can need, its logs included.</summary>
    public const int MaxBodyBytes = 1024 * 1024;

    public static IEndpointConventionBuilder MapReplicateWebhook(this IEndpointRouteBuilder endpoints) => endpoints
        .MapPost(Path, AnswerAsync)
        .AllowAnonymous()
        .DisableAntiforgery()
        .WithMetadata(new SignedWebhookMetadata())
        .ExcludeFromDescription()
        .WithDisplayName("Replicate webhook");

    private static async Task<IResult> AnswerAsync(
        HttpContext http, ReplicateWebhookSecret secrets, HostedHints hints, TimeProvider clock)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = MaxBodyBytes;
        }

        if (await ReadAsync(http) is not { } body)
        {
            return Problem(StatusCodes.Status413PayloadTooLarge, "The body is too large", "A training's object has less than a megabyte.");
        }

        if (await secrets.ReadAsync(http.RequestAborted) is not { } secret)
        {
            return Problem(StatusCodes.Status503ServiceUnavailable, "Webhooks can't be checked now", "Send it again later, or set Replicate:WebhookSecret.");
        }

        IHeaderDictionary headers = http.Request.Headers;
        WebhookCheck check = CheckBy(secret);
        if (check == WebhookCheck.Wrong && await secrets.ReadAnotherAsync(secret, http.RequestAborted) is { } another)
        {
            check = CheckBy(another);
        }

        WebhookCheck CheckBy(string key) => WebhookSignature.Check(
            key, headers[WebhookSignature.IdHeader], headers[WebhookSignature.TimestampHeader], headers[WebhookSignature.SignatureHeader], body, clock.GetUtcNow());

        if (check != WebhookCheck.Valid)
        {
            return Problem(
                StatusCodes.Status401Unauthorized,
                "The signature does not hold",
                check == WebhookCheck.Stale ? "It was signed too long ago, or ahead of time." : "Sign the raw body by Standard Webhooks with the account's secret.");
        }

        return ReplicateJson.IdIn(body) is { } id && await hints.NoteAsync(id, http.RequestAborted)
            ? Results.NoContent()
            : Problem(StatusCodes.Status404NotFound, "No such training", "This portal did not ask for a training with this id.");
    }

    /// <returns>Null: it is longer than may be.</returns>
    private static async Task<byte[]?> ReadAsync(HttpContext http)
    {
        // The declared length is left to the server's own limit: only its refusal also tells the sender that the connection ends.
        using MemoryStream body = new();
        byte[] piece = new byte[16 * 1024];
        try
        {
            int read;
            while ((read = await http.Request.Body.ReadAsync(piece, http.RequestAborted)) > 0)
            {
                if (body.Length + read > MaxBodyBytes)
                {
                    return null;
                }

                body.Write(piece, 0, read);
            }
        }
        catch (BadHttpRequestException refused) when (refused.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return null;
        }

        return body.ToArray();
    }

    private static IResult Problem(int status, string title, string detail) => Results.Problem(detail, statusCode: status, title: title);
}
