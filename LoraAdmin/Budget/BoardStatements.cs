using System.Globalization;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Budget;

/// <summary>What the page of money reads beside the ledger, as statements that travel together with it.</summary>
internal static class BoardStatements
{
    public static Statement Limit() => new("SELECT limit_micros, warn_micros, mode, set_at, set_by_kind, set_by_name, reason FROM budget_limit WHERE id = 1", [])
    {
        Returns = true,
    };

    /// <summary>Every open reservation, oldest first.</summary>
    public static Statement Open() => new(
        """
        SELECT id, job_id, attempt, month, amount_micros, created_at, accrued_micros, accrued_at, beyond_micros
        FROM budget_reservations WHERE settled_at IS NULL ORDER BY created_at, id
        """,
        [])
    {
        Returns = true,
    };

    /// <summary>Newest first.</summary>
    public static Statement Changes(int max) => new(
        """
        SELECT id, at, actor_kind, actor_name, reason, old_limit_micros, old_warn_micros, old_mode, new_limit_micros, new_warn_micros, new_mode, follows_options
        FROM budget_limit_changes ORDER BY at DESC, id DESC LIMIT $1
        """,
        [max])
    {
        Returns = true,
    };

    public static BudgetLimit ToLimit(IReadOnlyList<object> row, BudgetRules options) => new BudgetLimitRow
    {
        LimitMicros = Cell.NumberOrNull(row[0]),
        WarnMicros = Cell.NumberOrNull(row[1]),
        Mode = row[2] is string mode ? Words<BudgetMode>.Parse(mode) : null,
        SetAt = Cell.NumberOrNull(row[3]),
        SetByKind = row[4] is string kind ? Words<ActorKind>.Parse(kind) : null,
        SetByName = row[5] as string,
        Reason = row[6] as string,
    }.ToLimit(options);

    public static Reservation ToOpen(IReadOnlyList<object> row) => new BudgetReservationRow
    {
        Id = Cell.Id(row[0]),
        JobId = Cell.Id(row[1]),
        Attempt = (int)Cell.Number(row[2]),
        Month = (string)row[3],
        AmountMicros = Cell.Number(row[4]),
        CreatedAt = Cell.Number(row[5]),
        AccruedMicros = Cell.Number(row[6]),
        AccruedAt = Cell.NumberOrNull(row[7]),
        BeyondMicros = Cell.Number(row[8]),
    }.ToReservation();

    public static BudgetLimitChange ToChange(IReadOnlyList<object> row) => new BudgetLimitChangeRow
    {
        Id = Cell.Id(row[0]),
        At = Cell.Number(row[1]),
        ActorKind = Words<ActorKind>.Parse((string)row[2]),
        ActorName = (string)row[3],
        Reason = (string)row[4],
        OldLimitMicros = Cell.Number(row[5]),
        OldWarnMicros = Cell.Number(row[6]),
        OldMode = Words<BudgetMode>.Parse((string)row[7]),
        NewLimitMicros = Cell.Number(row[8]),
        NewWarnMicros = Cell.Number(row[9]),
        NewMode = Words<BudgetMode>.Parse((string)row[10]),
        FollowsOptions = Convert.ToBoolean(row[11], CultureInfo.InvariantCulture),
    }.ToChange();
}
