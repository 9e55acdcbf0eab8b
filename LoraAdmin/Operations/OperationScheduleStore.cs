using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Operations;

/// <inheritdoc cref="IOperationScheduleStore"/>
internal sealed class OperationScheduleStore(LoraDb db) : IOperationScheduleStore
{
    private const string Raise = "UPDATE operation_schedules SET last_number = last_number + 1 WHERE operation = $1 RETURNING last_number";

    private static readonly CompiledQuery<Func<LoraDb, string, CancellationToken, Task<OperationScheduleRow?>>> One = new(
        static () => EF.CompileAsyncQuery(
            (LoraDb db, string operation, CancellationToken cancellationToken) =>
                db.Set<OperationScheduleRow>().AsNoTracking().SingleOrDefault(row => row.Operation == operation)));

    private const string Lock = "SELECT last_number FROM operation_schedules WHERE operation = $1 FOR UPDATE";

    private DbSet<OperationScheduleRow> Rows => db.Set<OperationScheduleRow>();

    public async Task<OperationSchedule?> FindAsync(string operation, CancellationToken cancellationToken) =>
        (await One.For(db)(db, operation, cancellationToken))?.ToSchedule();

    public async Task<IReadOnlyList<OperationSchedule>> ListAsync(CancellationToken cancellationToken) =>
        (await Rows.AsNoTracking().OrderBy(row => row.Operation).ToListAsync(cancellationToken)).ConvertAll(row => row.ToSchedule());

    public async Task<bool> TryAddAsync(OperationSchedule schedule, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        string catchUp = Words<CatchUp>.Of(schedule.CatchUp);
        return await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO operation_schedules (operation, cron, time_zone, catch_up, is_edited, accounted_until, last_number)
            VALUES ({schedule.Operation}, {schedule.Cron}, {schedule.TimeZone}, {catchUp}, {schedule.IsEdited}, {schedule.AccountedUntil.ToMillis()}, 0)
            ON CONFLICT (operation) DO NOTHING
            """,
            cancellationToken) > 0;
    }

    public Task SaveTimesAsync(OperationSchedule schedule, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        long? from = schedule.InForceFrom.ToMillis();
        return Rows.Where(row => row.Operation == schedule.Operation).ExecuteUpdateAsync(
            set => set
                .SetProperty(row => row.Cron, schedule.Cron)
                .SetProperty(row => row.TimeZone, schedule.TimeZone)
                .SetProperty(row => row.CatchUp, schedule.CatchUp)
                .SetProperty(row => row.IsEdited, schedule.IsEdited)
                .SetProperty(row => row.InForceFrom, from),
            cancellationToken);
    }

    public Task SavePauseAsync(string operation, OperationPause? pause, CancellationToken cancellationToken) =>
        WriteAsync(Rows.Where(row => row.Operation == operation), pause, cancellationToken);

    public async Task<bool> TryEndPauseAsync(string operation, DateTimeOffset at, CancellationToken cancellationToken)
    {
        long end = at.ToMillis();
        return await WriteAsync(Rows.Where(row => row.Operation == operation && row.PausedUntil <= end), pause: null, cancellationToken) > 0;
    }

    public Task SetAccountedAsync(string operation, DateTimeOffset until, CancellationToken cancellationToken)
    {
        long mark = until.ToMillis();
        return Rows.Where(row => row.Operation == operation && row.AccountedUntil < mark)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.AccountedUntil, mark), cancellationToken);
    }

    public Task TakeAccountedBackAsync(string operation, DateTimeOffset until, CancellationToken cancellationToken)
    {
        long mark = until.ToMillis();
        return Rows.Where(row => row.Operation == operation && row.AccountedUntil > mark)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.AccountedUntil, mark), cancellationToken);
    }

    public async Task<OperationSchedule?> LockAsync(string operation, CancellationToken cancellationToken)
    {
        // On SQLite a transaction that writes is alone.
        if (db.IsPostgres)
        {
            await db.RunAsync([new Statement(Lock, [operation]) { Returns = true }], cancellationToken);
        }

        return await FindAsync(operation, cancellationToken);
    }

    public async Task<long?> TakeNumberAsync(string operation, CancellationToken cancellationToken) =>
        (await db.RunAsync([new Statement(Raise, [operation]) { Returns = true }], cancellationToken))[0].NumberOrNull(0);

    public async Task<DateTimeOffset?> ReadHeartbeatAsync(CancellationToken cancellationToken) =>
        Instants.FromMillis(await db.Set<OperationStandingRow>().Select(row => row.SeenAt).SingleOrDefaultAsync(cancellationToken));

    public Task BeatAsync(DateTimeOffset now, CancellationToken cancellationToken) => db.Database.ExecuteSqlAsync(
        $"""
        INSERT INTO operation_standing (id, seen_at) VALUES ({OperationStandingRow.TheOne}, {now.ToMillis()})
        ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at
        """,
        cancellationToken);

    private static Task<int> WriteAsync(IQueryable<OperationScheduleRow> rows, OperationPause? pause, CancellationToken cancellationToken)
    {
        ActorKind? kind = pause?.By.Kind;
        string? name = pause?.By.Name;
        string? reason = pause?.Reason;
        long? since = pause?.Since.ToMillis();
        long? until = pause?.Until.ToMillis();
        return rows.ExecuteUpdateAsync(
            set => set
                .SetProperty(row => row.PauseReason, reason)
                .SetProperty(row => row.PausedByKind, kind)
                .SetProperty(row => row.PausedByName, name)
                .SetProperty(row => row.PausedAt, since)
                .SetProperty(row => row.PausedUntil, until),
            cancellationToken);
    }
}

/// <inheritdoc cref="IAutomationHoldStore"/>
internal sealed class AutomationHoldStore(LoraDb db) : IAutomationHoldStore
{
    private const string Lock = "SELECT id FROM operation_standing FOR UPDATE";

    public async Task<AutomationHold?> FindAsync(CancellationToken cancellationToken)
    {
        OperationStandingRow? row = await db.Set<OperationStandingRow>().AsNoTracking().SingleOrDefaultAsync(cancellationToken);
        return row?.HoldReason is { } reason
            ? new AutomationHold(reason, new Actor(row.HeldByKind!.Value, row.HeldByName!), Instants.FromMillis(row.HeldAt!.Value), Instants.FromMillis(row.HeldUntil))
            : null;
    }

    public async Task<AutomationHold?> LockAsync(CancellationToken cancellationToken)
    {
        // On SQLite a transaction that writes is alone.
        if (db.IsPostgres)
        {
            await db.RunAsync([new Statement(Lock, []) { Returns = true }], cancellationToken);
        }

        return await FindAsync(cancellationToken);
    }

    public async Task SaveAsync(AutomationHold? hold, CancellationToken cancellationToken)
    {
        await db.Database.ExecuteSqlAsync($"INSERT INTO operation_standing (id) VALUES ({OperationStandingRow.TheOne}) ON CONFLICT (id) DO NOTHING", cancellationToken);
        await WriteAsync(db.Set<OperationStandingRow>(), hold, cancellationToken);
    }

    public async Task<bool> TryEndAsync(DateTimeOffset at, CancellationToken cancellationToken)
    {
        long end = at.ToMillis();
        return await WriteAsync(db.Set<OperationStandingRow>().Where(row => row.HeldUntil <= end), hold: null, cancellationToken) > 0;
    }

    private static Task<int> WriteAsync(IQueryable<OperationStandingRow> rows, AutomationHold? hold, CancellationToken cancellationToken)
    {
        string? reason = hold?.Reason;
        ActorKind? kind = hold?.By.Kind;
        string? name = hold?.By.Name;
        long? since = hold?.Since.ToMillis();
        long? until = hold?.Until.ToMillis();
        return rows.ExecuteUpdateAsync(
            set => set
                .SetProperty(row => row.HoldReason, reason)
                .SetProperty(row => row.HeldByKind, kind)
                .SetProperty(row => row.HeldByName, name)
                .SetProperty(row => row.HeldAt, since)
                .SetProperty(row => row.HeldUntil, until),
            cancellationToken);
    }
}
