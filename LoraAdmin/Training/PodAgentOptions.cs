using LoraAdmin.Platform.Vendors;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Training;

/// <summary>Section <c>PodAgent</c>: where the agent in a pod is reached and how long each kind of call may take.</summary>
public sealed class PodAgentOptions
{
    public const string Section = "PodAgent";

    /// <summary>Stands for the pod's id in <see cref="UrlTemplate"/>.</summary>
    public const string PodMark = "{pod}";

    public const long SmallestRangeBytes = 64 * 1024;
    public const long LargestRangeBytes = 64 * 1024 * 1024;

    /// <summary>The agent's root for a pod id; <c>/v1/…</c> is appended.</summary>
    public string UrlTemplate { get; set; } = "https://{pod}-8000.proxy.runpod.net";

    public TimeSpan StatusTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>Start, lease, stop.</summary>
    public TimeSpan CommandTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>One image up or one validation image down.</summary>
    public TimeSpan ImageTimeout { get; set; } = TimeSpan.FromSeconds(95);

    /// <summary>One range of the artifact, to its last byte. RunPod's proxy ends any connection at 100 s.</summary>
    public TimeSpan RangeTimeout { get; set; } = TimeSpan.FromSeconds(95);

    /// <summary>
    /// Bytes of the artifact that are asked for at a time: what a slow line brings within <see cref="RangeTimeout"/>. The agent's contract allows 64 MB.
    /// </summary>
    public long RangeBytes { get; set; } = LargestRangeBytes;
}

/// <summary>Each message names the key and the remedy.</summary>
public sealed class PodAgentOptionsValidator : IValidateOptions<PodAgentOptions>
{
    public ValidateOptionsResult Validate(string? name, PodAgentOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        List<string> problems = [];
        string template = options.UrlTemplate ?? "";
        if (template.Split(PodAgentOptions.PodMark).Length != 2
            || !VendorUrls.IsRoot(template.Replace(PodAgentOptions.PodMark, "abcd", StringComparison.Ordinal)))
        {
            problems.Add(
                $"PodAgent:UrlTemplate is \"{VendorUrls.Shown(template)}\": give an absolute http or https URL that has {{pod}} in it once, "
                + "like https://{pod}-8000.proxy.runpod.net.");
        }

        Within(problems, "PodAgent:StatusTimeout", options.StatusTimeout);
        Within(problems, "PodAgent:CommandTimeout", options.CommandTimeout);
        Within(problems, "PodAgent:ImageTimeout", options.ImageTimeout);
        Within(problems, "PodAgent:RangeTimeout", options.RangeTimeout);
        if (options.RangeBytes is < PodAgentOptions.SmallestRangeBytes or > PodAgentOptions.LargestRangeBytes)
        {
            problems.Add(
                $"PodAgent:RangeBytes is {options.RangeBytes}: give a number of bytes from {PodAgentOptions.SmallestRangeBytes} to "
                + $"{PodAgentOptions.LargestRangeBytes}.");
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private static void Within(List<string> problems, string key, TimeSpan value)
    {
        if (value < TimeSpan.FromSeconds(1) || value > TimeSpan.FromMinutes(10))
        {
            problems.Add($"{key} is {value}: give a duration from 00:00:01 to 00:10:00.");
        }
    }
}
