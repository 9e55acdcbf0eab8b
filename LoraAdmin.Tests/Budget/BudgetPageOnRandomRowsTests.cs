using System.Globalization;
using System.Text.RegularExpressions;
using AngleSharp.Dom;
using Bunit;
using LoraAdmin.Budget;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using LoraAdmin.Pods;
using LoraAdmin.Shell;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation;
using LoraAdmin.Training;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Budget;

/// <summary>
/// The page as people see it, over real queries and random rows: every tile and every panel says what the rows come to when they are added up one by one.
/// The seed stands in the test's name.
/// </summary>
public sealed partial class BudgetPageOnRandomRowsTests : LoraBunitContext
{
    private readonly TrainingRules figures = new SimulatedWorld(1).Training;

    public static TheoryData<DatabaseKind, int> Ledgers => new(
        from kind in Enum.GetValues<DatabaseKind>() from seed in new[] { 11, 12, 13, 14 } select (kind, seed));

    [Theory]
    [MemberData(nameof(Ledgers))]
    [Trait("Requirement", "M4")]
    [Trait("Requirement", "M5")]
    [Trait("Requirement", "M6")]
    public async Task Page_OfRandomRows_SaysWhatTheyComeTo(DatabaseKind kind, int seed)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, Clock);
        await new RandomLedger(database, Start, seed).FillAsync();
        RawMoney rows = await RawMoney.ReadAsync(database, Start);
        Services.AddSingleton<IBudgetQueries>(new BudgetQueryStore(
            database.Work, database.Services.GetRequiredService<IFixedReads>(), new PaidWork(figures.WorstHourlyPrice), static () => RandomLedger.Rules, static () => BudgetSamples.CostRules, new NextJob(), Clock, Clocks));
        Services.AddSingleton<IProviderMoney>(new ProviderMoney(database.Work, Clock, () => figures));
        Services.AddSingleton<IBudgetDesk>(new BudgetDesk(database.Work, new SeededIds(seed), Clock, static () => RandomLedger.Rules, Clocks));

        IRenderedComponent<BudgetPage> page = RenderPage<BudgetPage>();
        page.WaitForAssertion(() => Assert.Equal(
            [1, 1, 1, 1], new[] { ".totals", "[aria-labelledby=drift] .lead", "[aria-labelledby=provider-money] .facts", "[aria-labelledby=prices] table" }.Select(part => page.FindAll(part).Count)));

        AssertTiles(rows, page);
        AssertCost(rows, page);
        AssertBalance(rows, page);
        AssertDrift(rows, page);
        AssertPrices(rows, page);
        AssertChanges(rows, page);
    }

    private void AssertTiles(RawMoney rows, IRenderedComponent<BudgetPage> page)
    {
        (long spent, long reserved, long limit) = (rows.Spent, rows.Reserved, rows.Limit);
        BudgetReservationRow[] open = [.. rows.Open.Where(row => row.Month == "2026-11")];
        (long live, long before, long perHour, long? since) = rows.Running(figures.WorstHourlyPrice.Micros);
        BudgetReservationRow[] ended = [.. open.Where(row => row.AmountMicros > row.AccruedMicros && rows.Jobs.Any(job => job.JobId == row.JobId && !job.IsOpen))];
        BudgetEntryRow[] admitted = [.. rows.Window.Where(row => row.Kind == EntryKind.Reserve)];
        long usual = admitted.Sum(row => row.ReservedMicros) / admitted.Length;
        bool refuses = rows.IsHard ? limit <= spent + reserved : limit <= spent;
        bool isShort = rows.IsHard && !refuses && limit - spent - reserved < usual;
        int endedJobs = ended.Select(row => row.JobId).Distinct().Count();
        Assert.Equal(Math.Min(3, endedJobs), page.FindAll(".of-ended a").Count);
        Assert.Equal(
            [
                Plain($"Spent {Money(spent)}{When(open.Sum(row => row.AccruedMicros) > 0, $" {Money(open.Sum(row => row.AccruedMicros))} accrued by what runs")}"
                    + When(perHour > 0, $" {UpTo(rows)}{Money(perHour)}/h now; {Money(live)} more")
                    + When(perHour > 0 && since is not null, $" since {Relative.Instant(DateTimeOffset.FromUnixTimeMilliseconds(since ?? 0), Start)}")
                    + When(perHour > 0 && before > 0, $" {Money(before)} more for an earlier month")),
                Plain($"Reserved {Money(reserved)} by {open.Length} attempt{When(open.Length != 1, "s")} not settled yet"
                    + When(endedJobs > 0, $"{Money(ended.Sum(row => row.AmountMicros - row.AccruedMicros))} of it for {(endedJobs == 1 ? "a job that has" : "jobs that have")} ended, until nothing of it can cost money any more:")),
                Plain($"Free {Money(InCents(limit) - InCents(spent) - InCents(reserved))} {(isShort ? $"less than the {Money(usual)} that a job reserves: jobs are refused" : refuses ? "nothing is admitted" : limit > spent + reserved ? "can still be reserved" : "the limit is soft")}"),
                Plain($"Limit {Money(limit)} {(rows.IsHard ? "hard: never passed" : "soft: jobs are refused once it is spent")} {(rows.Set.SetByName is { } name ? $"set by {name}" : "as configured")}"),
                Plain($"Warning mark {Money(rows.Mark)} "
                    + (spent > rows.Mark ? "passed by what is spent: it is told" : spent + reserved >= rows.Mark ? "reached by what is spent and reserved" : "not reached")),
                Plain($"Most this month can cost {(rows.IsHard ? $"{Money(Math.Max(limit, spent + reserved))} but for leaks and corrections" : "no bound a soft limit stops no running job")}"),
            ],
            page.FindAll(".totals > div").Select(static tile => Text(tile).Split('…')[0]));
        Assert.Equal(spent + reserved >= rows.Mark, page.FindAll(".totals > div")[4].ClassList.Contains("tone-warn"));
        Assert.Equal(spent + reserved >= limit || isShort, page.FindAll(".totals > div")[2].ClassList.Contains("tone-bad"));
        Assert.Empty(page.FindAll("[role=alert]"));
    }

    private static void AssertCost(RawMoney rows, IRenderedComponent<BudgetPage> page)
    {
        BudgetEntryRow[] divided = [.. rows.Window.Where(row => row.Kind is not (EntryKind.PriceChange or EntryKind.Correction))];
        long SumOf(CostPurpose? purpose) => divided.Where(row => row.Purpose == purpose).Sum(row => row.SpentMicros);
        (string Name, long Spent)[] always =
        [
            ("Training", SumOf(CostPurpose.Training)), ("Validation", SumOf(CostPurpose.Validation)), ("Failed attempts", SumOf(CostPurpose.Failed)),
            ("Idle", SumOf(CostPurpose.Idle)), ("Orphans", SumOf(CostPurpose.Orphan)),
        ];
        (string Name, long Spent)[] sometimes =
        [
            ("Running", SumOf(null)), ("Price changes", rows.Window.Where(row => row.Kind == EntryKind.PriceChange).Sum(row => row.SpentMicros)),
            ("Corrections", rows.Window.Where(row => row.Kind == EntryKind.Correction).Sum(row => row.SpentMicros)),
        ];
        (long total, long completed) = (rows.Window.Sum(row => row.SpentMicros), rows.Completed);
        string Each(long part) => completed == 0 ? "–" : Money((long)Math.Round(part / (decimal)completed));
        string Share(long part) => total <= 0 ? "–" : (part / (double)total).ToString("0.0 %", CultureInfo.InvariantCulture);
        Assert.Equal(
            always.Concat(sometimes.Where(step => step.Spent != 0)).Append(("All", total)).Select(step => Plain($"{step.Item1}|{Money(step.Item2)}|{Share(step.Item2)}|{Each(step.Item2)}")),
            page.FindAll(".waterfall tbody tr").Select(row => string.Join(
                '|', row.QuerySelectorAll("td.num").Select(Text).Prepend(Plain(row.QuerySelector("td.stack-head")!.FirstChild!.TextContent)))));

        decimal average = completed == 0 ? 0 : Math.Round(total / (decimal)completed);
        bool isDear = completed >= 5 && average > 2_500_000;
        string words = Text(page.Find("[aria-labelledby=budget-cost] .lead"));
        Assert.Contains(
            Plain(completed == 0 ? "No LoRA was completed in them."
                : completed < 5 ? $"A completed LoRA cost {Each(total)} (target: less than $2.02), of {completed} only: one of them can make the average."
                : $"A completed LoRA cost {Each(total)} (target: less than $2.02, {(Math.Round(average / 1_000_000, 2, MidpointRounding.AwayFromZero) < 2.02m ? "met" : "not met")}), {(isDear ? "above" : "within")} the mark of $2.50."),
            words,
            StringComparison.Ordinal);
        Assert.Equal(isDear, page.FindAll("[aria-labelledby=budget-cost] .chip").Count == 1);
        Assert.Equal(total > 0, words.EndsWith(Plain($"{Share(always[2..].Sum(step => step.Spent))} of it was waste."), StringComparison.Ordinal));
    }

    private void AssertBalance(RawMoney rows, IRenderedComponent<BudgetPage> page)
    {
        PodLedgerRow[] alive = [.. rows.Pods.Where(row => row.Saw != PodSaw.Gone)];
        long worst = figures.WorstHourlyPrice.Micros;
        long[] prices = [.. alive.Where(row => row.PodId is not null).Select(row => row.HourlyMicros ?? worst)];
        long still = alive.Sum(row => StillOf(row.HourlyMicros ?? worst, row));
        (long? balance, long? account) = (rows.Balance.BalanceMicros, rows.Balance.HourlyMicros);
        Assert.StartsWith(
            Plain(balance is { } left ? $"{Money(left)} as read" : rows.Balance.FailingSince is null ? "not read yet" : "could not be read"), Fact(page, "Left"), StringComparison.Ordinal);
        Assert.Equal(
            Plain($"{UpTo(rows)}{Money(prices.Sum())}/h by {prices.Length} pod{When(prices.Length != 1, "s")} of ours{When(account is not null, $" and {Money(account ?? 0)}/h by the whole account when it was read")}"),
            Fact(page, "Spent now"));
        Assert.Equal(Plain($"{Money(still)} by the pods that are there{When(balance < still, " (more than is left)")}"), Fact(page, "May still be taken"));
        Assert.Equal(rows.Balance.LowTold is not null, page.FindAll("[aria-labelledby=provider-money] .chip").Count == 1);
        Assert.Equal(
            rows.Jobs.Where(row => row.IsOpen && row.WaitReason is not null)
                .OrderBy(row => row.WaitingSince ?? row.StateSince).Select(row => row.Name),
            page.FindAll("[aria-labelledby=provider-money] .waiting a").Select(link => link.TextContent));
        if (balance is { } money)
        {
            long pace = Math.Max(prices.Sum(), account ?? 0);
            DateTimeOffset readAt = DateTimeOffset.FromUnixTimeMilliseconds(rows.Balance.ReadAt!.Value);
            DateTimeOffset empty = money <= 0 ? readAt : readAt.AddHours((double)(money / (decimal)Math.Max(1, pace)));
            Assert.Contains(
                Plain(pace == 0 ? "nothing is spent at present" : $"until {empty.UtcDateTime.ToString("d MMMM, HH:mm 'UTC'", CultureInfo.InvariantCulture)}"),
                Fact(page, "Lasts"),
                StringComparison.Ordinal);
        }
    }

    private static string UpTo(RawMoney rows) =>
        When(rows.Pods.Any(row => row.Saw != PodSaw.Gone && row is { PodId: not null, HourlyMicros: null }), "up to ");

    /// <summary>A pod that works to the end of its life; one whose end is under way nothing; any other for a whole life.</summary>
    private long StillOf(long hourly, PodLedgerRow row)
    {
        TimeSpan time = row is { Want: PodWant.Needed, LiveUntil: { } until } ? DateTimeOffset.FromUnixTimeMilliseconds(until) - Start
            : row is { Want: PodWant.Released, Saw: not PodSaw.Leaking } ? TimeSpan.Zero
            : figures.PodLifetime;
        return time <= TimeSpan.Zero ? 0 : (long)decimal.Round(hourly * (decimal)time.TotalMilliseconds / 3_600_000m, MidpointRounding.AwayFromZero);
    }

    private static void AssertDrift(RawMoney rows, IRenderedComponent<BudgetPage> page)
    {
        IReadOnlyList<(string PodId, long Booked, long Corrected, long? Billed, DriftState State)> pods = rows.Drift();
        (string PodId, long Booked, long Corrected, long? Billed, DriftState State)[] closed = [.. pods.Where(pod => pod.State is DriftState.Agrees or DriftState.Differs)];
        (long booked, long corrected, long billed) = (closed.Sum(pod => pod.Booked), closed.Sum(pod => pod.Corrected), closed.Sum(pod => pod.Billed ?? 0));
        long uncorrected = closed.Where(pod => pod.Billed is not null).Sum(pod => pod.Billed!.Value - pod.Booked - pod.Corrected);
        long others = pods.Where(pod => pod.State == DriftState.NotOurs).Sum(pod => pod.Billed ?? 0);
        int held = pods.Count(pod => pod.State == DriftState.HeldBack);
        string words = Text(page.Find("[aria-labelledby=drift] .lead"));
        Assert.StartsWith(
            Plain((closed.Length == 0 ? "No pod of the last 30 days has a whole bill yet: RunPod bills by day, and the reconciliation reads it daily."
                : $"Of {closed.Length} pod{When(closed.Length != 1, "s")} that ended in the last 30 days and whose whole bill is known: {Money(booked)} booked, {Money(corrected)} corrected, {Money(billed)} billed.")
            + When(uncorrected != 0, $" The next reconciliation corrects {Money(uncorrected)}.")
            + When(held > 0, $" {held} pod{When(held != 1, "s are")}{When(held == 1, " is")} held back and not corrected: RunPod's bills of {(held == 1 ? "it" : "them")} can't be counted.")
            + When(others > 0, $" The account was also billed {Money(others)} for pods that are not ours; nothing of it is booked.")
            + " Replicate bills no single training"),
            words,
            StringComparison.Ordinal);

        page.FindAll("[aria-labelledby=drift] .more button").SingleOrDefault()?.Click();
        Assert.Equal(
            pods.Select(pod => Plain($"{pod.PodId}|{WordOf(pod.State)}|{Money(pod.Booked)}|{(pod.Billed is { } bill ? Money(bill) : "–")}|{Change(pod.Billed - pod.Booked)}|{Change(pod.Corrected)}"))
                .Order(StringComparer.Ordinal),
            page.FindAll("[aria-labelledby=drift] tbody tr").Select(row => string.Join(
                    '|',
                    row.QuerySelectorAll("td.num").Select(Text).Prepend(Text(row.QuerySelector(".chip")!)).Prepend(Text(row.QuerySelector("code")!))))
                .Order(StringComparer.Ordinal));
    }

    private static void AssertPrices(RawMoney rows, IRenderedComponent<BudgetPage> page)
    {
        page.FindAll("[aria-labelledby=prices] .more button").SingleOrDefault()?.Click();
        Assert.Equal(
            rows.Prices.OrderByDescending(row => row.ValidFrom).ThenBy(row => row.GpuType, StringComparer.Ordinal).Select(row => Plain($"{row.GpuType}|{Money(row.HourlyMicros)}|{row.ValidUntil is null}")),
            page.FindAll("[aria-labelledby=prices] tbody tr").Select(row =>
                $"{Text(row.QuerySelector(".stack-head")!)}|{Text(row.QuerySelector(".num")!)}|{Text(row.QuerySelector("[data-label=Until]")!) == "now"}"));
    }

    private static void AssertChanges(RawMoney rows, IRenderedComponent<BudgetPage> page) => Assert.Equal(
        rows.Changes.OrderByDescending(row => row.At).Select(row =>
            Plain($"{row.ActorName}|{FromTo(row.OldLimitMicros, row.NewLimitMicros)}|{FromTo(row.OldWarnMicros, row.NewWarnMicros)}|{row.Reason}{When(row.FollowsOptions, "the configuration holds")}")),
        page.FindAll("[aria-labelledby=limit-history] tbody tr").Select(row => string.Join(
            '|', new[] { "Who", "Limit", "'Warning mark'", "Why" }.Select(label => Text(row.QuerySelector($"[data-label={label}]")!)))));

    private static string FromTo(long before, long after) => before == after ? Money(after) : $"{Money(before)} → {Money(after)}";

    private static string WordOf(DriftState state) => state switch
    {
        DriftState.Alive => "lives",
        DriftState.Waiting => "bill to come",
        DriftState.Unsettled => "not settled",
        DriftState.NotOurs => "not ours",
        DriftState.HeldBack => "held back",
        _ => state.ToString().ToLowerInvariant(),
    };

    private static string Fact(IRenderedComponent<BudgetPage> page, string label) =>
        Text(page.FindAll("dl.facts dt").Single(term => term.TextContent == label).NextElementSibling!);

    private static string Money(long micros) => string.Create(CultureInfo.InvariantCulture, $"{When(micros < 0, "-")}${Math.Abs(micros / 1_000_000m):0.00}");

    /// <summary>What is free is what the other sums leave as they are read.</summary>
    private static long InCents(long micros) => (long)Math.Round(micros / 10_000m, MidpointRounding.AwayFromZero) * 10_000;

    private static string Change(long? micros) => micros switch
    {
        null or 0 => "–",
        > 0 => string.Create(CultureInfo.InvariantCulture, $"+${micros / 1_000_000m:0.00####}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"-${-micros / 1_000_000m:0.00####}"),
    };

    private static string When(bool holds, string words) => holds ? words : "";

    private static string Text(IElement element) => Plain(element.TextContent);

    /// <summary>Without blanks: how the markup breaks its lines is not what is looked at.</summary>
    private static string Plain(string words) => Blanks().Replace(words, "");

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
