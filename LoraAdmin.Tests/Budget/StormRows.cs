using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Tests.Budget;

/// <summary>What stands behind a reservation of a storm.</summary>
internal static class StormRows
{
    public static TrainingJob Job(JobId job, UserId user, DateTimeOffset now) => new()
    {
        Id = job,
        LoraId = new LoraId(job.Value),
        UserId = user,
        Name = "Mara",
        CreatorEmail = "creator-17@example.org",
        State = TrainingState.Training,
        StateSince = now,
        CreatedAt = now,
        UpdatedAt = now,
        Attempt = 1,
        Admission = 1,
        DueAt = now,
    };

    public static TrainingAttempt Attempt(JobId job, int number, DateTimeOffset now) => new(job, number, "runpod", AttemptState.Active, now, null, null, null);

    /// <summary>So cheap that two months of it are of the size of a reservation, while the lifetime that it is given is covered by nearly any.</summary>
    public static LedgerPod Pod(JobId job, int attempt, DateTimeOffset now) => new()
    {
        Name = $"lora-storm-{job}-{attempt}-1",
        Job = job,
        Attempt = attempt,
        Try = 1,
        Want = PodWant.Needed,
        Saw = PodSaw.Running,
        PodId = $"pod-{job}-{attempt}",
        GpuType = "NVIDIA A40",
        HourlyRate = new Usd(700),
        RequestedAt = now,
        CreatedAt = now,
        LiveUntil = now.AddDays(1),
    };
}
