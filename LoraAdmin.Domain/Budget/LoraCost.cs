using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>One step of the way from nothing to what was spent.</summary>
public sealed record CostStep(CostPurpose Purpose, Usd Spent);

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
public sealed record LoraCost(int Completed, IReadOnlyList<CostStep> Steps, Usd Running, Usd PriceChanges, Usd Corrections)
{
    /// <summary>An average of fewer LoRAs says more about chance (M4).</summary>
    public const int Least = 5;

    public Usd Total => Steps.Aggregate(Running + PriceChanges + Corrections, (sum, step) => sum + step.Spent);

    /// <summary>Null: none was completed.</summary>
    public Usd? PerLora => Share(Total);

    /// <summary>What paid for nothing anybody can use: failed attempts, idle time, orphans.</summary>
    public Usd Waste => Of(CostPurpose.Failed) + Of(CostPurpose.Idle) + Of(CostPurpose.Orphan);

    /// <summary>Of all that was spent, 0 to 1; null: nothing was.</summary>
    public decimal? WasteShare => Total <= Usd.Zero ? null : Waste.Micros / (decimal)Total.Micros;

    public Usd? Share(Usd part) => Completed == 0 ? null : new Usd((long)decimal.Round(part.Micros / (decimal)Completed));

    public Usd Of(CostPurpose purpose) => Steps.Single(step => step.Purpose == purpose).Spent;

    public static LoraCost Of(IEnumerable<LedgerDay> days, DateOnly from, int completed)
    {
        LedgerDay[] booked = [.. days.Where(day => day.Kind != EntryKind.Opening && day.Day >= from)];

        // By kind first: prices and bills have steps of their own, whatever the money was for.
        LedgerDay[] divided = [.. booked.Where(day => day.Kind is not (EntryKind.PriceChange or EntryKind.Correction))];
        return new LoraCost(
            completed,
            [.. Enum.GetValues<CostPurpose>().Select(purpose => new CostStep(purpose, Sum(divided.Where(day => day.Purpose == purpose))))],
            Sum(divided.Where(day => day.Purpose is null)),
            Sum(booked.Where(day => day.Kind == EntryKind.PriceChange)),
            Sum(booked.Where(day => day.Kind == EntryKind.Correction)));
    }

    private static Usd Sum(IEnumerable<LedgerDay> days) => new(days.Sum(day => day.Spent.Micros));
}
