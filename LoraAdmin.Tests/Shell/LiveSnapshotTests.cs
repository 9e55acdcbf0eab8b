using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Live;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Shell;

public sealed class LiveSnapshotTests
{
    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero));
    private readonly LocalLiveSignal signal = new();
    private readonly LiveHub hub;
    private readonly LiveSource<int> source;
    private int reads;
    private Exception? failure;

    public LiveSnapshotTests()
    {
        IServiceScopeFactory scopes = new ServiceCollection().BuildServiceProvider().GetRequiredService<IServiceScopeFactory>();
        hub = new LiveHub(scopes, signal, clock, NullLogger<LiveHub>.Instance);
        source = new LiveSource<int>("test", LiveTopics.Training, TimeSpan.FromSeconds(5), (_, _) =>
        {
            int number = Interlocked.Increment(ref reads);
            return failure is null ? Task.FromResult(number) : Task.FromException<int>(failure);
        });
    }

    [Fact]
    public async Task Snapshot_ManyWatchers_ReadsOnceForAll()
    {
        LiveSnapshot<int> snapshot = hub.Get(source);
        int told = 0;
        List<IDisposable> watchers = [.. Enumerable.Range(0, 50).Select(_ => hub.Get(source).Watch(() => Interlocked.Increment(ref told)))];
        await LoraBunitContext.UntilAsync(() => snapshot.Current.HasValue);

        Assert.Equal(1, reads);
        Assert.Equal(50, snapshot.Watchers);
        watchers.ForEach(watcher => watcher.Dispose());
        Assert.Equal(0, snapshot.Watchers);
    }

    [Fact]
    public async Task Snapshot_ManyChangesWithinASecond_ReadsOnceMore()
    {
        LiveSnapshot<int> snapshot = hub.Get(source);
        using IDisposable watching = snapshot.Watch(() => { });
        await LoraBunitContext.UntilAsync(() => snapshot.Current.Value == 1);

        for (int change = 0; change < 100; change++)
        {
            signal.Changed(LiveTopics.Training);
        }

        Assert.Equal(1, reads);
        clock.Advance(LiveSnapshot<int>.MinimumGap);
        signal.Changed(LiveTopics.Training);
        await LoraBunitContext.UntilAsync(() =>
        {
            clock.Advance(TimeSpan.FromMilliseconds(1));
            return snapshot.Current.Value >= 2;
        });
        Assert.InRange(reads, 2, 3);
    }

    [Fact]
    public async Task Snapshot_NobodyWatches_ReadsNothing()
    {
        LiveSnapshot<int> snapshot = hub.Get(source);
        IDisposable watching = snapshot.Watch(() => { });
        await LoraBunitContext.UntilAsync(() => snapshot.Current.HasValue);
        watching.Dispose();
        watching.Dispose();

        clock.Advance(TimeSpan.FromMinutes(5));
        signal.Changed(LiveTopics.Training);

        Assert.Equal(1, reads);
        Assert.NotSame(snapshot, hub.Get(source));
    }

    [Fact]
    public async Task Snapshot_NoSignal_ReadsRegularly()
    {
        LiveSnapshot<int> snapshot = hub.Get(source);
        using IDisposable watching = snapshot.Watch(() => { });

        await LoraBunitContext.UntilAsync(() =>
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            return snapshot.Current.Value >= 3;
        });
    }

    [Fact]
    public async Task Snapshot_StoreAway_KeepsTheLastValueAndSinceWhen()
    {
        LiveSnapshot<int> snapshot = hub.Get(source);
        using IDisposable watching = snapshot.Watch(() => { });
        await LoraBunitContext.UntilAsync(() => snapshot.Current.HasValue);
        DateTimeOffset asOf = snapshot.Current.AsOf!.Value;

        failure = new StoreUnavailableException("away");
        clock.Advance(TimeSpan.FromSeconds(2));
        signal.Changed(LiveTopics.Training);
        await LoraBunitContext.UntilAsync(() => snapshot.Current.IsStale);

        Assert.Equal((1, asOf, "away"), (snapshot.Current.Value, snapshot.Current.AsOf, snapshot.Current.Failure));
        DateTimeOffset? since = snapshot.Current.FailingSince;
        Assert.Equal(asOf + TimeSpan.FromSeconds(2), since);

        failure = null;
        clock.Advance(TimeSpan.FromSeconds(2));
        signal.Changed(LiveTopics.Training);
        await LoraBunitContext.UntilAsync(() => !snapshot.Current.IsStale);
    }

    [Fact]
    public async Task Snapshot_ReadThrowsUnexpectedly_GoesOnAndHidesTheStack()
    {
        failure = new InvalidOperationException("secret detail");
        LiveSnapshot<int> snapshot = hub.Get(source);
        using IDisposable watching = snapshot.Watch(() => { });
        await LoraBunitContext.UntilAsync(() => snapshot.Current.IsStale);

        Assert.DoesNotContain("secret", snapshot.Current.Failure, StringComparison.Ordinal);
        Assert.False(snapshot.Current.HasValue);
    }
}
