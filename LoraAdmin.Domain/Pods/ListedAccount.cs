using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>One complete listing, findable by id and by name, and how far its silence about a pod may be believed.</summary>
internal sealed class ListedAccount
{
    /// <summary>How recently a pod must have been seen for its absence to make the whole listing suspect.</summary>
    private static readonly TimeSpan SeenLately = TimeSpan.FromMinutes(5);

    private readonly Dictionary<string, ProviderPod> byId = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ProviderPod> byName = new(StringComparer.Ordinal);

    /// <param name="startedAt">When the listing began, as the provider's clock has it.</param>
    public ListedAccount(PodListing.Complete listing, DateTimeOffset startedAt)
    {
        Listing = listing;
        StartedAt = startedAt;
        foreach (ProviderPod pod in listing.Pods.Where(pod => pod.Status != ProviderPodStatus.Terminated))
        {
            byId.TryAdd(pod.Id, pod);
            byName.TryAdd(pod.Name, pod);
        }
    }

    public PodListing.Complete Listing { get; }

    /// <summary>
    /// When it began, by <see cref="ClockStandings.ByProvider"/>: what a pod costs is counted between such instants. The listing itself has the asker's.
    /// </summary>
    public DateTimeOffset StartedAt { get; }

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
