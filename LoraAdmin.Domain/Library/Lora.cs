using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Library;

/// <summary>The words of the shared column <c>lora_models.status</c>.</summary>
public enum LoraStatus
{
    Training,
    Validating,
    Completed,
    Failed,
    Archived,
}

/// <summary>A row of the shared table <c>lora_models</c>.</summary>
public sealed record Lora
{
    public required LoraId Id { get; init; }
    public required UserId UserId { get; init; }
    public required string CreatorEmail { get; init; }
    public string? CreatorName { get; init; }
    public required string Name { get; init; }
    public required LoraStatus Status { get; init; }

    /// <summary>Key in the bucket <c>lora-models</c>; null until the file is verified there.</summary>
    public string? StoragePath { get; init; }

    public long? FileSizeBytes { get; init; }

    /// <summary>64 lower-case hex digits.</summary>
    public string? FileSha256 { get; init; }

    /// <summary>Keys in the bucket <c>lora-validation-images</c> of the attempt whose file storage has, in order of the image's index.</summary>
    public IReadOnlyList<string> ValidationImageKeys { get; init; } = [];

    public string? ErrorMessage { get; init; }
    public bool IsPrivate { get; init; }
    public DateTimeOffset? LastUsedAt { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset UpdatedAt { get; init; }
}

/// <summary>One image that the trained LoRA made, and what we think of it: a row of our <c>validation_images</c>.</summary>
/// <param name="Index">From 0, as in the key.</param>
/// <param name="Score">0 to 1, as the agent, or the provider's validation model, measured it.</param>
/// <param name="Passed">Null until the verdict is given.</param>
/// <param name="Reason">Why it passed or failed, for a person.</param>
/// <param name="Attempt">The attempt of the job whose file made it: images of another attempt say nothing about this one's file.</param>
public sealed record ValidationImage(LoraId Lora, int Index, string Key, double Score, bool? Passed, string? Reason, DateTimeOffset CreatedAt, int Attempt)
{
    /// <summary>The image lies in a spool and not in the bucket yet.</summary>
    public bool IsPending { get; init; }
}

/// <summary>LoRAs and their validation images. Bound to a unit of work.</summary>
public interface ILoraStore
{
    Task AddAsync(Lora lora, CancellationToken cancellationToken);

    Task<Lora?> FindAsync(LoraId id, CancellationToken cancellationToken);

    /// <summary>Writes all columns but the keys and <c>created_at</c>.</summary>
    Task SaveAsync(Lora lora, CancellationToken cancellationToken);

    /// <summary>
    /// Writes images of one LoRA, replacing rows of the same attempt and index, and into <c>validation_image_urls</c> the keys of those of
    /// <see cref="LoraStoreExtensions.OfStoredAttempt"/> that are in the bucket.
    /// </summary>
    Task SaveValidationImagesAsync(LoraId lora, IReadOnlyList<ValidationImage> images, CancellationToken cancellationToken);

    /// <summary>Of all attempts, in order of attempt and then of index; empty when there are none.</summary>
    Task<IReadOnlyList<ValidationImage>> ListValidationImagesAsync(LoraId lora, CancellationToken cancellationToken);
}

public static class LoraStoreExtensions
{
    /// <summary>
    /// The images of the newest attempt that came as far as storage or a verdict, else of the newest that has any, in order of index. A file that was
    /// fetched late from another attempt's pod has images too, and they say nothing about the LoRA.
    /// </summary>
    public static IReadOnlyList<ValidationImage> OfStoredAttempt(this IReadOnlyList<ValidationImage> images)
    {
        ArgumentNullException.ThrowIfNull(images);
        int attempt = images.Where(image => !image.IsPending || image.Passed is not null).Select(image => (int?)image.Attempt).Max()
            ?? images.Select(image => image.Attempt).DefaultIfEmpty().Max();
        return [.. images.Where(image => image.Attempt == attempt).OrderBy(image => image.Index)];
    }

    /// <summary>The images that pages and API show; see <see cref="OfStoredAttempt"/>.</summary>
    public static async Task<IReadOnlyList<ValidationImage>> ListShownImagesAsync(this ILoraStore loras, LoraId id, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(loras);
        return (await loras.ListValidationImagesAsync(id, cancellationToken)).OfStoredAttempt();
    }

    /// <summary>Writes a LoRA's status and error; a LoRA whose row somebody removed is left alone.</summary>
    public static async Task SetStatusAsync(
        this ILoraStore loras, LoraId id, LoraStatus status, string? error, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(loras);
        if (await loras.FindAsync(id, cancellationToken) is { } lora)
        {
            await loras.SaveAsync(lora with { Status = status, ErrorMessage = error, UpdatedAt = now }, cancellationToken);
        }
    }
}
