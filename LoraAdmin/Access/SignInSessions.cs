using System.Collections.Concurrent;
using System.Security.Claims;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Shell;

namespace LoraAdmin.Access;

/// <summary>
/// Who is still signed in. Sessions are remembered for a few seconds, so that a page costs no database read per request; one that ended here is ended
/// at once, one that ended on another instance within these seconds. A session that has ended never opens again.
/// </summary>
internal sealed class SignInSessions(IUnitOfWork unitOfWork, TimeProvider clock) : ISessionStanding
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);
    public static readonly TimeSpan RememberedFor = TimeSpan.FromSeconds(10);

    /// <summary>Longer than any read takes: one that began before the end must not bring the session back.</summary>
    private static readonly TimeSpan KeptFor = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<Guid, Entry> entries = new();
    private readonly ConcurrentDictionary<Watch, bool> watches = new();

    /// <summary>How many sessions are remembered.</summary>
    public int Count => entries.Count;

    public async ValueTask<SessionStanding> OfAsync(ClaimsPrincipal person, CancellationToken cancellationToken)
    {
        if (person.SessionId() is not { } id)
        {
            return SessionStanding.Ended;
        }

        try
        {
            if (!entries.TryGetValue(id, out Entry? entry) || (!entry.IsOver && clock.GetUtcNow() >= entry.ReadAt + RememberedFor))
            {
                await ReadAsync([id], cancellationToken);
            }
        }
        catch (StoreUnavailableException)
        {
            return SessionStanding.Unknown;
        }

        return IsOpen(id) ? SessionStanding.Open : SessionStanding.Ended;
    }

    /// <summary>Ends the session and tells every page that is open in it here.</summary>
    /// <exception cref="StoreUnavailableException">The database is away; the session goes on.</exception>
    public async Task EndAsync(Guid id, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        await unitOfWork.RunAsync((unit, stop) => unit.Store<IAccessStore>().EndSessionAsync(id, now, stop), cancellationToken);
        entries[id] = new Entry(EndsAt: null, now);
        TellEnded();
    }

    /// <summary>Calls back, on any thread, when the session has ended, until it is disposed.</summary>
    public IDisposable WatchFor(Guid id, Action ended)
    {
        Watch watch = new(this, id, ended);
        watches[watch] = true;
        return watch;
    }

    /// <summary>Reads all watched sessions in one statement, however many pages are open, and tells those that have ended.</summary>
    /// <exception cref="StoreUnavailableException">The database is away; nobody is told.</exception>
    public async Task ReviewAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset old = clock.GetUtcNow() - KeptFor;
        foreach ((Guid id, Entry entry) in entries)
        {
            if (entry.ReadAt < old)
            {
                entries.TryRemove(id, out _);
            }
        }

        Guid[] watched = [.. watches.Keys.Select(static watch => watch.Session).Distinct()];
        if (watched.Length > 0)
        {
            await ReadAsync(watched, cancellationToken);
            TellEnded();
        }
    }

    private async Task ReadAsync(Guid[] ids, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        IReadOnlyList<SignInSession> found = await unitOfWork.ReadAsync((unit, stop) => unit.Store<IAccessStore>().ListSessionsAsync(ids, stop), cancellationToken);
        Dictionary<Guid, DateTimeOffset> open = found
            .Where(static session => session.EndedAt is null)
            .ToDictionary(static session => session.Id, static session => session.EndsAt);
        foreach (Guid id in ids)
        {
            Entry read = new(open.TryGetValue(id, out DateTimeOffset end) ? end : null, now);
            entries.AddOrUpdate(id, read, (_, before) => before.IsOver && !read.IsOver ? before : read);
        }
    }

    private bool IsOpen(Guid id) => entries.TryGetValue(id, out Entry? entry) && clock.GetUtcNow() < entry.EndsAt;

    private void TellEnded()
    {
        foreach (Watch watch in watches.Keys.Where(watch => entries.ContainsKey(watch.Session) && !IsOpen(watch.Session)))
        {
            watch.Ended();
        }
    }

    /// <param name="EndsAt">Null: over, or never known.</param>
    private sealed record Entry(DateTimeOffset? EndsAt, DateTimeOffset ReadAt)
    {
        public bool IsOver => EndsAt is null;
    }

    private sealed class Watch(SignInSessions owner, Guid session, Action ended) : IDisposable
    {
        public Guid Session => session;

        public void Ended() => ended();

        public void Dispose() => owner.watches.TryRemove(this, out _);
    }
}
