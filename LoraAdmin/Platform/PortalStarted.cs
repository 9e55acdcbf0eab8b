namespace LoraAdmin.Platform;

/// <summary>Loops wait here until the server listens: before that nothing is asked of any vendor.</summary>
public sealed class PortalStarted
{
    private readonly TaskCompletionSource started = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public PortalStarted(IHostApplicationLifetime lifetime)
    {
        ArgumentNullException.ThrowIfNull(lifetime);
        lifetime.ApplicationStarted.Register(started.SetResult);
    }

    public Task WaitAsync(CancellationToken cancellationToken) => started.Task.WaitAsync(cancellationToken);
}

/// <summary>Which running portal this is: the owner of its leases. New with every process, so that a successor never mistakes an old lease for its own.</summary>
public sealed record PortalInstance(string Id);
