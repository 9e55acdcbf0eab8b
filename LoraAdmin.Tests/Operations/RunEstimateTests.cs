using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using Xunit;

namespace LoraAdmin.Tests.Operations;

public sealed class RunEstimateTests
{
    private static readonly DateTimeOffset Start = OperationHouse.Start;

    [Fact]
    public void Run_ThatHasAPace_GoesOnAtIt() =>
        Assert.Equal(TimeSpan.FromMinutes(6), RunEstimate.Left(Run(planned: 8, done: 1, ineligible: 1), [Before(items: 1, minutes: 60)], Start.AddMinutes(2)));

    [Fact]
    public void Run_WithoutAPace_TakesThatOfTheRunsBeforeIt() =>
        Assert.Equal(
            TimeSpan.FromMinutes(15),
            RunEstimate.Left(Run(planned: 10), [Before(items: 4, minutes: 4), Before(items: 2, minutes: 8), Before(items: 0, minutes: 100)], Start.AddMinutes(5)));

    [Fact]
    public void Run_ThatTakesLongerThanThoseBeforeIt_HasNothingLeft_AndNotLess() =>
        Assert.Equal(TimeSpan.Zero, RunEstimate.Left(Run(planned: 2), [Before(items: 2, minutes: 1)], Start.AddMinutes(5)));

    [Fact]
    public void Run_OfWhichNothingIsKnown_HasNoEstimate()
    {
        Assert.Null(RunEstimate.Left(Run(planned: 10), [Before(items: 0, minutes: 3)], Start.AddMinutes(1)));
        Assert.Null(RunEstimate.Left(Run(planned: 0), [Before(items: 4, minutes: 4)], Start.AddMinutes(1)));
        Assert.Null(RunEstimate.Left(Run(planned: 10, done: 5) with { State = RunState.Cancelled }, [], Start.AddMinutes(1)));
    }

    private static OperationRun Run(long planned, long done = 0, long ineligible = 0) => new()
    {
        Id = new Guid(1, 0, 0, new byte[8]),
        Operation = "tests.work",
        Number = 1,
        Trigger = RunTrigger.Schedule,
        StartedBy = Actor.Portal("tests.work"),
        State = RunState.Running,
        StartedAt = Start,
        Instance = "portal-1",
        LeaseUntil = Start,
        Planned = planned,
        Done = done,
        Ineligible = ineligible,
    };

    private static OperationRun Before(long items, int minutes) =>
        Run(items, items) with { State = RunState.Succeeded, StartedAt = Start.AddDays(-1), EndedAt = Start.AddDays(-1).AddMinutes(minutes) };
}
