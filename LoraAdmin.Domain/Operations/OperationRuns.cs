using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Operations;

/// <summary>Why a run began.</summary>
public enum RunTrigger
{
    Schedule,

    /// <summary>An instant was missed while nobody was there to run it.</summary>
    CatchUp,

    /// <summary>A person pressed a button.</summary>
    Person,

    /// <summary>A person approved what the caps had held back.</summary>
    Approval,

    /// <summary>A run before it was interrupted.</summary>
    Recovery,
}

public enum RunState
{
    Running,
    Succeeded,

    /// <summary>Some items failed; all others had their turn.</summary>
    PartlyFailed,
    Failed,
    Cancelled,

    /// <summary>Its process ended before it did.</summary>
    Interrupted,
}

/// <summary>A person asked for the run's end.</summary>
public sealed record CancelAsk(Actor By, string Reason, DateTimeOffset At)
{
    /// <summary>The outcome of a run that ended by it.</summary>
    internal string Words => $"Cancelled by {By.Name}: {Reason}";
}

/// <summary>One run of an operation, written at its start and at its end.</summary>
public sealed record OperationRun
{
    /// <summary>Lease of a run whose process is known to be gone. It is over by any clock.</summary>
    public static readonly DateTimeOffset NoLease = DateTimeOffset.UnixEpoch;

    public required Guid Id { get; init; }

    public required string Operation { get; init; }

    /// <summary>Rises by one with every run of the operation: its number for people, and the fence that each of its writes proves.</summary>
    public required long Number { get; init; }

    public required RunTrigger Trigger { get; init; }

    /// <summary>The scheduled instant that it runs for; null when a person started it.</summary>
    public DateTimeOffset? Instant { get; init; }

    public required Actor StartedBy { get; init; }

    /// <summary>What the person gave as reason.</summary>
    public string? Reason { get; init; }

    public required RunState State { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Which running portal works on it.</summary>
    public required string Instance { get; init; }

    /// <summary>Renewed while it runs; when it is over, the run is interrupted.</summary>
    public required DateTimeOffset LeaseUntil { get; init; }

    public Guid? Plan { get; init; }

    /// <summary>Items that it was to apply; for a set, rows.</summary>
    public long Planned { get; init; }

    public long Done { get; init; }

    public long Ineligible { get; init; }

    public long Failed { get; init; }

    /// <summary>How it ended, in one sentence.</summary>
    public string? Outcome { get; init; }

    public CancelAsk? Cancel { get; init; }

    /// <summary>The interrupted run that this one goes on from.</summary>
    public Guid? Resumes { get; init; }

    /// <summary>The run that went on from this one.</summary>
    public Guid? ResumedBy { get; init; }

    /// <summary>From 1; how many runs in a row were interrupted before this one, and one.</summary>
    public int Attempt { get; init; } = 1;

    public IReadOnlyList<Figure> Before { get; init; } = [];

    public IReadOnlyList<Figure> After { get; init; } = [];

    /// <summary>Items that had their turn.</summary>
    public long Ended => Done + Ineligible + Failed;

    /// <summary>Null also when the clock was set back under it.</summary>
    public TimeSpan? Duration => EndedAt >= StartedAt ? EndedAt - StartedAt : null;
}

/// <param name="Number">From 1 within the run.</param>
public sealed record RunLine(int Number, DateTimeOffset At, EventSeverity Severity, string Text);

/// <summary>That a run is alive and still has its fence.</summary>
/// <param name="Cancel">A person asked for its end.</param>
public sealed record RunPulse(CancelAsk? Cancel);

/// <summary>What a person looks for in the history; null parts match everything.</summary>
/// <param name="Text">Part of an outcome, a reason or a name of who started it.</param>
public sealed record RunFilter(string? Operation, IReadOnlyList<RunState> States, string? Text)
{
    public static readonly RunFilter All = new(null, [], null);
}

/// <summary>Where a page of the history ended.</summary>
public sealed record RunCursor(DateTimeOffset StartedAt, Guid Id);

/// <param name="Next">Null: there are no older ones.</param>
public sealed record RunPage(IReadOnlyList<OperationRun> Runs, RunCursor? Next);

/// <summary>How much history of an operation may go.</summary>
/// <param name="Oldest">When the first of them began.</param>
/// <param name="Newest">When the last of them began.</param>
public sealed record OldRuns(string Operation, int Count, DateTimeOffset Oldest, DateTimeOffset Newest);
