using System.Globalization;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Operations;

/// <summary>Kinds of facts about operations.</summary>
public static class OperationEvents
{
    public const string RunAsked = "operations.run_asked";
    public const string RunEnded = "operations.run_ended";
    public const string RunFailed = "operations.run_failed";
    public const string NotBegun = "operations.not_begun";
    public const string RunInterrupted = "operations.run_interrupted";
    public const string CancelAsked = "operations.cancel_asked";
    public const string Skipped = "operations.skipped";
    public const string Missed = "operations.missed";
    public const string TakenBack = "operations.taken_back";
    public const string ApprovalAsked = "operations.approval_asked";
    public const string ApprovalOver = "operations.approval_over";
    public const string Paused = "operations.paused";
    public const string Resumed = "operations.resumed";
    public const string ScheduleEdited = "operations.schedule_edited";
    public const string ScheduleUnreadable = "operations.schedule_unreadable";
    public const string NotAccounted = "operations.not_accounted";
    public const string AccountedAgain = "operations.accounted_again";
    public const string AutomationHeld = "operations.automation_held";
    public const string AutomationReleased = "operations.automation_released";
}

/// <summary>What is watched of operations; the subject is the operation's key.</summary>
public static class OperationIncidents
{
    /// <summary>Its last run failed.</summary>
    public const string Failed = "operations.failed";

    /// <summary>An instant passed and nothing ran for it.</summary>
    public const string Missed = "operations.missed";

    /// <summary>Its instants can't be accounted for: its schedule can't be read.</summary>
    public const string Schedule = "operations.schedule";

    /// <summary>Its instants can't be accounted for, and its schedule is not to blame.</summary>
    public const string Accounting = "operations.accounting";

    /// <summary>Caps hold back a part of its plan until a person approves it.</summary>
    public const string Approval = "operations.approval";

    /// <summary>The kill switch is on.</summary>
    public const string AutomationHeld = "operations.automation_held";

    public const string AutomationSubject = "automation";
}

internal static class OperationFacts
{
    public static OperationalEvent Of(
        string kind, string message, Actor actor, EventSeverity severity = EventSeverity.Info, params IReadOnlyList<IncidentSignal> signals) => new()
        {
            Kind = kind,
            Message = message,
            Actor = actor,
            Severity = severity,
            Signals = signals,
        };

    public static OperationalEvent ScheduleUnreadable(OperationInfo operation, string why, Actor actor)
    {
        string text = $"{operation.Title} does not run by itself: {why}. Edit its schedule, or put it back to the default";
        return Of(
            OperationEvents.ScheduleUnreadable, text, actor, EventSeverity.Error, new IncidentSignal(OperationIncidents.Schedule, operation.Key, text)) with
        {
            Reason = "unreadable",
            Error = new ErrorDetail("schedule_unreadable", operation.Key, why, null),
        };
    }

    /// <param name="missed">Oldest first; the last may be owed: one run makes up for all of them.</param>
    public static OperationalEvent Missed(OperationInfo operation, IReadOnlyList<Verdict> missed, Actor actor)
    {
        string when = missed.Count == 1
            ? $"at {missed[0].Instant:u}"
            : string.Create(CultureInfo.InvariantCulture, $"at {missed.Count} instants from {missed[0].Instant:u} to {missed[^1].Instant:u}");
        string then = missed[^1].State == OccurrenceState.Owed ? "One run makes up for it now" : "Nothing makes up for it";
        string text = $"{operation.Title} did not run {when}. {then}";
        return Of(OperationEvents.Missed, text, actor, EventSeverity.Warning, new IncidentSignal(OperationIncidents.Missed, operation.Key, text)) with { Reason = "missed" };
    }

    /// <summary>A run that is owed can't begin, and it is not the schedule's fault.</summary>
    public static OperationalEvent NotBegun(OperationInfo operation, string why, Actor actor)
    {
        string text = $"A run that {operation.Title} owes can't begin: {why}. It is tried again with every look; “Run now” on its page shows whether it can run at all";
        return Of(OperationEvents.NotBegun, text, actor, EventSeverity.Error, new IncidentSignal(OperationIncidents.Failed, operation.Key, text)) with
        {
            Reason = "not_begun",
            Error = new ErrorDetail("run_not_begun", operation.Key, why, null),
        };
    }

    /// <summary>The portal fails at an operation's instants, whatever its schedule says.</summary>
    public static OperationalEvent NotAccounted(OperationInfo operation, string why, Actor actor)
    {
        string text = $"The instants of {operation.Title} can't be accounted for: {why}. Missed ones are neither told nor made up for meanwhile; each look tries again";
        return Of(OperationEvents.NotAccounted, text, actor, EventSeverity.Error, new IncidentSignal(OperationIncidents.Accounting, operation.Key, text)) with
        {
            Reason = "not_accounted",
            Error = new ErrorDetail("not_accounted", operation.Key, why, null),
        };
    }

    /// <summary>Whatever kept them from it is over.</summary>
    public static OperationalEvent Accounted(OperationInfo operation, Actor actor) => Of(
        OperationEvents.AccountedAgain,
        $"The instants of {operation.Title} are accounted for again",
        actor,
        EventSeverity.Info,
        Over(OperationIncidents.Schedule, operation.Key, "It can be read again"),
        Over(OperationIncidents.Accounting, operation.Key, "They are accounted for again"));

    /// <summary>No plan of the operation waits for a person any more.</summary>
    public static OperationalEvent ApprovalOver(OperationInfo operation, string why, Actor actor) => Of(
        OperationEvents.ApprovalOver, $"{operation.Title}: {why}", actor, EventSeverity.Info, Over(OperationIncidents.Approval, operation.Key, why));

    public static IncidentSignal Over(string rule, string operation, string text) => new(rule, operation, text, Over: true);
}
