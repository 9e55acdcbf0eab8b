using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Web;
using LoraAdmin.Training;
using Microsoft.Extensions.Options;
using Xunit;

namespace LoraAdmin.Tests.Training;

public sealed class ReplicateOptionsTests
{
    [Fact]
    public void Validate_Nothing_IsNoFallbackAndNoProblem()
    {
        Assert.True(Validate(new ReplicateOptions()).Succeeded);
        Assert.Contains("Replicate:ApiToken", ReplicateRegistration.RulesOf(new ReplicateOptions(), new PortalOptions()).WhyNot, StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_AllThatATrainingNeeds_Succeeds() => Assert.True(Validate(Good()).Succeeded);

    [Theory]
    [InlineData("BaseUrl", "https://api.example.org")]
    [InlineData("BaseUrl", "ftp://api.example.org/v1")]
    [InlineData("ApiToken", "two words")]
    [InlineData("Model", "trainer")]
    [InlineData("Model", "../trainer")]
    [InlineData("Version", "latest")]
    [InlineData("Destination", "")]
    [InlineData("InputField", "a b")]
    [InlineData("ValidationModel", "owner/validator")]
    [InlineData("ValidationModel", "owner/validator:latest")]
    [InlineData("WebhookSecret", "secret")]
    public void Validate_WrongText_NamesTheKey(string key, string value)
    {
        ReplicateOptions options = Good();
        typeof(ReplicateOptions).GetProperty(key)!.SetValue(options, value);
        Assert.Contains($"Replicate:{key}", Assert.Single(Validate(options).Failures!), StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_ATrainerWithoutAToken_NamesTheToken()
    {
        ReplicateOptions options = Good();
        options.ApiToken = "";
        Assert.StartsWith("Replicate:ApiToken is empty", Assert.Single(Validate(options).Failures!), StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_FiguresOutOfRange_AreNamed()
    {
        ReplicateOptions options = Good();
        options.UsdPerSecond = 0;
        options.ValidationUsdPerSecond = 2;
        options.ValidationWithin = TimeSpan.FromHours(2);
        options.CallTimeout = TimeSpan.Zero;
        options.WeightsTimeout = TimeSpan.FromDays(1);
        Assert.Equal(5, Validate(options).Failures!.Count());
    }

    [Theory]
    [InlineData("https://api.replicate.com/v1", null, false)]
    [InlineData("https://api.replicate.com/v1", "https://lora.example.org", true)]
    [InlineData("https://api.replicate.com/v1", "http://lora.example.org", false)]
    [InlineData("http://127.0.0.1:5090/localcloud/replicate/v1", "http://lora.example.org", true)]
    [InlineData("http://127.0.0.1:5090/localcloud/replicate/v1", null, true)]
    public void Configured_OnlyWhereReplicateCanFetchTheImagesAndTellsUsOfItsTrainings(string baseUrl, string? publicUrl, bool configured)
    {
        ReplicateOptions options = Good();
        options.BaseUrl = baseUrl;
        string? why = ReplicateRegistration.RulesOf(options, new PortalOptions { PublicUrl = publicUrl }).WhyNot;
        Assert.Equal(configured, why is null);
        Assert.True(configured || why!.Contains("Portal:PublicUrl", StringComparison.Ordinal));
    }

    [Fact]
    public void Price_PerSecond_IsTheHoursPrice() =>
        Assert.Equal(Usd.FromDollars(5.04m), ReplicateRegistration.RulesOf(Good(), new PortalOptions()).HourlyPrice);

    [Fact]
    public void ValidationModel_Named_IsUsedAndPartOfTheEstimate()
    {
        ReplicateOptions options = Good();
        HostedRules without = ReplicateRegistration.RulesOf(options, new PortalOptions());
        options.ValidationModel = $"owner/validator:{new string('b', 64)}";
        options.ValidationUsdPerSecond = 0.001m;
        Assert.True(Validate(options).Succeeded);

        HostedRules rules = ReplicateRegistration.RulesOf(options, new PortalOptions());
        Assert.Null(without.Validation);
        Assert.Equal(new HostedValidationRules(Usd.FromDollars(3.6m), TimeSpan.FromMinutes(15)), rules.Validation);
        Assert.Equal(Usd.FromDollars(1.5m), rules.EstimateFor(TimeSpan.FromHours(2)) - without.EstimateFor(TimeSpan.FromHours(2)));
    }

    [Fact]
    public void ValidationModel_WithoutAToken_NamesTheToken() => Assert.StartsWith(
        "Replicate:ApiToken is empty",
        Assert.Single(Validate(new ReplicateOptions { ValidationModel = $"owner/validator:{new string('b', 64)}" }).Failures!),
        StringComparison.Ordinal);

    private static ReplicateOptions Good() => new()
    {
        ApiToken = "r8_token", Model = "owner/trainer", Version = new string('a', 64), Destination = "owner/loras",
    };

    private static ValidateOptionsResult Validate(ReplicateOptions options) => new ReplicateOptionsValidator().Validate(null, options);
}
