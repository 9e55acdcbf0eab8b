using LoraAdmin.Domain.Pods;
using LoraAdmin.Platform.LocalCloud;
using LoraAdmin.Tests.Doubles;
using LoraAdmin.Tests.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LoraAdmin.Tests.Pods;

/// <summary>The registered client reads the bills of a LocalCloud that is a process's own: real sockets and the system clock.</summary>
public sealed class RunPodBillingSocketTests
{
    private static readonly PodSpec Spec = new(
        "lora-ab-1", "NVIDIA A40", "example/trainer:1", 40, 20, "/workspace", null, ["8000/http"], new Dictionary<string, string>());

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Bills_OverHttp_AreThoseOfThePodsOfTheAccount()
    {
        using TemporaryFolder folder = new();
        await using WebApplication cloud = await StartAsync(folder, "--LocalCloud:RequestsPerMinute=6000");
        await using ServiceProvider services = Services(cloud);
        string id = Assert.IsType<CreateOutcome.Created>(await services.GetRequiredService<IPodProvider>().CreateAsync(Spec, Token)).Pod.Id;
        await Eventually.TrueAsync(
            async () => (await ReadAsync(services)).Pods.TryGetValue(id, out IReadOnlyList<BillRecord>? bills) && bills[^1].Total.Micros > 0, "the pod is billed");
        cloud.Services.GetRequiredService<LocalCloudFace>().World.Faults.Add(FaultKind.BillingUnknownPod);

        BillSheet sheet = await ReadAsync(services);

        Assert.Equal(2, sheet.Pods.Count);
        Assert.Empty(sheet.Oddities);
        Assert.All(sheet.Pods[id], bill => Assert.Equal(BillRecord.BucketOf(bill.BucketStart), bill.BucketStart));
    }

    [Fact]
    public async Task Bills_OfALongTime_LeaveTheReserveOfTheRateLimitAlone()
    {
        using TemporaryFolder folder = new();
        await using WebApplication cloud = await StartAsync(folder, "--LocalCloud:RequestsPerMinute=3");
        await using ServiceProvider services = Services(cloud);
        DateTimeOffset now = TimeProvider.System.GetUtcNow();

        BillReading reading = await services.GetRequiredService<IPodBilling>().ReadAsync(now.AddDays(-50), now, Token);

        ProviderError error = Assert.IsType<BillReading.Unavailable>(reading).Error;
        Assert.Equal((ProviderFailure.RateLimited, null), (error.Failure, error.Status));
        LocalCloudWorld world = cloud.Services.GetRequiredService<LocalCloudFace>().World;
        Assert.Equal((3, 0), (world.Account.Requests, world.Account.RateLimitViolations));
    }

    private static async Task<BillSheet> ReadAsync(ServiceProvider services)
    {
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        return BillSheet.Of(Assert.IsType<BillReading.Read>(await services.GetRequiredService<IPodBilling>().ReadAsync(now.AddDays(-1), now, Token)));
    }

    private static async Task<WebApplication> StartAsync(TemporaryFolder folder, string option)
    {
        WebApplication started = LocalCloudProgram.Build([LocalCloudProgram.Verb, "--urls", "http://127.0.0.1:0", "--Data:Path=" + folder.Under("cloud"), option]);
        await started.StartAsync(Token);
        return started;
    }

    private static ServiceProvider Services(WebApplication cloud) => RegisteredRunPod.Of(
        $"{cloud.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()}/localcloud/runpod/v2",
        cloud.Services.GetRequiredService<LocalCloudKeys>().ApiKey);
}
