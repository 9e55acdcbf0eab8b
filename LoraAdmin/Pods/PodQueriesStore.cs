using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Pods;

/// <summary>The ledger's open rows, what people said, who lists the account, and what holds the sweep; the account itself as the loop last saw it.</summary>
/// <param name="worstHourly">What a pod counts with whose price is not known yet.</param>
internal sealed class PodQueriesStore(
    IUnitOfWork work, Func<Installation> installation, TimeProvider clock, ClockStandings clocks, Usd worstHourly) : IPodQueries
{
    private volatile AccountLook last = AccountLook.None;

    public async Task<PodsBoard> ReadAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        (AccountLook look, IReadOnlyList<LedgerPod> open, IReadOnlyList<PodClaim> claims, Lister? lister, AutomationBar? bar) = await work.ReadAsync(
            async (unit, token) => (
                await LookAsync(unit.Store<IAccountLookStore>(), token),
                await unit.Store<IPodLedger>().ListAliveAsync(token),
                await unit.Store<IPodClaimStore>().ListAsync(token),
                await ListerAsync(((EfUnit)unit).Db, token),
                await AutomationGate.FindAsync(unit, PodSweep.OperationKey, clocks, now, token)),
            cancellationToken);
        return PodQueriesBoard.Of(look, open, claims, lister, installation().Id, now) with { SweepBar = bar, WorstHourlyRate = worstHourly };
    }

    /// <summary>An account can have thousands of pods, and the page asks every two seconds: they are read when there is a newer look.</summary>
    private async Task<AccountLook> LookAsync(IAccountLookStore looks, CancellationToken cancellationToken)
    {
        AccountLook known = last;
        if (await looks.FindNumberAsync(cancellationToken) != known.Number)
        {
            last = known = await looks.FindAsync(cancellationToken);
        }

        return known;
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
