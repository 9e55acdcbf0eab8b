using System.Diagnostics.CodeAnalysis;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Platform.Live;

/// <summary>What a page shows live: how it is read, how often at least, and what hurries it.</summary>
/// <param name="Key">Two sources of the same key are the same: their watchers share one snapshot.</param>
/// <param name="Topic">One of <see cref="LiveTopics"/>: a change under it reads at once.</param>
/// <param name="ReadEvery">Reads at least this often while someone watches; at most once a second whatever is said.</param>
/// <param name="Read">Gets the services of a scope of its own.</param>
public sealed record LiveSource<T>(string Key, string Topic, TimeSpan ReadEvery, Func<IServiceProvider, CancellationToken, Task<T>> Read);

/// <summary>The newest thing known. When reading fails the last value stays, with the instant since which it is getting old.</summary>
/// <param name="AsOf">When <paramref name="Value"/> was read; null: never yet.</param>
/// <param name="FailingSince">First of the failures in a row; null while reading works.</param>
/// <param name="Failure">For a person; never a stack trace.</param>
public sealed record LiveReading<T>(T? Value, DateTimeOffset? AsOf, DateTimeOffset? FailingSince, string? Failure)
{
    public static readonly LiveReading<T> Nothing = new(default, null, null, null);

    public bool HasValue => AsOf is not null;

    public bool IsStale => FailingSince is not null;
}

internal interface ILiveSnapshot
{
    /// <summary>Null while someone watches.</summary>
    DateTimeOffset? IdleSince { get; }
}

/// <summary>
/// One thing read for all circuits of the instance: at most once a second, and only while someone watches. Safe to use from any thread.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The last watcher disposes what runs; the semaphore has no handle unless it is asked for one.")]
public sealed partial class LiveSnapshot<T> : ILiveSnapshot
{
    /// <summary>Between two starts of a read.</summary>
    public static readonly TimeSpan MinimumGap = TimeSpan.FromSeconds(1);

    /// <summary>A read that takes longer counts as failed.</summary>
    public static readonly TimeSpan ReadWithin = TimeSpan.FromSeconds(15);

    private readonly Lock gate = new();
    private readonly List<Action> watchers = [];
    private readonly SemaphoreSlim wake = new(0, 1);
    private readonly LiveSource<T> source;
    private readonly IServiceScopeFactory scopes;
    private readonly ILiveSignal signal;
    private readonly TimeProvider clock;
    private readonly ILogger logger;
    private readonly TaskCompletionSource first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private CancellationTokenSource? running;
    private DateTimeOffset? lastStart;

    internal LiveSnapshot(LiveSource<T> source, IServiceScopeFactory scopes, ILiveSignal signal, TimeProvider clock, ILogger logger)
    {
        this.source = source;
        this.scopes = scopes;
        this.signal = signal;
        this.clock = clock;
        this.logger = logger;
        IdleSince = clock.GetUtcNow();
    }

    public LiveReading<T> Current { get; private set; } = LiveReading<T>.Nothing;

    public DateTimeOffset? IdleSince { get; private set; }

    /// <summary>Ends with the first outcome, good or bad.</summary>
    public Task FirstReading => first.Task;

    /// <summary>How many watch now.</summary>
    public int Watchers
    {
        get
        {
            lock (gate)
            {
                return watchers.Count;
            }
        }
    }

    /// <summary>Reads again as soon as the minimum gap allows.</summary>
    public void Refresh()
    {
        lock (gate)
        {
            if (wake.CurrentCount == 0)
            {
                wake.Release();
            }
        }
    }

    /// <summary>Calls <paramref name="changed"/> after each read, on any thread, until the result is disposed.</summary>
    public IDisposable Watch(Action changed)
    {
        lock (gate)
        {
            watchers.Add(changed);
            IdleSince = null;
            if (running is null)
            {
                running = new CancellationTokenSource();
                CancellationToken stop = running.Token;

                // Off the caller's circuit: the loop serves all circuits and outlives the one that started it.
                _ = Task.Run(() => RunAsync(stop), CancellationToken.None);
            }
        }

        return new Leaving(() => Leave(changed));
    }

    private void Leave(Action changed)
    {
        lock (gate)
        {
            watchers.Remove(changed);
            if (watchers.Count > 0 || running is null)
            {
                return;
            }

            IdleSince = clock.GetUtcNow();
            running.Cancel();
            running.Dispose();
            running = null;
        }
    }

    private async Task RunAsync(CancellationToken stop)
    {
        using IDisposable listening = signal.Listen(source.Topic, Refresh);
        try
        {
            while (true)
            {
                TimeSpan gap = lastStart is { } start ? start + MinimumGap - clock.GetUtcNow() : TimeSpan.Zero;
                if (gap > TimeSpan.Zero)
                {
                    await Task.Delay(gap, clock, stop);
                }

                await ReadAsync(stop);
                await WaitAsync(stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
    }

    private async Task WaitAsync(CancellationToken stop)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task due = Task.Delay(source.ReadEvery, clock, either.Token);
        await Task.WhenAny(due, wake.WaitAsync(either.Token));
        await either.CancelAsync();
        stop.ThrowIfCancellationRequested();
    }

    private async Task ReadAsync(CancellationToken stop)
    {
        lastStart = clock.GetUtcNow();
        LiveReading<T> next;
        using CancellationTokenSource late = new(ReadWithin, clock);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(stop, late.Token);
        try
        {
            await using AsyncServiceScope scope = scopes.CreateAsyncScope();
            T value = await source.Read(scope.ServiceProvider, either.Token);
            next = new LiveReading<T>(value, clock.GetUtcNow(), null, null);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            throw;
        }
        catch (StoreUnavailableException failure)
        {
            next = Failed(failure.Message);
        }
        catch (OperationCanceledException)
        {
            next = Failed($"The database did not answer within {ReadWithin.TotalSeconds:0} seconds.");
        }
#pragma warning disable CA1031 // One page's broken read must not end the loop that feeds every page; it is logged whole and shown as a failure.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            LogBroken(logger, failure, source.Key);
            next = Failed("Reading failed unexpectedly; the portal's log has the details.");
        }

        Tell(next, stop);
    }

    private LiveReading<T> Failed(string words) =>
        Current with { FailingSince = Current.FailingSince ?? clock.GetUtcNow(), Failure = words };

    private void Tell(LiveReading<T> next, CancellationToken stop)
    {
        Action[] told;
        lock (gate)
        {
            stop.ThrowIfCancellationRequested();
            Current = next;
            told = [.. watchers];
        }

        first.TrySetResult();
        foreach (Action one in told)
        {
            one();
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Reading {Key} for the pages failed unexpectedly")]
    private static partial void LogBroken(ILogger logger, Exception failure, string key);
}

/// <summary>All snapshots of this instance, by key. A snapshot that nobody has watched for a while is forgotten.</summary>
public sealed class LiveHub(IServiceScopeFactory scopes, ILiveSignal signal, TimeProvider clock, ILogger<LiveHub> logger)
{
    /// <summary>Long enough to bridge a page's first rendering, its circuit, and a step back in the browser.</summary>
    public static readonly TimeSpan KeepIdle = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private readonly Dictionary<string, ILiveSnapshot> snapshots = new(StringComparer.Ordinal);

    public LiveSnapshot<T> Get<T>(LiveSource<T> source)
    {
        ArgumentNullException.ThrowIfNull(source);
        lock (gate)
        {
            DateTimeOffset forget = clock.GetUtcNow() - KeepIdle;
            foreach (string old in snapshots.Where(entry => entry.Value.IdleSince < forget).Select(entry => entry.Key).ToList())
            {
                snapshots.Remove(old);
            }

            if (snapshots.TryGetValue(source.Key, out ILiveSnapshot? found))
            {
                return (LiveSnapshot<T>)found;
            }

            LiveSnapshot<T> made = new(source, scopes, signal, clock, logger);
            snapshots.Add(source.Key, made);
            return made;
        }
    }
}

/// <summary>The pause switch of one circuit: its pages keep what they show and read nothing.</summary>
public sealed class LivePause
{
    public bool IsPaused { get; private set; }

    public event Action? Changed;

    public void Toggle()
    {
        IsPaused = !IsPaused;
        Changed?.Invoke();
    }
}
