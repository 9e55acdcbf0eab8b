using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>What the provider charges for one pod in one bucket, which is a day in UTC.</summary>
/// <param name="Total">What counts; the other amounts are its parts.</param>
public sealed record BillRecord(string PodId, DateTimeOffset BucketStart, Usd Total, Usd Gpu, Usd Cpu, Usd Disk)
{
    public static readonly TimeSpan Bucket = TimeSpan.FromDays(1);

    /// <summary>Start of the bucket in which the instant lies.</summary>
    public static DateTimeOffset BucketOf(DateTimeOffset instant) => new(instant.UtcDateTime.Date, TimeSpan.Zero);
}

public enum BillOddityKind
{
    /// <summary>No usable pod, day or amount.</summary>
    Unreadable,
    Negative,
    OtherCurrency,

    /// <summary>The total is not the sum of its parts.</summary>
    DoesNotAddUp,

    /// <summary>The same record twice: it counts once.</summary>
    Repeated,

    /// <summary>Two records of one pod and day that say different things.</summary>
    Contradicting,

    /// <summary>The answer's own total is not the sum of its records.</summary>
    TotalsDiffer,

    /// <summary>A day of a pod's life has no record.</summary>
    Gap,

    /// <summary>A pod that the ledger never had.</summary>
    UnknownPod,

    /// <summary>Days are billed that lie after the pod was verified gone.</summary>
    AfterGone,
}

/// <summary>Something in the provider's bills that a person should know of, and that is never booked by itself.</summary>
/// <param name="PodId">Null: it is about no one pod.</param>
/// <param name="Bucket">Null: it is about no one day.</param>
public sealed record BillOddity(BillOddityKind Kind, string? PodId, DateTimeOffset? Bucket, string Text)
{
    /// <summary>What the pod was billed is not known while this stands: nothing of it is kept or booked.</summary>
    public bool HoldsBack => Kind is BillOddityKind.Unreadable or BillOddityKind.Negative or BillOddityKind.OtherCurrency
        or BillOddityKind.DoesNotAddUp or BillOddityKind.Contradicting;
}

/// <summary>The account's bills. "Could not read" is its own answer and proves nothing.</summary>
public abstract record BillReading
{
    private BillReading()
    {
    }

    /// <param name="Records">As the provider sent them: one pod and day may be there twice.</param>
    /// <param name="Oddities">What could not be made a record.</param>
    public sealed record Read(IReadOnlyList<BillRecord> Records, IReadOnlyList<BillOddity> Oddities) : BillReading;

    public sealed record Unavailable(ProviderError Error) : BillReading;
}

/// <summary>
/// What the provider has billed for pods. No member throws for an outside failure; all obey the token. Source: RunPod REST v2, <c>/billing/pods</c>.
/// </summary>
public interface IPodBilling
{
    /// <summary>Every record of the account whose day has a part in the time; all of it or nothing.</summary>
    /// <param name="from">The start of its day counts.</param>
    Task<BillReading> ReadAsync(DateTimeOffset from, DateTimeOffset until, CancellationToken cancellationToken);
}

/// <summary>A reading in order: per pod the records that can be counted.</summary>
/// <param name="Pods">Records of each pod in order of their days; a pod that is held back has none.</param>
/// <param name="HeldBack">Pods of which something could not be read, or contradicts itself.</param>
public sealed record BillSheet(
    IReadOnlyDictionary<string, IReadOnlyList<BillRecord>> Pods, IReadOnlySet<string> HeldBack, IReadOnlyList<BillOddity> Oddities)
{
    /// <summary>The first of what holds the pod back, in one sentence; null: nothing does.</summary>
    public string? WhyHeldBack(string podId) =>
        HeldBack.Contains(podId) ? Oddities.First(oddity => oddity.HoldsBack && oddity.PodId == podId).Text : null;

    public static BillSheet Of(BillReading.Read reading)
    {
        ArgumentNullException.ThrowIfNull(reading);
        List<BillOddity> oddities = [.. reading.Oddities];
        Dictionary<string, IReadOnlyList<BillRecord>> pods = new(StringComparer.Ordinal);
        foreach (IGrouping<string, BillRecord> pod in reading.Records.GroupBy(record => record.PodId).OrderBy(pod => pod.Key, StringComparer.Ordinal))
        {
            List<BillRecord> records = [];
            foreach (IGrouping<DateTimeOffset, BillRecord> day in pod.GroupBy(record => record.BucketStart).OrderBy(day => day.Key))
            {
                records.Add(day.First());
                if (day.Skip(1).Any())
                {
                    oddities.Add(Twice([.. day]));
                }
            }

            pods.Add(pod.Key, records);
        }

        HashSet<string> heldBack = [.. oddities.Where(oddity => oddity.HoldsBack).Select(oddity => oddity.PodId).OfType<string>()];
        foreach (string pod in heldBack)
        {
            pods.Remove(pod);
        }

        return new BillSheet(pods, heldBack, oddities);
    }

    private static BillOddity Twice(IReadOnlyList<BillRecord> records)
    {
        BillRecord first = records[0];
        return records.All(record => record == first)
            ? new BillOddity(
                BillOddityKind.Repeated, first.PodId, first.BucketStart, $"The day {first.BucketStart:yyyy-MM-dd} of pod {first.PodId} is billed {records.Count} times alike; it counts once")
            : new BillOddity(
                BillOddityKind.Contradicting,
                first.PodId,
                first.BucketStart,
                $"The day {first.BucketStart:yyyy-MM-dd} of pod {first.PodId} is billed at {string.Join(" and at ", records.Select(record => record.Total.ToExact()))}");
    }
}

/// <summary>Bills as they were read, for good. Bound to a unit of work.</summary>
public interface IBillStore
{
    /// <summary>A record takes the place of one of the same pod and day that was not read later.</summary>
    Task SaveAsync(string provider, IReadOnlyList<BillRecord> records, DateTimeOffset readAt, CancellationToken cancellationToken);

    /// <summary>Every record of the pods, in order of pod and day.</summary>
    Task<IReadOnlyList<BillRecord>> ListAsync(string provider, IReadOnlyCollection<string> podIds, CancellationToken cancellationToken);

    /// <summary>Pods that have a record of a day in the time.</summary>
    Task<IReadOnlyList<string>> ListPodsAsync(string provider, DateTimeOffset from, DateTimeOffset until, CancellationToken cancellationToken);
}
