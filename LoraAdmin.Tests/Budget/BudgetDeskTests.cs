using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation.Memory;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Budget;

/// <summary>The limit as people set it: checked, recorded, told, and never below what is spent and reserved without their saying so.</summary>
public sealed class BudgetDeskTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
    private static readonly Actor Ada = new(ActorKind.Person, "ada");
    private static readonly BudgetRules Wanted = new(Usd.FromDollars(120), Usd.FromDollars(100));

    private readonly SeededIds ids = new(3);
    private readonly MemoryDatabase database = new(new FakeTimeProvider(Now));
    private BudgetRules options = new(Usd.FromDollars(200), Usd.FromDollars(150));

    private BudgetDesk Desk => new(database, ids, database.Clock, () => options, KnownClocks.New(database.Clock));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => database.Dispose();

    [Fact]
    public async Task Set_WithinWhatIsFree_HoldsAndIsRecordedAndTold()
    {
        LimitOutcome.Set set = Assert.IsType<LimitOutcome.Set>(await Desk.SetLimitAsync(new LimitWish(Wanted, " A dear month "), Ada, Token));

        Assert.Equal((Wanted, options, Ada, "A dear month"), (set.Limit.Rules, set.Limit.Options, set.Limit.SetBy, set.Limit.Reason));
        BudgetLimitChange kept = Assert.Single(await Desk.ListChangesAsync(10, Token));
        Assert.Equal((options, Wanted, false, Now), (kept.Before, kept.After, kept.FollowsOptions, kept.At));
        OperationalEvent told = Assert.Single(database.Events);
        Assert.Equal((BudgetEvents.LimitSet, Ada), (told.Kind, told.Actor));
        Assert.Equal(
            "ada set the budget from $200.00 a month (warning at $150.00, hard) to $120.00 a month (warning at $100.00, hard): A dear month", told.Message);
        Assert.True(Assert.Single(told.Signals).Over);
    }

    [Fact]
    public async Task Set_Back_LetsTheConfigurationHoldAgain()
    {
        await Desk.SetLimitAsync(new LimitWish(Wanted, "A dear month"), Ada, Token);

        ((FakeTimeProvider)database.Clock).Advance(TimeSpan.FromHours(1));
        LimitOutcome.Set set = Assert.IsType<LimitOutcome.Set>(await Desk.SetLimitAsync(new LimitWish(null, "It is over"), Ada, Token));

        Assert.Equal(BudgetLimit.Of(options), set.Limit);
        Assert.Equal([true, false], (await Desk.ListChangesAsync(10, Token)).Select(change => change.FollowsOptions));
    }

    /// <summary>What goes up, or changes the mark alone, stops nothing that was not stopped before; a soft limit is passed by what is spent.</summary>
    [Theory]
    [InlineData(110, BudgetMode.Hard, true)]
    [InlineData(90, BudgetMode.Hard, false)]
    [InlineData(90, BudgetMode.Soft, true)]
    [Trait("Requirement", "M6")]
    public async Task Set_WhereMoreIsReserved_AsksOnlyBeforeItGoesDown(int wanted, BudgetMode mode, bool isSet)
    {
        await ReserveAsync(Usd.FromDollars(130));
        Assert.IsType<LimitOutcome.Set>(await Desk.SetLimitAsync(new LimitWish(new BudgetRules(Usd.FromDollars(100), Usd.FromDollars(80)), "A dear month", AllowBelow: true), Ada, Token));

        BudgetRules rules = new(Usd.FromDollars(wanted), Usd.FromDollars(70)) { Mode = mode };
        Assert.Equal(isSet, await Desk.SetLimitAsync(new LimitWish(rules, "Another"), Ada, Token) is LimitOutcome.Set);
        Assert.Equal(isSet ? rules : new BudgetRules(Usd.FromDollars(100), Usd.FromDollars(80)), (await Desk.ReadLimitAsync(Token)).Rules);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Set_BelowWhatIsReserved_WritesNothingUntilThePersonSaysSo()
    {
        await ReserveAsync(Usd.FromDollars(130));

        LimitOutcome.Below below = Assert.IsType<LimitOutcome.Below>(await Desk.SetLimitAsync(new LimitWish(Wanted, "A dear month"), Ada, Token));

        Assert.Equal((Usd.FromDollars(130), Usd.FromDollars(120)), (below.Month.Reserved, below.Wanted));
        Assert.Equal(BudgetLimit.Of(options), await Desk.ReadLimitAsync(Token));
        Assert.Equal(new BudgetMonth(new Month(2026, 11), options.MonthlyLimit, Usd.Zero, below.Month.Reserved), await Desk.ReadMonthAsync(Token));
        Assert.Empty(await Desk.ListChangesAsync(10, Token));
        Assert.Empty(database.Events);

        Assert.IsType<LimitOutcome.Set>(await Desk.SetLimitAsync(new LimitWish(Wanted, "A dear month", AllowBelow: true), Ada, Token));

        OperationalEvent told = Assert.Single(database.Events);
        Assert.Equal(EventSeverity.Error, told.Severity);
        IncidentSignal opened = Assert.Single(told.Signals);
        Assert.Equal((BudgetIncidents.LimitPassed, "2026-11", false), (opened.Rule, opened.Subject, opened.Over));
        Assert.IsType<ReserveResult.DoesNotFit>(await ReserveAsync(new Usd(1)));
    }

    /// <summary>A nought too many would let jobs cost ten times what was meant. What the configuration says was thought about; of nothing everything is a multiple.</summary>
    [Theory]
    [InlineData(100, 200, true)]
    [InlineData(100, 201, false)]
    [InlineData(100, 500, true)]
    [InlineData(0, 1_000, true)]
    [Trait("Requirement", "M6")]
    public async Task Set_ToManyTimesThePresentLimit_WritesNothingUntilThePersonSaysSo(int present, int wanted, bool isSet)
    {
        options = new BudgetRules(Usd.FromDollars(500), Usd.Zero);
        Assert.IsType<LimitOutcome.Set>(await Desk.SetLimitAsync(new LimitWish(options with { MonthlyLimit = Usd.FromDollars(present) }, "A dear month"), Ada, Token));
        BudgetLimit held = await Desk.ReadLimitAsync(Token);
        LimitWish wish = new(options with { MonthlyLimit = Usd.FromDollars(wanted) }, "More to do", AllowBelow: true);

        LimitOutcome outcome = await Desk.SetLimitAsync(wish, Ada, Token);

        if (!isSet)
        {
            Assert.Equal(new LimitOutcome.Raise(held, Usd.FromDollars(wanted)), outcome);
            Assert.Equal(held, await Desk.ReadLimitAsync(Token));
            Assert.Single(await Desk.ListChangesAsync(10, Token));
            outcome = await Desk.SetLimitAsync(wish with { AllowRaise = true }, Ada, Token);
        }

        Assert.Equal(Usd.FromDollars(wanted), Assert.IsType<LimitOutcome.Set>(outcome).Limit.Rules.MonthlyLimit);
    }

    [Theory]
    [InlineData(-1, 0, BudgetMode.Hard, "why", "limit")]
    [InlineData(2_000_000_000, 0, BudgetMode.Hard, "why", "limit")]
    [InlineData(100, -1, BudgetMode.Hard, "why", "warn_at")]
    [InlineData(100, 101, BudgetMode.Hard, "why", "warn_at")]
    [InlineData(100, 100, (BudgetMode)7, "why", "mode")]
    [InlineData(100, 100, BudgetMode.Hard, "  ", "reason")]
    public async Task Set_OfNonsense_NamesTheFieldAndWritesNothing(int limit, int warn, BudgetMode mode, string reason, string field)
    {
        LimitWish wish = new(new BudgetRules(Usd.FromDollars(limit), Usd.FromDollars(warn)) { Mode = mode }, reason);

        LimitOutcome.Invalid invalid = Assert.IsType<LimitOutcome.Invalid>(await Desk.SetLimitAsync(wish, Ada, Token));

        FieldProblem problem = Assert.Single(invalid.Problems);
        Assert.Equal(field, problem.Field);
        Assert.NotEmpty(problem.Remedy);
        Assert.Empty(database.LimitChanges.Rows);
    }

    [Fact]
    public async Task Set_WithAReasonThatIsTooLong_NamesIt() => Assert.Equal(
        "reason",
        Assert.Single(Assert.IsType<LimitOutcome.Invalid>(
            await Desk.SetLimitAsync(new LimitWish(null, new string('x', BudgetDesk.LongestReason + 1)), Ada, Token)).Problems).Field);

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Configuration_ThatChangedBetweenTwoStarts_IsRecorded()
    {
        await Desk.NoteOptionsAsync(Token);
        await Desk.NoteOptionsAsync(Token);
        Assert.Empty(database.Events);
        BudgetRules before = options;
        options = Wanted with { Mode = BudgetMode.Soft };

        await Desk.NoteOptionsAsync(Token);

        BudgetLimitChange kept = Assert.Single(await Desk.ListChangesAsync(10, Token));
        Assert.Equal((before, options, true, "configuration"), (kept.Before, kept.After, kept.FollowsOptions, kept.Actor.Name));
        Assert.Contains("it holds from now on", Assert.Single(database.Events).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Configuration_ThatChangesUnderAPersonsLimit_IsRecordedAndDoesNotHold()
    {
        await Desk.NoteOptionsAsync(Token);
        await Desk.SetLimitAsync(new LimitWish(Wanted, "A dear month"), Ada, Token);
        options = new BudgetRules(Usd.FromDollars(500), Usd.FromDollars(400));

        await Desk.NoteOptionsAsync(Token);

        Assert.Equal(Wanted, (await Desk.ReadLimitAsync(Token)).Rules);
        Assert.Contains("what ada set still holds", database.Events[^1].Message, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Limit_ThatHeldOnce_IsKnownFromTheChanges()
    {
        BudgetRules first = options;
        FakeTimeProvider time = (FakeTimeProvider)database.Clock;
        await Desk.NoteOptionsAsync(Token);
        BudgetRules second = options = new BudgetRules(Usd.FromDollars(300), Usd.FromDollars(250));
        time.SetUtcNow(Now.AddHours(1));
        await Desk.NoteOptionsAsync(Token);
        time.SetUtcNow(Now.AddHours(2));
        await Desk.SetLimitAsync(new LimitWish(Wanted, "A dear month"), Ada, Token);
        options = first;
        time.SetUtcNow(Now.AddHours(3));
        await Desk.NoteOptionsAsync(Token);
        time.SetUtcNow(Now.AddHours(4));
        await Desk.SetLimitAsync(new LimitWish(null, "It is over"), Ada, Token);
        IReadOnlyList<BudgetLimitChange> changes = await Desk.ListChangesAsync(10, Token);

        Assert.Equal(
            [first, first, second, second, Wanted, Wanted, first],
            new[] { 0, 1, 1.5, 2, 2.5, 4, 4.5 }.Select(hours => BudgetLimitChange.HeldBefore(Now.AddHours(hours), changes, options)));
    }

    private Task<ReserveResult> ReserveAsync(Usd amount) => database.RunAsync(
        (unit, token) => unit.Store<IBudgetStore>().TryReserveAsync(ids.Next(), new JobId(ids.Next()), 1, amount, Now, options, token), Token);
}
