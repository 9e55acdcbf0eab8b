using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Domain.Training;

/// <summary>What attempts that have ended wait for before their money comes free: creations that were never clearly answered and are looked for, at either provider.</summary>
internal static class AttemptDoubts
{
    /// <summary>From the end of a doubt until a look has said so and the attempt is settled.</summary>
    private static readonly TimeSpan SettledWithin = TimeSpan.FromMinutes(2);

    /// <param name="own">The present by this process's clock; what is answered is by <see cref="ClockStandings.ByProvider"/>.</param>
    /// <returns>
    /// Ended attempts of which nothing else is left, and about when each gives back what it holds. Null: the account's lists did not clear it up in time, and nobody
    /// knows when they will.
    /// </returns>
    public static async Task<IReadOnlyDictionary<(JobId Job, int Attempt), DateTimeOffset?>> OfEndedAsync(
        IUnit unit, ClockStandings clocks, DateTimeOffset own, CancellationToken cancellationToken)
    {
        ILookup<(JobId Job, int Attempt), HostedTraining> hosted = (await unit.Store<IHostedTrainingStore>().ListOpenAsync(cancellationToken))
            .Where(static one => !one.IsFinal)
            .ToLookup(static one => (one.Job, one.Attempt));
        ILookup<(JobId Job, int Attempt), LedgerPod> pods = (await unit.Store<IPodLedger>().ListInDoubtAsync(cancellationToken)).ToLookup(static pod => (pod.Job, pod.Attempt));
        (JobId Job, int Attempt)[] left =
        [
            .. hosted.Select(static tries => tries.Key).Union(pods.Select(static tries => tries.Key)).Where(attempt => hosted[attempt].All(static one => one.IsInDoubt)),
        ];
        if (left.Length == 0)
        {
            return new Dictionary<(JobId, int), DateTimeOffset?>();
        }

        DateTimeOffset now = clocks.ByProvider(own);
        IReadOnlySet<(JobId, int)> active = await unit.Store<ITrainingStore>().ListActiveAttemptsAsync(cancellationToken);
        return left.Where(attempt => !active.Contains(attempt)).ToDictionary(
            static attempt => attempt,
            attempt => hosted[attempt].Select(one => clocks.ByProvider(one.WantSince) + HostedWatch.DoubtLasts)
                .Concat(pods[attempt].Select(pod => EndOf(pod, clocks)))
                .Max() + SettledWithin is var end && end > now ? end : (DateTimeOffset?)null);
    }

    /// <summary>From the first look that missed it; one that none has missed yet is taken to be missed at once.</summary>
    private static DateTimeOffset EndOf(LedgerPod doubt, ClockStandings clocks) =>
        (doubt.AbsentSince ?? clocks.ByProvider(doubt.WantSince ?? doubt.RequestedAt)) + PodObserver.DoubtLasts;
}
