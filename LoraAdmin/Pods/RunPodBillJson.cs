using System.Globalization;
using System.Text.Json;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Vendors;

namespace LoraAdmin.Pods;

/// <summary>
/// The body of <c>/billing/pods</c>. A record that can't be counted is an oddity and leaves the others theirs; an answer that is less than what was asked for
/// is none.
/// </summary>
internal static class RunPodBillJson
{
    private const string Currency = "USD";

    /// <summary>Of one answer: what goes beyond is one line.</summary>
    private const int MostOddities = 200;

    /// <summary>Total and parts may each be rounded to cents.</summary>
    private static readonly Usd PartsMayDiffer = Usd.FromDollars(0.02m);

    /// <summary>The vendor's own sum may be of floating numbers.</summary>
    private static readonly Usd TotalsMayDiffer = Usd.FromDollars(0.01m);

    public static (BillReading.Read? Read, string? Problem) Read(VendorAnswer answer, DateTimeOffset start, DateTimeOffset end) =>
        RunPodJson.Read<BillReading.Read>(answer, root =>
        {
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("records", out JsonElement list) || list.ValueKind != JsonValueKind.Array)
            {
                return (null, "the bills have no records");
            }

            root.TryGetProperty("metadata", out JsonElement metadata);
            return WhyLess(root, metadata, list.GetArrayLength(), start, end) is { } less ? (null, less) : Parse(list, metadata, start);
        });

    private static string? WhyLess(JsonElement root, JsonElement metadata, int records, DateTimeOffset start, DateTimeOffset end)
    {
        if (RunPodJson.SaysThereIsMore(root) || RunPodJson.SaysThereIsMore(metadata)
            || (root.TryGetProperty("pagination", out JsonElement pages) && RunPodJson.SaysThereIsMore(pages)))
        {
            return "the bills are only the first page";
        }

        if (RunPodJson.NumberOf(metadata, "recordCount") is { } count && count != records)
        {
            return string.Create(CultureInfo.InvariantCulture, $"the bills say that they are {count} records, and are {records}");
        }

        if (metadata.ValueKind != JsonValueKind.Object || !metadata.TryGetProperty("query", out JsonElement query))
        {
            return null;
        }

        return RunPodJson.TimeOf(query, "startTime") > start || RunPodJson.TimeOf(query, "endTime") < end ? "the bills are of a shorter time than was asked for"
            : RunPodJson.TextOf(query, "bucketSize") is { } size && size != "day" ? "the bills are not by days"
            : null;
    }

    private static (BillReading.Read? Read, string? Problem) Parse(JsonElement list, JsonElement metadata, DateTimeOffset start)
    {
        List<BillRecord> records = [];
        List<BillOddity> oddities = [];
        Usd sum = Usd.Zero;
        int number = 0;
        foreach (JsonElement item in list.EnumerateArray())
        {
            number++;
            (BillRecord? record, BillOddity? oddity) = RecordOf(item, number, start);
            sum += record?.Total ?? Usd.Zero;
            if (record is not null)
            {
                records.Add(record);
            }
            else
            {
                oddities.Add(oddity!);
            }
        }

        if (records.Count == 0 && oddities.Count > 0 && oddities.All(oddity => oddity.Kind == BillOddityKind.Unreadable))
        {
            return (null, "no record of the bills can be read");
        }

        if (oddities.Count == 0 && TotalsOf(metadata) is { } total && Distance(total, sum) > TotalsMayDiffer)
        {
            oddities.Add(new BillOddity(
                BillOddityKind.TotalsDiffer, null, start, $"The bills from {start:yyyy-MM-dd} on say that they come to {total.ToExact()}, and come to {sum.ToExact()}"));
        }

        return (new BillReading.Read(records, Bounded(oddities)), null);
    }

    private static (BillRecord? Record, BillOddity? Oddity) RecordOf(JsonElement item, int number, DateTimeOffset start)
    {
        string? podId = RunPodJson.TextOf(item, "podId") is { } id && PodIds.IsValid(id) ? id : null;
        DateTimeOffset? bucket = RunPodJson.TimeOf(item, "startTime");
        if (podId is null)
        {
            return Odd(BillOddityKind.Unreadable, "names no pod");
        }

        if (bucket is not { } day || day != BillRecord.BucketOf(day) || day < start || RunPodJson.TimeOf(item, "endTime") is not { } until || until - day != BillRecord.Bucket)
        {
            bucket = null;
            return Odd(BillOddityKind.Unreadable, "is of no whole day of the time that was asked for");
        }

        if (RunPodJson.TextOf(item, "currency") is { } currency && !string.Equals(currency, Currency, StringComparison.OrdinalIgnoreCase))
        {
            return Odd(BillOddityKind.OtherCurrency, $"is in {VendorText.Clean(currency, [])} and not in {Currency}");
        }

        if (AmountOf(item, "totalAmount") is not { } total)
        {
            return Odd(BillOddityKind.Unreadable, "has no readable total");
        }

        Usd? gpu = AmountOf(item, "gpuAmount");
        Usd? cpu = AmountOf(item, "cpuAmount");
        Usd? disk = AmountOf(item, "diskAmount");
        return total < Usd.Zero || gpu < Usd.Zero || cpu < Usd.Zero || disk < Usd.Zero ? Odd(BillOddityKind.Negative, $"is below zero: {total.ToExact()}")
            : gpu is { } g && cpu is { } c && disk is { } d && Distance(g + c + d, total) > PartsMayDiffer
                ? Odd(BillOddityKind.DoesNotAddUp, $"says {total.ToExact()} in all, and its parts are {g.ToExact()}, {c.ToExact()} and {d.ToExact()}")
            : (new BillRecord(podId, day, total, gpu ?? Usd.Zero, cpu ?? Usd.Zero, disk ?? Usd.Zero), null);

        (BillRecord?, BillOddity) Odd(BillOddityKind kind, string what)
        {
            string which = podId is null
                ? string.Create(CultureInfo.InvariantCulture, $"Record {number} of the bills from {start:yyyy-MM-dd} on")
                : string.Create(CultureInfo.InvariantCulture, $"The bill of pod {podId}{(bucket is { } at ? $" for {at:yyyy-MM-dd}" : "")}");
            return (null, new BillOddity(kind, podId, bucket, $"{which} {what}"));
        }
    }

    private static Usd? AmountOf(JsonElement item, string name) => RunPodJson.MoneyOf(item, name, mayBeNegative: true);

    private static Usd? TotalsOf(JsonElement metadata) =>
        metadata.ValueKind == JsonValueKind.Object && metadata.TryGetProperty("totals", out JsonElement totals) ? AmountOf(totals, "totalAmount") : null;

    private static Usd Distance(Usd a, Usd b) => a > b ? a - b : b - a;

    private static List<BillOddity> Bounded(List<BillOddity> oddities)
    {
        if (oddities.Count <= MostOddities)
        {
            return oddities;
        }

        // What holds a pod back must do so whether it is listed or not.
        HashSet<string> shown = [.. oddities.Take(MostOddities).Select(oddity => oddity.PodId).OfType<string>()];
        return
        [
            .. oddities.Take(MostOddities),
            .. oddities.Skip(MostOddities).Where(oddity => oddity is { HoldsBack: true, PodId: { } pod } && shown.Add(pod)),
        ];
    }
}
