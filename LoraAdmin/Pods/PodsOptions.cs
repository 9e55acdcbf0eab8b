using Microsoft.Extensions.Options;

namespace LoraAdmin.Pods;

/// <summary>Section <c>Pods</c>: how long pods may take and when they count as lost or leaking.</summary>
public sealed class PodsOptions
{
    public const string Section = "Pods";

    /// <summary>From the create call until the agent answers; then the pod is given up.</summary>
    public TimeSpan ReadyWithin { get; set; } = TimeSpan.FromMinutes(20);

    /// <summary>How long a needed pod must be absent from complete listings before it counts as lost.</summary>
    public TimeSpan VanishedAfter { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>Terminations after which a pod that is still there counts as leaking.</summary>
    public int CleanupAttempts { get; set; } = 3;

    /// <summary>How many pods the sweep may end by itself in an hour; what is beyond waits for a person.</summary>
    public int MaxSweepKillsPerHour { get; set; } = 20;

    /// <summary>What the pods that the sweep ends by itself in an hour may cost per hour, together.</summary>
    public decimal MaxSweepUsdPerHour { get; set; } = 20;
}

/// <summary>Each message names the key and the remedy.</summary>
public sealed class PodsOptionsValidator : IValidateOptions<PodsOptions>
{
    public ValidateOptionsResult Validate(string? name, PodsOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        List<string> problems = [];
        if (options.ReadyWithin < TimeSpan.FromMinutes(1) || options.ReadyWithin > TimeSpan.FromDays(1))
        {
            problems.Add($"Pods:ReadyWithin is {options.ReadyWithin}: give a duration from 00:01:00 to 1.00:00:00.");
        }

        if (options.VanishedAfter < TimeSpan.FromMinutes(1) || options.VanishedAfter > TimeSpan.FromDays(1))
        {
            problems.Add($"Pods:VanishedAfter is {options.VanishedAfter}: give a duration from 00:01:00 to 1.00:00:00.");
        }

        if (options.CleanupAttempts is < 1 or > 100)
        {
            problems.Add($"Pods:CleanupAttempts is {options.CleanupAttempts}: give a whole number from 1 to 100.");
        }

        if (options.MaxSweepKillsPerHour is < 0 or > 100_000)
        {
            problems.Add(
                $"Pods:MaxSweepKillsPerHour is {options.MaxSweepKillsPerHour}: give a whole number from 0 to 100000 (0: a person approves each end).");
        }

        if (options.MaxSweepUsdPerHour is < 0 or > 1_000_000)
        {
            problems.Add(
                $"Pods:MaxSweepUsdPerHour is {options.MaxSweepUsdPerHour}: give dollars per hour from 0 to 1000000 (0: a person approves each end).");
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }
}
