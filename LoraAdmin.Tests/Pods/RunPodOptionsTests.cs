using LoraAdmin.Domain.Pods;
using LoraAdmin.Pods;
using LoraAdmin.Tests.Doubles;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace LoraAdmin.Tests.Pods;

public sealed class RunPodOptionsTests
{
    [Fact]
    public void AddPods_KeyAndImageGiven_EverythingElseHasDefaults()
    {
        using ServiceProvider services = Services(("RunPod:ApiKey", "k"), ("RunPod:Image", "i"));
        RunPodOptions options = services.GetRequiredService<IOptions<RunPodOptions>>().Value;

        Assert.Equal("https://api.runpod.io/v2", options.BaseUrl);
        Assert.Equal("https://api.runpod.io/graphql", options.EffectiveGraphQlUrl);
        Assert.Equal(RunPodOptions.DefaultGpuTypes, options.GpuTypes);
        Assert.Equal(TimeSpan.FromSeconds(60), services.GetRequiredService<IPodProvider>().CallTimeout);
        Assert.Same(services.GetRequiredService<IPodProvider>(), services.GetRequiredService<IGpuCatalog>());
        Assert.NotNull(services.GetRequiredService<IAccountBalance>());
        Assert.Equal(3, services.GetRequiredService<IOptions<PodsOptions>>().Value.CleanupAttempts);
    }

    [Fact]
    public void AddPods_GpuTypesGiven_ReplaceTheDefaults()
    {
        using ServiceProvider services = Services(("RunPod:ApiKey", "k"), ("RunPod:Image", "i"), ("RunPod:GpuTypes:0", "NVIDIA L40S"));
        Assert.Equal(["NVIDIA L40S"], services.GetRequiredService<IOptions<RunPodOptions>>().Value.GpuTypes);
    }

    [Fact]
    public void AddPods_PointedElsewhereByCode_UsesThat()
    {
        using ServiceProvider services = Services(
            collection => collection.PostConfigure<RunPodOptions>(options =>
            {
                options.BaseUrl = "http://127.0.0.1:5080/localcloud/runpod/v2";
                options.ApiKey = "local";
                options.Image = "local/trainer";
            }));
        RunPodOptions options = services.GetRequiredService<IOptions<RunPodOptions>>().Value;
        Assert.Equal("http://127.0.0.1:5080/localcloud/runpod/graphql", options.EffectiveGraphQlUrl);
    }

    [Theory]
    [InlineData("RunPod:BaseUrl", "https://api.runpod.io/v1")]
    [InlineData("RunPod:BaseUrl", "api.runpod.io/v2")]
    [InlineData("RunPod:BaseUrl", "ftp://api.runpod.io/v2")]
    [InlineData("RunPod:BaseUrl", "https://user:pass@api.runpod.io/v2")]
    [InlineData("RunPod:BaseUrl", "https://api.runpod.io/v2?api_key=secret")]
    [InlineData("RunPod:GraphQlUrl", "graphql")]
    [InlineData("RunPod:ApiKey", "")]
    [InlineData("RunPod:ApiKey", "two words")]
    [InlineData("RunPod:Image", " ")]
    [InlineData("RunPod:GpuTypes:0", "")]
    [InlineData("RunPod:NetworkVolumeId", "../x")]
    [InlineData("RunPod:DiskGb", "9")]
    [InlineData("RunPod:MountGb", "-1")]
    [InlineData("RunPod:CallTimeout", "00:00:00")]
    [InlineData("RunPod:ReservedForDeletes", "-1")]
    [InlineData("RunPod:WorstHourlyPriceUsd", "-0.5")]
    public void RunPod_BadValue_NamesTheKeyAndHidesSecrets(string key, string value)
    {
        using ServiceProvider services = Services(("RunPod:ApiKey", "k"), ("RunPod:Image", "i"), (key, value));
        OptionsValidationException failure = Assert.Throws<OptionsValidationException>(() => services.GetRequiredService<IOptions<RunPodOptions>>().Value);
        string message = Assert.Single(failure.Failures);
        Assert.StartsWith(key.Replace(":0", "", StringComparison.Ordinal), message, StringComparison.Ordinal);
        Assert.Contains(": ", message, StringComparison.Ordinal);
        Assert.DoesNotContain("pass@", message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Pods:ReadyWithin", "-00:01:00")]
    [InlineData("Pods:VanishedAfter", "00:00:01")]
    [InlineData("Pods:CleanupAttempts", "0")]
    [InlineData("Pods:MaxSweepKillsPerHour", "-1")]
    [InlineData("Pods:MaxSweepUsdPerHour", "-0.01")]
    public void Pods_BadValue_NamesTheKey(string key, string value)
    {
        using ServiceProvider services = Services((key, value));
        OptionsValidationException failure = Assert.Throws<OptionsValidationException>(() => services.GetRequiredService<IOptions<PodsOptions>>().Value);
        Assert.StartsWith(key, Assert.Single(failure.Failures), StringComparison.Ordinal);
    }

    [Fact]
    public void RunPod_UnknownKey_IsRefusedByName()
    {
        using ServiceProvider services = Services(("RunPod:ApiKey", "k"), ("RunPod:Image", "i"), ("RunPod:GpuType", "x"));
        InvalidOperationException failure = Assert.Throws<InvalidOperationException>(() => services.GetRequiredService<IOptions<RunPodOptions>>().Value);
        Assert.Contains("GpuType", failure.Message, StringComparison.Ordinal);
    }

    private static ServiceProvider Services(params (string Key, string Value)[] settings) => Services(_ => { }, settings);

    private static ServiceProvider Services(Action<IServiceCollection> more, params (string Key, string Value)[] settings)
    {
        ServiceCollection services = new();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder()
            .AddInMemoryCollection(settings.DistinctBy(setting => setting.Key, StringComparer.Ordinal).Select(setting => KeyValuePair.Create(setting.Key, (string?)
                settings.Last(other => other.Key == setting.Key).Value)))
            .Build());
        services.AddLogging();
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(KnownClocks.New(TimeProvider.System));
        services.AddSingleton<ICreationGate>(new OpenGate());
        services.AddPods();
        more(services);
        return services.BuildServiceProvider();
    }
}
