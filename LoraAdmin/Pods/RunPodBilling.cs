using System.Globalization;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Platform.Vendors;

namespace LoraAdmin.Pods;

/// <summary>
/// RunPod REST v2: what was billed for pods, by days. The vendor has no pages here, only windows of time: a long time is read window by window, and
/// whatever says that an answer is less than its window spoils the whole reading.
/// </summary>
public sealed class RunPodBilling(RunPodWire wire) : IPodBilling
{
    /// <summary>Days of one call: an account with a thousand pods a day then stays below a few megabytes an answer.</summary>
    public const int DaysAtOnce = 14;

    private const long MaxBodyBytes = 32 * 1024 * 1024;

    public async Task<BillReading> ReadAsync(DateTimeOffset from, DateTimeOffset until, CancellationToken cancellationToken)
    {
        List<BillRecord> records = [];
        List<BillOddity> oddities = [];
        for (DateTimeOffset start = BillRecord.BucketOf(from); start < until; start += DaysAtOnce * BillRecord.Bucket)
        {
            DateTimeOffset end = start + (DaysAtOnce * BillRecord.Bucket) is var next && next < until ? next : until;
            BillReading reading = await ReadWindowAsync(start, end, cancellationToken);
            if (reading is not BillReading.Read read)
            {
                return reading;
            }

            records.AddRange(read.Records);
            oddities.AddRange(read.Oddities);
        }

        return new BillReading.Read(records, oddities);
    }

    private async Task<BillReading> ReadWindowAsync(DateTimeOffset start, DateTimeOffset end, CancellationToken cancellationToken)
    {
        // Both ends, always: a start without an end is refused by the vendor.
        string path = string.Create(CultureInfo.InvariantCulture, $"/billing/pods?bucketSize=day&startTime={Text(start)}&endTime={Text(end)}");
        RunPodCall call = new("billing", HttpMethod.Get, path, CallPriority.Normal, MaxBodyBytes);
        RunPodReply reply = await wire.SendAsync(call, cancellationToken);
        if (reply is { Error: null, Answer: { } answer })
        {
            (BillReading.Read? read, string? problem) = answer.Status == 200
                ? RunPodBillJson.Read(answer, start, end)
                : (null, string.Create(CultureInfo.InvariantCulture, $"the bills came with status {answer.Status}"));
            if (read is not null)
            {
                return read;
            }

            reply = wire.Unreadable(call, answer, problem!);
        }

        return new BillReading.Unavailable(reply.Error!);
    }

    /// <summary>Whole seconds, upwards: the vendor widens the window to whole days anyway.</summary>
    private static string Text(DateTimeOffset instant) =>
        new DateTimeOffset((instant.UtcTicks + TimeSpan.TicksPerSecond - 1) / TimeSpan.TicksPerSecond * TimeSpan.TicksPerSecond, TimeSpan.Zero)
            .ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
}
