using LoraAdmin.Domain.Alerts;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Alerts;

internal sealed class IncidentRow : IEntityTypeConfiguration<IncidentRow>
{
    public Guid Id { get; set; }
    public string Rule { get; set; } = "";
    public string Subject { get; set; } = "";
    public EventSeverity Severity { get; set; }
    public string Text { get; set; } = "";
    public long Since { get; set; }
    public long LastSeenAt { get; set; }
    public int Count { get; set; }
    public Guid? JobId { get; set; }
    public long? ResolvedAt { get; set; }
    public string? ResolvedHow { get; set; }

    public void Configure(EntityTypeBuilder<IncidentRow> builder)
    {
        builder.ToTable("incidents");
        builder.HasKey(row => row.Id);
        builder.Property(row => row.Id).ValueGeneratedNever();
        builder.Property(row => row.Severity).HasConversion<WordConverter<EventSeverity>>();
        builder.Property(row => row.Since).HasColumnName("open_since");
        builder.Property(row => row.Count).HasColumnName("seen_count");

        // At most one open incident per rule and subject, whatever instances do at the same moment.
        builder.HasIndex(row => new { row.Rule, row.Subject }, "ux_incidents_open").IsUnique().HasFilter("resolved_at IS NULL");
        builder.HasIndex(row => new { row.Rule, row.Subject, row.ResolvedAt }, "ix_incidents_resolved").HasFilter("resolved_at IS NOT NULL");
    }

    public Incident ToIncident() => new(
        Id,
        Rule,
        Subject,
        Severity,
        Text,
        Instants.FromMillis(Since),
        Instants.FromMillis(LastSeenAt),
        Count,
        JobId is { } job ? new JobId(job) : null,
        Instants.FromMillis(ResolvedAt),
        ResolvedHow);
}

/// <summary>A fact that was taken in: it must not count again.</summary>
internal sealed class IncidentFactRow : IEntityTypeConfiguration<IncidentFactRow>
{
    public Guid EventId { get; set; }
    public long TakenAt { get; set; }

    public void Configure(EntityTypeBuilder<IncidentFactRow> builder)
    {
        builder.ToTable("incident_facts");
        builder.HasKey(row => row.EventId);
        builder.Property(row => row.EventId).ValueGeneratedNever();
    }
}

/// <summary>
/// When a rule was last said to be right again about a subject, kept for a day: the fact that raised it may be handed out after that one.
/// </summary>
internal sealed class IncidentEndRow : IEntityTypeConfiguration<IncidentEndRow>
{
    public string Rule { get; set; } = "";
    public string Subject { get; set; } = "";
    public long EndedAt { get; set; }

    public void Configure(EntityTypeBuilder<IncidentEndRow> builder)
    {
        builder.ToTable("incident_ends");
        builder.HasKey(row => new { row.Rule, row.Subject });
        builder.HasIndex(row => row.EndedAt);
    }
}
