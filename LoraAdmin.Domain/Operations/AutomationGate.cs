using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Operations;

/// <summary>
/// For loops that do an operation's work between its runs, such as the minute loop of the sweep: what holds the operation holds them too.
/// </summary>
public static class AutomationGate
{
    /// <param name="clocks">Null for what is not destructive: neither the kill switch nor a clock that is far off holds it.</param>
    /// <returns>Why it must not act by itself now; null: it may.</returns>
    public static async Task<string?> WhyHeldAsync(IUnit unit, string operation, ClockStandings? clocks, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        OperationPause? pause = (await unit.Store<IOperationScheduleStore>().FindAsync(operation, cancellationToken))?.Pause;
        AutomationHold? hold = clocks is not null ? await unit.Store<IAutomationHoldStore>().FindAsync(cancellationToken) : null;
        return WhyHeldNow(pause, hold, now) ?? clocks?.WhyHeld();
    }

    /// <param name="hold">Null for what is not destructive.</param>
    internal static string? WhyHeldNow(OperationPause? pause, AutomationHold? hold, DateTimeOffset now) =>
        WhyHeld(pause?.HoldsNow(now) == true ? pause : null, hold?.HoldsNow(now) == true ? hold : null);

    /// <summary>The same at an instant that has passed, as far as it is still known.</summary>
    internal static string? WhyHeldAt(OperationPause? pause, AutomationHold? hold, DateTimeOffset instant) =>
        WhyHeld(pause?.HoldsAt(instant) == true ? pause : null, hold?.HoldsAt(instant) == true ? hold : null);

    private static string? WhyHeld(OperationPause? pause, AutomationHold? hold) =>
        pause is not null ? $"Paused by {pause.By.Name}: {pause.Reason}"
        : hold is not null ? $"Destructive automation is held by {hold.By.Name}: {hold.Reason}"
        : null;
}
