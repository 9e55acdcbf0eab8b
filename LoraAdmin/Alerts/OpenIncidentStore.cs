using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using LoraAdmin.Platform.Data.Events;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Alerts;

/// <summary>The table of incidents, and the facts that no consumer has taken in yet.</summary>
internal sealed class OpenIncidentStore(LoraDb db) : IOpenIncidents
{
    public async Task<IReadOnlyCollection<string>> ListSubjectsAsync(string rule, CancellationToken cancellationToken)
    {
        // The facts first: one that is taken in between the two readings is in the second.
        List<string> waiting = await db.Set<OperationalEventRow>().AsNoTracking()
            .Where(row => row.ProcessedAt == null && row.Signals != null && row.Signals.Contains(rule))
            .OrderBy(row => row.Sequence)
            .Select(row => row.Signals!)
            .ToListAsync(cancellationToken);
        List<string> open = await db.Set<IncidentRow>().AsNoTracking()
            .Where(row => row.Rule == rule && row.ResolvedAt == null)
            .Select(row => row.Subject)
            .ToListAsync(cancellationToken);
        return open.After(rule, waiting.SelectMany(EventSignals.FromText));
    }
}
