using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Alerts;

/// <summary>One thing that is wrong, from first sighting to resolved, whatever number of times it is seen.</summary>
/// <param name="Rule">What is watched: as in <see cref="IncidentSignal.Rule"/>.</param>
/// <param name="Count">How many facts have raised it.</param>
/// <param name="Text">The newest sentence about it.</param>
/// <param name="ResolvedHow">Null while it is open.</param>
public sealed record Incident(
    Guid Id,
    string Rule,
    string Subject,
    EventSeverity Severity,
    string Text,
    DateTimeOffset Since,
    DateTimeOffset LastSeenAt,
    int Count,
    JobId? Job,
    DateTimeOffset? ResolvedAt,
    string? ResolvedHow);

/// <summary>How many incidents of a rule are open, and since when the first of them.</summary>
public sealed record OpenCount(string Rule, int Count, DateTimeOffset Since);

/// <summary>Incidents. Bound to a unit of work; only the consumer of facts writes it.</summary>
public interface IIncidentStore
{
    /// <summary>Notes that the fact was taken in. False: it was before, and must not count again.</summary>
    Task<bool> TryTakeInAsync(Guid eventId, CancellationToken cancellationToken);

    /// <summary>Opens the incident of the signal's rule and subject, or counts it once more. A fact older than the incident's end changes nothing.</summary>
    Task RaiseAsync(IncidentSignal signal, EventSeverity severity, JobId? job, Guid newId, DateTimeOffset at, CancellationToken cancellationToken);

    /// <summary>
    /// Resolves the open incident of the signal's rule and subject, if there is one; with <see cref="IncidentSignal.Except"/> all of the rule but those.
    /// </summary>
    Task ResolveAsync(IncidentSignal signal, DateTimeOffset at, CancellationToken cancellationToken);

    /// <summary>Worst first, then oldest first.</summary>
    Task<IReadOnlyList<Incident>> ListOpenAsync(int max, CancellationToken cancellationToken);

    /// <summary>All that are open, however many, by rule.</summary>
    Task<IReadOnlyList<OpenCount>> CountOpenAsync(CancellationToken cancellationToken);
}

/// <summary>Keeps incidents from facts. Taking the same fact in twice changes nothing.</summary>
public sealed class IncidentKeeper(IUnitOfWork work, IIds ids)
{
    public async Task TakeInAsync(Guid eventId, DateTimeOffset at, OperationalEvent fact, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(fact);
        if (fact.Signals.Count == 0)
        {
            return;
        }

        await work.RunAsync(
            async (unit, token) =>
            {
                IIncidentStore incidents = unit.Store<IIncidentStore>();
                if (!await incidents.TryTakeInAsync(eventId, token))
                {
                    return;
                }

                foreach (IncidentSignal signal in fact.Signals)
                {
                    await (signal.Over
                        ? incidents.ResolveAsync(signal, at, token)
                        : incidents.RaiseAsync(signal, fact.Severity, fact.Job, ids.Next(), at, token));
                }
            },
            cancellationToken);
    }
}
