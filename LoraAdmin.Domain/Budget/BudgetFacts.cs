using System.Globalization;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>Kinds of facts that the budget feature appends.</summary>
public static class BudgetEvents
{
    /// <summary>Money was paid that nobody had reserved.</summary>
    public const string Beyond = "budget.beyond_reserved";

    /// <summary>What took that money costs nothing any more.</summary>
    public const string BeyondEnded = "budget.beyond_ended";

    /// <summary>Somebody set the limit over the configuration, or let the configuration hold again.</summary>
    public const string LimitSet = "budget.limit_set";

    /// <summary>The configuration says something else than at the start before.</summary>
    public const string OptionsChanged = "budget.options_changed";

    /// <summary>The month has passed its limit, or is below it again.</summary>
    public const string LimitPassed = "budget.limit_passed";
    public const string LimitHolds = "budget.limit_holds";

    /// <summary>The month has spent more than its warning mark, or no more again.</summary>
    public const string MarkPassed = "budget.mark_passed";
    public const string MarkHolds = "budget.mark_holds";

    /// <summary>A LoRA costs more on average than it may, or no more again.</summary>
    public const string LoraTooDear = "budget.lora_too_dear";
    public const string LoraCostHolds = "budget.lora_cost_holds";

    /// <summary>A total was not what its entries come to, and is again.</summary>
    public const string TotalMended = "budget.total_mended";
}

/// <summary>Rules of incidents about money.</summary>
public static class BudgetIncidents
{
    /// <summary>Something costs money that nobody reserved. The subject is the id of the job, or the ledger name of a pod that no job has.</summary>
    public const string Beyond = "budget.beyond_reserved";

    /// <summary>A month has spent and reserved more than its limit, or with a soft one spent more. The subject is the month.</summary>
    public const string LimitPassed = "budget.limit_passed";

    /// <summary>M5: a month has spent more than its warning mark. The subject is the month.</summary>
    public const string MarkPassed = "budget.mark_passed";

    /// <summary>M4: a LoRA costs more on average than it may. The subject is <see cref="LoraCostSubject"/>.</summary>
    public const string LoraTooDear = "budget.lora_too_dear";
    public const string LoraCostSubject = "average";

    /// <summary>A month that is over has cost more than the limit, by what its bills have corrected. The subject is the month.</summary>
    public const string CameOutAbove = "budget.month_above_limit";

    /// <summary>A total was not what its entries come to, and pages and admission went by it until it was mended. The subject is the total.</summary>
    public const string TotalsWrong = "budget.totals_wrong";
}

/// <summary>Facts about money, as several writers tell them.</summary>
public static class BudgetFacts
{
    public static OperationalEvent Beyond(string subject, string text, Actor actor) =>
        Of(BudgetEvents.Beyond, text, actor, EventSeverity.Warning, new IncidentSignal(BudgetIncidents.Beyond, subject, text));

    public static OperationalEvent BeyondEnded(string subject, string text, Actor actor) =>
        Of(BudgetEvents.BeyondEnded, text, actor, EventSeverity.Info, BeyondIsOver(subject));

    public static IncidentSignal BeyondIsOver(string subject) => new(BudgetIncidents.Beyond, subject, "It costs nothing any more", Over: true);

    /// <summary>Tells once that an attempt costs more than was reserved for it.</summary>
    /// <param name="again">It was told before, and what it was told of has ended since.</param>
    public static async Task TellBeyondAsync(IUnit unit, ReservationChange written, bool again, Actor actor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(written);
        if ((written.Before.Beyond > Usd.Zero && !again) || written.After.Beyond <= written.Before.Beyond)
        {
            return;
        }

        BudgetEntry entry = written.Entries.First(static entry => entry.Kind is EntryKind.Leak or EntryKind.PriceChange);
        OperationalEvent fact = Beyond(
            written.After.Job.ToString(), $"{entry.Note}: {written.After.Amount} had been reserved, what is paid beyond it counts in {entry.Month}", actor);
        await unit.Events.AppendAsync(fact with { Job = written.After.Job, Attempt = written.After.Attempt, Pod = entry.Pod }, cancellationToken);
    }

    /// <summary>What a month's figures mean to its incident.</summary>
    public static IncidentSignal LimitSignal(BudgetMonth month)
    {
        ArgumentNullException.ThrowIfNull(month);
        string figures = $"{month.Spent} spent and {month.Reserved} reserved of {month.Limit} in {month.Month}";
        return month.IsPassed
            ? new IncidentSignal(BudgetIncidents.LimitPassed, month.Month.ToString(), $"The month's limit is passed: {figures}")
            : new IncidentSignal(BudgetIncidents.LimitPassed, month.Month.ToString(), $"The month's limit holds: {figures}", Over: true);
    }

    /// <summary>M5: what the money that is spent, without what is reserved, means to the warning mark.</summary>
    /// <param name="rules">Those that hold.</param>
    public static IncidentSignal MarkSignal(BudgetMonth month, BudgetRules rules)
    {
        ArgumentNullException.ThrowIfNull(month);
        ArgumentNullException.ThrowIfNull(rules);
        decimal share = month.Limit > Usd.Zero ? 100m * rules.WarnAt.Micros / month.Limit.Micros : 100m;
        string text = string.Create(
            CultureInfo.InvariantCulture, $"System-wide LoRA training costs are {month.Spent}/month ({share:0.#}% of {Whole(month.Limit)}/month budget)");
        return month.Spent > rules.WarnAt
            ? new IncidentSignal(BudgetIncidents.MarkPassed, month.Month.ToString(), text)
            : new IncidentSignal(BudgetIncidents.MarkPassed, month.Month.ToString(), $"{month.Spent} are spent in {month.Month}; the mark is {rules.WarnAt}", Over: true);
    }

    /// <summary>M4: what the average means.</summary>
    /// <returns>Null: it is below the mark, and not so far that what was told before is over.</returns>
    public static IncidentSignal? CostSignal(LoraCost cost)
    {
        ArgumentNullException.ThrowIfNull(cost);
        string average = $"Average LoRA training cost is {cost.PerLora ?? Usd.Zero} (threshold: {cost.Rules.AlertAbove})";
        string text = cost.IsOfFew ? $"Fewer than {cost.Rules.Least} LoRAs were completed in the last {LedgerDays.AverageOver} days: their average says nothing" : average;
        return cost.IsTooDear || cost.IsRightAgain
            ? new IncidentSignal(BudgetIncidents.LoraTooDear, BudgetIncidents.LoraCostSubject, text, Over: !cost.IsTooDear)
            : null;
    }

    /// <summary>
    /// What a correction means to its month: one that is over nobody looks at any more, so that the correction tells itself that the limit is passed; of the
    /// calendar's month <see cref="BudgetWatch"/> tells.
    /// </summary>
    /// <param name="month">With the correction, and the limit and mode that held when it ended.</param>
    /// <returns>Null: the month is not over.</returns>
    public static IncidentSignal? SignalOfOver(BudgetMonth month, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(month);
        string figures = $"{month.Month} has cost {month.Spent} by its bills, {month.Reserved} is reserved in it, and its limit was {month.Limit}";
        return month.Month.End > now ? null : new IncidentSignal(BudgetIncidents.CameOutAbove, month.Month.ToString(), figures, Over: !month.IsPassed);
    }

    public static OperationalEvent Of(string kind, string text, Actor actor, EventSeverity severity, params IncidentSignal[] signals) =>
        new() { Kind = kind, Message = text, Severity = severity, Actor = actor, Signals = signals };

    /// <summary>Without cents where there are none: <c>$200</c>.</summary>
    private static string Whole(Usd amount) => amount.Micros % 1_000_000 == 0 ? string.Create(CultureInfo.InvariantCulture, $"${amount.Dollars:0}") : amount.ToString();
}
