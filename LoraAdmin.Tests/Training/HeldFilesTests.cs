using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>What a held pod may cost while its file does not come, and what its agent's word is worth.</summary>
public sealed class HeldFilesTests
{
    private readonly TrainingBench bench = new();

    [Fact]
    public async Task Held_FileComesDamagedAgainAndAgain_ThePodRunsAFewMinutesAnHourAndAPersonIsAskedAfterSevenDays()
    {
        (_, LedgerPod pod) = await HeldPods.LoseTwiceAsync(bench);
        bench.Faults.Add(FaultKind.ArtifactAltered, seconds: 30 * 86_400);
        bench.PodLoopRuns = true;
        await bench.RunForAsync(TimeSpan.FromHours(6));

        Assert.Equal(PodWant.Held, Row(pod).Want);
        Assert.Contains("the agent announced", Row(pod).LastError, StringComparison.Ordinal);
        Assert.True(Row(pod).FetchUntil is not { } until || until <= bench.Now + TimeSpan.FromMinutes(15));
        TimeSpan ran = await RunTimeAsync(pod, TimeSpan.FromHours(4));
        Assert.InRange(ran, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(4 * 16));
        await bench.RunForAsync(TimeSpan.FromDays(7));
        Assert.Equal(PodStatus.Exited, Vendor(pod).Status);
        Assert.Single(bench.World.Database.Events, fact => fact.Kind == TrainingEvents.HeldFileUndecided);
    }

    [Fact]
    public async Task Held_FileMakesProgressForEver_IsNotPulledPastTheSeventhDay()
    {
        (_, LedgerPod pod) = await HeldPods.LoseTwiceAsync(bench);
        bench.World.Database.Pods.Set(
            pod.Name, Row(pod) with { WantSince = bench.Now - HeldFiles.TriedFor, FetchUntil = bench.Now + TimeSpan.FromMinutes(10), NextFetchAt = bench.Now });
        await bench.Portal.Held.RunAsync(TrainingBench.Token);

        Assert.Null(Row(pod).FetchUntil);
        Assert.Single(bench.World.Database.Events, fact => fact.Kind == TrainingEvents.HeldFileUndecided);
        bench.World.Clock.Advance(TimeSpan.FromDays(1));
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        Assert.Null(Row(pod).FetchUntil);
        Assert.Single(bench.World.Database.Events, fact => fact.Kind == TrainingEvents.HeldFileUndecided);
    }

    [Fact]
    public async Task Held_SpoolHasNoRoomForItsFile_IsNotStartedUntilThereIsSome()
    {
        (JobId id, LedgerPod pod) = await HeldPods.LoseTwiceAsync(bench);
        Assert.NotNull(bench.Job(id).Artifact);
        bench.World.Spool.Room = 100;
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        Assert.Null(Row(pod).FetchUntil);

        bench.World.Spool.Room = 1_000_000;
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        Assert.Equal(bench.Now + TimeSpan.FromMinutes(15), Row(pod).FetchUntil);
    }

    [Fact]
    public async Task Held_FileOfUnknownSizeHasNoRoom_IsStoppedAtOnceAndNotStartedAgainForIt()
    {
        (_, LedgerPod pod) = await HeldPods.LoseTwiceAsync(bench);
        bench.World.Database.Pods.Set(pod.Name, pod with { Job = new JobId(bench.World.Ids.Next()) });
        bench.World.Spool.Room = 100;
        await StartAndReadAsync(pod);

        Assert.Null(Row(pod).FetchUntil);
        Assert.Contains("has room for 100 bytes", Row(pod).LastError, StringComparison.Ordinal);
        bench.World.Clock.Advance(TimeSpan.FromHours(1));
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        Assert.Null(Row(pod).FetchUntil);
    }

    [Fact]
    public async Task Held_SpoolCanNotBeRead_NoPodIsStarted()
    {
        (_, LedgerPod pod) = await HeldPods.LoseTwiceAsync(bench);
        bench.World.Spool.IsAway = true;
        await bench.Portal.Held.RunAsync(TrainingBench.Token);

        Assert.Null(Row(pod).FetchUntil);
    }

    [Fact]
    public async Task Held_FileIsTooLarge_ThePodIsStoppedAtOnce()
    {
        (_, LedgerPod pod) = await HeldPods.LoseTwiceAsync(bench);
        bench.Rules(rules => rules with { MaxArtifactBytes = 10 });
        await StartAndReadAsync(pod);

        Assert.Equal((PodWant.Held, null), (Row(pod).Want, Row(pod).FetchUntil));
        Assert.Contains("Training:MaxArtifactBytes", Row(pod).LastError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Held_FileCanNotBeReadFromTheSpool_ThePodIsKeptAndStoppedAtOnce()
    {
        (_, LedgerPod pod) = await HeldPods.LoseTwiceAsync(bench);
        bench.World.Spool.OnOpen = static _ => new BrokenStream();
        await StartAndReadAsync(pod);

        Assert.Equal((PodWant.Held, null), (Row(pod).Want, Row(pod).FetchUntil));
        Assert.Contains("The spool can't be read", Row(pod).LastError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Held_ManyPods_AreStartedThreeAtATime()
    {
        (_, LedgerPod pod) = await HeldPods.LoseTwiceAsync(bench);
        List<LedgerPod> held = [pod, .. Enumerable.Range(1, 4).Select(number => Strange(pod, number))];
        held.ForEach(one => bench.World.Database.Pods.Set(one.Name, one));
        bench.Faults.Add(FaultKind.AgentUnreachable, seconds: 86_400);
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        List<string> first = [.. held.Where(one => Row(one).FetchUntil > bench.Now).Select(one => one.Name)];
        Assert.Equal(3, first.Count);

        bench.World.Clock.Advance(TimeSpan.FromMinutes(16));
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        List<string> then = [.. held.Where(one => Row(one).FetchUntil > bench.Now).Select(one => one.Name)];
        Assert.Equal(2, then.Count);
        Assert.Empty(then.Intersect(first));
    }

    [Fact]
    public async Task Held_OnePodFailsUnexpectedly_TheOthersHaveTheirTurn()
    {
        (_, LedgerPod pod) = await HeldPods.LoseTwiceAsync(bench);
        LedgerPod other = Strange(pod, 1) with { WantSince = pod.WantSince - TimeSpan.FromHours(1) };
        bench.World.Database.Pods.Set(other.Name, other);
        bench.World.Spool.OnTouch = name => Assert.NotEqual(SpoolNames.OfPod(other.PodId!), name);
        await Assert.ThrowsAsync<AggregateException>(() => bench.Portal.Held.RunAsync(TrainingBench.Token));

        Assert.NotNull(Row(pod).FetchUntil);
    }

    [Fact]
    public async Task Held_AgentWithoutItsMountSaysIdle_IsNoProofAndThePodIsKept()
    {
        (JobId id, LedgerPod pod) = await HeldPods.LoseTwiceAsync(bench);
        Vendor(pod).Agent = new AgentRecord();
        await StartAndReadAsync(pod);

        Assert.Equal((PodWant.Held, FileProof.None, null), (Row(pod).Want, Row(pod).Proof, Row(pod).FetchUntil));
        Assert.Contains("its mount may be missing", Row(pod).LastError, StringComparison.Ordinal);
        Assert.Equal(FileProof.None, await bench.Portal.Proofs.FindAsync(id, pod.Attempt, pod.Name, pod.PodId!, TrainingBench.Token));
    }

    [Fact]
    public async Task Proof_OfAnIdleAgentWhoseJobNeverStartedATraining_IsThatItNeverStarted()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);
        LedgerPod pod = Assert.Single(bench.Pods(id));

        Assert.Null(bench.Job(id).StartedAt);
        Assert.Equal(FileProof.TrainingNeverStarted, await bench.Portal.Proofs.FindAsync(id, 1, pod.Name, pod.PodId!, TrainingBench.Token));
    }

    [Fact]
    public async Task Held_PodWhoseLedgerNameCarriesItsId_IsKnownToItsAgent()
    {
        (_, LedgerPod pod) = await HeldPods.LoseTwiceAsync(bench);
        LedgerPod renamed = pod with { Name = $"{pod.Name}@{pod.PodId}" };
        bench.World.Database.Pods.Set(pod.Name, null);
        bench.World.Database.Pods.Set(renamed.Name, renamed);
        await StartAndReadAsync(renamed);

        Assert.Equal((PodWant.Released, FileProof.InSpool, (DateTimeOffset?)bench.Now), (Row(renamed).Want, Row(renamed).Proof, Row(renamed).ProofAt));
    }

    [Fact]
    public async Task Held_PodOfAnEarlierAttemptOfACompletedJob_IsLetGoWithoutBeingStarted()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Retrieving);
        bench.PodLoopRuns = false;
        bench.Faults.Add(FaultKind.AgentUnreachable, match: bench.Pods(id)[0].Name, seconds: 86_400);
        await bench.RunUntilAsync(() => bench.Job(id).Attempt == 2, "a second attempt");
        bench.PodLoopRuns = true;
        await bench.RunToRestAsync(id);

        LedgerPod first = bench.Pods(id)[0];
        Assert.Equal((TrainingState.Completed, 2), (bench.Job(id).State, bench.Job(id).Attempt));
        Assert.Equal((PodSaw.Gone, FileProof.NotNeeded), (first.Saw, first.Proof));
        Assert.True(bench.Now - bench.Job(id).CompletedAt < TimeSpan.FromMinutes(10));
    }

    [Fact]
    public async Task Undecided_IsToldByThePodsOwnIncident_WhichEndsWithThePod()
    {
        (_, LedgerPod pod) = await HeldPods.LoseTwiceAsync(bench);
        bench.World.Database.Pods.Set(pod.Name, Row(pod) with { WantSince = bench.Now - HeldFiles.TriedFor });
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
        Assert.Equal(
            (PodIncidents.Held, false),
            bench.World.Database.Events.Single(fact => fact.Kind == TrainingEvents.HeldFileUndecided).Signals.Select(signal => (signal.Rule, signal.Over)).Single());

        bench.World.Database.Pods.Set(pod.Name, Row(pod) with { Want = PodWant.Released, Proof = FileProof.Override, WantSince = bench.Now, NextActionAt = bench.Now });
        bench.PodLoopRuns = true;
        await bench.RunUntilAsync(() => Row(pod).Saw == PodSaw.Gone, "a pod that is gone");
        Assert.True(bench.World.Database.Events.SelectMany(fact => fact.Signals).Last(signal => signal.Rule == PodIncidents.Held && signal.Subject == pod.PodId).Over);
    }

    [Fact]
    public async Task Cancel_AgentTakesTheStopAndGoesOnTraining_IsNoProof()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunUntilAsync(() => bench.Job(id).Figures is { Step: > 10 }, "a training that moves");
        await bench.CancelAsync(id, TrainingBench.Person);
        TrainingConductor conductor = new(
            bench.World.Database,
            [],
            new StubbornAgent(),
            bench.Portal.Hosted,
            bench.World.Spool,
            new JobEnding(bench.World.Ids, () => bench.World.Training, () => bench.World.Budget, () => bench.World.Hosted, bench.Portal.Clocks),
            bench.World.Clock,
            "bench");
        await conductor.StepAsync(Assert.Single(await conductor.LeaseDueAsync(1, TrainingBench.Token)), TrainingBench.Token);

        Assert.Equal(TrainingState.Cancelled, bench.Job(id).State);
        Assert.Equal((PodWant.Held, FileProof.None), (bench.Pods(id)[0].Want, bench.Pods(id)[0].Proof));
    }

    private LedgerPod Row(LedgerPod pod) => bench.World.Database.Pods.Find(pod.Name)!;

    private PodRecord Vendor(LedgerPod pod) => bench.VendorPods.Single(one => one.Id == pod.PodId);

    /// <summary>A held pod of the same age that no job knows.</summary>
    private LedgerPod Strange(LedgerPod pod, int number) =>
        pod with { Name = $"{pod.Name}0{number}", PodId = $"{pod.PodId}{number}", Job = new JobId(bench.World.Ids.Next()) };

    private async Task StartAndReadAsync(LedgerPod pod)
    {
        bench.World.Database.Pods.Set(
            pod.Name, Row(pod) with { FetchUntil = bench.Now + TimeSpan.FromMinutes(15), NextFetchAt = bench.Now + TimeSpan.FromHours(1) });
        await HeldPods.RunAsync(bench, pod.PodId!, bench.Portal.Provider);
        await bench.Portal.Held.RunAsync(TrainingBench.Token);
    }

    /// <summary>How long the vendor has the pod running, by looks each minute.</summary>
    private async Task<TimeSpan> RunTimeAsync(LedgerPod pod, TimeSpan length)
    {
        TimeSpan ran = TimeSpan.Zero;
        for (TimeSpan passed = TimeSpan.Zero; passed < length; passed += TimeSpan.FromMinutes(1))
        {
            await bench.RunForAsync(TimeSpan.FromMinutes(1));
            ran += Vendor(pod).Status == PodStatus.Exited ? TimeSpan.Zero : TimeSpan.FromMinutes(1);
        }

        return ran;
    }

    private sealed class BrokenStream : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new IOException("The disk has a bad block.");
    }

    /// <summary>Answers every stop and trains on.</summary>
    private sealed class StubbornAgent : IPodAgent
    {
        private static readonly AgentStatus Trains = new(AgentPhase.Training, [0, 1], SimulatedWorld.Start, null, 20, 100, 0.1, null, 0, null);

        public long MaxRangeBytes => 1;

        public Task<AgentReply<AgentStatus>> ReadStatusAsync(AgentAddress agent, CancellationToken cancellationToken) => Task.FromResult(AgentReply<AgentStatus>.Ok(Trains));

        public Task<AgentReply<AgentAck>> StopAsync(AgentAddress agent, CancellationToken cancellationToken) => Task.FromResult(AgentReply<AgentAck>.Ok(new AgentAck()));

        public Task<AgentReply<AgentAck>> PutImageAsync(AgentAddress agent, AgentImage image, Stream content, CancellationToken cancellationToken) => NoAsync<AgentAck>();

        public Task<AgentReply<AgentAck>> StartAsync(AgentAddress agent, TrainingOrder order, CancellationToken cancellationToken) => NoAsync<AgentAck>();

        public Task<AgentReply<ArtifactRange>> ReadArtifactAsync(AgentAddress agent, long offset, long length, CancellationToken cancellationToken) => NoAsync<ArtifactRange>();

        public Task<AgentReply<AgentValidationImage>> ReadValidationAsync(AgentAddress agent, int number, CancellationToken cancellationToken) => NoAsync<AgentValidationImage>();

        public Task<AgentReply<AgentAck>> RenewLeaseAsync(AgentAddress agent, TimeSpan lease, CancellationToken cancellationToken) => NoAsync<AgentAck>();

        private static Task<AgentReply<T>> NoAsync<T>()
            where T : class => Task.FromResult(AgentReply<T>.Failed(AgentFailure.Refused, "It trains."));
    }
}
