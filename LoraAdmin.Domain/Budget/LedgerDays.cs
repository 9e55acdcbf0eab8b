using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>The ledger's entries of one day, added up.</summary>
/// <param name="Day">Of the entries' instants, in UTC.</param>
/// <param name="Month">The month that they count in: of an old reservation it is an earlier one than the day's.</param>
/// <param name="Purpose">Null: of entries that are not divided by purpose.</param>
/// <param name="Count">How many entries.</param>
public sealed record LedgerDay(DateOnly Day, Month Month, EntryKind Kind, CostPurpose? Purpose, long Count, Usd Spent, Usd Reserved);

/// <summary>What the days of the ledger say about how money is spent.</summary>
public static class LedgerDays
{
    /// <summary>For averages: so many days up to and with today.</summary>
    public const int AverageOver = 30;

    /// <summary>What was booked as spent, by day, whatever month it counts in. What was there before the ledger began was spent on days nobody knows.</summary>
    public static IReadOnlyList<DaySpending> Spending(IEnumerable<LedgerDay> days) =>
        [.. days.Where(day => day.Kind != EntryKind.Opening).GroupBy(day => day.Day).Select(SpendingOf).OrderBy(day => day.Day)];

    /// <summary>What was booked of one month's money, by day; what it held before the ledger began is booked on the ledger's first.</summary>
    public static IReadOnlyList<DaySpending> SpendingOf(Month month, IEnumerable<LedgerDay> days) =>
        [.. days.Where(day => day.Month == month).GroupBy(day => day.Day).Select(SpendingOf).OrderBy(day => day.Day)];

    /// <summary>
    /// The part of what attempts reserved that they came to: of all money that has left reservations, what was spent rather than given back. Null: none has.
    /// </summary>
    public static decimal? UsualShare(IEnumerable<LedgerDay> days, DateOnly from)
    {
        LedgerDay[] left = [.. days.Where(day => day.Kind is EntryKind.Accrue or EntryKind.Settle && day.Day >= from)];
        long released = -left.Sum(day => day.Reserved.Micros);
        return released <= 0 ? null : decimal.Clamp(left.Sum(day => day.Spent.Micros) / (decimal)released, 0m, 1m);
    }

    /// <summary>
    /// What an attempt that was settled came to on average, out of its reservation; what was paid beyond reservations is not in it. Null: none was settled. An attempt has one
    /// entry of its settlement without a purpose, and one for each purpose that it paid for.
    /// </summary>
    public static Usd? UsualCost(IEnumerable<LedgerDay> days, DateOnly from)
    {
        LedgerDay[] settled = [.. days.Where(day => day.Kind == EntryKind.Settle && day.Day >= from)];
        long attempts = settled.Where(day => day.Purpose is null).Sum(day => day.Count);
        return attempts <= 0 ? null : new Usd(Math.Max(0, settled.Where(day => day.Purpose is not null).Sum(day => day.Spent.Micros)) / attempts);
    }

    private static DaySpending SpendingOf(IGrouping<DateOnly, LedgerDay> day) => new(day.Key, new Usd(day.Sum(part => part.Spent.Micros)));
}
