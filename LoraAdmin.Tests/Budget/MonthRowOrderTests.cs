using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
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
    public async Task Limit_ThatIsSet_WaitsForNobodyWhoOnlyRefersToTheMonth()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Postgres);
        await ReserveAsync(database, ids.Next(), new JobId(ids.Next()), 1);
        await using LoraDb db = database.NewContext();
        await using IDbContextTransaction transaction = await db.Database.BeginTransactionAsync(Token);

        // As an admission holds it that has written its reservation and waits for another one's month.
        Assert.Single(await db.Database.SqlQueryRaw<string>("SELECT month AS \"Value\" FROM budget_months FOR KEY SHARE").ToListAsync(Token));
        BudgetLimitChange change = new(ids.Next(), Now, new Actor(ActorKind.Person, "ada"), "A dear month", Rules, Rules, FollowsOptions: false);

        await database.Work.RunAsync((unit, token) => unit.Store<IBudgetLimitStore>().SetAsync(change, token), Token).WaitAsync(TimeSpan.FromSeconds(20), Token);

        BudgetLimit limit = await database.Work.ReadAsync((unit, token) => unit.Store<IBudgetLimitStore>().ReadAsync(Rules, token), Token);
        Assert.Equal(change.Actor, limit.SetBy);
    }

    private static Task<ReserveResult> ReserveAsync(TestDatabase database, Guid id, JobId job, int attempt) => database.Work.RunAsync(
        (unit, token) => unit.Store<IBudgetStore>().TryReserveAsync(id, job, attempt, Usd.FromDollars(5), Now, Rules, token), Token);
}
