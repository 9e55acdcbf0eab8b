namespace LoraAdmin.Domain.Breaker;

/// <summary>What a creation may carry from the check to its result.</summary>
/// <param name="Generation">Of the breaker when it was checked.</param>
/// <param name="Token">Unique per try: by it the one creation of a half-open breaker is known.</param>
/// <param name="IsProbe">One call without retries: its result decides.</param>
public sealed record BreakerPermit(long Generation, string Token, bool IsProbe);

/// <summary>What a failed creation does to the breaker.</summary>
public enum FailureEffect
{
    /// <summary>One more failure.</summary>
    Counted,

    /// <summary>None: the provider works and only gave no pod. A probe is given back, and another creation may be tried.</summary>
    Ignored,

    /// <summary>Isolates it: the provider does not accept the key.</summary>
    Isolated,
}

/// <summary>One verb of the breaker. Each is one atomic step on its state.</summary>
public abstract record CircuitCall
{
    private CircuitCall()
    {
    }

    /// <summary>What the worker has seen: a server that has less does nothing but say so.</summary>
    public CircuitMark Seen { get; init; } = CircuitMark.None;

    /// <summary>May a pod be asked for? While half open the first caller gets the probe; the same token gets it again.</summary>
    /// <param name="KeyMark">Of the provider's key, empty when unknown: another key than the refused one ends an isolation.</param>
    public sealed record Check(string Token, string Worker, string KeyMark) : CircuitCall;

    /// <param name="Id">Of the creation.</param>
    /// <param name="Words">The provider's own words.</param>
    public sealed record Failure(BreakerPermit Permit, string Id, string Worker, string Words, FailureEffect Effect, string KeyMark) : CircuitCall;

    public sealed record Success(BreakerPermit Permit, string Worker) : CircuitCall;

    /// <param name="For">Null: until a reset.</param>
    public sealed record Isolate(string By, string Reason, TimeSpan? For, string KeyMark) : CircuitCall;

    public sealed record Reset(string By, string Reason) : CircuitCall;

    /// <param name="Entries">How many entries of the history are wanted.</param>
    public sealed record Read(int Entries) : CircuitCall;

    /// <summary>What a worker found by itself while the server was away. The stricter of both holds, unless the server closed it later.</summary>
    /// <param name="Found">By the worker's clock.</param>
    /// <param name="At">Now, by the worker's clock: what counts are the lengths.</param>
    public sealed record Merge(string Worker, CircuitFindings Found, DateTimeOffset At) : CircuitCall;

    /// <summary>What the server had before it lost its data. Nothing happened by that: no entry and no generation is added.</summary>
    /// <param name="Known">By the worker's clock.</param>
    /// <param name="At">Now, by the worker's clock.</param>
    public sealed record Restore(string Worker, Circuit Known, DateTimeOffset At) : CircuitCall;
}

/// <summary>Words that a verb answers; part of the wire format.</summary>
public static class CircuitAnswers
{
    /// <summary>check: ask for the pod.</summary>
    public const string Go = "go";

    /// <summary>check: ask for the pod once; nobody else may.</summary>
    public const string Probe = "probe";
    public const string Open = "open";
    public const string Probing = "probing";
    public const string Isolated = "isolated";
    public const string Counted = "counted";
    public const string Opened = "opened";
    public const string Reopened = "reopened";
    public const string Ignored = "ignored";

    /// <summary>This creation is counted already.</summary>
    public const string Repeated = "repeated";

    /// <summary>The result of an older generation: it stands in the history and changed nothing.</summary>
    public const string Late = "late";

    /// <summary>The count begins anew.</summary>
    public const string Noted = "noted";
    public const string Closed = "closed";
    public const string Reset = "reset";
    public const string Read = "read";
    public const string Merged = "merged";
    public const string Restored = "restored";

    /// <summary>Nothing was done: the server has less than the worker has seen, and wants it back first.</summary>
    public const string Lost = "lost";
}

/// <param name="Answer">One of <see cref="CircuitAnswers"/>.</param>
/// <param name="Circuit">As it is after the verb.</param>
/// <param name="Now">The clock by which its instants count.</param>
public sealed record CircuitReply(string Answer, Circuit Circuit, DateTimeOffset Now)
{
    public CircuitStatus Status => Circuit.StatusAt(Now);
}
