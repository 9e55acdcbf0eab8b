using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>A job goes through one failure of the vendor after the other; at rest its money is settled, its pods are gone, and nothing bills.</summary>
public sealed class ConductorVendorFaultTests
{
    [Fact]
    [Trait("Fault", FaultKind.Forbidden403)]
    public async Task Create_IsForbidden_TheJobWaitsWithTheRemedyAndGoesOnWhenTheKeyMay()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        bench.Faults.Add(FaultKind.Forbidden403, match: id.Value.ToString("N"));
        await bench.RunUntilAsync(() => bench.Job(id).WaitReason?.Contains("RunPod:ApiKey", StringComparison.Ordinal) == true, "a refused create");

        Assert.Equal(TrainingState.Queued, bench.Job(id).State);
        Assert.Equal("RunPod:ApiKey lacks the right to create pods. Give the key write access to pods", bench.Job(id).WaitReason);
        Assert.Equal((PodWant.Released, PodReasons.Refused, PodSaw.Gone), WhatOf(Assert.Single(bench.Pods(id))));
        (string, string) refused = (TrainingIncidents.CreateRefused, "runpod");
        Assert.Contains(refused, OpenIncidents(bench));
        await EndsWellAsync(bench, id);
        Assert.Equal(2, bench.Pods(id).Count);
        Assert.DoesNotContain(refused, OpenIncidents(bench));
        Assert.NotNull(bench.Pods(id)[1].HeardAt);
    }

    [Fact]
    [Trait("Fault", FaultKind.CreateHangThenLate)]
    [Trait("Requirement", "E1")]
    public async Task Create_HangsAndItsPodAppearsLate_OnePodIsKeptAndNoneBillsAtRest()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.CreateHangThenLate, seconds: 90);
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);

        // The late one is adopted if it came before the next try was asked for, and ended otherwise: never both, never neither.
        AssertWellEnded(bench, id);
        Assert.InRange(bench.VendorPods.Count, 1, 2);
        Assert.Equal(bench.VendorPods.Count, bench.Pods(id).Count(pod => pod.PodId is not null));
        Assert.Single(bench.Pods(id), pod => pod.Proof == FileProof.InStorage);
    }

    /// <summary>The account shows too little, too late, or words that nobody knows, while the pod boots and trains.</summary>
    [Theory]
    [InlineData(FaultKind.ListEmpty, 300)]
    [InlineData(FaultKind.ListPartial, 300)]
    [InlineData(FaultKind.ListUnknownStatus, 300)]
    [InlineData(FaultKind.ListSlow, null)]
    [Trait("Requirement", "J1")]
    public async Task Listing_IsWrongForMinutes_KillsAndForgetsNothing(string kind, int? seconds)
    {
        TrainingBench bench = new(cloud => cloud.Training = TimeSpan.FromMinutes(30));
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Provisioning);
        bench.Faults.Add(kind, count: 10, match: kind == FaultKind.ListPartial ? "lora-" : "", seconds: seconds);
        await bench.RunToStateAsync(id, TrainingState.Training);
        bench.Faults.Add(kind, count: 10, match: kind == FaultKind.ListPartial ? "lora-" : "", seconds: seconds);
        await bench.RunForAsync(TimeSpan.FromMinutes(6));

        Assert.Equal((TrainingState.Training, 1), (bench.Job(id).State, bench.Job(id).Attempt));
        Assert.Equal((PodWant.Needed, null), (Assert.Single(bench.Pods(id)).Want, bench.Pods(id)[0].GoneAt));
        Assert.Equal(0, Assert.Single(bench.VendorPods).TerminateRequests);
        bench.Faults.Clear();
        await EndsWellAsync(bench, id);
        Assert.Single(bench.VendorPods);
    }

    [Fact]
    [Trait("Fault", FaultKind.Delete404)]
    [Trait("Requirement", "E4")]
    public async Task Delete_SaysNotFoundAndThePodLives_IsRepeatedUntilTheAccountShowsItNoMore()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);
        bench.Faults.Add(FaultKind.Delete404, count: 2);
        await EndsWellAsync(bench, id);

        LedgerPod pod = Assert.Single(bench.Pods(id));
        PodRecord truth = Assert.Single(bench.VendorPods);
        Assert.Equal((3, 3), (pod.TerminateAttempts, truth.TerminateRequests));
        Assert.True(pod.GoneAt >= truth.History[^1].At, $"Called gone at {pod.GoneAt}, gone at {truth.History[^1].At}.");
    }

    [Fact]
    [Trait("Fault", FaultKind.PodExits)]
    public async Task Pod_ExitsByItselfWhileTraining_IsStartedAgainAndGoesOnWhereItWas()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Figures is { Step: > 10 }, "a training that moves");
        bench.Faults.Add(FaultKind.PodExits);
        await bench.RunUntilAsync(() => bench.VendorPods.Single().Status == PodStatus.Exited, "a pod that exited");
        await EndsWellAsync(bench, id);

        Assert.Equal(1, bench.Job(id).Attempt);
        Assert.Equal(2, Assert.Single(bench.VendorPods).History.Count(change => change.Status == PodStatus.Running));
    }

    [Fact]
    [Trait("Fault", FaultKind.StartWithoutGpu)]
    public async Task Pod_ExitsAndItsMachineHasNoGpu_IsAskedUntilOneIsFree()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Figures is { Step: > 10 }, "a training that moves");
        bench.Faults.Add(FaultKind.StartWithoutGpu, count: 3);
        bench.Faults.Add(FaultKind.PodExits);
        await EndsWellAsync(bench, id);

        Assert.Equal(1, bench.Job(id).Attempt);
        Assert.Single(bench.VendorPods);
        Assert.DoesNotContain(bench.Faults.Pending, fault => fault.Kind == FaultKind.StartWithoutGpu);
    }

    [Fact]
    [Trait("Fault", FaultKind.PodVanishes)]
    public async Task Pod_VanishesWhileItBoots_AnotherOneIsMade()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.PodVanishes, seconds: 60);
        JobId id = await bench.SubmitAsync();
        await EndsWellAsync(bench, id);

        Assert.Equal(2, bench.VendorPods.Count);
        LedgerPod lost = bench.Pods(id)[0];
        PodRecord truth = bench.VendorPods[0];
        Assert.Equal((PodSaw.Gone, 0), (lost.Saw, truth.TerminateRequests));
    }

    [Fact]
    [Trait("Fault", FaultKind.StuckProvisioning)]
    public async Task Pod_NeverLeavesProvisioning_IsEndedAfterTwentyMinutesAndAnotherOneTrains()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.StuckProvisioning);
        JobId id = await bench.SubmitAsync();
        await EndsWellAsync(bench, id);

        Assert.Equal(2, bench.VendorPods.Count);
        LedgerPod stuck = bench.Pods(id)[0];
        Assert.Equal((PodWant.Released, PodReasons.NotReady, PodSaw.Gone), WhatOf(stuck));
        Assert.Equal([PodStatus.Provisioning, PodStatus.Terminated], bench.VendorPods[0].History.Select(change => change.Status));
        Assert.InRange(bench.VendorPods[0].History[^1].At - stuck.RequestedAt, TimeSpan.FromMinutes(20), TimeSpan.FromMinutes(22));
    }

    [Fact]
    [Trait("Fault", FaultKind.TrainingHangs)]
    [Trait("Requirement", "E6")]
    public async Task Training_Hangs_IsCalledStuckAfterTenMinutesAndEndedAtItsLimit()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.TrainingHangs);
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).StuckSince is not null, "a stuck training");

        TrainingJob stuck = bench.Job(id);
        Assert.InRange(stuck.StuckSince!.Value - stuck.Figures!.StepAt, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(11));
        Assert.Equal([(TrainingIncidents.Stuck, id.ToString())], OpenIncidents(bench));
        Assert.StartsWith("Training does not move: no step since ", Assert.Single(bench.Facts(id, TrainingEvents.Stuck)).Message, StringComparison.Ordinal);
        await bench.RunToRestAsync(id);

        TrainingJob job = bench.Job(id);
        Assert.Equal((TrainingState.Failed, "Training timeout"), (job.State, job.Failure!.Rule.Message));
        Assert.InRange(job.CompletedAt!.Value - job.StartedAt!.Value, TimeSpan.FromHours(2), TimeSpan.FromHours(2) + TimeSpan.FromMinutes(1));
        Assert.True(bench.Refunded(id));
        AssertNothingBills(bench, id);
    }

    [Fact]
    [Trait("Fault", FaultKind.HeartbeatStops)]
    public async Task Heartbeat_StopsForAQuarterOfAnHour_IsCalledStuckAndClearedWhenItComesBack()
    {
        TrainingBench bench = new(cloud => cloud.Training = TimeSpan.FromMinutes(60));
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Figures is { Step: > 10 }, "a training that moves");
        bench.Faults.Add(FaultKind.HeartbeatStops, seconds: 900);
        await bench.RunUntilAsync(() => bench.Job(id).StuckSince is not null, "a silent training");

        Assert.Equal([(TrainingIncidents.Stuck, id.ToString())], OpenIncidents(bench));
        Assert.StartsWith("Training does not move: no answer since ", Assert.Single(bench.Facts(id, TrainingEvents.Stuck)).Message, StringComparison.Ordinal);
        Assert.Contains("The pod's agent does not answer", bench.Job(id).WaitReason, StringComparison.Ordinal);
        await bench.RunUntilAsync(() => bench.Job(id).StuckSince is null, "an answer");

        Assert.Equal("Training moves again", Assert.Single(bench.Facts(id, TrainingEvents.Unstuck)).Message);
        Assert.Empty(OpenIncidents(bench));
        await EndsWellAsync(bench, id);
        Assert.Single(bench.VendorPods);
    }

    private static async Task EndsWellAsync(TrainingBench bench, JobId id)
    {
        await bench.RunToRestAsync(id);
        AssertWellEnded(bench, id);
    }

    private static void AssertWellEnded(TrainingBench bench, JobId id)
    {
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Null(bench.Job(id).Failure);
        Assert.False(bench.Refunded(id));
        Assert.Equal(1, bench.UserCount);
        Assert.NotNull(bench.StoredFile(id));
        AssertNothingBills(bench, id);
        Assert.Empty(OpenIncidents(bench));
    }

    /// <summary>Gone by the ledger and by the vendor's truth; the money says what the vendor billed.</summary>
    private static void AssertNothingBills(TrainingBench bench, JobId id)
    {
        Assert.All(bench.VendorPods, pod => Assert.Equal(PodStatus.Terminated, pod.Status));
        Assert.All(bench.Pods(id), pod => Assert.Equal(PodSaw.Gone, pod.Saw));
        Assert.Equal(Usd.Zero, bench.Month.Reserved);
        Assert.Equal(bench.Job(id).Cost, bench.Month.Spent);
        decimal billed = bench.VendorPods.Sum(pod => pod.SettledUsd);
        Assert.True(bench.Month.Spent.Dollars >= billed, $"{bench.Month.Spent} is booked, {billed} was billed.");
    }

    private static (PodWant Want, string? Reason, PodSaw Saw) WhatOf(LedgerPod pod) => (pod.Want, pod.WantReason, pod.Saw);

    /// <summary>What the facts so far leave open, as the alerts feature takes them.</summary>
    private static List<(string Rule, string Subject)> OpenIncidents(TrainingBench bench)
    {
        List<(string Rule, string Subject)> open = [];
        foreach (IncidentSignal signal in bench.World.Database.Events.SelectMany(fact => fact.Signals ?? []))
        {
            open.Remove((signal.Rule, signal.Subject));
            if (!signal.Over)
            {
                open.Add((signal.Rule, signal.Subject));
            }
        }

        return open;
    }
}
