using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Simulation.Memory;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>What people get wrong is refused with the field, the fault and the remedy, and nothing is changed.</summary>
public sealed class OperationDeskTests
{
    private const string Key = "tests.work";
    private static readonly Actor Ada = OperationHouse.Ada;

    private readonly TestItems operation = new(Key, () => ["a"]);
    private readonly TestItems other = new("tests.other", () => ["x"]);
    private readonly OperationHouse house;

    public OperationDeskTests() => house = new OperationHouse(operation, other);

    [Theory]
    [InlineData("every day", "UTC", "cron", "can't be read")]
    [InlineData("0 0 25 * * ?", "UTC", "cron", "can't be read")]
    [InlineData("0 0 3 * *", "UTC", "cron", "can't be read")]
    [InlineData("", "UTC", "cron", "can't be read")]
    [InlineData("0 0 0 30 2 ?", "UTC", "cron", "no instant that is still to come")]
    [InlineData("0 0 0 1 1 ? 2020", "UTC", "cron", "no instant that is still to come")]
    [InlineData("0 0 3 * * ?", "Europe/Atlantis", "timeZone", "no time zone")]
    public async Task Schedule_ThatCanNotWork_IsRefused(string cron, string zone, string field, string says)
    {
        await house.FillAsync();

        FieldProblem problem = Refused(await house.Desk.EditScheduleAsync(Key, new ScheduleWish(cron, zone, CatchUp.Once), Ada, CancellationToken.None));

        Assert.Equal(field, problem.Field);
        Assert.Contains(says, problem.Problem, StringComparison.Ordinal);
        Assert.NotEmpty(problem.Remedy);
        Assert.Equal("0 0 * * * ?", (await house.Database.Operations.FindAsync(Key, CancellationToken.None))!.Cron);
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    public async Task Commands_WithoutAReason_AreRefused(string reason)
    {
        await house.FillAsync();
        Guid plan = Assert.IsType<OperationCommand.Planned>(await house.Desk.PreviewAsync(Key, Ada, CancellationToken.None)).Plan;

        foreach (OperationCommand command in new[]
        {
            await house.Desk.PauseAsync(Key, reason, null, Ada, CancellationToken.None),
            await house.Desk.RunNowAsync(Key, reason, Ada, CancellationToken.None),
            await house.Desk.ApplyAsync(Key, plan, reason, Ada, CancellationToken.None),
            await house.Desk.HoldAutomationAsync(reason, null, Ada, CancellationToken.None),
            await house.Desk.CancelAsync(new Guid(99, 0, 0, new byte[8]), reason, Ada, CancellationToken.None),
        })
        {
            FieldProblem problem = Refused(command);
            Assert.Equal("reason", problem.Field);
            Assert.StartsWith("Say in some words why", problem.Remedy, StringComparison.Ordinal);
        }

        Assert.Empty(house.Begun);
        Assert.Null((await house.Database.Operations.FindAsync(Key, CancellationToken.None))!.Pause);
    }

    [Fact]
    public async Task Reason_OfMoreThan500Characters_IsRefused() =>
        Assert.Contains("501", Refused(await house.Desk.HoldAutomationAsync(new string('x', 501), null, Ada, CancellationToken.None)).Problem, StringComparison.Ordinal);

    [Fact]
    [Trait("Requirement", "J3")]
    public async Task Plan_OfTheMonthBefore_IsRefusedAsStale_AndALateRunPlansAnew()
    {
        FakeTimeProvider clock = new(new DateTimeOffset(2026, 11, 30, 23, 50, 0, TimeSpan.Zero));
        MemoryDatabase database = new(clock);
        OperationHouse months = new(clock, database, [new MonthReset(database, clock, "tests:run")]);
        await months.FillAsync();
        Guid plan = Assert.IsType<OperationCommand.Planned>(await months.Desk.PreviewAsync(MonthReset.Key, Ada, CancellationToken.None)).Plan;

        // A run that is interrupted before midnight is gone on from by a plan of the new month.
        Assert.IsType<OperationCommand.Started>(await months.Desk.RunNowAsync(MonthReset.Key, "of a test", Ada, CancellationToken.None));
        using CancellationTokenSource stop = new();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => months.Runner.ExecuteAsync(months.Begun[^1], stop.Token));
        clock.Advance(TimeSpan.FromMinutes(20));

        FieldProblem problem = Refused(await months.Desk.ApplyAsync(MonthReset.Key, plan, "I have read it", Ada, CancellationToken.None));

        Assert.Equal(("plan", "It is a plan for 2026-11, and it is 2026-12 by now"), (problem.Field, problem.Problem));
        Assert.StartsWith("Preview again", problem.Remedy, StringComparison.Ordinal);
        Assert.All(await months.TickAsync(), run => Assert.Equal(RunState.Succeeded, run.State));
        Assert.DoesNotContain(true, months.Told(OperationIncidents.Failed));
    }

    [Fact]
    public async Task Pause_UntilAnInstantThatHasPassed_IsRefused()
    {
        await house.FillAsync();

        FieldProblem problem = Refused(await house.Desk.PauseAsync(Key, "mending", OperationHouse.Start, Ada, CancellationToken.None));

        Assert.Equal("until", problem.Field);
        Assert.Contains("has passed", problem.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_ThatIsStale_IsRefused()
    {
        await house.FillAsync();
        Guid plan = await PreviewAsync(Key);
        house.Clock.Advance(house.Rules.PlanValidFor + TimeSpan.FromSeconds(1));

        Assert.Contains("shows the world of", Refused(await ApplyAsync(Key, plan)).Problem, StringComparison.Ordinal);
        Assert.Empty(house.Begun);

        house.Rules = house.Rules with { PlanValidFor = TimeSpan.FromMinutes(1) };
        Assert.EndsWith(" UTC; a plan is applied within 1 minute of its look", Refused(await ApplyAsync(Key, plan)).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_OfAnotherOperation_IsRefused()
    {
        await house.FillAsync();

        FieldProblem problem = Refused(await ApplyAsync(Key, await PreviewAsync("tests.other")));

        Assert.Contains("a plan of tests.other, not of tests.work", problem.Problem, StringComparison.Ordinal);
        Assert.Contains("preview tests.work", problem.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_OfTheInstallationThatThisIsACopyOf_IsRefused()
    {
        await house.FillAsync();
        Guid plan = await PreviewAsync(Key);
        house.Installation = house.Installation with { Id = "copy0002" };

        Assert.Contains("inst0001", Refused(await ApplyAsync(Key, plan)).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_AppliedTwice_IsRefusedTheSecondTime()
    {
        await house.FillAsync();
        Guid plan = await PreviewAsync(Key);
        await ApplyAsync(Key, plan);
        await house.EndBegunAsync();

        Assert.Contains("applied it already", Refused(await ApplyAsync(Key, plan)).Problem, StringComparison.Ordinal);
        Assert.Single(operation.Done);
    }

    [Fact]
    public async Task Plan_ThatNobodyKnows_IsRefused() =>
        Assert.Contains("no such plan", await WithScheduleAsync(() => ApplyAsync(Key, new Guid(99, 0, 0, new byte[8]))), StringComparison.Ordinal);

    [Fact]
    public async Task Operation_ThatNobodyKnows_IsRefusedByEachCommand()
    {
        const string unknown = "tests.nothing";
        foreach (OperationCommand command in new[]
        {
            await house.Desk.PreviewAsync(unknown, Ada, CancellationToken.None),
            await house.Desk.RunNowAsync(unknown, "why not", Ada, CancellationToken.None),
            await house.Desk.PauseAsync(unknown, "why not", null, Ada, CancellationToken.None),
            await house.Desk.ResumeAsync(unknown, null, Ada, CancellationToken.None),
            await house.Desk.EditScheduleAsync(unknown, null, Ada, CancellationToken.None),
        })
        {
            Assert.Contains(unknown, Refused(command).Problem, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task SecondRun_WhileOneIsAtWork_IsRefusedWithItsNumber()
    {
        await house.FillAsync();
        await house.Desk.RunNowAsync(Key, "first", Ada, CancellationToken.None);

        FieldProblem problem = Refused(await house.Desk.RunNowAsync(Key, "second", Ada, CancellationToken.None));

        Assert.Contains("Run 1", problem.Problem, StringComparison.Ordinal);
        Assert.Contains("ada", problem.Problem, StringComparison.Ordinal);
        Assert.Single(house.Begun);
    }

    [Fact]
    public async Task WhatIsNotSo_CanNotBeEnded()
    {
        await house.FillAsync();
        Assert.Contains("not paused", Refused(await house.Desk.ResumeAsync(Key, null, Ada, CancellationToken.None)).Problem, StringComparison.Ordinal);
        Assert.Contains("not held", Refused(await house.Desk.ReleaseAutomationAsync(null, Ada, CancellationToken.None)).Problem, StringComparison.Ordinal);
        await house.Desk.RunNowAsync(Key, "first", Ada, CancellationToken.None);
        OperationRun run = await house.EndBegunAsync();
        Assert.Contains("has ended", Refused(await house.Desk.CancelAsync(run.Id, "enough", Ada, CancellationToken.None)).Problem, StringComparison.Ordinal);
    }

    /// <summary>Somebody has done it anew since the page was read, and for another reason.</summary>
    [Fact]
    public async Task PauseAndHold_ThatThePersonHasNotSeen_AreNotEnded()
    {
        Actor ben = new(ActorKind.Person, "ben");
        await house.FillAsync();
        await house.Desk.PauseAsync(Key, "mending", null, Ada, CancellationToken.None);
        await house.Desk.HoldAutomationAsync("mending", null, Ada, CancellationToken.None);
        OperationPause pause = new("mending", Ada, house.Clock.GetUtcNow(), null);
        AutomationHold hold = new("mending", Ada, house.Clock.GetUtcNow(), null);
        house.Clock.Advance(TimeSpan.FromSeconds(5));
        await house.Desk.PauseAsync(Key, "it ends the wrong ones", null, ben, CancellationToken.None);
        await house.Desk.HoldAutomationAsync("it ends the wrong ones", null, ben, CancellationToken.None);

        FieldProblem ofPause = Refused(await house.Desk.ResumeAsync(Key, pause, Ada, CancellationToken.None));
        FieldProblem ofHold = Refused(await house.Desk.ReleaseAutomationAsync(hold, Ada, CancellationToken.None));

        Assert.Contains("ben has paused Work of a test anew meanwhile: it ends the wrong ones", ofPause.Problem, StringComparison.Ordinal);
        Assert.Contains("ben has held it anew meanwhile: it ends the wrong ones", ofHold.Problem, StringComparison.Ordinal);
        Assert.IsType<OperationCommand.Done>(await house.Desk.ResumeAsync(Key, new("it ends the wrong ones", ben, house.Clock.GetUtcNow(), null), Ada, CancellationToken.None));
        Assert.IsType<OperationCommand.Done>(
            await house.Desk.ReleaseAutomationAsync(new("it ends the wrong ones", ben, house.Clock.GetUtcNow(), null), Ada, CancellationToken.None));
    }

    [Fact]
    public async Task EachCommand_IsWrittenDownWithWhoGaveItAndWhy()
    {
        await house.FillAsync();
        await house.Desk.PauseAsync(Key, "mending", null, Ada, CancellationToken.None);
        await house.Desk.ResumeAsync(Key, null, Ada, CancellationToken.None);
        await house.Desk.EditScheduleAsync(Key, new ScheduleWish("0 30 3 * * ?", "Europe/Berlin", CatchUp.Never), Ada, CancellationToken.None);
        await house.Desk.RunNowAsync(Key, "by hand", Ada, CancellationToken.None);
        await house.Desk.CancelAsync(house.Begun[0].Run.Id, "enough", Ada, CancellationToken.None);
        await house.Desk.HoldAutomationAsync("all wrong", null, Ada, CancellationToken.None);
        await house.Desk.ReleaseAutomationAsync(null, Ada, CancellationToken.None);

        Assert.Equal(
            [
                OperationEvents.Paused, OperationEvents.Resumed, OperationEvents.ScheduleEdited, OperationEvents.RunAsked, OperationEvents.CancelAsked,
                OperationEvents.AutomationHeld, OperationEvents.AutomationReleased,
            ],
            house.Database.Events.Select(fact => fact.Kind));
        Assert.All(house.Database.Events, fact => Assert.Equal(Ada, fact.Actor));
        Assert.Contains("\"0 0 * * * ?\"", house.Database.Events[2].Message, StringComparison.Ordinal);
        Assert.Contains("\"0 30 3 * * ?\" (Europe/Berlin, makes up never)", house.Database.Events[2].Message, StringComparison.Ordinal);
    }

    private async Task<string> WithScheduleAsync(Func<Task<OperationCommand>> act)
    {
        await house.FillAsync();
        return Refused(await act()).Problem;
    }

    private async Task<Guid> PreviewAsync(string key) => Assert.IsType<OperationCommand.Planned>(await house.Desk.PreviewAsync(key, Ada, CancellationToken.None)).Plan;

    private Task<OperationCommand> ApplyAsync(string key, Guid plan) => house.Desk.ApplyAsync(key, plan, "checked", Ada, CancellationToken.None);

    private static FieldProblem Refused(OperationCommand command) => Assert.IsType<OperationCommand.Refused>(command).Problem;
}
