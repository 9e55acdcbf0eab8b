using LoraAdmin.Clocks;
using Microsoft.Extensions.Options;
using Xunit;

namespace LoraAdmin.Tests.Clocks;

public sealed class ClockOptionsTests
{
    [Fact]
    public void Defaults_AreValid() => Assert.True(new ClockOptionsValidator().Validate(null, new ClockOptions()).Succeeded);

    [Theory]
    [InlineData("TellAt")]
    [InlineData("HoldAt")]
    [InlineData("MeasureEvery")]
    public void WrongValue_NamesItsKeyAndTheRemedy(string key)
    {
        ClockOptions options = new();
        typeof(ClockOptions).GetProperty(key)!.SetValue(options, TimeSpan.FromSeconds(-1));
        ValidateOptionsResult result = new ClockOptionsValidator().Validate(null, options);

        string problem = Assert.Single(result.Failures!);
        Assert.StartsWith($"Clocks:{key} is ", problem, StringComparison.Ordinal);
        Assert.Contains("give a duration", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void HoldAt_ThatComesBeforeAnybodyIsTold_IsRefused()
    {
        ClockOptions options = new() { HoldAt = TimeSpan.FromMinutes(1) };

        Assert.Contains("Clocks:TellAt", Assert.Single(new ClockOptionsValidator().Validate(null, options).Failures!), StringComparison.Ordinal);
    }
}
