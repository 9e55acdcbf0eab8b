using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Storage;

/// <summary>Kinds of facts about spools.</summary>
public static class SpoolEvents
{
    public const string Silent = "storage.spool_silent";
    public const string Heard = "storage.spool_heard";
}

/// <summary>Rules of incidents about spools; the subject is the disk's id.</summary>
public static class SpoolIncidents
{
    /// <summary>Trained files lie on a disk whose instance is silent.</summary>
    public const string Silent = "storage.spool_silent";
}

/// <summary>
/// Says each minute that this instance and its disk are alive, and tells people of files on disks that nobody alive can read. Every instance runs it;
/// twice at once does no harm.
/// </summary>
public sealed class SpoolHeartbeat(IUnitOfWork work, ISpool spool, TimeProvider clock, string instance, string host)
{
    public const string Name = "storage.heartbeat";

    private const int MostFiles = 10_000;

    private static readonly Actor Self = Actor.Portal(Name);

    public Task RunAsync(CancellationToken cancellationToken) => work.RunAsync(BeatAsync, cancellationToken);

    private async Task BeatAsync(IUnit unit, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        ISpoolStore store = unit.Store<ISpoolStore>();
        await store.BeatAsync(new SpoolInstance(instance, spool.Id, host, now), cancellationToken);
        IReadOnlyList<SpoolInstance> known = await store.ListInstancesAsync(cancellationToken);
        if (!known.Any(one => one.IsSilenceTold || now - one.LastSeenAt >= SpoolStanding.SilentAfter))
        {
            return;
        }

        ILookup<string, SpoolEntry> files = (await store.ListAllAsync(MostFiles, cancellationToken)).ToLookup(entry => entry.Spool, StringComparer.Ordinal);
        foreach (IGrouping<string, SpoolInstance> disk in known.GroupBy(one => one.Spool, StringComparer.Ordinal))
        {
            bool waits = files[disk.Key].Any() && !SpoolStanding.IsReachable(disk.Key, known, spool.Id, now);
            bool told = disk.Any(one => one.IsSilenceTold);
            if (waits != told)
            {
                await TellAsync(unit, disk.OrderByDescending(one => one.LastSeenAt).First(), files[disk.Key].Count(), waits, cancellationToken);
                foreach (SpoolInstance one in disk)
                {
                    await store.SetSilenceToldAsync(one.Instance, waits, cancellationToken);
                }
            }
        }
    }

    private static Task TellAsync(IUnit unit, SpoolInstance disk, int files, bool silent, CancellationToken cancellationToken)
    {
        string text = silent
            ? $"{files} trained {(files == 1 ? "file lies" : "files lie")} on the disk of {disk.Host}, which has been silent since {disk.LastSeenAt:yyyy-MM-dd HH:mm} UTC. Start its portal again, or bring its disk to another one"
            : $"No trained file waits on a silent disk of {disk.Host} any more";
        return unit.Events.AppendAsync(
            new OperationalEvent
            {
                Kind = silent ? SpoolEvents.Silent : SpoolEvents.Heard,
                Message = text,
                Severity = silent ? EventSeverity.Error : EventSeverity.Info,
                Actor = Self,
                Reason = silent ? "silent" : null,
                Signals = [new IncidentSignal(SpoolIncidents.Silent, disk.Spool, text, Over: !silent)],
            },
            cancellationToken);
    }
}
