using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Limits;

internal sealed class LimitsStore(LoraDb db) : ILimitsStore
{
    // One guarded statement: a user without a row, with an earlier period or without one starts at 1; else one more if below the limit.
    // Returns nothing where the limit is reached.
    private const string Raise =
        """
        INSERT INTO user_training_limits (user_id, loras_created_this_month, month_reset_date)
        SELECT $1, 1, $3 WHERE $4 > 0 OR EXISTS (SELECT 1 FROM user_training_limits WHERE user_id = $1)
        ON CONFLICT (user_id) DO UPDATE SET
            loras_created_this_month = CASE
                WHEN user_training_limits.month_reset_date IS NULL OR user_training_limits.month_reset_date < $2 THEN 1
                ELSE COALESCE(user_training_limits.loras_created_this_month, 0) + 1 END,
            month_reset_date = CASE
                WHEN user_training_limits.month_reset_date IS NULL OR user_training_limits.month_reset_date < $2 THEN $3
                ELSE user_training_limits.month_reset_date END
        WHERE COALESCE(user_training_limits.monthly_limit, $4) > CASE
            WHEN user_training_limits.month_reset_date IS NULL OR user_training_limits.month_reset_date < $2 THEN 0
            ELSE COALESCE(user_training_limits.loras_created_this_month, 0) END
        RETURNING loras_created_this_month, monthly_limit, substr(CAST(month_reset_date AS TEXT), 1, 7)
        """;

    private const string Count =
        """
        SELECT count(CASE WHEN user_id = $1 AND period = $2 THEN 1 END), count(CASE WHEN job_id = $3 AND admission = $4 THEN 1 END)
        FROM limit_charges WHERE (user_id = $1 AND period = $2) OR (job_id = $3 AND admission = $4)
        """;

    /// <summary>Takes back what <see cref="Raise"/> did in this unit.</summary>
    private const string Lower = "UPDATE user_training_limits SET loras_created_this_month = loras_created_this_month - 1 WHERE user_id = $1";

    private const string Read =
        """
        SELECT CASE WHEN month_reset_date IS NULL OR month_reset_date < $2 THEN 0 ELSE COALESCE(loras_created_this_month, 0) END, monthly_limit
        FROM user_training_limits WHERE user_id = $1
        """;

    private const string GiveBack =
        """
        UPDATE user_training_limits SET loras_created_this_month = loras_created_this_month - 1
        WHERE user_id = $1 AND loras_created_this_month > 0 AND month_reset_date >= $2 AND month_reset_date < $3
        """;

    private const string Reset =
        """
        UPDATE user_training_limits SET loras_created_this_month = 0, month_reset_date = $2
        WHERE month_reset_date IS NULL OR month_reset_date < $1
        """;

    private const string CountIdle =
        """
        SELECT count(*), count(*) - count(month_reset_date), COALESCE(SUM(loras_created_this_month), 0)
        FROM user_training_limits WHERE month_reset_date IS NULL OR month_reset_date < $1
        """;

    private const string Miscounted =
        """
        SELECT CAST(l.user_id AS TEXT), COALESCE(l.loras_created_this_month, 0), COALESCE(c.net, 0)
        FROM user_training_limits l
        LEFT JOIN (SELECT user_id, count(*) - count(refunded_at) AS net FROM limit_charges WHERE period = $3 GROUP BY user_id) c ON c.user_id = l.user_id
        WHERE l.month_reset_date >= $1 AND l.month_reset_date < $2
            AND (COALESCE(l.loras_created_this_month, 0) < COALESCE(c.net, 0)
                OR (COALESCE(l.loras_created_this_month, 0) > COALESCE(c.net, 0) AND EXISTS (SELECT 1 FROM limit_charges WHERE period < $3)))
        LIMIT 1
        """;

    /// <summary>For statements over all users: a table of many millions on a busy server takes longer than a command usually may.</summary>
    private static readonly TimeSpan OverAll = TimeSpan.FromMinutes(10);

    private DbSet<LimitChargeRow> Charges => db.Set<LimitChargeRow>();

    public async Task<ChargeResult> TryChargeAsync(
        UserId user, JobId job, int admission, DateTimeOffset now, LimitRules rules, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(rules);
        Month month = Month.Of(now);
        string period = month.ToString();
        Guid id = user.Value;
        DateOnly start = FirstDay(month);
        int limit = rules.LorasPerUserPerMonth;

        // If it rose, the user's row is locked: whoever charged at the same moment has committed, and the counts after it see it.
        IReadOnlyList<Answer> seen = await db.RunAsync(
            [
                new Statement(Raise, [id, start, DateOnly.FromDateTime(now.UtcDateTime), limit]) { Returns = true },
                new Statement(Count, [id, period, job.Value, admission]) { Returns = true },
            ],
            cancellationToken);
        Counter? raised = Counter.Of(seen[0], limit);

        // By a clock that was set back the user's row may lie in a later month: the charge belongs where it was counted, or its refund would find no count.
        if (raised?.Period is { } counted && string.CompareOrdinal(counted, period) > 0)
        {
            period = counted;
            seen = [seen[0], .. await db.RunAsync([new Statement(Count, [id, period, job.Value, admission]) { Returns = true }], cancellationToken)];
        }

        int attempts = (int)seen[1].Number(0);
        bool charged = seen[1].Number(1) > 0;
        if (raised is null || charged || attempts >= rules.AttemptsPerUserPerMonth)
        {
            List<Statement> undo = raised is null ? [] : [new Statement(Lower, [id])];
            IReadOnlyList<Answer> left = await db.RunAsync([.. undo, new Statement(Read, [id, start]) { Returns = true }], cancellationToken);
            Counter still = Counter.Of(left[^1], limit) ?? new Counter(0, limit, null);
            return charged ? new ChargeResult(ChargeVerdict.Charged, still.Used, still.Applied)
                : attempts >= rules.AttemptsPerUserPerMonth ? new ChargeResult(ChargeVerdict.AttemptsReached, attempts, rules.AttemptsPerUserPerMonth)
                : new ChargeResult(ChargeVerdict.LimitReached, still.Used, still.Applied);
        }

        db.AddNew(new LimitChargeRow
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
        await db.RunAsync([new Statement(GiveBack, [newest.UserId, start, start.AddMonths(1)])], cancellationToken);
        return true;
    }

    public async Task<IdleUsers> CountIdleAsync(Month month, CancellationToken cancellationToken)
    {
        Answer answer = (await db.RunAsync([new Statement(CountIdle, [FirstDay(month)]) { Returns = true, Within = OverAll }], cancellationToken))[0];
        return new IdleUsers(answer.Number(0), answer.Number(1), answer.Number(2));
    }

    public async Task<Miscount?> FindMiscountAsync(Month month, CancellationToken cancellationToken)
    {
        DateOnly start = FirstDay(month);
        Statement statement = new(Miscounted, [start, start.AddMonths(1), month.ToString()]) { Returns = true, Within = OverAll };
        Answer answer = (await db.RunAsync([statement], cancellationToken))[0];
        return answer.Row is { } row ? new Miscount(new UserId(Guid.Parse((string)row[0])), answer.Number(1), answer.Number(2)) : null;
    }

    public async Task<IReadOnlyList<IdleUser>> SampleIdleAsync(Month month, int most, CancellationToken cancellationToken)
    {
        // The date as text: its column is DATE or TIMESTAMPTZ.
        List<IdleRow> rows = await db.Database.SqlQuery<IdleRow>(
            $"""
            SELECT user_id, COALESCE(loras_created_this_month, 0) AS loras, substr(CAST(month_reset_date AS TEXT), 1, 10) AS reset_on
            FROM user_training_limits WHERE user_id IS NOT NULL AND (month_reset_date IS NULL OR month_reset_date < {FirstDay(month)}) LIMIT {most}
            """).ToListAsync(cancellationToken);
        return rows.ConvertAll(row => new IdleUser(new UserId(row.UserId), row.Loras, row.ResetOn));
    }

    public async Task<long> ResetAsync(Month month, DateTimeOffset today, CancellationToken cancellationToken) =>
        (await db.RunAsync(
            [new Statement(Reset, [FirstDay(month), DateOnly.FromDateTime(today.UtcDateTime)]) { Within = OverAll }], cancellationToken))[0].Written;

    private static DateOnly FirstDay(Month month) => new(month.Year, month.Number, 1);

    private sealed record IdleRow(Guid UserId, int Loras, string? ResetOn);

    /// <param name="Period">The month that the row counts for, where it was asked for.</param>
    private sealed record Counter(int Used, int Applied, string? Period)
    {
        public static Counter? Of(Answer answer, int defaultLimit) => answer.Row is not { } row
            ? null
            : new Counter((int)answer.Number(0), (int)(answer.NumberOrNull(1) ?? defaultLimit), row.Count > 2 ? row[2] as string : null);
    }
}
