namespace LoraAdmin.Platform.LocalCloud;

/// <summary>Status words of Replicate.</summary>
public static class ReplicateStatus
{
    public const string Starting = "starting";
    public const string Processing = "processing";
    public const string Succeeded = "succeeded";
    public const string Failed = "failed";
    public const string Canceled = "canceled";

    public static bool IsFinal(string status) => status is Succeeded or Failed or Canceled;
}

/// <summary>
/// Everything LocalCloud knows about one training or prediction on Replicate. It is journaled as a whole, the last record of an id wins. Only
/// <see cref="ReplicateWorld"/> writes it.
/// </summary>
public sealed class ReplicateRecord
{
    public required string Id { get; init; }

    /// <summary>A prediction of the validation model, not a training.</summary>
    public bool IsPrediction { get; init; }

    /// <summary><c>owner/name</c>.</summary>
    public required string Model { get; init; }
    public required string Version { get; init; }

    /// <summary>The model that the trained version goes to; null for a prediction.</summary>
    public string? Destination { get; init; }

    /// <summary>The input as it was sent: a JSON object.</summary>
    public required string Input { get; init; }

    public string? Webhook { get; init; }

    /// <summary>Which events are told; empty: all.</summary>
    public List<string> WebhookEvents { get; init; } = [];

    /// <summary>Where the caller found LocalCloud: what the URLs in answers begin with.</summary>
    public required string Root { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Not there yet: its create call was not answered. Null: it is there.</summary>
    public DateTimeOffset? AppearsAt { get; set; }
    public DateTimeOffset? StartedAt { get; set; }
    public DateTimeOffset? CompletedAt { get; set; }
    public required string Status { get; set; }

    /// <summary>When the present status ends by itself.</summary>
    public DateTimeOffset? StatusUntil { get; set; }

    /// <summary>From then on nobody knows it any more, if it still waits for a machine.</summary>
    public DateTimeOffset? LostAt { get; set; }

    /// <summary>It is answered 404, as if it had never been.</summary>
    public bool IsLost { get; set; }

    /// <summary>What it fails with when it would have ended well; null: it ends well.</summary>
    public string? WillFail { get; set; }

    /// <summary>It fails after this share of its time.</summary>
    public double FailsAfter { get; set; } = 1;

    /// <summary>The weights come as a tar that holds the file.</summary>
    public bool AsTar { get; set; }

    /// <summary>Its end is shown without how long it worked.</summary>
    public bool TellsNoMetrics { get; set; }

    /// <summary>The event of its start is told only after the one of its end.</summary>
    public bool TellsStartLate { get; set; }

    /// <summary>The prediction's images come out badly.</summary>
    public bool MakesBadImages { get; set; }

    public string? Error { get; set; }
    public int CancelRequests { get; set; }
    public List<StatusChange> History { get; init; } = [];

    public bool IsFinal => ReplicateStatus.IsFinal(Status);

    /// <summary>Seconds of work without the waiting for a machine.</summary>
    public double PredictSeconds(DateTimeOffset now) =>
        StartedAt is { } started ? Math.Max(0, ((CompletedAt ?? now) - started).TotalSeconds) : 0;

    /// <summary>Input, output and logs are removed an hour after the end.</summary>
    public bool IsRemovedAt(DateTimeOffset now) => CompletedAt + ReplicateWorld.DataKeptFor <= now;
}
