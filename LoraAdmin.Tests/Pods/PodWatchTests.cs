using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>What becomes of a pod that its job has let go: nothing counts as gone before the account has shown it twice.</summary>
[Trait("Requirement", "J1")]
public sealed class PodWatchTests
{
    [Fact]
    public async Task ReleasedPod_IsDeletedAtOnceAndGoneAfterTwoListingsTenSecondsApart()
    {
        (TrainingBench bench, JobId id) = await ReleasedAsync();
        await bench.LookAtPodsAsync();
        Assert.Equal((PodSaw.Terminating, 1), (Pod(bench, id).Saw, Pod(bench, id).TerminateAttempts));
        Assert.Equal(PodStatus.Terminated, bench.VendorPods[0].Status);

        DateTimeOffset absentSince = bench.Now;
        await bench.LookAtPodsAsync();
        bench.World.Clock.Advance(TimeSpan.FromSeconds(9));
        await bench.LookAtPodsAsync();
        Assert.Equal(PodSaw.Terminating, Pod(bench, id).Saw);

        bench.World.Clock.Advance(TimeSpan.FromSeconds(1));
        PodWatchReport report = await bench.LookAtPodsAsync();
        Assert.Equal((PodSaw.Gone, absentSince), (Pod(bench, id).Saw, Pod(bench, id).GoneAt));
        Assert.Equal((0, 1), (report.Alive, report.Gone.Count));
        OperationalEvent fact = Assert.Single(bench.Facts(id, PodEvents.Gone));
        Assert.Equal($"Pod {Pod(bench, id).PodId} is gone. Absent from two complete listings and not found after its end", fact.Message);
    }

    [Fact]
    public async Task Listing_FailsAfterTheDelete_ProvesNothing()
    {
        (TrainingBench bench, JobId id) = await ReleasedAsync();
        await bench.LookAtPodsAsync();
        bench.Faults.Add(FaultKind.List500, seconds: 3600);
        for (int look = 0; look < 20; look++)
        {
            bench.World.Clock.Advance(TimeSpan.FromSeconds(60));
            Assert.False((await bench.LookAtPodsAsync()).Listed);
        }

        Assert.Equal((PodSaw.Terminating, null), (Pod(bench, id).Saw, Pod(bench, id).AbsentSince));
        bench.Faults.Clear();
        bench.PodLoopRuns = true;
        await bench.RunToRestAsync(id);
        Assert.Equal(PodSaw.Gone, Pod(bench, id).Saw);
    }

    [Fact]
    public async Task Listing_FailsForAnHourWhileTraining_LosesNoPod()
    {
        TrainingBench bench = new(cloud => cloud.Training = TimeSpan.FromMinutes(90));
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);
        bench.Faults.Add(FaultKind.List500, seconds: 3600);
        await bench.RunToRestAsync(id);

        Assert.Equal((TrainingState.Completed, 1), (bench.Job(id).State, bench.Job(id).Attempt));
        Assert.Single(bench.VendorPods);
    }

    [Fact]
    [Trait("Requirement", "E4")]
    public async Task LeakingPod_APersonEndsItAgain_IsAskedAtOnceAndStaysWasteSinceItsJobEnded()
    {
        (TrainingBench bench, JobId id) = await ReleasedAsync();
        bench.Faults.Add(FaultKind.Delete500, count: 1_000);
        bench.PodLoopRuns = true;
        await bench.RunUntilAsync(() => Pod(bench, id) is { Saw: PodSaw.Leaking, TerminateAttempts: >= 6 }, "a leaking pod");
        LedgerPod leaking = Pod(bench, id);
        Assert.True(leaking.NextActionAt > bench.Now, "The next try is a while off.");

        Assert.IsType<EndPodOutcome.Noted>(await bench.Portal.Pods.EndAsync(leaking.PodId!, "3 a.m.", false, TrainingBench.Person, CancellationToken.None));

        LedgerPod asked = Pod(bench, id);
        Assert.Equal((PodSaw.Leaking, leaking.WantReason, leaking.WantSince), (asked.Saw, asked.WantReason, asked.WantSince));
        Assert.Equal(bench.Now, asked.NextActionAt);
    }

    [Fact]
    [Trait("Requirement", "E4")]
    [Trait("Requirement", "M2")]
    public async Task Delete_FailsThreeTimes_LeaksWithAnIncidentAndIsTriedOnUntilItWorks()
    {
        (TrainingBench bench, JobId id) = await ReleasedAsync();
        bench.Faults.Add(FaultKind.Delete500, count: 5);
        List<DateTimeOffset> tries = [];
        bench.PodLoopRuns = true;
        await bench.RunUntilAsync(
            () =>
            {
                if (Pod(bench, id).TerminateAttempts > tries.Count)
                {
                    tries.Add(bench.Now);
                }

                return Pod(bench, id).Saw == PodSaw.Leaking;
            },
            "a leaking pod");

        Assert.Equal(3, Pod(bench, id).TerminateAttempts);
        double[] waits = [.. tries.Zip(tries.Skip(1), (earlier, later) => (later - earlier).TotalSeconds)];
        Assert.True(waits is [>= 15, >= 30] && waits[1] > waits[0], $"Waits: {string.Join(", ", waits)}");
        OperationalEvent leak = Assert.Single(bench.Facts(id, PodEvents.Leaking));
        Assert.Equal(EventSeverity.Error, leak.Severity);
        Assert.StartsWith($"Pod {Pod(bench, id).PodId} does not end and costs money: ", leak.Message, StringComparison.Ordinal);
        Assert.Equal("http_500", leak.Error!.Code);
        Assert.Equal(
            [(PodIncidents.Leaking, Pod(bench, id).PodId!, false), (PodIncidents.Orphaned, Pod(bench, id).PodId!, false)],
            leak.Signals.Select(signal => (signal.Rule, signal.Subject, signal.Over)));

        // M2: it runs, its job is over, and two tries to end it have failed.
        OperationalEvent orphan = Assert.Single(bench.Facts(id, PodEvents.Orphaned));
        Assert.Equal($"Orphaned RunPod instance detected: {Pod(bench, id).PodId}", Assert.Single(orphan.Signals).Text);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);

        await bench.RunToRestAsync(id);
        Assert.Equal((PodSaw.Gone, 6), (Pod(bench, id).Saw, Pod(bench, id).TerminateAttempts));
        Assert.Contains(bench.Facts(id, PodEvents.Gone).Single().Signals, over => over is { Rule: PodIncidents.Leaking, Over: true });
        Assert.Single(bench.Facts(id, PodEvents.Leaking));
    }

    [Fact]
    [Trait("Requirement", "E4")]
    [Trait("Requirement", "M2")]
    public async Task Delete_IsAcceptedButIgnored_IsRepeatedAndLeaksWhileThePodIsListed()
    {
        (TrainingBench bench, JobId id) = await ReleasedAsync();
        bench.Faults.Add(FaultKind.DeleteIgnored, count: 4);
        bench.PodLoopRuns = true;
        await bench.RunUntilAsync(() => Pod(bench, id).TerminateAttempts == 2, "a second delete");
        Assert.Equal(PodSaw.Terminating, Pod(bench, id).Saw);
        Assert.Null(Pod(bench, id).AbsentSince);

        await bench.RunUntilAsync(() => Pod(bench, id).Saw == PodSaw.Leaking, "a leaking pod");
        Assert.Equal(3, Pod(bench, id).TerminateAttempts);
        Assert.StartsWith(
            $"Pod {Pod(bench, id).PodId} does not end and costs money: it is still listed. $",
            Assert.Single(bench.Facts(id, PodEvents.Leaking)).Message, StringComparison.Ordinal);

        // M2: seen running after its job was over, at the second look.
        OperationalEvent orphan = Assert.Single(bench.Facts(id, PodEvents.Orphaned));
        Assert.Equal($"Orphaned RunPod instance detected: {Pod(bench, id).PodId}", Assert.Single(orphan.Signals).Text);
        Assert.Equal(1, bench.World.Database.Reservations.Rows.Count(one => one.SettledAt is null));
        await bench.RunToRestAsync(id);
        Assert.Equal((PodSaw.Gone, 5), (Pod(bench, id).Saw, Pod(bench, id).TerminateAttempts));
        Assert.Equal(PodStatus.Terminated, Assert.Single(bench.VendorPods).Status);
    }

    [Fact]
    [Trait("Requirement", "E3")]
    public async Task HeldPod_HasNoProof_IsStoppedAndNeverDeleted()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Figures is { Step: > 10 }, "a training that moves");
        bench.Faults.Add(FaultKind.AgentUnreachable, seconds: 86_400);
        await bench.CancelAsync(id, TrainingBench.Person);
        await bench.RunUntilAsync(() => bench.Job(id).State == TrainingState.Cancelled, "a cancelled job");
        await bench.RunForAsync(TimeSpan.FromHours(6));

        LedgerPod pod = Pod(bench, id);
        Assert.Equal((PodWant.Held, PodSaw.Exited, 0), (pod.Want, pod.Saw, pod.TerminateAttempts));
        Assert.Equal(PodStatus.Exited, Assert.Single(bench.VendorPods).Status);
        Assert.Null(bench.Reservation(id).SettledAt);
    }

    [Fact]
    public async Task PodInDoubt_TurnsUpAfterTheJobFailed_IsEndedToo()
    {
        TrainingBench bench = new();
        bench.Faults.Add(FaultKind.Create500, count: 4);
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);
        string name = bench.Pods(id)[1].Name;
        bench.World.Cloud.World.AdvanceTo(bench.Now);
        PodRecord late = bench.World.Cloud.World.Create((podId, at) => new PodRecord
        {
            Id = podId,
            Name = name,
            Image = "trainer:1",
            GpuId = "NVIDIA A40",
            GpuRate = 0.40m,
            CreatedAt = at,
            Status = PodStatus.Running,
        });
        await bench.RunToRestAsync(id);

        Assert.Equal(PodStatus.Terminated, late.Status);
        Assert.Equal((late.Id, PodSaw.Gone), (bench.Pods(id)[1].PodId, bench.Pods(id)[1].Saw));
    }

    /// <summary>A completed job whose pod was released and not looked at yet.</summary>
    private static async Task<(TrainingBench Bench, JobId Job)> ReleasedAsync()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Uploading);
        bench.PodLoopRuns = false;
        await bench.RunToStateAsync(id, TrainingState.Completed);
        Assert.Equal((PodWant.Released, 0), (Pod(bench, id).Want, Pod(bench, id).TerminateAttempts));
        return (bench, id);
    }

    private static LedgerPod Pod(TrainingBench bench, JobId id) => Assert.Single(bench.Pods(id));
}
