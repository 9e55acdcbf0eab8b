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

    private static readonly CompiledQuery<Func<LoraDb, IAsyncEnumerable<PodLedgerRow>>> Alive = new(
        static () => EF.CompileAsyncQuery<LoraDb, PodLedgerRow>(
            db => db.Set<PodLedgerRow>().AsNoTracking()
                .Where(row => row.Saw != PodSaw.Gone)
                .OrderBy(row => row.RequestedAt).ThenBy(row => row.Name)));

    private static readonly CompiledQuery<Func<LoraDb, long, IAsyncEnumerable<long?>>> PricesOfTheSweep = new(
        static () => EF.CompileAsyncQuery<LoraDb, long, long?>(
            (db, from) => db.Set<PodLedgerRow>()
                .Where(row => row.WantSince >= from && row.Want == PodWant.Released && PodReasons.OfTheSweep.Contains(row.WantReason))
                .Select(row => row.HourlyMicros)));

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
        int written = await Pods
            .Where(row => row.Name == next.Name && row.Version == next.Version)
            .ExecuteUpdateAsync(
                set => set
                    .SetProperty(row => row.Want, next.Want)
                    .SetProperty(row => row.WantReason, next.WantReason)
                    .SetProperty(row => row.WantSince, next.WantSince)
                    .SetProperty(row => row.Proof, next.Proof)
                    .SetProperty(row => row.ProofAt, next.ProofAt)
                    .SetProperty(row => row.Saw, next.Saw)
                    .SetProperty(row => row.PodId, next.PodId)
                    .SetProperty(row => row.GpuType, next.GpuType)
                    .SetProperty(row => row.HourlyMicros, next.HourlyMicros)
                    .SetProperty(row => row.RequestedAt, next.RequestedAt)
                    .SetProperty(row => row.CreatedAt, next.CreatedAt)
                    .SetProperty(row => row.LastSeenAt, next.LastSeenAt)
                    .SetProperty(row => row.AbsentSince, next.AbsentSince)
                    .SetProperty(row => row.MissingReads, next.MissingReads)
                    .SetProperty(row => row.LiveUntil, next.LiveUntil)
                    .SetProperty(row => row.GoneAt, next.GoneAt)
                    .SetProperty(row => row.TerminateAttempts, next.TerminateAttempts)
                    .SetProperty(row => row.NextActionAt, next.NextActionAt)
                    .SetProperty(row => row.LastError, next.LastError)
                    .SetProperty(row => row.Permit, next.Permit)
                    .SetProperty(row => row.BilledMicros, next.BilledMicros)
                    .SetProperty(row => row.BilledUntil, next.BilledUntil)
                    .SetProperty(row => row.FetchUntil, next.FetchUntil)
                    .SetProperty(row => row.NextFetchAt, next.NextFetchAt)
                    .SetProperty(row => row.StopAttempts, next.StopAttempts)
                    .SetProperty(row => row.ToldAt, next.ToldAt)
                    .SetProperty(row => row.Version, next.Version + 1),
                cancellationToken);
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

    public Task<IReadOnlyList<LedgerPod>> ListAliveAsync(CancellationToken cancellationToken) =>
        Alive.For(db)(db).ListAsync(static row => row.ToPod(), cancellationToken);

    public Task<int> CountPlacesAsync(CancellationToken cancellationToken) =>
        Pods.Where(row => row.Want == PodWant.Needed && row.Saw != PodSaw.Gone).Select(row => row.JobId).Distinct().CountAsync(cancellationToken);

    public async Task<SweepTally> TallySweepAsync(DateTimeOffset since, CancellationToken cancellationToken)
    {
        long from = since.ToMillis();
        IReadOnlyList<long?> prices = await PricesOfTheSweep.For(db)(db, from).ListAsync(static price => price, cancellationToken);
        return new SweepTally(prices.Count, new Usd(prices.Sum() ?? 0));
    }
}
