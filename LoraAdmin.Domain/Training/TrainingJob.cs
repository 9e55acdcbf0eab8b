using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <param name="Detail">What exactly happened, in our or the provider's words; null when the rule's message says it all.</param>
public sealed record JobFailure(FailureCode Code, string? Detail)
{
    public FailureRule Rule => FailureTable.For(Code);
}

/// <summary>A person's wish to end the job, or the portal's own where the month has no money left for it. Only the conductor acts on it.</summary>
public sealed record CancelWish(Actor By, string Reason, DateTimeOffset At)
{
    /// <summary>How the job ends.</summary>
    public FailureCode EndsAs => By == AttemptSettlement.Self ? FailureCode.BudgetExhausted : FailureCode.Cancelled;
}

/// <summary>What the agent last said about a running training.</summary>
/// <param name="HeartbeatAt">When we read it.</param>
/// <param name="StepAt">Since when the step has been the same.</param>
public sealed record TrainingFigures(int Step, int TotalSteps, double? Loss, DateTimeOffset HeartbeatAt, DateTimeOffset StepAt);

/// <summary>The trained file as the agent announced it.</summary>
/// <param name="Sha256">64 lower-case hex digits.</param>
public sealed record ArtifactInfo(long SizeBytes, string Sha256);

/// <summary>One training job: its row in <c>lora_training_jobs</c> and in our <c>training_progress</c>.</summary>
public sealed record TrainingJob
{
    public required JobId Id { get; init; }
    public required LoraId LoraId { get; init; }
    public required UserId UserId { get; init; }

    /// <summary>The LoRA's name, 1 to 200 characters.</summary>
    public required string Name { get; init; }

    public required string CreatorEmail { get; init; }

    /// <summary>The GPU type that the caller asked for; null: the first of <c>RunPod:GpuTypes</c> that has stock.</summary>
    public string? GpuType { get; init; }

    public required TrainingState State { get; init; }
    public required DateTimeOffset StateSince { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>The agent's own start of the training (shared column <c>started_at</c>); the deadline counts from here.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? CompletedAt { get; init; }

    /// <summary>The present attempt, from 1; one provider each.</summary>
    public required int Attempt { get; init; }

    /// <summary>How often the user's limit was charged for this job: grows with a retry after a refund.</summary>
    public required int Admission { get; init; }

    /// <summary>Why the job does not move at the moment, for a person; null when it does.</summary>
    public string? WaitReason { get; init; }

    /// <summary>
    /// Since when the job has been waiting for a provider, whatever states it tried meanwhile; null once it has a pod, and when it first comes to the other provider.
    /// </summary>
    public DateTimeOffset? WaitingSince { get; init; }

    /// <summary>
    /// Since when the present state's looks have failed without one that succeeded; counted anew after a time in which nobody looked, so that a portal
    /// that was down costs no training. Null while they succeed.
    /// </summary>
    public DateTimeOffset? FailingSince { get; init; }

    /// <summary>The disk in which the job's file grows or lies; while its instance is alive nobody else works on the job. Null: none yet.</summary>
    public string? Spool { get; init; }

    public JobFailure? Failure { get; init; }
    public CancelWish? Cancel { get; init; }

    /// <summary><c>runpod</c> or <c>replicate</c>, once one was asked: who does the present attempt.</summary>
    public string? Provider { get; init; }

    /// <summary>The provider's id of the pod in use (shared column <c>runpod_pod_id</c>).</summary>
    public string? PodId { get; init; }

    /// <summary>The fallback provider's id of the training (shared column <c>replicate_training_id</c>).</summary>
    public string? TrainingId { get; init; }

    /// <summary>Why nobody judged the LoRA although it completed; null: it was judged, or has not come that far.</summary>
    public string? NotValidated { get; init; }

    /// <summary>Outcome of the pod's clean-up; never overwrites the job's own outcome.</summary>
    public string? CleanupStatus { get; init; }

    /// <summary>All attempts together; null until the first one is settled.</summary>
    public Usd? Cost { get; init; }

    public TrainingFigures? Figures { get; init; }

    /// <summary>Since when the training has counted as stuck; null while it moves.</summary>
    public DateTimeOffset? StuckSince { get; init; }
    public ArtifactInfo? Artifact { get; init; }

    /// <summary>When the conductor looks at the job next. Final jobs are never due.</summary>
    public required DateTimeOffset DueAt { get; init; }

    /// <summary>Steps in a row that threw unexpectedly; sets the back-off.</summary>
    public int StepErrors { get; init; }

    /// <summary>Tries of the present step that failed in an expected way (uploads, ranges); back to 0 with each new state.</summary>
    public int StepTries { get; init; }

    /// <summary>Raised by every wish; a save that has not seen the newest wish leaves the job due at once.</summary>
    public long WishVersion { get; init; }

    public string SharedStatus => State.ToSharedStatus();
}

/// <summary>One training image of a job. Hash and size are noted when it was decoded whole (E2).</summary>
/// <param name="Number">From 0.</param>
/// <param name="Key">In the bucket <c>lora-training-images</c>.</param>
public sealed record TrainingImage(int Number, string Key, string? Sha256, long? SizeBytes, int? Width, int? Height, string? Format);

public enum AttemptState
{
    Active,
    Succeeded,
    Failed,
    Cancelled,
}

/// <summary>One provider's part in a job. At most one is active per job (unique partial index).</summary>
/// <param name="Number">From 1.</param>
/// <param name="Cost">Null until all its pods are verified gone and it is settled.</param>
public sealed record TrainingAttempt(
    JobId Job,
    int Number,
    string Provider,
    AttemptState State,
    DateTimeOffset StartedAt,
    DateTimeOffset? EndedAt,
    FailureCode? Failure,
    Usd? Cost)
{
    /// <summary>Those that this attempt followed by itself, newest first: each ended in the transaction in which the next one began (docs/decisions/0082).</summary>
    public static IEnumerable<TrainingAttempt> FollowedBy(IReadOnlyList<TrainingAttempt> all, int number)
    {
        TrainingAttempt? attempt = all.FirstOrDefault(one => one.Number == number);
        while (attempt is { Number: var later, StartedAt: var began } && all.LastOrDefault(one => one.Number < later && one.EndedAt == began) is { } before)
        {
            yield return before;
            attempt = before;
        }
    }
}
