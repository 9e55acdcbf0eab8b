using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>What Replicate makes only after its create call was given up.</summary>
public sealed class HostedLateTests
{
    private readonly TrainingBench bench = HostedBench.WithValidation();

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Training_ThatTurnsUpWhileTheNextCanNotBeAskedFor_IsTakenAndNothingStaysReserved()
    {
        bench.Faults.Add(FaultKind.ReplicateCreateHangThenLate);
        JobId id = await DivertedAsync();
        await bench.RunUntilAsync(() => bench.Hosted(id) is [{ Reason: HostedReasons.InDoubt }], "a training in doubt");
        bench.World.Objects.AwayUntil = bench.Now + TimeSpan.FromMinutes(5);
        bench.PodLoopRuns = false;
        await bench.RunUntilAsync(() => bench.Hosted(id) is [_, { Saw: HostedSaw.Packing }], "a second try that can't be packed");
        await bench.RunUntilAsync(() => bench.Hosted(id)[0].IsNeeded, "the first training");

        Assert.Equal((HostedSaw.NeverMade, HostedReasons.Duplicate, false), (bench.Hosted(id)[1].Saw, bench.Hosted(id)[1].Reason, bench.Hosted(id)[1].IsNeeded));
        bench.PodLoopRuns = true;
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.NotNull(bench.Job(id).Cost);
        Assert.Single(bench.VendorTrainings);
        bench.AssertNothingIsLeft();
    }

    /// <summary>The loop over trainings looks for it at the same moments as the attempt.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Training_ThatTheLoopFindsFirst_IsLeftToTheAttemptThatHasNoOther()
    {
        bench.Faults.Add(FaultKind.ReplicateCreateHangThenLate);
        JobId id = await DivertedAsync();
        await bench.RunUntilAsync(() => bench.Hosted(id) is [{ Reason: HostedReasons.InDoubt }], "a training in doubt");
        bench.PodLoopRuns = false;
        while (bench.VendorTrainings.Count == 0)
        {
            bench.World.Clock.Advance(TimeSpan.FromSeconds(5));
        }

        bench.World.Clock.Advance(TimeSpan.FromSeconds(15));
        await bench.Portal.LookAtHostedAsync(TrainingBench.Token);
        await bench.Portal.LookAtHostedAsync(TrainingBench.Token);
        bench.PodLoopRuns = true;
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal(ReplicateStatus.Succeeded, Assert.Single(bench.VendorTrainings).Status);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Prediction_ThatTurnsUpWhileTheNextCanNotBeAskedFor_IsTakenAndNothingStaysReserved()
    {
        bench.Faults.Add(FaultKind.ReplicateCreateHangThenLate, match: ReplicateFace.WeightsField);
        JobId id = await DivertedAsync();
        await bench.RunUntilAsync(() => bench.Predictions(id) is [{ Reason: HostedReasons.InDoubt }], "a prediction in doubt");
        bench.Faults.Add(FaultKind.ReplicateRead500, seconds: 40);
        bench.PodLoopRuns = false;
        await bench.RunUntilAsync(() => bench.Predictions(id) is [_, { Saw: HostedSaw.Packing }], "a second try without a link");
        await bench.RunForAsync(TimeSpan.FromSeconds(20));
        bench.Faults.Add(FaultKind.ReplicateRead500, seconds: 60);
        await bench.RunUntilAsync(() => bench.Predictions(id)[0].IsNeeded, "the first prediction");

        Assert.Equal((HostedSaw.NeverMade, false), (bench.Predictions(id)[1].Saw, bench.Predictions(id)[1].IsNeeded));
        bench.PodLoopRuns = true;
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Null(bench.Job(id).NotValidated);
        Assert.Single(bench.VendorPredictions);
        bench.AssertNothingIsLeft();
    }

    /// <summary>Putting the images together takes longer than it takes the training to appear.</summary>
    [Fact]
    [Trait("Requirement", "E1")]
    public async Task Training_ThatTurnsUpWhileTheNextIsPacked_IsTakenAndPaidOnce()
    {
        bench.Faults.Add(FaultKind.ReplicateCreateHangThenLate);
        JobId id = await DivertedAsync();
        await bench.RunUntilAsync(() => bench.Hosted(id) is [{ Reason: HostedReasons.InDoubt }], "a training in doubt");
        bench.Store.OnOpen = _ =>
        {
            bench.World.Clock.Advance(TimeSpan.FromSeconds(40));
            return Task.CompletedTask;
        };
        await bench.RunUntilAsync(() => bench.VendorTrainings.Count > 0, "a training");
        bench.Store.OnOpen = null;
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Single(bench.VendorTrainings);
        Assert.Equal(2, bench.Hosted(id).Count);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Training_ThatTurnsUpWhenAnotherHasWon_IsCancelled()
    {
        bench.Faults.Add(FaultKind.ReplicateCreateHangThenLate, seconds: 300);
        JobId id = await DivertedAsync();
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal([ReplicateStatus.Canceled, ReplicateStatus.Succeeded], bench.VendorTrainings.Select(static one => one.Status).Order());
        bench.AssertStoredIsTheTrained(id);
        bench.AssertNothingIsLeft();
    }

    /// <summary>What runs there costs money, whoever pauses what is new.</summary>
    [Fact]
    [Trait("Requirement", "O1")]
    public async Task Training_ThatTurnsUpWhileThePortalIsPaused_IsTaken()
    {
        bench.Faults.Add(FaultKind.ReplicateCreateHangThenLate);
        JobId id = await DivertedAsync();
        await bench.RunUntilAsync(() => bench.Hosted(id) is [{ Reason: HostedReasons.InDoubt }], "a training in doubt");
        await bench.Portal.Switches.PauseAsync("maintenance", null, TrainingBench.Person, TrainingBench.Token);
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Single(bench.Hosted(id));
        Assert.Equal(ReplicateStatus.Succeeded, Assert.Single(bench.VendorTrainings).Status);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    [Trait("Requirement", "O1")]
    public async Task Training_ThatNeverTurnsUpWhileThePortalIsPaused_IsAskedForAgainOnlyAfterThePause()
    {
        bench.Faults.Add(FaultKind.ReplicateCreate500);
        JobId id = await DivertedAsync();
        await bench.RunUntilAsync(() => bench.Hosted(id) is [{ Reason: HostedReasons.InDoubt }], "a training in doubt");
        await bench.Portal.Switches.PauseAsync("maintenance", null, TrainingBench.Person, TrainingBench.Token);
        await bench.RunForAsync(TimeSpan.FromHours(2));
        Assert.Single(bench.Hosted(id));
        Assert.StartsWith("Paused by ada", bench.Job(id).WaitReason, StringComparison.Ordinal);

        await bench.Portal.Switches.ResumeAsync(TrainingBench.Person, TrainingBench.Token);
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        bench.AssertNothingIsLeft();
    }

    /// <summary>The loop over trainings notes that it has looked, between the attempt's own look and what it writes of it.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Training_WhoseRowIsWrittenWhileItIsFound_IsTaken()
    {
        bench.Faults.Add(FaultKind.ReplicateCreateHangThenLate);
        JobId id = await DivertedAsync();
        await bench.RunUntilAsync(() => bench.Hosted(id) is [{ Reason: HostedReasons.InDoubt }], "a training in doubt");
        while (bench.VendorTrainings.Count == 0)
        {
            bench.World.Clock.Advance(TimeSpan.FromSeconds(5));
        }

        int written = 0;
        SimulatedPortal racing = new(bench.World, new Mortality(Writes), "racing", bench.World.Spool);
        LeasedJob leased = Assert.Single(await racing.Conductor.LeaseDueAsync(1, TrainingBench.Token));
        await Task.Run(() => racing.Conductor.StepAsync(leased, TrainingBench.Token)).WaitAsync(Eventually.DefaultDeadline, TimeProvider.System, TrainingBench.Token);

        Assert.Equal(1, written);
        Assert.True(bench.Hosted(id)[0].IsNeeded);
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        bench.AssertNothingIsLeft();

        bool Writes(string point)
        {
            if (written == 0 && point == "after GET replicate")
            {
                written++;
                HostedTraining row = bench.Hosted(id)[0];
                bench.World.Database.Hosted.Set(row.Name, row with { NextActionAt = bench.Now + HostedLauncher.LookAgain, Version = row.Version + 1 });
            }

            return false;
        }
    }

    /// <summary>Its job is over, and only what may have been made still holds the money: hours before an attempt would end.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Doubt_OfAnEndedJob_HoldsTheMoneyUntilARefusedOneIsTold()
    {
        JobId id = await FullByADoubtAsync();

        SubmitOutcome.BudgetExhausted full = Assert.IsType<SubmitOutcome.BudgetExhausted>(await SubmitAsync());
        Assert.Equal(bench.Hosted(id)[0].WantSince + HostedWatch.DoubtLasts + TimeSpan.FromMinutes(2), full.MayFitAt);

        await bench.RunForAsync(full.MayFitAt!.Value - bench.Now);
        Assert.IsType<SubmitOutcome.Accepted>(await SubmitAsync());
    }

    /// <summary>Somebody has asked for the job again: its new attempt takes hours, and what the old one may have made is known sooner.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Doubt_OfAnEarlierAttempt_IsTheInstantThatARefusedOneIsTold()
    {
        JobId id = await FullByADoubtAsync();
        bench.World.Budget = new BudgetRules(Usd.FromDollars(1_000), Usd.Zero);
        Assert.IsType<RetryOutcome.Accepted>(await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token));
        bench.World.Budget = new BudgetRules(bench.Month.Reserved + bench.Month.Spent, Usd.Zero);

        SubmitOutcome.BudgetExhausted full = Assert.IsType<SubmitOutcome.BudgetExhausted>(await SubmitAsync());
        Assert.Equal(bench.Hosted(id)[0].WantSince + HostedWatch.DoubtLasts + TimeSpan.FromMinutes(2), full.MayFitAt);
    }

    /// <summary>Replicate's lists can't be read: what was to be known by then is not.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Doubt_ThatIsNotClearedUpInTime_IsNoInstantThatARefusedOneIsTold()
    {
        await FullByADoubtAsync();
        bench.World.Clock.Advance(TimeSpan.FromMinutes(20));

        Assert.Null(Assert.IsType<SubmitOutcome.BudgetExhausted>(await SubmitAsync()).MayFitAt);
    }

    /// <summary>What a cancelled job may have at Replicate is all that the month has left.</summary>
    private async Task<JobId> FullByADoubtAsync()
    {
        bench.Faults.Add(FaultKind.ReplicateCreate500);
        JobId id = await DivertedAsync();
        await bench.RunUntilAsync(() => bench.Hosted(id) is [{ Reason: HostedReasons.InDoubt }], "a training in doubt");
        await bench.Portal.Desk.CancelAsync(id, "wrong images", TrainingBench.Person, TrainingBench.Token);
        await bench.RunUntilAsync(() => bench.Job(id).State == TrainingState.Cancelled, "a cancelled job");
        bench.World.Budget = new BudgetRules(bench.Month.Reserved + bench.Month.Spent, Usd.Zero);
        return id;
    }

    private Task<SubmitOutcome> SubmitAsync() => bench.Portal.Desk.SubmitAsync(bench.Request(), null, TrainingBench.Gateway, TrainingBench.Token);

    private async Task<JobId> DivertedAsync()
    {
        await bench.IsolateAsync();
        return await bench.SubmitAsync();
    }
}
