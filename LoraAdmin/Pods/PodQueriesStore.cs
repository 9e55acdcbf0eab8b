using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Pods;

/// <summary>The ledger's open rows, what people said, who lists the account, and what holds the sweep; the account itself comes from the loop's last census.</summary>
internal sealed class PodQueriesStore(
    IUnitOfWork work, LastCensus census, Func<Installation> installation, TimeProvider clock, ClockStandings clocks) : IPodQueries
{
    public async Task<PodsBoard> ReadAsync(CancellationToken cancellationToken)
    {
        // The census before the ledger: a pod that ends in between is then gone, and not taken for a stranger.
        CensusNote note = census.Current;
        DateTimeOffset now = clock.GetUtcNow();
        (IReadOnlyList<LedgerPod> open, IReadOnlyList<PodClaim> claims, Lister? lister, AutomationBar? bar) = await work.ReadAsync(
            async (unit, token) => (
                await unit.Store<IPodLedger>().ListAliveAsync(token),
                await unit.Store<IPodClaimStore>().ListAsync(token),
                await ListerAsync(((EfUnit)unit).Db, token),
                await AutomationGate.FindAsync(unit, PodSweep.OperationKey, clocks, now, token)),
            cancellationToken);
        return PodQueriesBoard.Of(note, open, claims, lister, installation().Id, now) with { SweepBar = bar };
    }

    private static async Task<Lister?> ListerAsync(LoraDb db, CancellationToken cancellationToken)
    {
        LoopLeaseRow? lease = await db.Set<LoopLeaseRow>().AsNoTracking().SingleOrDefaultAsync(row => row.Name == PodWatch.LeaseName, cancellationToken);
        if (lease is null)
        {
            return null;
        }

        DateTimeOffset until = Instants.FromMillis(lease.HeldUntil);
        return new Lister(lease.Owner, until - PodWatchService.LeaseFor, until);
    }
}
