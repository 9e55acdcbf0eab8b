using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Storage;

/// <summary>What a file on some instance's disk is worth as a proof, when several instances have no spool in common.</summary>
public static class SpoolStanding
{
    /// <summary>An instance that has not been heard of for this long counts as gone, and its disk with it.</summary>
    public static readonly TimeSpan SilentAfter = TimeSpan.FromHours(1);

    /// <summary>After this much silence other instances take over the jobs whose files lie on its disk, while their pods are there to fetch from.</summary>
    public static readonly TimeSpan TakeOverAfter = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Whether a pod may go because the file lies on this disk: only when every instance that is alive has the disk. Otherwise the one that has it may
    /// die for good, and the others could never get at the file.
    /// </summary>
    /// <param name="own">The disk of whoever asks: it is alive, whether it has been noted yet or not.</param>
    public static bool IsProof(string spool, IEnumerable<SpoolInstance> instances, string own, DateTimeOffset now) =>
        Alive(instances, now).Append(own).All(alive => alive == spool);

    /// <summary>Whether some instance that is alive can read the disk.</summary>
    public static bool IsReachable(string spool, IEnumerable<SpoolInstance> instances, string own, DateTimeOffset now) =>
        Alive(instances, now).Append(own).Contains(spool);

    /// <summary>Of the job's files on disks that a living instance has, the one to go on from: the newest attempt's.</summary>
    /// <param name="own">The disk of whoever asks.</param>
    public static async Task<SpoolEntry?> FindNewestInReachAsync(this ISpoolStore store, JobId job, string own, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        IReadOnlyList<SpoolInstance> instances = await store.ListInstancesAsync(cancellationToken);
        return (await store.ListForJobAsync(job, cancellationToken)).FirstOrDefault(file => IsReachable(file.Spool, instances, own, now));
    }

    /// <summary>An instance has the disk with which it was last heard of, and its earlier ones no more.</summary>
    private static IEnumerable<string> Alive(IEnumerable<SpoolInstance> instances, DateTimeOffset now) =>
        instances.GroupBy(instance => instance.Instance, StringComparer.Ordinal)
            .Select(rows => rows.MaxBy(row => row.LastSeenAt)!)
            .Where(instance => now - instance.LastSeenAt < SilentAfter)
            .Select(instance => instance.Spool);
}
