using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Operations;

/// <inheritdoc cref="IOperationRunStore"/>
internal sealed class OperationRunStore(LoraDb db) : IOperationRunStore
{
    private const string Escape = "\\";

    // The guard is the fence: a run that was taken over is not at work any more, and writes nothing.
    private const string Touch =
        """
        UPDATE operation_runs SET lease_until = $1, done = done + $2, ineligible = ineligible + $3, failed = failed + $4
        WHERE id = $5 AND number = $6 AND state = 'running'
        RETURNING cancel_by_kind, cancel_by_name, cancel_reason, cancel_at
        """;

    private const string AddLine =
        """
        INSERT INTO operation_run_lines (run_id, number, written_at, severity, text)
        SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4 FROM operation_run_lines WHERE run_id = $1
        """;

    private DbSet<OperationRunRow> Rows => db.Set<OperationRunRow>();

    public Task AddAsync(OperationRun run, CancellationToken cancellationToken)
    {
        db.AddNew(OperationRunRow.From(run));
        return db.SendNewAsync(cancellationToken);
    }

    public async Task<OperationRun?> FindAsync(Guid id, CancellationToken cancellationToken) =>
        (await Rows.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, cancellationToken))?.ToRun();

    public async Task<OperationRun?> FindRunningAsync(string operation, CancellationToken cancellationToken) =>
        (await Rows.AsNoTracking().SingleOrDefaultAsync(row => row.Operation == operation && row.State == RunState.Running, cancellationToken))?.ToRun();

    public async Task<IReadOnlyList<OperationRun>> ListUnfinishedAsync(CancellationToken cancellationToken)
    {
        List<OperationRunRow> rows = await Rows.AsNoTracking()
            .Where(row => row.ResumedBy == null && (row.State == RunState.Running || row.State == RunState.Interrupted))
            .OrderBy(row => row.StartedAt).ThenBy(row => row.Id)
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(row => row.ToRun());
    }

    public async Task<RunPulse?> TouchAsync(Guid id, long number, ItemEnd? ended, DateTimeOffset leaseUntil, CancellationToken cancellationToken)
    {
        Statement touch = new(Touch, [leaseUntil.ToMillis(), One(ended, ItemEnd.Done), One(ended, ItemEnd.Ineligible), One(ended, ItemEnd.Failed), id, number]) { Returns = true };
        Answer answer = (await db.RunAsync([touch], cancellationToken))[0];
        return answer.Row is not { } row ? null
            : row[2] is string reason
                ? new RunPulse(new CancelAsk(new Actor(Words<ActorKind>.Parse((string)row[0]), (string)row[1]), reason, Instants.FromMillis(answer.Number(3))))
                : new RunPulse(Cancel: null);
    }

    public async Task<bool> SetPlanAsync(Guid id, long number, Guid plan, long planned, IReadOnlyList<Figure> before, CancellationToken cancellationToken)
    {
        string? figures = OperationFigures.Write(before);
        return await AtWork(id, number).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.PlanId, (Guid?)plan).SetProperty(row => row.Planned, planned).SetProperty(row => row.FiguresBefore, figures),
            cancellationToken) > 0;
    }

    public async Task<bool> EndAsync(OperationRun ended, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(ended);
        string? figures = OperationFigures.Write(ended.After);
        long? at = ended.EndedAt.ToMillis();
        return await AtWork(ended.Id, ended.Number).ExecuteUpdateAsync(
            set => set
                .SetProperty(row => row.State, ended.State)
                .SetProperty(row => row.EndedAt, at)
                .SetProperty(row => row.Outcome, ended.Outcome)
                .SetProperty(row => row.Done, ended.Done)
                .SetProperty(row => row.Ineligible, ended.Ineligible)
                .SetProperty(row => row.Failed, ended.Failed)
                .SetProperty(row => row.FiguresAfter, figures),
            cancellationToken) > 0;
    }

    public async Task<bool> TryInterruptAsync(
        Guid id, DateTimeOffset leaseUntil, DateTimeOffset now, string outcome, CancellationToken cancellationToken)
    {
        long lease = leaseUntil.ToMillis();
        long? present = now.ToMillis();
        return await Rows.Where(row => row.Id == id && row.State == RunState.Running && row.LeaseUntil == lease).ExecuteUpdateAsync(
            set => set
                .SetProperty(row => row.State, RunState.Interrupted)
                .SetProperty(row => row.EndedAt, present)
                .SetProperty(row => row.Outcome, outcome),
            cancellationToken) > 0;
    }

    public async Task<bool> TrySetResumedByAsync(Guid id, Guid by, CancellationToken cancellationToken) =>
        await Stranded(id).Where(row => row.CancelAt == null)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.ResumedBy, (Guid?)by), cancellationToken) > 0;

    public async Task<bool> TryEndInterruptedAsync(Guid id, RunState state, string outcome, CancellationToken cancellationToken) =>
        await Stranded(id).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.State, state).SetProperty(row => row.Outcome, outcome), cancellationToken) > 0;

    public async Task<bool> AskCancelAsync(Guid id, CancelAsk ask, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(ask);
        ActorKind? kind = ask.By.Kind;
        long? at = ask.At.ToMillis();
        return await Rows
            .Where(row => row.Id == id && (row.State == RunState.Running || (row.State == RunState.Interrupted && row.ResumedBy == null)))
            .ExecuteUpdateAsync(
                set => set
                    .SetProperty(row => row.CancelByKind, kind)
                    .SetProperty(row => row.CancelByName, ask.By.Name)
                    .SetProperty(row => row.CancelReason, ask.Reason)
                    .SetProperty(row => row.CancelAt, at),
                cancellationToken) > 0;
    }

    public Task AppendLineAsync(Guid run, DateTimeOffset at, EventSeverity severity, string text, CancellationToken cancellationToken) =>
        db.RunAsync([new Statement(AddLine, [run, at.ToMillis(), Words<EventSeverity>.Of(severity), text])], cancellationToken);

    public async Task<IReadOnlyList<RunLine>> ListLinesAsync(Guid run, CancellationToken cancellationToken) =>
        (await db.Set<OperationRunLineRow>().AsNoTracking().Where(row => row.RunId == run).OrderBy(row => row.Number).ToListAsync(cancellationToken))
            .ConvertAll(row => new RunLine(row.Number, Instants.FromMillis(row.At), row.Severity, row.Text));

    public async Task<RunPage> ListAsync(RunFilter filter, RunCursor? after, int size, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(filter);

        // One more than asked tells whether there is a next page.
        List<OperationRunRow> rows = await Page(Rows.AsNoTracking(), filter, after).Take(size + 1).ToListAsync(cancellationToken);
        List<OperationRun> runs = rows.Take(size).Select(row => row.ToRun()).ToList();
        return new RunPage(runs, rows.Count > size ? new RunCursor(runs[^1].StartedAt, runs[^1].Id) : null);
    }

    public async Task<IReadOnlyList<OldRuns>> CountOldAsync(DateTimeOffset before, int keep, CancellationToken cancellationToken)
    {
        List<OldRow> old = await db.Database.SqlQuery<OldRow>(
            $"""
            SELECT operation, CAST(COUNT(*) AS INTEGER) AS runs, MIN(started_at) AS oldest, MAX(started_at) AS newest
            FROM (SELECT operation, started_at, state, row_number() OVER (PARTITION BY operation ORDER BY started_at DESC, id DESC) AS place FROM operation_runs) ranked
            WHERE place > {keep} AND started_at < {before.ToMillis()} AND state <> 'running'
            GROUP BY operation ORDER BY operation
            """).ToListAsync(cancellationToken);
        return old.ConvertAll(row => new OldRuns(row.Operation, row.Runs, Instants.FromMillis(row.Oldest), Instants.FromMillis(row.Newest)));
    }

    public async Task<int> DeleteOldAsync(string operation, DateTimeOffset before, int keep, int most, CancellationToken cancellationToken)
    {
        List<Guid> old = await db.Database.SqlQuery<Guid>(
            $"""
            SELECT id AS "Value"
            FROM (SELECT id, started_at, state, row_number() OVER (ORDER BY started_at DESC, id DESC) AS place FROM operation_runs WHERE operation = {operation}) ranked
            WHERE place > {keep} AND started_at < {before.ToMillis()} AND state <> 'running'
            ORDER BY started_at LIMIT {most}
            """).ToListAsync(cancellationToken);
        List<Guid> plans = await db.Set<OperationPlanRow>().Where(row => old.Contains(row.RunId!.Value)).Select(row => row.Id).ToListAsync(cancellationToken);
        await OperationPlanStore.DeleteAsync(db, plans, cancellationToken);
        await db.Set<OperationRunLineRow>().Where(row => old.Contains(row.RunId)).ExecuteDeleteAsync(cancellationToken);
        return await Rows.Where(row => old.Contains(row.Id)).ExecuteDeleteAsync(cancellationToken);
    }

    /// <summary>For a start that knows that nobody else is alive on this database: runs of the dead are gone on from at once.</summary>
    public static Task EndLeasesAsync(LoraDb db, CancellationToken cancellationToken)
    {
        long none = OperationRun.NoLease.ToMillis();
        return db.Set<OperationRunRow>()
            .Where(row => row.State == RunState.Running)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.LeaseUntil, none), cancellationToken);
    }

    private static long One(ItemEnd? ended, ItemEnd end) => ended == end ? 1 : 0;

    private IQueryable<OperationRunRow> AtWork(Guid id, long number) => Rows.Where(row => row.Id == id && row.Number == number && row.State == RunState.Running);

    private IQueryable<OperationRunRow> Stranded(Guid id) => Rows.Where(row => row.Id == id && row.State == RunState.Interrupted && row.ResumedBy == null);

    private static IQueryable<OperationRunRow> Page(IQueryable<OperationRunRow> rows, RunFilter filter, RunCursor? after)
    {
        if (filter.Operation is { } operation)
        {
            rows = rows.Where(row => row.Operation == operation);
        }

        if (filter.States.Count > 0)
        {
            RunState[] states = [.. filter.States];
            rows = rows.Where(row => states.Contains(row.State));
        }

        if (filter.Text?.Trim() is { Length: > 0 } text)
        {
            string escaped = text.ToLowerInvariant()
                .Replace(Escape, Escape + Escape, StringComparison.Ordinal)
                .Replace("%", $"{Escape}%", StringComparison.Ordinal)
                .Replace("_", $"{Escape}_", StringComparison.Ordinal);
            string pattern = $"%{escaped}%";
#pragma warning disable CA1862, CA1304, CA1311 // Translated to lower() of the database.
            rows = rows.Where(row => EF.Functions.Like((row.Outcome ?? "").ToLower(), pattern, Escape)
                || EF.Functions.Like((row.Reason ?? "").ToLower(), pattern, Escape)
                || EF.Functions.Like(row.StartedByName.ToLower(), pattern, Escape));
#pragma warning restore CA1862, CA1304, CA1311
        }

        if (after is not null)
        {
            long at = after.StartedAt.ToMillis();
            Guid id = after.Id;

            // The first condition alone bounds the index; the second only orders within one millisecond.
            rows = rows.Where(row => row.StartedAt <= at && (row.StartedAt < at || row.Id < id));
        }

        return rows.OrderByDescending(row => row.StartedAt).ThenByDescending(row => row.Id);
    }

    private sealed record OldRow(string Operation, int Runs, long Oldest, long Newest);
}
