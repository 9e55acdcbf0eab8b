using LoraAdmin.Domain.Breaker;
using LoraAdmin.Tests.Simulation.Memory;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Breaker;

/// <summary>C6: what a worker does while Redis is away, and what holds when it is back.</summary>
[Trait("Requirement", "C6")]
public sealed class SharedBreakerTests
{
    private static readonly BreakerRules Rules = new(3, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(5), null);

    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 11, 25, 12, 0, 0, TimeSpan.Zero));
    private readonly MemoryCircuitStore redis;
    private int creations;

    public SharedBreakerTests() => redis = new MemoryCircuitStore(clock, () => Rules);

    [Fact]
    public async Task Away_CreationsGoOnUnderTheSameRules()
    {
        SharedBreaker breaker = Worker("one");
        Away();
        Assert.Equal(CircuitAnswers.Go, await CheckAsync(breaker));
        await FailAsync(breaker, 2);
        Assert.Equal(CircuitAnswers.Go, await CheckAsync(breaker));
        await FailAsync(breaker, 1);

        Assert.Equal(CircuitAnswers.Open, await CheckAsync(breaker));
        Assert.True(breaker.View.IsAway);
        Assert.Equal("Redis can't be reached.", breaker.View.AwayWhy);
    }

    [Fact]
    public async Task Away_BeginsWithTheLastKnownState()
    {
        SharedBreaker one = Worker("one");
        SharedBreaker two = Worker("two");
        await FailAsync(two, 2);
        Assert.Equal(CircuitAnswers.Go, await CheckAsync(one));
        Away();

        await FailAsync(one, 1);
        Assert.Equal(CircuitAnswers.Open, await CheckAsync(one));
    }

    [Fact]
    public async Task Away_RedisIsAskedAtMostOnceASecond()
    {
        SharedBreaker breaker = Worker("one");
        Away();
        for (int call = 0; call < 100; call++)
        {
            await CheckAsync(breaker);
        }

        Assert.Equal(1, redis.Calls);
        clock.Advance(SharedBreaker.AskAgainAfter);
        await CheckAsync(breaker);
        Assert.Equal(2, redis.Calls);
    }

    [Fact]
    public async Task Back_WhatTheWorkerFoundHoldsForAll()
    {
        SharedBreaker one = Worker("one");
        SharedBreaker two = Worker("two");
        Away();
        await FailAsync(one, 3);
        DateTimeOffset until = one.View.Local!.OpenUntil!.Value;
        clock.Advance(TimeSpan.FromMinutes(4));
        Back();

        Assert.Equal(CircuitAnswers.Open, await CheckAsync(one));
        Assert.Equal(CircuitAnswers.Open, await CheckAsync(two));
        Assert.False(one.View.IsAway);
        Assert.Equal(until, redis.State.OpenUntil);
    }

    [Fact]
    public async Task Back_FailuresOfBothSidesAddUp()
    {
        SharedBreaker one = Worker("one");
        SharedBreaker two = Worker("two");
        await FailAsync(two, 1);
        await CheckAsync(one);
        Away();
        await FailAsync(one, 1);
        Back();
        await FailAsync(two, 1);
        Assert.Equal(2, redis.State.Failures.Count);

        Assert.Equal(CircuitAnswers.Open, await CheckAsync(one));
        Assert.Equal(3, redis.State.History[0].Failures.Count);
    }

    [Fact]
    public async Task Back_ASharedBreakerThatOpenedMeanwhileStaysOpen()
    {
        SharedBreaker one = Worker("one");
        SharedBreaker two = Worker("two");
        await CheckAsync(one);
        Away();
        Assert.Equal(CircuitAnswers.Go, await CheckAsync(one));
        Back();
        await FailAsync(two, 3);
        clock.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(CircuitAnswers.Open, await CheckAsync(one));
    }

    [Fact]
    public async Task Back_AResetByAPersonIsNotUndoneByWhoSawItOpenBefore()
    {
        SharedBreaker one = Worker("one");
        SharedBreaker two = Worker("two");
        await FailAsync(two, 3);
        await CheckAsync(one);
        Away();
        await CheckAsync(one);
        Back();
        await two.CallAsync(new CircuitCall.Reset("ada", "mended"), CancellationToken.None);
        clock.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(CircuitAnswers.Go, await CheckAsync(one));
    }

    [Fact]
    public async Task RestartedEmpty_GetsBackWhatAWorkerKnows()
    {
        SharedBreaker one = Worker("one");
        SharedBreaker two = Worker("two");
        await FailAsync(one, 3);
        DateTimeOffset until = redis.State.OpenUntil!.Value;
        redis.Lose();

        Assert.Equal(CircuitAnswers.Open, await CheckAsync(one));
        Assert.Equal(CircuitAnswers.Open, await CheckAsync(two));
        Assert.Equal(until, redis.State.OpenUntil);
    }

    [Fact]
    public async Task RestartedEmpty_WhileNoPortalRan_GetsItBackFromTheDatabase()
    {
        SharedBreaker before = Worker("before");
        await before.CallAsync(new CircuitCall.Isolate("ada", "maintenance", null, ""), CancellationToken.None);
        Circuit kept = redis.State;
        redis.Lose();
        SharedBreaker after = Worker("after");
        after.Remember(kept);

        Assert.Equal(CircuitAnswers.Isolated, await CheckAsync(after));
        Assert.Equal("maintenance", redis.State.Isolation!.Reason);
    }

    [Fact]
    public async Task RestartedEmpty_AResetIsNotUndone()
    {
        SharedBreaker one = Worker("one");
        await FailAsync(one, 3);
        redis.Lose();
        await one.CallAsync(new CircuitCall.Reset("ada", "mended"), CancellationToken.None);

        Assert.Equal(CircuitAnswers.Go, await CheckAsync(one));
    }

    [Fact]
    public async Task RestartedEmpty_NothingHappenedByThatAndNothingIsForgotten()
    {
        SharedBreaker one = Worker("one");
        await FailAsync(one, 3);
        await one.CallAsync(new CircuitCall.Read(Circuit.EntriesKept), CancellationToken.None);
        Circuit before = redis.State;
        redis.Lose();
        await CheckAsync(one);

        Assert.Equal(CircuitPath.Text(before), CircuitPath.Text(redis.State));
    }

    [Fact]
    [Trait("Requirement", "C2")]
    public async Task RestartedEmpty_WhileOneTries_NoSecondOneTriesAndItsSuccessCloses()
    {
        SharedBreaker one = Worker("one");
        SharedBreaker two = Worker("two");
        await FailAsync(one, 3);
        clock.Advance(Rules.OpenFor);
        CircuitReply probe = await one.CallAsync(new CircuitCall.Check("probe", "one", ""), CancellationToken.None);
        Assert.Equal(CircuitAnswers.Probe, probe.Answer);
        await CheckAsync(two);
        redis.Lose();

        Assert.Equal(CircuitAnswers.Probing, await CheckAsync(two));
        CircuitReply closed = await one.CallAsync(new CircuitCall.Success(new BreakerPermit(probe.Circuit.Generation, "probe", true), "one"), CancellationToken.None);
        Assert.Equal((CircuitAnswers.Closed, false), (closed.Answer, redis.State.IsOpen));
    }

    [Fact]
    public async Task RestartedEmpty_AWorkerThatKnowsMoreBringsTheRest()
    {
        SharedBreaker one = Worker("one");
        SharedBreaker two = Worker("two");
        await FailAsync(two, 1);
        await CheckAsync(one);
        await FailAsync(two, 2);
        redis.Lose();
        Assert.Equal(CircuitAnswers.Go, await CheckAsync(one));

        Assert.Equal(CircuitAnswers.Open, await CheckAsync(two));
        Assert.Equal(CircuitAnswers.Open, await CheckAsync(one));
        Assert.Equal(1, redis.State.Entries);
    }

    [Fact]
    public async Task RestartedEmpty_ResultsOfAnOlderGenerationStillChangeNothing()
    {
        SharedBreaker one = Worker("one");
        BreakerPermit old = new(redis.State.Generation, "old", false);
        await FailAsync(one, 3);
        await one.CallAsync(new CircuitCall.Reset("ada", "mended"), CancellationToken.None);
        redis.Lose();

        Assert.Equal(CircuitAnswers.Late, (await one.CallAsync(new CircuitCall.Failure(old, "old", "w", "503", FailureEffect.Counted, ""), CancellationToken.None)).Answer);
        Assert.Empty(redis.State.Failures);
    }

    [Fact]
    public async Task Back_ATripKeepsTheWordsThatCausedIt()
    {
        SharedBreaker one = Worker("one");
        await CheckAsync(one);
        Away();
        await FailAsync(one, 3);
        Back();
        await CheckAsync(one);

        CircuitEntry trip = Assert.Single(redis.State.History);
        Assert.Equal((CircuitEntryKinds.Opened, 3), (trip.Kind, trip.Failures.Count));
        Assert.All(trip.Failures, failure => Assert.Equal("503", failure.Words));
    }

    [Fact]
    public async Task Back_ATripWhoseAnswerWasLost_IsNoSecondOne()
    {
        SharedBreaker one = await TrippedUnheardAsync();
        DateTimeOffset until = redis.State.OpenUntil!.Value;
        clock.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal(CircuitAnswers.Open, await CheckAsync(one));
        Assert.Equal((1L, until), (redis.State.Entries, redis.State.OpenUntil));
    }

    [Fact]
    public async Task Back_ATripWhoseAnswerWasLost_DoesNotUndoALaterReset()
    {
        SharedBreaker one = await TrippedUnheardAsync();
        SharedBreaker two = Worker("two");
        clock.Advance(TimeSpan.FromMilliseconds(300));
        await two.CallAsync(new CircuitCall.Reset("ada", "mended"), CancellationToken.None);
        clock.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(CircuitAnswers.Go, await CheckAsync(one));
        Assert.Empty(redis.State.Failures);
    }

    [Fact]
    [Trait("Requirement", "C4")]
    public async Task Back_FailuresThatASuccessHasClearedStayCleared()
    {
        SharedBreaker one = Worker("one");
        SharedBreaker two = Worker("two");
        await FailAsync(one, 2);
        Away();
        await CheckAsync(one);
        await one.CallAsync(new CircuitCall.Failure(new BreakerPermit(0, "own", false), "own", "w", "503 of its own", FailureEffect.Ignored, ""), CancellationToken.None);
        Back();
        await two.CallAsync(new CircuitCall.Success(new BreakerPermit(redis.State.Generation, "t", false), "two"), CancellationToken.None);
        clock.Advance(TimeSpan.FromSeconds(2));
        await FailAsync(one, 1);

        Assert.Single(redis.State.Failures);
    }

    [Theory]
    [InlineData(20, 1)]
    [InlineData(240, 2)]
    public async Task Back_TwoPortalsTripped_OneOutageIsToldOnceAndALongerOneAsWhatItIs(int secondsLater, int entries)
    {
        SharedBreaker one = Worker("one");
        SharedBreaker two = Worker("two");
        Away();
        await FailAsync(one, 3);
        clock.Advance(TimeSpan.FromSeconds(secondsLater));
        await FailAsync(two, 3);
        DateTimeOffset longer = two.View.Local!.OpenUntil!.Value;
        Back();
        await CheckAsync(one);
        await CheckAsync(two);

        Assert.Equal(entries, redis.State.Entries);
        Assert.Equal(entries == 1 ? CircuitEntryKinds.Opened : CircuitEntryKinds.Prolonged, redis.State.History[0].Kind);
        Assert.True(entries == 1 || redis.State.OpenUntil == longer);
    }

    [Fact]
    public async Task Call_ThatHasToBringSomethingFirst_WaitsNoLongerThanAnyOther()
    {
        SlowStore slow = new(redis, clock, TimeSpan.FromMilliseconds(600));
        SharedBreaker one = new(slow, "one", () => Rules, clock, within: TimeSpan.FromSeconds(1));
        Away();
        slow.Waits = false;
        await FailAsync(one, 3);
        slow.Waits = true;
        Back();
        Task<string> check = CheckAsync(one);
        clock.Advance(TimeSpan.FromMilliseconds(600));
        Assert.False(check.IsCompleted);
        clock.Advance(TimeSpan.FromMilliseconds(400));

        Assert.Equal(CircuitAnswers.Open, await check);
        Assert.True(one.View.IsAway);
        Assert.Equal("Redis did not answer within 1000 ms.", one.View.AwayWhy);
    }

    [Fact]
    public async Task Call_ThatIsAnsweredWhileAnotherIsNot_DropsNothingOfWhatThatOneFound()
    {
        SlowStore slow = new(redis, clock, TimeSpan.FromMilliseconds(600)) { Waits = true };
        SharedBreaker one = new(slow, "one", () => Rules, clock);
        Task<string> answered = CheckAsync(one);
        slow.Waits = false;
        Away();
        await FailAsync(one, 1);
        redis.AwayUntil = null;
        clock.Advance(TimeSpan.FromMilliseconds(600));
        Assert.Equal(CircuitAnswers.Go, await answered);
        clock.Advance(SharedBreaker.AskAgainAfter);
        await CheckAsync(one);

        Assert.Single(redis.State.Failures);
        Assert.False(one.View.IsAway);
    }

    [Fact]
    public async Task Away_IsolationOfThisPortalHoldsWhenRedisIsBack()
    {
        SharedBreaker one = Worker("one");
        SharedBreaker two = Worker("two");
        Away();
        await one.CallAsync(new CircuitCall.Isolate("ada", "maintenance", TimeSpan.FromHours(1), ""), CancellationToken.None);
        DateTimeOffset until = clock.GetUtcNow() + TimeSpan.FromHours(1);
        clock.Advance(TimeSpan.FromMinutes(10));
        Back();
        await CheckAsync(one);

        Assert.Equal(CircuitAnswers.Isolated, await CheckAsync(two));
        Assert.Equal(until, redis.State.Isolation!.Until);
    }

    [Fact]
    public async Task Check_OfALifeThatWentOnOtherwise_IsAnsweredWithItsGeneration()
    {
        SharedBreaker one = Worker("one");
        await one.CallAsync(new CircuitCall.Reset("ada", "mended"), CancellationToken.None);
        redis.State = redis.State with { Generation = 7, Trips = 2 };
        CircuitReply reply = await one.CallAsync(new CircuitCall.Check("t", "one", ""), CancellationToken.None);

        Assert.Equal((CircuitAnswers.Go, 7, 2), (reply.Answer, reply.Circuit.Generation, reply.Circuit.Trips));
        Assert.Equal((7, 2), (one.View.Known.Generation, one.View.Known.Trips));
    }

    [Fact]
    public async Task Check_OfAServerThatIsEmptiedBetweenTwoQuestions_IsAnswered()
    {
        int asked = 0;
        AnsweringStore store = new(_ =>
        {
            asked++;
            return new StoreAnswer.Unchanged();
        });
        SharedBreaker one = new(store, "one", () => Rules, clock, BreakerView.Begin with { Known = Circuit.Fresh with { Born = "1", IsOpen = true, Generation = 7 } });
        CircuitReply reply = await one.CallAsync(new CircuitCall.Check("t", "one", ""), CancellationToken.None);

        Assert.Equal((CircuitAnswers.Go, 0, 2), (reply.Answer, reply.Circuit.Generation, asked));
    }

    [Fact]
    public async Task Answers_HeardInAnotherOrder_TheNewerStateStays()
    {
        SlowStore slow = new(redis, clock, TimeSpan.FromMilliseconds(600)) { AnswersLate = true };
        SharedBreaker one = new(slow, "one", () => Rules, clock);
        await FailAsync(Worker("two"), 1);
        Task<string> early = CheckAsync(one);
        slow.AnswersLate = false;
        await FailAsync(one, 3);
        Assert.True(one.View.Known.IsOpen);
        clock.Advance(TimeSpan.FromMilliseconds(600));

        Assert.Equal(CircuitAnswers.Go, await early);
        Assert.True(one.View.Known.IsOpen);
        Away();
        Assert.Equal(CircuitAnswers.Open, await CheckAsync(one));
    }

    private SharedBreaker Worker(string name) => new(redis, name, () => Rules, clock);

    /// <summary>A worker whose third failure Redis has counted, and that has not heard so.</summary>
    private async Task<SharedBreaker> TrippedUnheardAsync()
    {
        UnsteadyStore unsteady = new(redis);
        SharedBreaker worker = new(unsteady, "one", () => Rules, clock);
        await FailAsync(worker, 2);
        unsteady.Unheard = true;
        await FailAsync(worker, 1);
        unsteady.Unheard = false;
        return worker;
    }

    private void Away() => redis.AwayUntil = DateTimeOffset.MaxValue;

    private void Back()
    {
        redis.AwayUntil = null;
        clock.Advance(SharedBreaker.AskAgainAfter);
    }

    private async Task<string> CheckAsync(SharedBreaker breaker) =>
        (await breaker.CallAsync(new CircuitCall.Check($"token-{++creations}", "w", ""), CancellationToken.None)).Answer;

    private async Task FailAsync(SharedBreaker breaker, int times)
    {
        for (int number = 0; number < times; number++)
        {
            creations++;
            BreakerPermit permit = new(breaker.View.Circuit.Generation, $"t{creations}", false);
            await breaker.CallAsync(new CircuitCall.Failure(permit, $"c{creations}", "w", "503", FailureEffect.Counted, ""), CancellationToken.None);
        }
    }

    /// <summary>Answers after a while.</summary>
    private sealed class SlowStore(ICircuitStore redis, TimeProvider clock, TimeSpan takes) : ICircuitStore
    {
        public bool Waits { get; set; }

        /// <summary>It does at once what it is asked, and its answer is on its way for as long.</summary>
        public bool AnswersLate { get; set; }

        public async Task<StoreAnswer> CallAsync(CircuitCall call, CancellationToken cancellationToken)
        {
            if (Waits)
            {
                await Task.Delay(takes, clock, cancellationToken);
            }

            bool late = AnswersLate;
            StoreAnswer answer = await redis.CallAsync(call, cancellationToken);
            if (late)
            {
                await Task.Delay(takes, clock, cancellationToken);
            }

            return answer;
        }
    }

    private sealed class AnsweringStore(Func<CircuitCall, StoreAnswer> answers) : ICircuitStore
    {
        public Task<StoreAnswer> CallAsync(CircuitCall call, CancellationToken cancellationToken) => Task.FromResult(answers(call));
    }
}
