using System.Collections.Concurrent;
using System.Security.Claims;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Access;

/// <param name="Principal">Made once per cached token, so that a call costs no new claims.</param>
internal sealed record KnownToken(ApiToken Token, ClaimsPrincipal Principal);

/// <summary>
/// Tokens by hash, remembered for a few seconds: a poller costs no database read per call, and a revoked token works at most this much longer.
/// Unknown tokens are remembered as well. Bounded, whatever callers send.
/// </summary>
internal sealed class ApiTokenCache(IUnitOfWork unitOfWork, TimeProvider clock)
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(10);
    public const int Capacity = 1024;

    private readonly ConcurrentDictionary<string, Entry> entries = new(StringComparer.Ordinal);

    public int Count => entries.Count;

    /// <exception cref="StoreUnavailableException">Not remembered and the database is away.</exception>
    public async ValueTask<KnownToken?> FindAsync(string sha256, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        if (entries.TryGetValue(sha256, out Entry? entry) && now < entry.Until)
        {
            return entry.Known;
        }

        ApiToken? token = await unitOfWork.ReadAsync((unit, stop) => unit.Store<IAccessStore>().FindTokenAsync(sha256, stop), cancellationToken);
        KnownToken? known = token is null ? null : new KnownToken(token, AccessClaims.For(token));
        MakeRoom(now);
        entries[sha256] = new Entry(known, now + Lifetime);
        return known;
    }

    /// <summary>Forgets all tokens: after one was made, replaced or revoked in this process.</summary>
    public void Clear() => entries.Clear();

    private void MakeRoom(DateTimeOffset now)
    {
        if (entries.Count < Capacity)
        {
            return;
        }

        foreach ((string key, Entry entry) in entries)
        {
            if (entry.Until <= now || entry.Known is null)
            {
                entries.TryRemove(key, out _);
            }
        }

        if (entries.Count >= Capacity)
        {
            entries.Clear();
        }
    }

    private sealed record Entry(KnownToken? Known, DateTimeOffset Until);
}
