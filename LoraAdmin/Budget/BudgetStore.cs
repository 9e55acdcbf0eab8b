using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Budget;

internal sealed class BudgetStore(LoraDb db) : IBudgetStore
{
    private const string AddMonth =
        "INSERT INTO budget_months (month, limit_micros, spent_micros, reserved_micros) VALUES ($1, $2, 0, 0) ON CONFLICT (month) DO NOTHING";

    private const string AddReservation =
        """
        INSERT INTO budget_reservations (id, job_id, attempt, month, amount_micros, created_at) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (job_id, attempt) DO NOTHING
        """;

    /// <summary>Only together with the reservation of this id: where the attempt has one already, nothing is reserved twice.</summary>
    private const string RaiseMonth =
        """
        UPDATE budget_months SET reserved_micros = reserved_micros + $2, limit_micros = $3
        WHERE month = $1 AND spent_micros + reserved_micros + $2 <= $3 AND EXISTS (SELECT 1 FROM budget_reservations WHERE id = $4)
        """;

    private const string TakeBack = "DELETE FROM budget_reservations WHERE id = $1";

    private const string ReadMonth = "SELECT spent_micros, reserved_micros FROM budget_months WHERE month = $1";

    private DbSet<BudgetMonthRow> Months => db.Set<BudgetMonthRow>();

    private DbSet<BudgetReservationRow> Reservations => db.Set<BudgetReservationRow>();

    public async Task<ReserveResult> TryReserveAsync(
        Guid id, JobId job, int attempt, Usd amount, DateTimeOffset now, BudgetRules rules, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentOutOfRangeException.ThrowIfNegative(amount.Micros);
        Month month = Month.Of(now);
        string key = month.ToString();

        // All callers of a month wait for its row. Whatever else the unit has to write goes before, so that the row is locked as shortly as can be.
        long limit = rules.MonthlyLimit.Micros;
        IReadOnlyList<Answer> answers = await db.RunAsync(
            [
                new Statement(AddMonth, [key, limit]),
                new Statement(AddReservation, [id, job.Value, attempt, key, amount.Micros, now.ToMillis()]),
                new Statement(RaiseMonth, [key, amount.Micros, limit, id]),
            ],
            cancellationToken);
        if (answers[^1].Written == 1)
        {
            DateTimeOffset createdAt = Instants.FromMillis(now.ToMillis());
            return new ReserveResult.Reserved(new Reservation(id, job, attempt, month, amount, createdAt, Actual: null, SettledAt: null));
        }

        IReadOnlyList<Answer> undone = await db.RunAsync([new Statement(TakeBack, [id]), Read(month)], cancellationToken);
        if (undone[0].Written == 1)
        {
            return new ReserveResult.DoesNotFit(ToMonth(month, rules, undone[1]), amount);
        }

        BudgetReservationRow present = await Reservations.AsNoTracking()
            .SingleAsync(row => row.JobId == job.Value && row.Attempt == attempt, cancellationToken);
        return new ReserveResult.Reserved(present.ToReservation());
    }

    public async Task<bool> SettleAsync(JobId job, int attempt, Usd actual, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(actual.Micros);
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
        List<BudgetReservationRow> rows = await Reservations.AsNoTracking()
            .Where(row => row.JobId == job.Value)
            .OrderBy(row => row.Attempt)
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(row => row.ToReservation());
    }

    public async Task<BudgetMonth> ReadMonthAsync(Month month, BudgetRules rules, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(rules);
        return ToMonth(month, rules, (await db.RunAsync([Read(month)], cancellationToken))[0]);
    }

    private static Statement Read(Month month) => new(ReadMonth, [month.ToString()]) { Returns = true };

    private static BudgetMonth ToMonth(Month month, BudgetRules rules, Answer answer) => answer.Row is null
        ? new BudgetMonth(month, rules.MonthlyLimit, Usd.Zero, Usd.Zero)
        : new BudgetMonth(month, rules.MonthlyLimit, new Usd(answer.Number(0)), new Usd(answer.Number(1)));
}
