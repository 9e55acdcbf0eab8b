using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Storage;

internal sealed class SpoolStore(LoraDb db) : ISpoolStore
{
    private const string Beat = "UPDATE spool_instances SET host = $3, last_seen_at = $4 WHERE instance = $1 AND spool_id = $2";

    private static readonly CompiledQuery<Func<LoraDb, Guid, IAsyncEnumerable<SpoolFileRow>>> OfJob = new(
        static () => EF.CompileAsyncQuery<LoraDb, Guid, SpoolFileRow>(
            (db, job) => db.Set<SpoolFileRow>().AsNoTracking()
                .Where(row => row.JobId == job && row.DiscardedAt == null)
                .OrderByDescending(row => row.Attempt).ThenByDescending(row => row.VerifiedAt).ThenBy(row => row.SpoolId)));

    private static readonly CompiledQuery<Func<LoraDb, string, IAsyncEnumerable<SpoolFileRow>>> OfSpool = new(
        static () => EF.CompileAsyncQuery<LoraDb, string, SpoolFileRow>(
            (db, spool) => db.Set<SpoolFileRow>().AsNoTracking()
                .Where(row => row.SpoolId == spool)
                .OrderBy(row => row.VerifiedAt).ThenBy(row => row.Name)));

    private static readonly CompiledQuery<Func<LoraDb, int, IAsyncEnumerable<SpoolFileRow>>> OfAll = new(
        static () => EF.CompileAsyncQuery<LoraDb, int, SpoolFileRow>(
            (db, max) => db.Set<SpoolFileRow>().AsNoTracking()
                .OrderBy(row => row.VerifiedAt).ThenBy(row => row.Name)
                .Take(max)));

    private static readonly CompiledQuery<Func<LoraDb, IAsyncEnumerable<SpoolInstanceRow>>> EveryInstance = new(
        static () => EF.CompileAsyncQuery<LoraDb, SpoolInstanceRow>(
            db => db.Set<SpoolInstanceRow>().AsNoTracking().OrderBy(row => row.Instance).ThenBy(row => row.SpoolId)));

    private DbSet<SpoolFileRow> Files => db.Set<SpoolFileRow>();

    private DbSet<SpoolInstanceRow> Instances => db.Set<SpoolInstanceRow>();

    public async Task SaveAsync(SpoolEntry entry, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(entry);
        await DeleteAsync(entry.Spool, entry.Name, cancellationToken);
        db.AddNew(SpoolFileRow.From(entry));
    }

    public async Task<SpoolEntry?> FindAsync(string spool, string name, CancellationToken cancellationToken) =>
        (await Files.AsNoTracking().SingleOrDefaultAsync(row => row.SpoolId == spool && row.Name == name, cancellationToken))?.ToEntry();

    public Task<IReadOnlyList<SpoolEntry>> ListForJobAsync(JobId job, CancellationToken cancellationToken) =>
        OfJob.For(db)(db, job.Value).ListAsync(static row => row.ToEntry(), cancellationToken);

    public async Task<IReadOnlyList<SpoolEntry>> ListNamedAsync(string name, CancellationToken cancellationToken)
    {
        List<SpoolFileRow> rows = await Files.AsNoTracking()
            .Where(row => row.Name == name && row.DiscardedAt == null)
            .OrderByDescending(row => row.VerifiedAt).ThenBy(row => row.SpoolId)
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(row => row.ToEntry());
    }

    public Task<IReadOnlyList<SpoolEntry>> ListAsync(string spool, CancellationToken cancellationToken) =>
        OfSpool.For(db)(db, spool).ListAsync(static row => row.ToEntry(), cancellationToken);

    public Task<IReadOnlyList<SpoolEntry>> ListAllAsync(int max, CancellationToken cancellationToken) =>
        OfAll.For(db)(db, max).ListAsync(static row => row.ToEntry(), cancellationToken);

    public Task DeleteAsync(string spool, string name, CancellationToken cancellationToken) =>
        Files.Where(row => row.SpoolId == spool && row.Name == name).ExecuteDeleteAsync(cancellationToken);

    public Task NoteErrorAsync(string spool, string name, string error, CancellationToken cancellationToken) =>
        Files.Where(row => row.SpoolId == spool && row.Name == name).ExecuteUpdateAsync(set => set.SetProperty(row => row.LastError, error), cancellationToken);

    public async Task BeatAsync(SpoolInstance instance, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(instance);
        long at = instance.LastSeenAt.ToMillis();
        Statement beat = new(Beat, [instance.Instance, instance.Spool, instance.Host, at]);
        if ((await db.RunAsync([beat], cancellationToken))[0].Written == 0)
        {
            db.AddNew(new SpoolInstanceRow
            {
                Instance = instance.Instance,
                SpoolId = instance.Spool,
                Host = instance.Host,
                LastSeenAt = at,
                IsSilenceTold = instance.IsSilenceTold,
                IsAwayTold = instance.IsAwayTold,
            });
        }
    }

    public Task<IReadOnlyList<SpoolInstance>> ListInstancesAsync(CancellationToken cancellationToken) => EveryInstance.For(db)(db).ListAsync(
        static row => new SpoolInstance(row.Instance, row.SpoolId, row.Host, Instants.FromMillis(row.LastSeenAt))
        {
            IsSilenceTold = row.IsSilenceTold,
            IsAwayTold = row.IsAwayTold,
        },
        cancellationToken);

    public Task SetSilenceToldAsync(string spool, bool told, CancellationToken cancellationToken) =>
        Instances.Where(row => row.SpoolId == spool).ExecuteUpdateAsync(set => set.SetProperty(row => row.IsSilenceTold, told), cancellationToken);

    public Task SetAwayToldAsync(string instance, string spool, bool told, CancellationToken cancellationToken) =>
        Instances.Where(row => row.Instance == instance && row.SpoolId == spool)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.IsAwayTold, told), cancellationToken);

    public async Task ForgetInstancesAsync(string spool, DateTimeOffset seenBefore, CancellationToken cancellationToken)
    {
        long before = seenBefore.ToMillis();
        await Instances.Where(row => row.SpoolId == spool && row.LastSeenAt < before).ExecuteDeleteAsync(cancellationToken);
    }
}
