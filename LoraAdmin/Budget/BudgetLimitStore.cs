using LoraAdmin.Domain.Budget;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Budget;

internal sealed class BudgetLimitStore(LoraDb db) : IBudgetLimitStore
{
    private static readonly RowUpdates<BudgetLimitRow> Set = new(
    [
        nameof(BudgetLimitRow.LimitMicros), nameof(BudgetLimitRow.WarnMicros), nameof(BudgetLimitRow.Mode), nameof(BudgetLimitRow.SetAt),
        nameof(BudgetLimitRow.SetByKind), nameof(BudgetLimitRow.SetByName), nameof(BudgetLimitRow.Reason),
    ]);

    private static readonly RowUpdates<BudgetMonthRow> Copied = new([nameof(BudgetMonthRow.OverrideMicros), nameof(BudgetMonthRow.OverrideMode)]);

    public async Task<BudgetLimit> ReadAsync(BudgetRules options, CancellationToken cancellationToken)
    {
        BudgetLimitRow row = await db.Set<BudgetLimitRow>().AsNoTracking().SingleAsync(cancellationToken);
        return row.ToLimit(options);
    }

    public async Task<BudgetLimit> LockAsync(BudgetRules options, CancellationToken cancellationToken)
    {
        // PostgreSQL gives the row anew, as it is when its wait is over; each statement reads what is committed by then.
        await db.RunAsync([new Statement($"SELECT id FROM budget_limit WHERE id = 1 {db.UpdateLocked}", []) { Returns = true }], cancellationToken);
        return await ReadAsync(options, cancellationToken);
    }

    public Task SetAsync(BudgetLimitChange change, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(change);
        BudgetLimitRow limit = new();
        BudgetMonthRow months = new();
        if (!change.FollowsOptions)
        {
            limit.LimitMicros = months.OverrideMicros = change.After.MonthlyLimit.Micros;
            limit.Mode = months.OverrideMode = change.After.Mode;
            limit.WarnMicros = change.After.WarnAt.Micros;
            limit.SetAt = change.At.ToMillis();
            (limit.SetByKind, limit.SetByName, limit.Reason) = (change.Actor.Kind, change.Actor.Name, change.Reason);
        }

        // The limit first, then the months, in the order in which everybody takes them: whoever makes a month's row locks the limit's row meanwhile.
        db.AddNew(BudgetLimitChangeRow.From(change));
        return db.RunAsync(
            [
                Set.Of(db, limit, " WHERE id = $1", BudgetLimitRow.TheOne),
                new Statement($"SELECT month FROM budget_months ORDER BY month {db.UpdateLocked}", []) { Returns = true },
                Copied.Of(db, months, ""),
            ],
            cancellationToken);
    }

    public async Task<BudgetRules?> SwapOptionsAsync(BudgetRules options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        string text = $"SELECT option_limit_micros, option_warn_micros, option_mode FROM budget_limit WHERE id = 1 {db.UpdateLocked}";
        Answer before = (await db.RunAsync([new Statement(text, []) { Returns = true }], cancellationToken))[0];
        (long limit, long warn, string mode) = (options.MonthlyLimit.Micros, options.WarnAt.Micros, Words<BudgetMode>.Of(options.Mode));
        await db.RunAsync(
            [new Statement("UPDATE budget_limit SET option_limit_micros = $1, option_warn_micros = $2, option_mode = $3 WHERE id = 1", [limit, warn, mode])], cancellationToken);
        return before.NumberOrNull(0) is { } was ? BudgetLimitRow.Rules(was, before.Number(1), Words<BudgetMode>.Parse((string)before.Row![2])) : null;
    }

    public Task AddChangeAsync(BudgetLimitChange change, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(change);
        db.AddNew(BudgetLimitChangeRow.From(change));
        return Task.CompletedTask;
    }

    public async Task<IReadOnlyList<BudgetLimitChange>> ListChangesAsync(int max, CancellationToken cancellationToken)
    {
        List<BudgetLimitChangeRow> rows = await db.Set<BudgetLimitChangeRow>().AsNoTracking()
            .OrderByDescending(row => row.At).ThenByDescending(row => row.Id)
            .Take(max)
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(static row => row.ToChange());
    }
}
