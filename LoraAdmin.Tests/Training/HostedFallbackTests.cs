using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>When jobs go to Replicate, and what becomes of them when it does not take them either.</summary>
public sealed class HostedFallbackTests
{
    private readonly TrainingBench bench = HostedBench.New();

    [Fact]
    [Trait("Requirement", "E1")]
    public async Task Create_FailsAfterItsRetries_ReplicateTrainsAndTheUserHearsOfNoFailure()
    {
        JobId id = await bench.SubmitWithoutPodsAsync();
        await bench.RunToRestAsync(id);

        TrainingJob job = bench.Job(id);
        Assert.Equal((TrainingState.Completed, "replicate"), (job.State, job.Provider));
        Assert.Equal(4, bench.Pods(id).Count);
        IReadOnlyList<TrainingAttempt> attempts = bench.Attempts(id);
        Assert.Equal(
            [("runpod", AttemptState.Failed, FailureCode.NoProvider), ("replicate", AttemptState.Succeeded, (FailureCode?)null)],
            attempts.Select(one => (one.Provider, one.State, one.Failure)));
        Assert.Equal(Usd.Zero, attempts[0].Cost);
        Assert.Equal(Usd.FromDollars(720 * ReplicateWorld.UsdPerSecond), attempts[1].Cost);
        Assert.Equal(attempts[1].Cost, job.Cost);
        bench.AssertStoredIsTheTrained(id);
        bench.AssertNothingIsLeft();

        Assert.Equal(LoraStatus.Completed, bench.Lora(id).Status);
        Assert.Empty(bench.Facts(id, TrainingEvents.Failed));
        Assert.Single(bench.Facts(id, TrainingEvents.HandedOver));
        Assert.False(bench.Refunded(id));
        Assert.Equal(1, bench.UserCount);
    }

    [Fact]
    public async Task Complete_WithoutValidationImages_SaysThatNobodyJudgedIt()
    {
        JobId id = await bench.SubmitWithoutPodsAsync();
        await bench.RunToRestAsync(id);
        Assert.StartsWith("Replicate makes no validation images", bench.Job(id).NotValidated, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "E1")]
    public async Task ReplicateRefusesToo_JobFailsOnceAndTheUserIsToldOnlyThen()
    {
        bench.Faults.Add(FaultKind.ReplicateBalance402, seconds: 100_000);
        JobId id = await bench.SubmitWithoutPodsAsync();
        await bench.RunToRestAsync(id);

        TrainingJob job = bench.Job(id);
        Assert.Equal((TrainingState.Failed, FailureCode.NoProvider), (job.State, job.Failure!.Code));
        Assert.Contains("Replicate's credit is used up", job.Failure.Detail, StringComparison.Ordinal);
        Assert.Single(bench.Facts(id, TrainingEvents.Failed));
        Assert.Equal("No GPU provider could start the training", bench.Lora(id).ErrorMessage);
        Assert.True(bench.Refunded(id));
        Assert.Equal(0, bench.UserCount);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    [Trait("Requirement", "E1")]
    public async Task ReplicateFailsAfterItsRetries_JobFailsAndCanBeRetried()
    {
        bench.Faults.Add(FaultKind.ReplicateCreate500, count: 4);
        JobId id = await bench.SubmitWithoutPodsAsync();
        await bench.RunToRestAsync(id);
        Assert.Equal(FailureCode.NoProvider, bench.Job(id).Failure!.Code);
        Assert.Equal(4, bench.Hosted(id).Count);
        Assert.Empty(bench.VendorTrainings);

        Assert.IsType<RetryOutcome.Accepted>(await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token));
        await bench.RunToRestAsync(id);
        Assert.Equal((TrainingState.Completed, "runpod"), (bench.Job(id).State, bench.Job(id).Provider));
        Assert.Equal(["runpod", "replicate", "runpod"], bench.Attempts(id).Select(one => one.Provider));
        bench.AssertNothingIsLeft();
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public async Task RunPodIsolated_JobIsDivertedWithoutAskingRunPodAndCompletes()
    {
        await bench.IsolateAsync();
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);

        Assert.Equal((TrainingState.Completed, "replicate"), (bench.Job(id).State, bench.Job(id).Provider));
        Assert.Empty(bench.Pods(id));
        Assert.Empty(bench.VendorPods);
        Assert.Equal(["runpod", "replicate"], bench.Attempts(id).Select(one => one.Provider));
        bench.AssertStoredIsTheTrained(id);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public async Task BreakerOpensOnTheThirdFailure_EachJobIsDivertedAndTheFourthAsksNobodyElse()
    {
        bench.Faults.Add(FaultKind.Create500, count: 12);
        JobId[] jobs = [await bench.SubmitAsync(), await bench.SubmitAsync(), await bench.SubmitAsync()];
        foreach (JobId id in jobs)
        {
            await bench.RunUntilAsync(() => bench.Job(id).Provider == "replicate", "a diverted job");
        }

        Assert.True(bench.World.Redis.State.IsOpen);
        int asked = bench.World.Database.Pods.Rows.Count;
        JobId fourth = await bench.SubmitAsync();
        foreach (JobId id in jobs.Append(fourth))
        {
            await bench.RunToRestAsync(id);
            Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        }

        Assert.Equal(asked, bench.World.Database.Pods.Rows.Count);
        Assert.Equal(4, bench.VendorTrainings.Count);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public async Task BothDown_IsToldOnceAndEndsByItself()
    {
        await bench.IsolateAsync();
        await bench.IsolateFallbackAsync();
        JobId first = await bench.SubmitAsync();
        JobId second = await bench.SubmitAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(10));

        Assert.All([first, second], id => Assert.Equal(TrainingState.Queued, bench.Job(id).State));
        Assert.StartsWith("Both providers are down. RunPod's breaker is held open", bench.Job(first).WaitReason, StringComparison.Ordinal);
        Assert.Contains("Replicate's breaker is held open by ada", bench.Job(first).WaitReason, StringComparison.Ordinal);
        Assert.False(Assert.Single(Told).Over);
        Assert.StartsWith("Both providers are down. RunPod's breaker is held open", Told[^1].Text, StringComparison.Ordinal);
        Assert.Single(bench.Attempts(first));

        await bench.ResetFallbackAsync();
        await bench.RunToRestAsync(first);
        await bench.RunToRestAsync(second);
        Assert.Equal(TrainingState.Completed, bench.Job(first).State);
        Assert.Equal([false, true], Told.Select(static signal => signal.Over));
    }

    /// <summary>Neither begins it, nor ends it, with a job.</summary>
    [Fact]
    [Trait("Requirement", "C1")]
    public async Task BothDown_WithoutAnyJob_IsToldAndEndsByItself()
    {
        await bench.IsolateAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(1));
        await bench.IsolateFallbackAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(1));
        Assert.Equal([false], Told.Select(static signal => signal.Over));

        await bench.ResetFallbackAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(1));
        Assert.Equal([false, true], Told.Select(static signal => signal.Over));
    }

    /// <summary>A job that is handed over, or one creation that tries Replicate out and fails, is no provider.</summary>
    [Fact]
    [Trait("Requirement", "C1")]
    public async Task BothDown_WhileProbesFail_StaysOneIncidentUntilATrainingIsMade()
    {
        await FailAtBothAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(31));
        JobId id = await bench.SubmitAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(20));
        Assert.Equal([false], Told.Select(static signal => signal.Over));
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal([false, true], Told.Select(static signal => signal.Over));
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public async Task BothDown_WhenThePortalIsStartedAnew_IsToldAsItIsThen()
    {
        await bench.IsolateAsync();
        await bench.IsolateFallbackAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(1));
        Assert.False(Told[^1].Over);
        bench.World.Hosted = bench.World.Hosted with { WhyNot = "Replicate is not configured: set Replicate:ApiToken" };
        bench.Restart();
        await bench.RunForAsync(TimeSpan.FromMinutes(1));
        Assert.True(Told[^1].Over);
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public async Task ReplicateIsHeldOpenAfterTheHandOver_JobWaitsForItAndCompletes()
    {
        await bench.IsolateAsync();
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Provider == "replicate", "a diverted job");
        await bench.IsolateFallbackAsync();
        await bench.RunForAsync(TimeSpan.FromHours(3));

        Assert.Equal(TrainingState.Provisioning, bench.Job(id).State);
        Assert.StartsWith("Replicate's breaker is held open by ada", bench.Job(id).WaitReason, StringComparison.Ordinal);
        Assert.Empty(bench.VendorTrainings);

        await bench.ResetFallbackAsync();
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public async Task TheOneCreationThatTriesReplicateOutFails_JobWaitsForTheNext()
    {
        await FailAtBothAsync();
        bench.World.Clock.Advance(TimeSpan.FromMinutes(31));
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).WaitReason?.StartsWith("The one creation that tried Replicate out failed", StringComparison.Ordinal) == true, "a failed probe");
        Assert.True(bench.World.HostedRedis.State.IsOpen);

        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Single(bench.VendorTrainings);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    [Trait("Requirement", "C1")]
    public async Task ReplicateNeitherCreatesNorLists_CountsAsFailedAndEveryJobCompletesAfterIt()
    {
        bench.Faults.Add(FaultKind.ReplicateCreate500, seconds: 1200);
        bench.Faults.Add(FaultKind.ReplicateList500, seconds: 1200);
        await bench.IsolateAsync();
        JobId[] jobs = [await bench.SubmitAsync(), await bench.SubmitAsync(), await bench.SubmitAsync()];
        await bench.RunForAsync(TimeSpan.FromMinutes(2));

        Assert.All(jobs, id => Assert.Single(bench.Hosted(id)));
        Assert.True(bench.World.HostedRedis.State.IsOpen);
        foreach (JobId id in jobs)
        {
            await bench.RunToRestAsync(id);
            Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        }

        Assert.Equal(3, bench.VendorTrainings.Count);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    public async Task BothDownBecauseOfFailures_JobFailsAfterTheQueueWait()
    {
        bench.Faults.Add(FaultKind.Create500, seconds: 100_000);
        bench.Faults.Add(FaultKind.ReplicateCreate500, seconds: 100_000);
        JobId[] jobs = [await bench.SubmitAsync(), await bench.SubmitAsync(), await bench.SubmitAsync()];
        foreach (JobId id in jobs)
        {
            await bench.RunToStateAsync(id, TrainingState.Failed);
        }

        Assert.True(bench.World.HostedRedis.State.IsOpen);
        JobId waiting = await bench.SubmitAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(5));
        Assert.StartsWith("Both providers are down", bench.Job(waiting).WaitReason, StringComparison.Ordinal);
        await bench.RunToRestAsync(waiting);
        Assert.Equal(FailureCode.NoProvider, bench.Job(waiting).Failure!.Code);
    }

    [Fact]
    public async Task NotConfigured_JobWaitsForRunPodAsBefore()
    {
        bench.World.Hosted = bench.World.Hosted with { WhyNot = "Replicate is not configured: set Replicate:ApiToken" };
        JobId failed = await bench.SubmitWithoutPodsAsync();
        await bench.RunToRestAsync(failed);
        Assert.Equal(FailureCode.NoProvider, bench.Job(failed).Failure!.Code);
        Assert.DoesNotContain("Replicate", bench.Job(failed).Failure!.Detail, StringComparison.Ordinal);
        Assert.Single(bench.Attempts(failed));

        await bench.IsolateAsync();
        JobId waiting = await bench.SubmitAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(10));
        Assert.StartsWith("RunPod's breaker is held open", bench.Job(waiting).WaitReason, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    [Trait("Requirement", "C1")]
    public async Task Replicate_DoesNotFitIntoTheBudget_JobWaitsForRunPodAndIsTrainedThere()
    {
        bench.World.Budget = new BudgetRules(Usd.FromDollars(8), Usd.FromDollars(6));
        await bench.IsolateAsync();
        JobId id = await bench.SubmitAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(10));

        Assert.Equal(TrainingState.Queued, bench.Job(id).State);
        Assert.StartsWith("RunPod's breaker is held open by ada: RunPod moves. Replicate would reserve up to $10.92 for a job", bench.Job(id).WaitReason, StringComparison.Ordinal);
        Assert.EndsWith("has $8.00 free, its own reservation included", bench.Job(id).WaitReason, StringComparison.Ordinal);
        Assert.Equal(AttemptState.Active, Assert.Single(bench.Attempts(id)).State);
        Assert.Equal(bench.Reservation(id).Amount, bench.Month.Reserved);
        Assert.Single(bench.Facts(id, TrainingEvents.Waiting));
        Assert.StartsWith("RunPod's breaker is held open by ada: RunPod moves. Replicate would reserve up to $10.92", Assert.Single(Told).Text, StringComparison.Ordinal);

        await bench.Portal.BreakerDesk.ResetAsync(BreakerSubject.RunPod, "RunPod has moved", TrainingBench.Person, TrainingBench.Token);
        await bench.RunToRestAsync(id);
        Assert.Equal((TrainingState.Completed, "runpod"), (bench.Job(id).State, bench.Job(id).Provider));
        Assert.Empty(bench.Hosted(id));
        Assert.Empty(bench.Facts(id, TrainingEvents.HandedOver));
        Assert.Equal([false, true], Told.Select(static signal => signal.Over));
        bench.AssertNothingIsLeft();
    }

    [Fact]
    [Trait("Requirement", "M6")]
    [Trait("Requirement", "E1")]
    public async Task Replicate_DoesNotFitIntoTheBudget_JobFailsForWantOfAProviderWhenRunPodHadItsTurnOrTheQueueWaitIsOver()
    {
        bench.World.Budget = new BudgetRules(Usd.FromDollars(8), Usd.FromDollars(6));
        bench.Faults.Add(FaultKind.Create500, seconds: 100_000);
        for (int number = 1; number <= 3; number++)
        {
            JobId failed = await bench.SubmitAsync();
            await bench.RunToStateAsync(failed, TrainingState.Failed);
            Assert.Equal(FailureCode.NoProvider, bench.Job(failed).Failure!.Code);
            Assert.Contains("Replicate would reserve up to $10.92 for a job", bench.Job(failed).Failure!.Detail, StringComparison.Ordinal);
        }

        JobId waiting = await bench.SubmitAsync();
        DateTimeOffset began = bench.Now;
        await bench.RunToStateAsync(waiting, TrainingState.Failed);
        Assert.Equal(FailureCode.NoProvider, bench.Job(waiting).Failure!.Code);
        Assert.Contains("Replicate would reserve up to $10.92 for a job", bench.Job(waiting).Failure!.Detail, StringComparison.Ordinal);
        Assert.InRange(bench.Now - began, bench.World.Training.QueueWait, bench.World.Training.QueueWait + TimeSpan.FromMinutes(2));
        Assert.Equal(0, bench.UserCount);
        await bench.RunToRestAsync(waiting);
        bench.AssertNothingIsLeft();
    }

    /// <summary>Money that comes free meanwhile is as good as RunPod.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Replicate_FitsAgainWhileTheJobWaits_JobIsTrainedThere()
    {
        bench.World.Budget = new BudgetRules(Usd.FromDollars(8), Usd.FromDollars(6));
        await bench.IsolateAsync();
        JobId id = await bench.SubmitAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(10));
        bench.World.Budget = new BudgetRules(Usd.FromDollars(20), Usd.FromDollars(6));
        await bench.RunToRestAsync(id);
        Assert.Equal((TrainingState.Completed, "replicate"), (bench.Job(id).State, bench.Job(id).Provider));
        bench.AssertNothingIsLeft();
    }

    /// <summary>Either attempt fits into the month, both at once do not.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Replicate_FitsIntoWhatTheFirstAttemptGivesBack_JobCompletes()
    {
        bench.World.Budget = new BudgetRules(Usd.FromDollars(11), Usd.FromDollars(8));
        await bench.IsolateAsync();
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Attempts(id).Count == 2, "a second attempt");
        Assert.Equal(Usd.Zero, bench.Reservation(id).Actual);
        Assert.True(bench.Reservation(id).Amount + bench.Reservation(id, 2).Amount > bench.World.Budget.MonthlyLimit);
        Assert.Equal(bench.Reservation(id, 2).Amount, bench.Month.Reserved);

        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        bench.AssertNothingIsLeft();
    }

    /// <summary>What a waiting job would give back is room, and while nobody waits it is taken.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    [Trait("Requirement", "C1")]
    public async Task BothDown_IsNotToldOfTheBudgetWhileAJobWaitsThatFits()
    {
        bench.World.Budget = new BudgetRules(Usd.FromDollars(11), Usd.FromDollars(8));
        await bench.IsolateAsync();
        JobId id = await bench.SubmitAsync();
        Assert.True(bench.Month.Reserved > Usd.FromDollars(0.08m));
        await bench.Portal.Providers.LookAsync(TrainingBench.Token);
        Assert.Empty(Told);

        await bench.RunUntilAsync(() => bench.Attempts(id).Count == 2, "a second attempt");
        await bench.Portal.Providers.LookAsync(TrainingBench.Token);
        Assert.EndsWith("has $0.08 free", Assert.Single(Told).Text, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Attempt_AtReplicate_ReservesForItselfWhatItMayCost()
    {
        await bench.IsolateAsync();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);

        Usd expected = bench.World.Hosted.HourlyPrice.PerHourFor(bench.World.Training.MaxDuration + TimeSpan.FromMinutes(10));
        Assert.Equal(expected, bench.Reservation(id, 2).Amount);
        Assert.Null(bench.Reservation(id, 2).SettledAt);
    }

    [Fact]
    [Trait("Requirement", "O1")]
    public async Task Paused_NothingIsAskedOfReplicate()
    {
        await bench.IsolateAsync();
        await bench.Portal.Switches.PauseAsync("maintenance", null, TrainingBench.Person, TrainingBench.Token);
        JobId id = await bench.SubmitAsync();
        await bench.RunForAsync(TimeSpan.FromHours(2));
        Assert.Equal(TrainingState.Queued, bench.Job(id).State);
        Assert.Empty(bench.VendorTrainings);
    }

    [Fact]
    public async Task NoCapacityForTheWholeQueueWait_ReplicateIsAskedInsteadOfFailing()
    {
        bench.Faults.Add(FaultKind.NoCapacity, seconds: 100_000);
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);
        Assert.Equal((TrainingState.Completed, "replicate"), (bench.Job(id).State, bench.Job(id).Provider));
        Assert.False(bench.World.Redis.State.IsOpen);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    [Trait("Requirement", "E1")]
    public async Task AllPlacesInUseForTheWholeQueueWait_ReplicateIsAskedInsteadOfFailing()
    {
        TrainingBench busy = HostedBench.New(static options => options.Training = TimeSpan.FromMinutes(100));
        busy.Rules(static rules => rules with { MaxConcurrentPods = 1 });
        JobId first = await busy.SubmitAsync();
        await busy.RunToStateAsync(first, TrainingState.Training);
        JobId second = await busy.SubmitAsync();
        await busy.RunToRestAsync(second);

        Assert.Equal((TrainingState.Completed, "replicate"), (busy.Job(second).State, busy.Job(second).Provider));
        Assert.Empty(busy.Pods(second));
        Assert.Equal((TrainingState.Completed, "runpod"), (busy.Job(first).State, busy.Job(first).Provider));
        busy.AssertNothingIsLeft();
    }

    [Fact]
    [Trait("Requirement", "E1")]
    public async Task AllPlacesInUseWhileReplicateIsDown_JobFailsAfterTheQueueWaitAndSaysBoth()
    {
        TrainingBench busy = HostedBench.New(static options => options.Training = TimeSpan.FromMinutes(100));
        busy.Rules(static rules => rules with { MaxConcurrentPods = 1 });
        await busy.RunToStateAsync(await busy.SubmitAsync(), TrainingState.Training);
        await busy.IsolateFallbackAsync();
        JobId second = await busy.SubmitAsync();
        await busy.RunToRestAsync(second);

        Assert.Equal(FailureCode.NoProvider, busy.Job(second).Failure!.Code);
        Assert.StartsWith("All 1 training places are in use. Replicate's breaker is held open", busy.Job(second).Failure!.Detail, StringComparison.Ordinal);
    }

    /// <summary>Three jobs, which open both breakers; RunPod's is held open then. The next creation at Replicate fails too.</summary>
    private async Task FailAtBothAsync()
    {
        bench.Faults.Add(FaultKind.Create500, count: 12);
        bench.Faults.Add(FaultKind.ReplicateCreate500, count: 13);
        JobId[] failed = [await bench.SubmitAsync(), await bench.SubmitAsync(), await bench.SubmitAsync()];
        foreach (JobId one in failed)
        {
            await bench.RunToStateAsync(one, TrainingState.Failed);
        }

        Assert.True(bench.World.Redis.State.IsOpen && bench.World.HostedRedis.State.IsOpen);
        await bench.IsolateAsync();
    }

    /// <summary>Each change; what lasts is told again.</summary>
    private List<IncidentSignal> Told
    {
        get
        {
            List<IncidentSignal> changes = [];
            foreach (IncidentSignal signal in bench.World.Database.Events.SelectMany(static fact => fact.Signals).Where(static one => one.Rule == TrainingIncidents.ProvidersDown))
            {
                if (changes.Count == 0 || changes[^1].Over != signal.Over)
                {
                    changes.Add(signal);
                }
            }

            return changes;
        }
    }
}
