using System.Globalization;
using LoraAdmin.Domain.Training;
using LoraAdmin.Shell;

namespace LoraAdmin.Training;

/// <summary>Where a running training stands against its limit.</summary>
/// <param name="Finish">When it ends at its average pace; null while that says nothing yet.</param>
/// <param name="ElapsedPercent">Share of the bar, whose whole length is the later of limit and projected finish.</param>
public sealed record JobLimit(
    DateTimeOffset Limit, DateTimeOffset? Finish, bool Passes, double ElapsedPercent, double? FinishPercent, double LimitPercent, string Words);

/// <summary>The projected finish against the limit, for the job page.</summary>
public static class JobPageLimit
{
    /// <summary>Null unless the job trains and the agent has said when it began.</summary>
    public static JobLimit? Of(TrainingJob job, TimeSpan maxDuration, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(job);
        if (job.State != TrainingState.Training || job.StartedAt is not { } start)
        {
            return null;
        }

        DateTimeOffset limit = start + maxDuration;
        DateTimeOffset? finish = JobPageFigures.ProjectedFinish(job);
        bool passes = finish > limit;
        TimeSpan whole = passes ? finish!.Value - start : maxDuration;
        double Share(DateTimeOffset at) => Math.Clamp(100 * ((at - start) / whole), 0, 100);
        return new JobLimit(
            limit, finish, passes, Share(now), finish is { } end ? Share(end) : null, Share(limit), Words(limit, finish, now));
    }

    private static string Words(DateTimeOffset limit, DateTimeOffset? finish, DateTimeOffset now) => finish switch
    {
        _ when now > limit => $"Past its limit since {Clock(limit)}: it is being cancelled, its file first.",
        null => $"No pace yet. It is cancelled at {Clock(limit)} if it has not ended.",
        { } end when end > limit => $"At this pace it ends at {Clock(end)}, {Relative.Duration(end - limit)} after its limit: it would be cancelled at {Clock(limit)} and its money lost.",
        { } end => $"At this pace it ends at {Clock(end)}, {Relative.Duration(limit - end)} before its limit at {Clock(limit)}.",
    };

    private static string Clock(DateTimeOffset at) => at.UtcDateTime.ToString("HH:mm 'UTC'", CultureInfo.InvariantCulture);
}
