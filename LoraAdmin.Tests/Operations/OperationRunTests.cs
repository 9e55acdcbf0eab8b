using System.Globalization;
using LoraAdmin.Commands;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
using Xunit;

namespace LoraAdmin.Tests.Operations;

public sealed class OperationRunTests
{
    private const string Key = "tests.work";
    private static readonly DateTimeOffset Instant = OperationHouse.Start.AddHours(1);

    private readonly List<string> todo = ["a", "b", "c"];
    private readonly TestItems operation;
    private readonly OperationHouse house;

    public OperationRunTests()
    {
        operation = new TestItems(Key, () => todo);
        house = new OperationHouse(operation);
    }

    [Fact]
    public async Task Fire_RunsThePlan_AndWritesStartEndAndInstant()
    {
        await house.FillAsync();

        StartedRun started = Assert.IsType<StartOutcome.Started>(await house.FireAsync(Key, Instant)).Run;

        OperationRun run = await house.RunAsync(started.Run.Id);
        Assert.Equal((RunState.Succeeded, 3, 3, "3 of 3 done."), (run.State, run.Planned, run.Done, run.Outcome));
        Assert.Equal(["0", "3"], new[] { Assert.Single(run.Before).Value, Assert.Single(run.After).Value });
        Assert.Equal(["a", "b", "c"], operation.Done);
        Occurrence occurrence = Assert.Single(house.Occurrences(Key));
        Assert.Equal((OccurrenceState.Ran, run.Id), (occurrence.State, occurrence.Run));
    }

    [Fact]
    public async Task Fire_OfOneInstantByTwoInstances_RunsOnce()
    {
        await house.FillAsync();
        await house.FireAsync(Key, Instant);

        Assert.IsType<StartOutcome.Accounted>(await house.FireAsync(Key, Instant));

        Assert.Equal(3, operation.Done.Count);
    }

    [Fact]
    public async Task Fire_WhileTheLastOneRuns_IsSkippedWithTheReason()
    {
        await house.FillAsync();
        RunRequest request = new(Key, RunTrigger.Schedule, Actor.Portal(Key), Instant);
        StartedRun first = Assert.IsType<StartOutcome.Started>(await house.Starter.StartAsync(request, CancellationToken.None)).Run;

        Assert.IsType<StartOutcome.Skipped>(await house.FireAsync(Key, Instant.AddHours(1)));

        await house.EndAsync(first);
        Assert.Equal([OccurrenceState.Ran, OccurrenceState.Skipped], house.Occurrences(Key).Select(one => one.State));
        Assert.Contains("Run 1", house.Occurrences(Key)[1].Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fire_OfAnInstantThatTheScheduleHasNotAnyMore_DoesNothing()
    {
        await house.FillAsync();
        await house.Desk.EditScheduleAsync(Key, new ScheduleWish("0 30 * * * ?", "UTC", CatchUp.Once), OperationHouse.Ada, CancellationToken.None);
        house.Clock.SetUtcNow(Instant.AddHours(1));

        // The scheduler still has the old text.
        StartOutcome.Left left = Assert.IsType<StartOutcome.Left>(await house.FireAsync(Key, Instant.AddHours(1)));

        Assert.Contains("0 30 * * * ?", left.Why, StringComparison.Ordinal);
        Assert.Empty(operation.Done);
        Assert.Empty(house.Occurrences(Key));
        Assert.IsType<StartOutcome.Started>(await house.FireAsync(Key, Instant.AddMinutes(30)));
    }

    [Fact]
    public async Task Numbers_HaveNoGap_WhateverWasSkippedRefusedOrHeldInBetween()
    {
        await house.FillAsync();
        await house.FireAsync(Key, Instant);
        await house.FireAsync(Key, Instant);
        await house.Desk.HoldAutomationAsync("stop", null, OperationHouse.Ada, CancellationToken.None);
        await house.FireAsync(Key, Instant.AddHours(1));
        await house.Desk.ApplyAsync(Key, new Guid(99, 0, 0, new byte[8]), "checked", OperationHouse.Ada, CancellationToken.None);
        await house.Desk.ReleaseAutomationAsync(null, OperationHouse.Ada, CancellationToken.None);
        StartedRun dead = await DieAtAsync("b", Instant.AddHours(2));
        await house.Desk.HoldAutomationAsync("stop", null, OperationHouse.Ada, CancellationToken.None);
        for (int look = 0; look < 3; look++)
        {
            house.Clock.Advance(TimeSpan.FromSeconds(31));
            Assert.Empty(await house.TickAsync());
        }

        await house.Desk.ReleaseAutomationAsync(null, OperationHouse.Ada, CancellationToken.None);
        OperationRun recovered = Assert.Single(await house.TickAsync());

        Assert.Equal((2L, 3L), (dead.Run.Number, recovered.Number));
        Assert.Equal([1L, 2L, 3L], house.Database.Operations.Runs.Rows.Select(run => run.Number).Order());
    }

    [Fact]
    public async Task Apply_OfAPlan_DoesNothingElseAndListsTheDifference()
    {
        await house.FillAsync();
        Guid plan = Assert.IsType<OperationCommand.Planned>(await house.Desk.PreviewAsync(Key, OperationHouse.Ada, CancellationToken.None)).Plan;
        Assert.Empty(operation.Done);
        todo.Remove("b");
        todo.Add("d");

        Assert.IsType<OperationCommand.Started>(await house.Desk.ApplyAsync(Key, plan, "checked", OperationHouse.Ada, CancellationToken.None));
        OperationRun run = await house.EndBegunAsync();

        Assert.Equal((RunState.Succeeded, 2, 1, RunTrigger.Person, "checked"), (run.State, run.Done, run.Ineligible, run.Trigger, run.Reason));
        Assert.Equal(
            [("a", ItemEnd.Done, null), ("b", ItemEnd.Ineligible, "It is not to be done any more"), ("c", ItemEnd.Done, null)],
            (await house.ItemsAsync(plan)).Select(item => (item.Item.Target, item.Outcome!.End, item.Outcome.Why)));
    }

    [Fact]
    public async Task ItemThatFails_LeavesTheOthersTheirTurn_AndAlerts()
    {
        operation.Before = (word, _) => word == "b" ? throw new InvalidOperationException("the disk is full") : Task.CompletedTask;
        await house.FillAsync();

        await house.FireAsync(Key, Instant);

        OperationRun run = Assert.Single(house.Database.Operations.Runs.Rows);
        Assert.Equal((RunState.PartlyFailed, 2, 1), (run.State, run.Done, run.Failed));
        Assert.Equal("the disk is full", (await house.ItemsAsync(run.Plan!.Value))[1].Outcome!.Why);
        Assert.Equal([true], house.Told(OperationIncidents.Failed));
        operation.Before = null;
        await house.FireAsync(Key, Instant.AddHours(1));
        Assert.Equal([true, false], house.Told(OperationIncidents.Failed));
    }

    [Fact]
    public async Task Look_ThatCouldNotRead_DoesNothingAndRethrows()
    {
        operation.Plan = new Planning.CouldNotRead("HTTP 503", "Wait");
        await house.FillAsync();
        RunRequest request = new(Key, RunTrigger.Schedule, Actor.Portal(Key), Instant);
        StartedRun started = Assert.IsType<StartOutcome.Started>(await house.Starter.StartAsync(request, CancellationToken.None)).Run;

        OperationFailedException failure = await Assert.ThrowsAsync<OperationFailedException>(() => house.Runner.ExecuteAsync(started, CancellationToken.None));

        Assert.Contains("HTTP 503", failure.Message, StringComparison.Ordinal);
        OperationRun run = await house.RunAsync(started.Run.Id);
        Assert.Equal((RunState.Failed, 0), (run.State, run.Done));
        Assert.Contains("HTTP 503", run.Outcome, StringComparison.Ordinal);
        Assert.Equal([true], house.Told(OperationIncidents.Failed));
    }

    [Fact]
    public async Task Invariant_ThatDoesNotHoldAfterwards_FailsTheRun()
    {
        operation.Broken = "a row is left over";
        await house.FillAsync();

        await house.FireAsync(Key, Instant);

        OperationRun run = Assert.Single(house.Database.Operations.Runs.Rows);
        Assert.Equal(RunState.Failed, run.State);
        Assert.Contains("a row is left over", run.Outcome, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Caps_HoldBackTheRest_UntilAPersonApprovesExactlyThat()
    {
        operation.WithinCaps = 1;
        await house.FillAsync();

        await house.FireAsync(Key, Instant);

        Assert.Equal(["a"], operation.Done);
        OperationPlan waiting = Assert.Single(house.Database.Operations.Plans.Rows, plan => plan.State == PlanState.AwaitsApproval);
        Assert.Equal(["b", "c"], (await house.ItemsAsync(waiting.Id)).Select(item => item.Item.Target));
        Assert.Equal([true], house.Told(OperationIncidents.Approval));
        Assert.IsType<OperationCommand.Started>(await house.Desk.ApplyAsync(Key, waiting.Id, "I have checked them", OperationHouse.Ada, CancellationToken.None));
        OperationRun run = await house.EndBegunAsync();
        Assert.Equal((RunTrigger.Approval, RunState.Succeeded, 2), (run.Trigger, run.State, run.Done));
        Assert.Equal(["a", "b", "c"], operation.Done);
        Assert.Equal([true, false], house.Told(OperationIncidents.Approval));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Run_ThatAPersonBeginsUnread_KeepsItsCaps_AlsoWhenItIsGoneOnFrom(bool isInterrupted)
    {
        operation.WithinCaps = 2;
        await house.FillAsync();
        Assert.IsType<OperationCommand.Started>(await house.Desk.RunNowAsync(Key, "a test", OperationHouse.Ada, CancellationToken.None));
        if (isInterrupted)
        {
            operation.Before = (word, _) => word == "b" ? throw new StoreUnavailableException("dies here") : Task.CompletedTask;
            await Assert.ThrowsAsync<StoreUnavailableException>(house.EndBegunAsync);
            operation.Before = null;
            house.Clock.Advance(TimeSpan.FromSeconds(31));
            Assert.Equal(RunTrigger.Recovery, Assert.Single(await house.TickAsync()).Trigger);
        }
        else
        {
            await house.EndBegunAsync();
        }

        Assert.Equal(["a", "b"], operation.Done);
        OperationPlan waiting = Assert.Single(house.Database.Operations.Plans.Rows, plan => plan.State == PlanState.AwaitsApproval);
        Assert.Equal(["c"], (await house.ItemsAsync(waiting.Id)).Select(item => item.Item.Target));
    }

    [Fact]
    public async Task Plan_ThatAPersonHasRead_IsAppliedWhole_AlsoWhenItIsGoneOnFrom()
    {
        operation.WithinCaps = 1;
        await house.FillAsync();
        Guid plan = Assert.IsType<OperationCommand.Planned>(await house.Desk.PreviewAsync(Key, OperationHouse.Ada, CancellationToken.None)).Plan;
        house.Clock.Advance(TimeSpan.FromSeconds(20));
        Assert.IsType<OperationCommand.Started>(await house.Desk.ApplyAsync(Key, plan, "I have read it", OperationHouse.Ada, CancellationToken.None));
        operation.Before = (word, _) => word == "b" ? throw new StoreUnavailableException("dies here") : Task.CompletedTask;
        await Assert.ThrowsAsync<StoreUnavailableException>(house.EndBegunAsync);
        operation.Before = null;
        house.Clock.Advance(TimeSpan.FromSeconds(31));

        Assert.Equal(RunTrigger.Recovery, Assert.Single(await house.TickAsync()).Trigger);

        Assert.Equal(["a", "b", "c"], operation.Done);
        Assert.DoesNotContain(house.Database.Operations.Plans.Rows, one => one.State == PlanState.AwaitsApproval);
    }

    [Fact]
    public async Task Plan_ThatARunMadeAfterTheClockWasSetBack_IsStillUnread()
    {
        operation.WithinCaps = 1;
        await house.FillAsync();
        house.Clock.Advance(TimeSpan.FromMinutes(10));
        Assert.IsType<OperationCommand.Started>(await house.Desk.RunNowAsync(Key, "a test", OperationHouse.Ada, CancellationToken.None));
        StartedRun first = house.Begun[^1];
        house.Begun.Clear();
        using (CancellationTokenSource stop = new())
        {
            operation.Looking = async token =>
            {
                await stop.CancelAsync();
                await Task.Delay(Timeout.InfiniteTimeSpan, house.Clock, token);
            };
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => house.EndAsync(first, stop.Token));
        }

        operation.Looking = null;
        house.Clock.AdjustTime(house.Clock.GetUtcNow() - TimeSpan.FromMinutes(9));
        operation.Before = (_, _) => throw new StoreUnavailableException("dies here");
        await Assert.ThrowsAsync<StoreUnavailableException>(house.TickAsync);
        operation.Before = null;
        house.Clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(RunTrigger.Recovery, Assert.Single(await house.TickAsync()).Trigger);

        Assert.Equal(["a"], operation.Done);
        OperationPlan waiting = Assert.Single(house.Database.Operations.Plans.Rows, plan => plan.State == PlanState.AwaitsApproval);
        Assert.Equal(["b", "c"], (await house.ItemsAsync(waiting.Id)).Select(item => item.Item.Target));
    }

    [Fact]
    public async Task Lease_WhoseRenewalHangs_BreaksTheWorkOffWhenItIsOver()
    {
        TroubledWork work = new(house.Database);
        (Task<OperationRun> working, CancellationToken asked) = await LookAsync(work);
        work.Hangs = true;
        TimeSpan third = house.Rules.LeaseFor / 3;

        house.Clock.Advance(third);
        await Eventually.TrueAsync(() => work.Asked > 0, "the renewal hangs");
        house.Clock.Advance((2 * third) - TimeSpan.FromSeconds(1));
        Assert.False(asked.IsCancellationRequested);
        house.Clock.Advance(TimeSpan.FromSeconds(1));

        await Eventually.TrueAsync(() => asked.IsCancellationRequested, "the work is broken off at the lease's end");
        work.Hangs = false;
        Assert.Equal(RunState.Running, (await working).State);
    }

    [Fact]
    public async Task Lease_ThatCanNotBeRenewedForWhateverReason_IsTriedAgainUntilItIsOver()
    {
        TroubledWork work = new(house.Database);
        (Task<OperationRun> working, CancellationToken asked) = await LookAsync(work);
        OperationRun run = Assert.Single(house.Database.Operations.Runs.Rows);
        work.Failure = new InvalidOperationException("the driver is confused");
        house.Clock.Advance(house.Rules.LeaseFor / 3);
        await Eventually.TrueAsync(() => work.Asked > 0, "the first try has failed");
        work.Failure = null;
        await Eventually.TrueAsync(
            async () =>
            {
                house.Clock.Advance(TimeSpan.FromSeconds(1));
                return (await house.RunAsync(run.Id)).LeaseUntil > run.LeaseUntil;
            },
            "the next try has renewed it");
        work.Failure = new InvalidOperationException("the driver is confused");
        DateTimeOffset until = (await house.RunAsync(run.Id)).LeaseUntil;
        while (house.Clock.GetUtcNow() < until - TimeSpan.FromSeconds(1))
        {
            house.Clock.Advance(TimeSpan.FromSeconds(1));
            Assert.False(asked.IsCancellationRequested);
        }

        await Eventually.TrueAsync(
            () =>
            {
                house.Clock.Advance(TimeSpan.FromSeconds(1));
                return asked.IsCancellationRequested;
            },
            "the work is broken off at the lease's end");
        work.Failure = null;
        Assert.Equal(RunState.Running, (await working).State);
    }

    [Fact]
    public async Task Lease_ThatTheOnlyProcessCanNotRenew_LetsNobodyGoOnFromItsRun()
    {
        TroubledWork work = new(house.Database);
        OperationRunner alone = new(work, house.Registry, new SeededIds(12), house.Clock, () => house.Rules, () => house.Installation, house.Clocks, isAlone: true);
        house.AtWork = alone.IsAtWork;
        await house.FillAsync();
        RunRequest request = new(Key, RunTrigger.Schedule, Actor.Portal(Key), Instant);
        StartedRun started = Assert.IsType<StartOutcome.Started>(await house.Starter.StartAsync(request, CancellationToken.None)).Run;
        operation.Before = async (word, _) =>
        {
            if (word == "b")
            {
                // A statement over all rows is at work, behind which every renewal waits in vain.
                work.Failure = new StoreUnavailableException("the database is busy");
                for (int look = 0; look < 3; look++)
                {
                    house.Clock.Advance(house.Rules.LeaseFor);
                    Assert.True((await house.RunAsync(started.Run.Id)).LeaseUntil <= house.Clock.GetUtcNow());
                    Assert.Empty(await house.LookAsync());
                }

                work.Failure = null;
            }
        };

        OperationRun ended = await alone.ExecuteAsync(started, CancellationToken.None);

        Assert.Equal((RunState.Succeeded, 3L), (ended.State, ended.Done));
        Assert.Equal(["a", "b", "c"], operation.Done);
        Assert.False(alone.IsAtWork(started.Run.Id));
    }

    /// <summary>A run that looks for what there is to do until it is broken off, on a database of its own troubles.</summary>
    private async Task<(Task<OperationRun> Working, CancellationToken Asked)> LookAsync(IUnitOfWork work)
    {
        TaskCompletionSource<CancellationToken> looks = new(TaskCreationOptions.RunContinuationsAsynchronously);
        operation.Looking = async token =>
        {
            looks.SetResult(token);
            await Task.Delay(Timeout.InfiniteTimeSpan, house.Clock, token);
        };
        await house.FillAsync();
        OperationRunner runner = new(work, house.Registry, new SeededIds(12), house.Clock, () => house.Rules, () => house.Installation, house.Clocks, isAlone: false);
        RunRequest request = new(Key, RunTrigger.Schedule, Actor.Portal(Key), Instant);
        StartedRun started = Assert.IsType<StartOutcome.Started>(await house.Starter.StartAsync(request, CancellationToken.None)).Run;
        Task<OperationRun> working = runner.ExecuteAsync(started, CancellationToken.None);
        return (working, await looks.Task.WaitAsync(Eventually.DefaultDeadline, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("killed")]
    [InlineData("cancelled")]
    [InlineData("failed")]
    public async Task Approval_WhoseRunDoesNotEndWell_LeavesNothingToldAsWaiting(string how)
    {
        operation.WithinCaps = 1;
        await house.FillAsync();
        await house.FireAsync(Key, Instant);
        OperationPlan waiting = Assert.Single(house.Database.Operations.Plans.Rows, plan => plan.State == PlanState.AwaitsApproval);
        Guid run = Assert.IsType<OperationCommand.Started>(
            await house.Desk.ApplyAsync(Key, waiting.Id, "I have checked them", OperationHouse.Ada, CancellationToken.None)).Run;
        operation.Before = (word, _) => (how, word) switch
        {
            ("killed", _) => throw new StoreUnavailableException("dies here"),
            ("cancelled", "b") => house.Desk.CancelAsync(run, "enough", OperationHouse.Ada, CancellationToken.None),
            _ => throw new InvalidOperationException("the disk is full"),
        };

        if (how == "killed")
        {
            await Assert.ThrowsAsync<StoreUnavailableException>(house.EndBegunAsync);
            operation.Before = null;
            house.Clock.Advance(TimeSpan.FromSeconds(31));
            OperationRun next = Assert.Single(await house.TickAsync());
            Assert.Equal((RunState.Succeeded, RunTrigger.Recovery), (next.State, next.Trigger));
        }
        else
        {
            Assert.Equal(how == "failed" ? RunState.Failed : RunState.Cancelled, (await house.EndBegunAsync()).State);
        }

        Assert.Equal([true, false], house.Told(OperationIncidents.Approval));
        Assert.DoesNotContain(house.Database.Operations.Plans.Rows, plan => plan.State == PlanState.AwaitsApproval);
    }

    [Fact]
    public async Task WaitingPlan_StaysThroughARunOfAnOlderLook_AndGivesWayToANewerOne()
    {
        await house.FillAsync();
        Guid preview = Assert.IsType<OperationCommand.Planned>(await house.Desk.PreviewAsync(Key, OperationHouse.Ada, CancellationToken.None)).Plan;
        operation.WithinCaps = 1;
        house.Clock.Advance(TimeSpan.FromMinutes(2));
        operation.AsOf = OperationHouse.Start.AddMinutes(1);
        await house.FireAsync(Key, Instant);
        OperationPlan waiting = Assert.Single(house.Database.Operations.Plans.Rows, plan => plan.State == PlanState.AwaitsApproval);

        await house.Desk.ApplyAsync(Key, preview, "read before", OperationHouse.Ada, CancellationToken.None);
        await house.EndBegunAsync();
        Assert.Equal(PlanState.AwaitsApproval, (await house.Database.Operations.Plans.FindAsync(waiting.Id, CancellationToken.None))!.State);
        Assert.Equal([true], house.Told(OperationIncidents.Approval));

        operation.WithinCaps = null;
        operation.AsOf = OperationHouse.Start.AddMinutes(2);
        await house.FireAsync(Key, Instant.AddHours(1));
        Assert.Equal(PlanState.Superseded, (await house.Database.Operations.Plans.FindAsync(waiting.Id, CancellationToken.None))!.State);
        Assert.Equal([true, false], house.Told(OperationIncidents.Approval));
    }

    [Fact]
    public async Task Cancel_OfARunningOne_EndsAfterTheItemThatItIsAt()
    {
        Guid run = default;
        operation.Before = (word, _) => word == "a"
            ? house.Desk.CancelAsync(run, "enough", OperationHouse.Ada, CancellationToken.None)
            : Task.CompletedTask;
        await house.FillAsync();
        run = Assert.IsType<OperationCommand.Started>(await house.Desk.RunNowAsync(Key, "a test", OperationHouse.Ada, CancellationToken.None)).Run;

        OperationRun ended = await house.EndBegunAsync();

        Assert.Equal((RunState.Cancelled, 1), (ended.State, ended.Done));
        Assert.Contains("ada: enough", ended.Outcome, StringComparison.Ordinal);
        Assert.Equal(["a"], operation.Done);
        Assert.Equal([null, null], (await house.ItemsAsync(ended.Plan!.Value)).Skip(1).Select(item => item.Outcome));
    }

    [Fact]
    public async Task Cancel_HeardWhileAnItemIsAtWork_LetsTheItemEnd()
    {
        Guid run = default;
        operation.Before = async (word, _) =>
        {
            if (word == "b")
            {
                await house.Desk.CancelAsync(run, "enough", OperationHouse.Ada, CancellationToken.None);
                DateTimeOffset lease = (await house.RunAsync(run)).LeaseUntil;
                house.Clock.Advance(house.Rules.LeaseFor / 2);
                await Eventually.TrueAsync(async () => (await house.RunAsync(run)).LeaseUntil > lease, "the lease is renewed, and the wish is heard by it");
            }
        };
        await house.FillAsync();
        run = Assert.IsType<OperationCommand.Started>(await house.Desk.RunNowAsync(Key, "a test", OperationHouse.Ada, CancellationToken.None)).Run;

        OperationRun ended = await house.EndBegunAsync();

        Assert.Equal((RunState.Cancelled, 2, 0), (ended.State, ended.Done, ended.Failed));
        Assert.Equal(["a", "b"], operation.Done);
        Assert.Equal([ItemEnd.Done, ItemEnd.Done, null], (await house.ItemsAsync(ended.Plan!.Value)).Select(item => item.Outcome?.End));
    }

    [Fact]
    public async Task Cancel_HeardByTheLook_BreaksItOff()
    {
        Guid run = default;
        operation.Looking = async token =>
        {
            await house.Desk.CancelAsync(run, "enough", OperationHouse.Ada, CancellationToken.None);
            house.Clock.Advance(house.Rules.LeaseFor / 2);
            await Task.Delay(Timeout.InfiniteTimeSpan, house.Clock, token);
        };
        await house.FillAsync();
        run = Assert.IsType<OperationCommand.Started>(await house.Desk.RunNowAsync(Key, "a test", OperationHouse.Ada, CancellationToken.None)).Run;

        OperationRun ended = await house.EndBegunAsync();

        Assert.Equal((RunState.Cancelled, 0L, null), (ended.State, ended.Planned, ended.Plan));
    }

    [Fact]
    public async Task ItemThatGivesUpByItself_Fails_AndLeavesTheOthersTheirTurn()
    {
        operation.Before = (word, _) => word == "b" ? throw new TaskCanceledException("the vendor did not answer within 10 s") : Task.CompletedTask;
        await house.FillAsync();

        await house.FireAsync(Key, Instant);

        OperationRun run = Assert.Single(house.Database.Operations.Runs.Rows);
        Assert.Equal((RunState.PartlyFailed, 2, 1), (run.State, run.Done, run.Failed));
        Assert.Equal(["a", "c"], operation.Done);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Death_AtAnyItem_IsGoneOnFromItemByItem(int at)
    {
        StartedRun dead = await DieAtAsync(todo[at]);
        Assert.Empty(await house.TickAsync());

        house.Clock.Advance(TimeSpan.FromSeconds(31));
        OperationRun recovered = Assert.Single(await house.TickAsync());

        Assert.Equal((RunState.Succeeded, RunTrigger.Recovery, dead.Run.Id, 3L - at), (recovered.State, recovered.Trigger, recovered.Resumes, recovered.Done));
        OperationRun interrupted = await house.RunAsync(dead.Run.Id);
        Assert.Equal((RunState.Interrupted, recovered.Id, (long)at), (interrupted.State, interrupted.ResumedBy, interrupted.Done));
        Assert.Equal(["a", "b", "c"], operation.Done);
        Occurrence occurrence = Assert.Single(house.Occurrences(Key));
        Assert.Equal((OccurrenceState.Late, recovered.Id), (occurrence.State, occurrence.Run));
    }

    [Fact]
    public async Task Due_RightAfterADeath_TellsOfTheRunWhoseLeaseIsNotOverYet()
    {
        StartedRun dead = await DieAtAsync("b");
        house.Clock.Advance(TimeSpan.FromSeconds(5));

        DueRuns due = await house.Keeper.PreviewAsync(CancellationToken.None);

        Assert.Empty(due.Interrupted);
        Assert.Equal(dead.Run.Id, Assert.Single(due.Leased).Id);
        string until = (await house.RunAsync(dead.Run.Id)).LeaseUntil.ToString("u", CultureInfo.InvariantCulture);
        string words = await WordsAsync(due);
        Assert.StartsWith("If the portal starts now, no run happens at once.", words, StringComparison.Ordinal);
        Assert.Contains($"run 1 is at 1 of 3 and still held until {until} by portal-1; if nothing is heard of that portal until then, it is then gone on with", words, StringComparison.Ordinal);
        Assert.DoesNotContain("none was interrupted", words, StringComparison.Ordinal);

        house.Clock.Advance(TimeSpan.FromSeconds(26));
        DueRuns later = await house.Keeper.PreviewAsync(CancellationToken.None);
        Assert.Equal(dead.Run.Id, Assert.Single(later.Interrupted).Id);
        Assert.Empty(later.Leased);
    }

    [Fact]
    public async Task Due_WhereAStartIsAloneOnItsDatabase_TellsOfItAsGoneOnFromAtOnce()
    {
        StartedRun dead = await DieAtAsync("b");
        house.Clock.Advance(TimeSpan.FromSeconds(5));
        OccurrenceKeeper alone = new(
            house.Database, house.Registry, house.Crons, house.Starter, house, house.Clock, () => house.Rules, house.Clocks, firesInMemory: true);

        DueRuns due = await alone.PreviewAsync(CancellationToken.None);

        Assert.Equal(dead.Run.Id, Assert.Single(due.Interrupted).Id);
        Assert.Empty(due.Leased);
        Assert.Contains("goes on from run 1, which was interrupted after 1 of 3", await WordsAsync(due), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Interrupted_WhoseLeaseAStartHasEnded_SaysThatItsPortalWasKilled_AndNotWhen1970()
    {
        StartedRun dead = await DieAtAsync("b");
        await house.Database.RunAsync(
            (unit, token) => unit.Store<IOperationRunStore>().TouchAsync(dead.Run.Id, dead.Run.Number, ended: null, OperationRun.NoLease, token), CancellationToken.None);

        Assert.Single(await house.TickAsync());

        Assert.Equal("portal-1 was killed: it was gone when the portal was started again", (await house.RunAsync(dead.Run.Id)).Outcome);
        Assert.DoesNotContain(house.Database.Events, fact => fact.Message.Contains("1970", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Cancel_OfARunWhosePortalThenDies_EndsItThere()
    {
        StartedRun dead = await DieAtAsync("b");
        Assert.IsType<OperationCommand.Done>(await house.Desk.CancelAsync(dead.Run.Id, "enough", OperationHouse.Ada, CancellationToken.None));
        house.Clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Empty((await house.Keeper.PreviewAsync(CancellationToken.None)).Interrupted);

        Assert.Empty(await house.TickAsync());

        OperationRun ended = await house.RunAsync(dead.Run.Id);
        Assert.Equal((RunState.Cancelled, "Cancelled by ada: enough", 1L), (ended.State, ended.Outcome, ended.Done));
        Assert.Equal(["a"], operation.Done);
        Occurrence instant = Assert.Single(house.Occurrences(Key));
        Assert.Equal((OccurrenceState.Late, false), (instant.State, instant.HasFailed));
        Assert.Empty(await house.TickAsync());
    }

    [Fact]
    public async Task Cancel_OfAnInterruptedRun_IsTaken_AlsoWhileItIsHeld()
    {
        StartedRun dead = await DieAtAsync("b");
        await house.Desk.HoldAutomationAsync("stop", null, OperationHouse.Ada, CancellationToken.None);
        house.Clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Empty(await house.TickAsync());
        Assert.Equal(RunState.Interrupted, (await house.RunAsync(dead.Run.Id)).State);

        Assert.IsType<OperationCommand.Done>(await house.Desk.CancelAsync(dead.Run.Id, "enough", OperationHouse.Ada, CancellationToken.None));
        Assert.Empty(await house.TickAsync());

        Assert.Equal(RunState.Cancelled, (await house.RunAsync(dead.Run.Id)).State);
        await house.Desk.ReleaseAutomationAsync(null, OperationHouse.Ada, CancellationToken.None);
        Assert.Empty(await house.TickAsync());
        Assert.Equal(["a"], operation.Done);
    }

    [Fact]
    public async Task Cancel_OfARunThatAnotherGoesOnFrom_IsRefusedWithTheRemedy()
    {
        StartedRun dead = await DieAtAsync("b");
        house.Clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Single(await house.TickAsync());

        FieldProblem problem = Assert.IsType<OperationCommand.Refused>(
            await house.Desk.CancelAsync(dead.Run.Id, "enough", OperationHouse.Ada, CancellationToken.None)).Problem;

        Assert.Contains("another run goes on from it", problem.Problem, StringComparison.Ordinal);
        Assert.Equal("Cancel that one.", problem.Remedy);
    }

    [Fact]
    public async Task Pause_HoldsAnInterruptedRunToo_UntilItEnds()
    {
        StartedRun dead = await DieAtAsync("b");
        await house.Desk.PauseAsync(Key, "mending", null, OperationHouse.Ada, CancellationToken.None);
        house.Clock.Advance(TimeSpan.FromSeconds(31));

        Assert.Empty((await house.Keeper.PreviewAsync(CancellationToken.None)).Interrupted);
        Assert.Empty(await house.TickAsync());
        Assert.Equal(["a"], operation.Done);

        await house.Desk.ResumeAsync(Key, null, OperationHouse.Ada, CancellationToken.None);
        Assert.Equal(dead.Run.Id, Assert.Single(await house.TickAsync()).Resumes);
        Assert.Equal(["a", "b", "c"], operation.Done);
    }

    [Fact]
    public async Task Pause_DoesNotHoldWhatAPersonAskedFor()
    {
        operation.Before = (_, _) => throw new StoreUnavailableException("dies here");
        await house.FillAsync();
        await house.Desk.RunNowAsync(Key, "by hand", OperationHouse.Ada, CancellationToken.None);
        await Assert.ThrowsAsync<StoreUnavailableException>(house.EndBegunAsync);
        operation.Before = null;
        await house.Desk.PauseAsync(Key, "mending", null, OperationHouse.Ada, CancellationToken.None);
        house.Clock.Advance(TimeSpan.FromSeconds(31));

        Assert.Equal(RunState.Succeeded, Assert.Single(await house.TickAsync()).State);
    }

    [Fact]
    public async Task StaleWorker_AfterItsRunWasTakenOver_WritesNothing()
    {
        await house.FillAsync();
        RunRequest request = new(Key, RunTrigger.Schedule, Actor.Portal(Key), Instant);
        StartedRun slow = Assert.IsType<StartOutcome.Started>(await house.Starter.StartAsync(request, CancellationToken.None)).Run;
        bool taken = false;
        operation.Before = async (_, _) =>
        {
            if (!taken)
            {
                // It sleeps through its lease; another instance takes over and does all of it.
                taken = true;
                await house.Database.Operations.Runs.TouchAsync(slow.Run.Id, slow.Run.Number, null, house.Clock.GetUtcNow().AddSeconds(-1), CancellationToken.None);
                Assert.Equal(RunState.Succeeded, Assert.Single(await house.TickAsync()).State);
            }
        };

        OperationRun seen = await house.EndAsync(slow);

        Assert.Equal((RunState.Interrupted, 0), (seen.State, seen.Done));
        Assert.Equal(["a", "b", "c"], operation.Done);
        Assert.All(await house.ItemsAsync(seen.Plan!.Value), item => Assert.Equal(ItemEnd.Done, item.Outcome!.End));
        IReadOnlyList<RunLine> log = await house.Database.Operations.Runs.ListLinesAsync(slow.Run.Id, CancellationToken.None);
        Assert.Contains("was rejected", log[^1].Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunThatIsInterruptedAgainAndAgain_IsGivenUp()
    {
        operation.Before = (_, _) => throw new StoreUnavailableException("dies here");
        await house.FillAsync();
        RunRequest request = new(Key, RunTrigger.Schedule, Actor.Portal(Key), Instant);
        StartedRun run = Assert.IsType<StartOutcome.Started>(await house.Starter.StartAsync(request, CancellationToken.None)).Run;
        for (int attempt = 1; attempt <= RunStarter.MostAttempts; attempt++)
        {
            await Assert.ThrowsAsync<StoreUnavailableException>(() => house.Runner.ExecuteAsync(run, CancellationToken.None));
            house.Clock.Advance(TimeSpan.FromSeconds(31));
            IReadOnlyList<StartedRun> next = await house.LookAsync();
            if (attempt < RunStarter.MostAttempts)
            {
                run = Assert.Single(next);
            }
            else
            {
                Assert.Empty(next);
            }
        }

        Assert.Equal(RunState.Failed, (await house.RunAsync(run.Run.Id)).State);
        Assert.Equal([true], house.Told(OperationIncidents.Failed));
        Assert.False(Assert.Single(house.Occurrences(Key)).IsOpen);
        Assert.Empty(await house.LookAsync());
    }

    [Fact]
    public async Task Portal_ThatIsStopped_LeavesItsRunToTheNextStart()
    {
        using CancellationTokenSource stop = new();
        operation.Before = async (word, _) => await (word == "b" ? stop.CancelAsync() : Task.CompletedTask);
        await house.FillAsync();
        RunRequest request = new(Key, RunTrigger.Schedule, Actor.Portal(Key), Instant);
        StartedRun run = Assert.IsType<StartOutcome.Started>(await house.Starter.StartAsync(request, CancellationToken.None)).Run;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => house.Runner.ExecuteAsync(run, stop.Token));
        operation.Before = null;
        OperationRun recovered = Assert.Single(await house.TickAsync());

        Assert.Equal(RunState.Interrupted, (await house.RunAsync(run.Run.Id)).State);
        Assert.Equal(RunState.Succeeded, recovered.State);
        Assert.Equal(["a", "b", "c"], operation.Done.Order());
        Assert.Equal(3, operation.Done.Count);
    }

    [Fact]
    public async Task PlanWhoseCapsWereAltered_IsNotGoneOnWith()
    {
        operation.WithinCaps = 2;
        StartedRun dead = await DieAtAsync("b");
        OperationPlan plan = Assert.Single(house.Database.Operations.Plans.Rows);
        PlanItem[] items = [.. (await house.ItemsAsync(plan.Id)).Select(item => item.Item)];
        await house.Database.Operations.Plans.AddAsync(plan with { Draft = plan.Draft with { WithinCaps = 3, Items = items } }, CancellationToken.None);
        house.Clock.Advance(TimeSpan.FromSeconds(31));

        OperationRun run = Assert.Single(await house.TickAsync());

        Assert.Equal((dead.Run.Id, RunState.Failed), (run.Resumes!.Value, run.State));
        Assert.Contains("altered", run.Outcome, StringComparison.Ordinal);
        Assert.Equal(["a"], operation.Done);
    }

    [Fact]
    public async Task AlteredPlan_IsNotApplied()
    {
        await house.FillAsync();
        Guid id = Assert.IsType<OperationCommand.Planned>(await house.Desk.PreviewAsync(Key, OperationHouse.Ada, CancellationToken.None)).Plan;
        OperationPlan plan = Assert.Single(house.Database.Operations.Plans.Rows);
        await house.Database.Operations.Plans.AddAsync(
            plan with { Draft = PlanDraft.OfItems(plan.Draft.AsOf, [new PlanItem("everything", "do", "slipped in"), .. (await house.ItemsAsync(id)).Select(item => item.Item).Skip(1)]) },
            CancellationToken.None);

        Assert.IsType<OperationCommand.Started>(await house.Desk.ApplyAsync(Key, id, "checked", OperationHouse.Ada, CancellationToken.None));
        OperationRun run = await house.EndBegunAsync();

        Assert.Equal(RunState.Failed, run.State);
        Assert.Contains("altered", run.Outcome, StringComparison.Ordinal);
        Assert.Empty(operation.Done);
    }

    /// <summary>A scheduled run whose process dies at an item: no end is written, and nothing of it goes on.</summary>
    private async Task<string> WordsAsync(DueRuns due)
    {
        await using StringWriter words = new(CultureInfo.InvariantCulture);
        await DueProgram.WriteAsync(due, house.Registry, words);
        return words.ToString();
    }

    private async Task<StartedRun> DieAtAsync(string item, DateTimeOffset? instant = null)
    {
        operation.Before = (word, _) => word == item ? throw new StoreUnavailableException("dies here") : Task.CompletedTask;
        await house.FillAsync();
        RunRequest request = new(Key, RunTrigger.Schedule, Actor.Portal(Key), instant ?? Instant);
        StartedRun dead = Assert.IsType<StartOutcome.Started>(await house.Starter.StartAsync(request, CancellationToken.None)).Run;
        await Assert.ThrowsAsync<StoreUnavailableException>(() => house.Runner.ExecuteAsync(dead, CancellationToken.None));
        operation.Before = null;
        return dead;
    }

    /// <summary>What the database does to the renewal of a lease.</summary>
    private sealed class TroubledWork(IUnitOfWork inner) : IUnitOfWork
    {
        private int asked;

        public bool Hangs { get; set; }

        public Exception? Failure { get; set; }

        /// <summary>How often it hung or failed.</summary>
        public int Asked => Volatile.Read(ref asked);

        public async Task<T> RunAsync<T>(Func<IUnit, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
        {
            if (Failure is { } failure && cancellationToken.CanBeCanceled)
            {
                Interlocked.Increment(ref asked);
                throw failure;
            }

            if (Hangs && cancellationToken.CanBeCanceled)
            {
                Interlocked.Increment(ref asked);
                await new TaskCompletionSource().Task.WaitAsync(cancellationToken);
            }

            return await inner.RunAsync(work, cancellationToken);
        }

        public Task<T> ReadAsync<T>(Func<IUnit, CancellationToken, Task<T>> read, CancellationToken cancellationToken) => inner.ReadAsync(read, cancellationToken);
    }
}
