using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Training;

/// <summary>The shared table <c>lora_training_jobs</c>: other services read it, the portal alone writes it.</summary>
internal sealed class TrainingJobRow : IEntityTypeConfiguration<TrainingJobRow>
{
    public Guid Id { get; set; }
    public Guid LoraId { get; set; }
    public Guid UserId { get; set; }
    public string Status { get; set; } = "";
    public string? Provider { get; set; }
    public string? RunpodPodId { get; set; }
    public string? ReplicateTrainingId { get; set; }
    public string? ErrorCode { get; set; }
    public string? ErrorMessage { get; set; }
    public string? CleanupStatus { get; set; }

    /// <summary>Dollars.</summary>
    public decimal? CostUsd { get; set; }

    public DateTimeOffset CreatedAt { get; set; }
    public DateTimeOffset? StartedAt { get; set; }
    public DateTimeOffset? CompletedAt { get; set; }
    public DateTimeOffset UpdatedAt { get; set; }

    public void Configure(EntityTypeBuilder<TrainingJobRow> builder)
    {
        builder.ToTable("lora_training_jobs");
        builder.HasKey(row => row.Id);
        builder.Property(row => row.Id).ValueGeneratedNever();
    }

    public static TrainingJobRow From(TrainingJob job) => new()
    {
        Id = job.Id.Value,
        LoraId = job.LoraId.Value,
        UserId = job.UserId.Value,
        Status = job.SharedStatus,
        Provider = job.Provider,
        RunpodPodId = job.PodId,
        ReplicateTrainingId = job.TrainingId,
        ErrorCode = job.Failure?.Rule.Code,
        ErrorMessage = job.Failure?.Rule.Message,
        CleanupStatus = job.CleanupStatus,
        CostUsd = job.Cost?.Dollars,
        CreatedAt = job.CreatedAt,
        StartedAt = job.StartedAt,
        CompletedAt = job.CompletedAt,
        UpdatedAt = job.UpdatedAt,
    };
}

internal sealed class TrainingAttemptRow : IEntityTypeConfiguration<TrainingAttemptRow>
{
    public Guid JobId { get; set; }
    public int Number { get; set; }
    public string Provider { get; set; } = "";
    public AttemptState State { get; set; }
    public long StartedAt { get; set; }
    public long? EndedAt { get; set; }
    public string? FailureCode { get; set; }
    public long? CostMicros { get; set; }

    public void Configure(EntityTypeBuilder<TrainingAttemptRow> builder)
    {
        builder.ToTable("training_attempts");
        builder.HasKey(row => new { row.JobId, row.Number });
        builder.Property(row => row.State).HasConversion<WordConverter<AttemptState>>();
        builder.HasOne<TrainingProgressRow>().WithMany().HasForeignKey(row => row.JobId);
        builder.HasIndex(row => row.JobId, "ux_training_attempts_active").IsUnique().HasFilter("state = 'active'");

        // The breaker's page compares the providers' prices by those of the last weeks, however long the history.
        builder.HasIndex(row => row.StartedAt, "ix_training_attempts_succeeded").HasFilter("state = 'succeeded'");
    }

    public static TrainingAttemptRow From(TrainingAttempt attempt) => new()
    {
        JobId = attempt.Job.Value,
        Number = attempt.Number,
        Provider = attempt.Provider,
        State = attempt.State,
        StartedAt = attempt.StartedAt.ToMillis(),
        EndedAt = attempt.EndedAt.ToMillis(),
        FailureCode = attempt.Failure is { } failure ? FailureTable.For(failure).Code : null,
        CostMicros = attempt.Cost?.Micros,
    };

    public TrainingAttempt ToAttempt() => new(
        new JobId(JobId),
        Number,
        Provider,
        State,
        Instants.FromMillis(StartedAt),
        Instants.FromMillis(EndedAt),
        TrainingProgressRow.ToFailure(FailureCode, null)?.Code,
        CostMicros is { } cost ? new Usd(cost) : null);
}

internal sealed class TrainingImageRow : IEntityTypeConfiguration<TrainingImageRow>
{
    public Guid JobId { get; set; }
    public int Number { get; set; }
    public string Key { get; set; } = "";
    public string? Sha256 { get; set; }
    public long? SizeBytes { get; set; }
    public int? Width { get; set; }
    public int? Height { get; set; }
    public string? Format { get; set; }

    public void Configure(EntityTypeBuilder<TrainingImageRow> builder)
    {
        builder.ToTable("training_images");
        builder.HasKey(row => new { row.JobId, row.Number });
        builder.Property(row => row.Key).HasColumnName("object_key");
        builder.HasOne<TrainingProgressRow>().WithMany().HasForeignKey(row => row.JobId);
    }

    public static TrainingImageRow From(JobId job, TrainingImage image) => new()
    {
        JobId = job.Value,
        Number = image.Number,
        Key = image.Key,
        Sha256 = image.Sha256,
        SizeBytes = image.SizeBytes,
        Width = image.Width,
        Height = image.Height,
        Format = image.Format,
    };

    public TrainingImage ToImage() => new(Number, Key, Sha256, SizeBytes, Width, Height, Format);
}

internal sealed class TrainingUploadRow : IEntityTypeConfiguration<TrainingUploadRow>
{
    public Guid Id { get; set; }
    public Guid UserId { get; set; }
    public long CreatedAt { get; set; }
    public Guid? ClaimedBy { get; set; }

    public void Configure(EntityTypeBuilder<TrainingUploadRow> builder)
    {
        builder.ToTable("training_uploads");
        builder.HasKey(row => row.Id);
        builder.Property(row => row.Id).ValueGeneratedNever();
        builder.HasIndex(row => row.CreatedAt, "ix_training_uploads_unclaimed").HasFilter("claimed_by IS NULL");
    }

    public TrainingUpload ToUpload() =>
        new(Id, new UserId(UserId), Instants.FromMillis(CreatedAt), ClaimedBy is { } job ? new JobId(job) : null);
}

internal sealed class IdempotencyRow : IEntityTypeConfiguration<IdempotencyRow>
{
    public Guid TokenId { get; set; }
    public string Key { get; set; } = "";
    public string BodyHash { get; set; } = "";
    public Guid JobId { get; set; }
    public Guid LoraId { get; set; }
    public long CreatedAt { get; set; }

    public void Configure(EntityTypeBuilder<IdempotencyRow> builder)
    {
        builder.ToTable("idempotency_keys");
        builder.HasKey(row => new { row.TokenId, row.Key });
        builder.Property(row => row.Key).HasColumnName("idempotency_key");
        builder.HasIndex(row => row.CreatedAt);
    }
}
