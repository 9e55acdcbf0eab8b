using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Budget;

internal sealed class BudgetMonthRow : IEntityTypeConfiguration<BudgetMonthRow>
{
    /// <summary><c>2026-11</c>.</summary>
    public string Month { get; set; } = "";

    /// <summary>The limit that the last reservation was held against; today's limit is an option.</summary>
    public long LimitMicros { get; set; }

    public long SpentMicros { get; set; }
    public long ReservedMicros { get; set; }

    public void Configure(EntityTypeBuilder<BudgetMonthRow> builder)
    {
        builder.ToTable("budget_months");
        builder.HasKey(row => row.Month);
    }
}

internal sealed class BudgetReservationRow : IEntityTypeConfiguration<BudgetReservationRow>
{
    public Guid Id { get; set; }
    public Guid JobId { get; set; }
    public int Attempt { get; set; }
    public string Month { get; set; } = "";
    public long AmountMicros { get; set; }
    public long CreatedAt { get; set; }
    public long? ActualMicros { get; set; }
    public long? SettledAt { get; set; }

    public void Configure(EntityTypeBuilder<BudgetReservationRow> builder)
    {
        builder.ToTable("budget_reservations");
        builder.HasKey(row => row.Id);
        builder.Property(row => row.Id).ValueGeneratedNever();
        builder.HasOne<BudgetMonthRow>().WithMany().HasForeignKey(row => row.Month);
        builder.HasIndex(row => new { row.JobId, row.Attempt }).IsUnique();
        builder.HasIndex(row => new { row.CreatedAt, row.Id }, "ix_budget_reservations_open").HasFilter("settled_at IS NULL");
    }

    public Reservation ToReservation() => new(
        Id,
        new JobId(JobId),
        Attempt,
        Domain.Shared.Month.Parse(Month),
        new Usd(AmountMicros),
        Instants.FromMillis(CreatedAt),
        ActualMicros is { } actual ? new Usd(actual) : null,
        Instants.FromMillis(SettledAt));
}
