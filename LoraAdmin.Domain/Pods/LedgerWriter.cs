using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>How the pod loop writes its ledger: guarded by the row's version, together with the fact that tells of it.</summary>
internal sealed class LedgerWriter(IUnitOfWork work)
{
    /// <returns>The row as it now stands: <paramref name="before"/> when somebody else wrote it meanwhile, which the next look takes up.</returns>
    public async Task<LedgerPod> SaveAsync(LedgerPod before, LedgerPod after, OperationalEvent? fact, CancellationToken cancellationToken)
    {
        if (after == before && fact is null)
        {
            return before;
        }

        return await TrySaveAsync(after, fact, cancellationToken) ? after with { Version = after.Version + 1 } : before;
    }

    public Task<bool> TrySaveAsync(LedgerPod row, OperationalEvent? fact, CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            if (!await unit.Store<IPodLedger>().SaveAsync(row, token))
            {
                return false;
            }

            if (fact is not null)
            {
                await unit.Events.AppendAsync(fact, token);
            }

            return true;
        },
        cancellationToken);
}
