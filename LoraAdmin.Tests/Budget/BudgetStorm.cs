using System.Globalization;
using LoraAdmin.Budget;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using Microsoft.EntityFrameworkCore;
using Xunit;

namespace LoraAdmin.Tests.Budget;

/// <summary>
/// Many callers who admit, accrue, raise, settle, refund and book at the same moment, in two months, and of whom some die before they commit. What they do
/// follows from the seed; how they meet does not.
/// </summary>
internal sealed class BudgetStorm(TestDatabase database, int seed)
{
    public const int Callers = 64;

    public static readonly BudgetRules Rules = new(Usd.FromDollars(40), Usd.FromDollars(30));

    private static readonly LimitRules Limits = new(1_000_000, 1_000_000);
    private static readonly Month[] Months = [new(2026, 11), new(2026, 12)];
    private static readonly UserId User = new(new Guid(17, 0, 0, new byte[8]));

    private int ended;
    private int refused;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>How often somebody looked at the whole ledger while it was being written.</summary>
    public int Looks { get; private set; }

    /// <summary>Reservations that were refused for want of room.</summary>
    public int Refused => refused;

    public async Task RunAsync(int steps)
    {
        Task looking = Task.Run(LookAsync, Token);
        await Task.WhenAll(Enumerable.Range(1, Callers).Select(caller => Task.Run(() => CallAsync(caller, steps), Token)));
        Interlocked.Exchange(ref ended, 1);
        await looking;
        await database.Work.ReadAsync(CheckAsync, Token);
    }

    /// <summary>Invariant 4, on what one snapshot shows.</summary>
    private async Task LookAsync()
    {
        while (Volatile.Read(ref ended) == 0)
        {
            await database.Work.ReadAsync(CheckAsync, Token);
            Looks++;
        }
    }

    private async Task CallAsync(int caller, int steps)
    {
        Random random = new((seed * 1_000) + caller);
        SeededIds ids = new((seed * 1_000) + caller);
        List<JobId> jobs = [];
        for (int step = 0; step < steps; step++)
        {
            int what = random.Next(10);
            if (jobs.Count == 0 || what < 4)
            {
                JobId job = new(ids.Next());
                if (await TryAsync(random, unit => AdmitAsync(unit, ids.Next(), job, Cents(random, 300), NowOf(random))))
                {
                    jobs.Add(job);
                }
            }
            else
            {
                JobId job = jobs[random.Next(jobs.Count)];
                DateTimeOffset now = NowOf(random);
                Usd money = Cents(random, 200);
                string key = $"correction:{caller}:{random.Next(steps)}";
                await TryAsync(random, unit => what switch
                {
                    4 or 5 => ChangeAsync(unit, job, open => ReservationBooks.Accrue(open, open.Accrued + open.Beyond + money, Leak, now)),
                    6 => TopUpAsync(unit, job, money, now),
                    7 => BookAsync(unit, key, money, now),
                    _ => EndAsync(unit, job, money, now),
                });
            }
        }
    }

    /// <summary>One of eight dies with its work done and not committed.</summary>
    private async Task<bool> TryAsync(Random random, Func<IUnit, Task<bool>> act)
    {
        bool dies = random.Next(8) == 0;
        try
        {
            return await database.Work.RunAsync(
                async (unit, _) =>
                {
                    bool done = await act(unit);
                    return dies ? throw new DiedException() : done;
                },
                Token);
        }
        catch (DiedException)
        {
            return false;
        }
    }

    private async Task<bool> AdmitAsync(IUnit unit, Guid id, JobId job, Usd amount, DateTimeOffset now)
    {
        await unit.Store<ILimitsStore>().TryChargeAsync(User, job, 1, now, Limits, Token);
        if (await unit.Store<IBudgetStore>().TryReserveAsync(id, job, 1, amount, now, Rules, Token) is ReserveResult.Reserved)
        {
            return true;
        }

        Interlocked.Increment(ref refused);
        return false;
    }

    private static async Task<bool> EndAsync(IUnit unit, JobId job, Usd more, DateTimeOffset now)
    {
        await unit.Store<ILimitsStore>().RefundAsync(job, "failed", now, Token);
        return await ChangeAsync(
            unit, job, open => ReservationBooks.Settle(open, new CostSplit(open.Accrued + open.Beyond, more, Usd.Zero, new Usd(1)), Leak, now));
    }

    private static async Task<bool> ChangeAsync(IUnit unit, JobId job, Func<Reservation, ReservationChange?> change)
    {
        IBudgetStore store = unit.Store<IBudgetStore>();
        return await OpenAsync(store, job) is { } open && change(open) is { } wanted && (await store.ApplyAsync([wanted], Token)).Count == 1;
    }

    private static async Task<bool> TopUpAsync(IUnit unit, JobId job, Usd more, DateTimeOffset now)
    {
        IBudgetStore store = unit.Store<IBudgetStore>();
        return await OpenAsync(store, job) is { } open
            && await store.TryTopUpAsync(ReservationBooks.TopUp(open, more, now), Rules, Token) is ReserveResult.Reserved;
    }

    private static Task<bool> BookAsync(IUnit unit, string key, Usd amount, DateTimeOffset now) => unit.Store<IBudgetStore>().BookAsync(
        new BudgetEntry { Key = key, Month = Month.Of(now), At = now, Kind = EntryKind.Correction, Spent = amount, Note = "billed otherwise" }, Token);

    private static async Task<Reservation?> OpenAsync(IBudgetStore store, JobId job) =>
        (await store.ListForJobAsync(job, Token)).SingleOrDefault(one => one.SettledAt is null);

    private static Excess Leak() => new(EntryKind.Leak, CostPurpose.Orphan, null, "It lived too long");

    private static Usd Cents(Random random, int most) => new(10_000L * random.Next(1, most));

    private static DateTimeOffset NowOf(Random random) => Months[random.Next(Months.Length)].Start.AddHours(random.Next(24 * 27));

    private static async Task<bool> CheckAsync(IUnit unit, CancellationToken cancellationToken)
    {
        LoraDb db = ((EfUnit)unit).Db;
        List<BudgetMonthRow> months = await db.Set<BudgetMonthRow>().AsNoTracking().ToListAsync(cancellationToken);
        List<BudgetEntryRow> entries = await db.Set<BudgetEntryRow>().AsNoTracking().ToListAsync(cancellationToken);
        List<BudgetDayRow> days = await db.Set<BudgetDayRow>().AsNoTracking().ToListAsync(cancellationToken);
        List<BudgetReservationRow> reservations = await db.Set<BudgetReservationRow>().AsNoTracking().ToListAsync(cancellationToken);
        foreach (BudgetMonthRow month in months)
        {
            List<BudgetEntryRow> own = [.. entries.Where(entry => entry.Month == month.Month)];
            long beyond = own.Where(static entry => entry.Kind is EntryKind.Leak or EntryKind.Correction).Sum(static entry => entry.SpentMicros);
            List<Reservation> reserved = [.. reservations.Where(row => row.Month == month.Month).Select(static row => row.ToReservation())];

            Assert.Equal((own.Sum(static entry => entry.SpentMicros), own.Sum(static entry => entry.ReservedMicros)), (month.SpentMicros, month.ReservedMicros));
            Assert.Equal((reserved.Sum(static one => one.Accrued.Micros) + beyond, reserved.Sum(static one => one.Rest.Micros)), (month.SpentMicros, month.ReservedMicros));
            Assert.True(
                month.SpentMicros + month.ReservedMicros - beyond <= Rules.MonthlyLimit.Micros,
                $"{month.Month} has spent {month.SpentMicros} and reserved {month.ReservedMicros}; {beyond} of it is beyond every reservation.");
        }

        Assert.Equal(entries.Select(static entry => entry.Month).Distinct().Order(), months.Where(month => entries.Exists(entry => entry.Month == month.Month)).Select(static month => month.Month).Order());
        Assert.Equal(
            entries.GroupBy(static entry => (DayOf(entry), entry.Month, entry.Kind, entry.Purpose is { } purpose ? Words<CostPurpose>.Of(purpose) : ""))
                .Select(static group => (group.Key, (long)group.Count(), group.Sum(static entry => entry.SpentMicros), group.Sum(static entry => entry.ReservedMicros)))
                .OrderBy(static one => one.Key),
            days.Select(static day => ((day.Day, day.Month, day.Kind, day.Purpose), day.Count, day.SpentMicros, day.ReservedMicros)).OrderBy(static one => one.Item1));
        foreach (Reservation settled in reservations.Where(static row => row.SettledAt is not null).Select(static row => row.ToReservation()))
        {
            Assert.Equal(0, entries.Where(entry => entry.JobId == settled.Job.Value).Sum(static entry => entry.ReservedMicros));
            Assert.Equal((settled.Actual, settled.Accrued), (settled.Split!.Sum + settled.Beyond, settled.Split.Sum));
        }

        return true;
    }

    private static string DayOf(BudgetEntryRow entry) => Instants.FromMillis(entry.At).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private sealed class DiedException : Exception;
}
