using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>What becomes of running jobs when the month's limit is lowered below what is spent and reserved.</summary>
public sealed class BudgetReachedTests
{
    private readonly TrainingBench bench = HostedBench.New(static cloud => cloud.Training = TimeSpan.FromMinutes(90));

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Limit_Lowered_EndsOnlyWhoseTopUpDoesNotFitAndWhoHasNoFileYet()
    {
        JobId late = await bench.SubmitAsync();
        await bench.RunToStateAsync(late, TrainingState.Training);
        await bench.RunForAsync(TimeSpan.FromHours(1));
        JobId steady = await bench.SubmitAsync();
        await bench.RunToStateAsync(steady, TrainingState.Training);
        await bench.IsolateAsync();
        JobId elsewhere = await bench.SubmitAsync();
        await bench.RunToStateAsync(elsewhere, TrainingState.Training);
        await bench.Portal.BreakerDesk.ResetAsync(BreakerSubject.RunPod, "it has moved", TrainingBench.Person, TrainingBench.Token);
        await bench.RunToStateAsync(late, TrainingState.Retrieving);
        LedgerPod pod = Assert.Single(bench.Pods(late));
        JobId dearer = await bench.SubmitAsync();

        // Also when the first of them gives back what it did not need, nothing fits.
        await LowerToAsync(bench.Month.Spent + bench.Month.Reserved - bench.Reservation(late).Amount);
        bench.World.Database.Pods.Set(pod.Name, pod with { LiveUntil = pod.LiveUntil + TimeSpan.FromHours(1) });
        bench.Rules(static rules => rules with { MaxDuration = TimeSpan.FromHours(3) });
        SubmitOutcome.BudgetExhausted refused = await RefusedAsync();
        Assert.Equal((bench.Month.Spent, bench.Month.Reserved), (refused.Month.Spent, refused.Month.Reserved));
        Assert.True(refused.Month.Free < Usd.Zero && refused.MayFitAt > bench.Now, $"{refused}");
        await bench.RunUntilAsync(() => bench.Job(dearer).State.IsFinal(), "the dearer one's end");
        await RefusedAsync();
        await bench.RunToRestAsync(steady);

        Assert.Equal(
            [(late, TrainingState.Completed), (steady, TrainingState.Completed), (elsewhere, TrainingState.Completed), (dearer, TrainingState.Failed)],
            new[] { late, steady, elsewhere, dearer }.Select(id => (id, bench.Job(id).State)));
        Assert.All([late, steady, elsewhere], id => Assert.NotEmpty(bench.StoredFile(id)!));
        Assert.Equal("replicate", bench.Job(elsewhere).Provider);
        Assert.Equal(FailureCode.BudgetExhausted, bench.Job(dearer).Failure!.Code);
        Assert.True(bench.Refunded(dearer));
        Assert.DoesNotContain(bench.World.Database.Entries.Rows, static entry => entry.Kind == EntryKind.TopUp);
        bench.AssertNothingIsLeft();
        Assert.IsType<SubmitOutcome.Accepted>(await bench.Portal.Desk.SubmitAsync(bench.Request(), null, TrainingBench.Gateway, TrainingBench.Token));
    }

    [Fact]
    [Trait("Requirement", "M6")]
    public async Task Limit_LoweredToWhatARunningJobStillNeeds_LeavesRoomForItsTopUp()
    {
        JobId id = await bench.SubmitAsync();
        Usd reserved = bench.Reservation(id).Amount;
        bench.Rules(static rules => rules with { MaxDuration = TimeSpan.FromHours(3) });
        Usd whole = bench.Reservation(await bench.SubmitAsync()).Amount;
        await LowerToAsync(whole + whole);

        await RefusedAsync();
        await bench.RunToRestAsync(id);

        Assert.True(bench.Reservation(id).Amount > reserved);
        Assert.All(bench.World.Database.Jobs.Rows, static job => Assert.Equal(TrainingState.Completed, job.State));
        bench.AssertNothingIsLeft();
    }

    private async Task LowerToAsync(Usd limit)
    {
        BudgetDesk desk = new(bench.World.Database, bench.World.Ids, bench.World.Clock, () => bench.World.Budget, bench.Portal.Clocks);
        LimitWish wish = new(new BudgetRules(limit, Usd.Zero), "The month is dear", AllowBelow: true);
        Assert.IsType<LimitOutcome.Set>(await desk.SetLimitAsync(wish, TrainingBench.Person, TrainingBench.Token));
    }

    private async Task<SubmitOutcome.BudgetExhausted> RefusedAsync() => Assert.IsType<SubmitOutcome.BudgetExhausted>(
        await bench.Portal.Desk.SubmitAsync(bench.Request(), null, TrainingBench.Gateway, TrainingBench.Token));
}
