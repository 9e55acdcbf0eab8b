using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Operations;

/// <summary>
/// Tells the dead among the runs at work. Whoever lives renews the lease well before it ends, and each renewal changes it: one that this process has seen
/// unchanged for a lease's whole length, by its own time, which no setting of a clock changes, is nobody's any more, whatever instant it names. That instant
/// itself counts only where RunPod's clock vouches for the present one: by a clock that is ahead the living would be dead, and by one that is right the dead
/// of a clock that was ahead would live for months.
/// </summary>
internal sealed class LeaseWatch(TimeProvider clock, Func<OperationRules> rules, ClockStandings clocks)
{
    private Dictionary<Guid, Seen> known = [];

    /// <param name="atWork">All runs that are at work, as they have just been read.</param>
    /// <returns>Those that are dead, as long as they have the leases that they were read with.</returns>
    public IReadOnlyList<OperationRun> FindDead(IEnumerable<OperationRun> atWork)
    {
        ArgumentNullException.ThrowIfNull(atWork);
        Dictionary<Guid, Seen> present = [];
        List<OperationRun> dead = [];
        foreach (OperationRun run in atWork)
        {
            Seen seen = known.TryGetValue(run.Id, out Seen? before) && before.LeaseUntil == run.LeaseUntil
                ? before
                : new Seen(run.LeaseUntil, clock.GetTimestamp());
            present[run.Id] = seen;
            if (run.LeaseUntil == OperationRun.NoLease
                || clock.GetElapsedTime(seen.Since) >= rules().LeaseFor
                || (run.LeaseUntil <= clock.GetUtcNow() && clocks.IsConfirmed()))
            {
                dead.Add(run);
            }
        }

        known = present;
        return dead;
    }

    /// <param name="Since">When it was first read, as a timestamp of the process.</param>
    private sealed record Seen(DateTimeOffset LeaseUntil, long Since);
}
