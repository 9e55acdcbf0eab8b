using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Training;

/// <summary>What a person reads when a job was not accepted.</summary>
public static class NewJobTexts
{
    public static string LimitReached(ChargeResult charge)
    {
        ArgumentNullException.ThrowIfNull(charge);
        return charge.Verdict == ChargeVerdict.AttemptsReached
            ? "The user has used up this month's attempts, refunded ones included. Look at their failed jobs before they train again; the count starts anew next month."
            : $"The user has used {charge.Used} of {charge.Limit} LoRAs this month. The count starts anew next month; an own limit in user_training_limits.monthly_limit raises it.";
    }

    /// <param name="mayFitAt">Null: it is more than a month may cost.</param>
    public static string BudgetExhausted(BudgetMonth month, Usd estimate, DateTimeOffset? mayFitAt)
    {
        ArgumentNullException.ThrowIfNull(month);
        return $"The job may cost up to {estimate}, but only {(month.Free < Usd.Zero ? Usd.Zero : month.FreeInCents)} of the {month.Limit} for {month.Month} is free "
            + $"({month.Spent} spent, {month.Reserved} reserved). "
            + (mayFitAt is { } at ? FormattableString.Invariant($"It may fit from {at.UtcDateTime:yyyy-MM-dd HH:mm} UTC on; or raise the month's limit.")
                : BudgetOutlook.MayEverFit(month, estimate) ? "It may fit when jobs that are over their time give back what they hold; nobody knows when. Or raise the month's limit."
                : "Raise the month's limit.");
    }
}
