using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Platform.Data.Events;

/// <summary>Writes each fact as one log line.</summary>
internal sealed partial class EventLog(ILogger<EventLog> logger) : IEventConsumer
{
    public string Name => "events.log";

    public Task ConsumeAsync(IReadOnlyList<StoredEvent> events, CancellationToken cancellationToken)
    {
        foreach (StoredEvent stored in events)
        {
            OperationalEvent fact = stored.Fact;
            LogLevel level = fact.Severity switch
            {
                EventSeverity.Critical => LogLevel.Critical,
                EventSeverity.Error => LogLevel.Error,
                EventSeverity.Warning => LogLevel.Warning,
                _ => LogLevel.Information,
            };
            if (fact.Error is { } error)
            {
                Failure(
                    logger, level, fact.Kind, fact.Message, fact.Job, fact.Attempt, fact.Pod, fact.Actor,
                    error.Code, error.Where, error.ProviderWords, error.CorrelationId);
            }
            else
            {
                Fact(logger, level, fact.Kind, fact.Message, fact.Job, fact.Attempt, fact.Pod, fact.Actor);
            }
        }

        return Task.CompletedTask;
    }

    [LoggerMessage(Message = "{Kind}: {Text} (job {Job}, attempt {Attempt}, pod {Pod}, by {Actor})")]
    private static partial void Fact(ILogger logger, LogLevel level, string kind, string text, JobId? job, int? attempt, string? pod, Actor actor);

    [LoggerMessage(Message = "{Kind}: {Text} (job {Job}, attempt {Attempt}, pod {Pod}, by {Actor}; {Code} at {Where}: {Words}; request {CorrelationId})")]
    private static partial void Failure(
        ILogger logger, LogLevel level, string kind, string text, JobId? job, int? attempt, string? pod, Actor actor,
        string code, string where, string? words, string? correlationId);
}
