using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Library;

/// <summary>The shared table <c>lora_models</c>.</summary>
internal sealed class LoraModelRow : IEntityTypeConfiguration<LoraModelRow>
{
    private const string ValidationBucket = "/lora-validation-images/";

    public Guid Id { get; set; }
    public Guid UserId { get; set; }
    public string CreatorEmail { get; set; } = "";
    public string? CreatorName { get; set; }
    public string Name { get; set; } = "";
    public string Status { get; set; } = "";
    public string? StoragePath { get; set; }
    public long? FileSizeBytes { get; set; }
    public string? FileSha256 { get; set; }

    /// <summary>Object keys; rows from before the portal hold whole URLs.</summary>
    public List<string>? ValidationImageUrls { get; set; }

    public string? ErrorMessage { get; set; }
    public bool IsPrivate { get; set; }
    public DateTimeOffset? LastUsedAt { get; set; }
    public DateTimeOffset CreatedAt { get; set; }
    public DateTimeOffset UpdatedAt { get; set; }

    public void Configure(EntityTypeBuilder<LoraModelRow> builder)
    {
        builder.ToTable("lora_models");
        builder.HasKey(row => row.Id);
        builder.Property(row => row.Id).ValueGeneratedNever();
    }

    public static LoraModelRow From(Lora lora) => new()
    {
        Id = lora.Id.Value,
        UserId = lora.UserId.Value,
        CreatorEmail = lora.CreatorEmail,
        CreatorName = lora.CreatorName,
        Name = lora.Name,
        Status = Words<LoraStatus>.Of(lora.Status),
        StoragePath = lora.StoragePath,
        FileSizeBytes = lora.FileSizeBytes,
        FileSha256 = lora.FileSha256,
        ValidationImageUrls = lora.ValidationImageKeys.Count == 0 ? null : [.. lora.ValidationImageKeys],
        ErrorMessage = lora.ErrorMessage,
        IsPrivate = lora.IsPrivate,
        LastUsedAt = lora.LastUsedAt,
        CreatedAt = lora.CreatedAt,
        UpdatedAt = lora.UpdatedAt,
    };

    public Lora ToLora() => new()
    {
        Id = new LoraId(Id),
        UserId = new UserId(UserId),
        CreatorEmail = CreatorEmail,
        CreatorName = CreatorName,
        Name = Name,
        Status = Words<LoraStatus>.Parse(Status),
        StoragePath = StoragePath,
        FileSizeBytes = FileSizeBytes,
        FileSha256 = FileSha256,
        ValidationImageKeys = ToImageKeys(),
        ErrorMessage = ErrorMessage,
        IsPrivate = IsPrivate,
        LastUsedAt = LastUsedAt,
        CreatedAt = CreatedAt,
        UpdatedAt = UpdatedAt,
    };

    public IReadOnlyList<string> ToImageKeys() => ValidationImageUrls?.ConvertAll(ToKey) ?? [];

    private static string ToKey(string keyOrUrl)
    {
        int bucket = keyOrUrl.StartsWith("http", StringComparison.OrdinalIgnoreCase) ? keyOrUrl.IndexOf(ValidationBucket, StringComparison.Ordinal) : -1;
        if (bucket < 0)
        {
            return keyOrUrl;
        }

        string key = keyOrUrl[(bucket + ValidationBucket.Length)..];
        int query = key.IndexOf('?', StringComparison.Ordinal);
        return Uri.UnescapeDataString(query < 0 ? key : key[..query]);
    }
}

internal sealed class ValidationImageRow : IEntityTypeConfiguration<ValidationImageRow>
{
    public Guid LoraId { get; set; }
    public int Index { get; set; }
    public string Key { get; set; } = "";
    public double Score { get; set; }
    public bool? Passed { get; set; }
    public string? Reason { get; set; }
    public long CreatedAt { get; set; }
    public int Attempt { get; set; }
    public bool IsPending { get; set; }

    public void Configure(EntityTypeBuilder<ValidationImageRow> builder)
    {
        builder.ToTable("validation_images");
        builder.HasKey(row => new { row.LoraId, row.Attempt, row.Index });
        builder.Property(row => row.Index).HasColumnName("image_index");
        builder.Property(row => row.Key).HasColumnName("object_key");

        // Rows from before the column are of first attempts, but for a few.
        builder.Property(row => row.Attempt).HasDefaultValue(1);
        builder.HasIndex(row => row.CreatedAt);
    }

    public static ValidationImageRow From(ValidationImage image) => new()
    {
        LoraId = image.Lora.Value,
        Index = image.Index,
        Key = image.Key,
        Score = image.Score,
        Passed = image.Passed,
        Reason = image.Reason,
        CreatedAt = image.CreatedAt.ToMillis(),
        Attempt = image.Attempt,
        IsPending = image.IsPending,
    };

    public ValidationImage ToImage() => new(new LoraId(LoraId), Index, Key, Score, Passed, Reason, Instants.FromMillis(CreatedAt), Attempt) { IsPending = IsPending };
}
