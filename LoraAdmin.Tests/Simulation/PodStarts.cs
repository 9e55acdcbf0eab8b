using LoraAdmin.Domain.Pods;
using LoraAdmin.Tests.Simulation.Memory;

namespace LoraAdmin.Tests.Simulation;

/// <summary>
/// The rule by which stopped pods are started: those that a job needs, and held ones while their file may be fetched. Stands around a look of the pod
/// loop until the loop itself does it.
/// </summary>
public static class PodStarts
{
    /// <summary>Lets the look leave a held pod running while its file may be fetched.</summary>
    public static void LetFetchedRun(MemoryDatabase database, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(database);
        foreach (LedgerPod pod in database.Pods.Rows.Where(pod => pod.Want == PodWant.Held && pod.FetchUntil > now && !(pod.NextActionAt >= pod.FetchUntil)).ToList())
        {
            database.Pods.Set(pod.Name, pod with { NextActionAt = pod.FetchUntil });
        }
    }

    public static async Task StartAsync(MemoryDatabase database, IPodProvider provider, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(provider);
        foreach (LedgerPod pod in database.Pods.Rows
            .Where(pod => pod is { PodId: not null, Saw: PodSaw.Exited } && (pod.Want == PodWant.Needed || (pod.Want == PodWant.Held && pod.FetchUntil > now)))
            .ToList())
        {
            await provider.StartAsync(pod.PodId!, cancellationToken);
        }
    }
}
