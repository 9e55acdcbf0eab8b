namespace LoraAdmin.Platform.LocalCloud;

/// <summary>Dollars of one pod in one span of time.</summary>
public readonly record struct PodCharge(decimal Gpu, decimal Disk)
{
    public decimal Total => Gpu + Disk;

    public static PodCharge operator +(PodCharge a, PodCharge b) => new(a.Gpu + b.Gpu, a.Disk + b.Disk);
}

/// <summary>
/// What pods cost, per second, from their status history. Source: the vendor's price page (reference figures in docs/localcloud.md): compute and
/// container disk while the pod occupies a machine, its persistent volume at the doubled price while it is stopped.
/// </summary>
public static class BillingLedger
{
    private const decimal SecondsPerHour = 3600;
    private const decimal SecondsPerMonth = 30 * 86400;
    private const decimal RunningGbMonth = 0.10m;
    private const decimal StoppedGbMonth = 0.20m;

    /// <summary>Dollars per second in a status.</summary>
    public static PodCharge PerSecond(PodRecord pod, string status)
    {
        ArgumentNullException.ThrowIfNull(pod);
        return status switch
        {
            PodStatus.Terminated => default,
            PodStatus.Exited => new PodCharge(0, pod.MountGb * StoppedGbMonth / SecondsPerMonth),
            _ => new PodCharge(pod.GpuRate / SecondsPerHour, (pod.DiskGb + pod.MountGb) * RunningGbMonth / SecondsPerMonth),
        };
    }

    /// <summary>Dollars from the pod's creation to now. Cheap: only the present status is worked out.</summary>
    public static decimal Total(PodRecord pod, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(pod);
        StatusChange last = pod.History[^1];
        return pod.SettledUsd + (PerSecond(pod, last.Status).Total * Seconds(last.At, now));
    }

    /// <summary>Dollars between two instants, from the whole history.</summary>
    public static PodCharge Between(PodRecord pod, DateTimeOffset from, DateTimeOffset until, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(pod);
        DateTimeOffset end = until < now ? until : now;
        PodCharge sum = default;
        for (int i = 0; i < pod.History.Count; i++)
        {
            DateTimeOffset start = pod.History[i].At > from ? pod.History[i].At : from;
            DateTimeOffset stop = i + 1 < pod.History.Count && pod.History[i + 1].At < end ? pod.History[i + 1].At : end;
            if (stop > start)
            {
                PodCharge rate = PerSecond(pod, pod.History[i].Status);
                decimal seconds = Seconds(start, stop);
                sum += new PodCharge(rate.Gpu * seconds, rate.Disk * seconds);
            }
        }

        return sum;
    }

    internal static decimal Seconds(DateTimeOffset from, DateTimeOffset until) =>
        until <= from ? 0 : (until - from).Ticks / (decimal)TimeSpan.TicksPerSecond;
}
