using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Limits;

/// <param name="LorasPerUserPerMonth">Default for users without a <c>monthly_limit</c> of their own.</param>
/// <param name="AttemptsPerUserPerMonth">Bounds all charges of a month, refunded ones included.</param>
public sealed record LimitRules(int LorasPerUserPerMonth, int AttemptsPerUserPerMonth);

public enum ChargeVerdict
{
    Charged,

    /// <summary>The user has used up the month's LoRAs; nothing was written.</summary>
    LimitReached,

    /// <summary>The user's refunded attempts of the month are used up; nothing was written.</summary>
    AttemptsReached,
}

/// <param name="Used">The user's count in this period after the call.</param>
/// <param name="Limit">The limit that was applied.</param>
public sealed record ChargeResult(ChargeVerdict Verdict, int Used, int Limit);

/// <summary>Users whose row lies in an earlier month or has no date.</summary>
/// <param name="WithoutDate">Those of them that have none.</param>
/// <param name="Loras">What is counted in their rows.</param>
public sealed record IdleUsers(long Users, long WithoutDate, long Loras);

/// <param name="ResetOn">ISO date of its period; null: it has none.</param>
public sealed record IdleUser(UserId User, int Loras, string? ResetOn);

/// <summary>A user whose count in a month is not what that month's charges say.</summary>
/// <param name="Counted">What the user's row says.</param>
/// <param name="Charged">Charges of the month less those that were given back.</param>
public sealed record Miscount(UserId User, long Counted, long Charged);

/// <summary>
/// The per-user count of a month. A charge is a row (job, admission, period); a refund is unique per charge and lowers the counter only in the
/// charge's own period. The portal is the only writer of <c>user_training_limits.loras_created_this_month</c> and <c>month_reset_date</c>.
/// Bound to a unit of work.
/// </summary>
public interface ILimitsStore
{
    /// <summary>
    /// Charges one LoRA to the user. One guarded statement: an earlier or missing period starts at 1 with <paramref name="now"/>'s date, else the
    /// count rises by one if it lies below the limit. Where the user's row lies in a later month than <paramref name="now"/> (a clock was set back), the charge
    /// belongs to that month.
    /// </summary>
    /// <param name="admission">From 1; a job that is retried after a refund is charged again under the next number.</param>
    Task<ChargeResult> TryChargeAsync(UserId user, JobId job, int admission, DateTimeOffset now, LimitRules rules, CancellationToken cancellationToken);

    /// <summary>Gives the newest charge of the job back. True when this call did it; false when it was already given back or never charged.</summary>
    Task<bool> RefundAsync(JobId job, string reason, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Counts the rows that <see cref="ResetAsync"/> of the month would change.</summary>
    Task<IdleUsers> CountIdleAsync(Month month, CancellationToken cancellationToken);

    /// <summary>
    /// Some user whose row lies in the month and whose count is not the month's charges less its refunds: zeroed twice, or not at all. Null: there is none. A
    /// count above the charges is told only where the portal has charged in an earlier month: a database that was adopted within this one brings counts of its own.
    /// </summary>
    Task<Miscount?> FindMiscountAsync(Month month, CancellationToken cancellationToken);

    /// <summary>Some of them.</summary>
    Task<IReadOnlyList<IdleUser>> SampleIdleAsync(Month month, int most, CancellationToken cancellationToken);

    /// <summary>
    /// J3: one statement puts the count of every row that lies in an earlier month or has no date to 0, and its date to <paramref name="today"/>. Run
    /// again, late or by several instances at once, it changes nothing more.
    /// </summary>
    /// <returns>How many rows were changed.</returns>
    Task<long> ResetAsync(Month month, DateTimeOffset today, CancellationToken cancellationToken);
}
