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

    private SharedBreaker Worker(string name) => new(redis, name, () => Rules, clock);

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
}
