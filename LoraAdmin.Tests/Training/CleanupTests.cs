using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Budget;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Simulation;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>A job is cleaned up when it is over and nothing that any of its attempts had may still cost money.</summary>
[Trait("Requirement", "M6")]
public sealed class CleanupTests
{
    /// <summary>The other provider trains the job while pods may still turn up under the calls that RunPod never answered clearly.</summary>
    [Fact]
    public async Task JobIsOver_AnEarlierAttemptHasACreationInDoubt_IsPendingUntilThatIsSettled()
    {
        TrainingBench bench = HostedBench.New(static cloud => cloud.Training = TimeSpan.FromMinutes(2));
        JobId id = await bench.SubmitWithoutPodsAsync();
        await bench.RunToStateAsync(id, TrainingState.Completed);
        Assert.Equal(2, bench.Job(id).Attempt);
        Assert.Equal(CleanupWords.Pending, bench.Job(id).CleanupStatus);

        await bench.RunUntilAsync(() => bench.Reservation(id, 2).SettledAt is not null, "the last attempt settled");
        Assert.Null(bench.Reservation(id).SettledAt);
        Assert.Equal(CleanupWords.Pending, bench.Job(id).CleanupStatus);

        await bench.RunUntilAsync(() => bench.Reservation(id).SettledAt is not null, "the first attempt settled");
        Assert.Equal(CleanupWords.Done, bench.Job(id).CleanupStatus);
    }

    [Fact]
    public async Task JobGoesOn_AnEarlierAttemptIsSettled_IsNotDone()
    {
        TrainingBench bench = new();
        JobId id = await RetriedInDoubtAsync(bench);
        await bench.RunUntilAsync(() => bench.Reservation(id).SettledAt is not null, "the first attempt settled");
        Assert.False(bench.Job(id).State.IsFinal());
        Assert.Equal(CleanupWords.Pending, bench.Job(id).CleanupStatus);
        Assert.Equal("Attempt 1 ended and its pods are gone", Assert.Single(EndsOfOverTime(bench, id)));

        await bench.RunToStateAsync(id, TrainingState.Completed);
        Assert.Equal(CleanupWords.Pending, bench.Job(id).CleanupStatus);
        await bench.RunToRestAsync(id);
        Assert.Equal(CleanupWords.Done, bench.Job(id).CleanupStatus);
    }

    /// <summary>Its agent is silent past the limit, of which people were told: that stands until this attempt is over and gone, whatever an earlier one comes to.</summary>
    [Fact]
    [Trait("Requirement", "M1")]
    public async Task JobGoesOnPastItsLimit_AnEarlierAttemptIsSettled_WhatPeopleWereToldStands()
    {
        TrainingBench bench = new(static cloud => cloud.Training = TimeSpan.FromHours(5));
        bench.Rules(static rules => rules with { MaxDuration = TimeSpan.FromMinutes(6) });
        JobId id = await RetriedInDoubtAsync(bench);
        await bench.RunUntilAsync(() => bench.Job(id).Figures is not null, "a training that moves");
        bench.Faults.Add(FaultKind.AgentUnreachable, seconds: 86_400);
        await bench.RunUntilAsync(() => bench.Facts(id, TrainingEvents.OverTime).Count > 0, "the alert");
        Assert.Null(bench.Reservation(id).SettledAt);

        await bench.RunUntilAsync(() => bench.Reservation(id).SettledAt is not null, "the first attempt settled");
        Assert.False(bench.Job(id).State.IsFinal());
        Assert.Empty(EndsOfOverTime(bench, id));

        bench.Faults.Clear();
        await bench.RunToRestAsync(id);
        Assert.Equal("The job ended and its pods are gone", Assert.Single(EndsOfOverTime(bench, id)));
    }

    /// <summary>Each sees the other open as long as neither has written the job's row: one of the two must be the last.</summary>
    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.Postgres)]
    public async Task JobIsOver_TwoAttemptsAreSettledAtOnce_IsDone(DatabaseKind kind)
    {
        FakeTimeProvider clock = new(SimulatedWorld.Start);
        DateTimeOffset now = clock.GetUtcNow();
        TrainingRules rules = new SimulatedWorld(1).Training;
        await using TestDatabase database = await TestDatabase.CreateAsync(kind, clock);
        for (int round = 1; round <= 8; round++)
        {
            JobId job = new(new Guid(round, 0, 0, new byte[8]));
            Reservation[] both = await database.Work.RunAsync(
                async (unit, token) =>
                {
                    ITrainingStore jobs = unit.Store<ITrainingStore>();
                    TrainingJob ended = StormRows.Job(job, TrainingBench.User, now) with { State = TrainingState.Failed, Attempt = 2, CompletedAt = now };
                    await jobs.AddAsync(ended, [], Failed(1), token);
                    await jobs.AddAttemptAsync(Failed(2), token);
                    return new[] { await ReserveAsync(unit, 1, now.AddMonths(-1), token), await ReserveAsync(unit, 2, now, token) };
                },
                TrainingBench.Token);

            bool[] settled = await Task.WhenAll(both.Select(one => Task.Run(
                () => database.Work.RunAsync((unit, token) => AttemptSettlement.TrySettleAsync(unit, one, rules, now, token), TrainingBench.Token), TrainingBench.Token)));

            Assert.Equal([true, true], settled);
            Assert.Equal(
                CleanupWords.Done,
                (await database.Work.ReadAsync((unit, token) => unit.Store<ITrainingStore>().FindAsync(job, token), TrainingBench.Token))!.CleanupStatus);

            TrainingAttempt Failed(int number) => StormRows.Attempt(job, number, now) with { State = AttemptState.Failed, EndedAt = now, Failure = FailureCode.PodLost };

            async Task<Reservation> ReserveAsync(IUnit unit, int attempt, DateTimeOffset at, CancellationToken token) => Assert.IsType<ReserveResult.Reserved>(
                await unit.Store<IBudgetStore>().TryReserveAsync(new Guid(round, (short)attempt, 0, new byte[8]), job, attempt, Usd.FromDollars(1), at, new BudgetRules(Usd.FromDollars(100), Usd.Zero), token)).Reservation;
        }
    }

    /// <summary>RunPod never answered clearly what became of the first attempt's creations, and a person had the job tried again.</summary>
    private static async Task<JobId> RetriedInDoubtAsync(TrainingBench bench)
    {
        JobId id = await bench.SubmitWithoutPodsAsync();
        await bench.RunToStateAsync(id, TrainingState.Failed);
        Assert.Equal(CleanupWords.Pending, bench.Job(id).CleanupStatus);
        Assert.IsType<RetryOutcome.Accepted>(await bench.Portal.Desk.RetryAsync(id, TrainingBench.Person, TrainingBench.Token));
        return id;
    }

    private static string[] EndsOfOverTime(TrainingBench bench, JobId id) =>
        [.. bench.Facts(id, TrainingEvents.Settled).SelectMany(static fact => fact.Signals).Where(static one => one is { Rule: TrainingIncidents.OverTime, Over: true }).Select(static one => one.Text)];
}
