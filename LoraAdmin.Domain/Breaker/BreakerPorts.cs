using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Breaker;

public abstract record StoreAnswer
{
    private StoreAnswer()
    {
    }

    public sealed record Answered(CircuitReply Reply) : StoreAnswer;

    /// <summary>To a check: go. No failure is in the window, and all else is as the worker has seen it.</summary>
    public sealed record Unchanged : StoreAnswer
    {
        /// <summary>The same in full. Null when the worker has seen something else after all.</summary>
        /// <param name="known">What the worker had seen when it asked, by its clock.</param>
        /// <param name="now">By its clock.</param>
        public static CircuitReply? Of(Circuit known, DateTimeOffset now) => known is { IsOpen: false, Isolation: null }
            ? new CircuitReply(CircuitAnswers.Go, known with { Probe = null, Failures = [], History = [] }, now)
            : null;
    }

    /// <summary>Whether the verb was done is not known.</summary>
    /// <param name="Why">For a person, without secrets.</param>
    public sealed record Away(string Why) : StoreAnswer;
}

/// <summary>
/// The state that all workers share. Every verb is one atomic step by one clock of its own. No member throws for an outside failure; an answer comes
/// within a short time-out, or it is away. Source: Redis, docs/breaker.md.
/// </summary>
public interface ICircuitStore
{
    Task<StoreAnswer> CallAsync(CircuitCall call, CancellationToken cancellationToken);
}

/// <summary>The breaker as this worker has it: shared while the store answers, its own meanwhile. Never throws for an outside failure.</summary>
public interface IBreaker
{
    /// <summary>The newest state known, without asking.</summary>
    BreakerView View { get; }

    /// <returns>By the clock of this worker.</returns>
    Task<CircuitReply> CallAsync(CircuitCall call, CancellationToken cancellationToken);
}

/// <summary>What is already told of one provider's shared breaker, and how it was then.</summary>
/// <param name="Circuit">With it the breaker begins when Redis has lost its data while no portal ran.</param>
public sealed record BreakerTold(string Born, long Entries, Circuit Circuit);

/// <summary>Bound to a unit of work.</summary>
public interface IBreakerToldStore
{
    /// <param name="provider">Of <see cref="BreakerSubject.Provider"/>.</param>
    Task<BreakerTold?> FindAsync(string provider, CancellationToken cancellationToken);

    /// <summary>Writes the row if it is still as <paramref name="before"/> (null: absent) in <c>Born</c> and <c>Entries</c>. False: somebody was faster.</summary>
    Task<bool> SaveAsync(string provider, BreakerTold? before, BreakerTold next, CancellationToken cancellationToken);
}

/// <summary>Whose creations a breaker guards. Each has keys of its own in Redis.</summary>
/// <param name="Provider">As keys and incidents name it.</param>
/// <param name="Name">As people know it.</param>
/// <param name="Creates">What is created there.</param>
/// <param name="KeyOption">The option with its key.</param>
public sealed record BreakerSubject(string Provider, string Name, string Creates, string KeyOption)
{
    public static readonly BreakerSubject RunPod = new(BreakerIncidents.Provider, "RunPod", "pod", "RunPod:ApiKey");
    public static readonly BreakerSubject Replicate = new("replicate", "Replicate", "training", "Replicate:ApiToken");

    /// <summary>How its breaker closes, in words.</summary>
    public string Made => $"a {Creates} was created";
}

/// <summary>Kinds of facts that the breaker appends.</summary>
public static class BreakerEvents
{
    public const string Opened = "breaker.opened";
    public const string Reopened = "breaker.reopened";
    public const string Prolonged = "breaker.prolonged";
    public const string Closed = "breaker.closed";
    public const string Isolated = "breaker.isolated";
    public const string IsolationOver = "breaker.isolation_over";
    public const string Reset = "breaker.reset";
    public const string IsolateRequested = "breaker.isolate_requested";
    public const string ResetRequested = "breaker.reset_requested";

    /// <summary>Redis does not answer: this worker decides by itself.</summary>
    public const string RedisAway = "breaker.redis_away";
    public const string RedisBack = "breaker.redis_back";
}

/// <summary>Rules of incidents about the breaker.</summary>
public static class BreakerIncidents
{
    /// <summary>M10: it is open, or half open. The subject is the provider.</summary>
    public const string Open = "breaker.open";

    /// <summary>It is held open. The subject is the provider.</summary>
    public const string Isolated = "breaker.isolated";
    public const string Provider = "runpod";

    /// <summary>The subject is <see cref="RedisSubject"/>.</summary>
    public const string RedisAway = "breaker.redis_away";
    public const string RedisSubject = "redis";
}
