using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>Weights that lie at Replicate and can't be had: what was paid for is not given up while it is there.</summary>
[Trait("Requirement", "E3")]
public sealed class HostedWeightsTests
{
    private readonly TrainingBench bench = HostedBench.New();

    [Fact]
    public async Task NoRoomInTheSpool_IsToldAtOnceAndTheFileTakenWhenThereIsRoom()
    {
        JobId id = await TrainedAsync();
        DateTimeOffset full = bench.Now;
        bench.Faults.Add(FaultKind.SpoolFull, seconds: 50 * 60);
        await bench.RunUntilAsync(() => Told(id).Count == 1, "an incident");
        Assert.InRange(bench.Now - full, TimeSpan.Zero, TimeSpan.FromMinutes(1));
        Assert.Contains("no room", Told(id)[0].Text, StringComparison.Ordinal);

        await bench.RunForAsync(TimeSpan.FromMinutes(45));
        Assert.Equal(TrainingState.Retrieving, bench.Job(id).State);
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Single(bench.VendorTrainings);
        Assert.Equal([false, true], Told(id).Take(2).Select(static signal => signal.Over));
        bench.AssertStoredIsTheTrained(id);
        bench.AssertNothingIsLeft();
    }

    /// <summary>Each fetch takes longer than any other look, and comes to nothing.</summary>
    [Fact]
    public async Task FetchesThatStall_AreToldAfterTheirTimeAndGoOn()
    {
        JobId id = await TrainedAsync();
        int fetches = 0;
        bench.World.Spool.OnAppend = _ =>
        {
            if (++fetches > 3)
            {
                return null;
            }

            for (int minute = 0; minute < 14; minute++)
            {
                bench.World.Clock.Advance(TimeSpan.FromMinutes(1));
            }

            return new SpoolOutcome.Failed("the connection broke");
        };
        await bench.RunUntilAsync(() => fetches == 2, "two fetches");
        Assert.Empty(Told(id));
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Single(bench.VendorTrainings);
        Assert.Equal([false, true], Told(id).Take(2).Select(static signal => signal.Over));
        bench.AssertStoredIsTheTrained(id);
    }

    [Fact]
    public async Task RemovedByReplicate_IsLostAndTheJobTrainsOnceMore()
    {
        JobId id = await TrainedAsync();
        DateTimeOffset trained = bench.Now;
        bench.Faults.Add(FaultKind.SpoolFull, seconds: 62 * 60);
        await bench.RunUntilAsync(() => bench.Attempts(id)[1].Failure is not null, "an attempt that is over");

        Assert.Equal(FailureCode.TrainingLost, bench.Attempts(id)[1].Failure);
        Assert.InRange(bench.Now - trained, TimeSpan.FromMinutes(58), TimeSpan.FromMinutes(61));
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
    }

    [Fact]
    public async Task NobodyAnswersForADay_IsLost()
    {
        JobId id = await TrainedAsync();
        DateTimeOffset trained = bench.Now;
        bench.Faults.Add(FaultKind.ReplicateRead500, seconds: 100_000);
        await bench.RunForAsync(TimeSpan.FromHours(23));
        Assert.Equal(TrainingState.Retrieving, bench.Job(id).State);
        await bench.RunUntilAsync(() => bench.Attempts(id)[1].Failure is not null, "an attempt that is over");

        Assert.Equal(FailureCode.TrainingLost, bench.Attempts(id)[1].Failure);
        Assert.InRange(bench.Now - trained, TimeSpan.FromHours(24), TimeSpan.FromHours(24.1));
    }

    /// <summary>Whether reads of a training say that its data were removed is nowhere promised.</summary>
    [Fact]
    public async Task LinkIsGoneAfterAnHourAndNobodySaysRemoved_IsLostAndTheJobTrainsOnceMore()
    {
        bench.Faults.Add(FaultKind.ReplicateRemovalUntold, seconds: 100_000);
        JobId id = await TrainedAsync();
        DateTimeOffset trained = bench.Now;
        bench.Faults.Add(FaultKind.SpoolFull, seconds: 62 * 60);
        await bench.RunUntilAsync(() => bench.Attempts(id)[1].Failure is not null, "an attempt that is over");

        Assert.Equal(FailureCode.TrainingLost, bench.Attempts(id)[1].Failure);
        Assert.InRange(bench.Now - trained, TimeSpan.FromMinutes(59), TimeSpan.FromMinutes(61));
        Assert.Equal([false, true], Told(id).Select(static signal => signal.Over));
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
    }

    [Theory]
    [InlineData(FaultKind.ReplicateWeights403)]
    [InlineData(FaultKind.ReplicateOutputLate)]
    public async Task NeverShownOrNeverGiven_IsLostAfterADay(string fault)
    {
        // Removal does not end it.
        bench.Faults.Add(FaultKind.ReplicateRemovalUntold, seconds: 100_000);
        JobId id = await TrainedAsync();
        bench.Faults.Add(fault, seconds: 100_000);
        DateTimeOffset trained = bench.Now;
        await bench.RunForAsync(TimeSpan.FromMinutes(50));
        Assert.Equal(TrainingState.Retrieving, bench.Job(id).State);
        await bench.RunForAsync(TimeSpan.FromHours(11));
        await bench.RunForAsync(TimeSpan.FromHours(11));
        await bench.RunUntilAsync(() => bench.Attempts(id)[1].Failure is not null, "an attempt that is over");

        Assert.Equal(FailureCode.TrainingLost, bench.Attempts(id)[1].Failure);
        Assert.InRange(bench.Now - trained, TimeSpan.FromHours(24), TimeSpan.FromHours(24.1));
    }

    /// <summary>A disk that is away is no reason for calm: what lies at Replicate does not wait for it.</summary>
    [Fact]
    public async Task SpoolAway_IsToldOfTheWeightsToo()
    {
        JobId id = await TrainedAsync();
        bench.World.Spool.IsAway = true;
        await bench.RunUntilAsync(() => Told(id).Count == 1, "an incident");
        Assert.DoesNotContain("Nothing is given up", bench.Job(id).WaitReason, StringComparison.Ordinal);
        await bench.RunForAsync(TimeSpan.FromMinutes(20));
        bench.World.Spool.IsAway = false;
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal([false, true], Told(id).Take(2).Select(static signal => signal.Over));
        bench.AssertStoredIsTheTrained(id);
    }

    /// <summary>The hour goes by whoever has no room: what one instance can't keep, another may.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NoRoomOrNoDiskHere_AnotherInstanceFetchesThem(bool isAway)
    {
        SimulatedPortal other = new(bench.World, new Mortality(_ => false), "other", bench.World.SpoolOf(2));
        JobId id = await TrainedAsync();
        await bench.Portal.Heartbeat.RunAsync(TrainingBench.Token);
        await other.Heartbeat.RunAsync(TrainingBench.Token);
        bench.World.Spool.IsAway = isAway;
        if (!isAway)
        {
            bench.Faults.Add(FaultKind.SpoolFull, seconds: 50 * 60);
        }

        await bench.RunUntilAsync(() => Told(id).Count == 1, "an incident");
        Assert.True(isAway || bench.World.Spool.Names.Count == 0);
        bench.World.Clock.Advance(TimeSpan.FromSeconds(30));
        while (bench.Job(id).State == TrainingState.Retrieving)
        {
            LeasedJob leased = Assert.Single(await other.Conductor.LeaseDueAsync(1, TrainingBench.Token));
            await other.Conductor.StepAsync(leased, TrainingBench.Token);
        }

        Assert.Equal(TrainingState.Uploading, bench.Job(id).State);
        Assert.Equal(bench.World.SpoolOf(2).Id, Assert.Single(bench.SpoolRows(id)).Spool);
        Assert.Equal(bench.World.SpoolOf(2).Id, bench.Job(id).Spool);
    }

    /// <summary>The provider was not in the way while there was no room.</summary>
    [Fact]
    public async Task OneReadThatFailsAfterALongWaitForRoom_IsNoSilence()
    {
        JobId id = await TrainedAsync();
        bench.Faults.Add(FaultKind.SpoolFull, seconds: 40 * 60);
        await bench.RunForAsync(TimeSpan.FromMinutes(35));
        Assert.Null(bench.Job(id).FailingSince);
        bench.Faults.Add(FaultKind.ReplicateRead500);
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Single(bench.VendorTrainings);
    }

    private async Task<JobId> TrainedAsync()
    {
        await bench.IsolateAsync();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Retrieving);
        return id;
    }

    private IReadOnlyList<IncidentSignal> Told(JobId id) =>
    [
        .. bench.World.Database.Events.SelectMany(static fact => fact.Signals)
            .Where(signal => signal.Rule == HostedIncidents.WeightsWaiting && signal.Subject == id.ToString()),
    ];
}
