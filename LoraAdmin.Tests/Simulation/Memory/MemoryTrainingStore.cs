using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Tests.Simulation.Memory;

internal sealed class MemoryTrainingStore(MemoryDatabase database) : ITrainingStore
{
    public Task AddAsync(TrainingJob job, IReadOnlyList<TrainingImage> images, TrainingAttempt? first, CancellationToken cancellationToken)
    {
        database.Jobs.Set(job.Id, job);
        database.Images.Set(job.Id, new(images.ToList()));
        database.Leases.Set(job.Id, new JobLeaseRow(null, 0, default));
        return first is null ? Task.CompletedTask : AddAttemptAsync(first, cancellationToken);
    }

    public Task<TrainingJob?> FindAsync(JobId id, CancellationToken cancellationToken) => Task.FromResult(database.Jobs.Find(id));

    public Task<IReadOnlyList<TrainingImage>> ListImagesAsync(JobId id, CancellationToken cancellationToken) =>
        Task.FromResult(database.Images.Find(id)?.Items ?? []);

    public Task SaveImagesAsync(JobId id, IReadOnlyList<TrainingImage> images, CancellationToken cancellationToken)
    {
        database.Images.Set(id, new(images.ToList()));
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<LeasedJob>> LeaseDueAsync(string owner, string spool, DateTimeOffset now, TimeSpan duration, int max, CancellationToken cancellationToken)
    {
        List<LeasedJob> leased = [];
        foreach (TrainingJob job in database.OpenJobs.Rows.Where(job => job.DueAt <= now && IsFree(job.Id, now) && IsFor(job, spool, now)).OrderBy(job => job.DueAt).ThenBy(job => job.Id.Value).Take(max).ToList())
        {
            JobLeaseRow row = new(owner, database.Leases.Find(job.Id)!.Fence + 1, now + duration);
            database.Leases.Set(job.Id, row);
            leased.Add(new LeasedJob(job, owner, row.Fence, row.Until));
        }

        return Task.FromResult<IReadOnlyList<LeasedJob>>(leased);
    }

    public Task RenewAsync(JobId id, long fence, DateTimeOffset until, CancellationToken cancellationToken)
    {
        database.Leases.Set(id, Held(id, fence) with { Until = until });
        return Task.CompletedTask;
    }

    public Task SaveAsync(TrainingJob job, long fence, bool release, CancellationToken cancellationToken)
    {
        JobLeaseRow lease = Held(job.Id, fence);
        TrainingJob stored = database.Jobs.Find(job.Id)!;
        if (stored.State.IsFinal())
        {
            throw new LeaseLostException($"Job {job.Id} has ended.");
        }

        database.Jobs.Set(
            job.Id,
            job with
            {
                Cancel = stored.Cancel,
                Cost = stored.Cost,
                CleanupStatus = stored.CleanupStatus,
                WishVersion = stored.WishVersion,
                DueAt = stored.WishVersion > job.WishVersion && job.UpdatedAt < job.DueAt ? job.UpdatedAt : job.DueAt,
            });
        if (release || job.State.IsFinal())
        {
            database.Leases.Set(job.Id, lease with { Owner = null });
        }

        return Task.CompletedTask;
    }

    public Task<bool> ReopenAsync(TrainingJob job, CancellationToken cancellationToken)
    {
        if (database.Jobs.Find(job.Id) is not { } stored || !stored.State.IsFinal())
        {
            return Task.FromResult(false);
        }

        database.Jobs.Set(job.Id, job with { Cost = stored.Cost, CleanupStatus = stored.CleanupStatus, WishVersion = stored.WishVersion + 1 });

        database.ImagesGone.Set(job.Id, null);

        if (IsFree(job.Id, job.UpdatedAt))
        {
            database.Leases.Set(job.Id, new JobLeaseRow(null, database.Leases.Find(job.Id)!.Fence + 1, default));
        }

        return Task.FromResult(true);
    }

    public Task<LeasedJob?> LeaseEndedAsync(JobId id, string owner, DateTimeOffset now, TimeSpan duration, CancellationToken cancellationToken)
    {
        if (database.Jobs.Find(id) is not { } job || !job.State.IsFinal() || !IsFree(id, now))
        {
            return Task.FromResult<LeasedJob?>(null);
        }

        JobLeaseRow row = new(owner, database.Leases.Find(id)!.Fence + 1, now + duration);
        database.Leases.Set(id, row);
        return Task.FromResult<LeasedJob?>(new LeasedJob(job, owner, row.Fence, row.Until));
    }

    public Task<bool> WishCancelAsync(JobId id, CancelWish wish, CancellationToken cancellationToken)
    {
        if (database.Jobs.Find(id) is not { } job || !job.State.CanCancel())
        {
            return Task.FromResult(false);
        }

        database.Jobs.Set(id, job with { Cancel = wish, DueAt = wish.At < job.DueAt ? wish.At : job.DueAt, WishVersion = job.WishVersion + 1 });
        return Task.FromResult(true);
    }

    public Task MakeDueAsync(JobId id, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (database.Jobs.Find(id) is { } job && !job.State.IsFinal())
        {
            database.Jobs.Set(id, job with { DueAt = now < job.DueAt ? now : job.DueAt, WishVersion = job.WishVersion + 1 });
        }

        return Task.CompletedTask;
    }

    public Task<DateTimeOffset?> NextDueAsync(string spool, DateTimeOffset now, CancellationToken cancellationToken)
    {
        DateTimeOffset? soonest = null;
        foreach (TrainingJob job in database.OpenJobs.Rows)
        {
            if (IsFor(job, spool, now))
            {
                DateTimeOffset due = database.Leases.Find(job.Id) is { Owner: not null } held && held.Until > job.DueAt ? held.Until : job.DueAt;
                soonest = soonest < due ? soonest : due;
            }
        }

        return Task.FromResult(soonest);
    }

    public Task<IReadOnlyList<JobId>> ListOpenAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<JobId>>([.. database.OpenJobs.Rows.OrderBy(job => job.DueAt).ThenBy(job => job.Id.Value).Select(job => job.Id)]);

    public Task<IReadOnlyList<TrainingJob>> ListWaitingAsync(string reason, int max, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<TrainingJob>>(
        [
            .. database.OpenJobs.Rows.Where(job => job.WaitReason?.StartsWith(reason, StringComparison.Ordinal) == true)
                .OrderBy(job => job.WaitingSince ?? job.StateSince).ThenBy(job => job.Id.Value)
                .Take(max),
        ]);

    public Task<bool> AnyWaitsForProviderAsync(CancellationToken cancellationToken) =>
        Task.FromResult(database.OpenJobs.Rows.Any(
            static job => job.WaitingSince is not null
                || job is { State: TrainingState.Queued, WaitReason: not null }
                || job is { State: TrainingState.Provisioning, WaitReason: not null, PodId: null, TrainingId: null }));

    public Task<IReadOnlyList<JobId>> ListWithOldImagesAsync(DateTimeOffset endedBefore, int max, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<JobId>>([.. database.EndedJobs.Before(endedBefore).Take(max)]);

    public Task<bool> SetImagesGoneAsync(JobId id, DateTimeOffset at, CancellationToken cancellationToken)
    {
        if (database.Jobs.Find(id) is not { } job || !job.State.IsFinal())
        {
            return Task.FromResult(false);
        }

        database.ImagesGone.Set(id, new ImagesGoneRow(at));
        return Task.FromResult(true);
    }

    public Task<IReadOnlySet<string>> FindImageKeysAsync(
        IReadOnlyCollection<UserId> users, IReadOnlyCollection<string> keys, CancellationToken cancellationToken) => Task.FromResult<IReadOnlySet<string>>(
        users.SelectMany(user => database.JobsOf[user])
            .SelectMany(job => database.Images.Find(job.Id)?.Items ?? [])
            .Select(image => image.Key)
            .Where(keys.Contains)
            .ToHashSet());

    public Task<bool> IsImageUsedElsewhereAsync(string key, JobId except, DateTimeOffset endedAfter, CancellationToken cancellationToken) => Task.FromResult(
        database.JobsOf[database.Jobs.Find(except)!.UserId].Any(job => job.Id != except
            && (!job.State.IsFinal() || job.CompletedAt >= endedAfter)
            && database.Images.Find(job.Id)!.Items.Any(image => image.Key == key)));

    public Task AddAttemptAsync(TrainingAttempt attempt, CancellationToken cancellationToken)
    {
        if (database.Attempts.Find((attempt.Job, attempt.Number)) is not null
            || database.OpenAttempts.Rows.Any(other => other.Job == attempt.Job))
        {
            throw new InvalidOperationException($"Job {attempt.Job} has an active attempt, or attempt {attempt.Number}, already.");
        }

        database.Attempts.Set((attempt.Job, attempt.Number), attempt);
        return Task.CompletedTask;
    }

    public Task SetAttemptCostAsync(JobId id, int number, Usd cost, CancellationToken cancellationToken)
    {
        if (database.Attempts.Find((id, number)) is { } kept)
        {
            database.Attempts.Set((id, number), kept with { Cost = cost });
        }

        return Task.CompletedTask;
    }

    public Task SaveAttemptAsync(TrainingAttempt attempt, CancellationToken cancellationToken)
    {
        if (database.Attempts.Find((attempt.Job, attempt.Number)) is not { } kept)
        {
            throw new InvalidOperationException($"Job {attempt.Job} has no attempt {attempt.Number}.");
        }

        database.Attempts.Set((attempt.Job, attempt.Number), attempt with { Cost = kept.Cost });
        return Task.CompletedTask;
    }

    public Task<bool> AddAttemptCostAsync(JobId id, int number, Usd cost, CancellationToken cancellationToken)
    {
        if (database.Attempts.Find((id, number)) is not { Cost: { } before } attempt)
        {
            return Task.FromResult(false);
        }

        database.Attempts.Set((id, number), attempt with { Cost = before + cost });
        return Task.FromResult(true);
    }

    public Task<IReadOnlySet<(JobId Job, int Number)>> ListActiveAttemptsAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlySet<(JobId, int)>>(database.OpenAttempts.Rows.Select(attempt => (attempt.Job, attempt.Number)).ToHashSet());

    public Task<IReadOnlyList<TrainingAttempt>> ListAttemptsAsync(JobId id, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<TrainingAttempt>>([.. Numbers(id)]);

    public Task AddCostAsync(JobId id, Usd cost, CancellationToken cancellationToken)
    {
        TrainingJob job = database.Jobs.Find(id)!;
        database.Jobs.Set(id, job with { Cost = (job.Cost ?? Usd.Zero) + cost });
        return Task.CompletedTask;
    }

    public Task SetCleanupStatusAsync(JobId id, string status, CancellationToken cancellationToken)
    {
        database.Jobs.Set(id, database.Jobs.Find(id)! with { CleanupStatus = status });
        return Task.CompletedTask;
    }

    private bool IsFor(TrainingJob job, string spool, DateTimeOffset now) =>
        job.Spool is null || job.Spool == spool
        || !database.SpoolInstances.Rows.Any(disk => disk.Spool == job.Spool && now - disk.LastSeenAt < SpoolStanding.TakeOverAfter);

    private IEnumerable<TrainingAttempt> Numbers(JobId id)
    {
        for (int number = 1; database.Attempts.Find((id, number)) is { } attempt; number++)
        {
            yield return attempt;
        }
    }

    private bool IsFree(JobId id, DateTimeOffset now) => database.Leases.Find(id) is not { Owner: not null } held || held.Until <= now;

    private JobLeaseRow Held(JobId id, long fence) =>
        database.Leases.Find(id) is { Owner: not null } lease && lease.Fence == fence
            ? lease
            : throw new LeaseLostException($"Job {id} is held under another fence than {fence}.");
}

internal sealed class MemoryUploadStore(MemoryDatabase database) : ITrainingUploadStore
{
    public Task AddAsync(TrainingUpload upload, CancellationToken cancellationToken)
    {
        database.Uploads.Set(upload.Id, upload);
        return Task.CompletedTask;
    }

    public Task<TrainingUpload?> FindAsync(Guid upload, CancellationToken cancellationToken) => Task.FromResult(database.Uploads.Find(upload));

    public Task<IReadOnlySet<Guid>> FindExistingAsync(IReadOnlyCollection<Guid> uploads, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlySet<Guid>>(uploads.Where(upload => database.Uploads.Find(upload) is not null).ToHashSet());

    public Task<bool> ClaimAsync(Guid upload, UserId user, JobId job, CancellationToken cancellationToken)
    {
        if (database.Uploads.Find(upload) is not { ClaimedBy: null } found || found.User != user)
        {
            return Task.FromResult(false);
        }

        database.Uploads.Set(upload, found with { ClaimedBy = job });
        return Task.FromResult(true);
    }

    public Task<IReadOnlyList<TrainingUpload>> ListUnclaimedAsync(DateTimeOffset before, int max, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<TrainingUpload>>(
            [.. database.Uploads.Rows.Where(upload => upload.ClaimedBy is null && upload.CreatedAt < before).OrderBy(upload => upload.CreatedAt).Take(max)]);

    public Task<IReadOnlyList<Guid>> ListClaimedByAsync(JobId job, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<Guid>>([.. database.UploadsOf[job].Select(upload => upload.Id)]);

    public Task DeleteAsync(Guid upload, CancellationToken cancellationToken)
    {
        database.Uploads.Set(upload, null);
        return Task.CompletedTask;
    }
}

internal sealed class MemoryIdempotencyStore(MemoryDatabase database) : IIdempotencyStore
{
    public Task<IdempotencyRecord?> ClaimAsync(IdempotencyRecord record, DateTimeOffset notBefore, CancellationToken cancellationToken)
    {
        if (database.Idempotency.Find((record.TokenId, record.Key)) is { } holder && holder.CreatedAt >= notBefore)
        {
            return Task.FromResult<IdempotencyRecord?>(holder);
        }

        database.Idempotency.Set((record.TokenId, record.Key), record);
        return Task.FromResult<IdempotencyRecord?>(record);
    }
}
