using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Training;

/// <summary>What a list of jobs is narrowed to. All parts are optional and combine.</summary>
/// <param name="Text">Part of the LoRA's name or e-mail, or a whole job, LoRA or user id.</param>
public sealed record JobFilter(IReadOnlyList<TrainingState>? States = null, UserId? User = null, string? Text = null)
{
    /// <summary>Why they failed; null: whatever became of them.</summary>
    public IReadOnlyList<FailureCode>? Failures { get; init; }

    /// <summary>They ended then or later; null: whenever, or not yet.</summary>
    public DateTimeOffset? EndedSince { get; init; }
}

/// <summary>Where a page of jobs ends: newest first by creation, then id. The text form is opaque to callers.</summary>
public sealed record JobCursor(DateTimeOffset CreatedAt, JobId Id);

/// <summary>One line of a list.</summary>
/// <param name="Cost">All attempts together; null until each is settled.</param>
public sealed record JobLine(
    JobId Id,
    LoraId LoraId,
    UserId UserId,
    string Name,
    string CreatorEmail,
    TrainingState State,
    DateTimeOffset StateSince,
    DateTimeOffset CreatedAt,
    DateTimeOffset? CompletedAt,
    string? WaitReason,
    JobFailure? Failure,
    TrainingFigures? Figures,
    int Attempt,
    Usd? Cost,
    bool IsUnjudged)
{
    /// <summary>What those of its attempts cost that are settled; null: none is.</summary>
    public Usd? SettledCost { get; init; }
}

/// <param name="Next">Null on the last page.</param>
public sealed record JobPage(IReadOnlyList<JobLine> Jobs, JobCursor? Next);

/// <param name="Kind">Kind of the fact, e.g. <c>training.accepted</c>.</param>
public sealed record TimelineEntry(Guid Id, DateTimeOffset At, string Kind, EventSeverity Severity, string Message, int? Attempt, string? Pod, string ActorName, ErrorDetail? Error);

/// <summary>Everything the job page shows.</summary>
/// <param name="Kept">The job's trained files on portals' disks, the newest attempt's first.</param>
/// <param name="Timeline">Oldest first, at most the newest 500.</param>
public sealed record JobDetail(
    TrainingJob Job,
    Lora Lora,
    IReadOnlyList<TrainingImage> Images,
    IReadOnlyList<TrainingAttempt> Attempts,
    IReadOnlyList<LedgerPod> Pods,
    IReadOnlyList<ValidationImage> ValidationImages,
    IReadOnlyList<Reservation> Reservations,
    IReadOnlyList<SpoolEntry> Kept,
    IReadOnlyList<TimelineEntry> Timeline)
{
    /// <summary>What was asked of the fallback provider, oldest first.</summary>
    public IReadOnlyList<HostedTraining> Hosted { get; init; } = [];

    /// <summary>When the other provider last refused a training, whosever, while the job waits; null: it made one since, or the job does not wait.</summary>
    public DateTimeOffset? RefusedAt { get; init; }

    /// <summary>All attempts together; null until each is settled, though some of them may be.</summary>
    public Usd? Cost => Attempts.All(static attempt => attempt.Cost is not null) ? Job.Cost : null;
}

/// <summary>The overview's tiles: true from day one, each from an indexed statement about the present, not a count of history.</summary>
/// <param name="Queued">Jobs that wait or prepare.</param>
/// <param name="Running">Jobs between provisioning and validating.</param>
/// <param name="Completed24h">Finished well in the last 24 hours.</param>
/// <param name="Held">What of the month's reserved money is for jobs that have ended, until all their pods and trainings elsewhere are verified gone.</param>
/// <param name="WarnAt">M5: the mark that holds now, whoever set it.</param>
/// <param name="OldestWaiting">Since when the longest waiting queued job waits.</param>
/// <param name="FilesWaiting">Trained files in spools that no job is at work with and storage does not have: failed uploads, and files that no job knows.</param>
/// <param name="OldestFile">Since when the oldest of them lies there.</param>
public sealed record OverviewFigures(
    int Queued,
    int Running,
    int Completed24h,
    int Failed24h,
    int Cancelled24h,
    BudgetMonth Month,
    IReadOnlyList<HeldMoney> Held,
    Usd WarnAt,
    DateTimeOffset? OldestWaiting,
    int FilesWaiting,
    DateTimeOffset? OldestFile,
    DateTimeOffset AsOf)
{
    /// <summary>Of <see cref="Running"/> those that have nothing yet at the provider that is asked, and wait for either.</summary>
    public int WaitingForProvider { get; init; }

    /// <summary>What the next job would reserve (<see cref="IJobEstimate"/>); null: not known.</summary>
    public Usd? JobReserves { get; init; }
}

/// <summary>Reads for pages and API: one context per call, keyset paging, filtered in the database.</summary>
public interface ITrainingQueries
{
    /// <param name="size">1 to 200.</param>
    /// <exception cref="StoreUnavailableException">The database is away: show that, never an empty list.</exception>
    Task<JobPage> ListAsync(JobFilter filter, JobCursor? after, int size, CancellationToken cancellationToken);

    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    Task<JobDetail?> FindAsync(JobId id, CancellationToken cancellationToken);

    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    Task<OverviewFigures> OverviewAsync(CancellationToken cancellationToken);
}
