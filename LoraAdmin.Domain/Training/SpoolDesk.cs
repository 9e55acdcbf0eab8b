using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

public enum SpoolCommandOutcome
{
    /// <summary>Noted; the instance that has the disk does it within a minute.</summary>
    Noted,

    /// <summary>No such file lies in any spool any more.</summary>
    NotFound,

    /// <summary>The file belongs to a job that is at work with it, or that is another one.</summary>
    HasJob,

    /// <summary>There is no such job.</summary>
    NoJob,

    /// <summary>The job is at work, or has completed with a file of its own.</summary>
    JobNotWaiting,

    /// <summary>A retry of the job would not use the file: its own failed the validation, or its images are no good, so it is trained again or not at all.</summary>
    RetryTrainsAgain,

    /// <summary>The job has a file of its own, in storage, in a spool or on a kept pod: its retry goes on from that.</summary>
    JobHasFile,

    /// <summary>No living portal has the file's disk, so a retry could not use it.</summary>
    DiskSilent,

    /// <summary>A newer file of the same job is brought to storage, and this one is not.</summary>
    HasNewer,
}

/// <summary>The commands that people give about files in the spool.</summary>
public interface ISpoolDesk
{
    /// <summary>Makes the file's upload due at once.</summary>
    Task<SpoolCommandOutcome> UploadNowAsync(string spool, string name, Actor actor, CancellationToken cancellationToken);

    /// <summary>
    /// Says that a file which no job knows is the file of this job, which has failed or was cancelled and has no file of its own: as that of an attempt of
    /// its own, which a retry goes on from. No validation images of the file are known, so the job's validation then refuses it, in storage, unless none
    /// are asked for (<c>Validation:Images</c> 0).
    /// </summary>
    Task<SpoolCommandOutcome> KeepForAsync(string spool, string name, JobId job, Actor actor, CancellationToken cancellationToken);

    /// <summary>
    /// Lets a file go that no job knows, or whose job has ended, and with its last copy the pods that are held for it. The caller has made sure that the
    /// person knows it may be the only copy.
    /// </summary>
    /// <param name="reason">1 to 500 characters.</param>
    Task<SpoolCommandOutcome> DiscardAsync(string spool, string name, string reason, Actor actor, CancellationToken cancellationToken);
}

/// <inheritdoc cref="ISpoolDesk"/>
public sealed class SpoolDesk(IUnitOfWork work, TimeProvider clock) : ISpoolDesk
{
    public Task<SpoolCommandOutcome> UploadNowAsync(string spool, string name, Actor actor, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            ISpoolStore store = unit.Store<ISpoolStore>();
            if (await store.FindAsync(spool, name, token) is not { Discard: null } entry)
            {
                return SpoolCommandOutcome.NotFound;
            }

            SpoolCommandOutcome judged = await SpoolWaiting.JudgeAsync(unit, entry, clock.GetUtcNow(), token);
            if (judged != SpoolCommandOutcome.Noted)
            {
                return judged;
            }

            await store.SaveAsync(entry with { DueAt = null }, token);
            await unit.Events.AppendAsync(Fact(entry, TrainingEvents.SpoolUploadAsked, $"The upload of {name} was asked for at once", actor), token);
            return SpoolCommandOutcome.Noted;
        },
        cancellationToken);

    public Task<SpoolCommandOutcome> KeepForAsync(string spool, string name, JobId job, Actor actor, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            ISpoolStore store = unit.Store<ISpoolStore>();
            if (await store.FindAsync(spool, name, token) is not { Discard: null } entry)
            {
                return SpoolCommandOutcome.NotFound;
            }

            if (await WhoseAsync(unit, entry, token) is not null)
            {
                return SpoolCommandOutcome.HasJob;
            }

            if (await unit.Store<ITrainingStore>().FindAsync(job, token) is not { } owner)
            {
                return SpoolCommandOutcome.NoJob;
            }

            if (owner.State is not (TrainingState.Failed or TrainingState.Cancelled) || owner.Failure is not { } failure)
            {
                return SpoolCommandOutcome.JobNotWaiting;
            }

            if (failure.Code == FailureCode.QualityValidationFailed || failure.Rule.Retry == RetryRule.WithNewImages)
            {
                return SpoolCommandOutcome.RetryTrainsAgain;
            }

            DateTimeOffset now = clock.GetUtcNow();
            if (!SpoolStanding.IsReachable(entry.Spool, await store.ListInstancesAsync(token), own: "", now))
            {
                return SpoolCommandOutcome.DiskSilent;
            }

            if ((await LastProven.FindAsync(unit, owner, failure, entry.Spool, wantedImages: 0, now, token)).GoesOnAs is not null)
            {
                return SpoolCommandOutcome.JobHasFile;
            }

            // An attempt of its own: what is known of the job's others, their images and their pods, says nothing about this file.
            int attempt = (await unit.Store<ITrainingStore>().ListAttemptsAsync(job, token)).Max(one => one.Number) + 1;
            SpoolEntry kept = entry with { Job = job, Attempt = attempt };
            await store.SaveAsync(kept, token);
            await unit.Events.AppendAsync(
                Fact(kept, TrainingEvents.SpoolFileKept, $"The file {name} was kept as the file of \"{owner.Name}\"", actor) with { Signals = [Over(name)] }, token);
            return SpoolCommandOutcome.Noted;
        },
        cancellationToken);

    public Task<SpoolCommandOutcome> DiscardAsync(string spool, string name, string reason, Actor actor, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            ISpoolStore store = unit.Store<ISpoolStore>();
            if (await store.FindAsync(spool, name, token) is not { Discard: null } entry)
            {
                return SpoolCommandOutcome.NotFound;
            }

            TrainingJob? job = await WhoseAsync(unit, entry, token);
            if (job is not null && !job.State.IsFinal())
            {
                return SpoolCommandOutcome.HasJob;
            }

            DateTimeOffset now = clock.GetUtcNow();
            await store.SaveAsync(entry with { Discard = new SpoolDiscard(actor, reason, now) }, token);
            IReadOnlyList<string> pods = await FilePods.OverrideAsync(unit, entry, now, token);
            string alsoGone = pods.Count == 0 ? "" : $" Pod {string.Join(", ", pods)}, which was kept for it, ends";
            await unit.Events.AppendAsync(
                Fact(entry, TrainingEvents.SpoolFileDeleted, $"The file {name} ({entry.SizeBytes} bytes) is deleted: {reason.TrimEnd('.')}.{alsoGone}", actor) with
                {
                    Signals = [Over(name), .. job is null ? Array.Empty<IncidentSignal>() : [new IncidentSignal(TrainingIncidents.UploadGivenUp, job.Id.ToString(), "A person let the file go", Over: true)]],
                },
                token);
            return SpoolCommandOutcome.Noted;
        },
        cancellationToken);

    private static async Task<TrainingJob?> WhoseAsync(IUnit unit, SpoolEntry entry, CancellationToken cancellationToken) =>
        entry.Job is { } id ? await unit.Store<ITrainingStore>().FindAsync(id, cancellationToken) : null;

    private static IncidentSignal Over(string name) => new(TrainingIncidents.Unclaimed, name, "A person has decided about the file", Over: true);

    private static OperationalEvent Fact(SpoolEntry entry, string kind, string message, Actor actor) => new()
    {
        Kind = kind,
        Message = message,
        Actor = actor,
        Job = entry.Job,
        Attempt = entry.Attempt == 0 ? null : entry.Attempt,
        Pod = entry.Pod,
    };
}
