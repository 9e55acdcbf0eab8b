using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

public sealed class ConductorPodLostTests
{
    [Fact]
    public async Task Pod_VanishesWhileTraining_TheJobTrainsOnceMoreByItselfAndCompletes()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await LoseThePodAsync(bench, id);
        DateTimeOffset lostAt = bench.Now;
        await bench.RunUntilAsync(() => bench.Job(id).Attempt == 2, "a second attempt");

        Assert.True(bench.Now - lostAt >= TimeSpan.FromMinutes(15), $"Given up after {bench.Now - lostAt}: a listing may be wrong for that long.");
        Assert.Equal((TrainingState.Queued, null, null), (bench.Job(id).State, bench.Job(id).PodId, bench.Job(id).StartedAt));
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.False(bench.Refunded(id));
        Assert.Equal(1, bench.UserCount);
        Assert.Equal(
            [(1, AttemptState.Failed, FailureCode.PodLost), (2, AttemptState.Succeeded, null)],
            bench.World.Database.Attempts.Rows.Select(attempt => (attempt.Number, attempt.State, attempt.Failure)));
        Assert.Equal(2, bench.VendorPods.Count);
        Assert.Equal(bench.Reservation(id, 1).Actual + bench.Reservation(id, 2).Actual, bench.Job(id).Cost);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Pod_VanishesAndTheMonthHasNoRoomForAnother_TheJobFailsWithRefund()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        bench.World.Budget = new BudgetRules(bench.Month.Reserved, Usd.Zero);
        await LoseThePodAsync(bench, id);
        await bench.RunToRestAsync(id);

        Assert.Equal((TrainingState.Failed, FailureCode.PodLost), (bench.Job(id).State, bench.Job(id).Failure!.Code));
        Assert.Single(bench.Attempts(id));
        Assert.True(bench.Refunded(id));
        Assert.Equal((Usd.Zero, bench.Job(id).Cost), (bench.Month.Reserved, bench.Month.Spent));
    }

    [Fact]
    public async Task Pod_VanishesTwice_TheJobFailsWithRefund()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await LoseThePodAsync(bench, id);
        await bench.RunUntilAsync(() => bench.Job(id).Attempt == 2, "a second attempt");
        await LoseThePodAsync(bench, id);
        await bench.RunToRestAsync(id);

        TrainingJob job = bench.Job(id);
        Assert.Equal((TrainingState.Failed, "pod_lost", "The GPU pod was lost"), (job.State, job.Failure!.Rule.Code, job.Failure.Rule.Message));
        Assert.Equal("The pod is gone from the account", job.Failure.Detail);
        Assert.Equal(2, job.Attempt);
        Assert.True(bench.Refunded(id));
        Assert.Equal(0, bench.UserCount);
        Assert.Equal(Usd.Zero, bench.Month.Reserved);
        Assert.Equal(2, bench.VendorPods.Count);
    }

    [Fact]
    public async Task Pod_IsStoppedByItsDeadManSwitchAfterTheTraining_IsStartedAgainAndItsFileIsFetched()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Figures is not null, "a first figure");
        bench.World.Clock.Advance(TimeSpan.FromMinutes(70));
        Assert.Equal(PodStatus.Exited, Assert.Single(bench.VendorPods).Status);
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Single(bench.VendorPods);
        Assert.Equal(1, bench.Job(id).Attempt);
    }

    [Fact]
    public async Task Pod_NeverBecomesReady_IsGivenUpAfterTwentyMinutesAndAnotherOneIsMade()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Pods(id) is [{ PodId: not null }], "a pod");
        string first = bench.Pods(id)[0].Name;
        bench.Faults.Add(FaultKind.AgentUnreachable, match: first, seconds: 86_400);
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal(2, bench.VendorPods.Count);
        LedgerPod given = bench.Pods(id)[0];
        Assert.Equal((PodWant.Released, PodReasons.NotReady, FileProof.TrainingNeverStarted), (given.Want, given.WantReason, given.Proof));
        Assert.InRange(bench.Pods(id)[1].RequestedAt - given.RequestedAt, TimeSpan.FromMinutes(20), TimeSpan.FromMinutes(21));
    }

    private static async Task LoseThePodAsync(TrainingBench bench, JobId id)
    {
        await bench.RunUntilAsync(() => bench.Job(id).Figures is { Step: > 10 }, "a training that moves");
        bench.World.Cloud.World.Terminate(bench.VendorPods.Single(pod => pod.Status != PodStatus.Terminated));
    }
}
