using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Simulation.Memory;

namespace LoraAdmin.Tests.Simulation;

/// <summary>What reservations and charges sum up to, kept with each write, and whose sums were touched since they were last asked for.</summary>
internal sealed class MoneySums
{
    private readonly Dictionary<Month, (long Reserved, long Spent)> months = [];
    private readonly Dictionary<(UserId, Month), int> charged = [];
    private readonly HashSet<Month> touchedMonths = [];
    private readonly HashSet<UserId> touchedUsers = [];

    public MoneySums(MemoryDatabase database)
    {
        Follow(database.Reservations, (one, sign) => Add(one, sign));
        Follow(database.Charges, (one, sign) => Add(one, sign));
        Follow(database.Months, (one, _) => touchedMonths.Add(one.Month));
        database.Users.Written += (user, _, _) => touchedUsers.Add(user);
    }

    public long Reserved(Month month) => months.GetValueOrDefault(month).Reserved;

    public long Spent(Month month) => months.GetValueOrDefault(month).Spent;

    public int Charged(UserId user, Month period) => charged.GetValueOrDefault((user, period));

    public IReadOnlyList<Month> TakeMonths() => Take(touchedMonths);

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
        (long reserved, long spent) = months.GetValueOrDefault(one.Month);
        months[one.Month] = one.SettledAt is null ? (reserved + (sign * one.Amount.Micros), spent) : (reserved, spent + (sign * one.Actual!.Value.Micros));
        touchedMonths.Add(one.Month);
    }

    private void Add(ChargeRow one, int sign)
    {
        charged[(one.User, one.Period)] = charged.GetValueOrDefault((one.User, one.Period)) + (one.Refunded ? 0 : sign);
        touchedUsers.Add(one.User);
    }
}
