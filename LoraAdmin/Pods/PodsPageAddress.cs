namespace LoraAdmin.Pods;

/// <summary>What the pods page shows, as its address says it.</summary>
/// <param name="Pod">Id of one pod; null: all.</param>
public sealed record PodsPageAddress(IReadOnlyList<PodKind> Kinds, string? Pod)
{
    public const string Path = "/pods";

    public static readonly PodsPageAddress All = new([], null);

    /// <summary>Words of the address that name no class, as they were typed: the list is shown without them, and says so.</summary>
    public IReadOnlyList<string> UnknownKinds { get; private init; } = [];

    public bool IsFiltered => Kinds.Count > 0 || Pod is not null;

    /// <summary>Unknown words don't filter.</summary>
    public static PodsPageAddress Parse(IEnumerable<string>? classes, string? pod)
    {
        List<PodKind> known = [];
        List<string> unknown = [];
        foreach (string word in classes ?? [])
        {
            if (!PodPageTexts.TryParse(word, out PodKind found))
            {
                unknown.Add(word);
            }
            else if (!known.Contains(found))
            {
                known.Add(found);
            }
        }

        known.Sort();
        return new PodsPageAddress(known, string.IsNullOrWhiteSpace(pod) ? null : pod.Trim()) { UnknownKinds = [.. unknown.Where(static word => word.Length > 0)] };
    }

    public static string OfPod(string podId) => (All with { Pod = podId }).ToUri();

    public PodsPageAddress Toggle(PodKind found)
    {
        List<PodKind> next = [.. Kinds];
        if (!next.Remove(found))
        {
            next.Add(found);
        }

        next.Sort();
        return this with { Kinds = next };
    }

    public bool Shows(BoardPod pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        return (Kinds.Count == 0 || Kinds.Contains(pod.Kind)) && (Pod is null || Pod == pod.PodId || Pod == pod.Name);
    }

    public string ToUri()
    {
        List<string> parts = [.. Kinds.Select(found => $"class={found.ToKey()}")];
        if (Pod is not null)
        {
            parts.Add($"pod={Uri.EscapeDataString(Pod)}");
        }

        return parts.Count == 0 ? Path : $"{Path}?{string.Join('&', parts)}";
    }
}
