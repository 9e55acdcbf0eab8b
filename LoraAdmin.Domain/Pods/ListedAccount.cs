namespace LoraAdmin.Domain.Pods;

/// <summary>One complete listing, findable by id and by name, and how far its silence about a pod may be believed.</summary>
internal sealed class ListedAccount
{
    /// <summary>How recently a pod must have been seen for its absence to make the whole listing suspect.</summary>
    private static readonly TimeSpan SeenLately = TimeSpan.FromMinutes(5);

    private readonly Dictionary<string, ProviderPod> byId = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ProviderPod> byName = new(StringComparer.Ordinal);

    public ListedAccount(PodListing.Complete listing)
    {
        Listing = listing;
        foreach (ProviderPod pod in listing.Pods.Where(pod => pod.Status != ProviderPodStatus.Terminated))
        {
            byId.TryAdd(pod.Id, pod);
            byName.TryAdd(pod.Name, pod);
        }
    }

    public PodListing.Complete Listing { get; }

    public DateTimeOffset StartedAt => Listing.StartedAt;

    public ProviderPod? Find(LedgerPod row) => row.PodId is { } id ? byId.GetValueOrDefault(id) : byName.GetValueOrDefault(row.Name);

    /// <summary>
    /// Half of the pods that were there a moment ago and that nobody ended are missing: the listing is more likely wrong than they are gone. It still
    /// shows what it shows, but nobody's absence counts.
    /// </summary>
    public bool HasShrunk(IReadOnlyList<LedgerPod> rows)
    {
        List<LedgerPod> expected = [.. rows.Where(row =>
            row.PodId is not null && row.Saw is not (PodSaw.Terminating or PodSaw.Leaking) && StartedAt - row.LastSeenAt < SeenLately)];
        int missing = expected.Count(row => Find(row) is null);
        return missing > 1 && missing * 2 >= expected.Count;
    }
}
