using LoraAdmin.Domain.Operations;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Operations;

/// <inheritdoc cref="IOccurrenceStore"/>
internal sealed class OccurrenceStore(LoraDb db) : IOccurrenceStore
{
    private const long DayMillis = 86_400_000;

    /// <summary>The empty id stands for "no run", an empty reason and 0 for none: a null has no type on PostgreSQL.</summary>
    private const string Add =
        """
        INSERT INTO operation_occurrences (operation, scheduled_at, state, why, run_id, ended_at)
        VALUES ($1, $2, $3, NULLIF($4, ''), NULLIF($5, '00000000-0000-0000-0000-000000000000'), NULLIF($6, 0))
        ON CONFLICT (operation, scheduled_at) DO NOTHING
        """;

    private DbSet<OperationOccurrenceRow> Rows => db.Set<OperationOccurrenceRow>();

    public async Task<bool> TryAddAsync(Occurrence occurrence, CancellationToken cancellationToken) =>
        (await AddAsync([occurrence], cancellationToken)).Count > 0;

    public async Task<IReadOnlyList<Occurrence>> AddAsync(IReadOnlyList<Occurrence> occurrences, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(occurrences);
        if (occurrences.Count == 0)
        {
            return [];
        }

        IReadOnlyList<Answer> answers = await db.RunAsync(
            [
                .. occurrences.Select(static one => new Statement(
                    Add,
                    [one.Operation, one.Instant.ToMillis(), Words<OccurrenceState>.Of(one.State), one.Why ?? "", one.Run ?? Guid.Empty, one.EndedAt.ToMillis() ?? 0])),
            ],
            cancellationToken);
        return [.. occurrences.Where((_, number) => answers[number].Written > 0)];
    }

    public async Task<Occurrence?> FindAsync(string operation, DateTimeOffset instant, CancellationToken cancellationToken)
    {
        long at = instant.ToMillis();
        return (await Rows.AsNoTracking().SingleOrDefaultAsync(row => row.Operation == operation && row.Instant == at, cancellationToken))?.ToOccurrence();
    }

    public async Task<IReadOnlyList<Occurrence>> ListAsync(string operation, DateTimeOffset after, DateTimeOffset until, CancellationToken cancellationToken)
    {
        long from = after.ToMillis();
        long to = until.ToMillis();
        return (await Rows.AsNoTracking()
            .Where(row => row.Operation == operation && row.Instant > from && row.Instant <= to)
            .OrderBy(row => row.Instant)
            .ToListAsync(cancellationToken)).ConvertAll(row => row.ToOccurrence());
    }

    public async Task<IReadOnlyList<Occurrence>> ListNewestAsync(string operation, int most, CancellationToken cancellationToken) =>
        (await Rows.AsNoTracking().Where(row => row.Operation == operation).OrderByDescending(row => row.Instant).Take(most).ToListAsync(cancellationToken))
            .ConvertAll(row => row.ToOccurrence());

    public async Task<IReadOnlyList<Occurrence>> ListOpenAsync(CancellationToken cancellationToken) =>
        (await Rows.AsNoTracking().Where(row => row.EndedAt == null).OrderBy(row => row.Instant).ThenBy(row => row.Operation).ToListAsync(cancellationToken))
            .ConvertAll(row => row.ToOccurrence());

    public async Task<DateTimeOffset?> FindAheadAsync(string operation, DateTimeOffset now, CancellationToken cancellationToken) =>
        Instants.FromMillis(await Ahead(operation, now).MinAsync(row => (long?)row.Instant, cancellationToken));

    public Task<int> DeleteAheadAsync(string operation, DateTimeOffset now, DateTimeOffset mark, CancellationToken cancellationToken)
    {
        long after = mark.ToMillis();
        return Ahead(operation, now).Where(row => row.Instant > after).ExecuteDeleteAsync(cancellationToken);
    }

    public async Task<bool> TryClaimAsync(string operation, DateTimeOffset instant, Guid run, CancellationToken cancellationToken) =>
        await Open(operation, instant).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.State, OccurrenceState.Claimed).SetProperty(row => row.RunId, (Guid?)run), cancellationToken) > 0;

    public async Task<bool> TryEndAsync(
        string operation, DateTimeOffset instant, OccurrenceState state, string? why, DateTimeOffset at, CancellationToken cancellationToken)
    {
        long? ended = at.ToMillis();
        return await Open(operation, instant).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.State, state).SetProperty(row => row.Why, why).SetProperty(row => row.EndedAt, ended), cancellationToken) > 0;
    }

    public Task<int> MakeUpAsync(string operation, DateTimeOffset until, Guid run, CancellationToken cancellationToken)
    {
        long to = until.ToMillis();
        return Rows.Where(row => row.Operation == operation && row.State == OccurrenceState.Missed && row.MadeUpBy == null && row.Instant <= to)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.MadeUpBy, (Guid?)run), cancellationToken);
    }

    public async Task<IReadOnlyList<OccurrenceDay>> CountByDayAsync(string operation, DateTimeOffset from, DateTimeOffset until, CancellationToken cancellationToken)
    {
        long since = from.ToMillis();
        long to = until.ToMillis();
        var ends =
            from row in Rows
            where row.Operation == operation && row.Instant >= since && row.Instant < to
            join run in db.Set<OperationRunRow>() on row.RunId equals (Guid?)run.Id into runs
            from run in runs.DefaultIfEmpty()
            select new
            {
                Day = row.Instant / DayMillis,
                row.State,
                HasFailed = (row.State == OccurrenceState.Ran || row.State == OccurrenceState.Late)
                    && (run == null ? row.Why != null : run.State == RunState.Failed || run.State == RunState.PartlyFailed),
            };
        var days = await ends
            .GroupBy(end => new { end.Day, end.State, end.HasFailed })
            .Select(group => new { group.Key.Day, group.Key.State, group.Key.HasFailed, Count = group.Count() })
            .ToListAsync(cancellationToken);
        return
        [
            .. days.OrderBy(day => day.Day).ThenBy(day => day.State).ThenBy(day => day.HasFailed)
                .Select(day => new OccurrenceDay(DateOnly.FromDateTime(DateTime.UnixEpoch.AddDays(day.Day)), day.State, day.Count, day.HasFailed)),
        ];
    }

    public Task<bool> AnyBeforeAsync(DateTimeOffset instant, CancellationToken cancellationToken)
    {
        long before = instant.ToMillis();
        return Rows.AnyAsync(row => row.Instant < before && row.EndedAt != null, cancellationToken);
    }

    public async Task<int> DeleteBeforeAsync(DateTimeOffset instant, int most, CancellationToken cancellationToken)
    {
        long before = instant.ToMillis();
        return await db.Database.ExecuteSqlAsync(
            $"""
            DELETE FROM operation_occurrences WHERE (operation, scheduled_at) IN
                (SELECT operation, scheduled_at FROM operation_occurrences WHERE scheduled_at < {before} AND ended_at IS NOT NULL ORDER BY scheduled_at LIMIT {most})
            """,
            cancellationToken);
    }

    private IQueryable<OperationOccurrenceRow> Ahead(string operation, DateTimeOffset now)
    {
        long present = now.ToMillis();
        return Rows.Where(row => row.Operation == operation && row.RunId == null
            && (row.Instant > present || (row.State == OccurrenceState.Missed && row.EndedAt > present)));
    }

    private IQueryable<OperationOccurrenceRow> Open(string operation, DateTimeOffset instant)
    {
        long at = instant.ToMillis();
        return Rows.Where(row => row.Operation == operation && row.Instant == at && row.EndedAt == null);
    }
}
