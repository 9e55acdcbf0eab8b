using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training;

/// <summary>Reads what is known of the money of many pods, by a few statements whatever their number.</summary>
internal static class PodMoneys
{
    /// <param name="read">Bills that were just read, over those that are kept; null: the kept ones alone.</param>
    /// <returns>In order of the ids.</returns>
    public static async Task<IReadOnlyList<PodMoney>> ReadAsync(
        IUnit unit,
        IReadOnlyCollection<string> podIds,
        IReadOnlyDictionary<string, IReadOnlyList<BillRecord>>? read,
        DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        ILookup<string, LedgerPod> rows = (await unit.Store<IPodLedger>().ListByPodIdsAsync(podIds, cancellationToken))
            .ToLookup(row => row.PodId!, StringComparer.Ordinal);
        ILookup<string, BillRecord> kept = (await unit.Store<IBillStore>().ListAsync(ProvisioningStep.Provider, podIds, cancellationToken))
            .ToLookup(record => record.PodId, StringComparer.Ordinal);
        IReadOnlyList<LedgerPod> all = [.. rows.SelectMany(one => one)];
        IBudgetStore budget = unit.Store<IBudgetStore>();
        ILookup<(JobId, int), Reservation> reservations = (await budget.ListForJobsAsync([.. all.Select(row => row.Job).Distinct()], cancellationToken))
            .ToLookup(one => (one.Job, one.Attempt));
        Dictionary<string, PodBooked> booked = (await budget.SumForPodsAsync([.. all.Select(row => row.Name)], cancellationToken))
            .ToDictionary(one => one.Pod, StringComparer.Ordinal);
        Dictionary<(JobId, int), Usd> lacking = await LackingAsync(unit, all, reservations, now, cancellationToken);
        return [.. podIds.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Select(Of)];

        PodMoney Of(string id)
        {
            IReadOnlyList<LedgerPod> own = [.. rows[id]];
            IReadOnlyList<BillRecord> bills = [.. kept[id]];
            List<Reservation> ofAttempts = [.. own.Select(row => (row.Job, row.Attempt)).Distinct().SelectMany(attempt => reservations[attempt])];
            PodBooked[] under = [.. own.Select(row => booked.GetValueOrDefault(row.Name)).OfType<PodBooked>()];
            return new PodMoney(
                id,
                own,
                bills,
                Merged(bills, read?.GetValueOrDefault(id)),
                own.Aggregate(Usd.Zero, (sum, row) => sum + BookedFor(row) - UnbookedOf(row)),
                under.Aggregate(Usd.Zero, (sum, one) => sum + one.Corrected),
                under.Sum(one => one.Corrections),
                ofAttempts,
                own.Aggregate(Usd.Zero, (sum, row) => sum + UnbookedOf(row)))
            {
                Hold = own.Select(static row => row.BillHold).FirstOrDefault(static hold => hold is not null),
            };
        }

        Usd UnbookedOf(LedgerPod row) => lacking.TryGetValue((row.Job, row.Attempt), out Usd lacks)
            && reservations[(row.Job, row.Attempt)].Any(one => StrayCosts.IsLate(row, one))
            ? row.CostUntil(now) is var cost && cost < lacks ? cost : lacks
            : Usd.Zero;

        // An attempt with a reservation is settled by what its pods cost; a pod without one stands in the ledger under its own name.
        Usd BookedFor(LedgerPod row) => reservations[(row.Job, row.Attempt)].Any() ? row.CostUntil(now) : booked.GetValueOrDefault(row.Name)?.Other ?? Usd.Zero;
    }

    /// <summary>What settled attempts lack in the ledger of what their pods cost that were still there, or there again; negative: it has too much.</summary>
    private static async Task<Dictionary<(JobId, int), Usd>> LackingAsync(
        IUnit unit, IReadOnlyList<LedgerPod> rows, ILookup<(JobId, int), Reservation> reservations, DateTimeOffset now, CancellationToken cancellationToken)
    {
        Dictionary<(JobId, int), Usd> lacking = [];
        foreach (Reservation settled in rows.SelectMany(row => reservations[(row.Job, row.Attempt)].Where(one => StrayCosts.IsLate(row, one))).Distinct())
        {
            AttemptCosts costs = await AttemptCosts.ReadAsync(unit, settled.Job, settled.Attempt, cancellationToken);
            Usd lacks = costs.Until(now) - settled.Accrued - settled.Beyond;
            if (lacks != Usd.Zero)
            {
                lacking[(settled.Job, settled.Attempt)] = lacks;
            }
        }

        return lacking;
    }

    private static IReadOnlyList<BillRecord> Merged(IReadOnlyList<BillRecord> kept, IReadOnlyList<BillRecord>? read) => read is null
        ? kept
        : [.. kept.ExceptBy(read.Select(record => record.BucketStart), record => record.BucketStart).Concat(read).OrderBy(record => record.BucketStart)];
}
