using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Tests.Simulation;

/// <summary>What happens to the portal and around it in one run, all of it drawn from the seed.</summary>
/// <param name="Length">Jobs arrive during this time; afterwards the run goes on until everything has come to rest.</param>
/// <param name="DeathsPerThousandCrossings">How often a process dies where it touches the outside.</param>
public sealed record SimulationPlan(TimeSpan Length, int JobsPerDay, double DeathsPerThousandCrossings)
{
    public string Name { get; init; } = "";

    /// <summary>Instances at work at the same time, each with a disk of its own.</summary>
    public int Portals { get; init; } = 1;

    /// <summary>How often a process stands still for a while where it touches the outside, and then goes on as if nothing had been.</summary>
    public int FreezesPerThousandCrossings { get; init; }

    /// <summary>After the last job arrived: what is not at rest by then violates the invariants of rest. Portals that often stand still need longer.</summary>
    public TimeSpan RestWithin { get; init; } = TimeSpan.FromHours(12);

    /// <summary>Bad moments of the vendor, its agents and the object store.</summary>
    public double TroublesPerDay { get; init; }

    /// <summary>Which kinds of LocalCloud's faults they are; null: all of them.</summary>
    public IReadOnlyList<string>? Troubles { get; init; }

    /// <summary>People and the gateway cancel jobs, and try failed ones again.</summary>
    public double CommandsPerDay { get; init; }

    /// <summary>How many jobs may have a pod at once.</summary>
    public int MaxConcurrentPods { get; init; } = 10;

    /// <summary>Pods of another installation that run on the same account all the time.</summary>
    public int Strangers { get; init; }

    /// <summary>How often somebody looks at what the portal leaves to people, and decides; at the end of the run somebody always does.</summary>
    public double DecisionsPerDay { get; init; }

    /// <summary>When the run begins.</summary>
    public DateTimeOffset Start { get; init; } = SimulatedWorld.Start;

    /// <summary>How many people ask for LoRAs; each has a monthly limit of ten.</summary>
    public int Users { get; init; } = 5;

    public Usd MonthlyBudget { get; init; } = Usd.FromDollars(200);

    /// <summary>How often the conductor asks a pod's agent.</summary>
    public TimeSpan PollEvery { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Each machine's clock is wrong, by up to <see cref="MachineClock.MostAhead"/> either way, drifts, and is set anew now and then.</summary>
    public bool ClocksDiffer { get; init; }

    /// <summary>Requests, bad moments and commands come together so often, as from a batch, instead of one by one; 0: one by one.</summary>
    public double RushesPerDay { get; init; }

    /// <summary>How many pods the sweep may end in an hour before a person must approve.</summary>
    public int SweepKillsPerHour { get; init; } = 20;

    /// <summary>
    /// What the seed draws beside the plan, so that all plans meet all of it: where in the calendar the run lies, whether clocks differ, whether a third
    /// instance works beside two, and how much the sweep may end by itself.
    /// </summary>
    public SimulationPlan Vary(int seed)
    {
        Random random = new(unchecked(seed * 7919));
        return this with
        {
            Start = Starts[random.Next(Starts.Length)],
            ClocksDiffer = random.Next(3) > 0,
            Portals = Portals == 1 ? 1 : random.Next(Portals, Portals + 2),
            SweepKillsPerHour = random.Next(4) switch { 0 => 0, 1 => 1, _ => SweepKillsPerHour },
        };
    }

    /// <summary>Each a few hours before a month ends, but the first.</summary>
    private static readonly DateTimeOffset[] Starts =
    [
        SimulatedWorld.Start,
        new(2026, 4, 30, 20, 0, 0, TimeSpan.Zero),
        new(2026, 12, 31, 20, 0, 0, TimeSpan.Zero),
        new(2027, 2, 28, 20, 0, 0, TimeSpan.Zero),
        new(2028, 2, 28, 20, 0, 0, TimeSpan.Zero),
    ];

    /// <summary>There is a second provider, which has bad moments of its own, and RunPod is held open now and then.</summary>
    public bool HasFallback { get; init; }

    /// <summary>Whether jobs may end otherwise than completed.</summary>
    public bool JobsMayFail => TroublesPerDay > 0 || CommandsPerDay > 0;
}

/// <param name="EventHash">SHA-256 over every committed fact with its instant: two runs of one seed must agree.</param>
/// <param name="Looks">How often the invariants were checked.</param>
/// <param name="Approvals">Plans that the sweep's caps held back and that a person approved.</param>
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
    int Looks,
    int Approvals,
    int Setbacks,
    IReadOnlyList<string> Events)
{
    public override string ToString() =>
        $"seed {Seed}: {Completed} of {Jobs} jobs completed, {string.Join(", ", Failures.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Value} {pair.Key}"))}; "
        + $"{Deaths} deaths, {Freezes} freezes, {Steps} steps, {Setbacks} setbacks, events {EventHash[..16]}";
}

public sealed class SimulationFailedException(string message, Exception inner) : Exception(message, inner);
