using LoraAdmin.Platform.LocalCloud;

namespace LoraAdmin.Tests.Simulation.PlantedBugs;

/// <summary>Where bugs are hunted: the enumeration's runs with one of its faults, or the seeds of one of the simulation's plans.</summary>
public static class Grounds
{
    /// <summary>The process dies at each crossing, and nothing else goes wrong.</summary>
    public const string Crash = "crash";

    /// <summary>The same of a job that is trained by the fallback provider.</summary>
    public const string CrashElsewhere = "crash elsewhere";

    public const string Dying = "dying";
    public const string Troubled = "troubled";
    public const string TwoPortals = "two portals";
    public const string Impatient = "impatient";
    public const string Rivals = "rivals";
    public const string Choosy = "choosy";
    public const string Diverted = "diverted";
    public const string Pinched = "pinched";
    public const string Blind = "blind";

    /// <summary>The same with one of the enumeration's faults at the same time.</summary>
    public static string CrashWith(string fault) => $"{Crash} with {fault}";

    public static string CrashElsewhereWith(string fault) => $"{CrashElsewhere} with {fault}";

    public static bool IsElsewhere(string ground)
    {
        ArgumentNullException.ThrowIfNull(ground);
        return ground.StartsWith(CrashElsewhere, StringComparison.Ordinal);
    }

    public static string CrashWith(string fault, string during) => CrashWith($"{fault}{CrashRun.During}{during}");

    /// <summary>Null: the enumeration.</summary>
    public static SimulationPlan? PlanOf(string ground) => ground switch
    {
        Dying => SimulationPlans.Dying,
        Troubled => SimulationPlans.Troubled,
        TwoPortals => SimulationPlans.TwoPortals,
        Impatient => SimulationPlans.Impatient,
        Rivals => SimulationPlans.Rivals,
        Choosy => SimulationPlans.Choosy,
        Diverted => SimulationPlans.Diverted,
        Pinched => SimulationPlans.Pinched,
        Blind => SimulationPlans.Blind,
        _ => null,
    };

    /// <summary>The fault of an enumeration's ground; null: none.</summary>
    /// <exception cref="PlantedBugException">There is no such ground.</exception>
    public static string? FaultOf(string ground)
    {
        if (ground is Crash or CrashElsewhere)
        {
            return null;
        }

        string fault = ground.Replace($"{(IsElsewhere(ground) ? CrashElsewhere : Crash)} with ", "", StringComparison.Ordinal);
        return fault == CrashRun.AsAForm || (fault != ground && fault.Split(CrashRun.During).All(IsOne)) ? fault : throw new PlantedBugException($"There is no ground \"{ground}\"");
    }

    private static bool IsOne(string fault) =>
        fault == CrashRun.Cancelled
        || FaultKind.Find(fault.Replace(CrashRun.WhileItTrains, "", StringComparison.Ordinal).Replace(CrashRun.OfImages, "", StringComparison.Ordinal)) is not null;
}
