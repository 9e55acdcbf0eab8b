using System.Text.Json;
using LoraAdmin.Budget;
using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Operations;
using LoraAdmin.Tests.Pods;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>The ledger is brought to what RunPod billed, to the micro-dollar, once, and never by a bill that is odd.</summary>
public sealed class MoneyReconcileTests
{
    /// <summary>Of every window of one look.</summary>
    private const int EachWindow = 3;

    private readonly TrainingBench bench = new();
    private readonly MoneyReconcile operation;
    private readonly OperationHouse house;
    private readonly ProviderMoney pages;

    public MoneyReconcileTests()
    {
        operation = BillsOf.Operation(bench);
        house = new OperationHouse(bench.World.Clock, bench.World.Database, [operation]) { Installation = bench.World.Installation };
        pages = new ProviderMoney(bench.World.Database, bench.World.Clock, () => bench.World.Training);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Run_AfterTrainings_BringsTheMonthToWhatWasBilled()
    {
        JobId[] jobs = [await TrainAsync(), await TrainAsync(), await TrainAsync()];
        await CloseAsync();
        Usd before = bench.Month.Spent;
        PlanDraft plan = await PlanAsync();
        Assert.All(plan.Items, item => Assert.Equal("correct", item.Action));
        Assert.Equal(3, plan.Count);

        await RunAsync();

        Usd billed = bench.VendorPods.Aggregate(Usd.Zero, (sum, pod) => sum + BilledFor(pod));
        Assert.NotEqual(before, bench.Month.Spent);
        Assert.Equal((billed, Usd.Zero), (bench.Month.Spent, bench.Month.Reserved));
        Assert.Equal(billed, jobs.Aggregate(Usd.Zero, (sum, id) => sum + bench.Job(id).Cost!.Value));
        Assert.All(jobs, id => Assert.Equal(bench.Job(id).Cost, Assert.Single(bench.Attempts(id)).Cost));
        Assert.All(jobs, id => Assert.Single(bench.Facts(id, ProviderMoneyEvents.Corrected)));
        DriftReport report = await ReportAsync();
        Assert.Equal([DriftState.Agrees, DriftState.Agrees, DriftState.Agrees], report.Pods.Select(pod => pod.State));
        Assert.Equal((3, billed, Usd.Zero), (report.Closed.Pods, report.Closed.Billed, report.Closed.Uncorrected));
        Assert.Equal(billed, report.Closed.Booked + report.Closed.Corrected);
    }

    [Fact]
    public async Task Run_Again_BooksNothingMore()
    {
        await TrainAsync();
        await CloseAsync();
        await RunAsync();
        Usd spent = bench.Month.Spent;

        Assert.Equal(0, (await PlanAsync()).Count);
        await RunAsync();

        Assert.Equal(spent, bench.Month.Spent);
    }

    [Fact]
    public async Task Plan_AppliedByTwoAtOnce_BooksOnce()
    {
        JobId id = await TrainAsync();
        await CloseAsync();
        PlanItem item = Assert.Single((await PlanAsync()).Items);
        FreeTurn first = new(bench.World.Database);
        FreeTurn second = new(bench.World.Database);

        await operation.ApplyAsync(item, first, Token);
        Usd spent = bench.Month.Spent;
        await operation.ApplyAsync(item, second, Token);

        Assert.Equal((ItemEnd.Done, ItemEnd.Ineligible), (first.Outcome!.End, second.Outcome!.End));
        Assert.Equal(spent, bench.Month.Spent);
        Assert.Single(bench.Facts(id, ProviderMoneyEvents.Corrected));
    }

    [Fact]
    public async Task Pod_UntilItsDayIsClosed_HasItsBillKeptAndIsNotCorrected()
    {
        await TrainAsync();
        Usd spent = bench.Month.Spent;

        PlanItem item = Assert.Single((await PlanAsync()).Items);
        Assert.Equal("keep", item.Action);
        await RunAsync();

        Assert.Equal(spent, bench.Month.Spent);
        PodDrift drift = Assert.Single((await ReportAsync()).Pods);
        Assert.Equal(DriftState.Waiting, drift.State);
        Assert.Equal(BilledFor(Assert.Single(bench.VendorPods)), drift.Billed);
        Assert.Equal(0, (await PlanAsync()).Count);
    }

    [Fact]
    public async Task Bill_ThatIsDearer_IsBookedWithItsReasonAndShownAsDrift()
    {
        JobId id = await TrainAsync();
        await CloseAsync();
        bench.Faults.Add(FaultKind.BillingDearer, count: EachWindow * 2);

        await RunAsync();

        Usd billed = Usd.FromDollars(Math.Round(Assert.Single(bench.VendorPods).SettledUsd * 1.1m, 6));
        Assert.Equal(billed, bench.Month.Spent);
        PodDrift drift = Assert.Single((await ReportAsync()).Pods);
        Assert.Equal((billed, drift.Corrected), (drift.Billed!.Value, drift.Drift!.Value));
        Assert.Equal((id, 1), (drift.Job!.Value, drift.Attempt!.Value));
        Assert.StartsWith(
            $"Pod {drift.PodId}: RunPod billed {billed.ToExact()}; {drift.Booked.ToExact()} had been booked",
            Assert.Single(bench.Facts(id, ProviderMoneyEvents.Corrected)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bill_ThatChangesLater_IsCorrectedByTheDifference()
    {
        JobId id = await TrainAsync();
        await CloseAsync();
        bench.Faults.Add(FaultKind.BillingDearer, count: EachWindow);
        await RunAsync();

        await RunAsync();

        Assert.Equal(BilledFor(Assert.Single(bench.VendorPods)), bench.Month.Spent);
        Assert.Equal(2, bench.Facts(id, ProviderMoneyEvents.Corrected).Count);
        Assert.Equal(0, (await PlanAsync()).Count);
    }

    [Fact]
    public async Task Bill_OfAPreviewThatIsAppliedAfterALaterRun_TakesNoNewersPlace()
    {
        await TrainAsync();
        PlanItem older = Assert.Single((await PlanAsync()).Items);
        await bench.RunForAsync(TimeSpan.FromMinutes(5));
        bench.Faults.Add(FaultKind.BillingDearer, count: EachWindow);
        await RunAsync();
        Usd billed = Assert.Single((await ReportAsync()).Pods).Billed!.Value;
        FreeTurn late = new(bench.World.Database);

        await operation.ApplyAsync(older, late, Token);

        Assert.Equal(ItemEnd.Ineligible, late.Outcome!.End);
        Assert.Equal(billed, Assert.Single((await ReportAsync()).Pods).Billed);
        Assert.NotEqual(BilledFor(Assert.Single(bench.VendorPods)), billed);
    }

    [Fact]
    public async Task Correction_OfAPreviewThatIsAppliedAfterALaterLookKeptAnotherBill_IsNotBooked()
    {
        JobId id = await TrainAsync();
        await CloseAsync();
        PlanItem older = Assert.Single((await PlanAsync()).Items, item => item.Action == "correct");
        JsonElement bill = JsonSerializer.Deserialize<JsonElement>(older.Detail!).GetProperty("Bills")[0];
        BillRecord newer = new(
            older.Target,
            DateTimeOffset.FromUnixTimeMilliseconds(bill.GetProperty("At").GetInt64()),
            new Usd(bill.GetProperty("Total").GetInt64() + 1),
            new Usd(bill.GetProperty("Gpu").GetInt64() + 1),
            new Usd(bill.GetProperty("Cpu").GetInt64()),
            new Usd(bill.GetProperty("Disk").GetInt64()));
        await bench.RunForAsync(TimeSpan.FromMinutes(5));
        await bench.World.Database.RunAsync((unit, token) => unit.Store<IBillStore>().SaveAsync("runpod", [newer], bench.Now, token), Token);
        Usd spent = bench.Month.Spent;
        FreeTurn late = new(bench.World.Database);

        await operation.ApplyAsync(older, late, Token);

        Assert.Equal(ItemOutcome.Ineligible("Bills that were read later are kept already"), late.Outcome);
        Assert.Equal(spent, bench.Month.Spent);
        Assert.Empty(bench.Facts(id, ProviderMoneyEvents.Corrected));
    }

    [Fact]
    public async Task Run_ByAClockThatIsFarOff_IsRefused()
    {
        await house.FillAsync();
        house.Clocks.NoteAhead(TimeSpan.FromDays(2));

        Assert.IsType<OperationCommand.Refused>(await house.Desk.RunNowAsync(MoneyReconcile.Key, "of a test", OperationHouse.Ada, Token));
    }

    [Fact]
    public async Task Bill_ThatIsMissing_IsListedAndWaitedFor()
    {
        await TrainAsync();
        await CloseAsync();
        Usd spent = bench.Month.Spent;
        bench.Faults.Add(FaultKind.BillingLate, count: EachWindow, seconds: TimeSpan.FromDays(3).TotalSeconds);

        PlanDraft plan = await RunAsync();

        PlanItem listed = Assert.Single(plan.Items);
        Assert.Equal(("list", $"gap {Assert.Single(bench.VendorPods).Id}"), (listed.Action, listed.Target.Split(" on ")[0]));
        Assert.Null(listed.Label);
        Assert.Equal(spent, bench.Month.Spent);
        Assert.Equal(DriftState.Incomplete, Assert.Single((await ReportAsync()).Pods).State);

        await RunAsync();
        Assert.Equal(BilledFor(Assert.Single(bench.VendorPods)), bench.Month.Spent);
    }

    [Fact]
    public async Task Bill_ThatComesTwice_CountsOnceAndIsListed()
    {
        await TrainAsync();
        await CloseAsync();
        bench.Faults.Add(FaultKind.BillingTwice, count: EachWindow);

        PlanDraft plan = await RunAsync();

        Assert.Equal(["correct", "list"], plan.Items.Select(item => item.Action));
        Assert.StartsWith($"repeated {Assert.Single(bench.VendorPods).Id} ", plan.Items[1].Target, StringComparison.Ordinal);
        Assert.Equal(BilledFor(Assert.Single(bench.VendorPods)), bench.Month.Spent);
    }

    [Fact]
    public async Task Bill_BelowZero_IsListedAndNothingOfItIsKept()
    {
        await TrainAsync();
        await CloseAsync();
        Usd spent = bench.Month.Spent;
        bench.Faults.Add(FaultKind.BillingNegative, count: EachWindow);

        PlanDraft plan = await RunAsync();

        Assert.All(plan.Items.Skip(1), item => Assert.Equal(("list", $"negative {Assert.Single(bench.VendorPods).Id}"), (item.Action, item.Target.Split(" on ")[0])));
        Assert.Equal("hold", plan.Items[0].Action);
        Assert.True(plan.Count > 1);
        Assert.Equal(spent, bench.Month.Spent);
        Assert.Empty(bench.World.Database.Bills.Rows);
    }

    [Fact]
    public async Task Pod_WhoseBillsAreHeldBack_IsShownAsThatUntilTheyCanBeCounted()
    {
        await TrainAsync();
        await RunAsync();
        await CloseAsync();
        Usd spent = bench.Month.Spent;
        Assert.Equal(DriftState.Differs, Assert.Single((await ReportAsync()).Pods).State);
        bench.Faults.Add(FaultKind.BillingNegative, count: EachWindow * 2);

        PlanDraft plan = await RunAsync();

        Assert.Equal(1, plan.Items.Count(item => item.Action == "hold"));
        DriftReport held = await ReportAsync();
        PodDrift drift = Assert.Single(held.Pods);
        Assert.Equal((DriftState.HeldBack, 1, 0), (drift.State, held.HeldBack, held.Closed.Pods));
        Assert.Contains("is below zero: -$", drift.Why, StringComparison.Ordinal);
        Assert.Equal(spent, bench.Month.Spent);
        string words = BudgetPageTexts.Drift(held);
        Assert.DoesNotContain("The next reconciliation corrects", words, StringComparison.Ordinal);
        Assert.Contains("1 pod is held back and not corrected: RunPod's bills of it can't be counted.", words, StringComparison.Ordinal);
        Assert.All((await PlanAsync()).Items, item => Assert.Equal("list", item.Action));

        // The bills are right again: they end it, whether there is something to correct or not.
        Assert.Equal("correct", Assert.Single((await RunAsync()).Items).Action);
        Assert.Equal((DriftState.Agrees, BilledFor(Assert.Single(bench.VendorPods))), (Assert.Single((await ReportAsync()).Pods).State, bench.Month.Spent));
        bench.Faults.Add(FaultKind.BillingNegative, count: EachWindow);
        await RunAsync();
        Assert.Equal(DriftState.HeldBack, Assert.Single((await ReportAsync()).Pods).State);
        Assert.Equal("free", Assert.Single((await RunAsync()).Items).Action);
        Assert.Equal(DriftState.Agrees, Assert.Single((await ReportAsync()).Pods).State);
        Assert.Equal(0, (await PlanAsync()).Count);
    }

    [Fact]
    public async Task Correction_OfAPreviewThatIsAppliedAfterALaterLookHeldThePodBack_IsNotBooked()
    {
        await TrainAsync();
        await RunAsync();
        await CloseAsync();
        PlanItem older = Assert.Single((await PlanAsync()).Items, item => item.Action == "correct");
        Usd spent = bench.Month.Spent;
        await bench.RunForAsync(TimeSpan.FromMinutes(5));
        bench.Faults.Add(FaultKind.BillingNegative, count: EachWindow);
        await RunAsync();
        FreeTurn late = new(bench.World.Database);

        await operation.ApplyAsync(older, late, Token);

        Assert.Equal(ItemEnd.Ineligible, late.Outcome!.End);
        Assert.Equal((spent, DriftState.HeldBack), (bench.Month.Spent, Assert.Single((await ReportAsync()).Pods).State));
    }

    [Fact]
    public async Task Bill_OfAPodThatWeNeverHad_IsListedAndNeverBooked()
    {
        await TrainAsync();
        await CloseAsync();
        bench.Faults.Add(FaultKind.BillingUnknownPod, count: EachWindow);

        PlanDraft plan = await RunAsync();

        PlanItem listed = Assert.Single(plan.Items, item => item.Action == "list");
        Assert.StartsWith($"unknown {BillingFace.UnknownPod} ", listed.Target, StringComparison.Ordinal);
        Assert.Contains(BillingFace.UnknownPod, listed.Reason, StringComparison.Ordinal);
        Assert.Equal(BilledFor(Assert.Single(bench.VendorPods)), bench.Month.Spent);
        DriftReport report = await ReportAsync();
        Assert.Equal(DriftState.NotOurs, report.Pods[^1].State);
        Assert.Equal(Usd.FromDollars(1.25m * EachWindow), report.NotOurs);
        Assert.Equal(1, report.Closed.Pods);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Pod_ThatAPersonDisowns_HasItsMoneyTakenBackAndIsNeverCorrected()
    {
        PodRecord pod = PodHouse.AddPod(bench.World, PodNames.For(bench.World.Installation.Id, new JobId(bench.World.Ids.Next()), 1, 1), agentKnowsUs: false);
        await bench.RunForAsync(TimeSpan.FromHours(1));
        Assert.True(bench.Month.Spent > Usd.Zero);

        await bench.Portal.Pods.ClaimAsync(pod.Id, ClaimVerdict.NotOurs, "a colleague's", OperationHouse.Ada, Token);
        await bench.RunForAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(Usd.Zero, bench.Month.Spent);
        bench.Restart();
        await CloseAsync();
        Assert.Equal(["keep"], (await PlanAsync()).Items.Select(item => item.Action));
        await RunAsync();

        Assert.Equal(Usd.Zero, bench.Month.Spent);
        Assert.Equal((DriftState.NotOurs, Usd.Zero), (Assert.Single((await ReportAsync()).Pods).State, (await ReportAsync()).Closed.Booked));
        Assert.True((await ReportAsync()).NotOurs > Usd.Zero);
        Assert.Single(bench.World.Database.Events, fact => fact.Kind == BudgetEvents.BeyondEnded);
    }

    [Fact]
    public async Task Pod_OfASettledAttemptThatAPersonDisowns_LeavesTheAttemptAsItWasSettled()
    {
        JobId id = await TrainAsync();
        Usd settled = bench.Month.Spent;
        PodRecord pod = PodHouse.AddPod(bench.World, PodNames.For(bench.World.Installation.Id, id, 1, 9), agentKnowsUs: false);
        await bench.RunForAsync(TimeSpan.FromHours(1));
        Assert.True(bench.Reservation(id).Beyond > Usd.Zero);

        await bench.Portal.Pods.ClaimAsync(pod.Id, ClaimVerdict.NotOurs, "a colleague's", OperationHouse.Ada, Token);
        await bench.RunForAsync(TimeSpan.FromMinutes(20));

        Assert.Equal((settled, Usd.Zero), (bench.Reservation(id).Actual, bench.Reservation(id).Beyond));
        Assert.Equal((settled, settled, settled), (bench.Job(id).Cost, bench.Attempts(id)[0].Cost, bench.Month.Spent));
    }

    [Fact]
    public async Task Bills_ThatCantBeRead_AreNoEmptyPlan()
    {
        await TrainAsync();
        await CloseAsync();
        bench.Faults.Add(FaultKind.Billing500);

        Planning.CouldNotRead unread = Assert.IsType<Planning.CouldNotRead>(await operation.PlanAsync(Token));

        Assert.StartsWith("RunPod's bills can't be read: HTTP 500: ", unread.Why, StringComparison.Ordinal);
        bench.Faults.Add(FaultKind.Forbidden403);
        Assert.Contains("right to read billing", Assert.IsType<Planning.CouldNotRead>(await operation.PlanAsync(Token)).Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Money_OfAnAttempt_IsCorrectedInTheMonthInWhichItReserved()
    {
        // The world begins on 30 March.
        JobId id = await TrainAsync();
        await bench.RunForAsync(TimeSpan.FromDays(4));

        await RunAsync();

        Assert.Equal(new Month(2026, 3), bench.Reservation(id).Month);
        Assert.Equal(BilledFor(Assert.Single(bench.VendorPods)), bench.Month.Spent);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Correction_ThatTakesAMonthThatIsOverAboveItsLimit_OpensAnIncidentUntilOneTakesItBelow()
    {
        JobId id = await TrainAsync();
        await bench.RunForAsync(TimeSpan.FromDays(4));
        bench.World.Budget = new BudgetRules(Usd.FromDollars(0.01m), Usd.Zero);
        bench.Faults.Add(FaultKind.BillingDearer, count: EachWindow);
        await RunAsync();

        OperationalEvent told = Assert.Single(bench.Facts(id, ProviderMoneyEvents.Corrected));
        IncidentSignal opened = Assert.Single(told.Signals);
        Assert.Equal((BudgetIncidents.CameOutAbove, "2026-03", false, EventSeverity.Error), (opened.Rule, opened.Subject, opened.Over, told.Severity));
        Assert.Contains($"has cost {bench.Month.Spent} by its bills", opened.Text, StringComparison.Ordinal);

        bench.World.Budget = new BudgetRules(Usd.FromDollars(200), Usd.Zero);
        await RunAsync();

        IncidentSignal ended = Assert.Single(bench.Facts(id, ProviderMoneyEvents.Corrected)[^1].Signals);
        Assert.Equal((opened.Rule, opened.Subject, true), (ended.Rule, ended.Subject, ended.Over));
    }

    [Theory]
    [InlineData("0.01", "200", false)]
    [InlineData("200", "0.01", true)]
    [Trait("Requirement", "M6")]
    public async Task Correction_OfAMonthThatIsOver_IsHeldAgainstTheLimitThatItEndedWith(string ended, string later, bool holds)
    {
        BudgetDesk limits = new(bench.World.Database, bench.World.Ids, bench.World.Clock, () => bench.World.Budget, bench.Portal.Clocks);
        JobId id = await TrainAsync();
        await SetAsync(ended);
        await bench.RunForAsync(TimeSpan.FromDays(4));
        await SetAsync(later);
        bench.Faults.Add(FaultKind.BillingDearer, count: EachWindow);

        await RunAsync();

        IncidentSignal told = Assert.Single(Assert.Single(bench.Facts(id, ProviderMoneyEvents.Corrected)).Signals);
        Assert.Equal((BudgetIncidents.CameOutAbove, "2026-03", holds), (told.Rule, told.Subject, told.Over));
        Assert.EndsWith($"its limit was {Limit(ended)}", told.Text, StringComparison.Ordinal);

        async Task SetAsync(string dollars) => Assert.IsType<LimitOutcome.Set>(await limits.SetLimitAsync(
            new LimitWish(new BudgetRules(Limit(dollars), Usd.Zero), "of a test", AllowBelow: true, AllowRaise: true), OperationHouse.Ada, Token));
    }

    /// <summary>Of a soft limit what is still reserved does not count, whatever the limit is by now.</summary>
    [Theory]
    [InlineData(BudgetMode.Soft, BudgetMode.Hard, true)]
    [InlineData(BudgetMode.Hard, BudgetMode.Soft, false)]
    [Trait("Requirement", "M6")]
    public async Task Correction_OfAMonthThatIsOver_IsHeldAgainstTheModeThatItEndedWith(BudgetMode ended, BudgetMode later, bool holds)
    {
        BudgetDesk limits = new(bench.World.Database, bench.World.Ids, bench.World.Clock, () => bench.World.Budget, bench.Portal.Clocks);
        JobId id = await TrainAsync();
        await SetAsync(ended);
        await bench.RunForAsync(TimeSpan.FromDays(4));
        await SetAsync(later);
        BudgetEntry open = new() { Key = "reserve:of a test", Month = new Month(2026, 3), At = bench.World.Clock.GetUtcNow(), Kind = EntryKind.Reserve, Reserved = Limit("10") };
        Assert.True(await bench.World.Database.RunAsync((unit, token) => unit.Store<IBudgetStore>().BookAsync(open, token), Token));
        bench.Faults.Add(FaultKind.BillingDearer, count: EachWindow);

        await RunAsync();

        IncidentSignal told = Assert.Single(Assert.Single(bench.Facts(id, ProviderMoneyEvents.Corrected)).Signals);
        Assert.Equal((BudgetIncidents.CameOutAbove, "2026-03", holds), (told.Rule, told.Subject, told.Over));

        async Task SetAsync(BudgetMode mode) => Assert.IsType<LimitOutcome.Set>(await limits.SetLimitAsync(
            new LimitWish(new BudgetRules(Limit("10"), Usd.Zero) { Mode = mode }, "of a test", AllowBelow: true), OperationHouse.Ada, Token));
    }

    [Fact]
    public async Task Training_AtReplicate_HasNoBillAndIsNoDrift()
    {
        bench.World.Hosted = bench.World.Hosted with { WhyNot = null };
        bench.Faults.Add(FaultKind.Create500, count: 10);
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);
        Assert.Equal("replicate", bench.Job(id).Provider);
        Usd spent = bench.Month.Spent;
        await CloseAsync();

        await RunAsync();

        Assert.Equal(spent, bench.Month.Spent);
        Assert.DoesNotContain((await ReportAsync()).Pods, pod => pod.Job == id);
    }

    private static Usd Limit(string dollars) => Usd.FromDollars(decimal.Parse(dollars, System.Globalization.CultureInfo.InvariantCulture));

    private async Task<JobId> TrainAsync()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);
        return id;
    }

    /// <summary>Until bills of everything that was are taken for complete.</summary>
    private Task CloseAsync() => bench.RunForAsync(TimeSpan.FromDays(1) + PodBills.ClosedAfter);

    private async Task<PlanDraft> PlanAsync() => Assert.IsType<Planning.Planned>(await operation.PlanAsync(Token)).Plan;

    /// <summary>Previews, and applies exactly that.</summary>
    private async Task<PlanDraft> RunAsync()
    {
        await house.FillAsync();
        Guid id = Assert.IsType<OperationCommand.Planned>(await house.Desk.PreviewAsync(MoneyReconcile.Key, OperationHouse.Ada, Token)).Plan;
        IReadOnlyList<PlannedItem> items = await house.ItemsAsync(id);
        if (items.Count > 0)
        {
            Assert.IsType<OperationCommand.Started>(await house.Desk.ApplyAsync(MoneyReconcile.Key, id, "of a test", OperationHouse.Ada, Token));
            OperationRun run = await house.EndBegunAsync();
            Assert.Equal(RunState.Succeeded, run.State);
        }

        return PlanDraft.OfItems(bench.Now, [.. items.Select(item => item.Item)]);
    }

    private Task<DriftReport> ReportAsync() => pages.ReadDriftAsync(bench.Now - MoneyReconcile.LooksBack, bench.Now, Token);

    private static Usd BilledFor(PodRecord pod)
    {
        Assert.Equal(PodStatus.Terminated, pod.Status);
        return Usd.FromDollars(Math.Round(pod.SettledUsd, 6));
    }
}

/// <summary>The reconciliation as the portal composes it, on a bench's vendor.</summary>
internal static class BillsOf
{
    public static MoneyReconcile Operation(TrainingBench bench) =>
        new(bench.World.Database, bench.Portal.Billing, bench.World.Clock, () => bench.World.Budget, Permissions.ReconcileMoney);
}

/// <summary>A turn outside of any run.</summary>
internal sealed class FreeTurn(IUnitOfWork work) : IItemTurn
{
    public ItemOutcome? Outcome { get; private set; }

    public Actor Actor => OperationHouse.Ada;

    public bool IsApproved => true;

    public Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> part, CancellationToken cancellationToken) => work.RunAsync(part, cancellationToken);

    public async Task EndAsync(Func<IUnit, CancellationToken, Task<ItemOutcome>> part, CancellationToken cancellationToken) =>
        Outcome = await work.RunAsync(part, cancellationToken);
}
