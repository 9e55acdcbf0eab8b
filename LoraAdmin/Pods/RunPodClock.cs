using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Pods;

/// <summary>RunPod's clock, for an instance to which RunPod has answered nothing for a while: the catalog is the smallest answer that changes nothing.</summary>
internal sealed class RunPodClock(IGpuCatalog catalog) : IOutsideClock
{
    public string Subject => ClockStandings.Provider;

    public async Task<string?> AskAsync(CancellationToken cancellationToken) =>
        await catalog.ReadAsync(cancellationToken) is CatalogReading.Unavailable unavailable ? unavailable.Error.Detail : null;
}
