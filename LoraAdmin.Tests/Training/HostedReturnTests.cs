using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>Jobs that came to Replicate unasked at RunPod, and are not taken there either: they fail when both had their turn, or when they have waited long enough.</summary>
[Trait("Requirement", "E1")]
public sealed class HostedReturnTests
{
    private readonly TrainingBench bench = HostedBench.New();

    [Fact]
    public async Task ReplicateFailsAfterItsRetries_WhatRunPodWasNotAskedForWaitsAndIsTrainedThere()
    {
        bench.Faults.Add(FaultKind.ReplicateCreate500, seconds: 100_000);
        JobId id = await DivertedAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(20));
        Assert.Equal((TrainingState.Provisioning, "replicate"), (bench.Job(id).State, bench.Job(id).Provider));
        Assert.True(bench.Hosted(id).Count > 4);

        await ResetRunPodAsync();
        await bench.RunToRestAsync(id);
        AssertTrainedAtRunPod(id);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    public async Task RunPodIsBackWhileReplicateAsksForPatience_TheNextTryThereIsMadeAllTheSame()
    {
        bench.Faults.Add(FaultKind.ReplicateThrottled);
        JobId id = await DivertedAsync();
        await bench.RunUntilAsync(() => bench.Hosted(id).Any(static one => one.Reason == HostedReasons.RateLimited), "a try that Replicate put off");

        await ResetRunPodAsync();
        await bench.RunToRestAsync(id);
        Assert.Equal((TrainingState.Completed, "replicate"), (bench.Job(id).State, bench.Job(id).Provider));
        Assert.Equal(["runpod", "replicate"], bench.Attempts(id).Select(static one => one.Provider));
        bench.AssertNothingIsLeft();
    }

    /// <summary>What may have been made is looked for first: two trainings of one job would both be paid.</summary>
    [Fact]
    public async Task RunPodIsBack_WhatIsInDoubtAtReplicateSaysUntilWhenTheJobWaitsForThat()
    {
        bench.Faults.Add(FaultKind.ReplicateCreate500, seconds: 100_000);
        JobId id = await DivertedAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(3));
        DateTimeOffset doubt = bench.Hosted(id).Where(static one => one.IsInDoubt).Max(static one => one.WantSince) + HostedWatch.DoubtLasts;

        await ResetRunPodAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(1));
        Assert.Equal("replicate", bench.Job(id).Provider);
        Assert.EndsWith(
            $"RunPod takes jobs again: this one goes back there, if it still does, when it is clear what became of its call to Replicate, or at {doubt:HH:mm} UTC", bench.Job(id).WaitReason, StringComparison.Ordinal);
        await bench.RunUntilAsync(() => bench.Job(id).Provider == "runpod", "the way back");
        Assert.InRange(bench.Now, doubt, doubt + TimeSpan.FromMinutes(1));
    }

    /// <summary>Replicate is down as a whole: nobody can look for what it may have made, for as long as that lasts.</summary>
    [Theory]
    [InlineData(FaultKind.ReplicateCreate500, 3)]
    [InlineData(FaultKind.ReplicateCreate500, 30)]
    [InlineData(FaultKind.ReplicateCreate500ButCreated, 3)]
    public async Task ReplicateNeitherCreatesNorLists_RunPodTrainsTheJobAndTheDoubtStaysWatched(string fault, int minutes)
    {
        bench.Faults.Add(fault, seconds: 100_000);
        bench.Faults.Add(FaultKind.ReplicateList500, seconds: 7_200);
        JobId id = await DivertedAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(minutes));
        Assert.Equal("replicate", bench.Job(id).Provider);

        await ResetRunPodAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Provider == "runpod", "the way back");
        await bench.RunToStateAsync(id, TrainingState.Completed);
        Assert.True(bench.Now - bench.Job(id).CreatedAt < TimeSpan.FromMinutes(minutes) + TimeSpan.FromMinutes(60));
        Assert.Contains(bench.Hosted(id), static one => one.IsInDoubt);

        await bench.RunForAsync(TimeSpan.FromHours(3));
        Assert.DoesNotContain(bench.Hosted(id), static one => !one.IsFinal);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    public async Task ReplicateFailsAndRunPodStaysClosed_JobFailsAfterTheQueueWaitAndNotBefore()
    {
        bench.Faults.Add(FaultKind.ReplicateCreate500, seconds: 100_000);
        JobId id = await DivertedAsync();
        DateTimeOffset began = bench.Now;
        await bench.RunToStateAsync(id, TrainingState.Failed);
        Assert.Equal(FailureCode.NoProvider, bench.Job(id).Failure!.Code);
        Assert.InRange(bench.Now - began, bench.World.Training.QueueWait, bench.World.Training.QueueWait + TimeSpan.FromMinutes(2));
    }

    [Fact]
    public async Task PortalIsStartedWithoutReplicatesKeys_WhatRunPodWasNotAskedForWaitsForIt()
    {
        bench.Faults.Add(FaultKind.ReplicateBalance402, seconds: 100_000);
        JobId id = await DivertedAsync();
        await bench.RunUntilAsync(() => bench.Hosted(id).Any(static one => one.Reason == HostedReasons.Refused), "a refusal");
        bench.World.Hosted = bench.World.Hosted with { WhyNot = "Replicate is not configured: set Replicate:ApiToken" };
        bench.Restart();
        await bench.RunForAsync(TimeSpan.FromMinutes(10));
        Assert.Equal((TrainingState.Provisioning, "Replicate is not configured: set Replicate:ApiToken"), (bench.Job(id).State, bench.Job(id).WaitReason));

        await ResetRunPodAsync();
        await bench.RunToStateAsync(id, TrainingState.Completed);
        AssertTrainedAtRunPod(id);
    }

    /// <summary>Others opened the breaker while the job had tried once.</summary>
    [Fact]
    public async Task OneTryAtRunPod_IsNoTurnThere()
    {
        bench.Faults.Add(FaultKind.Create500);
        bench.Faults.Add(FaultKind.ReplicateBalance402, seconds: 100_000);
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Pods(id) is [{ WantReason: PodReasons.InDoubt }], "a try that failed");
        await bench.IsolateAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(10));
        Assert.Equal("replicate", bench.Job(id).Provider);

        await ResetRunPodAsync();
        await bench.RunToRestAsync(id);
        AssertTrainedAtRunPod(id);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task NoMoneyForAPod_JobWaitsOnAndGoesBackWhenThereIsSome()
    {
        bench.Faults.Add(FaultKind.ReplicateBalance402, seconds: 100_000);
        JobId id = await DivertedAsync();
        await bench.RunUntilAsync(() => bench.Hosted(id).Any(static one => one.Reason == HostedReasons.Refused), "a refusal");
        Usd reserved = bench.Month.Reserved;
        SetSpent(bench.World.Budget.MonthlyLimit);
        await ResetRunPodAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(10));
        Assert.Equal((TrainingState.Provisioning, "replicate", 2), (bench.Job(id).State, bench.Job(id).Provider, bench.Attempts(id).Count));
        Assert.StartsWith("Replicate's credit is used up", bench.Job(id).WaitReason, StringComparison.Ordinal);
        Assert.Equal(reserved, bench.Month.Reserved);
        Assert.Equal(AttemptState.Active, bench.Attempts(id)[1].State);

        SetSpent(Usd.Zero);
        await bench.RunToRestAsync(id);
        AssertTrainedAtRunPod(id);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    public async Task TheWait_IsOneHoweverOftenTheJobGoesFromOneProviderToTheOther()
    {
        bench.Faults.Add(FaultKind.ReplicateBalance402, seconds: 100_000);
        bench.Faults.Add(FaultKind.NoCapacity, seconds: 100_000);
        JobId id = await DivertedAsync();
        DateTimeOffset began = bench.Now;
        await bench.RunForAsync(TimeSpan.FromMinutes(40));
        await ResetRunPodAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Provider == "runpod", "the way back");
        await bench.RunToRestAsync(id);

        Assert.Equal(FailureCode.NoProvider, bench.Job(id).Failure!.Code);
        Assert.InRange(bench.Job(id).CompletedAt!.Value - began, bench.World.Training.QueueWait, bench.World.Training.QueueWait + TimeSpan.FromMinutes(5));
        bench.AssertNothingIsLeft();
    }

    /// <summary>No GPU was to be had for all of the wait; when the job comes to Replicate another one is just trying that out.</summary>
    [Fact]
    [Trait("Requirement", "C1")]
    public async Task TheWaitAtRunPod_IsNoneOfTheWaitForAProbeAtReplicate()
    {
        bench.Faults.Add(FaultKind.NoCapacity, seconds: 100_000);
        JobId id = await bench.SubmitAsync();
        DateTimeOffset began = bench.Now;
        await bench.RunUntilAsync(() => bench.Job(id).Provider == "replicate", "a hand-over");
        Assert.True(bench.Now - began >= bench.World.Training.QueueWait);
        await bench.IsolateAsync();
        bench.World.HostedRedis.State = Circuit.Fresh with { IsOpen = true, OpenUntil = bench.Now.AddMinutes(-1) };
        CircuitReply probe = await bench.Portal.HostedBreaker.CallAsync(new CircuitCall.Check("the training of another job", "another portal", ""), TrainingBench.Token);
        Assert.Equal(CircuitAnswers.Probe, probe.Answer);
        await bench.RunForAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(TrainingState.Provisioning, bench.Job(id).State);
        Assert.StartsWith("Replicate's breaker is half open", bench.Job(id).WaitReason, StringComparison.Ordinal);

        await bench.RunToRestAsync(id);
        Assert.Equal((TrainingState.Completed, "replicate"), (bench.Job(id).State, bench.Job(id).Provider));
        bench.AssertNothingIsLeft();
    }

    [Fact]
    public async Task TheWait_AfterOneThatWasUsedUpAtRunPod_IsOneMoreHoweverOftenTheJobGoesBackAndForth()
    {
        bench.Faults.Add(FaultKind.NoCapacity, seconds: 100_000);
        bench.Faults.Add(FaultKind.ReplicateBalance402, seconds: 100_000);
        JobId id = await bench.SubmitAsync();
        DateTimeOffset began = bench.Now;
        await bench.RunToRestAsync(id);

        Assert.Equal(FailureCode.NoProvider, bench.Job(id).Failure!.Code);
        TimeSpan two = bench.World.Training.QueueWait * 2;
        Assert.InRange(bench.Job(id).CompletedAt!.Value - began, two, two + TimeSpan.FromMinutes(10));
        bench.AssertNothingIsLeft();
    }

    private void SetSpent(Usd spent)
    {
        BudgetMonth month = bench.Month;
        bench.World.Database.Months.Set(month.Month, month with { Spent = spent });
    }

    private void AssertTrainedAtRunPod(JobId id)
    {
        Assert.Equal((TrainingState.Completed, "runpod"), (bench.Job(id).State, bench.Job(id).Provider));
        Assert.Equal(["runpod", "replicate", "runpod"], bench.Attempts(id).Select(static one => one.Provider));
        Assert.Empty(bench.VendorTrainings);
        Assert.Empty(bench.Facts(id, TrainingEvents.Failed));
    }

    private Task<BreakerCommandOutcome> ResetRunPodAsync() =>
        bench.Portal.BreakerDesk.ResetAsync(BreakerSubject.RunPod, "RunPod has moved", TrainingBench.Person, TrainingBench.Token);

    private async Task<JobId> DivertedAsync()
    {
        await bench.IsolateAsync();
        return await bench.SubmitAsync();
    }
}
