namespace LoraAdmin.Domain.Shared;

/// <summary>Which incidents facts have opened and no fact has ended. Bound to a unit of work.</summary>
public interface IOpenIncidents
{
    /// <summary>Subjects of the rule that an incident is open about, or will be once the facts that are written by now are taken in.</summary>
    Task<IReadOnlyCollection<string>> ListSubjectsAsync(string rule, CancellationToken cancellationToken);
}

public static class OpenIncidentsExtensions
{
    /// <summary>
    /// Appends a fact that says that something is right, if that ends an incident. For a process that has just begun: it does not know what another one has told,
    /// and that all is well at each start is no news.
    /// </summary>
    /// <returns>Whether it was appended.</returns>
    public static async Task<bool> AppendIfItEndsAsync(this IUnit unit, OperationalEvent fact, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(fact);
        foreach (IncidentSignal signal in fact.Signals)
        {
            IReadOnlyCollection<string> open = await unit.Store<IOpenIncidents>().ListSubjectsAsync(signal.Rule, cancellationToken);
            if (open.Any(signal.Ends))
            {
                await unit.Events.AppendAsync(fact, cancellationToken);
                return true;
            }
        }

        return false;
    }

    /// <summary>The open subjects of a rule after these signals, in the order in which they were written.</summary>
    /// <param name="open">Before them.</param>
    public static IReadOnlyCollection<string> After(this IEnumerable<string> open, string rule, IEnumerable<IncidentSignal> signals)
    {
        ArgumentNullException.ThrowIfNull(signals);
        HashSet<string> subjects = new(open, StringComparer.Ordinal);
        foreach (IncidentSignal signal in signals.Where(one => one.Rule == rule))
        {
            if (!signal.Over)
            {
                subjects.Add(signal.Subject);
            }

            subjects.RemoveWhere(signal.Ends);
        }

        return subjects;
    }
}
