using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>Clocks that are set, or that nobody vouches for, while the process's own time goes on: what was decided by them, and what waits for a better one.</summary>
public sealed class OperationDoubtTests
{
    private const string Key = "tests.work";
    private const string Harmless = "tests.harmless";
    private static readonly DateTimeOffset Start = OperationHouse.Start;

    private readonly List<string> todo = ["a", "b", "c"];
    private readonly TestItems operation;
    private readonly TestItems harmless = new(Harmless, () => ["x"]) { Info = new(Harmless, "Harmless", "Looks.", "0 0 * * * ?", "tests:run") };
    private readonly SettableClock clock = new(Start);
    private readonly OperationHouse house;

    public OperationDoubtTests()
    {
        operation = new TestItems(Key, () => todo);
        house = new OperationHouse(clock, null, [operation, harmless]);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task KillSwitchAndPause_PressedUnderAClockAhead_HoldWhenItIsSetRight()
    {
        await OldAsync();
        DateTimeOffset right = clock.GetUtcNow();
        clock.Set(right.AddDays(1));
        house.Clocks.NoteAhead(TimeSpan.FromDays(1));
        await house.Desk.HoldAutomationAsync("stop", null, OperationHouse.Ada, Token);
        await house.Desk.PauseAsync(Harmless, "mending", null, OperationHouse.Ada, Token);
        clock.Set(right);
        house.Clocks.NoteAhead(TimeSpan.Zero);

        clock.SetUtcNow(Start.AddHours(1));
        StartOutcome.Skipped held = Assert.IsType<StartOutcome.Skipped>(await house.FireAsync(Key, Start.AddHours(1)));
        StartOutcome.Skipped paused = Assert.IsType<StartOutcome.Skipped>(await house.FireAsync(Harmless, Start.AddHours(1)));
        clock.Advance(TimeSpan.FromHours(2.5));
        Assert.Empty(await house.TickAsync());

        Assert.Equal(("Destructive automation is held by ada: stop", "Paused by ada: mending"), (held.Why, paused.Why));
        Assert.Empty(operation.Done);
        Assert.Empty(harmless.Done);
        Assert.Equal([true], house.Told(OperationIncidents.AutomationHeld));
        await house.Desk.ReleaseAutomationAsync(null, OperationHouse.Ada, Token);
        Assert.IsType<StartOutcome.Started>(await house.FireAsync(Key, Start.AddHours(4)));
    }

    [Fact]
    public async Task DatabaseOnTheSameMachine_VouchesForNothing()
    {
        DateTimeOffset until = Start.AddDays(3);
        await OldAsync();
        await house.Desk.HoldAutomationAsync("stop", until, OperationHouse.Ada, Token);
        await house.Desk.PauseAsync(Harmless, "mending", until, OperationHouse.Ada, Token);
        OperationHouse next = Next();
        DateTimeOffset right = clock.GetUtcNow();
        clock.Set(right.AddDays(7));
        AgreeDatabase(next);
        await next.TickAsync();

        Assert.Equal([true], house.Told(OperationIncidents.AutomationHeld));
        Assert.NotNull((await house.Database.Operations.FindAsync(Harmless, Token))!.Pause);
        clock.Set(right);
        AgreeDatabase(next);
        int known = house.Occurrences(Harmless).Count;
        await next.TickAsync();
        Assert.Equal(known, house.Occurrences(Harmless).Count);
        Assert.DoesNotContain(house.Database.Events, fact => fact.Kind == OperationEvents.TakenBack);

        next.Clocks.NoteAhead(TimeSpan.Zero);
        await next.TickAsync();
        Assert.Contains(house.Database.Events, fact => fact.Kind == OperationEvents.TakenBack);
        Assert.Equal([true], house.Told(OperationIncidents.AutomationHeld));
    }

    [Fact]
    public async Task Preview_ThatAClockAheadHasMade_IsRefusedWhenItIsSetBack()
    {
        await OldAsync();
        operation.AsOf = Start.AddDays(1);
        Guid plan = Assert.IsType<OperationCommand.Planned>(await house.Desk.PreviewAsync(Key, OperationHouse.Ada, Token)).Plan;

        FieldProblem problem = Assert.IsType<OperationCommand.Refused>(await house.Desk.ApplyAsync(Key, plan, "I have read it", OperationHouse.Ada, Token)).Problem;

        Assert.Contains("still to come", problem.Problem, StringComparison.Ordinal);
        clock.SetUtcNow(Start.AddDays(1));
        Assert.IsType<OperationCommand.Started>(await house.Desk.ApplyAsync(Key, plan, "I have read it", OperationHouse.Ada, Token));
    }

    [Fact]
    public async Task PlanThatWaits_OfALookThatIsStillToCome_GivesWayToATrueOne()
    {
        await OldAsync();
        DateTimeOffset right = clock.GetUtcNow();
        operation.WithinCaps = 1;
        clock.Set(Start.AddDays(1));
        house.Clocks.NoteAhead(TimeSpan.Zero);
        operation.AsOf = Start.AddDays(1);
        await house.FireAsync(Key, Start.AddHours(1));
        OperationPlan ahead = Assert.Single(house.Database.Operations.Plans.Rows, plan => plan.State == PlanState.AwaitsApproval);
        clock.Set(right);
        clock.SetUtcNow(Start.AddHours(2));
        operation.AsOf = Start.AddHours(2);
        house.Clocks.NoteAhead(TimeSpan.Zero);
        Assert.IsType<OperationCommand.Refused>(await house.Desk.ApplyAsync(Key, ahead.Id, "I have read it", OperationHouse.Ada, Token));

        await house.FireAsync(Key, Start.AddHours(2));

        OperationPlan waiting = Assert.Single(house.Database.Operations.Plans.Rows, plan => plan.State == PlanState.AwaitsApproval);
        Assert.Equal(Start.AddHours(2), waiting.Draft.AsOf);
        Assert.Equal(PlanState.Superseded, (await house.Database.Operations.Plans.FindAsync(ahead.Id, Token))!.State);
    }

    [Fact]
    public async Task Run_WhoseClockIsSetBackBehindItsLook_LooksAnew()
    {
        await OldAsync();
        operation.AsOf = Start.AddDays(1);
        clock.SetUtcNow(Start.AddHours(1));
        await house.FireAsync(Key, Start.AddHours(1));

        OperationRun interrupted = Assert.Single(house.Database.Operations.Runs.Rows);
        Assert.Equal(RunState.Interrupted, interrupted.State);
        Assert.Contains("still to come", interrupted.Outcome, StringComparison.Ordinal);
        Assert.Empty(operation.Done);
        operation.AsOf = clock.GetUtcNow();
        todo.Remove("c");
        OperationRun next = Assert.Single(await house.TickAsync(), run => run.Operation == Key);

        Assert.Equal((RunTrigger.Recovery, RunState.Succeeded, 2L), (next.Trigger, next.State, next.Planned));
        Assert.NotEqual(interrupted.Plan, next.Plan);
        Assert.Equal(["a", "b"], operation.Done);
    }

    [Fact]
    public async Task RunNow_UnderAnUnnoticedClockAhead_IsInterruptedWhenItIsNoticed_AndLooksAnewWhenItIsSetBack()
    {
        await OldAsync();
        DateTimeOffset right = clock.GetUtcNow();
        clock.Set(right.AddDays(1));
        operation.AsOf = clock.GetUtcNow();
        operation.Before = (word, _) =>
        {
            Assert.Equal("a", word);
            house.Clocks.NoteAhead(TimeSpan.FromDays(1));
            return Task.CompletedTask;
        };
        await house.Desk.RunNowAsync(Key, "now", OperationHouse.Ada, Token);
        OperationRun interrupted = await house.EndBegunAsync();
        Assert.Equal(RunState.Interrupted, interrupted.State);
        Assert.Empty(await house.TickAsync());

        clock.Set(right.AddMinutes(1));
        operation.AsOf = clock.GetUtcNow();
        operation.Before = null;
        todo.Remove("b");
        house.Clocks.NoteAhead(TimeSpan.Zero);
        OperationRun next = Assert.Single(await house.TickAsync());

        Assert.Equal((RunTrigger.Recovery, RunState.Succeeded), (next.Trigger, next.State));
        Assert.NotEqual(interrupted.Plan, next.Plan);
        Assert.Equal(["a", "a", "c"], operation.Done);
    }

    [Fact]
    public async Task PlanThatAPersonHasRead_OfAClockAhead_IsNotReplacedByOneThatNobodyHas()
    {
        await OldAsync();
        DateTimeOffset right = clock.GetUtcNow();
        clock.Set(right.AddDays(1));
        operation.AsOf = clock.GetUtcNow();
        Guid plan = Assert.IsType<OperationCommand.Planned>(await house.Desk.PreviewAsync(Key, OperationHouse.Ada, Token)).Plan;
        await house.Desk.ApplyAsync(Key, plan, "I have read it", OperationHouse.Ada, Token);
        OperationRun run = await StopAtAsync("b");
        clock.Set(right.AddMinutes(1));
        operation.AsOf = clock.GetUtcNow();

        // Nobody has said which of the two clocks is right: if it is this one that is behind, the plan is a good one.
        OperationHouse next = Next();
        Assert.Empty(await next.TickAsync());
        Assert.Equal(RunState.Interrupted, (await house.RunAsync(run.Id)).State);
        next.Clocks.NoteAhead(TimeSpan.Zero);
        Assert.Empty(await next.TickAsync());

        OperationRun ended = await house.RunAsync(run.Id);
        Assert.Equal(RunState.Failed, ended.State);
        Assert.Contains("preview again", ended.Outcome, StringComparison.Ordinal);
        Assert.Equal(["a"], operation.Done);
    }

    [Fact]
    public async Task RunNow_ThatWasInterruptedBeforeItsPlan_LooksByNoClockThatIsKnownToBeWrong()
    {
        await OldAsync();
        await house.Desk.RunNowAsync(Key, "now", OperationHouse.Ada, Token);
        using (CancellationTokenSource stopping = new())
        {
            operation.Looking = async token =>
            {
                await stopping.CancelAsync();
                token.ThrowIfCancellationRequested();
            };
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => house.EndAsync(house.Begun[^1], stopping.Token));
        }

        operation.Looking = null;
        house.Begun.Clear();
        OperationHouse next = Next();
        next.Clocks.NoteAhead(TimeSpan.FromMinutes(7));

        Assert.Empty(await next.TickAsync());
        Assert.Empty(operation.Done);

        next.Clocks.NoteAhead(TimeSpan.Zero);
        Assert.Equal(RunTrigger.Recovery, Assert.Single(await next.TickAsync()).Trigger);
        Assert.Equal(["a", "b", "c"], operation.Done);
    }

    [Fact]
    public async Task FirstLook_OfAMachineThatBootsDaysAhead_MakesUpForNothingThatNeedsTheRightTime()
    {
        await OldAsync();
        OperationHouse next = Next();
        DateTimeOffset right = clock.GetUtcNow();
        clock.Set(right.AddDays(2));
        await next.FillAsync();

        Assert.Equal(Harmless, Assert.Single(await next.TickAsync()).Operation);
        Assert.IsType<StartOutcome.Left>(await next.FireAsync(Key, Start.AddDays(2).AddHours(1)));
        next.Clocks.NoteAhead(TimeSpan.FromDays(2));
        await PassAsync(next, TimeSpan.FromMinutes(10));
        Assert.Empty(operation.Done);

        clock.Set(right.AddMinutes(10));
        next.Clocks.NoteAhead(TimeSpan.Zero);
        clock.SetUtcNow(Start.AddHours(1));
        Assert.IsType<StartOutcome.Started>(await next.FireAsync(Key, Start.AddHours(1)));
    }

    [Fact]
    public async Task FirstLook_WhereTheProviderCanNotBeReached_WaitsSomeMinutesAndGoesOn()
    {
        await OldAsync();
        clock.Advance(TimeSpan.FromHours(2));
        OperationHouse next = Next();
        AgreeDatabase(next);
        Assert.Equal(Harmless, Assert.Single(await next.TickAsync()).Operation);
        Assert.IsType<OperationCommand.Started>(await next.Desk.RunNowAsync(Key, "a person may", OperationHouse.Ada, Token));
        await next.EndBegunAsync();
        operation.Done.Clear();

        await PassAsync(next, TimeSpan.FromMinutes(4.5));
        Assert.Empty(operation.Done);
        await PassAsync(next, TimeSpan.FromMinutes(1));

        Assert.Equal(["a", "b", "c"], operation.Done);
        Assert.Equal(Start.AddHours(2), Assert.Single(house.Database.Operations.Runs.Rows, run => run is { Operation: Key, Trigger: RunTrigger.CatchUp }).Instant);
    }

    /// <summary>Long after its start: RunPod had vouched for the clock, and nobody contradicts it before RunPod is heard again.</summary>
    [Fact]
    public async Task MachineThatJumpsAhead_LaterInItsLife_BeginsNothingThatNeedsTheRightTime_UntilRunPodIsHeard()
    {
        await OldAsync();
        DateTimeOffset right = clock.GetUtcNow();
        clock.Set(right.AddDays(2));

        Assert.Equal(Harmless, Assert.Single(await house.TickAsync()).Operation);
        StartOutcome.Left left = Assert.IsType<StartOutcome.Left>(await house.FireAsync(Key, Start.AddDays(2).AddHours(1)));
        Assert.Contains("clock was set", left.Why, StringComparison.Ordinal);
        await PassAsync(house, TimeSpan.FromMinutes(4.5));
        Assert.Empty(operation.Done);
        house.Clocks.NoteAhead(TimeSpan.FromDays(2));
        await PassAsync(house, TimeSpan.FromMinutes(10));
        Assert.Empty(operation.Done);

        clock.Set(right.AddMinutes(15));
        house.Clocks.NoteAhead(TimeSpan.Zero);
        clock.SetUtcNow(Start.AddHours(1));
        Assert.IsType<StartOutcome.Started>(await house.FireAsync(Key, Start.AddHours(1)));
    }

    /// <summary>Nothing is wrong: it was fired at its instant, and only waits. Its grace is shorter than the wait.</summary>
    [Fact]
    public async Task Instant_ThatComesInAProcessesFirstMinutes_RunsWithRunPodsWord_AndIsNoIncident()
    {
        await OldAsync();
        await PassAsync(house, TimeSpan.FromMinutes(53));
        OperationHouse next = Next();
        next.Rules = next.Rules with { Grace = TimeSpan.FromMinutes(1) };
        await next.TickAsync();
        clock.SetUtcNow(Start.AddHours(1));
        Assert.IsType<StartOutcome.Left>(await next.FireAsync(Key, Start.AddHours(1)));
        await next.FireAsync(Harmless, Start.AddHours(1));
        await PassAsync(next, TimeSpan.FromMinutes(3));
        Assert.Empty(operation.Done);

        next.Clocks.NoteAhead(TimeSpan.Zero);
        OperationRun run = Assert.Single(await next.TickAsync());

        Assert.Equal((Key, (DateTimeOffset?)Start.AddHours(1), RunState.Succeeded), (run.Operation, run.Instant, run.State));
        Assert.Equal((OccurrenceState.Late, run.Id), (Assert.Single(house.Occurrences(Key)).State, house.Occurrences(Key)[0].Run));
        await PassAsync(next, TimeSpan.FromMinutes(10));
        Assert.DoesNotContain(true, house.Told(OperationIncidents.Missed));
    }

    [Fact]
    public async Task Instant_ThatAYoungPortalIsFiredAt_IsBegunByAnotherThatIsVouchedFor()
    {
        await OldAsync();
        await PassAsync(house, TimeSpan.FromMinutes(54));
        clock.SetUtcNow(Start.AddHours(1));
        OperationHouse next = Next();
        Assert.IsType<StartOutcome.Left>(await next.FireAsync(Key, Start.AddHours(1)));

        OperationRun run = Assert.Single(await house.TickAsync());

        Assert.Equal((Key, (DateTimeOffset?)Start.AddHours(1)), (run.Operation, run.Instant));
        Assert.IsType<StartOutcome.Accounted>(await next.FireAsync(Key, Start.AddHours(1)));
        Assert.DoesNotContain(true, house.Told(OperationIncidents.Missed));
    }

    [Fact]
    public async Task InstantsOfTheFirstMinutes_AreOneRun_AndAPauseThatBeganMeanwhileHoldsIt()
    {
        TestItems often = new("tests.often", () => ["a"], "0 * * * * ?");
        OperationHouse old = new(clock, null, [often]);
        await old.FillAsync();
        await old.TickAsync();
        OperationHouse next = new(clock, old.Database, [often], KnownClocks.New(clock));
        await next.TickAsync();
        for (int minute = 1; minute <= 3; minute++)
        {
            clock.SetUtcNow(Start.AddMinutes(minute));
            Assert.IsType<StartOutcome.Left>(await next.FireAsync("tests.often", Start.AddMinutes(minute)));
            await next.TickAsync();
        }

        next.Clocks.NoteAhead(TimeSpan.Zero);
        await next.Desk.PauseAsync("tests.often", "mending", Start.AddMinutes(4), OperationHouse.Ada, Token);
        Assert.Empty(await next.TickAsync());
        Assert.Equal(
            [OccurrenceState.Missed, OccurrenceState.Missed, OccurrenceState.Skipped], next.Occurrences("tests.often").Select(one => one.State));
        Assert.Equal("A newer instant took its place", next.Occurrences("tests.often")[0].Why);
        Assert.Empty(often.Done);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task InstantOfTheFirstMinutes_WithinAPauseOrAHold_IsSkipped_AlsoWhenThatEndsBeforeRunPodsWord(bool pause)
    {
        await OldAsync();
        DateTimeOffset until = Start.AddMinutes(62);
        Assert.IsNotType<OperationCommand.Refused>(pause
            ? await house.Desk.PauseAsync(Key, "mending", until, OperationHouse.Ada, Token)
            : await house.Desk.HoldAutomationAsync("mending", until, OperationHouse.Ada, Token));
        await PassAsync(house, TimeSpan.FromMinutes(52));
        OperationHouse next = Next();
        await next.TickAsync();
        clock.SetUtcNow(Start.AddHours(1));

        Assert.IsType<StartOutcome.Skipped>(await next.FireAsync(Key, Start.AddHours(1)));
        await PassAsync(next, TimeSpan.FromMinutes(3));
        next.Clocks.NoteAhead(TimeSpan.Zero);
        await next.TickAsync();

        Occurrence skipped = Assert.Single(next.Occurrences(Key));
        Assert.Equal(OccurrenceState.Skipped, skipped.State);
        Assert.EndsWith("by ada: mending", skipped.Why, StringComparison.Ordinal);
        Assert.Empty(operation.Done);
    }

    [Fact]
    public async Task InstantThatIsToStayMissed_IsNotRunHoursLater_WhenNoPortalWasVouchedForInTime()
    {
        TestItems daily = Never("0 0 13 * * ?");
        OperationHouse old = new(clock, null, [daily]);
        await old.FillAsync();
        await old.TickAsync();
        clock.SetUtcNow(Start.AddHours(1));
        OperationHouse next = new(clock, old.Database, [daily], KnownClocks.New(clock));
        Assert.IsType<StartOutcome.Left>(await next.FireAsync(Key, Start.AddHours(1)));
        await PassAsync(next, TimeSpan.FromMinutes(1));

        clock.Advance(TimeSpan.FromHours(5));
        OperationHouse later = new(clock, old.Database, [daily], KnownClocks.New(clock), life: 2);
        Assert.Empty((await later.Keeper.PreviewAsync(Token)).Owed);
        Assert.Empty(await later.TickAsync());
        Assert.Equal(OccurrenceState.Owed, Assert.Single(later.Occurrences(Key)).State);
        later.Clocks.NoteAhead(TimeSpan.Zero);
        Assert.Empty(await later.TickAsync());

        Occurrence missed = Assert.Single(later.Occurrences(Key));
        Assert.Equal((OccurrenceState.Missed, "No portal was vouched for in time"), (missed.State, missed.Why));
        Assert.Equal([true], later.Told(OperationIncidents.Missed));
        Assert.Empty(daily.Done);
        await PassAsync(later, TimeSpan.FromMinutes(10));
        Assert.Equal([true], later.Told(OperationIncidents.Missed));
    }

    /// <summary>Somebody has vouched soon; it was a person's run that kept it from beginning.</summary>
    [Fact]
    public async Task InstantThatIsToStayMissed_SaysThatAnotherRunWasAtWork()
    {
        OperationHouse next = await OwedAsync(Never("0 0 13 * * ?"));
        Assert.IsType<OperationCommand.Started>(await next.Desk.RunNowAsync(Key, "of a test", OperationHouse.Ada, Token));
        OperationRun manual = next.Begun[^1].Run;
        next.Begun.Clear();
        next.Clocks.NoteAhead(TimeSpan.Zero);
        for (int minute = 0; minute < 11; minute++)
        {
            clock.Advance(TimeSpan.FromMinutes(1));
            await RenewAsync(next, manual);
            Assert.Empty(await next.TickAsync());
        }

        Occurrence missed = Assert.Single(next.Occurrences(Key));
        Assert.Equal((OccurrenceState.Missed, $"Run {manual.Number}, which began {manual.StartedAt:u}, was still at work"), (missed.State, missed.Why));
    }

    [Fact]
    public async Task InstantThatWasToBeMadeUpFor_AndIsToStayMissedSince_SaysThatTheScheduleWasChanged()
    {
        TestItems daily = new(Key, static () => ["a"], "0 0 13 * * ?");
        OperationHouse portal = new(clock, null, [daily]);
        await portal.FillAsync();
        await portal.TickAsync();
        clock.SetUtcNow(Start.AddMinutes(59));
        Assert.IsType<OperationCommand.Started>(await portal.Desk.RunNowAsync(Key, "of a test", OperationHouse.Ada, Token));
        clock.SetUtcNow(Start.AddMinutes(66));
        await RenewAsync(portal, portal.Begun[^1].Run);
        Assert.Empty(await portal.LookAsync());
        Assert.Equal((OccurrenceState.Owed, null), (portal.Occurrences(Key)[^1].State, portal.Occurrences(Key)[^1].Why));
        clock.SetUtcNow(Start.AddMinutes(71));
        await portal.EndBegunAsync();
        await portal.Desk.EditScheduleAsync(Key, new ScheduleWish("0 0 13 * * ?", "UTC", CatchUp.Never), OperationHouse.Ada, Token);

        Assert.Empty(await portal.TickAsync());

        Occurrence missed = Assert.Single(portal.Occurrences(Key));
        Assert.Equal(
            (OccurrenceState.Missed, "Nothing began within the grace, and the schedule was changed since: missed instants stay missed"), (missed.State, missed.Why));
    }

    /// <summary>Nobody vouched in time, and when somebody does it is on purpose that nothing runs.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task InstantThatIsToStayMissed_WithinAPauseOrAHoldWhenItsTurnComes_IsSkipped(bool pause)
    {
        OperationHouse next = await OwedAsync(Never("0 0 13 * * ?"));
        Assert.IsNotType<OperationCommand.Refused>(pause
            ? await next.Desk.PauseAsync(Key, "mending", null, OperationHouse.Ada, Token)
            : await next.Desk.HoldAutomationAsync("mending", null, OperationHouse.Ada, Token));
        clock.Advance(TimeSpan.FromMinutes(20));
        next.Clocks.NoteAhead(TimeSpan.Zero);

        Assert.Empty(await next.TickAsync());

        Occurrence skipped = Assert.Single(next.Occurrences(Key));
        Assert.Equal(OccurrenceState.Skipped, skipped.State);
        Assert.EndsWith("by ada: mending", skipped.Why, StringComparison.Ordinal);
        Assert.DoesNotContain(next.Database.Events, static fact => fact.Kind == OperationEvents.Missed);
    }

    [Fact]
    public async Task InstantOfTheFirstMinutes_RunsForItselfAlone_WhereMissedOnesStayMissed()
    {
        TestItems hourly = Never("0 0 * * * ?");
        OperationHouse old = new(clock, null, [hourly]);
        await old.FillAsync();
        await old.TickAsync();
        clock.SetUtcNow(Start.AddHours(3).AddMinutes(59));
        OperationHouse next = new(clock, old.Database, [hourly], KnownClocks.New(clock));
        await next.TickAsync();
        clock.SetUtcNow(Start.AddHours(4));
        StartOutcome.Left left = Assert.IsType<StartOutcome.Left>(await next.FireAsync(Key, Start.AddHours(4)));
        Occurrence owed = next.Occurrences(Key)[^1];
        Assert.Equal((OccurrenceState.Owed, left.Why), (owed.State, owed.Why));
        await PassAsync(next, TimeSpan.FromMinutes(2));

        next.Clocks.NoteAhead(TimeSpan.Zero);
        Assert.Equal(Start.AddHours(4), Assert.Single(await next.TickAsync()).Instant);

        Assert.Equal(
            [OccurrenceState.Missed, OccurrenceState.Missed, OccurrenceState.Missed, OccurrenceState.Late], next.Occurrences(Key).Select(one => one.State));
        Assert.All(next.Occurrences(Key), static one => Assert.Null(one.MadeUpBy));
    }

    [Fact]
    public async Task MachineThatJumpsAhead_AfterItsClockWasRead_EndsNoPauseForGood()
    {
        await OldAsync();
        await house.Desk.PauseAsync(Harmless, "mending", Start.AddDays(3), OperationHouse.Ada, Token);
        DateTimeOffset right = clock.GetUtcNow();

        clock.Set(right.AddDays(7));
        await house.TickAsync();
        Assert.NotNull((await house.Database.Operations.FindAsync(Harmless, Token))!.Pause);

        clock.Set(right);
        house.Clocks.NoteAhead(TimeSpan.Zero);
        clock.SetUtcNow(Start.AddHours(1));
        Assert.IsType<StartOutcome.Skipped>(await house.FireAsync(Harmless, Start.AddHours(1)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task MachineThatSlept_WasSilent_AndWhatCameThenIsMadeUpForAtOnce(bool inMemory)
    {
        OccurrenceKeeper keeper = Keeper(inMemory);
        await house.FillAsync();
        await TickAsync(keeper, TimeSpan.FromMinutes(58));

        // The clock of its hardware has gone on.
        clock.Set(clock.GetUtcNow().AddHours(2));
        house.Clocks.NoteAhead(TimeSpan.Zero);
        await keeper.TickAsync(Token);

        Assert.Equal([Start.AddHours(2), Start.AddHours(2)], house.Begun.Select(run => run.Run.Instant!.Value));
        Assert.Equal((OccurrenceState.Missed, "No portal was running"), (house.Occurrences(Key)[0].State, house.Occurrences(Key)[0].Why));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task KeeperThatWaitedBehindALongStatement_WasNotSilent_WhereItIsAlone(bool inMemory)
    {
        OccurrenceKeeper keeper = Keeper(inMemory);
        await house.FillAsync();
        await TickAsync(keeper, TimeSpan.FromMinutes(58));

        clock.Advance(TimeSpan.FromMinutes(3));
        await keeper.TickAsync(Token);

        // Alone, its scheduler is about to fire what has come. Where others share the scheduler, all of them were away.
        Assert.Equal(inMemory ? 0 : 2, house.Begun.Count);
    }

    [Fact]
    public async Task Doubt_OfBeforeAnotherKeepersTurn_ExplainsNothing()
    {
        TestItems once = new(Key, () => ["a"]) { Info = new(Key, "Work", "Looks.", "0 0 * * * ?", "tests:run") { CatchUp = CatchUp.Never } };
        OperationHouse other = new(clock, null, [once]);
        OperationHouse doubter = new(clock, other.Database, [once], KnownClocks.New(clock));
        await other.FillAsync();
        await other.TickAsync();
        doubter.Clocks.NoteAhead(TimeSpan.FromMinutes(8));
        await doubter.TickAsync();
        await PassAsync(other, TimeSpan.FromMinutes(62));
        doubter.Clocks.NoteAhead(TimeSpan.Zero);

        await PassAsync(doubter, TimeSpan.FromMinutes(4));

        Occurrence missed = Assert.Single(other.Occurrences(Key));
        Assert.Equal((OccurrenceState.Missed, "Nothing began within the grace"), (missed.State, missed.Why));
    }

    /// <summary>A portal that has just started, and to which the instant at 13:00 came before anybody had vouched for its clock.</summary>
    private async Task<OperationHouse> OwedAsync(TestItems daily)
    {
        OperationHouse old = new(clock, null, [daily]);
        await old.FillAsync();
        await old.TickAsync();
        clock.SetUtcNow(Start.AddHours(1));
        OperationHouse next = new(clock, old.Database, [daily], KnownClocks.New(clock));
        Assert.IsType<StartOutcome.Left>(await next.FireAsync(Key, Start.AddHours(1)));
        return next;
    }

    /// <summary>The run is at work still.</summary>
    private async Task RenewAsync(OperationHouse portal, OperationRun run) => Assert.NotNull(await portal.Database.RunAsync(
        (unit, token) => unit.Store<IOperationRunStore>().TouchAsync(run.Id, run.Number, null, clock.GetUtcNow() + portal.Rules.LeaseFor, token), Token));

    private static TestItems Never(string cron) => new(Key, static () => ["a"])
    {
        Info = new(Key, "Work", "Looks.", cron, "tests:run") { IsDestructive = true, CatchUp = CatchUp.Never },
    };

    private OccurrenceKeeper Keeper(bool inMemory) =>
        new(house.Database, house.Registry, house.Crons, house.Starter, house, clock, () => house.Rules, house.Clocks, firesInMemory: inMemory);

    /// <summary>Another process on the database, which has read no other clock.</summary>
    private OperationHouse Next() => new(clock, house.Database, [operation, harmless], KnownClocks.New(clock));

    private static void AgreeDatabase(OperationHouse portal) =>
        portal.Clocks.Note(ClockStandings.Database, new ClockReading.Read(TimeSpan.Zero, TimeSpan.FromSeconds(0.5)));

    /// <summary>The house has been there for some time.</summary>
    private async Task OldAsync()
    {
        await house.FillAsync();
        await house.TickAsync();
        await PassAsync(house, TimeSpan.FromMinutes(6));
    }

    /// <summary>The portal is stopped at an item of the run that the desk has started last.</summary>
    private async Task<OperationRun> StopAtAsync(string word)
    {
        using CancellationTokenSource stopping = new();
        operation.Before = async (item, _) =>
        {
            if (item == word)
            {
                await stopping.CancelAsync();
                stopping.Token.ThrowIfCancellationRequested();
            }
        };
        StartedRun run = house.Begun[^1];
        house.Begun.Clear();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => house.EndAsync(run, stopping.Token));
        operation.Before = null;
        return await house.RunAsync(run.Run.Id);
    }

    private async Task TickAsync(OccurrenceKeeper keeper, TimeSpan length)
    {
        await keeper.TickAsync(Token);
        for (TimeSpan passed = TimeSpan.Zero; passed < length; passed += house.Rules.KeeperEvery)
        {
            clock.Advance(house.Rules.KeeperEvery);
            await keeper.TickAsync(Token);
        }
    }

    private async Task PassAsync(OperationHouse portal, TimeSpan length)
    {
        for (TimeSpan passed = TimeSpan.Zero; passed < length; passed += portal.Rules.KeeperEvery)
        {
            clock.Advance(portal.Rules.KeeperEvery);
            await portal.TickAsync();
        }
    }
}
