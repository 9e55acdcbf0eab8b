using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <param name="VanishedAfter">How long a needed pod must be absent from complete listings before it counts as lost.</param>
/// <param name="CleanupAttempts">Terminations after which a pod that is still there counts as leaking; likewise stops of a held one.</param>
public sealed record PodRules(TimeSpan VanishedAfter, int CleanupAttempts)
{
    /// <summary>What a stopped pod costs per hour: its mount (<see cref="PodPricing.StoppedPerHour"/>).</summary>
    public Usd StoppedHourly { get; init; }

    /// <summary>How much longer a pod may live, once, whose job still wants it and whose file is unproven (<c>Training:RetrieveWithin</c>).</summary>
    public TimeSpan ProlongBy { get; init; } = TimeSpan.FromMinutes(30);
}
