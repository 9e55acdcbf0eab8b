using System.Globalization;
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
            if (logger.IsEnabled(level))
            {
                string about = About(fact);
                Fact(logger, level, fact.Kind, fact.Message, about);
            }
        }

        return Task.CompletedTask;
    }

    /// <summary>Of what it is, as far as it is of any; who did it; and what went wrong.</summary>
    private static string About(OperationalEvent fact)
    {
        string?[] of =
        [
            fact.Job is { } job ? $"job {job}" : null,
            fact.Attempt is { } attempt ? string.Create(CultureInfo.InvariantCulture, $"attempt {attempt}") : null,
            fact.Pod is { } pod ? $"pod {pod}" : null,
            $"by {fact.Actor}",
        ];
        string?[] wrong = fact.Error is not { } error ? [] :
        [
            $"{error.Code} at {error.Where}{(error.ProviderWords is { } words && !fact.Message.Contains(words, StringComparison.Ordinal) ? $": {words}" : "")}",
            error.CorrelationId is { } id ? $"request {id}" : null,
        ];
        return string.Join("; ", [string.Join(", ", of.OfType<string>()), .. wrong.OfType<string>()]);
    }

    [LoggerMessage(Message = "{Kind}: {Text} ({About})")]
    private static partial void Fact(ILogger logger, LogLevel level, string kind, string text, string about);
}
