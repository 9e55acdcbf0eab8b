using LoraAdmin.Budget;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Tests.Budget;

/// <summary>A ledger in memory that is read, filtered and paged as the real queries do, and the provider's side of the money. Can be away.</summary>
internal sealed class PageMoney : IBudgetQueries, IProviderMoney
{
    public required BudgetBoard Board { get; set; }

    public List<BudgetEntry> Entries { get; } = [];

    /// <summary>What the month's row says; null: what the entries come to.</summary>
    public BudgetMonth? Row { get; set; }

    public BalanceView? Balance { get; set; }

    public DriftReport? Drift { get; set; }

    public List<PriceSpan> Prices { get; } = [];

    /// <summary>Null: the database answers.</summary>
    public string? Away { get; set; }

    public List<LedgerFilter> Filters { get; } = [];

    /// <summary>Happens before each part of an export is read.</summary>
    public Action? OnForward { get; set; }

    public Task<BudgetBoard> ReadAsync(CancellationToken cancellationToken) => Answer(() => Board);

    public Task<LedgerPage> ListAsync(LedgerFilter filter, LedgerCursor? after, int size, CancellationToken cancellationToken) => Answer(() =>
    {
        lock (Filters)
        {
            Filters.Add(filter);
        }

        BudgetEntry[] all = [.. Matching(filter).OrderByDescending(entry => entry.At).ThenByDescending(entry => entry.Key, StringComparer.Ordinal)];
        BudgetEntry[] rest = [.. all.Where(entry => after is null || Compare(entry, after) < 0)];
        LedgerTotals totals = all.Aggregate(LedgerTotals.Nothing, (sum, entry) => new LedgerTotals(sum.Entries + 1, sum.Spent + entry.Spent, sum.Reserved + entry.Reserved));
        return new LedgerPage(
            [.. rest.Take(size)],
            rest.Length > size ? new LedgerCursor(rest[size - 1].At, rest[size - 1].Key) : null,
            totals,
            filter is { Month: { } month, IsOfJob: false, Kinds.Count: 0 } ? Row ?? new BudgetMonth(month, Board.Month.Limit, totals.Spent, totals.Reserved) : null);
    });

    public Task<IReadOnlyList<BudgetEntry>> ListForwardAsync(
        LedgerFilter filter, LedgerCursor? after, LedgerCursor until, int size, CancellationToken cancellationToken)
    {
        OnForward?.Invoke();
        return Answer<IReadOnlyList<BudgetEntry>>(() =>
        [
            .. Matching(filter).Where(entry => Compare(entry, until) <= 0 && (after is null || Compare(entry, after) > 0))
                .OrderBy(entry => entry.At).ThenBy(entry => entry.Key, StringComparer.Ordinal).Take(size),
        ]);
    }

    public Task<DriftReport> ReadDriftAsync(DateTimeOffset from, DateTimeOffset until, CancellationToken cancellationToken) =>
        Answer(() => Drift ?? new DriftReport(from, until, [], IsCut: false));

    public Task<IReadOnlyList<PriceSpan>> ReadPricesAsync(int max, CancellationToken cancellationToken) => Answer<IReadOnlyList<PriceSpan>>(() => [.. Prices.Take(max)]);

    public Task<BalanceView> ReadBalanceAsync(CancellationToken cancellationToken) => Answer(() => Balance ?? BudgetSamples.NoBalance);

    private IEnumerable<BudgetEntry> Matching(LedgerFilter filter) => Entries.Where(entry =>
        (filter.Month is not { } month || month == entry.Month)
        && (filter.Job is not { } job || job == entry.Job)
        && (filter.JobTail is not { } end || entry.Job?.Tail == end)
        && (filter.Kinds.Count == 0 || filter.Kinds.Contains(entry.Kind)));

    private static int Compare(BudgetEntry entry, LedgerCursor cursor) =>
        entry.At != cursor.At ? entry.At.CompareTo(cursor.At) : string.CompareOrdinal(entry.Key, cursor.Key);

    private Task<T> Answer<T>(Func<T> read) => Away is { } reason ? Task.FromException<T>(new StoreUnavailableException(reason)) : Task.FromResult(read());
}

/// <summary>A desk that keeps the limit in memory and asks back below what the month has taken, as the real one does.</summary>
internal sealed class PageLimits : IBudgetDesk
{
    public BudgetLimit Limit { get; set; } = BudgetLimit.Of(new BudgetRules(BudgetSamples.Dollars(200), BudgetSamples.Dollars(150)));

    public Usd Taken { get; set; } = BudgetSamples.Dollars(97);

    public FieldProblem? Refusal { get; set; }

    /// <summary>What the month had taken when the dialog was opened; null: as much.</summary>
    public Usd? KnownTaken { get; set; }

    public string? Away { get; set; }

    public List<(LimitWish Wish, Actor Actor)> Wishes { get; } = [];

    public Task<LimitOutcome> SetLimitAsync(LimitWish wish, Actor actor, CancellationToken cancellationToken)
    {
        if (Away is { } reason)
        {
            return Task.FromException<LimitOutcome>(new StoreUnavailableException(reason));
        }

        Wishes.Add((wish, actor));
        BudgetRules rules = wish.Rules ?? Limit.Options;
        BudgetMonth month = new(BudgetSamples.November, rules.MonthlyLimit, Taken, Usd.Zero);
        return Task.FromResult<LimitOutcome>(
            Refusal is { } problem ? new LimitOutcome.Invalid([problem])
            : wish.Seen is { } seen && seen != Limit.Rules ? new LimitOutcome.Changed(Limit, new BudgetMonth(BudgetSamples.November, Limit.Rules.MonthlyLimit, Taken, Usd.Zero))
            : BudgetDesk.IsGreatRaise(Limit, rules) && !wish.AllowRaise ? new LimitOutcome.Raise(Limit, rules.MonthlyLimit)
            : BudgetDesk.IsToBeConfirmed(Limit.Rules, month) && !wish.AllowBelow ? new LimitOutcome.Below(month, rules.MonthlyLimit)
            : new LimitOutcome.Set(Limit, month));
    }

    public Task<BudgetLimit> ReadLimitAsync(CancellationToken cancellationToken) =>
        Away is { } reason ? Task.FromException<BudgetLimit>(new StoreUnavailableException(reason)) : Task.FromResult(Limit);

    public Task<BudgetMonth> ReadMonthAsync(CancellationToken cancellationToken) =>
        Away is { } reason
            ? Task.FromException<BudgetMonth>(new StoreUnavailableException(reason))
            : Task.FromResult(new BudgetMonth(BudgetSamples.November, Limit.Rules.MonthlyLimit, KnownTaken ?? Taken, Usd.Zero));

    public Task<IReadOnlyList<BudgetLimitChange>> ListChangesAsync(int max, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<BudgetLimitChange>>([]);
}

/// <summary>What the next job would reserve, by prices that stay as they are.</summary>
internal sealed class NextJob : IJobEstimate
{
    public static readonly Usd Reserves = new(4_016_949);

    public Task<Usd> ReadAsync(CancellationToken cancellationToken) => Task.FromResult(Reserves);
}

internal static class BudgetSamples
{
    public static readonly DateTimeOffset Now = new(2026, 11, 24, 9, 0, 0, TimeSpan.Zero);
    public static readonly Month November = new(2026, 11);

    public static readonly LoraCostRules CostRules = new(Dollars(2.5m), Dollars(2.02m), 5);

    public static readonly BalanceView NoBalance = new(null, null, null, null, 0, Usd.Zero, null, Usd.Zero, null, false, [], Now);

    /// <summary>Four weeks of four dollars a day, a month that has spent 92 of 200, and one attempt that runs.</summary>
    public static BudgetBoard Board(Func<MoneyNow, MoneyNow>? with = null)
    {
        List<LedgerDay> days = [];
        for (int ago = 1; ago <= 29; ago++)
        {
            DateOnly day = DateOnly.FromDateTime(Now.UtcDateTime).AddDays(-ago);
            Month month = new(day.Year, day.Month);
            days.Add(new LedgerDay(day, month, EntryKind.Reserve, null, 2, Usd.Zero, Dollars(8)));
            days.Add(new LedgerDay(day, month, EntryKind.Accrue, null, 2, Dollars(4), Dollars(-4)));
            days.Add(new LedgerDay(day, month, EntryKind.Settle, null, 2, Dollars(-4), Dollars(-4)));
            days.Add(new LedgerDay(day, month, EntryKind.Settle, CostPurpose.Training, 2, Dollars(3), Usd.Zero));
            days.Add(new LedgerDay(day, month, EntryKind.Settle, CostPurpose.Failed, 1, Dollars(1), Usd.Zero));
        }

        days.Add(new LedgerDay(new DateOnly(2026, 11, 24), November, EntryKind.Reserve, null, 1, Usd.Zero, Dollars(5)));
        days.Add(new LedgerDay(new DateOnly(2026, 11, 24), November, EntryKind.Accrue, null, 1, Dollars(1), Dollars(-1)));
        BudgetRules rules = new(Dollars(200), Dollars(150));
        JobId job = IdOf(1);
        MoneyNow money = new(
            new BudgetMonth(November, Dollars(200), Dollars(93), Dollars(4)),
            BudgetLimit.Of(rules),
            days,
            new DateOnly(2026, 10, 1),
            [new Reservation(Guid.Empty, job, 1, November, Dollars(5), Now.AddHours(-2), null, null) { Accrued = Dollars(1), AccruedAt = Now.AddMinutes(-6) }],
            new PaidWorkNow([], 0, [new RunningCost(job, 1, Dollars(1.1m), Dollars(1), Now.AddMinutes(-6), Dollars(1))], 40),
            CostRules,
            Now)
        {
            JobReserves = NextJob.Reserves,
        };
        money = with?.Invoke(money) ?? money;
        return new BudgetBoard(money, BudgetFigures.Of(money), [], []);
    }

    public static BudgetEntry Entry(int number, EntryKind kind = EntryKind.Accrue, decimal spent = 0, decimal reserved = 0, JobId? job = null) => new()
    {
        Key = $"test:{number:0000}",
        Month = November,
        At = Now.AddMinutes(-number),
        Kind = kind,
        Spent = Dollars(spent),
        Reserved = Dollars(reserved),
        Job = job,
        Attempt = job is null ? null : 1,
    };

    public static JobId IdOf(byte number) => new(new Guid(number, 1, 0, new byte[8]));

    public static Usd Dollars(decimal dollars) => Usd.FromDollars(dollars);
}
