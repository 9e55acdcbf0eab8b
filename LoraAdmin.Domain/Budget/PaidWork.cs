using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>A job that was accepted and has no pod yet.</summary>
/// <param name="Attempt">From 1.</param>
public sealed record WaitingJob(JobId Job, int Attempt, string Name, DateTimeOffset Since);

/// <summary>What the pods and trainings of an attempt that are not over have cost by our own clock.</summary>
public sealed record RunningCost(JobId Job, int Attempt, Usd UntilNow, Usd PerHour);

/// <param name="Waiting">The first of the jobs that wait for a pod, longest waiting first.</param>
/// <param name="WaitingCount">All of them.</param>
/// <param name="CompletedLoras">LoRAs completed since the instant that was asked for.</param>
public sealed record PaidWorkNow(IReadOnlyList<WaitingJob> Waiting, int WaitingCount, IReadOnlyList<RunningCost> Running, int CompletedLoras);

/// <summary>
/// What the figures about money need to know of the work that it pays. Budget knows neither jobs nor pods; the feature that runs them implements this.
/// </summary>
public interface IPaidWork
{
    /// <summary>Reads in the caller's unit, so that money and work are of one moment.</summary>
    Task<PaidWorkNow> ReadAsync(IUnit unit, int mostWaiting, DateTimeOffset completedSince, DateTimeOffset now, CancellationToken cancellationToken);
}
