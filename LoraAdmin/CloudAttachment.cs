using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform;

namespace LoraAdmin;

/// <summary>Which cloud this portal works on, read from the configuration alone.</summary>
/// <param name="LocalCloudInside">LocalCloud runs in this process.</param>
/// <param name="LocalCloudIsVendor">The portal's own clients talk to the LocalCloud in this process.</param>
public sealed record CloudAttachment(CloudKind Kind, bool LocalCloudInside, bool LocalCloudIsVendor)
{
    /// <summary>Keys that attach a real vendor when they are set.</summary>
    public const string RunPodKey = "RunPod:ApiKey";

    /// <summary>Where RunPod, or a LocalCloud that plays it, is reached.</summary>
    public const string RunPodUrl = "RunPod:BaseUrl";

    public const string ReplicateToken = "Replicate:ApiToken";

    private const string ReplicateUrl = "Replicate:BaseUrl";
    private const string LocalCloudSwitch = "LocalCloud:Enabled";

    /// <exception cref="StartupRefusedException">Neither a real vendor nor LocalCloud would be there to work with.</exception>
    public static CloudAttachment From(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        bool keyed = !string.IsNullOrWhiteSpace(configuration[RunPodKey]);
        bool? wished = Wished(configuration[LocalCloudSwitch]);
        if (!keyed && wished == false)
        {
            throw new StartupRefusedException(
                LocalCloudSwitch,
                $"It is false and {RunPodKey} is empty: there is no cloud to work with.",
                $"Set {RunPodKey} to work on a real account, or remove {LocalCloudSwitch} to work on LocalCloud.");
        }

        if (!keyed && !string.IsNullOrWhiteSpace(configuration[ReplicateToken]) && !IsOnThisMachine(configuration[ReplicateUrl]))
        {
            throw new StartupRefusedException(
                ReplicateToken,
                $"It is set and {RunPodKey} is empty: Replicate is the fallback of a RunPod account, and LocalCloud would play that account.",
                $"Set {RunPodKey} too, or remove {ReplicateToken} to work on LocalCloud alone.");
        }

        // A LocalCloud that runs as its own process is reached by a key as well: an address on this machine is no real vendor.
        bool elsewhereOnThisMachine = keyed && IsOnThisMachine(configuration[RunPodUrl]);
        CloudKind kind = keyed && !elsewhereOnThisMachine ? CloudKind.Real : CloudKind.Local;
        return new CloudAttachment(kind, wished ?? !keyed, !keyed);
    }

    private static bool IsOnThisMachine(string? address) => Uri.TryCreate(address, UriKind.Absolute, out Uri? url) && url.IsLoopback;

    private static bool? Wished(string? value) => value switch
    {
        null or "" => null,
        _ when bool.TryParse(value, out bool wished) => wished,
        _ => throw new StartupRefusedException(LocalCloudSwitch, $"It is \"{value}\".", "Write true or false, or remove the key to let RunPod:ApiKey decide."),
    };
}
