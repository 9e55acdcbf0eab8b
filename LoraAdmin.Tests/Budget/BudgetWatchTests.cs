using LoraAdmin.Domain.Alerts;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation;
using LoraAdmin.Tests.Simulation.Memory;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Budget;

/// <summary>What is wrong with the money is told in the words that were agreed on, once by each portal, and is one incident for all of them until it is right.</summary>
public sealed class BudgetWatchTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
    private static readonly Month November = new(2026, 11);

    private readonly FakeTimeProvider clock = new(Now);
    private readonly SeededIds ids = new(3);
    private readonly MemoryDatabase database;
    private readonly ScriptedCost cost = new();
    private readonly BudgetWatch watch;
    private BudgetRules options = new(Usd.FromDollars(200), Usd.FromDollars(150));
    private int takenIn;

    public BudgetWatchTests()
    {
        database = new MemoryDatabase(clock);
        watch = NewWatch();
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => database.Dispose();

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Limit_IsToldWhenItIsPassedAndWhenItHoldsAgain()
    {
        await watch.RunAsync(Token);
        await ReserveAsync(130);
        await watch.RunAsync(Token);
        Assert.Empty(database.Events);

        options = new BudgetRules(Usd.FromDollars(120), Usd.FromDollars(100));
        await watch.RunAsync(Token);
        await watch.RunAsync(Token);

        Assert.Equal([BudgetEvents.LimitPassed], Told(BudgetEvents.LimitHolds, BudgetEvents.LimitPassed));
        Assert.Equal(
            [(BudgetIncidents.LimitPassed, "2026-11", "The month's limit is passed: $0.00 spent and $130.00 reserved of $120.00 in 2026-11")], await OpenAsync());
        options = options with { MonthlyLimit = Usd.FromDollars(130) };
        await watch.RunAsync(Token);
        Assert.Empty(await OpenAsync());
    }

    /// <summary>What is reserved passes a soft limit by design: jobs are admitted until it is spent, and nothing is wrong.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Limit_Soft_IsToldOnceMoreThanItIsSpent()
    {
        options = new BudgetRules(Usd.FromDollars(10), Usd.FromDollars(10)) { Mode = BudgetMode.Soft };
        await SpendAsync(5);
        await ReserveAsync(6);
        await watch.RunAsync(Token);
        Assert.IsType<ReserveResult.Reserved>(await ReserveAsync(7));
        await SpendAsync(5);
        await watch.RunAsync(Token);
        Assert.Empty(await OpenAsync());

        await SpendAsync(1);
        await watch.RunAsync(Token);

        Assert.Contains((BudgetIncidents.LimitPassed, "2026-11", "The month's limit is passed: $11.00 spent and $13.00 reserved of $10.00 in 2026-11"), await OpenAsync());
    }

    [Theory]
    [InlineData(BudgetMode.Soft, 10, 6, true)]
    [InlineData(BudgetMode.Soft, 10.01, 0, false)]
    [InlineData(BudgetMode.Hard, 5, 5, true)]
    [InlineData(BudgetMode.Hard, 5, 5.01, false)]
    public void Correction_OfAMonthThatIsOver_IsHeldAgainstItsLimitAsAdmissionIs(BudgetMode mode, decimal spent, decimal reserved, bool holds)
    {
        BudgetMonth month = new(November, Usd.FromDollars(10), Usd.FromDollars(spent), Usd.FromDollars(reserved)) { Mode = mode };

        Assert.Equal(holds, BudgetFacts.SignalOfOver(month, November.End)!.Over);
    }

    [Fact]
    public async Task Month_ThatIsOver_EndsItsIncidents()
    {
        await ReserveAsync(130);
        await SpendAsync(160);
        options = new BudgetRules(Usd.FromDollars(120), Usd.FromDollars(100));
        await watch.RunAsync(Token);
        Assert.Equal([BudgetIncidents.LimitPassed, BudgetIncidents.MarkPassed], (await OpenAsync()).Select(incident => incident.Rule));

        clock.SetUtcNow(November.End);
        await watch.RunAsync(Token);

        Assert.Empty(await OpenAsync());

        // What bills have corrected stays open for as long as bills of the month are looked at.
        IncidentSignal billed = Assert.Single(database.Events[^2].Signals, signal => signal.Rule == BudgetIncidents.CameOutAbove);
        Assert.True(billed.Over);
        Assert.Equal(["2026-11", "2026-10"], billed.Except);
    }

    /// <summary>A portal before it, or another one, has told of what is wrong no more.</summary>
    [Theory]
    [InlineData(BudgetIncidents.LimitPassed, "2026-11", BudgetEvents.LimitHolds)]
    [InlineData(BudgetIncidents.LimitPassed, "2026-08", BudgetEvents.LimitHolds)]
    [InlineData(BudgetIncidents.CameOutAbove, "2026-08", BudgetEvents.LimitHolds)]
    [InlineData(BudgetIncidents.MarkPassed, "2026-11", BudgetEvents.MarkHolds)]
    [InlineData(BudgetIncidents.LoraTooDear, "average", BudgetEvents.LoraCostHolds)]
    public async Task Start_EndsWhatIsOver_AndElseSaysNothing(string rule, string subject, string ends)
    {
        Actor portal = Actor.Portal("budget.watch");
        OperationalEvent told = BudgetFacts.Of(BudgetEvents.LimitPassed, "wrong", portal, EventSeverity.Error, new IncidentSignal(rule, subject, "wrong"));
        await database.RunAsync((unit, token) => unit.Events.AppendAsync(told, token), Token);
        cost.Set(100, 1m);

        await watch.RunAsync(Token);
        await NewWatch().RunAsync(Token);

        Assert.Equal([BudgetEvents.LimitPassed, ends], database.Events.Select(fact => fact.Kind));
        Assert.Contains(database.Events[^1].Signals, signal => signal.Rule == rule && signal.Ends(subject));
    }

    [Fact]
    [Trait("Requirement", "M5")]
    public async Task Mark_PassedByWhatIsSpent_IsToldInItsWords()
    {
        await SpendAsync(150);
        await ReserveAsync(40);
        await watch.RunAsync(Token);
        Assert.Empty(await OpenAsync());

        await SpendAsync(0.40m);
        BudgetWatch another = NewWatch();
        await watch.RunAsync(Token);
        await another.RunAsync(Token);
        await watch.RunAsync(Token);

        Assert.Equal(
            [(BudgetIncidents.MarkPassed, "2026-11", "System-wide LoRA training costs are $150.40/month (75% of $200/month budget)")], await OpenAsync());
        Assert.Equal(EventSeverity.Warning, database.Events.Last(fact => fact.Kind == BudgetEvents.MarkPassed).Severity);
        Assert.Equal([BudgetEvents.MarkPassed, BudgetEvents.MarkPassed], Told(BudgetEvents.MarkHolds, BudgetEvents.MarkPassed));

        options = options with { WarnAt = Usd.FromDollars(150.40m) };
        await watch.RunAsync(Token);
        await another.RunAsync(Token);
        Assert.Empty(await OpenAsync());
    }

    /// <summary>By its own clock nothing is spent yet; the month in which jobs are admitted is dear.</summary>
    [Theory]
    [InlineData(10)]
    [InlineData(-40)]
    [Trait("Requirement", "M5")]
    public async Task Month_OfAPortalWhoseClockIsInAnother_StaysTold(int daysAhead)
    {
        MachineClock away = new(clock, TimeSpan.FromDays(daysAhead), drift: 0);
        BudgetWatch wrong = new(database, cost, away, () => options, KnownClocks.New(away).NoteAhead(TimeSpan.FromDays(daysAhead)));
        await SpendAsync(210);
        await watch.RunAsync(Token);
        IReadOnlyList<(string Rule, string Subject, string Text)> told = await OpenAsync();
        Assert.Equal(2, told.Count);

        Assert.True(await wrong.RunAsync(Token));
        await watch.RunAsync(Token);

        Assert.Equal(told, await OpenAsync());
        await SpendAsync(-100);
        Assert.True(await wrong.RunAsync(Token));
        Assert.Empty(await OpenAsync());
    }

    /// <summary>Its first look would end what the others have told of a month that is not over.</summary>
    [Fact]
    [Trait("Requirement", "M5")]
    public async Task Month_ThatNobodyVouchesFor_IsNotLookedAt()
    {
        await SpendAsync(210);
        await watch.RunAsync(Token);
        MachineClock away = new(clock, TimeSpan.FromDays(10), drift: 0);
        ClockStandings clocks = KnownClocks.New(away);
        BudgetWatch begun = new(database, cost, away, () => options, clocks);

        Assert.False(await begun.RunAsync(Token));
        clocks.NoteAhead(TimeSpan.FromDays(10));
        Assert.True(await begun.RunAsync(Token));

        // RunPod is silent, and the database's clock contradicts the portal's.
        ClockStandings contradicted = KnownClocks.New(away);
        contradicted.Note(ClockStandings.Database, new ClockReading.Read(TimeSpan.FromDays(10), TimeSpan.FromSeconds(0.5)));
        clock.Advance(ClockStandings.WordWithin);
        Assert.False(await new BudgetWatch(database, cost, away, () => options, contradicted).RunAsync(Token));

        Assert.Equal([BudgetIncidents.LimitPassed, BudgetIncidents.MarkPassed], (await OpenAsync()).Select(incident => incident.Rule));

        // RunPod vouches for the portal's clock, whatever the database's says.
        ClockStandings vouched = KnownClocks.New(clock).NoteAhead(TimeSpan.Zero);
        vouched.Note(ClockStandings.Database, new ClockReading.Read(TimeSpan.FromDays(10), TimeSpan.FromSeconds(0.5)));
        Assert.True(await new BudgetWatch(database, cost, clock, () => options, vouched).RunAsync(Token));

        // It is silent, and nobody contradicts it: an installation without RunPod has its months too.
        ClockStandings alone = KnownClocks.New(clock);
        clock.Advance(ClockStandings.WordWithin);
        Assert.True(await new BudgetWatch(database, cost, clock, () => options, alone).RunAsync(Token));
    }

    [Fact]
    [Trait("Requirement", "M5")]
    public async Task Mark_ThatAPersonSet_IsTheOneThatIsTold()
    {
        await SpendAsync(101);
        BudgetRules set = new(Usd.FromDollars(112.50m), Usd.FromDollars(100));
        BudgetLimitChange change = new(ids.Next(), Now, new Actor(ActorKind.Person, "ada"), "A dear month", options, set, FollowsOptions: false);
        await database.RunAsync((unit, token) => unit.Store<IBudgetLimitStore>().SetAsync(change, token), Token);

        await watch.RunAsync(Token);

        Assert.Equal("System-wide LoRA training costs are $101.00/month (88.9% of $112.50/month budget)", Assert.Single(await OpenAsync()).Text);
    }

    [Fact]
    [Trait("Requirement", "M4")]
    public async Task LoraCost_AboveTheMark_IsToldInItsWordsOnceForAllPortals()
    {
        BudgetWatch another = NewWatch();
        cost.Set(100, 2.50m);
        await watch.RunAsync(Token);
        await another.RunAsync(Token);
        Assert.Empty(await OpenAsync());

        cost.Set(100, 2.61m);
        await watch.RunAsync(Token);
        await another.RunAsync(Token);
        cost.Set(101, 2.65m);
        await watch.RunAsync(Token);
        await another.RunAsync(Token);

        Assert.Equal([(BudgetIncidents.LoraTooDear, "average", "Average LoRA training cost is $2.61 (threshold: $2.50)")], await OpenAsync());
        Assert.Equal(EventSeverity.Warning, database.Events[^1].Severity);
        Assert.Equal(2, Told(BudgetEvents.LoraTooDear).Count);

        // About the mark it stays as it is, for a portal that has just begun too.
        cost.Set(110, 2.45m);
        await watch.RunAsync(Token);
        await NewWatch().RunAsync(Token);
        Assert.Single(await OpenAsync());

        cost.Set(120, 2.375m);
        await watch.RunAsync(Token);
        await another.RunAsync(Token);
        Assert.Empty(await OpenAsync());
        cost.Set(120, 2.51m);
        await watch.RunAsync(Token);
        Assert.Equal("Average LoRA training cost is $2.51 (threshold: $2.50)", Assert.Single(await OpenAsync()).Text);
    }

    [Fact]
    [Trait("Requirement", "M4")]
    public async Task LoraCost_OfFewLoras_IsTheirChance()
    {
        cost.Set(4, 90m);
        await watch.RunAsync(Token);
        Assert.Empty(await OpenAsync());

        cost.Set(5, 90m);
        await watch.RunAsync(Token);
        Assert.Single(await OpenAsync());

        cost.Set(4, 90m);
        await watch.RunAsync(Token);
        Assert.Empty(await OpenAsync());
    }

    [Fact]
    public async Task LoraCost_ThatCantBeRead_LeavesTheRestTold()
    {
        await SpendAsync(250);
        cost.Away = true;

        await Assert.ThrowsAsync<StoreUnavailableException>(() => watch.RunAsync(Token));

        Assert.Equal([BudgetIncidents.LimitPassed, BudgetIncidents.MarkPassed], (await OpenAsync()).Select(incident => incident.Rule));
    }

    /// <summary>RunPod's clock has vouched for it.</summary>
    private BudgetWatch NewWatch() => new(database, cost, clock, () => options, KnownClocks.New(clock).NoteAhead(TimeSpan.Zero));

    private List<string> Told(params string[] kinds) => [.. database.Events.Select(fact => fact.Kind).Where(kinds.Contains)];

    /// <summary>After every fact that was told so far.</summary>
    private async Task<IReadOnlyList<(string Rule, string Subject, string Text)>> OpenAsync()
    {
        IncidentKeeper keeper = new(database, ids);
        for (; takenIn < database.Events.Count; takenIn++)
        {
            await keeper.TakeInAsync(new Guid(takenIn, 5, 0, new byte[8]), Now.AddSeconds(takenIn), database.Events[takenIn], Token);
        }

        IReadOnlyList<Incident> open = await database.ReadAsync((unit, token) => unit.Store<IIncidentStore>().ListOpenAsync(50, token), Token);
        return [.. open.Select(incident => (incident.Rule, incident.Subject, incident.Text)).OrderBy(incident => incident.Rule, StringComparer.Ordinal)];
    }

    private Task<ReserveResult> ReserveAsync(decimal dollars) => database.RunAsync(
        (unit, token) => unit.Store<IBudgetStore>().TryReserveAsync(ids.Next(), new JobId(ids.Next()), 1, Usd.FromDollars(dollars), Now, options, token), Token);

    private async Task SpendAsync(decimal dollars)
    {
        BudgetEntry entry = new() { Key = $"spent:{ids.Next()}", Month = November, At = Now, Kind = EntryKind.Leak, Spent = Usd.FromDollars(dollars) };
        Assert.True(await database.RunAsync((unit, token) => unit.Store<IBudgetStore>().BookAsync(entry, token), Token));
    }

    /// <summary>What the page would show.</summary>
    private sealed class ScriptedCost : ILoraCosts
    {
        private LoraCost cost = LoraCost.Of([], default, 0, BudgetSamples.CostRules);

        public bool Away { get; set; }

        public void Set(int loras, decimal average) =>
            cost = cost with { Completed = loras, Running = Usd.FromDollars(average * loras) };

        public Task<LoraCost> ReadCostAsync(CancellationToken cancellationToken) =>
            Away ? throw new StoreUnavailableException("The database is away.") : Task.FromResult(cost);
    }
}
