using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>A create request of REST v2, checked as the vendor checks it: shape first (422), then rules across fields (400).</summary>
internal sealed partial record CreateOrder
{
    private const int MaxEnvironment = 50;

    public required string Name { get; init; }
    public required string Image { get; init; }
    public string Args { get; init; } = "";
    public required string GpuId { get; init; }

    /// <summary>Null when the caller left it out.</summary>
    public int? GpuCount { get; init; }

    public string Cloud { get; init; } = "SECURE";
    public int DiskGb { get; init; } = 20;
    public int MountGb { get; init; }
    public string? MountPath { get; init; }
    public string? NetworkVolumeId { get; init; }
    public Dictionary<string, string> Env { get; init; } = [];
    public List<string> Ports { get; init; } = [];
    public List<string> DataCenterIds { get; init; } = [];

    public PodRecord ToRecord(string id, DateTimeOffset at, decimal rate) => new()
    {
        Id = id,
        Name = Name,
        Image = Image,
        Args = Args,
        GpuId = GpuId,
        GpuCount = GpuCount ?? 1,
        GpuRate = rate,
        Cloud = Cloud,
        DiskGb = DiskGb,
        MountGb = MountGb,
        MountPath = MountPath,
        NetworkVolumeId = NetworkVolumeId,
        Env = Env,
        Ports = Ports,
        DataCenterIds = DataCenterIds,
        CreatedAt = at,
        Status = PodStatus.Provisioning,
    };

    public static bool TryParse(ReadOnlyMemory<byte> body, [NotNullWhen(true)] out CreateOrder? order, [NotNullWhen(false)] out VendorResponse? refused)
    {
        order = null;
        if (!JsonFields.TryParse(body, out JsonElement json, out refused))
        {
            return false;
        }

        List<string> errors = [];
        JsonFields fields = new(
            json, "$", errors,
            [
                "name", "image", "args", "gpu", "cpu", "cloud", "dataCenterIds", "disk", "mounts", "env", "ports", "registry", "startSsh",
                "startJupyter", "globalNetworking", "templateId",
            ]);
        string? name = fields.Text("name", required: true);
        string? image = fields.Text("image", required: true);
        string? cloud = fields.Text("cloud", required: false) ?? "SECURE";
        long? disk = fields.Whole("disk", required: false, 1, 10_000);
        Dictionary<string, string> env = fields.Map("env");
        List<string> ports = fields.Texts("ports");
        fields.Flag("startSsh");
        fields.Flag("startJupyter");
        fields.Flag("globalNetworking");
        JsonElement? gpu = fields.Object("gpu");
        JsonElement? cpu = fields.Object("cpu");
        (string? gpuId, long? count) = gpu is { } found ? Gpu(found, errors) : (null, null);
        Mounts mounts = fields.Object("mounts") is { } given ? Mounts.Parse(given, errors) : new Mounts();
        Check(errors, name is not "", "$.name: length must be at least 1");
        Check(errors, image is not "", "$.image: length must be at least 1");
        Check(errors, cloud is "SECURE" or "COMMUNITY", "$.cloud: value must be one of 'SECURE', 'COMMUNITY'");
        Check(errors, env.Count <= MaxEnvironment, "$.env: at most 50 properties allowed");
        Check(errors, ports.TrueForAll(port => Port().IsMatch(port)), "$.ports: items must look like 8888/http or 22/tcp");
        CreateOrder? parsed = errors.Count > 0 ? null : new CreateOrder
        {
            Name = name!,
            Image = image!,
            Args = fields.Text("args", required: false) ?? "",
            GpuId = gpuId ?? "",
            GpuCount = (int?)count,
            Cloud = cloud,
            DiskGb = (int)(disk ?? 20),
            MountGb = mounts.PersistentGb,
            MountPath = mounts.Path,
            NetworkVolumeId = mounts.VolumeId,
            Env = env,
            Ports = ports,
            DataCenterIds = fields.Texts("dataCenterIds"),
        };
        refused = errors.Count > 0 ? Answers.Problem(422, JsonFields.Failed, errors)
            : gpu is null == cpu is null ? Answers.Problem(400, "exactly one of gpu or cpu must be provided")
            : gpu is null ? Answers.Problem(400, RunPodFace.NoCapacity)
            : mounts.Both ? Answers.Problem(400, "mounts.persistent and mounts.network are mutually exclusive")
            : null;
        order = refused is null ? parsed : null;
        return refused is null;
    }

    private static (string? Id, long? Count) Gpu(JsonElement gpu, List<string> errors)
    {
        JsonFields fields = new(gpu, "$.gpu", errors, ["id", "count", "allowedCudaVersions", "minCudaVersion"]);
        return (fields.Text("id", required: true), fields.Whole("count", required: false, 1, 8));
    }

    private static void Check(List<string> errors, bool holds, string error)
    {
        if (!holds)
        {
            errors.Add(error);
        }
    }

    [GeneratedRegex("^[0-9]{1,5}/(http|tcp)$", RegexOptions.CultureInvariant)]
    private static partial Regex Port();

    private sealed record Mounts(int PersistentGb = 0, string? VolumeId = null, string? Path = null)
    {
        public bool Both => PersistentGb > 0 && VolumeId is not null;

        public static Mounts Parse(JsonElement json, List<string> errors)
        {
            JsonFields fields = new(json, "$.mounts", errors, ["persistent", "network"]);
            Mounts mounts = new();
            if (fields.Object("persistent") is { } persistent)
            {
                JsonFields inner = new(persistent, "$.mounts.persistent", errors, ["size", "path"]);
                mounts = mounts with
                {
                    PersistentGb = (int)(inner.Whole("size", required: true, 10, 100_000) ?? 0),
                    Path = inner.Text("path", required: true),
                };
            }

            JsonElement[] networks = [.. fields.Items("network")];
            Check(errors, networks.Length <= 1, "$.mounts.network: at most 1 item allowed");
            if (networks.Length > 0)
            {
                JsonFields inner = new(networks[0], "$.mounts.network[0]", errors, ["volumeId", "path"]);
                mounts = mounts with { VolumeId = inner.Text("volumeId", required: true), Path = inner.Text("path", required: true) };
            }

            return mounts;
        }
    }
}
