using System.Diagnostics;
using LoraAdmin.Budget;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace LoraAdmin.Bench.BudgetPage;

/// <summary>
/// What the page /budget reads, through the portal's own query and worked out to figures, against the same rows by hand; at a million jobs and five million
/// entries on PostgreSQL. Pages of the ledger are printed beside it.
/// </summary>
internal sealed class BudgetPageBenchmark : Benchmark
{
    private const int Rounds = 40;
    private const int WarmUpRounds = 10;

    private static readonly LedgerFilter Whole = new(new Month(2026, 11), [], null);

    public override string Name => "budget-page";

    public override string Summary => $"the budget's page at {BudgetYear.Jobs} jobs and {BudgetYear.Jobs * BudgetYear.EntriesPerJob} entries, against hand-written SQL";

    public override double Limit => 1.2;

    public override async Task<double> RunAsync(TextWriter output)
    {
        FakeTimeProvider clock = new(BudgetYear.Now);
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Postgres, clock);
        long started = Stopwatch.GetTimestamp();
        await BudgetYear.FillAsync(BudgetYear.ConnectionStringOf(database));
        await output.WriteLineAsync(FormattableString.Invariant($"  filled in {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s"));
        BudgetRules rules = new(Usd.FromDollars(200_000), Usd.FromDollars(150_000));
        BudgetQueryStore queries = new(
            database.Work, database.Services.GetRequiredService<IFixedReads>(), new PaidWork(Usd.FromDollars(1)), () => rules,
            static () => new LoraCostRules(Usd.FromDollars(2.50m), Usd.FromDollars(2.02m), 5), new ReadPrices(), clock, KnownClocks.New(clock));
        await using HandPage hand = new(BudgetYear.ConnectionStringOf(database));

        double board = await CompareAsync(output, "the page", BoardAsync, hand.ReadBoardAsync);
        LedgerPage first = await queries.ListAsync(Whole, null, IBudgetQueries.MostEntries, CancellationToken.None);
        LedgerCursor deep = first.Next!;
        for (int page = 0; page < 100; page++)
        {
            deep = (await queries.ListAsync(Whole, deep, IBudgetQueries.MostEntries, CancellationToken.None)).Next!;
        }

        await CompareAsync(output, "first page of the ledger", () => LedgerAsync(Whole, null), () => hand.ReadLedgerAsync(null, null));
        await CompareAsync(output, "a page 100,000 entries deep", () => LedgerAsync(Whole, deep), () => hand.ReadLedgerAsync((deep.At.ToUnixTimeMilliseconds(), deep.Key), null));
        await CompareAsync(
            output, "corrections alone", () => LedgerAsync(Whole with { Kinds = [EntryKind.Correction] }, null), () => hand.ReadLedgerAsync(null, "correction"));
        return board;

        async Task<long> BoardAsync()
        {
            BudgetBoard read = await queries.ReadAsync(CancellationToken.None);
            return read.Ties ? read.Month.Spent.Micros : throw new InvalidOperationException("The page does not add up: the comparison would be worthless.");
        }

        async Task<long> LedgerAsync(LedgerFilter filter, LedgerCursor? after) =>
            (await queries.ListAsync(filter, after, BudgetPages.PageSize, CancellationToken.None)).Totals.Entries;
    }

    /// <exception cref="InvalidOperationException">Both sides read different things.</exception>
    private static async Task<double> CompareAsync(TextWriter output, string what, Func<Task<long>> ours, Func<Task<long>> byHand)
    {
        Figures our = new();
        Figures theirs = new();
        for (int round = -WarmUpRounds; round < Rounds; round++)
        {
            bool oursFirst = round % 2 == 0;
            long one = await MeasureAsync(oursFirst);
            long other = await MeasureAsync(!oursFirst);
            if (one != other)
            {
                throw new InvalidOperationException($"{what}: one side read {one}, the other {other}.");
            }

            async Task<long> MeasureAsync(bool isOurs)
            {
                long started = Stopwatch.GetTimestamp();
                long read = await (isOurs ? ours() : byHand());
                TimeSpan took = Stopwatch.GetElapsedTime(started);
                if (round >= 0)
                {
                    (isOurs ? our : theirs).Add(took, [took]);
                }

                return read;
            }
        }

        await output.WriteLineAsync(our.Describe(what));
        await output.WriteLineAsync(theirs.Describe("by hand"));
        await output.WriteLineAsync(FormattableString.Invariant($"  {what}: {our.Median / theirs.Median:0.00}"));
        return our.Median / theirs.Median;
    }

    /// <summary>A portal that has read the catalog keeps its prices in memory.</summary>
    private sealed class ReadPrices : IJobEstimate
    {
        public Task<Usd> ReadAsync(CancellationToken cancellationToken) => Task.FromResult(Usd.FromDollars(1.16m));
    }
}
