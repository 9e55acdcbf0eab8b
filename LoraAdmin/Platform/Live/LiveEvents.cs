using LoraAdmin.Platform.Data.Events;

namespace LoraAdmin.Platform.Live;

/// <summary>
/// Every fact is a change that pages show: whichever instance takes facts in tells all of them. A batch is one signal, and a fact that comes twice
/// only reads the pages once more.
/// </summary>
internal sealed class LiveEvents(ILiveSignal signal) : IEventConsumer
{
    public string Name => "live.signal";

    public Task ConsumeAsync(IReadOnlyList<StoredEvent> events, CancellationToken cancellationToken)
    {
        signal.Changed(LiveTopics.Training);
        return Task.CompletedTask;
    }
}
