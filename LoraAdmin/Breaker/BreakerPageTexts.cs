using System.Globalization;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Shell;
using MudBlazor;

namespace LoraAdmin.Breaker;

/// <summary>States and entries in words.</summary>
public static class BreakerPageTexts
{
    public static (string Word, Tone Tone, string Icon) Look(CircuitStatus status) => status switch
    {
        CircuitStatus.Closed => ("closed", Tone.Good, Icons.Material.Outlined.CheckCircle),
        CircuitStatus.HalfOpen => ("half open", Tone.Warn, Icons.Material.Outlined.Loop),
        CircuitStatus.Isolated => ("held open", Tone.Warn, Icons.Material.Outlined.PanTool),
        _ => ("open", Tone.Bad, Icons.Material.Outlined.Block),
    };

    /// <summary>What would happen to a job that asked for a pod, or for a training at the fallback provider, now.</summary>
    public static string ToAJobNow(BreakerBoard board)
    {
        ArgumentNullException.ThrowIfNull(board);
        Circuit circuit = board.Circuit;
        (_, string name, string creates, string key) = board.Subject;
        int left = board.Rules.Failures - circuit.Failures.Count;
        DateTimeOffset now = board.Reply.Now;

        // A job that was handed over has left the queue, and waits as long as one in it for whichever provider may be asked first.
        string waits = board.Taker is { } taker ? $"It is trained at {taker}"
            : board.IsTakerUnknown ? $"It goes to {BreakerSubject.Replicate.Name} if that takes jobs, which can't be read now; else it waits in the queue"
            : board.Subject == BreakerSubject.RunPod ? "It waits in the queue"
            : "It waits";
        string gone = board.Taker is not null ? ""
            : board.QueueWait > TimeSpan.Zero
            ? (board.Subject == BreakerSubject.RunPod ? "" : " It goes back into the queue as soon as pods may be asked for again, unless its own has failed.")
                + $" After {Relative.Duration(board.QueueWait)}{(board.Subject == BreakerSubject.RunPod ? " in the queue" : "")} it fails (Training:QueueWait)."
            : " It does not wait but fails at once: Training:QueueWait is 0.";
        return board.Reply.Status switch
        {
            CircuitStatus.Closed when board.Refusal is { } refusal => $"{waits}, because {name} refuses: {refusal.TrimEnd('.')}. One job asks again every few minutes.{gone}",
            CircuitStatus.Closed => $"It asks {name} for a {creates} at once. {Count(left, "creation")} more that {(left == 1 ? "fails" : "fail")} within "
                + $"{Relative.Duration(board.Rules.Window)} would open the breaker.",
            CircuitStatus.Open => $"{waits}. At {Clock(circuit.OpenUntil, now)} one job tries {name} out; if its {creates} is made, {(board.Taker is null ? "the others go on" : "the next ones get theirs too")}.{gone}",
            CircuitStatus.HalfOpen when circuit.ProbeAt(now) is { } probe && board.Taker is not null =>
                $"{waits}; {probe.Worker} tries {name} out now, and if that gives no result by {Clock(probe.Until, now)}, another one does.",
            CircuitStatus.HalfOpen when circuit.ProbeAt(now) is { } probe =>
                $"{waits} for the creation that {probe.Worker} tries now; if that gives no result by {Clock(probe.Until, now)}, another one tries.{gone}",
            CircuitStatus.HalfOpen => $"It is the one that tries {name} out: one create call without retries. Made, the breaker closes; failed, it stays open.",
            _ when circuit.Isolation is { IsOfTheKey: true } => $"{waits} until the breaker is reset or {key} is another key.{gone}",
            _ => (circuit.Isolation?.Until is { } until ? $"{waits} until {Clock(until, now)}." : $"{waits} until the breaker is reset.")
                + (board.Taker is null ? " That wait does not count towards Training:QueueWait." : ""),
        };
    }

    public static (string Word, Tone Tone, string Icon) Look(CircuitEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return entry.Kind switch
        {
            CircuitEntryKinds.Opened => ("opened", Tone.Bad, Icons.Material.Outlined.Block),
            CircuitEntryKinds.Reopened => ("stayed open", Tone.Bad, Icons.Material.Outlined.Block),
            CircuitEntryKinds.Prolonged => ("open for longer", Tone.Bad, Icons.Material.Outlined.Block),
            CircuitEntryKinds.Closed => ("closed", Tone.Good, Icons.Material.Outlined.CheckCircle),
            CircuitEntryKinds.Isolated => ("held open", Tone.Warn, Icons.Material.Outlined.PanTool),
            CircuitEntryKinds.IsolationOver => ("let go", Tone.Quiet, Icons.Material.Outlined.Schedule),
            CircuitEntryKinds.Reset => ("reset", Tone.Good, Icons.Material.Outlined.RestartAlt),
            CircuitEntryKinds.Late => ("late failure", Tone.Quiet, Icons.Material.Outlined.HistoryToggleOff),
            CircuitEntryKinds.LateSuccess => ("late success", Tone.Quiet, Icons.Material.Outlined.HistoryToggleOff),
            _ => (entry.Kind, Tone.Quiet, Icons.Material.Outlined.Info),
        };
    }

    public static string EffectOf(CreationRule rule) => rule?.Effect switch
    {
        null => "success",
        FailureEffect.Counted => "counts",
        FailureEffect.Ignored => "does not count",
        _ => "holds it open",
    };

    public static string Count(int number, string what) => $"{number.ToString("N0", CultureInfo.InvariantCulture)} {what}{(number == 1 ? "" : "s")}";

    /// <summary>The beginning of a creation's name is the same for all, and its end tells them apart.</summary>
    public static string Shortened(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.Length <= 22 ? name : $"{name[..9]}…{name[^12..]}";
    }

    /// <summary>With the day when it is another one than today's.</summary>
    public static string Clock(DateTimeOffset? instant, DateTimeOffset now) => instant is not { } at ? "once"
        : at.ToString(at.UtcDateTime.Date == now.UtcDateTime.Date ? "HH:mm:ss 'UTC'" : "yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
}
