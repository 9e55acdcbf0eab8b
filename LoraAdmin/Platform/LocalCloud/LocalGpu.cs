namespace LoraAdmin.Platform.LocalCloud;

/// <summary>A GPU type that LocalCloud rents out.</summary>
/// <param name="Secure">Dollars per GPU and hour in the secure cloud.</param>
/// <param name="Community">Dollars per GPU and hour in the community cloud; null when it is not offered there.</param>
public sealed record LocalGpu(string Id, string Name, int MemoryGb, decimal Secure, decimal? Community)
{
    /// <summary>Ids and names as the vendor writes them; prices of the vendor's order.</summary>
    public static IReadOnlyList<LocalGpu> Catalog { get; } =
    [
        new("NVIDIA RTX A5000", "RTX A5000", 24, 0.27m, 0.16m),
        new("NVIDIA L4", "L4", 24, 0.39m, null),
        new("NVIDIA A40", "A40", 48, 0.40m, 0.35m),
        new("NVIDIA RTX A6000", "RTX A6000", 48, 0.49m, 0.33m),
        new("NVIDIA GeForce RTX 4090", "RTX 4090", 24, 0.69m, 0.34m),
        new("NVIDIA L40S", "L40S", 48, 0.86m, 0.79m),
        new("NVIDIA A100 80GB PCIe", "A100 PCIe", 80, 1.64m, 1.19m),
        new("NVIDIA H100 80GB HBM3", "H100 SXM", 80, 2.99m, 2.69m),
    ];

    public static LocalGpu? Find(string id)
    {
        foreach (LocalGpu gpu in Catalog)
        {
            if (gpu.Id == id)
            {
                return gpu;
            }
        }

        return null;
    }
}
