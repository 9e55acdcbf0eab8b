using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Platform.Data.Events;

/// <summary>Runs the consumers: at once after a commit of this process, and every second for what others have written.</summary>
internal sealed class EventPumpService(
    EventPump pump, CommitSignal committed, IEnumerable<IEventConsumer> consumers, TimeProvider clock, ILogger<EventPumpService> logger)
    : PortalLoop(started: null, clock, logger)
{
    private const int Batch = 200;
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    private readonly IReadOnlyList<IEventConsumer> consumers = [.. consumers];
    private readonly CommitListener listener = committed.Listen();

    public override void Dispose()
    {
        listener.Dispose();
        base.Dispose();
    }

    protected override async Task<TimeSpan> TurnAsync(CancellationToken stoppingToken) =>
        await PumpOnceAsync(stoppingToken) ? TimeSpan.Zero : Poll;

    protected override Task WaitAsync(TimeSpan pause, CancellationToken stoppingToken) => listener.WaitAsync(pause, Clock, stoppingToken);

    /// <returns>Whether there may be more.</returns>
    internal async Task<bool> PumpOnceAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<StoredEvent> events = await pump.ClaimUnprocessedAsync(Batch, cancellationToken);
        HashSet<StoredEvent> left = [];
        foreach (IEventConsumer consumer in consumers.Where(_ => events.Count > 0))
        {
            left.UnionWith(await NotTakenAsync(consumer, events, cancellationToken));
        }

        await pump.MarkProcessedAsync([.. events.Where(stored => !left.Contains(stored))], cancellationToken);
        return events.Count == Batch;
    }

    /// <summary>One consumer's failure must not keep facts from the others, nor one fact the rest of its batch: then each is given by itself.</summary>
    private async Task<IReadOnlyList<StoredEvent>> NotTakenAsync(IEventConsumer consumer, IReadOnlyList<StoredEvent> events, CancellationToken cancellationToken)
    {
        switch (await AttemptAsync($"{consumer.Name} of {events.Count} facts", token => consumer.ConsumeAsync(events, token), cancellationToken))
        {
            case null:
                return [];
            case StoreUnavailableException:
            case var _ when events.Count == 1:
                return events;
        }

        List<StoredEvent> left = [];
        foreach (StoredEvent one in events)
        {
            if (await AttemptAsync($"{consumer.Name} of fact {one.Id}", token => consumer.ConsumeAsync([one], token), cancellationToken) is not null)
            {
                left.Add(one);
            }
        }

        return left;
    }
}
