using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Budget;

/// <inheritdoc cref="IBudgetQueries"/>
internal sealed class BudgetQueryStore(IUnitOfWork work, IPaidWork paid, Func<BudgetRules> rules, TimeProvider clock) : IBudgetQueries
{
    /// <summary>More waiting jobs than anybody reads on a page; the count says how many there are.</summary>
    public const int MostWaiting = 50;

    /// <summary>Changes of the limit that the page shows.</summary>
    public const int MostChanges = 20;

    private const int MostNewest = 10;
    private const int OpenAtOnce = 1_000;

    public Task<BudgetBoard> ReadAsync(CancellationToken cancellationToken) => work.ReadAsync(
        async (unit, token) =>
        {
            DateTimeOffset now = clock.GetUtcNow();
            Month month = Month.Of(now);
            IBudgetStore budget = unit.Store<IBudgetStore>();
            IBudgetLimitStore limits = unit.Store<IBudgetLimitStore>();
            IReadOnlyList<Answer> answers = await ((EfUnit)unit).Db.RunAsync(
                [
                    LedgerStatements.Days(BudgetFigures.ReadFrom(now)),
                    LedgerStatements.FirstDay(),
                    LedgerStatements.Backward(new LedgerFilter(month, [], null), null, MostNewest),
                ],
                token);
            MoneyNow money = new(
                await budget.ReadMonthAsync(month, rules(), token),
                await limits.ReadAsync(rules(), token),
                [.. answers[0].Rows.Select(LedgerStatements.ToDay)],
                answers[1].Row is { } first ? LedgerStatements.DayOf((string)first[0]) : null,
                await OpenAsync(budget, token),
                await paid.ReadAsync(unit, MostWaiting, BudgetFigures.AverageSince(now), now, token),
                now);
            return new BudgetBoard(
                money,
                BudgetFigures.Of(money),
                await limits.ListChangesAsync(MostChanges, token),
                [.. answers[2].Rows.Select(LedgerStatements.ToEntry)]);
        },
        cancellationToken);

    public Task<LedgerPage> ListAsync(LedgerFilter filter, LedgerCursor? after, int size, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(filter);
        CheckSize(size);
        return work.ReadAsync(
            async (unit, token) =>
            {
                // One more than asked tells whether there is a next page.
                IReadOnlyList<Answer> answers = await ((EfUnit)unit).Db.RunAsync(
                    [LedgerStatements.Totals(filter), LedgerStatements.Backward(filter, after, size + 1)], token);
                BudgetEntry[] entries = [.. answers[1].Rows.Take(size).Select(LedgerStatements.ToEntry)];
                BudgetMonth? month = filter is { Month: { } whole, Job: null, Kinds.Count: 0 }
                    ? await unit.Store<IBudgetStore>().ReadMonthAsync(whole, rules(), token)
                    : null;
                return new LedgerPage(
                    entries,
                    answers[1].Rows.Count > size ? new LedgerCursor(entries[^1].At, entries[^1].Key) : null,
                    new LedgerTotals(answers[0].Number(0), new Usd(answers[0].Number(1)), new Usd(answers[0].Number(2))),
                    month);
            },
            cancellationToken);
    }

    public Task<IReadOnlyList<BudgetEntry>> ListForwardAsync(
        LedgerFilter filter, LedgerCursor? after, DateTimeOffset until, int size, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(filter);
        CheckSize(size);
        return work.ReadAsync<IReadOnlyList<BudgetEntry>>(
            async (unit, token) =>
                [.. (await ((EfUnit)unit).Db.RunAsync([LedgerStatements.Forward(filter, after, until, size)], token))[0].Rows.Select(LedgerStatements.ToEntry)],
            cancellationToken);
    }

    private static async Task<IReadOnlyList<Reservation>> OpenAsync(IBudgetStore budget, CancellationToken cancellationToken)
    {
        List<Reservation> open = [];
        while (true)
        {
            IReadOnlyList<Reservation> page = await budget.ListOpenAsync(open.Count == 0 ? null : open[^1], OpenAtOnce, cancellationToken);
            open.AddRange(page);
            if (page.Count < OpenAtOnce)
            {
                return open;
            }
        }
    }

    private static void CheckSize(int size)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, IBudgetQueries.MostEntries);
    }
}
