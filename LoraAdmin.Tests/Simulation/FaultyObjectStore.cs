using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Tests.Simulation;

/// <summary>Buckets that refuse, lie or call back when a test says so.</summary>
public sealed class FaultyObjectStore(IObjectStore inner, TimeProvider clock) : IObjectStore
{
    /// <summary>Answers instead of storing; null lets the put pass.</summary>
    public Func<ObjectRef, PutOutcome?>? OnPut { get; set; }

    /// <summary>True: the put neither answers nor fails until its caller gives up.</summary>
    public Func<ObjectRef, bool>? Hangs { get; set; }

    /// <summary>Changes what is kept, while the answer tells of what was sent.</summary>
    public Func<ObjectRef, byte[], byte[]>? Keeps { get; set; }

    /// <summary>Runs while the caller waits for an object.</summary>
    public Func<ObjectRef, Task>? OnOpen { get; set; }

    /// <summary>Answers instead of opening; null lets the reading pass.</summary>
    public Func<ObjectRef, ObjectReading?>? OnRead { get; set; }

    /// <summary>Called before an object is removed; may throw what no store should.</summary>
    public Action<ObjectRef>? OnDelete { get; set; }

    /// <summary>Each put with its instant, the failed ones too.</summary>
    public List<(ObjectRef Target, DateTimeOffset At)> Puts { get; } = [];

    /// <summary>Each object that was opened, with its instant.</summary>
    public List<(ObjectRef Target, DateTimeOffset At)> Opens { get; } = [];

    public async Task<PutOutcome> PutAsync(ObjectRef target, Stream content, string contentType, CancellationToken cancellationToken)
    {
        Puts.Add((target, clock.GetUtcNow()));
        if (Hangs?.Invoke(target) == true)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, clock, cancellationToken);
        }

        if (OnPut?.Invoke(target) is { } refused)
        {
            return refused;
        }

        if (Keeps is not { } keeps)
        {
            return await inner.PutAsync(target, content, contentType, cancellationToken);
        }

        using MemoryStream sent = new();
        await content.CopyToAsync(sent, cancellationToken);
        sent.Position = 0;
        PutOutcome outcome = await inner.PutAsync(target, sent, contentType, cancellationToken);
        using MemoryStream kept = new(keeps(target, sent.ToArray()), writable: false);
        await inner.PutAsync(target, kept, contentType, cancellationToken);
        return outcome;
    }

    public async Task<ObjectReading> OpenAsync(ObjectRef target, CancellationToken cancellationToken)
    {
        Opens.Add((target, clock.GetUtcNow()));
        if (OnOpen is { } called)
        {
            await called(target);
        }

        return OnRead?.Invoke(target) ?? await inner.OpenAsync(target, cancellationToken);
    }

    public Task<bool> DeleteAsync(ObjectRef target, CancellationToken cancellationToken)
    {
        OnDelete?.Invoke(target);
        return inner.DeleteAsync(target, cancellationToken);
    }
}
