namespace LoraAdmin.Platform.Data.Events;

/// <summary>Runs the consumers: at once after a commit of this process, and every second for what others have written.</summary>
internal sealed partial class EventPumpService(
    EventPump pump, CommitSignal committed, IEnumerable<IEventConsumer> consumers, TimeProvider clock, ILogger<EventPumpService> logger)
    : BackgroundService
{
    private const int Batch = 200;
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    private readonly IReadOnlyList<IEventConsumer> consumers = [.. consumers];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using CommitListener listener = committed.Listen();
        TimeSpan pause = Poll;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                bool full = await PumpOnceAsync(stoppingToken);
                pause = Poll;
                if (full)
                {
                    continue;
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // Whatever fails here, facts stay in the database and the next round takes them in.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                PumpFailed(logger, exception);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }

            try
            {
                await listener.WaitAsync(pause, clock, stoppingToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <returns>Whether there may be more.</returns>
    internal async Task<bool> PumpOnceAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<StoredEvent> events = await pump.ClaimUnprocessedAsync(Batch, cancellationToken);
        if (events.Count == 0)
        {
            return false;
        }

        bool all = true;
        foreach (IEventConsumer consumer in consumers)
        {
            try
            {
                await consumer.ConsumeAsync(events, cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                throw;
            }
#pragma warning disable CA1031 // One consumer's failure must not keep facts from the others.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                all = false;
                ConsumerFailed(logger, consumer.Name, events.Count, exception);
            }
        }

        if (all)
        {
            await pump.MarkProcessedAsync(events, cancellationToken);
        }

        return events.Count == Batch;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Facts could not be read from the database; they stay there and are taken in later.")]
    private static partial void PumpFailed(ILogger logger, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "Consumer {Consumer} did not take in {Count} facts; it gets them again.")]
    private static partial void ConsumerFailed(ILogger logger, string consumer, int count, Exception exception);
}
