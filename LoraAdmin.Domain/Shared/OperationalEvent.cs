namespace LoraAdmin.Domain.Shared;

public enum EventSeverity
{
    Info,
    Warning,
    Error,

    /// <summary>Money or files are being lost and nothing mends it by itself: a person must act now.</summary>
    Critical,
}

/// <summary>
/// A fact that survives a crash: it is written in the transaction that made it true. Log line, counter, incident, message to the user and live
/// update are idempotent consumers of it.
/// </summary>
public sealed record OperationalEvent
{
    /// <summary>Stable dotted kind, listed in the feature's <c>*Events</c> class, e.g. <c>training.job.accepted</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>One sentence for a person, without secrets.</summary>
    public required string Message { get; init; }

    public EventSeverity Severity { get; init; }

    public required Actor Actor { get; init; }

    public JobId? Job { get; init; }

    public LoraId? Lora { get; init; }

    public UserId? User { get; init; }

    /// <summary>Attempt of the job, from 1.</summary>
    public int? Attempt { get; init; }

    /// <summary>Name in the pod ledger.</summary>
    public string? Pod { get; init; }

    /// <summary>Reason label for counters: one of few fixed words, never free text.</summary>
    public string? Reason { get; init; }

    /// <summary>What this fact means to the incidents: most facts mean nothing to them.</summary>
    public IReadOnlyList<IncidentSignal> Signals { get; init; } = [];

    /// <summary>Set when the fact is a failure: it then has a row in <c>error_events</c> too.</summary>
    public ErrorDetail? Error { get; init; }
}

/// <summary>
/// That one thing is wrong, or right again. One incident is open per rule and subject; a fact that raises it once more only counts.
/// </summary>
/// <param name="Rule">Dotted name of what is watched, e.g. <c>pods.leaking</c>.</param>
/// <param name="Subject">What it is about: a pod's id, a job's id.</param>
/// <param name="Text">One sentence for a person; on <paramref name="Over"/>, how it ended.</param>
/// <param name="Over">It is right again.</param>
public sealed record IncidentSignal(string Rule, string Subject, string Text, bool Over = false)
{
    /// <summary>
    /// Set, with <see cref="Over"/>: the rule is over for every subject but these, whatever was open before. For a sender that knows the whole truth
    /// of the moment and not what it had told before it was started anew.
    /// </summary>
    public IReadOnlyList<string>? Except { get; init; }

    /// <summary>Whether it ends an incident of its rule about this subject.</summary>
    public bool Ends(string subject) => Over && (Except is { } left ? !left.Contains(subject) : subject == Subject);

    /// <summary>The rule is over for every subject but these.</summary>
    public static IncidentSignal OverExcept(string rule, IReadOnlyList<string> subjects, string text) => new(rule, "", text, Over: true) { Except = subjects };
}

/// <summary>What went wrong in the failing party's own words.</summary>
/// <param name="Code">Code of the failure table or a provider's code.</param>
/// <param name="Where">Part that failed: <c>runpod.create</c>, <c>agent.status</c>, <c>storage.put</c>, …</param>
/// <param name="ProviderWords">The answer of the other side, shortened and without secrets; null when there was none.</param>
/// <param name="CorrelationId">The request id that the other side gave or that we sent; null when there was none.</param>
public sealed record ErrorDetail(string Code, string Where, string? ProviderWords, string? CorrelationId);

/// <summary>Appends facts to the running unit of work: they are there when, and only when, it commits.</summary>
public interface IEventSink
{
    Task AppendAsync(OperationalEvent fact, CancellationToken cancellationToken);
}
