using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Tests.EndToEnd.Processes;
using LoraAdmin.Tests.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LoraAdmin.Tests.EndToEnd;

/// <summary>Wrong settings: the start is refused with one screen that names the key and the remedy.</summary>
public sealed class ConfigurationTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Theory]
    [InlineData("Training")]
    [InlineData("RunPod")]
    [InlineData("Pods")]
    [InlineData("PodAgent")]
    [InlineData("Validation")]
    [InlineData("Budget")]
    [InlineData("Limits")]
    [InlineData("Storage")]
    [InlineData("Spool")]
    [InlineData("Data")]
    [InlineData("Portal")]
    [InlineData("Api")]
    [InlineData("LocalCloud")]
    [InlineData("RateLimits")]
    [InlineData("Breaker")]
    [InlineData("Operations")]
    public Task UnknownKey_InAKnownSection_IsRefusedByItsWholeName(string section) => RefusedAsync($"{section}:MaxDurtion", "02:00:00");

    [Fact]
    public async Task UnknownKeys_TwoInOneSection_AreBothNamed()
    {
        string screen = await RefusedStart.IsExplainedAsync(
            folder.Under("data"), "Budget:Limit", new Dictionary<string, string> { ["Budget:Limit"] = "1", ["Budget:Warn"] = "1" });

        Assert.Contains("Budget:Warn", screen, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ConnectionStrings:Databse", "ConnectionStrings:Database")]
    [InlineData("ConnectionStrings:Reddis", "ConnectionStrings:Redis")]
    public async Task ConnectionString_OfAnUnknownName_IsRefusedWithTheNearest(string key, string nearest)
    {
        Assert.Contains(nearest, await RefusedAsync(key, "Host=127.0.0.1"), StringComparison.Ordinal);
        Assert.Contains(nearest, await ByArgumentAsync(key, "Host=127.0.0.1"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Trainig:MaxDuration", "Training")]
    [InlineData("ConectionString:Database", "ConnectionStrings")]
    [InlineData("Training:MaxDurtion", "Training:MaxDuration")]
    [InlineData("Budget:WarnAtUsd:Soon", "Budget:WarnAtUsd")]
    public async Task UnknownName_AsArgument_IsRefusedWithTheNearest(string key, string nearest) =>
        Assert.Contains($"Nearest known: {nearest}.", await ByArgumentAsync(key, "1"), StringComparison.Ordinal);

    [Fact]
    public async Task UnknownSection_InTheSettingsFile_IsRefusedWithTheNearest()
    {
        await File.WriteAllTextAsync(folder.Under("appsettings.json"), """{ "Trainig": { "MaxDuration": "01:00:00" }, "Kestrel": { "Limits": {} }, "urls": "http://127.0.0.1:0" }""");

        string screen = await RefusedStart.IsExplainedAsync(
            folder.Under("data"), "Trainig:MaxDuration", new Dictionary<string, string>(), workingDirectory: folder.Path);

        Assert.Contains("Nearest known: Training.", screen, StringComparison.Ordinal);
        Assert.DoesNotContain("Kestrel", screen, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ForeignNames_OfTheHostAndTheEnvironment_AreNoneOfThePortalsBusiness()
    {
        Dictionary<string, string> environment = PortalProcess.EnvironmentOf(folder.Under("data"), new Dictionary<string, string>
        {
            ["Trainig:Of"] = "another program",
            ["SQLCONNSTR_Elsewhere"] = "Server=elsewhere",
            ["Kestrel:Limits:MaxConcurrentConnections"] = "100",
        });

        await using PortalProcess portal = await PortalProcess.StartAsync(
            folder.Under("data"), environment, ["--urls", "http://127.0.0.1:0", "--Logging:LogLevel:Default", "Warning", "--AllowedHosts", "*"]);

        using HttpResponseMessage live = await portal.Api.Http.GetAsync("/health/live");
        Assert.True(live.IsSuccessStatusCode);
    }

    /// <summary>Whoever starts it first reads what the portal says, not how a scheduler was put together; who wants to know that can.</summary>
    [Theory]
    [InlineData("Quartz.Core.QuartzScheduler", "Logging:LogLevel:Quartz")]
    [InlineData("System.Net.Http.HttpClient.RunPod", "Logging:LogLevel:System.Net.Http")]
    public async Task Log_WithoutASettingsFile_LeavesOutWhatLibrariesDo(string category, string setting)
    {
        string data = $"--Data:Path={folder.Under("data")}";
        await using WebApplication quiet = Portal.Build([data]);
        await using WebApplication asked = Portal.Build([data, $"--{setting}=Information"]);

        ILogger log = quiet.Services.GetRequiredService<ILoggerFactory>().CreateLogger(category);
        Assert.Equal((false, true), (log.IsEnabled(LogLevel.Information), log.IsEnabled(LogLevel.Warning)));
        Assert.True(quiet.Services.GetRequiredService<ILoggerFactory>().CreateLogger("LoraAdmin.Pods").IsEnabled(LogLevel.Information));
        Assert.True(asked.Services.GetRequiredService<ILoggerFactory>().CreateLogger(category).IsEnabled(LogLevel.Information));
    }

    /// <summary>Whoever sets the limit alone is warned at three quarters of it.</summary>
    [Theory]
    [Trait("Requirement", "M5")]
    [InlineData(null, null, 200, 150)]
    [InlineData("100", null, 100, 75)]
    [InlineData("100", "100", 100, 100)]
    [InlineData("100", "0", 100, 0)]
    [InlineData("0", null, 0, 0)]
    public async Task WarningMark_LeftOut_FollowsTheLimit(string? limit, string? mark, int limits, int warns)
    {
        string[] keys = [.. new[] { ("MonthlyLimitUsd", limit), ("WarnAtUsd", mark) }.Where(key => key.Item2 is not null).Select(key => $"--Budget:{key.Item1}={key.Item2}")];
        await using WebApplication portal = Portal.Build([$"--Data:Path={folder.Under("data")}", .. keys]);

        Assert.Equal(new BudgetRules(Usd.FromDollars(limits), Usd.FromDollars(warns)), portal.Services.GetRequiredService<BudgetRules>());
    }

    /// <summary>Nobody would be warned before the limit stops every job.</summary>
    [Fact]
    [Trait("Requirement", "M5")]
    public async Task WarningMark_AboveTheLimit_IsRefused()
    {
        string screen = await RefusedStart.IsExplainedAsync(
            folder.Under("data"), "Budget:WarnAtUsd", new Dictionary<string, string> { ["Budget:MonthlyLimitUsd"] = "100", ["Budget:WarnAtUsd"] = "100.01" });

        Assert.Contains("Budget:WarnAtUsd is 100.01, above Budget:MonthlyLimitUsd of 100", screen, StringComparison.Ordinal);
        Assert.Contains("leave it out", screen, StringComparison.Ordinal);
    }

    [Fact]
    public Task NoCloudAtAll_IsRefused() => RefusedAsync("LocalCloud:Enabled", "false");

    [Theory]
    [InlineData("Training:MaxDuration", "-00:10:00")]
    [InlineData("Training:PollEvery", "00:00:00")]
    [InlineData("Training:MaxImages", "-1")]
    [InlineData("Pods:VanishedAfter", "-00:15:00")]
    [InlineData("PodAgent:StatusTimeout", "-00:00:20")]
    [InlineData("PodAgent:RangeBytes", "-1")]
    [InlineData("Validation:MinimumScore", "-0.1")]
    [InlineData("Validation:MustPass", "-1")]
    [InlineData("Budget:MonthlyLimitUsd", "-200")]
    [InlineData("Limits:LorasPerUserPerMonth", "-10")]
    [InlineData("Limits:AttemptsPerUserPerMonth", "-30")]
    [InlineData("Storage:SignedLinkLifetime", "-01:00:00")]
    [InlineData("Spool:MinimumFreeBytes", "-1")]
    [InlineData("Storage:MinimumFreeBytes", "-1")]
    [InlineData("RunPod:DiskGb", "-40")]
    [InlineData("RunPod:WorstHourlyPriceUsd", "-1")]
    [InlineData("Budget:AverageAlertUsd", "0")]
    [InlineData("Budget:AverageTargetUsd", "0")]
    [InlineData("Budget:AverageAlertFrom", "0")]
    [InlineData("RateLimits:ApiPerMinute", "-1")]
    [InlineData("LocalCloud:Speed", "-60")]
    [InlineData("Training:MinImages", "101")]
    [InlineData("Training:MaxImages", "101")]
    [InlineData("Training:MaxImageBytes", "20971521")]
    [InlineData("Training:MaxArtifactBytes", "2147483649")]
    [InlineData("Training:MaxDuration", "7.00:00:01")]
    [InlineData("Validation:Images", "11")]
    public Task Figure_ThatCantWork_IsRefusedByName(string key, string value) => RefusedAsync(key, value);

    [Theory]
    [InlineData("Training:QueueWait", "an hour")]
    [InlineData("Training:MaxImages", "many")]
    [InlineData("Training:CreateRetries:1", "4 s")]
    [InlineData("Budget:WarnAtUsd", "$150")]
    [InlineData("Pods:CleanupAttempts", "3.5")]
    [InlineData("Pods:ReadyWithin", "99999999999999")]
    [InlineData("LocalCloud:Enabled", "maybe")]
    public Task UnreadableValue_IsRefusedByName(string key, string value) => RefusedAsync(key, value);

    [Theory]
    [InlineData("Portal:PublicUrl", "lora.example.org")]
    [InlineData("Portal:PublicUrl", "https://lora.example.org/portal")]
    [InlineData("RunPod:BaseUrl", "https://api.runpod.io/v1")]
    [InlineData("RunPod:BaseUrl", "api.runpod.io/v2")]
    [InlineData("PodAgent:UrlTemplate", "https://proxy.runpod.net")]
    [InlineData("Api:BootstrapToken", "short")]
    [InlineData("Storage:LinkKey", "!")]
    public async Task WrongText_WithARealKeySet_IsRefusedByName(string key, string value)
    {
        string screen = await RefusedStart.IsExplainedAsync(folder.Under("data"), key, new Dictionary<string, string>
        {
            ["RunPod:ApiKey"] = "rpa_0123456789",
            ["RunPod:Image"] = "example/trainer:1",
            [key] = value,
        });

        Assert.DoesNotContain("rpa_0123456789", screen, StringComparison.Ordinal);
    }

    [Fact]
    public Task RunPodKey_WithoutAnImage_IsRefused() => RefusedAsync("RunPod:ApiKey", "rpa_0123456789", named: "RunPod:Image");

    [Fact]
    public Task NegativeWait_InAList_IsRefused() => RefusedAsync("Training:CreateRetries:0", "-00:00:02", named: "Training:CreateRetries");

    [Fact]
    public Task EmptyDataPath_IsRefused() => RefusedStart.IsExplainedAsync(" ", "Data:Path", new Dictionary<string, string>());

    [Fact]
    public async Task SeveralWrongKeys_AreAllNamedAtOnce()
    {
        string screen = await RefusedStart.IsExplainedAsync(
            folder.Under("data"), "Budget:MonthlyLimitUsd", new Dictionary<string, string> { ["Budget:MonthlyLimitUsd"] = "-1", ["Pods:CleanupAttempts"] = "0" });

        Assert.Contains("Pods:CleanupAttempts", screen, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{ \"Training\": { \"MaxImages\": 5, } }}")]
    [InlineData("not json")]
    [InlineData("[1, 2]")]
    public async Task SettingsFile_ThatIsNoJsonObject_IsRefusedByItsName(string content)
    {
        await File.WriteAllTextAsync(folder.Under("appsettings.json"), content);

        await RefusedStart.IsExplainedAsync(
            folder.Under("data"), "appsettings.json", new Dictionary<string, string>(), workingDirectory: folder.Path);
    }

    [Theory]
    [InlineData("not a url")]
    [InlineData("ftp://127.0.0.1:5080")]
    [InlineData("http://127.0.0.1:99999")]
    public Task Urls_ThatCantBeListenedOn_AreRefused(string urls) => RefusedStart.IsExplainedAsync(
        folder.Under("data"), "urls", new Dictionary<string, string>(), ["--urls", urls]);

    [Theory]
    [InlineData("--Operations:PlanValidFor")]
    [InlineData("--Operations:PlanValidFor 00:01:00")]
    [InlineData("--Operations:PlanValidFor", "--Data:Database", "sqlite")]
    public Task Argument_WithoutItsValue_IsRefused(params string[] arguments) => RefusedStart.IsExplainedAsync(
        folder.Under("data"), "Operations:PlanValidFor", new Dictionary<string, string>(), ["--urls", "http://127.0.0.1:0", .. arguments]);

    [Theory]
    [InlineData("Operations:PlanValidFor")]
    [InlineData("-v")]
    public Task Argument_ThatIsNone_IsRefused(string argument) => RefusedStart.IsExplainedAsync(
        folder.Under("data"), argument, new Dictionary<string, string>(), ["--urls", "http://127.0.0.1:0", argument]);

    [Fact]
    public async Task Command_WithAWrongKey_IsRefusedLikeAStart()
    {
        foreach (string command in new[] { "check", "sign-in-link" })
        {
            await RefusedStart.IsExplainedAsync(
                folder.Under("data"), "Budget:MonthlyLimit", new Dictionary<string, string> { ["Budget:MonthlyLimit"] = "5" }, [command]);
        }
    }

    public void Dispose() => folder.Dispose();

    private Task<string> ByArgumentAsync(string key, string value) => RefusedStart.IsExplainedAsync(
        folder.Under("data"), key, new Dictionary<string, string>(), ["--urls", "http://127.0.0.1:0", $"--{key}", value]);

    private Task<string> RefusedAsync(string key, string value, string? named = null) =>
        RefusedStart.IsExplainedAsync(folder.Under("data"), named ?? key, new Dictionary<string, string> { [key] = value });
}
