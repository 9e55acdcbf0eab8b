using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Budget;

/// <inheritdoc cref="IBudgetQueries"/>
/// <param name="clocks">The present is the one that admission and settlement go by (<see cref="ClockStandings.ByProvider"/>): else the page would show another month.</param>
internal sealed class BudgetQueryStore(
    IUnitOfWork work,
    IFixedReads fixedReads,
    IBatchedQuery<PaidWorkQuestion, PaidWorkNow> paid,
    Func<BudgetRules> rules,
    Func<LoraCostRules> costRules,
    IJobEstimate estimate,
    TimeProvider clock,
    ClockStandings clocks) : IBudgetQueries, ILoraCosts
{
    /// <summary>More waiting jobs than anybody reads on a page; the count says how many there are.</summary>
    public const int MostWaiting = 50;

    /// <summary>Changes of the limit that the page shows.</summary>
    public const int MostChanges = 20;

    private const int MostNewest = 10;

    public async Task<BudgetBoard> ReadAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = clocks.ByProvider(clock.GetUtcNow());
        Month month = Month.Of(now);
        PaidWorkQuestion question = new(MostWaiting, BudgetFigures.AverageSince(now), now);
        List<Statement> own =
        [
            BudgetStatements.Read(month, rules()),
            BoardStatements.Limit(),
            LedgerStatements.Days(BudgetFigures.ReadFrom(now)),
            LedgerStatements.FirstDay(),
            BoardStatements.Open(),
            BoardStatements.Changes(MostChanges),
            LedgerStatements.Backward(new LedgerFilter(month, [], null), null, MostNewest),
        ];
        IReadOnlyList<Answer> answers = await fixedReads.ReadAsync([.. own, .. paid.Ask(question)], cancellationToken);
        MoneyNow money = new(
            BudgetStatements.ToMonth(month, answers[0]),
            BoardStatements.ToLimit(answers[1].Row!, rules()),
            [.. answers[2].Rows.Select(LedgerStatements.ToDay)],
            answers[3].Row is { } first ? LedgerStatements.DayOf((string)first[0]) : null,
            [.. answers[4].Rows.Select(BoardStatements.ToOpen)],
            paid.Read(question, [.. answers.Skip(own.Count)]),
            costRules(),
            now)
        {
            JobReserves = await estimate.ReadAsync(cancellationToken),
        };
        return new BudgetBoard(
            money,
            BudgetFigures.Of(money),
            [.. answers[5].Rows.Select(BoardStatements.ToChange)],
            [.. answers[6].Rows.Select(LedgerStatements.ToEntry)]);
    }

    public async Task<LoraCost> ReadCostAsync(CancellationToken cancellationToken) => (await ReadAsync(cancellationToken)).Figures.Cost;

    public async Task<LedgerPage> ListAsync(LedgerFilter filter, LedgerCursor? after, int size, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(filter);
        CheckSize(size);

        // One more than asked tells whether there is a next page.
        List<Statement> statements = [LedgerStatements.Totals(filter), LedgerStatements.Backward(filter, after, size + 1)];
        Month? whole = filter is { Month: { } asked, IsOfJob: false, Kinds.Count: 0 } ? asked : null;
        if (whole is { } its)
        {
            statements.Add(BudgetStatements.Read(its, rules()));
        }

        // A month without a filter has the same texts always; kinds and jobs make many, and one plan for all of them would be bad for the rare ones.
        IReadOnlyList<Answer> answers = whole is null
            ? await work.ReadAsync((unit, token) => ((EfUnit)unit).Db.RunAsync(statements, token), cancellationToken)
            : await fixedReads.ReadAsync(statements, cancellationToken);
        BudgetEntry[] entries = [.. answers[1].Rows.Take(size).Select(LedgerStatements.ToEntry)];
        return new LedgerPage(
            entries,
            answers[1].Rows.Count > size ? new LedgerCursor(entries[^1].At, entries[^1].Key) : null,
            new LedgerTotals(answers[0].Number(0), new Usd(answers[0].Number(1)), new Usd(answers[0].Number(2))),
            whole is { } month ? BudgetStatements.ToMonth(month, answers[2]) : null);
    }

    public Task<IReadOnlyList<BudgetEntry>> ListForwardAsync(
        LedgerFilter filter, LedgerCursor? after, LedgerCursor until, int size, CancellationToken cancellationToken)
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
