using System.Text.Json;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Platform.Data.Events;

/// <summary>The signals of a fact as they stand in its row: a JSON array.</summary>
internal static class EventSignals
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static string? ToText(IReadOnlyList<IncidentSignal> signals) => signals.Count == 0 ? null : JsonSerializer.Serialize(signals, Json);

    public static IReadOnlyList<IncidentSignal> FromText(string? text) =>
        text is null ? [] : JsonSerializer.Deserialize<IReadOnlyList<IncidentSignal>>(text, Json) ?? [];
}
