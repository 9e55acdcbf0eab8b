using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Limits;

/// <summary>
/// The shared table <c>user_training_limits</c>. For the schema only: where a database was adopted, <c>month_reset_date</c> may be DATE or
/// TIMESTAMPTZ, so every statement about it is written by hand.
/// </summary>
internal sealed class UserTrainingLimitRow : IEntityTypeConfiguration<UserTrainingLimitRow>
{
    public Guid UserId { get; set; }
    public int LorasCreatedThisMonth { get; set; }
    public DateOnly? MonthResetDate { get; set; }
    public int? MonthlyLimit { get; set; }

    public void Configure(EntityTypeBuilder<UserTrainingLimitRow> builder)
    {
        builder.ToTable("user_training_limits");
        builder.HasKey(row => row.UserId);
        builder.Property(row => row.UserId).ValueGeneratedNever();
    }
}

internal sealed class LimitChargeRow : IEntityTypeConfiguration<LimitChargeRow>
{
    public Guid JobId { get; set; }
    public int Admission { get; set; }
    public Guid UserId { get; set; }

    /// <summary><c>2026-11</c>.</summary>
    public string Period { get; set; } = "";

    public long ChargedAt { get; set; }
    public long? RefundedAt { get; set; }
    public string? RefundReason { get; set; }

    public void Configure(EntityTypeBuilder<LimitChargeRow> builder)
    {
        builder.ToTable("limit_charges");
        builder.HasKey(row => new { row.JobId, row.Admission });
        builder.HasIndex(row => new { row.UserId, row.Period });
    }
}
