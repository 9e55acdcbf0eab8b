using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;
using Xunit;

namespace LoraAdmin.Tests.Platform.Data.Contracts;

public abstract class HostedTrainingContract : StoreContract
{
    [Fact]
    public async Task Training_AddedAndSaved_IsReadBackWhole()
    {
        HostedTraining training = NewTraining(NextJob(), 2, 1) with { Kind = HostedKind.Prediction };
        await Add(training);
        HostedTraining seen = training with
        {
            IsNeeded = false,
            Reason = HostedReasons.InDoubt,
            Saw = HostedSaw.Over,
            TrainingId = "abcd1234",
            WantSince = Start.AddMinutes(1),
            StartedAt = Start.AddMinutes(2),
            EndedAt = Start.AddMinutes(3),
            AbsentSince = Start.AddMinutes(5),
            Worked = TimeSpan.FromMilliseconds(61_234),
            NextActionAt = Start.AddMinutes(4),
            CancelAttempts = 2,
            LastError = "503",
            Permit = new CreationPermit(false, "7:lora-a:b"),
        };

        Assert.True(await Save(seen));

        Assert.Equal(seen with { Version = 1 }, await Find(training.Name));
    }

    [Fact]
    public async Task Add_NameInUse_Throws()
    {
        HostedTraining training = NewTraining(NextJob(), 1, 1);
        await Add(training);
        await Assert.ThrowsAsync<InvalidOperationException>(() => Add(training));
    }

    [Fact]
    public async Task Save_OnWhatAnotherHasChanged_WritesNothing()
    {
        HostedTraining training = NewTraining(NextJob(), 1, 1);
        await Add(training);
        Assert.True(await Save(training with { LastError = "first" }));
        Assert.False(await Save(training with { LastError = "second" }));
        Assert.Equal("first", (await Find(training.Name))!.LastError);
    }

    [Fact]
    public async Task ListForAttempt_GivesItsTriesInOrder()
    {
        JobId job = NextJob();
        HostedTraining second = NewTraining(job, 2, 2);
        HostedTraining first = NewTraining(job, 2, 1);
        foreach (HostedTraining one in new[] { second, first, NewTraining(job, 3, 1), NewTraining(NextJob(), 2, 1) })
        {
            await Add(one);
        }

        Assert.Equal(
            [first.Name, second.Name],
            (await Read<IHostedTrainingStore, IReadOnlyList<HostedTraining>>(store => store.ListForAttemptAsync(job, 2, None))).Select(one => one.Name));
    }

    [Fact]
    public async Task ListOpen_LeavesOutWhatIsOverWithItsImages()
    {
        HostedTraining late = NewTraining(NextJob(), 1, 1) with { RequestedAt = Start.AddMinutes(1) };
        HostedTraining over = NewTraining(NextJob(), 1, 1);
        HostedTraining settled = NewTraining(NextJob(), 1, 1);
        foreach (HostedTraining one in new[] { late, over, settled })
        {
            await Add(one);
        }

        await Save(over with { Saw = HostedSaw.Lost });
        await Save(settled with { Saw = HostedSaw.Over, ImagesGone = true });

        Assert.Equal(
            [over.Name, late.Name], (await Read<IHostedTrainingStore, IReadOnlyList<HostedTraining>>(store => store.ListOpenAsync(None))).Select(one => one.Name));
    }

    [Fact]
    public async Task FindByTrainingId_KnowsTheProvidersIdAlone()
    {
        HostedTraining training = NewTraining(NextJob(), 1, 1) with { TrainingId = "mine" };
        await Add(training);
        Assert.Equal(training.Name, (await Read<IHostedTrainingStore, HostedTraining?>(store => store.FindByTrainingIdAsync("mine", None)))!.Name);
        Assert.Null(await Read<IHostedTrainingStore, HostedTraining?>(store => store.FindByTrainingIdAsync("other", None)));
    }

    [Fact]
    public async Task FindRefusal_IsTheNewestAnsweredOfItsKindIfItWasRefused()
    {
        // Later than what other tests ask for: the store answers for the whole ledger.
        HostedTraining refused = NewTraining(NextJob(), 1, 1) with { RequestedAt = Start.AddDays(1), Reason = HostedReasons.Refused, Saw = HostedSaw.NeverMade, LastError = "402" };
        await Add(refused);
        await Add(NewTraining(NextJob(), 1, 1) with { RequestedAt = Start.AddDays(2) });
        await Add(NewTraining(NextJob(), 1, 1) with { RequestedAt = Start.AddDays(2), Kind = HostedKind.Prediction, TrainingId = "made" });
        Assert.Equal(refused.Name, (await Refusal())?.Name);

        await Add(NewTraining(NextJob(), 1, 1) with { RequestedAt = Start.AddDays(3), TrainingId = "madeafter" });
        Assert.Null(await Refusal());
        Assert.Equal(refused.Name, (await Refusal(2))?.Name);
        Assert.Null(await Refusal(0.9));

        Task<HostedTraining?> Refusal(double days = 3) =>
            Read<IHostedTrainingStore, HostedTraining?>(store => store.FindRefusalAsync(HostedKind.Training, Start.AddDays(days), None));
    }

    private static HostedTraining NewTraining(JobId job, int attempt, int number) => new()
    {
        Name = PodNames.For("5eed0001", job, attempt, number),
        Job = job,
        Attempt = attempt,
        Try = number,
        IsNeeded = true,
        Saw = HostedSaw.Packing,
        RequestedAt = Start,
        WantSince = Start,
        HourlyRate = new Usd(5_040_000),
    };

    private Task Add(HostedTraining training) => In<IHostedTrainingStore>(store => store.AddAsync(training, None));

    private Task<bool> Save(HostedTraining training) => In<IHostedTrainingStore, bool>(store => store.SaveAsync(training, None));

    private Task<HostedTraining?> Find(string name) => Read<IHostedTrainingStore, HostedTraining?>(store => store.FindAsync(name, None));
}
