using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

/// <summary>M2, in one place.</summary>
internal static class PodOrphans
{
    /// <summary>M2, letter by letter.</summary>
    public static string Alert(string podId) => $"Orphaned RunPod instance detected: {podId}";

    public static IncidentSignal Signal(string podId) => new(PodIncidents.Orphaned, podId, Alert(podId));

    /// <param name="why">What makes it an orphan and what becomes of it, as a sentence without its full stop.</param>
    public static OperationalEvent Fact(LedgerPod row, string why, Actor actor) =>
        PodFacts.Of(row, PodEvents.Orphaned, $"{Alert(row.PodId!)}. {why}", actor, EventSeverity.Warning, row.WantReason) with { Signals = [Signal(row.PodId!)] };
}
