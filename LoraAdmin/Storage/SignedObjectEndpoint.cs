using LoraAdmin.Domain.Storage;
using Microsoft.AspNetCore.Mvc;

namespace LoraAdmin.Storage;

/// <summary>Marks the one endpoint that is open without signing in because each link carries its own proof.</summary>
public sealed class SignedLinkMetadata;

/// <summary>
/// <c>GET|HEAD /objects/{bucket}/{key}?expires=…&amp;signature=…</c>. Whoever holds a link may fetch its object until it expires; only JPEG, PNG
/// and WebP are shown, everything else is a download, so that no stored file runs as a page of ours.
/// </summary>
public static class SignedObjectEndpoint
{
    private static readonly HashSet<string> ShownTypes = ["image/jpeg", "image/png", "image/webp"];

    public static IEndpointConventionBuilder MapSignedObjects(this IEndpointRouteBuilder endpoints) =>
        endpoints
            .Map("/objects/{bucket}/{**key}", AnswerAsync)
            .AllowAnonymous()
            .WithMetadata(new SignedLinkMetadata())
            .ExcludeFromDescription()
            .WithDisplayName("Signed object link");

    private static async Task<IResult> AnswerAsync(
        HttpContext http,
        string bucket,
        string? key,
        [FromQuery] string? expires,
        [FromQuery] string? signature,
        [FromServices] LinkSigner signer,
        [FromServices] IObjectStore store)
    {
        http.Response.Headers.XContentTypeOptions = "nosniff";
        http.Response.Headers.CacheControl = "private, no-store";
        if (!HttpMethods.IsGet(http.Request.Method) && !HttpMethods.IsHead(http.Request.Method))
        {
            http.Response.Headers.Allow = "GET, HEAD";
            return Problem(StatusCodes.Status405MethodNotAllowed, "A link is only for reading", "Open the link with GET or HEAD.");
        }

        ObjectRef target = new(bucket, key ?? "");
        switch (signer.Check(target, expires, signature))
        {
            case LinkCheck.Expired:
                return Problem(
                    StatusCodes.Status403Forbidden,
                    "This link has expired",
                    "Links work for one hour at most. Ask for a new one where you got this one.");
            case LinkCheck.Tampered:
                return Problem(
                    StatusCodes.Status403Forbidden,
                    "This link is not valid",
                    "It was changed or cut off on its way. Copy the whole link again, or ask for a new one.");
            default:
                return await ReadAsync(store, target, http.RequestAborted);
        }
    }

    private static async Task<IResult> ReadAsync(IObjectStore store, ObjectRef target, CancellationToken cancellationToken) =>
        await store.OpenAsync(target, cancellationToken) switch
        {
            ObjectReading.Found found => Results.Stream(
                found.Content,
                ShownTypes.Contains(found.Info.ContentType) ? found.Info.ContentType : "application/octet-stream",
                ShownTypes.Contains(found.Info.ContentType) ? null : target.Key[(target.Key.LastIndexOf('/') + 1)..],
                lastModified: found.Info.LastModified,
                enableRangeProcessing: found.Content.CanSeek),
            ObjectReading.NotFound => Problem(
                StatusCodes.Status404NotFound,
                "There is no such file any more",
                "It was deleted, archived or never stored. Look at its LoRA in the portal."),
            _ => Problem(
                StatusCodes.Status503ServiceUnavailable,
                "Storage can't be read now",
                "The link stays good until it expires. Try again in a minute."),
        };

    private static IResult Problem(int status, string title, string detail) => Results.Problem(detail, statusCode: status, title: title);
}
