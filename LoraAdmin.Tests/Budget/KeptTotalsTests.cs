using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Operations;
using LoraAdmin.Tests.Simulation;
using LoraAdmin.Tests.Simulation.Memory;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Budget;

/// <summary>Totals that somebody wrote past the portal are found and mended, while others go on booking.</summary>
public sealed class KeptTotalsTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 30, 0, TimeSpan.Zero);
    private static readonly Month November = new(2026, 11);
    private static readonly KeptTotal Leaks = new(November, new DayOfTotal(new DateOnly(2026, 11, 24), EntryKind.Leak, CostPurpose.Orphan));
    private static readonly KeptTotal Bogus = new(November, new DayOfTotal(new DateOnly(2026, 11, 3), EntryKind.PriceChange, null));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    [Trait("Requirement", "M6")]
    public async Task Totals_WrittenPastThePortal_AreFoundAndMendedWhileOthersBook(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, new FakeTimeProvider(Now));
        await new RandomLedger(database, Now, 1).FillAsync();
        await BookAsync(database, 0);
        Assert.Empty(await FindAsync(database));
        EntrySums sound = await database.Work.ReadAsync((unit, token) => unit.Store<IKeptTotalsStore>().SumAsync(token), Token);
        await WriteAsync(
            database,
            "DELETE FROM budget_days WHERE month = '2026-11' AND day = '2026-11-24' AND kind = 'leak' AND purpose = 'orphan'",
            "INSERT INTO budget_days (day, month, kind, purpose, entries, spent_micros, reserved_micros) VALUES ('2026-11-03', '2026-11', 'price_change', '', 1, 5, 0) "
            + "ON CONFLICT (day, month, kind, purpose) DO UPDATE SET spent_micros = budget_days.spent_micros + 5",
            "UPDATE budget_months SET spent_micros = spent_micros + 7 WHERE month = '2026-11'");

        IReadOnlyList<WrongTotal> wrong = await FindAsync(database);

        Assert.Equal([Bogus, Leaks, new KeptTotal(November, null)], wrong.Select(one => one.Which));
        Assert.Equal([5, -wrong[1].Right.Spent.Micros, 7], wrong.Select(one => one.Kept.Spent.Micros - one.Right.Spent.Micros));
        Assert.Equal(default, wrong[1].Kept);
        Assert.Equal(wrong.Take(2), await database.Work.ReadAsync((unit, token) => unit.Store<IKeptTotalsStore>().FindWrongAsync(2, token), Token));
        Task<bool>[] others = [.. Enumerable.Range(1, 16).Select(number => Task.Run(() => BookAsync(database, number), Token))];
        WrongTotal?[] mended = await Task.WhenAll(wrong.Concat(wrong).Select(one => Task.Run(() => MendAsync(database, one.Which), Token)));
        await Task.WhenAll(others);

        Assert.Equal(3, mended.Count(one => one is not null));
        Assert.Empty(await FindAsync(database));
        EntrySums after = await database.Work.ReadAsync((unit, token) => unit.Store<IKeptTotalsStore>().SumAsync(token), Token);
        Assert.Equal((sound.Entries + 16, sound.Spent.Micros + 16, sound.Reserved), (after.Entries, after.Spent.Micros, after.Reserved));
    }

    [Fact]
    public void Total_AsText_IsReadBack()
    {
        Assert.Equal("2026-11 2026-11-24 Leak Orphan", Leaks.ToString());
        Assert.All([Leaks, Bogus, new KeptTotal(November, null)], total => Assert.Equal(total, KeptTotal.Parse(total.ToString())));
    }

    [Fact]
    public async Task Total_ThatWasWrong_IsAnIncidentUntilALookFindsNothingToMend()
    {
        TrainingBench bench = new();
        MemoryDatabase database = bench.World.Database;
        BudgetMonth month = await SpoilAsync(bench);
        TotalsCheck check = new(database, bench.World.Clock, Permissions.ReconcileMoney);
        OperationHouse house = new(bench.World.Clock, database, [check]) { Installation = bench.World.Installation };
        await house.FillAsync();

        await RunAsync();
        IncidentSignal opened = Assert.Single(database.Events.SelectMany(fact => fact.Signals), signal => signal.Rule == BudgetIncidents.TotalsWrong);
        Assert.Equal((month.Month.ToString(), false), (opened.Subject, opened.Over));
        Assert.Contains("was wrong and is mended", opened.Text, StringComparison.Ordinal);
        Assert.Equal(month, database.Months.Rows.Single());

        await RunAsync();
        Assert.Equal([true, false], house.Told(BudgetIncidents.TotalsWrong));

        async Task RunAsync()
        {
            Assert.IsType<OperationCommand.Started>(await house.Desk.RunNowAsync(TotalsCheck.Key, "of a test", OperationHouse.Ada, Token));
            Assert.Equal(RunState.Succeeded, (await house.EndBegunAsync()).State);
        }
    }

    [Fact]
    public async Task Total_ThatWasMendedByARunWhosePortalThenDied_IsAnIncidentUntilALookFindsNothingToMend()
    {
        TrainingBench bench = new();
        MemoryDatabase database = bench.World.Database;
        BudgetMonth month = await SpoilAsync(bench);
        DyingCheck check = new(new TotalsCheck(database, bench.World.Clock, Permissions.ReconcileMoney)) { DiesAtItsEnd = true };
        OperationHouse house = new(bench.World.Clock, database, [check]) { Installation = bench.World.Installation };
        await house.FillAsync();
        await house.Desk.RunNowAsync(TotalsCheck.Key, "of a test", OperationHouse.Ada, Token);
        await Assert.ThrowsAsync<StoreUnavailableException>(house.EndBegunAsync);
        Assert.Equal(month, database.Months.Rows.Single());

        check.DiesAtItsEnd = false;
        bench.World.Clock.Advance(house.Rules.LeaseFor);
        OperationRun next = Assert.Single(await house.TickAsync());

        Assert.Equal((RunTrigger.Recovery, RunState.Succeeded, 0L), (next.Trigger, next.State, next.Planned));
        Assert.Equal([true], house.Told(BudgetIncidents.TotalsWrong));
        await house.Desk.RunNowAsync(TotalsCheck.Key, "of a test", OperationHouse.Ada, Token);
        await house.EndBegunAsync();
        Assert.Equal([true, false], house.Told(BudgetIncidents.TotalsWrong));
    }

    /// <summary>Trains, and adds a dollar to the month past the portal.</summary>
    /// <returns>What the month's total was, and should be.</returns>
    private static async Task<BudgetMonth> SpoilAsync(TrainingBench bench)
    {
        await bench.RunToRestAsync(await bench.SubmitAsync());
        BudgetMonth month = bench.World.Database.Months.Rows.Single();
        bench.World.Database.Months.Set(month.Month, month with { Spent = month.Spent + Usd.FromDollars(1) });
        return month;
    }

    private static Task<IReadOnlyList<WrongTotal>> FindAsync(TestDatabase database) =>
        database.Work.ReadAsync((unit, token) => unit.Store<IKeptTotalsStore>().FindWrongAsync(100, token), Token);

    private static Task<WrongTotal?> MendAsync(TestDatabase database, KeptTotal which) =>
        database.Work.RunAsync((unit, token) => unit.Store<IKeptTotalsStore>().MendAsync(which, token), Token);

    private static Task<bool> BookAsync(TestDatabase database, int number) => database.Work.RunAsync(
        (unit, token) => unit.Store<IBudgetStore>().BookAsync(
            new BudgetEntry { Key = $"leak:{number}", Month = November, At = Now, Kind = EntryKind.Leak, Spent = new Usd(1), Purpose = CostPurpose.Orphan }, token),
        Token);

    private static async Task WriteAsync(TestDatabase database, params string[] statements) => await database.Work.RunAsync(
        (unit, token) => ((EfUnit)unit).Db.RunAsync([.. statements.Select(static sql => new Statement(sql, []))], token), Token);

    /// <summary>Its portal dies between its last item and its end.</summary>
    private sealed class DyingCheck(TotalsCheck real) : IItemOperation
    {
        public bool DiesAtItsEnd { get; set; }

        public OperationInfo Info => real.Info;

        public Task<Planning> PlanAsync(CancellationToken cancellationToken) => real.PlanAsync(cancellationToken);

        public Task ApplyAsync(PlanItem item, IItemTurn turn, CancellationToken cancellationToken) => real.ApplyAsync(item, turn, cancellationToken);

        public Task<IReadOnlyList<Figure>> MeasureAsync(IUnit unit, CancellationToken cancellationToken) => real.MeasureAsync(unit, cancellationToken);

        public Task<string?> CheckAsync(IUnit unit, CancellationToken cancellationToken) =>
            DiesAtItsEnd ? throw new StoreUnavailableException("dies here") : real.CheckAsync(unit, cancellationToken);

        public IReadOnlyList<IncidentSignal> EndedBy(PlanDraft plan) => real.EndedBy(plan);
    }
}
