using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Operations;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>What a run's page says of each item, and of how many: whatever a run lived through, its counts add up to what it had planned.</summary>
public sealed class RunAccountTests
{
    private const string Key = "tests.work";
    private static readonly Actor Ada = OperationHouse.Ada;

    private readonly List<string> todo = ["a", "b", "c", "d", "e"];
    private readonly TestItems operation;
    private readonly OperationHouse house;

    public RunAccountTests()
    {
        operation = new TestItems(Key, () => todo);
        house = new OperationHouse(operation);
    }

    private enum Ends
    {
        Whole,
        DiesAtC,
        CancelledAtC,
        FailsAtC,
    }

    public static TheoryData<int, int?, bool> Runs => new()
    {
        { (int)Ends.Whole, null, false }, { (int)Ends.Whole, 4, false }, { (int)Ends.Whole, 4, true }, { (int)Ends.Whole, 0, false },
        { (int)Ends.DiesAtC, null, false }, { (int)Ends.DiesAtC, 4, false }, { (int)Ends.DiesAtC, 4, true }, { (int)Ends.DiesAtC, 2, false },
        { (int)Ends.CancelledAtC, null, false }, { (int)Ends.CancelledAtC, 4, false }, { (int)Ends.CancelledAtC, 4, true },
        { (int)Ends.FailsAtC, null, false }, { (int)Ends.FailsAtC, 4, false }, { (int)Ends.FailsAtC, 3, true },
    };

    [Theory]
    [MemberData(nameof(Runs))]
    public async Task Counts_AddUpToThePlanned_AndToTheItemsOfEachStanding(int ends, int? caps, bool isRead)
    {
        operation.WithinCaps = caps;
        OperationRun first = await BeginAsync(isRead);
        await LetAsync(first, (Ends)ends);
        house.Clock.Advance(TimeSpan.FromSeconds(31));
        IReadOnlyList<OperationRun> after = await house.TickAsync();

        foreach (OperationRun run in after.Prepend(await house.RunAsync(first.Id)))
        {
            (RunAccount account, IReadOnlyList<PlannedItem> items) = await AccountAsync(run);
            ItemStanding[] standings = [.. items.Select(account.StandingOf)];
            Assert.Equal(run.Planned, run.Done + run.Ineligible + run.Failed + account.HeldBack + account.Rest);
            Assert.Equal(run.Planned + account.Before, items.Count);
            Assert.Equal(run.Ended, standings.Count(one => one == ItemStanding.Ended));
            Assert.Equal(account.Before, standings.Count(one => one == ItemStanding.EndedBefore));
            Assert.Equal(account.HeldBack, standings.Count(one => one == ItemStanding.HeldBack));
            Assert.Equal(account.Rest, standings.Count(one => one is ItemStanding.ToCome or ItemStanding.NotDone or ItemStanding.EndedAfter));
        }
    }

    [Fact]
    public async Task Interrupted_AndWhatWentOnFromIt_TellWhichItemsWereTheirOwn()
    {
        operation.WithinCaps = 4;
        OperationRun first = await BeginAsync(isRead: false);
        await LetAsync(first, Ends.DiesAtC);
        house.Clock.Advance(TimeSpan.FromSeconds(31));
        todo.Remove("d");

        OperationRun second = Assert.Single(await house.TickAsync());

        OperationRun dead = await house.RunAsync(first.Id);
        Assert.Equal(
            [ItemStanding.Ended, ItemStanding.Ended, ItemStanding.EndedAfter, ItemStanding.EndedAfter, ItemStanding.ToCome], await StandingsAsync(dead));
        Assert.Equal(
            [ItemStanding.EndedBefore, ItemStanding.EndedBefore, ItemStanding.Ended, ItemStanding.Ended, ItemStanding.HeldBack], await StandingsAsync(second));
        Assert.Equal("5 planned: 2 done, 0 left alone, 0 failed, 3 left to run 2", await CountsAsync(dead, second));
        Assert.Equal(
            "3 planned: 1 done, 1 left alone, 0 failed, 1 held back for a person's approval. 2 of the plan's 5 had their turn before it",
            await CountsAsync(second, null));
    }

    [Fact]
    public async Task Cancelled_BeforeItsCaps_HasHeldNothingBack()
    {
        operation.WithinCaps = 4;
        OperationRun run = await BeginAsync(isRead: false);
        await LetAsync(run, Ends.CancelledAtC);

        Assert.Equal(
            [ItemStanding.Ended, ItemStanding.Ended, ItemStanding.Ended, ItemStanding.NotDone, ItemStanding.NotDone], await StandingsAsync(await house.RunAsync(run.Id)));
        Assert.Equal("5 planned: 3 done, 0 left alone, 0 failed, 2 not done", await CountsAsync(await house.RunAsync(run.Id), null));
    }

    [Fact]
    public async Task AtWork_SaysWhatIsStillToDo()
    {
        string? seen = null;
        operation.WithinCaps = 4;
        OperationRun run = await BeginAsync(isRead: false);
        operation.Before = async (word, _) => seen = word == "c" ? await CountsAsync(await house.RunAsync(run.Id), null) : seen;

        await house.EndBegunAsync();

        Assert.Equal("5 planned: 2 done, 0 left alone, 0 failed, 1 held back for a person's approval, 2 still to do", seen);
    }

    private async Task<OperationRun> BeginAsync(bool isRead)
    {
        await house.FillAsync();
        if (isRead)
        {
            Guid plan = Assert.IsType<OperationCommand.Planned>(await house.Desk.PreviewAsync(Key, Ada, CancellationToken.None)).Plan;
            await house.Desk.ApplyAsync(Key, plan, "a test", Ada, CancellationToken.None);
        }
        else
        {
            await house.Desk.RunNowAsync(Key, "a test", Ada, CancellationToken.None);
        }

        return house.Begun[^1].Run;
    }

    private async Task LetAsync(OperationRun run, Ends ends)
    {
        operation.Before = (word, _) => word != "c" ? Task.CompletedTask : ends switch
        {
            Ends.DiesAtC => throw new StoreUnavailableException("dies here"),
            Ends.FailsAtC => throw new InvalidOperationException("the disk is full"),
            Ends.CancelledAtC => house.Desk.CancelAsync(run.Id, "enough", Ada, CancellationToken.None),
            _ => Task.CompletedTask,
        };
        try
        {
            await house.EndBegunAsync();
        }
        catch (StoreUnavailableException)
        {
            Assert.Equal(Ends.DiesAtC, ends);
        }

        operation.Before = null;
    }

    private async Task<(RunAccount Account, IReadOnlyList<PlannedItem> Items)> AccountAsync(OperationRun run)
    {
        OperationPlan plan = (await house.Database.Operations.Plans.FindAsync(run.Plan!.Value, CancellationToken.None))!;
        return (RunAccount.Of(run, plan)!, await house.ItemsAsync(plan.Id));
    }

    private async Task<ItemStanding[]> StandingsAsync(OperationRun run)
    {
        (RunAccount account, IReadOnlyList<PlannedItem> items) = await AccountAsync(run);
        return [.. items.Select(account.StandingOf)];
    }

    private async Task<string> CountsAsync(OperationRun run, OperationRun? resumedBy)
    {
        OperationPlan plan = (await house.Database.Operations.Plans.FindAsync(run.Plan!.Value, CancellationToken.None))!;
        return OperationPages.Counts(new RunDetail(run, operation.Info, plan, [], [], null, null, null, resumedBy));
    }
}
