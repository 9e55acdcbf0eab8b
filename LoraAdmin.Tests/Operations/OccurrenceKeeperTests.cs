using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using Xunit;

namespace LoraAdmin.Tests.Operations;

public sealed class OccurrenceKeeperTests
{
    private const string Key = "tests.work";
    private static readonly DateTimeOffset Start = OperationHouse.Start;

    private readonly TestItems operation = new(Key, () => ["a"]);
    private readonly OperationHouse house;

    public OccurrenceKeeperTests() => house = new OperationHouse(operation);

    [Fact]
    public async Task InstantsThatPassedWhileEverythingWasDown_AreMadeUpByOneRunAndTold()
    {
        await AwakeAsync();
        house.Clock.Advance(TimeSpan.FromHours(3.5));

        Assert.Equal(
            [new OwedRun(Key, Start.AddHours(3), 3)], (await house.Keeper.PreviewAsync(CancellationToken.None)).Owed);
        OperationRun run = Assert.Single(await house.TickAsync());

        Assert.Equal((RunTrigger.CatchUp, RunState.Succeeded, Start.AddHours(3)), (run.Trigger, run.State, run.Instant!.Value));
        Assert.Equal([OccurrenceState.Missed, OccurrenceState.Missed, OccurrenceState.Late], house.Occurrences(Key).Select(one => one.State));
        Assert.Equal([run.Id, run.Id, null], house.Occurrences(Key).Select(one => one.MadeUpBy));
        Assert.Equal([true, false], house.Told(OperationIncidents.Missed));
        Assert.Single(operation.Done);
        Assert.Empty(await house.TickAsync());
        Assert.Empty((await house.Keeper.PreviewAsync(CancellationToken.None)).Owed);
    }

    [Theory]
    [InlineData(1999)]
    [InlineData(2000)]
    [InlineData(2001)]
    [InlineData(4000)]
    public async Task ManyInstants_LookedAtPieceByPiece_AreMadeUpByOneRun(int missed)
    {
        OperationHouse away = new(new TestItems(Key, () => ["a"], "0 * * * * ?"));
        await away.FillAsync();
        await away.TickAsync();
        away.Clock.Advance(TimeSpan.FromMinutes(missed));

        OperationRun run = Assert.Single(await away.TickAsync());

        Assert.Equal((RunTrigger.CatchUp, Start.AddMinutes(missed)), (run.Trigger, run.Instant));
        Assert.Equal(missed, away.Occurrences(Key).Count);
        Assert.All(away.Occurrences(Key).SkipLast(1), one => Assert.Equal((OccurrenceState.Missed, run.Id), (one.State, one.MadeUpBy)));
        Assert.Equal((OccurrenceState.Late, run.Id), (away.Occurrences(Key)[^1].State, away.Occurrences(Key)[^1].Run));
    }

    [Fact]
    public async Task ManyMissedInstants_BeforeAPause_AreMadeUpForAfterIt()
    {
        OperationHouse away = new(new TestItems(Key, () => ["a"], "0 * * * * ?"));
        await away.FillAsync();
        await away.TickAsync();
        await away.Database.RunAsync(
            (unit, token) => unit.Store<IOperationScheduleStore>().SavePauseAsync(
                Key, new OperationPause("mending", OperationHouse.Ada, Start.AddMinutes(2000.5), Start.AddMinutes(2500.5)), token),
            CancellationToken.None);
        away.Clock.Advance(TimeSpan.FromMinutes(2500.75));

        Assert.Equal(Start.AddMinutes(2000), Assert.Single(await away.TickAsync()).Instant);
    }

    [Fact]
    public async Task Preview_OfAStart_NamesWhatWasInterruptedAndWhatIsOwedStill()
    {
        TestItems other = new("tests.other", () => ["x"]);
        OperationHouse both = new(operation, other);
        await both.FillAsync();
        await both.TickAsync();
        RunRequest request = new(Key, RunTrigger.Schedule, Actor.Portal(Key), Start.AddHours(1));
        both.Clock.Advance(TimeSpan.FromHours(3.5));

        // Its portal dies between the look and the work of both runs, and another one's before the run that the instant owes began.
        StartedRun dead = Assert.IsType<StartOutcome.Started>(await both.Starter.StartAsync(request, CancellationToken.None)).Run;
        Occurrence owed = new("tests.other", Start.AddHours(3), OccurrenceState.Owed, null, null, null, null);
        await both.Database.RunAsync((unit, token) => unit.Store<IOccurrenceStore>().TryAddAsync(owed, token), CancellationToken.None);
        await both.Database.RunAsync(
            (unit, token) => unit.Store<IOperationScheduleStore>().SetAccountedAsync("tests.other", both.Clock.GetUtcNow(), token), CancellationToken.None);
        both.Clock.Advance(TimeSpan.FromMinutes(1));

        DueRuns due = await both.Keeper.PreviewAsync(CancellationToken.None);

        Assert.Equal(dead.Run.Id, Assert.Single(due.Interrupted).Id);
        Assert.Equal([new OwedRun("tests.other", Start.AddHours(3), 1), new OwedRun(Key, Start.AddHours(3), 2)], due.Owed);
        IReadOnlyList<OperationRun> runs = await both.TickAsync();
        Assert.Equal(
            [(Key, RunTrigger.Recovery), ("tests.other", RunTrigger.CatchUp)], runs.Select(run => (run.Operation, run.Trigger)));
        Assert.Equal((Key, RunTrigger.CatchUp), (Assert.Single(await both.TickAsync()).Operation, RunTrigger.CatchUp));
    }

    [Fact]
    public async Task Preview_OfAStart_LeavesOutWhatIsHeld()
    {
        await AwakeAsync();
        house.Clock.Advance(TimeSpan.FromHours(2.5));
        await house.Desk.HoldAutomationAsync("it ends the wrong ones", null, OperationHouse.Ada, CancellationToken.None);

        Assert.Empty((await house.Keeper.PreviewAsync(CancellationToken.None)).Owed);
        Assert.Empty(await house.TickAsync());
        Assert.Empty(operation.Done);
    }

    [Fact]
    public async Task RunsThatAreStarted_BeginAlthoughALaterStepFails()
    {
        OperationHouse both = new(operation, new TestItems("tests.other", () => ["x"]));
        await both.FillAsync();
        await both.TickAsync();
        both.Clock.Advance(TimeSpan.FromHours(1.5));
        both.Database.Replace<IAutomationHoldStore>(store => new HoldsThatGoAway(store, () => both.Begun.Count > 0));

        await Assert.ThrowsAsync<StoreUnavailableException>(() => both.Keeper.TickAsync(CancellationToken.None));

        StartedRun begun = Assert.Single(both.Begun);
        Assert.Equal((RunState.Running, RunTrigger.CatchUp), ((await both.RunAsync(begun.Run.Id)).State, begun.Run.Trigger));
    }

    [Fact]
    public async Task CatchUp_LinksWhatItMakesUpFor_InTheTransactionThatStartsIt()
    {
        await AwakeAsync();
        house.Clock.Advance(TimeSpan.FromHours(3.5));

        StartedRun started = Assert.Single(await house.LookAsync());

        Assert.Equal([started.Run.Id, started.Run.Id, null], house.Occurrences(Key).Select(one => one.MadeUpBy));
        Assert.Equal([null, null, started.Run.Id], house.Occurrences(Key).Select(one => one.Run));
    }

    [Fact]
    public async Task CatchUpThatIsOff_LeavesThemMissed()
    {
        await AwakeAsync();
        await house.Desk.EditScheduleAsync(Key, new ScheduleWish("0 0 * * * ?", "UTC", CatchUp.Never), OperationHouse.Ada, CancellationToken.None);
        house.Clock.Advance(TimeSpan.FromHours(2.5));

        Assert.Empty(await house.TickAsync());

        Assert.Equal([OccurrenceState.Missed, OccurrenceState.Missed], house.Occurrences(Key).Select(one => one.State));
        Assert.Equal([true], house.Told(OperationIncidents.Missed));
    }

    [Fact]
    public async Task InstantThatNobodyFires_IsToldWithinAMinuteAfterItsGrace()
    {
        await AwakeAsync();
        DateTimeOffset instant = Start.AddHours(1);
        await BeatUntilAsync(instant + house.Rules.Grace);
        Assert.Empty(house.Told(OperationIncidents.Missed));
        Assert.Empty(house.Occurrences(Key));

        await BeatUntilAsync(instant + house.Rules.Grace + TimeSpan.FromSeconds(20));

        Assert.True(house.Told(OperationIncidents.Missed)[0]);
        Assert.Equal(OccurrenceState.Late, Assert.Single(house.Occurrences(Key)).State);
        Assert.Single(operation.Done);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Restart_OverAnInstantWithinAMinute_IsMadeUpForAtOnce_WhereTheSchedulerIsInMemory(bool inMemory)
    {
        await AwakeAsync();
        await BeatUntilAsync(Start.AddHours(1).AddSeconds(-20));
        house.Clock.Advance(TimeSpan.FromSeconds(30));
        OccurrenceKeeper next = new(
            house.Database, house.Registry, house.Crons, house.Starter, house, house.Clock, () => house.Rules, house.Clocks, firesInMemory: inMemory);

        IReadOnlyList<OwedRun> owed = (await next.PreviewAsync(CancellationToken.None)).Owed;
        await next.FillAsync(CancellationToken.None);
        await next.TickAsync(CancellationToken.None);

        // Where others share the scheduler, one of them may be about to fire it.
        Assert.Equal(inMemory ? [new OwedRun(Key, Start.AddHours(1), 1)] : [], owed);
        Assert.Equal(inMemory ? [RunTrigger.CatchUp] : [], house.Begun.Select(run => run.Run.Trigger));
        if (!inMemory)
        {
            return;
        }

        // Only the first look comes after a silence: an instant that follows has its grace.
        await house.EndBegunAsync();
        for (DateTimeOffset at = Start.AddHours(1).AddMinutes(1); at <= Start.AddHours(2).AddMinutes(1); at += house.Rules.KeeperEvery)
        {
            house.Clock.SetUtcNow(at);
            await next.TickAsync(CancellationToken.None);
        }

        Assert.Empty(house.Begun);
        Assert.Equal([Start.AddHours(1)], house.Occurrences(Key).Select(one => one.Instant));
    }

    [Fact]
    public async Task OwedRun_ThatCanNotBegin_IsToldOnce_AndNotAsAScheduleThatCanNotBeRead()
    {
        await AwakeAsync();
        house.Clock.Advance(TimeSpan.FromHours(1.5));
        bool isBroken = true;
        RunStarter starter = new(
            house.Database,
            house.Registry,
            house.Crons,
            new SeededIds(12),
            house.Clock,
            () => isBroken ? throw new InvalidOperationException("the disk is full") : house.Rules,
            () => house.Installation,
            house.Clocks,
            "portal-1");
        OccurrenceKeeper keeper = new(house.Database, house.Registry, house.Crons, starter, house, house.Clock, () => house.Rules, house.Clocks, firesInMemory: false);
        for (int look = 0; look < 3; look++)
        {
            await keeper.TickAsync(CancellationToken.None);
            house.Clock.Advance(house.Rules.KeeperEvery);
        }

        Assert.Empty(house.Told(OperationIncidents.Schedule));
        OperationalEvent told = Assert.Single(house.Database.Events, fact => fact.Kind == OperationEvents.NotBegun);
        Assert.Contains("the disk is full", told.Message, StringComparison.Ordinal);
        Assert.Equal([true], house.Told(OperationIncidents.Failed));
        isBroken = false;
        await keeper.TickAsync(CancellationToken.None);
        await house.EndBegunAsync();
        Assert.Equal([true, false], house.Told(OperationIncidents.Failed));
    }

    [Fact]
    public async Task OwedRun_ThatCanNotBegin_IsToldAnew_WhenAGoodRunHasEndedItsIncident()
    {
        await AwakeAsync();
        house.Clock.Advance(TimeSpan.FromHours(1.5));
        RunStarter starter = new(
            house.Database,
            house.Registry,
            house.Crons,
            new SeededIds(12),
            house.Clock,
            () => throw new InvalidOperationException("the disk is full"),
            () => house.Installation,
            house.Clocks,
            "portal-1");
        OccurrenceKeeper keeper = new(house.Database, house.Registry, house.Crons, starter, house, house.Clock, () => house.Rules, house.Clocks, firesInMemory: false);
        await keeper.TickAsync(CancellationToken.None);
        house.Clock.Advance(house.Rules.KeeperEvery);
        Assert.IsType<OperationCommand.Started>(await house.Desk.RunNowAsync(Key, "by hand", OperationHouse.Ada, CancellationToken.None));
        await house.EndBegunAsync();
        Assert.Equal([true, false], house.Told(OperationIncidents.Failed));

        for (int look = 0; look < 3; look++)
        {
            house.Clock.Advance(house.Rules.KeeperEvery);
            await keeper.TickAsync(CancellationToken.None);
        }

        Assert.Equal([true, false, true], house.Told(OperationIncidents.Failed));
    }

    [Fact]
    public async Task Accounting_ThatFails_IsToldWithoutBlamingTheSchedule()
    {
        await AwakeAsync();
        FailingCrons failing = new(house.Crons) { IsFailing = true };
        OccurrenceKeeper keeper = new(house.Database, house.Registry, failing, house.Starter, house, house.Clock, () => house.Rules, house.Clocks, firesInMemory: false);
        for (int look = 0; look < 3; look++)
        {
            house.Clock.Advance(house.Rules.KeeperEvery);
            await keeper.TickAsync(CancellationToken.None);
        }

        OperationalEvent told = Assert.Single(house.Database.Events, fact => fact.Kind == OperationEvents.NotAccounted);
        Assert.Contains("the table of zones is damaged", told.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Edit its schedule", told.Message, StringComparison.Ordinal);
        Assert.Equal([true], house.Told(OperationIncidents.Accounting));
        Assert.Empty(house.Told(OperationIncidents.Schedule));
        failing.IsFailing = false;
        await keeper.TickAsync(CancellationToken.None);
        Assert.Equal([true, false], house.Told(OperationIncidents.Accounting));
    }

    /// <summary>The portal that told of it was ended before it could account for the instants again.</summary>
    [Fact]
    public async Task Accounting_ThatSucceedsAfterAStart_EndsWhatThePortalBeforeHadTold()
    {
        await AwakeAsync();
        FailingCrons failing = new(house.Crons) { IsFailing = true };
        house.Clock.Advance(house.Rules.KeeperEvery);
        await Keeper().TickAsync(CancellationToken.None);
        failing.IsFailing = false;
        house.Clock.Advance(house.Rules.KeeperEvery);

        await Keeper().TickAsync(CancellationToken.None);
        await Keeper().TickAsync(CancellationToken.None);

        Assert.Equal([true, false], house.Told(OperationIncidents.Accounting));

        OccurrenceKeeper Keeper() =>
            new(house.Database, house.Registry, failing, house.Starter, house, house.Clock, () => house.Rules, house.Clocks, firesInMemory: false);
    }

    [Fact]
    public async Task Accounting_ThatFails_AfterARunUnderAClockAhead_IsToldOnce()
    {
        await AwakeAsync();
        DateTimeOffset right = house.Clock.GetUtcNow();
        house.Clock.AdjustTime(right.AddDays(30));
        Assert.IsType<StartOutcome.Started>(await house.FireNextAsync(Key));
        house.Clock.AdjustTime(right);
        FailingCrons failing = new(house.Crons) { IsFailing = true };
        OccurrenceKeeper keeper = new(house.Database, house.Registry, failing, house.Starter, house, house.Clock, () => house.Rules, house.Clocks, firesInMemory: false);
        for (int look = 0; look < 3; look++)
        {
            house.Clock.Advance(house.Rules.KeeperEvery);
            await keeper.TickAsync(CancellationToken.None);
        }

        Assert.Single(house.Database.Events, fact => fact.Kind == OperationEvents.NotAccounted);
    }

    /// <summary>Another portal takes the keeper's lease over, can't account for the instants, tells of it and dies; the first one comes back.</summary>
    [Fact]
    public async Task Accounting_ThatSucceedsAfterATakeover_EndsWhatTheOtherKeeperHadTold()
    {
        await AwakeAsync();
        FailingCrons failing = new(house.Crons) { IsFailing = true };
        OccurrenceKeeper other = new(house.Database, house.Registry, failing, house.Starter, house, house.Clock, () => house.Rules, house.Clocks, firesInMemory: false);
        house.Clock.Advance(house.Rules.KeeperEvery);
        await house.Keeper.TickAsync(CancellationToken.None);
        for (int look = 0; look < 2; look++)
        {
            house.Clock.Advance(house.Rules.KeeperEvery);
            await other.TickAsync(CancellationToken.None);
        }

        Assert.Equal([true], house.Told(OperationIncidents.Accounting));
        for (int look = 0; look < 3; look++)
        {
            house.Clock.Advance(house.Rules.KeeperEvery);
            await house.Keeper.TickAsync(CancellationToken.None);
        }

        Assert.Equal([true, false], house.Told(OperationIncidents.Accounting));
        Assert.Single(house.Database.Events, fact => fact.Kind == OperationEvents.AccountedAgain);
    }

    [Fact]
    public async Task InstantsWithinAPause_AreSkippedAndRemindedOf()
    {
        await AwakeAsync();
        await house.Desk.PauseAsync(Key, "mending", Start.AddMinutes(90), OperationHouse.Ada, CancellationToken.None);

        house.Clock.SetUtcNow(Start.AddHours(1));
        Assert.IsType<StartOutcome.Skipped>(await house.FireAsync(Key, Start.AddHours(1)));
        await BeatUntilAsync(Start.AddHours(2));
        Assert.IsType<StartOutcome.Started>(await house.FireAsync(Key, Start.AddHours(2)));

        Assert.Equal([OccurrenceState.Skipped, OccurrenceState.Ran], house.Occurrences(Key).Select(one => one.State));
        Assert.Contains("mending", house.Occurrences(Key)[0].Why, StringComparison.Ordinal);
        Assert.Equal([true, false], house.Told(OperationIncidents.Missed));
        Assert.Contains(house.Database.Events, fact => fact.Kind == OperationEvents.Resumed);
    }

    [Fact]
    public async Task PauseThatEndedWhileEverythingWasDown_SaysOfEachOfItsManyInstantsWhyItWasSkipped()
    {
        TestItems minutely = new(Key, () => ["a"], "0 * * * * ?");
        OperationHouse away = new(minutely);
        await away.FillAsync();
        await away.TickAsync();
        await away.Desk.PauseAsync(Key, "mending", Start.AddHours(40), OperationHouse.Ada, CancellationToken.None);
        away.Clock.Advance(TimeSpan.FromHours(50));

        Assert.Equal(RunTrigger.CatchUp, Assert.Single(await away.TickAsync()).Trigger);

        Occurrence[] within = [.. away.Occurrences(Key).Where(one => one.Instant < Start.AddHours(40))];
        Assert.Equal(40 * 60 - 1, within.Length);
        Assert.All(within, one => Assert.Equal((OccurrenceState.Skipped, "Paused by ada: mending"), (one.State, one.Why)));
        Assert.Single(away.Database.Events, fact => fact.Kind == OperationEvents.Resumed);
        Assert.Null((await away.Database.Operations.FindAsync(Key, CancellationToken.None))!.Pause);
    }

    [Fact]
    public async Task Resume_BeforeTheFirstLookAfterEverythingWasDown_LeavesSkippedWhatPassedInThePause()
    {
        await AwakeAsync();
        await house.Desk.PauseAsync(Key, "mending", null, OperationHouse.Ada, CancellationToken.None);
        house.Clock.Advance(TimeSpan.FromHours(3.5));

        await house.Desk.ResumeAsync(Key, null, OperationHouse.Ada, CancellationToken.None);

        Assert.Equal(Start.AddHours(3.5), (await ScheduleAsync()).AccountedUntil);
        Assert.Empty((await house.Keeper.PreviewAsync(CancellationToken.None)).Owed);
        Assert.Empty(await house.TickAsync());
        Assert.Equal([1, 2, 3], house.Occurrences(Key).Select(one => (one.Instant - Start).TotalHours));
        Assert.All(house.Occurrences(Key), one => Assert.Equal((OccurrenceState.Skipped, "Paused by ada: mending"), (one.State, one.Why)));
        Assert.Single(house.Database.Events, fact => fact.Kind == OperationEvents.Skipped);
        house.Clock.SetUtcNow(Start.AddHours(4));
        Assert.IsType<StartOutcome.Started>(await house.FireAsync(Key, Start.AddHours(4)));
    }

    [Fact]
    public async Task Resume_OfAPauseThatIsOver_SkipsWhatPassedInIt_AndWhatPassedAroundItIsMadeUpFor()
    {
        await AwakeAsync();
        house.Clock.Advance(TimeSpan.FromHours(1.5));
        await house.Desk.PauseAsync(Key, "mending", Start.AddHours(3), OperationHouse.Ada, CancellationToken.None);
        house.Clock.Advance(TimeSpan.FromHours(3));

        await house.Desk.ResumeAsync(Key, null, OperationHouse.Ada, CancellationToken.None);
        OperationRun run = Assert.Single(await house.TickAsync());

        Assert.Equal((RunTrigger.CatchUp, Start.AddHours(4)), (run.Trigger, run.Instant));
        Assert.Equal(
            [OccurrenceState.Missed, OccurrenceState.Skipped, OccurrenceState.Missed, OccurrenceState.Late], house.Occurrences(Key).Select(one => one.State));
    }

    [Fact]
    public async Task Resume_OfMinutesThatPassedByThousands_SkipsEachOfThem()
    {
        OperationHouse away = new(new TestItems(Key, () => ["a"], "0 * * * * ?"));
        await away.FillAsync();
        await away.TickAsync();
        await away.Desk.PauseAsync(Key, "mending", null, OperationHouse.Ada, CancellationToken.None);
        away.Clock.Advance(TimeSpan.FromMinutes(4001));

        await away.Desk.ResumeAsync(Key, null, OperationHouse.Ada, CancellationToken.None);

        Assert.Empty(await away.TickAsync());
        Assert.Equal(4001, away.Occurrences(Key).Count(one => one.State == OccurrenceState.Skipped));
    }

    /// <summary>The instant is still to come by the right time, and must run then.</summary>
    [Fact]
    public async Task Resume_ByAClockThatIsFarOff_NotesNothing()
    {
        await AwakeAsync();
        await house.Desk.PauseAsync(Key, "mending", null, OperationHouse.Ada, CancellationToken.None);
        house.Clock.Advance(TimeSpan.FromHours(3.5));
        house.Clocks.NoteAhead(TimeSpan.FromHours(3));

        await house.Desk.ResumeAsync(Key, null, OperationHouse.Ada, CancellationToken.None);

        Assert.Empty(house.Occurrences(Key));
        Assert.Null((await ScheduleAsync()).Pause);
    }

    [Fact]
    public async Task Release_BeforeTheFirstLookAfterEverythingWasDown_LeavesSkippedWhatPassedWhileItWasHeld()
    {
        TestItems harmless = new("tests.harmless", () => ["x"]) { Info = new("tests.harmless", "Harmless", "Looks.", "0 0 * * * ?", "tests:run") };
        OperationHouse both = new(operation, harmless);
        await both.FillAsync();
        await both.TickAsync();
        await both.Desk.HoldAutomationAsync("it ends the wrong ones", null, OperationHouse.Ada, CancellationToken.None);
        both.Clock.Advance(TimeSpan.FromHours(2.5));

        await both.Desk.ReleaseAutomationAsync(null, OperationHouse.Ada, CancellationToken.None);
        OperationRun run = Assert.Single(await both.TickAsync());

        Assert.Equal("tests.harmless", run.Operation);
        Assert.All(both.Occurrences(Key), one => Assert.Equal(OccurrenceState.Skipped, one.State));
        Assert.Equal(2, both.Occurrences(Key).Count);
        Assert.DoesNotContain(both.Occurrences("tests.harmless"), one => one.State == OccurrenceState.Skipped);
    }

    /// <summary>Nobody has looked since the earlier one was over.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Held_Anew_LeavesSkippedWhatPassedInTheEarlierTime(bool byPause)
    {
        await AwakeAsync();
        await HoldAsync(Start.AddHours(2.5));
        house.Clock.Advance(TimeSpan.FromHours(2.7));

        await HoldAsync(null);
        await house.TickAsync();

        Assert.Equal([OccurrenceState.Skipped, OccurrenceState.Skipped], house.Occurrences(Key).Select(one => one.State));

        Task<OperationCommand> HoldAsync(DateTimeOffset? until) => byPause
            ? house.Desk.PauseAsync(Key, "mending", until, OperationHouse.Ada, CancellationToken.None)
            : house.Desk.HoldAutomationAsync("mending", until, OperationHouse.Ada, CancellationToken.None);
    }

    [Fact]
    public async Task Resume_WhileDestructiveAutomationIsHeld_SaysThatItDoesNotRunYet()
    {
        await AwakeAsync();
        await house.Desk.PauseAsync(Key, "mending", null, OperationHouse.Ada, CancellationToken.None);
        await house.Desk.HoldAutomationAsync("it ends the wrong ones", null, OperationHouse.Ada, CancellationToken.None);

        await house.Desk.ResumeAsync(Key, null, OperationHouse.Ada, CancellationToken.None);

        Assert.Contains(
            "is not paused any more, and runs by itself when destructive automation is not held any more",
            Assert.Single(house.Database.Events, fact => fact.Kind == OperationEvents.Resumed).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task KillSwitch_HoldsWhatIsDestructive_AndAPersonMayStillRunIt()
    {
        TestItems harmless = new("tests.harmless", () => ["x"]) { Info = new("tests.harmless", "Harmless", "Looks.", "0 0 * * * ?", "tests:run") };
        OperationHouse both = new(operation, harmless);
        await both.FillAsync();
        await both.Desk.HoldAutomationAsync("it ends the wrong ones", null, OperationHouse.Ada, CancellationToken.None);
        Assert.Equal([true], both.Told(OperationIncidents.AutomationHeld));
        both.Clock.Advance(TimeSpan.FromHours(1));

        Assert.IsType<StartOutcome.Skipped>(await both.FireAsync(Key, Start.AddHours(1)));
        Assert.IsType<StartOutcome.Started>(await both.FireAsync("tests.harmless", Start.AddHours(1)));
        Assert.Empty(operation.Done);
        Assert.IsType<OperationCommand.Started>(await both.Desk.RunNowAsync(Key, "by hand", OperationHouse.Ada, CancellationToken.None));
        Assert.Equal(RunState.Succeeded, (await both.EndBegunAsync()).State);

        await both.Desk.ReleaseAutomationAsync(null, OperationHouse.Ada, CancellationToken.None);
        Assert.Equal([true, false], both.Told(OperationIncidents.AutomationHeld));
    }

    [Fact]
    public async Task KillSwitch_WithAnEnd_IsReleasedThenAndNotBefore()
    {
        await AwakeAsync();
        await house.Desk.HoldAutomationAsync("stop", Start.AddMinutes(30), OperationHouse.Ada, CancellationToken.None);

        await BeatUntilAsync(Start.AddMinutes(29));
        Assert.Equal([true], house.Told(OperationIncidents.AutomationHeld));
        await BeatUntilAsync(Start.AddMinutes(30));

        Assert.Equal([true, false], house.Told(OperationIncidents.AutomationHeld));
        Assert.Single(house.Database.Events, fact => fact.Kind == OperationEvents.AutomationReleased);
    }

    /// <summary>The instants of one operation can't be accounted for at the moment at which its pause or the kill switch is over.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task HoldThatIsOver_WhileItsInstantsCanNotBeAccountedFor_LeavesThemSkipped(bool byPause)
    {
        await AwakeAsync();
        FailingCrons failing = new(house.Crons) { IsFailing = true };
        OccurrenceKeeper keeper = new(house.Database, house.Registry, failing, house.Starter, house, house.Clock, () => house.Rules, house.Clocks, firesInMemory: false);
        await (byPause
            ? house.Desk.PauseAsync(Key, "mending", Start.AddHours(1.5), OperationHouse.Ada, CancellationToken.None)
            : house.Desk.HoldAutomationAsync("mending", Start.AddHours(1.5), OperationHouse.Ada, CancellationToken.None));
        house.Clock.Advance(TimeSpan.FromHours(1.6));
        await keeper.TickAsync(CancellationToken.None);
        Assert.DoesNotContain(house.Database.Events, IsEnd);
        failing.IsFailing = false;
        house.Clock.Advance(house.Rules.KeeperEvery);

        await keeper.TickAsync(CancellationToken.None);

        Assert.Empty(house.Begun);
        Assert.Equal(OccurrenceState.Skipped, Assert.Single(house.Occurrences(Key)).State);
        Assert.Contains("mending", house.Occurrences(Key)[0].Why, StringComparison.Ordinal);
        Assert.Single(house.Database.Events, IsEnd);

        bool IsEnd(OperationalEvent fact) => fact.Kind == (byPause ? OperationEvents.Resumed : OperationEvents.AutomationReleased);
    }

    [Fact]
    public async Task KillSwitch_WithAnEnd_IsReleasedThen_AlsoWhereAScheduleCanNotBeRead()
    {
        await AwakeAsync();
        await house.Desk.HoldAutomationAsync("stop", Start.AddMinutes(30), OperationHouse.Ada, CancellationToken.None);
        await house.Database.RunAsync(
            async (unit, token) => await unit.Store<IOperationScheduleStore>().SaveTimesAsync((await ScheduleAsync()) with { Cron = "at noon" }, token), CancellationToken.None);

        await BeatUntilAsync(Start.AddMinutes(30));

        Assert.Equal([true], house.Told(OperationIncidents.Schedule));
        Assert.Single(house.Database.Events, fact => fact.Kind == OperationEvents.AutomationReleased);
    }

    /// <summary>The one before is over, and stands until what it held is noted, which fails.</summary>
    [Fact]
    public async Task KillSwitch_CanBeThrownAnew_WhileWhatTheOneBeforeHeldCanNotBeNoted()
    {
        await AwakeAsync();
        await house.Desk.HoldAutomationAsync("mending", Start.AddHours(1.5), OperationHouse.Ada, CancellationToken.None);
        house.Clock.Advance(TimeSpan.FromHours(1.6));
        FailingCrons failing = new(house.Crons) { IsFailing = true };
        OperationDesk desk = new(
            house.Database, house.Registry, failing, house.Starter, house, new SeededIds(99), house.Clock, () => house.Rules, () => house.Installation, house.Clocks);

        Assert.IsType<OperationCommand.Done>(await desk.HoldAutomationAsync("it ends the wrong ones", null, OperationHouse.Ada, CancellationToken.None));

        AutomationHold? hold = await house.Database.ReadAsync(static (unit, token) => unit.Store<IAutomationHoldStore>().FindAsync(token), CancellationToken.None);
        Assert.Equal(("it ends the wrong ones", house.Clock.GetUtcNow(), null), (hold!.Reason, hold.Since, hold.Until));
        Assert.Equal([true, true], house.Told(OperationIncidents.AutomationHeld));
    }

    [Fact]
    public async Task KillSwitch_ThrownWhileARunIsAtWork_EndsItBeforeItsNextItem()
    {
        List<string> words = ["a", "b"];
        TestItems work = new(Key, () => words);
        OperationHouse held = new(work);
        work.Before = (_, _) => held.Desk.HoldAutomationAsync("stop", null, OperationHouse.Ada, CancellationToken.None);
        await held.FillAsync();

        await held.FireAsync(Key, Start.AddHours(1));

        Assert.Equal(["a"], work.Done);
        Assert.Equal(RunState.Cancelled, Assert.Single(held.Database.Operations.Runs.Rows).State);
    }

    [Fact]
    public async Task NewDefault_IsFollowedByAnUntouchedSchedule_AndNotByAnEditedOne()
    {
        await house.FillAsync();
        TestItems moved = new(Key, () => ["a"], "0 30 * * * ?");
        OccurrenceKeeper next = new(house.Database, new OperationRegistry([moved]), house.Crons, house.Starter, house, house.Clock, () => house.Rules, house.Clocks, firesInMemory: false);

        await next.FillAsync(CancellationToken.None);
        Assert.Equal("0 30 * * * ?", (await ScheduleAsync()).Cron);
        await house.Desk.EditScheduleAsync(Key, new ScheduleWish("0 15 * * * ?", "UTC", CatchUp.Once), OperationHouse.Ada, CancellationToken.None);
        await house.Keeper.FillAsync(CancellationToken.None);

        Assert.Equal(("0 15 * * * ?", true), ((await ScheduleAsync()).Cron, (await ScheduleAsync()).IsEdited));
        await house.Desk.EditScheduleAsync(Key, null, OperationHouse.Ada, CancellationToken.None);
        Assert.Equal(("0 0 * * * ?", false), ((await ScheduleAsync()).Cron, (await ScheduleAsync()).IsEdited));
    }

    [Fact]
    public async Task EditedSchedule_ClosesWhatTheOldOneOwed()
    {
        await AwakeAsync();
        house.Clock.SetUtcNow(Start.AddHours(2).AddMinutes(1));

        await house.Desk.EditScheduleAsync(Key, new ScheduleWish("0 30 * * * ?", "UTC", CatchUp.Once), OperationHouse.Ada, CancellationToken.None);

        Assert.Equal([OccurrenceState.Skipped, OccurrenceState.Skipped], house.Occurrences(Key).Select(one => one.State));
        Assert.All(house.Occurrences(Key), one => Assert.Contains("ada", one.Why, StringComparison.Ordinal));
        Assert.Empty(await house.TickAsync());
    }

    [Theory]
    [InlineData("at noon", "UTC", "\"at noon\" can't be read")]
    [InlineData("0 0 * * * ?", "Europe/Atlantis", "there is no time zone \"Europe/Atlantis\"")]
    public async Task Schedule_ThatCanNotBeRead_KeepsNoOtherFromItsTurn_AndIsTold(string cron, string zone, string why)
    {
        // In the order of keys the broken one comes first, in the look as at a start.
        TestItems other = new("tests.zother", () => ["x"]);
        OperationHouse both = new(operation, other);
        await both.FillAsync();
        await both.TickAsync();
        OperationSchedule kept = (await both.Database.Operations.FindAsync(Key, CancellationToken.None))!;
        await both.Database.RunAsync(
            (unit, token) => unit.Store<IOperationScheduleStore>().SaveTimesAsync(kept with { Cron = cron, TimeZone = zone, IsEdited = true }, token), CancellationToken.None);
        await both.FillAsync();
        both.Clock.Advance(TimeSpan.FromHours(1.5));

        Assert.Equal([Key], (await both.Keeper.PreviewAsync(CancellationToken.None)).Unreadable);
        Assert.Equal("tests.zother", Assert.Single(await both.TickAsync()).Operation);
        await both.TickAsync();

        OperationalEvent told = Assert.Single(both.Database.Events, fact => fact.Kind == OperationEvents.ScheduleUnreadable);
        Assert.Contains(why, told.Message, StringComparison.Ordinal);
        Assert.Contains("Edit its schedule, or put it back to the default", told.Message, StringComparison.Ordinal);
        Assert.Equal((OperationIncidents.Schedule, Key), (Assert.Single(told.Signals).Rule, told.Signals[0].Subject));
        Assert.IsType<StartOutcome.Left>(await both.FireAsync(Key, both.Clock.GetUtcNow()));

        // A person can run it, and mend it.
        Assert.IsType<OperationCommand.Started>(await both.Desk.RunNowAsync(Key, "of a test", OperationHouse.Ada, CancellationToken.None));
        await both.EndBegunAsync();
        Assert.IsType<OperationCommand.Done>(await both.Desk.EditScheduleAsync(Key, null, OperationHouse.Ada, CancellationToken.None));
        Assert.Equal([true, false], both.Told(OperationIncidents.Schedule));
        await both.TickAsync();
        both.Clock.Advance(TimeSpan.FromHours(1));
        Assert.IsType<StartOutcome.Started>(await both.FireNextAsync(Key));
    }

    [Fact]
    public async Task Schedule_ThatNobodyEdited_AndThatCanNotBeRead_FollowsTheDefaultAtTheNextStart()
    {
        await AwakeAsync();
        await house.Database.RunAsync(
            async (unit, token) => await unit.Store<IOperationScheduleStore>().SaveTimesAsync((await ScheduleAsync()) with { Cron = "at noon" }, token), CancellationToken.None);
        house.Clock.Advance(TimeSpan.FromHours(2.5));

        await house.FillAsync();

        Assert.Equal(operation.Info.DefaultCron, (await ScheduleAsync()).Cron);
        Assert.Empty(house.Told(OperationIncidents.Schedule));
    }

    private async Task AwakeAsync()
    {
        await house.FillAsync();
        Assert.Empty(await house.TickAsync());
    }

    private async Task BeatUntilAsync(DateTimeOffset instant)
    {
        while (house.Clock.GetUtcNow() < instant)
        {
            TimeSpan left = instant - house.Clock.GetUtcNow();
            house.Clock.Advance(left < house.Rules.KeeperEvery ? left : house.Rules.KeeperEvery);
            await house.TickAsync();
        }
    }

    private async Task<OperationSchedule> ScheduleAsync() => (await house.Database.Operations.FindAsync(Key, CancellationToken.None))!;

    /// <summary>Reads every text, and fails at its instants.</summary>
    private sealed class FailingCrons(ICronSchedules inner) : ICronSchedules
    {
        public bool IsFailing { get; set; }

        public CronReading Read(string cron, string timeZone, DateTimeOffset now) => inner.Read(cron, timeZone, now);

        public DateTimeOffset? NextAfter(string cron, string timeZone, DateTimeOffset after) =>
            IsFailing ? throw new InvalidOperationException("the table of zones is damaged") : inner.NextAfter(cron, timeZone, after);
    }

    /// <summary>The database goes away as soon as the condition holds.</summary>
    private sealed class HoldsThatGoAway(IAutomationHoldStore inner, Func<bool> isAway) : IAutomationHoldStore
    {
        public Task<AutomationHold?> FindAsync(CancellationToken cancellationToken) =>
            isAway() ? throw new StoreUnavailableException("The database is away.") : inner.FindAsync(cancellationToken);

        public Task<AutomationHold?> LockAsync(CancellationToken cancellationToken) => inner.LockAsync(cancellationToken);

        public Task SaveAsync(AutomationHold? hold, CancellationToken cancellationToken) => inner.SaveAsync(hold, cancellationToken);

        public Task<bool> TryEndAsync(DateTimeOffset at, CancellationToken cancellationToken) => inner.TryEndAsync(at, cancellationToken);
    }
}
