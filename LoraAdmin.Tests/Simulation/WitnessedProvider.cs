using LoraAdmin.Domain.Pods;

namespace LoraAdmin.Tests.Simulation;

/// <summary>The account as the pod loop reads it, and which pods it ended although its last listing had failed.</summary>
public sealed class WitnessedProvider(IPodProvider inner, ISet<string> endedUnlisted) : IPodProvider
{
    private bool listed;

    public TimeSpan CallTimeout => inner.CallTimeout;

    public async Task<PodListing> ListAsync(CancellationToken cancellationToken)
    {
        listed = false;
        PodListing listing = await inner.ListAsync(cancellationToken);
        listed = listing is PodListing.Complete;
        return listing;
    }

    public Task<PodActionOutcome> TerminateAsync(string podId, CancellationToken cancellationToken)
    {
        if (!listed)
        {
            endedUnlisted.Add(podId);
        }

        return inner.TerminateAsync(podId, cancellationToken);
    }

    public Task<CreateOutcome> CreateAsync(PodSpec spec, CancellationToken cancellationToken) => inner.CreateAsync(spec, cancellationToken);

    public Task<PodReading> GetAsync(string podId, CancellationToken cancellationToken) => inner.GetAsync(podId, cancellationToken);

    public Task<PodActionOutcome> StopAsync(string podId, CancellationToken cancellationToken) => inner.StopAsync(podId, cancellationToken);

    public Task<PodActionOutcome> StartAsync(string podId, CancellationToken cancellationToken) => inner.StartAsync(podId, cancellationToken);
}
