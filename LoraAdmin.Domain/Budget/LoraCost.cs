using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>One step of the way from nothing to what was spent.</summary>
public sealed record CostStep(CostPurpose Purpose, Usd Spent);

/// <summary>M4: from when on people are told what a LoRA costs on average; M12: what it is to cost.</summary>
/// <param name="AlertAbove">The average that is still right.</param>
/// <param name="Target">What the average is to stay below; nobody is told that it does not.</param>
/// <param name="Least">LoRAs from which on an average says something: of fewer, one of them can make it. At least 1.</param>
public sealed record LoraCostRules(Usd AlertAbove, Usd Target, int Least)
{
    /// <summary>The average at which it is right again: some less than the mark, which the next job would pass again otherwise.</summary>
    public Usd RightAgainAt => new(AlertAbove.Micros / 100 * 95);
}

/// <summary>
/// M4: what a LoRA has cost over the last 30 days: everything that was booked, attempts that came to nothing and waste included, shared by the LoRAs that
/// were completed.
/// </summary>
/// <param name="Steps">All purposes in their order, each even when it is nought; without price changes and corrections.</param>
/// <param name="Running">
/// What running attempts have accrued, which is divided when they are settled. Below nought where more was divided than accrued within the days.
/// </param>
/// <param name="PriceChanges">What was paid beyond reservations because prices had risen.</param>
/// <param name="Corrections">By how much the provider's bills differ from what was settled.</param>
public sealed record LoraCost(int Completed, IReadOnlyList<CostStep> Steps, Usd Running, Usd PriceChanges, Usd Corrections, LoraCostRules Rules)
{
    public Usd Total => Steps.Aggregate(Running + PriceChanges + Corrections, (sum, step) => sum + step.Spent);

    /// <summary>Null: none was completed.</summary>
    public Usd? PerLora => Share(Total);

    /// <summary>Too few LoRAs were completed for the average to say anything.</summary>
    public bool IsOfFew => Completed < Rules.Least;

    /// <summary>M4: people are told.</summary>
    public bool IsTooDear => !IsOfFew && PerLora > Rules.AlertAbove;

    /// <summary>M12, to the cent, as people read both; null while too few were completed to say.</summary>
    public bool? MeetsTarget =>
        IsOfFew || PerLora is not { } average ? null : decimal.Round(average.Dollars, 2, MidpointRounding.AwayFromZero) < Rules.Target.Dollars;

    /// <summary>What was told of it is over.</summary>
    public bool IsRightAgain => IsOfFew || PerLora <= Rules.RightAgainAt;

    /// <summary>What paid for nothing anybody can use: failed attempts, idle time, orphans.</summary>
    public Usd Waste => Of(CostPurpose.Failed) + Of(CostPurpose.Idle) + Of(CostPurpose.Orphan);

    /// <summary>Of all that was spent, 0 to 1; null: nothing was.</summary>
    public decimal? WasteShare => Total <= Usd.Zero ? null : Waste.Micros / (decimal)Total.Micros;

    public Usd? Share(Usd part) => Completed == 0 ? null : new Usd((long)decimal.Round(part.Micros / (decimal)Completed));

    public Usd Of(CostPurpose purpose) => Steps.Single(step => step.Purpose == purpose).Spent;

    public static LoraCost Of(IEnumerable<LedgerDay> days, DateOnly from, int completed, LoraCostRules rules)
    {
        LedgerDay[] booked = [.. days.Where(day => day.Kind != EntryKind.Opening && day.Day >= from)];

        // By kind first: prices and bills have steps of their own, whatever the money was for.
        LedgerDay[] divided = [.. booked.Where(day => day.Kind is not (EntryKind.PriceChange or EntryKind.Correction))];
        return new LoraCost(
            completed,
            [.. Enum.GetValues<CostPurpose>().Select(purpose => new CostStep(purpose, Sum(divided.Where(day => day.Purpose == purpose))))],
            Sum(divided.Where(day => day.Purpose is null)),
            Sum(booked.Where(day => day.Kind == EntryKind.PriceChange)),
            Sum(booked.Where(day => day.Kind == EntryKind.Correction)),
            rules);
    }

    private static Usd Sum(IEnumerable<LedgerDay> days) => new(days.Sum(day => day.Spent.Micros));
}

/// <summary>What a LoRA costs, for whoever tells of it: the very figure of the page.</summary>
public interface ILoraCosts
{
    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    Task<LoraCost> ReadCostAsync(CancellationToken cancellationToken);
}
