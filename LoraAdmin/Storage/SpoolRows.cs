using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Storage;

internal sealed class SpoolFileRow : IEntityTypeConfiguration<SpoolFileRow>
{
    public string SpoolId { get; set; } = "";
    public string Name { get; set; } = "";
    public Guid? JobId { get; set; }
    public int Attempt { get; set; }
    public string? Pod { get; set; }
    public long SizeBytes { get; set; }
    public string Sha256 { get; set; } = "";
    public long VerifiedAt { get; set; }
    public long? DueAt { get; set; }
    public int FailedRuns { get; set; }
    public string? LastError { get; set; }
    public long? LastTriedAt { get; set; }
    public ActorKind? DiscardedByKind { get; set; }
    public string? DiscardedByName { get; set; }
    public string? DiscardReason { get; set; }
    public long? DiscardedAt { get; set; }

    public void Configure(EntityTypeBuilder<SpoolFileRow> builder)
    {
        builder.ToTable("spool_files");
        builder.HasKey(row => new { row.SpoolId, row.Name });
        builder.Property(row => row.DiscardedByKind).HasConversion<WordConverter<ActorKind>>();
        builder.HasIndex(row => row.JobId);
    }

    public static SpoolFileRow From(SpoolEntry entry) => new()
    {
        SpoolId = entry.Spool,
        Name = entry.Name,
        JobId = entry.Job?.Value,
        Attempt = entry.Attempt,
        Pod = entry.Pod,
        SizeBytes = entry.SizeBytes,
        Sha256 = entry.Sha256,
        VerifiedAt = entry.VerifiedAt.ToMillis(),
        DueAt = entry.DueAt.ToMillis(),
        FailedRuns = entry.FailedRuns,
        LastError = entry.LastError,
        LastTriedAt = entry.LastTriedAt.ToMillis(),
        DiscardedByKind = entry.Discard?.By.Kind,
        DiscardedByName = entry.Discard?.By.Name,
        DiscardReason = entry.Discard?.Reason,
        DiscardedAt = entry.Discard?.At.ToMillis(),
    };

    public SpoolEntry ToEntry() =>
        new(JobId is { } job ? new JobId(job) : null, Attempt, SpoolId, Name, SizeBytes, Sha256, Instants.FromMillis(VerifiedAt))
        {
            Pod = Pod,
            DueAt = Instants.FromMillis(DueAt),
            FailedRuns = FailedRuns,
            LastError = LastError,
            LastTriedAt = Instants.FromMillis(LastTriedAt),
            Discard = DiscardedAt is { } at
                ? new SpoolDiscard(new Actor(DiscardedByKind ?? ActorKind.Portal, DiscardedByName ?? ""), DiscardReason ?? "", Instants.FromMillis(at))
                : null,
        };
}

internal sealed class SpoolInstanceRow : IEntityTypeConfiguration<SpoolInstanceRow>
{
    public string Instance { get; set; } = "";
    public string SpoolId { get; set; } = "";
    public string Host { get; set; } = "";
    public long LastSeenAt { get; set; }
    public bool IsSilenceTold { get; set; }
    public bool IsAwayTold { get; set; }

    public void Configure(EntityTypeBuilder<SpoolInstanceRow> builder)
    {
        builder.ToTable("spool_instances");
        builder.HasKey(row => new { row.Instance, row.SpoolId });
        builder.HasIndex(row => new { row.SpoolId, row.LastSeenAt });
    }
}
