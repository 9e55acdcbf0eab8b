using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <summary>How many jobs may have a pod at once (<c>Training:MaxConcurrentPods</c>).</summary>
public sealed class TrainingPlaces(IUnitOfWork work, Func<TrainingRules> rules)
{
    public static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(15);

    /// <summary>Why no further job may ask for a pod now; null when there is a place.</summary>
    public async Task<string?> WhyFullAsync(CancellationToken cancellationToken)
    {
        int limit = rules().MaxConcurrentPods;
        int taken = await work.ReadAsync((unit, token) => unit.Store<ITrainingStore>().CountWithPodsAsync(token), cancellationToken);
        return taken < limit ? null : $"All {limit} training places are in use";
    }
}
