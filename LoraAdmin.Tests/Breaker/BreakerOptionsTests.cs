using LoraAdmin.Breaker;
using Microsoft.Extensions.Options;
using Xunit;

namespace LoraAdmin.Tests.Breaker;

public sealed class BreakerOptionsTests
{
    [Fact]
    public void Defaults_AreValid() => Assert.True(new BreakerOptionsValidator().Validate(null, new BreakerOptions()).Succeeded);

    [Theory]
    [InlineData("Failures")]
    [InlineData("Window")]
    [InlineData("OpenFor")]
    [InlineData("LongestOpenFor")]
    [InlineData("ProbeLease")]
    [InlineData("RedisTimeout")]
    public void WrongValue_NamesItsKeyAndTheRemedy(string key)
    {
        BreakerOptions options = new();
        System.Reflection.PropertyInfo property = typeof(BreakerOptions).GetProperty(key)!;
        property.SetValue(options, property.PropertyType == typeof(int) ? 0 : TimeSpan.Zero);
        ValidateOptionsResult result = new BreakerOptionsValidator().Validate(null, options);

        string problem = Assert.Single(result.Failures!);
        Assert.StartsWith($"Breaker:{key} is ", problem, StringComparison.Ordinal);
        Assert.Contains("give a", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void LongestOpenFor_ShorterThanOpenFor_IsRefused()
    {
        BreakerOptions options = new() { OpenFor = TimeSpan.FromHours(5) };

        Assert.Contains("Breaker:LongestOpenFor", Assert.Single(new BreakerOptionsValidator().Validate(null, options).Failures!), StringComparison.Ordinal);
    }
}
