using LoraAdmin.Budget;
using LoraAdmin.Platform.Data;
using LoraAdmin.Pods;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Tests.Architecture;

public sealed class OptionKeyTests
{
    private static IReadOnlyDictionary<string, Type> Sections => OptionKeys.Sections(typeof(Features).Assembly);

    private static string Settings => Repository.Text("appsettings.json").Text;

    [Fact]
    public void Settings_OfThePortal_AreAllKnown() => Rule.Holds(OptionKeys.Unknown(Settings, Sections));

    [Fact]
    public void Options_OfThePortal_StandInTheSettings() => Rule.Holds(OptionKeys.Missing(Settings, Sections));

    [Fact]
    public void Settings_OfThePortal_AreTheDefaults() => Rule.Holds(OptionKeys.Different(Settings, Sections));

    [Fact]
    public void Sections_AreBoundStrictly() => Rule.Holds(
        from section in Sections.Values
        where !Repository.Product.Any(file => file.Code.Split(';').Any(statement =>
            statement.Contains($"{section.Name}.Section", StringComparison.Ordinal) && statement.Contains("ErrorOnUnknownConfiguration = true", StringComparison.Ordinal)))
        select $"{section.Name} is bound without refusing unknown keys");

    [Theory]
    [InlineData("Pods", "ReadyWhenever")]
    [InlineData("Pots", "ReadyWithin")]
    public void Setting_ThatNobodyKnows_IsCaught(string section, string key) => Rule.Catches(
        $"{section}:{key}", OptionKeys.Unknown($$$"""{"Logging":{"A":1},"{{{section}}}":{"{{{key}}}":1}}""", new Dictionary<string, Type> { ["Pods"] = typeof(PodsOptions) }));

    [Fact]
    public void Option_ThatTheSettingsLack_IsCaught() => Rule.Catches(
        "Data:Path", OptionKeys.Missing("""{"Data":{}}""", new Dictionary<string, Type> { ["Data"] = typeof(DataOptions) }));

    [Fact]
    public void Setting_ThatIsNoDefault_IsCaught() => Rule.Catches(
        "Pods:ReadyWithin is 00:21:00 in the settings and 00:20:00 without them",
        OptionKeys.Different("""{"Pods":{"ReadyWithin":"00:21:00"}}""", new Dictionary<string, Type> { ["Pods"] = typeof(PodsOptions) }));

    [Fact]
    public async Task UnknownKey_AtStart_IsNamedWithItsSection()
    {
        IConfiguration configuration = new ConfigurationBuilder().AddInMemoryCollection([new("Budget:MonthlyLimit", "5")]).Build();
        await using ServiceProvider services = new ServiceCollection().AddBudget(configuration).BuildServiceProvider();
        InvalidOperationException failure = Assert.Throws<InvalidOperationException>(() => services.GetRequiredService<IOptions<BudgetOptions>>().Value);
        await using StringWriter screen = new();

        await StartupScreen.WriteAsync(failure, screen);

        Assert.Contains("Budget:MonthlyLimit: the portal knows no such key.", screen.ToString(), StringComparison.Ordinal);
    }
}
