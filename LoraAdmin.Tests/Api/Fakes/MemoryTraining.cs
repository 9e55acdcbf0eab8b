using System.Collections.Concurrent;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;

namespace LoraAdmin.Tests.Api.Fakes;

/// <summary>The desk and the reads over one dictionary of jobs. A refusal to be answered next can be set.</summary>
public sealed class MemoryTraining(TimeProvider clock) : ITrainingDesk, ITrainingQueries, IJobReader
{
    private readonly SeededIds ids = new(11);
    private readonly ConcurrentDictionary<(Guid, string), (string Hash, SubmitOutcome.Accepted Answer)> keys = new();

    public ConcurrentDictionary<JobId, TrainingJob> Jobs { get; } = new();
    public ConcurrentDictionary<JobId, Lora> Loras { get; } = new();
    public List<TrainingRequest> Requests { get; } = [];
    public List<(JobId Job, string Reason, Actor Actor)> Cancels { get; } = [];
    public SubmitOutcome? NextSubmit { get; set; }
    public RetryOutcome? NextRetry { get; set; }
    public Exception? Failure { get; set; }

    /// <summary>When set, submissions wait for it after they have arrived.</summary>
    public TaskCompletionSource? Gate { get; set; }

    public TaskCompletionSource Arrived { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TrainingJob Add(TrainingState state, string name = "Ada", DateTimeOffset? createdAt = null)
    {
        DateTimeOffset at = createdAt ?? clock.GetUtcNow();
        TrainingJob job = new()
        {
            Id = new JobId(ids.Next()),
            LoraId = new LoraId(ids.Next()),
            UserId = new UserId(ids.Next()),
            Name = name,
            CreatorEmail = "ada@example.org",
            State = state,
            StateSince = at,
            CreatedAt = at,
            UpdatedAt = at,
            Attempt = 1,
            Admission = 1,
            DueAt = at,
        };
        Put(job);
        return job;
    }

    public void Put(TrainingJob job)
    {
        Jobs[job.Id] = job;
        Loras[job.Id] = new Lora
        {
            Id = job.LoraId,
            UserId = job.UserId,
            CreatorEmail = job.CreatorEmail,
            Name = job.Name,
            Status = job.State.ToLoraStatus(),
            CreatedAt = job.CreatedAt,
            UpdatedAt = job.UpdatedAt,
        };
    }

    public async Task<SubmitOutcome> SubmitAsync(TrainingRequest request, IdempotencyKey? key, Actor actor, CancellationToken cancellationToken)
    {
        Arrived.TrySetResult();
        if (Gate is { } gate)
        {
            await gate.Task;
        }

        ThrowIfAway();
        if (key is not null && keys.TryGetValue((key.TokenId, key.Key), out (string Hash, SubmitOutcome.Accepted Answer) known))
        {
            return known.Hash == key.BodyHash ? known.Answer with { Replayed = true } : new SubmitOutcome.KeyReused();
        }

        if (NextSubmit is { } refusal)
        {
            return refusal;
        }

        Requests.Add(request);
        TrainingJob job = Add(TrainingState.Queued, request.Name);
        SubmitOutcome.Accepted accepted = new(job.Id, job.LoraId, Replayed: false);
        if (key is not null)
        {
            keys[(key.TokenId, key.Key)] = (key.BodyHash, accepted);
        }

        return accepted;
    }

    public Task<CancelOutcome> CancelAsync(JobId job, string reason, Actor actor, CancellationToken cancellationToken)
    {
        if (!Jobs.TryGetValue(job, out TrainingJob? known))
        {
            return Task.FromResult<CancelOutcome>(new CancelOutcome.NotFound());
        }

        if (!known.State.CanCancel())
        {
            return Task.FromResult<CancelOutcome>(new CancelOutcome.TooLate(known.State));
        }

        Cancels.Add((job, reason, actor));
        return Task.FromResult<CancelOutcome>(new CancelOutcome.Noted());
    }

    public Task<RetryOutcome> RetryAsync(JobId job, Actor actor, CancellationToken cancellationToken) =>
        Task.FromResult(
            !Jobs.TryGetValue(job, out TrainingJob? known) ? new RetryOutcome.NotFound()
            : !known.State.IsFinal() || known.State == TrainingState.Completed ? new RetryOutcome.NotFinal(known.State)
            : NextRetry ?? new RetryOutcome.Accepted(TrainingState.Queued));

    public Task<JobPage> ListAsync(JobFilter filter, JobCursor? after, int size, CancellationToken cancellationToken)
    {
        ThrowIfAway();
        List<TrainingJob> jobs =
        [
            .. Jobs.Values
                .Where(job => filter.States is null || filter.States.Contains(job.State))
                .Where(job => filter.User is null || filter.User == job.UserId)
                .Where(job => filter.Failures is null || (job.Failure is { } failure && filter.Failures.Contains(failure.Code)))
                .Where(job => filter.EndedSince is null || job.CompletedAt >= filter.EndedSince)
                .Where(job => filter.Text is null || job.Name.Contains(filter.Text, StringComparison.OrdinalIgnoreCase))
                .OrderByDescending(job => job.CreatedAt)
                .ThenByDescending(job => job.Id.ToString(), StringComparer.Ordinal)
                .SkipWhile(job => after is not null && job.Id != after.Id)
                .Skip(after is null ? 0 : 1)
                .Take(size + 1),
        ];
        bool more = jobs.Count > size;
        TrainingJob[] shown = [.. jobs.Take(size)];
        return Task.FromResult(new JobPage([.. shown.Select(Line)], more ? new JobCursor(shown[^1].CreatedAt, shown[^1].Id) : null));
    }

    Task<JobDetail?> ITrainingQueries.FindAsync(JobId id, CancellationToken cancellationToken) => throw new NotSupportedException("The API reads IJobReader.");

    public ValueTask<JobReading?> FindAsync(JobId id, CancellationToken cancellationToken)
    {
        ThrowIfAway();
        if (!Jobs.TryGetValue(id, out TrainingJob? job))
        {
            return ValueTask.FromResult<JobReading?>(null);
        }

        Lora lora = Loras[id];
        ArtifactInfo? file = lora is { StoragePath: not null, FileSizeBytes: { } size, FileSha256: { } sha256 } ? new ArtifactInfo(size, sha256) : null;
        TrainingAttempt attempt = new(id, 1, "runpod", AttemptState.Failed, job.CreatedAt, job.CreatedAt, FailureCode.PodLost, Usd.FromDollars(0.42m));
        return ValueTask.FromResult<JobReading?>(new JobReading(
            id, job.LoraId, job.UserId, job.Name, job.State, job.WaitReason, job.Failure, job.Figures, job.Cost, file,
            job.CreatedAt, job.StartedAt, job.CompletedAt, job.CleanupStatus, [attempt]));
    }

    public Task<OverviewFigures> OverviewAsync(CancellationToken cancellationToken) => throw new NotSupportedException("The API shows no overview.");

    private static JobLine Line(TrainingJob job) =>
        new(
            job.Id, job.LoraId, job.UserId, job.Name, job.CreatorEmail, job.State, job.StateSince, job.CreatedAt, job.CompletedAt,
            job.WaitReason, job.Failure, job.Figures, job.Attempt, job.Cost, job.NotValidated is not null);

    private void ThrowIfAway()
    {
        if (Failure is { } failure)
        {
            throw failure;
        }
    }
}
