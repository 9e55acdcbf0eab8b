using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>What attempts that have ended wait for at the fallback before their money comes free: creations that were never clearly answered and are looked for.</summary>
public static class HostedDoubts
{
    /// <summary>From the end of a doubt until a look has said so and the attempt is settled.</summary>
    private static readonly TimeSpan SettledWithin = TimeSpan.FromMinutes(2);

    /// <param name="now">By this process's clock, as all instants here.</param>
    /// <returns>
    /// Ended attempts of which nothing else is left there, and about when each gives back what it holds. Null: the account's lists did not clear it up in time, and
    /// nobody knows when they will.
    /// </returns>
    public static async Task<IReadOnlyDictionary<(JobId Job, int Attempt), DateTimeOffset?>> OfEndedAsync(IUnit unit, DateTimeOffset now, CancellationToken cancellationToken)
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
            return new Dictionary<(JobId, int), DateTimeOffset?>();
        }

        IReadOnlySet<(JobId, int)> active = await unit.Store<ITrainingStore>().ListActiveAttemptsAsync(cancellationToken);
        return left.Where(tries => !active.Contains(tries.Key))
            .ToDictionary(static tries => tries.Key, tries => tries.Max(EndOf) is var end && end > now ? end : (DateTimeOffset?)null);
    }

    private static DateTimeOffset EndOf(HostedTraining doubt) => doubt.WantSince + HostedWatch.DoubtLasts + SettledWithin;
}
