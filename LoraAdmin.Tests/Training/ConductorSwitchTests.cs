using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>What keeps a job from a pod although nothing failed: a person's switch, a full house, an empty account.</summary>
public sealed class ConductorSwitchTests
{
    private static CancellationToken Token => TrainingBench.Token;

    [Fact]
    [Trait("Requirement", "O1")]
    public async Task Pause_ByAPerson_LetsWhatRunsGoOnAndHoldsTheNextOneWithTheReason()
    {
        TrainingBench bench = new();
        JobId runs = await bench.SubmitAsync();
        await bench.RunToStateAsync(runs, TrainingState.Training);
        await bench.Portal.Switches.PauseAsync("Price check", until: null, TrainingBench.Person, Token);
        JobId waits = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(runs).State.IsFinal(), "the first job at its end");

        Assert.Equal(TrainingState.Completed, bench.Job(runs).State);
        await bench.RunForAsync(TimeSpan.FromHours(5));
        Assert.Equal((TrainingState.Queued, "Paused by ada: Price check"), (bench.Job(waits).State, bench.Job(waits).WaitReason));
        Assert.Empty(bench.Pods(waits));

        // A pause is no wait for a GPU: it does not count towards the longest one.
        await bench.Portal.Switches.ResumeAsync(TrainingBench.Person, Token);
        await bench.RunToRestAsync(waits);
        Assert.Equal(TrainingState.Completed, bench.Job(waits).State);
        Assert.Equal(2, bench.VendorPods.Count);
    }

    [Fact]
    [Trait("Requirement", "O1")]
    public async Task Pause_WithAnEnd_EndsByItself()
    {
        TrainingBench bench = new();
        DateTimeOffset until = bench.Now + TimeSpan.FromHours(3);
        await bench.Portal.Switches.PauseAsync("Over lunch", until, TrainingBench.Person, Token);
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.InRange(Assert.Single(bench.Pods(id)).RequestedAt, until, until + TimeSpan.FromMinutes(1));
    }

    [Fact]
    [Trait("Requirement", "O2")]
    public async Task StopEverything_CancelsWhatCanBeAndLetsAFinishedFileBeFetched()
    {
        TrainingBench bench = new();
        JobId done = await bench.SubmitAsync();
        await bench.RunToStateAsync(done, TrainingState.Retrieving);
        JobId trains = await bench.SubmitAsync();
        await bench.RunToStateAsync(trains, TrainingState.Provisioning);
        JobId waits = await bench.SubmitAsync();
        bool retrieving = bench.Job(done).State == TrainingState.Retrieving;
        int wished = await bench.Portal.Switches.StopEverythingAsync("Invoice out of bounds", TrainingBench.Person, Token);
        foreach (JobId id in new[] { done, trains, waits })
        {
            await bench.RunToRestAsync(id);
        }

        Assert.True(retrieving, "The first job was past its retrieval before everything was stopped.");
        Assert.Equal(2, wished);
        Assert.Equal(TrainingState.Completed, bench.Job(done).State);
        Assert.NotNull(bench.StoredFile(done));
        Assert.All(new[] { trains, waits }, id =>
        {
            Assert.Equal(TrainingState.Cancelled, bench.Job(id).State);
            Assert.Equal("Invoice out of bounds (ada)", bench.Job(id).Failure!.Detail);
            Assert.True(bench.Refunded(id));
        });
        Assert.All(bench.VendorPods, pod => Assert.Equal(PodStatus.Terminated, pod.Status));
        Assert.Equal(
            "Everything is being stopped (2 jobs): Invoice out of bounds",
            Assert.Single(bench.World.Database.Events, fact => fact.Kind == TrainingEvents.EverythingStopped).Message);

        // It stays paused: nothing new starts behind the person's back.
        JobId next = await bench.SubmitAsync();
        await bench.RunForAsync(TimeSpan.FromHours(1));
        Assert.Equal((TrainingState.Queued, "Paused by ada: Invoice out of bounds"), (bench.Job(next).State, bench.Job(next).WaitReason));
    }

    [Fact]
    [Trait("Requirement", "O2")]
    public async Task StopEverything_EndsPodsThatNoOpenJobWorksWith_AndKeepsThoseWithAFile()
    {
        Pods.PodHouse house = new();
        PodRecord idle = house.AddPod(house.NextName());
        PodRecord full = house.AddPod(house.NextName());
        house.FinishTraining(full);
        await house.KnowAsync(idle);
        await house.KnowAsync(full);

        await house.Portal.Switches.StopEverythingAsync("The bill is on fire", TrainingBench.Person, Token);
        await house.RunAsync(TimeSpan.FromMinutes(3));

        Assert.Equal((PodStatus.Terminated, PodStatus.Exited), (idle.Status, full.Status));
        Assert.Equal(PodWant.Held, house.Rows.Single(row => row.PodId == full.Id).Want);
        Assert.Contains(house.Facts, fact => fact.Message == "Everything is being stopped (0 jobs, 2 pods without one): The bill is on fire");
    }

    [Fact]
    public async Task Places_AreFull_TheNextJobWaitsAndTakesTheFirstThatIsFree()
    {
        TrainingBench bench = new();
        bench.Rules(rules => rules with { MaxConcurrentPods = 1 });
        JobId first = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Pods(first) is [{ PodId: not null }], "a pod");
        JobId second = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(second).WaitReason is not null && bench.Job(second).State == TrainingState.Queued, "a waiting job");

        Assert.Equal("All 1 training places are in use", bench.Job(second).WaitReason);
        await bench.RunToRestAsync(second);
        Assert.Equal((TrainingState.Completed, TrainingState.Completed), (bench.Job(first).State, bench.Job(second).State));
        Assert.True(bench.Pods(second)[0].RequestedAt >= bench.Pods(first)[0].WantSince, "Two pods were wanted at once.");
    }

    [Fact]
    public async Task Places_StayFull_TheJobGivesUpAfterItsLongestWaitWithRefund()
    {
        TrainingBench bench = new(cloud => cloud.Training = TimeSpan.FromMinutes(110));
        bench.Rules(rules => rules with { MaxConcurrentPods = 1 });
        JobId first = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Pods(first) is [{ PodId: not null }], "a pod");
        JobId second = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(second).State.IsFinal(), "a final job");

        Assert.Equal((TrainingState.Failed, FailureCode.NoProvider), (bench.Job(second).State, bench.Job(second).Failure!.Code));
        Assert.Equal("All 1 training places are in use", bench.Job(second).Failure!.Detail);
        Assert.InRange(bench.Now - bench.Job(second).CreatedAt, TimeSpan.FromHours(1), TimeSpan.FromMinutes(61));
        Assert.True(bench.Refunded(second));
        Assert.Empty(bench.Pods(second));
        Assert.Equal(TrainingState.Training, bench.Job(first).State);
    }

    [Fact]
    public async Task Balance_DoesNotCoverTheNextPod_TheJobWaitsWithFiguresAndNoPodIsAskedFor()
    {
        TrainingBench bench = new(cloud => cloud.StartBalanceUsd = 1);
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).WaitReason?.Contains("balance", StringComparison.Ordinal) == true, "a job short of money");

        Assert.Equal(TrainingState.Queued, bench.Job(id).State);
        Assert.StartsWith("RunPod's balance is ", bench.Job(id).WaitReason, StringComparison.Ordinal);
        Assert.EndsWith("Add credit to the account", bench.Job(id).WaitReason, StringComparison.Ordinal);
        await bench.RunUntilAsync(() => bench.Job(id).State.IsFinal(), "a final job");
        Assert.Equal((FailureCode.NoProvider, true), (bench.Job(id).Failure!.Code, bench.Refunded(id)));
        Assert.Empty(bench.Pods(id));
        Assert.Empty(bench.VendorPods);
    }
}
