using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>A job that was accepted and has no pod yet.</summary>
/// <param name="Attempt">From 1.</param>
public sealed record WaitingJob(JobId Job, int Attempt, string Name, DateTimeOffset Since);

/// <summary>What an attempt of which something still runs has cost by our own clock; or a pod that no attempt reserved for.</summary>
/// <param name="UntilNow">As far as it is to be booked, parts that are gone already included.</param>
/// <param name="Booked">How much of it is in an entry of the ledger.</param>
/// <param name="BookedUntil">When that was booked last; when its cost began where nothing of it is.</param>
/// <param name="PerHour">What still runs of it; a pod whose price is not known yet with the worst.</param>
public sealed record RunningCost(JobId Job, int Attempt, Usd UntilNow, Usd Booked, DateTimeOffset BookedUntil, Usd PerHour)
{
    /// <summary>In <see cref="PerHour"/> is a price that is not known yet.</summary>
    public bool IsAtWorst { get; init; }

    /// <summary>The month that its open reservation counts in; null: it has none, and what the next booking adds counts in the calendar's.</summary>
    public Month? Month { get; init; }

    /// <summary>What that reservation still holds: the next booking takes of it first, and what it does not cover counts in the calendar's month.</summary>
    public Usd Rest { get; init; }

    /// <summary>What the next booking adds, to whichever months.</summary>
    public Usd Unbooked => UntilNow > Booked ? UntilNow - Booked : Usd.Zero;

    /// <summary>What of it counts in the calendar's month.</summary>
    public Usd UnbookedIn(Month calendar) =>
        Month is not { } its || its == calendar ? Unbooked
        : Unbooked > Rest ? Unbooked - Rest
        : Usd.Zero;
}

/// <param name="Waiting">The first of the jobs that wait for a pod, longest waiting first.</param>
/// <param name="WaitingCount">All of them.</param>
/// <param name="CompletedLoras">LoRAs completed since the instant that was asked for.</param>
public sealed record PaidWorkNow(IReadOnlyList<WaitingJob> Waiting, int WaitingCount, IReadOnlyList<RunningCost> Running, int CompletedLoras)
{
    /// <summary>Jobs that have ended and still have an open reservation.</summary>
    public IReadOnlySet<JobId> Ended { get; init; } = new HashSet<JobId>();
}

/// <summary>
/// What the figures about money need to know of the work that it pays, answered by <see cref="PaidWorkNow"/> of the same moment. Budget knows neither jobs
/// nor pods; the feature that runs them answers.
/// </summary>
/// <param name="MostWaiting">How many of the jobs that wait are listed.</param>
public sealed record PaidWorkQuestion(int MostWaiting, DateTimeOffset CompletedSince, DateTimeOffset Now);
