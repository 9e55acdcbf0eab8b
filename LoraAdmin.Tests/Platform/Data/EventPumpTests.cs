using System.Collections.Concurrent;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using LoraAdmin.Platform.Data.Events;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data;

public sealed class EventPumpTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Facts_OfAnOpenTransaction_AreNotHandedOutBeforeItsCommit(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        await Assert.ThrowsAsync<NotSupportedException>(() => database.Work.RunAsync(
            async (unit, token) =>
            {
                await unit.Events.AppendAsync(Fact("never"), token);
                throw new NotSupportedException("planned");
            },
            default));
        Assert.Empty(await Pump(database).ClaimUnprocessedAsync(10, default));

        IncidentSignal[] signals = [new("pods.leaking", "abcd1234", "it \"leaks\""), new("pods.held", "abcd1234", "over", Over: true)];
        await AppendAsync(database, Fact("first") with { Signals = signals }, Fact("second") with { Error = new ErrorDetail("x", "runpod.create", "503", "r-1"), Severity = EventSeverity.Error });

        IReadOnlyList<StoredEvent> events = await Pump(database).ClaimUnprocessedAsync(10, default);
        Assert.Equal(["first", "second"], events.Select(stored => stored.Fact.Message));
        Assert.Equal(new ErrorDetail("x", "runpod.create", "503", "r-1"), events[1].Fact.Error);
        Assert.Equal(signals, events[0].Fact.Signals);
        Assert.Empty(events[1].Fact.Signals);
        Assert.Empty(await Pump(database).ClaimUnprocessedAsync(10, default));
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Facts_ClaimedByManyAtOnce_GoToOneEach(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        await AppendAsync(database, [.. Enumerable.Range(0, 100).Select(number => Fact($"{number}"))]);

        IReadOnlyList<StoredEvent>[] claims = await Task.WhenAll(
            Enumerable.Range(0, 10).Select(_ => Task.Run(() => Pump(database).ClaimUnprocessedAsync(15, default))));

        long[] sequences = [.. claims.SelectMany(claim => claim).Select(stored => stored.Sequence)];
        Assert.Equal(sequences.Length, sequences.Distinct().Count());
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Pump_ConsumerFails_HandsTheFactsOutAgainLater(DatabaseKind kind)
    {
        FakeTimeProvider clock = new(Now);
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, clock);
        await AppendAsync(database, Fact("first"));
        Recorder steady = new(failures: 0);
        Recorder shaky = new(failures: 1);
        using EventPumpService service = new(
            Pump(database), database.Services.GetRequiredService<CommitSignal>(), [shaky, steady], clock, NullLogger<EventPumpService>.Instance);

        await service.PumpOnceAsync(default);
        Assert.Empty(shaky.Seen);
        await service.PumpOnceAsync(default);
        Assert.Single(steady.Seen);
        clock.Advance(TimeSpan.FromSeconds(30));
        await service.PumpOnceAsync(default);
        clock.Advance(TimeSpan.FromHours(1));
        await service.PumpOnceAsync(default);

        Assert.Equal(["first"], shaky.Seen.Select(stored => stored.Fact.Message));
        Assert.Equal([1, 2], steady.Seen.Select(stored => stored.Claims));
    }

    [Fact]
    public async Task Pump_OneFactFails_TakesInTheRestOfItsBatch()
    {
        FakeTimeProvider clock = new(Now);
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite, clock);
        await AppendAsync(database, Fact("before"), Fact("poison"), Fact("after"));
        Recorder choosy = new(failures: 0) { Poison = "poison" };
        using EventPumpService service = new(
            Pump(database), database.Services.GetRequiredService<CommitSignal>(), [choosy], clock, NullLogger<EventPumpService>.Instance);

        await service.PumpOnceAsync(default);

        Assert.Equal(["before", "after"], choosy.Seen.Select(stored => stored.Fact.Message));
        clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(["poison"], (await Pump(database).ClaimUnprocessedAsync(10, default)).Select(stored => stored.Fact.Message));
    }

    [Fact]
    public async Task Service_AfterACommit_IsWokenWithoutWaiting()
    {
        // The clock stands still: only the commit can wake it.
        FakeTimeProvider clock = new(Now);
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite, clock);
        Recorder recorder = new(failures: 0);
        using EventPumpService service = new(
            Pump(database), database.Services.GetRequiredService<CommitSignal>(), [recorder], clock, NullLogger<EventPumpService>.Instance);
        await service.StartAsync(default);

        await AppendAsync(database, Fact("woken"));
        StoredEvent seen = await recorder.Next.WaitAsync(Eventually.DefaultDeadline, TimeProvider.System);
        await service.StopAsync(default);

        Assert.Equal("woken", seen.Fact.Message);
    }

    private static EventPump Pump(TestDatabase database) => database.Services.GetRequiredService<EventPump>();

    private static Task AppendAsync(TestDatabase database, params OperationalEvent[] facts) => database.Work.RunAsync(
        async (unit, token) =>
        {
            foreach (OperationalEvent fact in facts)
            {
                await unit.Events.AppendAsync(fact, token);
            }
        },
        default);

    private static OperationalEvent Fact(string message) => new() { Kind = TrainingEvents.Accepted, Message = message, Actor = Actor.Portal("tests") };

    private sealed class Recorder(int failures) : IEventConsumer
    {
        private readonly TaskCompletionSource<StoredEvent> next = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int left = failures;

        public string Name => "tests.recorder";

        public string? Poison { get; init; }

        public ConcurrentQueue<StoredEvent> Seen { get; } = new();

        public Task<StoredEvent> Next => next.Task;

        public Task ConsumeAsync(IReadOnlyList<StoredEvent> events, CancellationToken cancellationToken)
        {
            if (left-- > 0 || events.Any(stored => stored.Fact.Message == Poison))
            {
                throw new InvalidOperationException("planned");
            }

            foreach (StoredEvent stored in events)
            {
                Seen.Enqueue(stored);
            }

            next.TrySetResult(events[0]);
            return Task.CompletedTask;
        }
    }
}
