using System.Text.Json.Serialization;

namespace LoraAdmin.Api;

// Null members are written: a caller sees every member of the contract in every answer.

/// <summary>The JSON body of <c>POST /training-jobs</c>; documentation only, it is read by hand for precise errors.</summary>
public sealed record SubmitBody(
    [property: JsonPropertyName("user_id")] Guid UserId,
    string Name,
    [property: JsonPropertyName("creator_email")] string CreatorEmail,
    [property: JsonPropertyName("training_images")] IReadOnlyList<string> TrainingImages,
    [property: JsonPropertyName("gpu_type")] string? GpuType = null);

/// <param name="Reason">1 to 500 characters.</param>
public sealed record CancelBody(string Reason);

/// <param name="Status">The shared word of the job: <c>queued</c>, <c>training</c>, <c>validating</c>, <c>completed</c>, <c>failed</c>, <c>cancelled</c>.</param>
public sealed record AcceptedAnswer(Guid Id, [property: JsonPropertyName("lora_id")] Guid LoraId, string Status);

/// <param name="Accepted"><c>cancel</c> or <c>retry</c>; the job itself tells when it is done.</param>
/// <param name="State">For a retry the state in which the job goes on; null for a cancellation, which the job's next step carries out.</param>
public sealed record CommandAnswer(Guid Id, string Accepted, string? State);

public sealed record FailureAnswer(string Code, string Message, string? Detail);

public sealed record AttemptAnswer(
    [property: JsonNumberHandling(JsonNumberHandling.Strict)] int Number,
    string Provider,
    string State,
    [property: JsonPropertyName("started_at")] DateTimeOffset StartedAt,
    [property: JsonPropertyName("ended_at")] DateTimeOffset? EndedAt,
    [property: JsonPropertyName("failure_code")] string? FailureCode,
    [property: JsonPropertyName("cost_usd"), JsonNumberHandling(JsonNumberHandling.Strict)] decimal? CostUsd);

public sealed record ProgressAnswer(
    [property: JsonNumberHandling(JsonNumberHandling.Strict)] int Step,
    [property: JsonPropertyName("total_steps"), JsonNumberHandling(JsonNumberHandling.Strict)] int TotalSteps,
    [property: JsonNumberHandling(JsonNumberHandling.Strict)] double? Loss,
    [property: JsonPropertyName("heartbeat_at")] DateTimeOffset HeartbeatAt);

/// <summary>The trained file, once storage has verified it.</summary>
public sealed record FileAnswer(
    [property: JsonPropertyName("size_bytes"), JsonNumberHandling(JsonNumberHandling.Strict)] long SizeBytes,
    string Sha256);

public sealed record JobAnswer
{
    public required Guid Id { get; init; }
    [JsonPropertyName("lora_id")] public required Guid LoraId { get; init; }
    [JsonPropertyName("user_id")] public required Guid UserId { get; init; }
    public required string Name { get; init; }

    /// <summary>The shared word: coarse, stable, what other systems of the service read as well.</summary>
    public required string Status { get; init; }

    /// <summary>The fine state.</summary>
    public required string State { get; init; }

    /// <summary>Why the job does not move at the moment, for a person.</summary>
    [JsonPropertyName("wait_reason")] public required string? WaitReason { get; init; }

    public required IReadOnlyList<AttemptAnswer> Attempts { get; init; }
    public required FailureAnswer? Failure { get; init; }
    public required ProgressAnswer? Progress { get; init; }

    /// <summary>All attempts together; null until each of them is settled.</summary>
    [JsonPropertyName("cost_usd"), JsonNumberHandling(JsonNumberHandling.Strict)] public required decimal? CostUsd { get; init; }

    public required FileAnswer? File { get; init; }
    [JsonPropertyName("created_at")] public required DateTimeOffset CreatedAt { get; init; }
    [JsonPropertyName("started_at")] public required DateTimeOffset? StartedAt { get; init; }
    [JsonPropertyName("completed_at")] public required DateTimeOffset? CompletedAt { get; init; }

    /// <summary>Once the job is over: <c>pending</c> while a pod of it may still cost money, <c>done</c> when all are verified gone.</summary>
    [JsonPropertyName("cleanup_status")] public required string? CleanupStatus { get; init; }

    /// <summary>Why nobody judged a completed LoRA by validation images; null when somebody did.</summary>
    [JsonPropertyName("not_validated")] public required string? NotValidated { get; init; }
}

public sealed record JobLineAnswer
{
    public required Guid Id { get; init; }
    [JsonPropertyName("lora_id")] public required Guid LoraId { get; init; }
    [JsonPropertyName("user_id")] public required Guid UserId { get; init; }
    public required string Name { get; init; }
    [JsonPropertyName("creator_email")] public required string CreatorEmail { get; init; }
    public required string Status { get; init; }
    public required string State { get; init; }
    [JsonPropertyName("wait_reason")] public required string? WaitReason { get; init; }
    public required FailureAnswer? Failure { get; init; }

    /// <summary>All attempts together; null until each of them is settled.</summary>
    [JsonPropertyName("cost_usd"), JsonNumberHandling(JsonNumberHandling.Strict)] public required decimal? CostUsd { get; init; }
    [JsonPropertyName("created_at")] public required DateTimeOffset CreatedAt { get; init; }
    [JsonPropertyName("completed_at")] public required DateTimeOffset? CompletedAt { get; init; }
}

/// <param name="NextCursor">Null on the last page.</param>
public sealed record JobListAnswer(IReadOnlyList<JobLineAnswer> Items, [property: JsonPropertyName("next_cursor")] string? NextCursor);

/// <param name="Link">Opens the picture for an hour; null while it is not in storage.</param>
public sealed record ValidationAnswer(
    [property: JsonNumberHandling(JsonNumberHandling.Strict)] int Index,
    [property: JsonNumberHandling(JsonNumberHandling.Strict)] double Score,
    bool? Passed,
    string? Reason,
    LinkAnswer? Link);

public sealed record LoraAnswer
{
    public required Guid Id { get; init; }
    [JsonPropertyName("user_id")] public required Guid UserId { get; init; }
    public required string Name { get; init; }
    [JsonPropertyName("creator_email")] public required string CreatorEmail { get; init; }
    public required string Status { get; init; }
    [JsonPropertyName("is_private")] public required bool IsPrivate { get; init; }
    public required FileAnswer? File { get; init; }

    [JsonPropertyName("validation_images")] public required IReadOnlyList<ValidationAnswer> ValidationImages { get; init; }
    [JsonPropertyName("error_message")] public required string? ErrorMessage { get; init; }
    [JsonPropertyName("last_used_at")] public required DateTimeOffset? LastUsedAt { get; init; }
    [JsonPropertyName("created_at")] public required DateTimeOffset CreatedAt { get; init; }
    [JsonPropertyName("updated_at")] public required DateTimeOffset UpdatedAt { get; init; }
}

public sealed record LinkAnswer(string Url, [property: JsonPropertyName("expires_at")] DateTimeOffset ExpiresAt);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(AcceptedAnswer))]
[JsonSerializable(typeof(CommandAnswer))]
[JsonSerializable(typeof(JobAnswer))]
[JsonSerializable(typeof(JobListAnswer))]
[JsonSerializable(typeof(LoraAnswer))]
[JsonSerializable(typeof(LinkAnswer))]
internal sealed partial class ApiJson : JsonSerializerContext;
