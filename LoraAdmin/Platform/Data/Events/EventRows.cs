using LoraAdmin.Domain.Shared;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Platform.Data.Events;

internal sealed class OperationalEventRow : IEntityTypeConfiguration<OperationalEventRow>
{
    /// <summary>Order of writing. Instances commit out of this order, so nobody may read "above the last seen".</summary>
    public long Sequence { get; set; }

    public Guid Id { get; set; }
    public long At { get; set; }
    public string Kind { get; set; } = "";
    public string Message { get; set; } = "";
    public EventSeverity Severity { get; set; }
    public ActorKind ActorKind { get; set; }
    public string ActorName { get; set; } = "";
    public Guid? JobId { get; set; }
    public Guid? LoraId { get; set; }
    public Guid? UserId { get; set; }
    public int? Attempt { get; set; }
    public string? Pod { get; set; }
    public string? Reason { get; set; }
    public bool HasError { get; set; }

    /// <summary>What the fact means to the incidents, as JSON; null for the many facts that mean nothing to them.</summary>
    public string? Signals { get; set; }

    /// <summary>Null: not yet taken in by every consumer.</summary>
    public long? ProcessedAt { get; set; }

    /// <summary>Until then one instance works on it.</summary>
    public long? ClaimedUntil { get; set; }

    public int Claims { get; set; }

    public void Configure(EntityTypeBuilder<OperationalEventRow> builder)
    {
        builder.ToTable("operational_events");
        builder.HasKey(row => row.Sequence);
        builder.Property(row => row.Severity).HasConversion<WordConverter<EventSeverity>>();
        builder.Property(row => row.ActorKind).HasConversion<WordConverter<ActorKind>>();
        builder.HasIndex(row => new { row.JobId, row.Sequence });
        builder.HasIndex(row => row.Sequence, "ix_operational_events_unprocessed").HasFilter("processed_at IS NULL");
    }
}

internal sealed class ErrorEventRow : IEntityTypeConfiguration<ErrorEventRow>
{
    /// <summary>The same id as the fact's.</summary>
    public Guid EventId { get; set; }

    public long At { get; set; }
    public string Code { get; set; } = "";
    public string Where { get; set; } = "";
    public string? ProviderWords { get; set; }
    public string? CorrelationId { get; set; }
    public Guid? JobId { get; set; }

    public void Configure(EntityTypeBuilder<ErrorEventRow> builder)
    {
        builder.ToTable("error_events");
        builder.HasKey(row => row.EventId);
        builder.Property(row => row.Where).HasColumnName("failed_part");
        builder.HasIndex(row => new { row.JobId, row.At });
        builder.HasIndex(row => row.At);
    }
}
