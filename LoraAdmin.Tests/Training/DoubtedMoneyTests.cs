using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>What a refused job is told while all that the month has left is held for pods of an attempt that is over.</summary>
[Trait("Requirement", "M6")]
public sealed class DoubtedMoneyTests
{
    private readonly TrainingBench bench = new();

    /// <summary>RunPod never answered clearly: the account is looked at for a quarter of an hour, hours less than an attempt may take.</summary>
    [Fact]
    public async Task RefusedJob_PodsAreInDoubt_IsToldWhenTheyHaveBeenLookedFor()
    {
        JobId id = await FullByADoubtAsync();
        await bench.RunForAsync(TimeSpan.FromMinutes(3));
        LedgerPod last = bench.Pods(id).MaxBy(static pod => pod.AbsentSince)!;
        Assert.True(last is { IsInDoubt: true, AbsentSince: not null });

        SubmitOutcome.BudgetExhausted full = await RefusedAsync();
        Assert.Equal(last.AbsentSince!.Value + TimeSpan.FromMinutes(17), full.MayFitAt);

        await bench.RunForAsync(full.MayFitAt!.Value - bench.Now);
        Assert.IsType<SubmitOutcome.Accepted>(await SubmitAsync());
    }

    /// <summary>Nobody has looked yet: the doubt lasts from the first look that misses them, which is due at once.</summary>
    [Fact]
    public async Task RefusedJob_NobodyHasLookedForThePodsYet_IsToldByWhenTheyWereLetGo()
    {
        JobId id = await FullByADoubtAsync(looksAtPods: false);
        Assert.All(bench.Pods(id), static pod => Assert.Null(pod.AbsentSince));

        Assert.Equal(bench.Pods(id).Max(static pod => pod.WantSince) + TimeSpan.FromMinutes(17), (await RefusedAsync()).MayFitAt);
    }

    /// <summary>The account can't be listed: what was to be known by then is not.</summary>
    [Fact]
    public async Task RefusedJob_PodsAreInDoubtBeyondTheirTime_IsToldThatNobodyKnows()
    {
        await FullByADoubtAsync();
        bench.World.Clock.Advance(TimeSpan.FromMinutes(20));

        Assert.Null((await RefusedAsync()).MayFitAt);
    }

    /// <summary>Its new attempt is looked at by its time, the earlier one by its doubt.</summary>
    [Fact]
    public async Task RefusedJob_AnEarlierAttemptIsInDoubtAndTheJobGoesOn_IsToldByTheDoubt()
    {
        JobId id = await FullByADoubtAsync(looksAtPods: false);
        Usd first = bench.Reservation(id).Amount;
        bench.World.Budget = new BudgetRules(Usd.FromDollars(1_000), Usd.Zero);
        Assert.IsType<RetryOutcome.Accepted>(await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token));
        bench.World.Budget = new BudgetRules(bench.Month.Reserved + bench.Month.Spent, Usd.Zero);
        Assert.Equal(first, bench.Reservation(id, 2).Amount);

        Assert.Equal(bench.Pods(id).Max(static pod => pod.WantSince) + TimeSpan.FromMinutes(17), (await RefusedAsync()).MayFitAt);
    }

    /// <summary>A pod that is known to be there ends when it ends: only the attempt's own time says anything.</summary>
    [Fact]
    public async Task RefusedJob_APodOfTheAttemptIsThere_IsToldByTheAttemptsTime()
    {
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Training);
        bench.PodLoopRuns = false;
        await bench.CancelAsync(id, TrainingBench.Person);
        await bench.RunToStateAsync(id, TrainingState.Cancelled);
        bench.World.Budget = new BudgetRules(bench.Month.Reserved + bench.Month.Spent, Usd.Zero);

        Assert.Equal(bench.Reservation(id).CreatedAt + bench.World.Training.PodLifetime, (await RefusedAsync()).MayFitAt);
    }

    /// <summary>What a failed job may have at RunPod is all that the month has left.</summary>
    private async Task<JobId> FullByADoubtAsync(bool looksAtPods = true)
    {
        bench.PodLoopRuns = looksAtPods;
        JobId id = await bench.SubmitWithoutPodsAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);
        Assert.Contains(bench.Pods(id), static pod => pod.IsInDoubt);
        bench.World.Budget = new BudgetRules(bench.Month.Reserved + bench.Month.Spent, Usd.Zero);
        return id;
    }

    private async Task<SubmitOutcome.BudgetExhausted> RefusedAsync() => Assert.IsType<SubmitOutcome.BudgetExhausted>(await SubmitAsync());

    private Task<SubmitOutcome> SubmitAsync() => bench.Portal.Desk.SubmitAsync(bench.Request(), null, TrainingBench.Gateway, TrainingBench.Token);
}
