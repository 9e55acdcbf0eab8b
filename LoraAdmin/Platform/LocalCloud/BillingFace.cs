using System.Globalization;
using System.Text.Json;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary><c>GET /v2/billing/pods</c>: one record per pod and bucket in which it cost anything.</summary>
internal static class BillingFace
{
    /// <summary>Billed by <see cref="FaultKind.BillingUnknownPod"/>: no pod ever had this id.</summary>
    public const string UnknownPod = "neverwas00000";

    private const int DefaultDays = 30;
    private const int MaxBuckets = 10_000;
    private const double DefaultLateSeconds = 86_400;
    private static readonly PodCharge UnknownCharge = new(1, 0.25m);

    public static VendorResponse Pods(LocalCloudWorld world, VendorRequest request)
    {
        if (request.Method != "GET")
        {
            return Answers.Problem(405, "method not allowed").With("Allow", "GET");
        }

        QueryValues query = new(request.Query);
        string size = query["bucketSize"] ?? "day";
        string? start = query["startTime"];
        string? end = query["endTime"];
        string? last = query["lastN"];
        if (Floor(world.Now, size) is not { } thisBucket)
        {
            return Answers.Problem(400, "bucketSize must be one of hour, day, week, month, year");
        }

        if (last is not null && (start is not null || end is not null))
        {
            return Answers.Problem(400, "lastN can't be combined with startTime or endTime");
        }

        DateTimeOffset from = Floor(world.Now.AddDays(-DefaultDays), size)!.Value;
        DateTimeOffset until = Next(thisBucket, size);
        if (last is not null)
        {
            if (!int.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out int buckets) || buckets is < 1 or > MaxBuckets)
            {
                return Answers.Problem(400, $"lastN must be a whole number from 1 to {MaxBuckets}");
            }

            from = thisBucket;
            for (int i = 1; i < buckets; i++)
            {
                from = Floor(from.AddTicks(-1), size)!.Value;
            }
        }

        if ((start is not null && !TryInstant(start, out from)) || (end is not null && !TryInstant(end, out until)))
        {
            return Answers.Problem(400, "startTime and endTime must be RFC 3339 instants");
        }

        if (world.Faults.Take(FaultKind.Billing500, null, world.Now) is not null)
        {
            return Answers.Problem(500, "internal server error");
        }

        from = Floor(from, size)!.Value;
        until = Floor(until, size) == until ? until : Next(Floor(until, size)!.Value, size);
        IReadOnlyList<Bill> bills = WithFaults([.. Bills(world, query["podId"], size, from, until)], world, size, from);
        return Answers.Json(200, writer => Write(writer, bills, size, from, until));
    }

    private static IEnumerable<Bill> Bills(LocalCloudWorld world, string? podId, string size, DateTimeOffset from, DateTimeOffset until)
    {
        foreach (PodRecord pod in world.Pods)
        {
            DateTimeOffset over = pod.Status == PodStatus.Terminated ? pod.History[^1].At : world.Now;
            DateTimeOffset first = pod.CreatedAt > from ? pod.CreatedAt : from;
            if ((podId is not null && pod.Id != podId) || over < from)
            {
                continue;
            }

            DateTimeOffset stop = over < until ? over : until;
            for (DateTimeOffset bucket = Floor(first, size)!.Value; bucket < stop; bucket = Next(bucket, size))
            {
                PodCharge charge = BillingLedger.Between(pod, bucket, Next(bucket, size), world.Now);
                if (charge.Total > 0)
                {
                    yield return new Bill(pod.Id, pod.Name, bucket, charge);
                }
            }
        }
    }

    /// <summary>What the faults make of the bills; the metadata of the answer then fits what is shown.</summary>
    private static List<Bill> WithFaults(List<Bill> bills, LocalCloudWorld world, string size, DateTimeOffset from)
    {
        if (Take(FaultKind.BillingLate) is { } late)
        {
            DateTimeOffset newest = world.Now - late.Length(DefaultLateSeconds);
            bills.RemoveAll(bill => late.Names(bill.Name) && Next(bill.Bucket, size) > newest);
        }

        if (Take(FaultKind.BillingGap) is { } gap)
        {
            bills = [.. bills.Where((bill, number) => gap.Match.Length == 0 ? number % 2 == 1 : !gap.Names(bill.Name))];
        }

        if (Take(FaultKind.BillingDearer) is { } dearer)
        {
            bills = bills.ConvertAll(bill => dearer.Names(bill.Name) ? bill with { Charge = Times(bill.Charge, 1.1m) } : bill);
        }

        if (Take(FaultKind.BillingNegative) is { } negative)
        {
            bills = bills.ConvertAll(bill => negative.Names(bill.Name) ? bill with { Charge = Times(bill.Charge, -1) } : bill);
        }

        if (Take(FaultKind.BillingTwice) is { } twice)
        {
            bills = [.. bills.SelectMany(bill => twice.Names(bill.Name) ? Enumerable.Repeat(bill, 2) : [bill])];
        }

        if (Take(FaultKind.BillingUnknownPod) is not null)
        {
            bills.Add(new Bill(UnknownPod, "", from, UnknownCharge));
        }

        return bills;

        Fault? Take(string kind) => world.Faults.Take(kind, null, world.Now);
    }

    private static PodCharge Times(PodCharge charge, decimal factor) => new(charge.Gpu * factor, charge.Disk * factor);

    private static void Write(Utf8JsonWriter writer, IReadOnlyList<Bill> bills, string size, DateTimeOffset from, DateTimeOffset until)
    {
        writer.WriteStartObject();
        writer.WriteStartArray("records");
        foreach (Bill bill in bills)
        {
            writer.WriteStartObject();
            writer.WriteString("startTime", PodJson.Iso(bill.Bucket));
            writer.WriteString("endTime", PodJson.Iso(Next(bill.Bucket, size)));
            writer.WriteString("podId", bill.PodId);
            Amounts(writer, bill.Charge);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteStartObject("metadata");
        writer.WriteStartObject("query");
        writer.WriteString("startTime", PodJson.Iso(from));
        writer.WriteString("endTime", PodJson.Iso(until));
        writer.WriteString("bucketSize", size);
        writer.WriteEndObject();
        writer.WriteNumber("recordCount", bills.Count);
        writer.WriteNumber("uniquePodCount", bills.DistinctBy(bill => bill.PodId).Count());
        writer.WriteStartObject("totals");
        Amounts(writer, bills.Aggregate(default(PodCharge), (sum, bill) => sum + bill.Charge));
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void Amounts(Utf8JsonWriter writer, PodCharge charge)
    {
        writer.WriteNumber("totalAmount", Math.Round(charge.Total, 6));
        writer.WriteNumber("gpuAmount", Math.Round(charge.Gpu, 6));
        writer.WriteNumber("cpuAmount", 0);
        writer.WriteNumber("diskAmount", Math.Round(charge.Disk, 6));
    }

    private static bool TryInstant(string text, out DateTimeOffset at) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out at);

    private static DateTimeOffset? Floor(DateTimeOffset at, string size)
    {
        DateTimeOffset day = new(at.UtcDateTime.Date, TimeSpan.Zero);
        return size switch
        {
            "hour" => day.AddHours(at.UtcDateTime.Hour),
            "day" => day,
            "week" => day.AddDays(-(((int)day.DayOfWeek + 6) % 7)),
            "month" => day.AddDays(1 - day.Day),
            "year" => day.AddDays(1 - day.DayOfYear),
            _ => null,
        };
    }

    private static DateTimeOffset Next(DateTimeOffset bucket, string size) => size switch
    {
        "hour" => bucket.AddHours(1),
        "day" => bucket.AddDays(1),
        "week" => bucket.AddDays(7),
        "month" => bucket.AddMonths(1),
        _ => bucket.AddYears(1),
    };

    private sealed record Bill(string PodId, string Name, DateTimeOffset Bucket, PodCharge Charge);
}
