using LoraAdmin.Platform.Vendors;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Pods;

/// <summary>Section <c>RunPod</c>: the account that rents the pods and what is rented.</summary>
public sealed class RunPodOptions
{
    public const string Section = "RunPod";

    /// <summary>Used in this order when <c>RunPod:GpuTypes</c> names none.</summary>
    public static IReadOnlyList<string> DefaultGpuTypes { get; } = ["NVIDIA A40", "NVIDIA RTX A5000", "NVIDIA L4"];

    /// <summary>REST v2 root; ends in <c>/v2</c>.</summary>
    public string BaseUrl { get; set; } = "https://api.runpod.io/v2";

    /// <summary>Where the balance is asked for. Empty: beside <see cref="BaseUrl"/>, <c>/v2</c> replaced by <c>/graphql</c>.</summary>
    public string GraphQlUrl { get; set; } = "";

    /// <summary>Bearer key. Never logged or shown.</summary>
    public string ApiKey { get; set; } = "";

    /// <summary>The trainer image that implements the pod agent's contract.</summary>
    public string Image { get; set; } = "";

    /// <summary>In order of preference; no type is mixed with another in one create.</summary>
    public IList<string> GpuTypes { get; set; } = [];

    /// <summary>When set, pods mount this volume; else each gets a mount of its own.</summary>
    public string? NetworkVolumeId { get; set; }

    /// <summary>Container disk in GB, wiped by a restart.</summary>
    public int DiskGb { get; set; } = 40;

    /// <summary>Size in GB of a pod's own mount, which survives a stop.</summary>
    public int MountGb { get; set; } = 20;

    /// <summary>How long one call may take; a create that takes longer is in doubt.</summary>
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Calls of each rate window that are kept back for deletes and stops.</summary>
    public int ReservedForDeletes { get; set; } = 20;

    /// <summary>Dollars per hour that are reserved when the catalog does not say what a GPU costs, and that a pod counts with whose price is not known yet.</summary>
    public decimal WorstHourlyPriceUsd { get; set; } = 1.00m;

    /// <summary><see cref="GraphQlUrl"/>, or the one derived from <see cref="BaseUrl"/>.</summary>
    public string EffectiveGraphQlUrl =>
        GraphQlUrl.Length > 0 ? GraphQlUrl : $"{BaseUrl.TrimEnd('/')[..^"/v2".Length]}/graphql";

    public override string ToString() => $"RunPod at {BaseUrl}";
}

/// <summary>Each message names the key and the remedy.</summary>
public sealed class RunPodOptionsValidator : IValidateOptions<RunPodOptions>
{
    public ValidateOptionsResult Validate(string? name, RunPodOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        List<string> problems = [];
        if (!VendorUrls.IsRoot(options.BaseUrl) || !options.BaseUrl.TrimEnd('/').EndsWith("/v2", StringComparison.Ordinal))
        {
            problems.Add(
                $"RunPod:BaseUrl is \"{VendorUrls.Shown(options.BaseUrl)}\": give an absolute http or https URL that ends in /v2, "
                + "like https://api.runpod.io/v2.");
        }

        if (options.GraphQlUrl.Length > 0 && !VendorUrls.IsRoot(options.GraphQlUrl))
        {
            problems.Add(
                $"RunPod:GraphQlUrl is \"{VendorUrls.Shown(options.GraphQlUrl)}\": give an absolute http or https URL, "
                + "or remove it to use the one beside RunPod:BaseUrl.");
        }

        if (options.ApiKey.Length == 0 || options.ApiKey.Any(c => c is <= ' ' or > '~'))
        {
            problems.Add(
                "RunPod:ApiKey is empty or has blanks or line breaks in it: set it to a key of the RunPod account, "
                + "or remove RunPod:BaseUrl and RunPod:ApiKey to work on LocalCloud.");
        }

        if (string.IsNullOrWhiteSpace(options.Image))
        {
            problems.Add("RunPod:Image is empty: name the trainer image that implements docs/pod-agent.md.");
        }

        if (options.GpuTypes.Count == 0
            || options.GpuTypes.Any(string.IsNullOrWhiteSpace)
            || options.GpuTypes.Distinct().Count() != options.GpuTypes.Count)
        {
            problems.Add(
                "RunPod:GpuTypes has no entry, an empty one or one twice: list GPU type ids of RunPod's catalog, like \"NVIDIA A40\", each once.");
        }

        if (options.NetworkVolumeId is { Length: > 0 } volume && !PodIds.IsValid(volume))
        {
            problems.Add(
                "RunPod:NetworkVolumeId is not a volume id (4 to 64 lower-case letters and digits): "
                + "copy it from RunPod's storage page, or remove it.");
        }

        Range(problems, "RunPod:DiskGb", options.DiskGb, 10, 4096);
        Range(problems, "RunPod:MountGb", options.MountGb, 10, 4096);
        Range(problems, "RunPod:ReservedForDeletes", options.ReservedForDeletes, 0, 1000);
        if (options.CallTimeout < TimeSpan.FromSeconds(1) || options.CallTimeout > TimeSpan.FromMinutes(10))
        {
            problems.Add($"RunPod:CallTimeout is {options.CallTimeout}: give a duration from 00:00:01 to 00:10:00.");
        }

        if (options.WorstHourlyPriceUsd is <= 0 or > 1000)
        {
            problems.Add($"RunPod:WorstHourlyPriceUsd is {options.WorstHourlyPriceUsd}: give dollars per hour above 0 and up to 1000.");
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private static void Range(List<string> problems, string key, int value, int least, int most)
    {
        if (value < least || value > most)
        {
            problems.Add($"{key} is {value}: give a whole number from {least} to {most}.");
        }
    }
}
