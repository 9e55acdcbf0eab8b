using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>A portal whose own clock is wrong, beside a vendor whose clock is right: what it leaves alone, and what goes on.</summary>
public sealed class WrongClockTests
{
    private static readonly TimeSpan FarAhead = TimeSpan.FromMinutes(10);

    [Fact]
    public async Task Sweep_ByAClockThatIsFarOff_TouchesNoPod_AndAPersonsPlanIsCarriedOut()
    {
        PodHouse house = new(ahead: FarAhead);
        PodRecord young = house.AddPod(house.NextName());
        PodRecord late = house.AddPod(house.NextName());
        await house.KnowAsync(late, row => row with { LiveUntil = row.RequestedAt.AddMinutes(5) });

        await house.RunAsync(TimeSpan.FromMinutes(20));
        Assert.Equal((PodStatus.Running, PodStatus.Running), (young.Status, late.Status));
        Assert.DoesNotContain(house.Facts, fact => fact.Kind == PodEvents.Orphaned);
        Assert.NotNull(house.Portal.Clocks.WhyHeld());

        SweepPlan plan = await house.PlanAsync();
        Assert.Equal(2, plan.Items.Count);
        Assert.IsType<ApproveSweepOutcome.Applied>(await house.Portal.Pods.ApproveSweepAsync(plan.Hash, TrainingBench.Person, PodHouse.None));
        await house.RunAsync(TimeSpan.FromMinutes(3));
        Assert.Equal((PodStatus.Terminated, PodStatus.Terminated), (young.Status, late.Status));
    }

    [Fact]
    public async Task Sweep_ByAClockThatIsOnlyTold_GoesOn()
    {
        PodHouse house = new(ahead: TimeSpan.FromMinutes(4));
        PodRecord pod = house.AddPod(house.NextName());

        await house.RunAsync(TimeSpan.FromMinutes(5));

        Assert.Equal(PodStatus.Terminated, pod.Status);
        Assert.Equal(ClockGrade.Off, Assert.Single(house.Portal.Clocks.All).Grade);
    }

    [Fact]
    public async Task PodWhoseJobIsOver_EndsWhateverTheClockSays_AndItsAgentIsAskedAnew()
    {
        PodHouse house = new(ahead: -FarAhead);
        PodRecord stored = house.AddPod(house.NextName());
        PodRecord word = house.AddPod(house.NextName());
        await house.KnowAsync(stored, row => row with { Want = PodWant.Released, WantReason = PodReasons.FileStored, Proof = FileProof.InStorage });

        // By a clock that is behind, the word that another portal noted an hour ago lies in the future, and looks as fresh as ever.
        house.FinishTraining(word);
        await house.KnowAsync(
            word, row => row with { Want = PodWant.Released, WantReason = PodReasons.JobEnded, Proof = FileProof.AgentHasNone, ProofAt = row.RequestedAt });

        await house.RunAsync(TimeSpan.FromMinutes(3));

        Assert.Equal(PodStatus.Terminated, stored.Status);
        Assert.Equal(PodStatus.Exited, word.Status);
        Assert.Equal(PodWant.Held, Assert.Single(house.Rows, row => row.PodId == word.Id).Want);
    }

    [Fact]
    [Trait("Requirement", "E6")]
    public async Task Training_ByAClockThatIsFarAhead_IsNotCancelledBeforeItsLimit()
    {
        TrainingBench bench = new(cloud => cloud.Training = TimeSpan.FromHours(5), ahead: FarAhead);
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);

        TrainingJob job = bench.Job(id);
        Assert.Equal("training_timeout", job.Failure!.Rule.Code);
        Assert.InRange(bench.Now - job.StartedAt!.Value, TimeSpan.FromHours(2), TimeSpan.FromHours(2) + TimeSpan.FromSeconds(30));
        await bench.RunUntilAsync(() => bench.VendorPods.All(pod => pod.Status == PodStatus.Terminated), "its pod is ended");
    }

    [Fact]
    public async Task Job_ByAClockThatIsFarOff_ComesToItsEndAndLeavesNoPod()
    {
        TrainingBench bench = new(ahead: -FarAhead);
        JobId id = await bench.SubmitAsync();

        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal(PodStatus.Terminated, Assert.Single(bench.VendorPods).Status);
    }
}
