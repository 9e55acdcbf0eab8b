using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>What a person wishes of the month's limit.</summary>
/// <param name="Rules">Null: what the configuration says holds again.</param>
/// <param name="Reason">1 to 500 characters.</param>
/// <param name="AllowBelow">The person knows that the month has spent and reserved more than the limit already.</param>
/// <param name="Seen">What held when the person looked: where something else holds by now, nothing is set. Null: the person has not looked.</param>
/// <param name="AllowRaise">The person knows that the limit is many times the present one (<see cref="BudgetDesk.IsGreatRaise"/>).</param>
public sealed record LimitWish(BudgetRules? Rules, string Reason, bool AllowBelow = false, BudgetRules? Seen = null, bool AllowRaise = false);

/// <summary>What became of it.</summary>
public abstract record LimitOutcome
{
    private LimitOutcome()
    {
    }

    public sealed record Set(BudgetLimit Limit, BudgetMonth Month) : LimitOutcome;

    public sealed record Invalid(IReadOnlyList<FieldProblem> Problems) : LimitOutcome;

    /// <summary>The month has spent and reserved more already: nothing was written. Asked again with <see cref="LimitWish.AllowBelow"/> it is done.</summary>
    public sealed record Below(BudgetMonth Month, Usd Wanted) : LimitOutcome;

    /// <summary>It is many times the present limit: nothing was written. Asked again with <see cref="LimitWish.AllowRaise"/> it is done.</summary>
    /// <param name="Limit">What holds now.</param>
    public sealed record Raise(BudgetLimit Limit, Usd Wanted) : LimitOutcome;

    /// <summary>Somebody set another limit since the person looked: nothing was written.</summary>
    /// <param name="Limit">What holds now.</param>
    /// <param name="Month">The month under it.</param>
    public sealed record Changed(BudgetLimit Limit, BudgetMonth Month) : LimitOutcome;
}

/// <summary>The commands that people give about the budget. Who gave them and why is kept, in a record of its own and as a fact.</summary>
public interface IBudgetDesk
{
    /// <exception cref="StoreUnavailableException">The database is away: nothing was changed.</exception>
    Task<LimitOutcome> SetLimitAsync(LimitWish wish, Actor actor, CancellationToken cancellationToken);

    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    Task<BudgetLimit> ReadLimitAsync(CancellationToken cancellationToken);

    /// <summary>The present month, which a lower limit may stop.</summary>
    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    Task<BudgetMonth> ReadMonthAsync(CancellationToken cancellationToken);

    /// <summary>Newest first.</summary>
    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    Task<IReadOnlyList<BudgetLimitChange>> ListChangesAsync(int max, CancellationToken cancellationToken);
}

/// <inheritdoc cref="IBudgetDesk"/>
public sealed class BudgetDesk(IUnitOfWork work, IIds ids, TimeProvider clock, Func<BudgetRules> options, ClockStandings clocks) : IBudgetDesk
{
    public const int LongestReason = 500;

    private const int GreatRaise = 2;

    /// <summary>Notes what the configuration says, and keeps it as a change when it said something else at the start before.</summary>
    public Task NoteOptionsAsync(CancellationToken cancellationToken) => work.RunAsync(
        async (unit, token) =>
        {
            BudgetRules now = options();
            IBudgetLimitStore store = unit.Store<IBudgetLimitStore>();
            if (await store.SwapOptionsAsync(now, token) is not { } before || before == now)
            {
                return;
            }

            BudgetLimit limit = await store.ReadAsync(now, token);
            string holds = limit.SetBy is { } person ? $"what {person.Name} set still holds" : "it holds from now on";
            Actor configuration = Actor.Portal("configuration");
            string text = $"The configuration of the budget changed from {Say(before)} to {Say(now)}; {holds}";
            await store.AddChangeAsync(new BudgetLimitChange(ids.Next(), clock.GetUtcNow(), configuration, text, before, now, FollowsOptions: true), token);
            await unit.Events.AppendAsync(FactOf(BudgetEvents.OptionsChanged, text, configuration, await MonthAsync(unit, token)), token);
        },
        cancellationToken);

    public async Task<LimitOutcome> SetLimitAsync(LimitWish wish, Actor actor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(wish);
        ArgumentNullException.ThrowIfNull(actor);
        List<FieldProblem> problems = Check(wish);
        if (problems.Count > 0)
        {
            return new LimitOutcome.Invalid(problems);
        }

        try
        {
            return await work.RunAsync((unit, token) => SetAsync(unit, wish, actor, token), cancellationToken);
        }
        catch (BelowException below)
        {
            return below.Outcome;
        }
    }

    public Task<BudgetLimit> ReadLimitAsync(CancellationToken cancellationToken) => work.ReadAsync(
        (unit, token) => unit.Store<IBudgetLimitStore>().ReadAsync(options(), token), cancellationToken);

    public Task<BudgetMonth> ReadMonthAsync(CancellationToken cancellationToken) => work.ReadAsync(MonthAsync, cancellationToken);

    public Task<IReadOnlyList<BudgetLimitChange>> ListChangesAsync(int max, CancellationToken cancellationToken) => work.ReadAsync(
        (unit, token) => unit.Store<IBudgetLimitStore>().ListChangesAsync(max, token), cancellationToken);

    private async Task<LimitOutcome> SetAsync(IUnit unit, LimitWish wish, Actor actor, CancellationToken cancellationToken)
    {
        IBudgetLimitStore store = unit.Store<IBudgetLimitStore>();
        BudgetRules configured = options();

        // Whether it goes down is told by what it takes the place of, and not by what held a moment before.
        BudgetLimit held = await store.LockAsync(configured, cancellationToken);
        BudgetRules before = held.Rules;
        if (wish.Seen is { } seen && seen != before)
        {
            return new LimitOutcome.Changed(held, await MonthAsync(unit, cancellationToken));
        }

        BudgetRules after = wish.Rules ?? configured;
        if (IsGreatRaise(held, after) && !wish.AllowRaise)
        {
            return new LimitOutcome.Raise(held, after.MonthlyLimit);
        }

        DateTimeOffset now = clock.GetUtcNow();

        // Set first, then looked at: from here on no admission of the month can come between.
        await store.SetAsync(new BudgetLimitChange(ids.Next(), now, actor, wish.Reason.Trim(), before, after, FollowsOptions: wish.Rules is null), cancellationToken);
        BudgetMonth month = await MonthAsync(unit, cancellationToken);
        if (IsToBeConfirmed(before, month) && !wish.AllowBelow)
        {
            throw new BelowException(new LimitOutcome.Below(month, after.MonthlyLimit));
        }

        await unit.Events.AppendAsync(
            FactOf(BudgetEvents.LimitSet, $"{actor.Name} set the budget from {Say(before)} to {Say(after)}: {wish.Reason.Trim()}", actor, month), cancellationToken);
        return new LimitOutcome.Set(await store.ReadAsync(configured, cancellationToken), month);
    }

    /// <summary>A limit that goes down stops every admission: whoever sets it must know. One that goes up and is passed still, stops nothing that was not stopped before.</summary>
    /// <param name="after">The month under the wished limit.</param>
    public static bool IsToBeConfirmed(BudgetRules before, BudgetMonth after)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        return after.IsPassed && (after.Limit < before.MonthlyLimit || (before.Mode, after.Mode) == (BudgetMode.Soft, BudgetMode.Hard));
    }

    /// <summary>
    /// A limit above so many times the present one may be a slip of the hand: nothing else stops what jobs cost before it is gone. What the configuration says
    /// somebody has thought about, and a limit of nothing is raised to let jobs in again.
    /// </summary>
    public static bool IsGreatRaise(BudgetLimit held, BudgetRules after)
    {
        ArgumentNullException.ThrowIfNull(held);
        ArgumentNullException.ThrowIfNull(after);
        Usd now = held.Rules.MonthlyLimit;
        return after.MonthlyLimit != held.Options.MonthlyLimit && now > Usd.Zero && after.MonthlyLimit.Micros / GreatRaise > now.Micros;
    }

    /// <summary>A limit below what the month has taken refuses every job: that is as urgent as when <see cref="BudgetWatch"/> finds it.</summary>
    private static OperationalEvent FactOf(string kind, string text, Actor actor, BudgetMonth month)
    {
        IncidentSignal signal = BudgetFacts.LimitSignal(month);
        return BudgetFacts.Of(kind, text, actor, signal.Over ? EventSeverity.Warning : EventSeverity.Error, signal);
    }

    private static List<FieldProblem> Check(LimitWish wish)
    {
        List<FieldProblem> problems = [];
        string reason = wish.Reason.Trim();
        if (reason.Length is 0 or > LongestReason)
        {
            problems.Add(new FieldProblem(
                "reason", reason.Length == 0 ? "The reason is empty." : $"The reason has {reason.Length} characters.",
                $"Say in 1 to {LongestReason} characters why the limit changes: it is kept."));
        }

        if (wish.Rules is not { } rules)
        {
            return problems;
        }

        CheckMoney(problems, "limit", rules.MonthlyLimit, "what a month may cost (0 admits no training)");
        CheckMoney(problems, "warn_at", rules.WarnAt, "from which sum on to warn");
        if (problems.Count == 0 && rules.WarnAt > rules.MonthlyLimit)
        {
            problems.Add(new FieldProblem("warn_at", $"{rules.WarnAt} is above the limit of {rules.MonthlyLimit}: nobody would be warned.", "Set it to the limit or below."));
        }

        if (!Enum.IsDefined(rules.Mode))
        {
            problems.Add(new FieldProblem("mode", $"{rules.Mode} is no mode.", $"Choose {BudgetMode.Hard} or {BudgetMode.Soft}."));
        }

        return problems;
    }

    private static void CheckMoney(List<FieldProblem> problems, string field, Usd value, string what)
    {
        if (value < Usd.Zero || value > BudgetRules.Highest)
        {
            problems.Add(new FieldProblem(field, $"{value} is {(value < Usd.Zero ? "negative" : $"above {BudgetRules.Highest}")}.", $"Give in dollars, between $0 and {BudgetRules.Highest}, {what}."));
        }
    }

    private static string Say(BudgetRules rules) => $"{rules.MonthlyLimit} a month (warning at {rules.WarnAt}, {rules.Mode.ToString().ToLowerInvariant()})";

    /// <summary>The month that admission judges by.</summary>
    private Task<BudgetMonth> MonthAsync(IUnit unit, CancellationToken cancellationToken) =>
        unit.Store<IBudgetStore>().ReadMonthAsync(Month.Of(clocks.ByProvider(clock.GetUtcNow())), options(), cancellationToken);

    /// <summary>Leaves the transaction so that it rolls back whole.</summary>
    private sealed class BelowException(LimitOutcome.Below outcome) : Exception
    {
        public LimitOutcome.Below Outcome { get; } = outcome;
    }
}
