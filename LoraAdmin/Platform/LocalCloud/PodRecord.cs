namespace LoraAdmin.Platform.LocalCloud;

/// <summary>Status words of the vendor's REST v2.</summary>
public static class PodStatus
{
    public const string Provisioning = "PROVISIONING";
    public const string Starting = "STARTING";
    public const string Running = "RUNNING";
    public const string Exited = "EXITED";
    public const string Error = "ERROR";
    public const string Terminated = "TERMINATED";
}

/// <summary>One step of a pod's life: from this instant on it had this status.</summary>
public sealed record StatusChange(DateTimeOffset At, string Status);

/// <summary>
/// Everything LocalCloud knows about one pod, alive or long gone. It is journaled as a whole, the last record of an id wins. Only
/// <see cref="LocalCloudWorld"/> writes it.
/// </summary>
public sealed class PodRecord
{
    public required string Id { get; init; }
    public required string Name { get; set; }
    public required string Image { get; set; }
    public string Args { get; set; } = "";
    public required string GpuId { get; init; }
    public int GpuCount { get; init; } = 1;
    public string Cloud { get; init; } = "SECURE";

    /// <summary>Dollars per hour of all GPUs together, fixed when the pod was made.</summary>
    public decimal GpuRate { get; init; }

    public int DiskGb { get; set; }

    /// <summary>Size of the persistent mount; 0 without one.</summary>
    public int MountGb { get; init; }

    public string? MountPath { get; init; }
    public string? NetworkVolumeId { get; init; }
    public List<string> Ports { get; set; } = [];

    /// <summary>Holds the agent's token, and is echoed in answers as the vendor does.</summary>
    public Dictionary<string, string> Env { get; set; } = [];

    public List<string> DataCenterIds { get; init; } = [];
    public bool Locked { get; set; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? StartedAt { get; set; }
    public required string Status { get; set; }

    /// <summary>When the present status ends by itself; null when it does not.</summary>
    public DateTimeOffset? StatusUntil { get; set; }

    /// <summary>A GET before this instant answers 404, as the vendor's does for a pod just made.</summary>
    public DateTimeOffset? HiddenUntil { get; set; }

    /// <summary>Ordered by a call that hangs, and not there before this instant; null once it is there.</summary>
    public DateTimeOffset? AppearsAt { get; set; }

    /// <summary>Its container ends by itself then, if it runs until then.</summary>
    public DateTimeOffset? ExitsAt { get; set; }

    /// <summary>It is lost then, whatever its status.</summary>
    public DateTimeOffset? VanishesAt { get; set; }

    /// <summary>Put into the account for a test: takes nothing of the stock, and keeps its status until somebody acts on it.</summary>
    public bool Planted { get; init; }

    /// <summary>Calls that asked for its termination, however they were answered.</summary>
    public int TerminateRequests { get; set; }

    public List<StatusChange> History { get; init; } = [];

    /// <summary>What the pod cost up to its last change of status.</summary>
    public decimal SettledUsd { get; set; }

    public AgentRecord Agent { get; set; } = new();

    public bool HasMount => MountGb > 0 || NetworkVolumeId is not null;

    /// <summary>The vendor charges, and says a cost above zero, in every status but EXITED and TERMINATED.</summary>
    public bool Occupies => Status is not (PodStatus.Exited or PodStatus.Terminated);

    public bool CanStart => Status is PodStatus.Exited or PodStatus.Error;
}

/// <summary>What lies on a pod's mount and in its agent's memory.</summary>
public sealed class AgentRecord
{
    /// <summary>SHA-256 by image number.</summary>
    public SortedDictionary<int, string> Images { get; init; } = [];

    public AgentOrder? Order { get; set; }
    public DateTimeOffset? TrainingStartedAt { get; set; }
    public DateTimeOffset? TrainingEndedAt { get; set; }

    /// <summary>Host time of training done before the present stretch: a stop in the middle loses no step.</summary>
    public TimeSpan TrainedBefore { get; set; }

    /// <summary>Host time of validating done before the present stretch.</summary>
    public TimeSpan ValidatedBefore { get; set; }

    /// <summary>Start of the present stretch of work; null while the pod does not run.</summary>
    public DateTimeOffset? WorkingSince { get; set; }

    public bool Stopped { get; set; }
    public bool HasArtifact { get; set; }
    public bool ValidationEnded { get; set; }
    public string? Error { get; set; }

    /// <summary>The training ends by failing, at two fifths of its steps.</summary>
    public bool WillFail { get; set; }

    /// <summary>The training makes a file that is announced truly and is no safetensors file.</summary>
    public bool MakesNoSafetensors { get; set; }

    /// <summary>The training's validation images come out badly.</summary>
    public bool MakesBadImages { get; set; }

    /// <summary>The training stands still once this much of it is done; null: it does not.</summary>
    public TimeSpan? HangsAfter { get; set; }

    /// <summary>For how long; null: until the pod is started anew.</summary>
    public TimeSpan? HangsFor { get; set; }

    /// <summary>It stands still now.</summary>
    public bool Hangs { get; set; }

    /// <summary>End of the present standstill, when it has one.</summary>
    public DateTimeOffset? HangsUntil { get; set; }

    /// <summary>The agent answers nothing before this instant, or before the pod is started anew.</summary>
    public DateTimeOffset? SilentUntil { get; set; }

    /// <summary>What an authenticated call renews the dead-man lease by.</summary>
    public TimeSpan Lease { get; set; }

    /// <summary>The dead-man lease ends here unless an authenticated call renews it.</summary>
    public DateTimeOffset LeaseUntil { get; set; }

    /// <summary>Announced with the artifact; worked out once.</summary>
    public string? ArtifactSha256 { get; set; }
}

/// <summary>What the portal ordered. The same order twice is one training.</summary>
public sealed record AgentOrder(string JobId, string LoraId, string Name, int Images, int ValidationImages, long MaxDurationSeconds);

/// <summary>Counters of the account, journaled as a whole.</summary>
public sealed class AccountRecord
{
    public long Requests { get; set; }

    /// <summary>Listings that were asked for and not refused by a rate limit, however they were answered.</summary>
    public long Listings { get; set; }

    /// <summary>Calls that the rate windows refused. Injected 429s are no violation of the caller's and are not counted.</summary>
    public long RateLimitViolations { get; set; }

    /// <summary>Start and count of each window in the order minute, hour, day.</summary>
    public DateTimeOffset[] WindowStarts { get; init; } = new DateTimeOffset[3];

    public int[] WindowCounts { get; init; } = new int[3];

    /// <summary>Dollars put on the account.</summary>
    public decimal Credit { get; set; }

    /// <summary>What was asked to fail and is not used up.</summary>
    public List<Fault> Faults { get; init; } = [];
}
