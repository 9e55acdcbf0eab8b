using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Platform.Data.Events;

/// <summary>Puts facts among the unit's new rows; they are sent with its next statement, at the latest with the commit.</summary>
internal sealed class EventSink(LoraDb db, IIds ids, TimeProvider clock) : IEventSink
{
    public int Appended { get; private set; }

    public Task AppendAsync(OperationalEvent fact, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(fact);
        OperationalEventRow row = new()
        {
            Id = ids.Next(),
            At = clock.GetUtcNow().ToMillis(),
            Kind = fact.Kind,
            Message = fact.Message,
            Severity = fact.Severity,
            ActorKind = fact.Actor.Kind,
            ActorName = fact.Actor.Name,
            JobId = fact.Job?.Value,
            LoraId = fact.Lora?.Value,
            UserId = fact.User?.Value,
            Attempt = fact.Attempt,
            Pod = fact.Pod,
            Reason = fact.Reason,
            HasError = fact.Error is not null,
            Signals = EventSignals.ToText(fact.Signals),
        };
        db.AddNew(row);
        if (fact.Error is { } error)
        {
            db.AddNew(new ErrorEventRow
            {
                EventId = row.Id,
                At = row.At,
                Code = error.Code,
                Where = error.Where,
                ProviderWords = error.ProviderWords,
                CorrelationId = error.CorrelationId,
                JobId = row.JobId,
            });
        }

        Appended++;
        return Task.CompletedTask;
    }
}
