using LoraAdmin.Domain.Alerts;

namespace LoraAdmin.Alerts;

/// <summary>One line of what needs attention: an incident, or many of one rule that one cause brings at once.</summary>
/// <param name="Incidents">Worst first, then oldest first; at least one, and of many perhaps not all.</param>
/// <param name="Total">How many they are, those included that are not listed.</param>
/// <param name="Since">Since when the first of them.</param>
public sealed record AttentionLine(IReadOnlyList<Incident> Incidents, int Total, DateTimeOffset Since)
{
    public Incident Worst => Incidents[0];

    public bool IsMany => Total > 1;

    /// <summary>How many incidents it is, in figures.</summary>
    public string Count => FormattableString.Invariant($"{Total:N0}");
}

/// <summary>Folds incidents that come in crowds: one sweep can find hundreds of pods, and nobody reads hundreds of lines.</summary>
public static class AttentionLines
{
    private const int Crowd = 3;

    public static IReadOnlyList<AttentionLine> Of(OpenAttention open)
    {
        ArgumentNullException.ThrowIfNull(open);
        Dictionary<string, OpenCount> counts = open.Counts.ToDictionary(rule => rule.Rule, StringComparer.Ordinal);
        Dictionary<string, AttentionLine> crowds = open.Worst.Where(incident => AlertsPageTexts.ComesInCrowds(incident.Rule))
            .GroupBy(incident => incident.Rule)
            .Select(group => Crowded([.. group], counts.GetValueOrDefault(group.Key)))
            .Where(line => line.Total >= Crowd)
            .ToDictionary(line => line.Worst.Rule);
        HashSet<string> told = [];
        List<AttentionLine> lines = [];
        foreach (Incident incident in open.Worst)
        {
            if (!crowds.TryGetValue(incident.Rule, out AttentionLine? crowd))
            {
                lines.Add(new AttentionLine([incident], 1, incident.Since));
            }
            else if (told.Add(incident.Rule))
            {
                lines.Add(crowd);
            }
        }

        return lines;
    }

    /// <summary>Open incidents that are in none of the lines: the listing ends before them.</summary>
    public static int Beyond(OpenAttention open, IEnumerable<AttentionLine> lines)
    {
        ArgumentNullException.ThrowIfNull(open);
        return Math.Max(0, open.Counts.Sum(rule => rule.Count) - lines.Sum(line => line.Total));
    }

    /// <summary>The counts are read after the list, and may be of an instant later.</summary>
    private static AttentionLine Crowded(List<Incident> listed, OpenCount? all)
    {
        DateTimeOffset since = listed.Min(incident => incident.Since);
        return new AttentionLine(listed, Math.Max(listed.Count, all?.Count ?? 0), all?.Since < since ? all.Since : since);
    }
}
