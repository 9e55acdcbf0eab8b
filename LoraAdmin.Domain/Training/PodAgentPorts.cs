using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <summary>Which agent to talk to and how to prove that we are its portal.</summary>
/// <param name="PodId">Goes into the URL template; matches <c>^[a-z0-9]{4,64}$</c>.</param>
/// <param name="PodName">The ledger name: the token is HMAC-SHA256(installation's agent key, name).</param>
public sealed record AgentAddress(string PodId, string PodName);

/// <summary>What the agent is doing.</summary>
public enum AgentPhase
{
    /// <summary>Fresh boot: takes images and waits for a start.</summary>
    Idle,
    Training,

    /// <summary>Training has ended; validation images are being made.</summary>
    Validating,

    /// <summary>Everything is ready to be fetched.</summary>
    Done,
    Failed,

    /// <summary>Ended by a stop.</summary>
    Stopped,
}

/// <param name="ImagesHeld">Numbers of the images that the agent has whole.</param>
/// <param name="TrainingStartedAt">By the agent's clock; null before the start.</param>
/// <param name="Artifact">Present from the end of training on.</param>
/// <param name="ValidationImages">How many validation images can be fetched.</param>
/// <param name="Error">Why it failed, in the agent's words.</param>
public sealed record AgentStatus(
    AgentPhase Phase,
    IReadOnlyList<int> ImagesHeld,
    DateTimeOffset? TrainingStartedAt,
    DateTimeOffset? TrainingEndedAt,
    int Step,
    int TotalSteps,
    double? Loss,
    ArtifactInfo? Artifact,
    int ValidationImages,
    string? Error);

public enum AgentFailure
{
    /// <summary>Nothing answers behind the pod's address (yet): proxy 404, 502, 524, refused, time-out.</summary>
    Unreachable,

    /// <summary>The agent does not accept our token: it is not the pod we asked for.</summary>
    Unauthorized,

    /// <summary>4xx: the agent refuses the request as it is.</summary>
    Refused,

    /// <summary>5xx or an answer that breaks the contract or a bound.</summary>
    Broken,
}

/// <summary>An agent's answer, or why there is none.</summary>
public sealed record AgentReply<T>
    where T : class
{
    private AgentReply(T? value, AgentFailure failure, string? detail)
    {
        Value = value;
        Failure = failure;
        Detail = detail;
    }

    /// <summary>Null when the call failed.</summary>
    public T? Value { get; }

    /// <summary>Meaningful only when <see cref="Value"/> is null.</summary>
    public AgentFailure Failure { get; }

    public string? Detail { get; }

#pragma warning disable CA1000 // A reply is made by naming its type once, at the client.
    public static AgentReply<T> Ok(T value) => new(value, default, null);

    public static AgentReply<T> Failed(AgentFailure failure, string detail) => new(null, failure, detail);
#pragma warning restore CA1000
}

/// <summary>
/// A bounded piece of the trained file. Caller disposes the content. Reading it gives exactly <paramref name="LengthBytes"/>, or throws an
/// <see cref="IOException"/> when the connection breaks, the time-out passes or the agent sends less.
/// </summary>
/// <param name="TotalBytes">Size of the whole file as this answer says it.</param>
public sealed record ArtifactRange(Stream Content, long Offset, long LengthBytes, long TotalBytes);

/// <param name="Score">0 to 1.</param>
public sealed record AgentValidationImage(byte[] Jpeg, double Score);

/// <summary>Nothing to say but that it was done.</summary>
public sealed record AgentAck;

/// <param name="Sha256">64 lower-case hex digits; the agent refuses an image that does not match.</param>
public sealed record AgentImage(int Number, string ContentType, long SizeBytes, string Sha256);

/// <summary>What to train. The same order sent twice starts one training.</summary>
/// <param name="Images">How many images the agent must hold before it starts.</param>
public sealed record TrainingOrder(JobId Job, LoraId Lora, string Name, int Images, int ValidationImages, TimeSpan MaxDuration);

/// <summary>
/// The small HTTP service in our trainer image (docs/pod-agent.md). All traffic goes from portal to agent, over the provider's proxy, which ends
/// any connection at 100 s. Every authenticated call renews the dead-man lease. Callers: the conductor, the
/// fetching of held pods' files, and whoever needs a proof about a pod's file. No member throws for an outside failure.
/// </summary>
public interface IPodAgent
{
    /// <summary>Upper bound of one artifact range, in bytes (at most 64 MB: what passes the proxy in 100 s).</summary>
    long MaxRangeBytes { get; }

    Task<AgentReply<AgentStatus>> ReadStatusAsync(AgentAddress agent, CancellationToken cancellationToken);

    Task<AgentReply<AgentAck>> PutImageAsync(AgentAddress agent, AgentImage image, Stream content, CancellationToken cancellationToken);

    Task<AgentReply<AgentAck>> StartAsync(AgentAddress agent, TrainingOrder order, CancellationToken cancellationToken);

    Task<AgentReply<ArtifactRange>> ReadArtifactAsync(AgentAddress agent, long offset, long length, CancellationToken cancellationToken);

    Task<AgentReply<AgentValidationImage>> ReadValidationAsync(AgentAddress agent, int number, CancellationToken cancellationToken);

    Task<AgentReply<AgentAck>> RenewLeaseAsync(AgentAddress agent, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>Ends the training; a finished file stays.</summary>
    Task<AgentReply<AgentAck>> StopAsync(AgentAddress agent, CancellationToken cancellationToken);
}
