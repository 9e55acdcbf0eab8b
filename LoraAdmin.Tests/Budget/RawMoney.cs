using LoraAdmin.Budget;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Data;
using LoraAdmin.Pods;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Tests.Budget;

/// <summary>All rows about money as the tables hold them, and figures worked out from them one by one, by nothing that the portal works them out with.</summary>
internal sealed record RawMoney(
    IReadOnlyList<BudgetEntryRow> Entries,
    IReadOnlyList<BudgetReservationRow> Reservations,
    IReadOnlyList<TrainingProgressRow> Jobs,
    IReadOnlyList<PodLedgerRow> Pods,
    IReadOnlyList<HostedTrainingRow> Hosted,
    IReadOnlyList<BillingRecordRow> Bills,
    IReadOnlyList<GpuPriceRow> Prices,
    IReadOnlyList<BudgetLimitChangeRow> Changes,
    BudgetLimitRow Set,
    BalanceReadingRow Balance,
    long Now)
{
    private const long Day = 86_400_000;

    public static async Task<RawMoney> ReadAsync(TestDatabase database, DateTimeOffset now)
    {
        await using LoraDb db = database.NewContext();
        return new RawMoney(
            await db.Set<BudgetEntryRow>().AsNoTracking().ToListAsync(),
            await db.Set<BudgetReservationRow>().AsNoTracking().ToListAsync(),
            await db.Set<TrainingProgressRow>().AsNoTracking().ToListAsync(),
            await db.Set<PodLedgerRow>().AsNoTracking().ToListAsync(),
            await db.Set<HostedTrainingRow>().AsNoTracking().ToListAsync(),
            await db.Set<BillingRecordRow>().AsNoTracking().ToListAsync(),
            await db.Set<GpuPriceRow>().AsNoTracking().ToListAsync(),
            await db.Set<BudgetLimitChangeRow>().AsNoTracking().ToListAsync(),
            await db.Set<BudgetLimitRow>().AsNoTracking().SingleAsync(),
            await db.Set<BalanceReadingRow>().AsNoTracking().SingleAsync(),
            now.ToUnixTimeMilliseconds());
    }

    /// <summary>Those that are not settled.</summary>
    public IReadOnlyList<BudgetReservationRow> Open => [.. Reservations.Where(row => row.SettledAt is null)];

    public BudgetEntryRow[] Month => [.. Entries.Where(row => row.Month == "2026-11")];

    public long Spent => Month.Sum(row => row.SpentMicros);

    public long Reserved => Month.Sum(row => row.ReservedMicros);

    public long Limit => Set.LimitMicros ?? RandomLedger.Rules.MonthlyLimit.Micros;

    public long Mark => Set.WarnMicros ?? RandomLedger.Rules.WarnAt.Micros;

    public bool IsHard => Set.Mode is null or BudgetMode.Hard;

    /// <summary>The entries of the thirty days of which averages are taken.</summary>
    public BudgetEntryRow[] Window => [.. Entries.Where(row => row.At >= WindowStart && row.Kind != EntryKind.Opening)];

    /// <summary>The midnight that begins the first of them.</summary>
    public long WindowStart => (Now / Day * Day) - (29 * Day);

    public long Completed => Jobs.LongCount(row => row.State == Domain.Training.TrainingState.Completed && row.CompletedAt >= WindowStart);

    /// <summary>
    /// What runs has cost for this month beyond what is booked of it, and for months that are over; what it costs an hour; and since when the longest of this
    /// month's waits.
    /// </summary>
    /// <param name="worst">What a pod without a known price costs.</param>
    public (long Live, long Before, long PerHour, long? Since) Running(long worst)
    {
        (long live, long before, long perHour) = (0, 0, 0);
        long? since = null;
        void Count(long more, long until, long ofBefore = 0)
        {
            more = Math.Max(0, more);
            before += Math.Min(more, ofBefore);
            more -= Math.Min(more, ofBefore);
            live += more;
            since = more > 0 && !(since < until) ? until : since;
        }

        foreach ((Guid job, int attempt) in Pods.Select(row => (row.JobId, row.Attempt)).Concat(Hosted.Select(row => (row.JobId, row.Attempt))).Distinct())
        {
            PodLedgerRow[] pods = [.. Pods.Where(row => row.JobId == job && row.Attempt == attempt && !IsAnothers(row))];
            PodLedgerRow[] living = [.. pods.Where(row => row.Saw != PodSaw.Gone)];
            HostedTrainingRow[] hosted = [.. Hosted.Where(row => row.JobId == job && row.Attempt == attempt)];
            HostedTrainingRow[] going = [.. hosted.Where(row => row.Saw is HostedSaw.Packing or HostedSaw.Requested or HostedSaw.Starting or HostedSaw.Processing)];
            perHour += living.Where(row => row.PodId is not null).Sum(row => row.HourlyMicros ?? worst) + going.Where(row => row.StartedAt is not null).Sum(row => row.HourlyMicros);
            long clocked = going.Sum(CostOf);
            if (living.Length + going.Length == 0)
            {
                continue;
            }

            if (Reservations.SingleOrDefault(row => row.JobId == job && row.Attempt == attempt) is { } reservation)
            {
                long known = pods.Sum(CostOf) + hosted.Except(going).Sum(CostOf);
                long most = reservation.SettledAt is null ? Math.Max(0, reservation.AmountMicros - known) : long.MaxValue;
                long begin = pods.Where(row => row.PodId is not null).Select(BeginOf).Concat(hosted.Select(row => row.StartedAt ?? Now)).Append(Now).Min();
                Count(
                    known + Math.Min(clocked, most) - reservation.AccruedMicros - reservation.BeyondMicros,
                    new[] { reservation.AccruedAt, reservation.SettledAt }.Max() ?? begin,
                    reservation is { SettledAt: null, Month: not "2026-11" } ? reservation.AmountMicros - reservation.AccruedMicros : 0);
            }
            else
            {
                Array.ForEach(going, one => Count(CostOf(one), one.StartedAt ?? Now));
                Array.ForEach(living, row => Count(CostOf(row) - BookedUnder(row.Name), LastBookedUnder(row.Name) ?? BeginOf(row)));
            }
        }

        return (live, before, perHour, since);
    }

    /// <summary>Each pod of the account as the panel of drift has it: booked and corrected, billed, and in which state.</summary>
    public IReadOnlyList<(string PodId, long Booked, long Corrected, long? Billed, DriftState State)> Drift() =>
    [
        .. from id in Pods.Where(IsListed).Select(one => one.PodId!).Union(Bills.Where(IsBilledWithin).Select(bill => bill.PodId))
           let row = Pods.SingleOrDefault(one => one.PodId == id)
           where row is null || IsListed(row)
           let bills = Bills.Where(bill => bill.PodId == id).ToArray()
           let billed = bills.Length == 0 ? (long?)null : bills.Sum(bill => bill.TotalMicros)
           select row is null || IsAnothers(row)
               ? (id, 0L, 0L, billed, DriftState.NotOurs)
               : (id, BookedOf(row), CorrectedUnder(row.Name), billed, StateOf(row, bills, billed)),
    ];

    /// <summary>What the pod has cost by our clock.</summary>
    public long CostOf(PodLedgerRow pod)
    {
        if (pod.PodId is null)
        {
            return 0;
        }

        long from = pod.BilledUntil ?? pod.CreatedAt ?? pod.RequestedAt;
        return pod.BilledMicros + Cost(pod.HourlyMicros ?? 0, (pod.GoneAt ?? Now) - from);
    }

    private long CostOf(HostedTrainingRow one) =>
        Cost(one.HourlyMicros, one.WorkedFor ?? (one.StartedAt is { } started ? (one.EndedAt ?? Now) - started : 0));

    private static long Cost(long hourly, long milliseconds) =>
        milliseconds <= 0 ? 0 : (long)decimal.Round(hourly * (decimal)milliseconds / 3_600_000m, MidpointRounding.AwayFromZero);

    private static bool IsAnothers(PodLedgerRow row) => row.Saw == PodSaw.Gone && row.WantReason == "not_ours";

    private static long BeginOf(PodLedgerRow pod) => (pod.BilledMicros == 0 ? pod.BilledUntil : null) ?? pod.CreatedAt ?? pod.RequestedAt;

    private long? LastBookedUnder(string pod) => Entries.Where(row => row.Pod == pod && row.Kind != EntryKind.Correction).Max(row => (long?)row.At);

    private long BookedUnder(string pod) => Entries.Where(row => row.Pod == pod && row.Kind != EntryKind.Correction).Sum(row => row.SpentMicros);

    private long CorrectedUnder(string pod) => Entries.Where(row => row.Pod == pod && row.Kind == EntryKind.Correction).Sum(row => row.SpentMicros);

    private bool IsListed(PodLedgerRow row) => row.PodId is not null && (row.Saw != PodSaw.Gone || (row.GoneAt >= WindowStart && row.GoneAt < Now));

    private bool IsBilledWithin(BillingRecordRow bill) => bill.BucketStart >= WindowStart && bill.BucketStart < Now;

    private BudgetReservationRow? ReservationOf(PodLedgerRow row) => Reservations.SingleOrDefault(one => one.JobId == row.JobId && one.Attempt == row.Attempt);

    private long BookedOf(PodLedgerRow row) => ReservationOf(row) is null ? BookedUnder(row.Name) : CostOf(row) - LackingOf(row);

    /// <summary>Of a pod that was there after its attempt was settled: what its attempt lacks in the ledger, at most what the pod cost; negative: has too much.</summary>
    private long LackingOf(PodLedgerRow row)
    {
        if (ReservationOf(row) is not { SettledAt: { } settled } reservation || row.GoneAt <= settled)
        {
            return 0;
        }

        long attempt = Pods.Where(one => one.JobId == row.JobId && one.Attempt == row.Attempt && !IsAnothers(one)).Sum(CostOf)
            + Hosted.Where(one => one.JobId == row.JobId && one.Attempt == row.Attempt).Sum(CostOf);
        return Math.Min(attempt - reservation.AccruedMicros - reservation.BeyondMicros, CostOf(row));
    }

    private DriftState StateOf(PodLedgerRow row, BillingRecordRow[] bills, long? billed)
    {
        if (row.Saw != PodSaw.Gone)
        {
            return DriftState.Alive;
        }

        // The bills of its last day are complete six hours after it.
        if (Now < (row.GoneAt / Day * Day) + Day + (6 * 3_600_000))
        {
            return DriftState.Waiting;
        }

        if (row.BillHold is not null)
        {
            return DriftState.HeldBack;
        }

        // Days that cost a cent by the prices of then, but for minutes about a midnight on whose other side there is a bill.
        bool IsBilled(long day) => bills.Any(bill => bill.BucketStart == day);
        Dictionary<long, long> lacking = [];
        foreach ((long from, long until, long hourly) in PricesOf(row))
        {
            for (long day = from / Day * Day; day < until; day += Day)
            {
                long time = Math.Min(day + Day, until) - Math.Max(day, from);
                bool isEdge = time <= 11 * 60_000 && ((from < day && IsBilled(day - Day)) || (until > day + Day && IsBilled(day + Day)));
                lacking[day] = lacking.GetValueOrDefault(day) + (IsBilled(day) || isEdge ? 0 : Cost(hourly, time));
            }
        }

        if (lacking.Values.Any(cost => cost >= 10_000))
        {
            return DriftState.Incomplete;
        }

        return LackingOf(row) != 0 ? DriftState.Unsettled
            : billed is null || billed == BookedOf(row) + CorrectedUnder(row.Name) ? DriftState.Agrees
            : ReservationOf(row) is { SettledAt: null } ? DriftState.Unsettled
            : DriftState.Differs;
    }

    private static IEnumerable<(long From, long Until, long Hourly)> PricesOf(PodLedgerRow row) => (row.EarlierPrices?.Split(';') ?? [])
        .Select(time => Array.ConvertAll(time.Split(' '), text => long.Parse(text, System.Globalization.CultureInfo.InvariantCulture)))
        .Select(parts => (parts[0], parts[1], parts[2]))
        .Append((row.BilledUntil ?? BeginOf(row), row.GoneAt!.Value, row.HourlyMicros ?? 0));
}
