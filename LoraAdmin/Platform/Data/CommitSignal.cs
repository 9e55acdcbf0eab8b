namespace LoraAdmin.Platform.Data;

/// <summary>Wakes those who look for new facts as soon as a transaction of this process has committed some.</summary>
public sealed class CommitSignal
{
    private readonly Lock gate = new();
    private readonly List<CommitListener> listeners = [];

    public void Raise()
    {
        lock (gate)
        {
            foreach (CommitListener listener in listeners)
            {
                listener.Wake();
            }
        }
    }

    /// <summary>A listener of one's own; a commit between two waits is not missed.</summary>
    public CommitListener Listen()
    {
        CommitListener listener = new(this);
        lock (gate)
        {
            listeners.Add(listener);
        }

        return listener;
    }

    internal void Remove(CommitListener listener)
    {
        lock (gate)
        {
            listeners.Remove(listener);
        }
    }
}

/// <summary>One loop's ear at the <see cref="CommitSignal"/>. Used by one caller at a time.</summary>
public sealed class CommitListener : IDisposable
{
    private readonly CommitSignal signal;
    private readonly SemaphoreSlim woken = new(0, 1);

    internal CommitListener(CommitSignal signal)
    {
        this.signal = signal;
    }

    /// <summary>Waits for a commit, at most <paramref name="atMost"/>: facts of other processes raise nothing here.</summary>
    public async Task WaitAsync(TimeSpan atMost, TimeProvider clock, CancellationToken cancellationToken)
    {
        using CancellationTokenSource timeout = new(atMost, clock);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            await woken.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Time is up: look anyway.
        }
    }

    public void Dispose()
    {
        signal.Remove(this);
        woken.Dispose();
    }

    internal void Wake()
    {
        try
        {
            woken.Release();
        }
        catch (SemaphoreFullException)
        {
            // Woken already and not yet seen: one waking is enough.
        }
    }
}
