namespace LoraAdmin.Platform.LocalCloud;

/// <summary>
/// What all pods together spent and spend, kept up to date per change of a pod: neither a look at the balance nor the instant at which the account
/// runs dry costs more with more pods.
/// </summary>
public sealed class AccountMeter
{
    /// <summary>Adding and taking away rates of 28 digits leaves dust; below this nobody spends.</summary>
    private const decimal Dust = 0.000_000_000_001m;

    private decimal spent;
    private decimal perSecond;
    private DateTimeOffset at;

    public decimal PerHour => perSecond < Dust ? 0 : perSecond * 3600;

    public decimal Spent(DateTimeOffset now) => spent + (perSecond * BillingLedger.Seconds(at, now));

    /// <summary>A pod's record came in, with what it has cost up to its last change of status.</summary>
    public void Add(PodRecord pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        DateTimeOffset since = pod.History[^1].At;
        Settle(since);
        spent += BillingLedger.Total(pod, at);
        perSecond += BillingLedger.PerSecond(pod, pod.Status).Total;
    }

    /// <summary>A pod's status changes now.</summary>
    public void Change(PodRecord pod, string before, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(pod);
        Settle(now);
        perSecond += BillingLedger.PerSecond(pod, pod.Status).Total - BillingLedger.PerSecond(pod, before).Total;
    }

    private void Settle(DateTimeOffset now)
    {
        spent = Spent(now);
        if (now > at)
        {
            at = now;
        }
    }
}
