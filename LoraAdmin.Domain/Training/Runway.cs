using System.Globalization;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <param name="AlertBelow">How long the balance must last at least before people are told; zero: it is only held against what live pods may still take.</param>
public sealed record RunwayRules(TimeSpan AlertBelow);

/// <summary>How long the provider's balance lasts. At $0 RunPod ends pods without a network volume together with their data (its pricing page).</summary>
/// <param name="Balance">As it was read.</param>
/// <param name="BurnPerHour">What our live pods cost, by the ledger.</param>
/// <param name="PacePerHour">The higher of that and of what the provider says that the whole account spends.</param>
/// <param name="StillToTake">The most that live pods may still take in their lives.</param>
/// <param name="Now">When it is looked at.</param>
public sealed record Runway(Usd Balance, DateTimeOffset ReadAt, int LivePods, Usd BurnPerHour, Usd PacePerHour, Usd StillToTake, DateTimeOffset Now)
{
    /// <summary>Beyond this nobody plans, and arithmetic ends.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(3650);

    /// <summary>What should be left of the balance by now, if it was read some time ago.</summary>
    public Usd Left => Balance - PacePerHour.PerHourFor(Now - ReadAt);

    /// <summary>When the balance is used up; null: nothing is spent, or not in ten years.</summary>
    public DateTimeOffset? EmptyAt =>
        PacePerHour <= Usd.Zero ? null
        : Balance <= Usd.Zero ? ReadAt
        : Balance.Micros / (decimal)PacePerHour.Micros is var hours && hours < (decimal)Longest.TotalHours ? ReadAt + TimeSpan.FromHours((double)hours)
        : null;

    /// <summary>How long it lasts from now on; null as with <see cref="EmptyAt"/>.</summary>
    public TimeSpan? Lasts => EmptyAt is not { } empty ? null : empty > Now ? empty - Now : TimeSpan.Zero;

    /// <param name="alive">Rows of the ledger that are not verified gone.</param>
    public static Runway Of(BalanceReading.Read balance, IReadOnlyList<LedgerPod> alive, TrainingRules figures, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(balance);
        (int pods, Usd burn) = BurnOf(alive, figures);
        return new Runway(
            balance.Balance,
            balance.At,
            pods,
            burn,
            burn > balance.SpendPerHour ? burn : balance.SpendPerHour,
            ProviderFunds.StillToTake(alive, now, figures),
            now);
    }

    /// <summary>Pods that cost money now, and what per hour together; one whose price is not known yet counts with the worst.</summary>
    public static (int Pods, Usd PerHour) BurnOf(IReadOnlyList<LedgerPod> alive, TrainingRules figures)
    {
        ArgumentNullException.ThrowIfNull(alive);
        ArgumentNullException.ThrowIfNull(figures);
        Usd[] prices = [.. alive.Where(pod => pod.PodId is not null).Select(pod => pod.HourlyRate ?? figures.WorstHourlyPrice).Where(price => price > Usd.Zero)];
        return (prices.Length, prices.Aggregate(Usd.Zero, (sum, price) => sum + price));
    }
}

/// <summary>What is to be said of a runway.</summary>
/// <param name="Severity">Null: the money lasts.</param>
public sealed record RunwayFinding(EventSeverity? Severity, string Text);

/// <summary>
/// Whether the balance lasts. It is low when it does not cover what live pods may still take, when it lasts shorter than <c>Budget:RunwayAlert</c>, or when a job
/// waits for it; it is enough again only with some more than that, so that a balance about the limit is told once.
/// </summary>
public static class RunwayFindings
{
    /// <summary>What is left of a pod's data at $0 is nothing: from here on somebody must act at once.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromHours(1);

    private const decimal EnoughTimesPods = 1.1m;
    private const double EnoughTimesAlert = 1.25;

    /// <param name="waiting">Jobs that wait for balance.</param>
    /// <param name="isLow">It was low at the last look.</param>
    public static RunwayFinding Judge(Runway runway, int waiting, bool isLow, RunwayRules rules)
    {
        ArgumentNullException.ThrowIfNull(runway);
        ArgumentNullException.ThrowIfNull(rules);
        EventSeverity? severity = SeverityOf(runway, waiting, rules);
        if (severity is null && isLow && !IsEnough(runway, rules))
        {
            severity = EventSeverity.Warning;
        }

        return new RunwayFinding(severity, WordsOf(runway, waiting));
    }

    private static EventSeverity? SeverityOf(Runway runway, int waiting, RunwayRules rules) =>
        runway.LivePods > 0 && (runway.Lasts < Soon || runway.Left <= Usd.Zero) ? EventSeverity.Critical
        : runway.Left < runway.StillToTake || waiting > 0 ? EventSeverity.Error
        : runway.Lasts < rules.AlertBelow ? EventSeverity.Warning
        : null;

    private static bool IsEnough(Runway runway, RunwayRules rules) =>
        runway.Left.Micros >= runway.StillToTake.Micros * EnoughTimesPods && !(runway.Lasts < rules.AlertBelow * EnoughTimesAlert);

    private static string WordsOf(Runway runway, int waiting)
    {
        string lasts = runway.Lasts is { } left
            ? string.Create(CultureInfo.InvariantCulture, $" and lasts about {LengthOf(left)} at {runway.PacePerHour} an hour")
            : "";
        string pods = runway.StillToTake > Usd.Zero ? $"; the pods that are there may still take {runway.StillToTake}" : "";
        string jobs = waiting switch
        {
            0 => "",
            1 => ". 1 job waits for balance",
            _ => string.Create(CultureInfo.InvariantCulture, $". {waiting} jobs wait for balance"),
        };
        return $"RunPod's balance is {runway.Left}{lasts}{pods}{jobs}";
    }

    private static string LengthOf(TimeSpan length) => length < TimeSpan.FromHours(2)
        ? string.Create(CultureInfo.InvariantCulture, $"{length.TotalMinutes:0} minutes")
        : string.Create(CultureInfo.InvariantCulture, $"{length.TotalHours:0.#} hours");
}
