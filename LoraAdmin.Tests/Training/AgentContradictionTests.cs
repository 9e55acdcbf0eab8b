using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>An agent whose word contradicts what is known of its training may have lost sight of its mount: its pod is kept, and nothing is trained over it.</summary>
[Trait("Requirement", "E3")]
public sealed class AgentContradictionTests
{
    private readonly TrainingBench bench = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Retrieving_AgentAnnouncedAFileAndEndsWithoutOne_ThePodIsHeldAndItsFileIsFetchedLater(bool stopped)
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Retrieving);
        Assert.NotNull(bench.Job(id).Artifact);
        PodRecord vendor = Assert.Single(bench.VendorPods);
        AgentRecord whole = vendor.Agent;
        vendor.Agent = Without(whole, stopped);
        await bench.RunUntilAsync(() => bench.Job(id).Attempt == 2 || bench.Job(id).State.IsFinal(), "the end of the first attempt");

        Assert.Equal((PodWant.Held, FileProof.None), (bench.Pods(id)[0].Want, bench.Pods(id)[0].Proof));
        Assert.Equal(2, bench.Job(id).Attempt);
        vendor.Agent = whole;
        await bench.RunUntilAsync(() => bench.Pods(id)[0].Want == PodWant.Released, "a first pod that is let go");
        Assert.Contains(bench.Pods(id)[0].Proof, (FileProof[])[FileProof.InSpool, FileProof.NotNeeded]);
    }

    [Fact]
    public async Task Held_AgentOfAnAnnouncedFileSaysThatItFailed_IsKept()
    {
        (JobId id, LedgerPod pod) = await HeldPods.LoseTwiceAsync(bench);
        PodRecord vendor = bench.VendorPods.Single(one => one.Id == pod.PodId);
        vendor.Agent = Without(vendor.Agent, stopped: false);
        bench.World.Database.Pods.Set(
            pod.Name, pod with { FetchUntil = bench.Now + TimeSpan.FromMinutes(15), NextFetchAt = bench.Now + TimeSpan.FromHours(1) });
        await HeldPods.RunAsync(bench, pod.PodId!, bench.Portal.Provider);
        await bench.Portal.Held.RunAsync(TrainingBench.Token);

        LedgerPod row = bench.World.Database.Pods.Find(pod.Name)!;
        Assert.Equal((PodWant.Held, FileProof.None, null), (row.Want, row.Proof, row.FetchUntil));
        Assert.Equal(FileProof.None, await bench.Portal.Proofs.FindAsync(id, pod.Attempt, pod.Name, pod.PodId!, TrainingBench.Token));
    }

    [Fact]
    public async Task Training_AgentForgetsWhatItTrains_IsNotTrainedAgainThereAndThePodIsHeld()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Figures is { Step: > 10 }, "a training that moves");
        PodRecord vendor = Assert.Single(bench.VendorPods);
        vendor.Agent = new AgentRecord { Lease = vendor.Agent.Lease, LeaseUntil = vendor.Agent.LeaseUntil };
        await bench.RunUntilAsync(() => bench.Job(id).Attempt == 2, "a second attempt");

        Assert.Null(vendor.Agent.Order);
        Assert.Equal((PodWant.Held, FileProof.None), (bench.Pods(id)[0].Want, bench.Pods(id)[0].Proof));
        Assert.Contains(bench.Facts(id, TrainingEvents.StateChanged), static fact => fact.Message.Contains("its mount may be missing", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Training_AgentEndsWithoutKnowingOfItsStart_ThePodIsHeld()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Figures is { Step: > 10 }, "a training that moves");
        PodRecord vendor = Assert.Single(bench.VendorPods);
        vendor.Agent = new AgentRecord { Stopped = true, Lease = vendor.Agent.Lease, LeaseUntil = vendor.Agent.LeaseUntil };
        await bench.RunUntilAsync(() => bench.Job(id).Attempt == 2 || bench.Job(id).State.IsFinal(), "the end of the first attempt");

        Assert.Equal(2, bench.Job(id).Attempt);
        Assert.Equal((PodWant.Held, FileProof.None), (bench.Pods(id)[0].Want, bench.Pods(id)[0].Proof));
    }

    private static AgentRecord Without(AgentRecord agent, bool stopped) => new()
    {
        Order = agent.Order,
        TrainingStartedAt = agent.TrainingStartedAt,
        TrainingEndedAt = agent.TrainingEndedAt,
        Stopped = stopped,
        Error = stopped ? null : "Input/output error",
        Lease = agent.Lease,
        LeaseUntil = agent.LeaseUntil,
    };
}
