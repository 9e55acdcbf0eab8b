using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Operations;

public enum BarKind
{
    /// <summary>The operation is paused.</summary>
    Pause,

    /// <summary>Destructive automation is held.</summary>
    Hold,

    /// <summary>This process's clock is far off, or another one's.</summary>
    Clock,
}

/// <summary>What keeps an operation from acting by itself.</summary>
/// <param name="By">Null: nobody did it, a clock is far off.</param>
/// <param name="Reason">As it was given; of a clock, a whole sentence.</param>
/// <param name="Since">Null: of a clock.</param>
/// <param name="Until">When it ends by itself; null: when a person ends it, or the clock is right.</param>
public sealed record AutomationBar(BarKind Kind, Actor? By, string Reason, DateTimeOffset? Since, DateTimeOffset? Until)
{
    public string Words => Kind switch
    {
        BarKind.Pause => $"Paused by {By?.Name}: {Reason}",
        BarKind.Hold => $"Destructive automation is held by {By?.Name}: {Reason}",
        _ => Reason,
    };
}

/// <summary>
/// For loops that do an operation's work between its runs, such as the minute loop of the sweep: what holds the operation holds them too.
/// </summary>
public static class AutomationGate
{
    /// <param name="clocks">Null for what is not destructive: neither the kill switch nor a clock that is far off holds it.</param>
    /// <returns>What keeps it from acting by itself now; null: nothing does.</returns>
    public static async Task<AutomationBar?> FindAsync(IUnit unit, string operation, ClockStandings? clocks, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        OperationPause? pause = (await unit.Store<IOperationScheduleStore>().FindAsync(operation, cancellationToken))?.Pause;
        AutomationHold? hold = clocks is not null ? await unit.Store<IAutomationHoldStore>().FindAsync(cancellationToken) : null;
        return FindNow(pause, hold, now) ?? (clocks?.WhyHeld() is { } doubt ? new AutomationBar(BarKind.Clock, null, doubt, null, null) : null);
    }

    /// <param name="clocks">Null for what is not destructive: neither the kill switch nor a clock that is far off holds it.</param>
    /// <returns>Why it must not act by itself now; null: it may.</returns>
    public static async Task<string?> WhyHeldAsync(IUnit unit, string operation, ClockStandings? clocks, DateTimeOffset now, CancellationToken cancellationToken) =>
        (await FindAsync(unit, operation, clocks, now, cancellationToken))?.Words;

    /// <param name="hold">Null for what is not destructive.</param>
    internal static string? WhyHeldNow(OperationPause? pause, AutomationHold? hold, DateTimeOffset now) => FindNow(pause, hold, now)?.Words;

    /// <summary>The same at an instant that has passed, as far as it is still known.</summary>
    internal static string? WhyHeldAt(OperationPause? pause, AutomationHold? hold, DateTimeOffset instant) =>
        Of(pause?.HoldsAt(instant) == true ? pause : null, hold?.HoldsAt(instant) == true ? hold : null)?.Words;

    internal static AutomationBar Of(OperationPause pause) => new(BarKind.Pause, pause.By, pause.Reason, pause.Since, pause.Until);

    internal static AutomationBar Of(AutomationHold hold) => new(BarKind.Hold, hold.By, hold.Reason, hold.Since, hold.Until);

    private static AutomationBar? FindNow(OperationPause? pause, AutomationHold? hold, DateTimeOffset now) =>
        Of(pause?.HoldsNow(now) == true ? pause : null, hold?.HoldsNow(now) == true ? hold : null);

    private static AutomationBar? Of(OperationPause? pause, AutomationHold? hold) =>
        pause is not null ? Of(pause) : hold is not null ? Of(hold) : null;
}
