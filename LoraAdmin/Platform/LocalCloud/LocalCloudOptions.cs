using Microsoft.Extensions.Options;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>
/// How the stand-in cloud behaves. Section <c>LocalCloud</c>. Lengths are given as the real vendor takes them and divided by <see cref="Speed"/>.
/// </summary>
public sealed class LocalCloudOptions
{
    public const string Section = "LocalCloud";

    /// <summary>Null: LocalCloud runs exactly when no real vendor is configured.</summary>
    public bool? Enabled { get; set; }

    /// <summary>Divides the scripted lengths below and nothing else: timestamps, dollars, windows and leases stay on the host clock.</summary>
    public double Speed { get; set; } = 60;

    /// <summary>From PROVISIONING to STARTING, and the whole of a later start or restart.</summary>
    public TimeSpan Boot { get; set; } = TimeSpan.FromMinutes(3);

    /// <summary>From STARTING to RUNNING on the first boot: the image is pulled.</summary>
    public TimeSpan Pull { get; set; } = TimeSpan.FromMinutes(5);

    public TimeSpan Training { get; set; } = TimeSpan.FromMinutes(12);

    /// <summary>Steps that a training counts.</summary>
    public int TrainingSteps { get; set; } = 240;

    /// <summary>All validation images of one job together.</summary>
    public TimeSpan Validation { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>The dead-man lease that a fresh boot gives the agent; not divided by <see cref="Speed"/>.</summary>
    public TimeSpan FirstLease { get; set; } = TimeSpan.FromMinutes(20);

    /// <summary>About how large a trained file is.</summary>
    public long ArtifactBytes { get; set; } = 3 * 1024 * 1024;

    /// <summary>Edge of a validation image.</summary>
    public int ValidationPixels { get; set; } = 512;

    public decimal StartBalanceUsd { get; set; } = 500;

    /// <summary>Shown as the account's spend limit, dollars per hour.</summary>
    public decimal SpendLimitUsdPerHour { get; set; } = 80;

    public int RequestsPerMinute { get; set; } = 60;
    public int RequestsPerHour { get; set; } = 3_000;
    public int RequestsPerDay { get; set; } = 50_000;

    /// <summary>GPUs that can be rented at one time, of each type.</summary>
    public int GpuStock { get; set; } = 64;

    /// <summary>The key that the vendor faces accept. Empty: one is made and kept below <c>Data:Path</c>.</summary>
    public string ApiKey { get; set; } = "";

    /// <summary>The bearer token of the control routes when LocalCloud is its own process. Empty: one is made and kept below <c>Data:Path</c>.</summary>
    public string ControlToken { get; set; } = "";

    /// <summary>Makes file contents, scores and fault probabilities repeatable.</summary>
    public int Seed { get; set; } = 1;

    /// <summary>A scripted length as it passes on the host clock.</summary>
    public TimeSpan Scripted(TimeSpan length) => TimeSpan.FromTicks((long)(length.Ticks / Speed));
}

/// <summary>Refuses options that could not work, naming the key and the remedy.</summary>
public sealed class LocalCloudOptionsValidator : IValidateOptions<LocalCloudOptions>
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(7);

    public ValidateOptionsResult Validate(string? name, LocalCloudOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        List<string> problems = [];
        Require(problems, options.Speed is > 0 and <= 100_000, nameof(options.Speed), "a number above 0 and at most 100000");
        foreach ((string key, TimeSpan value) in new[]
        {
            (nameof(options.Boot), options.Boot), (nameof(options.Pull), options.Pull), (nameof(options.Training), options.Training),
            (nameof(options.Validation), options.Validation), (nameof(options.FirstLease), options.FirstLease),
        })
        {
            Require(problems, value >= TimeSpan.Zero && value <= Longest, key, "a length from 00:00:00 to 7.00:00:00, for example 00:05:00");
        }

        Require(problems, options.TrainingSteps is >= 1 and <= 1_000_000, nameof(options.TrainingSteps), "a whole number from 1 to 1000000");
        Require(
            problems, options.ArtifactBytes is >= ArtifactLayout.SmallestBytes and <= ArtifactLayout.LargestBytes, nameof(options.ArtifactBytes),
            $"a size in bytes from {ArtifactLayout.SmallestBytes} to {ArtifactLayout.LargestBytes}");
        Require(problems, options.ValidationPixels is >= 8 and <= 2048, nameof(options.ValidationPixels), "a whole number from 8 to 2048");
        Require(problems, options.StartBalanceUsd >= 0, nameof(options.StartBalanceUsd), "zero or more dollars");
        Require(problems, options.SpendLimitUsdPerHour >= 0, nameof(options.SpendLimitUsdPerHour), "zero or more dollars per hour");
        Require(problems, options.RequestsPerMinute >= 1, nameof(options.RequestsPerMinute), "1 or more");
        Require(problems, options.RequestsPerHour >= 1, nameof(options.RequestsPerHour), "1 or more");
        Require(problems, options.RequestsPerDay >= 1, nameof(options.RequestsPerDay), "1 or more");
        Require(problems, options.GpuStock >= 0, nameof(options.GpuStock), "0 or more");
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private static void Require(List<string> problems, bool holds, string key, string remedy)
    {
        if (!holds)
        {
            problems.Add($"{LocalCloudOptions.Section}:{key} is out of range: set it to {remedy}.");
        }
    }
}
