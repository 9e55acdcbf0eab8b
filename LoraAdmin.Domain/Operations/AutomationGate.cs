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
        return WhyHeld(pause, hold, now) ?? clocks?.WhyHeld();
    }

    /// <param name="hold">Null for what is not destructive.</param>
    internal static string? WhyHeld(OperationPause? pause, AutomationHold? hold, DateTimeOffset at) =>
        pause?.HoldsAt(at) == true ? $"Paused by {pause.By.Name}: {pause.Reason}"
        : hold?.HoldsAt(at) == true ? $"Destructive automation is held by {hold.By.Name}: {hold.Reason}"
        : null;
}
