using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Storage;

/// <summary>Table <c>storage_census</c>: one count of one bucket.</summary>
internal sealed class StorageCensusRow : IEntityTypeConfiguration<StorageCensusRow>
{
    public string Bucket { get; set; } = "";
    public long TakenAt { get; set; }
    public long Objects { get; set; }
    public long Bytes { get; set; }
    public long Strays { get; set; }
    public long Missing { get; set; }

    /// <summary>Why it was not read to its end.</summary>
    public string? Unread { get; set; }

    public void Configure(EntityTypeBuilder<StorageCensusRow> builder)
    {
        builder.ToTable("storage_census");
        builder.HasKey(row => new { row.Bucket, row.TakenAt });
    }

    public static StorageCensusRow From(BucketCensus census) => new()
    {
        Bucket = census.Bucket,
        TakenAt = census.At.ToMillis(),
        Objects = census.Objects,
        Bytes = census.Bytes,
        Strays = census.Strays,
        Missing = census.Missing,
        Unread = census.Unread,
    };

    public BucketCensus ToCensus() => new(Bucket, Instants.FromMillis(TakenAt), Objects, Bytes, Strays, Missing, Unread);
}

/// <summary>Table <c>storage_differences</c>: what the last whole count of a bucket found amiss.</summary>
internal sealed class StorageDifferenceRow : IEntityTypeConfiguration<StorageDifferenceRow>
{
    public string Bucket { get; set; } = "";
    public DifferenceKind Kind { get; set; }
    public string Key { get; set; } = "";
    public long TakenAt { get; set; }
    public Guid? LoraId { get; set; }
    public long? SizeBytes { get; set; }

    public void Configure(EntityTypeBuilder<StorageDifferenceRow> builder)
    {
        builder.ToTable("storage_differences");
        builder.HasKey(row => new { row.Bucket, row.Kind, row.Key });
        builder.Property(row => row.Kind).HasConversion<WordConverter<DifferenceKind>>();
        builder.Property(row => row.Key).HasColumnName("object_key");
    }

    public static StorageDifferenceRow From(CensusDifference difference) => new()
    {
        Bucket = difference.Bucket,
        Kind = difference.Kind,
        Key = difference.Key,
        TakenAt = difference.At.ToMillis(),
        LoraId = difference.Lora?.Value,
        SizeBytes = difference.SizeBytes,
    };

    public CensusDifference ToDifference() =>
        new(Bucket, Key, Kind, Instants.FromMillis(TakenAt), LoraId is { } lora ? new LoraId(lora) : null, SizeBytes);
}
