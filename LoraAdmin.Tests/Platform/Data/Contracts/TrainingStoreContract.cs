using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data.Contracts;

public abstract class TrainingStoreContract : StoreContract
{
    private static readonly TimeSpan LeaseTime = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Job_AddedWithImages_IsReadBackWhole()
    {
        TrainingJob job = NewJob() with
        {
            GpuType = "NVIDIA RTX 4090",
            WaitReason = "Waits for capacity.",
            Failure = new JobFailure(FailureCode.PodLost, "gone"),
            Cancel = new CancelWish(new Actor(ActorKind.Person, "ada"), "wrong images", Start),
            Provider = "runpod",
            PodId = "abcd1234",
            TrainingId = "rep1234",
            NotValidated = "nobody judged it",
            CleanupStatus = "cleaned",
            Cost = new Usd(1_234_567),
            Figures = new TrainingFigures(120, 1000, 0.125, Start, Start.AddMinutes(-1)),
            Artifact = new ArtifactInfo(5_000_000_000, new string('a', 64)),
            StartedAt = Start.AddMinutes(1),
            StuckSince = Start.AddMinutes(2),
            FailingSince = Start.AddMinutes(3),
            Spool = "disk-1",
            StepErrors = 2,
            StepTries = 1,
        };
        TrainingImage[] images =
        [
            new(0, "u/x/0", null, null, null, null, null),
            new(1, "u/x/1", new string('b', 64), 1000, 640, 480, "png"),
        ];

        await In<ITrainingStore>(store => store.AddAsync(job, images, null, None));

        Assert.Equal(job, await Read<ITrainingStore, TrainingJob?>(store => store.FindAsync(job.Id, None)));
        Assert.Equal(images, await Read<ITrainingStore, IReadOnlyList<TrainingImage>>(store => store.ListImagesAsync(job.Id, None)));
    }

    [Fact]
    public async Task Open_ListsWhatIsNotFinal()
    {
        TrainingJob second = await AddedJob(Start.AddMinutes(1));
        TrainingJob first = await AddedJob(Start);
        TrainingJob done = NewJob() with { State = TrainingState.Completed };
        await In<ITrainingStore>(store => store.AddAsync(done, [], null, None));

        Assert.Equal([first.Id, second.Id], await Read<ITrainingStore, IReadOnlyList<JobId>>(store => store.ListOpenAsync(None)));
    }

    [Fact]
    public async Task Waiting_ForAReason_AreOpenJobsWhoseReasonBeginsWithIt_LongestWaitingFirst()
    {
        const string words = "RunPod's balance is ";
        TrainingJob late = NewJob() with { WaitReason = $"{words}$1.00", WaitingSince = Start.AddMinutes(5) };
        TrainingJob early = NewJob() with { WaitReason = $"{words}used up", WaitingSince = Start.AddMinutes(-5) };
        TrainingJob unsaid = NewJob() with { WaitReason = $"{words}$2.00" };
        TrainingJob[] others =
        [
            NewJob(),
            NewJob() with { WaitReason = "RunPod's balanceXis $1" },
            NewJob() with { WaitReason = $"It waits: {words}$1.00" },
            NewJob() with { WaitReason = $"{words}$1.00", State = TrainingState.Failed },
        ];
        foreach (TrainingJob job in others.Concat([late, unsaid, early]))
        {
            await In<ITrainingStore>(store => store.AddAsync(job, [], null, None));
        }

        Assert.Equal([early, unsaid, late], await Waiting(10));
        Assert.Equal([early], await Waiting(1));

        Task<IReadOnlyList<TrainingJob>> Waiting(int max) =>
            Read<ITrainingStore, IReadOnlyList<TrainingJob>>(store => store.ListWaitingAsync(words, max, None));
    }

    [Fact]
    public async Task Waiting_ForAProvider_IsAnOpenJobInWhateverState()
    {
        TrainingJob[] others =
        [
            NewJob() with { State = TrainingState.Queued },
            NewJob() with { State = TrainingState.Preparing, WaitReason = "The storage does not answer" },
            NewJob() with { State = TrainingState.Provisioning, WaitReason = "The pod is slow", PodId = "abcd1234" },
            NewJob() with { State = TrainingState.Failed, WaitingSince = Start, WaitReason = "Paused by ada: mending" },
        ];
        foreach (TrainingJob job in others)
        {
            await In<ITrainingStore>(store => store.AddAsync(job, [], null, None));
        }

        Assert.False(await Any());
        await In<ITrainingStore>(store => store.AddAsync(NewJob() with { State = TrainingState.Provisioning, WaitingSince = Start }, [], null, None));
        Assert.True(await Any());

        Task<bool> Any() => Read<ITrainingStore, bool>(store => store.AnyWaitsForProviderAsync(None));
    }

    [Theory]
    [InlineData(TrainingState.Queued)]
    [InlineData(TrainingState.Provisioning)]
    public async Task Waiting_BecauseAPersonPaused_IsAWaitForAProviderToo(TrainingState state)
    {
        Assert.False(await Any());
        await In<ITrainingStore>(store => store.AddAsync(NewJob() with { State = state, WaitReason = "Paused by ada: mending" }, [], null, None));
        Assert.True(await Any());

        Task<bool> Any() => Read<ITrainingStore, bool>(store => store.AnyWaitsForProviderAsync(None));
    }

    [Fact]
    public async Task Job_Unknown_IsNull() =>
        Assert.Null(await Read<ITrainingStore, TrainingJob?>(store => store.FindAsync(NextJob(), None)));

    [Fact]
    public async Task Images_Saved_ReplaceWhatWasKnown()
    {
        TrainingJob job = NewJob();
        await In<ITrainingStore>(store => store.AddAsync(job, [new(0, "a", null, null, null, null, null), new(1, "b", null, null, null, null, null)], null, None));
        TrainingImage[] known = [new(0, "a", new string('c', 64), 10, 1, 1, "jpeg")];

        await In<ITrainingStore>(store => store.SaveImagesAsync(job.Id, known, None));

        Assert.Equal(known, await Read<ITrainingStore, IReadOnlyList<TrainingImage>>(store => store.ListImagesAsync(job.Id, None)));
    }

    [Fact]
    public async Task Lease_SeveralDue_GivesOldestDueFirstAndRaisesTheFence()
    {
        TrainingJob later = await AddedJob(Start.AddSeconds(2));
        TrainingJob sooner = await AddedJob(Start.AddSeconds(1));
        await AddedJob(Start.AddHours(1));

        IReadOnlyList<LeasedJob> leased = await Lease("a", Start.AddSeconds(5));

        Assert.Equal([sooner.Id, later.Id], leased.Select(lease => lease.Job.Id));
        Assert.All(leased, lease => Assert.Equal(("a", 1L, Start.AddSeconds(65)), (lease.Owner, lease.Fence, lease.Until)));
    }

    [Fact]
    public async Task Lease_HeldByAnother_IsSkippedUntilItRunsOut()
    {
        await AddedJob();
        Assert.Single(await Lease("a", Start));

        Assert.Empty(await Lease("b", Start + LeaseTime - TimeSpan.FromMilliseconds(1)));
        LeasedJob taken = Assert.Single(await Lease("b", Start + LeaseTime));

        Assert.Equal(2, taken.Fence);
    }

    [Fact]
    public async Task Lease_MaxGiven_TakesNoMore()
    {
        for (int job = 0; job < 5; job++)
        {
            await AddedJob();
        }

        Assert.Equal(2, (await Lease("a", Start, max: 2)).Count);
        Assert.Equal(3, (await Lease("b", Start, max: 10)).Count);
    }

    [Fact]
    public async Task Lease_TakenByManyAtOnce_NeverSharesAJob()
    {
        for (int job = 0; job < 40; job++)
        {
            await AddedJob();
        }

        IReadOnlyList<LeasedJob>[] taken = await Task.WhenAll(
            Enumerable.Range(0, 16).Select(taker => Task.Run(() => Lease($"taker-{taker}", Start, max: 5))));

        JobId[] all = [.. taken.SelectMany(leases => leases).Select(lease => lease.Job.Id)];
        Assert.Equal(all.Length, all.Distinct().Count());
        Assert.Equal(40, all.Length + (await Lease("rest", Start, max: 100)).Count);
    }

    [Fact]
    public async Task Save_FenceOfAnEarlierLease_IsRefusedAndWritesNothing()
    {
        await AddedJob();
        LeasedJob old = Assert.Single(await Lease("a", Start));
        LeasedJob now = Assert.Single(await Lease("b", Start + LeaseTime));

        await Assert.ThrowsAsync<LeaseLostException>(() =>
            In<ITrainingStore>(store => store.SaveAsync(old.Job with { State = TrainingState.Failed }, old.Fence, release: true, None)));
        await Assert.ThrowsAsync<LeaseLostException>(() => In<ITrainingStore>(store => store.RenewAsync(old.Job.Id, old.Fence, Start.AddHours(1), None)));

        Assert.Equal(TrainingState.Queued, (await Find(old.Job.Id)).State);
        await In<ITrainingStore>(store => store.SaveAsync(now.Job with { State = TrainingState.Preparing }, now.Fence, release: true, None));
        Assert.Equal(TrainingState.Preparing, (await Find(old.Job.Id)).State);
    }

    [Fact]
    public async Task Renew_NewestFence_KeepsOthersOut()
    {
        await AddedJob();
        LeasedJob lease = Assert.Single(await Lease("a", Start));

        await In<ITrainingStore>(store => store.RenewAsync(lease.Job.Id, lease.Fence, Start.AddMinutes(10), None));

        Assert.Empty(await Lease("b", Start.AddMinutes(9)));
        Assert.Single(await Lease("b", Start.AddMinutes(10)));
    }

    [Fact]
    public async Task Lease_OfAJobWithAFileOnALivingDisk_IsForThatDiskAlone()
    {
        TrainingJob job = NewJob() with { Spool = "disk-2" };
        await In<ITrainingStore>(store => store.AddAsync(job, [], null, None));
        await In<ISpoolStore>(store => store.BeatAsync(new SpoolInstance("other", "disk-2", "host", Start), None));
        DateTimeOffset living = Start + SpoolStanding.TakeOverAfter - TimeSpan.FromSeconds(1);
        DateTimeOffset silent = Start + SpoolStanding.TakeOverAfter;

        Assert.Empty(await Lease("a", living));
        Assert.Null(await Read<ITrainingStore, DateTimeOffset?>(store => store.NextDueAsync("disk-1", living, None)));
        Assert.Equal(job.DueAt, await Read<ITrainingStore, DateTimeOffset?>(store => store.NextDueAsync("disk-2", living, None)));
        Assert.Equal(job.DueAt, await Read<ITrainingStore, DateTimeOffset?>(store => store.NextDueAsync("disk-1", silent, None)));
        Assert.Single(await Lease("a", silent));
    }

    [Fact]
    public async Task OldImages_OfEndedJobs_AreListedUntilTheyAreNotedAsGone()
    {
        TrainingJob shared = NewJob() with { State = TrainingState.Completed, CompletedAt = Start };
        TrainingJob other = NewJob() with { UserId = shared.UserId, State = TrainingState.Failed, CompletedAt = Start.AddDays(3), Failure = new JobFailure(FailureCode.PodLost, null) };
        TrainingJob open = NewJob() with { UserId = shared.UserId };
        await In<ITrainingStore>(store => store.AddAsync(shared, [Image(0, "u/a"), Image(1, "u/b"), Image(2, "u/c")], null, None));
        await In<ITrainingStore>(store => store.AddAsync(other, [Image(0, "u/b")], null, None));
        await In<ITrainingStore>(store => store.AddAsync(open, [Image(0, "u/c")], null, None));

        Assert.Equal([shared.Id], await Old(Start.AddDays(1)));
        Assert.Equal([shared.Id, other.Id], await Old(Start.AddDays(4)));
        Assert.Equal((false, true, true), await Used(Start.AddDays(3)));
        Assert.Equal((false, false, true), await Used(Start.AddDays(4)));
        Assert.False(await In<ITrainingStore, bool>(store => store.SetImagesGoneAsync(open.Id, Start, None)));
        Assert.True(await In<ITrainingStore, bool>(store => store.SetImagesGoneAsync(shared.Id, Start, None)));
        Assert.Equal([other.Id], await Old(Start.AddDays(4)));

        await In<ITrainingStore, bool>(store => store.ReopenAsync(shared with { State = TrainingState.Queued, CompletedAt = null }, None));
        LeasedJob again = (await Lease("a", Start.AddDays(5))).Single(leased => leased.Job.Id == shared.Id);
        await In<ITrainingStore>(store => store.SaveAsync(shared, again.Fence, release: true, None));
        Assert.Equal([shared.Id], await Old(Start.AddDays(1)));

        Task<IReadOnlyList<JobId>> Old(DateTimeOffset before) => Read<ITrainingStore, IReadOnlyList<JobId>>(store => store.ListWithOldImagesAsync(before, 10, None));
        async Task<(bool, bool, bool)> Used(DateTimeOffset after) => (
            await Read<ITrainingStore, bool>(store => store.IsImageUsedElsewhereAsync("u/a", shared.Id, after, None)),
            await Read<ITrainingStore, bool>(store => store.IsImageUsedElsewhereAsync("u/b", shared.Id, after, None)),
            await Read<ITrainingStore, bool>(store => store.IsImageUsedElsewhereAsync("u/c", shared.Id, after, None)));
        static TrainingImage Image(int number, string key) => new(number, key, null, null, null, null, null);
    }

    [Fact]
    public async Task NextDue_HeldJob_IsTheEndOfItsLease()
    {
        await AddedJob();
        await Lease("a", Start);

        Assert.Equal(Start + LeaseTime, await Read<ITrainingStore, DateTimeOffset?>(store => store.NextDueAsync("disk-1", Start, None)));
    }

    [Fact]
    public async Task Save_Released_CanBeLeasedWhenDueAgain()
    {
        await AddedJob();
        LeasedJob lease = Assert.Single(await Lease("a", Start));

        await In<ITrainingStore>(store => store.SaveAsync(lease.Job with { DueAt = Start.AddSeconds(5) }, lease.Fence, release: true, None));

        Assert.Equal(Start.AddSeconds(5), await Read<ITrainingStore, DateTimeOffset?>(store => store.NextDueAsync("disk-1", Start, None)));
        Assert.Empty(await Lease("b", Start.AddSeconds(4)));
        Assert.Equal(2, Assert.Single(await Lease("b", Start.AddSeconds(5))).Fence);
    }

    [Fact]
    public async Task Save_WishCameDuringTheStep_LeavesTheWishAndMakesTheJobDue()
    {
        await AddedJob();
        LeasedJob lease = Assert.Single(await Lease("a", Start));
        CancelWish wish = new(new Actor(ActorKind.Person, "ada"), "not needed", Start.AddSeconds(1));
        Assert.True(await In<ITrainingStore, bool>(store => store.WishCancelAsync(lease.Job.Id, wish, None)));

        TrainingJob step = lease.Job with { State = TrainingState.Preparing, UpdatedAt = Start.AddSeconds(2), DueAt = Start.AddHours(1) };
        await In<ITrainingStore>(store => store.SaveAsync(step, lease.Fence, release: true, None));

        LeasedJob again = Assert.Single(await Lease("a", Start.AddSeconds(2)));
        Assert.Equal(wish, again.Job.Cancel);
        Assert.Equal(lease.Job.WishVersion + 1, again.Job.WishVersion);
        Assert.Equal(TrainingState.Preparing, again.Job.State);
    }

    [Fact]
    public async Task Save_WishSeen_KeepsTheDueInstant()
    {
        TrainingJob job = await AddedJob();
        await In<ITrainingStore, bool>(store => store.WishCancelAsync(job.Id, new CancelWish(Actor.Portal("x"), "why", Start), None));
        LeasedJob lease = Assert.Single(await Lease("a", Start));

        await In<ITrainingStore>(store => store.SaveAsync(lease.Job with { DueAt = Start.AddHours(1) }, lease.Fence, release: true, None));

        Assert.Equal(Start.AddHours(1), (await Find(job.Id)).DueAt);
    }

    [Fact]
    public async Task MakeDue_WaitingJob_IsLeasedNow_AndOneThatIsBeingWorkedOnIsLookedAtAgain()
    {
        TrainingJob job = await AddedJob(Start.AddHours(1));
        await In<ITrainingStore>(store => store.MakeDueAsync(job.Id, Start, None));
        LeasedJob lease = Assert.Single(await Lease("a", Start));

        await In<ITrainingStore>(store => store.MakeDueAsync(job.Id, Start.AddSeconds(1), None));
        TrainingJob waiting = lease.Job with { UpdatedAt = Start.AddSeconds(2), DueAt = Start.AddHours(1) };
        await In<ITrainingStore>(store => store.SaveAsync(waiting, lease.Fence, release: true, None));

        Assert.Single(await Lease("a", Start.AddSeconds(2)));
    }

    [Fact]
    public async Task MakeDue_EndedJob_StaysAsItIs()
    {
        TrainingJob done = NewJob() with { State = TrainingState.Completed };
        await In<ITrainingStore>(store => store.AddAsync(done, [], null, None));
        await In<ITrainingStore>(store => store.MakeDueAsync(done.Id, Start.AddHours(-1), None));

        Assert.Equal(done, await Find(done.Id));
    }

    [Fact]
    public async Task WishCancel_WaitingJob_MakesItDue()
    {
        TrainingJob job = await AddedJob(Start.AddHours(1));

        Assert.True(await In<ITrainingStore, bool>(store => store.WishCancelAsync(job.Id, new CancelWish(Actor.Portal("x"), "why", Start), None)));

        Assert.Single(await Lease("a", Start));
    }

    [Theory]
    [InlineData(TrainingState.Retrieving)]
    [InlineData(TrainingState.Completed)]
    public async Task WishCancel_TrainingHasEnded_IsRefused(TrainingState state)
    {
        TrainingJob job = NewJob() with { State = state };
        await In<ITrainingStore>(store => store.AddAsync(job, [], null, None));

        Assert.False(await In<ITrainingStore, bool>(store => store.WishCancelAsync(job.Id, new CancelWish(Actor.Portal("x"), "why", Start), None)));

        Assert.Null((await Find(job.Id)).Cancel);
    }

    [Fact]
    public async Task FinalJob_IsNeverDueAndCanBeReopenedOnce()
    {
        await AddedJob();
        LeasedJob lease = Assert.Single(await Lease("a", Start));
        TrainingJob failed = lease.Job with { State = TrainingState.Failed, Failure = new JobFailure(FailureCode.PodLost, null), CompletedAt = Start };
        await In<ITrainingStore>(store => store.SaveAsync(failed, lease.Fence, release: true, None));
        Assert.Empty(await Lease("a", Start.AddDays(1)));
        Assert.Null(await Read<ITrainingStore, DateTimeOffset?>(store => store.NextDueAsync("disk-1", Start, None)));

        TrainingJob again = failed with { State = TrainingState.Queued, Failure = null, CompletedAt = null, Attempt = 2, Admission = 2 };
        Assert.True(await In<ITrainingStore, bool>(store => store.ReopenAsync(again, None)));
        Assert.False(await In<ITrainingStore, bool>(store => store.ReopenAsync(again, None)));

        LeasedJob open = Assert.Single(await Lease("b", Start));
        Assert.Equal((TrainingState.Queued, 2, 2), (open.Job.State, open.Job.Attempt, open.Job.Admission));
        await Assert.ThrowsAsync<LeaseLostException>(() => In<ITrainingStore>(store => store.SaveAsync(failed, lease.Fence, release: true, None)));
    }

    [Fact]
    public async Task Save_FinalJobUnderTheNewestFence_IsRefusedAndWritesNothing()
    {
        await AddedJob();
        LeasedJob lease = Assert.Single(await Lease("a", Start));
        TrainingJob failed = lease.Job with { State = TrainingState.Failed, Failure = new JobFailure(FailureCode.PodLost, null), CompletedAt = Start };
        await In<ITrainingStore>(store => store.SaveAsync(failed, lease.Fence, release: false, None));

        await Assert.ThrowsAsync<LeaseLostException>(() =>
            In<ITrainingStore>(store => store.SaveAsync(lease.Job with { State = TrainingState.Preparing }, lease.Fence, release: true, None)));

        Assert.Equal(TrainingState.Failed, (await Find(failed.Id)).State);
    }

    [Fact]
    public async Task Reopen_JobStillHeldByWhoEndedIt_IsFreeAtOnce()
    {
        await AddedJob();
        LeasedJob lease = Assert.Single(await Lease("a", Start));
        TrainingJob failed = lease.Job with { State = TrainingState.Failed, Failure = new JobFailure(FailureCode.PodLost, null), CompletedAt = Start };
        await In<ITrainingStore>(store => store.SaveAsync(failed, lease.Fence, release: false, None));

        Assert.True(await In<ITrainingStore, bool>(store => store.ReopenAsync(failed with { State = TrainingState.Queued, Failure = null, CompletedAt = null }, None)));

        Assert.True(Assert.Single(await Lease("b", Start)).Fence > lease.Fence);
        await Assert.ThrowsAsync<LeaseLostException>(() => In<ITrainingStore>(store => store.RenewAsync(failed.Id, lease.Fence, Start.AddHours(1), None)));
    }

    [Fact]
    public async Task LeaseEnded_IsOneHoldersAndARetryWaitsForItsEnd()
    {
        await AddedJob();
        LeasedJob lease = Assert.Single(await Lease("a", Start));
        TrainingJob failed = lease.Job with { State = TrainingState.Failed, Failure = new JobFailure(FailureCode.UploadFailed, null), CompletedAt = Start };
        Assert.Null(await LeaseEnded("b", Start));
        await In<ITrainingStore>(store => store.SaveAsync(failed, lease.Fence, release: true, None));

        LeasedJob upload = (await LeaseEnded("b", Start))!;
        Assert.True(upload.Fence > lease.Fence);
        Assert.Null(await LeaseEnded("c", Start));
        TrainingJob again = failed with { State = TrainingState.Uploading, Failure = null, CompletedAt = null, UpdatedAt = Start, DueAt = Start };
        Assert.True(await In<ITrainingStore, bool>(store => store.ReopenAsync(again, None)));
        Assert.Empty(await Lease("a", Start));
        await In<ITrainingStore>(store => store.RenewAsync(failed.Id, upload.Fence, Start, None));
        Assert.True(Assert.Single(await Lease("a", Start)).Fence > upload.Fence);
        await Assert.ThrowsAsync<LeaseLostException>(() => In<ITrainingStore>(store => store.RenewAsync(failed.Id, upload.Fence, Start, None)));

        Task<LeasedJob?> LeaseEnded(string owner, DateTimeOffset now) =>
            In<ITrainingStore, LeasedJob?>(store => store.LeaseEndedAsync(failed.Id, owner, now, LeaseTime, None));
    }

    [Fact]
    public async Task WishCancel_JobDueEarlier_LeavesTheEarlierInstant()
    {
        TrainingJob job = await AddedJob(Start);

        await In<ITrainingStore, bool>(store => store.WishCancelAsync(job.Id, new CancelWish(Actor.Portal("x"), "why", Start.AddMinutes(1)), None));

        Assert.Equal(Start, (await Find(job.Id)).DueAt);
    }

    [Fact]
    public async Task Attempt_SavedThatWasNeverAdded_IsRefused()
    {
        TrainingJob job = await AddedJob();

        await Assert.ThrowsAsync<InvalidOperationException>(() => In<ITrainingStore>(
            store => store.SaveAttemptAsync(new TrainingAttempt(job.Id, 1, "runpod", AttemptState.Failed, Start, Start, FailureCode.PodLost, null), None)));
    }

    [Fact]
    public async Task Attempt_SecondActive_IsRefused()
    {
        TrainingJob job = await AddedJob();
        TrainingAttempt first = new(job.Id, 1, "runpod", AttemptState.Active, Start, null, null, null);
        await In<ITrainingStore>(store => store.AddAttemptAsync(first, None));

        await Assert.ThrowsAsync<InvalidOperationException>(() => In<ITrainingStore>(store => store.AddAttemptAsync(first with { Number = 2 }, None)));

        TrainingAttempt ended = first with { State = AttemptState.Failed, EndedAt = Start.AddMinutes(5), Failure = FailureCode.PodLost };
        await In<ITrainingStore>(store => store.SaveAttemptAsync(ended, None));
        await In<ITrainingStore>(store => store.AddAttemptAsync(first with { Number = 2 }, None));
        Assert.Equal([ended, first with { Number = 2 }], await Read<ITrainingStore, IReadOnlyList<TrainingAttempt>>(store => store.ListAttemptsAsync(job.Id, None)));
    }

    /// <summary>A settlement and whoever opens the attempt again meet: each has read it before the other wrote.</summary>
    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Attempt_SettledAndOpenedAgainAtOnce_KeepsItsCostAndItsState()
    {
        TrainingJob job = await AddedJob();
        TrainingAttempt failed = new(job.Id, 1, "runpod", AttemptState.Failed, Start, Start.AddMinutes(5), FailureCode.UploadFailed, null);
        TrainingAttempt open = failed with { State = AttemptState.Active, EndedAt = null, Failure = null };
        await In<ITrainingStore>(store => store.AddAttemptAsync(failed, None));

        await In<ITrainingStore>(store => store.SetAttemptCostAsync(job.Id, 1, new Usd(12), None));
        await In<ITrainingStore>(store => store.SaveAttemptAsync(open, None));
        Assert.Equal(open with { Cost = new Usd(12) }, await OnlyAsync());

        await In<ITrainingStore>(store => store.SetAttemptCostAsync(job.Id, 1, new Usd(13), None));
        Assert.Equal(open with { Cost = new Usd(13) }, await OnlyAsync());

        async Task<TrainingAttempt> OnlyAsync() => Assert.Single(await Read<ITrainingStore, IReadOnlyList<TrainingAttempt>>(store => store.ListAttemptsAsync(job.Id, None)));
    }

    [Fact]
    public async Task ActiveAttempts_AreThoseThatHaveNotEnded_OfAllJobs()
    {
        TrainingJob one = await AddedJob();
        TrainingJob other = await AddedJob();
        TrainingAttempt first = new(one.Id, 1, "replicate", AttemptState.Failed, Start, Start.AddMinutes(5), FailureCode.PodLost, null);
        TrainingAttempt[] all = [first, first with { Number = 2, State = AttemptState.Active, EndedAt = null }, first with { Job = other.Id, State = AttemptState.Cancelled }];
        foreach (TrainingAttempt attempt in all)
        {
            await In<ITrainingStore>(store => store.AddAttemptAsync(attempt, None));
        }

        Assert.Equal([(one.Id, 2)], await Read<ITrainingStore, IReadOnlySet<(JobId, int)>>(store => store.ListActiveAttemptsAsync(None)));
    }

    [Fact]
    public async Task Cost_AddedByManyAtOnce_IsTheExactSum()
    {
        TrainingJob job = await AddedJob();

        await Task.WhenAll(Enumerable.Range(1, 20).Select(part => Task.Run(() => In<ITrainingStore>(store => store.AddCostAsync(job.Id, new Usd(part), None)))));
        await In<ITrainingStore>(store => store.SetCleanupStatusAsync(job.Id, "cleaned", None));

        TrainingJob read = await Find(job.Id);
        Assert.Equal(new Usd(210), read.Cost);
        Assert.Equal("cleaned", read.CleanupStatus);
    }

    [Fact]
    public async Task AttemptCost_AddedByManyAtOnce_IsTheExactSumOnceItIsSettled()
    {
        TrainingJob job = await AddedJob();
        TrainingAttempt attempt = new(job.Id, 1, "runpod", AttemptState.Active, Start, null, null, null);
        await In<ITrainingStore>(store => store.AddAttemptAsync(attempt, None));
        Assert.False(await AddAsync(1, 5));
        await In<ITrainingStore>(store => store.SetAttemptCostAsync(job.Id, 1, new Usd(1000), None));

        await Task.WhenAll(Enumerable.Range(1, 20).Select(part => Task.Run(() => AddAsync(1, -part))));

        Assert.False(await AddAsync(2, 5));
        Assert.Equal(new Usd(790), Assert.Single(await Read<ITrainingStore, IReadOnlyList<TrainingAttempt>>(store => store.ListAttemptsAsync(job.Id, None))).Cost);

        Task<bool> AddAsync(int number, long micros) => In<ITrainingStore, bool>(store => store.AddAttemptCostAsync(job.Id, number, new Usd(micros), None));
    }

    [Fact]
    public async Task Upload_ClaimedByManyAtOnce_GoesToOne()
    {
        TrainingUpload upload = new(NextId(), NextUser(), Start, null);
        await In<ITrainingUploadStore>(store => store.AddAsync(upload, None));
        JobId[] jobs = [.. Enumerable.Range(0, 8).Select(_ => NextJob())];
        Assert.False(await In<ITrainingUploadStore, bool>(store => store.ClaimAsync(upload.Id, NextUser(), jobs[0], None)));

        bool[] claims = await Task.WhenAll(
            jobs.Select(job => Task.Run(() => In<ITrainingUploadStore, bool>(store => store.ClaimAsync(upload.Id, upload.User, job, None)))));

        Assert.Single(claims, claimed => claimed);
        Assert.Empty(await Read<ITrainingUploadStore, IReadOnlyList<TrainingUpload>>(store => store.ListUnclaimedAsync(Start.AddHours(1), 10, None)));
    }

    [Fact]
    public async Task Upload_Unclaimed_IsListedOldestFirstAndCanGo()
    {
        TrainingUpload newer = new(NextId(), NextUser(), Start.AddMinutes(1), null);
        TrainingUpload older = new(NextId(), NextUser(), Start, null);
        TrainingUpload fresh = new(NextId(), NextUser(), Start.AddHours(1), null);
        foreach (TrainingUpload upload in new[] { newer, older, fresh })
        {
            await In<ITrainingUploadStore>(store => store.AddAsync(upload, None));
        }

        Assert.Equal([older, newer], await Unclaimed());
        await In<ITrainingUploadStore>(store => store.DeleteAsync(older.Id, None));
        Assert.Equal([newer], await Unclaimed());

        Task<IReadOnlyList<TrainingUpload>> Unclaimed() =>
            Read<ITrainingUploadStore, IReadOnlyList<TrainingUpload>>(store => store.ListUnclaimedAsync(Start.AddHours(1), 10, None));
    }

    private Task<IReadOnlyList<LeasedJob>> Lease(string owner, DateTimeOffset now, int max = 10) =>
        In<ITrainingStore, IReadOnlyList<LeasedJob>>(store => store.LeaseDueAsync(owner, "disk-1", now, LeaseTime, max, None));

    private async Task<TrainingJob> Find(JobId id)
    {
        TrainingJob? job = await Read<ITrainingStore, TrainingJob?>(store => store.FindAsync(id, None));
        Assert.NotNull(job);
        return job;
    }
}
