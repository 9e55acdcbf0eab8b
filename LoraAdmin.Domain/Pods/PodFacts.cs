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
}
