using System.Globalization;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Platform.Data.Events;

/// <summary>
/// Writes each fact as one log line, whose properties are what the fact is of: where logs are collected, they are looked for by job or pod. A source-generated
/// method would give each line all of them, and its text empty places.
/// </summary>
internal sealed class EventLog(ILogger<EventLog> logger) : IEventConsumer
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
                string line = $"{fact.Kind}: {fact.Message} ({About(fact)})";
                logger.Log(level, new EventId(0, fact.Kind), Properties(fact), null, (_, _) => line);
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

    /// <summary>Those that the fact has, by the names that other lines of the portal give them.</summary>
    private static List<KeyValuePair<string, object?>> Properties(OperationalEvent fact)
    {
        KeyValuePair<string, object?>[] all =
        [
            new("Kind", fact.Kind),
            new("Text", fact.Message),
            new("Job", fact.Job?.ToString()),
            new("Attempt", fact.Attempt),
            new("Pod", fact.Pod),
            new("Actor", fact.Actor.ToString()),
            new("Code", fact.Error?.Code),
            new("Where", fact.Error?.Where),
            new("Words", fact.Error?.ProviderWords),
            new("CorrelationId", fact.Error?.CorrelationId),
        ];
        return [.. all.Where(static one => one.Value is not null)];
    }
}
