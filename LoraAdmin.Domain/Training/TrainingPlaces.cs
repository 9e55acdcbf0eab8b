using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <param name="Counts">Whether the wait counts towards <c>Training:QueueWait</c>: a pause that a person made does not.</param>
public sealed record NoPlace(string Reason, bool Counts);

/// <summary>Whether a job may ask for a pod now: pause (O1) and <c>Training:MaxConcurrentPods</c>.</summary>
public sealed class TrainingPlaces(IUnitOfWork work, TimeProvider clock, Func<TrainingRules> rules)
{
    public static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(15);

    /// <summary>Why no further job may ask for a pod now; null when there is a place.</summary>
    public async Task<NoPlace?> WhyFullAsync(CancellationToken cancellationToken)
    {
        int limit = rules().MaxConcurrentPods;
        (int taken, TrainingPause? pause) = await work.ReadAsync(
            async (unit, token) => (await unit.Store<ITrainingStore>().CountWithPodsAsync(token), await unit.Store<ITrainingPauseStore>().FindAsync(token)),
            cancellationToken);
        if (pause is not null && !pause.IsOverAt(clock.GetUtcNow()))
        {
            return new NoPlace($"Paused by {pause.By.Name}: {pause.Reason}", Counts: false);
        }

        return taken < limit ? null : new NoPlace($"All {limit} training places are in use", Counts: true);
    }
}
