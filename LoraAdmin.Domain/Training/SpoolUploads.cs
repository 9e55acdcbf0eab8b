using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// J2: brings files whose upload failed from this instance's spool into storage, each hourly, or at once when a person asks. After a success the job goes
/// on with its validation, without a pod. Of several files of a job only the one goes that a retry would go on from. It holds the ended job's lease while it
/// sends, so that a retry's own step waits until this one is done.
/// </summary>
public sealed class SpoolUploads(IUnitOfWork work, IObjectStore objects, ISpool spool, TimeProvider clock)
{
    public const string Name = "training.spool_uploads";

    /// <summary>Failed runs after which people are alerted (M10). The uploads go on all the same: the file is never given up.</summary>
    public const int RunsUntilAlert = 3;

    public static readonly TimeSpan Every = TimeSpan.FromHours(1);

    private static readonly Actor Self = Actor.Portal(Name);

    private static readonly UploadTry Elsewhere = new(false, "its job is being worked on elsewhere");

    private readonly SpoolUpload upload = new(objects, spool);

    /// <returns>How many files were brought into storage.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        IReadOnlyList<SpoolEntry> waiting = await work.ReadAsync((unit, token) => unit.Store<ISpoolStore>().ListAsync(spool.Id, token), cancellationToken);
        bool paused = await work.ReadAsync(
            (unit, token) => AutomationGate.WhyHeldAsync(unit, SpoolUploadOperation.Key, clocks: null, now, token), cancellationToken) is not null;
        int stored = 0;

        // A pause ends the hourly tries; a file that is new, or that a person asks for, goes.
        foreach (SpoolEntry entry in waiting.Where(entry => IsDue(entry, now) && !(paused && entry.DueAt is not null)))
        {
            stored += await TryAsync(entry, cancellationToken) is { Stored: true } ? 1 : 0;
        }

        return stored;
    }

    /// <summary>Tries one file of this disk now, whenever it would have been due. Null: it does not wait for an upload any more, or is being uploaded.</summary>
    internal async Task<UploadTry?> TryNowAsync(string name, CancellationToken cancellationToken)
    {
        SpoolEntry? entry = await work.RunAsync((unit, token) => SpoolWaiting.MakeDueAsync(unit, spool.Id, name, clock.GetUtcNow(), token), cancellationToken);
        return entry is null ? null : await TryAsync(entry, cancellationToken);
    }

    private async Task<UploadTry?> TryAsync(SpoolEntry entry, CancellationToken cancellationToken) =>
        await work.RunAsync((unit, token) => TakeAsync(unit, entry, token), cancellationToken) is { } taken ? await UploadUnderLeaseAsync(taken, cancellationToken) : null;

    private static bool IsDue(SpoolEntry entry, DateTimeOffset now) => entry is { Discard: null, Job: not null } && !(entry.DueAt > now);

    /// <summary>Moves the file's next run an hour on before this one begins, so that no other run on the same disk begins it too.</summary>
    private async Task<Taken?> TakeAsync(IUnit unit, SpoolEntry entry, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        ISpoolStore store = unit.Store<ISpoolStore>();
        if (await store.FindAsync(entry.Spool, entry.Name, cancellationToken) is not { } row
            || !IsDue(row, now)
            || await unit.Store<ITrainingStore>().FindAsync(row.Job!.Value, cancellationToken) is not { } job
            || !Waits(job)
            || await store.FindNewestInReachAsync(job.Id, spool.Id, now, cancellationToken) is not { } chosen
            || (chosen.Spool, chosen.Name) != (row.Spool, row.Name)
            || await unit.Store<ITrainingStore>().LeaseEndedAsync(job.Id, Name, now, TrainingConductor.LeaseFor, cancellationToken) is not { } leased)
        {
            return null;
        }

        SpoolEntry taken = row with { DueAt = now + Every, LastTriedAt = now };
        await store.SaveAsync(taken, cancellationToken);
        ILoraStore loras = unit.Store<ILoraStore>();
        return new Taken(
            taken, leased, await loras.FindAsync(job.LoraId, cancellationToken), await loras.ListValidationImagesAsync(job.LoraId, cancellationToken));
    }

    private static bool Waits(TrainingJob job) => job is { State: TrainingState.Failed, Failure.Code: FailureCode.UploadFailed };

    private async Task<UploadTry> UploadUnderLeaseAsync(Taken taken, CancellationToken cancellationToken)
    {
        await using JobLease lease = new(taken.Leased, work, clock, TrainingConductor.LeaseFor, cancellationToken);
        try
        {
            return await UploadAsync(taken, lease.Lost);
        }
        catch (LeaseLostException)
        {
            // It took longer than the lease: whoever has the job now looks at what is true.
            return Elsewhere;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Elsewhere;
        }
    }

    private async Task<UploadTry> UploadAsync(Taken taken, CancellationToken cancellationToken)
    {
        switch (await upload.RunAsync(taken.Job.UserId, taken.Job.LoraId, taken.Entry, taken.Lora, taken.Images, cancellationToken))
        {
            case UploadOutcome.Stored stored:
                return await work.RunAsync((unit, token) => StoredAsync(unit, taken, stored, token), cancellationToken) ? new UploadTry(true, null) : Elsewhere;

            case UploadOutcome.Away away:
                return await FailedAsync(taken, away.Reason, cancellationToken);

            case UploadOutcome.Failed failed:
                return await FailedAsync(taken, failed.Problem, cancellationToken);

            default:
                return await FailedAsync(taken, "the file is gone from the spool's disk", cancellationToken);
        }
    }

    private async Task<bool> StoredAsync(IUnit unit, Taken taken, UploadOutcome.Stored stored, CancellationToken cancellationToken)
    {
        SpoolEntry entry = taken.Entry;
        await GiveBackAsync(unit, taken, cancellationToken);

        // A person may have retried the job meanwhile: then its own step brings it on.
        if (await unit.Store<ITrainingStore>().FindAsync(entry.Job!.Value, cancellationToken) is not { } job || !Waits(job))
        {
            return false;
        }

        DateTimeOffset now = clock.GetUtcNow();
        await SpoolUpload.NoteAsync(unit, job.LoraId, entry, stored, now, cancellationToken);
        await AttemptPods.ReleaseAsync(unit, job.Id, entry.Attempt, FileProof.InStorage, PodReasons.FileStored, now, cancellationToken);
        TrainingJob again = await JobReopening.WithAsync(unit, JobReopening.Reset(job, TrainingState.Validating, now), entry, cancellationToken);
        if (!await JobReopening.OpenAsync(unit, again, cancellationToken))
        {
            throw new ConcurrentWriteException($"Job {job.Id} was opened meanwhile.");
        }

        await unit.Events.AppendAsync(
            TrainingFacts.Of(again, TrainingEvents.SpoolUploaded, $"The kept file ({entry.SizeBytes} bytes) was brought into storage; validating it", Self) with
            {
                Signals = [new IncidentSignal(TrainingIncidents.UploadGivenUp, job.Id.ToString(), "Storage has the file, read back and compared", Over: true)],
            },
            cancellationToken);
        return true;
    }

    /// <summary>Proves in the caller's transaction that nobody else wrote the key meanwhile, and lets the next one begin when it is committed.</summary>
    private Task GiveBackAsync(IUnit unit, Taken taken, CancellationToken cancellationToken) =>
        unit.Store<ITrainingStore>().RenewAsync(taken.Job.Id, taken.Leased.Fence, clock.GetUtcNow(), cancellationToken);

    private async Task<UploadTry> FailedAsync(Taken taken, string problem, CancellationToken cancellationToken)
    {
        await work.RunAsync((unit, token) => FailedAsync(unit, taken, problem, token), cancellationToken);
        return new UploadTry(false, problem);
    }

    private async Task FailedAsync(IUnit unit, Taken taken, string problem, CancellationToken cancellationToken)
    {
        await GiveBackAsync(unit, taken, cancellationToken);
        ISpoolStore store = unit.Store<ISpoolStore>();
        if (await store.FindAsync(taken.Entry.Spool, taken.Entry.Name, cancellationToken) is not { } row)
        {
            return;
        }

        SpoolEntry failed = row with { FailedRuns = row.FailedRuns + 1, LastError = problem };
        await store.SaveAsync(failed, cancellationToken);
        bool alert = failed.FailedRuns >= RunsUntilAlert;
        string text = $"The trained file of \"{taken.Job.Name}\" waits in the spool: {failed.FailedRuns} uploads in a row failed, the last one because {problem}";
        await unit.Events.AppendAsync(
            TrainingFacts.Of(
                taken.Job,
                TrainingEvents.SpoolUploadFailed,
                $"The kept file could not be brought into storage ({failed.FailedRuns} in a row): {problem}",
                Self,
                alert ? EventSeverity.Error : EventSeverity.Warning,
                "upload_failed") with
            {
                Error = new ErrorDetail("upload_failed", "storage.put", problem, null),
                Signals = alert ? [new IncidentSignal(TrainingIncidents.UploadGivenUp, taken.Job.Id.ToString(), text)] : [],
            },
            cancellationToken);
    }

    /// <param name="Problem">Why it is not in storage; null when it is.</param>
    internal sealed record UploadTry(bool Stored, string? Problem);

    private sealed record Taken(SpoolEntry Entry, LeasedJob Leased, Lora? Lora, IReadOnlyList<ValidationImage> Images)
    {
        public TrainingJob Job => Leased.Job;
    }
}
