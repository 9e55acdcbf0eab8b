using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <param name="Counts">Whether the wait counts towards <c>Training:QueueWait</c>: a pause that a person made does not.</param>
public sealed record NoPlace(string Reason, bool Counts);

/// <summary>Whether a job may ask for a pod now: pause (O1) and <c>Training:MaxConcurrentPods</c>.</summary>
public sealed class TrainingPlaces(IUnitOfWork work, TimeProvider clock, Func<TrainingRules> rules)
{
    /// <summary>Serialises the taking of places, also between instances.</summary>
    public const string LeaseName = "training.places";

    public static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(15);

    /// <summary>Why no job may ask for anything now: somebody paused it.</summary>
    public Task<NoPlace?> WhyPausedAsync(CancellationToken cancellationToken) => work.ReadAsync(WhyPausedAsync, cancellationToken);

    /// <summary>Why no further job may ask for a pod now; null when there is a place.</summary>
    public Task<NoPlace?> WhyFullAsync(CancellationToken cancellationToken) => work.ReadAsync(WhyFullAsync, cancellationToken);

    /// <summary>
    /// The same inside the transaction that takes the place by adding the row of the job's pod. Everybody who takes one writes one row first, so that
    /// jobs that look at the same moment do not all see the last place free.
    /// </summary>
    public async Task<string?> WhyRefusedAsync(IUnit unit, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        await unit.Store<ILeaseStore>().TryTakeAsync(LeaseName, LeaseName, clock.GetUtcNow(), TimeSpan.Zero, cancellationToken);
        return (await WhyFullAsync(unit, cancellationToken))?.Reason;
    }

    private async Task<NoPlace?> WhyPausedAsync(IUnit unit, CancellationToken cancellationToken) =>
        await unit.Store<ITrainingPauseStore>().FindAsync(cancellationToken) is { } pause && !pause.IsOverAt(clock.GetUtcNow())
            ? new NoPlace($"Paused by {pause.By.Name}: {pause.Reason}", Counts: false)
            : null;

    private async Task<NoPlace?> WhyFullAsync(IUnit unit, CancellationToken cancellationToken)
    {
        if (await WhyPausedAsync(unit, cancellationToken) is { } pause)
        {
            return pause;
        }

        int limit = rules().MaxConcurrentPods;
        return await unit.Store<IPodLedger>().CountPlacesAsync(cancellationToken) < limit
            ? null
            : new NoPlace($"All {limit} training places are in use", Counts: true);
    }
}
