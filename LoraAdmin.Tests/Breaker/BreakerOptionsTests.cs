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

    [Theory]
    [InlineData(150, false)]
    [InlineData(149, true)]
    public void ProbeLease_CoversTheCreateCallAndItsLookUp(int callSeconds, bool accepted)
    {
        ProbeLeaseValidator validator = new(Options.Create(new LoraAdmin.Pods.RunPodOptions { CallTimeout = TimeSpan.FromSeconds(callSeconds) }));
        ValidateOptionsResult result = validator.Validate(null, new BreakerOptions());

        Assert.Equal(accepted, result.Succeeded);
        const string problem = "Breaker:ProbeLease is 00:05:00: give more than twice RunPod:CallTimeout (00:02:30)";
        Assert.True(accepted || result.FailureMessage!.StartsWith(problem, StringComparison.Ordinal));
    }
}
