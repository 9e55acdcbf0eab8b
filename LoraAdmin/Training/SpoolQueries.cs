using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Training;

/// <summary>One file on some instance's disk, with whose it is.</summary>
/// <param name="Job">Null: no job of this database knows the file.</param>
/// <param name="Host">The machine that was last seen with the disk; null: none was ever noted.</param>
/// <param name="LastSeenAt">When a portal with this disk was last heard of.</param>
public sealed record SpoolLine(SpoolEntry Entry, TrainingJob? Job, string? Host, DateTimeOffset? LastSeenAt, bool IsSilent)
{
    /// <summary>J2 brings it to storage by itself, and a person can have it done at once.</summary>
    public bool WaitsForUpload => Job is { State: TrainingState.Failed, Failure.Code: FailureCode.UploadFailed } && Entry.Discard is null && !HasNewer;

    /// <summary>A newer file of the same job lies in reach: that one goes to storage.</summary>
    public bool HasNewer { get; init; }

    /// <summary>A person may let it go: its job has ended without a file in storage, or there is none.</summary>
    public bool MayGo => Entry.Discard is null && Job is null or { State: TrainingState.Failed or TrainingState.Cancelled };

    /// <summary>A person must say what becomes of it.</summary>
    public bool IsUnclaimed => Job is null && Entry.Discard is null;
}

/// <param name="Files">Oldest first, unclaimed ones before all others.</param>
/// <param name="Silent">Disks that no portal has answered for within an hour, with or without files.</param>
public sealed record SpoolBoard(IReadOnlyList<SpoolLine> Files, IReadOnlyList<SpoolInstance> Silent);

public interface ISpoolQueries
{
    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    Task<SpoolBoard> ReadAsync(CancellationToken cancellationToken);
}

internal sealed class SpoolQueryStore(IUnitOfWork work, ISpool spool, TimeProvider clock) : ISpoolQueries
{
    /// <summary>More files than this wait only after days of trouble; the first of them show it.</summary>
    public const int MostFiles = 500;

    public Task<SpoolBoard> ReadAsync(CancellationToken cancellationToken) => work.ReadAsync(
        async (unit, token) =>
        {
            DateTimeOffset now = clock.GetUtcNow();
            ISpoolStore store = unit.Store<ISpoolStore>();
            IReadOnlyList<SpoolInstance> instances = await store.ListInstancesAsync(token);
            List<SpoolLine> lines = [];
            foreach (SpoolEntry entry in await store.ListAllAsync(MostFiles, token))
            {
                TrainingJob? job = entry.Job is { } id ? await unit.Store<ITrainingStore>().FindAsync(id, token) : null;
                SpoolInstance? disk = instances.Where(one => one.Spool == entry.Spool).MaxBy(one => one.LastSeenAt);
                bool hasNewer = job is not null && await store.FindNewestInReachAsync(job.Id, spool.Id, now, token) is { } newest
                    && (newest.Spool, newest.Name) != (entry.Spool, entry.Name);
                lines.Add(new SpoolLine(entry, job, disk?.Host, disk?.LastSeenAt, !SpoolStanding.IsReachable(entry.Spool, instances, spool.Id, now)) { HasNewer = hasNewer });
            }

            List<SpoolInstance> silent =
            [
                .. instances.Where(one => !SpoolStanding.IsReachable(one.Spool, instances, spool.Id, now)
                    && (lines.Any(line => line.Entry.Spool == one.Spool) || !HasMoved(one, instances))),
            ];
            return new SpoolBoard([.. lines.OrderByDescending(line => line.IsUnclaimed)], silent);
        },
        cancellationToken);

    /// <summary>An earlier disk of an instance that has another one now.</summary>
    private static bool HasMoved(SpoolInstance old, IReadOnlyList<SpoolInstance> instances) =>
        instances.Any(one => one.Instance == old.Instance && one.LastSeenAt > old.LastSeenAt);
}
