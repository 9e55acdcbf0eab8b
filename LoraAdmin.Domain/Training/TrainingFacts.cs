using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

internal static class TrainingFacts
{
    /// <summary>A fact about the job, with everything by which it is found again.</summary>
    public static OperationalEvent Of(
        TrainingJob job, string kind, string message, Actor actor, EventSeverity severity = EventSeverity.Info, string? reason = null) => new()
        {
            Kind = kind,
            Message = message,
            Severity = severity,
            Actor = actor,
            Job = job.Id,
            Lora = job.LoraId,
            User = job.UserId,
            Attempt = job.Attempt,
            Reason = reason,
        };
}
