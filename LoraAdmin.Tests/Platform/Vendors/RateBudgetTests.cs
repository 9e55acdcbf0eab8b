using LoraAdmin.Platform.Vendors;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Platform.Vendors;

public sealed class RateBudgetTests
{
    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));

    [Fact]
    public void TryEnter_NothingKnown_LetsEverythingPass()
    {
        RateBudget budget = new(20, clock);
        for (int i = 0; i < 100; i++)
        {
            Assert.Null(budget.TryEnter(CallPriority.Normal));
            budget.Answered(Answer(200), CallPriority.Normal);
        }
    }

    [Theory]
    [InlineData("\"minute\";r=20;t=12", null, null)]
    [InlineData("\"minute\";r=19;t=12", null, 12)]
    [InlineData("\"minute\";r=19;t=12, \"hour\";r=5;t=900", null, 900)]
    [InlineData("\"minute\";r=50;t=12, \"hour\";r=5;t=900", null, 900)]
    [InlineData("\"minute\";r=1", "\"minute\";q=60;w=60", 60)]
    [InlineData("\"minute\";r=1", null, 60)]
    [InlineData("\"hour\";r=0;t=900", null, 900)]
    [InlineData("\"tiny\";r=4;t=9", "\"tiny\";q=10;w=10", null)]
    [InlineData("\"tiny\";r=2;t=9", "\"tiny\";q=10;w=10", 9)]
    public void TryEnter_AfterAnAnswer_KeepsTheReserveForDeletes(string remaining, string? policy, int? waitSeconds)
    {
        RateBudget budget = new(20, clock);
        budget.TryEnter(CallPriority.Normal);
        budget.Answered(Answer(200, remaining, policy), CallPriority.Normal);

        Assert.Equal(waitSeconds is { } wait ? TimeSpan.FromSeconds(wait) : null, budget.TryEnter(CallPriority.Normal));
        Assert.Null(budget.TryEnter(CallPriority.EndsCosts));
    }

    [Fact]
    public void TryEnter_MinuteUsedUp_HoldsDeletesBackToo()
    {
        RateBudget budget = new(20, clock);
        budget.TryEnter(CallPriority.EndsCosts);
        budget.Answered(Answer(200, "\"minute\";r=1;t=12"), CallPriority.EndsCosts);

        Assert.Null(budget.TryEnter(CallPriority.EndsCosts));
        Assert.Equal(TimeSpan.FromSeconds(12), budget.TryEnter(CallPriority.EndsCosts));
        clock.Advance(TimeSpan.FromSeconds(12));
        Assert.Null(budget.TryEnter(CallPriority.EndsCosts));
    }

    [Fact]
    public void TryEnter_CallsInFlight_CountBeforeTheirAnswers()
    {
        RateBudget budget = new(20, clock);
        budget.TryEnter(CallPriority.Normal);
        budget.Answered(Answer(200, "\"minute\";r=22;t=30"), CallPriority.Normal);

        Assert.Null(budget.TryEnter(CallPriority.Normal));
        Assert.Null(budget.TryEnter(CallPriority.Normal));
        Assert.Null(budget.TryEnter(CallPriority.Normal));
        Assert.NotNull(budget.TryEnter(CallPriority.Normal));
    }

    [Fact]
    public void TryEnter_WindowReset_PassesAgain()
    {
        RateBudget budget = new(20, clock);
        budget.TryEnter(CallPriority.Normal);
        budget.Answered(Answer(200, "\"minute\";r=0;t=12"), CallPriority.Normal);
        Assert.NotNull(budget.TryEnter(CallPriority.Normal));

        clock.Advance(TimeSpan.FromSeconds(12));

        Assert.Null(budget.TryEnter(CallPriority.Normal));
    }

    [Fact]
    public void Unanswered_IsCounted_NotSentIsNot()
    {
        RateBudget budget = new(20, clock);
        budget.TryEnter(CallPriority.Normal);
        budget.Answered(Answer(200, "\"minute\";r=20;t=30"), CallPriority.Normal);

        budget.TryEnter(CallPriority.Normal);
        budget.NotSent();
        Assert.Null(budget.TryEnter(CallPriority.Normal));
        budget.Unanswered();
        Assert.NotNull(budget.TryEnter(CallPriority.Normal));
    }

    [Theory]
    [InlineData("5", null, 5, 5)]
    [InlineData("5", "\"minute\";r=0;t=5, \"hour\";r=0;t=1800", 1800, 5)]
    [InlineData("40", "\"minute\";r=0;t=5", 40, 40)]
    [InlineData(null, "\"minute\";r=0;t=7", 7, 7)]
    [InlineData(null, null, 10, 10)]
    [InlineData("Tue, 24 Nov 2026 12:01:00 GMT", null, 60, 60)]
    public void Answered_429_WaitsForTheLongestWindow_DeletesForRetryAfterOnly(string? retryAfter, string? remaining, int normal, int ending)
    {
        RateBudget budget = new(20, clock);
        budget.TryEnter(CallPriority.Normal);

        Assert.Equal(TimeSpan.FromSeconds(normal), budget.Answered(Answer(429, remaining, null, retryAfter), CallPriority.Normal));

        Assert.Equal(TimeSpan.FromSeconds(normal), budget.TryEnter(CallPriority.Normal));
        Assert.Equal(TimeSpan.FromSeconds(ending), budget.TryEnter(CallPriority.EndsCosts));
        clock.Advance(TimeSpan.FromSeconds(ending));
        Assert.Null(budget.TryEnter(CallPriority.EndsCosts));
        clock.Advance(TimeSpan.FromSeconds(normal));
        Assert.Null(budget.TryEnter(CallPriority.Normal));
    }

    private static VendorAnswer Answer(int status, string? remaining = null, string? policy = null, string? retryAfter = null) =>
        new(status, [], null, null, remaining, policy, retryAfter);
}
