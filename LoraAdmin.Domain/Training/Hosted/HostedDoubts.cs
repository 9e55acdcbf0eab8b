using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>What jobs that have ended wait for at the fallback before their money comes free: creations that were never clearly answered and are looked for.</summary>
public static class HostedDoubts
{
    /// <returns>Attempts of ended jobs of which nothing else is left there, and about when that is over.</returns>
    public static async Task<IReadOnlyDictionary<(JobId Job, int Attempt), DateTimeOffset>> OfEndedAsync(IUnit unit, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        IGrouping<(JobId Job, int Attempt), HostedTraining>[] left =
        [
            .. (await unit.Store<IHostedTrainingStore>().ListOpenAsync(cancellationToken))
                .Where(static one => !one.IsFinal)
                .GroupBy(static one => (one.Job, one.Attempt))
                .Where(static tries => tries.All(static one => one.IsInDoubt)),
        ];
        if (left.Length == 0)
        {
            return new Dictionary<(JobId, int), DateTimeOffset>();
        }

        HashSet<JobId> open = [.. await unit.Store<ITrainingStore>().ListOpenAsync(cancellationToken)];
        return left.Where(tries => !open.Contains(tries.Key.Job)).ToDictionary(static tries => tries.Key, tries => tries.Max(one => one.DoubtUntil(now)!.Value));
    }
}
