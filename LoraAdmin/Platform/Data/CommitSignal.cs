namespace LoraAdmin.Platform.Data;

/// <summary>Wakes those who look for new facts as soon as a transaction of this process has committed some.</summary>
public sealed class CommitSignal : IDisposable
{
    private readonly SemaphoreSlim signal = new(0, 1);

    public void Raise()
    {
        try
        {
            signal.Release();
        }
        catch (SemaphoreFullException)
        {
            // Raised already and not yet seen: one waking is enough.
        }
    }

    /// <summary>Waits for a commit, at most <paramref name="atMost"/>: facts of other processes raise nothing here.</summary>
    public async Task WaitAsync(TimeSpan atMost, TimeProvider clock, CancellationToken cancellationToken)
    {
        using CancellationTokenSource timeout = new(atMost, clock);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            await signal.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Time is up: look anyway.
        }
    }

    public void Dispose() => signal.Dispose();
}
