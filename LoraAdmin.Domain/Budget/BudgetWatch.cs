using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>
/// Looks whether the calendar's month has passed its limit (by leaks, dearer prices, corrections, a lowered limit, or with a soft limit once more than it is spent) or its
/// warning mark, and whether a LoRA costs too much. Tells each of them when it changes; when a process or a month begins, also that an incident from before
/// is over.
/// </summary>
public sealed class BudgetWatch(IUnitOfWork work, ILoraCosts costs, TimeProvider clock, Func<BudgetRules> options, ClockStandings clocks)
{
    /// <summary>Months that are over and whose bills may still be corrected.</summary>
    private const int MonthsBilled = 2;

    private static readonly Actor Self = Actor.Portal("budget.watch");

    private (Month Month, bool Over)? toldLimit;
    private (Month Month, bool Over)? toldMark;
    private bool? toldCostOver;

    /// <returns>
    /// False: nobody knows yet which month it is (<see cref="ClockStandings.IsPresentKnown"/>), and nothing was looked at. By a clock that is in another month,
    /// the incidents of the present one would be over, and the portals that have told them would not do it again.
    /// </returns>
    public async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        if (!clocks.IsPresentKnown())
        {
            return false;
        }

        (BudgetMonth month, BudgetRules rules) = await work.ReadAsync(ReadAsync, cancellationToken);
        if ((month.Month, BudgetFacts.LimitSignal(month).Over) != toldLimit)
        {
            toldLimit = await TellAsync(static (month, _) => BudgetFacts.LimitSignal(month), FactOfLimit, toldLimit is { Over: false }, cancellationToken);
        }

        if ((month.Month, BudgetFacts.MarkSignal(month, rules).Over) != toldMark)
        {
            toldMark = await TellAsync(BudgetFacts.MarkSignal, FactOfMark, toldMark is { Over: false }, cancellationToken);
        }

        if (BudgetFacts.CostSignal(await costs.ReadCostAsync(cancellationToken)) is { } cost && cost.Over != toldCostOver)
        {
            await work.RunAsync((unit, token) => AppendAsync(unit, cost, FactOfCost(cost), toldCostOver is false, token), cancellationToken);
            toldCostOver = cost.Over;
        }

        return true;
    }

    /// <summary>By what the month is when it is told.</summary>
    private async Task<(Month Month, bool Over)> TellAsync(
        Func<BudgetMonth, BudgetRules, IncidentSignal> judge, Func<IncidentSignal, BudgetMonth, OperationalEvent> fact, bool wasWrong,
        CancellationToken cancellationToken) =>
        await work.RunAsync(
            async (unit, token) =>
            {
                (BudgetMonth month, BudgetRules rules) = await ReadAsync(unit, token);
                IncidentSignal signal = judge(month, rules);
                await AppendAsync(unit, signal, fact(signal, month), wasWrong, token);
                return (month.Month, signal.Over);
            },
            cancellationToken);

    /// <summary>That all is well is news when this process has told otherwise, or when it ends what another one has told.</summary>
    private static Task AppendAsync(IUnit unit, IncidentSignal signal, OperationalEvent fact, bool wasWrong, CancellationToken cancellationToken) =>
        signal.Over && !wasWrong ? unit.AppendIfItEndsAsync(fact, cancellationToken) : unit.Events.AppendAsync(fact, cancellationToken);

    /// <summary>
    /// Also the incidents of months that are over are over: nothing can be admitted in them. What their bills have corrected is told for as long as bills
    /// are looked at.
    /// </summary>
    private static OperationalEvent FactOfLimit(IncidentSignal signal, BudgetMonth month)
    {
        string[] billed = [.. Enumerable.Range(1, MonthsBilled).Select(ago => Month.Of(month.Month.Start.AddMonths(-ago)).ToString())];
        IncidentSignal closed = IncidentSignal.OverExcept(BudgetIncidents.CameOutAbove, billed, "Its bills are looked at no more");
        return signal.Over
            ? BudgetFacts.Of(BudgetEvents.LimitHolds, signal.Text, Self, EventSeverity.Info, OfEveryMonth(signal), closed)
            : BudgetFacts.Of(BudgetEvents.LimitPassed, signal.Text, Self, EventSeverity.Error, signal, OfOtherMonths(signal), closed);
    }

    private static OperationalEvent FactOfMark(IncidentSignal signal, BudgetMonth month) => signal.Over
        ? BudgetFacts.Of(BudgetEvents.MarkHolds, signal.Text, Self, EventSeverity.Info, OfEveryMonth(signal))
        : BudgetFacts.Of(BudgetEvents.MarkPassed, signal.Text, Self, EventSeverity.Warning, signal, OfOtherMonths(signal));

    private static OperationalEvent FactOfCost(IncidentSignal signal) => signal.Over
        ? BudgetFacts.Of(BudgetEvents.LoraCostHolds, signal.Text, Self, EventSeverity.Info, signal)
        : BudgetFacts.Of(BudgetEvents.LoraTooDear, signal.Text, Self, EventSeverity.Warning, signal);

    private static IncidentSignal OfEveryMonth(IncidentSignal over) => IncidentSignal.OverExcept(over.Rule, [], over.Text);

    private static IncidentSignal OfOtherMonths(IncidentSignal raised) => IncidentSignal.OverExcept(raised.Rule, [raised.Subject], "The month is over");

    private async Task<(BudgetMonth Month, BudgetRules Rules)> ReadAsync(IUnit unit, CancellationToken cancellationToken)
    {
        BudgetRules configured = options();
        return (
            await unit.Store<IBudgetStore>().ReadMonthAsync(Month.Of(clocks.ByProvider(clock.GetUtcNow())), configured, cancellationToken),
            (await unit.Store<IBudgetLimitStore>().ReadAsync(configured, cancellationToken)).Rules);
    }
}
