using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Tests.Doubles;

/// <summary>What a process knows of its clock, by the rules that hold by default.</summary>
public static class KnownClocks
{
    public static readonly ClockRules Rules = new(TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(1));

    public static ClockStandings New(TimeProvider clock) => new(clock, () => Rules);

    /// <summary>RunPod has answered, and its clock said so.</summary>
    public static ClockStandings NoteAhead(this ClockStandings clocks, TimeSpan ahead)
    {
        ArgumentNullException.ThrowIfNull(clocks);
        clocks.Note(ClockStandings.Provider, new ClockReading.Read(ahead, TimeSpan.FromSeconds(0.5)));
        return clocks;
    }
}
