using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Pods;

internal sealed class PodLedger(LoraDb db) : IPodLedger
{
    private const int NamesAtOnce = 2_000;

    private static readonly CompiledQuery<Func<LoraDb, Guid, int, IAsyncEnumerable<PodLedgerRow>>> OfAttempt = new(
        static () => EF.CompileAsyncQuery<LoraDb, Guid, int, PodLedgerRow>(
            (db, job, attempt) => db.Set<PodLedgerRow>().AsNoTracking()
                .Where(row => row.JobId == job && row.Attempt == attempt)
                .OrderBy(row => row.Try)));

    private static readonly CompiledQuery<Func<LoraDb, Guid, int, IAsyncEnumerable<PodLedgerRow>>> GoneOfAttempt = new(
        static () => EF.CompileAsyncQuery<LoraDb, Guid, int, PodLedgerRow>(
            (db, job, attempt) => db.Set<PodLedgerRow>().AsNoTracking()
                .Where(row => row.JobId == job && row.Attempt == attempt && row.Saw == PodSaw.Gone)
                .OrderBy(row => row.Try)));

    private static readonly CompiledQuery<Func<LoraDb, IAsyncEnumerable<string>>> AlivePodIds = new(
        static () => EF.CompileAsyncQuery<LoraDb, string>(
            db => db.Set<PodLedgerRow>().Where(row => row.Saw != PodSaw.Gone && row.PodId != null).Select(row => row.PodId!)));

    private static readonly CompiledQuery<Func<LoraDb, IAsyncEnumerable<PodLedgerRow>>> Alive = new(
        static () => EF.CompileAsyncQuery<LoraDb, PodLedgerRow>(
            db => db.Set<PodLedgerRow>().AsNoTracking()
                .Where(row => row.Saw != PodSaw.Gone)
                .OrderBy(row => row.RequestedAt).ThenBy(row => row.Name)));

    private static readonly CompiledQuery<Func<LoraDb, IAsyncEnumerable<PodLedgerRow>>> Held = new(
        static () => EF.CompileAsyncQuery<LoraDb, PodLedgerRow>(
            db => db.Set<PodLedgerRow>().AsNoTracking()
                .Where(row => row.Saw != PodSaw.Gone && row.Want == PodWant.Held && row.PodId != null)
                .OrderBy(row => row.RequestedAt).ThenBy(row => row.Name)));

    // An id that is compared with null would have SQLite go through all that never had one, most of them long gone.
    private static readonly CompiledQuery<Func<LoraDb, IAsyncEnumerable<PodLedgerRow>>> InDoubt = new(
        static () => EF.CompileAsyncQuery<LoraDb, PodLedgerRow>(
            db => db.Set<PodLedgerRow>().AsNoTracking()
                .Where(row => row.Saw != PodSaw.Gone && row.Want == PodWant.Released && (row.PodId ?? "") == ""
                    && !db.Set<PodLedgerRow>().Any(
                        other => other.JobId == row.JobId && other.Attempt == row.Attempt && other.Saw != PodSaw.Gone && (other.Want != PodWant.Released || other.PodId != null)))
                .OrderBy(row => row.RequestedAt).ThenBy(row => row.Name)));

    private static readonly CompiledQuery<Func<LoraDb, long, IAsyncEnumerable<PodLedgerRow>>> Apart = new(
        static () => EF.CompileAsyncQuery<LoraDb, long, PodLedgerRow>(
            (db, since) => db.Set<PodLedgerRow>().AsNoTracking()
                .Where(row => (row.GpuType == "" || row.Attempt == 0) && (row.GoneAt == null || row.GoneAt >= since))
                .OrderBy(row => row.RequestedAt).ThenBy(row => row.Name)));

    private static readonly CompiledQuery<Func<LoraDb, long, CancellationToken, Task<bool>>> AnyToEnd = new(
        static () => EF.CompileAsyncQuery(
            (LoraDb db, long now, CancellationToken cancellationToken) => db.Set<PodLedgerRow>().Any(
                row => row.Saw != PodSaw.Gone && row.PodId != null && (row.NextActionAt == null || row.NextActionAt <= now)
                    && ((row.Want == PodWant.Released && row.TerminateAttempts == 0)
                        || (row.Want == PodWant.Held && row.Saw == PodSaw.Running && (row.FetchUntil == null || row.FetchUntil <= now))))));

    private static readonly CompiledQuery<Func<LoraDb, long, IAsyncEnumerable<long?>>> PricesOfTheSweep = new(
        static () => EF.CompileAsyncQuery<LoraDb, long, long?>(
            (db, from) => db.Set<PodLedgerRow>()
                .Where(row => row.WantSince >= from && row.Want == PodWant.Released && PodReasons.OfTheSweep.Contains(row.WantReason))
                .Select(row => row.HourlyMicros)));

    // HeardAt and BillHold have statements of their own, which go past the version.
    private static readonly RowUpdates<PodLedgerRow> Saved = new(
    [
        nameof(PodLedgerRow.Want), nameof(PodLedgerRow.WantReason), nameof(PodLedgerRow.WantSince), nameof(PodLedgerRow.Proof),
        nameof(PodLedgerRow.ProofAt), nameof(PodLedgerRow.Saw), nameof(PodLedgerRow.PodId), nameof(PodLedgerRow.GpuType),
        nameof(PodLedgerRow.HourlyMicros), nameof(PodLedgerRow.RequestedAt), nameof(PodLedgerRow.CreatedAt), nameof(PodLedgerRow.LastSeenAt),
        nameof(PodLedgerRow.AbsentSince), nameof(PodLedgerRow.MissingReads), nameof(PodLedgerRow.LiveUntil), nameof(PodLedgerRow.GoneAt),
        nameof(PodLedgerRow.TerminateAttempts), nameof(PodLedgerRow.NextActionAt), nameof(PodLedgerRow.LastError), nameof(PodLedgerRow.Permit),
        nameof(PodLedgerRow.BilledMicros), nameof(PodLedgerRow.BilledUntil), nameof(PodLedgerRow.FetchUntil), nameof(PodLedgerRow.NextFetchAt),
        nameof(PodLedgerRow.StopAttempts), nameof(PodLedgerRow.ToldAt), nameof(PodLedgerRow.EarlierPrices),
    ]);

    private DbSet<PodLedgerRow> Pods => db.Set<PodLedgerRow>();

    public Task AddAsync(LedgerPod pod, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(pod);
        return db.SendNewAsync(PodLedgerRow.From(pod), $"The pod ledger has the name {pod.Name} already.", cancellationToken);
    }

    public async Task<bool> SaveAsync(LedgerPod pod, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(pod);
        PodLedgerRow next = PodLedgerRow.From(pod);
        Statement save = Saved.Of(db, next, ", version = version + 1 WHERE name = $1 AND version = $2", next.Name, next.Version);
        int written = (await db.RunAsync([save], cancellationToken))[0].Written;
        return written == 1;
    }

    public async Task NoteSeenAsync(IReadOnlyList<string> names, DateTimeOffset at, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(names);
        long? seen = at.ToMillis();
        foreach (string[] some in names.Chunk(NamesAtOnce))
        {
            await Pods.Where(row => some.Contains(row.Name)).ExecuteUpdateAsync(set => set.SetProperty(row => row.LastSeenAt, seen), cancellationToken);
        }
    }

    public Task NoteHeardAsync(string podId, DateTimeOffset at, CancellationToken cancellationToken)
    {
        long? heard = at.ToMillis();
        return Pods.Where(row => row.PodId == podId && row.Saw != PodSaw.Gone)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.HeardAt, heard), cancellationToken);
    }

    public Task NoteBillHoldAsync(string podId, string? why, DateTimeOffset readAt, CancellationToken cancellationToken)
    {
        long read = readAt.ToMillis();
        return Pods.Where(row => row.PodId == podId && row.BillHold != why && (row.BillHoldAt == null || row.BillHoldAt <= read))
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.BillHold, why).SetProperty(row => row.BillHoldAt, read), cancellationToken);
    }

    public async Task<LedgerPod?> FindAsync(string name, CancellationToken cancellationToken)
    {
        PodLedgerRow? row = await Pods.AsNoTracking().SingleOrDefaultAsync(pod => pod.Name == name, cancellationToken);
        return row?.ToPod();
    }

    public async Task<LedgerPod?> FindByPodIdAsync(string podId, CancellationToken cancellationToken)
    {
        PodLedgerRow? row = await Pods.AsNoTracking()
            .Where(pod => pod.PodId == podId)
            .OrderByDescending(pod => pod.RequestedAt).ThenByDescending(pod => pod.Name)
            .FirstOrDefaultAsync(cancellationToken);
        return row?.ToPod();
    }

    public Task<IReadOnlyList<LedgerPod>> ListForAttemptAsync(JobId job, int attempt, CancellationToken cancellationToken) =>
        OfAttempt.For(db)(db, job.Value, attempt).ListAsync(static row => row.ToPod(), cancellationToken);

    public Task<IReadOnlyList<LedgerPod>> ListGoneOfAttemptAsync(JobId job, int attempt, CancellationToken cancellationToken) =>
        GoneOfAttempt.For(db)(db, job.Value, attempt).ListAsync(static row => row.ToPod(), cancellationToken);

    public async Task<IReadOnlyList<LedgerPod>> ListByPodIdsAsync(IReadOnlyCollection<string> podIds, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(podIds);
        List<LedgerPod> found = [];
        foreach (string[] some in podIds.Chunk(NamesAtOnce))
        {
            List<PodLedgerRow> rows = await Pods.AsNoTracking()
                .Where(row => row.PodId != null && some.Contains(row.PodId))
                .OrderBy(row => row.RequestedAt).ThenBy(row => row.Name)
                .ToListAsync(cancellationToken);
            found.AddRange(rows.Select(row => row.ToPod()));
        }

        return found;
    }

    public async Task<IReadOnlyList<LedgerPod>> ListGoneAsync(DateTimeOffset from, DateTimeOffset until, int max, CancellationToken cancellationToken)
    {
        (long first, long end) = (from.ToMillis(), until.ToMillis());
        List<PodLedgerRow> rows = await Pods.AsNoTracking()
            .Where(row => row.GoneAt >= first && row.GoneAt < end && row.PodId != null)
            .OrderByDescending(row => row.GoneAt).ThenByDescending(row => row.Name)
            .Take(max)
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(row => row.ToPod());
    }

    public Task<IReadOnlyList<LedgerPod>> ListAliveAsync(CancellationToken cancellationToken) =>
        Alive.For(db)(db).ListAsync(static row => row.ToPod(), cancellationToken);

    public Task<IReadOnlyList<LedgerPod>> ListHeldAsync(CancellationToken cancellationToken) =>
        Held.For(db)(db).ListAsync(static row => row.ToPod(), cancellationToken);

    public Task<IReadOnlyList<LedgerPod>> ListInDoubtAsync(CancellationToken cancellationToken) =>
        InDoubt.For(db)(db).ListAsync(static row => row.ToPod(), cancellationToken);

    public async Task<IReadOnlySet<string>> ListAlivePodIdsAsync(CancellationToken cancellationToken)
    {
        HashSet<string> ids = new(StringComparer.Ordinal);
        await foreach (string id in AlivePodIds.For(db)(db).WithCancellation(cancellationToken))
        {
            ids.Add(id);
        }

        return ids;
    }

    public Task<IReadOnlyList<LedgerPod>> ListApartAsync(DateTimeOffset goneSince, CancellationToken cancellationToken) =>
        Apart.For(db)(db, goneSince.ToMillis()).ListAsync(static row => row.ToPod(), cancellationToken);

    public Task<bool> AnyToEndAsync(DateTimeOffset now, CancellationToken cancellationToken) => AnyToEnd.For(db)(db, now.ToMillis(), cancellationToken);

    public Task<int> CountPlacesAsync(CancellationToken cancellationToken) =>
        Pods.Where(row => row.Want == PodWant.Needed && row.Saw != PodSaw.Gone).Select(row => row.JobId).Distinct().CountAsync(cancellationToken);

    public async Task<SweepTally> TallySweepAsync(DateTimeOffset since, CancellationToken cancellationToken)
    {
        long from = since.ToMillis();
        IReadOnlyList<long?> prices = await PricesOfTheSweep.For(db)(db, from).ListAsync(static price => price, cancellationToken);
        return new SweepTally(prices.Count, new Usd(prices.Sum() ?? 0));
    }
}
