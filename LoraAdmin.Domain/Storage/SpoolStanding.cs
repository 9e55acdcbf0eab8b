namespace LoraAdmin.Domain.Storage;

/// <summary>What a file on some instance's disk is worth as a proof (design §4: the rule for several instances without a shared spool).</summary>
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

    private static IEnumerable<string> Alive(IEnumerable<SpoolInstance> instances, DateTimeOffset now) =>
        instances.Where(instance => now - instance.LastSeenAt < SilentAfter).Select(instance => instance.Spool);
}
