using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>E1, seen through a whole job: what a create call may answer, and what becomes of the job, its pods and the user's count.</summary>
[Trait("Requirement", "E1")]
public sealed class PodLauncherTests
{
    private const string VendorWords = "HTTP 500: Something went wrong. Please try again later or contact support.";

    [Fact]
    public async Task Create_FailsOnce_IsRepeatedAfterTwoSecondsAndTheJobCompletes()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.Create500);
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal([2.0], Waits(bench.Pods(id)));
        Assert.Single(bench.VendorPods);
    }

    [Fact]
    public async Task Create_FailsAlways_IsTriedAfterTwoFourAndEightSecondsAndThenFails()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.Create500, count: 100);
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);

        Assert.Equal([2.0, 4.0, 8.0], Waits(bench.Pods(id)));
        TrainingJob job = bench.Job(id);
        Assert.Equal("no_provider", job.Failure!.Rule.Code);
        Assert.Equal("No GPU provider could start the training", job.Failure.Rule.Message);
        Assert.Equal("No GPU provider could start the training", bench.Lora(id).ErrorMessage);
        Assert.Equal(Domain.Library.LoraStatus.Failed, bench.Lora(id).Status);
        Assert.True(bench.Refunded(id));
        Assert.Equal(0, bench.UserCount);
        OperationalEvent fact = Assert.Single(bench.Facts(id, TrainingEvents.Failed));
        Assert.Equal(("no_provider", "runpod.create", VendorWords), (fact.Error!.Code, fact.Error.Where, fact.Error.ProviderWords));
        Assert.Empty(bench.VendorPods);
        await bench.RunToRestAsync(id);
        Assert.Equal(Usd.Zero, bench.Job(id).Cost);
    }

    [Theory]
    [InlineData(FaultKind.Create500ButCreated)]
    [InlineData(FaultKind.CreateHangButCreated)]
    public async Task Create_AnswersBadlyButThePodExists_IsAdoptedAndNoSecondPodIsMade(string fault)
    {
        TrainingBench bench = new();
        bench.Faults.Add(fault);
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal(Assert.Single(bench.VendorPods).Id, Assert.Single(bench.Pods(id)).PodId);
        Assert.Single(bench.Facts(id, PodEvents.Adopted));
    }

    [Fact]
    public async Task Create_AnswersBadlyAndTheAccountCantBeListed_WaitsForAListingBeforeItAsksAgain()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.Create500ButCreated);
        bench.Faults.Add(FaultKind.List500, seconds: 300);
        bench.PodLoopRuns = false;
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).WaitReason is not null, "a reason to wait");

        Assert.Equal("The account can't be listed, so a pod in doubt can't be ruled out", bench.Job(id).WaitReason);
        await bench.RunForAsync(TimeSpan.FromMinutes(4));
        Assert.Single(bench.Pods(id));
        bench.PodLoopRuns = true;
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Single(bench.VendorPods);
    }

    [Fact]
    public async Task Account_IsRateLimited_WaitsAsLongAsTheVendorSaysAndCostsNoTry()
    {
        TrainingBench bench = new();
        bench.PodLoopRuns = false;
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Provisioning);

        // The catalog and the balance were read: the next call on the account is the create.
        DateTimeOffset before = bench.Now;
        bench.Faults.Add(FaultKind.Rate429, count: 3, seconds: 45);
        await bench.RunUntilAsync(() => bench.VendorPods.Count > 0, "a pod");

        Assert.True(bench.Now - before >= TimeSpan.FromSeconds(45), $"Asked again after {bench.Now - before}.");
        Assert.Equal(0, bench.World.Cloud.World.Account.RateLimitViolations);
        bench.PodLoopRuns = true;
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.DoesNotContain(bench.Pods(id), pod => pod.WantReason == PodReasons.CreateFailed);
    }

    [Theory]
    [InlineData(FaultKind.Balance402, "RunPod's balance is used up. Add credit to the account")]
    [InlineData(FaultKind.Validate422, "RunPod refuses the request: Request validation failed.; $.gpu.id: value is not one of the allowed values")]
    public async Task Create_IsRefused_TheJobWaitsInTheQueueWithTheReasonAndGoesOn(string fault, string reason)
    {
        TrainingBench bench = new();
        bench.PodLoopRuns = false;
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Provisioning);
        bench.Faults.Add(fault, seconds: 90);
        await bench.StepAsync();

        Assert.Equal((TrainingState.Queued, reason), (bench.Job(id).State, bench.Job(id).WaitReason));
        Assert.Equal(reason, Assert.Single(bench.Facts(id, TrainingEvents.Waiting)).Message);
        Assert.Equal(bench.Now + TimeSpan.FromSeconds(60), bench.Job(id).DueAt);
        bench.PodLoopRuns = true;
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Single(bench.VendorPods);
    }

    [Fact]
    public async Task FirstGpuType_HasNoCapacity_TheNextOneIsTakenAtOnce()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.NoCapacity);
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);

        Assert.Equal(["NVIDIA A40", "NVIDIA RTX A5000"], bench.Pods(id).Select(pod => pod.GpuType));
        Assert.Equal([0.0], Waits(bench.Pods(id)));
        Assert.Equal("NVIDIA RTX A5000", Assert.Single(bench.VendorPods).GpuId);
    }

    [Fact]
    public async Task EveryGpuType_HasNoCapacity_TheJobWaitsInTheQueueAndGivesUpAfterQueueWait()
    {
        TrainingBench bench = new(cloud => cloud.GpuStock = 0);
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).WaitReason is not null, "a reason to wait");
        DateTimeOffset since = bench.Now;

        const string reason = "No GPU of the types NVIDIA A40, NVIDIA RTX A5000 is free at RunPod";
        Assert.Equal((TrainingState.Queued, reason), (bench.Job(id).State, bench.Job(id).WaitReason));
        await bench.RunToStateAsync(id, TrainingState.Failed);
        Assert.InRange(bench.Now - since, TimeSpan.FromHours(1), TimeSpan.FromMinutes(62));
        Assert.Equal(new JobFailure(FailureCode.NoProvider, reason), bench.Job(id).Failure);
        Assert.True(bench.Refunded(id));
        Assert.Single(bench.Facts(id, TrainingEvents.Waiting));
    }

    [Fact]
    public async Task EveryGpuType_HasNoCapacityForAWhile_TheJobGoesOnByItself()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.NoCapacity, seconds: 600);
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Single(bench.VendorPods);
    }

    [Fact]
    public async Task QueueWait_IsZero_NoCapacityFailsAtOnce()
    {
        TrainingBench bench = new(cloud => cloud.GpuStock = 0);
        bench.Rules(rules => rules with { QueueWait = TimeSpan.Zero });
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);

        Assert.Equal(SimulatedWorld.Start, bench.Now);
        Assert.Equal(FailureCode.NoProvider, bench.Job(id).Failure!.Code);
        Assert.True(bench.Refunded(id));
    }

    [Fact]
    public async Task Create_IsAsked_TheLedgerHasItsRowBeforeTheVendorHearsOfIt()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Provisioning);

        // The first call of this kind asks for the balance, the second one is the create.
        int posts = 0;
        Mortality mortality = new(at => at == "before POST runpod" && ++posts == 2);
        SimulatedPortal dying = new(bench.World, mortality, "dying");
        LeasedJob leased = Assert.Single(await dying.Conductor.LeaseDueAsync(1, TrainingBench.Token));
        await Assert.ThrowsAsync<ProcessDiedException>(() => dying.Conductor.StepAsync(leased, TrainingBench.Token));

        LedgerPod row = Assert.Single(bench.Pods(id));
        Assert.Equal((PodWant.Needed, PodSaw.Requested, null), (row.Want, row.Saw, row.PodId));
        Assert.Empty(bench.VendorPods);
    }

    private static IEnumerable<double> Waits(IReadOnlyList<LedgerPod> tries) =>
        tries.Zip(tries.Skip(1), (earlier, later) => (later.RequestedAt - earlier.RequestedAt).TotalSeconds);
}
