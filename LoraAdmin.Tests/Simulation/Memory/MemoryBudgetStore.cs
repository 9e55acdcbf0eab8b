using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Tests.Simulation.Memory;

internal sealed class MemoryBudgetStore(MemoryDatabase database) : IBudgetStore
{
    public Task<ReserveResult> TryReserveAsync(
        Guid id, JobId job, int attempt, Usd amount, DateTimeOffset now, BudgetRules rules, CancellationToken cancellationToken)
    {
        if (database.Reservations.Find((job, attempt)) is { } existing)
        {
            return Task.FromResult<ReserveResult>(new ReserveResult.Reserved(existing));
        }

        Reservation reservation = new(id, job, attempt, Month.Of(now), amount, now, null, null);
        return Task.FromResult(TryRaise(reservation, ReservationBooks.Reserve(reservation), rules));
    }

    public Task<ReserveResult> TryTopUpAsync(ReservationChange change, BudgetRules rules, CancellationToken cancellationToken) => IsAsRead(change.Before)
        ? Task.FromResult(TryRaise(change.After, change.Entries.Single(), rules))
        : throw new ConcurrentWriteException($"The reservation of attempt {change.Before.Attempt} of job {change.Before.Job} was written meanwhile.");

    public Task<IReadOnlyList<ReservationChange>> ApplyAsync(IReadOnlyList<ReservationChange> changes, CancellationToken cancellationToken)
    {
        List<ReservationChange> written = [.. changes.Where(change => IsAsRead(change.Before))];
        foreach (ReservationChange change in written)
        {
            database.Reservations.Set((change.After.Job, change.After.Attempt), change.After);
            foreach (BudgetEntry entry in change.Entries)
            {
                Add(entry);
            }
        }

        return Task.FromResult<IReadOnlyList<ReservationChange>>(written);
    }

    public Task<bool> BookAsync(BudgetEntry entry, CancellationToken cancellationToken)
    {
        if (database.Entries.Find(entry.Key) is not null)
        {
            return Task.FromResult(false);
        }

        Add(entry);
        return Task.FromResult(true);
    }

    public Task<IReadOnlyList<PodBooked>> SumForPodsAsync(IReadOnlyCollection<string> pods, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<PodBooked>>(
        [
            .. pods.Distinct().Where(pod => database.EntriesOfPod[pod].Count > 0).Select(pod => new PodBooked(
                pod,
                Sum(database.EntriesOfPod[pod].Where(entry => entry.Kind != EntryKind.Correction)),
                Sum(database.EntriesOfPod[pod].Where(entry => entry.Kind == EntryKind.Correction)),
                database.EntriesOfPod[pod].Count(entry => entry.Kind == EntryKind.Correction),
                database.EntriesOfPod[pod].Count)),
        ]);

    public Task<IReadOnlyList<BudgetEntry>> ListBeyondAsync(JobId job, int attempt, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<BudgetEntry>>([.. database.BeyondOf[(job, attempt)]]);

    public Task<IReadOnlyList<BudgetEntry>> ListBeyondAsync(string pod, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<BudgetEntry>>([.. database.EntriesOfPod[pod].Where(static entry => entry.Kind is EntryKind.Leak or EntryKind.PriceChange)]);

    public Task<Usd?> FindAdmittedAsync(JobId job, int attempt, CancellationToken cancellationToken) =>
        Task.FromResult(database.Entries.Find(ReservationBooks.KeyOfReserve(job, attempt))?.Reserved);

    public Task<IReadOnlyList<Reservation>> ListForJobsAsync(IReadOnlyCollection<JobId> jobs, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<Reservation>>([.. jobs.Distinct().SelectMany(job => database.ReservationsOf[job])]);

    public Task<IReadOnlyList<Reservation>> ListOpenAsync(ReservationCursor? after, int max, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<Reservation>>(
        [
            .. database.OpenReservations.Rows
                .Where(one => after is null || one.CreatedAt > after.CreatedAt || (one.CreatedAt == after.CreatedAt && after.Id is { } id && one.Id.CompareTo(id) > 0))
                .OrderBy(one => one.CreatedAt).ThenBy(one => one.Id)
                .Take(max),
        ]);

    public Task<IReadOnlyList<Reservation>> ListForJobAsync(JobId job, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<Reservation>>(
        [.. database.ReservationsOf[job].OrderBy(one => one.Attempt)]);

    public Task<BudgetMonth> ReadMonthAsync(Month month, BudgetRules rules, CancellationToken cancellationToken) => Task.FromResult(MonthOf(month, rules));

    private static Usd Sum(IEnumerable<BudgetEntry> entries) => entries.Aggregate(Usd.Zero, static (sum, entry) => sum + entry.Spent);

    private ReserveResult TryRaise(Reservation after, BudgetEntry entry, BudgetRules rules)
    {
        BudgetMonth month = MonthOf(entry.Month, rules);
        if (!month.HasRoomFor(entry.Reserved))
        {
            return new ReserveResult.DoesNotFit(month, entry.Reserved);
        }

        database.Reservations.Set((after.Job, after.Attempt), after);
        Add(entry);
        return new ReserveResult.Reserved(after);
    }

    private bool IsAsRead(Reservation before) => database.Reservations.Find((before.Job, before.Attempt)) is { } now
        && (now.Id, now.Amount, now.Accrued, now.Beyond, now.SettledAt is null) == (before.Id, before.Amount, before.Accrued, before.Beyond, before.SettledAt is null);

    private void Add(BudgetEntry entry)
    {
        BudgetMonth month = database.Months.Find(entry.Month) ?? new BudgetMonth(entry.Month, Usd.Zero, Usd.Zero, Usd.Zero);
        database.Entries.Set(entry.Key, database.Entries.Find(entry.Key) is null ? entry : throw new InvalidOperationException($"{entry.Key} is booked already."));
        KeptTotal total = MemoryKeptTotalsStore.TotalOf(entry);
        LedgerDay day = database.Days.Find(total) ?? new LedgerDay(total.Of!.Day, entry.Month, entry.Kind, entry.Purpose, 0, Usd.Zero, Usd.Zero);
        database.Days.Set(total, day with { Count = day.Count + 1, Spent = day.Spent + entry.Spent, Reserved = day.Reserved + entry.Reserved });
        database.Months.Set(entry.Month, month with { Spent = month.Spent + entry.Spent, Reserved = month.Reserved + entry.Reserved });
    }

    private BudgetMonth MonthOf(Month month, BudgetRules options)
    {
        BudgetRules rules = MemoryBudgetLimitStore.Read(database, options).Rules;
        BudgetMonth row = database.Months.Find(month) ?? new BudgetMonth(month, Usd.Zero, Usd.Zero, Usd.Zero);
        return row with { Limit = rules.MonthlyLimit, Mode = rules.Mode };
    }
}

internal sealed class MemoryBudgetLimitStore(MemoryDatabase database) : IBudgetLimitStore
{
    private const int TheOne = 1;

    public static BudgetLimit Read(MemoryDatabase database, BudgetRules options) => database.BudgetLimits.Find(TheOne)?.Set is { } set
        ? new BudgetLimit(set.After, options, set.Actor, set.At, set.Reason)
        : BudgetLimit.Of(options);

    public Task<BudgetLimit> ReadAsync(BudgetRules options, CancellationToken cancellationToken) => Task.FromResult(Read(database, options));

    public Task<BudgetLimit> LockAsync(BudgetRules options, CancellationToken cancellationToken) => ReadAsync(options, cancellationToken);

    public Task SetAsync(BudgetLimitChange change, CancellationToken cancellationToken)
    {
        database.BudgetLimits.Set(TheOne, Row with { Set = change.FollowsOptions ? null : change });
        return AddChangeAsync(change, cancellationToken);
    }

    public Task<BudgetRules?> SwapOptionsAsync(BudgetRules options, CancellationToken cancellationToken)
    {
        BudgetRules? before = Row.Options;
        database.BudgetLimits.Set(TheOne, Row with { Options = options });
        return Task.FromResult(before);
    }

    public Task AddChangeAsync(BudgetLimitChange change, CancellationToken cancellationToken)
    {
        database.LimitChanges.Set(change.Id, change);
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<BudgetLimitChange>> ListChangesAsync(int max, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<BudgetLimitChange>>(
        [.. database.LimitChanges.Rows.OrderByDescending(change => change.At).ThenByDescending(change => change.Id).Take(max)]);

    private LimitRow Row => database.BudgetLimits.Find(TheOne) ?? new LimitRow(null, null);
}
