using LoraAdmin.Budget;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Training;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Budget;

/// <summary>Every figure of the page against the same figure worked out from the raw rows, one by one and in another way, on random ledgers.</summary>
public sealed class BudgetQueryTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 30, 0, TimeSpan.Zero);
    private static readonly Month November = new(2026, 11);
    private static readonly Usd Worst = Usd.FromDollars(0.77m);

    public static TheoryData<DatabaseKind, int> Ledgers => new(
        from kind in Enum.GetValues<DatabaseKind>() from seed in new[] { 2, 3, 4 } select (kind, seed));

    [Theory]
    [MemberData(nameof(Ledgers))]
    [Trait("Requirement", "M6")]
    public async Task Board_OfARandomLedger_IsWhatItsRowsComeTo(DatabaseKind kind, int seed)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, new FakeTimeProvider(Now));
        await new RandomLedger(database, Now, seed).FillAsync();
        RawMoney rows = await RawMoney.ReadAsync(database, Now);

        BudgetBoard board = await Queries(database).ReadAsync(CancellationToken.None);

        BudgetEntryRow[] month = rows.Month;
        Assert.Equal((rows.Spent, rows.Reserved), (board.Month.Spent.Micros, board.Month.Reserved.Micros));
        Assert.Equal((month.Length, rows.Spent), (board.Entries.Entries, board.Entries.Spent.Micros));
        Assert.True(board.Ties);
        Assert.Equal((rows.Limit, rows.IsHard), (board.Month.Limit.Micros, board.Month.Mode == BudgetMode.Hard));
        Assert.Equal((rows.Limit, rows.Mark, rows.Set.SetByName), (board.Money.Limit.Rules.MonthlyLimit.Micros, board.Money.Limit.Rules.WarnAt.Micros, board.Money.Limit.SetBy?.Name));
        Assert.Equal(rows.Limit - rows.Spent - rows.Reserved, board.Month.Free.Micros);
        Assert.Equal(rows.Open.Where(row => row.Month == "2026-11").Sum(row => row.AccruedMicros), board.Figures.Accrued.Micros);
        Assert.Equal(rows.Open.Count(row => row.Month == "2026-11"), board.Figures.OpenAttempts);
        Assert.Equal(rows.IsHard ? Math.Max(rows.Limit, rows.Spent + rows.Reserved) : (long?)null, board.Figures.Ceiling?.Micros);
        Assert.Equal(
            rows.Changes.OrderByDescending(row => row.At).Select(row => (row.Id, row.Reason, row.OldLimitMicros, row.NewLimitMicros, row.NewWarnMicros, row.NewMode)),
            board.Changes.Select(change => (
                change.Id, change.Reason, change.Before.MonthlyLimit.Micros, change.After.MonthlyLimit.Micros, change.After.WarnAt.Micros, change.After.Mode)));
        Assert.Equal(
            rows.Entries.OrderByDescending(row => row.At).ThenByDescending(row => row.Key, StringComparer.Ordinal).Where(row => row.Month == "2026-11").Take(10).Select(row => row.Key),
            board.Newest.Select(entry => entry.Key));
        Assert.Equal(
            rows.Running(Worst.Micros),
            (board.Figures.Live.Micros, board.Figures.LiveBefore.Micros, board.Figures.PerHour.Micros, board.Figures.LiveSince?.ToUnixTimeMilliseconds()));
        Assert.Equal(rows.Pods.Any(row => row.Saw != Domain.Pods.PodSaw.Gone && row is { PodId: not null, HourlyMicros: null }), board.Figures.IsPerHourAtWorst);
        AssertBurned(month, board);
        AssertCost(rows, board);
        AssertForecast(rows, month, board);
        AssertWaiting(rows, board);
        await AssertHeldAsync(rows, board, database);
        Assert.Equal(board.Figures.Cost.PerLora, (await Queries(database).ReadCostAsync(CancellationToken.None)).PerLora);
    }

    [Theory]
    [MemberData(nameof(Ledgers))]
    public async Task Ledger_FilteredAndPaged_IsWhatItsRowsAre(DatabaseKind kind, int seed)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, new FakeTimeProvider(Now));
        await new RandomLedger(database, Now, seed).FillAsync();
        RawMoney rows = await RawMoney.ReadAsync(database, Now);
        BudgetQueryStore queries = Queries(database);
        JobId job = new(rows.Entries.First(row => row.JobId is not null).JobId!.Value);

        // Whoever has reserved is found by the end of the id too.
        string end = new JobId(rows.Entries.First(row => row is { JobId: not null, Kind: EntryKind.Reserve } && !row.Key.StartsWith("random:", StringComparison.Ordinal)).JobId!.Value).Tail;
        LedgerFilter[] filters =
        [
            new(November, [], null), new(new Month(2026, 10), [], null), new(new Month(2020, 1), [], null), new(November, [EntryKind.Leak], null),
            new(November, [EntryKind.Correction, EntryKind.Opening, EntryKind.Correction], null), new(November, [EntryKind.Accrue, EntryKind.Leak], null), new(null, [], job),
            new(null, [EntryKind.Reserve, EntryKind.Settle, EntryKind.Leak], job), new(November, [EntryKind.Leak], job),
            new(null, [], null) { JobTail = end }, new(November, [EntryKind.Settle], null) { JobTail = end }, new(null, [], null) { JobTail = "0123abcd" },
        ];

        foreach (LedgerFilter filter in filters)
        {
            BudgetEntryRow[] expected =
            [
                .. rows.Entries
                    .Where(row => (filter.Month is null || row.Month == filter.Month.ToString())
                        && (filter.Job is null || row.JobId == filter.Job.Value.Value)
                        && (filter.JobTail is null || (row.JobId is { } its && new JobId(its).Tail == filter.JobTail)) && (filter.Kinds.Count == 0 || filter.Kinds.Contains(row.Kind)))
                    .OrderByDescending(row => row.At).ThenByDescending(row => row.Key, StringComparer.Ordinal),
            ];
            (List<BudgetEntry> seen, LedgerPage first) = await WalkAsync(queries, filter);
            Assert.Equal(expected.Select(row => row.ToEntry()), seen);
            Assert.Equal(
                (expected.Length, expected.Sum(row => row.SpentMicros), expected.Sum(row => row.ReservedMicros)), (first.Totals.Entries, first.Totals.Spent.Micros, first.Totals.Reserved.Micros));
            Assert.Equal(!filter.IsOfJob && filter.Kinds.Count == 0, first.Month is not null);
            Assert.True(first.Month is not { } month || first.Totals.AreThoseOf(month));
            Assert.Equal(expected.Reverse().Select(row => row.Key), await WalkForwardAsync(queries, filter, new LedgerCursor(Now.AddYears(1), "")));
        }

        // Up to one of several that share an instant, which it ends with.
        BudgetEntryRow[] inOrder = [.. rows.Month.OrderBy(row => row.At).ThenBy(row => row.Key, StringComparer.Ordinal)];
        int last = Enumerable.Range(10, inOrder.Length - 11).First(number => inOrder[number].At == inOrder[number - 1].At && inOrder[number].At == inOrder[number + 1].At);
        Assert.Equal(
            inOrder[..(last + 1)].Select(row => row.Key), await WalkForwardAsync(queries, filters[0], new LedgerCursor(Instants.FromMillis(inOrder[last].At), inOrder[last].Key)));
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Board_OfAnEmptyDatabase_IsNoughtsAndNoForecast(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, new FakeTimeProvider(Now));

        BudgetBoard board = await Queries(database).ReadAsync(CancellationToken.None);

        Assert.Equal((Usd.Zero, Usd.Zero, true), (board.Month.Spent, board.Month.Reserved, board.Ties));
        Assert.Equal((0, null, null, null, null), (board.Figures.KnownDays, board.Figures.Forecast, board.Figures.UsualShare, board.Figures.UsualCost, board.Figures.Cost.PerLora));
        Assert.Empty(board.Newest);
        Assert.Empty(board.Changes);
    }

    /// <summary>The page, the tile and the overview show the month that admission judges by.</summary>
    [Theory]
    [InlineData(10)]
    [InlineData(-40)]
    [Trait("Requirement", "M6")]
    public async Task Month_OfAPortalWhoseClockIsInAnother_IsTheOneThatIsAdmittedIn(int daysAhead)
    {
        FakeTimeProvider away = new(Now.AddDays(daysAhead));
        await using TestDatabase database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite, away);
        ClockStandings clocks = KnownClocks.New(away).NoteAhead(TimeSpan.FromDays(daysAhead));
        BudgetEntry spent = new() { Key = "leak:1", Month = November, At = Now.AddDays(-1), Kind = EntryKind.Leak, Spent = Usd.FromDollars(150) };
        Assert.True(await database.Work.RunAsync((unit, token) => unit.Store<IBudgetStore>().BookAsync(spent, token), CancellationToken.None));

        BudgetBoard board = await Queries(database, away, clocks).ReadAsync(CancellationToken.None);
        OverviewFigures overview = await new TrainingQueryStore(database.Work, RandomLedger.Rules, new NextJob(), away, clocks).OverviewAsync(CancellationToken.None);

        Assert.Equal((November, spent.Spent), (board.Month.Month, board.Month.Spent));
        Assert.Equal(board.Month, overview.Month);
        Assert.Equal(spent.Spent, board.Figures.Cost.Total);
        Assert.Equal([spent.Key], board.Newest.Select(entry => entry.Key));
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task Ledger_AskedForNoMonthAndNoJobOrTooMuch_Refuses(DatabaseKind kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, new FakeTimeProvider(Now));
        BudgetQueryStore queries = Queries(database);

        await Assert.ThrowsAsync<ArgumentException>(() => queries.ListAsync(new LedgerFilter(null, [EntryKind.Leak], null), null, 10, CancellationToken.None));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => queries.ListAsync(new LedgerFilter(November, [], null), null, 1_001, CancellationToken.None));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => queries.ListForwardAsync(new LedgerFilter(November, [], null), null, new LedgerCursor(Now, ""), 0, CancellationToken.None));
    }

    private static void AssertBurned(BudgetEntryRow[] month, BudgetBoard board)
    {
        Dictionary<string, long> days = [];
        foreach (BudgetEntryRow row in month)
        {
            string day = DayOf(row).ToString("O", null);
            days[day] = days.GetValueOrDefault(day) + row.SpentMicros;
        }

        Assert.Equal(
            days.OrderBy(day => day.Key, StringComparer.Ordinal).Select(day => (day.Key, day.Value)),
            board.Figures.Burned.Select(day => (day.Day.ToString("O", null), day.Spent.Micros)));
        BurnDownPlot plot = BurnDownPlot.Of(board.Month, board.Figures.Burned, board.Figures.Forecast, Usd.FromDollars(150), Now);
        Assert.Equal(board.Month.Limit - board.Month.Spent, plot.Days[^1].Left);
        Assert.Equal(24, plot.Days.Count);
    }

    private static void AssertCost(RawMoney rows, BudgetBoard board)
    {
        BudgetEntryRow[] window = rows.Window;
        foreach (CostPurpose purpose in Enum.GetValues<CostPurpose>())
        {
            Assert.Equal(
                window.Where(row => row.Purpose == purpose && row.Kind != EntryKind.PriceChange && row.Kind != EntryKind.Correction).Sum(row => row.SpentMicros),
                board.Figures.Cost.Of(purpose).Micros);
        }

        Assert.Equal(window.Where(row => row.Kind == EntryKind.PriceChange).Sum(row => row.SpentMicros), board.Figures.Cost.PriceChanges.Micros);
        Assert.Equal(window.Where(row => row.Kind == EntryKind.Correction).Sum(row => row.SpentMicros), board.Figures.Cost.Corrections.Micros);

        long completed = rows.Completed;
        Assert.Equal(completed, board.Figures.Cost.Completed);
        Assert.Equal(window.Sum(row => row.SpentMicros), board.Figures.Cost.Total.Micros);
        Assert.Equal(completed == 0 ? null : Math.Round(window.Sum(row => row.SpentMicros) / (decimal)completed), (decimal?)board.Figures.Cost.PerLora?.Micros);
        Assert.Equal(
            window.Where(row => row.Purpose is null && row.Kind != EntryKind.PriceChange && row.Kind != EntryKind.Correction).Sum(row => row.SpentMicros), board.Figures.Cost.Running.Micros);
        Assert.Equal(
            window.Where(row => row.Purpose >= CostPurpose.Failed && row.Kind != EntryKind.PriceChange && row.Kind != EntryKind.Correction).Sum(row => row.SpentMicros), board.Figures.Cost.Waste.Micros);
    }

    private static void AssertForecast(RawMoney rows, BudgetEntryRow[] month, BudgetBoard board)
    {
        BudgetEntryRow[] spending = [.. rows.Entries.Where(row => row.Kind != EntryKind.Opening)];
        double[] days = [.. Enumerable.Range(1, 28).Select(ago => (double)spending.Where(row => DayOf(row) == new DateOnly(2026, 11, 24).AddDays(-ago)).Sum(row => row.SpentMicros))];
        double mean = Math.Max(0, days.Average());
        double deviation = Math.Sqrt(days.Sum(day => (day - days.Average()) * (day - days.Average())) / 27);
        double left = (new DateTimeOffset(2026, 12, 1, 0, 0, 0, TimeSpan.Zero) - Now).TotalDays;
        double margin = 1.2816 * deviation * Math.Sqrt(left + (left * left / 28));
        double spent = month.Sum(row => row.SpentMicros);
        double reserved = month.Sum(row => row.ReservedMicros);
        BudgetEntryRow[] ended =
        [
            .. spending.Where(row => row.Kind is EntryKind.Accrue or EntryKind.Settle && row.At >= new DateTimeOffset(2026, 10, 26, 0, 0, 0, TimeSpan.Zero).ToMillis()),
        ];
        double released = -ended.Sum(row => row.ReservedMicros);
        double share = released <= 0 ? 1 : Math.Clamp(ended.Sum(row => row.SpentMicros) / released, 0, 1);

        ForecastPoint end = board.Figures.Forecast!.At(November.End);
        Assert.Equal(spent + (reserved * share) + (mean * left), end.Expected.Micros, tolerance: 20);
        Assert.Equal(spent + reserved + (mean * left) + margin, end.High.Micros, tolerance: 20);
        Assert.Equal(Math.Max(spent, spent + (mean * left) - margin), end.Low.Micros, tolerance: 20);
    }

    private static void AssertWaiting(RawMoney rows, BudgetBoard board)
    {
        TrainingProgressRow[] waiting =
            [.. rows.Jobs.Where(row => row.State is TrainingState.Queued or TrainingState.Preparing).OrderBy(row => row.StateSince).ThenBy(row => row.JobId.ToString(), StringComparer.Ordinal)];
        WhatIf answer = board.Figures.With(new Usd(rows.Spent + (rows.IsHard ? rows.Reserved : 0)), board.Money);
        Assert.Equal(Usd.Zero, answer.Room);
        Assert.Equal(waiting.Select(row => row.JobId), answer.Waiting.Select(one => one.Job.Job.Value));
        Assert.Equal(
            waiting.Select(row => rows.Open.SingleOrDefault(one => one.JobId == row.JobId && one.Attempt == row.Attempt) is { } held ? held.AmountMicros - held.AccruedMicros : (long?)null),
            answer.Waiting.Select(one => one.Reserved?.Micros));
        Assert.Equal(answer.Waiting.Count(one => one.Reserved is null), answer.Blocked);
        Assert.Equal(waiting.Length, board.Money.Work.WaitingCount);

        BudgetEntryRow[] settled = [.. rows.Window.Where(row => row.Kind == EntryKind.Settle)];
        long each = Math.Max(0, settled.Where(row => row.Purpose is not null).Sum(row => row.SpentMicros)) / settled.Count(row => row.Purpose is null);
        Assert.Equal(Math.Min(each, NextJob.Reserves.Micros), answer.ComesTo?.Micros);
    }

    private static async Task<(List<BudgetEntry> Seen, LedgerPage First)> WalkAsync(BudgetQueryStore queries, LedgerFilter filter)
    {
        List<BudgetEntry> seen = [];
        LedgerPage? first = null;
        LedgerCursor? after = null;
        do
        {
            LedgerPage page = await queries.ListAsync(filter, after, 7, CancellationToken.None);
            first ??= page;
            Assert.Equal(first.Totals, page.Totals);
            seen.AddRange(page.Entries);
            after = page.Next;
        }
        while (after is not null);
        return (seen, first);
    }

    private static async Task<List<string>> WalkForwardAsync(BudgetQueryStore queries, LedgerFilter filter, LedgerCursor until)
    {
        List<string> seen = [];
        LedgerCursor? after = null;
        while (true)
        {
            IReadOnlyList<BudgetEntry> page = await queries.ListForwardAsync(filter, after, until, 7, CancellationToken.None);
            seen.AddRange(page.Select(entry => entry.Key));
            if (page.Count < 7)
            {
                return seen;
            }

            after = new LedgerCursor(page[^1].At, page[^1].Key);
        }
    }

    /// <summary>The budget's page and the overview say the same of what ended jobs still hold.</summary>
    private static async Task AssertHeldAsync(RawMoney rows, BudgetBoard board, TestDatabase database)
    {
        OverviewFigures overview = await new TrainingQueryStore(database.Work, RandomLedger.Rules, new NextJob(), new FakeTimeProvider(Now), KnownClocks.New(new FakeTimeProvider(Now))).OverviewAsync(CancellationToken.None);
        Assert.Equal((NextJob.Reserves, NextJob.Reserves), (board.Money.JobReserves, overview.JobReserves));
        HashSet<Guid> ended = [.. rows.Jobs.Where(row => !row.IsOpen).Select(row => row.JobId)];
        BudgetReservationRow[] held = [.. rows.Open.Where(row => row.Month == "2026-11" && row.AmountMicros > row.AccruedMicros && ended.Contains(row.JobId))];
        (long, Guid[]) expected = (held.Sum(row => row.AmountMicros - row.AccruedMicros), [.. held.Select(row => row.JobId).Distinct().Order()]);
        Assert.NotEmpty(expected.Item2);
        Assert.Equivalent(expected, (board.Figures.OfEnded.Sum(one => one.Rest.Micros), board.Figures.OfEnded.Select(one => one.Job.Value).Distinct().Order().ToArray()), strict: true);
        Assert.Equivalent(expected, (overview.Held.Sum(one => one.Amount.Micros), overview.Held.SelectMany(one => one.Jobs).Select(job => job.Value).Order().ToArray()), strict: true);
    }

    private static DateOnly DayOf(BudgetEntryRow row) => DateOnly.FromDateTime(Instants.FromMillis(row.At).UtcDateTime);

    private static BudgetQueryStore Queries(TestDatabase database) => Queries(database, new FakeTimeProvider(Now), KnownClocks.New(new FakeTimeProvider(Now)));

    private static BudgetQueryStore Queries(TestDatabase database, TimeProvider clock, ClockStandings clocks) => new(
        database.Work,
        database.Services.GetRequiredService<IFixedReads>(),
        new PaidWork(Worst),
        static () => RandomLedger.Rules,
        static () => BudgetSamples.CostRules,
        new NextJob(),
        clock,
        clocks);
}
