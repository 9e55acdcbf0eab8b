using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <summary>O1: no new training starts. Jobs are accepted and wait; what runs goes on.</summary>
/// <param name="Reason">1 to 500 characters.</param>
/// <param name="Until">When it ends by itself; null: until a person resumes.</param>
public sealed record TrainingPause(string Reason, Actor By, DateTimeOffset Since, DateTimeOffset? Until)
{
    public bool IsOverAt(DateTimeOffset now) => Until <= now;
}

/// <summary>Bound to a unit of work.</summary>
public interface ITrainingPauseStore
{
    Task<TrainingPause?> FindAsync(CancellationToken cancellationToken);

    /// <summary>Null: resume.</summary>
    Task SaveAsync(TrainingPause? pause, CancellationToken cancellationToken);
}

/// <summary>The switches over all trainings: O1 pause, O2 stop everything.</summary>
public interface ITrainingSwitches
{
    /// <param name="until">When it ends by itself; null: until a person resumes.</param>
    Task PauseAsync(string reason, DateTimeOffset? until, Actor actor, CancellationToken cancellationToken);

    Task ResumeAsync(Actor actor, CancellationToken cancellationToken);

    /// <summary>
    /// O2: pauses, and wishes the end of every job that can still be cancelled. Jobs whose training has ended go on until their file is stored; then
    /// their pods end as always.
    /// </summary>
    /// <returns>How many jobs were wished to end.</returns>
    Task<int> StopEverythingAsync(string reason, Actor actor, CancellationToken cancellationToken);
}

/// <inheritdoc cref="ITrainingSwitches"/>
public sealed class TrainingSwitches(IUnitOfWork work, TimeProvider clock) : ITrainingSwitches
{
    public Task PauseAsync(string reason, DateTimeOffset? until, Actor actor, CancellationToken cancellationToken) => work.RunAsync(
        (unit, token) => PauseAsync(unit, reason, until, actor, token), cancellationToken);

    public Task ResumeAsync(Actor actor, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            await unit.Store<ITrainingPauseStore>().SaveAsync(null, token);
            await unit.Events.AppendAsync(Fact(TrainingEvents.Resumed, "New trainings start again", actor), token);
        },
        cancellationToken);

    public async Task<int> StopEverythingAsync(string reason, Actor actor, CancellationToken cancellationToken) => await work.RunAsync(
        async (unit, token) =>
        {
            await PauseAsync(unit, reason, null, actor, token);
            ITrainingStore store = unit.Store<ITrainingStore>();
            int wished = 0;
            foreach (JobId job in await store.ListOpenAsync(token))
            {
                wished += await store.WishCancelAsync(job, new CancelWish(actor, reason, clock.GetUtcNow()), token) ? 1 : 0;
            }

            await unit.Events.AppendAsync(
                Fact(TrainingEvents.EverythingStopped, $"Everything is being stopped ({wished} jobs): {reason}", actor) with { Severity = EventSeverity.Warning }, token);
            return wished;
        },
        cancellationToken);

    private async Task PauseAsync(IUnit unit, string reason, DateTimeOffset? until, Actor actor, CancellationToken cancellationToken)
    {
        await unit.Store<ITrainingPauseStore>().SaveAsync(new TrainingPause(reason, actor, clock.GetUtcNow(), until), cancellationToken);
        await unit.Events.AppendAsync(Fact(TrainingEvents.Paused, $"New trainings are paused: {reason}", actor), cancellationToken);
    }

    private static OperationalEvent Fact(string kind, string message, Actor actor) => new() { Kind = kind, Message = message, Actor = actor };
}
