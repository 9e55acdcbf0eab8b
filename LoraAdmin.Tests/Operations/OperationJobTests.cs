using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Pods;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Operations;

/// <summary>The background jobs of the service as the engine runs them.</summary>
public sealed class OperationJobTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(2, "1 of 2 done, 1 waits for a person's approval.")]
    [InlineData(3, "1 of 3 done, 2 wait for a person's approval.")]
    [Trait("Requirement", "J1")]
    public async Task Sweep_EndsOrphansWithinItsCaps_AndTheRestAfterApproval(int there, string outcome)
    {
        PodHouse pods = new();
        pods.World.Caps = new SweepCaps(1, Usd.FromDollars(20));
        PodRecord[] orphans = [.. Enumerable.Range(0, there).Select(_ => pods.AddPod(pods.NextName()))];
        pods.Pass(PodSweep.UnknownAfter + TimeSpan.FromSeconds(1));
        OperationHouse house = HouseOf(pods);
        await house.FillAsync();

        await house.FireNextAsync(PodSweepOperation.Key);

        Assert.Equal(PodReasons.Unknown, Assert.Single(pods.Rows).WantReason);
        OperationRun run = Assert.Single(pods.World.Database.Operations.Runs.Rows);
        Assert.Equal((RunState.Succeeded, 1L, outcome), (run.State, run.Done, run.Outcome));

        // What it ended is nowhere said to be more alive than before.
        Figure changed = Assert.Single(run.After.Except(run.Before));
        Assert.Equal(new Figure("Pods that are to end and are not verified gone yet", "1"), changed);
        OperationPlan waiting = Assert.Single(pods.World.Database.Operations.Plans.Rows, plan => plan.State == PlanState.AwaitsApproval);
        await house.Desk.ApplyAsync(PodSweepOperation.Key, waiting.Id, "they are ours and idle", OperationHouse.Ada, Token);
        Assert.Equal(there - 1, (await house.EndBegunAsync()).Done);
        await pods.RunAsync(TimeSpan.FromMinutes(5));
        Assert.All(orphans, pod => Assert.Equal(PodStatus.Terminated, pod.Status));
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Sweep_ThatAPersonRunsAtOnce_CountsAgainstTheHour_AndWhatIsApprovedDoesNot()
    {
        PodHouse pods = new();
        pods.World.Caps = new SweepCaps(2, Usd.FromDollars(20));
        for (int pod = 0; pod < 5; pod++)
        {
            pods.AddPod(pods.NextName());
        }

        pods.Pass(PodSweep.UnknownAfter + TimeSpan.FromSeconds(1));
        OperationHouse house = HouseOf(pods);
        await house.FillAsync();

        Assert.Equal(("2 of 5 done, 3 wait for a person's approval.", 2), await RunNowAsync(house, pods));
        Assert.Equal(("0 of 3 done, 3 wait for a person's approval.", 2), await RunNowAsync(house, pods));
        OperationCommand.Planned preview = Assert.IsType<OperationCommand.Planned>(await house.Desk.PreviewAsync(PodSweepOperation.Key, OperationHouse.Ada, Token));
        PlanDraft seen = pods.World.Database.Operations.Plans.Rows.Single(plan => plan.Id == preview.Plan).Draft;
        Assert.Equal((0, 3L), (seen.WithinCaps, seen.Count));
        Assert.Equal(
            [new Figure("Ended by the sweep in the last hour", "2 pods, $0.82/h"), new Figure("Left of its caps, which count only what is ended", "0 pods, $19.18/h")], seen.Totals);
        Assert.All(
            (await house.ItemsAsync(preview.Plan)).Select(one => one.Item),
            item => Assert.EndsWith(". Proof about its file: Training never started, so there is no file", item.Reason, StringComparison.Ordinal));
        Assert.Contains("2 at $0.82/h went in the last one, so 0 at $19.18/h are left", seen.CapWords, StringComparison.Ordinal);

        await house.Desk.ApplyAsync(PodSweepOperation.Key, preview.Plan, "read and right", OperationHouse.Ada, Token);
        Assert.Equal(3, (await house.EndBegunAsync()).Done);

        Assert.Equal(2, await EndedByItselfAsync(pods));
        Assert.Equal(3, pods.Rows.Count(row => row.WantReason == PodReasons.ByPerson));
        pods.AddPod(pods.NextName());
        pods.Pass(TimeSpan.FromMinutes(61));
        Assert.Equal(("1 of 1 done.", 1), await RunNowAsync(house, pods));
    }

    /// <summary>A plan that was read may be applied for an hour; meanwhile the loop ends what its caps let through.</summary>
    /// <param name="behind">Minutes by which the clock that closes the row is behind that of the plan.</param>
    [Theory]
    [InlineData(0)]
    [InlineData(60)]
    [Trait("Requirement", "J1")]
    public async Task Sweep_OfAPlanWhosePodsTheLoopHasEndedSince_LeavesThemGone(int behind)
    {
        PodHouse pods = new();
        PodRecord pod = pods.AddPod(pods.NextName());
        pods.Pass(PodSweep.UnknownAfter + TimeSpan.FromSeconds(1));
        OperationHouse house = HouseOf(pods);
        await house.FillAsync();
        Guid plan = Assert.IsType<OperationCommand.Planned>(await house.Desk.PreviewAsync(PodSweepOperation.Key, OperationHouse.Ada, Token)).Plan;
        await pods.RunAsync(TimeSpan.FromMinutes(3));
        LedgerPod gone = Assert.Single(pods.Rows);
        Assert.Equal((PodStatus.Terminated, PodSaw.Gone), (pod.Status, gone.Saw));
        gone = gone with { GoneAt = gone.GoneAt!.Value.AddMinutes(-behind) };
        pods.World.Database.Pods.Set(gone.Name, gone);
        pods.Pass(TimeSpan.FromMinutes(40));

        await house.Desk.ApplyAsync(PodSweepOperation.Key, plan, "I have read it", OperationHouse.Ada, Token);
        OperationRun run = await house.EndBegunAsync();

        Assert.Equal((0L, 1L), (run.Done, run.Ineligible));
        Assert.Equal("It is gone already", Assert.Single(await house.ItemsAsync(plan)).Outcome?.Why);
        Assert.Equal([gone], pods.Rows);
        Assert.Single(pods.Facts, static fact => fact.Kind == PodEvents.Orphaned);
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Sweep_OfAPlanWhosePodTheLedgerHasByNow_LeavesItToItsJob()
    {
        PodHouse pods = new();
        PodRecord pod = pods.AddPod(pods.NextName());
        pods.Pass(PodSweep.UnknownAfter + TimeSpan.FromSeconds(1));
        OperationHouse house = HouseOf(pods);
        await house.FillAsync();
        Guid plan = Assert.IsType<OperationCommand.Planned>(await house.Desk.PreviewAsync(PodSweepOperation.Key, OperationHouse.Ada, Token)).Plan;
        LedgerPod needed = await pods.KnowAsync(pod);

        await house.Desk.ApplyAsync(PodSweepOperation.Key, plan, "I have read it", OperationHouse.Ada, Token);
        OperationRun run = await house.EndBegunAsync();

        Assert.Equal((0L, 1L), (run.Done, run.Ineligible));
        Assert.Equal("The ledger has it by now, and its job needs it", Assert.Single(await house.ItemsAsync(plan)).Outcome?.Why);
        Assert.Equal(needed.Want, Assert.Single(pods.Rows).Want);
        Assert.NotEqual(PodStatus.Terminated, pod.Status);
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Sweep_WhoseAccountCanNotBeListed_FailsAndAlerts()
    {
        PodHouse pods = new();
        pods.AddPod(pods.NextName());
        pods.Pass(PodSweep.UnknownAfter + TimeSpan.FromSeconds(1));
        pods.World.Cloud.World.Faults.Add(FaultKind.List500, count: 10);
        OperationHouse house = HouseOf(pods);
        await house.FillAsync();

        await house.FireNextAsync(PodSweepOperation.Key);

        Assert.Equal(RunState.Failed, Assert.Single(pods.World.Database.Operations.Runs.Rows).State);
        Assert.Equal([true], house.Told(OperationIncidents.Failed));
        Assert.Empty(pods.Rows);
    }

    [Fact]
    [Trait("Requirement", "J1")]
    public async Task Sweep_ThatIsPausedOrHeld_IsNotDoneByItsMinuteLoopEither()
    {
        PodHouse pods = new();
        PodRecord orphan = pods.AddPod(pods.NextName());
        pods.Pass(PodSweep.UnknownAfter + TimeSpan.FromSeconds(1));
        OperationHouse house = HouseOf(pods);
        await house.FillAsync();
        await house.Desk.PauseAsync(PodSweepOperation.Key, "it ends the wrong ones", null, OperationHouse.Ada, Token);
        await pods.RunAsync(TimeSpan.FromMinutes(5));
        Assert.Equal(PodStatus.Running, orphan.Status);
        await house.Desk.ResumeAsync(PodSweepOperation.Key, null, OperationHouse.Ada, Token);
        await house.Desk.HoldAutomationAsync("so does everything", null, OperationHouse.Ada, Token);
        await pods.RunAsync(TimeSpan.FromMinutes(5));
        Assert.Equal(PodStatus.Running, orphan.Status);

        await house.Desk.ReleaseAutomationAsync(null, OperationHouse.Ada, Token);
        await pods.RunAsync(TimeSpan.FromMinutes(5));

        Assert.Equal(PodStatus.Terminated, orphan.Status);
    }

    [Fact]
    [Trait("Requirement", "J2")]
    public async Task Uploads_BringKeptFilesToStorage_AndTheirJobsGoOn()
    {
        TrainingBench bench = new();
        bench.Store.OnPut = static target => target.Bucket == Buckets.Models ? new PutOutcome.Failed("HTTP 544") : null;
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);
        SpoolUploadOperation uploads = new(bench.World.Database, bench.Portal.Uploads, bench.World.Spool, bench.World.Clock, Permissions.UploadFiles);
        OperationHouse house = new(bench.World.Clock, bench.World.Database, [uploads]);
        await house.FillAsync();

        await house.FireNextAsync(SpoolUploadOperation.Key);
        OperationRun failed = Assert.Single(bench.World.Database.Operations.Runs.Rows);
        Assert.Equal((RunState.Failed, 1L), (failed.State, failed.Failed));
        Assert.Equal("HTTP 544", (await house.ItemsAsync(failed.Plan!.Value))[0].Outcome!.Why);
        bench.Store.OnPut = null;
        bench.World.Clock.Advance(TimeSpan.FromHours(1));
        await house.FireNextAsync(SpoolUploadOperation.Key);

        Assert.Equal(TrainingState.Validating, bench.Job(id).State);
        Assert.Equal([true, false], house.Told(OperationIncidents.Failed));
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
    }

    [Fact]
    [Trait("Requirement", "J2")]
    public async Task Uploads_ThatArePaused_AreNotTriedByTheirLoop_ButAPersonMayAsk()
    {
        TrainingBench bench = new();
        bench.Store.OnPut = static target => target.Bucket == Buckets.Models ? new PutOutcome.Failed("HTTP 544") : null;
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);
        Assert.Equal(0, await bench.Portal.Uploads.RunAsync(Token));
        bench.Store.OnPut = null;
        SpoolUploadOperation uploads = new(bench.World.Database, bench.Portal.Uploads, bench.World.Spool, bench.World.Clock, Permissions.UploadFiles);
        OperationHouse house = new(bench.World.Clock, bench.World.Database, [uploads]);
        await house.FillAsync();
        await house.Desk.PauseAsync(SpoolUploadOperation.Key, "storage is being mended", null, OperationHouse.Ada, Token);
        bench.World.Clock.Advance(TimeSpan.FromHours(2));

        Assert.Equal(0, await bench.Portal.Uploads.RunAsync(Token));
        await bench.Portal.FilesDesk.UploadNowAsync("disk-1", SpoolNames.File(id, 1), TrainingBench.Person, Token);
        Assert.Equal(1, await bench.Portal.Uploads.RunAsync(Token));
    }

    private static async Task<(string? Outcome, int InTheHour)> RunNowAsync(OperationHouse house, PodHouse pods)
    {
        await house.Desk.RunNowAsync(PodSweepOperation.Key, "money burns", OperationHouse.Ada, Token);
        OperationRun run = await house.EndBegunAsync();
        return (run.Outcome, await EndedByItselfAsync(pods));
    }

    private static async Task<int> EndedByItselfAsync(PodHouse pods)
    {
        DateTimeOffset hourAgo = pods.World.Clock.GetUtcNow().AddHours(-1);
        return (await pods.World.Database.ReadAsync((unit, token) => unit.Store<IPodLedger>().TallySweepAsync(hourAgo, token), Token)).Kills;
    }

    private static OperationHouse HouseOf(PodHouse pods) => new(
        pods.World.Clock, pods.World.Database, [new PodSweepOperation(pods.Portal.Sweep, pods.World.Clock, Permissions.SweepPods)]) { Installation = pods.World.Installation };
}
