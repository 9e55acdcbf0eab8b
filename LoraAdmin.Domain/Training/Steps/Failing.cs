namespace LoraAdmin.Domain.Training.Steps;

/// <summary>How long a job's looks have failed, counted only while somebody looked.</summary>
internal static class Failing
{
    /// <summary>Longer than any step takes: a job that was not written for this long was not looked at, because the portal or its database was down.</summary>
    private static readonly TimeSpan NobodyLooked = TimeSpan.FromMinutes(5);

    /// <summary>The job with the start of its failing looks noted, and for how long they have failed.</summary>
    public static (TrainingJob Job, TimeSpan For) Note(TrainingJob job, DateTimeOffset now)
    {
        DateTimeOffset since = job.FailingSince is { } noted && now - job.UpdatedAt < NobodyLooked ? noted : now;
        return (job with { FailingSince = since }, now - since);
    }
}
