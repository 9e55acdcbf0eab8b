using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>A closed row as a plan found it: one that was written since says something newer.</summary>
public sealed record ClosedRow(string Name, long Version)
{
    public static ClosedRow Of(LedgerPod row)
    {
        ArgumentNullException.ThrowIfNull(row);
        return new ClosedRow(row.Name, row.Version);
    }
}

/// <summary>
/// The ledger as it was before the account was listed. A listing proves a closed row wrong only if that was closed by then, whatever the clocks of those say who closed
/// it and who lists (docs/decisions/0115).
/// </summary>
/// <param name="Look">Number of the newest look.</param>
/// <param name="Open">Ids of the pods whose rows were open.</param>
public sealed record LedgerBefore(long Look, IReadOnlySet<string> Open)
{
    public static async Task<LedgerBefore> ReadAsync(IUnit unit, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        return new LedgerBefore(
            await unit.Store<IAccountLookStore>().FindNumberAsync(cancellationToken),
            await unit.Store<IPodLedger>().ListAlivePodIdsAsync(cancellationToken));
    }

    /// <summary>The closed rows of listed pods that have no open one, by the pod's id.</summary>
    /// <returns>Null for a row that may have been closed since: on a newer listing, of which the one at hand knows nothing.</returns>
    public async Task<IReadOnlyDictionary<string, ClosedRow?>> FindClosedAsync(IUnit unit, IReadOnlyCollection<string> podIds, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(podIds);
        Dictionary<string, ClosedRow?> closed = new(StringComparer.Ordinal);
        if (podIds.Count == 0)
        {
            return closed;
        }

        // One that was opened and closed again meanwhile was missed by two looks, and the first of them is written.
        bool isOvertaken = await unit.Store<IAccountLookStore>().FindNumberAsync(cancellationToken) != Look;
        foreach (LedgerPod row in await unit.Store<IPodLedger>().ListByPodIdsAsync(podIds, cancellationToken))
        {
            closed[row.PodId!] = isOvertaken || Open.Contains(row.PodId!) ? null : ClosedRow.Of(row);
        }

        return closed;
    }
}
