using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>An attempt at Replicate from its create call to its file, with what goes wrong there.</summary>
public sealed class HostedTrainingTests
{
    private readonly TrainingBench bench = HostedBench.New();

    [Theory]
    [InlineData(FaultKind.ReplicateCreate500ButCreated)]
    [InlineData(FaultKind.ReplicateCreateHangButCreated)]
    [Trait("Requirement", "E1")]
    public async Task Create_AnsweredUnclearly_IsFoundInTheListAndPaidOnce(string fault)
    {
        bench.Faults.Add(fault);
        JobId id = await DivertedAsync();
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Single(bench.VendorTrainings);
        Assert.Single(bench.Hosted(id));
        bench.AssertStoredIsTheTrained(id);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    [Trait("Requirement", "E1")]
    public async Task Create_InDoubtWhileTheListIsAway_AsksForNoOther()
    {
        bench.Faults.Add(FaultKind.ReplicateCreateHangButCreated);
        bench.Faults.Add(FaultKind.ReplicateList500, seconds: 300);
        JobId id = await DivertedAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(4));
        Assert.Single(bench.VendorTrainings);
        Assert.Contains("can't be listed", bench.Job(id).WaitReason, StringComparison.Ordinal);

        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Single(bench.VendorTrainings);
    }

    [Fact]
    [Trait("Requirement", "O1")]
    public async Task Create_InDoubtWhenSomebodyPauses_IsLookedForAllTheSame()
    {
        bench.Faults.Add(FaultKind.ReplicateCreateHangButCreated);
        bench.Faults.Add(FaultKind.ReplicateList500, seconds: 300);
        JobId id = await DivertedAsync();
        await bench.RunUntilAsync(() => bench.Hosted(id) is [{ Saw: HostedSaw.Requested }], "a creation in doubt");
        await bench.Portal.Switches.PauseAsync("maintenance", null, TrainingBench.Person, TrainingBench.Token);

        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Single(bench.VendorTrainings);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    [Trait("Requirement", "E1")]
    public async Task Create_FailsForSure_IsRetriedAfterTheWaits()
    {
        bench.Faults.Add(FaultKind.ReplicateCreate500, count: 2);
        JobId id = await DivertedAsync();
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal(3, bench.Hosted(id).Count);
        Assert.Empty(bench.World.HostedRedis.State.Failures);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    public async Task Create_Throttled_WaitsAsLongAsTheSentenceSays()
    {
        bench.Faults.Add(FaultKind.ReplicateThrottled, seconds: 40);
        JobId id = await DivertedAsync();
        await bench.RunUntilAsync(() => bench.Hosted(id).Count == 1, "a throttled try");
        DateTimeOffset refusedAt = bench.Hosted(id)[0].EndedAt!.Value;
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.True(bench.VendorTrainings[0].CreatedAt >= refusedAt + TimeSpan.FromSeconds(40));
        Assert.Empty(bench.World.HostedRedis.State.Failures);
    }

    [Fact]
    public async Task Create_ThrottledForNoTimeAtAll_IsNotAskedForAtOnceAgain()
    {
        bench.Faults.Add(FaultKind.ReplicateThrottled, count: 3, seconds: 0);
        JobId id = await DivertedAsync();
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        DateTimeOffset[] asked = [.. bench.Hosted(id).Select(one => one.RequestedAt)];
        Assert.Equal(4, asked.Length);
        Assert.All(asked.Zip(asked[1..]), static pair => Assert.True(pair.Second - pair.First >= HostedLauncher.LookAgain));
    }

    [Fact]
    public async Task Lost_AfterHalfAnHour_IsAnIncidentAndTheJobTrainsOnceMore()
    {
        bench.Faults.Add(FaultKind.ReplicateTrainingLost);
        JobId id = await DivertedAsync();
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal(2, bench.VendorTrainings.Count);
        Assert.Equal([FailureCode.NoProvider, FailureCode.TrainingLost, FailureCode.NoProvider, null], bench.Attempts(id).Select(one => one.Failure));
        Assert.Equal(Usd.Zero, bench.Attempts(id)[1].Cost);
        Assert.Single(bench.Facts(id, HostedEvents.Lost));
        Assert.Equal([false, true], LostSignals(id).Select(signal => signal.Over));
        Assert.Empty(bench.Facts(id, TrainingEvents.Failed));
        bench.AssertNothingIsLeft();
    }

    [Theory]
    [InlineData(TrainingState.Provisioning, 1)]
    [InlineData(TrainingState.Training, 1)]
    [InlineData(TrainingState.Training, 7)]
    [InlineData(TrainingState.Retrieving, 1)]
    public async Task Read_AnsweredByA404WhileTheListHasIt_IsNotLost(TrainingState state, int times)
    {
        JobId id = await DivertedAsync();
        await bench.RunUntilAsync(() => bench.Job(id).State == state && bench.VendorTrainings.Count == 1, $"a training in {state}");
        bench.Faults.Add(FaultKind.ReplicateRead404, count: times);
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Empty(bench.Faults.Pending);
        Assert.Single(bench.VendorTrainings);
        Assert.Empty(bench.Facts(id, HostedEvents.Lost));
        bench.AssertNothingIsLeft();
    }

    [Fact]
    public async Task Lost_WhileTheListCanNotBeRead_IsNotBelieved()
    {
        bench.Faults.Add(FaultKind.ReplicateTrainingLost);
        JobId id = await DivertedAsync();
        await bench.RunUntilAsync(() => bench.VendorTrainings is [{ IsLost: true }], "a lost training");
        bench.Faults.Add(FaultKind.ReplicateList500, seconds: 300);
        await bench.RunForAsync(TimeSpan.FromMinutes(5));
        Assert.Empty(bench.Facts(id, HostedEvents.Lost));

        await bench.RunToRestAsync(id);
        Assert.Single(bench.Facts(id, HostedEvents.Lost));
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
    }

    [Fact]
    public async Task Cancel_AnsweredByA404WhileTheListHasIt_IsSentAgain()
    {
        JobId id = await DivertedAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);
        bench.Faults.Add(FaultKind.ReplicateRead404, count: 2);
        await bench.CancelAsync(id, TrainingBench.Person);
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Cancelled, bench.Job(id).State);
        Assert.Equal(ReplicateStatus.Canceled, bench.VendorTrainings[0].Status);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    public async Task Lost_Twice_FailsIsGivenBackAndStaysAnIncidentUntilTheRetryHasEnded()
    {
        bench.Faults.Add(FaultKind.ReplicateTrainingLost, count: 2);
        JobId id = await DivertedAsync();
        await bench.RunToRestAsync(id);

        Assert.Equal((TrainingState.Failed, FailureCode.TrainingLost), (bench.Job(id).State, bench.Job(id).Failure!.Code));
        Assert.True(bench.Refunded(id));
        bench.AssertNothingIsLeft();
        Assert.Equal([false, false], LostSignals(id).Select(signal => signal.Over));

        Assert.IsType<RetryOutcome.Accepted>(await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token));
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal([false, false, true], LostSignals(id).Select(signal => signal.Over));
    }

    [Theory]
    [InlineData(FaultKind.ReplicateTrainingFails, 288)]
    [InlineData(FaultKind.ReplicateFailsAfterSuccess, 720)]
    public async Task Training_Fails_CostsWhatItTookAndSaysWhy(string fault, int seconds)
    {
        bench.Faults.Add(fault);
        JobId id = await DivertedAsync();
        await bench.RunToRestAsync(id);

        Assert.Equal(FailureCode.TrainingFailed, bench.Job(id).Failure!.Code);
        Assert.NotNull(bench.Job(id).Failure!.Detail);
        Assert.Equal(Usd.FromDollars(seconds * ReplicateWorld.UsdPerSecond), bench.Attempts(id)[1].Cost);
        bench.AssertNothingIsLeft();
    }

    /// <summary>Nobody saw its end for half an hour, and it says nothing of how long it worked.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Training_WithoutMetrics_CostsWhatItTookAndNotUntilItWasRead()
    {
        bench.Faults.Add(FaultKind.ReplicateNoMetrics);
        JobId id = await DivertedAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);
        bench.World.Clock.Advance(TimeSpan.FromMinutes(40));
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal(Usd.FromDollars(720 * ReplicateWorld.UsdPerSecond), bench.Attempts(id)[1].Cost);
        bench.AssertNothingIsLeft();
    }

    [Theory]
    [InlineData(FaultKind.ReplicateWeightsTar, 1)]
    [InlineData(FaultKind.ReplicateWeightsTruncated, 2)]
    [InlineData(FaultKind.ReplicateRead500, 5)]
    [InlineData(FaultKind.ReplicateOutputLate, 3)]
    [Trait("Requirement", "E3")]
    public async Task Weights_HoweverTheyCome_AreStoredWhole(string fault, int count)
    {
        bench.Faults.Add(fault, count);
        JobId id = await DivertedAsync();
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        bench.AssertStoredIsTheTrained(id);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    [Trait("Requirement", "E3")]
    public async Task Upload_FailsAfterItsRetries_TheFileIsKeptAndStoredLaterWithoutTheProvider()
    {
        JobId id = await DivertedAsync();
        await bench.RunToStateAsync(id, TrainingState.Uploading);
        bench.Faults.Add(FaultKind.StorePutFails, count: 4, match: "lora-models/");
        await bench.RunToStateAsync(id, TrainingState.Failed);
        Assert.Equal(FailureCode.UploadFailed, bench.Job(id).Failure!.Code);
        Assert.Single(bench.SpoolRows(id));

        await bench.RunForAsync(TimeSpan.FromHours(2));
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.NotNull(bench.Job(id).NotValidated);
        bench.AssertStoredIsTheTrained(id);
        Assert.Single(bench.VendorTrainings);
    }

    /// <summary>Another instance fetched them and is silent: as long as the provider has them, they are fetched once more.</summary>
    [Fact]
    [Trait("Requirement", "E3")]
    public async Task Weights_OnTheDiskOfASilentPortal_AreFetchedAgain()
    {
        JobId id = await DivertedAsync();
        await bench.RunToStateAsync(id, TrainingState.Uploading);
        await MoveElsewhereAsync(id);

        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        bench.AssertStoredIsTheTrained(id, elsewhere: true);
    }

    [Fact]
    [Trait("Requirement", "E3")]
    public async Task Weights_OnTheDiskOfASilentPortalAndRemovedByReplicate_FailAsKept()
    {
        JobId id = await DivertedAsync();
        await bench.RunToStateAsync(id, TrainingState.Uploading);
        await MoveElsewhereAsync(id);
        bench.World.Clock.Advance(TimeSpan.FromHours(2));

        await bench.RunToStateAsync(id, TrainingState.Failed);
        Assert.Equal(FailureCode.UploadFailed, bench.Job(id).Failure!.Code);
        Assert.Contains("disk-2", bench.Job(id).Failure!.Detail, StringComparison.Ordinal);
        Assert.Single(bench.VendorTrainings);
    }

    [Fact]
    public async Task PortalAwayUntilTheDataAreRemoved_IsLostAndTrainedAnew()
    {
        JobId id = await DivertedAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);
        bench.World.Clock.Advance(TimeSpan.FromHours(2));
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        Assert.Equal(2, bench.VendorTrainings.Count);
        Assert.Equal(FailureCode.TrainingLost, bench.Attempts(id)[1].Failure);
        bench.AssertStoredIsTheTrained(id);
    }

    [Theory]
    [InlineData(TrainingState.Provisioning)]
    [InlineData(TrainingState.Training)]
    public async Task Cancel_ByAPerson_EndsTheTrainingAndItsCost(TrainingState state)
    {
        JobId id = await DivertedAsync();
        await bench.RunUntilAsync(() => bench.Job(id).State == state && bench.VendorTrainings.Count == 1, "a training");
        Assert.IsType<CancelOutcome.Noted>(await bench.CancelAsync(id, TrainingBench.Person));
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Cancelled, bench.Job(id).State);
        Assert.Equal(ReplicateStatus.Canceled, bench.VendorTrainings[0].Status);
        Assert.True(bench.Refunded(id));
        bench.AssertNothingIsLeft();
    }

    [Fact]
    public async Task Cancel_WhenTheTrainingHasJustEnded_TakesTheFile()
    {
        JobId id = await DivertedAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);
        await bench.CancelAsync(id, TrainingBench.Person);
        bench.World.Clock.Advance(TimeSpan.FromMinutes(13));
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        bench.AssertStoredIsTheTrained(id);
    }

    [Fact]
    public async Task Cancel_ThatReplicateDoesNotTake_IsTriedAgainAndTold()
    {
        JobId id = await DivertedAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);
        bench.Faults.Add(FaultKind.ReplicateCancel500, count: 5);
        await bench.CancelAsync(id, TrainingBench.Person);
        await bench.RunToStateAsync(id, TrainingState.Cancelled);
        Assert.Equal(CleanupWords.Pending, bench.Job(id).CleanupStatus);

        await bench.RunToRestAsync(id);
        Assert.Equal(CleanupWords.Done, bench.Job(id).CleanupStatus);
        IncidentSignal[] told = [.. bench.World.Database.Events.SelectMany(fact => fact.Signals).Where(signal => signal.Rule == HostedIncidents.NotEnding)];
        Assert.Equal([false, true], told.Select(signal => signal.Over));
        bench.AssertNothingIsLeft();
    }

    /// <summary>What is over may refuse its cancel: a read says so.</summary>
    [Fact]
    public async Task Cancel_ThatIsRefusedForGood_EndsWithTheTraining()
    {
        JobId id = await DivertedAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);
        bench.Faults.Add(FaultKind.ReplicateCancel500, seconds: 1_000_000);
        await bench.CancelAsync(id, TrainingBench.Person);
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Cancelled, bench.Job(id).State);
        Assert.Equal(ReplicateStatus.Succeeded, bench.VendorTrainings[0].Status);
        Assert.Equal(Usd.FromDollars(720 * ReplicateWorld.UsdPerSecond), bench.Attempts(id)[1].Cost);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    public async Task Cancel_ThatIsRefusedBecauseTheTrainingHasEnded_TakesTheFile()
    {
        JobId id = await DivertedAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);
        bench.Faults.Add(FaultKind.ReplicateCancel500, seconds: 1_000_000);
        await bench.CancelAsync(id, TrainingBench.Person);
        bench.World.Clock.Advance(TimeSpan.FromMinutes(13));
        await bench.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        bench.AssertStoredIsTheTrained(id);
    }

    [Fact]
    [Trait("Requirement", "E6")]
    public async Task Training_PastItsDeadline_IsCancelledAndFails()
    {
        TrainingBench slow = HostedBench.New(options => options.Training = TimeSpan.FromHours(5));
        await slow.IsolateAsync();
        JobId id = await slow.SubmitAsync();
        await slow.RunToRestAsync(id);

        Assert.Equal(FailureCode.TrainingTimeout, slow.Job(id).Failure!.Code);
        Assert.Equal(ReplicateStatus.Canceled, slow.VendorTrainings[0].Status);
        Assert.True(slow.Attempts(id)[1].Cost <= slow.Reservation(id, 2).Amount);
        Assert.Single(slow.Facts(id, TrainingEvents.OverTime));
        slow.AssertNothingIsLeft();
    }

    /// <summary>Its cancel is not taken, or changes nothing, so that it may still make its file; for ever it is not waited for.</summary>
    [Theory]
    [InlineData(FaultKind.ReplicateCancel500, 130, TrainingState.Completed, null)]
    [InlineData(FaultKind.ReplicateCancel500, 300, TrainingState.Failed, FailureCode.TrainingTimeout)]
    [InlineData(FaultKind.ReplicateCancelIgnored, 130, TrainingState.Completed, null)]
    [InlineData(FaultKind.ReplicateCancelIgnored, 300, TrainingState.Failed, FailureCode.TrainingTimeout)]
    [Trait("Requirement", "E6")]
    public async Task Training_PastItsDeadlineThatDoesNotEnd_IsTakenWhenItEndsSoonAfter(string fault, int minutes, TrainingState end, FailureCode? failure)
    {
        TrainingBench slow = HostedBench.New(options => options.Training = TimeSpan.FromMinutes(minutes));
        await slow.IsolateAsync();
        JobId id = await slow.SubmitAsync();
        await slow.RunToStateAsync(id, TrainingState.Training);
        slow.Faults.Add(fault, seconds: 1_000_000);
        await slow.RunToRestAsync(id);

        Assert.Equal((end, failure), (slow.Job(id).State, slow.Job(id).Failure?.Code));
        Assert.Equal(ReplicateStatus.Succeeded, slow.VendorTrainings[0].Status);
        slow.AssertNothingIsLeft();
    }

    /// <summary>Nobody looked while it ran: when it ended counts, not when that is seen.</summary>
    [Theory]
    [InlineData(5, FailureCode.TrainingFailed, 0)]
    [InlineData(118, FailureCode.TrainingTimeout, 1)]
    [Trait("Requirement", "E6")]
    public async Task Training_CancelledAtReplicate_IsReadByWhenItEnded(int minutes, FailureCode failure, int overTime)
    {
        TrainingBench slow = HostedBench.New(options => options.Training = TimeSpan.FromHours(5));
        await slow.IsolateAsync();
        JobId id = await slow.SubmitAsync();
        await slow.RunToStateAsync(id, TrainingState.Training);
        slow.World.Clock.Advance(TimeSpan.FromMinutes(minutes));
        slow.World.Cloud.World.AdvanceTo(slow.Now);
        slow.World.Cloud.World.Replicate.Cancel(slow.VendorTrainings[0], isTaken: true, slow.Now);
        slow.World.Clock.Advance(TimeSpan.FromHours(3));
        await slow.RunToRestAsync(id);

        Assert.Equal((failure, overTime), (slow.Job(id).Failure!.Code, slow.Facts(id, TrainingEvents.OverTime).Count));
        slow.AssertNothingIsLeft();
    }

    /// <summary>It can't be read, and each cancel is taken and changes nothing: the job does not wait for what nobody can show it.</summary>
    [Fact]
    [Trait("Requirement", "E6")]
    public async Task Training_ThatNobodyCanReadAndThatGoesOn_TimesOutAfterTheTimeForItsFile()
    {
        TrainingBench slow = HostedBench.New(options => options.Training = TimeSpan.FromHours(5));
        await slow.IsolateAsync();
        JobId id = await slow.SubmitAsync();
        await slow.RunToStateAsync(id, TrainingState.Training);
        DateTimeOffset began = slow.Now;
        slow.Faults.Add(FaultKind.ReplicateRead500, seconds: 1_000_000);
        slow.Faults.Add(FaultKind.ReplicateCancelIgnored, seconds: 1_000_000);
        await slow.RunToStateAsync(id, TrainingState.Failed);

        TimeSpan longest = slow.World.Training.MaxDuration + slow.World.Training.RetrieveWithin;
        Assert.Equal(FailureCode.TrainingTimeout, slow.Job(id).Failure!.Code);
        Assert.InRange(slow.Now - began, longest - TimeSpan.FromMinutes(2), longest + TimeSpan.FromMinutes(2));
        await slow.RunToRestAsync(id);
        slow.AssertNothingIsLeft();
    }

    /// <summary>Its machine comes while nobody can read it, after the longest wait for one: the end that it is asked for is that of the wait.</summary>
    [Fact]
    [Trait("Requirement", "E6")]
    public async Task Machine_ThatIsGivenAfterTheLongestWait_AndWhoseCancelIsTaken_IsCalledNone()
    {
        TrainingBench slow = HostedBench.New(options => options.Boot = TimeSpan.FromMinutes(62));
        await slow.IsolateAsync();
        JobId id = await slow.SubmitAsync();
        await slow.RunUntilAsync(() => slow.VendorTrainings.Count == 1, "a training");
        slow.Faults.Add(FaultKind.ReplicateRead500, seconds: 4_000);
        slow.Faults.Add(FaultKind.ReplicateCancel500, seconds: 200);
        slow.Faults.Add(FaultKind.ReplicateCancelIgnored, seconds: 300);
        await slow.RunToRestAsync(id);

        Assert.Equal((FailureCode.NoProvider, ReplicateStatus.Canceled), (slow.Job(id).Failure!.Code, slow.VendorTrainings[0].Status));
        Assert.Single(slow.VendorTrainings);
        slow.AssertNothingIsLeft();
    }

    /// <summary>The end that it was asked for comes some looks later: that is no failure of the training.</summary>
    [Fact]
    [Trait("Requirement", "E6")]
    public async Task Training_PastItsDeadlineWhoseCancelIsTakenLate_HasTimedOut()
    {
        TrainingBench slow = HostedBench.New(options => options.Training = TimeSpan.FromHours(5));
        await slow.IsolateAsync();
        JobId id = await slow.SubmitAsync();
        await slow.RunToStateAsync(id, TrainingState.Training);
        slow.Faults.Add(FaultKind.ReplicateCancel500, seconds: 7_500);
        await slow.RunToRestAsync(id);

        Assert.Equal((FailureCode.TrainingTimeout, ReplicateStatus.Canceled), (slow.Job(id).Failure!.Code, slow.VendorTrainings[0].Status));
        slow.AssertNothingIsLeft();
    }

    /// <summary>Nobody answers for so long that it could have been given up: it ended within its time, and its weights are there.</summary>
    [Theory]
    [InlineData(TrainingState.Provisioning)]
    [InlineData(TrainingState.Training)]
    [Trait("Requirement", "E6")]
    public async Task Training_ThatNobodyCouldReadPastItsDeadline_IsTakenWhenItHasEnded(TrainingState state)
    {
        TrainingBench slow = HostedBench.New(options => options.Training = TimeSpan.FromMinutes(110));
        await slow.IsolateAsync();
        JobId id = await slow.SubmitAsync();
        await slow.RunUntilAsync(() => slow.Job(id).State == state && slow.VendorTrainings.Count == 1, $"a training in {state}");
        slow.Faults.Add(FaultKind.ReplicateRead500, seconds: 9_600);
        slow.Faults.Add(FaultKind.ReplicateCancel500, seconds: 1_000_000);
        await slow.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, slow.Job(id).State);
        Assert.Single(slow.VendorTrainings);
        slow.AssertStoredIsTheTrained(id);
        slow.AssertNothingIsLeft();
    }

    [Fact]
    public async Task Machine_ThatIsGivenAfterTheLongestWait_IsNotCalledNone()
    {
        TrainingBench slow = HostedBench.New(options => options.Boot = TimeSpan.FromMinutes(62));
        await slow.IsolateAsync();
        JobId id = await slow.SubmitAsync();
        await slow.RunUntilAsync(() => slow.VendorTrainings.Count == 1, "a training");
        slow.Faults.Add(FaultKind.ReplicateRead500, seconds: 4_500);
        slow.Faults.Add(FaultKind.ReplicateCancel500, seconds: 4_500);
        await slow.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, slow.Job(id).State);
        Assert.Single(slow.VendorTrainings);
    }

    [Fact]
    public async Task Machine_ThatNeverComes_EndsTheTrainingAndThenTheJob()
    {
        TrainingBench slow = HostedBench.New(options => options.Boot = TimeSpan.FromHours(9));
        await slow.IsolateAsync();
        JobId id = await slow.SubmitAsync();
        await slow.RunToRestAsync(id);

        Assert.Equal(FailureCode.NoProvider, slow.Job(id).Failure!.Code);
        Assert.Equal(ReplicateStatus.Canceled, slow.VendorTrainings[0].Status);
        Assert.Equal(Usd.Zero, slow.Attempts(id)[1].Cost);
        slow.AssertNothingIsLeft();
    }

    /// <summary>Replicate's clock says when it began: by ours, which is not to be relied on, it seems to have passed its limit.</summary>
    [Fact]
    [Trait("Requirement", "E6")]
    public async Task Training_PastItsDeadlineByAClockThatIsFarOff_MayEnd()
    {
        TrainingBench slow = HostedBench.New(options => options.Training = TimeSpan.FromMinutes(130));
        await slow.IsolateAsync();
        JobId id = await slow.SubmitAsync();
        await slow.RunUntilAsync(() => slow.Job(id).State == TrainingState.Training, "a training at Replicate");
        slow.Portal.Clocks.Note(ClockStandings.Database, new ClockReading.Read(TimeSpan.FromMinutes(20), TimeSpan.Zero));
        await slow.RunToRestAsync(id);

        Assert.Equal(TrainingState.Completed, slow.Job(id).State);
        slow.AssertNothingIsLeft();
    }

    [Fact]
    [Trait("Requirement", "E2")]
    public async Task Image_ChangedAfterItWasChecked_FailsBeforeAnythingIsAsked()
    {
        TrainingRequest request = bench.Request();
        await bench.IsolateAsync();
        JobId id = await bench.SubmitAsync(request);
        await bench.RunUntilAsync(() => bench.Job(id).Provider == "replicate", "a diverted job");
        bench.World.Objects.Set(new Domain.Storage.ObjectRef(Domain.Storage.Buckets.TrainingImages, request.ImageKeys[0]), [9, 9, 9], "image/jpeg");
        await bench.RunToRestAsync(id);

        Assert.Equal(FailureCode.InvalidTrainingImages, bench.Job(id).Failure!.Code);
        Assert.Empty(bench.VendorTrainings);
        bench.AssertNothingIsLeft();
    }

    [Fact]
    public async Task Webhook_OfOurTraining_HasItReadAtOnce()
    {
        JobId id = await DivertedAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);
        await bench.RunForAsync(TimeSpan.FromSeconds(20));
        bench.World.Clock.Advance(TimeSpan.FromSeconds(1));
        string training = bench.VendorTrainings[0].Id;
        DateTimeOffset before = bench.Job(id).DueAt;

        Assert.True(await bench.Portal.Hints.NoteAsync(training, TrainingBench.Token));
        Assert.True(bench.Job(id).DueAt < before);
        Assert.True(await bench.Portal.Hints.NoteAsync(training, TrainingBench.Token));
        await bench.RunToRestAsync(id);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
        TrainingJob rested = bench.Job(id);
        Assert.True(await bench.Portal.Hints.NoteAsync(training, TrainingBench.Token));
        Assert.Equal(rested, bench.Job(id));
    }

    [Fact]
    public async Task Webhook_OfAnotherTraining_WritesNothing()
    {
        JobId id = await DivertedAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);
        int writes = bench.World.Database.Writes;
        Assert.False(await bench.Portal.Hints.NoteAsync("somebodyelses", TrainingBench.Token));
        Assert.Equal(writes, bench.World.Database.Writes);
    }

    [Fact]
    public async Task Portal_StartedAnew_GoesOnWithTheTrainingThatIsThere()
    {
        JobId id = await DivertedAsync();
        await bench.RunUntilAsync(() => bench.VendorTrainings.Count == 1, "a training");
        bench.Restart();
        await bench.RunToRestAsync(id);
        Assert.Single(bench.VendorTrainings);
        Assert.Equal(TrainingState.Completed, bench.Job(id).State);
    }

    /// <summary>The proven file lies on another instance's disk, and not on ours.</summary>
    private async Task MoveElsewhereAsync(JobId id)
    {
        SpoolEntry file = Assert.Single(bench.SpoolRows(id));
        Assert.True(await bench.World.Spool.DeleteAsync(file.Name, TrainingBench.Token));
        bench.World.Database.Spool.Set((file.Spool, file.Name), null);
        bench.World.Database.Spool.Set(("disk-2", file.Name), file with { Spool = "disk-2" });
    }

    private async Task<JobId> DivertedAsync()
    {
        await bench.IsolateAsync();
        return await bench.SubmitAsync();
    }

    private IEnumerable<IncidentSignal> LostSignals(JobId id) => bench.World.Database.Events
        .SelectMany(fact => fact.Signals).Where(signal => signal.Rule == HostedIncidents.Lost && signal.Subject == id.ToString());
}
