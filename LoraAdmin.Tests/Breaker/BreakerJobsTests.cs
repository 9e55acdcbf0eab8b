using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Breaker;

/// <summary>What the breaker does to whole jobs, with the portal's real vendor client on LocalCloud.</summary>
public sealed class BreakerJobsTests
{
    private const string VendorWords = "HTTP 500: Something went wrong. Please try again later or contact support.";

    private readonly TrainingBench bench = new();

    private Circuit Shared => bench.World.Redis.State;

    [Fact]
    [Trait("Requirement", "C1")]
    [Trait("Requirement", "C4")]
    [Trait("Requirement", "E1")]
    public async Task ThreeCreationsFail_EachCountsOnceAndTheThirdOpens()
    {
        bench.Faults.Add(FaultKind.Create500, count: 12);
        await FailOneAsync();
        Assert.Equal(VendorWords, Assert.Single(Shared.Failures).Words);
        await FailOneAsync();
        Assert.Equal((2, false), (Shared.Failures.Count, Shared.IsOpen));
        await FailOneAsync();

        Assert.True(Shared.IsOpen);
        Assert.Equal(3, Shared.History[0].Failures.Count);
        Assert.All(Shared.History[0].Failures, failure => Assert.Equal(VendorWords, failure.Words));
        Assert.Equal(12, bench.World.Database.Pods.Rows.Count);
    }

    [Fact]
    [Trait("Requirement", "C1")]
    [Trait("Requirement", "C2")]
    public async Task Open_JobsWaitWithTheReopeningInstant_OneTriesAndItsSuccessLetsTheOthersGo()
    {
        await OpenAsync();
        DateTimeOffset until = Shared.OpenUntil!.Value;
        int before = bench.World.Database.Pods.Rows.Count;
        JobId first = await bench.SubmitAsync();
        JobId second = await bench.SubmitAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(20));

        string reason = $"RunPod's breaker is open after creations that failed; one is tried again at {until:HH:mm} UTC";
        Assert.All(new[] { first, second }, id => Assert.Equal((TrainingState.Queued, reason), (bench.Job(id).State, bench.Job(id).WaitReason)));
        Assert.Single(bench.Facts(first, TrainingEvents.Waiting));
        Assert.Equal(before, bench.World.Database.Pods.Rows.Count);

        await bench.RunToRestAsync(first);
        await bench.RunToRestAsync(second);
        Assert.All(new[] { first, second }, id => Assert.Equal(TrainingState.Completed, bench.Job(id).State));
        Assert.All(bench.VendorPods, pod => Assert.True(pod.CreatedAt >= until, $"{pod.Name} was made at {pod.CreatedAt}"));
        Assert.Equal(2, bench.VendorPods.Count);
        Assert.Equal(CircuitEntryKinds.Closed, Shared.History[0].Kind);
    }

    [Fact]
    [Trait("Requirement", "C2")]
    public async Task Probe_Fails_IsOneCallWithoutRetriesAndItsJobWaitsOn()
    {
        await OpenAsync();
        JobId id = await bench.SubmitAsync();
        bench.Faults.Add(FaultKind.Create500, count: 1);
        await bench.RunUntilAsync(() => Shared.Trips == 2, "another trip");

        Assert.Single(bench.Pods(id));
        Assert.Equal(CircuitEntryKinds.Reopened, Shared.History[0].Kind);
        await bench.RunForAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(TrainingState.Queued, bench.Job(id).State);
        Assert.Single(bench.Pods(id));
        Assert.Equal(bench.World.Breaker.OpenFor, Shared.OpenUntil - Shared.OpenedAt);
    }

    [Fact]
    [Trait("Requirement", "C2")]
    public async Task Probe_AnsweredBadlyButThePodExists_IsASuccess()
    {
        await OpenAsync();
        JobId id = await bench.SubmitAsync();
        bench.Faults.Add(FaultKind.Create500ButCreated);
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.False(Shared.IsOpen);
        Assert.Single(bench.VendorPods);
    }

    [Fact]
    [Trait("Requirement", "C4")]
    public async Task Adopted_PodOfAnUnclearAnswer_ResetsTheCount()
    {
        bench.Faults.Add(FaultKind.Create500, count: 8);
        await FailOneAsync();
        await FailOneAsync();
        bench.Faults.Add(FaultKind.Create500ButCreated);
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);

        Assert.Empty(Shared.Failures);
        Assert.Equal(0, Shared.Entries);
    }

    [Fact]
    [Trait("Requirement", "C1")]
    [Trait("Requirement", "C2")]
    [Trait("Requirement", "C4")]
    public async Task ProviderIsDownAltogether_EachCreationCountsOnceThoughItsPodStaysInDoubt()
    {
        bench.Faults.Add(FaultKind.Create500, seconds: 7200);
        bench.Faults.Add(FaultKind.List500, seconds: 7200);
        JobId[] jobs = [await bench.SubmitAsync(), await bench.SubmitAsync(), await bench.SubmitAsync()];
        await bench.RunUntilAsync(() => Shared.IsOpen, "the breaker open");
        Assert.All(jobs, id => Assert.True(bench.Now - Assert.Single(bench.Pods(id)).RequestedAt <= TimeSpan.FromSeconds(30), $"Counted at {bench.Now}."));
        Assert.Equal(3, Shared.History[0].Failures.Select(failure => failure.Id).Distinct().Count());

        // Nobody can rule out that the pods exist: it is looked for them all the while, and nothing is counted a second time.
        await bench.RunForAsync(TimeSpan.FromMinutes(25));
        Assert.All(jobs, id => Assert.Equal(TrainingState.Provisioning, bench.Job(id).State));
        Assert.Equal(1, Shared.Entries);

        bench.Faults.Clear();
        foreach (JobId id in jobs)
        {
            await bench.RunToRestAsync(id);
        }

        Assert.All(jobs, id => Assert.Equal(TrainingState.Completed, bench.Job(id).State));
        Assert.Equal(3, bench.VendorPods.Count);
        Assert.Equal([CircuitEntryKinds.Closed, CircuitEntryKinds.Opened], Shared.History.Select(entry => entry.Kind));
    }

    [Fact]
    [Trait("Requirement", "C2")]
    public async Task Probe_OfAProviderThatIsDownAltogether_OpensAgainAndNoSecondOneFollowsMeanwhile()
    {
        await OpenAsync();
        bench.Faults.Add(FaultKind.Create500, seconds: 7200);
        bench.Faults.Add(FaultKind.List500, seconds: 7200);
        JobId id = await bench.SubmitAsync();
        JobId other = await bench.SubmitAsync();
        int before = bench.World.Database.Pods.Rows.Count;
        await bench.RunUntilAsync(() => Shared.Trips == 2, "another trip");
        await bench.RunForAsync(TimeSpan.FromMinutes(25));

        Assert.Equal(CircuitEntryKinds.Reopened, Shared.History[0].Kind);
        Assert.Equal(2, Shared.Trips);
        Assert.Equal(before + 1, bench.World.Database.Pods.Rows.Count);
        bench.Faults.Clear();
        await bench.RunToRestAsync(id);
        await bench.RunToRestAsync(other);
        Assert.All(new[] { id, other }, one => Assert.Equal(TrainingState.Completed, bench.Job(one).State));
        Assert.False(Shared.IsOpen);
    }

    [Fact]
    [Trait("Requirement", "C4")]
    public async Task Adopted_AfterItsFailureWasTold_ResetsTheCount()
    {
        bench.Faults.Add(FaultKind.Create500ButCreated);
        bench.Faults.Add(FaultKind.List500, seconds: 50);
        bench.PodLoopRuns = false;
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => Shared.Failures.Count == 1, "the failure counted");
        await bench.RunUntilAsync(() => bench.Pods(id)[0].PodId is not null, "the pod adopted");

        Assert.Empty(Shared.Failures);
        Assert.Null(Assert.Single(bench.Pods(id)).Permit);
    }

    [Fact]
    [Trait("Requirement", "C4")]
    public async Task Adopted_ByThePodLoopFirst_ClosesAHalfOpenBreaker()
    {
        await OpenAsync();
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Now >= Shared.OpenUntil && bench.Job(id).State == TrainingState.Provisioning, "half open");
        bench.PodLoopRuns = false;
        bench.Faults.Add(FaultKind.Create500ButCreated);

        // The portal dies once the answer has come: it has neither looked nor told.
        Mortality dying = new(point => point == "after POST runpod" && bench.VendorPods.Count == 1);
        SimulatedPortal portal = new(bench.World, dying, "bench");
        LeasedJob leased = Assert.Single(await portal.Conductor.LeaseDueAsync(1, TrainingBench.Token));
        await Assert.ThrowsAsync<ProcessDiedException>(() => portal.Conductor.StepAsync(leased, TrainingBench.Token));
        Assert.NotNull(Shared.Probe);
        bench.Restart();
        bench.PodLoopRuns = true;
        await bench.LookAtPodsAsync();
        LedgerPod found = Assert.Single(bench.Pods(id));
        Assert.NotNull(found.PodId);
        Assert.NotNull(found.Permit);
        await bench.RunUntilAsync(() => !Shared.IsOpen, "the breaker closed");

        Assert.Equal(CircuitEntryKinds.Closed, Shared.History[0].Kind);
        Assert.Null(Assert.Single(bench.Pods(id)).Permit);
    }

    [Theory]
    [Trait("Requirement", "C1")]
    [InlineData(FaultKind.NoCapacity)]
    [InlineData(FaultKind.Balance402)]
    [InlineData(FaultKind.Forbidden403)]
    [InlineData(FaultKind.Validate422)]
    [InlineData(FaultKind.Rate429)]
    public async Task Answers_OfAProviderThatWorks_DoNotCount(string fault)
    {
        bench.PodLoopRuns = false;
        JobId[] jobs = [await bench.SubmitAsync(), await bench.SubmitAsync(), await bench.SubmitAsync()];
        bench.Faults.Add(fault, seconds: 240);
        await bench.RunForAsync(TimeSpan.FromMinutes(3));

        Assert.All(jobs, id => Assert.False(bench.Job(id).State.IsFinal()));
        Assert.Empty(Shared.Failures);
        Assert.False(Shared.IsOpen);
    }

    [Fact]
    public async Task Probe_FindsNoCapacity_IsGivenBackAndTheNextOneTries()
    {
        await OpenAsync();
        JobId first = await bench.SubmitAsync();
        bench.Faults.Add(FaultKind.NoCapacity, count: 2);
        await bench.RunToRestAsync(first);

        Assert.Equal(TrainingState.Completed, bench.Job(first).State);
        Assert.False(Shared.IsOpen);
    }

    [Fact]
    [Trait("Requirement", "C5")]
    public async Task RefusedKey_HoldsItOpenUntilAPersonResets()
    {
        JobId id = await RefusedAsync();
        Assert.Equal("RunPod does not accept the key RunPod:ApiKey; pods can't be stopped either. Set a valid key, or reset the breaker", bench.Job(id).WaitReason);
        Assert.True(Shared.Isolation!.IsOfTheKey);
        int asked = bench.World.Database.Pods.Rows.Count;
        await bench.RunForAsync(TimeSpan.FromMinutes(20));
        Assert.Equal(asked, bench.World.Database.Pods.Rows.Count);

        await bench.Portal.BreakerDesk.ResetAsync(BreakerSubject.RunPod, "the key works again", TrainingBench.Person, TrainingBench.Token);
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
    }

    [Fact]
    public async Task RefusedKey_AnotherKeyEndsItByItself()
    {
        bench.World.ApiKeyInUse = "a key that RunPod does not know";
        bench.Restart();
        bench.PodLoopRuns = false;
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => Shared.Isolation is not null, "isolation");
        await bench.RunForAsync(TimeSpan.FromMinutes(5));
        Assert.Equal(TrainingState.Queued, bench.Job(id).State);

        bench.World.ApiKeyInUse = SimulatedWorld.ApiKey;
        bench.Restart();
        bench.PodLoopRuns = true;
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal((CircuitEntryKinds.Reset, "The key was changed"), (Shared.History[0].Kind, Shared.History[0].Reason));
    }

    [Fact]
    [Trait("Requirement", "C5")]
    public async Task HeldOpenByAPerson_JobsWaitAndTheWaitDoesNotCount()
    {
        await bench.Portal.BreakerDesk.IsolateAsync(BreakerSubject.RunPod, "RunPod moves", TimeSpan.FromHours(3), TrainingBench.Person, TrainingBench.Token);
        JobId id = await bench.SubmitAsync();
        await bench.RunForAsync(TimeSpan.FromHours(2));
        Assert.Equal(TrainingState.Queued, bench.Job(id).State);
        Assert.StartsWith("RunPod's breaker is held open by ada until 2026-03-30 03:00 UTC: RunPod moves", bench.Job(id).WaitReason, StringComparison.Ordinal);
        Assert.Empty(bench.Pods(id));

        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
    }

    [Fact]
    public async Task IsolatedBetweenTheQuestionAndTheCall_NothingIsSent()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Provisioning);
        Mortality interfering = new(point =>
        {
            // The row is committed, the call not sent: now a person holds the breaker open.
            if (point == "before breaker Read" && bench.Pods(id).Count > 0)
            {
                bench.World.Redis.State = CircuitMachine.Apply(
                    Shared, new CircuitCall.Isolate("ada", "stop", null, ""), bench.Now, bench.World.Breaker).Circuit;
            }

            return false;
        });
        SimulatedPortal portal = new(bench.World, interfering, "bench");
        LeasedJob leased = Assert.Single(await portal.Conductor.LeaseDueAsync(1, TrainingBench.Token));
        await portal.Conductor.StepAsync(leased, TrainingBench.Token);

        Assert.Empty(bench.VendorPods);
        Assert.Equal(PodReasons.Withdrawn, Assert.Single(bench.Pods(id)).WantReason);
        Assert.Equal(TrainingState.Queued, bench.Job(id).State);
    }

    [Fact]
    [Trait("Requirement", "C6")]
    public async Task RedisAway_CreationsGoOnUnderThePortalsOwnBreaker()
    {
        bench.World.Redis.AwayUntil = DateTimeOffset.MaxValue;
        JobId healthy = await bench.SubmitAsync();
        await bench.RunToRestAsync(healthy);
        Assert.Equal(TrainingState.Completed, bench.Job(healthy).State);

        bench.Faults.Add(FaultKind.Create500, count: 12);
        await FailOneAsync();
        await FailOneAsync();
        await FailOneAsync();
        JobId waiting = await bench.SubmitAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(5));
        Assert.Equal(TrainingState.Queued, bench.Job(waiting).State);
        Assert.True(bench.Portal.Breaker.View.Local!.IsOpen);
        Assert.False(Shared.IsOpen);

        bench.World.Redis.AwayUntil = null;
        await bench.RunForAsync(TimeSpan.FromMinutes(1));
        Assert.True(Shared.IsOpen);
        await bench.RunToRestAsync(waiting);
        Assert.Equal(TrainingState.Completed, bench.Job(waiting).State);
    }

    private async Task FailOneAsync()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);
        Assert.Equal("no_provider", bench.Job(id).Failure!.Rule.Code);
    }

    private async Task OpenAsync()
    {
        bench.Faults.Add(FaultKind.Create500, count: 12);
        for (int number = 0; number < 3; number++)
        {
            await FailOneAsync();
        }
    }

    /// <summary>A job whose create call met a refused key; the key works again from then on.</summary>
    private async Task<JobId> RefusedAsync()
    {
        bench.PodLoopRuns = false;
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Provisioning);
        bench.Faults.Add(FaultKind.Unauth401, seconds: 1);
        await bench.StepAsync();
        Assert.Equal(TrainingState.Queued, bench.Job(id).State);
        bench.PodLoopRuns = true;
        await bench.RunForAsync(TimeSpan.FromMinutes(2));
        return id;
    }
}
