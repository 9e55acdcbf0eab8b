namespace LoraAdmin.Platform.LocalCloud;

/// <summary>A way in which LocalCloud can be told to fail.</summary>
/// <param name="Kind">The word that the control route takes.</param>
/// <param name="Effect">What a caller sees.</param>
/// <param name="Seconds">What the fault's <c>seconds</c> means here, or null when it opens a window in which every matching call is hit.</param>
public sealed record FaultKind(string Kind, string Effect, string? Seconds = null)
{
    public const string NoCapacity = "no_capacity";
    public const string Create500 = "create_500";
    public const string Create500ButCreated = "create_500_but_created";
    public const string CreateHangButCreated = "create_hang_but_created";
    public const string Rate429 = "rate_429";
    public const string Unauth401 = "unauth_401";
    public const string Balance402 = "balance_402";
    public const string Validate422 = "validate_422";
    public const string List500 = "list_500";
    public const string Delete500 = "delete_500";
    public const string DeleteIgnored = "delete_accepted_but_ignored";
    public const string Early404 = "early_404";
    public const string AgentUnreachable = "agent_unreachable";
    public const string TrainingFails = "training_fails";

    /// <summary>Every kind that can be asked for. A new kind is one line here and one question to the table where it applies.</summary>
    public static IReadOnlyList<FaultKind> All { get; } =
    [
        new(NoCapacity, "create answers 400 with the vendor's no-capacity sentence; no pod is made"),
        new(Create500, "create answers 500; no pod is made"),
        new(Create500ButCreated, "create answers 500, and the pod exists and bills"),
        new(
            CreateHangButCreated, "create does not answer before the caller gives up, and the pod exists and bills",
            "how long the answer takes, default 600"),
        new(Rate429, "a call on the account answers 429", "the Retry-After, default 30"),
        new(Unauth401, "a call on the account answers 401, as after the key was revoked"),
        new(Balance402, "create or start answers 402"),
        new(Validate422, "create answers 422"),
        new(List500, "the listing of pods answers 500"),
        new(Delete500, "delete or terminate answers 500; the pod stays"),
        new(DeleteIgnored, "delete or terminate answers 204, and the pod stays, is listed and bills"),
        new(Early404, "a pod just made answers 404 to everything but the listing", "for how long after its creation, default 15"),
        new(AgentUnreachable, "the proxy answers 502 for the pod's agent"),
        new(TrainingFails, "the training that is started next fails at two fifths of its steps"),
    ];

    public static FaultKind? Find(string kind)
    {
        foreach (FaultKind known in All)
        {
            if (known.Kind == kind)
            {
                return known;
            }
        }

        return null;
    }
}

/// <summary>One wish for failure.</summary>
/// <param name="Match">Part of the pod's name; empty fits every call. A call about no one pod (the listing) is fitted by an empty one alone.</param>
/// <param name="Probability">Of hitting a call that fits, from 0 to 1.</param>
/// <param name="Seconds">See <see cref="FaultKind.Seconds"/>.</param>
public sealed record Fault(int Id, string Kind, string Match, double Probability, double? Seconds)
{
    /// <summary>How many calls it still hits.</summary>
    public int Remaining { get; internal set; }

    /// <summary>End of the window that its first hit opened.</summary>
    public DateTimeOffset? WindowUntil { get; internal set; }
}

/// <summary>The failures that were asked for and are not used up, oldest first. Lives in memory: a restarted LocalCloud fails no more.</summary>
public sealed class FaultTable(int seed)
{
    private readonly Random random = new(seed);
    private readonly List<Fault> faults = [];
    private int lastId;

    public IReadOnlyList<Fault> Pending => faults;

    /// <exception cref="ArgumentException">The kind is unknown.</exception>
    public Fault Add(string kind, int count = 1, string match = "", double probability = 1, double? seconds = null)
    {
        if (FaultKind.Find(kind) is null)
        {
            throw new ArgumentException($"Unknown fault kind '{kind}'.", nameof(kind));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        Fault fault = new(++lastId, kind, match, probability, seconds) { Remaining = count };
        faults.Add(fault);
        return fault;
    }

    public void Clear() => faults.Clear();

    /// <summary>Uses up one hit of the oldest fault of this kind that fits; null: the call goes well.</summary>
    public Fault? Take(string kind, string? podName, DateTimeOffset now)
    {
        if (faults.Count == 0)
        {
            return null;
        }

        for (int i = 0; i < faults.Count; i++)
        {
            Fault fault = faults[i];
            if (fault.Kind != kind || !Fits(fault, podName))
            {
                continue;
            }

            if (fault.WindowUntil is { } until)
            {
                if (now < until)
                {
                    return fault;
                }

                faults.RemoveAt(i--);
                continue;
            }

            if (fault.Probability < 1 && random.NextDouble() >= fault.Probability)
            {
                continue;
            }

            if (fault.Seconds is { } seconds && FaultKind.Find(kind)!.Seconds is null)
            {
                fault.WindowUntil = now + TimeSpan.FromSeconds(seconds);
            }
            else if (--fault.Remaining == 0)
            {
                faults.RemoveAt(i);
            }

            return fault;
        }

        return null;
    }

    private static bool Fits(Fault fault, string? podName) =>
        fault.Match.Length == 0 || (podName is not null && podName.Contains(fault.Match, StringComparison.Ordinal));
}
