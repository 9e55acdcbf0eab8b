using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Pods;

internal static class PodFacts
{
    /// <summary>A fact about the pod, with everything by which it is found again.</summary>
    public static OperationalEvent Of(
        LedgerPod row, string kind, string message, Actor actor, EventSeverity severity = EventSeverity.Info, string? reason = null) => new()
        {
            Kind = kind,
            Message = message,
            Severity = severity,
            Actor = actor,
            Job = row.Job,
            Attempt = row.Attempt,
            Pod = row.Name,
            Reason = reason,
        };

    /// <summary>A held pod stands still of which people have been told that it does not.</summary>
    public static OperationalEvent StoppedAfterAll(LedgerPod row, Actor actor) =>
        Of(row, PodEvents.Stopped, $"Pod {row.PodId} has stopped, and costs only its disk from here on", actor, reason: row.WantReason) with
        {
            Signals = [PodIncidents.HeldSignal(row.PodId!)],
        };
}
