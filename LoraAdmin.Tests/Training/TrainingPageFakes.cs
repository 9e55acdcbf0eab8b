using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Training;

namespace LoraAdmin.Tests.Training;

/// <summary>Jobs in memory that are listed, filtered and paged as the real queries do. Can be away, or not answer yet.</summary>
public sealed class PageQueries(TimeProvider clock) : ITrainingQueries
{
    private readonly Lock gate = new();
    private TaskCompletionSource? holding;
    private int reads;

    public List<JobDetail> Jobs { get; } = [];

    public BudgetMonth Month { get; set; } = new(new Month(2026, 11), Usd.FromDollars(200), Usd.FromDollars(61.40m), Usd.FromDollars(22.5m));

    public IReadOnlyList<HeldMoney> Held { get; set; } = [];

    public Usd? JobReserves { get; set; }

    public int FilesWaiting { get; set; }

    public DateTimeOffset? OldestFile { get; set; }

    /// <summary>Null: the database answers.</summary>
    public string? Away { get; set; }

    public int Reads => Volatile.Read(ref reads);

    public List<JobFilter> Filters { get; } = [];

    /// <summary>Reads wait until <see cref="Release"/>.</summary>
    public void Hold() => holding = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Release() => holding?.TrySetResult();

    public void Replace(JobDetail detail)
    {
        lock (gate)
        {
            Jobs[Jobs.FindIndex(job => job.Job.Id == detail.Job.Id)] = detail;
        }
    }

    public async Task<JobPage> ListAsync(JobFilter filter, JobCursor? after, int size, CancellationToken cancellationToken)
    {
        await BeginAsync(cancellationToken);
        lock (gate)
        {
            Filters.Add(filter);
            List<JobDetail> found =
            [
                .. Jobs.Where(job => Matches(job, filter))
                    .OrderByDescending(job => job.Job.CreatedAt)
                    .Where(job => after is null || job.Job.CreatedAt < after.CreatedAt)
                    .Take(size + 1),
            ];
            JobCursor? next = found.Count > size ? new JobCursor(found[size - 1].Job.CreatedAt, found[size - 1].Job.Id) : null;
            return new JobPage([.. found.Take(size).Select(Line)], next);
        }
    }

    public async Task<JobDetail?> FindAsync(JobId id, CancellationToken cancellationToken)
    {
        await BeginAsync(cancellationToken);
        lock (gate)
        {
            return Jobs.Find(job => job.Job.Id == id);
        }
    }

    public async Task<OverviewFigures> OverviewAsync(CancellationToken cancellationToken)
    {
        await BeginAsync(cancellationToken);
        lock (gate)
        {
            List<TrainingJob> waiting = [.. Jobs.Select(job => job.Job).Where(job => JobListAddress.Waiting.Contains(job.State))];
            return new OverviewFigures(
                waiting.Count,
                Jobs.Count(job => JobListAddress.Running.Contains(job.Job.State)),
                Count(TrainingState.Completed),
                Count(TrainingState.Failed),
                Count(TrainingState.Cancelled),
                Month,
                Held,
                Usd.FromDollars(150),
                waiting.Count == 0 ? null : waiting.Min(job => job.StateSince),
                FilesWaiting,
                OldestFile,
                clock.GetUtcNow())
            {
                WaitingForProvider = Jobs.Count(job => JobListAddress.Running.Contains(job.Job.State) && job.Job.WaitingSince is not null),
                JobReserves = JobReserves,
            };
        }
    }

    private int Count(TrainingState state) => Jobs.Count(job => job.Job.State == state);

    private async Task BeginAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref reads);
        if (holding is { } held)
        {
            await held.Task.WaitAsync(cancellationToken);
        }

        if (Away is { } reason)
        {
            throw new StoreUnavailableException(reason);
        }
    }

    private static bool Matches(JobDetail job, JobFilter filter) =>
        (filter.States is null || filter.States.Contains(job.Job.State))
        && (filter.User is not { } user || user == job.Job.UserId)
        && (filter.Failures is not { } failures || (job.Job.Failure is { } failure && failures.Contains(failure.Code)))
        && (filter.EndedSince is not { } since || job.Job.CompletedAt >= since)
        && (filter.Text is not { } text || job.Job.Name.Contains(text, StringComparison.OrdinalIgnoreCase)
            || job.Job.CreatorEmail.Contains(text, StringComparison.OrdinalIgnoreCase) || job.Job.Id.ToString() == text);

    private static JobLine Line(JobDetail detail)
    {
        TrainingJob job = detail.Job;
        return new JobLine(
            job.Id, job.LoraId, job.UserId, job.Name, job.CreatorEmail, job.State, job.StateSince, job.CreatedAt, job.CompletedAt,
            job.WaitReason, job.Failure, job.Figures, job.Attempt, detail.Cost, job.NotValidated is not null);
    }
}

/// <summary>Notes what was asked and answers what the test wants.</summary>
public sealed class PageDesk : ITrainingDesk
{
    public SubmitOutcome Submit { get; set; } = new SubmitOutcome.Accepted(new JobId(Guid.Parse("00000000-0000-4000-8000-00000000abcd")), new LoraId(Guid.Empty), false);

    public CancelOutcome Cancel { get; set; } = new CancelOutcome.Noted();

    public RetryOutcome Retry { get; set; } = new RetryOutcome.Accepted(TrainingState.Queued);

    public List<(TrainingRequest Request, Actor Actor)> Submitted { get; } = [];

    public List<IdempotencyKey?> Keys { get; } = [];

    /// <summary>Thrown by the next submission, after it was taken.</summary>
    public Exception? Loses { get; set; }

    public List<(JobId Job, string Reason, Actor Actor)> Cancelled { get; } = [];

    public List<(JobId Job, Actor Actor)> Retried { get; } = [];

    public Task<SubmitOutcome> SubmitAsync(TrainingRequest request, IdempotencyKey? key, Actor actor, CancellationToken cancellationToken)
    {
        Submitted.Add((request, actor));
        Keys.Add(key);
        if (Loses is { } lost)
        {
            Loses = null;
            throw lost;
        }

        return Task.FromResult(Submit);
    }

    public Task<CancelOutcome> CancelAsync(JobId job, string reason, Actor actor, CancellationToken cancellationToken)
    {
        Cancelled.Add((job, reason, actor));
        return Task.FromResult(Cancel);
    }

    public Task<RetryOutcome> RetryAsync(JobId job, Actor actor, CancellationToken cancellationToken)
    {
        Retried.Add((job, actor));
        return Task.FromResult(Retry);
    }
}

/// <summary>Reads every file to its end and keeps their bytes.</summary>
public sealed class PageStaging : IImageStaging
{
    public static readonly Guid Upload = Guid.Parse("00000000-0000-4000-8000-00000000f00d");

    public IReadOnlyList<FieldProblem>? Reject { get; set; }

    public List<(string Name, byte[] Content)> Files { get; } = [];

    public List<Guid> Discarded { get; } = [];

    public async Task<StagingOutcome> StageAsync(UserId user, IAsyncEnumerable<StagedFile> files, CancellationToken cancellationToken)
    {
        List<string> keys = [];
        await foreach (StagedFile file in files.WithCancellation(cancellationToken))
        {
            using MemoryStream content = new();
            await file.Content.CopyToAsync(content, cancellationToken);
            Files.Add((file.FileName, content.ToArray()));
            keys.Add(ObjectKeys.TrainingImage(user, Upload, keys.Count).Key);
        }

        return Reject is { } problems ? new StagingOutcome.Rejected(problems) : new StagingOutcome.Staged(Upload, keys, [.. keys.Select(_ => new string('a', 64))]);
    }

    public Task DiscardAsync(Guid upload, CancellationToken cancellationToken)
    {
        Discarded.Add(upload);
        return Task.CompletedTask;
    }
}

/// <summary>Links that say what they were signed for.</summary>
public sealed class PageLinks(TimeProvider clock) : ILinkSigner
{
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromMinutes(20);

    public List<ObjectRef> Made { get; } = [];

    public SignedLink Sign(ObjectRef target)
    {
        Made.Add(target);
        return new SignedLink($"/files/{target}?sig={Made.Count}", clock.GetUtcNow() + Lifetime);
    }
}

/// <summary>Plausible jobs in any state.</summary>
public static class PageSamples
{
    public static readonly UserId User = new(Guid.Parse("3f2b8c1e-9a4d-4c1b-8f0e-2d6a7b5c4e10"));

    public static readonly TrainingRules Rules = new()
    {
        MaxDuration = TimeSpan.FromHours(2),
        CreateRetries = [TimeSpan.FromSeconds(2)],
        ImageRetries = 3,
        UploadRetries = 3,
        RetrieveWithin = TimeSpan.FromMinutes(30),
        QueueWait = TimeSpan.FromHours(1),
        PollEvery = TimeSpan.FromSeconds(5),
        StuckAfter = TimeSpan.FromMinutes(10),
        MinImages = 1,
        MaxImages = 100,
        MaxImageBytes = 20_000_000,
        MaxImagePixels = 40_000_000,
        MaxArtifactBytes = 2_000_000_000,
        MaxConcurrentPods = 10,
        StoreTimeout = TimeSpan.FromMinutes(15),
        ImageRetention = TimeSpan.FromDays(7),
        ReadyWithin = TimeSpan.FromMinutes(20),
        ValidationImages = 3,
        ValidationMustPass = 2,
        ValidationMinimumScore = 0.6,
        GpuTypes = ["NVIDIA GeForce RTX 4090", "NVIDIA RTX A5000"],
        Image = "trainer:1",
        DiskGb = 40,
        MountGb = 20,
        WorstHourlyPrice = Usd.FromDollars(1),
    };

    public static JobId IdOf(int number) => new(Guid.Parse($"00000000-0000-4000-8000-{number:000000000000}"));

    public static JobDetail Job(int number, TrainingState state, DateTimeOffset now, string? name = null, FailureCode? failure = null)
    {
        DateTimeOffset created = now - TimeSpan.FromMinutes(7 * number);
        JobId id = IdOf(number);
        LoraId lora = new(Guid.Parse($"00000000-0000-4000-9000-{number:000000000000}"));
        bool started = state is not (TrainingState.Queued or TrainingState.Preparing);
        bool done = state == TrainingState.Completed;
        TrainingJob job = new()
        {
            Id = id,
            LoraId = lora,
            UserId = User,
            Name = name ?? $"Character {number}",
            CreatorEmail = $"creator-{number}@example.org",
            State = state,
            StateSince = created + TimeSpan.FromMinutes(3),
            CreatedAt = created,
            UpdatedAt = created + TimeSpan.FromMinutes(3),
            StartedAt = started ? created + TimeSpan.FromMinutes(2) : null,
            CompletedAt = state.IsFinal() ? created + TimeSpan.FromMinutes(41) : null,
            Attempt = 1,
            Admission = 1,
            WaitReason = state == TrainingState.Queued ? "10 of 10 pods are in use (Training:MaxConcurrentPods)" : null,
            Failure = failure is { } code ? new JobFailure(code, "The trainer said: CUDA error, device-side assert triggered at step 412.") : null,
            Provider = started ? "runpod" : null,
            PodId = started ? $"pod{number:00000}" : null,
            Cost = state.IsFinal() ? Usd.FromDollars(0.52m) : null,
            Figures = started ? new TrainingFigures(done ? 1200 : 612, 1200, 0.0871, now - TimeSpan.FromSeconds(4), now - TimeSpan.FromSeconds(9)) : null,
            Artifact = done ? new ArtifactInfo(37_912_104, new string('c', 64)) : null,
            DueAt = now,
        };
        List<LedgerPod> pods = started ? [Pod(id, number, state, created)] : [];
        List<TrainingAttempt> attempts = started
            ? [new TrainingAttempt(id, 1, "runpod", AttemptOf(state), created + TimeSpan.FromMinutes(1), job.CompletedAt, failure, job.Cost)]
            : [];
        List<ValidationImage> validation = done || failure == FailureCode.QualityValidationFailed
            ? [.. Enumerable.Range(0, 3).Select(index => Image(lora, index, created))]
            : [];
        return new JobDetail(
            job,
            new Lora
            {
                Id = lora,
                UserId = User,
                CreatorEmail = job.CreatorEmail,
                Name = job.Name,
                Status = state.ToLoraStatus(),
                StoragePath = done ? ObjectKeys.Model(User, lora).Key : null,
                FileSizeBytes = done ? 37_912_104 : null,
                FileSha256 = done ? new string('c', 64) : null,
                CreatedAt = created,
                UpdatedAt = created,
            },
            [.. Enumerable.Range(0, 12).Select(index => new TrainingImage(index, $"{User}/u/{index}", new string('d', 64), 1_240_000, 1024, 1024, "jpeg"))],
            attempts,
            pods,
            validation,
            [],
            failure == FailureCode.UploadFailed ? [new SpoolEntry(id, 1, "disk-1", SpoolNames.File(id, 1), 37_912_104, new string('c', 64), created)] : [],
            Timeline(number, created, failure is not null));
    }

    private static AttemptState AttemptOf(TrainingState state) => state switch
    {
        TrainingState.Completed => AttemptState.Succeeded,
        TrainingState.Failed => AttemptState.Failed,
        TrainingState.Cancelled => AttemptState.Cancelled,
        _ => AttemptState.Active,
    };

    private static LedgerPod Pod(JobId job, int number, TrainingState state, DateTimeOffset created) => new()
    {
        Name = PodNames.For("0a1b2c3d", job, 1, 1),
        Job = job,
        Attempt = 1,
        Try = 1,
        Want = state.IsFinal() ? PodWant.Released : PodWant.Needed,
        Saw = state.IsFinal() ? PodSaw.Gone : PodSaw.Running,
        PodId = $"pod{number:00000}",
        GpuType = "NVIDIA GeForce RTX 4090",
        HourlyRate = Usd.FromDollars(0.74m),
        RequestedAt = created + TimeSpan.FromMinutes(1),
        CreatedAt = created + TimeSpan.FromMinutes(1),
        GoneAt = state.IsFinal() ? created + TimeSpan.FromMinutes(42) : null,
    };

    private static ValidationImage Image(LoraId lora, int index, DateTimeOffset at) =>
        new(lora, index, ObjectKeys.ValidationImage(User, lora, index).Key, 0.58 + (0.13 * index), index > 0, index > 0 ? null : "Below the minimum of 0.60", at, 1);

    private static List<TimelineEntry> Timeline(int number, DateTimeOffset created, bool failed)
    {
        List<TimelineEntry> entries =
        [
            Entry(number, 1, created, EventSeverity.Info, "Accepted; 1 LoRA charged and $2.85 reserved.", "gateway", null),
            Entry(number, 2, created.AddMinutes(1), EventSeverity.Warning, "RunPod has no stock of the first GPU type; the next is tried.", "training.conductor", null),
            Entry(number, 3, created.AddMinutes(2), EventSeverity.Info, "Training began on the pod.", "training.conductor", null),
        ];
        if (failed)
        {
            ErrorDetail error = new("training_failed", "agent.status", "{\"state\":\"failed\",\"error\":\"CUDA error: device-side assert triggered\"}", "req-81fa3c");
            entries.Add(Entry(number, 4, created.AddMinutes(20), EventSeverity.Error, "The trainer reported a failure.", "training.conductor", error));
        }

        return entries;
    }

    private static TimelineEntry Entry(int number, int index, DateTimeOffset at, EventSeverity severity, string message, string actor, ErrorDetail? error) =>
        new(Guid.Parse($"00000000-0000-4000-a{index:000}-{number:000000000000}"), at, "training.state_changed", severity, message, 1, null, actor, error);
}
