using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Training;

/// <summary>Trainings at a provider that runs them whole, and the predictions that make their validation images: one row a try.</summary>
internal sealed class HostedTrainingRow : IEntityTypeConfiguration<HostedTrainingRow>
{
    public string Name { get; set; } = "";
    public HostedKind Kind { get; set; }
    public Guid JobId { get; set; }
    public int Attempt { get; set; }
    public int Try { get; set; }
    public bool IsNeeded { get; set; }
    public string? Reason { get; set; }
    public HostedSaw Saw { get; set; }
    public string? TrainingId { get; set; }
    public long RequestedAt { get; set; }
    public long WantSince { get; set; }
    public long? StartedAt { get; set; }
    public long? EndedAt { get; set; }
    public long? AbsentSince { get; set; }

    /// <summary>Milliseconds.</summary>
    public long? WorkedFor { get; set; }
    public long HourlyMicros { get; set; }
    public long? NextActionAt { get; set; }
    public int CancelAttempts { get; set; }
    public string? LastError { get; set; }
    public string? Permit { get; set; }
    public bool ImagesGone { get; set; }

    /// <summary>Final, and its images are gone: what the partial index leaves out.</summary>
    public bool IsSettled { get; set; }
    public long Version { get; set; }

    public void Configure(EntityTypeBuilder<HostedTrainingRow> builder)
    {
        builder.ToTable("hosted_trainings");
        builder.HasKey(row => row.Name);
        builder.Property(row => row.Try).HasColumnName("try_number");
        builder.Property(row => row.Kind).HasConversion<WordConverter<HostedKind>>().HasDefaultValue(HostedKind.Training);
        builder.Property(row => row.Saw).HasConversion<WordConverter<HostedSaw>>();
        builder.Property(row => row.Permit).HasColumnName("creation_permit");
        builder.HasIndex(row => new { row.JobId, row.Attempt, row.Try });
        builder.HasIndex(row => row.TrainingId);
        builder.HasIndex(row => new { row.RequestedAt, row.Name }, "ix_hosted_trainings_open").HasFilter("NOT is_settled");
    }

    public static HostedTrainingRow From(HostedTraining training) => new()
    {
        Name = training.Name,
        Kind = training.Kind,
        JobId = training.Job.Value,
        Attempt = training.Attempt,
        Try = training.Try,
        IsNeeded = training.IsNeeded,
        Reason = training.Reason,
        Saw = training.Saw,
        TrainingId = training.TrainingId,
        RequestedAt = training.RequestedAt.ToMillis(),
        WantSince = training.WantSince.ToMillis(),
        StartedAt = training.StartedAt.ToMillis(),
        EndedAt = training.EndedAt.ToMillis(),
        AbsentSince = training.AbsentSince.ToMillis(),
        WorkedFor = training.Worked is { } worked ? (long)worked.TotalMilliseconds : null,
        HourlyMicros = training.HourlyRate.Micros,
        NextActionAt = training.NextActionAt.ToMillis(),
        CancelAttempts = training.CancelAttempts,
        LastError = training.LastError,
        Permit = training.Permit?.ToString(),
        ImagesGone = training.ImagesGone,
        IsSettled = training.IsSettled,
        Version = training.Version,
    };

    public HostedTraining ToTraining() => new()
    {
        Name = Name,
        Kind = Kind,
        Job = new JobId(JobId),
        Attempt = Attempt,
        Try = Try,
        IsNeeded = IsNeeded,
        Reason = Reason,
        Saw = Saw,
        TrainingId = TrainingId,
        RequestedAt = Instants.FromMillis(RequestedAt),
        WantSince = Instants.FromMillis(WantSince),
        StartedAt = Instants.FromMillis(StartedAt),
        EndedAt = Instants.FromMillis(EndedAt),
        AbsentSince = Instants.FromMillis(AbsentSince),
        Worked = WorkedFor is { } worked ? TimeSpan.FromMilliseconds(worked) : null,
        HourlyRate = new Usd(HourlyMicros),
        NextActionAt = Instants.FromMillis(NextActionAt),
        CancelAttempts = CancelAttempts,
        LastError = LastError,
        Permit = Permit is { } permit ? CreationPermit.Parse(permit) : null,
        ImagesGone = ImagesGone,
        Version = Version,
    };
}
