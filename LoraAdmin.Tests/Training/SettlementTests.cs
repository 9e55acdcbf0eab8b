using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Simulation;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>A reservation becomes what was really spent, once, and not before the pods are verified gone.</summary>
public sealed class SettlementTests
{
    [Fact]
    public async Task Attempt_AtRest_BooksWhatItsPodsCostAndFreesTheReservation()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        Usd reserved = bench.Month.Reserved;
        await bench.RunToRestAsync(id);

        Usd actual = bench.Reservation(id).Actual!.Value;
        Assert.Equal((Usd.Zero, actual), (bench.Month.Reserved, bench.Month.Spent));
        Assert.Equal((actual, actual), (bench.Job(id).Cost, bench.World.Database.Attempts.Find((id, 1))!.Cost));
        Assert.True(actual > Usd.Zero && actual < reserved, $"{actual} of {reserved}");
        Assert.Equal(
            $"Attempt 1 cost {actual}; {reserved} had been reserved", Assert.Single(bench.Facts(id, TrainingEvents.Settled)).Message);
    }

    [Fact]
    public async Task Attempt_AtRest_CostsWhatTheVendorBilled()
    {
        TrainingBench bench = new(cloud => cloud.Training = TimeSpan.FromMinutes(90));
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);

        decimal billed = Assert.Single(bench.VendorPods).SettledUsd;
        Assert.InRange(bench.Job(id).Cost!.Value.Dollars, billed, billed * 1.01m);
    }

    [Fact]
    public async Task Settlement_RunAgain_ChangesNothing()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);
        (BudgetMonth month, Usd? cost, int facts) before = (bench.Month, bench.Job(id).Cost, bench.World.Database.Events.Count);
        bench.World.Clock.Advance(TimeSpan.FromHours(1));

        Assert.Equal(0, await bench.Portal.Settlement.RunAsync(TrainingBench.Token));
        Assert.Equal(before, (bench.Month, bench.Job(id).Cost, bench.World.Database.Events.Count));
    }

    [Fact]
    public async Task Settlement_OfTwoInstancesAtOnce_BooksOnce()
    {
        TrainingBench bench = await UnsettledAsync();
        SimulatedPortal other = new(bench.World, new Mortality(_ => false), "other");
        int[] settled = await Task.WhenAll(
            Task.Run(() => bench.Portal.Settlement.RunAsync(TrainingBench.Token), TrainingBench.Token),
            Task.Run(() => other.Settlement.RunAsync(TrainingBench.Token), TrainingBench.Token));

        Assert.Equal(1, settled.Sum());
        TrainingJob job = Assert.Single(bench.World.Database.Jobs.Rows);
        Assert.Equal(job.Cost, bench.Month.Spent);
        Assert.Single(bench.Facts(job.Id, TrainingEvents.Settled));
    }

    [Fact]
    public async Task Settlement_BehindManyThatCantBeSettledYet_IsNotKeptWaiting()
    {
        TrainingBench bench = await UnsettledAsync();
        await bench.World.Database.RunAsync(
            async (unit, token) =>
            {
                for (int number = 1; number <= 1_200; number++)
                {
                    JobId goesOn = new(new Guid(900, 0, 0, BitConverter.GetBytes((long)number)));
                    ReserveResult before = await unit.Store<IBudgetStore>().TryReserveAsync(
                        goesOn.Value, goesOn, 1, new Usd(1), SimulatedWorld.Start.AddHours(-1), bench.World.Budget, token);
                    Assert.IsType<ReserveResult.Reserved>(before);
                }
            },
            TrainingBench.Token);

        Assert.Equal(1, await bench.Portal.Settlement.RunAsync(TrainingBench.Token));
    }

    [Fact]
    public async Task Settlement_WhileAPodIsNotVerifiedGone_Waits()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Completed);

        Assert.NotEqual(PodSaw.Gone, Assert.Single(bench.Pods(id)).Saw);
        Assert.Equal(0, await bench.Portal.Settlement.RunAsync(TrainingBench.Token));
        Assert.Null(bench.Reservation(id).SettledAt);
        Assert.Null(bench.Job(id).Cost);
        Assert.Equal(CleanupWords.Pending, bench.Job(id).CleanupStatus);
    }

    [Fact]
    public async Task Settlement_OfAJobThatEndsInTheNextMonth_BooksInTheMonthThatReserved()
    {
        TrainingBench bench = new();
        bench.World.Clock.SetUtcNow(new DateTimeOffset(2026, 3, 31, 23, 50, 0, TimeSpan.Zero));
        JobId id = await bench.SubmitAsync();
        await bench.RunToRestAsync(id);

        Assert.Equal(4, bench.Now.Month);
        Assert.Equal(bench.Job(id).Cost, bench.Month.Spent);
        Assert.Single(bench.World.Database.Months.Rows);
    }

    [Fact]
    public async Task Settlement_OfAJobThatNeverHadAPod_FreesTheWholeReservation()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.CancelAsync(id, TrainingBench.Gateway);
        await bench.RunToRestAsync(id);

        Assert.Equal((Usd.Zero, Usd.Zero), (bench.Month.Reserved, bench.Month.Spent));
        Assert.Equal(Usd.Zero, bench.Reservation(id).Actual);
    }

    private static async Task<TrainingBench> UnsettledAsync()
    {
        TrainingBench bench = new();
        JobId id = await bench.SubmitAsync();
        await bench.RunToStateAsync(id, TrainingState.Completed);
        bench.PodLoopRuns = false;
        for (int look = 0; look < 10 && bench.Pods(id)[0].Saw != PodSaw.Gone; look++)
        {
            await bench.LookAtPodsAsync();
            bench.World.Clock.Advance(TimeSpan.FromSeconds(15));
        }

        Assert.Equal(PodSaw.Gone, bench.Pods(id)[0].Saw);
        Assert.Null(bench.Reservation(id).SettledAt);
        return bench;
    }
}
