using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Budget;

internal sealed class BudgetStore(LoraDb db) : IBudgetStore
{
    private DbSet<BudgetMonthRow> Months => db.Set<BudgetMonthRow>();

    private DbSet<BudgetReservationRow> Reservations => db.Set<BudgetReservationRow>();

    public async Task<ReserveResult> TryReserveAsync(
        Guid id, JobId job, int attempt, Usd amount, DateTimeOffset now, BudgetRules rules, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentOutOfRangeException.ThrowIfNegative(amount.Micros);
        Month month = Month.Of(now);
        string key = month.ToString();

        // All callers of a month wait for its row. Whatever else the unit has to write is sent before, so that the row is locked as shortly as can be.
        await db.SendAsync(cancellationToken);
        List<int> added = await db.Database.SqlQuery<int>(
            $"""
            INSERT INTO budget_months (month, limit_micros, spent_micros, reserved_micros) VALUES ({key}, {rules.MonthlyLimit.Micros}, 0, 0)
            ON CONFLICT (month) DO NOTHING;
            INSERT INTO budget_reservations (id, job_id, attempt, month, amount_micros, created_at)
            VALUES ({db.SqlId(id)}, {db.SqlId(job.Value)}, {attempt}, {key}, {amount.Micros}, {now.ToMillis()})
            ON CONFLICT (job_id, attempt) DO NOTHING
            RETURNING 1 AS "Value"
            """).ToListAsync(cancellationToken);
        if (added.Count == 0)
        {
            BudgetReservationRow present = await Reservations.AsNoTracking()
                .SingleAsync(row => row.JobId == job.Value && row.Attempt == attempt, cancellationToken);
            return new ReserveResult.Reserved(present.ToReservation());
        }

        long limit = rules.MonthlyLimit.Micros;
        int fits = await Months
            .Where(row => row.Month == key && row.SpentMicros + row.ReservedMicros + amount.Micros <= limit)
            .ExecuteUpdateAsync(
                set => set
                    .SetProperty(row => row.ReservedMicros, row => row.ReservedMicros + amount.Micros)
                    .SetProperty(row => row.LimitMicros, limit),
                cancellationToken);
        if (fits == 1)
        {
            DateTimeOffset createdAt = Instants.FromMillis(now.ToMillis());
            return new ReserveResult.Reserved(new Reservation(id, job, attempt, month, amount, createdAt, Actual: null, SettledAt: null));
        }

        await Reservations.Where(row => row.JobId == job.Value && row.Attempt == attempt).ExecuteDeleteAsync(cancellationToken);
        return new ReserveResult.DoesNotFit(await ReadMonthAsync(month, rules, cancellationToken), amount);
    }

    public async Task<bool> SettleAsync(JobId job, int attempt, Usd actual, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(actual.Micros);
        await db.SendAsync(cancellationToken);
        int settled = await Reservations
            .Where(row => row.JobId == job.Value && row.Attempt == attempt && row.SettledAt == null)
            .ExecuteUpdateAsync(
                set => set.SetProperty(row => row.ActualMicros, (long?)actual.Micros).SetProperty(row => row.SettledAt, (long?)now.ToMillis()),
                cancellationToken);
        if (settled == 0)
        {
            return false;
        }

        var reserved = await Reservations
            .Where(row => row.JobId == job.Value && row.Attempt == attempt)
            .Select(row => new { row.Month, row.AmountMicros })
            .SingleAsync(cancellationToken);
        await Months.Where(row => row.Month == reserved.Month).ExecuteUpdateAsync(
            set => set
                .SetProperty(row => row.ReservedMicros, row => row.ReservedMicros - reserved.AmountMicros)
                .SetProperty(row => row.SpentMicros, row => row.SpentMicros + actual.Micros),
            cancellationToken);
        return true;
    }

    public async Task<IReadOnlyList<Reservation>> ListOpenAsync(Reservation? after, int max, CancellationToken cancellationToken)
    {
        await db.SendAsync(cancellationToken);
        IQueryable<BudgetReservationRow> open = Reservations.AsNoTracking().Where(row => row.SettledAt == null);
        if (after is not null)
        {
            (Guid id, long at) = (after.Id, after.CreatedAt.ToMillis());
            open = open.Where(row => row.CreatedAt > at || (row.CreatedAt == at && row.Id.CompareTo(id) > 0));
        }

        List<BudgetReservationRow> rows = await open
            .OrderBy(row => row.CreatedAt).ThenBy(row => row.Id)
            .Take(max)
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(row => row.ToReservation());
    }

    public async Task<IReadOnlyList<Reservation>> ListForJobAsync(JobId job, CancellationToken cancellationToken)
    {
        await db.SendAsync(cancellationToken);
        List<BudgetReservationRow> rows = await Reservations.AsNoTracking()
            .Where(row => row.JobId == job.Value)
            .OrderBy(row => row.Attempt)
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(row => row.ToReservation());
    }

    public async Task<BudgetMonth> ReadMonthAsync(Month month, BudgetRules rules, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(rules);
        string key = month.ToString();
        BudgetMonthRow? row = await Months.AsNoTracking().SingleOrDefaultAsync(found => found.Month == key, cancellationToken);
        return new BudgetMonth(month, rules.MonthlyLimit, new Usd(row?.SpentMicros ?? 0), new Usd(row?.ReservedMicros ?? 0));
    }
}
