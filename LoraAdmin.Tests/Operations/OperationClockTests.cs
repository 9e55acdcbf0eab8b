using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>What an instance leaves alone while its clock can't be relied on, and what becomes of it.</summary>
public sealed class OperationClockTests
{
    private const string Key = "tests.work";
    private static readonly DateTimeOffset Start = OperationHouse.Start;

    private readonly TestItems operation = new(Key, () => ["a", "b", "c"]);
    private readonly OperationHouse house;

    public OperationClockTests() => house = new OperationHouse(operation);

    [Fact]
    public async Task Instant_OfWhatIsDestructive_IsLeftOpenAndMadeUpForByAClockThatIsRight()
    {
        await house.FillAsync();
        await house.TickAsync();
        house.Clocks.NoteAhead(TimeSpan.FromMinutes(-6));
        await PassAsync(TimeSpan.FromHours(1));

        StartOutcome.Left left = Assert.IsType<StartOutcome.Left>(await house.FireAsync(Key, Start.AddHours(1)));
        Assert.Contains("6 min 0 s behind RunPod's", left.Why, StringComparison.Ordinal);
        Assert.Empty(house.Occurrences(Key));
        await PassAsync(TimeSpan.FromMinutes(6));
        Assert.Empty(house.Occurrences(Key));
        Assert.Empty(house.Database.Operations.Runs.Rows);

        house.Clocks.NoteAhead(TimeSpan.FromSeconds(1));
        OperationRun run = Assert.Single(await house.TickAsync());

        Assert.Equal((RunTrigger.CatchUp, RunState.Succeeded), (run.Trigger, run.State));
        Assert.False(Assert.Single(house.Occurrences(Key)).IsOpen);
    }

    [Fact]
    public async Task Instant_OfWhatIsNotDestructive_Runs()
    {
        TestItems harmless = new("tests.harmless", () => ["x"]) { Info = new("tests.harmless", "Harmless", "Looks.", "0 0 * * * ?", "tests:run") };
        OperationHouse another = new(harmless);
        await another.FillAsync();
        another.Clocks.NoteAhead(TimeSpan.FromHours(1));

        Assert.IsType<StartOutcome.Started>(await another.FireAsync("tests.harmless", Start.AddHours(1)));
    }

    [Fact]
    public async Task Person_WhoRunsItUnseen_IsToldWhyNot_AndMayApplyAPlanThatTheyHaveRead()
    {
        await house.FillAsync();
        house.Clocks.NoteAhead(TimeSpan.FromMinutes(7));

        FieldProblem problem = Assert.IsType<OperationCommand.Refused>(
            await house.Desk.RunNowAsync(Key, "now", OperationHouse.Ada, CancellationToken.None)).Problem;
        Assert.Contains("This portal's clock can't be relied on: it is 7 min 0 s ahead of RunPod's", problem.Problem, StringComparison.Ordinal);
        Assert.Contains("Synchronise the clock", problem.Remedy, StringComparison.Ordinal);
        Assert.Empty(house.Begun);

        Guid plan = Assert.IsType<OperationCommand.Planned>(await house.Desk.PreviewAsync(Key, OperationHouse.Ada, CancellationToken.None)).Plan;
        Assert.IsType<OperationCommand.Started>(await house.Desk.ApplyAsync(Key, plan, "I have read it", OperationHouse.Ada, CancellationToken.None));
        Assert.Equal(RunState.Succeeded, (await house.EndBegunAsync()).State);
    }

    [Fact]
    public async Task Run_UnderWhichTheClockGoesWrong_IsInterruptedBeforeItsNextItem_AndGoneOnFromLater()
    {
        operation.Before = (word, _) =>
        {
            house.Clocks.NoteAhead(word == "a" ? TimeSpan.FromMinutes(8) : TimeSpan.Zero);
            return Task.CompletedTask;
        };
        await house.FillAsync();
        await house.FireAsync(Key, Start.AddHours(1));

        OperationRun interrupted = Assert.Single(house.Database.Operations.Runs.Rows);
        Assert.Equal(RunState.Interrupted, interrupted.State);
        Assert.Contains("8 min 0 s ahead of RunPod's", interrupted.Outcome, StringComparison.Ordinal);
        Assert.Equal(["a"], operation.Done);
        Assert.Empty(await house.TickAsync());

        house.Clocks.NoteAhead(TimeSpan.Zero);
        OperationRun next = Assert.Single(await house.TickAsync());

        Assert.Equal((RunState.Succeeded, interrupted.Id), (next.State, next.Resumes));
        Assert.Equal(interrupted.Number + 1, next.Number);
        Assert.Equal(["a", "b", "c"], operation.Done);
    }

    [Fact]
    public async Task ClockInDoubt_AccountsForNothing_AndEndsNoPauseAndNoHold()
    {
        TestItems harmless = new("tests.harmless", () => ["x"]) { Info = new("tests.harmless", "Harmless", "Looks.", "0 0 * * * ?", "tests:run") };
        OperationHouse both = new(operation, harmless);
        await both.FillAsync();
        await both.TickAsync();
        await both.Desk.PauseAsync(Key, "mending", Start.AddHours(5), OperationHouse.Ada, CancellationToken.None);
        await both.Desk.HoldAutomationAsync("stop", Start.AddHours(5), OperationHouse.Ada, CancellationToken.None);
        both.Clock.AdjustTime(Start.AddDays(1));
        both.Clocks.NoteAhead(TimeSpan.FromDays(1));

        Assert.Empty(await both.TickAsync());

        Assert.Empty(both.Database.Operations.Occurrences.Rows);
        Assert.NotNull((await both.Database.Operations.FindAsync(Key, CancellationToken.None))!.Pause);
        Assert.DoesNotContain(both.Database.Events, fact => fact.Kind is OperationEvents.Resumed or OperationEvents.AutomationReleased);
        both.Clock.AdjustTime(Start.AddHours(1).AddSeconds(1));
        both.Clocks.NoteAhead(TimeSpan.Zero);
        Assert.IsType<StartOutcome.Started>(await both.FireAsync("tests.harmless", Start.AddHours(1)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ClockThatWasADayAhead_AndIsSetBack_SwallowsNoTrueInstant_AndRunsNoneTwice(bool keeperComesFirst)
    {
        await house.FillAsync();
        await house.TickAsync();

        // Nobody has told the portal the time yet. What it takes for a day without it has its run.
        house.Clock.AdjustTime(Start.AddDays(1).AddMinutes(1));
        Assert.Equal(Start.AddDays(1), Assert.Single(await house.TickAsync()).Instant);
        Assert.Equal(24, house.Occurrences(Key).Count);
        house.Clock.AdjustTime(Start.AddMinutes(59).AddSeconds(59));
        if (keeperComesFirst)
        {
            Assert.Empty(await house.TickAsync());
            Assert.Single(house.Occurrences(Key));
        }

        for (int hour = 1; hour <= 24; hour++)
        {
            house.Clock.SetUtcNow(Start.AddHours(hour));
            StartOutcome outcome = await house.FireAsync(Key, Start.AddHours(hour));
            Assert.Equal(hour < 24, outcome is StartOutcome.Started);
            await house.TickAsync();
            house.Clock.Advance(TimeSpan.FromMinutes(1));
            await house.TickAsync();
        }

        Assert.Equal(Enumerable.Range(1, 24).Select(hour => Start.AddHours(hour)), house.Occurrences(Key).Select(one => one.Instant));
        Assert.All(house.Occurrences(Key).SkipLast(1), one => Assert.Equal(OccurrenceState.Ran, one.State));
        Assert.Equal(24, house.Database.Operations.Runs.Rows.Select(run => run.Instant).Distinct().Count());
        Assert.Equal(24, house.Database.Operations.Runs.Rows.Count());
        Assert.Contains("23 instants", Assert.Single(house.Database.Events, fact => fact.Kind == OperationEvents.TakenBack).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InstantThatNobodyFires_AfterTheClockWasSetBack_IsMadeUpFor()
    {
        await house.FillAsync();
        await house.TickAsync();
        house.Clock.AdjustTime(Start.AddDays(1).AddMinutes(1));
        await house.TickAsync();

        // The look that finds it comes after the next instant, within its grace.
        house.Clock.AdjustTime(Start.AddHours(1).AddSeconds(5));
        Assert.Empty(await house.TickAsync());
        await PassAsync(house.Rules.Grace);

        OperationRun run = Assert.Single(house.Database.Operations.Runs.Rows, run => run.Instant == Start.AddHours(1));
        Assert.Equal((RunTrigger.CatchUp, RunState.Succeeded), (run.Trigger, run.State));
    }

    [Fact]
    public async Task Start_AfterOneByAClockThatWasAhead_OwesWhatTrulyPassed_AndSaysSoBefore()
    {
        await house.FillAsync();
        await house.TickAsync();
        house.Clock.AdjustTime(Start.AddDays(30));
        await house.TickAsync();
        house.Clock.AdjustTime(Start.AddHours(3.5));

        Assert.Equal([new OwedRun(Key, Start.AddHours(3), 3)], (await house.Keeper.PreviewAsync(CancellationToken.None)).Owed);

        OperationRun run = Assert.Single(await house.TickAsync());
        Assert.Equal((RunTrigger.CatchUp, (DateTimeOffset?)Start.AddHours(3)), (run.Trigger, run.Instant));
        Assert.Equal([Start.AddHours(1), Start.AddHours(2), Start.AddHours(3), Start.AddDays(30)], house.Occurrences(Key).Select(one => one.Instant));
    }

    [Fact]
    public async Task InstantsThatAClockAheadHasSkipped_RunWhenTheyCome()
    {
        await house.FillAsync();
        await house.TickAsync();
        await house.Desk.PauseAsync(Key, "mending", null, OperationHouse.Ada, CancellationToken.None);
        house.Clock.AdjustTime(Start.AddDays(1));
        await house.TickAsync();
        Assert.All(house.Occurrences(Key), one => Assert.Equal(OccurrenceState.Skipped, one.State));
        house.Clock.AdjustTime(Start.AddMinutes(1));
        await house.Desk.ResumeAsync(Key, null, OperationHouse.Ada, CancellationToken.None);
        house.Clock.SetUtcNow(Start.AddHours(1));

        Assert.IsType<StartOutcome.Started>(await house.FireAsync(Key, Start.AddHours(1)));
    }

    [Fact]
    public async Task SilenceAfterAnEdit_IsNotTakenForAClockThatWasAhead()
    {
        await house.FillAsync();
        await house.Desk.EditScheduleAsync(Key, new ScheduleWish("5 * * * * ?", "UTC", CatchUp.Once), OperationHouse.Ada, CancellationToken.None);
        house.Clock.Advance(TimeSpan.FromSeconds(5));

        Assert.IsType<StartOutcome.Accounted>(await house.FireAsync(Key, Start.AddSeconds(5)));
        await PassAsync(house.Rules.Grace + TimeSpan.FromMinutes(2));

        Assert.Equal(Start.AddSeconds(65), house.Occurrences(Key)[0].Instant);
        Assert.DoesNotContain(house.Database.Events, fact => fact.Kind == OperationEvents.TakenBack);
    }

    [Fact]
    public async Task ClockBehind_ThatNoOtherVouchesFor_TakesNoHistoryBack()
    {
        await house.FillAsync();
        await house.TickAsync();
        house.Clock.AdjustTime(Start.AddHours(3.5));
        await house.TickAsync();
        IReadOnlyList<Occurrence> before = house.Occurrences(Key);
        DateTimeOffset mark = await MarkAsync();

        // A machine whose clock has lost its battery: nobody has told it the time, and its database may be on the same machine.
        OperationHouse next = new(house.Clock, house.Database, [operation], KnownClocks.New(house.Clock));
        house.Clock.AdjustTime(DateTimeOffset.UnixEpoch.AddHours(5));
        await next.FillAsync();
        Assert.Empty(await next.TickAsync());
        Assert.IsType<StartOutcome.Left>(await next.FireAsync(Key, DateTimeOffset.UnixEpoch.AddHours(5)));
        next.Clocks.Note(ClockStandings.Database, new ClockReading.Read(TimeSpan.Zero, TimeSpan.FromSeconds(0.5)));
        Assert.Empty(await next.TickAsync());
        Assert.Empty((await next.Keeper.PreviewAsync(CancellationToken.None)).Owed);

        Assert.Equal(before, house.Occurrences(Key));
        Assert.Equal(mark, await MarkAsync());
        house.Clock.AdjustTime(Start.AddHours(4).AddSeconds(1));
        next.Clocks.NoteAhead(TimeSpan.Zero);
        Assert.IsType<StartOutcome.Started>(await next.FireAsync(Key, Start.AddHours(4)));
        await next.TickAsync();
        Assert.Equal([.. before.Select(one => one.Instant), Start.AddHours(4)], house.Occurrences(Key).Select(one => one.Instant));
    }

    [Fact]
    public async Task ReadingFromBeforeTheClockWasSet_VouchesForNothing()
    {
        await house.FillAsync();
        house.Clock.AdjustTime(Start.AddHours(30));
        house.Clocks.NoteAhead(TimeSpan.Zero);
        await house.TickAsync();
        int known = house.Occurrences(Key).Count;

        house.Clock.AdjustTime(Start.AddHours(2.5));
        await house.TickAsync();
        Assert.Equal(known, house.Occurrences(Key).Count);

        house.Clocks.NoteAhead(TimeSpan.Zero);
        await house.TickAsync();
        Assert.True(house.Occurrences(Key).Count < known);
    }

    [Fact]
    public async Task PauseAndKillSwitch_ThatAnUnnoticedClockAheadHasPassed_HoldAgainWhenItIsSetBack()
    {
        DateTimeOffset until = Start.AddDays(3);
        await house.FillAsync();
        await house.TickAsync();
        await house.Desk.HoldAutomationAsync("stop", until, OperationHouse.Ada, CancellationToken.None);
        await house.Desk.PauseAsync(Key, "mending", until, OperationHouse.Ada, CancellationToken.None);
        OperationHouse next = new(house.Clock, house.Database, [operation], KnownClocks.New(house.Clock));
        house.Clock.AdjustTime(Start.AddDays(7).AddMinutes(1));
        await next.TickAsync();
        int done = operation.Done.Count;

        house.Clock.AdjustTime(Start.AddHours(1));
        next.Clocks.NoteAhead(TimeSpan.Zero);
        Assert.IsType<StartOutcome.Skipped>(await next.FireAsync(Key, Start.AddHours(1)));
        await next.TickAsync();

        Assert.Equal(done, operation.Done.Count);
        Assert.Equal([true], house.Told(OperationIncidents.AutomationHeld));
        Assert.NotNull((await house.Database.Operations.FindAsync(Key, CancellationToken.None))!.Pause);
        house.Clock.AdjustTime(until.AddMinutes(1));
        await next.TickAsync();
        await next.TickAsync();
        Assert.Equal([true, false], house.Told(OperationIncidents.AutomationHeld));
        Assert.Null((await house.Database.Operations.FindAsync(Key, CancellationToken.None))!.Pause);
    }

    /// <summary>The portal is stopped over a run, and its machine boots with a clock that is behind: what goes on by it would be the work of another time.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData(2)]
    public async Task InterruptedRun_WhoseInstantIsStillToComeByTheClock_WaitsUntilItIsRight(int? hoursBehind)
    {
        await house.FillAsync();
        await house.TickAsync();
        house.Clock.SetUtcNow(Start.AddHours(1));
        await StopAsync(await StartedAsync(house.Starter.StartAsync(OfSchedule(Start.AddHours(1)), CancellationToken.None)));
        OperationHouse next = new(house.Clock, house.Database, [operation], KnownClocks.New(house.Clock));
        house.Clock.AdjustTime(hoursBehind is { } hours ? Start.AddHours(1 - hours) : DateTimeOffset.UnixEpoch);
        await next.FillAsync();

        Assert.Empty((await next.Keeper.PreviewAsync(CancellationToken.None)).Interrupted);
        Assert.Empty(await next.TickAsync());
        Assert.Empty(operation.Done);

        house.Clock.AdjustTime(Start.AddHours(1).AddMinutes(2));
        next.Clocks.NoteAhead(TimeSpan.Zero);
        OperationRun run = Assert.Single(await next.TickAsync());
        Assert.Equal((RunTrigger.Recovery, RunState.Succeeded), (run.Trigger, run.State));
        Assert.Equal(OccurrenceState.Late, Assert.Single(house.Occurrences(Key)).State);
        Assert.Equal(["a", "b", "c"], operation.Done);
    }

    [Fact]
    public async Task InterruptedRun_ThatAPersonBeganByAClockAhead_GoesOnWhenAnotherClockSaysSo()
    {
        await house.FillAsync();
        await house.TickAsync();
        house.Clock.AdjustTime(Start.AddDays(1));
        await house.Desk.RunNowAsync(Key, "now", OperationHouse.Ada, CancellationToken.None);
        await StopAsync(house.Begun[^1]);
        house.Begun.Clear();
        OperationHouse next = new(house.Clock, house.Database, [operation], KnownClocks.New(house.Clock));
        house.Clock.AdjustTime(Start.AddMinutes(1));
        Assert.Empty(await next.TickAsync());

        next.Clocks.NoteAhead(TimeSpan.Zero);

        Assert.Equal(RunTrigger.Recovery, Assert.Single(await next.TickAsync()).Trigger);
    }

    [Fact]
    public async Task PauseAndKillSwitch_UnderAClockThatIsBehind_HoldAllTheSame()
    {
        await house.FillAsync();
        await house.TickAsync();
        house.Clock.SetUtcNow(Start.AddHours(1));
        await StopAsync(await StartedAsync(house.Starter.StartAsync(OfSchedule(Start.AddHours(1)), CancellationToken.None)));
        house.Clock.SetUtcNow(Start.AddHours(4));
        await house.Desk.HoldAutomationAsync("stop", null, OperationHouse.Ada, CancellationToken.None);
        OperationHouse next = new(house.Clock, house.Database, [operation], KnownClocks.New(house.Clock));
        house.Clock.AdjustTime(Start.AddHours(2));

        Assert.Empty(await next.TickAsync());

        Assert.Empty(operation.Done);
        foreach (DateTimeOffset present in new[] { Start.AddHours(2), DateTimeOffset.UnixEpoch })
        {
            string? why = await house.Database.ReadAsync(
                (unit, token) => AutomationGate.WhyHeldAsync(unit, Key, next.Clocks, present, token), CancellationToken.None);
            Assert.Equal("Destructive automation is held by ada: stop", why);
        }

        await next.Desk.ReleaseAutomationAsync(null, OperationHouse.Ada, CancellationToken.None);
        house.Clock.AdjustTime(Start.AddHours(4));
        await next.Desk.PauseAsync(Key, "mending", null, OperationHouse.Ada, CancellationToken.None);
        house.Clock.AdjustTime(Start.AddHours(2));
        Assert.Empty(await next.TickAsync());
    }

    /// <summary>Half a million instants would be noted one by one.</summary>
    [Fact]
    public async Task FirstStart_In1970_BeginsWithWhatHistoryKeeps_OnceAnotherClockAgrees()
    {
        FakeTimeProvider clock = new(DateTimeOffset.UnixEpoch.AddHours(7.5));
        OperationHouse first = new(clock, null, [operation], KnownClocks.New(clock));
        await first.FillAsync();
        await first.TickAsync();
        clock.AdjustTime(Start.AddMinutes(30));
        Assert.Empty(await first.TickAsync());
        Assert.Empty(first.Database.Operations.Occurrences.Rows);
        Assert.Empty((await first.Keeper.PreviewAsync(CancellationToken.None)).Owed);

        first.Clocks.NoteAhead(TimeSpan.Zero);
        Assert.Equal(Start, Assert.Single(await first.TickAsync()).Instant);

        Assert.Equal((int)OperationRules.KeepOccurrencesFor.TotalHours, first.Occurrences(Key).Count);
        Assert.Equal(Start, first.Occurrences(Key)[^1].Instant);
    }

    [Fact]
    public async Task ScheduleThatWasEditedUnderAClockAhead_HasNoInstantsBeforeTheEdit_AndLeavesNoInstantOfTheOldOneWithoutAnEnd()
    {
        await house.FillAsync();
        await house.TickAsync();
        house.Clock.AdjustTime(Start.AddDays(1));
        await house.TickAsync();
        await house.Desk.EditScheduleAsync(Key, new ScheduleWish("0 0/5 * * * ?", "UTC", CatchUp.Once), OperationHouse.Ada, CancellationToken.None);
        house.Clock.AdjustTime(Start.AddHours(3).AddSeconds(1));

        Assert.Empty(await house.TickAsync());

        // Those that have truly passed keep the end that the clock ahead gave them: the old text is not looked at any more.
        Assert.Equal([Start.AddHours(1), Start.AddHours(2), Start.AddHours(3), Start.AddDays(1)], house.Occurrences(Key).Select(one => one.Instant));
        Assert.All(house.Occurrences(Key).SkipLast(1), one => Assert.Equal(OccurrenceState.Missed, one.State));
        house.Clock.SetUtcNow(Start.AddHours(3).AddMinutes(5));
        Assert.IsType<StartOutcome.Started>(await house.FireAsync(Key, Start.AddHours(3).AddMinutes(5)));
    }

    [Fact]
    public async Task Doubt_IsNoSilence_AndAnInstantThatComesThenHasItsGrace()
    {
        await house.FillAsync();
        await house.TickAsync();
        await PassAsync(TimeSpan.FromMinutes(58));
        house.Clocks.NoteAhead(TimeSpan.FromMinutes(6));
        await PassAsync(TimeSpan.FromMinutes(2) + TimeSpan.FromSeconds(10));
        house.Clocks.NoteAhead(TimeSpan.Zero);

        Assert.Empty(await house.TickAsync());

        Assert.Empty(house.Occurrences(Key));
        Assert.IsType<StartOutcome.Started>(await house.FireAsync(Key, Start.AddHours(1)));
        Assert.Equal(OccurrenceState.Ran, Assert.Single(house.Occurrences(Key)).State);
        Assert.DoesNotContain(true, house.Told(OperationIncidents.Missed));
    }

    [Fact]
    public async Task InstantsOfADoubt_SayThatItWasOne()
    {
        await house.FillAsync();
        await house.TickAsync();
        house.Clocks.NoteAhead(TimeSpan.FromMinutes(6));
        await PassAsync(TimeSpan.FromMinutes(126));
        house.Clocks.NoteAhead(TimeSpan.Zero);

        Assert.Equal(Start.AddHours(2), Assert.Single(await house.TickAsync()).Instant);

        Occurrence first = house.Occurrences(Key)[0];
        Assert.Equal((OccurrenceState.Missed, "The portal's clock could not be relied on"), (first.State, first.Why));
    }

    [Fact]
    public async Task WhatJudgesByTime_WaitsForAClockThatIsRight()
    {
        TestItems dated = new("tests.dated", () => ["x"]) { Info = new("tests.dated", "Dated", "Goes by the date.", "0 0 * * * ?", "tests:run") { JudgesByTime = true } };
        OperationHouse another = new(dated);
        await another.FillAsync();
        await another.TickAsync();
        another.Clocks.NoteAhead(TimeSpan.FromDays(3));
        another.Clock.AdjustTime(Start.AddHours(1));

        Assert.IsType<StartOutcome.Left>(await another.FireAsync("tests.dated", Start.AddHours(1)));
        Assert.IsType<OperationCommand.Refused>(await another.Desk.RunNowAsync("tests.dated", "now", OperationHouse.Ada, CancellationToken.None));
        Assert.Empty(await another.TickAsync());
        Assert.Empty(dated.Done);
        another.Clocks.NoteAhead(TimeSpan.Zero);
        another.Clock.Advance(another.Rules.Grace + TimeSpan.FromSeconds(1));
        Assert.Equal(RunTrigger.CatchUp, Assert.Single(await another.TickAsync()).Trigger);
    }

    private static RunRequest OfSchedule(DateTimeOffset instant) => new(Key, RunTrigger.Schedule, Actor.Portal(Key), instant);

    private static async Task<StartedRun> StartedAsync(Task<StartOutcome> start) => Assert.IsType<StartOutcome.Started>(await start).Run;

    /// <summary>The portal ends before the run has done anything.</summary>
    private async Task StopAsync(StartedRun run)
    {
        using CancellationTokenSource stopping = new();
        await stopping.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => house.EndAsync(run, stopping.Token));
    }

    private async Task<DateTimeOffset> MarkAsync() => (await house.Database.Operations.FindAsync(Key, CancellationToken.None))!.AccountedUntil;

    /// <summary>The keeper looks at its own pace.</summary>
    private async Task PassAsync(TimeSpan length)
    {
        for (TimeSpan passed = TimeSpan.Zero; passed < length; passed += house.Rules.KeeperEvery)
        {
            house.Clock.Advance(house.Rules.KeeperEvery);
            await house.TickAsync();
        }
    }
}
