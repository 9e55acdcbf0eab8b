using LoraAdmin.Platform.Vendors;
using Xunit;

namespace LoraAdmin.Tests.Platform.Vendors;

public sealed class RateLimitHeadersTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Remaining_SeveralWindows_AreAllRead()
    {
        Assert.Equal(
            [new("minute", 0, 12), new("hour", 2800, 1812), new("day", 49500, 45012)],
            RateLimitHeaders.ParseRemaining("\"minute\";r=0;t=12, \"hour\";r=2800;t=1812, \"day\";r=49500;t=45012"));
    }

    [Fact]
    public void Policy_QuotaAndLength_AreRead()
    {
        Assert.Equal([new("minute", 60, 60), new("hour", 3000, 3600)], RateLimitHeaders.ParsePolicy("\"minute\";q=60;w=60, \"hour\";q=3000;w=3600"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("limit=100, remaining=50, reset=5")]
    [InlineData("\"minute\"")]
    [InlineData("\"minute\";r=;t=")]
    [InlineData("\"minute\";r=-3;t=2")]
    [InlineData(";;;,,,\"")]
    public void Remaining_Unreadable_IsNoWindow(string? header) => Assert.Empty(RateLimitHeaders.ParseRemaining(header));

    [Theory]
    [InlineData("\"a,b\";r=3;t=9", "a,b", 3, 9L)]
    [InlineData("burst;r=3", "burst", 3, null)]
    [InlineData(" \"fortnight\" ; r=7 ; pk=:abc: ; t=1.2", "fortnight", 7, 2L)]
    public void Remaining_UnknownNamesAndParameters_AreTolerated(string header, string name, long remaining, long? seconds) =>
        Assert.Equal([new(name, remaining, seconds)], RateLimitHeaders.ParseRemaining(header));

    [Fact]
    public void Remaining_EndlessHeader_IsNotKept() => Assert.Empty(RateLimitHeaders.ParseRemaining(string.Concat(Enumerable.Repeat("a;r=1,", 10_000))));

    [Theory]
    [InlineData("12", 12)]
    [InlineData(" 0 ", 0)]
    [InlineData("1.5", 2)]
    [InlineData("999999999", 86400)]
    [InlineData("Tue, 24 Nov 2026 12:00:30 GMT", 30)]
    [InlineData("Tue, 24 Nov 2026 11:00:00 GMT", 0)]
    public void RetryAfter_SecondsOrDate_AreRead(string header, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), RateLimitHeaders.ParseRetryAfter(header, Now));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("soon")]
    [InlineData("-5")]
    public void RetryAfter_Unreadable_IsNull(string? header) => Assert.Null(RateLimitHeaders.ParseRetryAfter(header, Now));
}
