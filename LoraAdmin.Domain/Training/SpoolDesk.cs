using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

public enum SpoolCommandOutcome
{
    /// <summary>Noted; the instance that has the disk does it within a minute.</summary>
    Noted,

    /// <summary>No such file lies in any spool any more.</summary>
    NotFound,

    /// <summary>The file belongs to a job: that job's page is the place to decide about it.</summary>
    HasJob,

    /// <summary>There is no such job.</summary>
    NoJob,

    /// <summary>The job is at work, or has completed with a file of its own.</summary>
    JobNotWaiting,
}

/// <summary>The commands that people give about files in the spool.</summary>
public interface ISpoolDesk
{
    /// <summary>Makes the file's upload due at once.</summary>
    Task<SpoolCommandOutcome> UploadNowAsync(string spool, string name, Actor actor, CancellationToken cancellationToken);

    /// <summary>Says that a file which no job knows is the file of this job, which has failed or was cancelled: its retry then goes on from the file.</summary>
    Task<SpoolCommandOutcome> KeepForAsync(string spool, string name, JobId job, Actor actor, CancellationToken cancellationToken);

    /// <summary>Lets a file go that no job knows.</summary>
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

            if (entry.Job is not { } id || await unit.Store<ITrainingStore>().FindAsync(id, token) is not { State: TrainingState.Failed, Failure.Code: FailureCode.UploadFailed })
            {
                return SpoolCommandOutcome.JobNotWaiting;
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

            if (owner.State is not (TrainingState.Failed or TrainingState.Cancelled))
            {
                return SpoolCommandOutcome.JobNotWaiting;
            }

            await store.SaveAsync(entry with { Job = job, Attempt = owner.Attempt }, token);
            await unit.Events.AppendAsync(
                Fact(entry with { Job = job }, TrainingEvents.SpoolFileKept, $"The file {name} was kept as the file of \"{owner.Name}\"", actor) with { Signals = [Over(name)] }, token);
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

            if (await WhoseAsync(unit, entry, token) is not null)
            {
                return SpoolCommandOutcome.HasJob;
            }

            await store.SaveAsync(entry with { Discard = new SpoolDiscard(actor, reason, clock.GetUtcNow()) }, token);
            await unit.Events.AppendAsync(
                Fact(entry, TrainingEvents.SpoolFileDeleted, $"The file {name} ({entry.SizeBytes} bytes) is deleted: {reason}", actor) with { Signals = [Over(name)] }, token);
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
