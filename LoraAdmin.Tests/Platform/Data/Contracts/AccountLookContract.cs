using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data.Contracts;

public abstract class AccountLookContract : StoreContract
{
    private static readonly ProviderError Refused = new(ProviderFailure.RateLimited, 429, "\"slow down\"", TimeSpan.FromSeconds(7), "req-1");

    private static readonly ListedPod Known = new(
        new ProviderPod("abcd1234", "lora-x", ProviderPodStatus.Running, "RUNNING", "NVIDIA A40", Usd.FromDollars(0.41m), Start.AddHours(-1), Start, Locked: false), IsKnown: true);

    private static readonly ListedPod Stranger = new(
        new ProviderPod("efgh5678", "a \"box\"", ProviderPodStatus.Unknown, "PAUSED", null, Usd.Zero, null, null, Locked: true), IsKnown: false);

    [Fact]
    public async Task Look_BeforeTheFirst_IsNone()
    {
        Assert.Equal(0, await Number());
        Assert.Equal(AccountLook.None, await Find());
    }

    [Fact]
    public async Task Look_Written_IsReadAsItWas()
    {
        Assert.True(await Write(1, 2, Known, Stranger));

        AccountLook look = await Find();
        Assert.Equal((1, Start, 2, null, null), (look.Number, look.ListedAt, look.HeldBack, look.FailingSince, look.Error));
        Assert.Equal([Known, Stranger], look.Pods);
        Assert.Equal(1, await Number());
    }

    [Fact]
    public async Task Look_OvertakenByAnother_IsNotWritten()
    {
        Assert.True(await Write(1, 0, Known));
        Assert.True(await Write(2, 0));

        Assert.False(await Write(2, 5, Known, Stranger));
        Assert.False(await NoteFailure(2, Start));
        Assert.False(await Write(1, 5, Known));

        AccountLook look = await Find();
        Assert.Equal((2, 0, null), (look.Number, look.HeldBack, look.FailingSince));
        Assert.Empty(look.Pods);
    }

    [Fact]
    public async Task Failure_KeepsTheLastListing_AndTheTimeOfTheFirst_UntilAListingWorks()
    {
        Assert.True(await Write(1, 1, Known));
        Assert.True(await NoteFailure(2, Start.AddMinutes(1)));
        Assert.True(await NoteFailure(3, Start.AddMinutes(2)));

        AccountLook failing = await Find();
        Assert.Equal((3, Start, 1, Start.AddMinutes(1), Refused), (failing.Number, failing.ListedAt, failing.HeldBack, failing.FailingSince, failing.Error));
        Assert.Equal([Known], failing.Pods);

        Assert.True(await Write(4, 0, Known));
        AccountLook well = await Find();
        Assert.Equal((4, null, null), (well.Number, well.FailingSince, well.Error));
    }

    [Fact]
    public async Task Failure_BeforeAnyListing_IsNoEmptyOne()
    {
        Assert.True(await NoteFailure(1, Start));

        AccountLook look = await Find();
        Assert.Equal((1, null, Start, Refused), (look.Number, look.ListedAt, look.FailingSince, look.Error));
    }

    [Fact]
    public async Task Look_OfManyAtOnce_IsWrittenByOne()
    {
        Assert.True(await Write(1, 0));

        bool[] written = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Write(2, 0, Known))));

        Assert.Single(written, static one => one);
    }

    private Task<long> Number() => Read<IAccountLookStore, long>(store => store.FindNumberAsync(None));

    private Task<AccountLook> Find() => Read<IAccountLookStore, AccountLook>(store => store.FindAsync(None));

    private Task<bool> Write(long number, int heldBack, params IReadOnlyList<ListedPod> pods) =>
        In<IAccountLookStore, bool>(store => store.TryWriteAsync(new AccountLook(number, Start, pods, heldBack, null, null), None));

    private Task<bool> NoteFailure(long number, DateTimeOffset at) => In<IAccountLookStore, bool>(store => store.TryNoteFailureAsync(number, at, Refused, None));
}
