using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data.Contracts;

public abstract class BudgetStoreContract : StoreContract
{
    private static readonly BudgetRules Rules = new(Usd.FromDollars(10), Usd.FromDollars(8));

    [Fact]
    public async Task Reserve_ByManyAtOnce_NeverPassesTheLimit()
    {
        ReserveResult[] results = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => (Id: NextId(), Job: NextJob())).ToArray()
            .Select(one => Task.Run(() => Reserve(one.Job, Usd.FromDollars(0.7m), one.Id))));

        Assert.Equal(14, results.Count(result => result is ReserveResult.Reserved));
        BudgetMonth month = await Month();
        Assert.Equal(Usd.FromDollars(9.8m), month.Reserved);
        Assert.Equal(Usd.FromDollars(0.2m), month.Free);
    }

    [Fact]
    public async Task Reserve_DoesNotFit_WritesNothing()
    {
        ReserveResult.DoesNotFit refused = Assert.IsType<ReserveResult.DoesNotFit>(await Reserve(NextJob(), Usd.FromDollars(10.000001m)));

        Assert.Equal((Usd.FromDollars(10.000001m), Usd.Zero), (refused.Estimate, refused.Month.Reserved));
        Assert.Empty(await Open());
    }

    [Fact]
    public async Task Reserve_ToTheLastMicroDollar_Fits() =>
        Assert.IsType<ReserveResult.Reserved>(await Reserve(NextJob(), Usd.FromDollars(10)));

    [Fact]
    public async Task Reserve_AskedAgain_AnswersTheSameReservation()
    {
        JobId job = NextJob();
        ReserveResult first = await Reserve(job, Usd.FromDollars(6));

        Assert.Equal(first, await Reserve(job, Usd.FromDollars(6)));

        Assert.Equal(Usd.FromDollars(6), (await Month()).Reserved);
    }

    [Fact]
    public async Task Settle_Twice_BooksOnceInTheReservationsMonth()
    {
        JobId job = NextJob();
        await Reserve(job, Usd.FromDollars(6));
        DateTimeOffset nextMonth = Start.AddMonths(1);

        Assert.True(await Settle(job, Usd.FromDollars(2.5m), nextMonth));
        Assert.False(await Settle(job, Usd.FromDollars(9), nextMonth));

        BudgetMonth month = await Month();
        Assert.Equal((Usd.FromDollars(2.5m), Usd.Zero), (month.Spent, month.Reserved));
        BudgetMonth next = await Read<IBudgetStore, BudgetMonth>(store => store.ReadMonthAsync(Domain.Shared.Month.Of(nextMonth), Rules, None));
        Assert.Equal((Usd.Zero, Usd.Zero, Rules.MonthlyLimit), (next.Spent, next.Reserved, next.Limit));
        Assert.Empty(await Open());
        Reservation settled = Assert.Single(await Read<IBudgetStore, IReadOnlyList<Reservation>>(store => store.ListForJobAsync(job, None)));
        Assert.Equal(Usd.FromDollars(2.5m), settled.Actual);
    }

    [Fact]
    public async Task Settle_ByManyAtOnce_BooksOnce()
    {
        JobId job = NextJob();
        await Reserve(job, Usd.FromDollars(6));

        bool[] settled = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => Settle(job, Usd.FromDollars(1)))));

        Assert.Single(settled, done => done);
        Assert.Equal(Usd.FromDollars(1), (await Month()).Spent);
    }

    [Fact]
    public async Task Settle_NeverReserved_IsFalse() =>
        Assert.False(await Settle(NextJob(), Usd.Zero));

    [Fact]
    public async Task Open_PageByPage_GivesEachOnceAndTheOldestFirst()
    {
        List<JobId> jobs = [];
        for (int number = 0; number < 7; number++)
        {
            JobId job = NextJob();
            jobs.Add(job);

            // Three share an instant: the page may end among them.
            await Reserve(job, Usd.FromDollars(1), at: Start.AddSeconds(number is >= 2 and <= 4 ? 2 : number));
        }

        await Settle(jobs[1], Usd.FromDollars(0.5m));
        List<Reservation> seen = [];
        IReadOnlyList<Reservation> page = await Open(max: 2);
        while (page.Count > 0)
        {
            seen.AddRange(page);
            page = await Open(page[^1], max: 2);
        }

        Assert.Equal(6, seen.Count);
        Assert.Equal(jobs.Except([jobs[1]]).ToHashSet(), seen.Select(one => one.Job).ToHashSet());
        Assert.Equal(seen.Select(one => one.CreatedAt).Order(), seen.Select(one => one.CreatedAt));
    }

    [Fact]
    public async Task Spent_CountsAgainstTheLimit()
    {
        JobId job = NextJob();
        await Reserve(job, Usd.FromDollars(1));
        await Settle(job, Usd.FromDollars(9.5m));

        Assert.IsType<ReserveResult.DoesNotFit>(await Reserve(NextJob(), Usd.FromDollars(0.6m)));
    }

    private Task<ReserveResult> Reserve(JobId job, Usd amount, Guid? id = null, DateTimeOffset? at = null)
    {
        Guid reservation = id ?? NextId();
        return In<IBudgetStore, ReserveResult>(store => store.TryReserveAsync(reservation, job, 1, amount, at ?? Start, Rules, None));
    }

    private Task<bool> Settle(JobId job, Usd actual, DateTimeOffset? at = null) => Work.RunAsync(
        async (unit, token) =>
        {
            IBudgetStore store = unit.Store<IBudgetStore>();
            Reservation? open = (await store.ListForJobAsync(job, token)).SingleOrDefault(one => one.SettledAt is null);
            return open is not null
                && (await store.ApplyAsync([ReservationBooks.Settle(open, CostSplit.Nothing with { Training = actual }, Leak, at ?? Start)], token)).Count == 1;
        },
        None);

    private static Excess Leak() => new(EntryKind.Leak, CostPurpose.Orphan, "pod-1", "It lived too long");

    private Task<BudgetMonth> Month() =>
        Read<IBudgetStore, BudgetMonth>(store => store.ReadMonthAsync(Domain.Shared.Month.Of(Start), Rules, None));

    private Task<IReadOnlyList<Reservation>> Open(Reservation? after = null, int max = 10) =>
        Read<IBudgetStore, IReadOnlyList<Reservation>>(store => store.ListOpenAsync(after, max, None));
}
