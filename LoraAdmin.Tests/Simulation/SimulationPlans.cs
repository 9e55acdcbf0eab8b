using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.LocalCloud;

namespace LoraAdmin.Tests.Simulation;

/// <summary>The plans that the simulation runs by.</summary>
public static class SimulationPlans
{
    /// <summary>Nothing goes wrong but that the process dies: every job completes.</summary>
    public static SimulationPlan Dying { get; } = new(TimeSpan.FromDays(2.5), JobsPerDay: 12, DeathsPerThousandCrossings: 4)
    {
        Name = nameof(Dying),

        // Less money than the jobs of a month ask for, beside pods of others.
        MonthlyBudget = Usd.FromDollars(6),
        Strangers = 2,
    };

    /// <summary>Vendor, agents and store fail, people interfere, and requests come in rushes for few places.</summary>
    public static SimulationPlan Troubled { get; } = new(TimeSpan.FromDays(2), JobsPerDay: 16, DeathsPerThousandCrossings: 2)
    {
        Name = nameof(Troubled),
        TroublesPerDay = 24,
        CommandsPerDay = 10,
        MaxConcurrentPods = 3,
        RushesPerDay = 4,
    };

    /// <summary>The same, less of it, on two or three instances that also stand still.</summary>
    public static SimulationPlan TwoPortals { get; } = new(TimeSpan.FromDays(2), JobsPerDay: 14, DeathsPerThousandCrossings: 2)
    {
        Name = nameof(TwoPortals),
        Portals = 2,
        FreezesPerThousandCrossings = 2,
        TroublesPerDay = 12,
        CommandsPerDay = 6,
        MaxConcurrentPods = 2,
        RushesPerDay = 4,
    };

    /// <summary>Instances that stand still all the time and meet over one place: for bugs that two must make together.</summary>
    public static SimulationPlan Rivals { get; } = new(TimeSpan.FromDays(2), JobsPerDay: 24, DeathsPerThousandCrossings: 0)
    {
        Name = nameof(Rivals),
        Portals = 3,
        FreezesPerThousandCrossings = 15,
        CommandsPerDay = 4,
        MaxConcurrentPods = 1,
        RushesPerDay = 6,
    };

    /// <summary>Files that are no good and trained again, and pods that are silent when the next one is fetched: for bugs about which file is which.</summary>
    public static SimulationPlan Choosy { get; } = new(TimeSpan.FromDays(2), JobsPerDay: 16, DeathsPerThousandCrossings: 0)
    {
        Name = nameof(Choosy),
        TroublesPerDay = 40,
        Troubles = [FaultKind.ValidationFails, FaultKind.AgentUnreachable],
        CommandsPerDay = 40,
    };

    /// <summary>
    /// Calls that arrive after their rows were given up, deletes that fail and listings that fail: for bugs about what is ended while nobody can see the
    /// account.
    /// </summary>
    public static SimulationPlan Blind { get; } = new(TimeSpan.FromDays(2), JobsPerDay: 24, DeathsPerThousandCrossings: 0)
    {
        Name = nameof(Blind),
        Portals = 2,
        FreezesPerThousandCrossings = 45,
        RestWithin = TimeSpan.FromHours(36),
        TroublesPerDay = 60,
        Troubles = [FaultKind.List500, FaultKind.Delete500],
        CommandsPerDay = 20,
        MaxConcurrentPods = 4,
        RushesPerDay = 6,
    };

    /// <summary>People who cancel and retry whatever there is.</summary>
    public static SimulationPlan Impatient { get; } = new(TimeSpan.FromDays(3), JobsPerDay: 24, DeathsPerThousandCrossings: 1)
    {
        Name = nameof(Impatient),
        CommandsPerDay = 200,
        MaxConcurrentPods = 4,
    };

    /// <summary>Both providers fail, jobs go from one to the other, and people cancel and retry there too.</summary>
    public static SimulationPlan Diverted { get; } = new(TimeSpan.FromDays(2), JobsPerDay: 12, DeathsPerThousandCrossings: 2)
    {
        Name = nameof(Diverted),
        HasFallback = true,
        TroublesPerDay = 30,
        CommandsPerDay = 30,
        MaxConcurrentPods = 3,
    };

    /// <summary>The same in a month that has room for one job at the fallback provider, and then for none.</summary>
    public static SimulationPlan Pinched { get; } = Diverted with { Name = nameof(Pinched), MonthlyBudget = Usd.FromDollars(24) };

    /// <summary>An ordinary year of a service with many users: a process that dies about twice a day, a bad moment every other day.</summary>
    public static SimulationPlan Year { get; } = new(TimeSpan.FromDays(365), JobsPerDay: 20, DeathsPerThousandCrossings: 0.1)
    {
        Name = nameof(Year),
        TroublesPerDay = 0.5,
        CommandsPerDay = 1,
        DecisionsPerDay = 1,
        Users = 200,
        MonthlyBudget = Usd.FromDollars(5_000),
        PollEvery = TimeSpan.FromMinutes(1),
    };

    /// <summary>Thirty days of the same service.</summary>
    public static SimulationPlan Month { get; } = Year with { Name = nameof(Month), Length = TimeSpan.FromDays(30) };

    /// <summary>What the short run takes.</summary>
    public static IReadOnlyList<SimulationPlan> Short { get; } = [Dying, Troubled, TwoPortals, Impatient, Diverted];

    /// <summary>
    /// Thirty days for a thousand seeds. Fewer jobs a day than the short plans have, not fewer seeds or days: what a job meets depends on the seed, and
    /// the calendar, the money of a month and the time for which files and images are kept need the days.
    /// </summary>
    public static SimulationPlan Long(int seed)
    {
        SimulationPlan basis = Short[seed % Short.Count];
        return basis with
        {
            Length = TimeSpan.FromDays(30),
            JobsPerDay = 4,
            RushesPerDay = basis.RushesPerDay / 4,
            TroublesPerDay = basis.TroublesPerDay / 4,
            CommandsPerDay = basis.CommandsPerDay / 4,
            DecisionsPerDay = seed % 2,
            Users = 15,
            PollEvery = TimeSpan.FromMinutes(1),
        };
    }

    /// <summary>One process: several never share a SQLite file.</summary>
    public static SimulationPlan LongOnSqlite(int seed) => Long(seed) with { Portals = 1, FreezesPerThousandCrossings = 0 };
}
