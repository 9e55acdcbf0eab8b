using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data.Contracts;

public abstract class PodClaimContract : StoreContract
{
    private static readonly Actor Ada = new(ActorKind.Person, "ada");

    [Fact]
    public async Task Claims_Saved_AreListedOldestFirst()
    {
        PodClaim later = new("bbbb2222", ClaimVerdict.NotOurs, Ada, "a colleague's", Start.AddMinutes(1));
        PodClaim first = new("cccc3333", ClaimVerdict.Ours, Ada, "made by hand", Start);
        foreach (PodClaim claim in new[] { later, first })
        {
            await In<IPodClaimStore>(store => store.SaveAsync(claim, None));
        }

        Assert.Equal([first, later], await Read<IPodClaimStore, IReadOnlyList<PodClaim>>(store => store.ListAsync(None)));
        Assert.Equal(later, await Read<IPodClaimStore, PodClaim?>(store => store.FindAsync(later.PodId, None)));
        Assert.Null(await Read<IPodClaimStore, PodClaim?>(store => store.FindAsync("dddd4444", None)));
    }

    [Fact]
    public async Task Claim_SaidAgain_ReplacesTheEarlierOne()
    {
        PodClaim before = new("bbbb2222", ClaimVerdict.NotOurs, Ada, "a colleague's", Start);
        PodClaim after = new("bbbb2222", ClaimVerdict.Ours, new Actor(ActorKind.Person, "grace"), "no, ours", Start.AddHours(1));
        await In<IPodClaimStore>(store => store.SaveAsync(before, None));

        await In<IPodClaimStore>(store => store.SaveAsync(after, None));

        Assert.Equal([after], await Read<IPodClaimStore, IReadOnlyList<PodClaim>>(store => store.ListAsync(None)));
        Assert.Equal(after, await Read<IPodClaimStore, PodClaim?>(store => store.FindAsync(after.PodId, None)));
    }
}

public abstract class TrainingPauseContract : StoreContract
{
    private static readonly Actor Ada = new(ActorKind.Person, "ada");

    [Fact]
    public async Task Pause_NeverMade_IsNull() =>
        Assert.Null(await Read<ITrainingPauseStore, TrainingPause?>(store => store.FindAsync(None)));

    [Fact]
    public async Task Pause_SavedReplacedAndResumed_IsTheNewestOrNone()
    {
        TrainingPause first = new("driver update", Ada, Start, Start.AddHours(2));
        TrainingPause second = new("still going on", new Actor(ActorKind.Person, "grace"), Start.AddHours(1), null);

        await In<ITrainingPauseStore>(store => store.SaveAsync(first, None));
        Assert.Equal(first, await Read<ITrainingPauseStore, TrainingPause?>(store => store.FindAsync(None)));
        await In<ITrainingPauseStore>(store => store.SaveAsync(second, None));
        Assert.Equal(second, await Read<ITrainingPauseStore, TrainingPause?>(store => store.FindAsync(None)));
        await In<ITrainingPauseStore>(store => store.SaveAsync(null, None));
        Assert.Null(await Read<ITrainingPauseStore, TrainingPause?>(store => store.FindAsync(None)));
    }
}
