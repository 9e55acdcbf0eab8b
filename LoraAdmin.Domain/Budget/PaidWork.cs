using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>A job that was accepted and has no pod yet.</summary>
/// <param name="Attempt">From 1.</param>
public sealed record WaitingJob(JobId Job, int Attempt, string Name, DateTimeOffset Since);

/// <summary>What the pods and trainings of an attempt that are not over have cost by our own clock.</summary>
/// <param name="IsByClockAlone">Nobody has lately said that they still run: no more is counted than was reserved.</param>
public sealed record RunningCost(JobId Job, int Attempt, Usd UntilNow, Usd PerHour, bool IsByClockAlone = false)
{
    /// <summary>What it has cost since it was last booked.</summary>
    /// <param name="reservation">What is open for the attempt; null: nothing.</param>
    public Usd Unbooked(Reservation? reservation, DateTimeOffset now)
    {
        Usd more = reservation?.AccruedAt is { } at ? PerHour.PerHourFor(now - at) : UntilNow;
        return IsByClockAlone && reservation is not null && more > reservation.Rest ? reservation.Rest : more;
    }
}

/// <param name="Waiting">The first of the jobs that wait for a pod, longest waiting first.</param>
/// <param name="WaitingCount">All of them.</param>
/// <param name="CompletedLoras">LoRAs completed since the instant that was asked for.</param>
public sealed record PaidWorkNow(IReadOnlyList<WaitingJob> Waiting, int WaitingCount, IReadOnlyList<RunningCost> Running, int CompletedLoras);

/// <summary>
/// What the figures about money need to know of the work that it pays, answered by <see cref="PaidWorkNow"/> of the same moment. Budget knows neither jobs
/// nor pods; the feature that runs them answers.
/// </summary>
/// <param name="MostWaiting">How many of the jobs that wait are listed.</param>
public sealed record PaidWorkQuestion(int MostWaiting, DateTimeOffset CompletedSince, DateTimeOffset Now);
