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

    public Task<BudgetBoard> ReadAsync(CancellationToken cancellationToken) => work.ReadAsync(
        async (unit, token) =>
        {
            DateTimeOffset now = clock.GetUtcNow();
            Month month = Month.Of(now);
            IReadOnlyList<Answer> answers = await ((EfUnit)unit).Db.RunAsync(
                [
                    BudgetStatements.Read(month, rules()),
                    BoardStatements.Limit(),
                    LedgerStatements.Days(BudgetFigures.ReadFrom(now)),
                    LedgerStatements.FirstDay(),
                    BoardStatements.Open(),
                    BoardStatements.Changes(MostChanges),
                    LedgerStatements.Backward(new LedgerFilter(month, [], null), null, MostNewest),
                ],
                token);
            MoneyNow money = new(
                BudgetStatements.ToMonth(month, answers[0]),
                BoardStatements.ToLimit(answers[1].Row!, rules()),
                [.. answers[2].Rows.Select(LedgerStatements.ToDay)],
                answers[3].Row is { } first ? LedgerStatements.DayOf((string)first[0]) : null,
                [.. answers[4].Rows.Select(BoardStatements.ToOpen)],
                await paid.ReadAsync(unit, MostWaiting, BudgetFigures.AverageSince(now), now, token),
                now);
            return new BudgetBoard(
                money,
                BudgetFigures.Of(money),
                [.. answers[5].Rows.Select(BoardStatements.ToChange)],
                [.. answers[6].Rows.Select(LedgerStatements.ToEntry)]);
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

    private static void CheckSize(int size)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, IBudgetQueries.MostEntries);
    }
}
