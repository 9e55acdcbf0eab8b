using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Budget;

/// <summary>Two people set the limit at the same moment: each is judged by what the other has left.</summary>
public sealed class LimitRaceTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
    private static readonly BudgetRules Options = Limit(100);
    private static readonly Actor Ada = new(ActorKind.Person, "ada");
    private static readonly Actor Bea = new(ActorKind.Person, "bea");

    private readonly SeededIds ids = new(1);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>When it was asked for, it would have gone up.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Limit_ThatGoesDownFromWhatAnotherHasJustSet_IsAskedFor()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Postgres);
        BudgetDesk desk = new(database.Work, ids, new FakeTimeProvider(Now), static () => Options, KnownClocks.New(new FakeTimeProvider(Now)));

        LimitOutcome outcome = await SetMeanwhileAsync(database, desk, new LimitWish(Limit(150), "A dear month"));

        LimitOutcome.Below below = Assert.IsType<LimitOutcome.Below>(outcome);
        Assert.Equal((Usd.FromDollars(180), Usd.FromDollars(150)), (below.Month.Reserved, below.Wanted));
        Assert.Equal(Limit(200), (await desk.ReadLimitAsync(Token)).Rules);
        Assert.Equal([Bea], (await desk.ListChangesAsync(10, Token)).Select(static change => change.Actor));
    }

    [Fact]
    public async Task Change_SaysWhatItTookThePlaceOf()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Postgres);
        BudgetDesk desk = new(database.Work, ids, new FakeTimeProvider(Now), static () => Options, KnownClocks.New(new FakeTimeProvider(Now)));

        Assert.IsType<LimitOutcome.Set>(await SetMeanwhileAsync(database, desk, new LimitWish(Limit(150), "A dear month", AllowBelow: true)));

        BudgetLimitChange change = (await desk.ListChangesAsync(10, Token)).Single(static one => one.Actor == Ada);
        Assert.Equal((Limit(200), Limit(150)), (change.Before, change.After));
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Limit_ThatIsAnotherThanThePersonSaw_IsNotSet(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind);
        BudgetDesk desk = new(database.Work, ids, new FakeTimeProvider(Now), static () => Options, KnownClocks.New(new FakeTimeProvider(Now)));
        LimitWish wish = new(Limit(150), "A dear month", Seen: Options);
        Assert.IsType<LimitOutcome.Set>(await desk.SetLimitAsync(new LimitWish(Limit(200), "Another", Seen: Options), Bea, Token));

        LimitOutcome.Changed changed = Assert.IsType<LimitOutcome.Changed>(await desk.SetLimitAsync(wish, Ada, Token));

        Assert.Equal((Limit(200), Bea, Usd.FromDollars(200)), (changed.Limit.Rules, changed.Limit.SetBy, changed.Month.Limit));
        Assert.Equal(Limit(200), (await desk.ReadLimitAsync(Token)).Rules);
        Assert.Single(await desk.ListChangesAsync(10, Token));
        Assert.IsType<LimitOutcome.Set>(await desk.SetLimitAsync(wish with { Seen = changed.Limit.Rules }, Ada, Token));
    }

    private static BudgetRules Limit(decimal dollars) => new(Usd.FromDollars(dollars), Usd.FromDollars(80));

    /// <summary>Ada's wish comes while Bea sets $200, of which $180 are reserved at once.</summary>
    private async Task<LimitOutcome> SetMeanwhileAsync(TestDatabase database, BudgetDesk desk, LimitWish wish)
    {
        BudgetLimitChange beas = new(ids.Next(), Now.AddSeconds(-1), Bea, "Another", Options, Limit(200), FollowsOptions: false);
        (Guid reservation, JobId job) = (ids.Next(), new JobId(ids.Next()));
        Task<LimitOutcome>? asked = null;
        await database.Work.RunAsync(
            async (unit, token) =>
            {
                await unit.Store<IBudgetLimitStore>().SetAsync(beas, token);
                Assert.IsType<ReserveResult.Reserved>(
                    await unit.Store<IBudgetStore>().TryReserveAsync(reservation, job, 1, Usd.FromDollars(180), Now, Options, token));
                asked = desk.SetLimitAsync(wish, Ada, Token);
                await WaitsAsync(database);
            },
            Token);
        return await asked!;
    }

    /// <summary>Until somebody waits for a row.</summary>
    private static Task WaitsAsync(TestDatabase database) => Eventually.TrueAsync(
        async () =>
        {
            await using LoraDb db = database.NewContext();
            return await db.Database
                .SqlQueryRaw<long>("SELECT count(*) AS \"Value\" FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
                .SingleAsync(Token) == 1;
        },
        "somebody waits for the limit's row");
}
