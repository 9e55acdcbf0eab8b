namespace LoraAdmin.Domain.Breaker;

/// <summary>What the breaker does with a creation now.</summary>
public enum CircuitStatus
{
    /// <summary>Creations go through.</summary>
    Closed,

    /// <summary>No creation goes through before its time is over.</summary>
    Open,

    /// <summary>Its time is over: exactly one creation goes through, and its result decides.</summary>
    HalfOpen,

    /// <summary>Held open by a person, or because the provider does not accept the key.</summary>
    Isolated,
}

/// <summary>A creation that failed.</summary>
/// <param name="Id">Of the creation: it counts once, however often it is told.</param>
/// <param name="Worker">Who tried it.</param>
/// <param name="Words">The provider's own words.</param>
public sealed record CircuitFailure(string Id, DateTimeOffset At, string Worker, string Words);

/// <param name="Until">When it ends by itself; null: until a reset.</param>
/// <param name="KeyMark">Set when the provider did not accept this key (<see cref="KeyMarks"/>): another key ends the isolation.</param>
public sealed record Isolation(string By, string Reason, DateTimeOffset At, DateTimeOffset? Until, string KeyMark)
{
    /// <summary>The portal isolated it by itself because the provider did not accept the key; else a person did.</summary>
    public bool IsOfTheKey => KeyMark.Length > 0;
}

/// <summary>The one creation that may go through while the breaker is half open.</summary>
/// <param name="Until">Then another one may, whatever became of this one.</param>
public sealed record Probe(string Token, string Worker, DateTimeOffset Until);

/// <summary>Kinds of entries in the breaker's history; part of its wire format.</summary>
public static class CircuitEntryKinds
{
    public const string Opened = "opened";

    /// <summary>The creation that was tried has failed.</summary>
    public const string Reopened = "reopened";
    public const string Closed = "closed";
    public const string Isolated = "isolated";
    public const string IsolationOver = "isolation_over";
    public const string Reset = "reset";

    /// <summary>A worker that went by itself while Redis was away found it open, and for longer.</summary>
    public const string Prolonged = "prolonged";

    /// <summary>A failure of an older generation: it changed nothing.</summary>
    public const string Late = "late";

    /// <summary>A success of an older generation: it changed nothing.</summary>
    public const string LateSuccess = "late_success";
}

/// <param name="Number">Counts from 1; a gap is what nobody had read before the server lost it.</param>
/// <param name="Kind">One of <see cref="CircuitEntryKinds"/>.</param>
/// <param name="Failures">Those that caused it.</param>
public sealed record CircuitEntry(
    long Number, DateTimeOffset At, string Kind, long Generation, string By, string Reason, IReadOnlyList<CircuitFailure> Failures);

/// <summary>How much of the data somebody has seen. A server that has less has lost the rest.</summary>
/// <param name="Born">Empty: nothing.</param>
/// <param name="Generation">Tells two lives apart that went on otherwise after a loss and are equally long.</param>
public sealed record CircuitMark(string Born, long Entries, long Generation)
{
    public static readonly CircuitMark None = new("", 0, 0);
}

/// <summary>The whole state of a breaker, by the clock of whoever keeps it, in whole milliseconds.</summary>
public sealed record Circuit
{
    /// <summary>How many entries of the history are kept.</summary>
    public const int EntriesKept = 200;

    public static readonly Circuit Fresh = new();

    /// <summary>
    /// Marks one life of the data, by the moment at which it began: a server that lost it begins another one, until it gets the older one back. Empty:
    /// nothing was ever written.
    /// </summary>
    public string Born { get; init; } = "";

    /// <summary>Rises whenever it opens, closes, is isolated or reset. A result that carries an older one changes nothing.</summary>
    public long Generation { get; init; }

    public bool IsOpen { get; init; }
    public DateTimeOffset? OpenedAt { get; init; }
    public DateTimeOffset? OpenUntil { get; init; }
    public DateTimeOffset? ClosedAt { get; init; }

    /// <summary>Trips since the last healthy day.</summary>
    public int Trips { get; init; }

    /// <summary>Number of the newest entry of the history.</summary>
    public long Entries { get; init; }

    public Isolation? Isolation { get; init; }
    public Probe? Probe { get; init; }

    /// <summary>Counted failures inside the window that no success followed, oldest first.</summary>
    public IReadOnlyList<CircuitFailure> Failures { get; init; } = [];

    /// <summary>Newest first; as many as were asked for.</summary>
    public IReadOnlyList<CircuitEntry> History { get; init; } = [];

    /// <summary>The failures that opened it, while it is open, as far back as the history was asked for.</summary>
    public IReadOnlyList<CircuitFailure> Causes => OpenedAt is { } at
        ? History.FirstOrDefault(entry => entry.At == at && entry.Kind is CircuitEntryKinds.Opened or CircuitEntryKinds.Reopened)?.Failures ?? []
        : [];

    public CircuitMark Mark => new(Born, Entries, Generation);

    /// <summary>Has less than somebody has seen: its life is a later one, or it has not come as far.</summary>
    public bool IsBehind(CircuitMark seen)
    {
        ArgumentNullException.ThrowIfNull(seen);
        int order = string.CompareOrdinal(seen.Born, Born);
        return seen.Born.Length > 0 && (Born.Length == 0 || order < 0 || (order == 0 && Entries < seen.Entries));
    }

    public CircuitStatus StatusAt(DateTimeOffset now) =>
        IsIsolatedAt(now) ? CircuitStatus.Isolated : !IsOpen ? CircuitStatus.Closed : now < OpenUntil ? CircuitStatus.Open : CircuitStatus.HalfOpen;

    public bool IsIsolatedAt(DateTimeOffset now) => Isolation is { Until: var until } && !(until <= now);

    /// <summary>Somebody tries a creation now, and the others wait for its result.</summary>
    public Probe? ProbeAt(DateTimeOffset now) => Probe?.Until > now ? Probe : null;

    /// <summary>The same by a clock that shows <paramref name="ahead"/> more.</summary>
    public Circuit ByClock(TimeSpan ahead) => ahead == TimeSpan.Zero ? this : this with
    {
        OpenedAt = OpenedAt + ahead,
        OpenUntil = OpenUntil + ahead,
        ClosedAt = ClosedAt + ahead,
        Isolation = Isolation is null ? null : Isolation with { At = Isolation.At + ahead, Until = Isolation.Until + ahead },
        Probe = Probe is null ? null : Probe with { Until = Probe.Until + ahead },
        Failures = ByClock(Failures, ahead),
        History = [.. History.Select(entry => entry with { At = entry.At + ahead, Failures = ByClock(entry.Failures, ahead) })],
    };

    private static List<CircuitFailure> ByClock(IReadOnlyList<CircuitFailure> failures, TimeSpan ahead) =>
        [.. failures.Select(failure => failure with { At = failure.At + ahead })];
}
