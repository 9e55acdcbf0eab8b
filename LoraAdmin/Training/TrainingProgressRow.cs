using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Training;

/// <summary>All that the portal knows of a job. The shared row beside it (<see cref="TrainingJobRow"/>) is what other services read.</summary>
internal sealed class TrainingProgressRow : IEntityTypeConfiguration<TrainingProgressRow>
{
    public Guid JobId { get; set; }
    public Guid LoraId { get; set; }
    public Guid UserId { get; set; }
    public string Name { get; set; } = "";
    public string CreatorEmail { get; set; } = "";

    /// <summary>Name and e-mail in lower case: both databases then filter alike, whatever their collation.</summary>
    public string SearchText { get; set; } = "";

    public string? GpuType { get; set; }
    public TrainingState State { get; set; }

    /// <summary>Not final: what the partial indexes keep small.</summary>
    public bool IsOpen { get; set; }

    public long StateSince { get; set; }
    public long CreatedAt { get; set; }
    public long UpdatedAt { get; set; }
    public long? StartedAt { get; set; }
    public long? CompletedAt { get; set; }
    public int Attempt { get; set; }
    public int Admission { get; set; }
    public string? WaitReason { get; set; }
    public long? WaitingSince { get; set; }
    public long? FailingSince { get; set; }
    public string? SpoolId { get; set; }

    /// <summary>When the training images of the ended job were let go.</summary>
    public long? ImagesGoneAt { get; set; }
    public string? FailureCode { get; set; }
    public string? FailureDetail { get; set; }
    public ActorKind? CancelByKind { get; set; }
    public string? CancelByName { get; set; }
    public string? CancelReason { get; set; }
    public long? CancelAt { get; set; }
    public string? Provider { get; set; }
    public string? PodId { get; set; }
    public string? TrainingId { get; set; }
    public string? NotValidated { get; set; }
    public string? CleanupStatus { get; set; }
    public long? CostMicros { get; set; }
    public int? Step { get; set; }
    public int? TotalSteps { get; set; }
    public double? Loss { get; set; }
    public long? HeartbeatAt { get; set; }
    public long? StepAt { get; set; }
    public long? StuckSince { get; set; }
    public long? ArtifactBytes { get; set; }
    public string? ArtifactSha256 { get; set; }
    public long DueAt { get; set; }
    public int StepErrors { get; set; }
    public int StepTries { get; set; }
    public long WishVersion { get; set; }
    public string? LeaseOwner { get; set; }
    public long? LeaseUntil { get; set; }
    public long Fence { get; set; }

    public void Configure(EntityTypeBuilder<TrainingProgressRow> builder)
    {
        builder.ToTable("training_progress");
        builder.HasKey(row => row.JobId);
        builder.Property(row => row.JobId).ValueGeneratedNever();
        builder.Property(row => row.State).HasConversion<WordConverter<TrainingState>>();
        builder.Property(row => row.CancelByKind).HasConversion<WordConverter<ActorKind>>();
        builder.HasIndex(row => new { row.DueAt, row.JobId }, "ix_training_progress_due").HasFilter("is_open");
        builder.HasIndex(row => new { row.State, row.StateSince }, "ix_training_progress_open_state").HasFilter("is_open");
        builder.HasIndex(row => new { row.CompletedAt, row.State }, "ix_training_progress_completed").HasFilter("NOT is_open");
        builder.HasIndex(row => row.CompletedAt, "ix_training_progress_images").HasFilter("NOT is_open AND images_gone_at IS NULL");
        builder.HasIndex(row => new { row.CreatedAt, row.JobId });
        builder.HasIndex(row => new { row.State, row.CreatedAt, row.JobId });
        builder.HasIndex(row => new { row.UserId, row.CreatedAt, row.JobId });
        builder.HasIndex(row => row.LoraId);
    }

    public static TrainingProgressRow From(TrainingJob job) => new()
    {
        JobId = job.Id.Value,
        LoraId = job.LoraId.Value,
        UserId = job.UserId.Value,
        Name = job.Name,
        CreatorEmail = job.CreatorEmail,
        SearchText = SearchTextOf(job),
        GpuType = job.GpuType,
        State = job.State,
        IsOpen = !job.State.IsFinal(),
        StateSince = job.StateSince.ToMillis(),
        CreatedAt = job.CreatedAt.ToMillis(),
        UpdatedAt = job.UpdatedAt.ToMillis(),
        StartedAt = job.StartedAt.ToMillis(),
        CompletedAt = job.CompletedAt.ToMillis(),
        Attempt = job.Attempt,
        Admission = job.Admission,
        WaitReason = job.WaitReason,
        WaitingSince = job.WaitingSince.ToMillis(),
        FailingSince = job.FailingSince.ToMillis(),
        SpoolId = job.Spool,
        FailureCode = job.Failure?.Rule.Code,
        FailureDetail = job.Failure?.Detail,
        CancelByKind = job.Cancel?.By.Kind,
        CancelByName = job.Cancel?.By.Name,
        CancelReason = job.Cancel?.Reason,
        CancelAt = job.Cancel?.At.ToMillis(),
        Provider = job.Provider,
        PodId = job.PodId,
        TrainingId = job.TrainingId,
        NotValidated = job.NotValidated,
        CleanupStatus = job.CleanupStatus,
        CostMicros = job.Cost?.Micros,
        Step = job.Figures?.Step,
        TotalSteps = job.Figures?.TotalSteps,
        Loss = job.Figures?.Loss,
        HeartbeatAt = job.Figures?.HeartbeatAt.ToMillis(),
        StepAt = job.Figures?.StepAt.ToMillis(),
        StuckSince = job.StuckSince.ToMillis(),
        ArtifactBytes = job.Artifact?.SizeBytes,
        ArtifactSha256 = job.Artifact?.Sha256,
        DueAt = job.DueAt.ToMillis(),
        StepErrors = job.StepErrors,
        StepTries = job.StepTries,
        WishVersion = job.WishVersion,
    };

    public TrainingJob ToJob() => new()
    {
        Id = new JobId(JobId),
        LoraId = new LoraId(LoraId),
        UserId = new UserId(UserId),
        Name = Name,
        CreatorEmail = CreatorEmail,
        GpuType = GpuType,
        State = State,
        StateSince = Instants.FromMillis(StateSince),
        CreatedAt = Instants.FromMillis(CreatedAt),
        UpdatedAt = Instants.FromMillis(UpdatedAt),
        StartedAt = Instants.FromMillis(StartedAt),
        CompletedAt = Instants.FromMillis(CompletedAt),
        Attempt = Attempt,
        Admission = Admission,
        WaitReason = WaitReason,
        WaitingSince = Instants.FromMillis(WaitingSince),
        FailingSince = Instants.FromMillis(FailingSince),
        Spool = SpoolId,
        Failure = ToFailure(FailureCode, FailureDetail),
        Cancel = CancelAt is { } at
            ? new CancelWish(new Actor(CancelByKind ?? ActorKind.Portal, CancelByName ?? ""), CancelReason ?? "", Instants.FromMillis(at))
            : null,
        Provider = Provider,
        PodId = PodId,
        TrainingId = TrainingId,
        NotValidated = NotValidated,
        CleanupStatus = CleanupStatus,
        Cost = CostMicros is { } cost ? new Usd(cost) : null,
        Figures = ToFigures(Step, TotalSteps, Loss, HeartbeatAt, StepAt),
        StuckSince = Instants.FromMillis(StuckSince),
        Artifact = ArtifactBytes is { } bytes ? new ArtifactInfo(bytes, ArtifactSha256 ?? "") : null,
        DueAt = Instants.FromMillis(DueAt),
        StepErrors = StepErrors,
        StepTries = StepTries,
        WishVersion = WishVersion,
    };

    public LeasedJob ToLease() => new(ToJob(), LeaseOwner ?? "", Fence, Instants.FromMillis(LeaseUntil ?? 0));

    public static string SearchTextOf(TrainingJob job) => $"{job.Name}\n{job.CreatorEmail}".ToLowerInvariant();

    public static TrainingFigures? ToFigures(int? step, int? totalSteps, double? loss, long? heartbeatAt, long? stepAt) =>
        heartbeatAt is { } at
            ? new TrainingFigures(step ?? 0, totalSteps ?? 0, loss, Instants.FromMillis(at), Instants.FromMillis(stepAt ?? at))
            : null;

    public static JobFailure? ToFailure(string? code, string? detail) => code is null
        ? null
        : new JobFailure(
            FailureTable.ForCode(code)?.Failure ?? throw new InvalidOperationException($"The database holds the unknown failure code '{code}'."),
            detail);
}
