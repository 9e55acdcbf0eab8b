using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Tests.Simulation.Memory;

internal sealed class MemoryKeptTotalsStore(MemoryDatabase database) : IKeptTotalsStore
{
    public static KeptTotal TotalOf(BudgetEntry entry) =>
        new(entry.Month, new DayOfTotal(DateOnly.FromDateTime(entry.At.UtcDateTime), entry.Kind, entry.Purpose));

    public Task<IReadOnlyList<WrongTotal>> FindWrongAsync(int max, CancellationToken cancellationToken)
    {
        IEnumerable<KeptTotal> days = database.Days.All.Keys.Union(database.Entries.Rows.Select(TotalOf))
            .OrderBy(static total => total.Month.Start).ThenBy(static total => total.Of!.Day).ThenBy(static total => total.ToString(), StringComparer.Ordinal);
        IEnumerable<KeptTotal> months = database.Months.All.Keys.Union(database.Entries.Rows.Select(static entry => entry.Month))
            .OrderBy(static month => month.Start).Select(static month => new KeptTotal(month, null));
        return Task.FromResult<IReadOnlyList<WrongTotal>>([.. days.Concat(months).Select(Look).OfType<WrongTotal>().Take(max)]);
    }

    public Task<EntrySums> SumAsync(CancellationToken cancellationToken) => Task.FromResult(new EntrySums(
        database.Days.Rows.Sum(static day => day.Count),
        new Usd(database.Months.Rows.Sum(static month => month.Spent.Micros)),
        new Usd(database.Months.Rows.Sum(static month => month.Reserved.Micros))));

    public Task<WrongTotal?> MendAsync(KeptTotal which, CancellationToken cancellationToken)
    {
        WrongTotal? wrong = Look(which);
        if (wrong is { Right: var right, Which: { Of: { } of, Month: var month } })
        {
            database.Days.Set(which, right.Entries == 0 ? null : new LedgerDay(of.Day, month, of.Kind, of.Purpose, right.Entries, right.Spent, right.Reserved));
        }
        else if (wrong is not null)
        {
            BudgetMonth row = database.Months.Find(which.Month) ?? new BudgetMonth(which.Month, Usd.Zero, Usd.Zero, Usd.Zero);
            database.Months.Set(which.Month, row with { Spent = wrong.Right.Spent, Reserved = wrong.Right.Reserved });
        }

        return Task.FromResult(wrong);
    }

    /// <summary>Null: it is right.</summary>
    private WrongTotal? Look(KeptTotal which)
    {
        BudgetEntry[] entries = [.. database.Entries.Rows.Where(entry => entry.Month == which.Month && (which.Of is null || TotalOf(entry) == which))];
        EntrySums right = new(
            which.Of is null ? 0 : entries.Length, new Usd(entries.Sum(static entry => entry.Spent.Micros)), new Usd(entries.Sum(static entry => entry.Reserved.Micros)));
        EntrySums kept = which.Of is null
            ? database.Months.Find(which.Month) is { } month ? new EntrySums(0, month.Spent, month.Reserved) : default
            : database.Days.Find(which) is { } day ? new EntrySums(day.Count, day.Spent, day.Reserved) : default;
        return kept == right ? null : new WrongTotal(which, kept, right);
    }
}
