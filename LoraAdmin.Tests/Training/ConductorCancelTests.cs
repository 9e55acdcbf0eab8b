using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

public sealed class ConductorCancelTests
{
    [Theory]
    [InlineData(TrainingState.Queued, ActorKind.Token)]
    [InlineData(TrainingState.Queued, ActorKind.Person)]
    [InlineData(TrainingState.Preparing, ActorKind.Token)]
    [InlineData(TrainingState.Provisioning, ActorKind.Token)]
    public async Task Cancel_BeforeAPodWasAskedFor_GivesTheCountBackWhoeverAsks(TrainingState state, ActorKind kind)
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, state);
        Assert.IsType<CancelOutcome.Noted>(await bench.CancelAsync(id, new Actor(kind, "somebody")));
        await bench.RunToRestAsync(id);

        TrainingJob job = bench.Job(id);
        Assert.Equal((TrainingState.Cancelled, "cancelled", "Cancelled"), (job.State, job.Failure!.Rule.Code, job.Failure.Rule.Message));
        Assert.Equal("No longer wanted (somebody)", job.Failure.Detail);
        Assert.True(bench.Refunded(id));
        Assert.Empty(bench.VendorPods);
        Assert.Equal(new Actor(kind, "somebody"), Assert.Single(bench.Facts(id, TrainingEvents.Cancelled)).Actor);
    }

    [Theory]
    [InlineData(ActorKind.Person, true)]
    [InlineData(ActorKind.Token, false)]
    public async Task Cancel_WhileThePodBoots_EndsThePodAndRefundsAPersonsCancelAlone(ActorKind kind, bool refunded)
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.VendorPods.Count == 1 && bench.Job(id).PodId is not null, "a pod that boots");
        Assert.IsType<CancelOutcome.Noted>(await bench.CancelAsync(id, new Actor(kind, "somebody")));
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Cancelled, bench.Job(id).State);
        Assert.Equal(refunded, bench.Refunded(id));
        Assert.Equal(FileProof.TrainingNeverStarted, Assert.Single(bench.Pods(id)).Proof);
        Assert.Equal(PodStatus.Terminated, Assert.Single(bench.VendorPods).Status);
    }

    [Theory]
    [InlineData(ActorKind.Person, true)]
    [InlineData(ActorKind.Token, false)]
    public async Task Cancel_WhileTraining_StopsTheAgentEndsThePodAndRefundsAPersonsCancelAlone(ActorKind kind, bool refunded)
    {
        TrainingBench bench = new();
        JobId id = await TrainingAsync(bench);
        Assert.IsType<CancelOutcome.Noted>(await bench.CancelAsync(id, new Actor(kind, "somebody")));
        await bench.StepAsync();

        Assert.Equal(TrainingState.Cancelled, bench.Job(id).State);
        Assert.True(Assert.Single(bench.VendorPods).Agent.Stopped);
        Assert.Equal((PodWant.Released, FileProof.AgentHasNone), (bench.Pods(id)[0].Want, bench.Pods(id)[0].Proof));
        await bench.RunToRestAsync(id);
        Assert.Equal(refunded, bench.Refunded(id));
        Assert.True(bench.Job(id).Cost > Usd.Zero);
    }

    [Fact]
    [Trait("Requirement", "E6")]
    public async Task Cancel_WhenTheAgentHasEndedMeanwhile_TakesTheFileInstead()
    {
        TrainingBench bench = new();
        JobId id = await TrainingAsync(bench);
        bench.World.Clock.Advance(TimeSpan.FromMinutes(13));
        Assert.IsType<CancelOutcome.Noted>(await bench.CancelAsync(id, TrainingBench.Person));
        await bench.StepAsync();

        Assert.Equal(TrainingState.Retrieving, bench.Job(id).State);
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.False(bench.Refunded(id));
        Assert.NotNull(bench.StoredFile(id));
    }

    [Fact]
    public async Task Cancel_WhileTheAgentDoesNotAnswer_HoldsThePodInsteadOfEndingIt()
    {
        TrainingBench bench = new();
        JobId id = await TrainingAsync(bench);
        bench.Faults.Add(FaultKind.AgentUnreachable, seconds: 600);
        Assert.IsType<CancelOutcome.Noted>(await bench.CancelAsync(id, TrainingBench.Person));
        await bench.StepAsync();

        Assert.Equal(TrainingState.Cancelled, bench.Job(id).State);
        LedgerPod pod = Assert.Single(bench.Pods(id));
        Assert.Equal((PodWant.Held, PodReasons.FileUnproven), (pod.Want, pod.WantReason));
    }

    [Fact]
    public async Task Cancel_WhenTheStartWasSentAndNeverFollowed_HoldsThePodOfASilentAgent()
    {
        // The process died after the agent took the start, an hour ago: nobody noted that training began, and it has ended since.
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);
        Mortality mortality = new(at => at == "after POST agents");
        SimulatedPortal dying = new(bench.World, mortality, "dying");
        LeasedJob leased = Assert.Single(await dying.Conductor.LeaseDueAsync(1, TrainingBench.Token));
        await Assert.ThrowsAsync<ProcessDiedException>(() => dying.Conductor.StepAsync(leased, TrainingBench.Token));
        Assert.NotNull(Assert.Single(bench.VendorPods).Agent.TrainingStartedAt);
        bench.World.Clock.Advance(TimeSpan.FromHours(1));
        bench.Faults.Add(FaultKind.AgentUnreachable, seconds: 600);
        Assert.IsType<CancelOutcome.Noted>(await bench.CancelAsync(id, TrainingBench.Person));
        await bench.StepAsync();

        Assert.Equal(TrainingState.Cancelled, bench.Job(id).State);
        Assert.True(Assert.Single(bench.VendorPods).Agent.HasArtifact);
        Assert.Equal(PodWant.Held, Assert.Single(bench.Pods(id)).Want);
    }

    [Theory]
    [InlineData(TrainingState.Retrieving)]
    [InlineData(TrainingState.Uploading)]
    [InlineData(TrainingState.Validating)]
    [InlineData(TrainingState.Completed)]
    public async Task Cancel_OnceTrainingHasEnded_IsRefusedAndTheJobCompletes(TrainingState state)
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, state);
        Assert.Equal(new CancelOutcome.TooLate(state), await bench.CancelAsync(id, TrainingBench.Person));
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Null(bench.Job(id).Cancel);
        Assert.Empty(bench.Facts(id, TrainingEvents.CancelRequested));
    }

    [Fact]
    public async Task Cancel_OfAnUnknownJob_IsNotFound()
    {
        TrainingBench bench = new();
        Assert.IsType<CancelOutcome.NotFound>(await bench.CancelAsync(new JobId(bench.World.Ids.Next()), TrainingBench.Person));
    }

    [Fact]
    public async Task Cancel_WishedWhileAStepRuns_IsDoneByTheNextStep()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Preparing);
        bench.Store.OnOpen = async _ =>
        {
            bench.Store.OnOpen = null;
            Assert.IsType<CancelOutcome.Noted>(await bench.CancelAsync(id, TrainingBench.Gateway));
        };
        await bench.StepAsync();

        Assert.Equal((TrainingState.Provisioning, bench.Now), (bench.Job(id).State, bench.Job(id).DueAt));
        Assert.NotNull(bench.Job(id).Cancel);
        await bench.StepAsync();
        Assert.Equal(TrainingState.Cancelled, bench.Job(id).State);
        Assert.True(bench.Refunded(id));
        Assert.Empty(bench.Pods(id));
    }

    private static async Task<JobId> TrainingAsync(TrainingBench bench)
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Figures is { Step: > 10 }, "a training that moves");
        return id;
    }
}
