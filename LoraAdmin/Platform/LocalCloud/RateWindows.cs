using System.Globalization;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>The account's fixed windows: minute, hour, day. Each call counts in all three; a refused one counts in none.</summary>
public sealed class RateWindows(LocalCloudOptions options, AccountRecord account)
{
    private static readonly string[] Names = ["minute", "hour", "day"];
    private static readonly int[] Lengths = [60, 3600, 86400];
    private readonly int[] limits = [options.RequestsPerMinute, options.RequestsPerHour, options.RequestsPerDay];

    /// <summary>The <c>RateLimit-Policy</c> header.</summary>
    public string Policy { get; } = string.Create(
        CultureInfo.InvariantCulture,
        $"\"minute\";q={options.RequestsPerMinute};w=60, \"hour\";q={options.RequestsPerHour};w=3600, \"day\";q={options.RequestsPerDay};w=86400");

    /// <summary>Counts a call. Null: it may pass; else the first window that refuses it and the seconds until that window starts anew.</summary>
    public (string Window, int RetryAfter)? Count(DateTimeOffset now)
    {
        for (int i = 0; i < Lengths.Length; i++)
        {
            if (now - account.WindowStarts[i] >= TimeSpan.FromSeconds(Lengths[i]))
            {
                account.WindowStarts[i] = now;
                account.WindowCounts[i] = 0;
            }
        }

        for (int i = 0; i < Lengths.Length; i++)
        {
            if (account.WindowCounts[i] >= limits[i])
            {
                account.RateLimitViolations++;
                return (Names[i], SecondsLeft(i, now));
            }
        }

        for (int i = 0; i < Lengths.Length; i++)
        {
            account.WindowCounts[i]++;
        }

        return null;
    }

    /// <summary>The <c>RateLimit</c> header: what is left and when each window starts anew.</summary>
    public string Left(DateTimeOffset now) => string.Create(
        CultureInfo.InvariantCulture,
        $"\"minute\";r={Rest(0)};t={SecondsLeft(0, now)}, \"hour\";r={Rest(1)};t={SecondsLeft(1, now)}, \"day\";r={Rest(2)};t={SecondsLeft(2, now)}");

    private int Rest(int window) => Math.Max(0, limits[window] - account.WindowCounts[window]);

    private int SecondsLeft(int window, DateTimeOffset now) =>
        Math.Max(1, (int)Math.Ceiling((account.WindowStarts[window] + TimeSpan.FromSeconds(Lengths[window]) - now).TotalSeconds));
}
