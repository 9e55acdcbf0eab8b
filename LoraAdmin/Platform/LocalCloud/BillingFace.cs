using System.Globalization;
using System.Text.Json;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary><c>GET /v2/billing/pods</c>: one record per pod and bucket in which it cost anything.</summary>
internal static class BillingFace
{
    private const int DefaultDays = 30;
    private const int MaxBuckets = 10_000;

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

        from = Floor(from, size)!.Value;
        until = Floor(until, size) == until ? until : Next(Floor(until, size)!.Value, size);
        return Answers.Json(200, writer => Write(writer, world, query["podId"], size, from, until));
    }

    private static void Write(Utf8JsonWriter writer, LocalCloudWorld world, string? podId, string size, DateTimeOffset from, DateTimeOffset until)
    {
        PodCharge total = default;
        int records = 0;
        HashSet<string> seen = [];
        writer.WriteStartObject();
        writer.WriteStartArray("records");
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
                if (charge.Total <= 0)
                {
                    continue;
                }

                writer.WriteStartObject();
                writer.WriteString("startTime", PodJson.Iso(bucket));
                writer.WriteString("endTime", PodJson.Iso(Next(bucket, size)));
                writer.WriteString("podId", pod.Id);
                Amounts(writer, charge);
                writer.WriteEndObject();
                total += charge;
                records++;
                seen.Add(pod.Id);
            }
        }

        writer.WriteEndArray();
        writer.WriteStartObject("metadata");
        writer.WriteStartObject("query");
        writer.WriteString("startTime", PodJson.Iso(from));
        writer.WriteString("endTime", PodJson.Iso(until));
        writer.WriteString("bucketSize", size);
        writer.WriteEndObject();
        writer.WriteNumber("recordCount", records);
        writer.WriteNumber("uniquePodCount", seen.Count);
        writer.WriteStartObject("totals");
        Amounts(writer, total);
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
}
