using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Tests.Simulation;

/// <summary>What happens to the portal and around it in one run, all of it drawn from the seed.</summary>
/// <param name="Length">Jobs arrive during this time; afterwards the run goes on until everything has come to rest.</param>
/// <param name="DeathsPerThousandCrossings">How often a process dies where it touches the outside.</param>
public sealed record SimulationPlan(TimeSpan Length, int JobsPerDay, int DeathsPerThousandCrossings)
{
    /// <summary>Instances at work at the same time, each with a disk of its own.</summary>
    public int Portals { get; init; } = 1;

    /// <summary>How often a process stands still for a while where it touches the outside, and then goes on as if nothing had been.</summary>
    public int FreezesPerThousandCrossings { get; init; }

    /// <summary>Bad moments of the vendor, its agents and the object store.</summary>
    public int TroublesPerDay { get; init; }

    /// <summary>People and the gateway cancel jobs, and try failed ones again.</summary>
    public int CommandsPerDay { get; init; }

    /// <summary>How many jobs may have a pod at once.</summary>
    public int MaxConcurrentPods { get; init; } = 10;

    /// <summary>What a month may cost; null: more than the run can spend.</summary>
    public Usd? MonthlyLimit { get; init; }

    /// <summary>Pods of another installation that run on the same account all the time.</summary>
    public int Strangers { get; init; }

    /// <summary>Requests come together, as from a batch, instead of one by one.</summary>
    public bool Rush { get; init; }

    /// <summary>Whether jobs may end otherwise than completed.</summary>
    public bool JobsMayFail => TroublesPerDay > 0 || CommandsPerDay > 0;
}

/// <param name="EventHash">SHA-256 over every committed fact with its instant: two runs of one seed must agree.</param>
/// <param name="Setbacks">Facts that tell of something that went wrong.</param>
/// <param name="Failures">Jobs that ended otherwise than completed, by code.</param>
public sealed record SimulationReport(
    int Seed,
    string EventHash,
    int Jobs,
    int Completed,
    IReadOnlyDictionary<string, int> Failures,
    int Deaths,
    int Freezes,
    int Steps,
    int Setbacks,
    IReadOnlyList<string> Events)
{
    public override string ToString() =>
        $"seed {Seed}: {Completed} of {Jobs} jobs completed, {string.Join(", ", Failures.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Value} {pair.Key}"))}; "
        + $"{Deaths} deaths, {Freezes} freezes, {Steps} steps, {Setbacks} setbacks, events {EventHash[..16]}";
}

public sealed class SimulationFailedException(string message, Exception inner) : Exception(message, inner);
