using LoraAdmin.Domain.Alerts;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using LoraAdmin.Platform.Data.Events;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Alerts;

/// <inheritdoc cref="IIncidentStore"/>
internal sealed class IncidentStore(LoraDb db, TimeProvider clock) : IIncidentStore
{
    /// <summary>Facts are handed out in order but for seconds or minutes; a day is far beyond.</summary>
    private static readonly TimeSpan KeepEndsFor = TimeSpan.FromDays(1);

    /// <summary>A fact is handed out again until every consumer has taken it in; from then on nobody asks whether this one had.</summary>
    private static readonly TimeSpan KeepFactsFor = TimeSpan.FromDays(1);

    public static Task<int> DeleteConsumedFactsAsync(LoraDb db, DateTimeOffset now, CancellationToken cancellationToken)
    {
        long taken = (now - KeepFactsFor).ToMillis();
        return db.Set<IncidentFactRow>()
            .Where(row => row.TakenAt < taken && !db.Set<OperationalEventRow>().Any(fact => fact.Id == row.EventId && fact.ProcessedAt == null))
            .ExecuteDeleteAsync(cancellationToken);
    }

    public async Task<bool> TryTakeInAsync(Guid eventId, CancellationToken cancellationToken) =>
        await db.Database.ExecuteSqlAsync(
            $"INSERT INTO incident_facts (event_id, taken_at) VALUES ({db.SqlId(eventId)}, {clock.GetUtcNow().ToMillis()}) ON CONFLICT (event_id) DO NOTHING",
            cancellationToken) > 0;

    public Task RaiseAsync(
        IncidentSignal signal, EventSeverity severity, JobId? job, Guid newId, DateTimeOffset at, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(signal);
        long seen = at.ToMillis();
        string word = Words<EventSeverity>.Of(severity);
        int rank = (int)severity;

        // One statement, so that two instances that raise the same thing at once open it once. The empty id stands for "no job": a bare null would
        // have no type on PostgreSQL.
        return db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO incidents (id, rule, subject, severity, text, open_since, last_seen_at, seen_count, job_id)
            SELECT {db.SqlId(newId)}, {signal.Rule}, {signal.Subject}, {word}, {signal.Text}, {seen}, {seen}, 1,
                NULLIF({db.SqlId(job?.Value ?? Guid.Empty)}, '00000000-0000-0000-0000-000000000000')
            WHERE NOT EXISTS (SELECT 1 FROM incidents WHERE rule = {signal.Rule} AND subject = {signal.Subject} AND resolved_at > {seen})
                AND NOT EXISTS (SELECT 1 FROM incident_ends WHERE rule = {signal.Rule} AND subject = {signal.Subject} AND ended_at > {seen})
            ON CONFLICT (rule, subject) WHERE resolved_at IS NULL DO UPDATE SET
                seen_count = incidents.seen_count + 1,
                text = CASE WHEN excluded.last_seen_at >= incidents.last_seen_at THEN excluded.text ELSE incidents.text END,
                severity = CASE WHEN {rank} > CASE incidents.severity WHEN 'critical' THEN 3 WHEN 'error' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END
                    THEN excluded.severity ELSE incidents.severity END,
                open_since = CASE WHEN excluded.open_since < incidents.open_since THEN excluded.open_since ELSE incidents.open_since END,
                last_seen_at = CASE WHEN excluded.last_seen_at > incidents.last_seen_at THEN excluded.last_seen_at ELSE incidents.last_seen_at END,
                job_id = COALESCE(incidents.job_id, excluded.job_id)
            """,
            cancellationToken);
    }

    public async Task ResolveAsync(IncidentSignal signal, DateTimeOffset at, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(signal);
        long ended = at.ToMillis();
        if (signal.Except is { } except)
        {
            List<string> over = await db.Set<IncidentRow>()
                .Where(row => row.Rule == signal.Rule && row.ResolvedAt == null && !except.Contains(row.Subject))
                .Select(row => row.Subject)
                .ToListAsync(cancellationToken);
            foreach (string subject in over)
            {
                await ResolveAsync(signal with { Subject = subject, Except = null }, at, cancellationToken);
            }

            return;
        }

        // Raised again after this end was written, but handed out before it: it stays open.
        await db.Set<IncidentRow>()
            .Where(row => row.Rule == signal.Rule && row.Subject == signal.Subject && row.ResolvedAt == null && row.LastSeenAt <= ended)
            .ExecuteUpdateAsync(
                set => set.SetProperty(row => row.ResolvedAt, (long?)ended).SetProperty(row => row.ResolvedHow, signal.Text), cancellationToken);
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO incident_ends (rule, subject, ended_at) VALUES ({signal.Rule}, {signal.Subject}, {ended})
            ON CONFLICT (rule, subject) DO UPDATE SET
                ended_at = CASE WHEN excluded.ended_at > incident_ends.ended_at THEN excluded.ended_at ELSE incident_ends.ended_at END
            """,
            cancellationToken);
        long forget = (at - KeepEndsFor).ToMillis();
        await db.Set<IncidentEndRow>().Where(row => row.EndedAt < forget).ExecuteDeleteAsync(cancellationToken);
    }

    public async Task<IReadOnlyList<Incident>> ListOpenAsync(int max, CancellationToken cancellationToken)
    {
        List<IncidentRow> rows = await db.Set<IncidentRow>().AsNoTracking()
            .Where(row => row.ResolvedAt == null)
            .OrderBy(row => row.Severity == EventSeverity.Critical ? 0 : row.Severity == EventSeverity.Error ? 1 : row.Severity == EventSeverity.Warning ? 2 : 3)
            .ThenBy(row => row.Since).ThenBy(row => row.Id)
            .Take(max)
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(row => row.ToIncident());
    }

    public async Task<IReadOnlyList<OpenCount>> CountOpenAsync(CancellationToken cancellationToken)
    {
        var rules = await db.Set<IncidentRow>()
            .Where(row => row.ResolvedAt == null)
            .GroupBy(row => row.Rule)
            .Select(group => new { Rule = group.Key, Count = group.Count(), Since = group.Min(row => row.Since) })
            .ToListAsync(cancellationToken);
        return rules.ConvertAll(rule => new OpenCount(rule.Rule, rule.Count, Instants.FromMillis(rule.Since)));
    }
}
