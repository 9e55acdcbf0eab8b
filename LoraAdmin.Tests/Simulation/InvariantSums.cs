using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Simulation.Memory;

namespace LoraAdmin.Tests.Simulation;

/// <summary>What a month's reservations and entries come to, in micro-dollars.</summary>
/// <param name="Rest">What open reservations hold back.</param>
/// <param name="Accrued">What all its reservations have paid out of what was set aside for them.</param>
/// <param name="Reserved">Sum of the entries.</param>
/// <param name="Spent">Sum of the entries.</param>
/// <param name="Beyond">What of it no reservation covers: leaks, dearer prices, corrections.</param>
internal readonly record struct MonthSums(long Rest, long Accrued, long Reserved, long Spent, long Beyond)
{
    public MonthSums With(Reservation one, int sign) => this with { Rest = Rest + (sign * one.Rest.Micros), Accrued = Accrued + (sign * one.Accrued.Micros) };

    public MonthSums With(BudgetEntry entry, int sign) => this with
    {
        Reserved = Reserved + (sign * entry.Reserved.Micros),
        Spent = Spent + (sign * entry.Spent.Micros),
        Beyond = Beyond + (entry.Kind is EntryKind.Leak or EntryKind.PriceChange or EntryKind.Correction ? sign * entry.Spent.Micros : 0),
    };
}

/// <summary>What reservations, entries and charges sum up to, kept with each write, and whose sums were touched since they were last asked for.</summary>
internal sealed class MoneySums
{
    private readonly Dictionary<Month, MonthSums> months = [];
    private readonly Dictionary<(JobId, int), long> heldByEntries = [];
    private readonly HashSet<(JobId, int)> touchedAttempts = [];
    private readonly Dictionary<(UserId, Month), int> charged = [];
    private readonly HashSet<Month> touchedMonths = [];
    private readonly HashSet<UserId> touchedUsers = [];

    public MoneySums(MemoryDatabase database)
    {
        Follow(database.Reservations, (one, sign) => Add(one, sign));
        Follow(database.Entries, (one, sign) => Add(one, sign));
        Follow(database.Charges, (one, sign) => Add(one, sign));
        Follow(database.Months, (one, _) => touchedMonths.Add(one.Month));
        database.Users.Written += (user, _, _) => touchedUsers.Add(user);
    }

    public MonthSums Of(Month month) => months.GetValueOrDefault(month);

    /// <summary>What the entries of an attempt hold reserved.</summary>
    public long HeldByEntries((JobId, int) attempt) => heldByEntries.GetValueOrDefault(attempt);

    public int Charged(UserId user, Month period) => charged.GetValueOrDefault((user, period));

    public IReadOnlyList<Month> TakeMonths() => Take(touchedMonths);

    public IReadOnlyList<(JobId Job, int Attempt)> TakeAttempts() => Take(touchedAttempts);

    public IReadOnlyList<UserId> TakeUsers() => Take(touchedUsers);

    private static T[] Take<T>(HashSet<T> touched)
    {
        if (touched.Count == 0)
        {
            return [];
        }

        T[] taken = [.. touched];
        touched.Clear();
        return taken;
    }

    private static void Follow<TKey, TRow>(MemoryTable<TKey, TRow> table, Action<TRow, int> add)
        where TKey : notnull
        where TRow : class
    {
        foreach (TRow row in table.Rows)
        {
            add(row, 1);
        }

        table.Written += (_, before, after) =>
        {
            if (before is not null)
            {
                add(before, -1);
            }

            if (after is not null)
            {
                add(after, 1);
            }
        };
    }

    private void Add(Reservation one, int sign)
    {
        months[one.Month] = Of(one.Month).With(one, sign);
        touchedMonths.Add(one.Month);
        touchedAttempts.Add((one.Job, one.Attempt));
    }

    private void Add(BudgetEntry entry, int sign)
    {
        months[entry.Month] = Of(entry.Month).With(entry, sign);
        touchedMonths.Add(entry.Month);
        if (entry is { Job: { } job, Attempt: { } attempt })
        {
            heldByEntries[(job, attempt)] = HeldByEntries((job, attempt)) + (sign * entry.Reserved.Micros);
            touchedAttempts.Add((job, attempt));
        }
    }

    private void Add(ChargeRow one, int sign)
    {
        charged[(one.User, one.Period)] = charged.GetValueOrDefault((one.User, one.Period)) + (one.Refunded ? 0 : sign);
        touchedUsers.Add(one.User);
    }
}
