using System.Globalization;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data.Contracts;

/// <summary>Schedules, the kill switch, runs, plans and instants.</summary>
public abstract class OperationStoreContract : StoreContract
{
    private const string Key = "tests.work";
    private static readonly Actor Ada = new(ActorKind.Person, "ada");

    [Fact]
    public async Task Schedule_AddedTwice_KeepsTheFirst()
    {
        Assert.True(await Add(Schedule()));
        Assert.False(await Add(Schedule() with { Cron = "0 0 1 * * ?" }));

        OperationSchedule kept = (await FindSchedule())!;
        Assert.Equal(Schedule(), kept);
        Assert.Null(await Read<IOperationScheduleStore, OperationSchedule?>(store => store.FindAsync("tests.other", None)));
    }

    [Fact]
    public async Task Schedule_TimesPauseAndMark_AreWrittenApart()
    {
        await Add(Schedule());
        OperationPause pause = new("mending", Ada, Start, Start.AddHours(2));
        await In<IOperationScheduleStore>(store => store.SavePauseAsync(Key, pause, None));
        await In<IOperationScheduleStore>(store => store.SaveTimesAsync(Schedule() with { Cron = "0 0 2 * * ?", TimeZone = "Europe/Berlin", CatchUp = CatchUp.Never, IsEdited = true, InForceFrom = Start.AddMinutes(7) }, None));
        await In<IOperationScheduleStore>(store => store.SetAccountedAsync(Key, Start.AddHours(1), None));
        await In<IOperationScheduleStore>(store => store.SetAccountedAsync(Key, Start.AddMinutes(1), None));

        Assert.Equal(new OperationSchedule(Key, "0 0 2 * * ?", "Europe/Berlin", CatchUp.Never, true, pause, Start.AddHours(1)) { InForceFrom = Start.AddMinutes(7) }, await FindSchedule());
        await In<IOperationScheduleStore>(store => store.TakeAccountedBackAsync(Key, Start.AddHours(2), None));
        Assert.Equal(Start.AddHours(1), (await FindSchedule())!.AccountedUntil);
        await In<IOperationScheduleStore>(store => store.TakeAccountedBackAsync(Key, Start.AddMinutes(1), None));
        Assert.Equal(Start.AddMinutes(1), (await FindSchedule())!.AccountedUntil);
        await In<IOperationScheduleStore>(store => store.SavePauseAsync(Key, null, None));
        Assert.Null((await FindSchedule())!.Pause);
    }

    [Fact]
    public async Task Numbers_TakenByManyAtOnce_AreEachGivenOnce()
    {
        await Add(Schedule());

        long?[] numbers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => Task.Run(() => In<IOperationScheduleStore, long?>(store => store.TakeNumberAsync(Key, None)))));

        Assert.Equal(Enumerable.Range(1, 12).Select(number => (long?)number), numbers.Order());
        Assert.Null(await In<IOperationScheduleStore, long?>(store => store.TakeNumberAsync("tests.other", None)));
    }

    [Fact]
    public async Task Pause_AndHold_EndOnlyWhenTheirTimeIsOver()
    {
        await Add(Schedule());
        Assert.False(await EndPause(Start.AddYears(1)));
        Assert.False(await EndHold(Start.AddYears(1)));
        await In<IOperationScheduleStore>(store => store.SavePauseAsync(Key, new OperationPause("mending", Ada, Start, null), None));
        await In<IAutomationHoldStore>(store => store.SaveAsync(new AutomationHold("stop", Ada, Start, null), None));
        Assert.False(await EndPause(Start.AddYears(1)));
        Assert.False(await EndHold(Start.AddYears(1)));
        await In<IOperationScheduleStore>(store => store.SavePauseAsync(Key, new OperationPause("mending", Ada, Start, Start.AddHours(1)), None));
        await In<IAutomationHoldStore>(store => store.SaveAsync(new AutomationHold("stop", Ada, Start, Start.AddHours(1)), None));
        Assert.False(await EndPause(Start.AddMinutes(59)));
        Assert.False(await EndHold(Start.AddMinutes(59)));
        Assert.NotNull((await FindSchedule())!.Pause);
        Assert.NotNull(await Read<IAutomationHoldStore, AutomationHold?>(store => store.FindAsync(None)));

        Assert.True(await EndPause(Start.AddHours(1)));
        Assert.True(await EndHold(Start.AddHours(1)));

        Assert.Null((await FindSchedule())!.Pause);
        Assert.Null(await Read<IAutomationHoldStore, AutomationHold?>(store => store.FindAsync(None)));
        Assert.False(await EndPause(Start.AddHours(1)));
        Assert.False(await EndHold(Start.AddHours(1)));

        Task<bool> EndPause(DateTimeOffset at) => In<IOperationScheduleStore, bool>(store => store.TryEndPauseAsync(Key, at, None));
        Task<bool> EndHold(DateTimeOffset at) => In<IAutomationHoldStore, bool>(store => store.TryEndAsync(at, None));
    }

    [Fact]
    public async Task Lock_OfOneOperation_IsHeldByOneTransactionAtATime()
    {
        await Add(Schedule());
        int inside = 0;
        int most = 0;

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Work.RunAsync(
            async (unit, token) =>
            {
                Assert.Equal(Schedule(), await unit.Store<IOperationScheduleStore>().LockAsync(Key, token));
                int now = Interlocked.Increment(ref inside);
                most = Math.Max(most, now);
                for (int look = 0; look < 10; look++)
                {
                    await unit.Store<IOperationRunStore>().FindRunningAsync(Key, token);
                }

                Interlocked.Decrement(ref inside);
                return now;
            },
            None))));

        Assert.Equal(1, most);
        Assert.Null(await In<IOperationScheduleStore, OperationSchedule?>(store => store.LockAsync("tests.other", None)));
    }

    [Fact]
    public async Task Hold_Locked_IsChangedByNobodyElseMeanwhile()
    {
        AutomationHold hold = new("mending", Ada, Start, null);
        await In<IAutomationHoldStore>(store => store.SaveAsync(hold with { Reason = "0" }, None));

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => In<IAutomationHoldStore>(
            async store =>
            {
                AutomationHold held = (await store.LockAsync(None))!;
                await store.SaveAsync(hold with { Reason = $"{int.Parse(held.Reason, CultureInfo.InvariantCulture) + 1}" }, None);
            }))));

        Assert.Equal(hold with { Reason = "8" }, await In<IAutomationHoldStore, AutomationHold?>(store => store.LockAsync(None)));
    }

    [Fact]
    public async Task HeartbeatAndHold_LiveBesideEachOther()
    {
        Assert.Null(await Read<IOperationScheduleStore, DateTimeOffset?>(store => store.ReadHeartbeatAsync(None)));
        Assert.Null(await Read<IAutomationHoldStore, AutomationHold?>(store => store.FindAsync(None)));
        AutomationHold hold = new("it ends the wrong ones", Ada, Start, null);
        await In<IAutomationHoldStore>(store => store.SaveAsync(hold, None));
        await In<IOperationScheduleStore>(store => store.BeatAsync(Start, None));
        await In<IOperationScheduleStore>(store => store.BeatAsync(Start.AddSeconds(10), None));

        Assert.Equal(hold, await Read<IAutomationHoldStore, AutomationHold?>(store => store.FindAsync(None)));
        Assert.Equal(Start.AddSeconds(10), await Read<IOperationScheduleStore, DateTimeOffset?>(store => store.ReadHeartbeatAsync(None)));
        await In<IAutomationHoldStore>(store => store.SaveAsync(null, None));
        Assert.Null(await Read<IAutomationHoldStore, AutomationHold?>(store => store.FindAsync(None)));
        Assert.Equal(Start.AddSeconds(10), await Read<IOperationScheduleStore, DateTimeOffset?>(store => store.ReadHeartbeatAsync(None)));
    }

    [Fact]
    public async Task Run_WrittenAndRead_IsTheSame()
    {
        OperationRun run = Run() with { Reason = "of a test", Before = [new Figure("Rows", "7")], Attempt = 2, Resumes = NextId() };
        await In<IOperationRunStore>(store => store.AddAsync(run, None));

        OperationRun read = (await FindRun(run.Id))!;
        Assert.Equal(run.Before, read.Before);
        Assert.Equal(run with { Before = [], After = [] }, read with { Before = [], After = [] });
        Assert.Equal(run.Id, (await Read<IOperationRunStore, OperationRun?>(store => store.FindRunningAsync(Key, None)))!.Id);
    }

    [Fact]
    public async Task Run_SecondOfTheSameOperation_IsRefused()
    {
        await In<IOperationRunStore>(store => store.AddAsync(Run(), None));

        await Assert.ThrowsAnyAsync<Exception>(() => In<IOperationRunStore>(store => store.AddAsync(Run(number: 2), None)));

        await In<IOperationRunStore>(store => store.AddAsync(Run() with { Operation = "tests.other" }, None));
        Assert.Equal(2, (await List()).Runs.Count);
    }

    [Fact]
    public async Task Touch_CountsWhileItIsAtWork_AndIsRejectedAfterwards()
    {
        OperationRun run = Run();
        await In<IOperationRunStore>(store => store.AddAsync(run, None));
        foreach (ItemEnd? end in new ItemEnd?[] { ItemEnd.Done, ItemEnd.Done, ItemEnd.Ineligible, ItemEnd.Failed, null })
        {
            Assert.NotNull(await Touch(run, end));
        }

        Assert.Null(await In<IOperationRunStore, RunPulse?>(store => store.TouchAsync(run.Id, run.Number + 1, null, Start, None)));
        OperationRun counted = (await FindRun(run.Id))!;
        Assert.Equal((2, 1, 1), (counted.Done, counted.Ineligible, counted.Failed));
        Assert.Equal(Start.AddMinutes(9), counted.LeaseUntil);
        Assert.True(await In<IOperationRunStore, bool>(store => store.EndAsync(counted with { State = RunState.Succeeded, EndedAt = Start, Outcome = "ok", After = [new Figure("Rows", "0")] }, None)));

        Assert.Null(await Touch(run, ItemEnd.Done));
        Assert.False(await In<IOperationRunStore, bool>(store => store.EndAsync(counted with { State = RunState.Failed }, None)));
        OperationRun ended = (await FindRun(run.Id))!;
        Assert.Equal((RunState.Succeeded, "ok", 2), (ended.State, ended.Outcome, ended.Done));
        Assert.Equal("0", Assert.Single(ended.After).Value);
    }

    [Fact]
    public async Task Cancel_AskedOfARunAtWork_IsHeardByItsNextTouch()
    {
        OperationRun run = Run();
        await In<IOperationRunStore>(store => store.AddAsync(run, None));
        Assert.Null((await Touch(run, null))!.Cancel);
        CancelAsk ask = new(Ada, "enough", Start);
        Assert.True(await In<IOperationRunStore, bool>(store => store.AskCancelAsync(run.Id, ask, None)));

        Assert.Equal(ask, (await Touch(run, null))!.Cancel);
        await In<IOperationRunStore, bool>(store => store.EndAsync(run with { State = RunState.Cancelled, EndedAt = Start }, None));
        Assert.False(await In<IOperationRunStore, bool>(store => store.AskCancelAsync(run.Id, ask, None)));
    }

    [Fact]
    public async Task Unfinished_AreThoseAtWorkAndInterruptedOnesThatNobodyGoesOnFrom()
    {
        OperationRun atWork = Run() with { LeaseUntil = Start.AddSeconds(1) };
        OperationRun interrupted = Run() with { Operation = "tests.stopped", State = RunState.Interrupted, StartedAt = Start.AddHours(-1) };
        OperationRun resumed = Run() with { Operation = "tests.stopped", State = RunState.Interrupted, ResumedBy = NextId() };
        foreach (OperationRun run in new[] { atWork, interrupted, resumed, Ended(Key, Start) })
        {
            await In<IOperationRunStore>(store => store.AddAsync(run, None));
        }

        Assert.Equal([interrupted.Id, atWork.Id], (await Unfinished()).Select(run => run.Id));
        Assert.True(await In<IOperationRunStore, bool>(store => store.TrySetResumedByAsync(interrupted.Id, resumed.Id, None)));
        Assert.False(await In<IOperationRunStore, bool>(store => store.TrySetResumedByAsync(interrupted.Id, atWork.Id, None)));
        Assert.False(await In<IOperationRunStore, bool>(store => store.TryEndInterruptedAsync(resumed.Id, RunState.Failed, "no more", None)));
        Assert.Equal([atWork.Id], (await Unfinished()).Select(run => run.Id));
    }

    [Fact]
    public async Task Interruption_OfARunByItsLease_KeepsItsCounts_AndLeavesOneThatRenewedIt()
    {
        OperationRun run = Run() with { LeaseUntil = Start };
        await In<IOperationRunStore>(store => store.AddAsync(run, None));
        await Touch(run, ItemEnd.Done);
        Assert.False(await Interrupt(Start));
        Assert.Equal((RunState.Running, 1L), ((await FindRun(run.Id))!.State, (await FindRun(run.Id))!.Done));

        Assert.True(await Interrupt(Start.AddMinutes(9)));

        OperationRun ended = (await FindRun(run.Id))!;
        Assert.Equal((RunState.Interrupted, Start.AddMinutes(2), "not heard of", 1L), (ended.State, ended.EndedAt, ended.Outcome, ended.Done));
        Assert.Null(await Touch(run, ItemEnd.Done));
        Assert.False(await Interrupt(Start.AddMinutes(9)));

        Task<bool> Interrupt(DateTimeOffset lease) =>
            In<IOperationRunStore, bool>(store => store.TryInterruptAsync(run.Id, lease, Start.AddMinutes(2), "not heard of", None));
    }

    [Theory]
    [InlineData(RunState.Failed)]
    [InlineData(RunState.Cancelled)]
    public async Task End_OfAnInterruptedRun_IsForGood(RunState state)
    {
        OperationRun run = Run() with { State = RunState.Interrupted };
        await In<IOperationRunStore>(store => store.AddAsync(run, None));

        Assert.True(await In<IOperationRunStore, bool>(store => store.TryEndInterruptedAsync(run.Id, state, "no more", None)));

        Assert.Equal((state, "no more"), ((await FindRun(run.Id))!.State, (await FindRun(run.Id))!.Outcome));
        Assert.Empty(await Unfinished());
        Assert.False(await In<IOperationRunStore, bool>(store => store.TryEndInterruptedAsync(run.Id, state, "again", None)));
    }

    [Fact]
    public async Task Cancel_OfAnInterruptedRun_KeepsOthersFromGoingOnFromIt()
    {
        OperationRun run = Run() with { State = RunState.Interrupted };
        OperationRun resumed = Run() with { State = RunState.Interrupted, ResumedBy = NextId() };
        await In<IOperationRunStore>(store => store.AddAsync(run, None));
        await In<IOperationRunStore>(store => store.AddAsync(resumed, None));
        CancelAsk ask = new(Ada, "enough", Start);

        Assert.True(await In<IOperationRunStore, bool>(store => store.AskCancelAsync(run.Id, ask, None)));
        Assert.False(await In<IOperationRunStore, bool>(store => store.AskCancelAsync(resumed.Id, ask, None)));

        Assert.False(await In<IOperationRunStore, bool>(store => store.TrySetResumedByAsync(run.Id, NextId(), None)));
        Assert.Equal(ask, Assert.Single(await Unfinished()).Cancel);
    }

    [Fact]
    public async Task Lines_AreKeptInOrder()
    {
        Guid run = NextId();
        await In<IOperationRunStore>(store => store.AppendLineAsync(run, Start, EventSeverity.Info, "first", None));
        await In<IOperationRunStore>(store => store.AppendLineAsync(NextId(), Start, EventSeverity.Info, "of another", None));
        await In<IOperationRunStore>(store => store.AppendLineAsync(run, Start.AddSeconds(1), EventSeverity.Error, "second", None));

        Assert.Equal(
            [new RunLine(1, Start, EventSeverity.Info, "first"), new RunLine(2, Start.AddSeconds(1), EventSeverity.Error, "second")],
            await Read<IOperationRunStore, IReadOnlyList<RunLine>>(store => store.ListLinesAsync(run, None)));
    }

    [Fact]
    public async Task List_PageByPage_GivesEachOnceNewestFirst()
    {
        for (int number = 0; number < 7; number++)
        {
            // Three share an instant: the page may end among them.
            await In<IOperationRunStore>(store => store.AddAsync(Ended(Key, Start.AddSeconds(number is >= 2 and <= 4 ? 2 : number)), None));
        }

        List<OperationRun> seen = [];
        RunCursor? after = null;
        do
        {
            RunPage page = await List(after: after, size: 2);
            seen.AddRange(page.Runs);
            after = page.Next;
        }
        while (after is not null);

        Assert.Equal(7, seen.Select(run => run.Id).Distinct().Count());
        Assert.Equal(seen.Select(run => run.StartedAt).OrderDescending(), seen.Select(run => run.StartedAt));
    }

    [Fact]
    public async Task List_Filtered_FindsByOperationStateAndText()
    {
        OperationRun one = Ended(Key, Start) with { Outcome = "3 of 3 done", State = RunState.Succeeded };
        OperationRun two = Ended("tests.other", Start) with { Outcome = "100%_of it failed", State = RunState.Failed, StartedBy = Ada, Reason = "Because Of It" };
        await In<IOperationRunStore>(store => store.AddAsync(one, None));
        await In<IOperationRunStore>(store => store.AddAsync(two, None));

        Assert.Equal(one.Id, Assert.Single((await List(RunFilter.All with { Operation = Key })).Runs).Id);
        Assert.Equal(two.Id, Assert.Single((await List(RunFilter.All with { States = [RunState.Failed, RunState.Cancelled] })).Runs).Id);
        Assert.Equal(two.Id, Assert.Single((await List(RunFilter.All with { Text = "because of" })).Runs).Id);
        Assert.Equal(two.Id, Assert.Single((await List(RunFilter.All with { Text = "ADA" })).Runs).Id);
        Assert.Equal(two.Id, Assert.Single((await List(RunFilter.All with { Text = "%_" })).Runs).Id);
        Assert.Equal(2, (await List(RunFilter.All with { Text = " of " })).Runs.Count);
        Assert.Empty((await List(RunFilter.All with { Operation = Key, Text = "ada" })).Runs);
    }

    [Fact]
    public async Task Old_RunsOfAMinutelyOperation_DoNotDisplaceAMonthlyOnes()
    {
        for (int number = 0; number < 12; number++)
        {
            OperationRun run = Ended("tests.minutely", Start.AddMinutes(number - 60));
            await In<IOperationRunStore>(store => store.AddAsync(run, None));
            await In<IOperationPlanStore>(store => store.AddAsync(Plan(run.Operation, items: 2) with { State = PlanState.Taken, Run = run.Id }, None));
            await In<IOperationRunStore>(store => store.AppendLineAsync(run.Id, Start, EventSeverity.Info, "did something", None));
        }

        for (int month = 1; month <= 4; month++)
        {
            await In<IOperationRunStore>(store => store.AddAsync(Ended("tests.monthly", Start.AddMonths(-month)), None));
        }

        OldRuns old = Assert.Single(await Read<IOperationRunStore, IReadOnlyList<OldRuns>>(store => store.CountOldAsync(Start, 5, None)));
        Assert.Equal(("tests.minutely", 7, Start.AddMinutes(-60), Start.AddMinutes(-54)), (old.Operation, old.Count, old.Oldest, old.Newest));
        Assert.Empty(await Read<IOperationRunStore, IReadOnlyList<OldRuns>>(store => store.CountOldAsync(Start.AddMinutes(-60), 5, None)));

        Assert.Equal(4, await Delete("tests.minutely", 4));
        Assert.Equal(3, await Delete("tests.minutely", 4));
        Assert.Equal(0, await Delete("tests.monthly", 4));
        RunPage left = await List();
        Assert.Equal(9, left.Runs.Count);
        Assert.Equal(4, left.Runs.Count(run => run.Operation == "tests.monthly"));

        Task<int> Delete(string operation, int most) => In<IOperationRunStore, int>(store => store.DeleteOldAsync(operation, Start, 5, most, None));
    }

    [Fact]
    public async Task Plan_WrittenAndRead_HasItsHash()
    {
        OperationPlan plan = Plan(Key, items: 3);
        await In<IOperationPlanStore>(store => store.AddAsync(plan, None));

        OperationPlan read = (await Read<IOperationPlanStore, OperationPlan?>(store => store.FindAsync(plan.Id, None)))!;
        IReadOnlyList<PlannedItem> items = await Items(plan.Id);
        Assert.Equal(plan.Hash, (read.Draft with { Items = [.. items.Select(item => item.Item)] }).Hash());
        Assert.Equal((Key, "inst0001", PlanState.Open, 2, "no more", Ada), (read.Operation, read.Installation, read.State, read.Draft.WithinCaps, read.Draft.CapWords, read.MadeBy));
        Assert.Equal(plan.Draft.Items, items.Select(item => item.Item));
        Assert.Equal([2, 3], (await Read<IOperationPlanStore, IReadOnlyList<PlannedItem>>(store => store.ListItemsAsync(plan.Id, 1, 10, None))).Select(item => item.Number));
    }

    [Fact]
    public async Task Records_WithEveryFieldGiven_AreReadBackWhole()
    {
        await Add(Schedule());
        OperationSchedule schedule = Whole.Filled(new OperationSchedule(
            Key, "0 0 2 * * ?", "Europe/Berlin", CatchUp.Never, true, new OperationPause("mending", Ada, Start, Start.AddHours(2)), Start.AddHours(1))
        {
            InForceFrom = Start.AddMinutes(7),
        });
        await In<IOperationScheduleStore>(store => store.SaveTimesAsync(schedule, None));
        await In<IOperationScheduleStore>(store => store.SavePauseAsync(Key, schedule.Pause, None));
        await In<IOperationScheduleStore>(store => store.SetAccountedAsync(Key, schedule.AccountedUntil, None));
        AutomationHold hold = Whole.Filled(new AutomationHold("it ends the wrong ones", Ada, Start, Start.AddHours(3)));
        await In<IAutomationHoldStore>(store => store.SaveAsync(hold, None));
        OperationRun run = Whole.Filled(Run(number: 7) with
        {
            Trigger = RunTrigger.Person,
            StartedBy = Ada,
            Reason = "of a test",
            State = RunState.PartlyFailed,
            EndedAt = Start.AddMinutes(1),
            Plan = NextId(),
            Planned = 9,
            Done = 5,
            Ineligible = 3,
            Failed = 1,
            Outcome = "5 of 9 done",
            Cancel = new CancelAsk(Ada, "enough", Start),
            Resumes = NextId(),
            ResumedBy = NextId(),
            Attempt = 2,
            Before = [new Figure("Rows", "7")],
            After = [new Figure("Rows", "2")],
        });
        await In<IOperationRunStore>(store => store.AddAsync(run, None));
        RunLine line = Whole.Filled(new RunLine(1, Start, EventSeverity.Error, "first"));
        await In<IOperationRunStore>(store => store.AppendLineAsync(run.Id, line.At, line.Severity, line.Text, None));
        Occurrence occurrence = Whole.Filled(new Occurrence(Key, Start, OccurrenceState.Missed, "down", NextId(), NextId(), Start.AddHours(1)));
        await In<IOccurrenceStore>(store => store.TryAddAsync(occurrence with { MadeUpBy = null }, None));
        await In<IOccurrenceStore>(store => store.MakeUpAsync(Key, Start, occurrence.MadeUpBy!.Value, None));

        Whole.Same(schedule, await FindSchedule());
        Whole.Same(hold, await Read<IAutomationHoldStore, AutomationHold?>(store => store.FindAsync(None)));
        Whole.Same(run, await FindRun(run.Id));
        Whole.Same(line, Assert.Single(await Read<IOperationRunStore, IReadOnlyList<RunLine>>(store => store.ListLinesAsync(run.Id, None))));
        Whole.Same(occurrence, await Read<IOccurrenceStore, Occurrence?>(store => store.FindAsync(Key, Start, None)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Plan_WithEveryFieldGiven_IsReadBackWhole(bool isReadable)
    {
        PlanItem item = new("target-1", "end", "nothing needs it") { Label = "a name", Bytes = 5, Money = new Usd(7), Detail = "{}" };
        PlanDraft draft = PlanDraft.OfSet(Start, "rows of a test", "p", 7, [item]) with { Totals = [new Figure("Rows", "1")], WithinCaps = 2, CapWords = "no more" };
        OperationPlan plan = Whole.Filled(new OperationPlan(NextId(), Key, "inst0001", draft, draft.Hash(), Ada, Start, PlanState.Taken, NextId()) { IsReadable = true })
            with { IsReadable = isReadable };
        await In<IOperationPlanStore>(store => store.AddAsync(plan, None));
        PlannedItem ended = Whole.Filled(new PlannedItem(1, item, ItemOutcome.Failed("the disk is full"), Start.AddMinutes(1)));
        await In<IOperationPlanStore>(store => store.TryEndItemAsync(plan.Id, 1, ended.Outcome!, ended.EndedAt!.Value, None));
        OperationPlan waiting = plan with { Id = NextId(), State = PlanState.AwaitsApproval, Run = null };
        await In<IOperationPlanStore>(store => store.AddAsync(waiting, None));

        OperationPlan read = (await Read<IOperationPlanStore, OperationPlan?>(store => store.FindAsync(plan.Id, None)))!;
        IReadOnlyList<PlannedItem> items = await Items(plan.Id);
        Whole.Same(plan, read with { Draft = read.Draft with { Items = [.. items.Select(one => one.Item)] } });
        Whole.Same(ended, Assert.Single(items));
        Whole.Same(
            waiting with { Draft = draft with { Items = [] } },
            Assert.Single(await Read<IOperationPlanStore, IReadOnlyList<OperationPlan>>(store => store.ListAwaitingAsync(None))));
    }

    [Fact]
    public async Task Plan_TakenByManyAtOnce_GoesToOne()
    {
        OperationPlan plan = Plan(Key);
        await In<IOperationPlanStore>(store => store.AddAsync(plan, None));
        Guid[] takers = [.. Enumerable.Range(0, 8).Select(_ => NextId())];

        bool[] taken = await Task.WhenAll(takers.Select(run => Task.Run(() => In<IOperationPlanStore, bool>(store => store.TryTakeAsync(plan.Id, run, None)))));

        Assert.Single(taken, one => one);
        Guid next = NextId();
        await In<IOperationPlanStore>(store => store.HandOnAsync(plan.Id, next, None));
        OperationPlan read = (await Read<IOperationPlanStore, OperationPlan?>(store => store.FindAsync(plan.Id, None)))!;
        Assert.Equal((PlanState.Taken, next), (read.State, read.Run));
    }

    [Fact]
    public async Task Item_EndedTwice_KeepsTheFirstOutcome()
    {
        OperationPlan plan = Plan(Key, items: 2);
        await In<IOperationPlanStore>(store => store.AddAsync(plan, None));

        Assert.True(await In<IOperationPlanStore, bool>(store => store.TryEndItemAsync(plan.Id, 2, ItemOutcome.Ineligible("it is gone"), Start, None)));
        Assert.False(await In<IOperationPlanStore, bool>(store => store.TryEndItemAsync(plan.Id, 2, ItemOutcome.Done, Start, None)));

        IReadOnlyList<PlannedItem> items = await Items(plan.Id);
        Assert.Null(items[0].Outcome);
        Assert.Equal((ItemOutcome.Ineligible("it is gone"), Start), (items[1].Outcome, items[1].EndedAt));
    }

    [Fact]
    public async Task Awaiting_GiveWayToANewerLook()
    {
        OperationPlan mine = Plan(Key) with { State = PlanState.AwaitsApproval };
        OperationPlan others = Plan("tests.other") with { State = PlanState.AwaitsApproval, MadeAt = Start.AddMinutes(1) };
        await In<IOperationPlanStore>(store => store.AddAsync(mine, None));
        await In<IOperationPlanStore>(store => store.AddAsync(others, None));
        await In<IOperationPlanStore>(store => store.AddAsync(Plan(Key), None));
        Assert.Equal([mine.Id, others.Id], (await Awaiting()).Select(plan => plan.Id));

        // A look of before it leaves it.
        await In<IOperationPlanStore>(store => store.SupersedeAsync(Key, Start.AddMilliseconds(-1), Start, None));
        Assert.Equal(2, (await Awaiting()).Count);
        await In<IOperationPlanStore>(store => store.SupersedeAsync(Key, Start, Start, None));

        Assert.Equal([others.Id], (await Awaiting()).Select(plan => plan.Id));
        await In<IOperationPlanStore>(store => store.SupersedeAsync("tests.other", Start.AddHours(-1), Start.AddMilliseconds(-1), None));
        Assert.Empty(await Awaiting());
        Assert.False(await In<IOperationPlanStore, bool>(store => store.TryTakeAsync(mine.Id, NextId(), None)));

        Task<IReadOnlyList<OperationPlan>> Awaiting() => Read<IOperationPlanStore, IReadOnlyList<OperationPlan>>(store => store.ListAwaitingAsync(None));
    }

    [Fact]
    public async Task Untaken_OldPlans_AreDeleted()
    {
        OperationPlan old = Plan(Key) with { MadeAt = Start.AddDays(-8) };
        OperationPlan taken = Plan(Key) with { MadeAt = Start.AddDays(-8), State = PlanState.Taken, Run = NextId() };
        OperationPlan waiting = Plan(Key) with { MadeAt = Start.AddDays(-8), State = PlanState.AwaitsApproval };
        OperationPlan young = Plan(Key);
        foreach (OperationPlan plan in new[] { old, taken, waiting, young })
        {
            await In<IOperationPlanStore>(store => store.AddAsync(plan, None));
        }

        Assert.True(await AnyAsync());
        Assert.Equal(1, await In<IOperationPlanStore, int>(store => store.DeleteUntakenAsync(Start.AddDays(-7), 10, None)));
        Assert.False(await AnyAsync());

        Assert.Null(await Read<IOperationPlanStore, OperationPlan?>(store => store.FindAsync(old.Id, None)));
        Assert.Empty(await Items(old.Id));
        Assert.NotNull(await Read<IOperationPlanStore, OperationPlan?>(store => store.FindAsync(taken.Id, None)));
        Assert.NotNull(await Read<IOperationPlanStore, OperationPlan?>(store => store.FindAsync(waiting.Id, None)));
        Assert.NotNull(await Read<IOperationPlanStore, OperationPlan?>(store => store.FindAsync(young.Id, None)));

        Task<bool> AnyAsync() => Read<IOperationPlanStore, bool>(store => store.AnyUntakenAsync(Start.AddDays(-7), None));
    }

    [Fact]
    public async Task Instant_ClaimedByManyAtOnce_HasOneRow()
    {
        Occurrence[] claims = [.. Enumerable.Range(0, 8).Select(_ => Claimed(Start))];

        bool[] added = await Task.WhenAll(claims.Select(claim => Task.Run(() => In<IOccurrenceStore, bool>(store => store.TryAddAsync(claim, None)))));

        Assert.Single(added, one => one);
        Occurrence kept = (await Read<IOccurrenceStore, Occurrence?>(store => store.FindAsync(Key, Start, None)))!;
        Assert.Contains(kept, claims);
    }

    [Fact]
    public async Task Instants_AddedTogether_LeaveThoseThatAreThereAsTheyAre()
    {
        Occurrence there = Claimed(Start.AddMinutes(7));
        await In<IOccurrenceStore, bool>(store => store.TryAddAsync(there, None));
        Occurrence[] all =
        [
            .. Enumerable.Range(0, 1_999).Select(minute => new Occurrence(Key, Start.AddMinutes(minute), OccurrenceState.Skipped, "paused", null, null, Start.AddDays(2))),
            new(Key, Start.AddMinutes(1_999), OccurrenceState.Owed, null, null, null, null),
        ];

        Assert.Equal(all.Where(one => one.Instant != there.Instant), await In<IOccurrenceStore, IReadOnlyList<Occurrence>>(store => store.AddAsync(all, None)));

        Assert.Equal(
            all.Select(one => one.Instant == there.Instant ? there : one),
            await Read<IOccurrenceStore, IReadOnlyList<Occurrence>>(store => store.ListAsync(Key, Start.AddMinutes(-1), Start.AddDays(2), None)));
        Assert.Empty(await In<IOccurrenceStore, IReadOnlyList<Occurrence>>(store => store.AddAsync(all, None)));
        Assert.Empty(await In<IOccurrenceStore, IReadOnlyList<Occurrence>>(store => store.AddAsync([], None)));
    }

    [Fact]
    public async Task Instant_OnceEnded_StaysAsItIs()
    {
        await In<IOccurrenceStore, bool>(store => store.TryAddAsync(Claimed(Start) with { State = OccurrenceState.Owed, Run = null }, None));
        Guid run = NextId();
        Assert.Equal(OccurrenceState.Owed, Assert.Single(await Open()).State);
        Assert.True(await In<IOccurrenceStore, bool>(store => store.TryClaimAsync(Key, Start, run, None)));
        Assert.True(await In<IOccurrenceStore, bool>(store => store.TryEndAsync(Key, Start, OccurrenceState.Late, null, Start.AddHours(1), None)));

        Assert.False(await In<IOccurrenceStore, bool>(store => store.TryEndAsync(Key, Start, OccurrenceState.Missed, "no", Start.AddHours(2), None)));
        Assert.False(await In<IOccurrenceStore, bool>(store => store.TryClaimAsync(Key, Start, NextId(), None)));

        Assert.Equal(
            new Occurrence(Key, Start, OccurrenceState.Late, null, run, null, Start.AddHours(1)), await Read<IOccurrenceStore, Occurrence?>(store => store.FindAsync(Key, Start, None)));
        Assert.Empty(await Open());
    }

    [Fact]
    public async Task Missed_UpToAnInstant_AreMadeUpForOnce()
    {
        foreach (int hour in new[] { 0, 1, 2 })
        {
            await In<IOccurrenceStore, bool>(store => store.TryAddAsync(new Occurrence(Key, Start.AddHours(hour), OccurrenceState.Missed, "down", null, null, Start.AddHours(5)), None));
        }

        await In<IOccurrenceStore, bool>(store => store.TryAddAsync(new Occurrence(Key, Start.AddMinutes(30), OccurrenceState.Skipped, "paused", null, null, Start), None));
        Guid run = NextId();

        Assert.Equal(2, await In<IOccurrenceStore, int>(store => store.MakeUpAsync(Key, Start.AddHours(1), run, None)));
        Assert.Equal(1, await In<IOccurrenceStore, int>(store => store.MakeUpAsync(Key, Start.AddHours(2), NextId(), None)));

        IReadOnlyList<Occurrence> all = await Read<IOccurrenceStore, IReadOnlyList<Occurrence>>(store => store.ListAsync(Key, Start.AddMinutes(-1), Start.AddHours(2), None));
        Assert.Equal([run, null, run], all.Take(3).Select(one => one.MadeUpBy));
        Assert.Equal(3, (await Read<IOccurrenceStore, IReadOnlyList<Occurrence>>(store => store.ListAsync(Key, Start, Start.AddHours(2), None))).Count);
        Assert.Equal(
            [Start.AddHours(2), Start.AddHours(1), Start.AddMinutes(30)],
            (await Read<IOccurrenceStore, IReadOnlyList<Occurrence>>(store => store.ListNewestAsync(Key, 3, None))).Select(one => one.Instant));
        Assert.Empty(await Read<IOccurrenceStore, IReadOnlyList<Occurrence>>(store => store.ListNewestAsync("tests.other", 3, None)));
    }

    [Fact]
    public async Task Instants_ThatAClockAheadHasClosedWithoutARun_AreFoundAndDeleted_AndNoOthers()
    {
        Guid run = NextId();
        DateTimeOffset later = Start.AddDays(1);
        Occurrence[] kept =
        [
            new(Key, Start.AddHours(-4), OccurrenceState.Missed, "down", null, null, Start),
            new(Key, Start.AddHours(-2), OccurrenceState.Skipped, "paused", null, null, later),
            new(Key, Start.AddHours(-1), OccurrenceState.Owed, null, null, null, null),
            new(Key, Start.AddHours(2), OccurrenceState.Late, null, run, null, later),
            new(Key, Start.AddHours(4), OccurrenceState.Claimed, null, run, null, null),
        ];
        Occurrence[] ahead =
        [
            new(Key, Start.AddHours(-3), OccurrenceState.Missed, "down", null, null, later),
            new(Key, Start.AddHours(1), OccurrenceState.Missed, "down", null, null, later),
            new(Key, Start.AddHours(3), OccurrenceState.Skipped, "paused", null, null, later),
            new(Key, Start.AddHours(5), OccurrenceState.Owed, null, null, null, null),
        ];
        Occurrence other = ahead[1] with { Operation = "tests.other" };
        foreach (Occurrence one in kept.Concat(ahead).Append(other))
        {
            Assert.True(await In<IOccurrenceStore, bool>(store => store.TryAddAsync(one, None)));
        }

        Assert.Equal(Start.AddHours(-3), await Read<IOccurrenceStore, DateTimeOffset?>(store => store.FindAheadAsync(Key, Start, None)));
        Assert.Equal(3, await In<IOccurrenceStore, int>(store => store.DeleteAheadAsync(Key, Start, Start.AddHours(-3), None)));
        Assert.Equal(ahead[0], await Read<IOccurrenceStore, Occurrence?>(store => store.FindAsync(Key, ahead[0].Instant, None)));
        Assert.Equal(1, await In<IOccurrenceStore, int>(store => store.DeleteAheadAsync(Key, Start, Start.AddHours(-3).AddMilliseconds(-1), None)));

        Assert.Null(await Read<IOccurrenceStore, DateTimeOffset?>(store => store.FindAheadAsync(Key, Start, None)));
        Assert.Equal(kept, await Read<IOccurrenceStore, IReadOnlyList<Occurrence>>(store => store.ListAsync(Key, Start.AddDays(-1), later, None)));
        Assert.Equal(other, await Read<IOccurrenceStore, Occurrence?>(store => store.FindAsync("tests.other", other.Instant, None)));
        Assert.Equal([Start.AddHours(-1), Start.AddHours(4)], (await Open()).Select(one => one.Instant));
        Assert.True(await In<IOccurrenceStore, bool>(store => store.TryAddAsync(Claimed(Start.AddHours(1)), None)));
    }

    [Fact]
    public async Task Days_CountByUtcDayAndState()
    {
        foreach ((int hours, OccurrenceState state) in new[] { (0, OccurrenceState.Ran), (1, OccurrenceState.Ran), (2, OccurrenceState.Missed), (12, OccurrenceState.Late), (40, OccurrenceState.Ran) })
        {
            await In<IOccurrenceStore, bool>(store => store.TryAddAsync(new Occurrence(Key, Start.AddHours(hours), state, null, null, null, Start), None));
        }

        await In<IOccurrenceStore, bool>(store => store.TryAddAsync(new Occurrence("tests.other", Start, OccurrenceState.Ran, null, null, null, Start), None));
        DateOnly day = DateOnly.FromDateTime(Start.UtcDateTime);

        Assert.Equal(
            [new OccurrenceDay(day, OccurrenceState.Ran, 2), new OccurrenceDay(day, OccurrenceState.Missed, 1), new OccurrenceDay(day.AddDays(1), OccurrenceState.Late, 1)],
            await Read<IOccurrenceStore, IReadOnlyList<OccurrenceDay>>(store => store.CountByDayAsync(Key, Start, Start.AddHours(40), None)));
    }

    [Fact]
    public async Task Days_CountApartWhatARunFailedFor_AlsoWhenTheRunIsGone()
    {
        OperationRun failed = Run() with { State = RunState.PartlyFailed, EndedAt = Start };
        OperationRun cancelled = Run() with { State = RunState.Cancelled, EndedAt = Start };
        await In<IOperationRunStore>(store => store.AddAsync(failed, None));
        await In<IOperationRunStore>(store => store.AddAsync(cancelled, None));
        (Guid Run, OccurrenceState State, string? Why)[] ends =
        [
            (failed.Id, OccurrenceState.Ran, null),
            (cancelled.Id, OccurrenceState.Ran, "Cancelled by ada"),
            (NextId(), OccurrenceState.Ran, "0 of 1 done, 1 failed."),
            (NextId(), OccurrenceState.Ran, null),
            (NextId(), OccurrenceState.Late, "it could not look"),
        ];
        for (int hour = 0; hour < ends.Length; hour++)
        {
            Occurrence one = new(Key, Start.AddHours(hour), ends[hour].State, ends[hour].Why, ends[hour].Run, null, Start);
            await In<IOccurrenceStore, bool>(store => store.TryAddAsync(one, None));
        }

        await In<IOccurrenceStore, bool>(store => store.TryAddAsync(new Occurrence(Key, Start.AddHours(9), OccurrenceState.Skipped, "paused", null, null, Start), None));
        DateOnly day = DateOnly.FromDateTime(Start.UtcDateTime);

        Assert.Equal(
            [
                new OccurrenceDay(day, OccurrenceState.Ran, 2), new OccurrenceDay(day, OccurrenceState.Ran, 2, HasFailed: true),
                new OccurrenceDay(day, OccurrenceState.Late, 1, HasFailed: true), new OccurrenceDay(day, OccurrenceState.Skipped, 1),
            ],
            await Read<IOccurrenceStore, IReadOnlyList<OccurrenceDay>>(store => store.CountByDayAsync(Key, Start, Start.AddHours(11), None)));
    }

    [Fact]
    public async Task Plans_AreFoundByTheirIds_WithoutTheirItems()
    {
        OperationPlan[] plans = [Plan(Key, items: 2), Plan(Key), Plan(Key)];
        foreach (OperationPlan plan in plans)
        {
            await In<IOperationPlanStore>(store => store.AddAsync(plan, None));
        }

        IReadOnlyList<OperationPlan> found = await Read<IOperationPlanStore, IReadOnlyList<OperationPlan>>(store => store.ListAsync([plans[2].Id, plans[0].Id, NextId()], None));

        Assert.Equal(plans.Where(plan => plan != plans[1]).Select(plan => plan.Id).Order(), found.Select(plan => plan.Id).Order());
        Assert.All(found, plan => Assert.Empty(plan.Draft.Items));
        Assert.Empty(await Read<IOperationPlanStore, IReadOnlyList<OperationPlan>>(store => store.ListAsync([], None)));
    }

    [Fact]
    public async Task OldInstants_AreDeletedUnlessOpen()
    {
        await In<IOccurrenceStore, bool>(store => store.TryAddAsync(new Occurrence(Key, Start, OccurrenceState.Ran, null, null, null, Start), None));
        await In<IOccurrenceStore, bool>(store => store.TryAddAsync(Claimed(Start.AddHours(1)), None));
        await In<IOccurrenceStore, bool>(store => store.TryAddAsync(new Occurrence(Key, Start.AddHours(2), OccurrenceState.Ran, null, null, null, Start), None));

        Assert.True(await AnyAsync());
        Assert.Equal(1, await In<IOccurrenceStore, int>(store => store.DeleteBeforeAsync(Start.AddHours(2), 10, None)));
        Assert.False(await AnyAsync());

        Assert.Equal(2, (await Read<IOccurrenceStore, IReadOnlyList<Occurrence>>(store => store.ListAsync(Key, Start.AddHours(-1), Start.AddHours(9), None))).Count);

        Task<bool> AnyAsync() => Read<IOccurrenceStore, bool>(store => store.AnyBeforeAsync(Start.AddHours(2), None));
    }

    private static OperationSchedule Schedule() => new(Key, "0 0 * * * ?", OperationSchedule.Utc, CatchUp.Once, false, null, Start);

    private OperationRun Run(long number = 1) => new()
    {
        Id = NextId(),
        Operation = Key,
        Number = number,
        Trigger = RunTrigger.Schedule,
        Instant = Start,
        StartedBy = Actor.Portal(Key),
        State = RunState.Running,
        StartedAt = Start,
        Instance = "host-1",
        LeaseUntil = Start.AddSeconds(30),
    };

    private OperationRun Ended(string operation, DateTimeOffset at) => Run() with { Operation = operation, StartedAt = at, EndedAt = at, State = RunState.Succeeded };

    private static Occurrence Claimed(DateTimeOffset at, Guid run) => new(Key, at, OccurrenceState.Claimed, null, run, null, null);

    private Occurrence Claimed(DateTimeOffset at) => Claimed(at, NextId());

    private OperationPlan Plan(string operation, int items = 1)
    {
        PlanDraft draft = PlanDraft.OfItems(
            Start,
            [.. Enumerable.Range(1, items).Select(number => new PlanItem($"target-{number}", "end", "nothing needs it") { Label = "a name", Bytes = 5, Money = new Usd(7), Detail = "{}" })]) with
        {
            WithinCaps = 2,
            CapWords = "no more",
            Totals = [new Figure("Rows", "1")],
        };
        return new OperationPlan(NextId(), operation, "inst0001", draft, draft.Hash(), Ada, Start, PlanState.Open, null) { IsReadable = true };
    }

    private Task<bool> Add(OperationSchedule schedule) => In<IOperationScheduleStore, bool>(store => store.TryAddAsync(schedule, None));

    private Task<OperationSchedule?> FindSchedule() => Read<IOperationScheduleStore, OperationSchedule?>(store => store.FindAsync(Key, None));

    private Task<OperationRun?> FindRun(Guid id) => Read<IOperationRunStore, OperationRun?>(store => store.FindAsync(id, None));

    private Task<RunPulse?> Touch(OperationRun run, ItemEnd? ended) =>
        In<IOperationRunStore, RunPulse?>(store => store.TouchAsync(run.Id, run.Number, ended, Start.AddMinutes(9), None));

    private Task<IReadOnlyList<OperationRun>> Unfinished() => Read<IOperationRunStore, IReadOnlyList<OperationRun>>(store => store.ListUnfinishedAsync(None));

    private Task<RunPage> List(RunFilter? filter = null, RunCursor? after = null, int size = 50) =>
        Read<IOperationRunStore, RunPage>(store => store.ListAsync(filter ?? RunFilter.All, after, size, None));

    private Task<IReadOnlyList<PlannedItem>> Items(Guid plan) => Read<IOperationPlanStore, IReadOnlyList<PlannedItem>>(store => store.ListItemsAsync(plan, 0, 100, None));

    private Task<IReadOnlyList<Occurrence>> Open() => Read<IOccurrenceStore, IReadOnlyList<Occurrence>>(store => store.ListOpenAsync(None));
}
