namespace LoraAdmin.Platform.Live;

/// <summary>What changes are announced under. Few words, so that a listener reads once for many changes.</summary>
public static class LiveTopics
{
    /// <summary>A training job, its pods or its money changed.</summary>
    public const string Training = "training";

    /// <summary>The provider's bills, which come once a day: nobody announces them, and who shows them reads from time to time.</summary>
    public const string Bills = "bills";
}

/// <summary>
/// Says that something changed, on this instance and, with Redis, on the others. A hint and no promise: who listens also reads from time to time.
/// </summary>
public interface ILiveSignal
{
    /// <summary>Never throws and never waits for the network. Call it after the commit.</summary>
    void Changed(string topic);

    /// <summary>Calls <paramref name="heard"/> for each change, on any thread; it must return at once. Dispose to stop.</summary>
    IDisposable Listen(string topic, Action heard);
}

/// <summary>Changes within one process.</summary>
public sealed class LocalLiveSignal : ILiveSignal
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, List<Action>> listeners = new(StringComparer.Ordinal);

    public void Changed(string topic)
    {
        Action[] heard;
        lock (gate)
        {
            heard = listeners.TryGetValue(topic, out List<Action>? found) ? [.. found] : [];
        }

        foreach (Action one in heard)
        {
            one();
        }
    }

    public IDisposable Listen(string topic, Action heard)
    {
        lock (gate)
        {
            if (!listeners.TryGetValue(topic, out List<Action>? found))
            {
                listeners[topic] = found = [];
            }

            found.Add(heard);
        }

        return new Leaving(() => Leave(topic, heard));
    }

    private void Leave(string topic, Action heard)
    {
        lock (gate)
        {
            if (listeners.TryGetValue(topic, out List<Action>? found) && found.Remove(heard) && found.Count == 0)
            {
                listeners.Remove(topic);
            }
        }
    }
}

/// <summary>Runs an action at the first disposal.</summary>
internal sealed class Leaving(Action leave) : IDisposable
{
    private Action? pending = leave;

    public void Dispose() => Interlocked.Exchange(ref pending, null)?.Invoke();
}
