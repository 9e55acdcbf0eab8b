using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>
/// Looks whether the calendar's month has passed its limit: by leaks, dearer prices, corrections, a lowered limit, or in soft mode by what runs. Tells it
/// when that changes; when a process or a month begins, also that an incident from before is over.
/// </summary>
public sealed class BudgetWatch(IUnitOfWork work, TimeProvider clock, Func<BudgetRules> options)
{
    /// <summary>Months that are over and whose bills may still be corrected.</summary>
    private const int MonthsBilled = 2;

    private static readonly Actor Self = Actor.Portal("budget.watch");

    private (Month Month, bool Passed)? told;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        BudgetMonth month = await work.ReadAsync(ReadAsync, cancellationToken);
        (Month Month, bool Passed) seen = (month.Month, month.Free < Usd.Zero);
        if (seen == told)
        {
            return;
        }

        await work.RunAsync(
            async (unit, token) =>
            {
                month = await ReadAsync(unit, token);
                seen = (month.Month, month.Free < Usd.Zero);
                await (seen.Passed || told is { Passed: true } ? unit.Events.AppendAsync(FactOf(month), token) : unit.AppendIfItEndsAsync(FactOf(month), token));
            },
            cancellationToken);
        told = seen;
    }

    /// <summary>
    /// Also the incidents of months that are over are over: nothing can be admitted in them. What their bills have corrected is told for as long as bills
    /// are looked at.
    /// </summary>
    private static OperationalEvent FactOf(BudgetMonth month)
    {
        IncidentSignal signal = BudgetFacts.LimitSignal(month);
        string[] billed = [.. Enumerable.Range(1, MonthsBilled).Select(ago => Month.Of(month.Month.Start.AddMonths(-ago)).ToString())];
        IncidentSignal closed = IncidentSignal.OverExcept(BudgetIncidents.CameOutAbove, billed, "Its bills are looked at no more");
        return signal.Over
            ? BudgetFacts.Of(BudgetEvents.LimitHolds, signal.Text, Self, EventSeverity.Info, IncidentSignal.OverExcept(signal.Rule, [], signal.Text), closed)
            : BudgetFacts.Of(
                BudgetEvents.LimitPassed, signal.Text, Self, EventSeverity.Error,
                signal, IncidentSignal.OverExcept(signal.Rule, [signal.Subject], "The month is over"), closed);
    }

    private Task<BudgetMonth> ReadAsync(IUnit unit, CancellationToken cancellationToken) =>
        unit.Store<IBudgetStore>().ReadMonthAsync(Month.Of(clock.GetUtcNow()), options(), cancellationToken);
}
