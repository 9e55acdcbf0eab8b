using System.ComponentModel;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.Web;
using Microsoft.AspNetCore.Mvc;

namespace LoraAdmin.Api;

/// <summary>Reading LoRAs and getting at their files.</summary>
internal static class LoraEndpoints
{
    public static async Task<IResult> GetAsync(
        HttpContext context,
        [Description("The LoRA's id.")] string id,
        [FromServices] IUnitOfWork unitOfWork,
        [FromServices] ILinkSigner signer,
        [FromServices] PortalAddress address)
    {
        if (!Guid.TryParse(id, out Guid value))
        {
            return Refusals.BadId(id);
        }

        (Lora? lora, IReadOnlyList<ValidationImage> images) = await unitOfWork.ReadAsync(
            async (unit, stop) =>
            {
                ILoraStore store = unit.Store<ILoraStore>();
                Lora? found = await store.FindAsync(new LoraId(value), stop);
                return (found, found is null ? [] : await store.ListShownImagesAsync(found.Id, stop));
            },
            context.RequestAborted);
        if (lora is null)
        {
            return Refusals.NoLora(id);
        }

        context.Response.Headers.CacheControl = "no-store";
        return TypedResults.Json(Describe(lora, images, target => Link(signer, address, target)), ApiJson.Default.LoraAnswer);
    }

    public static async Task<IResult> LinkAsync(
        HttpContext context,
        [Description("The LoRA's id.")] string id,
        [FromServices] IUnitOfWork unitOfWork,
        [FromServices] ILinkSigner signer,
        [FromServices] PortalAddress address)
    {
        if (!Guid.TryParse(id, out Guid value))
        {
            return Refusals.BadId(id);
        }

        Lora? lora = await unitOfWork.ReadAsync((unit, stop) => unit.Store<ILoraStore>().FindAsync(new LoraId(value), stop), context.RequestAborted);
        if (lora is null)
        {
            return Refusals.NoLora(id);
        }

        if (lora.StoragePath is not { } path)
        {
            return new Problem(
                StatusCodes.Status409Conflict,
                "file_not_ready",
                "The file is not there yet",
                $"The LoRA is in status {Word(lora.Status)} and has no file in storage.",
                "Wait until its training job is completed, then ask again.");
        }

        context.Response.Headers.CacheControl = "no-store";
        return TypedResults.Json(Link(signer, address, new ObjectRef(Buckets.Models, path)), ApiJson.Default.LinkAnswer);
    }

    public static FileAnswer? DescribeFile(Lora lora) =>
        lora is { StoragePath: not null, FileSizeBytes: { } size, FileSha256: { } sha256 } ? new FileAnswer(size, sha256) : null;

    private static LinkAnswer Link(ILinkSigner signer, PortalAddress address, ObjectRef target)
    {
        SignedLink link = signer.Sign(target);

        // A store on this portal's own disk signs paths; a caller needs a whole address.
        return new LinkAnswer(link.Url.StartsWith('/') ? address.BaseUrl + link.Url : link.Url, link.ExpiresAt);
    }

    private static ValidationAnswer DescribeImage(ValidationImage image, Func<ObjectRef, LinkAnswer> link) =>
        new(image.Index, image.Score, image.Passed, image.Reason, image.IsPending ? null : link(new ObjectRef(Buckets.ValidationImages, image.Key)));

    private static LoraAnswer Describe(Lora lora, IReadOnlyList<ValidationImage> images, Func<ObjectRef, LinkAnswer> link) =>
        new()
        {
            Id = lora.Id.Value,
            UserId = lora.UserId.Value,
            Name = lora.Name,
            CreatorEmail = lora.CreatorEmail,
            Status = Word(lora.Status),
            IsPrivate = lora.IsPrivate,
            File = DescribeFile(lora),
            ValidationImages = [.. images.Select(image => DescribeImage(image, link))],
            ErrorMessage = lora.ErrorMessage,
            LastUsedAt = lora.LastUsedAt,
            CreatedAt = lora.CreatedAt,
            UpdatedAt = lora.UpdatedAt,
        };

    private static string Word(LoraStatus status) => status.ToString().ToLowerInvariant();
}
