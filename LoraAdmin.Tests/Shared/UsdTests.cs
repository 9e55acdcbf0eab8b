using LoraAdmin.Domain.Shared;
using Xunit;

namespace LoraAdmin.Tests.Shared;

public sealed class UsdTests
{
    [Theory]
    [InlineData(1_230_000, "$1.23")]
    [InlineData(0, "$0.00")]
    [InlineData(-5_500_000, "-$5.50")]
    public void ToString_AnyAmount_HasTwoDecimalsInInvariantCulture(long micros, string expected) => Assert.Equal(expected, new Usd(micros).ToString());

    [Fact]
    public void PerHourFor_HalfAnHour_CostsHalf() => Assert.Equal(Usd.FromDollars(0.345m), Usd.FromDollars(0.69m).PerHourFor(TimeSpan.FromMinutes(30)));

    [Fact]
    public void PerHourFor_NegativeDuration_CostsNothing() => Assert.Equal(Usd.Zero, Usd.FromDollars(1m).PerHourFor(TimeSpan.FromHours(-1)));
}
