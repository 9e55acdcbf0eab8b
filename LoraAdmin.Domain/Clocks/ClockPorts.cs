using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Clocks;

/// <summary>What people were told of one process's clock beside another; the row goes when they agree again or the process does.</summary>
/// <param name="Instance">The process: new with each start.</param>
/// <param name="Subject">As in <see cref="ClockStanding.Subject"/>.</param>
/// <param name="Host">The process's machine.</param>
/// <param name="Ahead">As it was told last.</param>
/// <param name="SeenAt">When the process last said that it still is so; at most some minutes old while it lives.</param>
public sealed record ClockDifference(string Instance, string Subject, string Host, ClockGrade Grade, TimeSpan Ahead, DateTimeOffset SeenAt);

/// <summary>Differences that people were told of, of every process. Bound to a unit of work.</summary>
public interface IClockDifferenceStore
{
    /// <summary>In order of instance and subject.</summary>
    Task<IReadOnlyList<ClockDifference>> ListAsync(CancellationToken cancellationToken);

    /// <summary>Writes the row of the instance and subject, whether there is one or not.</summary>
    Task SaveAsync(ClockDifference difference, CancellationToken cancellationToken);

    /// <returns>False: there was none.</returns>
    Task<bool> DeleteAsync(string instance, string subject, CancellationToken cancellationToken);
}

/// <summary>Kinds of facts about clocks.</summary>
public static class ClockEvents
{
    public const string Off = "clocks.off";
    public const string Right = "clocks.right";
}

/// <summary>Rules of incidents about clocks; the subject names the other clock and the process.</summary>
public static class ClockIncidents
{
    public const string Off = "clocks.off";
}
