namespace LoraAdmin.Platform.LocalCloud;

/// <summary>Pods by the instant at which something happens to them by itself; at one instant the pod that was made first goes first.</summary>
internal sealed class DueQueue
{
    private readonly SortedSet<(DateTimeOffset At, int Order)> queue = [];
    private readonly Dictionary<int, DateTimeOffset> known = [];
    private readonly List<PodRecord> byOrder = [];
    private readonly Dictionary<PodRecord, int> orders = [];

    public (DateTimeOffset At, PodRecord Pod)? First => queue.Count == 0 ? null : (queue.Min.At, byOrder[queue.Min.Order]);

    /// <summary>Gives the pod its place for good; the first added goes first.</summary>
    public void Add(PodRecord pod)
    {
        orders.Add(pod, byOrder.Count);
        byOrder.Add(pod);
    }

    /// <summary>Says anew when the pod is due; null: never.</summary>
    public void Set(PodRecord pod, DateTimeOffset? at)
    {
        int order = orders[pod];
        if (known.TryGetValue(order, out DateTimeOffset old))
        {
            if (old == at)
            {
                return;
            }

            queue.Remove((old, order));
        }

        if (at is { } due)
        {
            known[order] = due;
            queue.Add((due, order));
        }
        else
        {
            known.Remove(order);
        }
    }
}
