using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Domain.Training;

/// <summary>Figures that the training feature works by, each from an option.</summary>
public sealed record TrainingRules
{
    public required TimeSpan MaxDuration { get; init; }
    public required IReadOnlyList<TimeSpan> CreateRetries { get; init; }
    public required int ImageRetries { get; init; }
    public required int UploadRetries { get; init; }
    public required TimeSpan RetrieveWithin { get; init; }
    public required TimeSpan QueueWait { get; init; }
    public required TimeSpan PollEvery { get; init; }

    /// <summary>Without a step or an answer for this long a training counts as stuck; shown and told, never cancelled for it.</summary>
    public required TimeSpan StuckAfter { get; init; }
    public required int MinImages { get; init; }
    public required int MaxImages { get; init; }
    public required long MaxImageBytes { get; init; }
    public required long MaxImagePixels { get; init; }
    public required long MaxArtifactBytes { get; init; }
    public required int MaxConcurrentPods { get; init; }

    /// <summary>How long one put into the object store, with its read-back, may take.</summary>
    public required TimeSpan StoreTimeout { get; init; }

    /// <summary>How long the training images of an ended job are kept.</summary>
    public required TimeSpan ImageRetention { get; init; }
    public required TimeSpan ReadyWithin { get; init; }
    public required int ValidationImages { get; init; }
    public required int ValidationMustPass { get; init; }
    public required double ValidationMinimumScore { get; init; }
    public required IReadOnlyList<string> GpuTypes { get; init; }
    public required string Image { get; init; }
    public required int DiskGb { get; init; }
    public required int MountGb { get; init; }
    public string? NetworkVolumeId { get; init; }

    /// <summary>What an hour costs at most when the catalog does not say; reserves the worst case.</summary>
    public required Usd WorstHourlyPrice { get; init; }

    /// <summary>The second clock, beside the training's: how long a pod may live at most.</summary>
    public TimeSpan PodLifetime => ReadyWithin + MaxDuration + RetrieveWithin;

    /// <summary>What an attempt on a pod reserves: the whole lifetime of one whose GPU costs so much an hour, with its disks.</summary>
    public Usd EstimateAt(Usd gpuHourly) => (gpuHourly + PodPricing.DiskPerHour(DiskGb + MountGb)).PerHourFor(PodLifetime);
}

/// <summary>A job leased to this instance. Only its holder writes it, and only while the fence is the newest.</summary>
/// <param name="Fence">Grows with each lease of the job; a writer with an older one is refused.</param>
public sealed record LeasedJob(TrainingJob Job, string Owner, long Fence, DateTimeOffset Until);

/// <summary>Another instance has taken the job over, or it ended meanwhile: stop, write nothing.</summary>
public sealed class LeaseLostException : Exception
{
    public LeaseLostException()
    {
    }

    public LeaseLostException(string message)
        : base(message)
    {
    }

    public LeaseLostException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>Jobs, their images and attempts. Bound to a unit of work.</summary>
public interface ITrainingStore
{
    /// <param name="first">The attempt that is active from the start; null: none yet.</param>
    Task AddAsync(TrainingJob job, IReadOnlyList<TrainingImage> images, TrainingAttempt? first, CancellationToken cancellationToken);

    Task<TrainingJob?> FindAsync(JobId id, CancellationToken cancellationToken);

    Task<IReadOnlyList<TrainingImage>> ListImagesAsync(JobId id, CancellationToken cancellationToken);

    /// <summary>Replaces what is known of the job's images.</summary>
    Task SaveImagesAsync(JobId id, IReadOnlyList<TrainingImage> images, CancellationToken cancellationToken);

    /// <summary>
    /// Takes up to <paramref name="max"/> due jobs that nobody holds (or whose lease ran out), oldest due first, raising each one's fence. Skips what
    /// another instance is taking at the same moment, and jobs whose file lies on another disk than <paramref name="spool"/> as long as an instance
    /// that has that disk was heard of within <see cref="Storage.SpoolStanding.TakeOverAfter"/>.
    /// </summary>
    Task<IReadOnlyList<LeasedJob>> LeaseDueAsync(string owner, string spool, DateTimeOffset now, TimeSpan duration, int max, CancellationToken cancellationToken);

    /// <summary>Prolongs a held lease.</summary>
    /// <exception cref="LeaseLostException">The fence is no longer the newest.</exception>
    Task RenewAsync(JobId id, long fence, DateTimeOffset until, CancellationToken cancellationToken);

    /// <summary>
    /// Writes the job if the fence is still the newest, leaving wishes, cost and clean-up status alone, and gives the lease back when
    /// <paramref name="release"/> is set or the job has ended.
    /// A wish that came after the job was read (<see cref="TrainingJob.WishVersion"/>) makes it due at once.
    /// </summary>
    /// <exception cref="LeaseLostException">The fence is no longer the newest; nothing was written.</exception>
    Task SaveAsync(TrainingJob job, long fence, bool release, CancellationToken cancellationToken);

    /// <summary>
    /// Leases a job that has ended, so that nobody else brings its file to storage meanwhile; null: it is open again, or held. Whoever retries the job
    /// then waits for the end of this lease.
    /// </summary>
    Task<LeasedJob?> LeaseEndedAsync(JobId id, string owner, DateTimeOffset now, TimeSpan duration, CancellationToken cancellationToken);

    /// <summary>
    /// Writes a final job back into an open state, for a retry or after its file was brought to storage; a lease of <see cref="LeaseEndedAsync"/> that has
    /// not run out stays. False: it is not final any more.
    /// </summary>
    Task<bool> ReopenAsync(TrainingJob job, CancellationToken cancellationToken);

    /// <summary>Notes a person's wish to cancel and makes the job due. False: the job is in a state that can't be cancelled, nothing was written.</summary>
    Task<bool> WishCancelAsync(JobId id, CancelWish wish, CancellationToken cancellationToken);

    /// <summary>Makes an open job due now: something outside may have changed. Whoever holds it looks once more before it waits.</summary>
    Task MakeDueAsync(JobId id, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>
    /// The soonest instant at which a job can be leased by whoever has the disk, or null: lets the loop sleep. A held job counts at the end of its
    /// lease; jobs that belong to another disk now do not count.
    /// </summary>
    Task<DateTimeOffset?> NextDueAsync(string spool, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Every job that is not final.</summary>
    Task<IReadOnlyList<JobId>> ListOpenAsync(CancellationToken cancellationToken);

    /// <summary>Open jobs that wait for a reason that begins with these words, longest waiting first.</summary>
    Task<IReadOnlyList<TrainingJob>> ListWaitingAsync(string reason, int max, CancellationToken cancellationToken);

    /// <summary>
    /// Whether an open job waits for a provider (<see cref="TrainingJob.WaitingSince"/>), whatever state it is in, or is kept from one by a person, which
    /// counts as no wait of its own.
    /// </summary>
    Task<bool> AnyWaitsForProviderAsync(CancellationToken cancellationToken);

    /// <summary>Jobs that ended before the instant and whose training images have not been let go, longest ended first.</summary>
    Task<IReadOnlyList<JobId>> ListWithOldImagesAsync(DateTimeOffset endedBefore, int max, CancellationToken cancellationToken);

    /// <summary>Notes that the images of an ended job were let go. False: the job is open again, nothing was written.</summary>
    Task<bool> SetImagesGoneAsync(JobId id, DateTimeOffset at, CancellationToken cancellationToken);

    /// <summary>Whether another job that is open, or ended after the instant, trains with the image too.</summary>
    Task<bool> IsImageUsedElsewhereAsync(string key, JobId except, DateTimeOffset endedAfter, CancellationToken cancellationToken);

    /// <summary>Which of the keys are training images of some job of these users.</summary>
    /// <param name="users">Up to 1000: images have no index of their own keys, and every key of a job lies under its user.</param>
    /// <param name="keys">Up to 1000.</param>
    Task<IReadOnlySet<string>> FindImageKeysAsync(IReadOnlyCollection<UserId> users, IReadOnlyCollection<string> keys, CancellationToken cancellationToken);

    /// <exception cref="InvalidOperationException">The job has an active attempt already.</exception>
    Task AddAttemptAsync(TrainingAttempt attempt, CancellationToken cancellationToken);

    /// <summary>All but its cost, which its settlement alone writes: who ends or opens an attempt has read it before.</summary>
    /// <exception cref="InvalidOperationException">The job has no such attempt.</exception>
    Task SaveAttemptAsync(TrainingAttempt attempt, CancellationToken cancellationToken);

    /// <summary>What the attempt cost, and nothing else of it.</summary>
    Task SetAttemptCostAsync(JobId id, int number, Usd cost, CancellationToken cancellationToken);

    /// <summary>Attempts at work: at most one of each job.</summary>
    Task<IReadOnlySet<(JobId Job, int Number)>> ListActiveAttemptsAsync(CancellationToken cancellationToken);

    /// <summary>In order of number.</summary>
    Task<IReadOnlyList<TrainingAttempt>> ListAttemptsAsync(JobId id, CancellationToken cancellationToken);

    /// <summary>Adds to what a settled attempt cost. False: it has no cost yet, or is not there; nothing was written.</summary>
    Task<bool> AddAttemptCostAsync(JobId id, int number, Usd cost, CancellationToken cancellationToken);

    /// <summary>Adds a settled attempt's cost to the job, lease or not (the job is final or goes on with another attempt).</summary>
    Task AddCostAsync(JobId id, Usd cost, CancellationToken cancellationToken);

    /// <summary>Writes the shared column <c>cleanup_status</c>, lease or not.</summary>
    Task SetCleanupStatusAsync(JobId id, string status, CancellationToken cancellationToken);
}

/// <summary>Where multipart images lie until admission claims them.</summary>
/// <param name="ClaimedBy">Null until the admission transaction claims it; unclaimed ones go after an hour.</param>
public sealed record TrainingUpload(Guid Id, UserId User, DateTimeOffset CreatedAt, JobId? ClaimedBy)
{
    /// <summary>How long it can be claimed; well less than the hour after which it is removed.</summary>
    public static readonly TimeSpan ClaimableFor = TimeSpan.FromMinutes(50);
}

/// <summary>Bound to a unit of work.</summary>
public interface ITrainingUploadStore
{
    Task AddAsync(TrainingUpload upload, CancellationToken cancellationToken);

    Task<TrainingUpload?> FindAsync(Guid upload, CancellationToken cancellationToken);

    /// <summary>Which of the uploads are there.</summary>
    /// <param name="uploads">Up to 1000.</param>
    Task<IReadOnlySet<Guid>> FindExistingAsync(IReadOnlyCollection<Guid> uploads, CancellationToken cancellationToken);

    /// <summary>False: unknown, another user's, or claimed already.</summary>
    Task<bool> ClaimAsync(Guid upload, UserId user, JobId job, CancellationToken cancellationToken);

    /// <summary>Unclaimed uploads from before the instant, oldest first.</summary>
    Task<IReadOnlyList<TrainingUpload>> ListUnclaimedAsync(DateTimeOffset before, int max, CancellationToken cancellationToken);

    Task<IReadOnlyList<Guid>> ListClaimedByAsync(JobId job, CancellationToken cancellationToken);

    Task DeleteAsync(Guid upload, CancellationToken cancellationToken);
}

/// <summary>The answer to a request that carried an Idempotency-Key.</summary>
/// <param name="BodyHash">SHA-256 over what the caller sent, so that the same key with another body is told apart.</param>
public sealed record IdempotencyRecord(Guid TokenId, string Key, string BodyHash, JobId Job, LoraId Lora, DateTimeOffset CreatedAt);

/// <summary>Written in the admission transaction; kept for 7 days. Bound to a unit of work.</summary>
public interface IIdempotencyStore
{
    /// <summary>
    /// Takes the key for the record, unless one made at or after <paramref name="notBefore"/> holds it. It stays taken until the unit ends, and for good
    /// when the unit commits.
    /// </summary>
    /// <returns>Who holds the key now: <paramref name="record"/>, or the earlier one; null while a request with the same key is being admitted.</returns>
    Task<IdempotencyRecord?> ClaimAsync(IdempotencyRecord record, DateTimeOffset notBefore, CancellationToken cancellationToken);
}

/// <summary>A training image decoded to its last pixel, or why it can't be.</summary>
public abstract record ImageVerdict
{
    private ImageVerdict()
    {
    }

    /// <param name="Format"><c>jpeg</c>, <c>png</c> or <c>webp</c>.</param>
    public sealed record Good(string Format, int Width, int Height, long SizeBytes, string Sha256) : ImageVerdict;

    public sealed record Bad(string Reason) : ImageVerdict;
}

/// <summary>Decodes whole images with bounded memory: size and pixel count are checked before pixels are made.</summary>
public interface IImageInspector
{
    /// <param name="content">Read to its end, or to the limit.</param>
    Task<ImageVerdict> InspectAsync(Stream content, long maxBytes, long maxPixels, CancellationToken cancellationToken);
}

/// <summary>Kinds of facts that the training feature appends.</summary>
public static class TrainingEvents
{
    public const string Accepted = "training.accepted";
    public const string StateChanged = "training.state_changed";
    public const string Waiting = "training.waiting";
    public const string CancelRequested = "training.cancel_requested";
    public const string RetryRequested = "training.retry_requested";
    public const string StepFailed = "training.step_failed";
    public const string StepCrashed = "training.step_crashed";
    public const string Completed = "training.completed";
    public const string Failed = "training.failed";
    public const string Cancelled = "training.cancelled";
    public const string Settled = "training.settled";

    /// <summary>An attempt's pod is dearer than was reserved, and the difference was reserved too.</summary>
    public const string ToppedUp = "training.topped_up";

    /// <summary>An attempt came to no provider, and another provider was asked instead of failing the job.</summary>
    public const string HandedOver = "training.handed_over";

    /// <summary>Neither provider takes trainings; and one does, or does again.</summary>
    public const string ProvidersDown = "training.providers_down";
    public const string ProvidersUp = "training.providers_up";

    /// <summary>RunPod has refused to create pods, and no job waits for one any more.</summary>
    public const string NoneWaits = "training.none_waits";

    /// <summary>M1: training runs past its limit; cancellation is attempted.</summary>
    public const string OverTime = "training.over_time";

    /// <summary>No step, or no answer, for <c>Training:StuckAfter</c>: a person should look before the limit is reached.</summary>
    public const string Stuck = "training.stuck";
    public const string Unstuck = "training.unstuck";
    public const string Paused = "training.paused";
    public const string Resumed = "training.resumed";
    public const string EverythingStopped = "training.everything_stopped";

    /// <summary>J2 brought a file from the spool into storage.</summary>
    public const string SpoolUploaded = "training.spool_uploaded";
    public const string SpoolUploadFailed = "training.spool_upload_failed";
    public const string SpoolUploadAsked = "training.spool_upload_asked";
    public const string SpoolFileMissing = "training.spool_file_missing";
    public const string SpoolFileFound = "training.spool_file_found";
    public const string SpoolFileDeleted = "training.spool_file_deleted";
    public const string SpoolFileKept = "training.spool_file_kept";

    /// <summary>A held pod gave its file up, or its job does not need it any more, or it was found to have none.</summary>
    public const string HeldFileFetched = "training.held_file_fetched";
    public const string HeldNotNeeded = "training.held_not_needed";
    public const string HeldWithoutFile = "training.held_without_file";

    /// <summary>A held pod's file could not be fetched for 7 days: a person decides. It worsens the pod's own incident, which ends with the pod.</summary>
    public const string HeldFileUndecided = "training.held_file_undecided";
    public const string ImagesRemoved = "training.images_removed";
}

/// <summary>Rules of incidents about training jobs; the subject is the job's id.</summary>
public static class TrainingIncidents
{
    /// <summary>M1.</summary>
    public const string OverTime = "training.over_time";
    public const string Stuck = "training.stuck";
    public const string Crashing = "training.crashing";

    /// <summary>The provider refuses to make pods although it could: the request, the key or the money is wrong. The subject is the provider.</summary>
    public const string CreateRefused = "training.create_refused";

    /// <summary>No provider takes trainings at present. The subject is <see cref="ProvidersSubject"/>.</summary>
    public const string ProvidersDown = "training.providers_down";
    public const string ProvidersSubject = "providers";

    /// <summary>J2 has failed on a file three times (M10).</summary>
    public const string UploadGivenUp = "training.upload_given_up";

    /// <summary>A file that the spool had is not there any more.</summary>
    public const string SpoolFileMissing = "training.spool_file_missing";

    /// <summary>A file lies in the spool that no job knows. The subject is the file's name.</summary>
    public const string Unclaimed = "training.unclaimed_file";

    /// <summary>Where a job that ends leaves its incidents: stuck and crashing are over, that it ran too long stays for a person until its pods are gone.</summary>
    public static IReadOnlyList<IncidentSignal> OverWith(JobId job, string how) =>
        [
            .. new[]
            {
                Stuck, Crashing, UploadGivenUp, SpoolFileMissing, PodIncidents.FileLost, HostedIncidents.Lost, HostedIncidents.PredictionLost, HostedIncidents.WeightsWaiting,
            }.Select(rule => new IncidentSignal(rule, job.ToString(), how, Over: true)),
        ];
}
