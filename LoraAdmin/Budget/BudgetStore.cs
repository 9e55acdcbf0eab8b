using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;

namespace LoraAdmin.Budget;

internal sealed class BudgetStore(LoraDb db) : IBudgetStore
{
    private const int AtOnce = 2_000;

    private const string AddReservation =
        """
        INSERT INTO budget_reservations (id, job_id, attempt, month, amount_micros, created_at) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (job_id, attempt) DO NOTHING
        """;

    private const string RemoveReservation = "DELETE FROM budget_reservations WHERE id = $1";

    private const string AddEntry =
        """
        INSERT INTO budget_entries (key, month, at, kind, spent_micros, reserved_micros) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (key) DO NOTHING
        """;

    private const string IfAsRead = " WHERE id = $1 AND amount_micros = $2 AND accrued_micros = $3 AND beyond_micros = $4 AND settled_at IS ";

    private static readonly RowUpdates<BudgetReservationRow> Changed = new(
    [
        nameof(BudgetReservationRow.AmountMicros), nameof(BudgetReservationRow.AccruedMicros), nameof(BudgetReservationRow.AccruedAt),
        nameof(BudgetReservationRow.BeyondMicros), nameof(BudgetReservationRow.ActualMicros), nameof(BudgetReservationRow.SettledAt),
        nameof(BudgetReservationRow.TrainingMicros), nameof(BudgetReservationRow.ValidationMicros), nameof(BudgetReservationRow.FailedMicros),
        nameof(BudgetReservationRow.IdleMicros),
    ]);

    // What an entry has beside what every entry has.
    private static readonly RowUpdates<BudgetEntryRow> Described = new(
    [
        nameof(BudgetEntryRow.JobId), nameof(BudgetEntryRow.Attempt), nameof(BudgetEntryRow.Pod), nameof(BudgetEntryRow.Provider),
        nameof(BudgetEntryRow.Purpose), nameof(BudgetEntryRow.Note),
    ]);

    private DbSet<BudgetReservationRow> Reservations => db.Set<BudgetReservationRow>();

    private PendingTotals Totals => PendingTotals.Of(db);

    public async Task<ReserveResult> TryReserveAsync(
        Guid id, JobId job, int attempt, Usd amount, DateTimeOffset now, BudgetRules rules, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentOutOfRangeException.ThrowIfNegative(amount.Micros);
        Reservation wanted = new(id, job, attempt, Month.Of(now), amount, Instants.FromMillis(now.ToMillis()), Actual: null, SettledAt: null);
        BudgetEntry entry = ReservationBooks.Reserve(wanted);

        (IReadOnlyList<Answer> answers, bool fits) = await TryRaiseAsync(
            id,
            entry,
            [
                BudgetStatements.AddMonth(db, wanted.Month, rules.MonthlyLimit),
                new Statement(AddReservation, [id, job.Value, attempt, wanted.Month.ToString(), amount.Micros, now.ToMillis()]),
            ],
            rules,
            cancellationToken);
        if (answers[^1].Written == 0)
        {
            return new ReserveResult.Reserved(await FindAgainAsync(wanted, fits ? [entry] : [], cancellationToken));
        }

        if (fits)
        {
            return new ReserveResult.Reserved(wanted);
        }

        IReadOnlyList<Answer> undone = await db.RunAsync(
            [.. BudgetStatements.Unreserve(id, entry), new Statement(RemoveReservation, [id]), BudgetStatements.Read(wanted.Month, rules)], cancellationToken);
        return new ReserveResult.DoesNotFit(Totals.AddTo(BudgetStatements.ToMonth(wanted.Month, undone[^1])), amount);
    }

    public async Task<ReserveResult> TryTopUpAsync(ReservationChange change, BudgetRules rules, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(change);
        ArgumentNullException.ThrowIfNull(rules);
        BudgetEntry entry = change.Entries.Single();
        Guid id = change.Before.Id;
        (IReadOnlyList<Answer> answers, bool fits) = await TryRaiseAsync(id, entry, [Change(change.Before, change.After)], rules, cancellationToken);
        if (answers[0].Written == 0)
        {
            throw new ConcurrentWriteException($"The reservation of attempt {change.Before.Attempt} of job {change.Before.Job} was written meanwhile.");
        }

        if (fits)
        {
            return new ReserveResult.Reserved(change.After);
        }

        IReadOnlyList<Answer> undone = await db.RunAsync(
            [Change(change.After, change.Before), .. BudgetStatements.Unreserve(id, entry), BudgetStatements.Read(entry.Month, rules)], cancellationToken);
        return new ReserveResult.DoesNotFit(Totals.AddTo(BudgetStatements.ToMonth(entry.Month, undone[^1])), entry.Reserved);
    }

    public async Task<IReadOnlyList<ReservationChange>> ApplyAsync(IReadOnlyList<ReservationChange> changes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(changes);
        List<ReservationChange> inOrder = [.. changes.OrderBy(static change => change.Before.Id)];
        IReadOnlyList<Answer> answers = await db.RunAsync(inOrder.ConvertAll(change => Change(change.Before, change.After)), cancellationToken);
        List<ReservationChange> written = [.. inOrder.Where((_, number) => answers[number].Written == 1)];
        List<BudgetEntry> entries = [.. written.SelectMany(static change => change.Entries)];
        if (entries.Count > 0)
        {
            db.AddNew(entries.Select(BudgetEntryRow.From));
            Totals.Add(entries);
        }

        return written;
    }

    public async Task<bool> BookAsync(BudgetEntry entry, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(entry);
        BudgetEntryRow row = BudgetEntryRow.From(entry);
        Statement add = new(AddEntry, [row.Key, row.Month, row.At, Words<EntryKind>.Of(row.Kind), row.SpentMicros, row.ReservedMicros]);
        if ((await db.RunAsync([add], cancellationToken))[0].Written == 0)
        {
            return false;
        }

        await db.RunAsync([Described.Of(db, row, " WHERE key = $1", row.Key)], cancellationToken);
        Totals.Add([entry]);
        return true;
    }

    public async Task<IReadOnlyList<PodBooked>> SumForPodsAsync(IReadOnlyCollection<string> pods, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(pods);
        List<PodBooked> booked = [];
        foreach (string[] some in pods.Chunk(AtOnce))
        {
            booked.AddRange(await db.Set<BudgetEntryRow>()
                .Where(row => row.Pod != null && some.Contains(row.Pod))
                .GroupBy(row => row.Pod!)
                .Select(group => new PodBooked(
                    group.Key,
                    new Usd(group.Sum(row => row.Kind == EntryKind.Correction ? 0 : row.SpentMicros)),
                    new Usd(group.Sum(row => row.Kind == EntryKind.Correction ? row.SpentMicros : 0)),
                    group.Count(row => row.Kind == EntryKind.Correction),
                    group.Count()))
                .ToListAsync(cancellationToken));
        }

        return booked;
    }

    public Task<IReadOnlyList<BudgetEntry>> ListBeyondAsync(JobId job, int attempt, CancellationToken cancellationToken) => ListBeyondAsync(
        db.Set<BudgetEntryRow>().Where(row => row.JobId == job.Value && row.Attempt == attempt), cancellationToken);

    public Task<IReadOnlyList<BudgetEntry>> ListBeyondAsync(string pod, CancellationToken cancellationToken) => ListBeyondAsync(
        db.Set<BudgetEntryRow>().Where(row => row.Pod == pod), cancellationToken);

    public async Task<Usd?> FindAdmittedAsync(JobId job, int attempt, CancellationToken cancellationToken)
    {
        string key = ReservationBooks.KeyOfReserve(job, attempt);
        long? micros = await db.Set<BudgetEntryRow>().Where(row => row.Key == key).Select(row => (long?)row.ReservedMicros).SingleOrDefaultAsync(cancellationToken);
        return micros is { } amount ? new Usd(amount) : null;
    }

    public async Task<IReadOnlyList<Reservation>> ListForJobsAsync(IReadOnlyCollection<JobId> jobs, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(jobs);
        List<Reservation> found = [];
        foreach (Guid[] some in jobs.Select(job => job.Value).Chunk(AtOnce))
        {
            List<BudgetReservationRow> rows = await Reservations.AsNoTracking().Where(row => some.Contains(row.JobId)).ToListAsync(cancellationToken);
            found.AddRange(rows.Select(row => row.ToReservation()));
        }

        return found;
    }

    public async Task<IReadOnlyList<Reservation>> ListOpenAsync(ReservationCursor? after, int max, CancellationToken cancellationToken)
    {
        IQueryable<BudgetReservationRow> open = Reservations.AsNoTracking().Where(row => row.SettledAt == null);
        if (after is not null)
        {
            long at = after.CreatedAt.ToMillis();
            open = after.Id is { } id
                ? open.Where(row => row.CreatedAt > at || (row.CreatedAt == at && row.Id.CompareTo(id) > 0))
                : open.Where(row => row.CreatedAt > at);
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

        // A unit sees what it has written itself, and decides by a month that nobody else can change any more.
        if (Totals.IsOf(month))
        {
            await db.SendLastAsync(cancellationToken);
        }

        return BudgetStatements.ToMonth(month, (await db.RunAsync([BudgetStatements.Read(month, rules)], cancellationToken))[0]);
    }

    private static async Task<IReadOnlyList<BudgetEntry>> ListBeyondAsync(IQueryable<BudgetEntryRow> entries, CancellationToken cancellationToken)
    {
        List<BudgetEntryRow> rows = await entries.AsNoTracking()
            .Where(row => row.Kind == EntryKind.Leak || row.Kind == EntryKind.PriceChange)
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(static row => row.ToEntry());
    }

    /// <summary>
    /// Raises what a month holds reserved, if it has room. Whatever else the unit has to write of the ledger goes before, so that the month's row is taken
    /// once and as shortly as can be; refused, what the unit has booked of that month waits on.
    /// </summary>
    /// <param name="first">Writes the reservation.</param>
    /// <returns>What <paramref name="first"/> did.</returns>
    private async Task<(IReadOnlyList<Answer> First, bool Fits)> TryRaiseAsync(
        Guid reservation, BudgetEntry entry, IReadOnlyList<Statement> first, BudgetRules rules, CancellationToken cancellationToken)
    {
        PendingTotals totals = Totals;
        (IReadOnlyList<BudgetEntry> days, IReadOnlyList<BudgetEntry> months) = totals.TakeEntries();
        List<BudgetEntry> same = [.. months.Where(one => one.Month == entry.Month)];
        List<Statement> made = [.. BudgetStatements.AddMonths(db, months)];
        List<Statement> before =
        [
            .. made,
            .. first,
            BudgetStatements.AddEntry(reservation, entry),
            .. BudgetStatements.AddDays(days),
            BudgetStatements.AddDayOf(reservation, entry),
            .. BudgetStatements.AddToMonths(months.Where(one => one.Month.Start < entry.Month.Start)),
        ];
        IReadOnlyList<Answer> answers = await db.RunAsync(
            [
                .. before,
                BudgetStatements.RaiseBy(reservation, entry, same, rules),
                .. BudgetStatements.AddToMonths(months.Where(one => one.Month.Start > entry.Month.Start)),
            ],
            cancellationToken);
        bool fits = answers[before.Count].Written == 1;
        if (!fits)
        {
            totals.PutBack(same);
        }

        return ([.. answers.Skip(made.Count).Take(first.Count)], fits);
    }

    /// <summary>
    /// The reservation that was there before. By another id the ledger was left as it is; by the same one its day was counted once more, and its month
    /// where there was room: that is taken back. Rare as it is, it costs those nothing who ask once.
    /// </summary>
    /// <param name="raised">What the month was raised by.</param>
    private async Task<Reservation> FindAgainAsync(Reservation wanted, IReadOnlyList<BudgetEntry> raised, CancellationToken cancellationToken)
    {
        BudgetReservationRow present = await Reservations.AsNoTracking()
            .SingleAsync(row => row.JobId == wanted.Job.Value && row.Attempt == wanted.Attempt, cancellationToken);
        if (present.Id == wanted.Id)
        {
            await db.RunAsync(BudgetStatements.CountBack(ReservationBooks.Reserve(wanted), raised), cancellationToken);
        }

        return present.ToReservation();
    }

    private Statement Change(Reservation before, Reservation after)
    {
        BudgetReservationRow row = BudgetReservationRow.From(after);
        string settled = before.SettledAt is null ? "NULL" : "NOT NULL";
        return Changed.Of(db, row, IfAsRead + settled, before.Id, before.Amount.Micros, before.Accrued.Micros, before.Beyond.Micros);
    }
}
