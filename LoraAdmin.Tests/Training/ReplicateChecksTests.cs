using LoraAdmin.Commands;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Platform.Vendors;
using LoraAdmin.Training;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LoraAdmin.Tests.Training;

/// <summary>What <c>-- check</c> tries of the validation model.</summary>
public sealed class ReplicateChecksTests : IDisposable
{
    private const string Token = "r8_0123456789abcdef";
    private static readonly string Version = new('b', 64);

    private readonly ScriptedVendor vendor = new(Token);

    public void Dispose() => vendor.Dispose();

    [Fact]
    [Trait("Requirement", "O3")]
    public async Task ValidationModel_ThatIsThere_IsLookedForByItsVersion()
    {
        vendor.Answer(200, "{}");
        Assert.Null(await Part($"o/validator:{Version}").TryAsync(CancellationToken.None));
        Assert.Equal($"https://api.example.org/v1/models/o/validator/versions/{Version}", vendor.Last.Uri.AbsoluteUri);
    }

    [Theory]
    [Trait("Requirement", "O3")]
    [InlineData(404, "Replicate:ValidationModel")]
    [InlineData(401, "Replicate:ApiToken")]
    public async Task ValidationModel_ThatCanNotBeUsed_NamesTheKey(int status, string key)
    {
        vendor.Answer(status, "{}");
        Assert.Contains(key, await Part($"o/validator:{Version}").TryAsync(CancellationToken.None), StringComparison.Ordinal);
    }

    [Fact]
    public void ValidationModel_NotConfigured_IsNotTried() => Assert.DoesNotContain(Parts(""), static part => part.Name == "validation");

    private CheckedPart Part(string model) => Assert.Single(Parts(model), static part => part.Name == "validation");

    private IEnumerable<CheckedPart> Parts(string model)
    {
        IOptions<ReplicateOptions> options = Options.Create(new ReplicateOptions
        {
            BaseUrl = "https://api.example.org/v1", ApiToken = Token, Model = "o/trainer", Version = new string('a', 64), Destination = "o/loras", ValidationModel = model,
        });
        ServiceCollection services = new();
        services.AddSingleton(options);
        services.AddSingleton(new ReplicateClient(
            vendor.Client(), options, new OpenGate(), static _ => null, new FakeTimeProvider(), new RememberingLogger<ReplicateClient>()));
        return ReplicateChecks.Of(services.BuildServiceProvider());
    }
}
