using LoraAdmin.Domain.Alerts;
using LoraAdmin.Platform.Data.Events;

namespace LoraAdmin.Alerts;

/// <summary>Keeps the incidents from what features wrote down. Features never call alerts: they append facts.</summary>
internal sealed class IncidentConsumer(IncidentKeeper keeper) : IEventConsumer
{
    public string Name => "alerts.incidents";

    public async Task ConsumeAsync(IReadOnlyList<StoredEvent> events, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(events);
        foreach (StoredEvent stored in events)
        {
            await keeper.TakeInAsync(stored.Id, stored.At, stored.Fact, cancellationToken);
        }
    }
}
