using LoraAdmin.Domain.Alerts;

namespace LoraAdmin.Alerts;

/// <summary>One line of what needs attention: an incident, or many of one rule that one cause brings at once.</summary>
/// <param name="Incidents">Worst first, then oldest first; at least one.</param>
/// <param name="IsCut">There may be more of them than were read.</param>
public sealed record AttentionLine(IReadOnlyList<Incident> Incidents, bool IsCut)
{
    public Incident Worst => Incidents[0];

    public bool IsMany => Incidents.Count > 1;

    public DateTimeOffset Since => Incidents.Min(incident => incident.Since);

    /// <summary>How many incidents it is, in figures.</summary>
    public string Count => FormattableString.Invariant($"{Incidents.Count:N0}{(IsCut ? " or more" : "")}");
}

/// <summary>Folds incidents that come in crowds: one sweep can find hundreds of pods, and nobody reads hundreds of lines.</summary>
public static class AttentionLines
{
    private const int Crowd = 3;

    /// <param name="open">Worst first.</param>
    public static IReadOnlyList<AttentionLine> Of(IReadOnlyList<Incident> open)
    {
        ArgumentNullException.ThrowIfNull(open);
        Dictionary<string, List<Incident>> crowds = open.Where(incident => AlertsPageTexts.ComesInCrowds(incident.Rule))
            .GroupBy(incident => incident.Rule)
            .Where(group => group.Count() >= Crowd)
            .ToDictionary(group => group.Key, group => group.ToList());
        HashSet<string> told = [];
        List<AttentionLine> lines = [];
        foreach (Incident incident in open)
        {
            if (!crowds.TryGetValue(incident.Rule, out List<Incident>? crowd))
            {
                lines.Add(new AttentionLine([incident], IsCut: false));
            }
            else if (told.Add(incident.Rule))
            {
                lines.Add(new AttentionLine(crowd, IsCut: open.Count >= AlertsPages.Most));
            }
        }

        return lines;
    }
}
