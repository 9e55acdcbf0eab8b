using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <summary>Which days of a pod's life should have a bill and have none. A day is asked for by what the pod cost on that very day, at the prices of then.</summary>
public static class BillGaps
{
    /// <summary>
    /// So much of a time at one price may stand in the bill of the day on the other side of midnight: RunPod charges about every five minutes, a clock
    /// counts as right until it is five minutes off, and what happens to a pod is seen a minute later at most.
    /// </summary>
    public static readonly TimeSpan EdgeMayLack = TimeSpan.FromMinutes(5) + TimeSpan.FromMinutes(5) + PodWatch.Every;

    /// <summary>A day on which a pod cost less than this may lack a bill.</summary>
    private static readonly Usd Cent = Usd.FromDollars(0.01m);

    /// <param name="money">Of a pod that is gone.</param>
    /// <returns>The first day on which it cost a cent or more and that has no bill; null: there is none.</returns>
    public static DateTimeOffset? First(PodMoney money)
    {
        ArgumentNullException.ThrowIfNull(money);
        HashSet<DateTimeOffset> billed = [.. money.Records.Select(record => record.BucketStart)];
        DateTimeOffset? first = null;
        foreach (LedgerPod row in money.Rows)
        {
            SortedDictionary<DateTimeOffset, Usd> asked = [];
            foreach ((DateTimeOffset day, Usd cost) in row.PricesUntil(row.GoneAt!.Value).SelectMany(time => Unbilled(time, billed)))
            {
                asked[day] = asked.GetValueOrDefault(day) + cost;
            }

            DateTimeOffset? own = asked.Where(static one => one.Value >= Cent).Select(static one => (DateTimeOffset?)one.Key).FirstOrDefault();
            first = own < first || first is null ? own : first;
        }

        return first;
    }

    /// <summary>What each day without a bill cost at the price of the time, but for minutes before or after a midnight on whose other side a bill may have them.</summary>
    private static IEnumerable<(DateTimeOffset Day, Usd Cost)> Unbilled(PricedTime time, HashSet<DateTimeOffset> billed)
    {
        if (time.Hourly == Usd.Zero)
        {
            yield break;
        }

        for (DateTimeOffset day = BillRecord.BucketOf(time.From); day < time.Until; day += BillRecord.Bucket)
        {
            DateTimeOffset next = day + BillRecord.Bucket;
            PricedTime part = time with { From = time.From > day ? time.From : day, Until = time.Until < next ? time.Until : next };
            bool mayLack = part.Length <= EdgeMayLack
                && ((time.From < day && billed.Contains(day - BillRecord.Bucket)) || (time.Until > next && billed.Contains(next)));
            if (!billed.Contains(day) && !mayLack)
            {
                yield return (day, part.Cost);
            }
        }
    }
}
