namespace LoraAdmin.Domain.Operations;

/// <summary>What became of one scheduled instant. Every instant ends as exactly one of the last four.</summary>
public enum OccurrenceState
{
    /// <summary>
    /// A run is to begin for it that has not: it was missed and is to be made up for, or it was fired on time and waits for RunPod's word on the clock.
    /// </summary>
    Owed,

    /// <summary>A run is at work for it.</summary>
    Claimed,

    /// <summary>A run began within the grace.</summary>
    Ran,

    /// <summary>A run began after the grace, or after an interruption.</summary>
    Late,

    /// <summary>Nothing ran, on purpose; the reason says why.</summary>
    Skipped,

    /// <summary>Nothing ran for it; a later run may have made up for it.</summary>
    Missed,
}

/// <summary>One scheduled instant of an operation.</summary>
/// <param name="Why">For skipped and missed ones, and for those that were fired and wait: what for. For those that a run was made for: how it failed.</param>
/// <param name="Run">The run that was made for it.</param>
/// <param name="MadeUpBy">For missed ones: the run that made up for it; null: none did.</param>
public sealed record Occurrence(string Operation, DateTimeOffset Instant, OccurrenceState State, string? Why, Guid? Run, Guid? MadeUpBy, DateTimeOffset? EndedAt)
{
    /// <summary>A run began for it, which failed, whole or in part, as far as the instant itself knows. Its run knows better, while it is kept.</summary>
    public bool HasFailed => State is OccurrenceState.Ran or OccurrenceState.Late && Why is not null;

    public bool IsOpen => State is OccurrenceState.Owed or OccurrenceState.Claimed;

    /// <summary>A clock that was ahead has written it: no run was made for it, and it is still to come, or was noted as missed at a time that is.</summary>
    public bool IsAheadOf(DateTimeOffset now) => Run is null && (Instant > now || (State == OccurrenceState.Missed && EndedAt > now));
}

/// <summary>How many instants of a day ended in a state.</summary>
/// <param name="HasFailed">A run began for each of these, and failed, whole or in part. All others of the state are counted apart.</param>
public sealed record OccurrenceDay(DateOnly Day, OccurrenceState State, int Count, bool HasFailed = false);
