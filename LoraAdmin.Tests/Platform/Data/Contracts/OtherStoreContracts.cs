using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data.Contracts;

public abstract class LoraStoreContract : StoreContract
{
    [Fact]
    public async Task Lora_Saved_IsReadBackWhole()
    {
        Lora lora = NewLora();
        await In<ILoraStore>(store => store.AddAsync(lora, None));
        Lora done = lora with
        {
            CreatorName = "Mara M.",
            Status = LoraStatus.Completed,
            StoragePath = "u/l/model.safetensors",
            FileSizeBytes = 5_000_000_000,
            FileSha256 = new string('d', 64),
            ErrorMessage = "none",
            IsPrivate = true,
            LastUsedAt = Start.AddDays(1),
            UpdatedAt = Start.AddHours(1),
        };

        await In<ILoraStore>(store => store.SaveAsync(done, None));

        Lora? read = await Read<ILoraStore, Lora?>(store => store.FindAsync(lora.Id, None));
        Assert.NotNull(read);
        Assert.Empty(read.ValidationImageKeys);
        Assert.Equal(done, read with { ValidationImageKeys = done.ValidationImageKeys });
    }

    [Fact]
    public async Task Find_Unknown_IsNull() => Assert.Null(await Read<ILoraStore, Lora?>(store => store.FindAsync(new LoraId(NextId()), None)));

    [Fact]
    public async Task ValidationImages_SavedAgain_ReplaceTheSameAttemptAndIndexAndKeepTheStoredAttemptsKeysInOrder()
    {
        Lora lora = NewLora();
        await In<ILoraStore>(store => store.AddAsync(lora, None));
        ValidationImage[] images = [Image(1, 0.3, null), Image(0, 0.9, null), Image(2, 0.7, null)];
        await In<ILoraStore>(store => store.SaveValidationImagesAsync(lora.Id, images, None));

        ValidationImage verdict = Image(1, 0.3, false) with { Reason = "Score 0.30 is below 0.60." };
        await In<ILoraStore>(store => store.SaveValidationImagesAsync(lora.Id, [verdict], None));

        Assert.Equal([images[1], verdict, images[2]], await Read<ILoraStore, IReadOnlyList<ValidationImage>>(store => store.ListValidationImagesAsync(lora.Id, None)));
        Assert.Equal(["v/0.jpg", "v/1.jpg", "v/2.jpg"], (await Read<ILoraStore, Lora?>(store => store.FindAsync(lora.Id, None)))!.ValidationImageKeys);

        ValidationImage[] next = [Image(0, 0.4, null) with { Attempt = 2, IsPending = true }, Image(1, 0.8, null) with { Attempt = 2, IsPending = true }];
        await In<ILoraStore>(store => store.SaveValidationImagesAsync(lora.Id, next, None));
        Assert.Equal(
            [images[1], verdict, images[2], .. next],
            await Read<ILoraStore, IReadOnlyList<ValidationImage>>(store => store.ListValidationImagesAsync(lora.Id, None)));
        Assert.Equal(["v/0.jpg", "v/1.jpg", "v/2.jpg"], (await Read<ILoraStore, Lora?>(store => store.FindAsync(lora.Id, None)))!.ValidationImageKeys);

        await In<ILoraStore>(store => store.SaveValidationImagesAsync(lora.Id, [.. next.Select(image => image with { IsPending = false })], None));
        Assert.Equal(["v/0.jpg", "v/1.jpg"], (await Read<ILoraStore, Lora?>(store => store.FindAsync(lora.Id, None)))!.ValidationImageKeys);
        await In<ILoraStore>(store => store.SaveValidationImagesAsync(lora.Id, [images[2] with { IsPending = true }], None));
        Assert.Equal(["v/0.jpg", "v/1.jpg"], (await Read<ILoraStore, Lora?>(store => store.FindAsync(lora.Id, None)))!.ValidationImageKeys);

        ValidationImage Image(int index, double score, bool? passed) => new(lora.Id, index, $"v/{index}.jpg", score, passed, null, Start, 1);
    }
}

public abstract class SpoolStoreContract : StoreContract
{
    [Fact]
    public async Task List_NamesTheDisksOwnFiles_OldestFirst()
    {
        SpoolEntry later = Entry(NextJob(), "here", "b.safetensors") with { VerifiedAt = Start.AddMinutes(1) };
        SpoolEntry sooner = Entry(NextJob(), "here", "a.safetensors");
        SpoolEntry elsewhere = Entry(NextJob(), "there", "a.safetensors") with { VerifiedAt = Start.AddMinutes(2) };
        foreach (SpoolEntry entry in new[] { later, sooner, elsewhere })
        {
            await In<ISpoolStore>(store => store.SaveAsync(entry, None));
        }

        Assert.Equal([sooner, later], await Read<ISpoolStore, IReadOnlyList<SpoolEntry>>(store => store.ListAsync("here", None)));
        Assert.Equal([sooner, later, elsewhere], await Read<ISpoolStore, IReadOnlyList<SpoolEntry>>(store => store.ListAllAsync(10, None)));
        Assert.Equal([elsewhere, sooner], await Read<ISpoolStore, IReadOnlyList<SpoolEntry>>(store => store.ListNamedAsync("a.safetensors", None)));
        SpoolDiscard discard = new(new Actor(ActorKind.Person, "ada"), "a test", Start);
        await In<ISpoolStore>(store => store.SaveAsync(elsewhere with { Discard = discard }, None));
        Assert.Equal([sooner], await Read<ISpoolStore, IReadOnlyList<SpoolEntry>>(store => store.ListNamedAsync("a.safetensors", None)));
        await In<ISpoolStore>(store => store.SaveAsync(elsewhere, None));
        Assert.Equal([sooner, later], await Read<ISpoolStore, IReadOnlyList<SpoolEntry>>(store => store.ListAllAsync(2, None)));
    }

    [Fact]
    public async Task Entry_SavedAgainUnderItsName_TakesThePlaceOfTheFirst()
    {
        SpoolEntry first = Entry(NextJob(), "here", "a.safetensors");
        SpoolEntry second = first with
        {
            Job = null,
            Attempt = 0,
            Pod = "lora-1-2-3",
            DueAt = Start.AddHours(1),
            FailedRuns = 3,
            LastError = "HTTP 544",
            LastTriedAt = Start.AddMinutes(5),
            Discard = new SpoolDiscard(new Actor(ActorKind.Person, "ada"), "a test", Start.AddMinutes(6)),
        };
        await In<ISpoolStore>(store => store.SaveAsync(first, None));

        await In<ISpoolStore>(store => store.SaveAsync(second, None));

        Assert.Equal(second, await Read<ISpoolStore, SpoolEntry?>(store => store.FindAsync("here", "a.safetensors", None)));
        await In<ISpoolStore>(store => store.DeleteAsync("here", "a.safetensors", None));
        Assert.Null(await Read<ISpoolStore, SpoolEntry?>(store => store.FindAsync("here", "a.safetensors", None)));
    }

    [Fact]
    public async Task ListForJob_NamesFilesOfAllDisksNewestAttemptFirst_WithoutDiscardedOnes()
    {
        JobId job = NextJob();
        SpoolEntry old = Entry(job, "here", "1.safetensors");
        SpoolEntry taken = Entry(job, "there", "2.safetensors") with { Attempt = 2 };
        SpoolEntry newer = Entry(job, "here", "2.safetensors") with { Attempt = 2, VerifiedAt = Start.AddMinutes(1) };
        SpoolEntry gone = Entry(job, "here", "3.safetensors") with { Attempt = 3, Discard = new SpoolDiscard(new Actor(ActorKind.Person, "ada"), "a test", Start) };
        foreach (SpoolEntry entry in new[] { old, taken, newer, gone, Entry(NextJob(), "here", "x.safetensors") })
        {
            await In<ISpoolStore>(store => store.SaveAsync(entry, None));
        }

        Assert.Equal([newer, taken, old], await Read<ISpoolStore, IReadOnlyList<SpoolEntry>>(store => store.ListForJobAsync(job, None)));
    }

    [Fact]
    public async Task Beat_IsKeptPerInstanceAndDiskAndLeavesWhatWasToldAlone()
    {
        SpoolInstance one = new("a", "disk-1", "host-1", Start);
        await In<ISpoolStore>(store => store.BeatAsync(one, None));
        await In<ISpoolStore>(store => store.BeatAsync(new SpoolInstance("b", "disk-2", "host-2", Start), None));
        await In<ISpoolStore>(store => store.SetSilenceToldAsync("disk-1", true, None));
        await In<ISpoolStore>(store => store.SetAwayToldAsync("a", "disk-1", true, None));

        SpoolInstance later = one with { Host = "host-4", LastSeenAt = Start.AddMinutes(1) };
        await In<ISpoolStore>(store => store.BeatAsync(later, None));
        SpoolInstance moved = one with { Spool = "disk-3", LastSeenAt = Start.AddMinutes(2) };
        await In<ISpoolStore>(store => store.BeatAsync(moved, None));

        SpoolInstance told = later with { IsSilenceTold = true, IsAwayTold = true };
        SpoolInstance other = new("b", "disk-2", "host-2", Start);
        Assert.Equal([told, moved, other], await Read<ISpoolStore, IReadOnlyList<SpoolInstance>>(store => store.ListInstancesAsync(None)));

        await In<ISpoolStore>(store => store.ForgetInstancesAsync("disk-1", Start.AddMinutes(1), None));
        Assert.Equal([told, moved, other], await Read<ISpoolStore, IReadOnlyList<SpoolInstance>>(store => store.ListInstancesAsync(None)));
        await In<ISpoolStore>(store => store.ForgetInstancesAsync("disk-1", Start.AddMinutes(1.5), None));
        Assert.Equal([moved, other], await Read<ISpoolStore, IReadOnlyList<SpoolInstance>>(store => store.ListInstancesAsync(None)));
    }

    [Fact]
    public async Task NoteError_WritesNothingElseAndBringsNoRowBack()
    {
        SpoolEntry entry = Entry(NextJob(), "here", "a.safetensors") with { DueAt = Start.AddHours(1) };
        await In<ISpoolStore>(store => store.SaveAsync(entry, None));
        await In<ISpoolStore>(store => store.NoteErrorAsync("here", "a.safetensors", "it stays", None));
        await In<ISpoolStore>(store => store.NoteErrorAsync("here", "b.safetensors", "it stays", None));

        Assert.Equal([entry with { LastError = "it stays" }], await Read<ISpoolStore, IReadOnlyList<SpoolEntry>>(store => store.ListAsync("here", None)));
    }

    private static SpoolEntry Entry(JobId job, string spool, string name) => new(job, 1, spool, name, 10, new string('a', 64), Start);
}

public abstract class AccessStoreContract : StoreContract
{
    [Fact]
    public async Task Token_SavedUnderTheSameName_ReplacesTheOldOne()
    {
        ApiToken old = new(NextId(), "bootstrap", "hash-1", [Permissions.ReadTraining, Permissions.ReadLoras], Start, Start.AddDays(1), null);
        ApiToken next = old with { Id = NextId(), Sha256 = "hash-2", ExpiresAt = null, RevokedAt = Start };
        await In<IAccessStore>(store => store.SaveTokenAsync(old, None));
        await In<IAccessStore>(store => store.SaveTokenAsync(old, None));

        await In<IAccessStore>(store => store.SaveTokenAsync(next, None));

        Assert.Null(await Read<IAccessStore, ApiToken?>(store => store.FindTokenAsync("hash-1", None)));
        ApiToken? read = await Read<IAccessStore, ApiToken?>(store => store.FindTokenAsync("hash-2", None));
        Assert.NotNull(read);
        Assert.Equal(next.Scopes, read.Scopes);
        Assert.Equal(next, read with { Scopes = next.Scopes });
    }

    [Fact]
    public async Task Token_Revoked_EndsOnceAndStaysReadable()
    {
        ApiToken token = new(NextId(), "gateway", "hash-3", [Permissions.ReadTraining], Start, null, null);
        await In<IAccessStore>(store => store.SaveTokenAsync(token, None));

        Assert.True(await In<IAccessStore, bool>(store => store.RevokeTokenAsync("gateway", Start.AddHours(1), None)));
        Assert.False(await In<IAccessStore, bool>(store => store.RevokeTokenAsync("gateway", Start.AddHours(2), None)));
        Assert.False(await In<IAccessStore, bool>(store => store.RevokeTokenAsync("nobody", Start, None)));
        Assert.Equal(Start.AddHours(1), (await Read<IAccessStore, ApiToken?>(store => store.FindTokenAsync("hash-3", None)))?.RevokedAt);
    }

    [Fact]
    public async Task SignInLink_SpentByManyAtOnce_WorksOnce()
    {
        await In<IAccessStore>(store => store.AddSignInLinkAsync("link", Start, Start.AddMinutes(15), None));

        bool[] spent = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
            In<IAccessStore, bool>(store => store.SpendSignInLinkAsync("link", Start.AddMinutes(1), None)))));

        Assert.Single(spent, done => done);
    }

    [Fact]
    public async Task SignInLink_AtItsEnd_IsRefused()
    {
        await In<IAccessStore>(store => store.AddSignInLinkAsync("link", Start, Start.AddMinutes(15), None));

        Assert.False(await In<IAccessStore, bool>(store => store.SpendSignInLinkAsync("link", Start.AddMinutes(15), None)));
        Assert.False(await In<IAccessStore, bool>(store => store.SpendSignInLinkAsync("other", Start, None)));
    }

    [Fact]
    public async Task Sessions_AreReadByTheirIdsAlone()
    {
        SignInSession first = new(NextId(), "admin", Start, Start.AddHours(12), EndedAt: null);
        SignInSession second = new(NextId(), "admin", Start.AddHours(1), Start.AddHours(13), EndedAt: null);
        SignInSession third = second with { Id = NextId() };
        foreach (SignInSession session in (SignInSession[])[first, second, third])
        {
            await In<IAccessStore>(store => store.AddSessionAsync(session, None));
        }

        IReadOnlyList<SignInSession> read = await Read<IAccessStore, IReadOnlyList<SignInSession>>(
            store => store.ListSessionsAsync([second.Id, NextId(), first.Id], None));

        Assert.Equal([first, second], read.OrderBy(session => session.CreatedAt));
        Assert.Empty(await Read<IAccessStore, IReadOnlyList<SignInSession>>(store => store.ListSessionsAsync([], None)));
    }

    [Fact]
    public async Task Session_Ended_EndsOnceAndAlone()
    {
        SignInSession left = new(NextId(), "admin", Start, Start.AddHours(12), EndedAt: null);
        SignInSession stays = left with { Id = NextId(), CreatedAt = Start.AddMinutes(1) };
        await In<IAccessStore>(store => store.AddSessionAsync(left, None));
        await In<IAccessStore>(store => store.AddSessionAsync(stays, None));

        Assert.True(await In<IAccessStore, bool>(store => store.EndSessionAsync(left.Id, Start.AddHours(1), None)));
        Assert.False(await In<IAccessStore, bool>(store => store.EndSessionAsync(left.Id, Start.AddHours(2), None)));
        Assert.False(await In<IAccessStore, bool>(store => store.EndSessionAsync(NextId(), Start, None)));
        IReadOnlyList<SignInSession> read = await Read<IAccessStore, IReadOnlyList<SignInSession>>(store => store.ListSessionsAsync([left.Id, stays.Id], None));
        Assert.Equal([left with { EndedAt = Start.AddHours(1) }, stays], read.OrderBy(session => session.CreatedAt));
    }
}

public abstract class IdempotencyContract : StoreContract
{
    [Fact]
    public async Task Key_TakenByManyAtOnce_IsWrittenOnce()
    {
        Guid token = NextId();
        IdempotencyRecord[] records = [.. Enumerable.Range(0, 16).Select(_ => new IdempotencyRecord(token, "key", "hash", NextJob(), new LoraId(NextId()), Start))];

        IdempotencyRecord?[] holders = await Task.WhenAll(records.Select(record => Task.Run(() => Claim(record))));

        Assert.Single(holders.OfType<IdempotencyRecord>().Distinct());
    }

    [Fact]
    public async Task Key_TooOldToCount_IsReplaced()
    {
        IdempotencyRecord old = new(NextId(), "key", "hash", NextJob(), new LoraId(NextId()), Start.AddDays(-8));
        IdempotencyRecord next = old with { BodyHash = "other", Job = NextJob(), CreatedAt = Start };

        Assert.Equal(old, await Claim(old));
        Assert.Equal(next, await Claim(next));
        Assert.Equal(next, await Claim(next with { BodyHash = "third", Job = NextJob() }));
    }

    [Fact]
    public async Task Key_OfAnotherToken_IsAnotherKey()
    {
        IdempotencyRecord first = new(NextId(), "key", "hash", NextJob(), new LoraId(NextId()), Start);
        IdempotencyRecord second = first with { TokenId = NextId(), Job = NextJob() };

        Assert.Equal(first, await Claim(first));
        Assert.Equal(second, await Claim(second));
    }

    [Fact]
    public async Task Key_OfARequestThatWasRolledBack_IsFree()
    {
        IdempotencyRecord first = new(NextId(), "key", "hash", NextJob(), new LoraId(NextId()), Start);
        await Assert.ThrowsAsync<NotSupportedException>(() => Work.RunAsync<int>(
            async (unit, cancellationToken) =>
            {
                await unit.Store<IIdempotencyStore>().ClaimAsync(first, Start.AddDays(-7), cancellationToken);
                throw new NotSupportedException("planned");
            },
            None));
        IdempotencyRecord second = first with { Job = NextJob() };

        Assert.Equal(second, await Claim(second));
    }

    protected Task<IdempotencyRecord?> Claim(IdempotencyRecord record) =>
        In<IIdempotencyStore, IdempotencyRecord?>(store => store.ClaimAsync(record, Start.AddDays(-7), None));
}

public abstract class UnitOfWorkContract : StoreContract
{
    [Fact]
    public async Task Run_Throws_RollsEverythingBack()
    {
        TrainingJob job = NewJob();
        Lora lora = NewLora();

        await Assert.ThrowsAsync<NotSupportedException>(() => Work.RunAsync(
            async (unit, cancellationToken) =>
            {
                await unit.Store<ITrainingStore>().AddAsync(job, [], null, cancellationToken);
                await unit.Store<ILoraStore>().AddAsync(lora, cancellationToken);
                await unit.Events.AppendAsync(Fact(job.Id), cancellationToken);
                throw new NotSupportedException("planned");
            },
            None));

        Assert.Null(await Read<ITrainingStore, TrainingJob?>(store => store.FindAsync(job.Id, None)));
        Assert.Null(await Read<ILoraStore, Lora?>(store => store.FindAsync(lora.Id, None)));
    }

    [Fact]
    public async Task Run_SeveralStores_SeeEachOthersWritesAndCommitTogether()
    {
        TrainingJob job = NewJob();
        Lora lora = NewLora();

        bool seen = await Work.RunAsync(
            async (unit, cancellationToken) =>
            {
                await unit.Events.AppendAsync(Fact(job.Id), cancellationToken);
                await unit.Store<ITrainingStore>().AddAsync(job, [], null, cancellationToken);
                await unit.Store<ILoraStore>().AddAsync(lora, cancellationToken);
                return await unit.Store<ITrainingStore>().FindAsync(job.Id, cancellationToken) is not null;
            },
            None);

        Assert.True(seen);
        Assert.NotNull(await Read<ITrainingStore, TrainingJob?>(store => store.FindAsync(job.Id, None)));
        Assert.NotNull(await Read<ILoraStore, Lora?>(store => store.FindAsync(lora.Id, None)));
    }

    [Fact]
    public async Task Read_ThatWrites_CommitsNothing()
    {
        TrainingJob job = NewJob();

        await Work.ReadAsync(
            async (unit, cancellationToken) =>
            {
                await unit.Store<ITrainingStore>().AddAsync(job, [], null, cancellationToken);
                return true;
            },
            None);

        Assert.Null(await Read<ITrainingStore, TrainingJob?>(store => store.FindAsync(job.Id, None)));
    }

    [Fact]
    public async Task Run_Cancelled_WritesNothing()
    {
        TrainingJob job = NewJob();
        using CancellationTokenSource source = new();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Work.RunAsync(
            async (unit, cancellationToken) =>
            {
                await unit.Store<ITrainingStore>().AddAsync(job, [], null, cancellationToken);
                await source.CancelAsync();
                cancellationToken.ThrowIfCancellationRequested();
            },
            source.Token));

        Assert.Null(await Read<ITrainingStore, TrainingJob?>(store => store.FindAsync(job.Id, None)));
    }

    [Fact]
    public async Task Store_AskedTwiceInAUnit_IsTheSame()
    {
        bool same = await Work.ReadAsync(
            (unit, _) => Task.FromResult(ReferenceEquals(unit.Store<ITrainingStore>(), unit.Store<ITrainingStore>())), None);

        Assert.True(same);
    }
}
