using System.Collections.Concurrent;
using LoraAdmin.Domain.Operations;
using Quartz;

namespace LoraAdmin.Operations;

/// <summary>Cron texts as the scheduler reads them: Quartz's own expression class, and nothing else of it.</summary>
public sealed class QuartzCrons : ICronSchedules
{
    /// <summary>Far more than there are schedules; texts that people try out are forgotten with all others.</summary>
    private const int MostKnown = 200;

    /// <summary>Longer than any clock was ever set back.</summary>
    private static readonly TimeSpan BeforeAnyChange = TimeSpan.FromHours(4);

    private readonly ConcurrentDictionary<(string Cron, string TimeZone), CronExpression> known = new();

    public CronReading Read(string cron, string timeZone, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(cron);
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(timeZone, out TimeZoneInfo? zone))
        {
            return new CronReading.NoTimeZone();
        }

        if (CronFields.WhyNot(cron) is { } why)
        {
            return new CronReading.Unreadable(why);
        }

        try
        {
            return new CronExpression(cron, zone).GetNextValidTimeAfter(now) is null ? new CronReading.NeverFires() : new CronReading.Valid();
        }
        catch (FormatException)
        {
            return new CronReading.Unreadable("the scheduler knows no such text");
        }
    }

    public DateTimeOffset? NextAfter(string cron, string timeZone, DateTimeOffset after)
    {
        try
        {
            if (known.Count > MostKnown)
            {
                known.Clear();
            }

            CronExpression expression = known.GetOrAdd((cron, timeZone), static key => new CronExpression(key.Cron, TimeZoneInfo.FindSystemTimeZoneById(key.TimeZone)));
            DateTimeOffset? next = expression.GetNextValidTimeAfter(after);
            while (next is { } found && IsReadTwice(expression, found))
            {
                next = expression.GetNextValidTimeAfter(found);
            }

            return next?.ToUniversalTime();
        }
        catch (Exception failure) when (failure is FormatException or TimeZoneNotFoundException)
        {
            throw new ArgumentException($"\"{cron}\" in {timeZone} can't be read: {failure.Message}", nameof(cron), failure);
        }
    }

    /// <summary>
    /// When the clocks go back, Quartz gives the second reading of an hour to whoever asks from within it, and not to whoever asks from before: what is
    /// an instant must not depend on when one asks.
    /// </summary>
    private static bool IsReadTwice(CronExpression expression, DateTimeOffset found)
    {
        if (!expression.TimeZone.IsAmbiguousTime(found))
        {
            return false;
        }

        DateTimeOffset? next = expression.GetNextValidTimeAfter(found - BeforeAnyChange);
        while (next < found)
        {
            next = expression.GetNextValidTimeAfter(next.Value);
        }

        return next > found || next is null;
    }
}
