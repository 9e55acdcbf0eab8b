using System.Globalization;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Storage;

/// <summary>Kinds of facts about spools.</summary>
public static class SpoolEvents
{
    public const string Silent = "storage.spool_silent";
    public const string Heard = "storage.spool_heard";

    /// <summary>An instance can't read its own disk.</summary>
    public const string Away = "storage.spool_away";
    public const string Back = "storage.spool_back";
}

/// <summary>Rules of incidents about spools; the subject begins with the disk's id.</summary>
public static class SpoolIncidents
{
    /// <summary>Trained files lie on a disk whose instance is silent.</summary>
    public const string Silent = "storage.spool_silent";

    /// <summary>An instance can't read its own disk; the subject is the disk's id and the machine.</summary>
    public const string Away = "storage.spool_away";
}

/// <summary>
/// Says each minute that this instance and its disk are alive, and tells people of files on disks that nobody alive can read, and of its own disk when
/// it can't be read. Every instance runs it; twice at once does no harm.
/// </summary>
public sealed class SpoolHeartbeat(IUnitOfWork work, ISpool spool, TimeProvider clock, string instance, string host)
{
    public const string Name = "storage.heartbeat";

    private const int MostFiles = 10_000;

    /// <summary>No file is ever called so: whether it can be looked for tells whether the spool can be read.</summary>
    private const string Probe = "heartbeat";

    private const string UnknownInstance = "unknown";

    /// <summary>Whoever had a disk without files and was not heard of for this long is not shown any more.</summary>
    private static readonly TimeSpan ForgottenAfter = TimeSpan.FromDays(7);

    private static readonly Actor Self = Actor.Portal(Name);

    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        string? away = await spool.FindAsync(Probe, cancellationToken) is SpoolReading<SpoolFile>.Unreadable unreadable ? unreadable.Reason : null;
        await work.RunAsync((unit, token) => BeatAsync(unit, away, token), cancellationToken);
    }

    private async Task BeatAsync(IUnit unit, string? away, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        ISpoolStore store = unit.Store<ISpoolStore>();
        await store.BeatAsync(new SpoolInstance(instance, spool.Id, host, now), cancellationToken);
        IReadOnlyList<SpoolInstance> known = await store.ListInstancesAsync(cancellationToken);
        if ((away is not null) != known.Any(one => one.Instance == instance && one.Spool == spool.Id && one.IsAwayTold))
        {
            await store.SetAwayToldAsync(instance, spool.Id, away is not null, cancellationToken);
            await TellAwayAsync(unit, away, cancellationToken);
        }

        ILookup<string, SpoolEntry> files = (await store.ListAllAsync(MostFiles, cancellationToken)).ToLookup(entry => entry.Spool, StringComparer.Ordinal);
        foreach (string disk in known.Select(one => one.Spool).Union(files.Select(group => group.Key), StringComparer.Ordinal))
        {
            await JudgeAsync(unit, disk, [.. known.Where(one => one.Spool == disk)], files[disk], known, cancellationToken);
        }
    }

    private async Task JudgeAsync(
        IUnit unit, string disk, IReadOnlyList<SpoolInstance> owners, IEnumerable<SpoolEntry> files, IReadOnlyList<SpoolInstance> known, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        ISpoolStore store = unit.Store<ISpoolStore>();
        List<SpoolEntry> waiting = [.. files];
        bool waits = waiting.Count > 0 && !SpoolStanding.IsReachable(disk, known, spool.Id, now);
        if (waits && owners.Count == 0)
        {
            // Nobody was ever noted with the disk: what people were told about it is kept under a name of its own.
            DateTimeOffset last = waiting.Max(entry => entry.VerifiedAt);
            SpoolInstance unknown = new(UnknownInstance, disk, "an unknown machine", last < now - SpoolStanding.SilentAfter ? last : now - SpoolStanding.SilentAfter);
            await store.BeatAsync(unknown, cancellationToken);
            owners = [unknown];
        }

        if (waits != owners.Any(one => one.IsSilenceTold))
        {
            await TellSilentAsync(unit, owners.MaxBy(one => one.LastSeenAt)!, waiting.Count, waits, cancellationToken);
            await store.SetSilenceToldAsync(disk, waits, cancellationToken);
        }

        if (waiting.Count == 0)
        {
            await store.ForgetInstancesAsync(disk, now - ForgottenAfter, cancellationToken);
        }
    }

    private Task TellAwayAsync(IUnit unit, string? away, CancellationToken cancellationToken)
    {
        string text = away is null ? $"The spool of {host} can be read again" : $"The spool of {host} can't be read: {away}";
        return unit.Events.AppendAsync(
            new OperationalEvent
            {
                Kind = away is null ? SpoolEvents.Back : SpoolEvents.Away,
                Message = text,
                Severity = away is null ? EventSeverity.Info : EventSeverity.Error,
                Actor = Self,
                Reason = away is null ? null : "away",
                Signals = [new IncidentSignal(SpoolIncidents.Away, $"{spool.Id}/{host}", text, Over: away is null)],
            },
            cancellationToken);
    }

    private static Task TellSilentAsync(IUnit unit, SpoolInstance disk, int files, bool silent, CancellationToken cancellationToken)
    {
        string text = silent
            ? $"{files} trained {(files == 1 ? "file lies" : "files lie")} on disk {disk.Spool} of {disk.Host}, which no portal has had since {disk.LastSeenAt.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)} UTC. Start its portal again, or bring its disk to another one"
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
