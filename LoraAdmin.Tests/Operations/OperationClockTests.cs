using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.Doubles;
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
        Assert.True(Assert.Single(house.Occurrences(Key)).IsOpen);
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

        Assert.IsType<StartOutcome.Started>(await another.FireAsync("tests.harmless", Start));
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
        await house.FireAsync(Key, Start);

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
