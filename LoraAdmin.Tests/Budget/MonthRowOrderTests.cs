using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using Microsoft.EntityFrameworkCore;
using Xunit;

namespace LoraAdmin.Tests.Budget;

/// <summary>Everybody who is admitted waits for the month's row: who takes it waits for nobody any more.</summary>
public sealed class MonthRowOrderTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
    private static readonly BudgetRules Rules = new(Usd.FromDollars(40), Usd.FromDollars(30));

    private readonly SeededIds ids = new(1);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Unit_ThatSettlesAndReserves_KeepsNoAdmissionWaitingMeanwhile()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Postgres);
        JobId job = new(ids.Next());
        JobId other = new(ids.Next());
        (Guid first, Guid second, Guid others) = (ids.Next(), ids.Next(), ids.Next());
        await ReserveAsync(database, first, job, 1);
        int runs = 0;

        ReserveResult result = await database.Work.RunAsync(
            async (unit, token) =>
            {
                runs++;
                IBudgetStore store = unit.Store<IBudgetStore>();
                Reservation open = Assert.Single(await store.ListForJobAsync(job, token));
                ReservationChange settled = ReservationBooks.Settle(
                    open, CostSplit.Nothing with { Failed = Usd.FromDollars(1) }, static () => throw new InvalidOperationException("It fits."), Now);
                Assert.Single(await store.ApplyAsync([settled], token));

                // With the month's row or a day's taken by now it would wait for the end of this unit, which comes after it.
                await ReserveAsync(database, others, other, 1).WaitAsync(TimeSpan.FromSeconds(20), token);
                return await store.TryReserveAsync(second, job, 2, Usd.FromDollars(5), Now, Rules, token);
            },
            Token);

        Assert.IsType<ReserveResult.Reserved>(result);
        Assert.Equal(1, runs);
        BudgetMonth month = await database.Work.ReadAsync((unit, token) => unit.Store<IBudgetStore>().ReadMonthAsync(Month.Of(Now), Rules, token), Token);
        Assert.Equal((Usd.FromDollars(1), Usd.FromDollars(10)), (month.Spent, month.Reserved));
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Limit_ThatIsSetBeforeAnAdmissionThatWaits_WaitsInNoCircleWithIt()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Postgres);
        (JobId job, JobId other) = (new(ids.Next()), new(ids.Next()));
        (Guid first, Guid second) = (ids.Next(), ids.Next());
        BudgetLimitChange change = new(ids.Next(), Now, new Actor(ActorKind.Person, "ada"), "A dear month", Rules, Rules, FollowsOptions: false);
        await ReserveAsync(database, first, job, 1);
        int runs = 0;
        Task set = Task.CompletedTask;
        Task admission = Task.CompletedTask;

        await database.Work.RunAsync(
            async (unit, token) =>
            {
                // From here on the month's row is this unit's.
                IBudgetStore store = unit.Store<IBudgetStore>();
                await store.BookAsync(
                    new BudgetEntry { Key = "correction:1", Month = Month.Of(Now), At = Now, Kind = EntryKind.Correction, Spent = Usd.FromDollars(1) }, token);
                await store.ReadMonthAsync(Month.Of(Now), Rules, token);
                set = database.Work.RunAsync(
                    (one, stop) =>
                    {
                        Interlocked.Increment(ref runs);
                        return one.Store<IBudgetLimitStore>().SetAsync(change, stop);
                    },
                    Token);
                await WaitAsync(database, 1);
                admission = database.Work.RunAsync(
                    (one, stop) =>
                    {
                        Interlocked.Increment(ref runs);
                        return one.Store<IBudgetStore>().TryReserveAsync(second, other, 1, Usd.FromDollars(5), Now, Rules, stop);
                    },
                    Token);
                await WaitAsync(database, 2);
            },
            Token);
        await Task.WhenAll(set, admission);

        // Whoever is thrown out of a circle runs again.
        Assert.Equal(2, runs);
    }

    /// <summary>Until so many units wait for a row.</summary>
    private static Task WaitAsync(TestDatabase database, int units) => Eventually.TrueAsync(
        async () =>
        {
            await using LoraDb db = database.NewContext();
            return units == await db.Database
                .SqlQueryRaw<long>("SELECT count(*) AS \"Value\" FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
                .SingleAsync(Token);
        },
        $"{units} wait for a row");

    private static Task<ReserveResult> ReserveAsync(TestDatabase database, Guid id, JobId job, int attempt) => database.Work.RunAsync(
        (unit, token) => unit.Store<IBudgetStore>().TryReserveAsync(id, job, attempt, Usd.FromDollars(5), Now, Rules, token), Token);
}
