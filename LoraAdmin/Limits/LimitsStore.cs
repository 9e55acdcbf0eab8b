using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Limits;

internal sealed class LimitsStore(LoraDb db) : ILimitsStore
{
    private DbSet<LimitChargeRow> Charges => db.Set<LimitChargeRow>();

    public async Task<ChargeResult> TryChargeAsync(
        UserId user, JobId job, int admission, DateTimeOffset now, LimitRules rules, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(rules);
        Month month = Month.Of(now);
        string period = month.ToString();
        await db.SendAsync(cancellationToken);
        Counter? raised = await RaiseAsync(user, month, now, rules, cancellationToken);

        // If it rose, the user's row is locked: whoever charged at the same moment has committed, and these counts see it.
        var seen = await Charges
            .Where(row => (row.UserId == user.Value && row.Period == period) || (row.JobId == job.Value && row.Admission == admission))
            .GroupBy(_ => 1)
            .Select(all => new
            {
                Attempts = all.Count(row => row.UserId == user.Value && row.Period == period),
                Charged = all.Count(row => row.JobId == job.Value && row.Admission == admission) > 0,
            })
            .SingleOrDefaultAsync(cancellationToken);
        int attempts = seen?.Attempts ?? 0;
        bool charged = seen is { Charged: true };
        if (raised is null || charged || attempts >= rules.AttemptsPerUserPerMonth)
        {
            if (raised is not null)
            {
                await LowerAsync(user, cancellationToken);
            }

            Counter counted = await ReadAsync(user, month, rules, cancellationToken);
            return charged ? new ChargeResult(ChargeVerdict.Charged, counted.Used, counted.Applied)
                : attempts >= rules.AttemptsPerUserPerMonth ? new ChargeResult(ChargeVerdict.AttemptsReached, attempts, rules.AttemptsPerUserPerMonth)
                : new ChargeResult(ChargeVerdict.LimitReached, counted.Used, counted.Applied);
        }

        db.AddForNextSave(new LimitChargeRow
        {
            JobId = job.Value,
            Admission = admission,
            UserId = user.Value,
            Period = period,
            ChargedAt = now.ToMillis(),
        });
        return new ChargeResult(ChargeVerdict.Charged, raised.Used, raised.Applied);
    }

    public async Task<bool> RefundAsync(JobId job, string reason, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await db.SendAsync(cancellationToken);
        LimitChargeRow? newest = await Charges.AsNoTracking()
            .Where(row => row.JobId == job.Value)
            .OrderByDescending(row => row.Admission)
            .FirstOrDefaultAsync(cancellationToken);
        if (newest is null || newest.RefundedAt is not null)
        {
            return false;
        }

        int refunded = await Charges
            .Where(row => row.JobId == newest.JobId && row.Admission == newest.Admission && row.RefundedAt == null)
            .ExecuteUpdateAsync(
                set => set.SetProperty(row => row.RefundedAt, (long?)now.ToMillis()).SetProperty(row => row.RefundReason, reason),
                cancellationToken);
        if (refunded == 0)
        {
            return false;
        }

        Month charged = Month.Parse(newest.Period);
        DateOnly start = FirstDay(charged);
        DateOnly end = start.AddMonths(1);
        await db.Database.ExecuteSqlAsync(
            $"""
            UPDATE user_training_limits SET loras_created_this_month = loras_created_this_month - 1
            WHERE user_id = {db.SqlId(newest.UserId)} AND loras_created_this_month > 0 AND month_reset_date >= {start} AND month_reset_date < {end}
            """,
            cancellationToken);
        return true;
    }

    // One guarded statement: a user without a row, with an earlier period or without one starts at 1; else one more if below the limit.
    // Null: the limit is reached.
    private async Task<Counter?> RaiseAsync(UserId user, Month month, DateTimeOffset now, LimitRules rules, CancellationToken cancellationToken)
    {
        DateOnly start = FirstDay(month);
        DateOnly today = DateOnly.FromDateTime(now.UtcDateTime);
        int limit = rules.LorasPerUserPerMonth;
        object id = db.SqlId(user.Value);
        List<Counter> raised = await db.Database.SqlQuery<Counter>(
            $"""
            INSERT INTO user_training_limits (user_id, loras_created_this_month, month_reset_date)
            SELECT {id}, 1, {today}
            WHERE {limit} > 0 OR EXISTS (SELECT 1 FROM user_training_limits WHERE user_id = {id})
            ON CONFLICT (user_id) DO UPDATE SET
                loras_created_this_month = CASE
                    WHEN user_training_limits.month_reset_date IS NULL OR user_training_limits.month_reset_date < {start} THEN 1
                    ELSE COALESCE(user_training_limits.loras_created_this_month, 0) + 1 END,
                month_reset_date = CASE
                    WHEN user_training_limits.month_reset_date IS NULL OR user_training_limits.month_reset_date < {start} THEN {today}
                    ELSE user_training_limits.month_reset_date END
            WHERE COALESCE(user_training_limits.monthly_limit, {limit}) > CASE
                WHEN user_training_limits.month_reset_date IS NULL OR user_training_limits.month_reset_date < {start} THEN 0
                ELSE COALESCE(user_training_limits.loras_created_this_month, 0) END
            RETURNING loras_created_this_month AS used, monthly_limit AS own_limit, {limit} AS default_limit
            """).ToListAsync(cancellationToken);
        return raised.SingleOrDefault();
    }

    /// <summary>Takes back what <see cref="RaiseAsync"/> did in this unit.</summary>
    private Task<int> LowerAsync(UserId user, CancellationToken cancellationToken) => db.Database.ExecuteSqlAsync(
        $"UPDATE user_training_limits SET loras_created_this_month = loras_created_this_month - 1 WHERE user_id = {db.SqlId(user.Value)}",
        cancellationToken);

    private async Task<Counter> ReadAsync(UserId user, Month month, LimitRules rules, CancellationToken cancellationToken)
    {
        DateOnly start = FirstDay(month);
        Counter? counter = await db.Database.SqlQuery<Counter>(
            $"""
            SELECT CASE WHEN month_reset_date IS NULL OR month_reset_date < {start} THEN 0
                ELSE COALESCE(loras_created_this_month, 0) END AS used, monthly_limit AS own_limit, {rules.LorasPerUserPerMonth} AS default_limit
            FROM user_training_limits WHERE user_id = {db.SqlId(user.Value)}
            """).SingleOrDefaultAsync(cancellationToken);
        return counter ?? new Counter { DefaultLimit = rules.LorasPerUserPerMonth };
    }

    private static DateOnly FirstDay(Month month) => new(month.Year, month.Number, 1);

    private sealed class Counter
    {
        public int Used { get; set; }
        public int? OwnLimit { get; set; }
        public int DefaultLimit { get; set; }

        public int Applied => OwnLimit ?? DefaultLimit;
    }
}
