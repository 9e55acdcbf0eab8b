using LoraAdmin.Domain.Pods;
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
    /// O2: pauses, and wishes the end of every job that can still be cancelled, and of every pod of ours that no open job works with. Jobs whose
    /// training has ended go on until their file is stored; then their pods end as always. A pod whose file is unproven is kept, and its file is fetched
    /// at once.
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
            IReadOnlyList<JobId> open = await store.ListOpenAsync(token);
            int wished = 0;
            foreach (JobId job in open)
            {
                wished += await store.WishCancelAsync(job, new CancelWish(actor, reason, clock.GetUtcNow()), token) ? 1 : 0;
            }

            int pods = await EndPodsAsync(unit, [.. open], token);
            string what = pods == 0 ? $"{wished} jobs" : $"{wished} jobs, {pods} pods without one";
            await unit.Events.AppendAsync(
                Fact(TrainingEvents.EverythingStopped, $"Everything is being stopped ({what}): {reason}", actor) with { Severity = EventSeverity.Warning }, token);
            return wished;
        },
        cancellationToken);

    /// <summary>Pods that no job's end will end: the pod loop looks for each one's file before it does anything.</summary>
    private async Task<int> EndPodsAsync(IUnit unit, HashSet<JobId> open, CancellationToken cancellationToken)
    {
        IPodLedger ledger = unit.Store<IPodLedger>();
        DateTimeOffset now = clock.GetUtcNow();
        int ended = 0;
        foreach (LedgerPod pod in await ledger.ListAliveAsync(cancellationToken))
        {
            LedgerPod wished = pod switch
            {
                { PodId: null } => pod,
                { Want: PodWant.Held } => pod with { NextFetchAt = now },
                { Want: PodWant.Needed } when !open.Contains(pod.Job) =>
                    pod with { Want = PodWant.Released, WantReason = PodReasons.ByPerson, WantSince = now, Proof = FileProof.None, NextActionAt = now },
                _ => pod,
            };
            if (wished != pod && !await ledger.SaveAsync(wished, cancellationToken))
            {
                throw new ConcurrentWriteException($"Pod {pod.Name} was written meanwhile.");
            }

            ended += wished.Want == PodWant.Released && pod.Want != PodWant.Released ? 1 : 0;
        }

        return ended;
    }

    private async Task PauseAsync(IUnit unit, string reason, DateTimeOffset? until, Actor actor, CancellationToken cancellationToken)
    {
        await unit.Store<ITrainingPauseStore>().SaveAsync(new TrainingPause(reason, actor, clock.GetUtcNow(), until), cancellationToken);
        await unit.Events.AppendAsync(Fact(TrainingEvents.Paused, $"New trainings are paused: {reason}", actor), cancellationToken);
    }

    private static OperationalEvent Fact(string kind, string message, Actor actor) => new() { Kind = kind, Message = message, Actor = actor };
}
