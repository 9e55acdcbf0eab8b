using LoraAdmin.Domain.Shared;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Platform.Data.Events;

/// <summary>A fact as it was stored.</summary>
/// <param name="Claims">How often it was handed out, this time included; above 1 a consumer may have seen it before.</param>
public sealed record StoredEvent(long Sequence, Guid Id, DateTimeOffset At, OperationalEvent Fact, int Claims);

/// <summary>
/// Takes in facts after their commit. Each fact comes at least once, in no strict order between instances: a consumer must not mind seeing one
/// again. An exception leaves the facts unprocessed; all consumers get them again later.
/// </summary>
public interface IEventConsumer
{
    /// <summary>Dotted name for logs.</summary>
    string Name { get; }

    Task ConsumeAsync(IReadOnlyList<StoredEvent> events, CancellationToken cancellationToken);
}

/// <summary>Hands out unprocessed facts, each to one instance at a time. Never by "id above the last seen": PostgreSQL commits out of order.</summary>
public sealed class EventPump(IDbContextFactory<LoraDb> contexts, TimeProvider clock)
{
    private static readonly TimeSpan FirstClaim = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestClaim = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Claims up to <paramref name="max"/> facts in one statement. A claim that is not followed by <see cref="MarkProcessedAsync"/> runs out after
    /// 30 seconds, twice that with each further claim, so that a fact nobody can take in does not keep an instance busy.
    /// </summary>
    public async Task<IReadOnlyList<StoredEvent>> ClaimUnprocessedAsync(int max, CancellationToken cancellationToken)
    {
        await using LoraDb db = contexts.CreateDbContext();
        long now = clock.GetUtcNow().ToMillis();
        long first = (long)FirstClaim.TotalMilliseconds;
        long longest = (long)LongestClaim.TotalMilliseconds;
        string sql = $$"""
            WITH free AS (
                SELECT sequence FROM operational_events
                WHERE processed_at IS NULL AND (claimed_until IS NULL OR claimed_until <= {0})
                ORDER BY sequence LIMIT {1} {{db.SkipLocked}})
            UPDATE operational_events SET claims = claims + 1,
                claimed_until = {0} + CASE WHEN claims > 4 THEN {3} ELSE {2} * (1 << claims) END
            WHERE sequence IN (SELECT sequence FROM free)
            RETURNING *
            """;
        List<OperationalEventRow> rows = await db.Set<OperationalEventRow>()
            .FromSqlRaw(sql, now, max, first, longest)
            .AsNoTracking()
            .ToListAsync(cancellationToken);
        Guid[] failed = [.. rows.Where(row => row.HasError).Select(row => row.Id)];
        Dictionary<Guid, ErrorEventRow> errors = failed.Length == 0
            ? []
            : await db.Set<ErrorEventRow>().AsNoTracking()
                .Where(row => failed.Contains(row.EventId))
                .ToDictionaryAsync(row => row.EventId, cancellationToken);
        return [.. rows.OrderBy(row => row.Sequence).Select(row => ToEvent(row, errors.GetValueOrDefault(row.Id)))];
    }

    public async Task MarkProcessedAsync(IReadOnlyList<StoredEvent> events, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(events);
        if (events.Count == 0)
        {
            return;
        }

        await using LoraDb db = contexts.CreateDbContext();
        long[] sequences = [.. events.Select(stored => stored.Sequence)];
        long now = clock.GetUtcNow().ToMillis();
        await db.Set<OperationalEventRow>()
            .Where(row => sequences.Contains(row.Sequence) && row.ProcessedAt == null)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.ProcessedAt, (long?)now), cancellationToken);
    }

    private static StoredEvent ToEvent(OperationalEventRow row, ErrorEventRow? error) => new(
        row.Sequence,
        row.Id,
        Instants.FromMillis(row.At),
        new OperationalEvent
        {
            Kind = row.Kind,
            Message = row.Message,
            Severity = row.Severity,
            Actor = new Actor(row.ActorKind, row.ActorName),
            Job = row.JobId is { } job ? new JobId(job) : null,
            Lora = row.LoraId is { } lora ? new LoraId(lora) : null,
            User = row.UserId is { } user ? new UserId(user) : null,
            Attempt = row.Attempt,
            Pod = row.Pod,
            Reason = row.Reason,
            Signals = EventSignals.FromText(row.Signals),
            Error = error is null ? null : new ErrorDetail(error.Code, error.Where, error.ProviderWords, error.CorrelationId),
        },
        row.Claims);
}
